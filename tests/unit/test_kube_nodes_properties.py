"""Whatever a node is like, whoever owned what of it, and whatever is declared: a plan leads where it says, and nowhere else."""

from __future__ import annotations

import copy
import typing as t

from fleet import Fleet, Node, node, service
from hypothesis import event, given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import nodes, ownership, protected
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.plan import Options

nodes.LONGEST_PAUSE = 0.001

Item = t.Dict[str, t.Any]

# Few keys, so that what is declared and what is there often meet; some that belong to others.
KEYS = st.sampled_from(["role", "phase", "example.com/x", "node-role.kubernetes.io/worker", "spared.example.com/y"])
VALUE = st.sampled_from(["", "a", "b"])
TIME = st.sampled_from([{}, {"timeAdded": "2026-11-24T12:00:00Z"}, {"timeAdded": "2026-11-24T13:00:00Z"}])
EFFECT = st.sampled_from(["NoSchedule", "NoExecute"])
CONTROLLERS = st.sampled_from(["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready", "ToBeDeletedByClusterAutoscaler"])
OWNERS = ["eco2.platform", "team"]


def _unique(taints: list[dict[str, str]]) -> list[dict[str, str]]:
    return list({(taint["key"], taint["effect"]): taint for taint in taints}.values())


def _taint(keys: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.builds(
        lambda key, value, effect, time: {"key": key, **({"value": value} if value else {}), "effect": effect, **time},
        keys,
        VALUE,
        EFFECT,
        TIME,
    )


THERE = st.builds(
    lambda labels, annotations, taints, theirs: node(labels=labels, annotations=annotations, taints=_unique([*theirs, *taints])),
    st.dictionaries(KEYS | st.just("kubernetes.io/hostname"), VALUE, max_size=4),
    st.dictionaries(KEYS, VALUE, max_size=2),
    st.lists(_taint(KEYS), max_size=3),
    st.lists(_taint(CONTROLLERS), max_size=2),
)
WANTED_TAINT = st.builds(
    lambda key, value, effect, absent: {"key": key, "value": value, "effect": effect, **({"state": "absent"} if absent else {})},
    KEYS,
    VALUE,
    EFFECT,
    st.sampled_from([False, False, True]),
)
SECTIONS: dict[str, st.SearchStrategy[t.Any]] = {
    "labels": st.dictionaries(KEYS, VALUE | st.none(), max_size=4),
    "annotations": st.dictionaries(KEYS, VALUE | st.none(), max_size=2),
    "taints": st.lists(WANTED_TAINT, max_size=3).map(_unique),
}
ITEM = st.fixed_dictionaries({"name": st.just("n1")}, optional=SECTIONS)
OPTIONS = st.builds(
    Options, st.sampled_from(OWNERS), st.sampled_from([False, False, True]), st.sampled_from([(), ("spared.example.com",), ("role",)])
)
# Somebody else's work between two runs: a merge patch.
DRIFT = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries({"labels": st.dictionaries(KEYS, VALUE | st.none(), max_size=2)}),
        "spec": st.fixed_dictionaries({"taints": st.lists(_taint(KEYS | CONTROLLERS), max_size=3).map(_unique)}),
    },
)
# What happened to the node before.
PAST = st.lists(st.tuples(OPTIONS, ITEM, DRIFT), max_size=3)


def run(fleet: Fleet, options: Options, item: Item) -> dict[str, t.Any]:
    """Check and apply agree; afterwards nothing is left to do."""
    chosen = {"owner": options.owner, "exact": options.exact, "protected": options.protected}
    predicted, done, again = (converge(service(fleet, item, **chosen), check_mode, diff=True) for check_mode in (True, False, True))
    assert done.failure is None, done
    if not done.result["conflicts"]:
        assert done.result == predicted.result
    assert again.result["changes"] == []
    return done.result


def lived(there: Node, past: list[tuple[Options, Item, t.Any]]) -> Fleet:
    fleet = Fleet(copy.deepcopy(there))
    for options, item, drift in past:
        run(fleet, options, item)
        fleet.change("n1", **drift)
    return fleet


def values(there: Node, section: str) -> dict[str, str]:
    """A section as key and value; of annotations not the records, of taints KEY:EFFECT."""
    if section == "taints":
        return {f"{taint['key']}:{taint['effect']}": taint.get("value", "") for taint in there["spec"].get("taints", [])}
    found = there["metadata"].get(section, {})
    return {key: value for key, value in found.items() if not key.startswith(ownership.DOMAIN)}


