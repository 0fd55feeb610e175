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
    """`master`: the node that is proven to be the master. Where there is none, `doubts` say why."""

    master: Address | None
    doubts: tuple[Problem, ...] = ()


def to_ask(master: Master, observed: Observed) -> set[Address]:
    """The nodes to be asked next to know the truth; empty once no answer could add to it."""
    named = _named(master, observed)
    if _agreed(named, observed):
        return set()
    wanted = named if len(named) == 1 and not named & observed.nodes.keys() else _all_asked(master, observed, named)
    return wanted - observed.nodes.keys()


def find(master: Master, observed: Observed) -> Truth:
    seen, named = observed.monitored(master.name), _named(master, observed)
    agreed = _agreed(named, observed)
    if agreed is not None:
        return Truth(agreed)

    def doubt(code: str, message: str, remedy: str = "") -> Truth:
        return Truth(None, (Problem(code, message, f"master {master.name}", remedy=remedy),))

    busy = sorted(sentinel for sentinel, entry in seen.items() if entry.is_failing_over)
    if busy:
        return doubt("master.failing_over", f"a failover is in progress, says {busy[0]}", "run the task again when it is over")
    asked = _all_asked(master, observed, named)
    reached = _reached(observed, asked)
    masters = _distinct([found for found in reached if found.is_master])
    if len(masters) > 1:
        remedy = "make one of them a replica; this module does not choose"
        return doubt(TWO_MASTERS, f"more than one master: {_described(masters, seen)}", remedy)
    # A declared node that is silent decides nothing; a silent node that somebody follows or watches may be a second master.
    followed = (asked - set(master.seeds)) | named | {found.master for found in reached if found.master is not None}
    silent = {place: observed.nodes[place].silence for place in followed if place in observed.nodes and observed.nodes[place].silence}
    if silent and (masters or named):
        place, reason = min(silent.items())
        unclear = f"{_naming(seen)} {place} does not answer ({reason}), so it may be a master"
        return doubt("master.silent", unclear, "start it, or repair the network")
    if masters and _is_stranger(masters[0].address, master, observed):
        by = next((str(found.address) for found in reached if found.master == masters[0].address), "one of its nodes")
        unknown = f"{_naming(seen)} {by} is a replica of {masters[0].address}, which is neither declared nor known to a sentinel"
        return doubt("master.stranger", unknown, "if it belongs to this set, add it to address")
    if not asked:
        nowhere = "no sentinel monitors it, and no address is declared"
        return doubt("master.no_address", nowhere, "give the address of one of its data nodes")
    if not masters:
        return doubt("master.not_found", f"no master was found: {'; '.join(_said(observed, place) for place in sorted(asked))}")
    return Truth(masters[0].address)


def strangers(master: Master, observed: Observed) -> bool:
    """Whether what the sentinels know as replicas decides whether a node is of this set at all."""
    found = _reached(observed, _all_asked(master, observed, _named(master, observed)))
    return any(node.is_master and _is_stranger(node.address, master, observed) for node in found)


def _named(master: Master, observed: Observed) -> set[Address]:
    return {entry.address for entry in observed.monitored(master.name).values()}


def _agreed(named: set[Address], observed: Observed) -> Address | None:
    """The one node that all sentinels name, where it says that it is a master."""
    found = observed.node(next(iter(named))) if len(named) == 1 else None
    return found.address if found is not None and found.is_master else None


def _is_stranger(place: Address, master: Master, observed: Observed) -> bool:
    """Whether nothing says that this node is of the set. Where no sentinel knows the set, the seeds tell what is of it."""
    named = _named(master, observed)
    own = {*named, *master.seeds, *observed.replicas(master.name)}
    return bool(named) and not any(observed.is_one(place, other) for other in own)


def _reached(observed: Observed, places: t.Iterable[Address]) -> list[Node]:
    found = (observed.node(place) for place in sorted(places))
    return [entry for entry in found if entry is not None]


def _all_asked(master: Master, observed: Observed, named: set[Address]) -> set[Address]:
    asked = named | set(master.seeds)
    while True:
        more = {found.master for found in _reached(observed, asked) if found.master is not None} - asked
        if not more:
            return asked
        asked |= more


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


def _said(observed: Observed, place: Address) -> str:
    found = observed.asked(place)
    return f"{place}: {found.silence}" if found.silence else f"{place} is a replica of {found.master}"
