# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a set's health, each with a code: the verdict, the gates and the planned failover choose among them. Pure.

Private to this collection. SENTINEL CKQUORUM answers OK in TILT, with the master down, at a wrong address and without a replica, so it is
not used. What Sentinel says of a replica's link is up to 10 seconds old, so the replicas and their master are asked themselves.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, counted
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Node, Observed, Peer, Replica

Row = t.TypeVar("Row", Replica, Peer)

SILENT, TILT, SAME_ID, DISAGREE = "sentinel.silent", "sentinel.tilt", "sentinels.same_id", "sentinels.disagree"
FAILING_OVER, MASTER_FLAGS, MASTER_ROLE, REPLICA_ROLE = "master.failing_over", "master.flags", "master.role", "replica.role"
PRIORITIES, TIMEOUT = "replicas.priority", "failover_timeout.low"
# What a person has to put right: waiting does not help.
LASTING = frozenset(
    {SAME_ID, "master.unknown", "master.fence", "master.no_replica", "node.two_names", "to.unknown", "to.priority", TIMEOUT}
)


def passes(problem: Problem) -> bool:
    """Whether waiting may help."""
    return problem.code not in LASTING


@dataclass(frozen=True)
class Expected:
    """`sentinels`: how many watch a master; `replicas`: master -> how many it has; what is not given is not counted.

    `without_link`: replicas that may be without a link to their master. `at_least`: more than expected are good, too. `leaving`: nodes and
    sentinels that are about to be removed: they are neither counted nor judged.
    """

    sentinels: int | None = None
    replicas: t.Mapping[str, int] | None = None
    without_link: frozenset[Address] = frozenset()
    at_least: bool = False
    leaving: frozenset[Address] = frozenset()

    def leaves(self, place: Address) -> bool:
        return any(place.is_same(other) for other in self.leaving)

    def staying(self, rows: t.Iterable[Row]) -> list[Row]:
        return [row for row in rows if not self.leaves(row.address)]

    def may_lack_link(self, place: Address) -> bool:
        return any(place.is_same(other) for other in self.without_link)

    def count(self, code: str, what: str, found: int, wanted: int | None, item: str) -> t.Iterator[Problem]:
        if wanted is not None and (found < wanted if self.at_least else found != wanted):
            yield Problem(code, f"{found} {what}{'' if found == 1 else 's'} known, {wanted} expected", item)


def of_sentinels(observed: Observed) -> t.Iterator[Problem]:
    """What is wrong with the sentinels themselves."""
    for name, reason in sorted(observed.silent.items()):
        yield _silent(SILENT, name, reason, f"sentinel {name}")
    by_id: dict[str, list[str]] = {}
    for view in observed.sentinels.values():
        by_id.setdefault(view.myid, []).append(view.name)
        if view.tilt:
            stood = "is in TILT: its clock or its host stopped for a while, so it takes no part in failovers for 30 s"
            yield Problem(TILT, stood, f"sentinel {view.name}")
    for myid, names in sorted(by_id.items()):
        if len(names) > 1:
            same = f"have the same id {myid}: these are two addresses of one sentinel, or one sentinel.conf was copied"
            remedy = "if it was copied, delete the line 'sentinel myid' in the copy and start that sentinel again"
            yield Problem(SAME_ID, same, f"sentinels {' and '.join(names)}", remedy=remedy)


