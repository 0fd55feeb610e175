"""The summary of a run: what the callback records becomes data and a table."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.plugin_utils._redis import maintenance
from ansible_collections.eco2.platform.plugins.plugin_utils._run import families
from ansible_collections.eco2.platform.plugins.plugin_utils._run.record import HIDDEN, LONGEST, Play, Record, reason
from ansible_collections.eco2.platform.plugins.plugin_utils._run.summary import failed_hosts, kinds, lacking, summary, table

QUEUE = {"kind": "queue", "object": "eco2/a", "action": "create", "identity": {}, "differences": [{"field": "type", "after": "quorum"}]}


def record(**more: t.Any) -> Record:
    return Record(playbook="eco2.platform.site", began=0.0, **more)


def begin(run: Record, family: str = "rabbitmq", hosts: t.Sequence[str] = ("a", "b"), verify: bool = False, **more: t.Any) -> Record:
    run.play_begins(Play(family, family, verify, list(hosts), more.pop("known", len(hosts)), **more), 0.0)
    return run


def found(run: Record) -> dict[str, t.Any]:
    run.play_ends(1.0)
    result = summary(run, 2.0)
    json.dumps(result)
    return result


def test_a_run_that_changes_nothing_is_ok() -> None:
    run = begin(record())
    run.task_done("a", {"changed": False}, "look", 0.5)
    run.task_done("b", {"changed": False}, "look", 0.5)
    result = found(run)
    assert result["verdict"] == "ok"
    assert {name: host["state"] for name, host in result["hosts"].items()} == {"a": "ok", "b": "ok"}
    assert "other hosts as declared: 2" in "\n".join(table(result))


def test_changes_of_a_module_are_kept_and_of_others_the_task() -> None:
    run = begin(record())
    run.task_done("a", {"changed": True, "changes": [QUEUE]}, "converge", 0.5)
    run.task_done("b", {"changed": True}, "restart it", 0.5)
    result = found(run)
    assert result["verdict"] == "changed"
    assert result["hosts"]["a"]["changes"] == [{name: QUEUE[name] for name in ("kind", "object", "action", "differences")}]
    assert result["hosts"]["b"]["changes"] == [{"kind": "task", "object": "restart it", "action": "change"}]
    assert "create 1 queue: eco2/a" in "\n".join(table(result))


def test_a_task_that_only_looks_changes_nothing() -> None:
    """As with `changed_when: false`."""
    run = begin(record())
    run.task_done("a", {"changed": False, "changes": [QUEUE]}, "predict", 0.5)
    assert found(run)["verdict"] == "ok"


def test_a_change_belongs_to_the_host_of_its_object() -> None:
    run = begin(record(), "labels")
    change = {"kind": "node", "object": "n2", "action": "update"}
    run.task_done("a", {"changed": True, "changes": [change], "hosts_of": {"n2": "b"}}, "profile", 0.5)
    assert found(run)["hosts"]["b"]["state"] == "changed"
    assert found(run)["hosts"]["a"]["state"] == "ok"


def test_check_mode_says_would() -> None:
    run = begin(record(check=True))
    run.task_done("a", {"changed": True, "changes": [QUEUE]}, "converge", 0.5)
    lines = "\n".join(table(found(run)))
    assert "in check mode" in lines and "would create 1 queue" in lines and "would be changed" in lines


def test_a_failure_that_is_rescued_by_the_play_counts() -> None:
    run = begin(record())
    run.task_failed("a", {"msg": "no\nanswer"}, "ask", 0.5)
    run.rescued("a")
    result = found(run)
    assert result["verdict"] == "failed"
    assert result["hosts"]["a"]["failures"] == ["rabbitmq: ask: no answer"]
    assert failed_hosts(run) == {"a": "rabbitmq: ask: no answer"}
    assert result["families"][0]["state"] == "failed"


def test_a_failure_after_which_the_host_goes_on_does_not_count() -> None:
    run = begin(record())
    run.task_failed("a", {"msg": "late"}, "wait", 0.5)
    run.task_done("a", {}, "look", 0.5)
    assert found(run)["verdict"] == "ok"


def test_a_failure_that_nothing_rescues_counts_when_the_play_ends() -> None:
    run = begin(record())
    run.task_failed("a", {"msg": "refused", "unreachable": True}, "ask", 0.5)
    result = found(run)
    assert result["hosts"]["a"]["state"] == "unreachable"
    assert result["verdict"] == "failed"


def test_all_hosts_fail_with_a_task_that_runs_once() -> None:
    run = begin(record())
    run.task_failed("a", {"msg": "they differ"}, "agree", 0.5, once=True)
    run.rescued("a")
    run.rescued("b")
    assert failed_hosts(run) == {"a": "rabbitmq: agree: they differ", "b": "rabbitmq: agree: they differ (for all hosts)"}


def test_a_host_that_ran_an_always_after_its_failure_keeps_the_reason() -> None:
    """As in the role redis_sentinel, which releases its lock after a failure."""
    run = begin(record())
    run.task_failed("a", {"msg": "no Sentinel answers"}, "plan again", 0.5)
    run.task_done("a", {}, "unlock", 0.5)
    run.rescued("a")
    run.rescued("b")
    assert failed_hosts(run) == {"a": "rabbitmq: plan again: no Sentinel answers", "b": "rabbitmq: failed with the other hosts of its play"}


def test_no_log_hides_the_reason() -> None:
    assert reason({"censored": "the output has been hidden", "msg": "secret-17"}, "t") == f"t: {HIDDEN}"
    assert len(reason({"msg": "x" * 5000}, "t")) <= LONGEST + 3


def test_the_reasons_of_a_loop_are_those_of_its_items() -> None:
    items = [{"failed": True, "msg": "one"}, {"msg": "fine"}, {"failed": True, "msg": "two"}]
    assert reason({"msg": "One or more items failed", "results": items}, "t") == "t: one; two"


def test_verify_finds_drift_in_changes_and_in_what_is_left() -> None:
    run = begin(record(), verify=True)
    run.task_done("a", {"changed": True, "changes": [QUEUE]}, "converge", 0.5)
    run.task_done("b", {"left": ["server/pubsub: maxmemory"]}, "set up", 0.5)
    run.task_done("b", {"noted": ["users of the broker"]}, "note", 0.5)
    result = found(run)
    assert result["verdict"] == "drift"
    assert [(part["name"], part["state"]) for part in result["families"]] == [("rabbitmq", "drift")]
    assert failed_hosts(run) == {
        "a": "differs from the declaration: create 1 queue: eco2/a",
        "b": "differs from the declaration: server/pubsub: maxmemory",
    }
    assert [(host["state"], len(host["drift"]), host["changes"]) for host in result["hosts"].values()] == [
        ("drift", 1, []),
        ("drift", 0, []),
    ]
    lines = "\n".join(table(result))
    assert "differs: create 1 queue: eco2/a" in lines and "would" not in lines


def test_what_verify_finds_is_no_change_that_the_run_made() -> None:
    run = begin(record())
    run.task_done("a", {"changed": True, "changes": [QUEUE]}, "converge", 0.5)
    begin(run, "sentinels", verify=True)
    run.task_done("a", {"changed": True, "changes": [{**QUEUE, "object": "eco2/b"}]}, "converge", 0.5)
    host = found(run)["hosts"]["a"]
    assert host["state"] == "drift"
    assert [[change["object"] for change in host[name]] for name in ("changes", "drift")] == [["eco2/a"], ["eco2/b"]]


@pytest.mark.parametrize(("check", "verify", "counted"), [(True, False, 1), (False, True, 1), (False, False, 2)])
def test_what_two_parts_predict_counts_once(check: bool, verify: bool, counted: int) -> None:
    """setup_new_nodes and node_labels both bring labels to the profile. What is written twice was changed twice."""
    run = record(check=check)
    for family in ("nodes", "labels"):
        begin(run, family, verify=verify)
        run.task_done("a", {"changed": True, "changes": [{"kind": "node", "object": "n1", "action": "update"}]}, "profile", 0.5)
    host = found(run)["hosts"]["a"]
    assert len(host["drift" if verify else "changes"]) == counted
    assert [part["state"] for part in found(run)["families"]] == (["drift"] * 2 if verify else ["changed"] * 2)


def test_a_note_is_no_drift() -> None:
    run = begin(record(), verify=True)
    run.task_done("a", {"noted": ["users of the broker"]}, "note", 0.5)
    assert found(run)["verdict"] == "ok"
    assert found(run)["hosts"]["a"]["left"] == ["users of the broker"]


def test_in_a_run_that_also_applies_all_that_verifies_is_one_family() -> None:
    run = begin(record())
    run.task_done("a", {}, "look", 0.5)
    begin(run, verify=True)
    run.task_done("a", {}, "look", 0.5)
    begin(run, "labels", verify=True)
    run.task_done("a", {}, "look", 0.5)
    assert [part["name"] for part in found(run)["families"]] == ["rabbitmq", "verify"]


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_playbook_without_hosts_names_the_group(family: str) -> None:
    run = begin(record(), family, hosts=(), known=0)
    assert lacking(run) == [families.no_hosts(family)]
    result = found(run)
    assert result["verdict"] == "failed"
    assert result["families"][0]["reason"] == families.no_hosts(family)


def test_hosts_that_a_limit_leaves_out_are_no_failure() -> None:
    run = begin(record(), hosts=(), known=2, limited=["a", "b"])
    assert lacking(run) == []
    result = found(run)
    assert result["verdict"] == "ok"
    assert result["families"][0] == {"name": "rabbitmq", "state": "left out", "reason": "by --limit", "seconds": 1.0}
    assert result["hosts"]["a"]["state"] == "left out"
    assert "left out: a, b" in "\n".join(table(result))


def test_one_family_with_hosts_is_enough() -> None:
    run = begin(begin(record(), "nodes", hosts=(), known=0))
    assert lacking(run) == []


def test_a_part_that_tags_leave_out_does_not_count_as_having_hosts() -> None:
    run = begin(record(tags="--tags nodes"), selected=False)
    begin(run, "nodes", hosts=(), known=0)
    assert lacking(run) == [families.no_hosts("nodes")]
    assert lacking(begin(record(tags="--tags other"), hosts=(), known=0, selected=False)) == []


def test_a_host_that_ran_something_counts_though_the_inventory_does_not_have_it() -> None:
    run = begin(record(), hosts=(), known=0)
    run.task_done("localhost", {}, "converge", 0.5)
    assert lacking(run) == []
    assert found(run)["verdict"] == "ok"


@pytest.mark.parametrize(
    ("more", "reason_"),
    [
        ({}, families.not_declared("sentinels")),
        ({"selected": False}, "by --tags labels"),
        ({"hosts": (), "known": 0}, families.no_hosts("sentinels")),
    ],
)
def test_a_family_that_ran_nothing_says_why(more: dict[str, t.Any], reason_: str) -> None:
    run = begin(record(tags="--tags labels"), "sentinels", **more)
    assert found(run)["families"][0]["reason"] == reason_


def test_a_playbook_of_others_is_a_family_of_its_own() -> None:
    assert families.of_tags(["always"]) == families.of_tags([]) == ""
    assert found(begin(record(), "backup"))["families"][0]["reason"] == "no task has run"
    assert lacking(begin(record(), "backup", hosts=(), known=0)) == ["the inventory has no hosts for backup"]


def test_of_many_changes_the_first_names_are_shown() -> None:
    changes = [{**QUEUE, "object": f"q{number}"} for number in range(7)]
    assert kinds(changes) == ["create 7 queue: q0, q1, q2, q3 and 3 more"]


def test_what_waits_for_maintenance_is_in_words() -> None:
    waiting = {"server/pubsub": [{"field": "maxmemory", "before": "1", "after": "2"}], "packages": {"redis-server": {}}}
    assert maintenance.left_to_do(waiting, ["server/old"]) == [
        "packages: redis-server (run eco2.platform.maintain_redis)",
        "server/pubsub: maxmemory (run eco2.platform.maintain_redis)",
        "server/old: the instance is not declared; nothing changes it",
    ]
