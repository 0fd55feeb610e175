"""What check mode predicts is what a run does, and a second run changes nothing: random worlds on real brokers.

The judge is the Observer, which shares no code with the plugins: it looks before, works out from the predicted changes
what must be there afterwards, and compares that with what is.
"""

from __future__ import annotations

import json
import os
import random
import typing as t
from collections import Counter

import pytest
from harness import Task
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from observer import Observer, Snapshot, key_of, segment
from worlds import PREFIX, PRUNABLE, World, worlds

from lab import brokers
from lab.brokers import Broker

CASES_EACH = 70 * int(os.environ.get("ECO2_TIMES", "1"))
# Kinds of which everything is identity can't be updated; only queues and exchanges are ever replaced.
UPDATED = ("vhost", "user", "vhost_limit", "user_limit", "permission", "topic_permission", "policy", "operator_policy")
EXPECTED = [(kind, action) for kind in (*UPDATED, "exchange", "queue", "binding") for action in ("create", "delete")]
EXPECTED += [(kind, "update") for kind in UPDATED] + [("exchange", "replace"), ("queue", "replace")]

counted: Counter[tuple[str, str]] = Counter()
cases: Counter[str] = Counter()


class Anything:
    """Equal to all: stands for what the result rightly does not tell, such as a new password's hash."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


ANYTHING = Anything()
# What a new object has of its own when nothing was declared.
UNDECLARED = {"vhost": ("description", "tags", "tracing", "default_queue_type"), "user": ("tags", "password"), "queue": ("type",)}


def expected_after(before: Snapshot, changes: list[dict[str, t.Any]], version: tuple[int, int]) -> Snapshot:
    """The snapshot that these changes must lead to."""
    after = {key: json.loads(json.dumps(fields)) for key, fields in before.items()}
    for change in changes:
        key = (change["kind"], key_of(change["identity"]))
        if change["action"] == "delete":
            assert key in after, f"predicted to delete what is not there: {change}"
            after = {other: fields for other, fields in after.items() if other != key and not _goes_along(other, change, version)}
            continue
        if change["action"] == "create":
            assert key not in after, f"predicted to create what is there: {change}"
            after[key] = dict.fromkeys(UNDECLARED.get(change["kind"], ()), ANYTHING)
        assert change["action"] == "create" or change["differences"], f"a change of nothing: {change}"
        for difference in change["differences"]:
            _set(after[key], difference)
    return after


def _set(fields: dict[str, t.Any], difference: dict[str, t.Any]) -> None:
    name, value = difference["field"], difference["after"]
    if value == "(hidden)":
        fields[name] = ANYTHING
    elif "." in name:
        outer, inner = name.split(".", 1)
        assert same(fields[outer].get(inner), difference["before"]), f"before is not what it was: {difference}"
        fields[outer] = {k: v for k, v in {**fields[outer], inner: value}.items() if v is not None}
    else:
        fields[name] = value


def _goes_along(other: tuple[str, str], change: dict[str, t.Any], version: tuple[int, int]) -> bool:
    """What a broker deletes by itself: all in a vhost, a user's rights, the bindings of a queue or exchange; 4.3 also an
    exchange's topic permissions."""
    identity, gone = json.loads(other[1]), change["identity"]
    if change["kind"] == "vhost":
        return bool(identity.get("vhost") == gone["name"])
    if change["kind"] == "user":
        return bool(identity.get("user") == gone["name"])
    if other[0] == "topic_permission" and change["kind"] == "exchange" and version >= (4, 3):
        return bool((identity["vhost"], identity["exchange"]) == (gone["vhost"], gone["name"]))
    if other[0] == "binding" and change["kind"] in ("queue", "exchange") and identity["vhost"] == gone["vhost"]:
        at_end = identity["destination_type"] == change["kind"] and identity["destination"] == gone["name"]
        return bool(at_end or (change["kind"] == "exchange" and identity["source"] == gone["name"]))
    return False


def same(left: t.Any, right: t.Any) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def assert_same(expected: Snapshot, actual: Snapshot) -> None:
    assert expected.keys() - actual.keys() == set(), "predicted to be there, and is not"
    assert actual.keys() - expected.keys() == set(), "is there, and was not predicted"
    for key, fields in expected.items():
        for name, value in fields.items():
            assert value is ANYTHING or same(value, actual[key][name]), f"{key}: {name} is {actual[key][name]!r}, predicted {value!r}"


