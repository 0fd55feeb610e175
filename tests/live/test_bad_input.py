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
LONG = "n" * 256
ABOUT = {"rabbitmqClusterReference": {"name": "any"}}


def _resource(kind: str, **spec: t.Any) -> Arguments:
    return {"apiVersion": "rabbitmq.com/v1beta1", "kind": kind, "metadata": {"name": "cr", "namespace": "n"}, "spec": {**spec, **ABOUT}}


def _queue(**arguments: t.Any) -> Arguments:
    return {"queues": [{"name": "wrong", "arguments": arguments}]}


NEEDS = "neither exists nor is declared"
CASES: dict[str, tuple[Arguments, tuple[str, ...]]] = {
    "unknown queue type": (
        {"queues": [{"name": "wrong", "type": "lazy"}]},
        ("queues[1]: ", "unknown queue type 'lazy'", "classic, quorum, stream"),
    ),
    "unknown queue type as argument": (_queue(**{"x-queue-type": "lazy"}), ("queues[1]: ", "unknown queue type 'lazy'")),
    "two queue types": (
        {"queues": [{"name": "wrong", "type": "quorum", "arguments": {"x-queue-type": "stream"}}]},
        ("queues[1]: ", "'quorum'", "'stream'", "give one"),
    ),
    "TTL as text": (
        _queue(**{"x-message-ttl": "60000"}),
        ("queues[1]: ", "x-message-ttl must be an integer, not the string '60000'", "| int"),
    ),
    "TTL as float": (_queue(**{"x-message-ttl": 60000.0}), ("queues[1]: ", "x-message-ttl must be an integer, not the float 60000.0")),
    "TTL as bool": (_queue(**{"x-message-ttl": True}), ("queues[1]: ", "x-message-ttl must be an integer, not the boolean True")),
    "TTL below zero": (_queue(**{"x-message-ttl": -1}), ("queues[1]: ", "x-message-ttl must not be negative")),
    "exchange name as number": (_queue(**{"x-dead-letter-exchange": 5}), ("queues[1]: ", "x-dead-letter-exchange must be a string")),
    "single active consumer as text": (_queue(**{"x-single-active-consumer": "yes"}), ("queues[1]: ", "must be true or false")),
    "null argument": (_queue(**{"x-expires": None}), ("queues[1]: ", "x-expires is null")),
    "unknown overflow": (_queue(**{"x-overflow": "explode"}), ("queues[1]: ", "x-overflow is 'explode'", "drop-head")),
    "name too long": ({"queues": [{"name": LONG}]}, ("queues[1]: ", "256 bytes", "255")),
    "name too long in bytes": ({"exchanges": [{"name": "é" * 128}]}, ("exchanges[1]: ", "256 bytes")),
    "key too long": (
        {"bindings": [{"source": "e", "destination": "q", "routing_key": LONG}]},
        ("bindings[1]: ", "routing_key", "256 bytes"),
    ),
    "empty name": ({"queues": [{"name": ""}]}, ("queues[1]: ", "name is empty")),
    "dot": ({"queues": [{"name": "."}]}, ("queues[1]: ", "'.' cannot be addressed")),
    "two dots": ({"vhosts": [{"name": ".."}]}, ("vhosts[2]: ", "'..' cannot be addressed")),
    "two dots as user": ({"users": [{"name": ".."}]}, ("users[1]: ", "'..' cannot be addressed")),
    "two dots deleted": ({"exchanges": [{"name": "..", "state": "absent"}]}, ("exchanges[1]: ", "'..' cannot be addressed")),
    "reserved name": ({"exchanges": [{"name": "amq.mine"}]}, ("exchanges[1] (exchange bad-v/amq.mine)", "reserved")),
    "absent exchange": (
        {"bindings": [{"source": "nowhere", "destination": "q"}]},
        ("bindings[1] (binding bad-v/nowhere -> queue q", f"exchange bad-v/nowhere {NEEDS}"),
    ),
    "absent queue": (
        {"bindings": [{"source": "e", "destination": "nobody"}]},
        ("bindings[1] (binding bad-v/e -> queue nobody", f"queue bad-v/nobody {NEEDS}"),
    ),
    "absent destination exchange": (
        {"bindings": [{"source": "e", "destination": "q", "destination_type": "exchange"}]},
        ("bindings[1]", f"exchange bad-v/q {NEEDS}"),
    ),
    "binding to what goes": (
        {"queues": [{"name": "there", "state": "absent"}], "bindings": [{"source": "e", "destination": "there"}]},
        ("bindings[1]", "needs queue bad-v/there, which queues[1] declares absent"),
    ),
    "default exchange bound": (
        {"bindings": [{"source": "", "destination": "q"}]},
        ("bindings[1]: ", "the default exchange binds every queue"),
    ),
    "lists disagree": (
        {"queues": [{"name": "q", "durable": True}, {"name": "q", "durable": False}]},
        ("queues[2] (queue bad-v/q): contradicts queues[0]: durable is False here and True there; keep one of the two",),
    ),
    "present and absent": (
        {"queues": [{"name": "q", "state": "absent"}]},
        ("queues[1] (queue bad-v/q): contradicts queues[0]: one says state present, the other absent",),
    ),
    "list and manifest disagree": (
        {"manifests": [_resource("Queue", name="q", vhost="bad-v", durable=False)]},
        ("Queue n/cr (queue bad-v/q): contradicts queues[0]: durable is False here and True there",),
    ),
    "exchange durable only in the list": (
        {"manifests": [_resource("Exchange", name="e", vhost="bad-v")]},
        ("Exchange n/cr (exchange bad-v/e): contradicts exchanges[0]: durable is False here and True there",),
    ),
    "unknown kind of resource": (
        {"manifests": [_resource("Quueue", name="q")]},
        ("Quueue n/cr: unknown kind 'Quueue'", "Vhost, Queue, Exchange"),
    ),
    "kind of another tool": ({"manifests": [_resource("SuperStream", name="s")]}, ("SuperStream n/cr: kind SuperStream is not converged",)),
    "unknown field of a resource": (
        {"manifests": [_resource("Queue", name="x", colour="red")]},
        ("Queue n/cr: unknown field spec.colour",),
    ),
    "wrong type in a resource": (
        {"manifests": [_resource("Queue", name="x", durable="yes")]},
        ("Queue n/cr: spec.durable must be true or false",),
    ),
    "user without secret": (
        {"manifests": [_resource("User", importCredentialsSecret={"name": "nowhere"})]},
        ("User n/cr: its importCredentialsSecret nowhere is not among the manifests",),
    ),
    "unknown vhost": (
        {"queues": [{"vhost": "bad-nowhere", "name": "x"}]},
        ("queues[1] (queue bad-nowhere/x): vhost 'bad-nowhere' does not exist, or user 'lab' cannot reach it",),
    ),
    "unknown exchange type": (
        {"exchanges": [{"name": "x", "type": "x-magic"}]},
        ("exchanges[1] (exchange bad-v/x): unknown exchange type 'x-magic': this broker has ", "direct", "x-consistent-hash"),
    ),
    "permission of an unknown user": (
        {"permissions": [{"user": "bad-nobody", "configure": "", "write": "", "read": ""}]},
        ("permissions[1] (permission bad-v/bad-nobody): user bad-nobody neither exists nor is declared",),
    ),
    "limit of an unknown user": (
        {"user_limits": [{"user": "bad-nobody", "name": "max-channels", "value": 1}]},
        ("user_limits[0]", "user bad-nobody neither exists nor is declared"),
    ),
    "topic permission of an unknown exchange": (
        {"topic_permissions": [{"user": "bad-u", "exchange": "nowhere", "write": "", "read": ""}]},
        ("topic_permissions[0]", f"exchange bad-v/nowhere {NEEDS}"),
    ),
    "policy without pattern": ({"policies": [{"name": "x", "definition": {"max-length": 5}}]}, ("policies[1]: pattern is missing",)),
    "policy without definition": ({"policies": [{"name": "x", "pattern": "."}]}, ("policies[1]: definition is missing",)),
    "empty policy": ({"policies": [{"name": "x", "pattern": ".", "definition": {}}]}, ("policies[1]: definition is empty",)),
    "limit without value": ({"vhost_limits": [{"name": "max-queues"}]}, ("vhost_limits[0]: value is missing",)),
    "password and hash": (
        {"users": [{"name": "bad-x", "password": "bad-secret-5", "password_hash": ""}]},
        ("users[1]: give password or password_hash, not both",),
    ),
    "hash that is none": ({"users": [{"name": "bad-x", "password_hash": "abc"}]}, ("users[1]: password_hash ",)),
    "prune over the limit": (
        {"prune": ["queues"], "prune_limit": 1},
        ("prune would delete 2 objects", "queue bad-v/there", "more than prune_limit (1)"),
    ),
    "immutable change": (
        {"queues": [{"name": "there", "durable": True, "type": "quorum", "arguments": {"x-max-length": 5}}]},
        (
            "queues[1] (queue bad-v/there): cannot change in place: ",
            "type is 'classic', declared 'quorum'",
            "arguments.x-max-length is None, declared 5",
        ),
    ),
}


