"""What the broker cannot change in place: refused with every difference named, or recreated where that loses nothing."""

from __future__ import annotations

import typing as t

import pika
import pytest
from corner import Corner
from ground import changed_objects, one_line
from proxies import Proxy, Reply

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import proof
from lab.brokers import Broker

PREFIX = "imm-"
Declared = t.Dict[str, t.Any]


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, PREFIX, vhost="imm-v") as corner:
        assert corner.task.apply(vhosts=[{"name": "imm-v"}])["changed"]
        yield corner


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For queues that nobody publishes to: their counts need not settle."""
    monkeypatch.setattr(proof, "SETTLED_AFTER", {"quorum": 0.0, "stream": 0.0})


def _recreate(**more: t.Any) -> dict[str, t.Any]:
    return {"on_immutable_change": "recreate_if_empty", **more}


def _queue(corner: Corner, name: str) -> dict[str, t.Any]:
    return next(fields for (kind, key), fields in corner.snapshot().items() if kind == "queue" and f'"{name}"' in key)


def _bindings(corner: Corner) -> set[str]:
    return {key for kind, key in corner.snapshot() if kind == "binding"}


@pytest.fixture
def amqp(broker: Broker) -> t.Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    credentials = pika.PlainCredentials(broker.username, broker.password)
    parameters = pika.ConnectionParameters("127.0.0.1", broker.amqp_port, "imm-v", credentials)
    with pika.BlockingConnection(parameters) as connection:
        yield connection.channel()


def test_fail_names_each_difference(corner: Corner) -> None:
    classic = {"name": "q", "type": "classic", "arguments": {"x-message-ttl": 1000, "x-max-length": 5}}
    exchanges = [{"name": "e", "type": "direct", "arguments": {"alternate-exchange": "amq.fanout"}}]
    corner.settle(queues=[classic], exchanges=exchanges)
    other = {"name": "q", "type": "quorum", "arguments": {"x-message-ttl": 2000, "x-overflow": "drop-head"}}
    found = corner.refused_for(
        "immutable.differs",
        "immutable.differs",
        queues=[other, {"name": "new"}],
        exchanges=[{"name": "e", "type": "topic", "durable": False}],
    )
    told = {problem["item"]: problem["message"] for problem in found}
    for words in (
        "type is 'classic', declared 'quorum'",
        "arguments.x-max-length is 5, declared None",
        "arguments.x-message-ttl is 1000, declared 2000",
        "arguments.x-overflow is None, declared 'drop-head'",
    ):
        assert words in told["queues[0] (queue imm-v/q)"]
    for words in ("type is 'direct', declared 'topic'; durable is True, declared False", "arguments.alternate-exchange is 'amq.fanout'"):
        assert words in told["exchanges[0] (exchange imm-v/e)"]
    corner.idle(queues=[{"name": "q", "arguments": classic["arguments"]}], exchanges=exchanges)


@pytest.mark.usefixtures("at_once")
def test_empty_queues_are_recreated(corner: Corner) -> None:
    """Classic with other arguments, classic as quorum, quorum with other arguments; a second run finds nothing to do."""
    corner.settle(queues=[{"name": name, "type": "classic"} for name in ("c", "cq")] + [{"name": "q", "type": "quorum"}])
    wanted = [
        {"name": "c", "type": "classic", "arguments": {"x-message-ttl": 60000}},
        {"name": "cq", "type": "quorum", "arguments": {"x-delivery-limit": 7}},
        {"name": "q", "type": "quorum", "arguments": {"x-delivery-limit": 7}},
    ]
    done = corner.settle(queues=wanted, **_recreate())
    assert changed_objects(done) == [f"replace queue imm-v/{name}" for name in ("c", "cq", "q")]
    assert _queue(corner, "c") == {"type": "classic", "durable": True, "auto_delete": False, "arguments": {"x-message-ttl": 60000}}
    assert _queue(corner, "cq")["type"] == "quorum" and _queue(corner, "cq")["arguments"] == {"x-delivery-limit": 7}
    assert _queue(corner, "q")["arguments"] == {"x-delivery-limit": 7}


def test_queues_that_hold_messages_are_not_recreated(corner: Corner) -> None:
    """Whatever else is allowed. The quorum queue's count is still stale when it is asked."""
    corner.settle(queues=[{"name": "c", "type": "classic"}, {"name": "q", "type": "quorum"}])
    corner.publish("imm-v", "c")
    corner.publish("imm-v", "q")
    changed = [{"name": name, "arguments": {"x-message-ttl": 60000}} for name in ("c", "q")]
    before = corner.snapshot()
    permissive = {"accept_loss_window": True, "allow_message_loss": ["queue imm-v/c", "queue imm-v/q"]}
    refused = corner.task.apply(queues=changed, **_recreate(**permissive))
    for name in ("c", "q"):
        one_line(refused, f"queue imm-v/{name}: holds 1 messages")
    assert corner.snapshot() == before
    assert [corner.messages("imm-v", name) for name in ("c", "q")] == [1, 1]


