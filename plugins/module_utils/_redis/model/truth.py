# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node is a set's master: what can be proven of it, and what cannot. Pure. Private to this collection.

The declared address only says where to begin asking. The master is the node that the sentinels agree on and that says of itself that it is
a master; between two masters nothing is chosen. Where sentinels watch a wrong node, the master is only a node that is declared, or that a
sentinel knows as a node of the set: when a node replicates from elsewhere for a while, the sentinels do not follow it there.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Node, Observed
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master

TWO_MASTERS = "master.two_masters"


@dataclass(frozen=True)
class Truth:
    """`master`: the node that is proven to be the master. Where there is none, `doubts` say why.

    `refused`: whether the doubts forbid any change; else they matter only where something has to be written to find the master.
    """

    master: Address | None
    doubts: tuple[Problem, ...] = ()
    refused: bool = False


def to_ask(master: Master, observed: Observed) -> set[Address]:
    """The nodes to be asked next to know the truth; empty once no answer could add to it."""
    named = _named(master, observed)
    agreed = _agreed(named, observed)
    hidden = _hidden(observed.monitored(master.name), observed)
    if agreed is not None and not hidden and (not master.seeds or agreed in master.seeds):
        return set()
    wanted = named if len(named) == 1 and not named & observed.nodes.keys() else asked(master, observed)
    return wanted - observed.nodes.keys()


def is_settled(master: Master, observed: Observed) -> bool:
    """Whether every sentinel watches the master already, and no declared node contradicts."""
    seen, named = observed.monitored(master.name), _named(master, observed)
    agreed = _agreed(named, observed)
    everywhere = len(seen) == len(observed.sentinels) and all(observed.place(entry) == agreed for entry in seen.values())
    return everywhere and agreed is not None and not _contradicting(master, observed, agreed)


def find(master: Master, observed: Observed) -> Truth:
    seen, named = observed.monitored(master.name), _named(master, observed)

    def doubt(code: str, message: str, remedy: str = "", refused: bool = False) -> Truth:
        return Truth(None, (Problem(code, message, f"master {master.name}", remedy=remedy),), refused)

    hidden = _hidden(seen, observed)
    if hidden:
        own = f"sentinel {hidden} watches {seen[hidden].address}, which is on its own host, and what is there is no declared node"
        return doubt("master.local", own, f"remove it there (SENTINEL REMOVE {master.name}), or add that node to address", True)
    agreed = _agreed(named, observed)
    contradicting = [] if agreed is None else _contradicting(master, observed, agreed)
    if contradicting:
        said = "; ".join(map(_said, contradicting))
        remedy = "correct address, or remove the master from the sentinels first (state absent)"
        return doubt("master.contradicted", f"{_naming(seen)} no declared node is of that set: {said}", remedy, True)
    if agreed is not None:
        return Truth(agreed)
    busy = sorted(sentinel for sentinel, entry in seen.items() if entry.is_failing_over)
    if busy:
        return doubt("master.failing_over", f"a failover is in progress, says {busy[0]}", "run the task again when it is over")
    every = asked(master, observed)
    reached = _reached(observed, every)
    masters = _distinct([found for found in reached if found.is_master])
    if len(masters) > 1:
        remedy = "make one of them a replica; this module does not choose"
        return doubt(TWO_MASTERS, f"more than one master: {_described(masters, seen)}", remedy, True)
    # A declared node that is silent decides nothing; a silent node that somebody follows or watches may be a second master.
    followed = named | {found.master for found in reached if found.master is not None}
    silent = {place: observed.nodes[place].silence for place in followed if place in observed.nodes and observed.nodes[place].silence}
    if silent and (masters or named):
        place, reason = min(silent.items())
        beside = f" beside {masters[0].address}" if masters else ""
        unclear = f"{_naming(seen)} {place} does not answer ({reason}), so it may be a master{beside}"
        return doubt("master.silent", unclear, "start it, or repair the network", bool(masters))
    if masters and _is_stranger(masters[0].address, master, observed):
        by = next((str(found.address) for found in reached if found.master == masters[0].address), "one of its nodes")
        unknown = f"{_naming(seen)} {by} is a replica of {masters[0].address}, which is neither declared nor known to a sentinel"
        return doubt("master.stranger", unknown, "if it belongs to this set, add it to address")
    if not every:
        nowhere = "no sentinel monitors it, and no address is declared"
        return doubt("master.no_address", nowhere, "give the address of one of its data nodes")
    if not masters:
        # Nobody would notice if the set were down: the sentinels never reached what they watch.
        unwatched = bool(seen) and all(entry.is_ignorant for entry in seen.values())
        said = "; ".join(_said(observed.asked(place)) for place in sorted(every))
        return doubt("master.not_found", f"{_naming(seen)} no master was found: {said}".lstrip(), refused=unwatched)
    return Truth(masters[0].address)


