"""What is done to sentinels, and what is refused, from what is declared and what they say."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel_set import at, master_node, observed, peer, replica_node, row, seen, view, written

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import observe
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Observed
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired, plan

A, B, C = "10.0.2.1:6379", "10.0.2.2:6379", "10.0.2.3:6379"
SENTINELS = [{"host": f"10.0.1.{number}", "port": 26379} for number in (1, 2, 3)]
SET = [master_node(A), replica_node(B, A), replica_node(C, A)]


def declared(*masters: dict[str, t.Any], **more: t.Any) -> desired.Desired:
    items = [{"state": "present", **master} for master in masters]
    return desired.declare({"sentinels": SENTINELS, "settings": None, "masters": items, **more})


def planned(wanted: desired.Desired, there: Observed, **chosen: t.Any) -> Plan:
    return plan.plan(wanted, there, plan.Options(**chosen))[0]


def shown(made: Plan) -> list[tuple[str, str, dict[str, t.Any]]]:
    return [(c.action, c.object, {d.field: (d.before, d.after) for d in c.differences}) for c in made.changes]


def refusal(wanted: desired.Desired, there: Observed, **chosen: t.Any) -> Problem:
    """The first of the problems."""
    with pytest.raises(Refused) as caught:
        planned(wanted, there, **chosen)
    return t.cast(Problem, caught.value.problems[0])


def test_a_new_master_on_every_sentinel_in_their_order() -> None:
    made = planned(declared({"name": "m", "address": [B], "down_after_milliseconds": 1000}), observed([view(1), view(2), view(3)], SET))
    fields = {"address": (None, A), "quorum": (None, "2"), "down_after_milliseconds": (None, "1000")}
    assert shown(made) == [("create", f"10.0.1.{number}:26379/m", fields) for number in (1, 2, 3)]


def test_after_a_failover_the_declared_address_is_not_what_is_wanted() -> None:
    there = observed([view(n, seen("m", B)) for n in (1, 2, 3)], [master_node(B), replica_node(A, B)])
    made = planned(declared({"name": "m", "address": [A], "quorum": 2}), there)
    assert (shown(made), made.unchanged) == ([], 3)


def test_sentinels_at_a_former_master_are_set_right() -> None:
    there = observed([view(n, seen("m", A, "3")) for n in (1, 2, 3)], [replica_node(A, B), master_node(B)])
    made = planned(declared({"name": "m", "address": [A, B], "quorum": 2}), there)
    assert shown(made)[0] == ("replace", "10.0.1.1:26379/m", {"address": (A, B), "quorum": ("3", "2")})
    assert len(made.changes) == 3
    assert refusal(declared({"name": "m", "address": [B]}), there, repair=False).code == "master.wrong_address"


def test_a_repair_keeps_what_the_sentinel_tells_and_what_its_file_says() -> None:
    values = {"down_after_milliseconds": "777", "parallel_syncs": "4"}
    there = observed([view(n, seen("m", A, values=values)) for n in (1, 2, 3)], [replica_node(A, B), master_node(B)])
    text = "sentinel monitor m 10.0.2.1 6379 2\nsentinel auth-pass m hush\nsentinel rename-command m CONFIG secret-config\n"
    wanted = desired.declare(
        {
            "sentinels": [{**entry, "conf": text} for entry in SENTINELS],
            "settings": None,
            "masters": [{"name": "m", "state": "present", "address": [B]}],
        }
    )
    write = planned(wanted, there).changes[0].payload
    words = {word: value for word, value in write.set if word != "auth-pass"}
    assert words == {"down-after-milliseconds": "777", "parallel-syncs": "4"}
    assert dict(write.set)["auth-pass"].reveal() == "hush"
    assert write.renames == (("CONFIG", "secret-config"),)


def test_what_one_sentinel_has_lost_it_gets_from_the_others() -> None:
    values = {"quorum": "3", "down_after_milliseconds": "777", "parallel_syncs": "4", "notification_script": "/bin/true"}
    there = observed([view(1), view(2, seen("m", B, values={"quorum": "9"})), view(3, seen("m", A, values=values))], SET)
    text = "sentinel monitor m 10.0.2.1 6379 2\nsentinel auth-pass m hush\nsentinel rename-command m CONFIG c1\n"
    wanted = desired.declare(
        {
            "sentinels": [*SENTINELS[:2], {**SENTINELS[2], "conf": text}],
            "settings": None,
            "masters": [{"name": "m", "state": "present", "address": [A], "parallel_syncs": 2}],
        }
    )
    (made,) = [change for change in planned(wanted, there).changes if change.action == "create"]
    write = made.payload
    assert (write.quorum, write.renames) == ("3", (("CONFIG", "c1"),))
    assert {word: value for word, value in write.set if word != "auth-pass"} == {
        "down-after-milliseconds": "777",
        "parallel-syncs": "2",
        "notification-script": "/bin/true",
    }
    assert dict(write.set)["auth-pass"].reveal() == "hush"


def test_a_repair_knows_how_it_was() -> None:
    values = {"down_after_milliseconds": "777", "quorum": "3"}
    there = observed([view(n, seen("m", A, values=values)) for n in (1, 2, 3)], [replica_node(A, B), master_node(B)])
    made = planned(declared({"name": "m", "address": [A, B], "quorum": 2, "down_after_milliseconds": 5000, "auth_pass": "p"}), there)
    former = made.changes[0].payload.former
    assert (former.master, former.quorum, dict(former.set)["down-after-milliseconds"]) == (at(A), "3", "777")
    assert dict(former.set)["auth-pass"].reveal() == "p"


@pytest.mark.parametrize(
    ("entry", "nodes", "master", "code"),
    [
        ({"flags": frozenset({"master", "s_down"})}, SET, {}, "forget_stale.master_ill"),
        ({}, [replica_node(B, A), replica_node(C, A)], {}, "master.not_found"),
        ({}, [master_node(A, 1), replica_node(B, A)], {"replicas": 2}, "forget_stale.replicas_missing"),
    ],
)
def test_nothing_is_forgotten_unless_all_is_well(entry: t.Any, nodes: t.Any, master: t.Any, code: str) -> None:
    views = [view(n, seen("m", A, others=3, peers=(peer(9, "s_down"),), **entry)) for n in (1, 2, 3)]
    found = refusal(declared({"name": "m", **master}), observed(views, nodes), forget_stale=True)
    assert (found.code, found.item, found.field) == (code, "master m", "forget_stale")


def test_what_is_forgotten_is_waited_for_as_far_as_it_lives() -> None:
    entry = seen("m", A, others=3, peers=(peer(2), peer(9, "s_down")), rows=(row(B, A), row(C, A, "s_down")))
    there = observed([view(n, entry) for n in (1, 2, 3)], [master_node(A, 1), replica_node(B, A)])
    assert shown(planned(declared({"name": "m"}), there)) == []
    made = planned(declared({"name": "m"}), there, forget_stale=True)
    assert shown(made)[0][2] == {"sentinel 10.0.1.9:26379": ("down", None), f"replica {C}": ("down", None)}
    assert [(change.payload.replicas, change.payload.others) for change in made.changes] == [(1, 2)] * 3


def test_an_empty_address_is_never_announced_not_even_to_undo() -> None:
    views = [view(1, settings={"announce_port": "0"}), view(2), view(3)]
    wanted = declared(sentinels=[{**SENTINELS[0], "announce_ip": "10.0.9.9", "announce_port": 5}, *SENTINELS[1:]])
    (made,) = planned(wanted, observed(views)).changes
    assert made.payload.set == (("announce-ip", "10.0.9.9"), ("announce-port", "5"))
    assert made.payload.undo == (("announce-port", "0"),)


def test_whoever_watches_a_replica_without_proof_of_the_master_fails() -> None:
    there = observed([view(n, seen("m", A)) for n in (1, 2, 3)], [replica_node(A, B)], **{B: "no answer"})
    assert refusal(declared({"name": "m", "address": [A]}), there).code == "master.silent"


def test_a_name_that_breaks_the_file_can_be_taken_out_and_not_be_added() -> None:
    there = observed([view(n, seen("a b", A)) for n in (1, 2, 3)])
    assert [change.action for change in planned(declared({"name": "a b", "state": "absent"}), there).changes] == ["delete"] * 3
    with pytest.raises(Refused) as caught:
        declared({"name": "a b"})
    assert [problem.code for problem in caught.value.problems] == ["master.name"]


def test_a_server_of_elsewhere_is_no_master_of_the_set() -> None:
    """A node copies from a server that nobody has declared: a migration, or the set's new master; no sentinel goes there unasked."""
    there = observed([view(n, seen("m", A)) for n in (1, 2, 3)], [replica_node(A, C), replica_node(B, A), master_node(C)])
    found = refusal(declared({"name": "m", "address": [A, B]}), there)
    assert found.code == "master.stranger" and f"{A} is a replica of {C}" in found.message
    there = observed([view(n, seen("m", A, rows=(row(C, A),))) for n in (1, 2, 3)], there.nodes.values())
    assert [change.action for change in planned(declared({"name": "m", "address": [A, B]}), there).changes] == ["replace"] * 3
    # While no sentinel knows the set, a seed leads wherever it follows.
    nobody = observed([view(n) for n in (1, 2, 3)], [replica_node(A, C), master_node(C)])
    assert [shown(planned(declared({"name": "m", "address": [A]}), nobody))[0][2]["address"]] == [(None, C)]


