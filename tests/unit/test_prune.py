"""What prune deletes, and all that it must leave alone."""

from __future__ import annotations

import typing as t

import pytest
from declaring import applied, options, planned, problem, shown
from memory import ME, Memory, hash_of

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS

VHOST = [{"name": "eco2"}]
KEEP_Q = {"vhost": "eco2", "name": "declared"}
PRUNABLE = [kind.option for kind in KINDS if kind.name != "vhost"]


@pytest.fixture
def memory() -> Memory:
    """In eco2, and the same again in the vhost other: one of each kind that will be declared, and one that will not."""
    memory = Memory()
    for name in ("declared", "extra"):
        memory.put("users", name=name, tags=[], password=hash_of("pw"))
        memory.put("user_limits", user=name, name="max-channels", value=1)
    for vhost in ("eco2", "other"):
        memory.put("vhosts", name=vhost)
        memory.put("vhost_limits", vhost=vhost, name="max-queues", value=1)
        memory.put("vhost_limits", vhost=vhost, name="max-connections", value=1)
        memory.put("permissions", vhost=vhost, user=ME, configure=".*", write=".*", read=".*")
        for name in ("declared", "extra"):
            memory.put("permissions", vhost=vhost, user=name, configure="", write="", read="")
            memory.put("exchanges", vhost=vhost, name=name, type="topic", durable=True)
            memory.put("queues", vhost=vhost, name=name, durable=True)
            memory.put("topic_permissions", vhost=vhost, user=name, exchange=name, write="", read="")
            memory.put("bindings", vhost=vhost, source=name, destination=name)
            memory.put("parameters", vhost=vhost, component="shovel", name=name, value={"src-uri": "amqp://"})
            for option in ("policies", "operator_policies"):
                memory.put(option, vhost=vhost, name=name, pattern="", definition={"expires": 1})
    return memory


DECLARED: dict[str, list[dict[str, t.Any]]] = {
    "vhosts": VHOST,
    "users": [{"name": "declared"}],
    "user_limits": [{"user": "declared", "name": "max-channels", "value": 1}],
    "vhost_limits": [{"vhost": "eco2", "name": "max-queues", "value": 1}],
    "permissions": [{"vhost": "eco2", "user": "declared", "configure": "", "write": "", "read": ""}],
    "topic_permissions": [{"vhost": "eco2", "user": "declared", "exchange": "declared", "write": "", "read": ""}],
    "policies": [{"vhost": "eco2", "name": "declared", "pattern": "", "definition": {"expires": 1}}],
    "operator_policies": [{"vhost": "eco2", "name": "declared", "pattern": "", "definition": {"expires": 1}}],
    "parameters": [{"vhost": "eco2", "component": "shovel", "name": "declared", "value": {"src-uri": "amqp://"}}],
    "exchanges": [{"vhost": "eco2", "name": "declared", "type": "topic"}],
    "queues": [KEEP_Q],
    "bindings": [{"vhost": "eco2", "source": "declared", "destination": "declared"}],
}
EXTRA = {
    "users": "user extra",
    "user_limits": "user_limit extra max-channels",
    "vhost_limits": "vhost_limit eco2/max-connections",
    "permissions": "permission eco2/extra",
    "topic_permissions": "topic_permission eco2/extra extra",
    "policies": "policy eco2/extra",
    "operator_policies": "operator_policy eco2/extra",
    "parameters": "parameter eco2/shovel extra",
    "exchanges": "exchange eco2/extra",
    "queues": "queue eco2/extra",
    "bindings": 'binding eco2/extra -> queue extra by ""',
}


def pruned(memory: Memory, prune: t.Sequence[str], lists: t.Mapping[str, t.Any] | None = None, **others: t.Any) -> list[str]:
    plan = planned(memory, options(prune, **others), **(DECLARED if lists is None else lists))
    assert {change.action for change in plan.changes} <= {"delete"}
    return [words[len("delete ") :] for words in shown(plan)]