def asked(master: Master, observed: Observed) -> set[Address]:
    """Where the truth is looked for: what sentinels watch, what is declared, and whatever these follow."""
    found = {entry.address for entry in observed.monitored(master.name).values()} | _named(master, observed) | set(master.seeds)
    while True:
        more = {node.master for node in _reached(observed, found) if node.master is not None} - found
        if not more:
            return found
        found |= more


def _named(master: Master, observed: Observed) -> set[Address]:
    """The nodes that sentinels watch. What one has never reached is no more than a word."""
    entries = observed.monitored(master.name).values()
    places = (observed.place(entry) for entry in entries if not entry.is_ignorant)
    return {place for place in places if place is not None}


def _hidden(seen: t.Mapping[str, Monitored], observed: Observed) -> str | None:
    """A sentinel that is connected to a node on its own host, of which nothing else is known."""
    return next((name for name, entry in sorted(seen.items()) if not entry.is_ignorant and observed.place(entry) is None), None)


def _agreed(named: set[Address], observed: Observed) -> Address | None:
    """The one node that all sentinels name, where it says that it is a master."""
    found = observed.node(next(iter(named))) if len(named) == 1 else None
    return found.address if found is not None and found.is_master else None


def _contradicting(master: Master, observed: Observed, agreed: Address) -> list[Node]:
    """The declared nodes that answer, where none of them is of the set that the sentinels watch."""
    if agreed in master.seeds:
        return []
    declared = _reached(observed, master.seeds)
    known = (agreed, *observed.replicas(master.name))
    for node in declared:
        if any(observed.is_one(place, other) for place in _upwards(node, observed) for other in known):
            return []
    return declared


def _upwards(node: Node, observed: Observed) -> list[Address]:
    """The node, its master, the master of that one and so on."""
    places = [node.address]
    while node.master is not None and node.master not in places:
        places.append(node.master)
        node = observed.asked(node.master)
    return places


def _is_stranger(place: Address, master: Master, observed: Observed) -> bool:
    """Whether nothing says that this node is of the set. Where no sentinel knows the set, the seeds tell what is of it."""
    named = _named(master, observed)
    own = {*named, *master.seeds, *observed.replicas(master.name)}
    return bool(named) and not any(observed.is_one(place, other) for other in own)


def _reached(observed: Observed, places: t.Iterable[Address]) -> list[Node]:
    found = (observed.node(place) for place in sorted(places))
    return [entry for entry in found if entry is not None]


def _distinct(nodes: list[Node]) -> list[Node]:
    """One entry a server: a name and an IP address may lead to the same."""
    return list({found.run_id: found for found in reversed(nodes)}.values())[::-1]


def _described(masters: list[Node], seen: t.Mapping[str, Monitored]) -> str:
    parts = []
    for found in masters:
        watchers = sorted((sentinel, entry.epoch) for sentinel, entry in seen.items() if entry.address == found.address)
        by = ", ".join(f"{sentinel} in epoch {epoch}" for sentinel, epoch in watchers) or "no sentinel"
        parts.append(f"{found.address} ({found.replicas} replicas, watched by {by})")
    return " and ".join(parts)


def _naming(seen: t.Mapping[str, Monitored]) -> str:
    by_address: dict[Address, list[str]] = {}
    for sentinel, entry in sorted(seen.items()):
        by_address.setdefault(entry.address, []).append(sentinel)
    if len(by_address) < 2:
        return "".join(f"the sentinels watch {place};" for place in by_address)
    return "the sentinels disagree, " + ", ".join(f"{place} watched by {', '.join(who)}" for place, who in sorted(by_address.items())) + ";"


def _said(node: Node) -> str:
    if not node.silence:
        return f"{node.address} is {node.says}"
    return node.silence if node.silence.startswith(node.name) else f"{node.address}: {node.silence}"
