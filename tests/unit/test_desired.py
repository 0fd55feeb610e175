from __future__ import annotations

import typing as t

import pytest
from declaring import declare, problem, refusal
from memory import hash_of

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import Item
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.endpoints import QUEUE
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared, Kind
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS


def only(**lists: t.Any) -> Declared:
    everything = list(declare(**lists).values())
    assert len(everything) == 1
    return everything[0]


# What omission means


@pytest.mark.parametrize(
    ("option", "entry", "fields"),
    [
        ("vhosts", {"name": "a"}, {}),
        ("users", {"name": "a"}, {}),
        ("exchanges", {"name": "a"}, {"type": "direct", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}),
        ("queues", {"name": "a"}, {"durable": True, "auto_delete": False, "arguments": {}}),
        ("bindings", {"source": "a", "destination": "b"}, {}),
        (
            "policies",
            {"name": "a", "pattern": "^a", "definition": {"max-length": 1}},
            {"pattern": "^a", "definition": {"max-length": 1}, "apply_to": "all", "priority": 0},
        ),
        ("permissions", {"user": "a", "configure": "", "write": "", "read": ""}, {"configure": "", "write": "", "read": ""}),
        ("vhost_limits", {"name": "max-queues", "value": -1}, {"value": -1}),
    ],
)
def test_what_an_omitted_field_is(option: str, entry: dict[str, t.Any], fields: dict[str, t.Any]) -> None:
    assert only(**{option: [entry]}).fields == fields


def test_a_binding_is_to_a_queue_without_key_and_arguments_unless_it_says_so() -> None:
    identity = only(bindings=[{"source": "a", "destination": "b"}]).identity
    assert (identity["destination_type"], identity["routing_key"], identity["arguments"]) == ("queue", "", {})


def test_null_is_as_omitted() -> None:
    assert only(queues=[{"name": "a", "type": None, "durable": None}]) == only(queues=[{"name": "a"}])


@pytest.mark.parametrize("option", ["exchanges", "queues"])
def test_defaults_are_not_shared_between_declarations(option: str) -> None:
    everything = list(declare(**{option: [{"name": "a"}, {"name": "b"}]}).values())
    one, two = everything[0], everything[1]
    one.fields["arguments"]["x"] = 1
    assert two.fields["arguments"] == {}
    assert only(**{option: [{"name": "c"}]}).fields["arguments"] == {}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.in_vhost], ids=lambda kind: kind.name)
def test_the_tasks_vhost_stands_in_where_an_item_names_none(kind: Kind) -> None:
    entry = dict.fromkeys(kind.parts[1:], "max-queues" if kind.name == "vhost_limit" else "a")
    entry.update({name: value for name, value in {"destination_type": "queue", "arguments": {}}.items() if name in entry})
    entry["state"] = "absent"
    assert only(vhost="eco2", **{kind.option: [entry]}).identity["vhost"] == "eco2"
    assert only(vhost="eco2", **{kind.option: [dict(entry, vhost="own")]}).identity["vhost"] == "own"


def test_the_tasks_vhost_does_not_touch_what_is_in_none() -> None:
    assert only(vhost="eco2", users=[{"name": "a"}]).identity == {"name": "a"}


def test_absent_declares_the_identity_alone() -> None:
    declared = only(policies=[{"name": "a", "state": "absent", "apply_to": "all", "priority": 5}])
    assert not declared.present
    assert declared.fields == {}


def test_tags_are_a_set() -> None:
    assert only(users=[{"name": "a", "tags": ["b", "a", "b"]}]).fields == {"tags": ["a", "b"]}
    assert only(vhosts=[{"name": "a", "tags": []}]).fields == {"tags": []}


def test_the_queue_type_may_be_given_as_the_argument_too() -> None:
    declared = only(queues=[{"name": "a", "arguments": {"x-queue-type": "quorum", "x-expires": 5}}])
    assert declared.fields["type"] == "quorum"
    assert declared.fields["arguments"] == {"x-expires": 5}
    both = only(queues=[{"name": "a", "type": "quorum", "arguments": {"x-queue-type": "quorum", "x-expires": 5}}])
    assert both.fields == declared.fields


def test_the_declared_arguments_are_left_as_they_are() -> None:
    arguments = {"x-queue-type": "quorum"}
    only(queues=[{"name": "a", "arguments": arguments}])
    assert arguments == {"x-queue-type": "quorum"}


