# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the sentinels and the data nodes of a set: four commands a sentinel, one a master. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection, errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import observe, truth, version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master

# Servers asked side by side.
WORKERS = 16
# Seconds that a replica has to get what its master had a moment ago, and between two looks.
CATCH_UP, PAUSE = 0.5, 0.05

T = t.TypeVar("T")
U = t.TypeVar("U")
# What is noted as the reason why a server does not answer; anything else is raised.
Silences = t.Tuple[t.Type[Exception], ...]
Which = t.Callable[[observe.Monitored], bool]


def sentinels(
    places: t.Sequence[Address], connections: Connections, around: Which = lambda dummy: False, silences: Silences = WRITE_ERRORS
) -> observe.Observed:
    """`around`: of which masters the replicas and the other sentinels are asked for too."""
    observed = observe.Observed()
    for place, answer in zip(places, side_by_side(lambda place: _sentinel(place, connections, around, silences), places)):
        if isinstance(answer, observe.SentinelView):
            observed.sentinels[answer.name] = answer
        else:
            observed.silent[str(place)] = answer
    return observed


def _sentinel(place: Address, connections: Connections, around: Which, silences: Silences) -> observe.SentinelView | str:
    server = connections.sentinel(place)
    try:
        info = connection.info(server.read("INFO"))
        if not _is_sentinel(info):
            raise errors.ServerError(str(place), "ERR", "is a data node, not a sentinel: a sentinel usually listens on port 26379")
        version.supported(f"sentinel {place}", info)
        myid = str(server.read("SENTINEL", "MYID"))
        config = connection.pairs(server.read("SENTINEL", "CONFIG", "GET", "*"))
        view = observe.sentinel(place, info, myid, config, map(connection.pairs, server.read("SENTINEL", "MASTERS")))
        return _around(view, connections, around)
    except silences as error:
        return str(error)


def _is_sentinel(info: observe.Fields) -> bool:
    return _mode(info) == "sentinel"


def _mode(info: observe.Fields) -> str | None:
    return info.get("redis_mode", info.get("server_mode"))


def _around(view: observe.SentinelView, connections: Connections, which: Which) -> observe.SentinelView:
    def asked(name: str) -> observe.Monitored:
        rows, others = replicas(connections, view.address, name), peers(connections, view.address, name)
        return dataclasses.replace(view.masters[name], rows=tuple(rows), peers=tuple(others))

    return dataclasses.replace(view, masters={name: asked(name) if which(entry) else entry for name, entry in view.masters.items()})


def nodes(masters: t.Iterable[Master], connections: Connections, observed: observe.Observed) -> None:
    """Ask the data nodes that tell which node is the master of each, until no answer could tell more."""
    present = [entry for entry in masters if entry.present]
    while True:
        wanted = {place: entry for entry in reversed(present) for place in truth.to_ask(entry, observed)}
        if not wanted:
            break
        ask_nodes(wanted, lambda place, wanted=wanted: node(place, connections, wanted[place]), observed)  # type: ignore[misc]
    # Where a master comes to a sentinel, or to another address, what sentinels know of all others decides too.
    moves = any(not truth.is_settled(entry, observed) for entry in present)
    for view in list(observed.sentinels.values()):
        observed.sentinels[view.name] = _around(view, connections, lambda seen: moves and not seen.rows)


def ask_nodes(places: t.Iterable[Address], ask: t.Callable[[Address], observe.Node], observed: observe.Observed) -> None:
    """A loopback address in the mouth of a sentinel elsewhere is never asked: here it would be another server."""

    def asked(place: Address) -> observe.Node:
        return observe.Node(place, silence=observe.LOCAL) if observed.is_local(place) else ask(place)

    places = list(places)
    observed.nodes.update(zip(places, side_by_side(asked, places)))


def node(
    place: Address, connections: Connections, of: Master | None = None, silences: Silences = WRITE_ERRORS, more: bool = False
) -> observe.Node:
    """What the data node says of itself. `more`: with its settings of replicas."""
    server = connections.data(place, *((None, None) if of is None else (of.credentials, of.renames)))
    try:
        info = connection.info(server.read("INFO"))
        if _is_sentinel(info):
            raise errors.ServerError(str(place), "ERR", "is a sentinel, not a data node: a data node usually listens on port 6379")
        if _mode(info) == "cluster":
            raise errors.ServerError(str(place), "ERR", "has cluster-enabled yes, so no Sentinel can make it a master or a replica")
        version.supported(str(place), info)
        return observe.node(place, info, connection.pairs(server.read("CONFIG", "GET", "*replica*") if more else []))
    except silences as error:
        return observe.Node(place, silence=str(error))


def followers(masters: t.Sequence[Master], connections: Connections, observed: observe.Observed) -> None:
    """Ask every replica itself that a sentinel knows, after its master: what that had then, the replica must have now."""
    wanted: dict[Address, tuple[Master, int]] = {}
    for entry in masters:
        found = [observed.node(one.address) for one in observed.monitored(entry.name).values()]
        offset = max((one.offset for one in found if one is not None and one.is_master), default=0)
        for place in observed.replicas(entry.name):
            if observed.node(place) is None:
                wanted.setdefault(place, (entry, offset))

    def ask(place: Address) -> observe.Node:
        entry, offset = wanted[place]
        return wait.until(lambda: node(place, connections, entry), lambda one: not one.linked or one.offset >= offset, CATCH_UP, PAUSE)

    ask_nodes(wanted, ask, observed)


def master(connections: Connections, sentinel: Address, name: str) -> observe.Monitored:
    """How one sentinel sees one master now. Raises ChangeFailed where it does not know it."""
    return observe.monitored(connection.pairs(connections.sentinel(sentinel).read("SENTINEL", "MASTER", name)), sentinel)


def failing_over(connections: Connections, places: t.Iterable[Address], name: str) -> Address | None:
    """A sentinel that says that a failover is in progress; only the one that leads it does. Raises as Server.ask does."""
    for place in places:
        try:
            if master(connections, place, name).is_failing_over:
                return place
        except errors.ServerError as error:
            if not error.unknown_master:
                raise
    return None


def replicas(connections: Connections, sentinel: Address, name: str) -> list[observe.Replica]:
    """As one sentinel sees them now. Raises as Server.ask does."""
    found = [observe.replica(fields, sentinel) for fields in _entries(connections, sentinel, "REPLICAS", name)]
    return sorted(found, key=lambda entry: entry.address)


def peers(connections: Connections, sentinel: Address, name: str) -> list[observe.Peer]:
    """The other sentinels of a master, as one sees them now. Raises as Server.ask does."""
    return sorted(map(observe.peer, _entries(connections, sentinel, "SENTINELS", name)), key=lambda entry: entry.address)


def _entries(connections: Connections, sentinel: Address, what: str, name: str) -> t.Iterable[dict[str, str]]:
    return map(connection.pairs, connections.sentinel(sentinel).read("SENTINEL", what, name))


def side_by_side(function: t.Callable[[T], U], items: t.Sequence[T]) -> list[U]:
    with ThreadPoolExecutor(max_workers=max(1, min(WORKERS, len(items)))) as pool:
        return list(pool.map(function, items))
