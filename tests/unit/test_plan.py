"""The rules of planning, one by one."""

from __future__ import annotations

import typing as t

import pytest
from declaring import applied, options, planned, problem, problems, shown, warned
from memory import ME, Memory, hash_of, logs_in

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Secret
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import passwords


@pytest.fixture
def memory() -> Memory:
    """A broker with a vhost eco2 that holds a little of everything."""
    memory = Memory()
    memory.put("vhosts", name="eco2")
    memory.put("users", name="ann", tags=["management"], password=hash_of("pw"))
    memory.put("permissions", vhost="eco2", user="ann", configure="", write=".*", read=".*")
    memory.put("permissions", vhost="eco2", user=ME, configure=".*", write=".*", read=".*")
    memory.put("exchanges", vhost="eco2", name="x", durable=True)
    memory.put("queues", vhost="eco2", name="q", type="quorum", durable=True)
    memory.put("bindings", vhost="eco2", source="x", destination="q", routing_key="q")
    memory.put("policies", vhost="eco2", name="p", pattern="^q", definition={"max-length": 5})
    return memory


Q = {"vhost": "eco2", "name": "q"}
X = {"vhost": "eco2", "name": "x"}
BINDING = {"vhost": "eco2", "source": "x", "destination": "q", "routing_key": "q"}
VHOST = [{"name": "eco2"}]
RECREATE = options(on_immutable_change="recreate_if_empty", accept_loss_window=True)


def differences(change: Change) -> list[tuple[str, t.Any, t.Any]]:
    return [(each.field, each.before, each.after) for each in change.differences]


# What is there, what is not


def test_what_is_as_declared_is_left_alone_and_counted(memory: Memory) -> None:
    plan = planned(memory, queues=[Q], exchanges=[X], bindings=[BINDING], vhosts=VHOST, users=[{"name": "ann", "password": "pw"}])
    assert (plan.changes, plan.unchanged) == ((), 5)


def test_what_is_to_be_absent_and_is_counts_as_unchanged(memory: Memory) -> None:
    plan = planned(memory, queues=[{"vhost": "eco2", "name": "none", "state": "absent"}])
    assert (plan.changes, plan.unchanged) == ((), 1)


def test_what_is_missing_is_created_in_the_order_of_need(memory: Memory) -> None:
    plan = planned(
        memory,
        bindings=[{"vhost": "new", "source": "n", "destination": "n"}],
        queues=[{"vhost": "new", "name": "n"}],
        topic_permissions=[{"vhost": "new", "user": "bob", "exchange": "n", "write": "", "read": ""}],
        exchanges=[{"vhost": "new", "name": "n"}],
        permissions=[{"vhost": "new", "user": "bob", "configure": "", "write": "", "read": ""}],
        users=[{"name": "bob"}],
        vhosts=[{"name": "new"}],
    )
    order = [change.kind for change in plan.changes]
    assert order == ["vhost", "user", "permission", "exchange", "queue", "topic_permission", "binding"]
    assert {change.action for change in plan.changes} == {"create"}
    applied(memory, plan)


def test_a_creation_shows_every_declared_field(memory: Memory) -> None:
    (change,) = planned(memory, queues=[{"vhost": "eco2", "name": "n", "arguments": {"x-expires": 5}}]).changes
    assert differences(change) == [("durable", None, True), ("auto_delete", None, False), ("arguments", None, {"x-expires": 5})]


def test_new_bindings_are_made_before_old_ones_are_taken_away(memory: Memory) -> None:
    plan = planned(memory, bindings=[dict(BINDING, state="absent"), dict(BINDING, routing_key="new")])
    assert [change.action for change in plan.changes] == ["create", "delete"]


def test_deletions_go_from_the_outside_in(memory: Memory) -> None:
    entries = {"queues": [Q], "exchanges": [X], "bindings": [BINDING], "policies": [{"vhost": "eco2", "name": "p"}]}
    plan = planned(memory, **{option: [dict(entry, state="absent") for entry in listed] for option, listed in entries.items()})
    assert [change.kind for change in plan.changes] == ["binding", "queue", "exchange", "policy"]
    applied(memory, plan)
    assert memory.of("queues") == []