# What goes


@pytest.mark.parametrize("option", PRUNABLE)
def test_what_is_not_declared_goes_from_the_declared_vhosts_alone(memory: Memory, option: str) -> None:
    assert pruned(memory, [option]) == [EXTRA[option]]


def test_everything_undeclared_goes_at_once(memory: Memory) -> None:
    plan = planned(memory, options(PRUNABLE, prune_limit=20), **DECLARED)
    going_with_the_user = {"permissions", "topic_permissions", "user_limits"}
    assert set(shown(plan)) == {f"delete {name}" for option, name in EXTRA.items() if option not in going_with_the_user}
    applied(memory, plan)
    assert planned(memory, options(PRUNABLE, prune_limit=20), **DECLARED).changes == ()


def test_nothing_goes_unless_asked(memory: Memory) -> None:
    assert pruned(memory, []) == []


# What stays


def test_vhosts_are_not_among_the_choices() -> None:
    module = pytest.importorskip("ansible_collections.eco2.platform.plugins.modules.rabbitmq_topology")
    assert module.argument_spec()["prune"]["choices"] == sorted(PRUNABLE)


@pytest.mark.parametrize("option", PRUNABLE)
@pytest.mark.parametrize("how", ["empty", "all absent"])
def test_a_kind_of_which_nothing_is_declared_is_not_pruned(memory: Memory, option: str, how: str) -> None:
    lists = dict(DECLARED)
    lists[option] = [] if how == "empty" else [dict(DECLARED[option][0], state="absent")]
    others = {"vhosts": VHOST} if option in ("users", "exchanges", "queues") else lists  # others need these
    assert EXTRA[option] not in pruned(memory, [option], {**others, option: lists[option]})


def test_a_vhost_that_is_not_listed_is_not_pruned(memory: Memory) -> None:
    assert pruned(memory, ["queues", "exchanges"], {"queues": [KEEP_Q], "exchanges": DECLARED["exchanges"]}) == []


def test_several_listed_vhosts_are_all_pruned(memory: Memory) -> None:
    assert pruned(memory, ["queues"], {"vhosts": [*VHOST, {"name": "other"}], "queues": [KEEP_Q]}) == [
        "queue eco2/extra",
        "queue other/declared",
        "queue other/extra",
    ]


def test_the_connecting_user_and_its_rights_stay(memory: Memory) -> None:
    memory.put("user_limits", user=ME, name="max-channels", value=1)
    memory.put("topic_permissions", vhost="eco2", user=ME, exchange="extra", write="", read="")
    names = pruned(memory, ["users", "permissions", "topic_permissions", "user_limits"])
    assert names == ["user extra"]


def test_a_queue_named_like_the_connecting_user_goes(memory: Memory) -> None:
    memory.put("queues", vhost="eco2", name=ME)
    assert f"queue eco2/{ME}" in pruned(memory, ["queues"])


def test_protected_users_stay(memory: Memory) -> None:
    memory.put("users", name="extra", tags=["management", "protected"])
    assert pruned(memory, ["users"]) == []


@pytest.mark.parametrize(
    "held",
    [{"name": "amq.gen-1"}, {"name": "held", "exclusive": True}, {"name": "held", "auto_delete": True}],
    ids=["server-named", "exclusive", "auto-delete"],
)
def test_queues_of_running_applications_stay_with_their_bindings(memory: Memory, held: dict[str, t.Any]) -> None:
    memory.put("queues", vhost="eco2", **held)
    memory.put("bindings", vhost="eco2", source="declared", destination=held["name"])
    assert pruned(memory, ["queues", "bindings"]) == [EXTRA["bindings"], EXTRA["queues"]]


