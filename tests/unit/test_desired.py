from __future__ import annotations

import typing as t

import pytest
from declaring import declare, problem, problems
from memory import hash_of

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, kinds, passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import Declared, Item


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


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind.in_vhost], ids=lambda kind: kind.name)
def test_the_tasks_vhost_stands_in_where_an_item_names_none(kind: kinds.Kind) -> None:
    entry = dict.fromkeys(kind.identity[1:], "max-queues" if kind is kinds.VHOST_LIMIT else "a")
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
    assert only(users=[{"name": "a", "password": "pw", "update_password": "on_create"}]).password_once
    assert not only(users=[{"name": "a", "password": "pw", "update_password": "always"}]).password_once


# Two declarations of one object


def queue(source: str, **values: t.Any) -> Item:
    return Item(kinds.QUEUE, {"vhost": "/", "name": "q", **values}, source)


def test_equal_declarations_are_one() -> None:
    declared = desired.declare([queue("one", type="quorum"), queue("two", type="quorum")])
    assert [entry.source for entry in declared.values()] == ["one"]


def test_declarations_that_do_not_contradict_are_united() -> None:
    declared = only(users=[{"name": "a", "tags": ["x"]}, {"name": "a", "password": "pw"}, {"name": "a", "tags": ["x"]}])
    assert declared.fields == {"tags": ["x"], "password": Secret(passwords.Password("pw"))}


def test_the_argument_and_the_field_of_the_queue_type_are_equal_declarations() -> None:
    assert len(desired.declare([queue("one", type="quorum"), queue("two", arguments={"x-queue-type": "quorum"})])) == 1


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ({"durable": True}, {"durable": False}, "durable is False here and True there"),
        ({"arguments": {"x-expires": 1}}, {"arguments": {"x-expires": 2}}, "arguments is {'x-expires': 2} here and {'x-expires': 1} there"),
        ({"arguments": {"x": 1}}, {"arguments": {"x": True}}, "arguments is {'x': True} here and {'x': 1} there"),
        ({"state": "absent"}, {}, "one says state absent, the other present"),
        ({}, {"state": "absent"}, "one says state present, the other absent"),
    ],
)
def test_a_contradiction_names_both_sources(one: dict[str, t.Any], two: dict[str, t.Any], words: str) -> None:
    line = problem(desired.declare, [queue("queues[0]", **one), queue("Queue ns/q", **two)])
    assert line.startswith("Queue ns/q (queue //q): contradicts queues[0]: ")
    assert words in line


def test_contradicting_passwords_are_not_shown() -> None:
    line = problem(declare, users=[{"name": "a", "password": "hunter2"}, {"name": "a", "password": "hunter3"}])
    assert line == "users[1] (user a): contradicts users[0]: password differs; keep one of the two"


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
        assert only(users=[dict(entry, name="a") for entry in entries]).password_once is once


def test_bindings_whose_arguments_differ_by_type_are_two() -> None:
    bindings = [{"source": "a", "destination": "b", "arguments": {"x": value}} for value in (1, 1.0, True, "1")]
    assert len(declare(bindings=bindings)) == 4


# What cannot be

POLICY = {"name": "p", "pattern": ".*", "definition": {"max-length": 1}}


