"""Steps over hosts with a gate after each. No service."""

from __future__ import annotations

import json

from ansible_collections.eco2.platform.plugins.module_utils._engine.rolling import Step, gated, leader_last

# Nodes are drained one by one, and the one with the lease last.
STEPS = [Step("drain", host, "node", {"ready": True}) for host in leader_last(["a", "b", "c"], "a")]


def test_the_leader_is_last_and_the_others_keep_their_order() -> None:
    assert [str(step) for step in STEPS] == ["drain node on b", "drain node on c", "drain node on a"]
    assert leader_last(["a", "b"], None) == ["a", "b"]


def test_what_is_expected_after_a_step_comes_from_what_is_left() -> None:
    steps = gated(STEPS, lambda left: [step.host for step in left])
    assert [step.expects for step in steps] == [["c", "a"], ["a"], []]


def test_a_step_whose_facts_have_changed_is_refused() -> None:
    step = STEPS[0]
    assert list(step.problems({"ready": True, "other": 1})) == []
    for facts in ({"ready": False}, {}):
        (problem,) = step.problems(facts)
        assert (problem.code, problem.item, problem.field) == ("rolling.out_of_date", "drain node on b", "ready")


def test_steps_travel_as_plain_data() -> None:
    (step, *dummy) = gated(STEPS, len)
    assert Step(**json.loads(json.dumps(step.shown()))) == step
