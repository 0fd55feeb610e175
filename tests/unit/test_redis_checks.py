"""The verdict over a set, from what its sentinels, its master and its replicas say."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from sentinel_set import at, master_node, observed, peer, replica_node, row, seen, view

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Connections, Credentials, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, read, readiness, version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.checks import Expected
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Node, Peer, node

A, B, C = "10.0.2.1:6379", "10.0.2.2:6379", "10.0.2.3:6379"
REPLICAS = (row(B, A), row(C, A))


def nodes(**changed: dict[str, t.Any]) -> list[Node]:
    """A and its replicas B and C, linked and up to date."""
    made = {
        "a": master_node(A, online=frozenset({at(B), at(C)}), offset=50),
        "b": replica_node(B, A, linked=True, offset=50),
        "c": replica_node(C, A, linked=True, offset=60),
    }
    return [dataclasses.replace(found, **changed.get(name, {})) for name, found in made.items()]


def found(
    there: t.Sequence[Node] | None = None,
    peers: t.Sequence[Peer] = (peer(8), peer(9)),
    without_link: t.Sequence[str] = (),
    masters: t.Sequence[str] = (A, A, A),
) -> list[tuple[str, str]]:
    """Each problem's code and item."""
    views = [view(number, seen("m", place, rows=REPLICAS, peers=tuple(peers))) for number, place in enumerate(masters, 1)]
    expected = Expected(3, {"m": 2}, frozenset(map(at, without_link)))
    problems = checks.of_master("m", observed(views, nodes() if there is None else there), expected)
    return [(problem.code, problem.item) for problem in problems]


def test_all_is_well() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"b": {"linked": False}}, ("replica.link", f"replica {B}")),
        ({"b": {"offset": 49}}, ("replica.behind", f"replica {B}")),
        ({"b": {"master": at(C)}}, ("replica.other_master", f"replica {B}")),
        ({"b": {"role": "master", "master": None}}, ("replica.role", f"replica {B}")),
        ({"b": {"silence": "hangs"}}, ("replica.silent", f"replica {B}")),
        ({"a": {"online": frozenset({at(C)})}}, ("replica.not_online", f"replica {B}")),
        ({"a": {"online": frozenset({at(C)})}}, ("replicas.online", f"data node {A}")),
    ],
)
def test_what_nodes_say_themselves(changed: dict[str, dict[str, t.Any]], problem: tuple[str, str]) -> None:
    assert problem in found(nodes(**changed))


def test_a_link_that_is_no_matter() -> None:
    there = nodes(b={"linked": False, "offset": 0}, a={"online": frozenset({at(C)})})
    assert found(there, without_link=[B]) == []
    assert len(found(there)) == 2


@pytest.mark.parametrize("bad", [peer(9, "s_down"), peer(9, "disconnected"), peer(9, silence=12.0)])
def test_sentinels_see_each_other(bad: Peer) -> None:
    assert found(peers=[peer(8), bad]) == [("sentinel.flags", f"sentinel 10.0.1.{number}:26379") for number in (1, 2, 3)]
    # What another one says of the master is about the master.
    assert found(peers=[peer(8), peer(9, "master_down")]) == []


def test_a_sentinel_that_counts_otherwise() -> None:
    entry = seen("m", A, others=1, replicas=1)
    assert [problem.code for problem in checks.as_seen("s", entry, Expected(3, {"m": 2}))] == ["sentinels.count", "replicas.count"]
    assert list(checks.as_seen("s", entry, Expected(2, {"m": 0}, at_least=True))) == []


def test_one_server_by_its_name_and_its_address_is_no_disagreement() -> None:
    name = "redis-a.invalid:6379"
    named = dataclasses.replace(nodes()[0], address=at(name))
    assert found([*nodes(), named], masters=[A, A, name]) == []
    other = dataclasses.replace(named, run_id="another")
    assert found([*nodes(), other], masters=[A, A, name])[0] == ("sentinels.disagree", "")


def test_a_masters_own_list_is_read() -> None:
    info = {"role": "master", "master_repl_offset": "7", "slave0": "ip=10.0.2.2,port=6379,state=online,offset=7,lag=0"}
    info["slave1"] = "ip=::1,port=6379,state=wait_bgsave,offset=0,lag=0,type=replica"
    made = node(at(A), {**info, "slave_expires_tracked_keys": "0"}, {})
    assert (made.online, made.offset) == (frozenset({at(B)}), 7)


def test_the_oldest_version() -> None:
    assert str(version.supported("x", {"redis_version": "6.2.0"})) == "Redis 6.2.0"
    assert version.supported("x", {"redis_version": "7.2.4", "valkey_version": "8.1.1"}).is_valkey
    with pytest.raises(Refused) as caught:
        version.supported("x", {"redis_version": "6.0.16"})
    assert [(problem.code, problem.item) for problem in caught.value.problems] == [("server.too_old", "x")]


def test_what_several_sentinels_say_is_told_once() -> None:
    views = [view(number, seen("m", A, rows=(row(B, A, "s_down"), row(C, A)), replicas=1)) for number in (1, 2, 3)]
    problems = checks.once(checks.of_master("m", observed(views, nodes()), Expected(3, {"m": 2})))
    names = "10.0.1.1:26379, 10.0.1.2:26379 and 10.0.1.3:26379"
    assert [(problem.code, problem.item) for problem in problems] == [
        ("replicas.count", f"sentinels {names}"),
        ("replica.flags", f"replica {B}: sentinels {names}"),
    ]
    assert problems[0].message == "1 replica known, 2 expected"


