# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of Redis or Valkey over hosts: what each host runs, what the Sentinels monitor, which master a new node follows. Pure.

Private to this collection. A site is a dictionary: `sets`, `absent` (sets that must not be there), `sentinels` (hosts), `addresses`
(host -> address), ports, passwords.
"""

from __future__ import annotations

import math
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, counted
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import is_below
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address, is_ip, is_loopback, leads_nowhere

Site = t.Mapping[str, t.Any]
Set = t.Mapping[str, t.Any]
Item = t.Dict[str, t.Any]

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
ADMIN, REPLICA, WATCHER = "admin", "replica", "sentinel"
# What Sentinel does on a data node; `failover` and `client` where the servers hand over themselves (Valkey 9).
WATCHES = (
    "resetchannels &__sentinel__:hello +ping +info +role +publish +subscribe +multi +exec +slaveof +config|rewrite "
    "+client|setname +client|kill +script|kill"
)
HANDS_OVER = "+failover +client"
FOLLOWS = "+ping +psync +replconf"
# What a client asks a Sentinel: where the master and its replicas are, and messages about them.
ASKS = ("get-master-addr-by-name", "master", "masters", "replicas", "slaves", "sentinels", "ckquorum", "myid")
DISCOVERS = "resetchannels &* +auth +hello +ping +info +role +client|setname +subscribe +psubscribe +unsubscribe +punsubscribe " + " ".join(
    f"+sentinel|{word}" for word in ASKS
)
DOWN_AFTER = 30000  # milliseconds; the default of Sentinel
RENAMES = "rename_commands"
SCRIPTS = ("notification_script", "client_reconfig_script")
OF_SENTINELS = ("down_after_milliseconds", "failover_timeout", "parallel_syncs")


# What a role does not give, by the variable of the controller's environment; and which option of the redis modules it is.
_ENVIRONMENT = {
    "admin_password": ("REDIS_PASSWORD", "data_password"),
    "masterauth": ("REDIS_MASTERAUTH", ""),
    "auth_pass": ("REDIS_AUTH_PASS", ""),
    "password": ("REDIS_SENTINEL_PASSWORD", "password"),
    "client_password": ("REDIS_SENTINEL_CLIENT_PASSWORD", ""),
}


def with_environment(declared: Site, environment: t.Mapping[str, str]) -> Item:
    """The site that a role declares, with the passwords that it leaves to the environment, such as a credential of AWX."""
    found = {name: declared.get(name) or environment.get(variable, "") for name, (variable, dummy) in _ENVIRONMENT.items()}
    access = {option: found[name] for name, (dummy, option) in _ENVIRONMENT.items() if option}
    user = ADMIN if found["client_password"] else ""
    return {**declared, **found, "access": {**(declared.get("access") or {}), **access, "username": user}}


def split(declared: Site) -> Item:
    """The site that a role declares, with its sets divided into those that must be there and those that must not."""
    absent = [entry for entry in declared["sets"] if entry.get("state") == "absent"]
    present = [{**entry, "nodes": entry.get("nodes") or []} for entry in declared["sets"] if entry not in absent]
    return {**declared, "sets": present, "absent": absent}


def checked(site: Site) -> Site:
    """Raises Refused with what no server would report, or only at its next start."""
    found = list(dict.fromkeys((*_problems(site), *_absent_problems(site))))
    if found:
        raise Refused(found)
    return site


def _problems(site: Site) -> t.Iterator[Problem]:
    names = [entry["name"] for entry in site["sets"]]
    yield from (Problem("set.twice", "the set is declared twice", f"set {name}") for name in sorted({*names}) if names.count(name) > 1)
    places: dict[tuple[str, int], str] = {}
    for entry in site["sets"]:
        where = f"set {entry['name']}"
        if not entry["nodes"]:
            yield Problem("set.no_nodes", "the set has no nodes", where, "nodes")
        for host in entry["nodes"]:
            other = places.setdefault((host, port(entry)), entry["name"])
            if other != entry["name"]:
                message = f"set {other} uses port {port(entry)} on {host} too"
                yield Problem("set.port", message, where, "port", "give each set of a host its own port")
            elif entry["nodes"].count(host) > 1:
                yield Problem("set.node_twice", f"{host} is listed twice", where, "nodes")
    for host in hosts(site):
        address = site["addresses"].get(host, "")
        if not (is_ip(address) or (site.get("hostnames") and _NAME.fullmatch(address))):
            message = f"{address!r} is not an IP address"
            remedy = "set it to the address that clients and other nodes use; names need redis_sentinel_hostnames"
            yield Problem("host.address", message, host, "redis_sentinel_address", remedy)
    if site.get("client_password") and not site.get("password"):
        message = "it needs redis_sentinel_password, the password of the Sentinels themselves"
        yield Problem("site.client_password", message, field="redis_sentinel_client_password")
    for name in ("admin_password", "auth_pass", "masterauth"):
        if not site.get(name):
            yield Problem("site.no_password", "the password is not set", field=f"redis_sentinel_{name}")
    if not texts.can_write(site["flavor"], str(site.get("masterauth") or "")):
        yield Problem("setting.unwritable", texts.UNWRITABLE, field="redis_sentinel_masterauth", remedy="choose another password")
    yield from _place_problems(site)
    yield from _setting_problems(site)
    yield from _replica_problems(site)
    yield from (problem for entry in site["sets"] for problem in _user_problems(site, entry))


def _place_problems(site: Site) -> t.Iterator[Problem]:
    """Addresses by which a server does not find another one, and places that two servers would share."""
    for host in hosts(site):
        why = leads_nowhere(site["addresses"].get(host, ""))
        if why:
            remedy = "set it to the address that clients and other nodes use"
            yield Problem("host.address_nowhere", f"{site['addresses'][host]} {why}", host, "redis_sentinel_address", remedy)
    taken: dict[Address, tuple[str, str]] = {}
    for what, field, host, port in _listeners(site):
        if not 0 < port < 65536:
            yield Problem("set.port_range", f"{port} is not a port from 1 to 65535", what, field)
        place_of = Address.of(site["addresses"].get(host) or host, port)
        other, there = taken.setdefault(place_of, (what, host))
        if there != host:
            message = f"{what} on {host} and {other} on {there} have the same address and port, {place_of}"
            yield Problem("host.same_place", message, host, "redis_sentinel_address", "give each host its own address")
        elif other != what and what == SENTINEL:
            yield Problem("set.port", f"the Sentinel of {host} uses port {port} too", other, "port", "give the set another port")


SENTINEL = "the Sentinel"


def _listeners(site: Site) -> t.Iterator[tuple[str, str, str, int]]:
    for entry in site["sets"]:
        for host in dict.fromkeys(entry["nodes"]):
            yield f"set {entry['name']}", "port", host, port(entry)
    for host in dict.fromkeys(site["sentinels"]):
        yield SENTINEL, "redis_sentinel_port", host, int(site["sentinel_port"])


def found(told: t.Mapping[str, str | None]) -> dict[str, str | None]:
    """The masters without the addresses that lead nowhere, as a first run with wrong ones has left them."""
    return {name: text if text and not leads_nowhere(text.rpartition(":")[0].strip("[]")) else None for name, text in told.items()}


# What the role sets from other options, each with that option.
_DERIVED = {
    "port": "port of the set, or redis_sentinel_port",
    "tls-port": "port of the set, or redis_sentinel_port",
    "masterauth": "redis_sentinel_masterauth",
    "masteruser": "redis_sentinel_masterauth",
    "replica-announce-ip": "redis_sentinel_address",
    "replica-announce-port": "port of the set",
}


def _setting_problems(site: Site) -> t.Iterator[Problem]:
    """Settings with which the role, Sentinel or replicas would not reach a server."""
    given = [("", "redis_sentinel_settings", site.get("settings")), ("", "redis_sentinel_sentinel_settings", site.get("sentinel_settings"))]
    given += [(f"set {entry['name']}", "settings", entry.get("settings")) for entry in site["sets"]]
    for item, option, settings in given:
        for name, value in (settings or {}).items():
            where, by = f"{option}.{name}", _DERIVED.get(texts.alias(str(name)))
            if by:
                yield Problem("setting.derived", f"the role sets this from {by}", item, where, "leave it out")
            elif name == "rename-command" and texts.renamed(value):
                message = f"the role and Sentinel use {', '.join(texts.renamed(value))}, and must know the new name"
                yield Problem("setting.derived", message, item, where, "give it in rename_commands of each set")
            elif name == "bind" and _only_loopback(value):
                yield Problem("setting.blind", "no other host could connect", item, where, "add an address that other hosts can reach")
    if _only_loopback(site.get("bind") or ""):
        yield Problem("setting.blind", "no other host could connect", field="redis_sentinel_bind", remedy="add an address of the hosts")
    if not site.get("password") and _is_on((site.get("sentinel_settings") or {}).get("protected-mode")):
        message = "without redis_sentinel_password this refuses all other hosts"
        yield Problem("setting.blind", message, field="redis_sentinel_sentinel_settings.protected-mode", remedy="set that password")
    for entry in site["sets"]:
        everybody = [
            user for user in entry.get("users") or [] if user["name"] == "default" and "nopass" in texts.split(user.get("rules") or "")
        ]
        mode = {**(site.get("settings") or {}), **(entry.get("settings") or {})}.get("protected-mode", True)
        if everybody and _is_on(mode):
            message = "the user default has no password, so protected mode refuses all other hosts"
            yield Problem("setting.blind", message, f"set {entry['name']}", "settings.protected-mode", "set it to false, or set a password")


def _replica_problems(site: Site) -> t.Iterator[Problem]:
    """A master that needs more replicas than its set has takes no write, ever."""
    for entry in site["sets"]:
        given = {"min_replicas_to_write": entry.get("min_replicas_to_write")}
        for name, settings in (("redis_sentinel_settings", site.get("settings")), ("settings", entry.get("settings"))):
            given.update({f"{name}.{key}": value for key, value in (settings or {}).items() if texts.alias(str(key)) == _MIN_REPLICAS})
        where, value = next(((where, value) for where, value in [*given.items()][::-1] if value is not None), ("", 0))
        replicas = max(0, len(entry["nodes"]) - 1)
        if str(value).isdigit() and int(value) > replicas:
            few = f"is {value}, and the set has {counted(replicas, 'replica')}, so its master would take no write"
            yield Problem("set.min_replicas", few, f"set {entry['name']}", where, "make it smaller, or give the set more nodes")


_MIN_REPLICAS = "min-replicas-to-write"


def _is_on(value: t.Any) -> bool:
    return value is True or str(value).lower() == "yes"


def _only_loopback(value: t.Any) -> bool:
    words = [word.lstrip("-") for line in texts.words(value) for word in texts.split(line)]
    return any(words) and all(map(is_loopback, words))


def _user_problems(site: Site, entry: Set) -> t.Iterator[Problem]:
    """Users of the role that are declared anew and may do less than the role, Sentinel or a replica has to do."""
    needed = {ADMIN: "+@all", REPLICA: FOLLOWS, WATCHER: f"{WATCHES} {HANDS_OVER}" if site["flavor"] == "valkey" else WATCHES}
    passwords = {ADMIN: site["admin_password"], REPLICA: site["masterauth"], WATCHER: site["auth_pass"]}
    for user in entry.get("users") or []:
        name, words = user["name"], texts.split(user.get("rules") or "")
        missing = [right for right in texts.split(needed.get(name, "")) if not _allows(words, right)]
        if missing:
            message = f"the user {name} needs {' '.join(missing)}"
            yield Problem("user.rights", message, f"set {entry['name']}", "users", "add it to the rules, or leave the user to the role")
        if name in needed and str(passwords[name]) not in user.get("passwords", []) and "nopass" not in words:
            message = f"the user {name} does not have the password that the role, Sentinel or replicas use"
            yield Problem("user.password", message, f"set {entry['name']}", "users", "add it, or leave the user to the role")


def _allows(rules: t.Sequence[str], right: str) -> bool:
    """Whether these rules, one after the other, are sure to give a right such as +ping, +config|rewrite or &channel."""
    if right == "resetchannels":
        return True
    allowed, everything = False, {"+@all", "allcommands"} if right.startswith("+") else {"&*", "allchannels"}
    for word in map(str.lower, rules):
        if word in everything or word in (right.lower(), right.lower().partition("|")[0]):
            allowed = True
        elif word in ("reset", "off", "nocommands") or _takes(word, right.lower()):
            allowed = False
    return allowed


def _takes(word: str, right: str) -> bool:
    """A category may have any command."""
    if right.startswith("&"):
        return word == "resetchannels"
    return word.startswith("-@") or (word.startswith("-") and word[1:].partition("|")[0] == right[1:].partition("|")[0])


def _absent_problems(site: Site) -> t.Iterator[Problem]:
    present = {entry["name"] for entry in site["sets"]}
    for entry in site.get("absent", ()):
        where, own = f"set {entry['name']}", entry.get("directory")
        if entry["name"] in present:
            yield Problem("set.twice", "the set is declared twice, present and absent", where, "state", "keep one of the two")
        below = sorted({other["name"] for other in site["sets"] if own and is_below(other.get("directory") or "", own)})
        if below and entry.get("keep_data") is False:
            yield Problem("set.directory", f"{own} also has the data of {' and '.join(below)}", where, "directory")


def occupied(site: Site, host: str, established: t.Collection[str]) -> t.Iterator[Problem]:
    """Ports of this host that a set which must be absent still uses: it ends last, so a new set could not start."""
    there = {port(entry): entry["name"] for entry in site["absent"] if f"server/{entry['name']}" in established}
    for entry in site["sets"]:
        if host in entry["nodes"] and port(entry) in there and f"server/{entry['name']}" not in established:
            message = f"set {there[port(entry)]}, which must be absent, still uses port {port(entry)} on {host}"
            yield Problem("set.port", message, f"set {entry['name']}", "port", f"run the playbook once without set {entry['name']}")


def hosts(site: Site) -> list[str]:
    """Every host of the site, in the play or not."""
    return list(dict.fromkeys([*site["sentinels"], *(host for entry in site["sets"] for host in entry["nodes"])]))


def port(entry: Set) -> int:
    return int(entry.get("port") or 6379)


def place(site: Site, entry: Set, host: str) -> str:
    return str(Address.of(site["addresses"][host], port(entry)))


def sentinel_place(site: Site, host: str) -> str:
    return str(Address.of(site["addresses"][host], int(site["sentinel_port"])))


def host_of(site: Site, entry: Set, address: str | None, leaving: t.Iterable[str] = ()) -> str | None:
    """`leaving`: hosts that still have the set and are none of its nodes any more."""
    return next((host for host in (*entry["nodes"], *leaving) if address == place(site, entry, host)), None)


# What a host runs


def instances(site: Site, host: str, masters: t.Mapping[str, str]) -> list[Item]:
    """For redis_host. `masters`: set -> the host to follow at the first start."""
    servers = [server(site, entry, host, masters.get(entry["name"])) for entry in site["sets"] if host in entry["nodes"]]
    return [*servers, _sentinel(site)] if host in site["sentinels"] else servers


def server(site: Site, entry: Set, host: str, master: str | None) -> Item:
    number, replicas, least = port(entry), len(entry["nodes"]) - 1, entry.get("min_replicas_to_write")
    settings: Item = {**_listening(site, number), "masteruser": REPLICA, "replica-announce-ip": site["addresses"][host]}
    if site.get("tls"):
        settings["replica-announce-port"] = number
    settings.update(_renamed(entry))
    settings["min-replicas-to-write"] = int(replicas > 1) if least is None else least
    return {
        **_frame(entry["name"], "server"),
        "directory": entry.get("directory") or None,
        "socket_mode": entry.get("socket_mode") or "700",
        "settings": {**settings, **(site.get("settings") or {}), **(entry.get("settings") or {})},
        "secret_settings": {"masterauth": str(site["masterauth"])},
        "service": _service(entry) if replicas else {},
        "users": _users(site, entry),
        "admin": ADMIN,
        "replicaof": place(site, entry, master) if master and master != host else None,
    }


def _frame(name: str, kind: str) -> Item:
    return {"name": name, "kind": kind, "state": "present", "keep_data": True, "directory": None, "socket_mode": "700", "scripts": []}


def _renamed(entry: Set) -> Item:
    found = [f"{command} {other}" for command, other in (entry.get(RENAMES) or {}).items()]
    return {"rename-command": found} if found else {}


def ended(site: Site, entry: Set | None = None) -> Item:
    """A server of this set, or the Sentinel, that a host must not have; for redis_host."""
    if entry is None:
        return {**_sentinel(site), "state": "absent"}
    own = {"directory": entry.get("directory") or None, "keep_data": entry.get("keep_data") is not False}
    bare: Item = {"settings": _renamed(entry), "secret_settings": {}, "service": {}, "replicaof": None}
    return {**_frame(entry["name"], "server"), "state": "absent", **own, **bare, "users": _users(site, entry), "admin": ADMIN}


def _service(entry: Set) -> Item:
    """A crashed master must not return, with less data or none, before Sentinel has seen it down: its replicas would copy that."""
    down_after = int(entry.get("down_after_milliseconds") or DOWN_AFTER)
    return {"RestartSec": math.ceil(2 * down_after / 1000) + 1}


def longest_down_after(site: Site) -> float:
    """Seconds after which every Sentinel sees that a node is down."""
    return max((int(entry.get("down_after_milliseconds") or DOWN_AFTER) / 1000 for entry in site["sets"]), default=0.0)


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
        # Without a password protected mode would refuse all other hosts.
        settings["protected-mode"] = False
    former = (site.get("former_passwords") or {}).get("password")
    clients = site.get("client_password")
    every = {"passwords": _passwords(password, former), "rules": "~* &* +@all" if password else "on nopass ~* &* +@all"}
    users = [{"name": "default", **every}]
    if clients:
        users = [{"name": "default", "passwords": [str(clients)], "rules": DISCOVERS}, {"name": ADMIN, **every}]
    return {
        **_frame(site["sentinel_name"], "sentinel"),
        "scripts": sorted({entry[name] for entry in site["sets"] for name in SCRIPTS if entry.get(name)}),
        "settings": {**settings, **(site.get("sentinel_settings") or {})},
        "secret_settings": {},
        "service": {},
        "users": users,
        "admin": users[-1]["name"],
        "replicaof": None,
    }


def _listening(site: Site, number: int) -> Item:
    tls = site.get("tls") or {}
    found: Item = {"bind": site["bind"]} if site.get("bind") else {}
    if not tls:
        return {"port": number, **found}
    named = {f"tls-{name.replace('_', '-')}": value for name, value in tls.items()}
    return {"port": 0, "tls-port": number, "tls-replication": True, **found, **named}


# What the Sentinels monitor


def sentinels(site: Site) -> list[Item]:
    """For the redis modules."""
    return [{"host": site["addresses"][host], "port": int(site["sentinel_port"])} for host in site["sentinels"]]


def watchers(site: Site, confs: t.Mapping[str, str]) -> list[Item]:
    """For redis_sentinel. `confs`: host -> the text of its sentinel.conf.

    Each announces its declared address: on a host with several it would announce the one of its connection to the master.
    """
    given = {host: {"conf": text} for host, text in confs.items()}
    return [{**item, "announce_ip": item["host"], **given.get(host, {})} for host, item in zip(site["sentinels"], sentinels(site))]


def settings(site: Site) -> Item:
    """The settings of the Sentinels, for redis_sentinel."""
    access = site["access"]
    names = {"resolve_hostnames": True, "announce_hostnames": True} if site.get("hostnames") else {}
    return {"sentinel_user": access["username"], "sentinel_pass": access["password"] or None, **names}


def reach(site: Site, controller: t.Mapping[str, str]) -> dict[str, str]:
    """For the redis modules. `controller`: host -> the address that the controller uses."""
    return {} if site.get("run_on") else {site["addresses"][host]: address for host, address in controller.items() if address}


def masters(site: Site, with_scripts: bool = True) -> list[Item]:
    """For redis_sentinel. `with_scripts`: whether the Sentinels may run scripts already."""
    told = (*OF_SENTINELS, *(SCRIPTS if with_scripts else ()))
    return [
        {
            "name": entry["name"],
            "address": [place(site, entry, host) for host in entry["nodes"]],
            "quorum": int(entry.get("quorum") or len(site["sentinels"]) // 2 + 1),
            "replicas": len(entry["nodes"]) - 1,
            "auth_user": WATCHER,
            "auth_pass": str(site["auth_pass"]),
            **{name: entry[name] for name in told if entry.get(name) is not None},
            **renames(entry),
        }
        for entry in site["sets"]
    ]


def renames(entry: Set) -> Item:
    """The option rename_commands of the redis modules, where the set has it."""
    return {RENAMES: entry[RENAMES]} if entry.get(RENAMES) else {}


# The master that a new node follows


def bootstrap(
    site: Site,
    here: t.Mapping[str, t.Collection[str]],
    told: t.Mapping[str, t.Any],
    host: str,
    looked: t.Mapping[str, t.Sequence[Item]] | None = None,
) -> tuple[dict[str, str], list[Problem]]:
    """The host that each new instance of a host follows, by set, and why instances must not be started.

    `here`: host -> the instances established there, of the hosts that were looked at; `told`: the address of each master, as the Sentinels
    tell it; `looked`: host -> its instances as redis_host returns them, each with id, follows and key_count.
    The Sentinels decide. The first declared node is the master only of a set that is new on all of its nodes.
    """
    follow, problems = {}, []
    for entry in site["sets"]:
        name, nodes = entry["name"], [*entry["nodes"], *leaving(site, entry, here)]
        if host not in entry["nodes"] or f"server/{name}" in here.get(host, ()):
            continue
        old = [node for node in nodes if f"server/{name}" in here.get(node, ())]
        unseen = [node for node in nodes if node not in here]
        address = told.get(name)
        master = host_of(site, entry, address, nodes)
        if not address and old and not unseen:
            master = _by_themselves(site, entry, old, looked or {})
        # On the master itself: all nodes are new, or the old ones have waited for it since their first start. Nothing is lost.
        lost = master == host and (unseen or (old and address))
        if master is not None and not lost:
            follow[name] = master
        elif lost:
            remedy = f"let them promote {' or '.join(old or unseen)} first (redis_failover, or SENTINEL FAILOVER {name})"
            problems.append(_refusal("master_lost", f"the Sentinels name {host} as the master, and it has lost its data", name, remedy))
        elif address:
            message = f"the Sentinels say that its master is {address}, which is none of its nodes"
            problems.append(_refusal("foreign_master", message, name, "declare that node, or correct the address with SENTINEL MONITOR"))
        elif old:
            message = f"{' and '.join(old)} have it already, and no Sentinel knows which of its nodes is the master"
            remedy = f"make the Sentinels monitor the master (SENTINEL MONITOR {name} ...), and run the playbook again"
            problems.append(_refusal("unknown_master", message, name, remedy))
        elif unseen:
            message = f"no Sentinel knows it, and {' and '.join(unseen)} may have it, but could not be looked at"
            problems.append(_refusal("unseen_nodes", message, name, "run the playbook again with all nodes of the set"))
        else:
            follow[name] = nodes[0]
    return follow, problems


def elsewhere(site: Site, established: t.Collection[str], nodes: t.Mapping[str, t.Collection[str]], host: str) -> list[Problem]:
    """The new instances of a host whose address the Sentinels know from another set: they would make it a replica there, without its data.

    `nodes`: master -> the addresses that the Sentinels know in its set.
    """
    problems = []
    for entry in site["sets"]:
        if host in entry["nodes"] and f"server/{entry['name']}" not in established:
            here = place(site, entry, host)
            for other in sorted(name for name, known in nodes.items() if here in known and name != entry["name"]):
                message = f"the Sentinels still know {here} as a node of {other}, and would make it a replica there"
                remedy = f"let them forget it first: redis_sentinel with forget_stale, or with {other} absent"
                problems.append(_refusal("node_elsewhere", message, entry["name"], remedy))
    return problems


def _refusal(code: str, message: str, name: str, remedy: str) -> Problem:
    return Problem(f"set.{code}", message, f"set {name}", remedy=remedy)


def _by_themselves(site: Site, entry: Set, old: t.Sequence[str], looked: t.Mapping[str, t.Sequence[Item]]) -> str | None:
    """The master of a set that no Sentinel has ever monitored, because its first run was interrupted; None where that is not certain.

    It is the only node that follows nobody and of which all others are replicas. Or it is a node that is not there yet, and all others
    follow it and are empty.
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


def leaving(site: Site, entry: Set | None, here: t.Mapping[str, t.Collection[str]]) -> list[str]:
    """The hosts that have a server of this set, or a Sentinel (None), and must not have it any more. `here`: as in `bootstrap`."""
    name = f"server/{entry['name']}" if entry else f"sentinel/{site['sentinel_name']}"
    declared = entry["nodes"] if entry else site["sentinels"]
    return [host for host, found in here.items() if host not in declared and name in found]


def new(site: Site, host: str, established: t.Collection[str]) -> list[str]:
    """The ids of declared instances that are not established on this host."""
    return [name for item in instances(site, host, {}) if (name := f"{item['kind']}/{item['name']}") not in established]