def test_passwords_and_hashes_are_secret() -> None:
    assert only(users=[{"name": "a", "password": "pw"}]).fields["password"] == Secret(passwords.Password("pw"))
    text = hash_of("pw").text
    declared = only(users=[{"name": "a", "password_hash": text, "hashing_algorithm": "sha256"}])
    assert declared.fields["password"] == Secret(hash_of("pw"))
    assert text not in repr(declared)


def test_the_password_may_count_at_creation_only() -> None:
    assert only(users=[{"name": "a", "password": "pw", "update_password": "on_create"}]).initial == {"password"}
    assert not only(users=[{"name": "a", "password": "pw", "update_password": "always"}]).initial


# Two declarations of one object


def queue(source: str, **values: t.Any) -> Item:
    return Item(QUEUE, {"vhost": "/", "name": "q", **values}, source)


def test_equal_declarations_are_one() -> None:
    declared = desired.declare([queue("one", type="quorum"), queue("two", type="quorum")])
    assert [entry.source for entry in declared.values()] == ["one"]


def test_declarations_that_do_not_contradict_are_united() -> None:
    declared = only(users=[{"name": "a", "tags": ["x"]}, {"name": "a", "password": "pw"}, {"name": "a", "tags": ["x"]}])
    assert declared.fields == {"tags": ["x"], "password": Secret(passwords.Password("pw"))}


def test_the_argument_and_the_field_of_the_queue_type_are_equal_declarations() -> None:
    assert len(desired.declare([queue("one", type="quorum"), queue("two", arguments={"x-queue-type": "quorum"})])) == 1


@pytest.mark.parametrize(
    ("one", "two", "field"),
    [
        ({"durable": True}, {"durable": False}, "durable"),
        ({"arguments": {"x-expires": 1}}, {"arguments": {"x-expires": 2}}, "arguments"),
        ({"arguments": {"x": 1}}, {"arguments": {"x": True}}, "arguments"),
        ({"state": "absent"}, {}, "state"),
        ({}, {"state": "absent"}, "state"),
    ],
)
def test_a_contradiction_names_both_sources(one: dict[str, t.Any], two: dict[str, t.Any], field: str) -> None:
    found = problem(desired.declare, [queue("queues[0]", **one), queue("Queue ns/q", **two)])
    assert (found.code, found.item, found.field) == ("declaration.contradiction", "Queue ns/q (queue /q)", field)
    assert "queues[0]" in found.message


def test_contradicting_passwords_are_not_shown() -> None:
    found = problem(declare, users=[{"name": "a", "password": "hunter2"}, {"name": "a", "password": "hunter3"}])
    assert (found.code, found.item, found.field) == ("declaration.contradiction", "users[1] (user a)", "password")
    assert "hunter" not in str(found)


@pytest.mark.parametrize(
    ("one", "two", "once"),
    [
        ({"password": "pw", "update_password": "on_create"}, {"update_password": "always"}, True),
        ({"update_password": "on_create"}, {"password": "pw", "update_password": "always"}, False),
        ({"password": "pw", "update_password": "on_create"}, {"password": "pw", "update_password": "always"}, False),
        ({"password": "pw", "update_password": "on_create"}, {"password": "pw", "update_password": "on_create"}, True),
    ],
)
def test_when_the_password_counts_is_said_by_the_entry_that_holds_it(one: dict[str, t.Any], two: dict[str, t.Any], once: bool) -> None:
    for entries in ([one, two], [two, one]):
        assert bool(only(users=[dict(entry, name="a") for entry in entries]).initial) is once


def test_bindings_whose_arguments_differ_by_type_are_two() -> None:
    bindings = [{"source": "a", "destination": "b", "arguments": {"x": value}} for value in (1, 1.0, True, "1")]
    assert len(declare(bindings=bindings)) == 4


# What cannot be

POLICY = {"name": "p", "pattern": ".*", "definition": {"max-length": 1}}


