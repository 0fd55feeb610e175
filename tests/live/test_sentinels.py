"""redis_sentinel on real sentinels of four servers: converged, after failovers, and mended."""

from __future__ import annotations

import time
import typing as t

import pytest
from ground import changed_objects
from watch import Watch, address, hidden, lone, quick, until

from ansible_collections.eco2.platform.plugins.module_utils._redis import connection
from lab import redis
from lab.redis import Group, Server


@pytest.fixture(scope="module", params=list(redis.LINES))
def group(request: pytest.FixtureRequest) -> t.Iterator[Group]:
    with redis.group(f"test-{request.param}", request.param) as made:
        quick(made)
        yield made


@pytest.fixture
def watch(group: Group) -> t.Iterator[Watch]:
    with Watch(group) as made:
        yield made


def declared(watch: Watch, **more: t.Any) -> dict[str, t.Any]:
    master = {
        "name": "pubsub",
        "address": address(watch.group.data[0]),
        "quorum": 2,
        "down_after_milliseconds": 1000,
        "failover_timeout": 10000,
    }
    return {"masters": [{**master, **more}]}


def test_monitored_changed_removed(watch: Watch) -> None:
    done = watch.settle(**declared(watch))
    names = [address(server) for server in watch.group.sentinels]
    assert changed_objects(done) == [f"create master {name}/pubsub" for name in names]
    assert watch.masters() == [{"pubsub": address(watch.group.data[0])}] * 3
    watch.group.wait_healthy("pubsub")
    done = watch.settle(**declared(watch, quorum=3, parallel_syncs=2, down_after_milliseconds=2000))
    assert [entry["field"] for entry in done["changes"][0]["differences"]] == ["quorum", "down_after_milliseconds", "parallel_syncs"]
    watch.settle(masters=[{"name": "pubsub", "state": "absent"}])
    assert watch.masters() == [{}] * 3


def test_a_replica_is_as_good_a_seed_as_its_master(watch: Watch) -> None:
    watch.settle(**declared(watch, address=[address(watch.group.data[2])]))
    assert watch.masters() == [{"pubsub": address(watch.group.data[0])}] * 3


def test_drift_on_one_sentinel(watch: Watch) -> None:
    watch.settle(**declared(watch))
    watch.group.sentinels[1].ask("SENTINEL", "SET", "pubsub", "quorum", 1)
    watch.group.sentinels[2].ask("SENTINEL", "REMOVE", "pubsub")
    watch.group.sentinels[2].ask("SENTINEL", "MONITOR", "mymaster", "127.0.0.1", 1, 2)
    done = watch.settle(**declared(watch), prune=True)
    names = [address(server) for server in watch.group.sentinels]
    expected = [f"update master {names[1]}/pubsub", f"create master {names[2]}/pubsub", f"delete master {names[2]}/mymaster"]
    assert changed_objects(done) == expected


def test_settings(watch: Watch) -> None:
    wanted: dict[str, t.Any] = {"resolve_hostnames": True, "announce_hostnames": False, "sentinel_user": "", "sentinel_pass": ""}
    watch.settle(settings=wanted)
    watch.settle(settings={"resolve_hostnames": False})


def test_hidden_options_are_compared_with_the_file(watch: Watch) -> None:
    watch.settle(**declared(watch))
    sentinels = watch.task.defaults["sentinels"]

    def with_files() -> dict[str, t.Any]:
        texts = [server.config.read_text(encoding="utf-8") for server in watch.group.sentinels]
        return {"sentinels": [{**entry, "conf": text} for entry, text in zip(sentinels, texts)], "update_hidden": "from_file"}

    wanted = declared(watch, auth_user="default", auth_pass="canary-sentinel", rename_commands={"CONFIG": "other"})
    predicted = watch.task.check(**wanted, **with_files())
    done = watch.task.apply(**wanted, **with_files())
    assert not done.get("failed"), done
    assert predicted["changes"] == done["changes"]
    assert len(done["changes"]) == 3
    assert "canary-sentinel" not in str(done)
    assert all(any("canary-sentinel" in line for line in hidden(server)) for server in watch.group.sentinels)
    watch.idle(**wanted, **with_files())
    watch.idle(**wanted)
    for server in watch.group.sentinels:
        server.ask("SENTINEL", "SET", "pubsub", "auth-pass", "", "auth-user", "", "rename-command", "CONFIG", "CONFIG")


