from __future__ import annotations

import json
import threading
import time
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import (
    Change,
    ChangeFailed,
    Difference,
    HalfDone,
    Key,
    NoAnswer,
    Plan,
    Secret,
    Unreachable,
    same,
)
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome, achieved, apply, failure_message, predicted
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused, summary

# Few leaves, so that two values are often nearly equal.
JSON = st.recursive(
    st.sampled_from([None, True, False, 0, 0.0, 1, 1.0, "", "1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 1.0), (1, True), (0, False), (1, "1"), ([], {}), ([1], [1.0]), ({"a": 1}, {"a": True}), ({"a": [0]}, {"a": [False]})],
)
def test_values_of_different_types_differ(left: t.Any, right: t.Any) -> None:
    for one, two in ((left, right), (right, left)):
        assert not same(one, two)


@pytest.mark.parametrize(
    ("left", "right"),
    [({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 2]), ([1, 2], [2, 1]), ({"a": 1}, {"b": 1}), ("a", "b"), (None, 0), (Secret(1), Secret(2))],
)
def test_values_that_differ(left: t.Any, right: t.Any) -> None:
    for one, two in ((left, right), (right, left)):
        assert not same(one, two)


@given(JSON)
def test_every_value_is_the_same_as_its_copy(value: t.Any) -> None:
    assert same(value, json.loads(json.dumps(value)))


@settings(max_examples=200)
@given(JSON, JSON)
def test_values_are_the_same_when_their_json_texts_are(left: t.Any, right: t.Any) -> None:
    assert same(left, right) == (json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True))


# Plans and a writer to try them on


def change(name: str, stage: int = 1, needs: t.Iterable[str] = (), action: str = "create", **more: t.Any) -> Change:
    return Change(
        kind=more.pop("kind", "queue"),
        object=name,
        identity={"name": name},
        action=action,
        differences=more.pop("differences", ()),
        stage=stage,
        needs=frozenset(("queue", other) for other in needs),
        **more,
    )


class Script:
    """A Writer that does as it is told for each object: 'refuse', 'half', 'silence', 'gone'; all else succeeds."""

    def __init__(self, told: t.Mapping[str, str] | None = None, in_bulk: t.Collection[str] = (), bulk_gone: bool = False) -> None:
        self.told = told or {}
        self.in_bulk = in_bulk
        self.bulk_gone = bulk_gone
        self.singly: list[str] = []
        self.stages: list[int] = []
        self.lock = threading.Lock()

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        assert changes
        self.stages += [change.stage for change in changes]
        if self.bulk_gone:
            raise Unreachable("lost it in bulk")
        return {change.key for change in changes if change.object in self.in_bulk}

    def one(self, change: Change) -> None:
        with self.lock:
            self.singly.append(change.object)
        told = self.told.get(change.object)
        if told == "refuse":
            raise ChangeFailed(f"no {change.object}")
        if told == "half":
            raise HalfDone(f"half of {change.object}")
        if told == "silence":
            raise NoAnswer(f"no answer about {change.object}")
        if told == "gone":
            raise Unreachable(f"lost it at {change.object}")


def names(changes: t.Iterable[Change]) -> list[str]:
    return [change.object for change in changes]


def run(changes: t.Iterable[Change], workers: int = 1, **script: t.Any) -> tuple[Outcome, Script]:
    writer = Script(**script)
    return apply(Plan.of(changes, 0), writer, workers), writer


def test_a_plan_is_in_order_of_stage_kind_and_object() -> None:
    made = [change("b", 2), change("a", 2), change("z", 1), change("c", 2, kind="exchange"), change("a", 1)]
    ordered = [(c.stage, c.kind, c.object) for c in Plan.of(made, 0).changes]
    assert ordered == [(1, "queue", "a"), (1, "queue", "z"), (2, "exchange", "c"), (2, "queue", "a"), (2, "queue", "b")]


def test_stages_follow_one_another() -> None:
    order: list[str] = []

    class Slow(Script):
        def one(self, change: Change) -> None:
            time.sleep(0.02 if change.object == "first" else 0)
            order.append(change.object)

    apply(Plan.of([change("first", 1), change("second", 2), change("third", 3)], 0), Slow(), workers=3)
    assert order == ["first", "second", "third"]


def test_the_changes_of_a_stage_are_written_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=5)

    class Together(Script):
        def one(self, change: Change) -> None:
            meeting.wait()

    outcome = apply(Plan.of([change(name) for name in "abc"], 0), Together(), workers=3)
    assert names(outcome.done) == ["a", "b", "c"]