def of_master(name: str, observed: Observed, expected: Expected) -> t.Iterator[Problem]:
    """What is wrong with a master, as all sentinels, the node itself and its replicas have it."""
    seen = observed.monitored(name)
    for view in observed.sentinels:
        if view not in seen:
            yield Problem("master.unknown", "this master is not monitored there", f"sentinel {view}", remedy="check the name of the master")
    places = _distinct(observed, sorted({entry.address for entry in seen.values()}))
    if len(places) > 1:
        yield disagreement(seen)
    elif len({entry.epoch for entry in seen.values()}) > 1:
        epochs = ", ".join(f"{who} is in {one.epoch}" for who, one in sorted(seen.items()))
        yield Problem("sentinels.epochs", f"the epochs differ: {epochs}")
    for place in places:
        found = observed.asked(place)
        if found.silence:
            yield _silent("master.silent", place, found.silence, f"data node {place}")
        elif not found.is_master:
            says = f"the sentinels name it as the master, it says that it is {found.says}"
            yield Problem(MASTER_ROLE, says, str(place))
        elif len(places) == 1:
            yield from _as_they_say(name, found, observed, expected)
    for sentinel, entry in sorted(seen.items()):
        yield from as_seen(sentinel, entry, expected)
        for row in expected.staying(entry.rows):
            if row.is_healthy(needs_link=False) and row.master is not None and not _is_one(observed, row.master, entry.address):
                who = f"replica {row.address}: sentinel {sentinel}"
                yield Problem("replica.seen_elsewhere", f"is seen as a replica of {row.master}", who)


def as_seen(sentinel: str, entry: Monitored, expected: Expected) -> t.Iterator[Problem]:
    """What is wrong with a master in the eyes of one sentinel."""
    who = f"sentinel {sentinel}"
    if entry.is_failing_over:
        yield Problem(FAILING_OVER, "a failover is in progress", who)
    elif not entry.connected and not entry.is_healthy:
        remedy = "if this lasts, check auth_user and auth_pass, and the network between them"
        yield Problem("master.not_reached", f"no connection to the master at {entry.address} yet", who, remedy=remedy)
    elif not entry.is_healthy:
        role = "" if entry.role == "master" else f" and the role {entry.role}"
        flags = f"the master {entry.address} is seen with the flags {','.join(sorted(entry.flags))}{role}"
        yield Problem(MASTER_FLAGS, flags, who)
    others = None if expected.sentinels is None else expected.sentinels - 1
    staying = expected.staying(entry.peers)
    yield from expected.count("sentinels.count", "other sentinel", entry.others - len(entry.peers) + len(staying), others, who)
    for peer in staying:
        if peer.trouble:
            yield Problem("sentinel.flags", f"sentinel {peer.address} is seen {peer.trouble}", who)
    wanted = (expected.replicas or {}).get(entry.name)
    if wanted is not None and expected.leaves(entry.address):
        wanted += 1  # the node that counts as the master is a replica still
    rows = expected.staying(entry.rows)
    yield from expected.count("replicas.count", "replica", entry.replicas - len(entry.rows) + len(rows), wanted, who)
    for row in rows:
        if not row.is_healthy(needs_link=not expected.may_lack_link(row.address)):
            flags = f"is seen with the flags {','.join(sorted(row.flags))}, its link is {row.link or 'unknown'}"
            yield Problem("replica.flags", flags, f"replica {row.address}: {who}")


def of_failover(name: str, observed: Observed) -> t.Iterator[Problem]:
    """Why Sentinel could not fail this master over, or would not get to the end of it, by the options and priorities that it sees."""
    seen = observed.monitored(name)
    priorities = [row.priority for entry in seen.values() for row in entry.rows]
    if priorities and not any(priorities):
        remedy = "give at least one a replica-priority above 0; Sentinel sees that within 10 s"
        yield Problem(PRIORITIES, "all replicas have replica-priority 0, so none is ever promoted", remedy=remedy)
    for sentinel, entry in sorted(seen.items()):
        timeout, down_after = (int(entry.values.get(word, 0)) for word in ("failover_timeout", "down_after_milliseconds"))
        if timeout < down_after:
            low = f"failover_timeout is {timeout} ms and down_after_milliseconds {down_after}, so a failover is given up too early"
            yield Problem(TIMEOUT, low, f"sentinel {sentinel}", remedy="make failover_timeout longer than down_after_milliseconds")
        if "down_after_milliseconds" in entry.values and down_after < options.SHORTEST_DOWN_AFTER:
            short = f"down_after_milliseconds is {down_after}, and a sentinel looks at its clock every 100 ms, so it sees all nodes as down"
            yield Problem("down_after.low", short, f"sentinel {sentinel}", remedy="set it to 500 or more")
        quorum, count = int(entry.values.get("quorum", 1)), entry.others + 1
        if quorum > count:
            never = f"the quorum is {quorum}, of {counted(count, 'sentinel')}, so no failover ever begins"
            yield Problem("quorum.unreachable", never, f"sentinel {sentinel}", remedy=f"set the quorum to {count // 2 + 1}")