def test_what_goes_with_a_vhost_or_a_user_is_not_deleted_by_itself(memory: Memory) -> None:
    memory.put("user_limits", user="ann", name="max-channels", value=1)
    absent = {"state": "absent"}
    plan = planned(memory, vhosts=[{"name": "eco2", **absent}], queues=[dict(Q, **absent)], bindings=[dict(BINDING, **absent)])
    assert shown(plan) == ["delete vhost eco2"]
    plan = planned(
        memory,
        users=[{"name": "ann", **absent}],
        permissions=[{"vhost": "eco2", "user": "ann", **absent}],
        user_limits=[{"user": "ann", "name": "max-channels", **absent}],
    )
    assert shown(plan) == ["delete user ann"]


# Updates


def test_an_update_sends_every_field_so_that_none_is_reset(memory: Memory) -> None:
    memory.put("vhosts", name="v", description="for people", tags=["a"], default_queue_type="quorum", tracing=True)
    (change,) = planned(memory, vhosts=[{"name": "v", "tags": ["b"]}]).changes
    assert change.payload == {"description": "for people", "tags": ["b"], "default_queue_type": "quorum", "tracing": True}
    assert differences(change) == [("tags", ["a"], ["b"])]


@pytest.mark.parametrize(("before", "after"), [(5, "5"), (1, True), (5, 5.0)])
def test_values_are_compared_with_their_types(memory: Memory, before: t.Any, after: t.Any) -> None:
    memory.put("policies", vhost="eco2", name="p", pattern="^q", definition={"of-a-plugin": before, "other": "same"})
    (change,) = planned(
        memory, policies=[{"vhost": "eco2", "name": "p", "pattern": "^q", "definition": {"of-a-plugin": after, "other": "same"}}]
    ).changes
    assert differences(change) == [("definition.of-a-plugin", before, after)]


def test_numbers_are_told_from_flags(memory: Memory) -> None:
    memory.put("vhost_limits", vhost="eco2", name="max-queues", value=True)
    (change,) = planned(memory, vhost_limits=[{"vhost": "eco2", "name": "max-queues", "value": 1}]).changes
    assert differences(change) == [("value", True, 1)]


def test_keys_of_a_definition_come_and_go(memory: Memory) -> None:
    (change,) = planned(
        memory, policies=[{"vhost": "eco2", "name": "p", "pattern": "^q", "definition": {"expires": 5}, "priority": 1}]
    ).changes
    assert differences(change) == [("definition.expires", None, 5), ("definition.max-length", 5, None), ("priority", 0, 1)]


# Passwords


def password(change: Change) -> passwords.Credential:
    secret = change.payload["password"]
    assert isinstance(secret, Secret)
    return t.cast("passwords.Credential", secret.reveal())


def test_another_password_is_a_difference_that_is_not_shown(memory: Memory) -> None:
    plan = planned(memory, users=[{"name": "ann", "password": "hunter2"}])
    assert [each["field"] for each in plan.changes[0].shown()["differences"]] == ["password"]
    assert "hunter2" not in repr(plan)
    applied(memory, plan)
    assert logs_in(memory.fields("user", "ann")["password"].reveal(), "hunter2")


@pytest.mark.parametrize("given", [{}, {"password": "pw"}, {"password": "other", "update_password": "on_create"}])
def test_a_change_of_tags_keeps_the_stored_hash(memory: Memory, given: dict[str, str]) -> None:
    plan = planned(memory, users=[{"name": "ann", "tags": ["monitoring"], **given}])
    assert [each.field for each in plan.changes[0].differences] == ["tags"]
    assert password(plan.changes[0]) == hash_of("pw")


def test_a_password_for_creation_only_is_set_at_creation(memory: Memory) -> None:
    applied(memory, planned(memory, users=[{"name": "bob", "password": "pw", "update_password": "on_create"}]))
    assert logs_in(memory.fields("user", "bob")["password"].reveal(), "pw")
    assert planned(memory, users=[{"name": "bob", "password": "other", "update_password": "on_create"}]).changes == ()


def test_the_same_password_under_another_hash_is_a_difference(memory: Memory) -> None:
    assert planned(memory, users=[{"name": "ann", "password_hash": hash_of("pw").text}]).changes == ()
    other = hash_of("pw", salt=b"pepp")
    (change,) = planned(memory, users=[{"name": "ann", "password_hash": other.text}]).changes
    assert password(change) == other