def test_a_refused_change_stops_what_needs_it_and_nothing_else() -> None:
    changes = [change("a", 1), change("b", 1), change("on-a", 2, ["a"]), change("on-b", 2, ["b"]), change("on-on-a", 3, ["on-a"])]
    outcome, writer = run(changes, told={"a": "refuse"})
    assert names(outcome.done) == ["b", "on-b"]
    assert [(failed.object, reason) for failed, reason in outcome.failures] == [("a", "no a")]
    assert names(outcome.not_attempted) == ["on-a", "on-on-a"]
    assert outcome.stopped is None
    assert "on-on-a" not in writer.singly


def test_silence_leaves_the_change_unknown_and_stops_the_rest() -> None:
    outcome, writer = run([change("a"), change("b"), change("c", 2)], told={"a": "silence"})
    assert names(outcome.unknown) == ["a"]
    assert names(outcome.not_attempted) == ["b", "c"]
    assert outcome.stopped == "no answer about a"
    assert writer.singly == ["a"]


def test_a_lost_server_leaves_its_change_and_the_rest_not_attempted() -> None:
    outcome, writer = run([change("a"), change("b"), change("c"), change("d", 2)], told={"b": "gone"})
    assert names(outcome.done) == ["a"]
    assert names(outcome.not_attempted) == ["b", "c", "d"]
    assert (outcome.unknown, outcome.failures, outcome.stopped) == ([], [], "lost it at b")
    assert writer.singly == ["a", "b"]


def test_what_failed_half_way_is_a_failure_and_stops_the_rest() -> None:
    outcome, writer = run([change("a"), change("b"), change("c", 2)], told={"a": "half"})
    assert [(failed.object, reason) for failed, reason in outcome.failures] == [("a", "half of a")]
    assert names(outcome.not_attempted) == ["b", "c"]
    assert (outcome.unknown, outcome.stopped, outcome.touched, writer.singly) == ([], "half of a", True, ["a"])


def test_the_first_reason_to_stop_is_the_one_told() -> None:
    meeting = threading.Barrier(2, timeout=5)

    class Both(Script):
        def one(self, change: Change) -> None:
            meeting.wait()
            if change.object == "b":
                time.sleep(0.05)
            super().one(change)

    outcome = apply(Plan.of([change("a"), change("b")], 0), Both({"a": "gone", "b": "silence"}), workers=2)
    assert outcome.stopped == "lost it at a"
    assert names(outcome.unknown) == ["b"]


def test_what_was_written_in_bulk_is_not_written_again() -> None:
    outcome, writer = run([change(name) for name in "abcd"], in_bulk={"b", "d"})
    assert writer.singly == ["a", "c"]
    assert names(outcome.done) == ["a", "b", "c", "d"]


def test_a_server_lost_in_bulk_leaves_that_stage_unknown_and_the_next_not_attempted() -> None:
    outcome, writer = run([change("a"), change("b"), change("c", 2)], bulk_gone=True)
    assert names(outcome.unknown) == ["a", "b"]
    assert names(outcome.not_attempted) == ["c"]
    assert outcome.stopped == "lost it in bulk"
    assert writer.singly == []
    assert writer.stages == [1, 1]


def test_an_empty_plan_is_complete_and_writes_nothing() -> None:
    outcome, writer = run([])
    assert outcome.complete
    assert writer.singly == []


@st.composite
def plans(draw: st.DrawFn) -> list[Change]:
    """Changes that need others of earlier stages, as a planner makes them."""
    stages = draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    made: list[Change] = []
    for number, stage in enumerate(sorted(stages)):
        earlier = [other.object for other in made if other.stage < stage]
        needs = draw(st.sets(st.sampled_from(earlier), max_size=3)) if earlier else set()
        made.append(change(f"c{number:02}", stage, needs, draw(st.sampled_from(["create", "update", "replace", "delete"]))))
    return draw(st.permutations(made))