def test_two_masters_are_named_and_nothing_is_chosen() -> None:
    there = observed([view(1, seen("m", A, epoch=3)), view(2, seen("m", A)), view(3, seen("m", B))], [master_node(A), master_node(B, 0)])
    found = refusal(declared({"name": "m", "quorum": 1}), there)
    assert found.code == "master.two_masters"
    assert f"{A} (2 replicas, watched by 10.0.1.1:26379 in epoch 3" in found.message
    assert f"{B} (0 replicas, watched by 10.0.1.3:26379 in epoch 0)" in found.message


def test_a_silent_node_that_a_sentinel_watches_may_be_a_second_master() -> None:
    there = observed([view(1, seen("m", A)), view(2, seen("m", A)), view(3, seen("m", B))], [master_node(A)], **{B: "no answer"})
    assert refusal(declared({"name": "m"}), there).code == "master.silent"


@pytest.mark.parametrize("seeds", [[A, B, C], [B], [C, A]])
def test_a_lone_stranger_is_not_believed_where_declared_nodes_are_another_set(seeds: list[str]) -> None:
    stranger = "10.0.9.9:6379"
    there = observed([view(n, seen("m", stranger, replicas=0)) for n in (1, 2, 3)], [master_node(stranger, 0), *SET])
    found = refusal(declared({"name": "m", "address": seeds}), there)
    assert found.code == "master.contradicted" and stranger in found.message and seeds[0] in found.message
    # Down it may still be a master, beside that of the declared nodes.
    silent = observed(there.sentinels.values(), SET, **{stranger: "no answer"})
    assert refusal(declared({"name": "m", "address": seeds}), silent).code == "master.silent"