_OF_SENTINEL = re.compile(r"((?:.*: )?)sentinel (\S+)")


def once(problems: t.Iterable[Problem]) -> list[Problem]:
    """Each problem once, with all the sentinels that it is true of."""
    names: dict[tuple[str, Problem], list[str]] = {}
    for problem in problems:
        match = _OF_SENTINEL.fullmatch(problem.item)
        before, name = match.groups() if match else (problem.item, "")
        named = names.setdefault((before, dataclasses.replace(problem, item="")), [])
        named += [name] if name not in named else []
    return [dataclasses.replace(problem, item=before + _sentinels(who)) for (before, problem), who in names.items()]


def _sentinels(names: list[str]) -> str:
    return f"sentinel{'s' if len(names) > 1 else ''} {together(names)}" if names != [""] else ""


def together(names: t.Sequence[t.Any]) -> str:
    """A, B and C."""
    words = list(map(str, names))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def disagreement(seen: t.Mapping[str, Monitored]) -> Problem:
    named = ", ".join(f"{sentinel} watches {entry.address}" for sentinel, entry in sorted(seen.items()))
    return Problem(DISAGREE, f"the sentinels disagree: {named}")


def _as_they_say(name: str, master: Node, observed: Observed, expected: Expected) -> t.Iterator[Problem]:
    """What is wrong by what the replicas themselves, and their master, say."""
    replicas = [place for place in observed.replicas(name) if not expected.leaves(place)]
    wanted = (expected.replicas or {}).get(name)
    wanted = 0 if wanted is None else wanted + expected.leaves(master.address)
    for place in replicas:
        found, item = observed.asked(place), f"replica {place}"
        if found.silence:
            yield _silent("replica.silent", place, found.silence, item)
        elif found.is_master:
            remedy = "make one of the two a replica; this module does not choose"
            yield Problem(REPLICA_ROLE, f"says that it is a master, and so does {master.address}", item, remedy=remedy)
        elif found.master is None or not _is_one(observed, found.master, master.address):
            yield Problem("replica.other_master", f"replicates from {found.master}, not from {master.address}", item)
        elif expected.may_lack_link(place):
            continue
        elif not found.linked:
            remedy = "wait for its synchronisation, repair or stop it, or give it replica-priority 0"
            yield Problem("replica.link", "says that its link to the master is down", item, remedy=remedy)
        elif place not in master.online:
            yield Problem("replica.not_online", "is not online yet, says its master", item)
        elif found.offset < master.offset:
            yield Problem("replica.behind", f"is {master.offset - found.offset} bytes behind its master", item)
    linked = sum(not (expected.may_lack_link(place) or expected.leaves(place)) for place in master.online)
    needed = wanted - sum(map(expected.may_lack_link, replicas))
    if linked < needed:
        online = f"{linked} replica{'' if linked == 1 else 's'} online, {needed} expected"
        yield Problem("replicas.online", online, f"data node {master.address}")


def _silent(code: str, place: t.Any, reason: str, item: str) -> Problem:
    return Problem(code, f"cannot be asked: {reason[len(f'{place}: ') :] if reason.startswith(f'{place}: ') else reason}", item)


def _distinct(observed: Observed, places: t.Iterable[Address]) -> list[Address]:
    """One of a server's addresses, where a name and an IP address lead to it."""
    found: list[Address] = []
    for place in places:
        if not any(_is_one(observed, place, other) for other in found):
            found.append(place)
    return found


def _is_one(observed: Observed, one: Address, other: Address) -> bool:
    """By what they say of themselves where both were asked; only else by a look-up."""
    return observed.is_one(one, other) or one.is_same(other)
