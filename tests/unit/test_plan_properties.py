"""Whatever is declared and whatever is there: a plan leads where it says, and nowhere else."""

from __future__ import annotations

import copy
import random
import typing as t
from dataclasses import dataclass

import pytest
from declaring import options
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from memory import ME, Memory, Run, hash_of, logs_in, requires

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Key, Plan, Secret, same
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, passwords, plan, rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared, Kind
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION, KINDS

# Few names, so that what is declared and what is there often meet; some that are awkward, some that belong to others.
VHOSTS = ["/", "eco2", "a/b"]
USERS = [ME, "ann", "bob b"]
EXCHANGES = ["x", "y z", "amq.topic", "reply"]
QUEUES = ["q", "r/%", "x", "amq.gen-1"]
PRUNABLE = [kind.option for kind in KINDS if kind.name != "vhost"]

Lists = t.Dict[str, t.List[t.Dict[str, t.Any]]]

TAGS = st.lists(st.sampled_from(["management", "protected"]), max_size=2)
FLAG = st.booleans()
MOSTLY = st.sampled_from([True, True, True, False])
VALUES = st.sampled_from([1, 1.0, True, "1"])
# Of what the broker knows the type is judged; of a plugin's settings it is compared.
DEFINITION = st.dictionaries(st.sampled_from(["of-a-plugin", "of-another-plugin"]), VALUES, min_size=1, max_size=2)
PATTERN = st.sampled_from(["", ".*"])
POLICY = {"pattern": PATTERN, "definition": DEFINITION, "apply_to": st.sampled_from(["all", "queues"]), "priority": st.integers(0, 1)}
IDENTITY: dict[str, dict[str, st.SearchStrategy[t.Any]]] = {
    "vhosts": {"name": st.sampled_from(VHOSTS)},
    "users": {"name": st.sampled_from(USERS)},
    "vhost_limits": {"vhost": st.sampled_from(VHOSTS), "name": st.sampled_from(["max-connections", "max-queues"])},
    "user_limits": {"user": st.sampled_from(USERS), "name": st.sampled_from(["max-connections", "max-channels"])},
    # Those of the connecting user may be refused: test_plan has them.
    "permissions": {"vhost": st.sampled_from(VHOSTS), "user": st.sampled_from([name for name in USERS if name != ME])},
    "policies": {"vhost": st.sampled_from(VHOSTS), "name": st.sampled_from("pq")},
    "operator_policies": {"vhost": st.sampled_from(VHOSTS), "name": st.sampled_from("pq")},
    "parameters": {"vhost": st.sampled_from(VHOSTS), "component": st.sampled_from(["shovel", "other"]), "name": st.sampled_from("pq")},
    "exchanges": {"vhost": st.sampled_from(VHOSTS), "name": st.sampled_from(EXCHANGES)},
    "topic_permissions": {"vhost": st.sampled_from(VHOSTS), "user": st.sampled_from(USERS), "exchange": st.sampled_from(["", *EXCHANGES])},
    "queues": {"vhost": st.sampled_from(VHOSTS), "name": st.sampled_from(QUEUES)},
    "bindings": {
        "vhost": st.sampled_from(VHOSTS),
        "source": st.sampled_from(EXCHANGES),
        "destination": st.sampled_from([*EXCHANGES, *QUEUES]),
        "destination_type": st.sampled_from(["queue", "exchange"]),
        "routing_key": st.sampled_from(["", "k"]),
        "arguments": st.dictionaries(st.just("a"), VALUES, max_size=1),
    },
}
# What must be given, and what may be left out.
FIELDS: dict[str, dict[str, st.SearchStrategy[t.Any]]] = {
    "vhost_limits": {"value": st.integers(-1, 2)},
    "user_limits": {"value": st.integers(-1, 2)},
    "permissions": dict.fromkeys(("configure", "write", "read"), PATTERN),
    "topic_permissions": dict.fromkeys(("write", "read"), PATTERN),
    "policies": POLICY,
    "operator_policies": POLICY,
    "parameters": {"value": DEFINITION | VALUES},
}
OPTIONAL: dict[str, dict[str, st.SearchStrategy[t.Any]]] = {
    "vhosts": {
        "description": st.sampled_from(["", "text"]),
        "tags": TAGS,
        "default_queue_type": st.sampled_from(rules.QUEUE_TYPES),
        "tracing": FLAG,
    },
    "exchanges": {"type": st.sampled_from(["direct", "topic"]), "durable": MOSTLY, "internal": FLAG},
    "queues": {
        "type": st.sampled_from(["classic", "quorum"]),
        "durable": MOSTLY,
        "arguments": st.dictionaries(st.just("of-a-plugin"), VALUES),
    },
}
PASSWORD = st.sampled_from(["pw1", "pw2"])
USER = st.fixed_dictionaries(
    {}, optional={"tags": TAGS, "password": PASSWORD, "update_password": st.sampled_from(["always", "on_create"])}
) | (st.fixed_dictionaries({"password_hash": st.sampled_from(["", hash_of("pw1").text])}, optional={"tags": TAGS}))


