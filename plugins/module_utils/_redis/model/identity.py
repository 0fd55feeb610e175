# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two names mean one server, or more servers belong to a set than are listed. Pure. Private to this collection.

A sentinel keeps each name apart. If a node is in two sets, each failover of one is an accident in the other, which answers with another
failover, without end. A run id that is equal proves that two addresses lead to one server.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, first
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import truth
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Observed, SentinelView
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master

TWO_NAMES, UNLISTED = "node.two_names", "sentinels.unlisted"
# An address or a run id, and the address to name in messages.
Mark = t.Tuple[str, str]


def shared(masters: t.Iterable[Master], observed: Observed) -> t.Iterator[tuple[tuple[str, ...], Problem]]:
    """The names of these masters that have a node in common, and the problem."""
    owners: dict[str, dict[str, str]] = {}
    for master in masters:
        for mark, place in _marks(master, observed):
            owners.setdefault(mark, {}).setdefault(master.name, place)
    pairs: dict[tuple[str, ...], list[str]] = {}
    for of in owners.values():
        if len(of) > 1:
            pairs.setdefault(tuple(sorted(of)), []).extend(of.values())
    remedy = "give each set nodes of its own; remove a wrong name with state absent; let the sentinels forget a node that has left a set"
    for names, places in sorted(pairs.items()):
        both = f"have the same node {first(sorted(set(places)))}, so the first failover of one would start failovers without end"
        yield names, Problem(TWO_NAMES, both, f"masters {' and '.join(names)}", remedy=remedy)


def of_one(name: str, observed: Observed) -> list[Problem]:
    """What this master has in common with any other that the sentinels watch."""
    return [problem for names, problem in shared(watched(observed), observed) if name in names]


def watched(observed: Observed) -> list[Master]:
    return [Master(name) for name in sorted({name for view in observed.sentinels.values() for name in view.masters})]


def _marks(master: Master, observed: Observed) -> t.Iterator[Mark]:
    for entry in observed.monitored(master.name).values():
        for one in entry.nodes:
            yield from [(str(one.address), str(one.address))] if not one.is_local else ()
            yield from [(one.run_id, str(one.address))] if one.run_id else ()
    for place in truth.asked(master, observed):
        node = observed.node(place)
        yield from [(str(place), str(place))] if not observed.is_local(place) else ()
        yield from [(node.run_id, str(place))] if node is not None and node.run_id else ()


def unlisted(masters: t.Collection[str], listed: t.Sequence[Address], observed: Observed) -> list[Address]:
    """The living sentinels that those which were asked know, and that are not among them."""
    ids = {view.myid for view in observed.sentinels.values()}
    silent = [place for place in listed if str(place) in observed.silent]
    peers = [peer for view in observed.sentinels.values() for entry in _of(view, masters) for peer in entry.peers]
    found = {peer.address for peer in peers if peer.id not in ids and "s_down" not in peer.flags}
    return sorted(place for place in found if not any(place.is_same(other) for other in silent))


def unlisted_problem(listed: int, others: t.Sequence[Address]) -> Problem:
    there = f"{listed} of {listed + len(others)} sentinels are listed; they know {first(list(map(str, others)), 8)} too"
    return Problem(UNLISTED, there, field="sentinels", remedy="list every sentinel of the set")


def _of(view: SentinelView, masters: t.Collection[str]) -> list[Monitored]:
    return [entry for name, entry in view.masters.items() if name in masters]