def test_after_failovers_no_declared_node_need_be_the_master() -> None:
    """One follows it, directly or not; or the sentinels know one as its replica; or none answers."""
    views = [view(n, seen("m", C, rows=(row(B, C), row(A, C)))) for n in (1, 2, 3)]
    chain = [replica_node(A, B), replica_node(B, C), master_node(C)]
    assert planned(declared({"name": "m", "address": [A]}), observed(views, chain)).changes == ()
    awake = observed(views, [master_node(A, 0), master_node(C)])
    assert planned(declared({"name": "m", "address": [A]}), awake).changes == ()
    assert planned(declared({"name": "m", "address": [A]}), observed(views, [master_node(C)], **{A: "no answer"})).changes == ()


IGNORANT = {"replicas": 0, "others": 0, "run_id": ""}
LOOPBACK = "127.0.0.1:6379"


def test_a_sentinel_that_never_reached_its_loopback_address_is_repaired() -> None:
    views = [view(n, seen("m", LOOPBACK, is_local=True, **IGNORANT)) for n in (1, 2, 3)]
    made = planned(declared({"name": "m", "address": [A, B]}), observed(views, SET))
    assert [change.action for change in made.changes] == ["replace"] * 3
    assert shown(made)[0][2]["address"] == (LOOPBACK, A)
    # Nothing is known, and nobody watches: that is no success.
    assert refusal(declared({"name": "m"}), observed(views)).code == "master.not_found"
    assert refusal(declared({"name": "m", "address": [A]}), observed(views, **{A: "no answer"})).code == "master.not_found"


