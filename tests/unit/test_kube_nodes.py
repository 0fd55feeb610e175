"""What kube_nodes plans for a node, case by case; and what it refuses before it plans."""

from __future__ import annotations

import json
import typing as t

import pytest
from fleet import Fleet, Node, node, service
from refusals import codes, refused

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, NoAnswer, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import desired, nodes, ownership, protected
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.nodes import Nodes
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.plan import NodePlan, Options, plan_node

OURS = "eco2.platform"
RECORD = f"ownership.eco2.platform/{OURS}"
OPTIONS = Options(OURS)


def planned(there: Node, options: Options = OPTIONS, **item: t.Any) -> NodePlan:
    (wanted,) = desired.declare([{"name": there["metadata"]["name"], **item}], options.owner)
    return plan_node(wanted, there, options)


def after(there: Node, options: Options = OPTIONS, **item: t.Any) -> Node:
    """The node as it is once the plan was applied; planning anew then finds nothing to do."""
    fleet = Fleet(there)
    result = planned(there, options, **item)
    assert not result.problems
    if result.change is not None:
        fleet.merge_patch(there["metadata"]["name"], result.change.payload, "")
    assert planned(fleet.of(there["metadata"]["name"]), options, **item).change is None
    return fleet.of(there["metadata"]["name"])


def labels(there: Node) -> dict[str, str]:
    return there["metadata"].get("labels", {})


def taints(there: Node) -> list[dict[str, str]]:
    return there["spec"].get("taints", [])


def record(there: Node) -> dict[str, t.Any]:
    return json.loads(there["metadata"].get("annotations", {}).get(RECORD, "{}"))


def fields(change: Change | None) -> dict[str, tuple[t.Any, t.Any]]:
    return {entry.field: (entry.before, entry.after) for entry in change.differences} if change else {}


# Labels and annotations


def test_what_is_wanted_is_set_and_recorded() -> None:
    done = after(node(labels={"other": "x"}), labels={"role": "api", "phase": 5, "empty": ""})
    assert labels(done) == {"other": "x", "role": "api", "phase": "5", "empty": ""}
    assert record(done)["labels"] == {key: ownership.digest(value) for key, value in (("role", "api"), ("phase", "5"), ("empty", ""))}


def test_what_is_there_is_adopted_and_said_so() -> None:
    there = node(labels={"role": "api"})
    assert fields(planned(there, labels={"role": "api"}).change) == {"owner of label role": (None, OURS)}
    assert labels(after(after(there, labels={"role": "api"}), labels={})) == {}


def test_what_is_wanted_no_longer_goes() -> None:
    before = after(node(labels={"other": "x"}), labels={"role": "api", "tier": "data"})
    assert fields(planned(before, labels={"tier": "data"}).change) == {"label role": ("api", None)}
    assert labels(after(before, labels={"tier": "data"})) == {"other": "x", "tier": "data"}
    assert RECORD not in after(before, labels={})["metadata"].get("annotations", {})


def test_what_others_have_changed_stays_with_a_warning_and_is_theirs() -> None:
    before = after(node(), labels={"role": "api"})
    before["metadata"]["labels"]["role"] = "changed"
    result = planned(before, labels={})
    assert fields(result.change) == {"owner of label role": (OURS, None)}
    assert len(result.warnings) == 1 and "label role" in result.warnings[0] and "n1" in result.warnings[0]
    done = after(before, labels={})
    assert labels(done) == {"role": "changed"}
    assert planned(done, labels={}).warnings == []


def test_a_drift_is_mended() -> None:
    before = after(node(), labels={"role": "api"})
    before["metadata"]["labels"] = {"role": "drifted"}
    assert fields(planned(before, labels={"role": "api"}).change) == {"label role": ("drifted", "api")}
    del before["metadata"]["labels"]
    assert fields(planned(before, labels={"role": "api"}).change) == {"label role": (None, "api")}


