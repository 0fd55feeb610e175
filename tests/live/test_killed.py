"""A broker killed in mid-run: the task says so and how far it got, the next run converges, and nothing is lost."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
import typing as t

import pytest
from harness import Task
from observer import Observer

from lab import brokers
from lab.brokers import Broker

OBJECTS = 1000
POINTS = 10 * int(os.environ.get("ECO2_TIMES", "1"))
VHOST = "killed"
QUEUES = [{"name": f"q.{number:04}", "type": "classic"} for number in range(OBJECTS // 2)]
BINDINGS = [{"source": "amq.direct", "destination": queue["name"], "routing_key": queue["name"]} for queue in QUEUES]


@pytest.fixture(scope="module")
def mortal() -> t.Iterator[Broker]:
    """A broker of our own: the others serve other tests."""
    yield brokers.up("mortal", "4.0")
    brokers.down("mortal")


@pytest.mark.parametrize("importing", [True, False], ids=["bulk import", "single writes"])
def test_sigkill(mortal: Broker, importing: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL when 10 to 90 % of 1,000 new objects are there, ten times in all."""
    observer, admin = Observer(mortal), Task(mortal)
    admin.apply(users=[{"name": "writer", "password": "not an administrator", "tags": ["management"]}])
    dice = random.Random()
    # Users without the tag administrator may not import; they write one by one. A dead container refuses no connection,
    # it keeps silent: do not wait the usual 30 s for it.
    writer = Task(mortal, timeout=4) if importing else Task(mortal, timeout=4, username="writer", password="not an administrator")
    for percent in dice.sample(range(10, 91), POINTS // 2):
        killed, applied = _killed_in_mid_run(mortal, writer, percent)
        with capsys.disabled():
            counts = {name: len(killed[name]) for name in ("changes", "unknown", "not_attempted", "failures")}
            print(f"\n  killed at {percent} % with {applied} objects there: {counts}")
        assert killed["failed"] is True
        assert "running the task again goes on from here" in killed["msg"]
        assert "\n" not in killed["msg"]
        assert applied <= len(killed["changes"]) + len(killed["unknown"]), "what was there when the broker died was done, or is unknown"
        assert sum(len(killed[name]) for name in ("changes", "unknown", "not_attempted", "failures")) == OBJECTS
        again = writer.apply(vhost=VHOST, queues=QUEUES, bindings=BINDINGS)
        assert "failed" not in again, again["msg"]
        assert not admin.check(vhost=VHOST, queues=[{"name": "before"}, *QUEUES], bindings=BINDINGS)["changed"]
        assert _count(observer) == OBJECTS + 1
        message = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
        assert [m["payload"] for m in observer.request("POST", f"queues/{VHOST}/before/get", message)] == ["kept"]


def _killed_in_mid_run(broker: Broker, writer: Task, percent: int) -> tuple[dict[str, t.Any], int]:
    """The result of a run whose broker was killed, and how many objects were there then; the broker is up again.

    A run that was over before it could be killed, on a machine that looked away at that moment, is begun anew.
    """
    admin, keep = (
        Task(broker),
        {"properties": {"delivery_mode": 2}, "routing_key": "before", "payload": "kept", "payload_encoding": "string"},
    )
    for dummy in range(15):
        admin.apply(vhosts=[{"name": VHOST, "state": "absent"}], allow_message_loss=[f"vhost {VHOST}"])
        rights = [{"user": "writer", "configure": ".*", "write": ".*", "read": ".*"}]
        admin.apply(vhost=VHOST, vhosts=[{"name": VHOST}], queues=[{"name": "before"}], permissions=rights)
        assert Observer(broker).request("POST", f"exchanges/{VHOST}/amq.default/publish", keep)["routed"]
        result, applied = _run_and_kill(broker, writer, percent)
        broker.start()
        if "failed" in result:
            return result, applied
    raise AssertionError("fifteen runs were over before their broker could be killed")


def _run_and_kill(broker: Broker, task: Task, percent: int) -> tuple[dict[str, t.Any], int]:
    """The module's result, and how many objects were there when the broker was killed."""
    seen: list[int] = []

    def executioner() -> None:
        observer, deadline = Observer(broker), time.monotonic() + 60
        while time.monotonic() < deadline:
            seen.append(_count(observer) - 1)
            if seen[-1] >= OBJECTS * percent // 100:
                broker.kill()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=executioner)
    thread.start()
    result = task.apply(vhost=VHOST, queues=QUEUES, bindings=BINDINGS)
    thread.join()
    return result, seen[-1]


def _count(observer: Observer) -> int:
    """Queues, and bindings other than those of the default exchange."""
    try:
        queues = observer.request("GET", f"queues/{VHOST}?disable_stats=true&columns=name")
        bindings = observer.request("GET", f"bindings/{VHOST}?columns=source")
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return 0
    return len(queues) + sum(1 for row in bindings if row["source"])
