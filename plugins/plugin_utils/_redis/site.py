# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of Redis or Valkey over hosts: what each host runs, what the sentinels watch, whom a new node follows. Pure.

Private to this collection. A site is a dictionary: `sets`, `sentinels` (hosts), `addresses` (host -> IP address), ports, passwords.
"""

from __future__ import annotations

import ipaddress
import math
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

Site = t.Mapping[str, t.Any]
Set = t.Mapping[str, t.Any]
Item = t.Dict[str, t.Any]

ADMIN, REPLICA, WATCHER = "admin", "replica", "sentinel"
# What Sentinel does on a data node; `failover` and `client` where the servers hand over by themselves (Valkey 9).
WATCHES = (
    "resetchannels &__sentinel__:hello +ping +info +role +publish +subscribe +multi +exec +slaveof +config|rewrite "
    "+client|setname +client|kill +script|kill"
)
HANDS_OVER = "+failover +client"
FOLLOWS = "+ping +psync +replconf"
# What a client asks a Sentinel for: where the master and its replicas are, and what becomes of them.
ASKS = ("get-master-addr-by-name", "master", "masters", "replicas", "slaves", "sentinels", "ckquorum", "myid")
DISCOVERS = "resetchannels &* +auth +hello +ping +info +role +client|setname +subscribe +psubscribe +unsubscribe +punsubscribe " + " ".join(
    f"+sentinel|{word}" for word in ASKS
)
DOWN_AFTER = 30000  # milliseconds; Sentinel's own default
OF_SENTINELS = ("down_after_milliseconds", "failover_timeout", "parallel_syncs")


def problems(site: Site) -> list[str]:
    """What no server would say, or only at its next start."""
    found = []
    names = [entry["name"] for entry in site["sets"]]
    found += [f"set {name} is declared twice" for name in sorted({name for name in names if names.count(name) > 1})]
    places: dict[tuple[str, int], str] = {}
    for entry in site["sets"]:
        if not entry["nodes"]:
            found.append(f"set {entry['name']} has no nodes")
        for host in entry["nodes"]:
            other = places.setdefault((host, _port(entry)), entry["name"])
            if other != entry["name"]:
                found.append(f"sets {other} and {entry['name']} have the same port {_port(entry)} on {host}")
            elif entry["nodes"].count(host) > 1:
                found.append(f"set {entry['name']} has {host} twice")
    for host in sorted(set(_hosts(site))):
        try:
            ipaddress.ip_address(site["addresses"].get(host, ""))
        except ValueError:
            found.append(f"{host}: redis_sentinel_address has to be an IP address, is {site['addresses'].get(host, '')!r}")
    if site.get("client_password") and not site.get("password"):
        found.append("redis_sentinel_client_password is of use only beside redis_sentinel_password, which is the Sentinels' own")
    for name in ("admin_password", "auth_pass", "masterauth"):
        if not site.get(name):
            found.append(f"redis_sentinel_{name} is not set")
    return list(dict.fromkeys(found))


def _hosts(site: Site) -> t.Iterator[str]:
    yield from site["sentinels"]
    for entry in site["sets"]:
        yield from entry["nodes"]


def _port(entry: Set) -> int:
    return int(entry.get("port") or 6379)


def place(site: Site, entry: Set, host: str) -> str:
    return str(Address.of(site["addresses"][host], _port(entry)))


def checked(site: Site) -> Site:
    """Raises Refused."""
    found = problems(site)
    if found:
        raise Refused(found)
    return site


# What a host runs


def instances(site: Site, host: str, masters: t.Mapping[str, str]) -> list[Item]:
    """For redis_host. `masters`: set -> the host to follow at a first start."""
    found = [_server(site, entry, host, masters.get(entry["name"])) for entry in site["sets"] if host in entry["nodes"]]
    if host in site["sentinels"]:
        found.append(_sentinel(site))
    return found


def _server(site: Site, entry: Set, host: str, master: str | None) -> Item:
    port = _port(entry)
    settings: Item = {**_listening(site, port), "masteruser": REPLICA, "replica-announce-ip": site["addresses"][host]}
    if site.get("tls"):
        settings["replica-announce-port"] = port
    replicas = len(entry["nodes"]) - 1
    least = entry.get("min_replicas_to_write")
    settings["min-replicas-to-write"] = (1 if replicas > 1 else 0) if least is None else least
    settings.update(site.get("settings") or {})
    settings.update(entry.get("settings") or {})
    return {
        "name": entry["name"],
        "kind": "server",
        "settings": settings,
        "secret_settings": {"masterauth": str(site["masterauth"])},
        "service": _service(entry) if replicas else {},
        "users": _users(site, entry),
        "admin": ADMIN,
        "replicaof": place(site, entry, master) if master and master != host else None,
    }


def _service(entry: Set) -> Item:
    """A master that crashes must not be back, with less data or none, before Sentinel has seen it down: its replicas would copy that."""
    down_after = int(entry.get("down_after_milliseconds") or DOWN_AFTER)
    return {"RestartSec": math.ceil(2 * down_after / 1000) + 1}


def _users(site: Site, entry: Set) -> list[Item]:
    former = site.get("former_passwords") or {}
    watches = f"{WATCHES} {HANDS_OVER}" if site["flavor"] == "valkey" else WATCHES
    everybody = {"name": "default", "passwords": _passwords(entry.get("password"), entry.get("former_password")), "rules": "off"}
    if everybody["passwords"]:
        everybody["rules"] = "~* &* +@all -@admin"
    own = [
        everybody,
        {"name": ADMIN, "passwords": _passwords(site["admin_password"], former.get("admin_password")), "rules": "~* &* +@all"},
        {"name": REPLICA, "passwords": _passwords(site["masterauth"], former.get("masterauth")), "rules": FOLLOWS},
        {"name": WATCHER, "passwords": _passwords(site["auth_pass"], former.get("auth_pass")), "rules": watches},
    ]
    declared = {user["name"]: {"passwords": [], "rules": "", **user} for user in entry.get("users") or []}
    return [declared.pop(user["name"], user) for user in own] + list(declared.values())


def _passwords(now: t.Any, former: t.Any) -> list[str]:
    return [str(password) for password in (now, former) if password]


def _sentinel(site: Site) -> Item:
    settings = _listening(site, int(site["sentinel_port"]))
    password = site.get("password")
    if not password:
        # Sentinels without a password are reached from elsewhere, or there is no use in them.
        settings["protected-mode"] = False
    settings.update(site.get("sentinel_settings") or {})
    former = (site.get("former_passwords") or {}).get("password")
    clients = site.get("client_password")
    every = {"passwords": _passwords(password, former), "rules": "~* &* +@all" if password else "on nopass ~* &* +@all"}
    users = [{"name": "default", **every}]
    if clients:
        users = [{"name": "default", "passwords": [str(clients)], "rules": DISCOVERS}, {"name": ADMIN, **every}]
    return {
        "name": site["sentinel_name"],
        "kind": "sentinel",
        "settings": settings,
        "secret_settings": {},
        "service": {},
        "users": users,
        "admin": users[-1]["name"],
        "replicaof": None,
    }


def _listening(site: Site, port: int) -> Item:
    tls = site.get("tls") or {}
    found: Item = {"bind": site["bind"]} if site.get("bind") else {}
    if not tls:
        return {"port": port, **found}
    named = {f"tls-{name.replace('_', '-')}": value for name, value in tls.items()}
    return {"port": 0, "tls-port": port, "tls-replication": True, **found, **named}


# What the sentinels watch


def sentinels(site: Site, confs: t.Mapping[str, str] | None = None) -> list[Item]:
    """For the modules that ask the sentinels. `confs`: host -> the text of its sentinel.conf."""
    found: list[Item] = [{"host": site["addresses"][host], "port": int(site["sentinel_port"])} for host in site["sentinels"]]
    for host, item in zip(site["sentinels"], found):
        if host in (confs or {}):
            item["conf"] = (confs or {})[host]
    return found


def masters(site: Site) -> list[Item]:
    """For redis_sentinel."""
    found = []
    for entry in site["sets"]:
        item: Item = {
            "name": entry["name"],
            "address": [place(site, entry, host) for host in entry["nodes"]],
            "quorum": int(entry.get("quorum") or len(site["sentinels"]) // 2 + 1),
            "replicas": len(entry["nodes"]) - 1,
            "auth_user": WATCHER,
            "auth_pass": str(site["auth_pass"]),
        }
        item.update({name: int(entry[name]) for name in OF_SENTINELS if entry.get(name) is not None})
        found.append(item)
    return found


# Whom a new node follows


def bootstrap(
    site: Site,
    here: t.Mapping[str, t.Collection[str]],
    told: t.Mapping[str, t.Any],
    host: str,
    looked: t.Mapping[str, t.Sequence[Item]] | None = None,
) -> dict[str, t.Any]:
    """The masters that a host's new instances follow, and what stands against starting them.

    `here`: host -> the instances established there, of the hosts that were looked at; `told`: master -> its address, of the sentinels;
    `looked`: host -> its instances as redis_host has them, each with id, follows and key_count.
    What Sentinel says is the truth. The declaration's first node is the master only of a set that is new on all of its nodes.
    """
    follow, against = {}, []
    for entry in site["sets"]:
        name, nodes = entry["name"], entry["nodes"]
        if host not in nodes or f"server/{name}" in here.get(host, ()):
            continue
        old = [node for node in nodes if f"server/{name}" in here.get(node, ())]
        unseen = [node for node in nodes if node not in here]
        master = host_of(site, entry, told.get(name))
        if not told.get(name) and old and not unseen:
            master = _by_themselves(site, entry, old, looked or {})
        if told.get(name) and master is None:
            against.append(f"set {name}: its sentinels say that its master is {told[name]}, which is none of its nodes")
        elif master is not None and master != host:
            follow[name] = master
        elif master == host and not unseen and (not old or not told.get(name)):
            # All of its nodes are new, or those that are not have waited for it since they are there: nothing is lost.
            follow[name] = host
        elif master == host:
            against.append(
                f"set {name}: its sentinels say that {host} is its master, which has lost its data: let them promote"
                f" {' or '.join(old or unseen)} first (redis_failover, or SENTINEL FAILOVER {name})"
            )
        elif old and master is None:
            against.append(
                f"set {name}: {' and '.join(old)} have it already, and no sentinel tells which of its nodes is the master: have the"
                f" sentinels watch that one (SENTINEL MONITOR {name} ...), and run again"
            )
        elif unseen and master is None:
            against.append(f"set {name}: no sentinel knows it, and {' and '.join(unseen)} could not be looked at: they may have it already")
        else:
            follow[name] = nodes[0]
    return {"masters": follow, "problems": against}


def _by_themselves(site: Site, entry: Set, old: t.Sequence[str], looked: t.Mapping[str, t.Sequence[Item]]) -> str | None:
    """The master of a set that no sentinel has ever watched, since its first run was cut off; None where that is not certain.

    It is the only one that follows nobody, of whom all others are replicas. Or a node that is not there yet and that all others wait for,
    empty as they are.
    """
    seen = {host: item for host in old for item in looked.get(host, ()) if item["id"] == f"server/{entry['name']}"}
    if len(seen) < len(old):
        return None
    leaders = [host for host, item in seen.items() if item["follows"] is None]
    followed = {item["follows"] for item in seen.values()} - {None}
    if len(leaders) == 1 and followed <= {place(site, entry, leaders[0])}:
        return leaders[0]
    empty = all(item["key_count"] == 0 for item in seen.values())
    return host_of(site, entry, followed.pop()) if not leaders and len(followed) == 1 and empty else None


def new(site: Site, here: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """HOST/SET of what is declared for the hosts that were looked at and not there yet; of the sentinels HOST alone."""
    found = [
        f"{host}/{entry['name']}"
        for entry in site["sets"]
        for host in entry["nodes"]
        if f"server/{entry['name']}" not in here.get(host, ())
    ]
    found += [host for host in site["sentinels"] if f"sentinel/{site['sentinel_name']}" not in here.get(host, ())]
    return [name for name in found if name.partition("/")[0] in here]


def host_of(site: Site, entry: Set, address: str | None) -> str | None:
    return next((host for host in entry["nodes"] if address == place(site, entry, host)), None)
