"""Names: as people read and write them, as Ansible and the broker change them, and whose objects they are."""

from __future__ import annotations

import time
import typing as t

import pika
import pytest
from corner import Corner
from ground import changed_objects, one_line
from harness import Task
from observer import segment

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import proof
from lab.brokers import Broker

PREFIX = "/name-"
DEV = "/name-dev"
BASE: dict[str, t.Any] = {"vhost": DEV, "vhosts": [{"name": DEV}]}


@pytest.fixture
def corner(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Corner]:
    monkeypatch.setattr(proof, "SETTLED_AFTER", {"quorum": 0.0, "stream": 0.0})
    with Corner(broker, PREFIX) as corner:
        yield corner


def _classic(*names: str) -> list[dict[str, t.Any]]:
    return [{"name": name, "type": "classic"} for name in names]


def test_exceptions_are_written_as_results_show_names(corner: Corner) -> None:
    corner.settle(**BASE, queues=_classic("keep.1", "keep.2", "a", "x/y", "full"))
    corner.publish(DEV, "full")
    declared = {**BASE, "queues": [{"name": "a"}], "prune": ["queues"]}
    for wrong in ("%2Fname-dev/keep.*", "keep.*", "//name-dev/keep.*", "queue /name-dev/keep.*"):
        (problem,) = corner.refused_for("prune.exception", **declared, prune_ignore=[wrong])
        assert problem["field"] == "prune_ignore" and "/name-dev/keep.1" in problem["message"]
    kept = {**declared, "prune_ignore": ["/name-dev/keep.*", "/name-dev/none"]}
    corner.refused_for("loss.exception", **kept, allow_message_loss=["/name-dev/full"])
    done = corner.settle(**kept, allow_message_loss=["queue /name-dev/full"])
    assert changed_objects(done) == ["delete queue /name-dev/full", "delete queue /name-dev/x%2Fy"]
    assert "/name-dev/none" in str(done["warnings"])


def test_prune_judges_on_what_it_has_read(corner: Corner) -> None:
    """Bindings, plugins and consumers decide about queues, whether they are declared or not."""
    corner.settle(**BASE, queues=_classic("a", "used", "bound", "old"))
    internal = {"durable": True, "arguments": {"x-internal-purpose": "federation"}}
    corner.observer.request("PUT", f"queues/{segment(DEV)}/inner", internal)
    corner.observer.request("PUT", f"exchanges/{segment(DEV)}/auto", {"type": "direct", "durable": True, "auto_delete": True})
    corner.observer.request("POST", f"bindings/{segment(DEV)}/e/auto/q/bound", {"routing_key": "k", "arguments": {}})
    credentials = pika.PlainCredentials(corner.broker.username, corner.broker.password)
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", corner.broker.amqp_port, DEV, credentials)) as connection:
        connection.channel().basic_consume("used", lambda *dummy: None)
        deadline = time.monotonic() + 20
        while not any(row.get("consumers") for row in corner.observer.request("GET", f"queues/{segment(DEV)}?columns=name,consumers")):
            assert time.monotonic() < deadline
            connection.process_data_events(0.2)
        done = corner.settle(**BASE, queues=[{"name": "a"}], prune=["queues"])
    assert changed_objects(done) == ["delete queue /name-dev/old"]
    exported = Task(corner.broker, "rabbitmq_info").apply(vhosts=[DEV])["topology"]
    assert [queue["name"] for queue in exported["queues"]] == ["a", "bound", "used"]


def test_a_password_that_is_a_part_of_names_changes_none_of_them(corner: Corner) -> None:
    corner.settle(**BASE, queues=_classic("orders.created"))
    corner.user("/name-reader", "orders", "administrator", [DEV])
    reader = {"username": "/name-reader", "password": "orders"}
    info = Task(corner.broker, "rabbitmq_info", **reader).apply(vhosts=[DEV])
    assert [queue["name"] for queue in info["topology"]["queues"]] == ["orders.created"]
    corner.task.defaults.update(reader)
    done = corner.settle(**BASE, queues=[{"name": "orders.paid"}])
    assert changed_objects(done) == ["create queue /name-dev/orders.paid"]
    assert "orders" not in str(corner.task.check(**BASE, queues=[{"name": "x", "type": "orders"}])["msg"])


def test_tags_are_the_same_however_they_are_written(corner: Corner) -> None:
    for tags in ("", "monitoring, management", ["monitoring,management"], []):
        corner.task.apply(users=[{"name": "/name-u", "tags": tags}])
        corner.idle(users=[{"name": "/name-u", "tags": tags}])
    corner.refused_for("user.tag_not_ascii", users=[{"name": "/name-u", "tags": ["é"]}])


def test_a_text_that_yaml_has_read_as_something_else_is_refused(corner: Corner) -> None:
    binding = {"source": "amq.topic", "destination": "q", "routing_key": True}
    cases = ({"bindings": [binding]}, {"queues": [{"name": 1.1}]}, {"users": [{"name": "/name-u", "password": 42798}]}, {"vhost": 1})
    for case in cases:
        (problem,) = corner.refused_for("text.converted", **case)
        assert "42798" not in str(problem)


def test_a_name_that_the_broker_would_store_otherwise_is_refused(corner: Corner) -> None:
    corner.settle(**BASE, queues=_classic("abc"))
    for state in ("present", "absent"):
        corner.refused_for(
            "name.line_break",
            "name.line_break",
            **BASE,
            queues=[{"name": "abc\n", "state": state}],
            exchanges=[{"name": "a\rb", "state": state}],
        )
    # The import keeps the line break, and a request to delete that queue would delete the other one.
    made = {"queues": [{"name": "abc\n", "durable": True, "auto_delete": False, "arguments": {}}]}
    corner.observer.request("POST", f"definitions/{segment(DEV)}", made)
    corner.idle(**BASE, queues=[{"name": "abc"}], prune=["queues"])


def test_many_items_with_one_mistake_are_one_line(corner: Corner) -> None:
    found = corner.refused_for("vhost.missing", vhost="/name-none", queues=_classic(*map(str, range(200))))
    assert "and 197 more" in found[0]["item"] and len(str(found)) < 700
    (problem,) = corner.refused_for("vhost.missing", vhost="%2F", queues=_classic("a"))
    assert "names are not percent-encoded here" in problem["remedy"]


def test_a_monitoring_user_is_told_all_vhosts_that_it_cannot_read(corner: Corner) -> None:
    corner.settle(vhosts=[{"name": f"/name-{letter}"} for letter in "ab"])
    corner.user("/name-mon", "name-pw-1", "monitoring")
    result = Task(corner.broker, "rabbitmq_info", username="/name-mon", password="name-pw-1").apply(kinds=["queues"])
    assert "or name the vhosts to read" in one_line(result)
    assert "changes" not in result
    if len(result["problems"]) > 1:
        assert {"vhost /name-a", "vhost /name-b"} <= {problem["item"] for problem in result["problems"]}