def test_nothing_to_do_takes_a_handful_of_commands(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At most 6 to each sentinel however many masters, 2 to each master's own server, and none that writes."""
    with lone(watch.group, 7) as others:
        _count(watch, [watch.group.data[0], *others], monkeypatch, capsys)


def _count(watch: Watch, nodes: list[Server], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    masters = [{"name": f"set-{number}", "address": address(node)} for number, node in enumerate(nodes)]
    watch.settle(masters=masters)
    asked: dict[tuple[str, int], list[tuple[str, ...]]] = {}
    ask = connection.Server.ask

    def counted(self: connection.Server, *words: t.Any) -> t.Any:
        asked.setdefault((self.host, self.port), []).append(words)
        return ask(self, *words)

    monkeypatch.setattr(connection.Server, "ask", counted)
    assert watch.task.apply(masters=masters)["changes"] == []
    sentinels = {server.address: asked.pop(server.address) for server in watch.group.sentinels}
    to_master = asked.pop(watch.group.data[0].address)
    assert {len(asked.pop(node.address)) for node in nodes[1:]} == {len(to_master)}
    assert asked == {}
    with capsys.disabled():
        print(f"\n{watch.group.line}: {[len(words) for words in sentinels.values()]} commands to sentinels, {len(to_master)} to the master")
    assert all(len(words) <= 6 for words in sentinels.values())
    assert len(to_master) <= 2
    reading = {("INFO",), ("SENTINEL", "MYID"), ("SENTINEL", "MASTERS"), ("SENTINEL", "CONFIG", "GET", "*")}
    assert {words for each in (*sentinels.values(), to_master) for words in each} <= reading


# What the info module tells


def test_a_verdict_with_reasons(watch: Watch) -> None:
    group = watch.group
    watch.settle(**declared(watch))
    group.wait_healthy("pubsub")
    told = watch.info.apply(masters=[{"name": "pubsub", "replicas": 2}])
    assert (told["changed"], told["healthy"], told["reasons"]) == (False, True, [])
    (master,) = told["masters"]
    assert (master["address"], master["role"], master["healthy"]) == (address(group.data[0]), "master", True)
    assert [entry["address"] for entry in master["replicas"]] == sorted(address(server) for server in group.data[1:])
    assert master["options"]["down_after_milliseconds"] == "1000"
    assert {entry["version"] for entry in told["sentinels"]} == {group.program.version}

    told = watch.info.apply(masters=[{"name": "pubsub", "replicas": 3}, {"name": "other"}])
    assert any("2 replicas known, 3 expected" in reason for reason in told["reasons"])
    assert any(reason.startswith("master other: sentinel") and "is not monitored there" in reason for reason in told["reasons"])

    group.sentinels[2].ask("SENTINEL", "REMOVE", "pubsub")
    group.sentinels[2].ask("SENTINEL", "MONITOR", "pubsub", group.data[1].host, group.data[1].port, 2)
    told = watch.info.apply()
    assert not told["healthy"]
    assert any("the sentinels disagree" in reason for reason in told["reasons"])
    failed = watch.info.apply(wait=True, wait_timeout=1.0)
    assert failed["failed"]
    assert "(waited 1 s)" in failed["msg"]
    watch.task.apply(**declared(watch))
    told = watch.info.apply(masters=[{"name": "pubsub", "replicas": 2}], wait=True)
    assert told["healthy"], told


def test_a_node_that_is_no_sentinel(watch: Watch) -> None:
    data = watch.group.data[0]
    told = watch.info.apply(sentinels=[{"host": data.host, "port": data.port}])
    assert "26379" in told["reasons"][0]
    refused = watch.task.apply(sentinels=[{"host": data.host, "port": data.port}], masters=[])
    assert "26379" in refused["msg"]
    assert "\n" not in refused["msg"]


# After a failover


def fail_over(group: Group) -> str:
    """A forced failover; the new master's address, once all sentinels have it."""
    before = group.master("pubsub")
    group.sentinels[0].ask("SENTINEL", "FAILOVER", "pubsub")

    def named() -> set[tuple[str, str]]:
        return {tuple(server.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub")) for server in group.sentinels}

    until(lambda: len(named()) == 1 and next(iter(named()))[0] != before.host, 20)
    group.wait_healthy("pubsub")
    (new,) = named()
    return ":".join(new)


def test_nothing_is_changed_after_a_failover(watch: Watch) -> None:
    """What everybody's templates break: the declared address is of a replica now."""
    watch.settle(**declared(watch))
    watch.group.wait_healthy("pubsub")
    former = address(watch.group.data[0])
    new = fail_over(watch.group)
    assert new != former
    before = [(server.pid, server.config.read_text(encoding="utf-8")) for server in watch.group.sentinels]
    watch.idle(**declared(watch, address=former))
    watch.group.wait_healthy("pubsub")
    assert watch.masters() == [{"pubsub": new}] * 3
    assert [(server.pid, server.config.read_text(encoding="utf-8")) for server in watch.group.sentinels] == before
    watch.group.data.sort(key=lambda server: address(server) != new)


def test_all_three_files_overwritten_after_a_failover_are_mended(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    """The worst that can be done to a set: all sentinels watch a former master for ever, and no failover is possible."""
    group = watch.group
    watch.settle(**declared(watch, parallel_syncs=3))
    group.wait_healthy("pubsub")
    original = {server: server.config.read_text(encoding="utf-8") for server in group.sentinels}
    new = fail_over(group)
    for server in group.sentinels:
        server.stop()
        server.config.write_text(
            "".join(line for line in original[server].splitlines(True) if " known-" not in line and " myid " not in line)
        )
    for server in group.sentinels:
        server.start()
    quick(group)
    assert watch.masters() != [{"pubsub": new}] * 3
    everywhere = [address(server) for server in group.data]
    watch.refused("neither declared nor known to a sentinel", **declared(watch))
    begin = time.monotonic()
    done = watch.task.apply(**declared(watch, address=everywhere))
    took = time.monotonic() - begin
    assert not done.get("failed"), done
    assert [change["action"] for change in done["changes"]] == ["replace"] * 3
    assert watch.masters() == [{"pubsub": new}] * 3
    seen = [server.ask("SENTINEL", "MASTER", "pubsub") for server in group.sentinels]
    assert all(row[row.index("parallel-syncs") + 1] == "3" for row in seen)
    group.wait_healthy("pubsub", 8 - took)
    with capsys.disabled():
        print(f"\n{group.line}: mended in {took:.2f} s, healthy after {time.monotonic() - begin:.2f} s")
    watch.idle(**declared(watch))
    group.data.sort(key=lambda server: address(server) != new)