def entries(option: str) -> st.SearchStrategy[dict[str, t.Any]]:
    fields = USER if option == "users" else st.fixed_dictionaries(FIELDS.get(option, {}), optional=OPTIONAL.get(option, {}))
    state = st.sampled_from(["present", "present", "present", "absent"])
    return st.builds(
        lambda identity, fields, state: {**identity, **fields, "state": state}, st.fixed_dictionaries(IDENTITY[option]), fields, state
    )


def there(option: str) -> st.SearchStrategy[dict[str, t.Any]]:
    """The same as somebody else made them, applications among them."""
    more: dict[str, st.SearchStrategy[t.Any]] = dict(FIELDS.get(option, {}))
    maybe = dict(OPTIONAL.get(option, {}))
    if option == "users":
        more = {"tags": TAGS, "password": PASSWORD.map(hash_of)}
    elif option == "queues":
        maybe.update(exclusive=st.just(True), auto_delete=st.just(True), type=st.sampled_from(["classic", "quorum", "stream"]))
    elif option == "exchanges":
        maybe.update(auto_delete=st.just(True))
    return st.builds(
        lambda identity, fields: {**identity, **fields},
        st.fixed_dictionaries(IDENTITY[option]),
        st.fixed_dictionaries(more, optional=maybe),
    )


DECLARED = {option: st.lists(entries(option), max_size=4) for option in IDENTITY}
THERE = {option: st.lists(there(option), min_size=1, max_size=4) for option in IDENTITY}
PRUNE = st.just(PRUNABLE) | st.lists(st.sampled_from(PRUNABLE), unique=True)
IGNORE = st.sampled_from([(), (), ("eco2/*",), ("*q",)])


def key_of(option: str, entry: t.Mapping[str, t.Any]) -> Key:
    kind = BY_OPTION[option]
    return (kind.name, kind.object({part: entry[part] for part in kind.parts}))