def declared(item: Item, section: str) -> dict[str, str | None]:
    if section == "taints":
        entries = item[section]
        return {f"{taint['key']}:{taint['effect']}": None if taint.get("state") == "absent" else taint["value"] for taint in entries}
    return item[section]


def records(there: Node) -> dict[str, str]:
    return {name: text for name, text in there["metadata"].get("annotations", {}).items() if name.startswith(ownership.DOMAIN)}


def owned(there: Node, owner: str, section: str) -> dict[str, str]:
    try:
        return ownership.read(there["metadata"].get("annotations", {}), owner)[section]
    except ownership.Malformed:
        return {}


@given(THERE, PAST, OPTIONS, ITEM)
def test_a_plan_leads_where_it_says(there: Node, past: list[t.Any], options: Options, item: Item) -> None:
    fleet = lived(there, past)
    before = copy.deepcopy(fleet.of())
    result = run(fleet, options, item)
    event(f"changed {result['changed']}, exact {options.exact}")
    now = fleet.of()
    for section in SECTIONS:
        was, is_now = values(before, section), values(now, section)
        if section not in item:
            assert was == is_now, "an omitted section is left alone"
            assert owned(before, options.owner, section) == owned(now, options.owner, section)
            continue
        wanted = declared(item, section)
        for key, value in wanted.items():
            assert is_now.get(key) == value
        ours = owned(before, options.owner, section)
        for key, value in was.items():
            if key in wanted:
                continue
            still_ours = ours.get(key) == ownership.digest(value)
            name = key.rpartition(":")[0] if section == "taints" else key
            others = any(key in owned(before, other, section) for other in OWNERS if other != options.owner)
            goes = still_ours or (options.exact and not others and not protected.is_protected(name, options.protected))
            assert (key in is_now) is not goes, f"{section} {key}"
            if not goes:
                assert is_now[key] == value
        assert is_now.keys() <= was.keys() | wanted.keys()
        assert owned(now, options.owner, section) == {k: ownership.digest(v) for k, v in wanted.items() if v is not None}


@given(THERE, PAST, OPTIONS, ITEM)
def test_what_controllers_set_and_when_it_was_set_is_kept(there: Node, past: list[t.Any], options: Options, item: Item) -> None:
    fleet = lived(there, past)
    before = {(taint["key"], taint["effect"]): dict(taint) for taint in fleet.of()["spec"].get("taints", [])}
    run(fleet, options, item)
    after = {(taint["key"], taint["effect"]): taint for taint in fleet.of()["spec"].get("taints", [])}
    for identity, taint in before.items():
        if identity[0].startswith("node.kubernetes.io/") or identity[0].startswith("ToBe"):
            assert after[identity] == taint
        elif identity in after:
            assert after[identity].get("timeAdded") == taint.get("timeAdded")


@given(THERE, PAST, OPTIONS, ITEM)
def test_nobody_elses_record_is_touched(there: Node, past: list[t.Any], options: Options, item: Item) -> None:
    fleet = lived(there, past)
    mine = ownership.annotation(options.owner)
    before = records(fleet.of())
    run(fleet, options, item)
    after = records(fleet.of())
    assert {name: text for name, text in before.items() if name != mine} == {name: text for name, text in after.items() if name != mine}


@given(THERE, ITEM, st.sampled_from(OWNERS))
def test_what_was_declared_and_is_no_longer_leaves_no_trace(there: Node, item: Item, owner: str) -> None:
    """But for what was there with the very value that was wanted, which was adopted."""
    fleet = Fleet(copy.deepcopy(there))
    options = Options(owner)
    run(fleet, options, item)
    run(fleet, options, {"name": "n1", **{section: type(part)() for section, part in item.items() if section != "name"}})
    assert records(fleet.of()) == {}
    for section in SECTIONS:
        touched = declared(item, section) if section in item else {}
        expected = {key: value for key, value in values(there, section).items() if key not in touched}
        assert values(fleet.of(), section) == expected


@given(THERE, PAST, OPTIONS, ITEM, DRIFT)
def test_whoever_comes_in_between_is_not_undone(there: Node, past: list[t.Any], options: Options, item: Item, drift: t.Any) -> None:
    """A change between reading and writing comes out as if it had been there before."""
    fleet, calm = lived(there, past), lived(there, past)

    def interfere(name: str) -> None:
        fleet.before_each = None
        fleet.change(name, **drift)

    fleet.before_each = interfere
    wrote = run(fleet, options, item)["changed"]
    if fleet.before_each is None:
        calm.change("n1", **drift)
    run(calm, options, item)
    for section in SECTIONS:
        assert values(fleet.of(), section) == values(calm.of(), section), wrote
    assert records(fleet.of()) == records(calm.of())
