# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which what is pending comes into force on sets of Redis or Valkey over hosts. Pure. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site as sites
from ansible_collections.eco2.platform.plugins.plugin_utils._redis.site import Item, Set, Site

Pending = t.Mapping[str, t.Sequence[str]]  # host -> ids of instances


def packages(site: Site, host: str, established: t.Mapping[str, str]) -> list[str]:
    """The packages for what a host runs, but for instances that are still of another flavor (`established`: id -> flavor)."""
    flavor = site["flavor"]
    here = [(item["kind"], f"{item['kind']}/{item['name']}") for item in sites.instances(site, host, {})]
    kinds = sorted({kind for kind, name in here if established.get(name, flavor) == flavor}, reverse=True)
    # The programs are in the tools' package.
    return [f"{flavor}-{kind}" for kind in (*kinds, "tools")] if kinds else []


def outdated(found: t.Mapping[str, str], version: str) -> dict[str, dict[str, str]]:
    """The packages whose version is not the declared one; `found`: name -> version."""
    wrong = {name: have for name, have in found.items() if version and not versions.matches(version, have)}
    return {name: {"before": have, "after": version} for name, have in wrong.items()}


def expected(site: Site, pending: Pending | None = None, upgrading: t.Collection[str] = ()) -> list[Item]:
    """The masters that redis_sentinel_info is to find well.

    The link of a node that waits for another version is no matter: after a full resynchronisation it could not read what a newer master
    sends. `upgrading`: the hosts whose packages are to change.
    """
    return _expected(site, _older(site, pending or {}, upgrading))


def _expected(site: Site, older: t.Mapping[str, t.Sequence[str]]) -> list[Item]:
    return [
        {
            "name": entry["name"],
            "replicas": len(entry["nodes"]) - 1,
            "replicas_without_link": [sites.place(site, entry, host) for host in older.get(entry["name"], ())],
        }
        for entry in site["sets"]
    ]


def _older(site: Site, pending: Pending, upgrading: t.Collection[str]) -> dict[str, list[str]]:
    """Set -> the hosts whose nodes wait for another version."""
    return {
        entry["name"]: [host for host in entry["nodes"] if host in upgrading and f"server/{entry['name']}" in pending.get(host, ())]
        for entry in site["sets"]
    }


def steps(site: Site, pending: Pending, told: t.Mapping[str, t.Any], upgrading: t.Collection[str] = ()) -> list[Item]:
    """What brings into force what is pending, in order: backups, restarts of one instance each, switches of masters.

    `told`: master -> its address, of the sentinels. Of a step `is_master` is what its instance has to be when its turn comes, None where
    that is no matter, and `expected` what has to be well after it. Raises Refused.
    """
    plan = _Steps(site, _older(site, pending, upgrading))
    for entry in site["sets"]:
        waiting = [host for host in entry["nodes"] if f"server/{entry['name']}" in pending.get(host, ())]
        if waiting:
            plan.of_set(entry, waiting, sites.host_of(site, entry, told.get(entry["name"])))
    for host in site["sentinels"]:
        if f"sentinel/{site['sentinel_name']}" in pending.get(host, ()):
            plan.add("restart", host, None, None)
    return plan.steps


class _Steps:
    def __init__(self, site: Site, older: dict[str, list[str]]) -> None:
        self.site = site
        self.older = older
        self.steps: list[Item] = []

    def of_set(self, entry: Set, waiting: t.Sequence[str], master: str | None) -> None:
        """The replicas, a switch, and the old master at once after it."""
        if master is None:
            raise Refused([f"set {entry['name']}: its sentinels name no master among its nodes, so nothing of it is restarted"])
        alone = len(entry["nodes"]) == 1
        if self.older[entry["name"]]:
            self.add("backup", master, entry, True)
        for host in waiting:
            if host != master:
                self.add("restart", host, entry, False)
        if master in waiting:
            if not alone:
                self.add("switch", master, entry, True)
            self.add("restart", master, entry, alone)

    def add(self, action: str, host: str, entry: Set | None, is_master: bool | None) -> None:
        step: Item = {"action": action, "host": host, "set": None, "place": None, "is_master": is_master}
        if entry is None:
            step["instance"] = f"sentinel/{self.site['sentinel_name']}"
        else:
            name = entry["name"]
            step.update(instance=f"server/{name}", set=name, place=sites.place(self.site, entry, host))
            if action == "restart":
                self.older[name] = [other for other in self.older[name] if other != host]
        self.steps.append({**step, "expected": _expected(self.site, self.older)})
