"""A set of sentinels and data nodes in memory: what they say, and what becomes of them when a planned step is written."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address, parse
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import (
    Monitored,
    Node,
    Observed,
    Peer,
    Replica,
    SentinelView,
)
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.steps import Write

REDIS_7_0 = Version("Redis", (7, 0, 15))
WELL = frozenset({"master"})


def at(text: str) -> Address:
    return parse(text, 6379)


def master_node(place: str, replicas: int = 2, **more: t.Any) -> Node:
    return Node(at(place), run_id=f"run-{place}", role="master", version=REDIS_7_0, replicas=replicas, **more)


def replica_node(place: str, of: str, **more: t.Any) -> Node:
    return Node(at(place), run_id=f"run-{place}", role="slave", version=REDIS_7_0, master=at(of), **more)


def seen(name: str, place: str, quorum: str = "2", **more: t.Any) -> Monitored:
    values = {"quorum": quorum, "down_after_milliseconds": "30000", "failover_timeout": "180000", "parallel_syncs": "1"}
    values.update(more.pop("values", {}))
    entry = Monitored(name, at(place), WELL, values, replicas=2, others=2, epoch=0, role="master", run_id=f"run-{place}")
    return dataclasses.replace(entry, **more)


def peer(number: int, *flags: str, silence: float = 0.5) -> Peer:
    return Peer(Address(f"10.0.1.{number}", 26379), f"id-{number}", frozenset({"sentinel", *flags}), silence)


def row(place: str, of: str, *flags: str, **more: t.Any) -> Replica:
    return dataclasses.replace(Replica(at(place), frozenset({"slave", *flags}), "ok", at(of), 100, 50), **more)


def view(number: int, *masters: Monitored, **more: t.Any) -> SentinelView:
    entry = SentinelView(Address(f"10.0.1.{number}", 26379), REDIS_7_0, f"id-{number}", False, {}, {m.name: m for m in masters})
    return dataclasses.replace(entry, **more)


def observed(views: t.Iterable[SentinelView], nodes: t.Iterable[Node] = (), **silent: str) -> Observed:
    found = Observed({entry.name: entry for entry in views})
    found.nodes.update({entry.address: entry for entry in nodes})
    found.nodes.update({at(place): Node(at(place), silence=reason) for place, reason in silent.items()})
    return found


def written(there: Observed, change: Change) -> Observed:
    """As a sentinel would take it."""
    views = dict(there.sentinels)
    before = views[change.identity["sentinel"]]
    write: Write = change.payload
    values = {word: str(options.plain(value)) for word, value in write.set}
    if change.kind == "sentinel":
        settings = {**before.settings, **{option.name: values[option.word] for option in options.SETTINGS if option.word in values}}
        views[before.name] = dataclasses.replace(before, settings=settings)
        return dataclasses.replace(there, sentinels=views)
    masters, name = dict(before.masters), change.identity["name"]
    told = {option.name: values[option.word] for option in options.SHOWN if option.word in values}
    if change.action == "delete":
        del masters[name]
    elif write.master is not None:
        place = str(write.master)
        masters[name] = seen(name, place, write.quorum, values=told)
    else:
        masters[name] = dataclasses.replace(masters[name], values={**masters[name].values, **told})
    views[before.name] = dataclasses.replace(before, masters=masters)
    return dataclasses.replace(there, sentinels=views)