def test_what_no_sentinel_ever_reached_is_no_more_than_a_word() -> None:
    views = [view(n, seen("m", "10.0.9.9:6379", **IGNORANT)) for n in (1, 2, 3)]
    wanted = declared({"name": "m", "address": [A, B]})
    made = planned(wanted, observed(views, SET, **{"10.0.9.9:6379": "no answer"}))
    assert [change.action for change in made.changes] == ["replace"] * 3
    # One that we reach, and that says that it is a master, is a second one.
    assert refusal(wanted, observed(views, [*SET, master_node("10.0.9.9:6379", 0)])).code == "master.two_masters"
    # One that was there, and is silent now, too.
    known = [view(n, seen("m", "10.0.9.9:6379", replicas=0, others=0, run_id="")) for n in (1, 2)]
    known.append(view(3, seen("m", "10.0.9.9:6379", run_id="", epoch=3)))
    assert refusal(wanted, observed(known, SET, **{"10.0.9.9:6379": "no answer"})).code == "master.silent"


def test_a_loopback_address_is_known_by_the_run_id_or_not_at_all() -> None:
    there = seen("m", LOOPBACK, is_local=True, run_id=f"run-{A}")
    views = [view(1, there), view(2, seen("m", A)), view(3, seen("m", A))]
    made = planned(declared({"name": "m", "address": [A]}), observed(views, SET))
    assert [change.object for change in made.changes] == ["10.0.1.1:26379/m"]
    stranger = dataclasses.replace(there, run_id="of another")
    found = refusal(declared({"name": "m", "address": [A]}), observed([view(1, stranger), *views[1:]], SET))
    assert found.code == "master.local" and LOOPBACK in found.message


def test_a_loopback_address_of_a_master_is_of_the_replicas_own_host() -> None:
    """One that follows itself, from a run with wrong addresses."""
    info = {"role": "slave", "master_host": "127.0.0.1", "master_port": "6379"}
    assert observe.node(at(B), info, {}).master == at(B)
    assert observe.node(at("127.0.0.5:1"), info, {}).master == at(LOOPBACK)


@pytest.mark.parametrize(
    ("masters", "entries", "node"),
    [
        # By the other's replica, by its master, at a dead node that the sentinels still know.
        ([{"name": "cache", "address": [B]}], (), A),
        ([{"name": "cache", "address": [A]}], (), A),
        ([{"name": "cache", "address": ["10.0.3.1:6379", C]}], (), C),
        ([{"name": "m", "address": [A]}, {"name": "cache", "address": [B]}], (), A),
        # Already there, declared or not.
        ([{"name": "m", "address": [A], "quorum": 3}], (seen("cache", A),), A),
        ([{"name": "m", "address": [A]}], (seen("cache", LOOPBACK, is_local=True, run_id=f"run-{A}"),), A),
        ([{"name": "m", "address": [A]}], (seen("cache", "redis-a:6379", run_id=f"run-{A}"),), A),
    ],
)
def test_a_node_of_one_set_is_not_taken_into_another(masters: t.Any, entries: t.Any, node: str) -> None:
    entry = seen("m", A, rows=(row(B, A), row(C, A, "s_down")))
    there = observed([view(n, entry, *entries) for n in (1, 2, 3)], [*SET[:2], master_node("10.0.3.1:6379", 0)], **{C: "no answer"})
    with pytest.raises(Refused) as caught:
        planned(declared(*masters), there)
    (problem,) = (each for each in caught.value.problems if each.code == "node.two_names")
    assert problem.item == "masters cache and m" and node in problem.message


def test_a_set_gets_another_name_where_the_old_one_goes() -> None:
    there = observed([view(n, seen("old", A, rows=(row(B, A),))) for n in (1, 2, 3)], SET)
    new = {"name": "new", "address": [A, B]}
    assert refusal(declared(new), there).code == "node.two_names"
    for made in (planned(declared(new), there, prune=True), planned(declared(new, {"name": "old", "state": "absent"}), there)):
        assert [change.action for change in made.changes] == ["create", "delete"] * 3


