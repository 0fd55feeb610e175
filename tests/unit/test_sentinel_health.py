"""The verdict over a set, from what its sentinels, its master and its replicas say."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from sentinel_set import at, master_node, observed, replica_node, seen, view

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import health, version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.health import Companions, Expected, Replica
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Node, Peer, node

A, B, C = "10.0.2.1:6379", "10.0.2.2:6379", "10.0.2.3:6379"
REPLICAS = tuple(Replica(at(place), frozenset({"slave"}), "ok", at(A), 100, 50) for place in (B, C))


def peer(number: int, **more: t.Any) -> Peer:
    return dataclasses.replace(Peer(Address(f"10.0.1.{number}", 26379), f"id-{number}", frozenset({"sentinel"}), 0.5), **more)


def nodes(**changed: dict[str, t.Any]) -> list[Node]:
    """A and its replicas B and C, linked and up to date."""
    made = {
        "a": master_node(A, online=frozenset({at(B), at(C)}), offset=50),
        "b": replica_node(B, A, linked=True, offset=50),
        "c": replica_node(C, A, linked=True, offset=60),
    }
    return [dataclasses.replace(found, **changed.get(name, {})) for name, found in made.items()]


def reasons(
    there: t.Sequence[Node] | None = None,
    peers: t.Sequence[Peer] | None = None,
    unlinked: t.Sequence[str] = (),
    masters: t.Sequence[str] = (A, A, A),
) -> list[str]:
    views = [view(number, seen("m", place)) for number, place in enumerate(masters, 1)]
    around = {(entry.name, "m"): Companions(REPLICAS, peers if peers is not None else [peer(8), peer(9)]) for entry in views}
    expected = Expected(3, {"m": 2}, frozenset(map(at, unlinked)))
    return health.of_master("m", observed(views, nodes() if there is None else there), around, expected)


def test_all_is_well() -> None:
    assert reasons() == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"b": {"linked": False}}, f"replica {B} says that its link to the master is down"),
        ({"b": {"offset": 49}}, f"replica {B} is 1 bytes behind its master"),
        ({"b": {"master": at(C)}}, f"replica {B} follows {C}"),
        ({"b": {"role": "master", "master": None}}, f"replica {B} says that it is a master"),
        ({"a": {"online": frozenset({at(C)})}}, f"replica {B} is not online yet, says its master"),
        ({"a": {"online": frozenset({at(C)})}}, "the master itself has 1 replicas online, not 2"),
    ],
)
def test_what_nodes_say_themselves(changed: dict[str, dict[str, t.Any]], words: str) -> None:
    assert words in reasons(nodes(**changed))


def test_a_link_that_is_no_matter() -> None:
    there = nodes(b={"linked": False, "offset": 0}, a={"online": frozenset({at(C)})})
    assert reasons(there, unlinked=[B]) == []
    assert len(reasons(there)) == 2


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"flags": frozenset({"sentinel", "s_down"})}, "sentinel 10.0.1.9:26379 is seen as s_down, says 10.0.1.1:26379"),
        ({"flags": frozenset({"sentinel", "disconnected"})}, "is seen as disconnected"),
        ({"silence": 12.0}, "is seen without an answer for 12 s"),
    ],
)
def test_sentinels_see_each_other(trouble: dict[str, t.Any], words: str) -> None:
    found = reasons(peers=[peer(8), peer(9, **trouble)])
    assert len(found) == 3 and words in found[0]
    # What another one says of the master is about the master.
    assert reasons(peers=[peer(8), peer(9, flags=frozenset({"sentinel", "master_down"}))]) == []


def test_one_server_by_its_name_and_its_address_is_no_disagreement() -> None:
    name = "redis-a.invalid:6379"
    named = dataclasses.replace(nodes()[0], address=at(name))
    assert reasons([*nodes(), named], masters=[A, A, name]) == []
    other = dataclasses.replace(named, run_id="another")
    assert "the sentinels disagree" in reasons([*nodes(), other], masters=[A, A, name])[0]


def test_a_masters_own_list_is_read() -> None:
    info = {"role": "master", "master_repl_offset": "7", "slave0": "ip=10.0.2.2,port=6379,state=online,offset=7,lag=0"}
    info["slave1"] = "ip=::1,port=6379,state=wait_bgsave,offset=0,lag=0,type=replica"
    found = node(at(A), {**info, "slave_expires_tracked_keys": "0"})
    assert (found.online, found.offset) == (frozenset({at(B)}), 7)


def test_the_oldest_version() -> None:
    assert str(version.supported("x", {"redis_version": "6.2.0"})) == "Redis 6.2.0"
    assert version.supported("x", {"redis_version": "7.2.4", "valkey_version": "8.1.1"}).is_valkey
    with pytest.raises(Refused, match=r"x: runs Redis 6\.0\.16, and 6.2 is the oldest"):
        version.supported("x", {"redis_version": "6.0.16"})