TOLD = st.dictionaries(st.integers(0, 11).map("c{:02}".format), st.sampled_from(["refuse", "half", "silence", "gone"]), max_size=4)
IN_BULK = st.sets(st.integers(0, 11).map("c{:02}".format))


@settings(max_examples=80)
@given(plans(), TOLD, IN_BULK, st.booleans(), st.integers(1, 3))
def test_no_change_is_lost_or_told_twice(changes: list[Change], told: dict[str, str], in_bulk: set[str], gone: bool, workers: int) -> None:
    outcome, writer = run(changes, workers, told=told, in_bulk=in_bulk, bulk_gone=gone and "c00" in in_bulk)
    parts = [outcome.done, [failed for failed, dummy in outcome.failures], outcome.unknown, outcome.not_attempted]
    assert sorted(name for part in parts for name in names(part)) == sorted(names(changes))
    assert outcome.complete == (len(outcome.done) == len(changes))
    ordered = names(Plan.of(changes, 0).changes)
    assert all(names(part) == sorted(names(part), key=ordered.index) for part in (outcome.done, outcome.unknown, outcome.not_attempted))
    assert len(set(writer.singly)) == len(writer.singly)
    assert not set(writer.singly) & in_bulk


@settings(max_examples=80)
@given(plans(), TOLD, st.integers(1, 3))
def test_nothing_is_tried_whose_needs_are_not_done(changes: list[Change], told: dict[str, str], workers: int) -> None:
    outcome, writer = run(changes, workers, told=told)
    done = {change.key for change in outcome.done}
    assert all(change.needs <= done for change in changes if change.object in writer.singly)


@settings(max_examples=80)
@given(plans(), TOLD, st.integers(1, 3))
def test_refusals_stop_only_what_needs_them(changes: list[Change], told: dict[str, str], workers: int) -> None:
    refused = {name for name, what in told.items() if what == "refuse"}
    outcome, dummy = run(changes, workers, told=dict.fromkeys(refused, "refuse"))
    stopped: set[str] = set()
    for each in sorted(changes, key=lambda change: change.stage):
        if any(need in refused | stopped for dummy, need in each.needs):
            stopped.add(each.object)
    assert set(names(outcome.not_attempted)) == stopped
    assert set(names(failed for failed, dummy in outcome.failures)) == (refused & set(names(changes))) - stopped


@settings(max_examples=60)
@given(plans(), TOLD, st.integers(1, 3))
def test_nothing_is_tried_in_the_stages_after_the_stop(changes: list[Change], told: dict[str, str], workers: int) -> None:
    outcome, writer = run(changes, workers, told=told)
    stage = {change.object: change.stage for change in changes}
    stops = [stage[name] for name in writer.singly if told.get(name) in ("half", "silence", "gone")]
    assert (outcome.stopped is None) == (not stops)
    assert all(stage[name] <= min(stops) for name in writer.singly if stops)


# Results

HIDDEN_WORD = "hunter2"
SECRETIVE = change(
    "user",
    differences=(Difference("password", Secret(f"old-{HIDDEN_WORD}"), Secret(HIDDEN_WORD)), Difference("tags", [], ["management"])),
    payload={"password": Secret(HIDDEN_WORD)},
    action="update",
)


def test_check_mode_predicts_what_a_run_achieves() -> None:
    plan = Plan.of([change("a"), change("b", 2, ["a"], "delete"), SECRETIVE], 7)
    outcome = apply(plan, Script(), 2)
    assert predicted(plan, diff=True) == achieved(plan, outcome, diff=True)
    assert predicted(plan, diff=False) == achieved(plan, outcome, diff=False)


def test_the_result_has_its_shape() -> None:
    result = predicted(Plan.of([SECRETIVE], 3), diff=False)
    assert result == {
        "changed": True,
        "unchanged": 3,
        "changes": [
            {
                "kind": "queue",
                "object": "user",
                "identity": {"name": "user"},
                "action": "update",
                "differences": [
                    {"field": "password", "before": "(hidden)", "after": "(hidden)"},
                    {"field": "tags", "before": [], "after": ["management"]},
                ],
            }
        ],
    }