def test_a_value_that_others_changed_to_what_is_wanted_now_is_recorded_anew() -> None:
    before = after(node(), labels={"role": "api"})
    before["metadata"]["labels"]["role"] = "web"
    assert fields(planned(before, labels={"role": "web"}).change) == {"owner of label role": (None, OURS)}
    assert labels(after(after(before, labels={"role": "web"}), labels={})) == {}


def test_null_removes_whoever_set_it() -> None:
    there = node(labels={"a": "1", "b": "2"}, annotations={"note": "x"})
    done = after(there, labels={"a": None, "missing": None}, annotations={"note": None})
    assert labels(done) == {"b": "2"}
    assert "annotations" not in done["metadata"]


def test_a_section_that_is_omitted_is_left_alone() -> None:
    before = after(node(), labels={"role": "api"}, taints=["role=api:NoSchedule"], annotations={"note": "x"})
    assert planned(before).change is None
    done = after(before, labels={})
    assert taints(done) == [{"key": "role", "value": "api", "effect": "NoSchedule"}]
    assert done["metadata"]["annotations"]["note"] == "x"
    assert set(record(done)) == {"taints", "annotations"}


def test_labels_to_be_left_are_neither_removed_nor_forgotten() -> None:
    before = after(node(labels={"other": "x"}), labels={"role": "api", "zone": "a"})
    assert planned(before, labels={"role": "api"}, leave_labels=["zone", "gone"]).change is None
    assert planned(before, Options(OURS, exact=True), labels={"role": "api"}, leave_labels=["zone", "other"]).change is None
    assert fields(planned(before, labels={"role": "api", "zone": "b"}, leave_labels=["zone"]).change) == {"label zone": ("a", "b")}
    assert labels(after(before, labels={"role": "api"})) == {"other": "x", "role": "api"}


def test_annotations_follow_the_same_rules() -> None:
    before = after(node(annotations={"theirs": "t"}), annotations={"Note.example.com/x": "a b\n{}"})
    assert before["metadata"]["annotations"]["Note.example.com/x"] == "a b\n{}"
    done = after(before, annotations={})
    assert done["metadata"]["annotations"] == {"theirs": "t"}


def test_a_worker_role_works() -> None:
    done = after(node(), labels={"node-role.kubernetes.io/worker": ""})
    assert labels(done) == {"node-role.kubernetes.io/worker": ""}
    assert labels(after(done, labels={})) == {}


def test_what_the_kubelet_sets_itself_is_not_ours() -> None:
    there = node(labels={"kubernetes.io/hostname": "h"})
    assert planned(there, labels={"kubernetes.io/hostname": "h"}).change is None
    (problem,) = planned(there, labels={"kubernetes.io/hostname": "other"}).problems
    assert (problem.code, problem.item, problem.field) == ("label.of_kubelet", "node n1", "kubernetes.io/hostname")
    assert planned(there, labels={"kubernetes.io/arch": None}).problems == []


# Owners


def test_two_owners_live_side_by_side() -> None:
    team = Options("team")
    before = after(after(node(), labels={"a": "1"}), team, labels={"b": "2"})
    assert planned(before, labels={"a": "1"}).change is None
    done = after(before, labels={})
    assert labels(done) == {"b": "2"}
    assert labels(after(done, team, labels={})) == {}


def test_a_key_of_two_owners_draws_a_warning() -> None:
    before = after(node(), Options("team"), labels={"a": "1"})
    (line,) = planned(before, labels={"a": "2"}).warnings
    assert "owner team" in line


def test_a_record_that_others_spoilt_is_made_anew() -> None:
    for text in ("", "{", "[]", '{"labels": []}', '{"labels": {"a": 1}}', '{"else": {}}'):
        there = node(labels={"a": "1"}, annotations={RECORD: text})
        result = planned(there, labels={"a": "1"})
        assert result.change is not None and result.change.differences
        assert any(RECORD in line for line in result.warnings)
        assert set(record(after(there, labels={"a": "1"}))["labels"]) == {"a"}
        assert "annotations" not in after(there, labels={})["metadata"]


