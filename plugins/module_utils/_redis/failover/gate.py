# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a planned failover may begin, from what was seen. Pure. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import (
    COUNTS,
    LAGS,
    OWN_PRIORITIES,
    PRIORITIES,
    Fence,
    original_priority,
)
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.scene import Scene
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, identity, observe
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

# The checks of health that a planned failover uses.
ALWAYS = frozenset({checks.TILT, checks.SAME_ID, checks.FAILING_OVER, checks.MASTER_FLAGS, checks.MASTER_ROLE, checks.REPLICA_ROLE})
ALWAYS |= {"master.not_reached", "master.silent", checks.TIMEOUT}
# Those of every replica that Sentinel might choose: it must have all data.
OF_ELIGIBLE = frozenset({"replica.silent", "replica.other_master", "replica.link", "replica.flags"})


def problems(scene: Scene, to: Address | None, every_sentinel: bool) -> list[Problem]:
    """Why the failover cannot begin now. `to`: the replica wanted; `every_sentinel`: whether all given must answer, or most of all."""
    eligible = {f"replica {node.address}" for node in scene.eligible}
    found = [
        problem
        for problem in _health(scene)
        if problem.code in ALWAYS
        or (problem.code == checks.SILENT and every_sentinel)
        or (problem.code in OF_ELIGIBLE and problem.item.partition(": ")[0] in eligible)
    ]
    found += [] if scene.agreed else [checks.disagreement(scene.seen)]
    found += identity.of_one(scene.name, scene.observed)
    found += [*_majority(scene, every_sentinel), *_fence(scene)]
    if scene.agreed and not scene.master.silence:
        found += [*_unknown(scene), *_target(scene, to)]
    return found


def _health(scene: Scene) -> t.Iterator[Problem]:
    yield from checks.of_sentinels(scene.observed)
    yield from checks.of_master(scene.name, scene.observed, checks.Expected())
    yield from checks.of_failover(scene.name, scene.observed)


def under_way(scene: Scene) -> list[Problem]:
    """Why the master may change now: a failover is in progress, or the sentinels disagree."""
    found = [problem for problem in _as_seen(scene) if problem.code == checks.FAILING_OVER]
    return found if scene.agreed else [*found, checks.disagreement(scene.seen)]


def unrest(scene: Scene) -> list[Problem]:
    """Why the master may change now or soon: a sentinel that sees it down may begin a failover."""
    return [*under_way(scene), *(problem for problem in _as_seen(scene) if problem.code == checks.MASTER_FLAGS)]


def _as_seen(scene: Scene) -> t.Iterator[Problem]:
    for sentinel, entry in scene.seen.items():
        yield from checks.as_seen(sentinel, entry, checks.Expected())


def _majority(scene: Scene, every_sentinel: bool) -> t.Iterator[Problem]:
    answer, silent = len(scene.views), len(scene.observed.silent)
    known = max(entry.others + 1 for entry in scene.seen.values())
    if not (silent and every_sentinel) and answer * 2 <= max(known, answer + silent):
        yield Problem("sentinels.no_majority", f"{answer} of {known} sentinels answer, which is no majority")


def _fence(scene: Scene) -> t.Iterator[Problem]:
    for node in scene.eligible:
        if not node.silence and node.priority >= PRIORITIES and original_priority(node.priority) is None:
            high = f"replica-priority is {node.priority}, and must be below {PRIORITIES}"
            yield Problem("master.fence", high, f"replica {node.name}")
    fence = None if scene.master.silence else Fence.of(scene.master.settings)
    if fence and not fence.can_be_raised and fence.original() is None:
        own = f"replica-priority {fence.priority}, min-replicas-to-write {fence.to_write} or min-replicas-max-lag {fence.max_lag}"
        limits = f"they must be below {OWN_PRIORITIES}, {COUNTS} and {LAGS}"
        yield Problem("master.fence", f"{own} is too high", f"data node {scene.master.name}", remedy=limits)


def _unknown(scene: Scene) -> t.Iterator[Problem]:
    for sentinel, entry in scene.seen.items():
        for node in scene.eligible:
            if entry.row(node.address) is None:
                yield Problem("replica.unknown", "is not known to it yet", f"sentinel {sentinel}: replica {node.name}")


def _target(scene: Scene, to: Address | None) -> t.Iterator[Problem]:
    master = f"master {scene.name}"
    if to is None:
        if not scene.replicas and not scene.master.replicas:
            yield Problem("master.no_replica", "has no replica, so there is nothing to switch to", master)
        elif not scene.eligible:
            none = "has no replica that could be chosen: one that is up, with a replica-priority above 0"
            yield Problem("master.no_eligible", none, master)
        return
    target = scene.find(to)
    if target is None:
        known = ", ".join(node.name for node in scene.replicas) or "none"
        unknown = f"{to} is not a replica of {master} that the sentinels know (they know: {known})"
        yield Problem("to.unknown", unknown, field="to")
    elif target is not scene.master and scene.down(target):
        yield Problem("to.down", target.silence, field="to")
    elif target is not scene.master and not target.silence and target.priority == 0:
        yield Problem("to.priority", f"{target.name} has replica-priority 0, so it must never be chosen", field="to")


def order_of_choice(nodes: t.Sequence[observe.Node]) -> list[observe.Node]:
    """The replicas with the lowest priority: among these Sentinel decides by offset and run id, as it last saw them."""
    known = [(_priority(node), node) for node in nodes if not node.silence]
    return [node for priority, node in known if priority == min(first for first, dummy in known)]


def _priority(node: observe.Node) -> int:
    fence = Fence.of(node.settings).original()
    original = original_priority(node.priority) if fence is None else fence.priority
    return node.priority if original is None else original
