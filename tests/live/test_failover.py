"""A planned switch under writers, on each release line: no acknowledged write is lost, also where the module is killed half-way."""

from __future__ import annotations

import json
import signal
import time
import typing as t
from pathlib import Path

import pytest
from ground import one_line
from relay import Relay
from switching import LONG, NAME, Set, accounted, start_dying, to, warm
from watch import USUAL, quick
from writers import Writers

from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version
from lab import redis
from playbooks import play

RUNS = 20 if LONG else 3
CONTROL = "a control experiment, which tries the harness and not the collection: make test-long"
LONGEST_GAP = 5.0  # seconds


@pytest.fixture(params=list(redis.LINES))
def nodes(request: pytest.FixtureRequest) -> t.Iterator[Set]:
    with redis.group("failover", request.param) as group:
        made = Set(group)
        made.begin()
        yield made


@pytest.fixture
def nodes_7() -> t.Iterator[Set]:
    """For what does not depend on the line."""
    with redis.group("failover", "redis-7.0") as group:
        made = Set(group)
        made.begin()
        yield made


def test_no_acknowledged_write_is_lost(nodes: Set, capsys: pytest.CaptureFixture[str]) -> None:
    """To a named replica and to the best one by turns, each switch under new writers."""
    for number in range(RUNS):
        quick(nodes.group, USUAL)
        named = number % 2 == 0
        old, wanted = nodes.master, nodes.replicas[-1]
        with Writers(nodes.group, NAME, f"run{number}") as writers:
            warm(writers)
            result = nodes.task.apply(**({"to": to(wanted)} if named else {}))
            time.sleep(1.5)
            account = accounted(nodes, writers)
        with capsys.disabled():
            how = f"{result.get('method')}, {'named' if named else 'best'}, held {result.get('paused_seconds')} s"
            print(f"\n  {nodes.group.line} {nodes.group.program.version} {how}: {account}", end="", flush=True)
        assert not result.get("failed"), result["msg"]
        assert result["method"] == ("coordinated" if nodes.group.line == "valkey-9.1" else "pause")
        assert result["old_master"] == to(old) and result["new_master"] == to(nodes.master)
        assert nodes.master is (wanted if named else nodes.master) and nodes.master is not old
        assert account.lost == 0
        assert account.worst_gap < LONGEST_GAP
        assert nodes.changed_settings() == {}
        nodes.is_one_master()
        nodes.healthy()


def test_the_pause_on_servers_that_could_do_it_themselves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As the one release of Valkey 9 gets it that crashes of COORDINATED."""
    monkeypatch.setattr(Version, "is_coordinated", False)
    with redis.group("failover", "valkey-9.1") as group:
        nodes = Set(group)
        nodes.begin()
        for number in range(RUNS if LONG else 1):
            quick(group, USUAL)
            with Writers(group, NAME, f"run{number}") as writers:
                warm(writers)
                result = nodes.task.apply(to=to(nodes.replicas[0]))
                time.sleep(1.5)
                account = accounted(nodes, writers)
            with capsys.disabled():
                print(f"\n  valkey-9.1 by {result.get('method')}, held {result.get('paused_seconds')} s: {account}", end="", flush=True)
            assert not result.get("failed"), result["msg"]
            assert (result["method"], account.lost) == ("pause", 0)
            assert account.worst_gap < LONGEST_GAP
            assert nodes.changed_settings() == {}
            nodes.is_one_master()
            nodes.healthy()


@pytest.mark.parametrize("line", list(redis.LINES) if LONG else ["redis-8.0"])
def test_where_a_master_needs_a_replica_to_write_as_the_role_sets_it_up(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with redis.group("failover", line, data_config="min-replicas-to-write 1\n") as group:
        nodes = Set(group)
        nodes.begin()
        with Writers(group, NAME, "careful") as writers:
            warm(writers)
            result = nodes.task.apply(to=to(nodes.replicas[0]))
            time.sleep(1.5)
            account = accounted(nodes, writers)
        with capsys.disabled():
            print(f"\n  {line} with min-replicas-to-write 1: {account}", end="", flush=True)
        assert not result.get("failed"), result["msg"]
        assert account.lost == 0 and account.worst_gap < LONGEST_GAP
        assert set(map(str, nodes.changed_settings().values())) == {
            "{'min-replicas-to-write now': '1', 'min-replicas-to-write later': '1'}"
        }
        nodes.is_one_master()


@pytest.mark.skipif(not LONG, reason=CONTROL)
def test_sentinels_own_failover_loses_writes_in_this_harness(nodes: Set, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise the test above would prove nothing."""
    old = nodes.master
    with Writers(nodes.group, NAME, "plain") as writers:
        warm(writers)
        nodes.group.sentinels[0].ask("SENTINEL", "FAILOVER", NAME)
        deadline = time.monotonic() + 30
        while old.ask("ROLE")[0] == "master" and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        account = accounted(nodes, writers)
    with capsys.disabled():
        print(f"\n  {nodes.group.line} {nodes.group.program.version} SENTINEL FAILOVER: {account}", end="", flush=True)
    assert account.lost > 0, "this harness does not notice lost writes"


