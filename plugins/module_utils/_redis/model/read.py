# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the sentinels and the data nodes of a set: four commands a sentinel, one a master. Private to this collection."""

from __future__ import annotations

import dataclasses
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.errors import ServerError
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import health, observe, truth, version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.health import Companions, Known, Replica
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Node, Observed, Peer, SentinelView
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired, Master, Sentinel

# Servers asked side by side.
WORKERS = 16
# Seconds that a replica has to get what its master had a moment ago, and between two looks: what is under way is not missing.
CATCH_UP, PAUSE = 0.5, 0.05

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


def failing_over(connections: Connections, places: t.Iterable[Address], name: str) -> Address | None:
    """A sentinel that says that a failover is in progress; only the one that leads it does. Raises as Server.ask does."""
    for place in places:
        try:
            if master(connections, place, name).is_failing_over:
                return place
        except ServerError as error:
            if "No such master" not in error.text:
                raise
    return None


def master(connections: Connections, sentinel: Address, name: str) -> Monitored:
    """How one sentinel sees one master now. Raises ChangeFailed where it does not know it."""
    return observe.monitored(connection.pairs(connections.sentinel(sentinel).read("SENTINEL", "MASTER", name)))


def _sentinel(entry: Sentinel, connections: Connections) -> SentinelView | str:
    server = connections.sentinel(entry.address)
    try:
        info = connection.info(server.read("INFO"))
        if info.get("redis_mode", info.get("server_mode")) != "sentinel":
            return f"{entry.name}: is a data node, not a sentinel: those listen on port 26379 as a rule"
        version.supported(f"sentinel {entry.name}", info)
        myid = str(server.read("SENTINEL", "MYID"))
        config = connection.pairs(server.read("SENTINEL", "CONFIG", "GET", "*"))
        masters = [connection.pairs(fields) for fields in server.read("SENTINEL", "MASTERS")]
    except (ChangeFailed, NoAnswer, Unreachable) as error:
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
            break
        observed.nodes.update(zip(wanted, _side_by_side(lambda pair: _node(pair[0], pair[1], connections), list(wanted.items()))))

    for entry in desired.masters:
        if entry.present and truth.strangers(entry, observed):
            views = [view for view in observed.sentinels.values() if entry.name in view.masters]
            rows = [row for view in views for row in _replicas(connections.sentinel(view.address), entry.name)]
            observed.replicas[entry.name] = frozenset(row.address for row in rows)


def _node(place: Address, of: Master, connections: Connections) -> Node | str:
    try:
        info = connection.info(connections.data(place, of).read("INFO"))
    except (ChangeFailed, NoAnswer, Unreachable) as error:
        return str(error)
    version.supported(str(place), info)
    return observe.node(place, info)


def _stale(desired: Desired, connections: Connections, view: SentinelView) -> dict[str, list[str]]:
    """Master -> the dead that this sentinel still counts, beyond what is declared: all that a RESET makes it forget."""
    server, found = connections.sentinel(view.address), {}
    for entry in desired.masters:
        seen = view.masters.get(entry.name)
        if seen is None or not entry.present:
            continue
        dead = []
        if seen.others > len(desired.sentinels) - 1:
            dead += [f"sentinel {peer.address}" for peer in _peers(server, entry.name) if "s_down" in peer.flags]
        if dead or (entry.replicas is not None and seen.replicas > entry.replicas):
            dead += [f"replica {row.address}" for row in _replicas(server, entry.name) if "s_down" in row.flags]
        found[entry.name] = dead
    return found


def companions(masters: t.Sequence[Master], connections: Connections, observed: Observed) -> Known:
    """What every sentinel knows around these masters."""
    views = list(observed.sentinels.values())

    # A connection is for one thread: each sentinel is asked for all of its masters by one.
    def ask(view: SentinelView) -> list[tuple[str, Companions]]:
        server = connections.sentinel(view.address)
        names = [entry.name for entry in masters if entry.name in view.masters]
        return [(name, Companions(_replicas(server, name), _peers(server, name))) for name in names]

    return {(view.name, name): found for view, told in zip(views, _side_by_side(ask, views)) for name, found in told}


def followers(masters: t.Sequence[Master], connections: Connections, observed: Observed, known: Known) -> None:
    """Ask every replica itself that a sentinel knows, after its master: what that had then, the replica must have now."""
    wanted: dict[Address, tuple[Master, int]] = {}
    for entry in masters:
        seen = observed.monitored(entry.name)
        nodes = [node for node in map(observed.node, {one.address for one in seen.values()}) if node is not None]
        offset = max((node.offset for node in nodes if node.is_master), default=0)
        for sentinel in seen:
            for row in known[(sentinel, entry.name)].replicas:
                if not isinstance(observed.nodes.get(row.address), Node):
                    wanted.setdefault(row.address, (entry, offset))

    def ask(item: tuple[Address, tuple[Master, int]]) -> Node | str:
        place, (entry, offset) = item
        deadline = time.monotonic() + CATCH_UP
        while True:
            found = _node(place, entry, connections)
            behind = isinstance(found, Node) and found.linked and found.offset < offset
            if not behind or time.monotonic() >= deadline:
                return found
            time.sleep(PAUSE)

    observed.nodes.update(zip(wanted, _side_by_side(ask, list(wanted.items()))))


def replicas(connections: Connections, sentinel: Address, name: str) -> list[Replica]:
    """As one sentinel sees them now. Raises as Server.ask does."""
    return _replicas(connections.sentinel(sentinel), name)


def peers(connections: Connections, sentinel: Address, name: str) -> list[Peer]:
    """The other sentinels of a master, as one sees them now. Raises as Server.ask does."""
    return _peers(connections.sentinel(sentinel), name)


def _replicas(server: Server, name: str) -> list[Replica]:
    found = (health.replica(connection.pairs(fields)) for fields in server.read("SENTINEL", "REPLICAS", name))
    return sorted(found, key=lambda entry: entry.address)


def _peers(server: Server, name: str) -> list[Peer]:
    found = (observe.peer(connection.pairs(fields)) for fields in server.read("SENTINEL", "SENTINELS", name))
    return sorted(found, key=lambda entry: entry.address)


def _side_by_side(function: t.Callable[[T], U], items: t.Sequence[T]) -> list[U]:
    with ThreadPoolExecutor(max_workers=max(1, min(WORKERS, len(items)))) as pool:
        return list(pool.map(function, items))