def converge(task: Task, observer: Observer, version: tuple[int, int], arguments: dict[str, t.Any]) -> None:
    """Check, apply, apply again, with the observer looking on."""
    before = observer.snapshot(PREFIX)
    foreseen = task.check(**arguments)
    assert "failed" not in foreseen, foreseen["msg"]
    assert observer.snapshot(PREFIX) == before, "check mode wrote something"
    done = task.apply(**arguments)
    assert "failed" not in done, done["msg"]
    assert same(done["changes"], foreseen["changes"])
    assert done["changed"] is foreseen["changed"] is bool(done["changes"])
    assert_same(expected_after(before, foreseen["changes"], version), observer.snapshot(PREFIX))
    again = task.apply(**arguments)
    assert (again["changed"], again["changes"]) == (False, [])
    counted.update((change["kind"], change["action"]) for change in done["changes"])


def disturb(observer: Observer, dice: random.Random) -> None:
    """Another client's work: something deleted, something altered, something added."""
    snapshot = observer.snapshot(PREFIX)
    for key in dice.sample(sorted(snapshot), min(3, len(snapshot))):
        kind, identity = key[0], json.loads(key[1])
        place = segment(identity.get("vhost", ""))
        name = segment(identity.get("name", ""))
        if kind in ("queue", "exchange"):
            observer.request("DELETE", f"{kind}s/{place}/{name}")
        elif kind == "vhost":
            observer.request("PUT", f"vhosts/{name}", {"description": "somebody was here", "tags": "drift"})
        elif kind == "user":
            observer.request("PUT", f"users/{name}", {"tags": "monitoring,drift", "password": "another"})
        elif kind == "permission":
            body = {"configure": "drift", "write": "", "read": ""}
            observer.request("PUT", f"permissions/{place}/{segment(identity['user'])}", body)
        elif kind == "policy":
            observer.request("PUT", f"policies/{place}/{name}", {"pattern": "drift", "definition": {"max-length": 1}})
        elif kind == "vhost_limit":
            observer.request("DELETE", f"vhost-limits/{place}/{name}")


def clean(observer: Observer) -> None:
    for kind, identity in observer.snapshot(PREFIX):
        if kind in ("vhost", "user"):
            observer.request("DELETE", f"{kind}s/{segment(json.loads(identity)['name'])}")


def losing_nothing_of_value(world: World) -> list[str]:
    """Quorum queues, streams and vhosts by name: proving them empty takes seconds and has tests of its own."""
    vhosts = {item["vhost"] for item in world.get("queues", ())} | {"hyp-a", "hyp-b/c"}
    return [f"queue {vhost}/{name}" for vhost in sorted(vhosts) for name in ("quorum", "stream")] + ["vhost hyp-a", "vhost hyp-b/c"]


@pytest.mark.parametrize("line", list(brokers.SUITES))
def test_check_mode_predicts(line: str, lab: t.Callable[[str], Broker]) -> None:
    broker = lab(line)
    major, minor = (int(part) for part in line.split("."))
    observer = Observer(broker)
    task = Task(broker, on_immutable_change="recreate_if_empty", accept_loss_window=True, prune_limit=1000)
    # Users are pruned in the whole broker: those of other tests are not ours.
    task.defaults["prune_ignore"] = ["[!h]*", "h[!y]*"]
    healthy = list(HealthCheck)

    version = (major, minor)
    pruned = st.lists(st.sampled_from(PRUNABLE), max_size=6, unique=True)

    # Not shrunk: each attempt takes a second on a broker, and the assertions name what differs.
    @settings(max_examples=CASES_EACH, deadline=None, database=None, suppress_health_check=healthy, phases=[Phase.generate])
    @given(worlds(version, may_remove=False), st.integers(0, 2**32), worlds(version, may_remove=True), pruned)
    def case(first: World, throw: int, second: World, prune: list[str]) -> None:
        clean(observer)
        converge(task, observer, version, {**first, "allow_message_loss": losing_nothing_of_value(first)})
        disturb(observer, random.Random(throw))
        converge(task, observer, version, {**second, "prune": prune, "allow_message_loss": losing_nothing_of_value(second)})
        cases[line] += 1

    try:
        # Cases of its own for each broker: where CI is set, Hypothesis would draw the same ones for all of them.
        seed(line)(case)()
    finally:
        clean(observer)


def test_enough_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind with every action it can have, at least five times; and at least 200 cases."""
    if not cases:
        pytest.skip("counts what test_check_mode_predicts did, which did not run")
    with capsys.disabled():
        print(f"\n{sum(cases.values())} cases: {dict(cases)}")
        for kind, action in EXPECTED:
            print(f"  {kind:17} {action:8} {counted[kind, action]}")
    assert sum(cases.values()) >= 200
    assert {pair: counted[pair] for pair in EXPECTED if counted[pair] < 5} == {}