def test_check_predicts_apply_and_a_second_run_does_nothing(nodes: Set) -> None:
    wanted = nodes.replicas[0]
    predicted = nodes.task.check(to=to(wanted))
    assert nodes.master is not wanted and nodes.changed_settings() == {}
    done = nodes.task.apply(to=to(wanted))
    assert not done.get("failed"), done
    assert (predicted["changed"], predicted["changes"], predicted["diff"]) == (True, done["changes"], done["diff"])
    for again in (nodes.task.check(to=to(wanted)), nodes.task.apply(to=to(wanted))):
        assert (again["changed"], again["changes"], again["unchanged"], again["method"]) == (False, [], 1, "none")


def test_a_replica_that_is_never_to_be_chosen_is_refused(nodes_7: Set) -> None:
    other = nodes_7.replicas[0]
    other.ask("CONFIG", "SET", "replica-priority", 0)
    one_line(nodes_7.task.apply(to=to(other), wait_timeout=2), "has replica-priority 0")
    one_line(nodes_7.task.check(to=to(other), wait_timeout=2), "has replica-priority 0")
    one_line(nodes_7.task.apply(to={"host": "127.77.255.1"}, wait_timeout=2), "is not a replica of master set-1 that the sentinels know")
    one_line(nodes_7.task.apply(name="another", wait_timeout=2), "no master 'another' is monitored there")
    assert nodes_7.master is nodes_7.group.data[0]


def test_an_unhealthy_set_is_refused_until_it_is_healthy(nodes_7: Set) -> None:
    sentinel, replica = nodes_7.group.sentinels[2], nodes_7.replicas[0]
    sentinel.stop()
    one_line(nodes_7.task.apply(wait_timeout=1), f"sentinel {sentinel.host}:", "Connection refused")
    nodes_7.group.sentinels[1].stop()
    one_line(nodes_7.task.apply(wait_timeout=1, require_sentinels="majority"), "1 of 3 sentinels answer, which is no majority")
    nodes_7.group.sentinels[1].start()
    replica.pause()
    one_line(nodes_7.task.apply(wait_timeout=1, require_sentinels="majority", timeout=0.5), replica.host)
    replica.resume()
    # It waits until the replica is seen well again.
    done = nodes_7.task.apply(to=to(replica), require_sentinels="majority")
    assert not done.get("failed"), done["msg"]
    assert nodes_7.master is replica


def test_a_replica_that_does_not_catch_up_stops_the_switch_and_all_is_undone(nodes_7: Set) -> None:
    """It hangs from the moment of the pause on; nothing was ordered, so the old master goes on."""
    old, hung = nodes_7.master, nodes_7.replicas[0]
    dying = start_dying(nodes_7, "pause", 1, {"pause_limit": 10.0}, victim=hung)
    with Writers(nodes_7.group, NAME, "hung") as writers:
        warm(writers)
        out, dummy = dying.communicate(timeout=60)
        hung.resume()
        result = json.loads(out)
        one_line(result, "did not catch up")
        time.sleep(1)
        account = accounted(nodes_7, writers)
    assert account.lost == 0 and account.worst_gap < LONGEST_GAP, account
    assert nodes_7.master is old
    assert nodes_7.changed_settings() == {}


def test_a_master_without_a_replica_is_refused_at_once() -> None:
    with redis.group("failover", "redis-7.0", replicas=0) as group:
        nodes = Set(group)
        nodes.begin()
        began = time.monotonic()
        one_line(nodes.task.apply(wait_timeout=30), "has no replica")
        assert time.monotonic() - began < 5


def relayed(nodes: Set, relay: Relay) -> list[dict[str, t.Any]]:
    """The task's sentinels, the first of them behind the relay."""
    return [{"host": relay.host, "port": relay.port}, *nodes.arguments["sentinels"][1:]]


