"""What a planned failover decides from what it sees, without a server."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel_set import master_node, observed, replica_node, row
from sentinel_set import seen as monitored
from sentinel_set import view as sentinel

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import gate, leftovers
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import MARK, Fence, original_priority, raised
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.scene import Scene
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Node, SentinelView
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import node as read_node
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version

LARGEST = 2**31 - 1  # what Redis takes for either setting
SETTINGS = {"replica-priority": "100", "min-replicas-to-write": "0", "min-replicas-max-lag": "10"}

A, B, C, D = (Address.of(f"10.0.2.{number}", 6379) for number in (1, 2, 3, 4))


def fenced(own: Fence) -> dict[str, str]:
    """The settings of a master of two replicas that was fenced."""
    up = own.raised(2)
    values = (("min_replicas_to_write", up.to_write), ("min_replicas_max_lag", up.max_lag), ("replica_priority", up.priority))
    return {name: str(value) for name, value in values}


def node(address: Address, role: str = "slave", silence: str = "", **settings: str) -> Node:
    made = master_node(str(address)) if role == "master" else replica_node(str(address), str(A), linked=True)
    return replace(made, silence=silence, settings={**SETTINGS, **{name.replace("_", "-"): value for name, value in settings.items()}})


def view(number: int, **more: t.Any) -> SentinelView:
    rows = more.pop("rows", (row(str(B), str(A)), row(str(C), str(A))))
    return sentinel(number, monitored("m", more.pop("place", str(A)), rows=rows, **more))


def flags(*words: str) -> dict[str, t.Any]:
    return {"flags": frozenset(words)}


def scene(
    views: t.Sequence[SentinelView] = (view(1), view(2), view(3)),
    nodes: t.Sequence[Node] = (node(A, "master"), node(B), node(C)),
    silent: t.Sequence[str] = (),
) -> Scene:
    there = observed(views, nodes)
    there.silent.update(dict.fromkeys(silent, "gone"))
    return Scene("m", there, t.cast(Connections, None))


def problems(seen: Scene, to: Address | None = None, every: bool = True) -> list[Problem]:
    return gate.problems(seen, to, every)


def codes(seen: Scene, to: Address | None = None, every: bool = True) -> set[str]:
    return {problem.code for problem in problems(seen, to, every)}


def test_a_healthy_set_has_no_problems() -> None:
    assert problems(scene()) == problems(scene(), B) == []


@pytest.mark.parametrize(
    ("seen", "code", "item"),
    [
        (scene([view(1), view(2), view(3, **flags("master", "s_down"))]), "master.flags", "sentinel 10.0.1.3:26379"),
        (scene([view(1), view(2), view(3, **flags("master", "failover_in_progress"))]), "master.failing_over", "sentinel 10.0.1.3:26379"),
        (scene([view(1), view(2), view(3, place=str(B))]), "sentinels.disagree", ""),
        (scene([view(1), view(2), view(3, role="slave")]), "master.flags", "sentinel 10.0.1.3:26379"),
        (scene([view(1), view(2), replace(view(3), tilt=True)]), "sentinel.tilt", "sentinel 10.0.1.3:26379"),
        (scene([view(1), view(2), replace(view(3), myid="id-1")]), "sentinels.same_id", "sentinels 10.0.1.1:26379 and 10.0.1.3:26379"),
        (scene([view(1), view(2), view(3, rows=(row(str(B), str(A)),))]), "replica.unknown", f"sentinel 10.0.1.3:26379: replica {C}"),
        (scene([view(1), view(2), view(3, rows=(row(str(B), str(A), link="err"), row(str(C), str(A))))]), "replica.flags", None),
        (scene(silent=["10.0.1.4:26379"]), "sentinel.silent", "sentinel 10.0.1.4:26379"),
        (scene(nodes=[node(A), node(B), node(C)]), "master.role", str(A)),
        (scene(nodes=[node(A, "master"), node(B, "master"), node(C)]), "replica.role", f"replica {B}"),
        (scene(nodes=[node(A, silence="hangs"), node(B), node(C)]), "master.silent", f"data node {A}"),
        (scene(nodes=[node(A, "master"), node(B, silence="hangs"), node(C)]), "replica.silent", f"replica {B}"),
        (scene(nodes=[node(A, "master"), replace(node(B), linked=False), node(C)]), "replica.link", f"replica {B}"),
        (scene(nodes=[node(A, "master", min_replicas_max_lag="5000000"), node(B), node(C)]), "master.fence", f"data node {A}"),
        (scene(nodes=[node(A, "master"), node(B, replica_priority="1000000"), node(C)]), "master.fence", f"replica {B}"),
        (scene([view(n, values={"failover_timeout": "10"}) for n in (1, 2, 3)]), "failover_timeout.low", None),
    ],
)
def test_whatever_stands_against_it_is_named(seen: Scene, code: str, item: str | None) -> None:
    assert [problem for problem in problems(seen) if problem.code == code and item in (None, problem.item)], problems(seen)


def test_a_majority_is_of_all_sentinels_that_there_are() -> None:
    two = scene([view(1), view(2)], silent=["10.0.1.3:26379"])
    assert codes(two, every=False) == set()
    assert codes(two) == {"sentinel.silent"}
    of_five = scene([view(1, others=4), view(2, others=4)])
    assert codes(of_five, every=False) == {"sentinels.no_majority"}


def test_the_wanted_replica() -> None:
    (unknown,) = problems(scene(), Address.of("10.0.2.9", 6379))
    assert unknown.code == "to.unknown" and not checks.passes(unknown)
    never = scene(nodes=[node(A, "master"), node(B, replica_priority="0"), node(C)])
    assert problems(never, C) == [] and codes(never, B) == {"to.priority"}
    none = scene(nodes=[node(A, "master"), node(B, replica_priority="0"), node(C, replica_priority="0")])
    assert codes(none) == {"master.no_eligible"}


def test_a_replica_that_the_sentinels_know_to_be_down_stops_only_a_switch_to_itself() -> None:
    rows = (row(str(B), str(A)), row(str(C), str(A), "s_down", "disconnected", link="err"))
    seen = scene([view(number, rows=rows) for number in (1, 2, 3)], [node(A, "master"), node(B), node(C, silence="refused")])
    assert problems(seen) == problems(seen, B) == []
    assert codes(seen, C) == {"to.down"}


def test_the_best_replicas_have_the_lowest_priority_of_their_own() -> None:
    nodes = [node(A, replica_priority="50"), node(B, replica_priority=str(MARK + 10)), node(C, replica_priority="10")]
    nodes.append(node(D, **fenced(Fence(0, 10, 10))))
    assert [found.name for found in gate.order_of_choice(nodes)] == ["10.0.2.2:6379", "10.0.2.3:6379", "10.0.2.4:6379"]


@given(st.integers(0, 999_999))
def test_a_raised_priority_tells_what_it_was(priority: int) -> None:
    assert original_priority(priority) is None
    assert original_priority(raised(priority)) == priority and raised(priority) <= LARGEST


@given(st.integers(0, 49), st.integers(0, 1_999), st.integers(0, 9_999), st.integers(0, 50))
def test_a_raised_fence_tells_what_it_was(to_write: int, max_lag: int, priority: int, replicas: int) -> None:
    fence = Fence(to_write, max_lag, priority)
    up = fence.raised(replicas)
    assert fence.original() is None and fence.can_be_raised
    assert up.original() == fence and up.priority <= LARGEST and up.to_write == max(to_write, replicas)
    # It is not taken for a replica that was raised.
    assert original_priority(up.priority) is None and raised(999_999) < up.priority


def test_only_replicas_past_their_first_synchronisation_count_for_the_fence() -> None:
    about = {
        "role": "master",
        "slave0": "ip=10.0.2.2,port=6379,state=online,offset=1,lag=0",
        "slave1": "ip=10.0.2.3,port=6379,state=wait_bgsave",
    }
    assert len(read_node(A, about, {}).online) == 1


def test_what_a_killed_run_left_is_seen_and_named() -> None:
    assert leftovers.changes(scene()) == []
    left = scene(nodes=[node(A, "master", **fenced(Fence(1, 10, 100))), node(B, replica_priority=str(raised(7))), node(C)])
    first, second = (change.shown() for change in leftovers.changes(left))
    assert (first["object"], [(d["field"], d["after"]) for d in first["differences"]]) == (
        "10.0.2.1:6379",
        [("min_replicas_to_write", 1), ("min_replicas_max_lag", 10), ("replica_priority", 100)],
    )
    assert [(d["field"], d["after"]) for d in second["differences"]] == [("replica_priority", 7)]


def test_a_second_master_is_demoted_only_if_it_is_fenced_and_all_agree_on_another() -> None:
    old = node(B, "master", **fenced(Fence(0, 10, 100)))
    nodes = [node(A, "master"), old, node(C)]
    left = scene(nodes=nodes)
    assert leftovers.left_a_master(left, left.nodes[1])
    assert not leftovers.left_a_master(left, left.nodes[0])
    for other in (
        scene(nodes=[node(A, "master"), node(B, "master"), node(C)]),
        scene([view(1), view(2), view(3, place=str(B))], nodes),
        scene(nodes=[node(A), old, node(C)]),
    ):
        assert not leftovers.left_a_master(other, other.nodes[1])


@pytest.mark.parametrize(
    ("versions", "expected"),
    [(["9.1.2", "9.0.0"], True), (["9.1.2", "9.1.0"], False), (["9.1.2", "8.1.1"], False), (["9.1.2", ""], False)],
)
def test_coordinated_takes_valkey_9_everywhere_and_not_the_release_that_crashes(versions: list[str], expected: bool) -> None:
    made = [Version("Valkey" if text else "Redis", tuple(map(int, (text or "8.0.2").split(".")))) for text in versions]
    views = [replace(view(number), version=version) for number, version in enumerate(made)]
    seen = scene(views, [replace(node(A, "master"), version=Version("Valkey", (9, 1, 2))), node(B, silence="gone")])
    assert seen.is_coordinated is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (("::1", 1), ("0:0:0:0:0:0:0:1", 1), True),
        (("127.0.0.1", 1), ("127.0.0.1", 2), False),
        (("127.0.0.1", 1), ("127.0.0.2", 1), False),
        (("Redis.Example", 1), ("redis.example", 1), True),
        (("localhost", 1), ("127.0.0.1", 1), True),
        (("nowhere.invalid", 1), ("127.0.0.1", 1), False),
    ],
)
def test_addresses(left: tuple[str, int], right: tuple[str, int], expected: bool) -> None:
    assert Address.of(*left).is_same(Address.of(*right)) is expected
