# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be done to a set of sentinels, and what a person should know of it. Pure. Private to this collection."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, counted
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, checks, identity, observe, options, truth
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired, Master, Sentinel

Truths = t.Mapping[str, truth.Truth]


# Milliseconds. Below this a busy host or network looks like a dead one.
SHORT_DOWN_AFTER = 500


def problems(desired: Desired, observed: observe.Observed, truths: Truths, prune: bool) -> list[Problem]:
    return [
        *(problem for view in observed.sentinels.values() for problem in _version(desired, view)),
        *(problem for problem in checks.of_sentinels(observed) if problem.code == checks.SAME_ID),
        *_sentinels(desired, _others(desired, observed)),
        *(problem for entry in desired.sentinels for problem in _hostnames(desired, entry, observed.sentinels.get(entry.name), truths)),
        *(problem for master in desired.masters if master.present for problem in _disagreement(master, observed, truths[master.name])),
        *(problem for dummy, problem in identity.shared(_lasting(desired, observed, prune), observed)),
    ]


def once(problems: t.Iterable[Problem], sentinels: t.Iterable[str]) -> list[Problem]:
    """Problems that differ only in the sentinel that they name, as one that names the others too."""
    name = re.compile("|".join(rf"(?<![\w.:-]){re.escape(each)}(?!\w)" for each in sentinels) or r"(?!)")
    alike: dict[Problem, list[tuple[Problem, str]]] = {}
    for problem in problems:
        match = name.search(f"{problem.item} {problem.message}")
        who = match.group() if match else ""
        item, message = (text.replace(who, "") if who else text for text in (problem.item, problem.message))
        alike.setdefault(dataclasses.replace(problem, item=item, message=message), []).append((problem, who))
    return [_with_others(same[0][0], [who for dummy, who in same[1:]]) for same in alike.values()]


def _with_others(problem: Problem, others: list[str]) -> Problem:
    also = [who for who in dict.fromkeys(others) if who not in f"{problem.item} {problem.message}"]
    return dataclasses.replace(problem, message=f"{problem.message} (the same at {', '.join(also)})") if also else problem


def _lasting(desired: Desired, observed: observe.Observed, prune: bool) -> list[Master]:
    """The masters that are watched when this is done, declared or not."""
    declared = {entry.name: entry for entry in desired.masters}
    watched = {} if prune else {entry.name: entry for entry in identity.watched(observed)}
    return [entry for entry in {**watched, **declared}.values() if entry.present]


def warnings(desired: Desired, observed: observe.Observed, truths: Truths) -> t.Iterator[Problem]:
    yield from (problem for problem in checks.of_sentinels(observed) if problem.code == checks.TILT)
    count = len(desired.sentinels)
    others = _others(desired, observed)
    yield from [identity.unlisted_problem(len(desired.sentinels), others)] if others else ()
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
        down_after = int(master.values.get(options.DOWN_AFTER.name, SHORT_DOWN_AFTER))
        if down_after < SHORT_DOWN_AFTER:
            short = f"is {down_after}: below {SHORT_DOWN_AFTER} a busy host or network looks like a dead one, and a failover follows"
            yield Problem("down_after.low", short, who, options.DOWN_AFTER.name)
        place = truths[master.name].master
        node = observed.node(place) if place is not None else None
        if node is None:
            yield from truths[master.name].doubts if observed.monitored(master.name) else ()
        elif node.replicas and not node.min_replicas:
            lost = f"min-replicas-to-write is 0 at {place}: cut off from its replicas it would take writes that are lost later"
            yield Problem("master.min_replicas", lost, who)


def _others(desired: Desired, observed: observe.Observed) -> list[Address]:
    return identity.unlisted({entry.name for entry in desired.masters if entry.present}, desired.places, observed)


def _sentinels(desired: Desired, others: list[Address]) -> list[Problem]:
    """Nothing is decided by less than a majority of a set."""
    if len(others) >= len(desired.sentinels):
        return [identity.unlisted_problem(len(desired.sentinels), others)]
    return list(_quorum(desired, len(desired.sentinels) + len(others)))


def _quorum(desired: Desired, count: int) -> t.Iterator[Problem]:
    for master in desired.masters:
        quorum = int(master.values.get(options.QUORUM.name, 1))
        if quorum > count:
            never = f"is {quorum}, of {counted(count, 'sentinel')}, so it is never reached"
            yield Problem("quorum.too_high", never, f"master {master.name}", options.QUORUM.name, f"the majority is {count // 2 + 1}")


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
    return found.doubts if unclear or found.refused else ()