def test_one_address_in_two_sets_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(Refused) as caught:
        declared({"name": "a", "address": [A]}, {"name": "b", "address": [B, A]})
    assert [(problem.code, problem.item) for problem in caught.value.problems] == [("node.two_names", "masters a and b")]


@pytest.mark.parametrize(("listed", "code"), [(1, "sentinels.unlisted"), (2, None)])
def test_the_sentinels_that_are_not_listed_are_named(listed: int, code: str | None) -> None:
    views = [view(n, seen("m", A, peers=tuple(peer(other) for other in (1, 2, 3) if other != n))) for n in range(1, listed + 1)]
    wanted = declared({"name": "m", "quorum": 2}, sentinels=SENTINELS[:listed])
    if code:
        found = refusal(wanted, observed(views, SET))
        assert found.code == code and "10.0.1.2:26379, 10.0.1.3:26379" in found.message
        return
    warnings = plan.plan(wanted, observed(views, SET), plan.Options())[1]
    assert any("10.0.1.3:26379" in line for line in warnings)
    # One that is down is for forget_stale.
    gone = [dataclasses.replace(each, masters={"m": seen("m", A, peers=(peer(3, "s_down"),))}) for each in views]
    assert not any("10.0.1.3" in line for line in plan.plan(wanted, observed(gone, SET), plan.Options())[1])


def test_problems_that_differ_only_in_the_sentinel_are_one() -> None:
    there = observed([view(n, version=Version("Redis", (8, 0, 6))) for n in (1, 2, 3)], SET)
    with pytest.raises(Refused) as caught:
        planned(declared({"name": "m", "address": [A], "auth_pass": "with space"}), there)
    (problem,) = caught.value.problems
    assert all(problem.message.count(f"10.0.1.{n}:26379") == 1 for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("master", "more", "code"),
    [
        ({"down_after_milliseconds": 5}, {}, "option.too_low"),
        ({"down_after_milliseconds": 2**31}, {}, "option.too_high"),
        ({"failover_timeout": 10}, {}, "option.too_low"),
        ({"parallel_syncs": 2**40}, {}, "option.too_high"),
        ({"auth_pass": "\ud800"}, {}, "option.encoding"),
        ({"auth_pass": "ä" * 8193}, {}, "option.too_long"),
        ({"address": ["::"]}, {}, "master.address"),
        ({"address": [LOOPBACK]}, {}, "master.loopback"),
        ({"address": ["localhost"]}, {}, "master.loopback"),
        ({}, {"sentinels": [{**SENTINELS[0], "announce_ip": "127.0.0.1"}]}, "announce_ip.loopback"),
        ({}, {"sentinels": [{**SENTINELS[0], "announce_ip": "::"}]}, "announce_ip.empty"),
        ({}, {"masters": [], "prune": True}, "masters.none"),
    ],
)
def test_what_can_never_work_is_refused_before_anybody_is_asked(master: t.Any, more: t.Any, code: str) -> None:
    with pytest.raises(Refused) as caught:
        declared({"name": "m", **master}, **more)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_loopback_is_good_among_sentinels_that_are_there_too() -> None:
    assert declared({"name": "m", "address": [LOOPBACK]}, sentinels=[{"host": "127.0.0.1", "port": 26379}]).masters[0].seeds


def test_one_server_by_its_name_and_its_address_is_one_master() -> None:
    named = Observed({entry.name: entry for entry in [view(1, seen("m", A)), view(2, seen("m", A)), view(3, seen("m", "redis-a:6379"))]})
    named.nodes[at(A)] = master_node(A)
    named.nodes[at("redis-a:6379")] = master_node(A)
    assert shown(planned(declared({"name": "m"}), named)) == []


def test_a_failover_in_progress_is_waited_out() -> None:
    flags = frozenset({"master", "failover_in_progress"})
    there = observed([view(1, seen("m", A, flags=flags)), view(2), view(3)], [replica_node(A, B), master_node(B)])
    assert refusal(declared({"name": "m"}), there).code == "master.failing_over"


def test_a_master_that_is_down_stays_as_it_is() -> None:
    there = observed([view(n, seen("m", A, flags=frozenset({"master", "s_down"}))) for n in (1, 2, 3)], **{A: "no answer"})
    made, warnings = plan.plan(declared({"name": "m", "quorum": 1}), there, plan.Options())
    assert [change.action for change in made.changes] == ["update"] * 3
    assert any("no answer" in line for line in warnings)


