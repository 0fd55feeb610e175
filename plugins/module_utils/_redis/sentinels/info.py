# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_sentinel_info from end to end. Private to this collection."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, health, options, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.health import NOBODY, Expected, Known
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Node, Observed, SentinelView
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired, Master

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]

# Seconds between two looks while waiting.
PAUSE = 0.5


def look(params: Params, access: Access) -> tuple[Result, str | None]:
    """The module's result, and in one line why it fails: where it waited in vain."""
    declared = desired.declare({**params, "settings": None, "masters": [{**item, "state": "present"} for item in params["masters"]]})
    unlinked = _unlinked(params["masters"])
    count = params["sentinel_count"] or len(declared.sentinels)
    if count < len(declared.sentinels):
        raise Refused([f"sentinel_count: is {count}, and sentinels names {len(declared.sentinels)}"])
    connections = Connections(access)
    deadline = time.monotonic() + params["wait_timeout"]
    while True:
        late = time.monotonic() >= deadline
        try:
            result = _once(declared, count, unlinked, connections)
        except (ChangeFailed, NoAnswer, Unreachable):
            # What is lost between two questions is one more thing that is not well yet.
            if late or not params["wait"]:
                raise
            connections = Connections(access)
            time.sleep(PAUSE)
            continue
        if result["healthy"] or not params["wait"]:
            return result, None
        if late:
            more = f" (and {len(result['reasons']) - 1} more reasons)" if len(result["reasons"]) > 1 else ""
            return result, f"{result['reasons'][0]}{more} (waited {params['wait_timeout']:g} s)"
        time.sleep(PAUSE)


def _unlinked(items: t.Iterable[Params]) -> frozenset[Address]:
    """Raises Refused."""
    try:
        return frozenset(address.parse(text, desired.DATA_PORT) for item in items for text in item["unlinked"])
    except ValueError as error:
        raise Refused([f"masters: unlinked: {error}"]) from error


def _once(declared: Desired, count: int, unlinked: frozenset[Address], connections: Connections) -> Result:
    observed = read.sentinels(declared, connections)
    known = sorted({name for view in observed.sentinels.values() for name in view.masters})
    named = {entry.name: entry for entry in declared.masters}
    masters = tuple(named.values()) or tuple(Master(name) for name in known)
    read.nodes(dataclasses.replace(declared, masters=masters), connections, observed)
    around = read.companions(masters, connections, observed)
    read.followers(masters, connections, observed, around)
    expected = Expected(count, {entry.name: entry.replicas for entry in masters if entry.replicas is not None}, unlinked)
    shown = [_master(entry.name, observed, around, expected) for entry in masters]
    reasons = health.of_sentinels(observed, expected)
    reasons += [f"master {entry['name']}: {reason}" for entry in shown for reason in entry["reasons"]]
    return {
        "healthy": not reasons,
        "reasons": reasons,
        "masters": shown,
        "sentinels": [*map(_sentinel, observed.sentinels.values()), *_silent(observed)],
    }


def _sentinel(view: SentinelView) -> Result:
    settings = {name: value for name, value in view.settings.items() if name not in options.SECRET_SETTINGS}
    return {
        "name": view.name,
        "host": view.address.host,
        "port": view.address.port,
        "reachable": True,
        "server": view.version.name,
        "version": ".".join(map(str, view.version.number)),
        "id": view.myid,
        "tilt": view.tilt,
        "settings": settings,
        "masters": sorted(view.masters),
    }


def _silent(observed: Observed) -> list[Result]:
    return [{"name": name, "reachable": False, "reason": reason} for name, reason in observed.silent.items()]


def _master(name: str, observed: Observed, around: Known, expected: Expected) -> Result:
    seen = observed.monitored(name)
    addresses = {str(entry.address) for entry in seen.values()}
    reasons = health.of_master(name, observed, around, expected)
    node = next((found for entry in seen.values() if isinstance(found := observed.nodes.get(entry.address), Node)), None)
    first = next(iter(sorted(seen)), None)
    return {
        "name": name,
        "address": addresses.pop() if len(addresses) == 1 else None,
        "healthy": not reasons,
        "reasons": reasons,
        "role": None if node is None else node.role,
        "server": None if node is None else node.version.name,
        "version": None if node is None else ".".join(map(str, node.version.number)),
        "replicas": [] if first is None else [entry.shown() for entry in around.get((first, name), NOBODY).replicas],
        "options": {} if first is None else dict(seen[first].values),
        "by_sentinel": {
            sentinel: {
                "address": str(entry.address),
                "epoch": entry.epoch,
                "flags": sorted(entry.flags),
                "quorum": int(entry.values["quorum"]),
                "sentinels": [{"address": str(peer.address), "flags": sorted(peer.flags)} for peer in around[sentinel, name].peers],
            }
            for sentinel, entry in sorted(seen.items())
        },
    }
