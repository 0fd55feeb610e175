"""Prune deletes what nobody declared: in the vhosts and of the kinds that the task names, and never what is not its to delete."""

from __future__ import annotations

import typing as t

import pika
import pytest
from corner import Corner
from ground import changed_objects

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import proof
from lab.brokers import Broker

PREFIX = "prune-"
EVERY_KIND = [
    "bindings",
    "exchanges",
    "operator_policies",
    "parameters",
    "permissions",
    "policies",
    "queues",
    "topic_permissions",
    "vhost_limits",
]


# Whatever other users this broker has, now or in a moment, these tests must not delete.
NOT_OURS = [f"{PREFIX[:n]}[!{letter}]*" for n, letter in enumerate(PREFIX)]


@pytest.fixture
def corner(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Corner]:
    monkeypatch.setattr(proof, "SETTLED_AFTER", {"quorum": 0.0, "stream": 0.0})
    with Corner(broker, PREFIX, vhost="prune-v") as corner:
        yield corner


def _objects(suffix: str, vhost: str) -> dict[str, list[dict[str, t.Any]]]:
    """One object of each prunable kind, and the user that the permissions are for."""
    user = f"prune-u-{suffix}"
    policy = {"vhost": vhost, "name": f"p-{suffix}", "pattern": f"^{suffix}", "definition": {"max-length": 9}}
    limit = "max-queues" if suffix == "kept" else "max-connections"
    return {
        "users": [{"name": user}],
        "vhost_limits": [{"vhost": vhost, "name": limit, "value": 99}],
        "permissions": [{"vhost": vhost, "user": user, "configure": "", "write": "", "read": ""}],
        "policies": [policy],
        "operator_policies": [{**policy, "apply_to": "queues"}],
        "parameters": [{"vhost": vhost, "component": "federation-upstream", "name": suffix, "value": {"uri": "amqp://"}}],
        "exchanges": [{"vhost": vhost, "name": f"e-{suffix}", "type": "topic"}],
        "topic_permissions": [{"vhost": vhost, "user": user, "exchange": f"e-{suffix}", "write": "a", "read": "b"}],
        "queues": [{"vhost": vhost, "name": f"q-{suffix}", "type": "classic"}],
        "bindings": [{"vhost": vhost, "source": f"e-{suffix}", "destination": f"q-{suffix}", "routing_key": "#"}],
    }


def _united(*parts: dict[str, list[dict[str, t.Any]]]) -> dict[str, list[dict[str, t.Any]]]:
    return {name: [entry for part in parts for entry in part[name]] for name in parts[0]}


def test_every_kind_in_the_declared_vhost_and_nowhere_else(corner: Corner) -> None:
    kept, extra, elsewhere = _objects("kept", "prune-v"), _objects("extra", "prune-v"), _objects("extra", "prune-other")
    corner.settle(vhosts=[{"name": "prune-v"}, {"name": "prune-other"}], **_united(kept, extra, dict(elsewhere, users=[])))
    before = corner.snapshot()
    declared = {"vhosts": [{"name": "prune-v"}], **kept}
    corner.idle(**declared)
    done = corner.settle(**declared, prune=EVERY_KIND)
    assert sorted(change["kind"] for change in done["changes"]) == [
        "binding",
        "exchange",
        "operator_policy",
        "parameter",
        "permission",
        "policy",
        "queue",
        "topic_permission",
        "vhost_limit",
    ]
    assert {change["action"] for change in done["changes"]} == {"delete"}
    assert all(change["object"].startswith("prune-v") for change in done["changes"])
    gone = {key: fields for key, fields in before.items() if key not in corner.snapshot()}
    assert len(gone) == 9 and all('"prune-v"' in key for dummy, key in gone)
    assert all(before[key] == fields for key, fields in corner.snapshot().items())


def test_the_vhost_must_be_declared_for_it(corner: Corner) -> None:
    corner.settle(vhosts=[{"name": "prune-v"}], queues=[{"name": "a"}, {"name": "b"}])
    corner.idle(queues=[{"name": "a"}], prune=["queues"])
    # Neither does a list that came out empty empty the vhost.
    corner.idle(vhosts=[{"name": "prune-v"}], queues=[], prune=["queues"])
    corner.idle(vhosts=[{"name": "prune-v"}], queues=[{"name": "c", "state": "absent"}], prune=["queues"])
    assert changed_objects(corner.settle(vhosts=[{"name": "prune-v"}], queues=[{"name": "a"}], prune=["queues"])) == [
        "delete queue prune-v/b"
    ]