def test_logins_by_password_can_be_forbidden(memory: Memory) -> None:
    applied(memory, planned(memory, users=[{"name": "ann", "password_hash": ""}]))
    assert not logs_in(memory.fields("user", "ann")["password"].reveal(), "pw")
    assert planned(memory, users=[{"name": "ann", "password_hash": ""}]).changes == ()


# What cannot change in place


def test_an_immutable_change_is_refused_with_each_difference(memory: Memory) -> None:
    found = problem(planned, memory, queues=[dict(Q, type="classic", durable=False, arguments={"x-expires": 5})])
    assert (found.code, found.item) == ("immutable.differs", "queues[0] (queue eco2/q)")
    for words in ("type is 'quorum', declared 'classic'", "durable is True, declared False", "arguments.x-expires is None, declared 5"):
        assert words in found.message
    assert "on_immutable_change" in found.remedy


def test_immutable_changes_and_other_problems_are_told_together(memory: Memory) -> None:
    codes = problems(
        planned, memory, queues=[dict(Q, durable=False)], exchanges=[dict(X, type="topic")], bindings=[dict(BINDING, source="none")]
    )
    assert sorted(codes) == ["immutable.differs", "immutable.differs", "reference.missing"]


def test_a_queues_type_is_compared_only_where_declared(memory: Memory) -> None:
    assert planned(memory, queues=[Q]).changes == ()
    assert planned(memory, queues=[dict(Q, type="quorum")]).changes == ()


def test_a_replacement_carries_all_fields_and_the_bindings_that_would_be_lost(memory: Memory) -> None:
    memory.put("bindings", vhost="eco2", source="amq.topic", destination="x", destination_type="exchange", routing_key="in")
    memory.put("queues", vhost="eco2", name="x", durable=True)
    memory.put("bindings", vhost="eco2", source="amq.topic", destination="x", routing_key="to the queue of that name")
    memory.put("exchanges", name="x", durable=True)
    memory.put("queues", name="q", durable=True)
    memory.put("bindings", source="x", destination="q", routing_key="in another vhost")
    before = memory.of("bindings")
    (change,) = planned(memory, RECREATE, exchanges=[dict(X, type="fanout")]).changes
    assert change.action == "replace"
    assert sorted(entry.identity["routing_key"] for entry in change.payload.lost) == ["in", "q"]
    applied(memory, planned(memory, RECREATE, exchanges=[dict(X, type="fanout")]))
    assert memory.of("bindings") == before
    assert memory.fields("exchange", "eco2/x")["type"] == "fanout"


def test_a_replaced_exchange_keeps_its_topic_permissions(memory: Memory) -> None:
    """On brokers with Khepri they go with the exchange, and a user without one may use every routing key."""
    memory.put("topic_permissions", vhost="eco2", user="ann", exchange="x", write="^a", read="")
    applied(memory, planned(memory, RECREATE, exchanges=[dict(X, type="topic")]))
    assert memory.fields("topic_permission", "eco2/ann x") == {"write": "^a", "read": ""}


def test_who_cannot_see_topic_permissions_does_not_replace_exchanges(memory: Memory) -> None:
    memory.broker.tags = frozenset(["management"])
    assert problem(planned, memory, RECREATE, exchanges=[dict(X, type="topic")]).code == "immutable.unseen"
    assert shown(planned(memory, RECREATE, queues=[dict(Q, durable=False)])) == ["replace queue eco2/q"]
    memory.broker.version = "3.13.7"
    assert shown(planned(memory, RECREATE, exchanges=[dict(X, type="topic")])) == ["replace exchange eco2/x"]


def test_a_replaced_queue_keeps_the_type_it_had_unless_declared(memory: Memory) -> None:
    applied(memory, planned(memory, RECREATE, queues=[dict(Q, arguments={"x-expires": 5})]))
    assert memory.fields("queue", "eco2/q")["type"] == "quorum"


