"""Mistakes in a declaration: one line that names the item, before anything of the whole task is written."""

from __future__ import annotations

import typing as t

import pytest
from corner import Corner

from lab.brokers import Broker

PREFIX = "bad-"
Arguments = t.Dict[str, t.Any]

# Beside every mistake stands this much that is right, and that must not be written either.
RIGHT: Arguments = {
    "vhosts": [{"name": "bad-v"}, {"name": "bad-new"}],
    "users": [{"name": "bad-u", "password": "pw"}],
    "exchanges": [{"name": "e"}],
    "queues": [{"name": "q"}],
    "bindings": [{"source": "e", "destination": "q"}],
    "policies": [{"name": "p", "pattern": "^q", "definition": {"max-length": 5}}],
    "permissions": [{"user": "bad-u", "configure": "", "write": "", "read": ""}],
}
HASH = {"name": "hash", "type": "x-consistent-hash"}
LONG = "n" * 256
ABOUT = {"rabbitmqClusterReference": {"name": "any"}}


def _resource(kind: str, **spec: t.Any) -> Arguments:
    return {"apiVersion": "rabbitmq.com/v1beta1", "kind": kind, "metadata": {"name": "cr", "namespace": "n"}, "spec": {**spec, **ABOUT}}


def _queue(**arguments: t.Any) -> Arguments:
    return {"queues": [{"name": "wrong", "arguments": arguments}]}


def _policy(**definition: t.Any) -> Arguments:
    return {"policies": [{"name": "x", "pattern": ".", "definition": definition}]}


def _typed(queue_type: str, **fields: t.Any) -> Arguments:
    return {"queues": [{"name": "wrong", "type": queue_type, **fields}]}


