"""A cluster of three nodes, of which one or two do not answer: what a task tells is what the cluster has when it is whole again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
import typing as t
import urllib.error
from concurrent.futures import ProcessPoolExecutor

import pytest
from corner import Corner
from failing import keys
from ground import one_line
from harness import Task

from lab import brokers
from lab.brokers import Broker

pytestmark = pytest.mark.skipif(
    "ECO2_TIMES" not in os.environ,
    reason="2 cases for make test-long: a minute for a cluster of three nodes; test_write.py has its answers in memory",
)
VHOST = "/minority"
# These are 30 to 60 s unless set: how long the store waits for a majority, a node for another that is silent, and the API for both.
SETTINGS = {"metadata_store.khepri.default_timeout": "2500", "net_ticktime": "4", "management.tcp.idle_timeout": "8000"}
RIGHTS = {"configure": "", "write": "", "read": ""}
POLICY = {"pattern": "^x", "definition": {"max-length": 1}}
UPSTREAM = {"component": "federation-upstream", "value": {"uri": "amqp://"}}
Arguments = t.Dict[str, t.Any]


def _quorum(*names: str) -> list[Arguments]:
    return [{"name": name, "type": "quorum"} for name in names]


BEFORE: Arguments = {
    "vhosts": [{"name": VHOST}, {"name": "/minority-old"}, {"name": "/minority-gone"}],
    "users": [{"name": f"/minority-{name}", "password": "minority-pw", "tags": []} for name in ("old", "gone", "rights", "none")],
    "user_limits": [{"user": "/minority-rights", "name": name, "value": 5} for name in ("max-connections", "max-channels")],
    "permissions": [{"user": f"/minority-{name}", **RIGHTS} for name in ("rights", "none")],
    "topic_permissions": [{"user": "/minority-rights", "exchange": "amq.topic", "write": "", "read": ""}],
    "policies": [{"name": name, **POLICY} for name in ("old", "gone")],
    "exchanges": [{"name": name} for name in ("source", "gone")],
    "queues": [*_quorum("old", "gone"), {"name": "classic", "type": "classic"}],
    "bindings": [{"source": "source", "destination": name, "routing_key": "gone"} for name in ("old", "classic")],
    "parameters": [{"name": "gone", **UPSTREAM}],
}


def _gone(option: str, **names: str) -> Arguments:
    return {option: [{**names, "state": "absent"}]}


# Tasks that run side by side; each writes objects of one stage, since a write without an answer ends a run.
TASKS: dict[str, Arguments] = {
    "new vhost": {"vhosts": [{"name": "/minority-new"}]},
    "vhost": {"vhosts": [{"name": "/minority-old", "description": "new"}]},
    "vhost gone": _gone("vhosts", name="/minority-gone"),
    "users": {"users": [{"name": "/minority-new", "password": "minority-pw"}, {"name": "/minority-old", "tags": ["management"]}]},
    "user gone": _gone("users", name="/minority-gone"),
    "vhost limit": {"vhost_limits": [{"name": "max-queues", "value": 90}]},
    "rights": {
        "permissions": [{"user": "/minority-rights", **RIGHTS, "read": ".*"}],
        "user_limits": [{"user": "/minority-rights", "name": "max-connections", "value": 7}],
        "policies": [{"name": "old", **POLICY, "priority": 3}, {"name": "new", **POLICY}],
        "operator_policies": [{"name": "new", **POLICY}],
    },
    "rights gone": {
        **_gone("permissions", user="/minority-none"),
        **_gone("user_limits", user="/minority-rights", name="max-channels"),
        **_gone("policies", name="gone"),
    },
    "new exchange": {"exchanges": [{"name": "new", "type": "topic"}]},
    "exchange gone": _gone("exchanges", name="gone"),
    "queues": {
        "queues": [*_quorum("new"), {"name": "new-classic", "type": "classic"}, {"name": "new-stream", "type": "stream"}],
        "topic_permissions": [{"user": "/minority-rights", "exchange": "amq.topic", "write": ".*", "read": ""}],
    },
    "queue gone": _gone("queues", name="gone"),
    "import": {"queues": [{"name": f"import.{number}", "type": "classic"} for number in range(40)]},
    "bindings and parameters": {
        "bindings": [{"source": "source", "destination": "old", "routing_key": "new"}],
        "parameters": [{"name": "new", **UPSTREAM}],
    },
    "binding gone": _gone("bindings", source="source", destination="old", routing_key="gone"),
    "parameter gone": _gone("parameters", component="federation-upstream", name="gone"),
    "recreation": {
        "queues": [{"name": "classic", "type": "classic", "arguments": {"x-max-length": 5}}],
        "on_immutable_change": "recreate_if_empty",
        "accept_loss_window": True,
    },
}


@pytest.fixture(scope="module")
def nodes(lab: t.Any) -> t.Iterator[list[Broker]]:
    members = brokers.cluster("trio", "4.3", **SETTINGS)
    yield members
    for member in reversed(members):
        brokers.down(member.name)


@contextlib.contextmanager
def silent(*nodes: Broker) -> t.Iterator[None]:
    with contextlib.ExitStack() as stack:
        for node in nodes:
            node.pause()
            stack.callback(node.resume)
        yield


def until_quick(corner: Corner, method: str, path: str, body: t.Any = None) -> None:
    """Until the request is answered at once: a listing, when silent nodes are given up; a write, when there is a majority."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        began = time.monotonic()
        with contextlib.suppress(OSError, urllib.error.HTTPError):
            corner.observer.request(method, path, body)
            if time.monotonic() - began < 1:
                return
        time.sleep(0.3)
    raise AssertionError(f"{method} {path} is not answered at once")