def test_what_nobody_declared_goes_with_prune_alone() -> None:
    there = observed([view(n, seen("mymaster", "127.0.0.1:6379")) for n in (1, 2, 3)])
    assert shown(planned(declared(), there)) == []
    gone = shown(planned(declared(), there, prune=True))
    assert gone[0] == ("delete", "10.0.1.1:26379/mymaster", {"address": ("127.0.0.1:6379", None), "quorum": ("2", None)})
    assert [change.object for change in planned(declared({"name": "mymaster", "state": "absent"}), there).changes] == [
        f"10.0.1.{number}:26379/mymaster" for number in (1, 2, 3)
    ]


def test_equal_ids_are_refused() -> None:
    there = observed([view(1, myid="x"), view(2, myid="x"), view(3)], SET)
    found = refusal(declared({"name": "m", "address": [A]}), there)
    assert (found.code, found.item) == ("sentinels.same_id", "sentinels 10.0.1.1:26379 and 10.0.1.2:26379")


@pytest.mark.parametrize(
    ("number", "master", "settings", "problem"),
    [
        ((6, 2, 7), {"master_reboot_down_after_period": 5}, {}, ("option.too_new", "master_reboot_down_after_period")),
        ((7, 0, 15), {}, {"loglevel": "debug"}, ("option.too_new", "settings.loglevel")),
        ((8, 0, 6), {"auth_pass": "with space"}, {}, ("option.quotes", "auth_pass")),
    ],
)
def test_what_a_version_cannot_do(number: tuple[int, ...], master: t.Any, settings: t.Any, problem: tuple[str, str]) -> None:
    there = observed([view(n, version=Version("Redis", number)) for n in (1, 2, 3)], SET)
    found = refusal(declared({"name": "m", "address": [A], **master}, settings=settings), there)
    assert (found.code, found.field) == problem


def test_a_server_that_quotes_may_have_spaces() -> None:
    there = observed([view(n, version=Version("Valkey", (9, 1, 2))) for n in (1, 2, 3)], SET)
    assert len(planned(declared({"name": "m", "address": [A], "auth_pass": "with space"}), there).changes) == 3


def test_names_need_a_sentinel_that_resolves_them() -> None:
    there = observed([view(n) for n in (1, 2, 3)])
    there.nodes[at("redis-a:6379")] = master_node("redis-a:6379")
    wanted = {"name": "m", "address": ["redis-a"]}
    assert refusal(declared(wanted), there).code == "hostnames.off"
    assert len(planned(declared(wanted, settings={"resolve_hostnames": True}), there).changes) == 6
    watched = observed([view(n, seen("m", "redis-a:6379")) for n in (1, 2, 3)])
    watched.nodes[at("redis-a:6379")] = master_node("redis-a:6379")
    assert refusal(declared({"name": "m"}, settings={"resolve_hostnames": False}), watched).code == "hostnames.in_use"


def test_warnings() -> None:
    there = observed([view(1, seen("m", A), tilt=True), view(2, seen("m", A)), view(3, seen("m", A))], SET)
    wanted = declared({"name": "m", "quorum": 1, "down_after_milliseconds": 200})
    warnings = " | ".join(plan.plan(wanted, there, plan.Options())[1])
    for words in (
        "is 200: below 500",
        "10.0.1.1:26379: is in TILT",
        "quorum: is 1, below the majority",
        "min-replicas-to-write is 0 at 10.0.2.1:6379",
    ):
        assert words in warnings
    safe = observed([view(n, seen("m", A)) for n in (1, 2, 3)], [master_node(A, min_replicas=True)])
    assert plan.plan(declared({"name": "m", "quorum": 2}), safe, plan.Options())[1] == []


# Hidden options

CONF = """
sentinel monitor m 10.0.2.1 6379 2
sentinel auth-pass m old
sentinel rename-command m CONFIG c1
sentinel rename-command m SLAVEOF s1
"""