def test_a_queue_that_fills_at_the_last_moment_is_not_recreated(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    corner.settle(queues=[{"name": "c", "type": "classic"}])
    real = proof.problems

    def problems(*arguments: t.Any) -> list[str]:
        lines = real(*arguments)
        corner.publish("imm-v", "c")
        return lines

    monkeypatch.setattr(proof, "problems", problems)
    done = corner.task.apply(queues=[{"name": "c", "arguments": {"x-message-ttl": 60000}}], **_recreate())
    one_line(done, "queue imm-v/c: ", "not empty any more, so it was not deleted")
    assert done["changed"] is False
    assert corner.messages("imm-v", "c") == 1
    assert _queue(corner, "c")["arguments"] == {}


def test_bindings_come_back_in_both_directions(corner: Corner) -> None:
    arguments = {"x-match": "all", "n": 1, "f": 1.5, "t": True}
    topology: dict[str, t.Any] = {
        "exchanges": [{"name": "up"}, {"name": "mid", "type": "headers"}, {"name": "down", "type": "fanout"}],
        "queues": [{"name": "q", "type": "classic"}],
        "bindings": [
            {"source": "up", "destination": "mid", "destination_type": "exchange", "routing_key": "a/b c"},
            {"source": "mid", "destination": "down", "destination_type": "exchange"},
            {"source": "mid", "destination": "q", "arguments": arguments},
            {"source": "down", "destination": "q", "routing_key": "~%2F"},
        ],
    }
    corner.settle(**topology)
    bindings = _bindings(corner)
    assert len(bindings) == 4
    changed = {"exchanges": [{"name": "mid", "type": "topic"}], "queues": [{"name": "q", "arguments": {"x-max-length": 9}}]}
    found = corner.refused_for("loss.window", "loss.window", **changed, **_recreate())
    assert [problem["item"] for problem in found] == ["exchange imm-v/mid", "queue imm-v/q"]
    assert "3 bindings" in found[0]["message"] and "2 bindings" in found[1]["message"]
    done = corner.settle(**changed, **_recreate(accept_loss_window=True))
    assert changed_objects(done) == ["replace exchange imm-v/mid", "replace queue imm-v/q"]
    assert _bindings(corner) == bindings
    # Undeclared bindings were restored too, and one that the same task takes away stays away.
    away = [{**topology["bindings"][3], "state": "absent"}]
    last = corner.settle(queues=[{"name": "q", "arguments": {"x-max-length": 8}}], bindings=away, **_recreate(accept_loss_window=True))
    assert changed_objects(last)[0] == "replace queue imm-v/q" and len(last["changes"]) == 2
    assert len(_bindings(corner)) == 3 and _bindings(corner) < bindings


def test_streams_and_what_belongs_to_applications_are_left_alone(
    corner: Corner, amqp: pika.adapters.blocking_connection.BlockingChannel
) -> None:
    amqp.queue_declare("own", exclusive=True)
    amqp.queue_declare("auto", durable=True, auto_delete=True)
    amqp.exchange_declare("auto-e", "direct", auto_delete=True, durable=True)
    corner.settle(queues=[{"name": "s", "type": "stream"}])
    found = corner.refused_for(
        "immutable.in_use",
        "immutable.in_use",
        "immutable.in_use",
        "immutable.stream",
        queues=[
            {"name": "s", "type": "stream", "arguments": {"x-max-age": "1D"}},
            {"name": "own", "durable": True},
            {"name": "auto", "durable": True, "auto_delete": False},
        ],
        exchanges=[{"name": "auto-e"}],
        **_recreate(accept_loss_window=True),
    )
    assert [problem["item"].partition(" ")[0] for problem in found] == ["exchanges[0]", "queues[1]", "queues[2]", "queues[0]"]


def test_a_queue_with_a_consumer_is_not_taken_from_it(corner: Corner, amqp: pika.adapters.blocking_connection.BlockingChannel) -> None:
    """The broker itself refuses, whatever its statistics say, unless the loss window is accepted."""
    corner.settle(queues=[{"name": "c", "type": "classic"}])
    amqp.basic_consume("c", lambda *dummy: None)
    changed = [{"name": "c", "arguments": {"x-max-length": 9}}]
    before = corner.snapshot()
    one_line(corner.task.apply(queues=changed, **_recreate()), "queue imm-v/c: ")
    assert corner.snapshot() == before
    done = corner.task.apply(queues=changed, **_recreate(accept_loss_window=True))
    assert changed_objects(done) == ["replace queue imm-v/c"]
    assert _queue(corner, "c")["arguments"] == {"x-max-length": 9}
    corner.idle(queues=changed, **_recreate())


def test_what_the_broker_refuses_is_put_back(corner: Corner) -> None:
    """A proxy refuses the new queue in the broker's place, and by then the old one is gone."""
    old = {"name": "c", "type": "classic", "arguments": {"x-max-length": 5}}
    corner.settle(queues=[old], exchanges=[{"name": "e"}], bindings=[{"source": "e", "destination": "c", "routing_key": "k"}])
    before = corner.snapshot()
    new = {"name": "c", "type": "classic", "arguments": {"x-max-priority": 9}}
    refusal = Reply(400, '{"error": "bad_request", "reason": "no"}')
    with Proxy(corner.broker.url, lambda seen: refusal if b"x-max-priority" in seen.body and "/queues/" in seen.path else None) as proxy:
        done = corner.task.apply(url=[proxy.url], queues=[new], **_recreate(accept_loss_window=True))
    one_line(done, "queue imm-v/c: ", "HTTP 400", "It was restored as it was, with its bindings")
    assert done["changed"] is False
    assert corner.snapshot() == before