def test_a_failover_that_sentinel_began_itself_is_no_coordinated_one() -> None:
    """What runs then is a plain one, which nobody has fenced."""
    with redis.group("failover", "valkey-9.1") as group:
        nodes = Set(group)
        nodes.begin()
        old = nodes.master
        busy = b"-INPROG Failover already in progress\r\n"
        with Relay(group.sentinels[0].address, lambda words: busy if words[:2] == ["SENTINEL", "FAILOVER"] else None) as relay:
            done = nodes.task.apply(sentinels=relayed(nodes, relay))
        one_line(done, "INPROG")
        assert (done["changed"], len(done["not_attempted"]), done["unknown"]) == (False, 1, [])
        assert nodes.master is old and nodes.changed_settings() == {}


def test_a_name_that_is_taken_out_meanwhile_ends_in_words(nodes_7: Set) -> None:
    nothing = b"*-1\r\n"
    address = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME"]
    with Relay(nodes_7.group.sentinels[0].address, lambda words: nothing if words[:2] == address else None) as relay:
        done = nodes_7.task.apply(sentinels=relayed(nodes_7, relay), wait_timeout=12)
    one_line(done, "not every sentinel names the new master")
    assert done["changed"] and len(done["unknown"]) == 1


def test_what_was_put_right_is_told_also_where_the_run_is_refused_afterwards(nodes_7: Set) -> None:
    replica = nodes_7.replicas[0]
    replica.ask("CONFIG", "SET", "replica-priority", 1_000_000_100)
    looks: list[list[str]] = []

    def judge(words: list[str]) -> bytes | None:
        if words[:2] == ["SENTINEL", "MASTERS"]:
            looks.append(words)
        return b"*0\r\n" if len(looks) > 1 and words is looks[-1] else None

    with Relay(nodes_7.group.sentinels[0].address, judge) as relay:
        done = nodes_7.task.apply(sentinels=relayed(nodes_7, relay))
    one_line(done, "no master 'set-1' is monitored there")
    assert done["changed"] and [change["kind"] for change in done["changes"]] == ["data_node"]
    assert nodes_7.changed_settings() == {}


RIGHTS = "+role +info +config|get +config|set +config|rewrite +client|list +client|pause +client|unpause +client|kill"
RIGHTS += " +acl|dryrun +slaveof +multi +exec"
DATA_PASSWORD, SENTINEL_PASSWORD = "canary-data-Aa1", "canary-sentinel-Bb2"


@pytest.mark.parametrize("line", ["redis-7.0", "valkey-9.1"])
def test_the_rights_that_the_documentation_names_are_enough_and_no_password_is_shown(line: str) -> None:
    rights = f"{RIGHTS} +failover" if line == "valkey-9.1" else RIGHTS
    data = f"user switcher on >{DATA_PASSWORD} {rights}\n"
    sentinel = f"user watcher on >{SENTINEL_PASSWORD} +sentinel +info\n"
    with redis.group("failover", line, data_config=data, sentinel_config=sentinel) as group:
        nodes = Set(group)
        nodes.begin()
        wanted = nodes.replicas[-1]
        who: dict[str, t.Any] = {"username": "watcher", "password": SENTINEL_PASSWORD}
        who.update(data_username="switcher", data_password=DATA_PASSWORD)
        done = nodes.task.apply(to=to(wanted), **who)
        assert not done.get("failed"), done["msg"]
        assert nodes.master is wanted and nodes.changed_settings() == {}
        assert [server.ask("ACL", "LOG") for server in group.servers] == [[]] * 6
        wrong_data = nodes.task.apply(**{**who, "data_password": "canary-wrong-Cc3"})
        wrong_sentinel = nodes.task.apply(**{**who, "password": "canary-wrong-Cc3"})
        one_line(wrong_data, "does not accept these credentials", "Check data_username and data_password")
        one_line(wrong_sentinel, "does not accept these credentials", "Check username and password")
        assert "canary" not in str([done, wrong_data, wrong_sentinel])
        assert nodes.master is wanted


CANARIES = (DATA_PASSWORD, SENTINEL_PASSWORD, "canary-wrong-Cc3")