def test_what_applications_make_is_theirs(corner: Corner) -> None:
    corner.settle(vhosts=[{"name": "prune-v"}], queues=[{"name": "a"}], exchanges=[{"name": "e"}])
    credentials = pika.PlainCredentials(corner.broker.username, corner.broker.password)
    parameters = pika.ConnectionParameters("127.0.0.1", corner.broker.amqp_port, "prune-v", credentials)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        generated = channel.queue_declare("", exclusive=True).method.queue
        assert generated.startswith("amq.gen-")
        channel.queue_declare("reply", exclusive=True)
        channel.queue_declare("auto", durable=True, auto_delete=True)
        channel.queue_declare("left", durable=True)
        channel.exchange_declare("auto-e", "direct", durable=True, auto_delete=True)
        for queue in (generated, "reply", "auto", "left"):
            channel.queue_bind(queue, "e", "of-an-application")
        channel.queue_bind("a", "auto-e", "k")
        declared = {"vhosts": [{"name": "prune-v"}], "queues": [{"name": "a"}], "exchanges": [{"name": "e"}]}
        declared["bindings"] = [{"source": "e", "destination": "a"}]
        done = corner.settle(**declared, prune=["queues", "exchanges", "bindings"])
        assert changed_objects(done) == [
            'create binding prune-v/e -> queue a by ""',
            "delete binding prune-v/e -> queue left by of-an-application",
            "delete queue prune-v/left",
        ]
        left = {key for kind, key in corner.snapshot() if kind in ("queue", "exchange")}
        assert len(left) == 6 and all(any(f'"{name}"' in key for key in left) for name in ("a", "auto", "reply", "auto-e", generated))


def test_patterns_limits_and_messages_hold_it_back(corner: Corner) -> None:
    names = ["keep", "celeryev.1", "celeryev.2", "w.pidbox", "old", "full"]
    corner.settle(vhosts=[{"name": "prune-v"}], queues=[{"name": name, "type": "classic"} for name in names])
    corner.publish("prune-v", "full")
    declared = {"vhosts": [{"name": "prune-v"}], "queues": [{"name": "keep"}], "prune": ["queues"]}
    ignore = ["prune-v/celeryev.*", "*/*.pidbox"]
    corner.refused_for("prune.limit", **declared, prune_limit=4)
    assert corner.refused_for("loss.messages", **declared)[0]["item"] == "queue prune-v/full"
    done = corner.settle(**declared, prune_ignore=ignore, prune_limit=2, allow_message_loss=["queue prune-v/full"])
    assert changed_objects(done) == ["delete queue prune-v/full", "delete queue prune-v/old"]
    corner.idle(**declared, prune_ignore=[*ignore, "prune-v/k"])


def _unprotect(corner: Corner) -> None:
    """From 4.2 on the broker's API refuses to change or delete a user with this tag."""
    corner.broker.ctl("set_user_tags", "prune-safe")


def test_users_of_the_whole_broker_but_not_oneself(corner: Corner, request: pytest.FixtureRequest) -> None:
    """Users belong to no vhost: they go when users are named, without those that must stay."""
    corner.settle(users=[{"name": f"prune-{name}", "password": "prune-pw-3"} for name in ("one", "two", "three")])
    request.addfinalizer(lambda: _unprotect(corner))
    corner.settle(
        users=[{"name": "prune-safe", "tags": ["protected"]}], user_limits=[{"user": "prune-two", "name": "max-channels", "value": 5}]
    )
    corner.user("prune-me", "prune-pw-4", "administrator")
    corner.task.defaults.update(username="prune-me", password="prune-pw-4")
    declared = {"users": [{"name": "prune-one"}], "prune": ["users"], "prune_ignore": NOT_OURS}
    corner.idle(**dict(declared, prune=["queues"]))
    done = corner.settle(**declared)
    assert changed_objects(done) == ["delete user prune-three", "delete user prune-two"]
    left = {row["name"] for row in corner.observer.request("GET", "users")}
    assert {name for name in left if name.startswith(PREFIX)} == {"prune-one", "prune-safe", "prune-me"}
    assert corner.broker.username in left


def test_a_user_that_a_permission_needs_stays(corner: Corner) -> None:
    grant = {"configure": "", "write": "", "read": ""}
    corner.settle(vhosts=[{"name": "prune-v"}], users=[{"name": f"prune-{name}"} for name in ("one", "granted", "two")])
    declared = {"users": [{"name": "prune-one"}], "permissions": [{"user": "prune-granted", **grant}]}
    done = corner.settle(**declared, prune=["users"], prune_ignore=NOT_OURS)
    assert changed_objects(done) == ["create permission prune-v/prune-granted", "delete user prune-two"]