def test_the_record_in_another_spelling_is_no_change() -> None:
    before = after(node(), labels={"a": "1", "b": "2"})
    annotations = before["metadata"]["annotations"]
    annotations[RECORD] = json.dumps(json.loads(annotations[RECORD]), indent=2)
    assert planned(before, labels={"a": "1", "b": "2"}).change is None


# Taints

UNREACHABLE = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-11-24T12:00:00Z"}


def test_the_list_is_written_whole_and_what_controllers_set_is_kept() -> None:
    mine = {"key": "theirs", "value": "x", "effect": "NoExecute", "timeAdded": "2026-11-24T12:00:00Z"}
    done = after(node(taints=[UNREACHABLE, mine]), taints=["role=api:NoSchedule"])
    assert taints(done) == [UNREACHABLE, mine, {"key": "role", "value": "api", "effect": "NoSchedule"}]
    assert taints(after(done, taints=[])) == [UNREACHABLE, mine]


def test_an_empty_value_is_no_change() -> None:
    assert planned(after(node(), taints=["a:NoSchedule"]), taints=[{"key": "a", "value": "", "effect": "NoSchedule"}]).change is None


def test_a_changed_value_keeps_its_place_and_time() -> None:
    there = [{"key": "role", "value": "old", "effect": "NoExecute", "timeAdded": "2026-11-24T12:00:00Z"}, UNREACHABLE]
    done = after(node(taints=there), taints=["role=new:NoExecute"])
    assert taints(done) == [{**there[0], "value": "new"}, UNREACHABLE]
    assert "value" not in taints(after(done, taints=["role:NoExecute"]))[0]


def test_a_taint_is_known_by_key_and_effect() -> None:
    before = after(node(), taints=["role=a:NoSchedule", "role=a:NoExecute"])
    assert fields(planned(before, taints=["role=a:NoExecute"]).change) == {"taint role:NoSchedule": ("a", None)}


def test_absent_removes_a_taint_whoever_set_it() -> None:
    key = "node-role.kubernetes.io/control-plane"
    there = node(taints=[{"key": key, "effect": "NoSchedule"}])
    assert taints(after(there, taints=[{"key": key, "effect": "NoSchedule", "state": "absent"}])) == []


def test_a_subset_converges() -> None:
    """kubernetes.core's k8s_taint leaves the rest there with replace=true."""
    before = after(node(), taints=["a=1:NoSchedule", "b=2:NoSchedule"])
    assert [taint["key"] for taint in taints(after(before, taints=["a=1:NoSchedule"]))] == ["a"]


# Exact


