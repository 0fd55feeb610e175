"""A corner of a broker for one test file: vhosts and users of one prefix, watched and cleaned up."""

from __future__ import annotations

import contextlib
import typing as t
import urllib.error

from harness import Task
from observer import Observer, Snapshot, segment

from lab.brokers import Broker

Result = t.Dict[str, t.Any]


class Corner:
    """All names that a test uses begin with `prefix`; nothing else of the broker is touched."""

    def __init__(self, broker: Broker, prefix: str, **defaults: t.Any) -> None:
        self.broker = broker
        self.prefix = prefix
        self.observer = Observer(broker)
        self.task = Task(broker, **defaults)

    def __enter__(self) -> Corner:
        self.clean()
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self.clean()

    def clean(self) -> None:
        for kind in ("vhosts", "users"):
            for row in self.observer.request("GET", kind):
                if row["name"].startswith(self.prefix):
                    with contextlib.suppress(urllib.error.HTTPError):
                        self.observer.request("DELETE", f"{kind}/{segment(row['name'])}")

    def snapshot(self) -> Snapshot:
        return self.observer.snapshot(self.prefix)

    def kinds(self) -> dict[str, int]:
        """How many objects of each kind are there."""
        found: dict[str, int] = {}
        for kind, dummy in self.snapshot():
            found[kind] = found.get(kind, 0) + 1
        return found

    def user(self, name: str, password: str, tags: str, vhosts: t.Sequence[str] = ()) -> None:
        """A user put there by other means than the module."""
        self.observer.request("PUT", f"users/{segment(name)}", {"password": password, "tags": tags})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        for vhost in vhosts:
            self.observer.request("PUT", f"permissions/{segment(vhost)}/{segment(name)}", everything)

    def publish(self, vhost: str, queue: str, count: int = 1) -> None:
        """Persistent messages straight into the queue, through the default exchange."""
        body = {"properties": {"delivery_mode": 2}, "routing_key": queue, "payload": "x", "payload_encoding": "string"}
        for dummy in range(count):
            answer = self.observer.request("POST", f"exchanges/{segment(vhost)}/amq.default/publish", body)
            assert answer == {"routed": True}, f"{vhost}/{queue} took no message"

    def messages(self, vhost: str, queue: str) -> int:
        """How many messages the queue gives when asked; it keeps them."""
        question = {"count": 1000, "ackmode": "ack_requeue_true", "encoding": "auto"}
        return len(self.observer.request("POST", f"queues/{segment(vhost)}/{segment(queue)}/get", question))

    def settle(self, **arguments: t.Any) -> Result:
        """Check, apply, check, apply: the first pair agrees on the changes, the second finds none. Returns the apply."""
        predicted = self.task.check(**arguments)
        assert not predicted.get("failed"), predicted
        done = self.task.apply(**arguments)
        assert not done.get("failed"), done
        assert predicted["changed"] and done["changed"], done
        assert predicted["changes"] == done["changes"]
        assert predicted["diff"] == done["diff"]
        self.idle(**arguments)
        return done

    def idle(self, **arguments: t.Any) -> None:
        """Both modes say that nothing is to be done, and nothing is done."""
        before = self.snapshot()
        for result in (self.task.check(**arguments), self.task.apply(**arguments)):
            assert not result.get("failed"), result
            assert result["changed"] is False and result["changes"] == [], result["changes"]
        assert self.snapshot() == before

    def refused(self, *words: str, **arguments: t.Any) -> str:
        """Both modes refuse with the same single line, which holds these words, and nothing is written."""
        before = self.snapshot()
        predicted, done = self.task.check(**arguments), self.task.apply(**arguments)
        assert self.snapshot() == before
        line = one_line(done, *words)
        assert one_line(predicted) == line
        assert done["changes"] == [] and done["changed"] is False, done
        return line


def one_line(result: Result, *words: str) -> str:
    """The message of a failed result: one line without a traceback, which holds these words."""
    assert result.get("failed"), result
    line = str(result["msg"])
    assert "\n" not in line.strip() and line.strip(), line
    assert "Traceback" not in str(result) and "exception" not in result, result
    for word in words:
        assert word in line, f"{word!r} is not in: {line}"
    return line


def changed_objects(result: Result) -> list[str]:
    return [f"{change['action']} {change['kind']} {change['object']}" for change in result["changes"]]