@pytest.mark.parametrize("held", [{"exclusive": True}, {"auto_delete": True}, {"type": "stream"}])
def test_queues_in_use_and_streams_are_never_replaced(memory: Memory, held: dict[str, t.Any]) -> None:
    memory.put("queues", **{**Q, "durable": True, **held})
    found = problem(
        planned, memory, RECREATE, queues=[dict(Q, arguments={"x-max-length-bytes": 5}, auto_delete=held.get("auto_delete", False))]
    )
    assert found.code == ("immutable.stream" if "type" in held else "immutable.in_use")


# References


@pytest.mark.parametrize(
    ("option", "entry", "code", "words"),
    [
        ("queues", {"vhost": "none", "name": "q"}, "vhost.missing", "vhost 'none'"),
        (
            "permissions",
            {"vhost": "eco2", "user": "none", "configure": "", "write": "", "read": ""},
            "reference.missing",
            "user none",
        ),
        ("user_limits", {"user": "none", "name": "max-channels", "value": 1}, "reference.missing", "user none"),
        ("vhost_limits", {"vhost": "none", "name": "max-queues", "value": 1}, "vhost.missing", "vhost 'none'"),
        ("bindings", dict(BINDING, source="none"), "reference.missing", "exchange eco2/none"),
        ("bindings", dict(BINDING, destination="none"), "reference.missing", "queue eco2/none"),
        ("bindings", dict(BINDING, destination="q", destination_type="exchange"), "reference.missing", "exchange eco2/q"),
        ("exchanges", dict(X, name="n", type="x-none"), "exchange.type_unknown", "direct, fanout, headers, topic"),
    ],
)
def test_what_refers_to_nothing_is_refused(memory: Memory, option: str, entry: dict[str, t.Any], code: str, words: str) -> None:
    found = problem(planned, memory, **{option: [entry]})
    assert found.code == code
    assert found.item.startswith(f"{option}[0] (")
    assert words in found.message
    assert planned(memory, **{option: [dict(entry, state="absent")]}).changes == ()


def test_what_cannot_change_in_place_is_the_only_problem_of_a_queue_that_stays(memory: Memory) -> None:
    memory.broker.version, memory.broker.denied = "4.3.6", frozenset({"transient_nonexcl_queues"})
    memory.put("queues", vhost="eco2", name="there", durable=True)
    wanted = {"queues": [{"vhost": "eco2", "name": "there", "durable": False}]}
    assert problem(planned, memory, **wanted).code == "immutable.differs"
    recreated = options(on_immutable_change="recreate_if_empty")
    assert problem(planned, memory, recreated, **wanted).code == "queue.transient"


def test_a_topic_permission_of_a_missing_exchange_is_refused_from_4_3_on(memory: Memory) -> None:
    wanted = {"topic_permissions": [{"vhost": "eco2", "user": "ann", "exchange": "none", "write": "", "read": ""}]}
    (warning,) = warned(memory, **wanted)
    assert "exchange eco2/none" in warning
    memory.broker.version = "4.3.6"
    assert problem(planned, memory, **wanted).code == "reference.missing"


def test_a_missing_vhost_is_told_once_for_each_entry() -> None:
    assert len(problems(planned, Memory(), queues=[{"vhost": "none", "name": "q"}], bindings=[dict(BINDING, vhost="none")])) == 2


def test_what_is_declared_absent_cannot_be_referred_to(memory: Memory) -> None:
    found = problem(planned, memory, queues=[dict(Q, state="absent")], bindings=[BINDING])
    assert found.code == "reference.absent"
    assert "queue eco2/q" in found.message and "queues[0]" in found.message
    assert problems(planned, memory, vhosts=[{"name": "eco2", "state": "absent"}], queues=[Q])


def test_a_reference_may_be_declared_in_the_same_task(memory: Memory) -> None:
    plan = planned(memory, bindings=[dict(BINDING, destination="new")], queues=[{"vhost": "eco2", "name": "new"}])
    (binding,) = (change for change in plan.changes if change.kind == "binding")
    assert binding.needs == {("vhost", "eco2"), ("exchange", "eco2/x"), ("queue", "eco2/new")}


def test_the_default_exchange_needs_no_declaration_for_topic_permissions(memory: Memory) -> None:
    plan = planned(memory, topic_permissions=[{"vhost": "eco2", "user": "ann", "exchange": "", "write": "", "read": ""}])
    assert shown(plan) == ['create topic_permission eco2/ann ""']