def test_exact_removes_what_nobody_declares_and_spares_what_is_protected() -> None:
    there = node(
        labels={"kubernetes.io/hostname": "h", "topology.ebs.csi.aws.com/zone": "a", "stray": "1", "site.example.com/rack": "7", "b": "2"},
        taints=[
            UNREACHABLE,
            {"key": "stray", "effect": "NoSchedule"},
            {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ],
        annotations={"note": "x", "csi.volume.kubernetes.io/nodeid": "{}"},
    )
    there = after(there, Options("team"), labels={"b": "2"})
    exact = Options(OURS, exact=True, protected=("example.com",))
    done = after(there, exact, labels={"role": "api"}, taints=[])
    assert set(labels(done)) == {"kubernetes.io/hostname", "topology.ebs.csi.aws.com/zone", "site.example.com/rack", "b", "role"}
    assert [taint["key"] for taint in taints(done)] == [
        UNREACHABLE["key"],
        "ToBeDeletedByClusterAutoscaler",
        "node-role.kubernetes.io/control-plane",
    ]
    assert done["metadata"]["annotations"]["note"] == "x"
    assert "note" not in after(done, exact, annotations={})["metadata"]["annotations"]


def test_a_protected_key_that_is_ours_goes_all_the_same() -> None:
    exact = Options(OURS, exact=True)
    before = after(node(), exact, labels={"node-role.kubernetes.io/worker": ""})
    assert labels(after(before, exact, labels={})) == {}


@pytest.mark.parametrize(
    ("key", "is_protected"),
    [
        ("kubernetes.io/hostname", True),
        ("a.b.k8s.io/x", True),
        ("notk8s.io/x", False),
        ("k8s.io", False),
        ("role", False),
        ("whole", True),
        ("mine.example.com/x", True),
        ("myexample.com/x", False),
        ("ownership.eco2.platform/team", True),
    ],
)
def test_protected_keys(key: str, is_protected: bool) -> None:
    assert protected.is_protected(key, ("whole", "example.com")) is is_protected


# Deletion, unknown nodes


def test_a_node_is_deleted_as_it_was_seen() -> None:
    change = planned(node(), state="absent").change
    assert change is not None
    assert change.action == "delete"
    assert change.payload == {"uid": "uid-of-n1", "resourceVersion": "1"}


def test_a_ready_node_is_deleted_only_by_force() -> None:
    (problem,) = planned(node(ready=True), state="absent").problems
    assert (problem.code, problem.item) == ("node.ready", "node n1")
    assert planned(node(ready=True), state="absent", force=True).change is not None


def test_an_unknown_node_is_named_with_the_one_that_was_meant() -> None:
    items = [{"name": "k8s-api-autth", "labels": {}}, {"name": "gone", "state": "absent"}]
    fleet = Fleet(node("k8s-api-auth"), node("k8s-logging"))
    (problem,) = converge(service(fleet, *items), check_mode=False, diff=False).result["problems"]
    assert (problem["code"], problem["item"]) == ("node.unknown", "node k8s-api-autth")
    assert "k8s-api-auth?" in problem["remedy"]
    result = converge(service(fleet, *items, unknown_nodes="skip"), check_mode=False, diff=False).result
    assert (result["changes"], result["unchanged"], result["skipped_nodes"]) == ([], 1, ["k8s-api-autth"])
    (problem,) = converge(service(Fleet(), *items), check_mode=True, diff=False).result["problems"]
    assert "no nodes at all" in problem["remedy"]


# What is refused before anything is read


@pytest.mark.parametrize(
    ("item", "code", "words"),
    [
        ({"labels": {"a b": "1"}}, "label.invalid", "'a b'"),
        ({"labels": {"a": "x" * 64}}, "label.invalid", "64"),
        ({"labels": {"a": 1.30}}, "label.invalid", "quotes"),
        ({"labels": {"a": ["b"]}}, "label.invalid", "'a'"),
        ({"labels": {1: "b"}}, "label.invalid", "quotes"),
        ({"annotations": {RECORD: "{}"}}, "annotation.invalid", RECORD),
        ({"annotations": {"a//b": ""}}, "annotation.invalid", "'a//b'"),
        ({"taints": ["a=b"]}, "taint.invalid", "'a=b'"),
        ({"taints": ["a=b:Never"]}, "taint.invalid", "'Never'"),
        ({"taints": [{"key": "a", "effect": "NoSchedule", "values": "x"}]}, "taint.invalid", "values"),
        ({"taints": [7]}, "taint.invalid", "7"),
        ({"taints": ["a=1:NoSchedule", "a=2:NoSchedule"]}, "taint.twice", "a=2"),
        ({"taints": ["node.kubernetes.io/not-ready:NoSchedule"]}, "taint.invalid", "Kubernetes itself"),
        ({"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "state": "absent"}]}, "taint.invalid", "itself"),
        ({"taints": ["node.cilium.io/agent-not-ready:NoExecute"]}, "taint.startup", "cilium"),
        ({"state": "absent", "labels": {"a": "b"}}, "node.state", "present"),
        ({"uid": "u-1"}, "node.state", "absent"),
        ({"force": True}, "node.state", "absent"),
    ],
)
def test_what_cannot_be_is_refused_with_node_and_key(item: dict[str, t.Any], code: str, words: str) -> None:
    (problem,) = refused(desired.declare, [{"name": "n1", **item}], OURS)
    assert (problem.code, problem.item) == (code, "node n1")
    assert problem.field in item and words in problem.message


@pytest.mark.parametrize("name", ["", "N1", "a_b", "a b", "x" * 254, "-a", "a..b", "a.-b", "a\n"])
def test_names_that_no_node_has(name: str) -> None:
    assert codes(desired.declare, [{"name": name}], OURS) == ["node.name"]


def test_all_problems_are_named_at_once() -> None:
    items = [{"name": "n1", "labels": {"a b": "", "c d": ""}}, {"name": "n2", "taints": ["x"]}, {"name": "n1"}]
    assert sorted(codes(desired.declare, items, "no owner", ["a b"])) == [
        "label.invalid",
        "label.invalid",
        "node.twice",
        "owner.invalid",
        "protected.invalid",
        "taint.invalid",
    ]


# Writing


class Case:
    """kube_nodes without a module around it."""

    def __init__(self, *there: Node) -> None:
        self.fleet = Fleet(*there)

    def run(self, *items: dict[str, t.Any], **options: t.Any) -> tuple[dict[str, t.Any], Nodes]:
        runs = service(self.fleet, *items, **options)
        return converge(runs, check_mode=False, diff=False).result, runs

    def once(self, name: str, **patch: t.Any) -> None:
        """Somebody changes this node after it was read, and before it is written; only once."""

        def interfere(who: str) -> None:
            if who == name:
                self.fleet.before_each = None
                self.fleet.change(name, **patch)

        self.fleet.before_each = interfere


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "LONGEST_PAUSE", 0.001)


def test_a_conflict_is_counted_and_the_other_ones_work_survives() -> None:
    case = Case(node(), node("n2"))
    case.once("n1", spec={"taints": [UNREACHABLE]}, metadata={"labels": {"theirs": "x"}})
    item = {"labels": {"role": "api"}, "taints": ["role=api:NoSchedule"]}
    result, writer = case.run({"name": "n1", **item}, {"name": "n2", **item})
    assert writer.conflicts == 1
    assert len(result["changes"]) == 2 and "failures" not in result
    assert taints(case.fleet.of("n1")) == [UNREACHABLE, {"key": "role", "value": "api", "effect": "NoSchedule"}]
    assert labels(case.fleet.of("n1")) == {"theirs": "x", "role": "api"}


def test_what_others_did_meanwhile_is_not_said_to_be_ours() -> None:
    case = Case(after(node(), labels={"role": "api"}))
    case.fleet.of("n1")["metadata"]["labels"]["role"] = "drifted"
    case.once("n1", metadata={"labels": {"role": "api"}})
    result, writer = case.run({"name": "n1", "labels": {"role": "api"}})
    assert (result["changed"], result["changes"], result["unchanged"], writer.conflicts) == (False, [], 1, 1)


def test_the_change_that_was_made_in_the_end_is_the_one_that_is_shown() -> None:
    case = Case(after(node(), labels={"role": "api", "tier": "data"}))
    case.once("n1", metadata={"labels": {"role": "web"}})
    result, dummy = case.run({"name": "n1", "labels": {"tier": "x"}})
    assert [entry["field"] for entry in result["changes"][0]["differences"]] == ["label tier", "owner of label role"]
    assert dummy.warnings and labels(case.fleet.of("n1")) == {"role": "web", "tier": "x"}


def test_a_war_ends() -> None:
    case = Case(node())
    case.fleet.before_each = lambda name: case.fleet.change(name, metadata={"labels": {"beat": "x"}})
    result, writer = case.run({"name": "n1", "labels": {"role": "api"}})
    assert writer.conflicts == nodes.TRIES
    assert "others changed it" in result["failures"][0]["reason"]
    assert result["failures"][0]["object"] == "n1"


def test_a_node_that_goes_meanwhile_fails_alone() -> None:
    case = Case(node(), node("n2"))

    def vanish(name: str) -> None:
        if name == "n1":
            case.fleet.nodes.pop("n1", None)

    case.fleet.before_each = vanish
    result, dummy = case.run({"name": "n1", "labels": {"a": "1"}}, {"name": "n2", "labels": {"a": "1"}})
    assert [(entry["object"], "deleted" in entry["reason"]) for entry in result["failures"]] == [("n1", True)]
    assert [change["object"] for change in result["changes"]] == ["n2"]


def deleted(item: dict[str, t.Any], **change: t.Any) -> tuple[Case, dict[str, t.Any]]:
    """What comes of a deletion where somebody changes the node after it was read."""
    case = Case(node())
    delete = case.fleet.delete

    def interfere(*arguments: t.Any) -> bool:
        case.fleet.delete = delete  # type: ignore[method-assign]
        case.fleet.change("n1", **change)
        return delete(*arguments)

    case.fleet.delete = interfere  # type: ignore[method-assign]
    return case, case.run({"name": "n1", "state": "absent", **item})[0]


def test_a_node_that_turns_ready_is_not_deleted() -> None:
    case, result = deleted({}, status={"conditions": [{"type": "Ready", "status": "True"}]})
    assert "is Ready" in result["failures"][0]["reason"]
    assert "n1" in case.fleet.nodes


def test_a_node_that_was_made_anew_is_another_one_and_stays() -> None:
    item = {"uid": "uid-of-n1", "force": True}
    case, result = deleted(item, metadata={"uid": "made-anew"})
    assert "created it again" in result["failures"][0]["reason"]
    result, dummy = case.run({"name": "n1", "state": "absent", **item})
    assert (result["changes"], result["skipped_nodes"]) == ([], ["n1"])
    assert "n1" in case.fleet.nodes


def test_a_patch_that_something_changes_on_the_way_is_a_failure_and_a_change() -> None:
    class Meddling(Fleet):
        def merge_patch(self, path: str, body: t.Any, what: str) -> Node:
            super().merge_patch(path, body, what)
            self.change("n1", metadata={"labels": {"role": "meddled"}})
            return self.of("n1")

    case = Case()
    case.fleet = Meddling(node())
    result, dummy = case.run({"name": "n1", "labels": {"role": "api"}})
    assert "label role" in result["failures"][0]["reason"]
    assert (result["changed"], result["changes"]) == (True, [])


def test_a_patch_whose_answer_was_lost_is_ours() -> None:
    class Deaf(Fleet):
        def merge_patch(self, path: str, body: t.Any, what: str) -> Node:
            super().merge_patch(path, body, what)
            conflict = errors.Conflict(what, 409, "the object has been modified")
            conflict.repeated = True
            raise conflict

    case = Case()
    case.fleet = Deaf(node())
    result, writer = case.run({"name": "n1", "labels": {"role": "api"}})
    assert [change["object"] for change in result["changes"]] == ["n1"]
    assert writer.conflicts == 0


@pytest.mark.parametrize(
    ("error", "place"), [(Unreachable("a"), "not_attempted"), (NoAnswer("b"), "unknown"), (errors.ApiError("c", 422, "d"), "failures")]
)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_write_that_fails_is_told_apart_from_those_that_were_made(error: Exception, place: str, number: int) -> None:
    class Failing(Fleet):
        def merge_patch(self, path: str, body: t.Any, what: str) -> Node:
            if path.endswith(f"n{number}"):
                raise error
            return super().merge_patch(path, body, what)

    case = Case()
    case.fleet = Failing(*(node(f"n{each}") for each in range(3)))
    runs = service(case.fleet, *({"name": f"n{each}", "labels": {"a": "1"}} for each in range(3)))
    runs.workers = 1
    result = converge(runs, check_mode=False, diff=False).result
    made = {name for name, there in case.fleet.nodes.items() if labels(there)}
    assert {change["object"] for change in result["changes"]} == made
    assert f"n{number}" in {entry["object"] for entry in result[place]}
    assert result["changed"] is bool(made or place == "unknown")


def test_a_node_that_is_late_is_a_failure_beside_the_changes() -> None:
    case = Case(node(), node("n2", ready=True))
    result, dummy = case.run({"name": "n1", "labels": {"a": "1"}}, {"name": "n2"}, wait=True)
    assert [change["object"] for change in result["changes"]] == ["n1"]
    assert [(entry["object"], entry["action"]) for entry in result["failures"]] == [("n1", "wait")]
