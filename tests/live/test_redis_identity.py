"""Which server is meant: a node in two sets, sentinels at a stranger, sentinels at a loopback address."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from ground import changed_objects
from harness import ModuleTask
from watch import LINES, Watch, address, lone, quick, until
from writers import Writers

from ansible_collections.eco2.platform.plugins.module_utils._redis import connection
from lab import redis
from lab.redis import Group, Server
from lab.resp import pairs

# For what is the same on all of them.
first_line = pytest.mark.parametrize("group", LINES[:1], indirect=True)


@pytest.fixture(scope="module", params=LINES)
def group(request: pytest.FixtureRequest) -> t.Iterator[Group]:
    with redis.group(f"identity-{request.param}", request.param) as made:
        quick(made)
        yield made


@pytest.fixture
def watch(group: Group) -> t.Iterator[Watch]:
    with Watch(group) as made:
        yield made


def pubsub(group: Group, **more: t.Any) -> dict[str, t.Any]:
    seeds = [address(server) for server in group.data]
    return {"name": "pubsub", "address": seeds, "quorum": 2, "down_after_milliseconds": 5000, "failover_timeout": 10000, **more}


def codes(result: dict[str, t.Any]) -> list[str]:
    return [problem["code"] for problem in result["problems"]]


@contextlib.contextmanager
def writing(group: Group, prefix: str) -> t.Iterator[None]:
    """Clients write to the first data node all the time; in the end nothing of it is lost, and no key gone."""
    master = group.data[0]
    master.ask("SET", f"{prefix}:kept", "1")
    writers = Writers(group, "pubsub", prefix)
    # Where the sentinels are wrong they are no help.
    writers.master = lambda: master.address  # type: ignore[method-assign]
    with writers:
        until(lambda: writers.count() > 100)
        yield
        until(lambda: writers.count() > 200)
        writers.stop()
        told = writers.account(master)
    assert told.lost == 0 and told.acknowledged > 200, told
    assert (master.info("replication")["role"], master.ask("GET", f"{prefix}:kept")) == ("master", "1")


# A node in two sets


def test_a_replica_of_one_set_is_not_taken_as_another_set(watch: Watch) -> None:
    group = watch.group
    watch.settle(masters=[pubsub(group)])
    group.wait_healthy("pubsub")
    before = watch.snapshot()
    with writing(group, "two"):
        # By its replica, by its master; with the other set in the same task, or already there.
        for node in (group.data[1], group.data[0]):
            for beside in ([], [pubsub(group, address=[address(group.data[2])])]):
                wanted = [*beside, {"name": "cache", "address": address(node)}]
                watch.refused("masters cache and pubsub", address(node), masters=wanted)
                assert codes(watch.task.check(masters=wanted)) == ["node.two_names"]
        watch.refused(
            "masters cache and pubsub",
            address(group.data[1]),
            masters=[pubsub(group), {"name": "cache", "address": address(group.data[1])}],
        )
        # It is down now, and the sentinels would make it a replica again when it is back.
        group.data[2].stop()
        wanted = [{"name": "cache", "address": [address(group.data[2])]}]
        assert watch.task.check(masters=wanted)["failed"]
        with lone(group, 1) as (other,):
            wanted = [{"name": "cache", "address": [address(other), address(group.data[2])]}]
            watch.refused("masters cache and pubsub", address(group.data[2]), masters=wanted)
        group.data[2].start()
    assert watch.snapshot() == before
    group.wait_healthy("pubsub")


def test_a_node_under_two_names_is_not_healthy_and_not_switched(watch: Watch) -> None:
    group = watch.group
    watch.settle(masters=[pubsub(group)])
    group.wait_healthy("pubsub")
    assert watch.info.apply(masters=[{"name": "pubsub", "replicas": 2}])["healthy"]
    for server in group.sentinels:
        server.ask("SENTINEL", "MONITOR", "cache", *group.data[0].address, 2)
    told = watch.info.apply(masters=[{"name": "pubsub", "replicas": 2}])
    assert [reason for reason in told["reasons"] if "masters cache and pubsub" in reason] == told["reasons"][:1] == told["reasons"]
    assert (told["healthy"], told["masters"][0]["healthy"], len(told["masters"][0]["reasons"])) == (False, False, 1)
    switch = ModuleTask("redis_failover", sentinels=watch.task.defaults["sentinels"], name="pubsub", timeout=2.0, wait_timeout=0.3)
    for run in (switch.check, switch.apply):
        assert codes(run()) == ["node.two_names"]
    assert watch.masters() == [{"pubsub": address(group.data[0]), "cache": address(group.data[0])}] * 3
    watch.refused("masters cache and pubsub", masters=[pubsub(group, quorum=3)])
    # Whichever name is the wrong one goes, also in the task that brings the right one.
    done = watch.settle(masters=[pubsub(group, state="absent"), {"name": "cache", "address": address(group.data[0])}])
    assert changed_objects(done) == [f"delete master {address(server)}/pubsub" for server in group.sentinels]
    done = watch.settle(masters=[pubsub(group)], prune=True)
    assert {change["action"] for change in done["changes"]} == {"create", "delete"}
    group.wait_healthy("pubsub")
    assert watch.info.apply(masters=[{"name": "pubsub", "replicas": 2}])["healthy"]


# Sentinels at a stranger


def test_sentinels_that_watch_a_lone_stranger_are_not_given_options(watch: Watch) -> None:
    group = watch.group
    with lone(group, 1) as (stranger,):
        for server in group.sentinels:
            server.ask("SENTINEL", "MONITOR", "pubsub", *stranger.address, 2)
        until(lambda: all(pairs(server.ask("SENTINEL", "MASTER", "pubsub"))["runid"] for server in group.sentinels))
        before = watch.snapshot()
        with writing(group, "stranger"):
            watch.refused(address(stranger), address(group.data[0]), masters=[pubsub(group)])
            assert codes(watch.task.check(masters=[pubsub(group)])) == ["master.contradicted"]
            # Any declared node of that set is enough.
            watch.refused(address(stranger), address(group.data[1]), masters=[pubsub(group, address=[address(group.data[1])])])
            stranger.kill()
            # What it was is not known any more, and the declared nodes have another master.
            line = watch.refused(address(stranger), address(group.data[0]), masters=[pubsub(group)])
            assert "may be a master beside" in line
        assert watch.snapshot() == before
    watch.settle(masters=[pubsub(group, state="absent")])
    watch.settle(masters=[pubsub(group)])
    group.wait_healthy("pubsub")


# What cannot work


@first_line
def test_settings_that_cannot_work_are_refused_or_warned_of(watch: Watch) -> None:
    group = watch.group
    watch.settle(masters=[pubsub(group)])
    for field, value in (("down_after_milliseconds", 5), ("down_after_milliseconds", 50), ("failover_timeout", 10)):
        watch.refused(field, str(value), masters=[pubsub(group, **{field: value})])
        assert codes(watch.task.check(masters=[pubsub(group, **{field: value})])) == ["option.too_low"]
    told = watch.task.check(masters=[pubsub(group, down_after_milliseconds=200)])
    assert not told.get("failed") and str(told["warnings"]).count("is 200: below 500 a busy host or network looks like a dead one") == 1
    watch.refused("prune", "state absent", masters=[], prune=True)
    assert codes(watch.task.check(masters=[], prune=True)) == ["masters.none"]


@first_line
def test_the_sentinels_that_are_not_listed_are_named(watch: Watch) -> None:
    group = watch.group
    watch.settle(masters=[pubsub(group)])
    group.wait_healthy("pubsub")
    one, *others = watch.task.defaults["sentinels"]
    names = [address(server) for server in group.sentinels[1:]]
    watch.refused("1 of 3 sentinels are listed", *names, masters=[pubsub(group)], sentinels=[one])
    assert codes(watch.task.check(masters=[pubsub(group, quorum=3)], sentinels=[one])) == ["sentinels.unlisted"]
    told = watch.task.check(masters=[pubsub(group)], sentinels=[one, others[0]])
    assert not told.get("failed") and names[1] in str(told["warnings"])
    told = watch.info.apply(masters=[{"name": "pubsub"}], sentinels=[one])
    assert any(all(name in reason for name in names) for reason in told["reasons"])
    assert watch.info.apply(masters=[{"name": "pubsub"}], sentinels=[one], sentinel_count=3)["healthy"]


@first_line
def test_what_all_sentinels_say_is_said_once(watch: Watch) -> None:
    group = watch.group
    watch.settle(masters=[pubsub(group)])
    group.wait_healthy("pubsub")
    done = watch.task.check(masters=[pubsub(group, address=["redis-a.invalid"], name="named")])
    assert done["failed"] and str(done["msg"]).count("redis-a.invalid") <= 2, done["msg"]
    for server in group.sentinels:
        server.ask("SENTINEL", "REMOVE", "pubsub")
        server.ask("SENTINEL", "MONITOR", "pubsub", *group.data[1].address, 2)
    done = watch.task.check(masters=[pubsub(group)], repair=False)
    assert codes(done) == ["master.wrong_address"]
    assert all(str(done["msg"]).count(address(server)) == 1 for server in group.sentinels)


# Loopback addresses in the mouth of sentinels elsewhere


@pytest.fixture(scope="module", params=LINES)
def beyond(request: pytest.FixtureRequest) -> t.Iterator[Group]:
    with redis.group(f"beyond-{request.param}", request.param, replicas=1, beyond=True) as made:
        quick(made)
        yield made


LOOPBACK = "127.77.0.77"


def at_loopback(group: Group) -> None:
    for server in group.sentinels:
        server.ask("SENTINEL", "MONITOR", "pubsub", LOOPBACK, 6379, 2)


def test_sentinels_left_at_loopback_are_repaired_and_nobody_asks_there(beyond: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = connection.Server.ask

    def noted(self: connection.Server, *words: t.Any) -> t.Any:
        asked.append(self.host)
        return ask(self, *words)

    monkeypatch.setattr(connection.Server, "ask", noted)
    with Watch(beyond) as watch:
        at_loopback(beyond)
        told = watch.info.apply(masters=[{"name": "pubsub"}])
        assert any("sentinel's own host" in reason for reason in told["reasons"]), told["reasons"]
        # Nobody watches the set, and nothing is known of it: that is no success.
        watch.refused("no master was found", masters=[{"name": "pubsub"}])
        watch.refused("loopback", masters=[{"name": "pubsub", "address": f"{LOOPBACK}:6379"}])
        with writing(beyond, "loopback"):
            done = watch.settle(masters=[pubsub(beyond)])
            assert [change["action"] for change in done["changes"]] == ["replace"] * 3
        assert watch.masters() == [{"pubsub": address(beyond.data[0])}] * 3
        beyond.wait_healthy("pubsub")
        assert LOOPBACK not in asked


def test_a_node_behind_loopback_is_known_by_its_run_id(beyond: Group) -> None:
    first = beyond.sentinels[0]
    with Watch(beyond) as watch, listening(beyond.data[1]), lone(beyond, 1) as (stranger,):
        watch.settle(masters=[pubsub(beyond)])
        beyond.wait_healthy("pubsub")
        first.ask("SENTINEL", "REMOVE", "pubsub")
        first.ask("SENTINEL", "MONITOR", "pubsub", LOOPBACK, 6379, 2)
        connected(first)
        # A replica of the set, on that sentinel's host: it is mended.
        done = watch.settle(masters=[pubsub(beyond)])
        assert changed_objects(done) == [f"replace master {address(first)}/pubsub"]
        with silent(beyond.data[1]), listening(stranger):
            first.ask("SENTINEL", "REMOVE", "pubsub")
            first.ask("SENTINEL", "MONITOR", "pubsub", LOOPBACK, 6379, 2)
            connected(first)
            watch.refused(f"sentinel {address(first)} watches {LOOPBACK}:6379", masters=[pubsub(beyond)])
            assert codes(watch.task.check(masters=[pubsub(beyond)])) == ["master.local"]


def connected(sentinel: Server) -> None:
    until(lambda: pairs(sentinel.ask("SENTINEL", "MASTER", "pubsub"))["runid"] != "")


@contextlib.contextmanager
def listening(node: Server) -> t.Iterator[None]:
    """The node listens at a loopback address too."""
    node.ask("CONFIG", "SET", "bind", f"{node.host} {LOOPBACK}")
    yield
    with contextlib.suppress(OSError):
        node.ask("CONFIG", "SET", "bind", node.host)


@contextlib.contextmanager
def silent(node: Server) -> t.Iterator[None]:
    """It does not listen at the loopback address for a while."""
    node.ask("CONFIG", "SET", "bind", node.host)
    yield
