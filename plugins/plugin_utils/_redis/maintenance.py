# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order pending changes are applied to sets of Redis or Valkey over hosts. Pure. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.rolling import Step, gated, leader_last
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site as sites
from ansible_collections.eco2.platform.plugins.plugin_utils._redis.site import Item, Set, Site

Pending = t.Mapping[str, t.Sequence[str]]  # host -> ids of instances
# The option of redis_sentinel_info for replicas whose link is not checked.
UNLINKED = "replicas_without_link"
MASTER, REPLICA = {"role": "master"}, {"role": "replica"}


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


def expected(site: Site, pending: Pending | None = None, upgrading: t.Collection[str] = ()) -> list[Item]:
    """The masters as redis_sentinel_info has to find them.

    The link of a node that waits for another version is not checked: after a full resynchronisation it may not be able to read what a
    newer master sends. `upgrading`: the hosts whose packages change.
    """
    return [
        {
            "name": entry["name"],
            "replicas": len(entry["nodes"]) - 1,
            UNLINKED: [sites.place(site, entry, host) for host in _waiting(entry, pending or {}) if host in upgrading],
            **sites.renames(entry),
        }
        for entry in site["sets"]
    ]


def _waiting(entry: Set, pending: Pending) -> list[str]:
    return [host for host in entry["nodes"] if f"server/{entry['name']}" in pending.get(host, ())]


def steps(
    site: Site, pending: Pending, told: t.Mapping[str, t.Any], upgrading: t.Collection[str] = (), rereading: t.Collection[str] = ()
) -> list[Step]:
    """Backups, restarts of one instance each, and switches of masters that apply everything that is pending.

    `told`: the address of each master, as the Sentinels tell it. `rereading`: the instances that keep their data in another way from
    then on. Raises Refused.
    """
    found: list[Step] = []
    for entry in site["sets"]:
        waiting = _waiting(entry, pending)
        risky = len(entry["nodes"]) == 1 or f"server/{entry['name']}" in rereading or any(host in upgrading for host in waiting)
        found += _of_set(site, entry, waiting, told.get(entry["name"]), risky)
    sentinel = f"sentinel/{site['sentinel_name']}"
    found += [Step("restart", host, sentinel) for host in site["sentinels"] if sentinel in pending.get(host, ())]
    return gated(found, lambda left: expected(site, _restarts(left), upgrading))


def _restarts(left: t.Sequence[Step]) -> Pending:
    return {host: [step.object for step in left if (step.host, step.action) == (host, "restart")] for host in {step.host for step in left}}


def _of_set(site: Site, entry: Set, waiting: list[str], address: str | None, risky: bool) -> t.Iterator[Step]:
    """A backup if the data may be at risk, the replicas, a switch, and at once after it the old master.

    The old master may not be able to read what the new one sends.
    """
    server, master = f"server/{entry['name']}", sites.host_of(site, entry, address)
    alone = len(entry["nodes"]) == 1
    if waiting and master is None:
        message = "the Sentinels name none of its nodes as the master, so nothing of this set is restarted"
        raise Refused([Problem("set.no_master", message, f"set {entry['name']}", remedy="run the playbook eco2.platform.sentinels first")])
    if master is not None and waiting and risky:
        yield Step("backup", master, server, MASTER)
    for host in leader_last(waiting, master):
        if host == master and not alone:
            yield Step("switch", host, server, MASTER)
        yield Step("restart", host, server, MASTER if alone else REPLICA)