@pytest.mark.parametrize(
    ("option", "entry", "words"),
    [
        ("queues", {"name": ""}, "name: its name is empty"),
        ("queues", {"name": ".."}, "cannot be addressed"),
        ("queues", {"name": "é" * 128}, "256 bytes"),
        ("queues", {"name": "a", "vhost": ""}, "vhost '': its name is empty"),
        ("queues", {}, "name is missing"),
        ("queues", {"name": 5}, "name must be a string, is 5"),
        ("queues", {"name": "a", "type": "Quorum"}, "unknown queue type 'Quorum'"),
        ("queues", {"name": "a", "arguments": {"x-queue-type": "lazy"}}, "unknown queue type 'lazy'"),
        ("queues", {"name": "a", "type": "quorum", "arguments": {"x-queue-type": "classic"}}, "they are one thing"),
        ("queues", {"name": "a", "arguments": {"x-message-ttl": "5"}}, "x-message-ttl must be an integer"),
        ("exchanges", {"name": ""}, "the default exchange always exists"),
        ("exchanges", {"name": "a", "arguments": {"alternate-exchange": 5}}, "alternate-exchange must be a string"),
        ("bindings", {"source": "", "destination": "q"}, "the default exchange binds every queue"),
        ("bindings", {"source": "a", "destination": ""}, "destination '': its name is empty"),
        ("bindings", {"source": "a", "destination": "q", "routing_key": "x" * 256}, "routing_key"),
        ("bindings", {"source": "a", "destination": "q", "routing_key": "\udcff"}, "routing_key"),
        ("bindings", {"source": "a", "destination": "q", "routing_key": 5}, "routing_key must be a string, is 5"),
        ("bindings", {"source": "a", "destination": "q", "destination_type": "Queue"}, "destination_type is 'Queue'"),
        ("users", {"name": "a", "password": ""}, "password is empty"),
        ("users", {"name": "a", "password": "x", "password_hash": ""}, "not both"),
        ("users", {"name": "a", "password_hash": "hunter2!"}, "password_hash is not base64"),
        ("users", {"name": "a", "password_hash": hash_of("a").text, "hashing_algorithm": "sha512"}, "check hashing_algorithm"),
        ("vhosts", {"name": "a", "default_queue_type": "lazy"}, "default_queue_type is 'lazy': it is one of classic, quorum, stream"),
        ("vhost_limits", {"name": "max-channels", "value": 1}, "name is 'max-channels'"),
        ("vhost_limits", {"name": "max-queues"}, "value is missing"),
        ("user_limits", {"user": "a", "name": "max-channels"}, "value is missing"),
        ("permissions", {"user": "a", "configure": "", "write": ""}, "read is missing"),
        ("topic_permissions", {"user": "a", "exchange": "", "write": ""}, "read is missing"),
        ("policies", {"name": "p", "definition": {"max-length": 1}}, "pattern is missing"),
        ("policies", dict(POLICY, definition={}), "definition is empty"),
        ("policies", dict(POLICY, apply_to="queue"), "apply_to is 'queue': it is one of all, exchanges"),
        ("operator_policies", dict(POLICY, definition={}), "definition is empty"),
    ],
)
def test_each_bad_entry_is_one_line_that_names_it(option: str, entry: dict[str, t.Any], words: str) -> None:
    good = dict(POLICY) if "policies" in option else {"name": "good", "state": "absent"}
    lists = (
        {option: [entry]}
        if option in ("bindings", "permissions", "topic_permissions", "vhost_limits", "user_limits")
        else {option: [good, entry]}
    )
    line = problem(declare, **lists)
    assert line.startswith(f"{option}[{len(lists[option]) - 1}]: ")
    assert words in line
    assert "hunter2" not in line


@pytest.mark.parametrize("routing_key", ["", ".", "..", "a/b", "#", "x" * 255, "é" * 127])
def test_routing_keys_that_can_be(routing_key: str) -> None:
    assert only(bindings=[{"source": "a", "destination": "b", "routing_key": routing_key}]).identity["routing_key"] == routing_key


def test_the_default_exchange_may_have_topic_permissions() -> None:
    assert only(topic_permissions=[{"user": "a", "exchange": "", "write": "", "read": ""}]).identity["exchange"] == ""


def test_what_is_to_go_needs_no_fields() -> None:
    for option, entry in {"permissions": {"user": "a"}, "policies": {"name": "p"}, "vhost_limits": {"name": "max-queues"}}.items():
        assert not only(**{option: [dict(entry, state="absent")]}).present


def test_every_problem_is_told_at_once() -> None:
    lines = problems(declare, queues=[{"name": ""}, {"name": "ok"}, {"name": "a", "type": "x"}], users=[{"name": "a", "password": ""}])
    assert [line.split(":")[0] for line in lines] == ["users[0]", "queues[0]", "queues[2]"]
