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
    NoAnswer,
    Plan,
    Secret,
    Unreachable,
    same,
)
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Report, Service, _Run, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, summary

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


# A service that does as it is told


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


class Script(Service):
    """Plans these changes, and does with each object as it is told: 'refuse', 'half', 'silence', 'gone'; all else succeeds."""

    def __init__(
        self,
        changes: t.Iterable[Change] = (),
        *,
        told: t.Mapping[str, str] | None = None,
        in_bulk: t.Collection[str] = (),
        bulk_gone: bool = False,
        workers: int = 1,
        unchanged: int = 0,
    ) -> None:
        super().__init__()
        self.planned = Plan.of(changes, unchanged)
        self.told = told or {}
        self.in_bulk = in_bulk
        self.bulk_gone = bulk_gone
        self.workers = workers
        self.singly: list[str] = []
        self.stages: list[int] = []
        self.lock = threading.Lock()

    def observe(self) -> None:
        pass

    def plan(self) -> Plan:
        return self.planned

    def together(self, changes: t.Sequence[Change]) -> t.Iterable[Change]:
        assert changes
        self.stages += [change.stage for change in changes]
        if self.bulk_gone:
            raise Unreachable("lost it in bulk")
        return [change for change in changes if change.object in self.in_bulk]

    def write(self, change: Change) -> Change | None:
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
        return None if told == "others" else change


def names(changes: t.Iterable[Change]) -> list[str]:
    return [change.object for change in changes]


def outcome_of(service: Service) -> Outcome:
    run = _Run(service, check_mode=False)
    run.converge()
    return run.outcome


def run(changes: t.Iterable[Change], workers: int = 1, **script: t.Any) -> tuple[Outcome, Script]:
    service = Script(changes, workers=workers, **script)
    return outcome_of(service), service


def achieved(changes: t.Iterable[Change], diff: bool = False, **script: t.Any) -> Report:
    return converge(Script(changes, **script), check_mode=False, diff=diff)


def predicted(changes: t.Iterable[Change], diff: bool = False, **script: t.Any) -> Report:
    return converge(Script(changes, **script), check_mode=True, diff=diff)


def test_a_plan_is_in_order_of_stage_kind_and_object() -> None:
    made = [change("b", 2), change("a", 2), change("z", 1), change("c", 2, kind="exchange"), change("a", 1)]
    ordered = [(c.stage, c.kind, c.object) for c in Plan.of(made, 0).changes]
    assert ordered == [(1, "queue", "a"), (1, "queue", "z"), (2, "exchange", "c"), (2, "queue", "a"), (2, "queue", "b")]


def test_stages_follow_one_another() -> None:
    order: list[str] = []

    class Slow(Script):
        def write(self, change: Change) -> Change | None:
            time.sleep(0.02 if change.object == "first" else 0)
            order.append(change.object)
            return change

    outcome_of(Slow([change("first", 1), change("second", 2), change("third", 3)], workers=3))
    assert order == ["first", "second", "third"]


def test_the_changes_of_a_stage_are_written_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=5)

    class Together(Script):
        def write(self, change: Change) -> Change | None:
            meeting.wait()
            return change

    outcome = outcome_of(Together([change(name) for name in "abc"], workers=3))
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
        def write(self, change: Change) -> Change | None:
            meeting.wait()
            if change.object == "b":
                time.sleep(0.05)
            return super().write(change)

    outcome = outcome_of(Both([change("a"), change("b")], told={"a": "gone", "b": "silence"}, workers=2))
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
    changes = [change("a"), change("b", 2, ["a"], "delete"), SECRETIVE]
    for diff in (True, False):
        assert predicted(changes, diff, unchanged=7) == achieved(changes, diff, unchanged=7, workers=2)


