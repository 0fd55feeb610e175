# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node is a set's master: what can be proven of it, and what cannot. Pure. Private to this collection.

The declared address is a seed: where to begin asking. What the sentinels agree on, and what says of itself that it is a
master, is the master; nothing is ever chosen between two. Where sentinels watch a wrong node, the master is only one that is declared, or
that a sentinel knows to be of the set: a node that copies its data from elsewhere for a while does not take the sentinels there.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Node, Observed
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master


@dataclass(frozen=True)
class Truth:
    """`master`: the node that is proven to be the master. Where there is none, `doubt` says why in one line.

    `split`: more than one node says that it is a master, so that whatever is done may be done to the wrong one.
    """

    master: Address | None
    doubt: str = ""
    split: bool = False


def to_ask(master: Master, observed: Observed) -> set[Address]:
    """The nodes to be asked next to know the truth; empty once no answer could add to it."""
    seen = observed.monitored(master.name)
    named = {entry.address for entry in seen.values()}
    if len(named) == 1 and _is_master(observed, next(iter(named))):
        return set()
    wanted = named if len(named) == 1 and not named & observed.nodes.keys() else _all_asked(master, observed, named)
    return wanted - observed.nodes.keys()


def find(master: Master, observed: Observed) -> Truth:
    seen = observed.monitored(master.name)
    named = {entry.address for entry in seen.values()}
    if len(named) == 1 and _is_master(observed, next(iter(named))):
        return Truth(next(iter(named)))
    busy = sorted(sentinel for sentinel, entry in seen.items() if entry.is_failing_over)
    if busy:
        return Truth(None, f"a failover is in progress, says {busy[0]}, and has not ended in time: run again when it is over")
    asked = _all_asked(master, observed, named)
    masters = _distinct([found for found in _reached(observed, asked) if found.is_master])
    if len(masters) > 1:
        return Truth(None, f"more than one master: {_described(masters, seen)}; end one of them, nothing is chosen here", split=True)
    # Nothing depends on a silent seed; a silent node that somebody follows or watches may be a second master.
    followed = (asked - set(master.seeds)) | named | {found.master for found in _reached(observed, asked) if found.master is not None}
    silent = {place: observed.nodes[place] for place in followed if isinstance(observed.nodes.get(place), str)}
    if silent and (masters or named):
        place, reason = min(silent.items())
        return Truth(None, f"{_naming(seen)} {place} does not answer ({reason}): whether it is a master cannot be told")
    if masters and _is_stranger(masters[0].address, master, observed):
        followers = [str(found.address) for found in _reached(observed, asked) if found.master == masters[0].address]
        by = next(iter(followers), "a node of it")
        return Truth(
            None,
            f"{_naming(seen)} {by} is a replica of {masters[0].address}, which is neither declared nor known to a sentinel as of this "
            "set: if it is, give its address too",
        )
    if not masters:
        return Truth(None, _no_master(observed, asked))
    return Truth(masters[0].address)


def strangers(master: Master, observed: Observed) -> bool:
    """Whether what the sentinels know as replicas decides whether a node is of this set at all."""
    named = {entry.address for entry in observed.monitored(master.name).values()}
    found = _reached(observed, _all_asked(master, observed, named))
    return any(node.is_master and _is_stranger(node.address, master, observed) for node in found)


def _is_stranger(place: Address, master: Master, observed: Observed) -> bool:
    """Whether nothing says that this node is of the set. Where no sentinel knows the set, the seeds tell what is of it."""
    named = {entry.address for entry in observed.monitored(master.name).values()}
    own = named | set(master.seeds) | observed.replicas.get(master.name, frozenset())
    found = observed.node(place)
    run_ids = {node.run_id for node in _reached(observed, own)}
    return bool(named) and place not in own and (found is None or found.run_id not in run_ids)


def _is_master(observed: Observed, place: Address) -> bool:
    found = observed.node(place)
    return found is not None and found.is_master


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


def _no_master(observed: Observed, asked: set[Address]) -> str:
    if not asked:
        return "no sentinel knows it, and no address is declared: give the address of one of its data nodes"
    said = []
    for place in sorted(asked):
        found = observed.nodes.get(place)
        said.append(f"{place} is a replica of {found.master}" if isinstance(found, Node) else f"{place}: {found}")
    return f"no master was found: {'; '.join(said)}"