def test_a_failover_that_could_not_work() -> None:
    never = tuple(dataclasses.replace(entry, priority=0) for entry in REPLICAS)
    hasty = {"failover_timeout": "10", "down_after_milliseconds": "5000"}

    def codes(rows: t.Any, values: dict[str, str]) -> list[str]:
        views = [view(number, seen("m", A, rows=rows, values=values)) for number in (1, 2)]
        return [problem.code for problem in checks.once(checks.of_failover("m", observed(views)))]

    assert codes(REPLICAS, {}) == codes((), {}) == codes((never[0], REPLICAS[1]), {}) == []
    assert codes(never, {}) == [checks.PRIORITIES]
    assert codes(REPLICAS, hasty) == [checks.TIMEOUT]
    assert codes(REPLICAS, {"down_after_milliseconds": "5", "failover_timeout": "1000"}) == ["down_after.low"]
    # Each sentinel knows two others.
    assert codes(REPLICAS, {"quorum": "3"}) == []
    assert codes(REPLICAS, {"quorum": "4"}) == ["quorum.unreachable"]


CLIENTS = """id=1 addr=10.0.1.1:41 name=sentinel-0a1b2c3d-cmd sub=0 cmd=ping user=watcher
id=2 addr=10.0.1.1:42 name=sentinel-0a1b2c3d-pubsub sub=1 cmd=subscribe user=other
id=3 addr=10.0.9.1:43 name= sub=0 cmd=ping user=app
id=4 addr=10.0.1.2:44 name= sub=0 cmd=publish user=unnamed
id=5 addr=[fd00::1]:44 name= sub=0 cmd=info user=six
id=6 addr=10.0.1.2:45 name= sub=0 cmd=ping user=default
id=7 addr=10.0.1.2:46 name= sub=0 cmd=get user=app
"""


def test_the_users_of_sentinels() -> None:
    assert readiness.watchers(CLIENTS, {"10.0.1.2"}) == {"watcher"}
    unnamed = "\n".join(CLIENTS.splitlines()[1:])
    assert readiness.watchers(unnamed, {"10.0.1.2", "fd00::1"}) == {"unnamed", "six"}
    assert readiness.watchers(unnamed, set()) == set()


@pytest.mark.parametrize("user", ["wächter", "сторож", "a\u00a0b", "a\u2028b", "a\u0085b"])
def test_the_name_of_a_user_ends_where_it_ends_for_a_server(user: str) -> None:
    assert readiness.watchers(f"id=1 name=sentinel-0a1b2c3d-cmd user={user} resp=2\nid=2 name= user=app\n", set()) == {user}


@pytest.mark.parametrize(
    ("place", "settings", "announced"),
    [
        (A, {}, ""),
        (A, {"replica-announce-ip": "", "replica-announce-port": "0"}, ""),
        (A, {"replica-announce-ip": "10.0.2.1", "replica-announce-port": "6379"}, ""),
        (A, {"replica-announce-ip": "redis-1"}, ""),
        ("redis-1:6379", {"replica-announce-ip": "10.0.2.1"}, ""),
        (A, {"replica-announce-ip": "10.0.9.9"}, "10.0.9.9:6379"),
        (A, {"replica-announce-port": "7000"}, "10.0.2.1:7000"),
        ("redis-1:6379", {"replica-announce-port": "7000"}, "redis-1:7000"),
    ],
)
def test_a_master_that_would_be_known_at_another_address(place: str, settings: dict[str, str], announced: str) -> None:
    node = master_node(place)
    assert readiness._announced(node, settings) == announced
    ready = readiness.Ready(node, {}, announced=announced)
    assert [problem.code for problem in readiness._of_announced([ready])] == ([readiness.ANNOUNCED] if announced else [])


@pytest.mark.parametrize(("field", "mode", "word"), [("redis_mode", "cluster", "cluster-enabled"), ("server_mode", "sentinel", "sentinel")])
def test_what_is_no_data_node_of_a_set_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch, field: str, mode: str, word: str) -> None:
    monkeypatch.setattr(Server, "ask", lambda *dummy: f"redis_version:8.0.2\n{field}:{mode}\nrole:master\nrun_id:a\n")
    found = read.node(at(A), Connections(Access(Credentials(), Credentials(), None, 5.0)))
    assert word in found.silence


@pytest.mark.parametrize(
    ("leaving", "expected", "well"),
    [
        # A replica that has ended, and one that has not.
        ([C], Expected(3, {"m": 1}), True),
        ([], Expected(3, {"m": 1}), False),
        # The master leaves, so there is one replica more than when it has left.
        ([A, C], Expected(3, {"m": 0}), True),
        ([A], Expected(3, {"m": 1}), False),
        # A Sentinel leaves.
        ([C, "10.0.1.9:26379"], Expected(2, {"m": 1}), True),
        ([C], Expected(2, {"m": 1}), False),
    ],
)
def test_what_leaves_is_neither_counted_nor_checked(leaving: list[str], expected: Expected, well: bool) -> None:
    """C has ended already, and so has one Sentinel where only two are expected."""
    flags = ("s_down",) if expected.sentinels == 2 else ()
    rows = (row(B, A), row(C, A, "s_down", "slave"))
    views = [view(number, seen("m", A, rows=rows, peers=(peer(8), peer(9, *flags)))) for number in (1, 2)]
    there = nodes(c={"silence": "refused"}, a={"online": frozenset({at(B)})})
    expected = dataclasses.replace(expected, leaving=frozenset(map(at, leaving)))
    assert (list(checks.of_master("m", observed(views, there), expected)) == []) is well
