# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a set is well, and in words why it is not. Private to this collection.

SENTINEL CKQUORUM answers OK in TILT, with the master down, at a wrong address and without a replica: it is not asked. And what Sentinel
says of a replica's link is up to 10 seconds old, so the replicas and their master are asked themselves.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Node, Observed, Peer

Fields = t.Mapping[str, str]
# (sentinel, master) -> what this sentinel knows of it.
Known = t.Mapping[t.Tuple[str, str], "Companions"]


@dataclass(frozen=True)
class Replica:
    """A replica as one sentinel sees it."""

    address: Address
    flags: frozenset[str]
    link: str
    master: Address | None
    priority: int
    offset: int

    def is_well(self, needs_link: bool = True) -> bool:
        return self.flags == {"slave"} and (self.link == "ok" or not needs_link)

    def shown(self) -> dict[str, t.Any]:
        return {
            "address": str(self.address),
            "flags": sorted(self.flags),
            "link": self.link,
            "priority": self.priority,
            "offset": self.offset,
        }


@dataclass(frozen=True)
class Companions:
    """The replicas and the other sentinels of a master that one sentinel knows."""

    replicas: t.Sequence[Replica] = ()
    peers: t.Sequence[Peer] = ()


NOBODY = Companions()


def replica(fields: Fields) -> Replica:
    """From an entry of SENTINEL REPLICAS; the master's host is '?' until the replica has been asked."""
    known = fields.get("master-host", "?") not in ("?", "")
    return Replica(
        address=Address.of(fields["ip"], fields["port"]),
        flags=frozenset(fields["flags"].split(",")),
        link=fields.get("master-link-status", ""),
        master=Address.of(fields["master-host"], fields["master-port"]) if known else None,
        priority=int(fields.get("slave-priority", 0)),
        offset=int(fields.get("slave-repl-offset", 0)),
    )


@dataclass(frozen=True)
class Expected:
    """`sentinels`: how many watch each master; `replicas`: master -> how many it has, where that is known.

    `unlinked`: replicas whose link to their master is no matter.
    """

    sentinels: int
    replicas: t.Mapping[str, int]
    unlinked: frozenset[Address] = frozenset()


def of_sentinels(observed: Observed, expected: Expected) -> list[str]:
    """What is wrong with the sentinels themselves."""
    reasons = [f"sentinel {name} does not answer: {reason}" for name, reason in sorted(observed.silent.items())]
    reasons += [f"sentinel {view.name} is in TILT" for view in observed.sentinels.values() if view.tilt]
    ids = [view.myid for view in observed.sentinels.values()]
    reasons += [f"sentinels share the id {myid}" for myid in sorted(set(ids)) if ids.count(myid) > 1]
    return reasons


def of_master(name: str, observed: Observed, known: Known, expected: Expected) -> list[str]:
    """What is wrong with a master, as all sentinels, the node itself and its replicas have it."""
    seen = observed.monitored(name)
    reasons = [f"sentinel {view} does not know it" for view in observed.sentinels if view not in seen]
    places = _distinct(observed, sorted({entry.address for entry in seen.values()}))
    if len(places) > 1:
        reasons.append(
            "the sentinels disagree: " + ", ".join(f"{sentinel} watches {entry.address}" for sentinel, entry in sorted(seen.items()))
        )
    elif len({entry.epoch for entry in seen.values()}) > 1:
        reasons.append("the epochs differ: " + ", ".join(f"{sentinel} is in {entry.epoch}" for sentinel, entry in sorted(seen.items())))
    for place in places:
        found = observed.nodes.get(place)
        if not isinstance(found, Node):
            reasons.append(f"{place} does not answer: {found}")
        elif not found.is_master:
            reasons.append(f"{place} says that it is a {found.role}, of {found.master}")
        elif len(places) == 1:
            replicas = {row.address for sentinel in seen for row in known.get((sentinel, name), NOBODY).replicas}
            reasons += _as_they_say(found, sorted(replicas), observed, expected.replicas.get(name), expected.unlinked)
    for sentinel, entry in sorted(seen.items()):
        reasons += [f"{reason}, says {sentinel}" for reason in _as_seen(entry, known.get((sentinel, name), NOBODY), observed, expected)]
    return reasons


def _distinct(observed: Observed, places: t.Iterable[Address]) -> list[Address]:
    """One of a server's addresses, where a name and an IP address lead to it."""
    found: list[Address] = []
    for place in places:
        if not any(_is_one(observed, place, other) for other in found):
            found.append(place)
    return found


def _is_one(observed: Observed, one: Address, other: Address) -> bool:
    """By what they say of themselves where both were asked; only else by a look-up."""
    nodes = observed.node(one), observed.node(other)
    return one == other or (nodes[0] is not None and nodes[1] is not None and nodes[0].run_id == nodes[1].run_id) or one.is_same(other)


def _as_they_say(
    master: Node, replicas: t.Sequence[Address], observed: Observed, wanted: int | None, unlinked: frozenset[Address]
) -> t.Iterator[str]:
    """What the replicas themselves, and their master, say against it."""
    for place in replicas:
        found = observed.nodes.get(place)
        if not isinstance(found, Node):
            yield f"replica {place} does not answer: {found}"
        elif found.is_master:
            yield f"replica {place} says that it is a master"
        elif found.master is None or not _is_one(observed, found.master, master.address):
            yield f"replica {place} follows {found.master}"
        elif _among(place, unlinked):
            continue
        elif not found.linked:
            yield f"replica {place} says that its link to the master is down"
        elif place not in master.online:
            yield f"replica {place} is not online yet, says its master"
        elif found.offset < master.offset:
            yield f"replica {place} is {master.offset - found.offset} bytes behind its master"
    linked = sum(not _among(place, unlinked) for place in master.online)
    needed = 0 if wanted is None else wanted - sum(_among(place, unlinked) for place in replicas)
    if linked < needed:
        yield f"the master itself has {linked} replicas online, not {needed}"


def _among(place: Address, places: t.Iterable[Address]) -> bool:
    return any(place.is_same(other) for other in places)


def _as_seen(entry: Monitored, known: Companions, observed: Observed, expected: Expected) -> t.Iterator[str]:
    if not entry.is_well:
        yield f"the master has the flags {','.join(sorted(entry.flags))}" + (
            "" if entry.role == "master" else f" and the role {entry.role}"
        )
    if entry.others != expected.sentinels - 1:
        yield f"there are {entry.others} other sentinels, not {expected.sentinels - 1}"
    for peer in known.peers:
        if peer.trouble:
            yield f"sentinel {peer.address} is seen {peer.trouble}"
    wanted = expected.replicas.get(entry.name)
    if wanted is not None and entry.replicas != wanted:
        yield f"there are {entry.replicas} replicas, not {wanted}"
    for found in known.replicas:
        if not found.is_well(needs_link=not _among(found.address, expected.unlinked)):
            yield f"replica {found.address} has the flags {','.join(sorted(found.flags))} and its link is {found.link or 'unknown'}"
        elif found.master is not None and not _is_one(observed, found.master, entry.address):
            yield f"replica {found.address} follows {found.master}"