CASES: dict[str, tuple[Arguments, str, str]] = {
    "unknown queue type": ({"queues": [{"name": "wrong", "type": "lazy"}]}, "queue.type_unknown", "queues[1]"),
    "unknown queue type as argument": (_queue(**{"x-queue-type": "lazy"}), "queue.type_unknown", "queues[1]"),
    "two queue types": (
        {"queues": [{"name": "wrong", "type": "quorum", "arguments": {"x-queue-type": "stream"}}]},
        "queue.type_twice",
        "queues[1]",
    ),
    "TTL as text": (_queue(**{"x-message-ttl": "60000"}), "argument.type", "queues[1]"),
    "TTL as float": (_queue(**{"x-message-ttl": 60000.0}), "argument.type", "queues[1]"),
    "TTL as bool": (_queue(**{"x-message-ttl": True}), "argument.type", "queues[1]"),
    "TTL below zero": (_queue(**{"x-message-ttl": -1}), "argument.negative", "queues[1]"),
    "exchange name as number": (_queue(**{"x-dead-letter-exchange": 5}), "argument.type", "queues[1]"),
    "single active consumer as text": (_queue(**{"x-single-active-consumer": "yes"}), "argument.type", "queues[1]"),
    "null argument": (_queue(**{"x-expires": None}), "argument.null", "queues[1]"),
    "unknown overflow": (_queue(**{"x-overflow": "explode"}), "argument.choice", "queues[1]"),
    "priority over 255": (_queue(**{"x-max-priority": 300}), "argument.range", "queues[1]"),
    "expiry of zero": (_queue(**{"x-expires": 0}), "argument.range", "queues[1]"),
    "age in days as a word": (_queue(**{"x-max-age": "7days"}), "argument.format", "queues[1]"),
    "argument of another queue type": (
        {"queues": [{"name": "wrong", "type": "classic", "arguments": {"x-delivery-limit": 5}}]},
        "argument.queue_type",
        "queues[1]",
    ),
    "priorities on a quorum queue": (
        {"queues": [{"name": "wrong", "type": "quorum", "arguments": {"x-max-priority": 5}}]},
        "argument.queue_type",
        "queues[1]",
    ),
    "TTL on a stream": (
        {"queues": [{"name": "wrong", "type": "stream", "arguments": {"x-message-ttl": 5}}]},
        "argument.queue_type",
        "queues[1]",
    ),
    "quorum queue that is not durable": (
        _typed("quorum", durable=False),
        "queue.property",
        "queues[1]",
    ),
    "stream that deletes itself": (_typed("stream", auto_delete=True), "queue.property", "queues[1]"),
    "policy key misspelt": (
        _policy(**{"max-lenght": 5}),
        "definition.unknown",
        "policies[1]",
    ),
    "policy with a TTL as text": (
        {"policies": [{"name": "x", "pattern": ".", "definition": {"message-ttl": "60000"}}]},
        "definition.type",
        "policies[1]",
    ),
    "mirrored queues on 4.x": (
        _policy(**{"ha-mode": "all"}),
        "definition.unknown",
        "policies[1]",
    ),
    "key that an operator policy may not have": (
        {"operator_policies": [{"name": "x", "pattern": ".", "definition": {"dead-letter-exchange": "e"}}]},
        "definition.unknown",
        "operator_policies[0]",
    ),
    "pattern that is no regular expression": (
        {"policies": [{"name": "x", "pattern": "^a(", "definition": {"max-length": 5}}]},
        "pattern.invalid",
        "policy bad-v/x",
    ),
    "null in the arguments of a binding": (
        {"bindings": [{"source": "e", "destination": "q", "arguments": {"a": {"b": None}}}]},
        "argument.null",
        "bindings[1]",
    ),
    "tilde beside arguments": (
        {"bindings": [{"source": "e", "destination": "q", "routing_key": "a~b", "arguments": {"a": 1}}]},
        "binding.tilde",
        "bindings[1]",
    ),
    "key that no address can carry": (
        {"bindings": [{"source": "e", "destination": "q", "routing_key": "."}]},
        "binding.unaddressable",
        "bindings[1]",
    ),
    "word as weight of a consistent-hash exchange": (
        {"bindings": [{"source": "hash", "destination": "q", "routing_key": "abc"}]},
        "binding.weight",
        "bindings[1]",
    ),
    "name too long": ({"queues": [{"name": LONG}]}, "name.length", "queues[1]"),
    "name too long in bytes": ({"exchanges": [{"name": "é" * 128}]}, "name.length", "exchanges[1]"),
    "key too long": ({"bindings": [{"source": "e", "destination": "q", "routing_key": LONG}]}, "name.length", "bindings[1]"),
    "empty name": ({"queues": [{"name": ""}]}, "name.empty", "queues[1]"),
    "dot": ({"queues": [{"name": "."}]}, "name.unaddressable", "queues[1]"),
    "two dots": ({"vhosts": [{"name": ".."}]}, "name.unaddressable", "vhosts[2]"),
    "two dots as user": ({"users": [{"name": ".."}]}, "name.unaddressable", "users[1]"),
    "two dots deleted": ({"exchanges": [{"name": "..", "state": "absent"}]}, "name.unaddressable", "exchanges[1]"),
    "reserved name": ({"exchanges": [{"name": "amq.mine"}]}, "name.reserved", "exchanges[1] (exchange bad-v/amq.mine)"),
    "absent exchange": (
        {"bindings": [{"source": "nowhere", "destination": "q"}]},
        "reference.missing",
        "bindings[1] (binding bad-v/nowhere -> queue q",
    ),
    "absent queue": (
        {"bindings": [{"source": "e", "destination": "nobody"}]},
        "reference.missing",
        "bindings[1] (binding bad-v/e -> queue nobody",
    ),
    "absent destination exchange": (
        {"bindings": [{"source": "e", "destination": "q", "destination_type": "exchange"}]},
        "reference.missing",
        "bindings[1] (binding bad-v/e -> exchange q",
    ),
    "binding to what goes": (
        {"queues": [{"name": "there", "state": "absent"}], "bindings": [{"source": "e", "destination": "there"}]},
        "reference.absent",
        "bindings[1] (binding bad-v/e -> queue there",
    ),
    "default exchange bound": ({"bindings": [{"source": "", "destination": "q"}]}, "binding.default_exchange", "bindings[1]"),
    "lists disagree": (
        {"queues": [{"name": "q", "durable": True}, {"name": "q", "durable": False}]},
        "declaration.contradiction",
        "queues[2] (queue bad-v/q)",
    ),
    "present and absent": ({"queues": [{"name": "q", "state": "absent"}]}, "declaration.contradiction", "queues[1] (queue bad-v/q)"),
    "list and manifest disagree": (
        {"manifests": [_resource("Queue", name="q", vhost="bad-v", durable=False)]},
        "declaration.contradiction",
        "Queue n/cr (queue bad-v/q)",
    ),
    "exchange durable only in the list": (
        {"manifests": [_resource("Exchange", name="e", vhost="bad-v")]},
        "declaration.contradiction",
        "Exchange n/cr (exchange bad-v/e)",
    ),
    "unknown kind of resource": ({"manifests": [_resource("Quueue", name="q")]}, "manifest.kind", "Quueue n/cr"),
    "kind of another tool": ({"manifests": [_resource("SuperStream", name="s")]}, "manifest.kind", "SuperStream n/cr"),
    "unknown field of a resource": ({"manifests": [_resource("Queue", name="x", colour="red")]}, "manifest.unknown_field", "Queue n/cr"),
    "wrong type in a resource": ({"manifests": [_resource("Queue", name="x", durable="yes")]}, "manifest.type", "Queue n/cr"),
    "user without secret": (
        {"manifests": [_resource("User", importCredentialsSecret={"name": "nowhere"})]},
        "manifest.no_secret",
        "User n/cr",
    ),
    "unknown vhost": ({"queues": [{"vhost": "bad-nowhere", "name": "x"}]}, "vhost.missing", "queues[1] (queue bad-nowhere/x)"),
    "unknown exchange type": (
        {"exchanges": [{"name": "x", "type": "x-magic"}]},
        "exchange.type_unknown",
        "exchanges[1] (exchange bad-v/x)",
    ),
    "permission of an unknown user": (
        {"permissions": [{"user": "bad-nobody", "configure": "", "write": "", "read": ""}]},
        "reference.missing",
        "permissions[1] (permission bad-v/bad-nobody)",
    ),
    "limit of an unknown user": (
        {"user_limits": [{"user": "bad-nobody", "name": "max-channels", "value": 1}]},
        "reference.missing",
        "user_limits[0]",
    ),
    "policy without pattern": ({"policies": [{"name": "x", "definition": {"max-length": 5}}]}, "declaration.missing", "policies[1]"),
    "policy without definition": ({"policies": [{"name": "x", "pattern": "."}]}, "declaration.missing", "policies[1]"),
    "empty policy": ({"policies": [{"name": "x", "pattern": ".", "definition": {}}]}, "declaration.empty", "policies[1]"),
    "limit without value": ({"vhost_limits": [{"name": "max-queues"}]}, "declaration.missing", "vhost_limits[0]"),
    "password and hash": (
        {"users": [{"name": "bad-x", "password": "bad-secret-5", "password_hash": ""}]},
        "user.two_passwords",
        "users[1]",
    ),
    "hash that is none": ({"users": [{"name": "bad-x", "password_hash": "abc"}]}, "user.password_hash", "users[1]"),
    "prune over the limit": ({"prune": ["queues"], "prune_limit": 1}, "prune.limit", ""),
    "immutable change": (
        {"queues": [{"name": "there", "durable": True, "type": "quorum", "arguments": {"x-max-length": 5}}]},
        "immutable.differs",
        "queues[1] (queue bad-v/there)",
    ),
}