@pytest.fixture(scope="module")
def corner(broker_4: Broker) -> t.Iterator[Corner]:
    with Corner(broker_4, PREFIX, vhost="bad-v") as corner:
        queues = [{"name": name, "type": "classic"} for name in ("there", "there-too")]
        assert corner.task.apply(vhosts=[{"name": "bad-v"}], queues=queues)["changed"]
        yield corner


def _beside_what_is_right(wrong: Arguments) -> Arguments:
    together = dict(RIGHT)
    for name, value in wrong.items():
        together[name] = [*RIGHT.get(name, []), *value] if isinstance(value, list) else value
    return together


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_named_and_nothing_is_written(corner: Corner, case: str) -> None:
    wrong, words = CASES[case]
    line = corner.refused(*words, **_beside_what_is_right(wrong))
    assert not line.startswith("2 problems"), line
    assert len(line) < 700, line


def test_all_mistakes_are_named_at_once(corner: Corner) -> None:
    wrong = [{"name": "."}, {"name": "x", "type": "lazy"}, {"name": "y", "arguments": {"x-expires": "1"}}]
    line = corner.refused("3 problems: (1) queues[0]: ", "; (2) queues[1]: ", "; (3) queues[2]: ", queues=wrong)
    assert line.count("queues[") == 3


def test_what_is_right_by_itself_is_accepted(corner: Corner) -> None:
    """Else the refusals above would prove little."""
    predicted = corner.task.check(**RIGHT)
    assert predicted["changed"] and len(predicted["changes"]) == 7, predicted


def test_default_queue_type_depends_on_the_version(broker: Broker) -> None:
    with Corner(broker, PREFIX + "dqt-") as corner:
        wanted = {"vhosts": [{"name": "bad-dqt-a"}, {"name": "bad-dqt-b", "default_queue_type": "quorum"}]}
        if broker.line == "3.10":
            corner.refused(
                f"vhosts[1] (vhost bad-dqt-b): default_queue_type needs RabbitMQ 3.11, this broker is {broker.version}", **wanted
            )
            assert corner.snapshot() == {}
        else:
            assert len(corner.settle(**wanted)["changes"]) == 2
