# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order pending changes are applied to sets of Redis or Valkey over hosts. Pure. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, first
from ansible_collections.eco2.platform.plugins.module_utils._engine.rolling import Step, gated, leader_last
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site as sites
from ansible_collections.eco2.platform.plugins.plugin_utils._redis.site import Item, Set, Site

Pending = t.Mapping[str, t.Sequence[str]]  # host -> ids of instances
Here = t.Mapping[str, t.Collection[str]]  # host -> ids of instances that are there
Alive = t.Optional[t.Mapping[str, t.Collection[str]]]  # set -> addresses of nodes that run; None: all do
# The option of redis_sentinel_info for replicas whose link is not checked.
UNLINKED = "replicas_without_link"
# Its option for nodes and Sentinels that do not count.
LEAVING = "leaving"
MASTER, REPLICA = {"role": "master"}, {"role": "replica"}


def partial(site: Site, play: t.Collection[str]) -> t.Iterator[Problem]:
    """Hosts of the site that are not in the play: what goes one at a time must know them all."""
    missing = [host for host in sites.hosts(site) if host not in play]
    if missing:
        message = f"not in this run, which restarts one node of a set at a time and has to see all of them: {first(missing)}"
        remedy = "run it without --limit and without slices; if a host does not exist any more, take it out of the declaration"
        yield Problem("set.partial", message, f"set {first([entry['name'] for entry in site['sets']])}", remedy=remedy)


def packages(site: Site, host: str, established: t.Mapping[str, str], version: str) -> list[Item]:
    """The packages that a host needs, but for instances that still have the other flavor (`established`: id -> flavor)."""
    flavor = site["flavor"]
    here = [(item["kind"], f"{item['kind']}/{item['name']}") for item in sites.instances(site, host, {})]
    kinds = sorted({kind for kind, name in here if established.get(name, flavor) == flavor}, reverse=True)
    # The programs are in the package of tools.
    return [{"name": f"{flavor}-{kind}", "version": version} for kind in (*kinds, "tools")] if kinds else []


def outdated(found: t.Mapping[str, str], version: str) -> dict[str, dict[str, str]]:
    """The packages whose version is not the declared one; `found`: name -> version."""
    wrong = {name: have for name, have in found.items() if version and not versions.matches(version, have)}
    return {name: {"before": have, "after": version} for name, have in wrong.items()}


def left_to_do(waiting: t.Mapping[str, t.Any], undeclared: t.Iterable[str]) -> list[str]:
    """In words, what is not done here."""
    fields = {name: list(of) if isinstance(of, dict) else [each["field"] for each in of] for name, of in waiting.items()}
    lines = [f"{name}: {', '.join(of)} (run eco2.platform.maintain_redis)" for name, of in sorted(fields.items())]
    return lines + [f"{name}: the instance is not declared; nothing changes it" for name in sorted(undeclared)]


def expected(
    site: Site, pending: Pending | None = None, upgrading: t.Collection[str] = (), leaving: t.Mapping[str, t.Sequence[str]] | None = None
) -> list[Item]:
    """The masters as redis_sentinel_info has to find them.

    The link of a node that waits for another version is not checked: after a full resynchronisation it may not be able to read what a
    newer master sends. `upgrading`: the hosts whose packages change. `leaving`: set -> the addresses that do not count any more.
    """
    return [
        {
            "name": entry["name"],
            "replicas": len(entry["nodes"]) - 1,
            UNLINKED: [sites.place(site, entry, host) for host in _waiting(entry, pending or {}) if host in upgrading],
            **sites.renames(entry),
            LEAVING: list((leaving or {}).get(entry["name"], ())),
        }
        for entry in site["sets"]
    ]


def _waiting(entry: Set, pending: Pending) -> list[str]:
    return [host for host in entry["nodes"] if f"server/{entry['name']}" in pending.get(host, ())]


@dataclass(frozen=True)
class Seen:
    """What was seen before the first step.

    `told`: the address of each master, as the Sentinels tell it; `known`: set -> all addresses that they know of it; `upgrading`: the hosts
    whose packages change; `here`: the instances of the hosts in the play; `rereading`: those that keep their data in another way from then
    on; `alive`: set -> the addresses that the Sentinels see as well.
    """

    pending: Pending
    told: t.Mapping[str, t.Any]
    upgrading: t.Collection[str] = ()
    here: Here = field(default_factory=dict)
    known: t.Mapping[str, t.Collection[str]] = field(default_factory=dict)
    rereading: t.Collection[str] = ()
    alive: Alive = None


def steps(site: Site, seen: Seen) -> list[Step]:
    """Backups, restarts of one instance each, and switches of masters that apply everything that is pending; ends of instances that leave.

    Raises Refused.
    """
    found: list[Step] = []
    for entry in site["sets"]:
        found += _of_set(site, entry, seen)
        found += _ends(site, entry, seen.here, seen.known.get(entry["name"], ()))
    sentinel = f"sentinel/{site['sentinel_name']}"
    found += [Step("restart", host, sentinel) for host in site["sentinels"] if sentinel in seen.pending.get(host, ())]
    found += _ends(site, None, seen.here, [address for each in seen.known.values() for address in each])
    return gated(found, lambda left: expected(site, _restarts(left), seen.upgrading, _left(site, left)))


