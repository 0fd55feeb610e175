"""redis_sentinel and redis_failover from end to end, on servers in memory: check mode only reads, and no result lies about a failure."""

from __future__ import annotations

import typing as t

import pytest
from redis_memory import DATA, SENTINELS, SETS, Memory, is_read, parameters

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report, Service, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.failover import Failover
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import Fence, raised
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.sentinels import SentinelSet

Run = t.Callable[..., Report]
WANTED: dict[str, t.Any] = {
    "masters": [
        {"name": "new", "address": SETS["new"], "auth_pass": "hush", "notification_script": "/bin/true"},
        {"name": "moved", "address": SETS["moved"], "client_reconfig_script": "/bin/true"},
        {"name": "other", "address": DATA, "quorum": 3, "notification_script": "/bin/true", "parallel_syncs": 4},
    ],
    "settings": {"resolve_hostnames": True, "sentinel_user": "watcher", "sentinel_pass": "hush"},
    "prune": True,
    "update_hidden": "always",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting takes no time, and ends."""
    now = [0.0]
    monkeypatch.setattr(wait.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(wait.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + max(seconds, 0.001)))


def _asked_of(memory: Memory) -> t.Callable[..., t.Any]:
    def ask(server: Server, *words: str | int) -> t.Any:
        return memory.ask(server, *words)

    return ask


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def made(memory: Memory, service: type[Service], check: bool = False, **given: t.Any) -> Report:
        monkeypatch.setattr(Server, "ask", _asked_of(memory))
        spec = arguments.REDIS_SENTINEL if service is SentinelSet else arguments.REDIS_FAILOVER
        return converge(service(parameters(options(spec), **given)), check, diff=True)  # type: ignore[call-arg]

    return made


def watched(**more: t.Any) -> Memory:
    """All is well but for one master at a wrong address and one that nobody wants."""
    memory = Memory(**more)
    for host in SENTINELS:
        memory.watched[host] = {
            name: {"ip": place, "port": "6379", "quorum": "2", "down-after-milliseconds": "30000", "failover-timeout": "180000"}
            for name, place in (("moved", SETS["moved"][1]), ("other", DATA[0]), ("unwanted", SETS["unwanted"][0]))
        }
        for entry in memory.watched[host].values():
            entry["parallel-syncs"] = "1"
    return memory


def test_check_mode_of_redis_sentinel_only_reads_and_tells_what_apply_does(run: Run) -> None:
    memory = watched()
    before = memory.state
    predicted = run(memory, SentinelSet, check=True, **WANTED)
    assert predicted.failure is None and {change["action"] for change in predicted.result["changes"]} == {
        "create",
        "replace",
        "update",
        "delete",
    }
    assert [words for words in memory.sent if not is_read(words)] == [] and memory.state == before
    done = run(memory, SentinelSet, **WANTED)
    assert done.failure is None, done
    assert done.result["changes"] == predicted.result["changes"]
    assert run(memory, SentinelSet, **{**WANTED, "update_hidden": "on_create"}).result["changes"] == []


def test_a_sentinel_that_takes_no_scripts_is_left_as_it_is(run: Run) -> None:
    for name in ("new", "moved", "other"):
        memory = watched(scripts=False)
        before = memory.state
        done = run(memory, SentinelSet, masters=[item for item in WANTED["masters"] if item["name"] == name])
        assert "deny-scripts-reconfig no" in str(done.failure)
        assert (done.result["changed"], done.result["changes"]) == (False, []) and memory.state == before


def test_whichever_write_is_refused_the_result_says_whether_something_was_written(run: Run) -> None:
    counted = watched()
    run(counted, SentinelSet, **WANTED)
    for number in range(1, len(counted.writes) + 1):
        for silent in (False, True):
            memory = watched(fail=number, silent=silent)
            before = memory.state
            result = run(memory, SentinelSet, **WANTED).result
            assert result["failures"] or result["unknown"] or result["not_attempted"], (number, silent)
            assert result["changed"] or memory.state == before, (number, silent, memory.writes)
            assert not result["changed"] or silent or memory.state != before, (number, silent)


@pytest.mark.parametrize("to", [None, {"host": DATA[2]}])
def test_a_switch(run: Run, to: dict[str, t.Any] | None) -> None:
    memory = watched()
    given = {"name": "other", "to": to}
    before = memory.state
    predicted = run(memory, Failover, check=True, **given)
    assert [words for words in memory.sent if not is_read(words)] == [] and memory.state == before
    done = run(memory, Failover, **given)
    assert done.failure is None, done
    (difference,) = done.result["changes"][0]["differences"]
    assert (difference["before"], difference["after"]) == (f"{DATA[0]}:6379", f"{memory.master}:6379")
    assert memory.master == (DATA[2] if to else DATA[1])
    assert done.result["new_master"] == {"host": memory.master, "port": 6379}
    assert memory.roles[DATA[0]] == "slave" and memory.state[2] == before[2]
    foreseen = predicted.result["changes"][0]["differences"][0]["after"]
    assert foreseen == difference["after"] if to else memory.master in foreseen


def test_a_right_that_sentinel_lacks_is_refused_before_anything_is_written(run: Run) -> None:
    memory = watched()
    memory.denied = {"SLAVEOF", "CONFIG"}
    for check in (True, False):
        done = run(memory, Failover, check=check, name="other")
        (problem,) = done.result["problems"]
        assert (problem["code"], problem["remedy"]) == ("rights.sentinel", "ACL SETUSER watcher +slaveof +config|rewrite")
        assert problem["item"] == f"data nodes {DATA[0]}:6379, {DATA[1]}:6379 and {DATA[2]}:6379"
    assert memory.writes == []


def test_a_master_that_would_follow_without_tls_where_all_speak_it_is_refused(run: Run) -> None:
    memory = watched()
    memory.nodes[DATA[0]]["tls-replication"] = "no"
    memory.nodes[DATA[1]]["tls-replication"] = memory.nodes[DATA[2]]["tls-replication"] = "yes"
    (problem,) = run(memory, Failover, name="other", tls=True).result["problems"]
    assert (problem["code"], problem["item"]) == ("replication.tls", f"data node {DATA[0]}:6379")


def test_a_failover_that_promotes_nobody_is_called_off(run: Run) -> None:
    memory = watched()
    memory.promotes = False
    before = memory.state
    done = run(memory, Failover, name="other", to={"host": DATA[2]})
    assert "called off" in str(done.failure)
    assert (done.result["changed"], len(done.result["not_attempted"])) == (False, 1)
    assert memory.state == before and memory.leading == ""
    assert ("SENTINEL", "RESET", "other") in memory.sent
    assert done.result["paused_seconds"] < 10


def test_the_next_run_ends_a_failover_that_a_killed_run_left_and_that_promotes_nobody(run: Run) -> None:
    memory = left_behind()
    memory.leading = SENTINELS[1]
    done = run(memory, Failover, name="other", to={"host": DATA[2]})
    assert done.failure is None and memory.master == DATA[2]
    assert memory.sent.count(("SENTINEL", "RESET", "other")) == 1


def left_behind(**more: t.Any) -> Memory:
    """As after a run that was killed while the master was fenced."""
    memory = watched(**more)
    fence = Fence(1, 10, 100).raised(2)
    settings = (("min-replicas-to-write", fence.to_write), ("min-replicas-max-lag", fence.max_lag), ("replica-priority", fence.priority))
    memory.nodes[DATA[0]].update({name: str(value) for name, value in settings})
    memory.nodes[DATA[1]]["replica-priority"] = str(raised(7))
    return memory


def test_what_a_killed_run_left_is_put_right_first_and_counted_even_if_a_refusal_follows(run: Run) -> None:
    memory = left_behind()
    predicted = run(memory, Failover, check=True, name="other", to={"host": DATA[2]})
    assert [words for words in memory.sent if not is_read(words)] == []
    assert [change["kind"] for change in predicted.result["changes"]] == ["data_node", "data_node", "master"]
    refused = run(memory, Failover, name="other", to={"host": "10.0.2.9"})
    assert [problem["code"] for problem in refused.result["problems"]] == ["to.unknown"]
    assert refused.result["changed"] and [change["object"] for change in refused.result["changes"]] == [
        f"{DATA[1]}:6379",
        f"{DATA[0]}:6379",
    ]
    assert (memory.nodes[DATA[0]]["min-replicas-to-write"], memory.nodes[DATA[1]]["replica-priority"]) == ("1", "7")


def test_whichever_write_of_a_switch_is_refused_the_result_says_so(run: Run) -> None:
    given = {"name": "other", "to": {"host": DATA[2]}, "wait_timeout": 5.0}
    counted = left_behind()
    run(counted, Failover, **given)
    for number in range(1, len(counted.writes) + 1):
        for silent in (False, True):
            memory = left_behind(fail=number, silent=silent)
            before = memory.state
            done = run(memory, Failover, **given)
            assert done.result["changed"] or memory.state == before, (number, silent, memory.writes)
            assert done.failure is None or any(done.result[key] for key in ("failures", "unknown", "not_attempted")), (number, silent)