def run(broker: Broker, arguments: Arguments) -> t.Any:
    return Task(broker, vhost=VHOST, timeout=4.0).apply(**arguments)


def side_by_side(broker: Broker) -> dict[str, t.Any]:
    with ProcessPoolExecutor(len(TASKS), mp_context=multiprocessing.get_context("fork")) as pool:
        return dict(zip(TASKS, pool.map(run, [broker] * len(TASKS), TASKS.values())))


def test_what_a_task_tells_of_writes_without_a_majority_is_true(nodes: list[Broker]) -> None:
    with Corner(nodes[0], "/minority") as corner:
        assert not corner.task.apply(vhost=VHOST, **BEFORE).get("failed")
        with silent(*nodes[1:]):
            hanging = corner.task.apply(vhost=VHOST, timeout=1.0, queues=_quorum("new"))
            assert "no answer within" in one_line(hanging) and not hanging["changed"] and not hanging["changes"]
            until_quick(corner, "GET", "vhosts")
            told = side_by_side(nodes[0])
        until_quick(corner, "PUT", "global-parameters/whole", {"value": 1})
        wrong = []
        for name, result in told.items():
            left = keys(corner.task.check(vhost=VHOST, **TASKS[name])["changes"])
            done, unknown, failed, skipped = (keys(result.get(key, [])) for key in ("changes", "unknown", "failures", "not_attempted"))
            if not result.get("failed") or done & left or (failed | skipped) - left or not unknown:
                wrong.append((name, result, f"left: {left}"))
        assert wrong == []
        for arguments in TASKS.values():
            again = corner.task.apply(vhost=VHOST, **arguments)
            assert not again.get("failed"), again
            assert not corner.task.check(vhost=VHOST, **arguments)["changed"]
        corner.observer.request("DELETE", "global-parameters/whole")
        left_over = [key for kind, key in corner.snapshot() if kind == "exchange" and "recreated" in key]
        assert left_over == [] and corner.kinds()["binding"] == 2


def test_a_queue_that_cannot_be_asked_is_listed_as_declared_and_not_deleted(nodes: list[Broker]) -> None:
    """4.3 itself deletes a classic queue of a stopped node with its messages, although it is asked to delete only an empty one."""
    with Corner(nodes[0], "/minority") as corner:
        assert not corner.task.apply(vhost=VHOST, vhosts=[{"name": VHOST}]).get("failed")
        queues = [{"name": kind, "type": kind} for kind in ("classic", "quorum", "stream")]
        # The node that is asked becomes the leader.
        assert not Task(nodes[2], vhost=VHOST).apply(queues=queues).get("failed")
        corner.publish(VHOST, "classic")
        nodes[2].ctl("stop_app")
        try:
            corner.idle(vhost=VHOST, queues=queues)
            recreated = {"queues": [{"name": "classic", "arguments": {"x-max-length": 5}}], "on_immutable_change": "recreate_if_empty"}
            for arguments in (_gone("queues", name="classic"), _gone("vhosts", name=VHOST), recreated):
                (problem,) = corner.refused_for("loss.messages", vhost=VHOST, **arguments)
                assert "its node may be down" in problem["message"]
        finally:
            nodes[2].ctl("start_app")
        assert corner.messages(VHOST, "classic") == 1