def hidden(policy: str, conf: str | None, **master: t.Any) -> list[tuple[str, str, dict[str, t.Any]]]:
    sentinels = [SENTINELS[0] | {"conf": conf}]
    wanted = desired.declare({"sentinels": sentinels, "settings": None, "masters": [{"name": "m", "state": "present", **master}]})
    return shown(planned(wanted, observed([view(1, seen("m", A))], SET), update_hidden=policy))


def test_a_password_goes_with_its_user_who_has_not_changed() -> None:
    """Or it would be proven, and taken, as that of nobody."""
    sentinels = [SENTINELS[0] | {"conf": CONF + "sentinel auth-user m watcher\n"}]
    masters = [{"name": "m", "state": "present", "auth_user": "watcher", "auth_pass": "new"}]
    wanted = desired.declare({"sentinels": sentinels, "settings": None, "masters": masters})
    (change,) = planned(wanted, observed([view(1, seen("m", A))], SET), update_hidden="from_file").changes
    assert [difference.field for difference in change.differences] == ["auth_pass"]
    assert {word for word, dummy in change.payload.set} == {"auth-pass", "auth-user"}


def test_hidden_options_by_policy() -> None:
    assert hidden("on_create", CONF, auth_pass="new") == []
    assert hidden("from_file", None, auth_pass="new") == []
    assert hidden("from_file", CONF, auth_pass="old", auth_user="", master_reboot_down_after_period=0) == []
    (change,) = hidden("from_file", CONF, auth_pass="new")
    assert repr(change[2]) == "{'auth_pass': ((hidden), (hidden))}"
    (change,) = hidden("always", None, auth_pass="old")
    assert repr(change[2]) == "{'auth_pass': (None, (hidden))}"


def test_renamed_commands_are_taken_back_by_their_own_names() -> None:
    assert hidden("from_file", CONF, rename_commands={"config": "c1", "SLAVEOF": "s1"}) == []
    (change,) = hidden("from_file", CONF, rename_commands={"CONFIG": "c2"})
    assert change[2] == {"rename CONFIG": ("c1", "c2"), "rename SLAVEOF": ("s1", None)}


# Whatever is there and whatever is declared, one run leads where it says.

NAMES = st.sampled_from(["a", "b", "c"])
# The set of each name is in a network of its own.
PLACES = st.sampled_from([A, B, C])
THERE = st.lists(
    st.dictionaries(NAMES, st.tuples(PLACES, st.sampled_from(["1", "2"]), st.sampled_from(["30000", "500"])), max_size=3),
    min_size=3,
    max_size=3,
)
MASTERS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {"state": st.sampled_from(["present", "present", "absent"]), "address": st.permutations([A, B, C])},
        optional={
            "quorum": st.sampled_from([1, 2, 3]),
            "down_after_milliseconds": st.sampled_from([500, 30000]),
            "auth_pass": st.just("x"),
        },
    ),
    max_size=3,
)


@given(THERE, MASTERS, st.booleans(), st.sampled_from([A, B]))
def test_a_second_run_finds_nothing(
    there: list[dict[str, tuple[str, str, str]]], masters: dict[str, dict[str, t.Any]], prune: bool, true_master: str
) -> None:
    def of(name: str, place: str) -> str:
        return place.replace("10.0.2", f"10.{ord(name)}.2")

    views = [
        view(
            n,
            *(
                seen(name, of(name, place), quorum, values={"down_after_milliseconds": after})
                for name, (place, quorum, after) in entry.items()
            ),
        )
        for n, entry in enumerate(there, 1)
    ]
    nodes = [
        master_node(of(name, place)) if place == true_master else replica_node(of(name, place), of(name, true_master))
        for name in "abc"
        for place in (A, B, C)
    ]
    state = observed(views, nodes)
    items = [{"name": name, **item, "address": [of(name, place) for place in item["address"]]} for name, item in masters.items()]
    wanted = declared(*items)
    for change in planned(wanted, state, prune=prune).changes:
        state = written(state, change)
    again = planned(wanted, state, prune=prune)
    assert again.changes == ()
    present = {name for name, item in masters.items() if item["state"] == "present"}
    for entry in state.sentinels.values():
        assert present <= entry.masters.keys()
        assert not prune or entry.masters.keys() == present
        for name in present:
            assert str(entry.masters[name].address) == of(name, true_master)