def _restarts(left: t.Sequence[Step]) -> Pending:
    return {host: [step.object for step in left if (step.host, step.action) == (host, "restart")] for host in {step.host for step in left}}


def _of_set(site: Site, entry: Set, seen: Seen) -> t.Iterator[Step]:
    """A backup if the data may be at risk, the replicas, a switch, and at once after it the old master.

    The old master may not be able to read what the new one sends. A switch to a node that stays comes last. A node that leaves and does
    not run any more, as on a host that was removed, is no node to switch to.
    """
    waiting, leaving = _waiting(entry, seen.pending), sites.leaving(site, entry, seen.here)
    server, master = f"server/{entry['name']}", sites.host_of(site, entry, seen.told.get(entry["name"]), leaving)
    to = running(site, entry, seen.here, seen.alive)
    alone = len(entry["nodes"]) + len(to) == 1
    problems = list(_problems(entry, seen.here, leaving, bool(waiting or leaving) and master is None))
    if problems:
        raise Refused(problems)
    risky = alone or server in seen.rereading or any(host in seen.upgrading for host in waiting)
    # A node that leaves saves its data at its end, and keeps them.
    if master is not None and master not in leaving and waiting and risky:
        yield Step("backup", master, server, MASTER)
    for host in leader_last(waiting, master):
        if host == master and not alone:
            yield Step("switch", host, server, MASTER)
            master = target(entry, to, host)
        yield Step("restart", host, server, MASTER if alone else REPLICA)
    if master is not None and master in leaving:
        yield Step("switch", master, server, MASTER)


def _problems(entry: Set, here: Here, leaving: t.Sequence[str], no_master: bool) -> t.Iterator[Problem]:
    where, remedy = f"set {entry['name']}", "run the playbook eco2.platform.sentinels first"
    if no_master:
        message = "the Sentinels name none of its nodes as the master, so nothing of this set is restarted or ended"
        yield Problem("set.no_master", message, where, remedy=remedy)
    missing = [host for host in entry["nodes"] if host in here and f"server/{entry['name']}" not in here[host]]
    if leaving and missing:
        message = f"{' and '.join(leaving)} must leave it, and {' and '.join(missing)} must be there before"
        yield Problem("set.incomplete", message, where, "nodes", remedy)


def running(site: Site, entry: Set, here: Here, alive: Alive) -> list[str]:
    """The hosts that leave the set, and whose servers run."""
    leaving = sites.leaving(site, entry, here)
    return leaving if alive is None else [host for host in leaving if sites.place(site, entry, host) in alive.get(entry["name"], ())]


def target(entry: Set, leaving: t.Sequence[str], master: str) -> str | None:
    """The node that a switch from this master must lead to; None where any will do. `leaving`: those that run."""
    return [*(host for host in entry["nodes"] if host != master), *leaving][0] if leaving else None


# What leaves


def _ends(site: Site, entry: Set | None, here: Here, known: t.Collection[str]) -> t.Iterator[Step]:
    """Of a set, or of the Sentinels (None). The Sentinels forget what has ended, in an interrupted run too."""
    name = f"server/{entry['name']}" if entry else f"sentinel/{site['sentinel_name']}"
    leaving = sites.leaving(site, entry, here)
    for host in leaving:
        yield Step("end", host, name, REPLICA if entry else {})
    for host, place in _outside(site, entry, here):
        if host in leaving or place in known:
            yield Step("forget", host, name)


def _outside(site: Site, entry: Set | None, here: Here) -> list[tuple[str, str]]:
    """Hosts of the play that are none of the nodes, and the addresses that a node of the set would have there."""
    if entry is None:
        return [(host, sites.sentinel_place(site, host)) for host in here if host not in site["sentinels"]]
    others = {(host, sites.port(other)) for other in site["sets"] if other["name"] != entry["name"] for host in other["nodes"]}
    outside = [host for host in here if host not in entry["nodes"] and (host, sites.port(entry)) not in others]
    return [(host, sites.place(site, entry, host)) for host in outside]


def to_forget(site: Site, names: t.Collection[str]) -> list[Item]:
    """The masters whose dead nodes are forgotten, for redis_sentinel: with what it needs to ask the living ones."""
    keys = ("name", "address", "replicas", sites.RENAMES)
    return [{key: master[key] for key in keys if key in master} for master in sites.masters(site) if master["name"] in names]


def left(site: Site, here: Here) -> dict[str, list[str]]:
    """set -> the addresses of all that may have left it, before an interrupted run is known."""
    return {entry["name"]: [place for of in (entry, None) for dummy, place in _outside(site, of, here)] for entry in site["sets"]}


def _left(site: Site, steps: t.Sequence[Step]) -> dict[str, list[str]]:
    """set -> the addresses that these steps end, or let the Sentinels forget."""
    gone = list(dict.fromkeys((step.object, step.host) for step in steps if step.action in ("end", "forget")))
    watchers = [sites.sentinel_place(site, host) for name, host in gone if name.startswith("sentinel/")]
    return {
        entry["name"]: [sites.place(site, entry, host) for name, host in gone if name == f"server/{entry['name']}"] + watchers
        for entry in site["sets"]
    }