def test_the_result_has_its_shape() -> None:
    assert predicted([SECRETIVE], unchanged=3).result == {
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
    for report in (predicted([], diff=True, unchanged=3), achieved([], diff=True, unchanged=3)):
        assert report == ({"changed": False, "changes": [], "unchanged": 3, "diff": {"before": {}, "after": {}}}, [], None)


def test_the_diff_shows_the_changed_fields_on_the_sides_where_the_object_is() -> None:
    changes = [
        change("new", differences=(Difference("durable", None, True),)),
        change("old", 2, differences=(Difference("durable", True, None),), action="delete"),
        change("other", 1, differences=(Difference("durable", True, False),), action="replace"),
    ]
    assert predicted(changes, diff=True).result["diff"] == {
        "before": {"queue other": {"durable": True}, "queue old": {"durable": True}},
        "after": {"queue new": {"durable": True}, "queue other": {"durable": False}},
    }


def test_a_partial_failure_tells_what_became_of_each_change() -> None:
    changes = [change("a"), change("b", 1), change("on-b", 2, ["b"]), change("c", 3), change("d", 4)]
    result = achieved(changes, diff=True, unchanged=1, told={"b": "refuse", "c": "silence"}).result
    assert result["changed"] is True
    assert [entry["object"] for entry in result["changes"]] == ["a"]
    assert result["failures"] == [{"kind": "queue", "object": "b", "identity": {"name": "b"}, "action": "create", "reason": "no b"}]
    assert [entry["object"] for entry in result["unknown"]] == ["c"]
    assert [entry["object"] for entry in result["not_attempted"]] == ["on-b", "d"]
    assert "failed" not in result  # Ansible reads that key as a boolean.
    assert list(result["diff"]["after"]) == ["queue a"]


@pytest.mark.parametrize(("told", "changed"), [("refuse", False), ("half", True), ("gone", False), ("silence", True)])
def test_changed_counts_what_may_have_been_written(told: str, changed: bool) -> None:
    assert achieved([change("a")], told={"a": told}).result["changed"] is changed


@pytest.mark.parametrize("told", ["", "refuse", "half", "silence", "gone"])
def test_no_secret_is_in_any_result(told: str) -> None:
    shown = json.dumps([predicted([SECRETIVE], diff=True), achieved([SECRETIVE], diff=True, told={"user": told})])
    outcome, dummy = run([SECRETIVE], told={"user": told})
    assert HIDDEN_WORD not in shown + repr(outcome) + str(SECRETIVE)


@given(st.text(min_size=5, alphabet=st.characters(categories=["Lu", "Nd"])))
def test_a_secret_shows_nothing_of_its_value(value: str) -> None:
    secret = Secret(value)
    assert value not in f"{secret} {secret!r} {[secret]} {Difference('password', secret, None)}"
    assert secret.reveal() == value
    assert secret == Secret(value)
    assert hash(secret) == hash(Secret("another"))


def test_the_failure_message_is_one_line_with_counts_reason_and_what_to_do() -> None:
    assert achieved([change("a"), change("b"), change("on-b", 2, ["b"])], told={"b": "refuse"}).failure == (
        "queue b: no b (1 changes made, 1 failed, 0 sent without an answer, 1 not attempted; running the task again goes on from here)"
    )


def test_the_failure_message_tells_the_loss_of_the_server_before_a_refusal() -> None:
    failure = achieved([change("a"), change("b")], told={"a": "refuse", "b": "gone"}).failure
    assert failure is not None
    assert failure.startswith("lost it at b (0 changes made, 1 failed, 0 sent")


def test_what_others_have_done_is_unchanged() -> None:
    result = achieved([change("a"), change("b")], told={"a": "others"}, unchanged=3).result
    assert ([entry["object"] for entry in result["changes"]], result["unchanged"]) == (["b"], 4)
    assert achieved([change("a")], told={"a": "others"}).result["changed"] is False


def test_the_change_that_was_really_made_is_the_one_in_the_result() -> None:
    class Chooses(Script):
        def write(self, change: Change) -> Change:
            return Change(change.kind, change.object, change.identity, change.action, (Difference("replica", None, "b"),))

    result = converge(Chooses([change("a")]), check_mode=False, diff=True).result
    assert result["changes"][0]["differences"] == [{"field": "replica", "before": None, "after": "b"}]
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"] == {"queue a": {"replica": "b"}}


# What an interrupted run left


class Interrupted(Script):
    """A service with leftovers, which says in which order it is called."""

    def __init__(self, leftovers: t.Sequence[Change], changes: t.Sequence[Change], refused: bool = False, **script: t.Any) -> None:
        super().__init__(changes, **script)
        self.leftovers = leftovers
        self.refused = refused
        self.called: list[str] = []

    def observe(self) -> None:
        self.called.append("observe")

    def prepare(self) -> t.Iterable[Change]:
        self.called.append("prepare")
        return self.leftovers

    def plan(self) -> Plan:
        self.called.append("plan")
        return super().plan()

    def problems(self, plan: Plan) -> t.Iterable[Problem]:
        self.called.append("problems")
        return [Problem("no.way", "cannot be", "queue a", remedy="leave it")] if self.refused else []

    def prove(self, plan: Plan) -> t.Iterable[Problem]:
        self.called.append("prove")
        return ()

    def write(self, change: Change) -> Change | None:
        self.called.append(f"write {change.object}")
        return super().write(change)

    def settle(self, outcome: Outcome) -> t.Iterable[Late]:
        self.called.append("settle")
        return ()

    def facts(self, predicted: bool) -> dict[str, t.Any]:
        return {"predicted": predicted}


def test_leftovers_are_written_before_the_plan_is_made_of_what_is_there_then() -> None:
    service = Interrupted([change("left")], [change("a")])
    result = converge(service, check_mode=False, diff=False).result
    assert service.called == ["observe", "prepare", "write left", "observe", "plan", "problems", "prove", "write a", "settle"]
    assert [entry["object"] for entry in result["changes"]] == ["left", "a"]
    assert result["predicted"] is False


def test_check_mode_writes_nothing_and_tells_the_same_changes() -> None:
    service = Interrupted([change("left")], [change("a")])
    result = converge(service, check_mode=True, diff=False).result
    assert service.called == ["observe", "prepare", "plan"]
    assert [entry["object"] for entry in result["changes"]] == ["left", "a"]
    assert result["predicted"] is True
    without = Interrupted([], [change("a")])
    converge(without, check_mode=True, diff=False)
    assert without.called == ["observe", "prepare", "plan", "problems", "prove"]


def test_what_was_put_right_is_counted_when_a_refusal_follows() -> None:
    report = converge(Interrupted([change("left")], [change("a")], refused=True), check_mode=False, diff=True)
    assert report.failure == "queue a: cannot be; leave it"
    assert report.result["changed"] is True
    assert [entry["object"] for entry in report.result["changes"]] == ["left"]
    assert report.result["problems"] == [{"code": "no.way", "item": "queue a", "field": "", "message": "cannot be", "remedy": "leave it"}]
    assert list(report.result["diff"]["after"]) == ["queue left"]


def test_a_refusal_alone_has_changed_nothing() -> None:
    report = converge(Interrupted([], [change("a")], refused=True), check_mode=False, diff=False)
    assert (report.result["changed"], report.result["changes"]) == (False, [])


def test_nothing_is_planned_where_the_leftovers_cannot_be_put_right() -> None:
    service = Interrupted([change("left")], [change("a")], told={"left": "refuse"})
    report = converge(service, check_mode=False, diff=False)
    assert "plan" not in service.called
    assert report.failure is not None
    assert report.failure.startswith("queue left: no left")
    assert [entry["object"] for entry in report.result["failures"]] == ["left"]


@pytest.mark.parametrize("error", [ChangeFailed("lost"), NoAnswer("lost"), Unreachable("lost"), Refused([Problem("lost", "lost")])])
def test_a_failure_after_the_writes_leaves_what_was_written_in_the_result(error: Exception) -> None:
    class Fails(Script):
        def settle(self, outcome: Outcome) -> t.Iterable[Late]:
            assert names(outcome.done) == ["a"]
            raise error

    report = converge(Fails([change("a")]), check_mode=False, diff=False)
    assert (report.failure, report.result["changed"]) == ("lost", True)
    assert [entry["object"] for entry in report.result["changes"]] == ["a"]


def test_what_does_not_work_in_time_is_a_failure_beside_the_changes() -> None:
    class Waits(Script):
        def settle(self, outcome: Outcome) -> t.Iterable[Late]:
            return [Late("node", "n1", {"name": "n1"}, "is not Ready")]

    report = converge(Waits([change("a")]), check_mode=False, diff=False)
    assert report.failure == "node n1: is not Ready"
    assert report.result["failures"] == [
        {"kind": "node", "object": "n1", "identity": {"name": "n1"}, "action": "wait", "reason": "is not Ready"}
    ]
    assert [entry["object"] for entry in report.result["changes"]] == ["a"]


@pytest.mark.parametrize("error", [ChangeFailed("not well"), Unreachable("not well")])
def test_a_gate_that_stays_closed_stops_before_its_stage(error: Exception) -> None:
    class Gated(Script):
        def before(self, stage: int, changes: t.Sequence[Change]) -> None:
            if stage == 2:
                raise error

    service = Gated([change("a", 1), change("b", 2), change("c", 3)])
    outcome = outcome_of(service)
    assert (names(outcome.done), names(outcome.not_attempted), outcome.stopped) == (["a"], ["b", "c"], "not well")
    assert service.singly == ["a"]


def test_problems_are_numbered_on_one_line() -> None:
    assert summary(["only one"]) == "only one"
    assert str(Refused([Problem("a", "one", "queue q", "type", "do that"), Problem("b", "two")])) == (
        "2 problems: (1) queue q: type: one; do that; (2) two"
    )