@dataclass
class Case:
    memory: Memory
    lists: Lists
    options: plan.Options

    def __repr__(self) -> str:
        return f"{sorted(self.memory.objects)}\n{self.lists}\n{self.options}"

    def plan(self) -> Plan:
        return plan.plan(self.declared(), self.memory.broker, self.options)

    def declared(self) -> dict[Key, Declared]:
        return desired.declare(desired.items_of_lists({"vhost": "/", **copy.deepcopy(self.lists)}))


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    memory = Memory()
    for kind in KINDS:
        for entry in draw(THERE[kind.option]):
            identity = {part: entry[part] for part in kind.parts}
            own = key_of(kind.option, entry) in memory.objects and (kind.name == "exchange" or entry.get("name") in (ME, "/"))
            if not own and all(key in memory.objects for key in requires(kind, identity)):
                memory.put(kind.option, **entry)
    return memory


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A broker, a task that can be done on it, and what the task allows."""
    memory = draw(memories())
    lists: Lists = {}
    wanted: dict[Key, bool] = {}
    for kind in KINDS:
        lists[kind.option] = []
        for entry in draw(DECLARED[kind.option]):
            key, present = key_of(kind.option, entry), entry["state"] == "present"
            if key not in wanted and _can_be(memory, wanted, kind, entry, present):
                lists[kind.option].append(entry)
                wanted[key] = present
    chosen = options(
        prune=draw(PRUNE),
        prune_ignore=draw(IGNORE),
        prune_limit=100,
        on_immutable_change="recreate_if_empty",
    )
    return Case(memory, lists, chosen)


def _can_be(memory: Memory, wanted: t.Mapping[Key, bool], kind: Kind, entry: dict[str, t.Any], present: bool) -> bool:
    """Leaves out what is refused; that it is, is told by tests of its own."""
    reserved = str(entry.get("name", "")).startswith("amq.") and kind.name in ("exchange", "queue")
    if not present:
        return not reserved and entry.get("name") != ME
    if kind.name == "queue" and not entry.get("durable", True) and entry.get("type") != "classic":
        return False
    observed = memory.objects.get(key_of(kind.option, entry))
    held = observed is not None and (
        observed.extra.get("exclusive") or observed.fields.get("auto_delete") or observed.fields.get("type") == "stream"
    )
    identity = {part: entry[part] for part in kind.parts}
    needed = [key for key in requires(kind, identity) if key != ("exchange", f"{identity.get('vhost')}/")]
    return not reserved and not held and all(wanted.get(key, key in memory.objects) for key in needed)


class Shuffled(Run):
    """Writes the changes of a stage in any order, some of them not at all: what a plan must be safe against."""

    def __init__(self, memory: Memory, planned: Plan, seed: int, refused: t.Collection[Key] = ()) -> None:
        super().__init__(memory, planned, workers=2)
        self.random = random.Random(seed)
        self.refused = refused

    def together(self, changes: t.Sequence[Change]) -> list[Change]:
        done = [change for change in self.random.sample(list(changes), len(changes)) if change.key not in self.refused]
        return [self.memory.write(change) for change in done]

    def write(self, change: Change) -> Change:
        raise ChangeFailed("not this time")


def ran(service: Run, check_mode: bool = False) -> Report:
    return converge(service, check_mode, diff=True)


def run(case: Case, seed: int = 0) -> Plan:
    planned = case.plan()
    assert ran(Shuffled(case.memory, planned, seed)).failure is None
    return planned


@settings(max_examples=80)
@given(cases(), st.integers(0, 3))
def test_applying_a_plan_leaves_nothing_to_plan(case: Case, seed: int) -> None:
    planned = run(case, seed)
    event(f"changes: {len(planned.changes) // 5 * 5}+")
    for action in {change.action for change in planned.changes}:
        event(action)
    assert case.plan().changes == ()


@given(cases())
def test_planning_changes_nothing_and_is_the_same_twice(case: Case) -> None:
    before, declared = case.memory.state(), case.declared()
    shown = repr(declared)
    first = plan.plan(declared, case.memory.broker, case.options)
    assert plan.plan(declared, case.memory.broker, case.options) == first
    assert case.memory.state() == before
    assert repr(declared) == shown


@settings(max_examples=60)
@given(cases(), st.integers(0, 3))
def test_a_run_brings_everything_to_what_was_declared(case: Case, seed: int) -> None:
    before = set(case.memory.objects)
    run(case, seed)
    for option, listed in case.lists.items():
        for entry in listed:
            key = key_of(option, entry)
            if entry["state"] == "absent":
                assert key not in case.memory.objects
                continue
            fields = case.memory.objects[key].fields
            for name in set(fields) & set(entry) - {"password"}:
                wanted = sorted(set(entry[name])) if name == "tags" else entry[name]
                actual = fields[name].reveal() if isinstance(fields[name], Secret) else fields[name]
                assert same(actual, wanted), (key, name)
            if "password" in entry and (entry.get("update_password") != "on_create" or key not in before):
                assert logs_in(fields["password"].reveal(), entry["password"])


@settings(max_examples=60)
@given(cases(), st.integers(0, 3))
def test_a_run_leaves_everything_else_alone(case: Case, seed: int) -> None:
    before = case.memory.state()
    identities = {key: (entry.kind, entry.identity) for key, entry in case.memory.objects.items()}
    planned = run(case, seed)
    after = case.memory.state()
    deleted = {change.key for change in planned.changes if change.action == "delete"}
    taken = set(deleted)
    for dummy in range(3):  # what goes with a vhost, user, exchange or queue, and with those
        taken |= {key for key, (kind, identity) in identities.items() if set(requires(kind, identity)) & taken}
    written = {change.key for change in planned.changes} - deleted
    new_vhosts = {change.object for change in planned.changes if change.kind == "vhost"}
    for key in before.keys() | after.keys():
        if key not in taken | written and not (key[0] == "exchange" and key not in before and new_vhosts):
            assert after.get(key) == before.get(key), key


@settings(max_examples=80)
@given(cases())
def test_prune_deletes_nothing_that_it_must_leave_alone(case: Case) -> None:
    objects = dict(case.memory.objects)
    declared = {key_of(option, entry): entry for option, listed in case.lists.items() for entry in listed}
    listed_vhosts = {entry["name"] for entry in case.lists["vhosts"] if entry["state"] == "present"}
    applications = {key for key, entry in objects.items() if _of_an_application(key, entry)}
    pruned = [change for change in case.plan().changes if change.action == "delete" and change.key not in declared]
    event(f"pruned: {len(pruned)}")
    for change in pruned:
        kind, entry = BY_NAME[change.kind], objects[change.key]
        assert kind in case.options.prune.kinds
        assert any(one["state"] == "present" for one in case.lists[kind.option])
        assert kind.name != "vhost"
        assert entry.identity.get("vhost") in {None, *listed_vhosts}
        assert ME not in (entry.identity.get("user"), entry.identity["name"] if kind.name == "user" else "")
        assert "protected" not in entry.fields.get("tags", [])
        assert kind.name not in ("exchange", "queue") or not str(entry.identity["name"]).startswith("amq.")
        assert change.object not in ("", "//")
        assert change.key not in applications
        assert kind.name != "binding" or not set(requires(kind, entry.identity)) & applications
    gone = {change.key for change in pruned}
    for key, entry in objects.items():
        ends = set(requires(entry.kind, entry.identity))
        assert not (entry.kind.name == "binding" and ends & applications and ends & gone), f"{key} of an application would go along"
    for key, entry in declared.items():
        kind = BY_NAME[key[0]]
        assert entry["state"] == "absent" or not gone & set(requires(kind, {part: entry[part] for part in kind.parts}))


def _of_an_application(key: Key, entry: t.Any) -> bool:
    server_named = key[0] == "queue" and entry.identity["name"].startswith("amq.")
    return bool(server_named or (key[0] in ("queue", "exchange") and (entry.extra.get("exclusive") or entry.fields["auto_delete"])))


@given(cases(), st.sets(st.integers(0, 20), max_size=4), st.integers(0, 3))
def test_a_second_run_goes_on_where_the_first_one_failed(case: Case, refused: set[int], seed: int) -> None:
    planned = case.plan()
    keys = {change.key for number, change in enumerate(planned.changes) if number in refused}
    report = ran(Shuffled(case.memory, planned, seed, keys))
    assert (report.failure is None) == (not keys)
    assert {(failed["kind"], failed["object"]) for failed in report.result.get("failures", ())} <= keys
    run(case, seed)
    assert case.plan().changes == ()


@given(cases())
def test_check_mode_predicts_what_a_run_does(case: Case) -> None:
    planned = case.plan()
    predicted = ran(Run(case.memory, planned), check_mode=True)
    assert case.memory.written == []
    assert ran(Run(case.memory, planned, workers=3)) == predicted
    assert sorted(case.memory.written) == sorted(change.key for change in planned.changes)


@given(cases())
def test_without_permission_to_recreate_an_immutable_change_is_refused_and_nothing_else_is(case: Case) -> None:
    replaced = [change for change in case.plan().changes if change.action == "replace"]
    case.options = plan.Options(case.options.prune, on_immutable_change="fail")
    if replaced:
        with pytest.raises(Refused) as caught:
            case.plan()
        assert [each.code for each in caught.value.problems] == ["immutable.differs"] * len(replaced)
        assert all(any(change.object in each.item for each in caught.value.problems) for change in replaced)
    else:
        case.plan()


@settings(max_examples=25)
@given(cases(), st.data())
def test_a_plan_that_needs_something_missing_is_refused(case: Case, data: st.DataObject) -> None:
    inside = [entry for listed in case.lists.values() for entry in listed if "vhost" in entry and entry["state"] == "present"]
    assume(inside)
    entry = data.draw(st.sampled_from(inside))
    case.lists["vhosts"] = [other for other in case.lists["vhosts"] if other["name"] != entry["vhost"]] + [
        {"name": entry["vhost"], "state": "absent"}
    ]
    with pytest.raises(Refused):
        case.plan()


@settings(max_examples=25)
@given(memories())
def test_secrets_of_users_are_in_no_result(memory: Memory) -> None:
    lists: Lists = {"users": [{"name": name, "password": "hunter2"} for name in USERS if name != ME]}
    planned = Case(memory, lists, plan.Options()).plan()
    text = repr(ran(Run(memory, planned), check_mode=True))
    assert planned.changes
    assert "hunter2" not in text
    assert all(hash_of(word).text not in text for word in ("pw1", "pw2", "hunter2"))
    assert all(isinstance(change.payload["password"].reveal(), passwords.Password) for change in planned.changes)
