# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be done to a set of sentinels, and what a person should know of it. Pure. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Observed, SentinelView
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.truth import Truth
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired, Master, Sentinel

Truths = t.Mapping[str, Truth]


def problems(desired: Desired, observed: Observed, truths: Truths) -> list[str]:
    """Each a line: what, where, why, what to do."""
    views = list(observed.sentinels.values())
    return [
        *_versions(desired, views),
        *_identities(views),
        *(line for entry in desired.sentinels for line in _hostnames(desired, entry, observed.sentinels.get(entry.name), truths)),
        *(line for master in desired.masters if master.present for line in _disagreement(master, observed, truths[master.name])),
    ]


def warnings(desired: Desired, observed: Observed, truths: Truths) -> list[str]:
    count = len(desired.sentinels)
    found = [
        f"sentinel {view.name} is in TILT: its clock or its host stood still; it takes no part in a failover for 30 s"
        for view in observed.sentinels.values()
        if view.tilt
    ]
    if count == 2 or (count > 2 and count % 2 == 0):
        found.append(f"{count} sentinels survive no more failures than {count - 1}: make it {count + 1}")
    for master in desired.masters:
        if not master.present:
            continue
        quorum = master.values.get(options.QUORUM.name)
        if quorum is not None and int(quorum) < count // 2 + 1:
            found.append(
                f"master {master.name}: quorum {quorum} is below the majority of {count} sentinels: few of them can start a failover"
            )
        place = truths[master.name].master
        node = observed.node(place) if place is not None else None
        if node is None:
            if observed.monitored(master.name):
                found.append(f"master {master.name}: {truths[master.name].doubt}")
        elif node.replicas and not node.min_replicas:
            found.append(
                f"master {master.name}: min-replicas-to-write is 0 at {place}: "
                "cut off from its replicas it would take writes that are lost later"
            )
    return found


def _versions(desired: Desired, views: list[SentinelView]) -> t.Iterator[str]:
    for view in views:
        if desired.delicate and not view.version.quotes_values:
            for what in desired.delicate:
                yield f"{what}: holds a space or a quote, which {view.version} at {view.name} writes to its file and cannot read again"
        for master in desired.masters:
            if options.REBOOT_PERIOD.name in master.values and not view.version.has_reboot_period:
                yield f"master {master.name}: {options.REBOOT_PERIOD.name}: {view.version} at {view.name} does not know it; Redis 7.0 does"
        if not view.version.has_loglevel and any("loglevel" in entry.settings for entry in desired.sentinels):
            yield f"settings: loglevel: {view.version} at {view.name} cannot be told at runtime; Redis 7.2 can"


def _identities(views: list[SentinelView]) -> t.Iterator[str]:
    by_id: dict[str, list[str]] = {}
    for view in views:
        by_id.setdefault(view.myid, []).append(view.name)
    for myid, names in sorted(by_id.items()):
        if len(names) > 1:
            yield (
                f"sentinels {' and '.join(names)}: have the same id {myid}: two addresses of one sentinel, or a copied sentinel.conf; "
                "in the latter case take its line 'sentinel myid' out and start that one again"
            )


def _hostnames(desired: Desired, wanted: Sentinel, view: SentinelView | None, truths: Truths) -> t.Iterator[str]:
    if view is None or wanted.settings.get("resolve_hostnames", view.settings.get("resolve_hostnames", "no")) == "yes":
        return
    if wanted.settings.get("resolve_hostnames") == "no":
        for name, entry in sorted(view.masters.items()):
            if not address.is_ip(entry.address.host):
                where = f"sentinel {view.name} watches {name} as {entry.address}"
                yield f"settings: resolve_hostnames: {where}, and would not start again if it resolved no names"
    for master in desired.masters:
        place = truths[master.name].master if master.present else None
        if place is not None and not address.is_ip(place.host) and master.name not in view.masters:
            what_to_do = "set settings.resolve_hostnames, or give an IP address"
            yield f"master {master.name}: {place} is a name, and sentinel {view.name} does not resolve any: {what_to_do}"


def _disagreement(master: Master, observed: Observed, found: Truth) -> t.Iterator[str]:
    """Sentinels that watch different nodes, or one that says itself that it is no master, and no proof which is right."""
    named = {entry.address for entry in observed.monitored(master.name).values()}
    nodes = [node for node in map(observed.node, named) if node is not None]
    if found.master is None and (len(named) > 1 or found.split or any(not node.is_master for node in nodes)):
        yield f"master {master.name}: {found.doubt}"