@pytest.fixture(scope="module")
def corner(broker_4: Broker) -> t.Iterator[Corner]:
    with Corner(broker_4, PREFIX, vhost="bad-v") as corner:
        queues = [{"name": name, "type": "classic"} for name in ("there", "there-too")]
        assert corner.task.apply(vhosts=[{"name": "bad-v"}], queues=queues, exchanges=[HASH])["changed"]
        yield corner


def _beside_what_is_right(wrong: Arguments) -> Arguments:
    together = dict(RIGHT)
    for name, value in wrong.items():
        together[name] = [*RIGHT.get(name, []), *value] if isinstance(value, list) else value
    return together


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_named_and_nothing_is_written(corner: Corner, case: str) -> None:
    wrong, code, item = CASES[case]
    (problem,) = corner.refused_for(code, **_beside_what_is_right(wrong))
    assert problem["item"].startswith(item), problem
    assert len(str(problem)) < 700, problem


def test_all_mistakes_are_named_at_once(corner: Corner) -> None:
    wrong = [{"name": "."}, {"name": "x", "type": "lazy"}, {"name": "y", "arguments": {"x-expires": "1"}}]
    found = corner.refused_for("name.unaddressable", "queue.type_unknown", "argument.type", queues=wrong)
    assert [problem["item"] for problem in found] == ["queues[0]", "queues[1]", "queues[2]"]
    corner.refused("3 problems: (1) queues[0]: ", "; (2) queues[1]: ", "; (3) queues[2]: ", queues=wrong)


def test_what_is_right_by_itself_is_accepted(corner: Corner) -> None:
    """Else the refusals above would prove little."""
    predicted = corner.task.check(**RIGHT)
    assert predicted["changed"] and len(predicted["changes"]) == 7, predicted


def test_default_queue_type_depends_on_the_version(broker: Broker) -> None:
    with Corner(broker, PREFIX + "dqt-") as corner:
        wanted = {"vhosts": [{"name": "bad-dqt-a"}, {"name": "bad-dqt-b", "default_queue_type": "quorum"}]}
        if broker.line == "3.10":
            (problem,) = corner.refused_for("vhost.default_queue_type", **wanted)
            assert problem["item"] == "vhosts[1] (vhost bad-dqt-b)" and broker.version in problem["message"]
            assert corner.snapshot() == {}
        else:
            assert len(corner.settle(**wanted)["changes"]) == 2


def test_a_topic_permission_of_an_unknown_exchange_depends_on_the_version(broker: Broker) -> None:
    with Corner(broker, PREFIX + "tp-", vhost="bad-tp-v") as corner:
        assert corner.task.apply(vhosts=[{"name": "bad-tp-v"}], users=[{"name": "bad-tp-u"}])["changed"]
        wanted = {"topic_permissions": [{"user": "bad-tp-u", "exchange": "nowhere", "write": "", "read": ""}]}
        if broker.line == "4.3":
            corner.refused_for("reference.missing", **wanted)
        else:
            (warning,) = corner.settle(**wanted)["warnings"]
            assert "exchange bad-tp-v/nowhere neither exists nor is declared" in str(warning)