# The broker's own objects


def test_built_ins_may_be_declared_as_they_are(memory: Memory) -> None:
    assert planned(memory, exchanges=[{"vhost": "eco2", "name": "amq.topic", "type": "topic"}]).changes == ()


@pytest.mark.parametrize(
    ("option", "entry"),
    [
        ("exchanges", {"name": "amq.topic", "type": "fanout"}),
        ("exchanges", {"name": "amq.new"}),
        ("queues", {"name": "amq.new"}),
    ],
)
def test_reserved_names_cannot_be_declared_otherwise(memory: Memory, option: str, entry: dict[str, t.Any]) -> None:
    assert "name.reserved" in problems(planned, memory, RECREATE, **{option: [dict(entry, vhost="eco2")]})


def test_built_ins_cannot_be_declared_absent(memory: Memory) -> None:
    absent = {"vhost": "eco2", "state": "absent"}
    assert problem(planned, memory, exchanges=[dict(absent, name="amq.topic")]).code == "exchange.builtin"
    assert planned(memory, exchanges=[dict(absent, name="amq.none")]).changes == ()
    memory.put("queues", vhost="eco2", name="amq.gen-1", durable=True)
    assert shown(planned(memory, queues=[dict(absent, name="amq.gen-1")])) == ["delete queue eco2/amq.gen-1"]


def test_bindings_to_built_ins_can_be_declared(memory: Memory) -> None:
    plan = planned(memory, bindings=[dict(BINDING, source="amq.topic")])
    assert shown(plan) == ["create binding eco2/amq.topic -> queue q by q"]


def test_what_comes_with_a_new_vhost_can_be_referred_to_in_the_same_task() -> None:
    lists = {
        "vhosts": [{"name": "new"}],
        "queues": [{"vhost": "new", "name": "q"}],
        "bindings": [{"vhost": "new", "source": "amq.topic", "destination": "q"}],
        "topic_permissions": [{"vhost": "new", "user": ME, "exchange": name, "write": "", "read": ""} for name in ("", "amq.topic")],
    }
    memory = Memory()
    applied(memory, planned(memory, **lists))
    assert planned(memory, **lists).changes == ()
    unknown = [dict(lists["bindings"][0], source="amq.none")]
    assert problem(planned, Memory(), **{**lists, "bindings": unknown}).code == "reference.missing"
    lists.pop("vhosts")
    assert problems(planned, Memory(), **lists)[0] == "vhost.missing"


# Versions and rights


def test_default_queue_type_needs_a_broker_that_has_it() -> None:
    entry = [{"name": "v", "default_queue_type": "quorum"}]
    assert problem(planned, Memory(version="3.10.8"), vhosts=entry).code == "vhost.default_queue_type"
    for version in ("3.11.0", "3.13.7", "4.0.5", "4.10.0"):
        assert len(planned(Memory(version=version), vhosts=entry).changes) == 1


EVERYTHING = {
    "vhosts": {"name": "n"},
    "users": {"name": "n"},
    "permissions": {"vhost": "eco2", "user": "ann", "configure": "new", "write": "", "read": ""},
    "topic_permissions": {"vhost": "eco2", "user": "ann", "exchange": "x", "write": "", "read": ""},
    "user_limits": {"user": "ann", "name": "max-channels", "value": 1},
    "vhost_limits": {"vhost": "eco2", "name": "max-queues", "value": 1},
    "policies": {"vhost": "eco2", "name": "n", "pattern": "", "definition": {"expires": 1}},
    "operator_policies": {"vhost": "eco2", "name": "n", "pattern": "", "definition": {"expires": 1}},
    "parameters": {"vhost": "eco2", "component": "shovel", "name": "n", "value": {"src-uri": "amqp://"}},
    "exchanges": {"vhost": "eco2", "name": "n"},
    "queues": {"vhost": "eco2", "name": "n"},
    "bindings": dict(BINDING, routing_key="n"),
}


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        (["administrator"], set(EVERYTHING)),
        (["policymaker"], {"policies", "parameters", "exchanges", "queues", "bindings"}),
        (["monitoring"], {"exchanges", "queues", "bindings"}),
        (["management"], {"exchanges", "queues", "bindings"}),
        ([], {"exchanges", "queues", "bindings"}),
    ],
)
def test_changes_need_the_tag_that_the_broker_asks_for(memory: Memory, tags: list[str], allowed: set[str]) -> None:
    memory.broker.tags = frozenset(tags)
    for option, entry in EVERYTHING.items():
        if option in allowed:
            assert len(planned(memory, **{option: [entry]}).changes) == 1
        else:
            found = problem(planned, memory, **{option: [entry]})
            assert (found.code, found.item) == ("rights.tag", option)
            assert "administrator" in found.message