def test_exchanges_of_running_applications_stay_with_their_bindings(memory: Memory) -> None:
    memory.put("exchanges", vhost="eco2", name="reply", auto_delete=True)
    memory.put("bindings", vhost="eco2", source="declared", destination="reply", destination_type="exchange")
    memory.put("bindings", vhost="eco2", source="reply", destination="declared")
    assert pruned(memory, ["exchanges", "bindings"]) == [EXTRA["bindings"], EXTRA["exchanges"]]


def test_an_exchange_stays_while_a_running_application_is_bound_to_it(memory: Memory) -> None:
    memory.put("queues", vhost="eco2", name="reply", exclusive=True)
    memory.put("bindings", vhost="eco2", source="extra", destination="reply")
    assert pruned(memory, ["exchanges"]) == []


def test_the_brokers_own_exchanges_stay(memory: Memory) -> None:
    assert {"eco2/", "eco2/amq.direct", "eco2/amq.topic"} <= set(memory.of("exchanges"))
    assert pruned(memory, ["exchanges"]) == [EXTRA["exchanges"]]


def test_bindings_from_the_brokers_own_exchanges_go(memory: Memory) -> None:
    memory.put("bindings", vhost="eco2", source="amq.topic", destination="declared")
    assert 'binding eco2/amq.topic -> queue declared by ""' in pruned(memory, ["bindings"])


def test_what_a_declared_object_needs_stays(memory: Memory) -> None:
    lists = {
        "vhosts": VHOST,
        "users": [{"name": "declared"}],
        "queues": [KEEP_Q],
        "exchanges": DECLARED["exchanges"],
        "bindings": [{"vhost": "eco2", "source": "extra", "destination": "extra"}],
        "permissions": [{"vhost": "eco2", "user": "extra", "configure": "", "write": "", "read": ""}],
    }
    assert pruned(memory, ["users", "queues", "exchanges"], lists) == []


@pytest.mark.parametrize("argument", ["x-dead-letter-exchange", "alternate-exchange"])
def test_an_exchange_that_declared_arguments_name_stays(memory: Memory, argument: str) -> None:
    option = "queues" if argument.startswith("x-") else "exchanges"
    entry = {"vhost": "eco2", "name": "new", "arguments": {argument: "extra"}}
    lists = {**DECLARED, option: [*DECLARED[option], entry]}
    assert shown(planned(memory, options(["exchanges"]), **lists)) == [f"create {option[:-1]} eco2/new"]


def test_what_only_an_absent_object_needs_goes(memory: Memory) -> None:
    gone = {"vhost": "eco2", "source": "extra", "destination": "extra", "state": "absent"}
    assert EXTRA["queues"] in pruned(memory, ["queues"], {**DECLARED, "bindings": [gone]})


# Exceptions and the limit


def test_what_is_to_be_ignored_stays(memory: Memory) -> None:
    memory.put("queues", vhost="eco2", name="celeryev.1")
    memory.put("queues", vhost="eco2", name="Celeryev.2")
    assert pruned(memory, ["queues"], prune_ignore=["eco2/celeryev.*", "other/extra"]) == ["queue eco2/Celeryev.2", "queue eco2/extra"]
    assert pruned(memory, ["queues"], prune_ignore=["eco2/?eleryev.*", "*extra"]) == []


@pytest.mark.parametrize("pattern", ["ext[r]a", "%2Fdev/extra", "//dev/extra", "queue /dev/extra", "/DEV/*"])
def test_an_exception_that_misses_what_goes_is_refused(memory: Memory, pattern: str) -> None:
    memory.put("vhosts", name="/dev")
    memory.put("queues", vhost="/dev", name="extra")
    lists = {"vhosts": [{"name": "/dev"}], "queues": [{"vhost": "/dev", "name": "declared"}]}
    assert pruned_of(memory, lists, "/dev/extr?") == ["create queue /dev/declared"]
    found = problem(planned, memory, options(["queues"], prune_ignore=[pattern]), **lists)
    assert (found.code, found.field) == ("prune.exception", "prune_ignore")


