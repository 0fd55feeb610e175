"""A corner of a broker for one test file: vhosts and users of one prefix, watched and cleaned up."""

from __future__ import annotations

import contextlib
import typing as t
import urllib.error

from ground import Ground
from harness import Task
from observer import Observer, Snapshot, segment

from lab.brokers import Broker


class Corner(Ground):
    """All names that a test uses begin with `prefix`; nothing else of the broker is touched."""

    def __init__(self, broker: Broker, prefix: str, **defaults: t.Any) -> None:
        self.broker = broker
        self.prefix = prefix
        self.observer = Observer(broker)
        self.task = Task(broker, **defaults)

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

    def refused_for(self, *codes: str, **arguments: t.Any) -> list[dict[str, str]]:
        """The problems of these codes, for which both modes refuse the task before the first write."""
        self.refused(**arguments)
        found: list[dict[str, str]] = self.task.check(**arguments)["problems"]
        assert [problem["code"] for problem in found] == list(codes), found
        return found

    def user(self, name: str, password: str, tags: str, vhosts: t.Sequence[str] = ()) -> None:
        """A user put there by other means than the module."""
        self.observer.request("PUT", f"users/{segment(name)}", {"password": password, "tags": tags})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        for vhost in vhosts:
            self.observer.request("PUT", f"permissions/{segment(vhost)}/{segment(name)}", everything)

    def plain_user(self, name: str, password: str) -> None:
        """A vhost and a user of this name without administrator rights, so that the module writes its objects one by one."""
        self.observer.request("PUT", f"vhosts/{segment(name)}", {})
        self.user(name, password, "management", [name])

    def queues(self, vhost: str) -> int:
        """How many the vhost has."""
        return len(self.observer.request("GET", f"queues/{segment(vhost)}?disable_stats=true"))

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
