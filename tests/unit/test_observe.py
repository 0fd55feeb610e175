from __future__ import annotations

import typing as t

import pytest
from declaring import declare, problem, refusal
from memory import Memory, hash_of

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors, observe, plan
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Observed
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION


class Api:
    """Answers GETs from a table of paths; the rest does not exist here."""

    def __init__(self, **listings: t.Any) -> None:
        self.listings = {
            "overview": {"rabbitmq_version": "4.0.5", "cluster_name": "rabbit", "exchange_types": [{"name": "direct"}]},
            **listings,
        }
        self.asked: list[str] = []

    def get(self, *segments: str, **dummy: str) -> t.Any:
        self.asked.append("/".join(segments))
        return self.listings.get(segments[0], [])

    def overview(self) -> t.Any:
        return self.get("overview")


def observed(option: str, row: dict[str, t.Any]) -> list[Observed]:
    return list(BY_OPTION[option].observed(row))


def test_the_broker_is_known_in_three_requests() -> None:
    api = Api(whoami={"name": "ann", "tags": ["management", "policymaker"]}, vhosts=[{"name": "/"}, {"name": "eco2"}])
    broker = observe.connect(t.cast("t.Any", api))
    assert (broker.version, broker.cluster_name, broker.user) == ("4.0.5", "rabbit", "ann")
    assert broker.tags == {"management", "policymaker"}
    assert set(broker.vhosts) == {"/", "eco2"}
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    "answers", [{"whoami": {}}, {"whoami": []}, {"vhosts": [{}]}, {"vhosts": {"error": "x"}}, {"overview": {"exchange_types": [1]}}]
)
def test_json_of_another_form_is_not_a_brokers(answers: dict[str, t.Any]) -> None:
    api = Api(**{"whoami": {"name": "ann", "tags": ""}, "vhosts": [{"name": "/"}], **answers})
    with pytest.raises(errors.NotABroker):
        observe.connect(t.cast("t.Any", api))
    with pytest.raises(errors.NotABroker, match="queues"):
        observe.entries(BY_OPTION["queues"], [{}])


def test_tags_may_come_as_a_list_or_as_text() -> None:
    broker = observe.connect(t.cast("t.Any", Api(whoami={"name": "ann", "tags": "management,administrator"})))
    assert broker.administrator
    stored = {"name": "ann", "password_hash": hash_of("pw").text, "hashing_algorithm": "rabbit_password_hashing_sha256"}
    for tags in ("b,a", ["b", "a"]):
        (user,) = observed("users", dict(stored, tags=tags))
        assert user.fields["tags"] == ["a", "b"]
    for none in ("", []):
        (user,) = observed("users", dict(stored, tags=none))
        assert user.fields["tags"] == []
    assert hash_of("pw").text not in repr(user)


@pytest.mark.parametrize("queue_type", ["undefined", None])
def test_a_vhost_without_default_queue_type(queue_type: t.Any) -> None:
    row = {"name": "v", "description": "", "tags": ["b", "a"], "tracing": False}
    for full in (row, dict(row, default_queue_type=queue_type)):
        (vhost,) = observed("vhosts", full)
        assert vhost.fields == {"description": "", "tags": ["a", "b"], "default_queue_type": None, "tracing": False}
    (vhost,) = observed("vhosts", {"name": "v"})
    assert vhost.fields["tags"] == []


@pytest.mark.parametrize("arguments", [{"x-queue-type": "quorum", "x-expires": 5}, {"x-expires": 5}])
def test_a_queues_type_is_told_once_whether_the_broker_lists_it_as_argument_or_not(arguments: dict[str, t.Any]) -> None:
    row = {"vhost": "v", "name": "q", "type": "quorum", "durable": True, "auto_delete": False, "exclusive": False, "arguments": arguments}
    (queue,) = observed("queues", row)
    assert queue.fields == {"type": "quorum", "durable": True, "auto_delete": False, "arguments": {"x-expires": 5}}
    declared = declare(queues=[{"vhost": "v", "name": "q", "type": "quorum", "arguments": {"x-expires": 5}}])
    memory = Memory()
    memory.put("vhosts", name="v")
    memory.objects[queue.key] = queue
    assert plan.plan(declared, memory.broker, plan.Options()).changes == ()


def test_limits_are_one_object_each_and_none_where_there_are_none() -> None:
    assert [
        (one.object, one.fields) for one in observed("vhost_limits", {"vhost": "v", "value": {"max-queues": 5, "max-connections": -1}})
    ] == [
        ("v/max-queues", {"value": 5}),
        ("v/max-connections", {"value": -1}),
    ]
    assert observed("user_limits", {"user": "ann", "value": []}) == []


def test_the_default_exchanges_bindings_are_none_of_ours() -> None:
    row = {
        "vhost": "/",
        "source": "",
        "destination": "q",
        "destination_type": "queue",
        "routing_key": "q",
        "arguments": {},
        "properties_key": "q",
    }
    assert observed("bindings", row) == []
    (binding,) = observed("bindings", dict(row, source="x"))
    assert binding.extra == {"properties_key": "q"}


def test_parameters_that_other_options_declare_are_left_to_them() -> None:
    row = {"vhost": "/", "component": "shovel", "name": "s", "value": {"src-uri": "amqp://a:hunter2@host"}}
    (parameter,) = observed("parameters", row)
    assert parameter.fields["value"].reveal() == row["value"]
    assert "hunter2" not in repr(parameter)
    for component in ("vhost-limits", "operator_policy"):
        assert observed("parameters", dict(row, component=component)) == []


def test_the_policys_hyphen_is_read() -> None:
    row = {"vhost": "/", "name": "p", "pattern": "", "definition": {}, "apply-to": "queues", "priority": 0}
    (policy,) = observed("policies", row)
    assert policy.fields["apply_to"] == "queues"


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        (["bindings"], ["exchange", "queue", "binding"]),
        (["permissions"], ["user", "permission"]),
        (["topic_permissions"], ["user", "exchange", "topic_permission"]),
        (["queues"], ["queue"]),
    ],
)
def test_a_kind_is_read_with_what_it_refers_to(wanted: list[str], read: list[str]) -> None:
    assert [kind.name for kind in observe.with_related(BY_OPTION[option].name for option in wanted)] == read


def test_what_cannot_be_seen_is_not_taken_for_absent() -> None:
    memory = Memory(tags=["management"])
    found = refusal(observe.read, Api(), memory.broker, [BY_NAME[name] for name in ("queue", "user", "vhost_limit")], ["/"])
    assert [(each.code, each.item) for each in found] == [("rights.tag", "users"), ("rights.tag", "vhost_limits")]
    assert "administrator or monitoring or policymaker" in found[1].message
    assert "none" in problem(observe.read, Api(), Memory(tags=[]).broker, [BY_NAME["user"]], ["/"]).message


def test_one_vhost_is_read_alone_and_several_at_once() -> None:
    memory = Memory()
    memory.put("vhosts", name="eco2")
    for vhosts, asked in ((["eco2", "missing"], ["queues/eco2"]), (["eco2", "/"], ["queues"]), (["missing"], [])):
        api = Api()
        observe.read(t.cast("t.Any", api), memory.broker, [BY_NAME["queue"]], vhosts)
        assert api.asked == asked