def pruned_of(memory: Memory, lists: dict[str, t.Any], *ignore: str) -> list[str]:
    return shown(planned(memory, options(["queues"], prune_ignore=ignore), **lists))


def test_a_pattern_without_a_text_of_its_own_is_no_misspelt_name(memory: Memory) -> None:
    memory.put("queues", vhost="eco2", name="extra")
    assert pruned(memory, ["queues"], prune_ignore=["[!e]*"]) == ["queue eco2/extra"]


@pytest.mark.parametrize("pattern", ["%2Fdev/gone", "//gone"])
def test_an_exception_in_a_spelling_that_fits_nothing_is_refused(memory: Memory, pattern: str) -> None:
    lists = {**DECLARED, "queues": [KEEP_Q, {"vhost": "eco2", "name": "extra"}]}
    assert problem(planned, memory, options(["queues"], prune_ignore=[pattern]), **lists).code == "prune.exception"
    assert pruned(memory, ["queues"], lists, prune_ignore=["/dev/gone", "gone"]) == []


def test_an_undeclared_queue_with_consumers_stays_with_what_binds_it(memory: Memory) -> None:
    memory.broker.consumed.add(("queue", "eco2/extra"))
    assert pruned(memory, ["queues", "exchanges", "bindings"]) == []
    assert pruned(memory, ["policies"]) == [EXTRA["policies"]]


def test_what_a_plugin_made_stays(memory: Memory) -> None:
    memory.put("queues", vhost="eco2", name="federation: a", durable=True, arguments={"x-internal-purpose": "federation"})
    memory.put("bindings", vhost="eco2", source="declared", destination="federation: a")
    assert pruned(memory, ["queues", "bindings"]) == [EXTRA["bindings"], EXTRA["queues"]]


def test_what_no_request_can_reach_stays(memory: Memory) -> None:
    for name in ("extra\n", "."):
        memory.put("queues", vhost="eco2", name=name, durable=True)
    assert pruned(memory, ["queues"]) == [EXTRA["queues"]]


def test_more_than_the_limit_is_refused_as_a_whole(memory: Memory) -> None:
    lists = {"vhosts": VHOST, "queues": [KEEP_Q, {"vhost": "eco2", "name": "new"}]}
    memory.put("queues", vhost="eco2", name="another")
    assert len(planned(memory, options(["queues"], prune_limit=2), **lists).changes) == 3
    found = problem(planned, memory, options(["queues"], prune_limit=1), **lists)
    assert found.code == "prune.limit"
    assert "queue eco2/another" in found.message


def test_a_limit_of_zero_lets_nothing_go_and_everything_else_pass(memory: Memory) -> None:
    assert pruned(memory, ["queues"], {"vhosts": VHOST, "queues": [KEEP_Q, {"vhost": "eco2", "name": "extra"}]}, prune_limit=0) == []
    assert problem(planned, memory, options(["queues"], prune_limit=0), **DECLARED).code == "prune.limit"


def test_what_is_declared_absent_does_not_count_for_the_limit(memory: Memory) -> None:
    lists = {"vhosts": VHOST, "queues": [KEEP_Q, {"vhost": "eco2", "name": "extra", "state": "absent"}]}
    assert pruned(memory, ["queues"], lists, prune_limit=0) == ["queue eco2/extra"]


def test_what_goes_with_an_absent_vhost_is_not_pruned_by_itself(memory: Memory) -> None:
    lists = {"vhosts": [*VHOST, {"name": "other", "state": "absent"}], "queues": [KEEP_Q]}
    assert pruned(memory, ["queues"], lists, prune_limit=1) == [EXTRA["queues"], "vhost other"]


def test_pruning_needs_the_right_to_delete(memory: Memory) -> None:
    memory.broker.tags = frozenset(["management"])
    assert problem(planned, memory, options(["users"]), users=[{"name": "declared"}]).code == "rights.tag"
