"""What a planned failover decides from what it sees, without a server."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import gate, leftovers
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import MARK, Fence, original_priority, raised
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.observe import Node, Scene, View
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.switch import coordinated
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

LARGEST = 2**31 - 1  # what Redis takes for either setting

A, B, C = (Address.of(f"10.0.0.{number}", 6379) for number in (1, 2, 3))


def node(address: Address, role: str = "slave", **settings: str) -> Node:
    about = {"role": role}
    if role == "slave":
        about.update(master_host=A[0], master_port=str(A[1]), master_link_status="up")
    else:
        about.update(slave0="ip=10.0.0.2,port=6379,state=online,offset=1,lag=0", slave1="ip=10.0.0.3,port=6379,state=wait_bgsave")
    defaults = {"replica-priority": "100", "min-replicas-to-write": "0", "min-replicas-max-lag": "10"}
    return Node(Server(*address), role, about, {**defaults, **{name.replace("_", "-"): value for name, value in settings.items()}})


def view(number: int, **master: str) -> View:
    row = {"ip": A[0], "port": str(A[1]), "flags": "master", "role-reported": "master", "num-other-sentinels": "2"}
    replicas = tuple({"ip": ip, "port": str(port), "flags": "slave", "master-link-status": "ok"} for ip, port in (B, C))
    row.update({name.replace("_", "-"): value for name, value in master.items()})
    return View(Server(f"10.0.1.{number}", 26379), f"id{number}", row, replicas, {"sentinel_tilt": "0"})


def scene(**more: t.Any) -> Scene:
    healthy = Scene("m", (view(1), view(2), view(3)), (), (node(A, "master"), node(B), node(C)))
    return replace(healthy, **more)


def problems(seen: Scene, to: Address | None = None, every: bool = True) -> list[str]:
    return [problem.text for problem in gate.problems(seen, to, every)]


def test_a_healthy_set_has_no_problems() -> None:
    assert problems(scene()) == problems(scene(), B) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (scene(views=(view(1), view(2), view(3, flags="master,s_down"))), "10.0.1.3:26379: sees the master 10.0.0.1:6379 as s_down"),
        (scene(views=(view(1), view(2), view(3, flags="master,failover_in_progress"))), "10.0.1.3:26379: a failover is in progress"),
        (scene(views=(view(1), view(2), view(3, ip=B[0]))), "10.0.1.3:26379 says 10.0.0.2:6379"),
        (scene(views=(view(1), view(2), view(3, role_reported="slave"))), "10.0.0.1:6379 reports itself as slave"),
        (scene(views=(view(1), view(2), replace(view(3), about={"sentinel_tilt": "1"}))), "is in TILT"),
        (scene(views=(view(1), view(2), replace(view(3), id="id1"))), "have the same id"),
        (scene(views=(view(1), view(2), replace(view(3), replicas=view(3).replicas[:1]))), "does not know the replica 10.0.0.3:6379"),
        (scene(silent=("10.0.1.4:26379: gone",)), "a sentinel does not answer: 10.0.1.4:26379: gone"),
        (scene(nodes=(node(A), node(B), node(C))), "it says it is a slave"),
        (scene(nodes=(node(A, "master"), node(B, "master"), node(C))), "10.0.0.1:6379 and 10.0.0.2:6379 are masters at the same time"),
        (scene(nodes=(Node(Server(*A), silence="hangs"), node(B), node(C))), "the master does not answer: hangs"),
        (scene(nodes=(node(A, "master"), Node(Server(*B), silence="hangs"), node(C))), "a replica does not answer: hangs"),
        (scene(nodes=(node(A, "master", min_replicas_max_lag="5000000"), node(B), node(C))), "which is too long"),
    ],
)
def test_whatever_stands_against_it_is_named(seen: Scene, words: str) -> None:
    assert any(words in text for text in problems(seen)), problems(seen)


def test_a_majority_is_of_all_sentinels_that_there_are() -> None:
    two = scene(views=(view(1), view(2)), silent=("10.0.1.3:26379: gone",))
    assert problems(two, every=False) == []
    assert problems(two) == ["a sentinel does not answer: 10.0.1.3:26379: gone"]
    of_five = scene(views=(view(1, num_other_sentinels="4"), view(2, num_other_sentinels="4")))
    assert problems(of_five, every=False) == ["2 of 5 sentinels answer, which is no majority"]


def test_the_wanted_replica() -> None:
    assert problems(scene(), Address.of("10.0.0.9", 6379)) == [
        "to: 10.0.0.9:6379 is no replica of 'm' that the sentinels know (they know: 10.0.0.2:6379, 10.0.0.3:6379)"
    ]
    never = scene(nodes=(node(A, "master"), node(B, replica_priority="0"), node(C)))
    assert problems(never, C) == [] and "has replica-priority 0" in problems(never, B)[0]
    none = scene(nodes=(node(A, "master"), node(B, replica_priority="0")), views=(view(1), view(2), view(3)))
    assert "has no replica that could be chosen" in problems(none)[0]


def test_a_replica_that_the_sentinels_know_to_be_down_stops_only_a_switch_to_itself() -> None:
    down = {"ip": C[0], "port": str(C[1]), "flags": "s_down,slave,disconnected", "master-link-status": "err"}
    views = tuple(replace(view(number), replicas=(view(number).replicas[0], down)) for number in (1, 2, 3))
    seen = scene(views=views, nodes=(node(A, "master"), node(B), Node(Server(*C), silence="refused")))
    assert problems(seen) == problems(seen, B) == []
    assert problems(seen, C) == ["to: refused"]


def test_the_best_replicas_have_the_lowest_priority_of_their_own() -> None:
    nodes = [node(A, replica_priority="50"), node(B, replica_priority=str(MARK + 10)), node(C, replica_priority="10")]
    assert [found.name for found in gate.order_of_choice(nodes)] == ["10.0.0.2:6379", "10.0.0.3:6379"]


@given(st.integers(0, 100_000))
def test_a_raised_priority_tells_what_it_was(priority: int) -> None:
    assert original_priority(priority) is None
    assert original_priority(raised(priority)) == priority and raised(priority) <= LARGEST


@given(st.integers(0, 999), st.integers(0, 999_999), st.integers(0, 50))
def test_a_raised_fence_tells_what_it_was(to_write: int, max_lag: int, replicas: int) -> None:
    fence = Fence(to_write, max_lag)
    up = fence.raised(replicas)
    assert fence.original() is None and fence.can_be_raised
    assert up.original() == fence and up.max_lag <= LARGEST and up.to_write == max(to_write, replicas)


def test_only_replicas_past_their_first_synchronisation_count_for_the_fence() -> None:
    assert node(A, "master").online_replicas == 1


def test_what_a_killed_run_left_is_seen_and_named() -> None:
    assert leftovers.changes(scene()) == []
    fenced = {"min_replicas_to_write": "2", "min_replicas_max_lag": str(Fence(1, 10).raised(2).max_lag)}
    left = scene(nodes=(node(A, "master", **fenced), node(B, replica_priority=str(raised(7))), node(C)))
    first, second = (change.shown() for change in leftovers.changes(left))
    assert (first["object"], [(d["field"], d["after"]) for d in first["differences"]]) == (
        "10.0.0.1:6379",
        [("min_replicas_to_write", 1), ("min_replicas_max_lag", 10)],
    )
    assert [(d["field"], d["after"]) for d in second["differences"]] == [("replica_priority", 7)]


def test_a_second_master_is_demoted_only_if_it_is_fenced_and_all_agree_on_another() -> None:
    fenced = {"min_replicas_to_write": "2", "min_replicas_max_lag": str(Fence(0, 10).raised(2).max_lag)}
    left = scene(nodes=(node(A, "master"), node(B, "master", **fenced), node(C)))
    assert leftovers.left_a_master(left, left.nodes[1])
    assert not leftovers.left_a_master(left, left.nodes[0])
    for other in (
        replace(left, nodes=(node(A, "master"), node(B, "master"), node(C))),
        replace(left, views=(view(1), view(2), view(3, ip=B[0]))),
        replace(left, nodes=(node(A), node(B, "master", **fenced), node(C))),
    ):
        assert not leftovers.left_a_master(other, other.nodes[1])


@pytest.mark.parametrize(
    ("versions", "expected"),
    [(["9.1.2", "9.0.0"], True), (["9.1.2", "9.1.0"], False), (["9.1.2", "8.1.1"], False), (["9.1.2", ""], False)],
)
def test_coordinated_takes_valkey_9_everywhere_and_not_the_release_that_crashes(versions: list[str], expected: bool) -> None:
    abouts = [{"valkey_version": version} if version else {"redis_version": "8.0.2"} for version in versions]
    views = tuple(replace(view(number), about=about) for number, about in enumerate(abouts))
    assert coordinated(scene(views=views, nodes=(replace(node(A, "master"), about={"valkey_version": "9.1.2"}),))) is expected


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
