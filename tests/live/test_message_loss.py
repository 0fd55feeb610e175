"""No stored message is lost unless its queue or vhost was named for it; what holds none goes without further words."""

from __future__ import annotations

import typing as t

import pytest
from corner import Corner
from ground import changed_objects, one_line

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import proof
from lab.brokers import Broker

PREFIX = "loss-"


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, PREFIX) as corner:
        yield corner


def _queues(state: str, *names: str) -> list[dict[str, t.Any]]:
    """Queues named after their type: c..., q... and s..."""
    kinds = {"c": "classic", "q": "quorum", "s": "stream"}
    more = {name: {"type": kinds[name[0]]} if state == "present" else {"state": "absent"} for name in names}
    return [{"vhost": "loss-a", "name": name, **more[name]} for name in names]


def _at_the_last_moment(monkeypatch: pytest.MonkeyPatch, action: t.Callable[[], None]) -> None:
    """Do this between the proof and the first write."""
    real = proof.problems

    def problems(*arguments: t.Any) -> list[str]:
        lines = real(*arguments)
        action()
        return lines

    monkeypatch.setattr(proof, "problems", problems)


def test_only_what_is_proven_empty_goes(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = _queues("present", "c2", "q3", "s1", "c0", "q0", "s0", "q-late")
    elsewhere = [{"vhost": "loss-full", "name": "q", "type": "quorum"}, {"vhost": "loss-empty", "name": "q", "type": "quorum"}]
    vhosts = ("loss-a", "loss-full", "loss-empty")
    assert corner.task.apply(vhosts=[{"name": name} for name in vhosts], queues=everything + elsewhere)["changed"]
    before = corner.snapshot()
    for queue, count in (("c2", 2), ("q3", 3), ("s1", 1)):
        corner.publish("loss-a", queue, count)
    corner.publish("loss-full", "q", 4)

    # A moment later the broker's numbers for the quorum queues and the stream still read 0, or are not there.
    gone = {
        "queues": _queues("absent", "c2", "q3", "s1", "c0", "q0", "s0"),
        "vhosts": [{"name": name, "state": "absent"} for name in ("loss-full", "loss-empty")],
    }
    expected = (
        "4 problems: ",
        "queue loss-a/c2: holds 2 messages; to delete it with its messages, add 'queue loss-a/c2' to allow_message_loss",
        "queue loss-a/q3: holds 3 messages; ",
        "queue loss-a/s1: holds 1 messages; ",
        "vhost loss-full: queue q holds 4 messages; to delete it with its messages, add 'vhost loss-full' to allow_message_loss",
    )
    refused = corner.task.apply(**gone)
    line = one_line(refused, *expected)
    assert corner.snapshot() == before
    assert [corner.messages("loss-a", name) for name in ("c2", "q3")] == [2, 3]

    # By now the numbers have settled: further proofs in this test need not wait.
    monkeypatch.setattr(proof, "SETTLED_AFTER", {"quorum": 0.0, "stream": 0.0})
    assert one_line(corner.task.check(**gone)) == line
    named = ["queue loss-a/q3", "vhost loss-full"]
    less = corner.refused("2 problems: ", "loss-a/c2: holds 2", "loss-a/s1: holds 1", **gone, allow_message_loss=named)
    assert "q3" not in less and "loss-full" not in less
    corner.refused("4 problems: ", **gone, allow_message_loss=["vhost loss-f*", "queue loss-a/c"])
    corner.refused_for("loss.exception", **gone, allow_message_loss=["loss-a/q3"])

    # What is empty goes, beside what was named.
    done = corner.settle(**gone, allow_message_loss=[*named, "queue loss-a/c2", "queue loss-a/s1"])
    assert len(done["changes"]) == 8
    assert {key for kind, key in corner.snapshot() if kind != "vhost"} == {'{"name": "q-late", "vhost": "loss-a"}'}

    # A quorum queue that receives its message after the proof, right before it would go.
    with monkeypatch.context() as patch:
        _at_the_last_moment(patch, lambda: corner.publish("loss-a", "q-late"))
        late = corner.task.apply(queues=_queues("absent", "q-late"))
    one_line(late, "queue loss-a/q-late: queue q-late has just received a message, so it was not deleted", "0 changes made, 1 failed")
    assert late["changed"] is False
    assert corner.messages("loss-a", "q-late") == 1


def test_a_vhost_that_fills_between_proof_and_deletion(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its quorum queues are asked once more, though their numbers lag."""
    monkeypatch.setattr(proof, "SETTLED_AFTER", {"quorum": 0.0, "stream": 0.0})
    queues = [*_queues("present", "c0"), {"vhost": "loss-b", "name": "q0", "type": "quorum"}]
    assert corner.task.apply(vhosts=[{"name": "loss-a"}, {"name": "loss-b"}], queues=queues)["changed"]
    before = corner.snapshot()

    def publish() -> None:
        corner.publish("loss-a", "c0")
        corner.publish("loss-b", "q0")

    _at_the_last_moment(monkeypatch, publish)
    done = corner.task.apply(vhosts=[{"name": "loss-a", "state": "absent"}, {"name": "loss-b", "state": "absent"}])
    one_line(done, "vhost loss-a: its queue c0 has just received a message", "0 changes made, 2 failed")
    assert done["changed"] is False
    assert corner.snapshot() == before
    assert [corner.messages("loss-a", "c0"), corner.messages("loss-b", "q0")] == [1, 1]


def test_a_classic_queue_that_fills_between_proof_and_deletion(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert corner.task.apply(vhosts=[{"name": "loss-a"}], queues=_queues("present", "c1", "c2"))["changed"]
    _at_the_last_moment(monkeypatch, lambda: corner.publish("loss-a", "c1"))
    gone = {"queues": _queues("absent", "c1", "c2")}
    done = corner.task.apply(**gone)
    one_line(done, "queue loss-a/c1: ", "not empty any more, so it was not deleted and nothing is lost", "1 changes made, 1 failed")
    assert changed_objects(done) == ["delete queue loss-a/c2"]
    assert corner.messages("loss-a", "c1") == 1
    monkeypatch.undo()
    assert corner.refused_for("loss.messages", **gone)[0]["item"] == "queue loss-a/c1"
    assert changed_objects(corner.settle(**gone, allow_message_loss=["queue loss-a/c1"])) == ["delete queue loss-a/c1"]


def test_vhosts_that_hold_many_full_queues(corner: Corner) -> None:
    """Five of them are named, and a slash in a vhost's name is written as in all other words about it."""
    vhost, names = "loss-a/b", [f"c{n}" for n in range(7)]
    queues = [{"vhost": vhost, "name": name, "type": "classic"} for name in names]
    assert corner.task.apply(vhosts=[{"name": vhost}], queues=queues)["changed"]
    for name in names:
        corner.publish(vhost, name)
    gone = {"vhosts": [{"name": vhost, "state": "absent"}]}
    (problem,) = corner.refused_for("loss.messages", **gone)
    assert problem["item"] == "vhost loss-a/b"
    assert "queue c0 holds 1 messages" in problem["message"] and "c4" in problem["message"] and "c5" not in problem["message"]
    one = {"queues": [{"vhost": vhost, "name": "c3", "state": "absent"}]}
    assert "'queue loss-a/b/c3'" in corner.refused_for("loss.messages", **one)[0]["remedy"]
    assert changed_objects(corner.settle(**one, allow_message_loss=["queue loss-a/b/c3"])) == ["delete queue loss-a/b/c3"]
    assert changed_objects(corner.settle(**gone, allow_message_loss=["vhost loss-a/b"])) == ["delete vhost loss-a/b"]
    assert corner.snapshot() == {}
