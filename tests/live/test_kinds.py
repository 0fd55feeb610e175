"""Every kind of object: created, changed, deleted and left alone, on every version, whatever its name holds."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t

import pytest
from corner import Corner
from ground import changed_objects
from harness import Task
from observer import Observer

from lab.brokers import Broker

PREFIX = "kind-"
ODD = "/ % # ? ; + ~ & = é %2F .. 日本"


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, PREFIX, vhost="kind-v") as corner:
        yield corner


def _everything(vhost: str, user: str, name: str, key: str) -> dict[str, list[dict[str, t.Any]]]:
    """One object of each kind with these names; two exchanges, so that a binding can go to one."""
    policy = {"vhost": vhost, "name": name, "pattern": "^a", "definition": {"max-length": 5}, "priority": 1, "apply_to": "queues"}
    return {
        "vhosts": [{"name": vhost, "description": "one"}],
        "users": [{"name": user, "password": "kind-pw-8", "tags": ["management"]}],
        "vhost_limits": [{"vhost": vhost, "name": "max-queues", "value": 20}],
        "user_limits": [{"user": user, "name": "max-channels", "value": 20}],
        "permissions": [{"vhost": vhost, "user": user, "configure": "^a", "write": "", "read": ".*"}],
        "policies": [policy],
        "operator_policies": [policy],
        "parameters": [{"vhost": vhost, "component": "federation-upstream", "name": name, "value": {"uri": UPSTREAM, "max-hops": 1}}],
        "exchanges": [
            {"vhost": vhost, "name": name, "type": "topic"},
            {"vhost": vhost, "name": name + "2", "type": "fanout", "internal": True},
        ],
        "topic_permissions": [{"vhost": vhost, "user": user, "exchange": name, "write": "^a", "read": "^b"}],
        "queues": [{"vhost": vhost, "name": name, "type": "classic", "arguments": {"x-message-ttl": 60000}}],
        "bindings": [
            {"vhost": vhost, "source": name, "destination": name, "routing_key": key},
            {"vhost": vhost, "source": name, "destination": name + "2", "destination_type": "exchange", "routing_key": key},
        ],
    }


UPSTREAM = "amqp://kind-peer:kind-pw-9@upstream.invalid/%2F"
CHANGES: dict[str, dict[str, t.Any]] = {
    "vhosts": {"description": "two"},
    "users": {"tags": ["management", "monitoring"]},
    "vhost_limits": {"value": 21},
    "user_limits": {"value": 21},
    "permissions": {"write": "^b"},
    "policies": {"definition": {"max-length": 6, "overflow": "reject-publish"}},
    "operator_policies": {"priority": 2},
    "topic_permissions": {"read": "^c"},
    "parameters": {"value": {"uri": UPSTREAM, "max-hops": 2}},
}


def test_created_changed_deleted(corner: Corner) -> None:
    _life(corner, _everything("kind-v", "kind-u", "name", "key"))


def test_odd_names(corner: Corner) -> None:
    """The same with names and keys that have to be encoded, some of them twice."""
    _life(corner, _everything(f"kind-{ODD}", f"kind-{ODD}", ODD, ODD))


def _life(corner: Corner, everything: dict[str, list[dict[str, t.Any]]]) -> None:
    assert len(corner.settle(**everything)["changes"]) == 14
    assert len(corner.snapshot()) == 14
    before = corner.snapshot()
    changed = {kind: [dict(entry, **CHANGES.get(kind, {})) for entry in entries] for kind, entries in everything.items()}
    done = corner.settle(**changed)
    assert len(done["changes"]) == len(CHANGES) and {change["action"] for change in done["changes"]} == {"update"}
    after = corner.snapshot()
    assert after.keys() == before.keys()
    assert sum(after[key] != before[key] for key in after) == len(CHANGES)
    # First what hangs on others, while those stay: deletion of each kind by its own, not with its vhost or user.
    rest = {"vhosts", "users"}
    gone = {kind: [dict(entry, state="absent") for entry in entries] for kind, entries in everything.items() if kind not in rest}
    assert len(corner.settle(**gone)["changes"]) == 12
    assert corner.kinds() == {"vhost": 1, "user": 1}
    assert len(corner.settle(**{kind: [{"name": everything[kind][0]["name"], "state": "absent"}] for kind in rest})["changes"]) == 2
    assert corner.snapshot() == {}
    corner.idle(**{kind: [{"name": everything[kind][0]["name"], "state": "absent"}] for kind in rest})


def test_parameters_hide_their_values_and_can_be_read_back(corner: Corner) -> None:
    shovel = {"src-uri": UPSTREAM, "dest-uri": "amqp://", "src-queue": "a", "dest-queue": "b", "src-prefetch-count": 5}
    parameters = [{"vhost": "kind-v", "component": "shovel", "name": "s", "value": shovel}]
    base = {"vhosts": [{"name": "kind-v"}], "vhost_limits": [{"vhost": "kind-v", "name": "max-queues", "value": 20}]}
    results = [corner.settle(**base, parameters=parameters)]
    results.append(corner.settle(parameters=[dict(parameters[0], value={**shovel, "src-prefetch-count": 6})]))
    assert results[1]["changes"][0]["differences"] == [{"field": "value", "before": "(hidden)", "after": "(hidden)"}]
    info = Task(corner.broker, "rabbitmq_info", vhosts=["kind-v"], kinds=["parameters"])
    # The limit of the vhost is a parameter to the broker, and no parameter here.
    results.append(info.apply())
    assert results[2]["topology"]["parameters"] == [{"vhost": "kind-v", "component": "shovel", "name": "s"}]
    assert "kind-pw-9" not in str(results)
    corner.idle(**base, parameters=info.apply(include_secrets=True)["topology"]["parameters"])
    corner.refused_for("declaration.elsewhere", parameters=[{"component": "vhost-limits", "name": "limits", "value": {"max-queues": 1}}])
    other = [dict(parameters[0], name="other")]
    done = corner.settle(**base, parameters=other, prune=["parameters"])
    assert changed_objects(done) == ["create parameter kind-v/shovel other", "delete parameter kind-v/shovel s"]
    assert corner.kinds() == {"vhost": 1, "vhost_limit": 1, "parameter": 1}


def test_everything_goes_with_its_vhost_and_user(corner: Corner) -> None:
    everything = _everything("kind-v", "kind-u", "name", "key")
    corner.settle(**everything)
    gone = {kind: [dict(entry, state="absent") for entry in entries] for kind, entries in everything.items()}
    done = corner.settle(**gone)
    assert {"delete vhost kind-v", "delete user kind-u"} <= set(changed_objects(done))
    assert corner.snapshot() == {}


def test_typed_binding_arguments_are_different_bindings(corner: Corner) -> None:
    binding = {"source": "h", "destination": "q"}
    values: list[t.Any] = [1, 1.0, True, "1"]
    bindings = [dict(binding, arguments={"x-match": "all", "v": value}) for value in values]
    base = {"vhosts": [{"name": "kind-v"}], "exchanges": [{"name": "h", "type": "headers"}], "queues": [{"name": "q"}]}
    assert len(corner.settle(**base, bindings=bindings)["changes"]) == 7
    assert corner.kinds()["binding"] == 4
    for number, value in enumerate(values):
        done = corner.settle(**base, bindings=[*bindings[:number], dict(bindings[number], state="absent"), *bindings[number + 1 :]])
        assert [change["identity"]["arguments"]["v"] for change in done["changes"]] == [value]
        left = [json.loads(key)["arguments"]["v"] for kind, key in corner.snapshot() if kind == "binding"]
        assert sorted(map(repr, left)) == sorted(repr(other) for other in [*values[:number], *values[number + 1 :]])
        assert len(corner.settle(**base, bindings=bindings)["changes"]) == 1


def test_exchanges_bound_to_each_other_all_go(corner: Corner) -> None:
    """Deleted side by side, one of two may stay: 3.10 answers 204 for it, 4.0 answers 400."""
    corner.settle(vhosts=[{"name": "kind-v"}])
    names = [f"e{number}" for number in range(30)]
    queues = [{"name": f"q{number}", "type": "classic"} for number in range(30)]
    bindings: list[dict[str, t.Any]] = [{"source": name, "destination": f"q{number}"} for number, name in enumerate(names)]
    bindings += [{"source": name, "destination": other, "destination_type": "exchange"} for name, other in zip(names[::2], names[1::2])]
    corner.settle(exchanges=[{"name": name, "type": "fanout"} for name in names], queues=queues, bindings=bindings)
    corner.settle(exchanges=[{"name": name, "state": "absent"} for name in names])
    assert corner.kinds() == {"vhost": 1, "queue": 30}


def test_argument_types_of_queues_are_compared(corner: Corner) -> None:
    """An argument that this collection does not know keeps its type too."""
    queue = {"name": "q", "type": "classic", "arguments": {"x-mine": 1}}
    corner.settle(vhosts=[{"name": "kind-v"}], queues=[queue])
    for other in (1.0, True, "1"):
        (problem,) = corner.refused_for("immutable.differs", queues=[dict(queue, arguments={"x-mine": other})])
        assert "arguments.x-mine is 1, declared " + repr(other) in problem["message"]


def test_one_field_of_a_vhost_keeps_the_others(corner: Corner) -> None:
    full: dict[str, t.Any] = {"name": "kind-v", "description": "about", "tags": ["a", "b"], "tracing": False}
    if corner.broker.line != "3.10":
        full["default_queue_type"] = "quorum"
    corner.settle(vhosts=[full])
    changes: list[dict[str, t.Any]] = [{"tracing": True}, {"description": "other"}, {"tags": ["c"]}, {"tags": []}, {"description": ""}]
    if corner.broker.line != "3.10":
        changes.append({"default_queue_type": "classic"})
    for change in changes:
        done = corner.settle(vhosts=[{"name": "kind-v", **change}])
        assert [difference["field"] for difference in done["changes"][0]["differences"]] == list(change)
        full.update(change)
        expected = {name: value for name, value in full.items() if name != "name"}
        expected.setdefault("default_queue_type", None)
        assert {
            name: value for (kind, dummy), value in corner.snapshot().items() if kind == "vhost" for name, value in value.items()
        } == expected


def _sha512(password: str) -> str:
    salt = b"\x09\x0a\x0b\x0c"
    return base64.b64encode(salt + hashlib.sha512(salt + password.encode()).digest()).decode()


def _logs_in(corner: Corner, user: str, password: str) -> bool:
    observer = Observer(corner.broker)
    observer.headers = dict(observer.headers, Authorization="Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    return bool(observer.request("GET", "whoami")["name"] == user)


def test_other_tags_keep_the_password(corner: Corner) -> None:
    corner.settle(
        users=[
            {"name": "kind-plain", "password": "kind-pw-1", "tags": ["management"]},
            {"name": "kind-512", "password_hash": _sha512("kind-pw-2"), "hashing_algorithm": "sha512", "tags": ["management"]},
        ]
    )
    corner.user("kind-foreign", "kind-pw-3", "management")
    before = {key: fields["password"] for (kind, key), fields in corner.snapshot().items() if kind == "user"}
    users = {"kind-plain": "kind-pw-1", "kind-512": "kind-pw-2", "kind-foreign": "kind-pw-3"}
    assert all(_logs_in(corner, *entry) for entry in users.items())
    for tags in (["management", "policymaker"], ["monitoring"]):
        assert len(corner.settle(users=[{"name": name, "tags": tags} for name in users])["changes"]) == 3
        assert {key: fields["password"] for (kind, key), fields in corner.snapshot().items() if kind == "user"} == before
        assert all(_logs_in(corner, *entry) for entry in users.items())
    # The passwords in clear are found to be right against each kind of hash, and change nothing.
    corner.idle(users=[{"name": name, "password": password} for name, password in users.items()])


def test_passwords_are_mended_or_left_as_the_task_says(corner: Corner) -> None:
    user = {"name": "kind-u", "password": "kind-pw-1", "tags": ["management"]}
    corner.settle(users=[user])
    other = dict(user, password="kind-pw-2")
    corner.idle(users=[dict(other, update_password="on_create")])
    assert _logs_in(corner, "kind-u", "kind-pw-1")
    corner.settle(users=[other])
    assert _logs_in(corner, "kind-u", "kind-pw-2")
    # Tags and a password that counts at creation only: the tags change, the password does not.
    corner.settle(users=[dict(user, update_password="on_create", tags=["monitoring"])])
    assert _logs_in(corner, "kind-u", "kind-pw-2")


def test_one_of_several_topic_permissions(corner: Corner) -> None:
    exchanges = [{"name": name, "type": "topic"} for name in ("a", "b", "c")]
    several = [{"user": "kind-u", "exchange": name, "write": "^w", "read": "^r"} for name in ("a", "b", "c", "")]
    base = {"vhosts": [{"name": "kind-v"}], "users": [{"name": "kind-u"}], "exchanges": exchanges}
    corner.settle(**base, topic_permissions=several)
    done = corner.settle(topic_permissions=[{"user": "kind-u", "exchange": "b", "state": "absent"}])
    assert len(done["changes"]) == 1
    left = {json.loads(key)["exchange"] for kind, key in corner.snapshot() if kind == "topic_permission"}
    assert left == {"a", "c", ""}
    corner.settle(topic_permissions=[dict(several[0], read="^other")])
    assert corner.kinds()["topic_permission"] == 3


def test_queue_types_and_defaults(corner: Corner) -> None:
    corner.settle(vhosts=[{"name": "kind-v"}], queues=[{"name": name, "type": name} for name in ("classic", "quorum", "stream")])
    types = {json.loads(key)["name"]: fields["type"] for (kind, key), fields in corner.snapshot().items() if kind == "queue"}
    assert types == {name: name for name in types} and len(types) == 3
    corner.idle(queues=[{"name": name} for name in types])
    corner.idle(queues=[{"name": name, "arguments": {"x-queue-type": name}} for name in types])
