# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a planned failover may begin, from what was seen. Private to this collection.

Pure. Sentinel's own CKQUORUM says OK in TILT, without replicas, at a wrong address and with its master down, so it is not asked.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import original_priority
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.observe import Node, Scene, View, find
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

BAD_FLAGS = frozenset({"s_down", "o_down", "disconnected"})


@dataclass(frozen=True)
class Problem:
    """`passes`: whether waiting may help."""

    text: str
    passes: bool = True


def problems(scene: Scene, to: Address | None, every_sentinel: bool) -> list[Problem]:
    """Why the failover cannot begin now. `to`: the replica wanted; `every_sentinel`: whether all given must answer, or most of all."""
    found = [*_sentinels(scene, every_sentinel), *_master(scene)]
    if scene.agreed and not scene.master.silence:
        found += [*_replicas(scene), *_target(scene, to)]
    return found


def under_way(scene: Scene) -> list[str]:
    """Why the master may be about to change, in the eyes of some sentinel: a failover in progress, or no agreement."""
    found = [f"{view.sentinel.name}: a failover is in progress" for view in scene.views if "failover_in_progress" in view.flags]
    return found if scene.agreed else [*found, _disagreement(scene)]


def unrest(scene: Scene) -> list[str]:
    """Why the master may be about to change, or soon: sentinels that do not see it well would begin a failover."""
    found = under_way(scene)
    for view in scene.views:
        bad = sorted(view.flags & BAD_FLAGS)
        if bad:
            found.append(f"{view.sentinel.name}: sees the master {view.address} as {', '.join(bad)}")
    return found


def _disagreement(scene: Scene) -> str:
    named = ", ".join(f"{view.sentinel.name} says {view.address}" for view in scene.views)
    return f"the sentinels do not agree on the master of {scene.name!r}: {named}"


def _sentinels(scene: Scene, every_sentinel: bool) -> t.Iterator[Problem]:
    known = max(int(view.master["num-other-sentinels"]) + 1 for view in scene.views)
    if scene.silent and every_sentinel:
        for text in scene.silent:
            yield Problem(f"a sentinel does not answer: {text}")
    elif len(scene.views) * 2 <= max(known, len(scene.views) + len(scene.silent)):
        yield Problem(f"{len(scene.views)} of {known} sentinels answer, which is no majority")
    by_id: dict[str, str] = {}
    for view in scene.views:
        if view.id in by_id:
            yield Problem(f"{by_id[view.id]} and {view.sentinel.name} have the same id: one was cloned from the other", passes=False)
        by_id[view.id] = view.sentinel.name
    for text in unrest(scene):
        yield Problem(text)
    for view in scene.views:
        yield from _view(view)


def _view(view: View) -> t.Iterator[Problem]:
    who = view.sentinel.name
    if view.about.get("sentinel_tilt", "0") != "0":
        yield Problem(f"{who}: is in TILT, since its clock jumped or it hung; it acts on nothing for 30 s")
    if not view.flags & BAD_FLAGS and view.master.get("role-reported") != "master":
        yield Problem(f"{who}: {view.address} reports itself as {view.master.get('role-reported')}")


def _master(scene: Scene) -> t.Iterator[Problem]:
    if scene.master.silence:
        yield Problem(f"the master does not answer: {scene.master.silence}")
        return
    if scene.master.role != "master":
        yield Problem(f"{scene.master.name}: the sentinels name it as the master, it says it is a {scene.master.role}")
    if not scene.master.fence.can_be_raised and scene.master.fence.original() is None:
        yield Problem(f"{scene.master.name}: min-replicas-max-lag is {scene.master.fence.max_lag}, which is too long", passes=False)
    others = [node.name for node in scene.replicas if node.role == "master"]
    if others:
        names = " and ".join([scene.master.name, *others])
        yield Problem(f"{names} are masters at the same time: their data differ, and only a person can choose between them")


def _replicas(scene: Scene) -> t.Iterator[Problem]:
    """Whatever Sentinel may choose must have all data, so one that it may choose and that has no link stops us."""
    for node in scene.eligible:
        if node.silence:
            yield Problem(f"a replica does not answer: {node.silence}")
        elif node.role == "slave" and not node.linked:
            yield Problem(f"{node.name}: its link to the master is down: repair it, stop it, or give it replica-priority 0")
        elif node.role == "slave" and (node.master is None or not node.master.is_same(scene.master.address)):
            where = str(node.master) if node.master else "nobody"
            yield Problem(f"{node.name}: replicates from {where}, not from {scene.master.name}")
    for view in scene.views:
        for node in scene.eligible:
            row = view.replica(node.address)
            if row is None:
                yield Problem(f"{view.sentinel.name}: does not know the replica {node.name} yet")
            elif row["flags"] != "slave" or row["master-link-status"] != "ok":
                yield Problem(f"{view.sentinel.name}: sees {node.name} as {row['flags']}, its link as {row['master-link-status']}")


def _target(scene: Scene, to: Address | None) -> t.Iterator[Problem]:
    if to is None:
        if not scene.replicas and scene.master.about.get("connected_slaves", "0") == "0":
            yield Problem(f"{scene.name!r} has no replica at all: there is nothing to switch to", passes=False)
        elif not scene.eligible:
            yield Problem(f"{scene.name!r} has no replica that could be chosen: one that is up, with a replica-priority above 0")
        return
    target = find(scene.nodes, to)
    if target is None:
        known = ", ".join(node.name for node in scene.replicas) or "none"
        yield Problem(f"to: {to} is no replica of {scene.name!r} that the sentinels know (they know: {known})", passes=False)
    elif target is not scene.master and scene.down(target):
        yield Problem(f"to: {target.silence}")
    elif target is not scene.master and not target.silence and target.priority == 0:
        yield Problem(f"to: {target.name} has replica-priority 0, which says never to choose it", passes=False)


def order_of_choice(nodes: t.Sequence[Node]) -> list[Node]:
    """The replicas with the lowest priority: among these Sentinel decides by offset and run id, as it last saw them."""
    known = [(_priority(node), node) for node in nodes if not node.silence]
    return [node for priority, node in known if priority == min(first for first, dummy in known)]


def _priority(node: Node) -> int:
    original = original_priority(node.priority)
    return node.priority if original is None else original