def test_no_password_leaves_a_run(tmp_path: Path) -> None:
    """Neither by its output at -vvv, nor by `ps`, callbacks, the journal, files, or the servers' logs."""
    data = f"requirepass {DATA_PASSWORD}\nmasterauth {DATA_PASSWORD}\nloglevel debug\n"
    sentinel = f"user watcher on >{SENTINEL_PASSWORD} +sentinel +info\n"
    with redis.group("failover", "redis-8.0", data_config=data, sentinel_config=sentinel) as group:
        for server in group.data:
            server.credentials = (DATA_PASSWORD,)
        group.wait_linked()
        group.monitor(NAME, group.data[0])
        for server in group.sentinels:
            server.ask("SENTINEL", "SET", NAME, "auth-pass", DATA_PASSWORD)
        group.wait_healthy(NAME)
        nodes = Set(group)
        right = {**nodes.arguments, "username": "watcher", "password": "{{ sentinel }}", "data_password": "{{ data }}"}
        more = {
            "switched": {"to": to(nodes.replicas[0])},
            "wrong for the data nodes": {"data_password": "{{ wrong }}"},
            "wrong for the sentinels": {"password": "{{ wrong }}"},
            "wrong type": {"wait_timeout": "long"},
        }
        tasks = [{"name": name, "eco2.platform.redis_failover": {**right, **item}, "ignore_errors": True} for name, item in more.items()]
        run = play(tmp_path, tasks, {"data": DATA_PASSWORD, "sentinel": SENTINEL_PASSWORD, "wrong": CANARIES[2]}, "-vvv", "--diff")
        assert run.code == 0, run.output[-2000:]
        results = [json.loads(line) for line in run.callbacks.splitlines()]
        assert [bool(result.get("failed")) for result in results] == [False, True, True, True]
        places = {
            "output": run.output,
            "callbacks": run.callbacks,
            "command lines": run.command_lines,
            "files left behind": run.leftovers(),
            "journal": run.journal,
            "the servers' logs": "\n".join(server.log() for server in group.servers),
        }
        found = {place: [canary for canary in CANARIES if canary in text] for place, text in places.items()}
        assert {place: canaries for place, canaries in found.items() if canaries} == {}
        assert "redis_failover" in run.command_lines


# Each command that changes something takes effect as one of these, in this order.
PAUSED = ["CONFIG SET", "EXEC", "SENTINEL FAILOVER", "EXEC", "EXEC"]
COORDINATED = ["CONFIG SET", "SENTINEL FAILOVER", "EXEC"]
PAUSE = 4.0  # seconds


def _points() -> list[t.Any]:
    """In the long run all of them; else after each step with the next run at once, and where the pause ends by itself meanwhile."""
    points = []
    for line, steps in (("redis-7.0", PAUSED), ("redis-8.0", PAUSED), ("valkey-8.1", PAUSED), ("valkey-9.1", COORDINATED)):
        for number, step in enumerate(steps, 1):
            for when in ("before", "after"):
                for patient in (False, True):
                    short = when == "after" and (line == "redis-7.0" if patient and number in (2, 3) else not patient)
                    if LONG or (short and line in ("redis-7.0", "valkey-9.1")):
                        name = f"{line} {when} {number} {step}, next run {'after the pause' if patient else 'at once'}"
                        points.append(pytest.param(line, number, when, patient, id=name))
    return points


@pytest.mark.parametrize(("line", "number", "when", "patient"), _points())
def test_sigkill(line: str, number: int, when: str, patient: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with redis.group("failover", line) as group:
        nodes = Set(group)
        nodes.begin()
        # What Sentinel does by itself meanwhile is to take the time that it usually takes.
        quick(group, USUAL)
        wanted = nodes.replicas[-1]
        with Writers(group, NAME, "killed") as writers:
            warm(writers)
            dying = start_dying(nodes, when, number, {"to": to(wanted), "pause_limit": PAUSE})
            assert dying.wait(60) == -signal.SIGKILL, "the module was over before it could be killed"
            if patient:
                time.sleep(PAUSE + 2)
            again = nodes.task.apply(to=to(wanted))
            time.sleep(1.5)
            account = accounted(nodes, writers)
        with capsys.disabled():
            print(f"\n  {line}, killed {when} step {number}: {account}", end="", flush=True)
        assert not again.get("failed"), again["msg"]
        assert account.lost == 0, writers.lost_on(nodes.master)[:10]
        assert nodes.master is wanted
        nodes.is_one_master()
        assert nodes.changed_settings() == {}
        idle = nodes.task.apply(to=to(wanted))
        assert (idle["changed"], idle["changes"]) == (False, []), idle


@pytest.mark.skipif(not LONG, reason=CONTROL)
def test_without_the_fence_a_killed_run_loses_writes(nodes_7: Set, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise the test above would not prove that the fence is of use."""
    old = nodes_7.master
    with Writers(nodes_7.group, NAME, "unfenced") as writers:
        warm(writers)
        dying = start_dying(nodes_7, "after", 2, {"pause_limit": PAUSE}, environment={"UNFENCED": "1"})
        assert dying.wait(60) == -signal.SIGKILL
        deadline = time.monotonic() + 40
        while old.ask("ROLE")[0] == "master" and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        account = accounted(nodes_7, writers)
    with capsys.disabled():
        print(f"\n  redis-7.0 without the fence, killed after the failover was ordered: {account}", end="", flush=True)
    assert account.lost > 0, "this harness does not notice what the fence is for"
