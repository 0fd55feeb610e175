# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a set is well, and in words why it is not. Pure. Private to this collection.

SENTINEL CKQUORUM answers OK in TILT, with the master down, at a wrong address and without a replica: it is not asked.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._redis.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.observe import Monitored, Node, Observed

Fields = t.Mapping[str, str]
# (sentinel, master) -> the replicas that this sentinel knows of it.
Replicas = t.Mapping[t.Tuple[str, str], t.Sequence["Replica"]]


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


def of_master(name: str, observed: Observed, replicas: Replicas, expected: Expected) -> list[str]:
    """What is wrong with a master, as all sentinels and the node itself have it."""
    seen = observed.monitored(name)
    reasons = [f"sentinel {view} does not know it" for view in observed.sentinels if view not in seen]
    if len({entry.address for entry in seen.values()}) > 1:
        reasons.append(
            "the sentinels disagree: " + ", ".join(f"{sentinel} watches {entry.address}" for sentinel, entry in sorted(seen.items()))
        )
    elif len({entry.epoch for entry in seen.values()}) > 1:
        reasons.append("the epochs differ: " + ", ".join(f"{sentinel} is in {entry.epoch}" for sentinel, entry in sorted(seen.items())))
    for place in sorted({entry.address for entry in seen.values()}):
        found = observed.nodes.get(place)
        if not isinstance(found, Node):
            reasons.append(f"{place} does not answer: {found}")
        elif not found.is_master:
            reasons.append(f"{place} says that it is a {found.role}, of {found.master}")
    for sentinel, entry in sorted(seen.items()):
        reasons += [f"{reason}, says {sentinel}" for reason in _as_seen(entry, replicas.get((sentinel, name), ()), expected)]
    return reasons


def _as_seen(entry: Monitored, replicas: t.Sequence[Replica], expected: Expected) -> t.Iterator[str]:
    if not entry.is_well:
        yield f"the master has the flags {','.join(sorted(entry.flags))}" + (
            "" if entry.role == "master" else f" and the role {entry.role}"
        )
    if entry.others != expected.sentinels - 1:
        yield f"there are {entry.others} other sentinels, not {expected.sentinels - 1}"
    wanted = expected.replicas.get(entry.name)
    if wanted is not None and entry.replicas != wanted:
        yield f"there are {entry.replicas} replicas, not {wanted}"
    for found in replicas:
        if not found.is_well(needs_link=found.address not in expected.unlinked):
            yield f"replica {found.address} has the flags {','.join(sorted(found.flags))} and its link is {found.link or 'unknown'}"
        elif found.master is not None and found.master != entry.address:
            yield f"replica {found.address} follows {found.master}"
