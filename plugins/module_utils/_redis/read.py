# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the sentinels and the data nodes of a set: five commands a sentinel, one a master. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.eco2.platform.plugins.module_utils._convergence import ChangeFailed, NoAnswer, Refused, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection, health, observe, truth
from ansible_collections.eco2.platform.plugins.module_utils._redis.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.desired import Desired, Master, Sentinel
from ansible_collections.eco2.platform.plugins.module_utils._redis.health import Replica, Replicas
from ansible_collections.eco2.platform.plugins.module_utils._redis.observe import Monitored, Node, Observed, SentinelView

# Servers asked side by side.
WORKERS = 16

T = t.TypeVar("T")
U = t.TypeVar("U")


def read(desired: Desired, connections: Connections, stale: bool = False) -> Observed:
    """What all of them say. A sentinel that does not answer is in `silent`, a node that does not is in `nodes` with the reason.

    `stale`: whether to ask also which of the replicas and sentinels that are known are dead.
    """
    observed = sentinels(desired, connections)
    nodes(desired, connections, observed)
    if stale:
        for view in list(observed.sentinels.values()):
            observed.sentinels[view.name] = dataclasses.replace(view, stale=_stale(desired, connections, view))
    return observed


def sentinels(desired: Desired, connections: Connections) -> Observed:
    observed = Observed()
    answers = _side_by_side(lambda entry: _sentinel(entry, connections), desired.sentinels)
    for entry, answer in zip(desired.sentinels, answers):
        if isinstance(answer, SentinelView):
            observed.sentinels[entry.name] = answer
        else:
            observed.silent[entry.name] = answer
    return observed


def master(connections: Connections, sentinel: Address, name: str) -> Monitored:
    """How one sentinel sees one master now. Raises ChangeFailed where it does not know it."""
    return observe.monitored(connection.pairs(connections.sentinel(sentinel).read("SENTINEL", "MASTER", name)))


def _sentinel(entry: Sentinel, connections: Connections) -> SentinelView | str:
    server = connections.sentinel(entry.address)
    try:
        info = connection.info(server.read("INFO"))
        if info.get("redis_mode", info.get("server_mode")) != "sentinel":
            return f"{entry.name}: is a data node, not a sentinel: those listen on port 26379 as a rule"
        myid = str(server.read("SENTINEL", "MYID"))
        config = connection.pairs(server.read("SENTINEL", "CONFIG", "GET", "*"))
        masters = [connection.pairs(fields) for fields in server.read("SENTINEL", "MASTERS")]
    except (ChangeFailed, NoAnswer, Refused, Unreachable) as error:
        return str(error)
    return observe.sentinel(entry.address, info, myid, config, masters)


def nodes(desired: Desired, connections: Connections, observed: Observed) -> None:
    """Until no answer could tell more of any master."""
    while True:
        wanted: dict[Address, Master] = {}
        for entry in desired.masters:
            if entry.present:
                for place in truth.to_ask(entry, observed):
                    wanted.setdefault(place, entry)
        if not wanted:
            return
        observed.nodes.update(zip(wanted, _side_by_side(lambda pair: _node(pair[0], pair[1], connections), list(wanted.items()))))


def _node(place: Address, of: Master, connections: Connections) -> Node | str:
    try:
        return observe.node(place, connection.info(connections.data(place, of).read("INFO")))
    except (ChangeFailed, NoAnswer, Refused, Unreachable) as error:
        return str(error)


def _stale(desired: Desired, connections: Connections, view: SentinelView) -> dict[str, list[str]]:
    """Master -> the dead that this sentinel still counts, beyond what is declared."""
    server, found = connections.sentinel(view.address), {}
    for entry in desired.masters:
        seen = view.masters.get(entry.name)
        if seen is None or not entry.present:
            continue
        dead = []
        if seen.others > len(desired.sentinels) - 1:
            dead += [f"sentinel {name}" for name in _dead(server.read("SENTINEL", "SENTINELS", entry.name))]
        if entry.replicas is not None and seen.replicas > entry.replicas:
            dead += [f"replica {name}" for name in _dead(server.read("SENTINEL", "REPLICAS", entry.name))]
        found[entry.name] = dead
    return found


def replicas(masters: t.Sequence[Master], connections: Connections, observed: Observed) -> Replicas:
    views = list(observed.sentinels.values())

    # A connection is for one thread: each Sentinel is asked for all of its masters by one.
    def ask(view: SentinelView) -> list[tuple[str, list[Replica]]]:
        server = connections.sentinel(view.address)
        return [(entry.name, _replicas(server.read("SENTINEL", "REPLICAS", entry.name))) for entry in masters if entry.name in view.masters]

    return {(view.name, name): found for view, told in zip(views, _side_by_side(ask, views)) for name, found in told}


def _replicas(reply: t.Any) -> list[Replica]:
    return sorted((health.replica(connection.pairs(fields)) for fields in reply), key=lambda entry: entry.address)


def _dead(reply: t.Any) -> list[str]:
    entries = [connection.pairs(fields) for fields in reply]
    return sorted(f"{entry['ip']}:{entry['port']}" for entry in entries if "s_down" in entry["flags"].split(","))


def _side_by_side(function: t.Callable[[T], U], items: t.Sequence[T]) -> list[U]:
    with ThreadPoolExecutor(max_workers=max(1, min(WORKERS, len(items)))) as pool:
        return list(pool.map(function, items))