def test_nothing_to_do_is_not_changed() -> None:
    result = predicted(Plan.of([], 3), diff=True)
    assert result == {"changed": False, "changes": [], "unchanged": 3, "diff": {"before": {}, "after": {}}}


def test_the_diff_shows_the_changed_fields_on_the_sides_where_the_object_is() -> None:
    plan = Plan.of(
        [
            change("new", differences=(Difference("durable", None, True),)),
            change("old", 2, differences=(Difference("durable", True, None),), action="delete"),
            change("other", 1, differences=(Difference("durable", True, False),), action="replace"),
        ],
        0,
    )
    assert predicted(plan, diff=True)["diff"] == {
        "before": {"queue other": {"durable": True}, "queue old": {"durable": True}},
        "after": {"queue new": {"durable": True}, "queue other": {"durable": False}},
    }


def test_a_partial_failure_tells_what_became_of_each_change() -> None:
    changes = [change("a"), change("b", 1), change("on-b", 2, ["b"]), change("c", 3), change("d", 4)]
    plan = Plan.of(changes, 1)
    result = achieved(plan, apply(plan, Script({"b": "refuse", "c": "silence"}), 1), diff=True)
    assert result["changed"] is True
    assert [entry["object"] for entry in result["changes"]] == ["a"]
    assert result["failures"] == [{"kind": "queue", "object": "b", "identity": {"name": "b"}, "action": "create", "reason": "no b"}]
    assert [entry["object"] for entry in result["unknown"]] == ["c"]
    assert [entry["object"] for entry in result["not_attempted"]] == ["on-b", "d"]
    assert "failed" not in result  # Ansible reads that key as a boolean.
    assert list(result["diff"]["after"]) == ["queue a"]


@pytest.mark.parametrize(("told", "changed"), [("refuse", False), ("half", True), ("gone", False), ("silence", True)])
def test_changed_counts_what_may_have_been_written(told: str, changed: bool) -> None:
    plan = Plan.of([change("a")], 0)
    assert achieved(plan, apply(plan, Script({"a": told}), 1), diff=False)["changed"] is changed


@pytest.mark.parametrize("told", ["", "refuse", "half", "silence", "gone"])
def test_no_secret_is_in_any_result(told: str) -> None:
    plan = Plan.of([SECRETIVE], 0)
    outcome = apply(plan, Script({"user": told}), 1)
    shown = json.dumps([predicted(plan, True), achieved(plan, outcome, True), failure_message(outcome)])
    assert HIDDEN_WORD not in shown + repr(plan) + repr(outcome) + str(SECRETIVE)


@given(st.text(min_size=5, alphabet=st.characters(categories=["Lu", "Nd"])))
def test_a_secret_shows_nothing_of_its_value(value: str) -> None:
    secret = Secret(value)
    assert value not in f"{secret} {secret!r} {[secret]} {Difference('password', secret, None)}"
    assert secret.reveal() == value
    assert secret == Secret(value)
    assert hash(secret) == hash(Secret("another"))


def test_the_failure_message_is_one_line_with_counts_reason_and_what_to_do() -> None:
    outcome, dummy = run([change("a"), change("b"), change("on-b", 2, ["b"])], told={"b": "refuse"})
    assert failure_message(outcome) == (
        "queue b: no b (1 changes made, 1 refused by the server, 0 sent without an answer, 1 not attempted; "
        "running the task again goes on from here)"
    )


def test_the_failure_message_tells_the_loss_of_the_server_before_a_refusal() -> None:
    outcome, dummy = run([change("a"), change("b")], told={"a": "refuse", "b": "gone"})
    assert failure_message(outcome).startswith("lost it at b (0 changes made, 1 refused by the server, 0 sent")


def test_problems_are_numbered_on_one_line() -> None:
    assert summary(["only one"]) == "only one"
    assert str(Refused(["one", "two"])) == "2 problems: (1) one; (2) two"
