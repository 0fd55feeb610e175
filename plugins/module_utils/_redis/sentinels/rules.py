# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be done to a set of sentinels, and what a person should know of it. Pure. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, checks, observe, options, truth
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired, Master, Sentinel

Truths = t.Mapping[str, truth.Truth]


def problems(desired: Desired, observed: observe.Observed, truths: Truths) -> list[Problem]:
    return [
        *(problem for view in observed.sentinels.values() for problem in _version(desired, view)),
        *(problem for problem in checks.of_sentinels(observed) if problem.code == checks.SAME_ID),
        *(problem for entry in desired.sentinels for problem in _hostnames(desired, entry, observed.sentinels.get(entry.name), truths)),
        *(problem for master in desired.masters if master.present for problem in _disagreement(master, observed, truths[master.name])),
    ]


def warnings(desired: Desired, observed: observe.Observed, truths: Truths) -> t.Iterator[Problem]:
    yield from (problem for problem in checks.of_sentinels(observed) if problem.code == checks.TILT)
    count = len(desired.sentinels)
    if count and count % 2 == 0:
        no_more = f"{count} sentinels survive no more failures than {count - 1}"
        yield Problem("sentinels.even", no_more, remedy=f"make it {count + 1}")
    for master in desired.masters:
        if not master.present:
            continue
        who, quorum = f"master {master.name}", master.values.get(options.QUORUM.name)
        if quorum is not None and int(quorum) < count // 2 + 1:
            few = f"is {quorum}, below the majority of {count} sentinels, so few of them can start a failover"
            yield Problem("quorum.low", few, who, options.QUORUM.name)
        place = truths[master.name].master
        node = observed.node(place) if place is not None else None
        if node is None:
            yield from truths[master.name].doubts if observed.monitored(master.name) else ()
        elif node.replicas and not node.min_replicas:
            lost = f"min-replicas-to-write is 0 at {place}: cut off from its replicas it would take writes that are lost later"
            yield Problem("master.min_replicas", lost, who)


def _version(desired: Desired, view: observe.SentinelView) -> t.Iterator[Problem]:
    there = f"{view.version} at {view.name}"
    if not view.version.quotes_values:
        for where in desired.delicate:
            yield Problem("option.quotes", f"has a space or a quote, which {there} writes to its file and cannot read again", *where)
    if not view.version.has_reboot_period:
        for master in desired.masters:
            if options.REBOOT_PERIOD.name in master.values:
                unknown = f"{there} does not know it; Redis 7.0 and newer do"
                yield Problem("option.too_new", unknown, f"master {master.name}", options.REBOOT_PERIOD.name)
    if not view.version.has_loglevel and any("loglevel" in entry.settings for entry in desired.sentinels):
        yield Problem("option.too_new", f"{there} cannot set it at runtime; Redis 7.2 and newer can", field="settings.loglevel")


def _hostnames(desired: Desired, wanted: Sentinel, view: observe.SentinelView | None, truths: Truths) -> t.Iterator[Problem]:
    name = "resolve_hostnames"
    if view is None or wanted.settings.get(name, view.settings.get(name, "no")) == "yes":
        return
    if wanted.settings.get(name) == "no":
        for monitored, entry in sorted(view.masters.items()):
            if not address.is_ip(entry.address.host):
                where = f"sentinel {view.name} watches {monitored} as {entry.address}, so it could not start again without this setting"
                yield Problem("hostnames.in_use", where, field=f"settings.{name}")
    for master in desired.masters:
        place = truths[master.name].master if master.present else None
        if place is not None and not address.is_ip(place.host) and master.name not in view.masters:
            what = f"{place} is a name, and sentinel {view.name} does not resolve names"
            yield Problem("hostnames.off", what, f"master {master.name}", remedy=f"set settings.{name}, or give an IP address")


def _disagreement(master: Master, observed: observe.Observed, found: truth.Truth) -> t.Iterable[Problem]:
    """Sentinels that watch different nodes, or one that says itself that it is no master, and no proof which is right."""
    named = {entry.address for entry in observed.monitored(master.name).values()}
    nodes = [node for node in map(observed.node, named) if node is not None]
    unclear = len(named) > 1 or any(not node.is_master for node in nodes)
    return [doubt for doubt in found.doubts if unclear or doubt.code == truth.TWO_MASTERS]