@pytest.mark.parametrize(
    ("option", "entry", "code", "field"),
    [
        ("queues", {"name": ""}, "name.empty", "name"),
        ("queues", {"name": ".."}, "name.unaddressable", "name"),
        ("queues", {"name": "é" * 128}, "name.length", "name"),
        ("queues", {"name": "a", "vhost": ""}, "name.empty", "vhost"),
        ("queues", {}, "declaration.missing", "name"),
        ("queues", {"name": 5}, "declaration.type", "name"),
        ("queues", {"name": "a", "type": "Quorum"}, "queue.type_unknown", "type"),
        ("queues", {"name": "a", "arguments": {"x-queue-type": "lazy"}}, "queue.type_unknown", "type"),
        ("queues", {"name": "a", "type": "quorum", "arguments": {"x-queue-type": "classic"}}, "queue.type_twice", "type"),
        ("queues", {"name": "a", "arguments": {"x-message-ttl": "5"}}, "argument.type", "arguments.x-message-ttl"),
        ("exchanges", {"name": ""}, "exchange.default", "name"),
        ("exchanges", {"name": "a", "arguments": {"alternate-exchange": 5}}, "argument.type", "arguments.alternate-exchange"),
        ("bindings", {"source": "", "destination": "q"}, "binding.default_exchange", "source"),
        ("bindings", {"source": "a", "destination": ""}, "name.empty", "destination"),
        ("bindings", {"source": "a", "destination": "q", "routing_key": "x" * 256}, "name.length", "routing_key"),
        ("bindings", {"source": "a", "destination": "q", "routing_key": "\udcff"}, "name.encoding", "routing_key"),
        ("bindings", {"source": "a", "destination": "q", "routing_key": 5}, "declaration.type", "routing_key"),
        ("bindings", {"source": "a", "destination": "q", "destination_type": "Queue"}, "declaration.choice", "destination_type"),
        ("users", {"name": "a", "password": ""}, "user.password_empty", "password"),
        ("users", {"name": "a", "password": "x", "password_hash": ""}, "user.two_passwords", ""),
        ("users", {"name": "a", "password_hash": "hunter2!"}, "user.password_hash", "password_hash"),
        ("users", {"name": "a", "password_hash": hash_of("a").text, "hashing_algorithm": "sha512"}, "user.password_hash", "password_hash"),
        ("vhosts", {"name": "a", "default_queue_type": "lazy"}, "declaration.choice", "default_queue_type"),
        ("vhost_limits", {"name": "max-channels", "value": 1}, "declaration.choice", "name"),
        ("vhost_limits", {"name": "max-queues"}, "declaration.missing", "value"),
        ("parameters", {"component": "shovel", "name": "a"}, "declaration.missing", "value"),
        ("parameters", {"component": "policy", "name": "a", "value": {}}, "declaration.elsewhere", "component"),
        ("user_limits", {"user": "a", "name": "max-channels"}, "declaration.missing", "value"),
        ("permissions", {"user": "a", "configure": "", "write": ""}, "declaration.missing", "read"),
        ("topic_permissions", {"user": "a", "exchange": "", "write": ""}, "declaration.missing", "read"),
        ("policies", {"name": "p", "definition": {"max-length": 1}}, "declaration.missing", "pattern"),
        ("policies", dict(POLICY, definition={}), "declaration.empty", "definition"),
        ("policies", dict(POLICY, apply_to="queue"), "declaration.choice", "apply_to"),
        ("operator_policies", dict(POLICY, definition={}), "declaration.empty", "definition"),
    ],
)
def test_each_bad_entry_is_one_line_that_names_it(option: str, entry: dict[str, t.Any], code: str, field: str) -> None:
    good = dict(POLICY) if "policies" in option else {"name": "good", "state": "absent"}
    lists = (
        {option: [entry]}
        if option in ("bindings", "permissions", "topic_permissions", "vhost_limits", "user_limits", "parameters")
        else {option: [good, entry]}
    )
    found = problem(declare, **lists)
    assert (found.code, found.item, found.field) == (code, f"{option}[{len(lists[option]) - 1}]", field)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("routing_key", ["", ".", "..", "a/b", "#", "x" * 255, "é" * 127])
def test_routing_keys_that_can_be(routing_key: str) -> None:
    assert only(bindings=[{"source": "a", "destination": "b", "routing_key": routing_key}]).identity["routing_key"] == routing_key


def test_the_default_exchange_may_have_topic_permissions() -> None:
    assert only(topic_permissions=[{"user": "a", "exchange": "", "write": "", "read": ""}]).identity["exchange"] == ""


def test_what_is_to_go_needs_no_fields() -> None:
    for option, entry in {"permissions": {"user": "a"}, "policies": {"name": "p"}, "vhost_limits": {"name": "max-queues"}}.items():
        assert not only(**{option: [dict(entry, state="absent")]}).present


def test_every_problem_is_told_at_once() -> None:
    found = refusal(declare, queues=[{"name": ""}, {"name": "ok"}, {"name": "a", "type": "x"}], users=[{"name": "a", "password": ""}])
    assert [each.item for each in found] == ["users[0]", "queues[0]", "queues[2]"]