def test_what_needs_no_change_needs_no_right(memory: Memory) -> None:
    memory.broker.tags = frozenset(["management"])
    assert (
        planned(memory, vhosts=VHOST, policies=[{"vhost": "eco2", "name": "p", "pattern": "^q", "definition": {"max-length": 5}}]).changes
        == ()
    )


# The connecting user


def stages(plan: t.Any) -> list[str]:
    return [f"{change.action} {change.kind} {change.object}" for change in plan.changes]


OWN = {"vhost": "eco2", "user": ME}
NOTHING = {"configure": "", "write": "", "read": ""}


@pytest.mark.parametrize(
    "mine", [{"password": "new"}, {"password_hash": ""}, {"tags": []}, {"state": "absent"}], ids=["password", "hash", "tags", "deletion"]
)
def test_what_ends_the_rights_of_the_connecting_user_comes_last_and_only_after_all_else(memory: Memory, mine: dict[str, t.Any]) -> None:
    queues = [{"vhost": "new", "name": "n"}, {"vhost": "eco2", "name": "q", "state": "absent"}]
    plan = planned(memory, users=[{"name": ME, **mine}], vhosts=[{"name": "new"}], queues=queues)
    last = plan.changes[-1]
    assert last.key == ("user", ME)
    assert {("vhost", "new"), ("queue", "new/n"), ("queue", "eco2/q")} <= last.needs
    assert last.stage > max(change.stage for change in plan.changes[:-1])


def test_an_own_permission_is_narrowed_after_what_needs_it(memory: Memory) -> None:
    plan = planned(memory, permissions=[{**OWN, **NOTHING}], queues=[{"vhost": "eco2", "name": "n"}], users=[{"name": ME, "tags": []}])
    assert stages(plan) == ["create queue eco2/n", f"update permission eco2/{ME}", f"update user {ME}"]


def test_an_own_permission_is_widened_before_what_needs_it(memory: Memory) -> None:
    memory.put("permissions", vhost="eco2", user=ME, **NOTHING)
    plan = planned(memory, permissions=[{**OWN, "configure": "^n$", "write": "", "read": ""}], queues=[{"vhost": "eco2", "name": "n"}])
    assert stages(plan) == [f"update permission eco2/{ME}", "create queue eco2/n"]


def test_an_own_permission_in_a_new_vhost_comes_after_what_is_made_there(memory: Memory) -> None:
    """The broker gives all permissions there to the user that creates it."""
    permission = {"vhost": "new", "user": ME, **NOTHING}
    plan = planned(memory, vhosts=[{"name": "new"}], permissions=[permission], queues=[{"vhost": "new", "name": "n"}])
    assert stages(plan) == ["create vhost new", "create queue new/n", f"create permission new/{ME}"]


def test_an_own_permission_that_is_needed_both_ways_is_refused(memory: Memory) -> None:
    memory.put("permissions", vhost="eco2", user=ME, configure="^q$", write=".*", read=".*")
    queues = [{"vhost": "eco2", "name": "q", "state": "absent"}, {"vhost": "eco2", "name": "n"}]
    found = problem(planned, memory, permissions=[{**OWN, "configure": "^n$", "write": ".*", "read": ".*"}], queues=queues)
    assert (found.code, found.item) == ("rights.no_order", f"permission eco2/{ME}")


def test_an_own_topic_permission_is_narrowed_after_the_bindings_that_it_forbids(memory: Memory) -> None:
    topic = {**OWN, "exchange": "x", "write": "", "read": "^other$"}
    plan = planned(memory, topic_permissions=[topic], bindings=[{**BINDING, "routing_key": "k"}])
    assert stages(plan)[0].startswith("create binding") and stages(plan)[1].startswith("create topic_permission")
