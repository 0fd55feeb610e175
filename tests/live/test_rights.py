"""Users who may do less than everything: what they may do works, the rest is refused by the name of the missing right."""

from __future__ import annotations

import base64
import typing as t
import urllib.error
import urllib.request

import pytest
from corner import Corner
from ground import changed_objects, one_line
from harness import Task
from proxies import Cut, Proxy

from lab.brokers import Broker

PREFIX = "right-"
PASSWORD = "right-pw-71"
TOPOLOGY: dict[str, t.Any] = {
    "vhost": "right-v",
    "exchanges": [{"name": "e"}],
    "queues": [{"name": "q"}],
    "bindings": [{"source": "e", "destination": "q", "routing_key": "k"}],
}


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, PREFIX) as corner:
        assert corner.task.apply(vhosts=[{"name": "right-v"}, {"name": "right-w"}])["changed"]
        yield corner


def _as_user(corner: Corner, name: str, tags: str, vhosts: t.Sequence[str] = ()) -> None:
    """From here on the corner's task connects as this user."""
    corner.user(name, PASSWORD, tags, vhosts)
    corner.task.defaults.update(username=name, password=PASSWORD)


def test_management_is_enough_for_queues_exchanges_and_bindings(corner: Corner) -> None:
    _as_user(corner, "right-m", "management", ["right-v"])
    done = corner.settle(**TOPOLOGY)
    assert len(done["changes"]) == 3
    gone = {name: [dict(entry, state="absent") for entry in TOPOLOGY[name]] for name in ("exchanges", "queues", "bindings")}
    assert len(corner.settle(vhost="right-v", **gone)["changes"]) == 3


@pytest.mark.parametrize(
    ("tags", "arguments", "needed"),
    [
        ("management", {"vhosts": [{"name": "right-new"}]}, "vhosts"),
        ("management", {"users": [{"name": "right-u"}]}, "users"),
        (
            "management",
            {"policies": [{"name": "p", "pattern": ".", "definition": {"max-length": 1}}]},
            "policies",
        ),
        ("policymaker", {"vhost_limits": [{"name": "max-queues", "value": 5}]}, "vhost_limits"),
        ("monitoring", {"permissions": [{"user": "right-x", "configure": "", "write": "", "read": ""}]}, "permissions"),
        ("monitoring", {"user_limits": [{"user": "right-x", "name": "max-channels", "value": 1}]}, "user_limits"),
        (
            "policymaker",
            {"operator_policies": [{"name": "p", "pattern": ".", "definition": {"max-length": 1}, "apply_to": "queues"}]},
            "operator_policies",
        ),
    ],
)
def test_a_missing_tag_is_named_before_the_first_write(corner: Corner, tags: str, arguments: dict[str, t.Any], needed: str) -> None:
    """Though the same task holds a queue that the user could declare."""
    _as_user(corner, "right-x", tags, ["right-v"])
    refused = {"vhost": "right-v", "queues": [{"name": "q"}], **arguments}
    line = corner.refused("'right-x'", tags, needed, **refused)
    problems = corner.task.check(**refused)["problems"]
    assert {problem["code"] for problem in problems} == {"rights.tag"}, line
    assert needed in [problem["item"] for problem in problems]


def test_policymaker_is_enough_for_policies(corner: Corner) -> None:
    _as_user(corner, "right-p", "policymaker", ["right-v"])
    policy = {"name": "p", "pattern": "^q", "definition": {"max-length": 5}}
    corner.settle(vhost="right-v", policies=[policy])
    corner.settle(vhost="right-v", policies=[dict(policy, definition={"max-length": 6})])
    corner.settle(vhost="right-v", policies=[{"name": "p", "state": "absent"}])


def test_a_vhost_without_permission_is_not_taken_for_empty(corner: Corner) -> None:
    """4.0 answers 401, 4.3 answers 404 and neither is shown: the list of vhosts tells."""
    _as_user(corner, "right-m", "management", ["right-v"])
    (problem,) = corner.refused_for("vhost.missing", queues=[{"vhost": "right-v", "name": "a"}, {"vhost": "right-w", "name": "b"}])
    assert problem["item"] == "queues[1] (queue right-w/b)"
    assert "'right-w'" in problem["message"] and "'right-m'" in problem["message"] and "permission" in problem["remedy"]


def test_a_monitoring_user_sees_a_vhost_and_may_not_write_it(corner: Corner) -> None:
    """The list of vhosts shows all to this tag, and the list of all queues leaves out what it cannot reach."""
    corner.observer.request("PUT", "queues/right-w/there", {"durable": True, "auto_delete": False, "arguments": {}})
    _as_user(corner, "right-mon", "monitoring", ["right-v"])
    (problem,) = corner.refused_for("vhost.unreadable", vhost="right-w", queues=[{"name": "b"}])
    assert problem["item"] == "vhost right-w" and "'right-mon'" in problem["message"]
    corner.refused_for(
        "vhost.unreadable", queues=[{"vhost": "right-v", "name": "a"}, {"vhost": "right-w", "name": "there", "state": "absent"}]
    )
    assert corner.settle(vhost="right-v", queues=[{"name": "a"}])["changed"]


def test_an_administrator_without_permission_in_a_vhost(corner: Corner) -> None:
    """May read it and not write to it: the broker's refusal is named, and a permission in the same task is the cure."""
    _as_user(corner, "right-adm", "administrator")
    wanted = {"vhost": "right-w", "queues": [{"name": "b"}]}
    before = corner.snapshot()
    one_line(corner.task.apply(**wanted), "queue right-w/b: ", "HTTP 401", "the user may not do this")
    assert corner.snapshot() == before
    granted = [{"user": "right-adm", "configure": ".*", "write": ".*", "read": ".*"}]
    assert len(corner.settle(**wanted, permissions=granted)["changes"]) == 2


def test_a_pattern_that_forbids_one_queue(corner: Corner) -> None:
    """The others are made, the forbidden one is named with the broker's reason, and what needs it is not tried."""
    _as_user(corner, "right-c", "management")
    only = {"configure": "^ok", "write": ".*", "read": ".*"}
    corner.observer.request("PUT", "permissions/right-v/right-c", only)
    wanted = {
        "vhost": "right-v",
        "exchanges": [{"name": "ok-e"}],
        "queues": [{"name": "ok-q"}, {"name": "other"}],
        "bindings": [{"source": "ok-e", "destination": "ok-q"}, {"source": "ok-e", "destination": "other"}],
    }
    done = corner.task.apply(**wanted)
    one_line(done, "queue right-v/other: ", "HTTP 401", "the user may not do this", "3 changes made, 1 failed", "1 not attempted")
    assert done["changed"] is True
    assert changed_objects(done) == [
        "create exchange right-v/ok-e",
        "create queue right-v/ok-q",
        'create binding right-v/ok-e -> queue ok-q by ""',
    ]
    assert [entry["object"] for entry in done["failures"]] == ["right-v/other"]
    assert [entry["object"] for entry in done["not_attempted"]] == ['right-v/ok-e -> queue other by ""']
    corner.observer.request("PUT", "permissions/right-v/right-c", dict(only, configure=".*"))
    assert len(corner.settle(**wanted)["changes"]) == 2


# A task must not take its own rights before its end


ADM = "right-adm"


@pytest.mark.parametrize(
    ("mine", "status"),
    [
        ({"users": [{"name": ADM, "password": "another-71"}]}, 401),
        ({"users": [{"name": ADM, "password_hash": ""}]}, 401),
        ({"users": [{"name": ADM, "tags": ["management"]}]}, 200),
        ({"users": [{"name": ADM, "state": "absent"}]}, 401),
        ({"permissions": [{"vhost": "right-v", "user": ADM, "configure": "", "write": "", "read": ""}]}, 200),
        ({"permissions": [{"vhost": "right-v", "user": ADM, "state": "absent"}]}, 200),
        ({"permissions": [{"vhost": "right-new", "user": ADM, "configure": "", "write": "", "read": ""}]}, 200),
    ],
    ids=[
        "own password",
        "own hash",
        "own tags",
        "own deletion",
        "own permission",
        "own permission removed",
        "own permission in a new vhost",
    ],
)
def test_a_task_that_takes_its_own_rights_does_all_else_first(corner: Corner, mine: dict[str, t.Any], status: int) -> None:
    """Together with a new vhost, and with objects in it and elsewhere that are made and deleted."""
    _as_user(corner, ADM, "administrator", ["right-v"])
    corner.observer.request("PUT", "queues/right-v/old", {"durable": True, "auto_delete": False, "arguments": {}})
    wanted = {
        "vhosts": [{"name": "right-new"}],
        "exchanges": [{"vhost": "right-new", "name": "e"}],
        "queues": [
            {"vhost": "right-new", "name": "q"},
            {"vhost": "right-v", "name": "q"},
            {"vhost": "right-v", "name": "old", "state": "absent"},
        ],
        "bindings": [{"vhost": "right-new", "source": "e", "destination": "q"}],
        **mine,
    }
    predicted, done = corner.task.check(**wanted), corner.task.apply(**wanted)
    assert not done.get("failed"), done
    assert done["changes"] == predicted["changes"] and len(done["changes"]) == 7
    assert done["changes"][-1]["kind"] == ("user" if "users" in mine else "permission")
    again = Task(corner.broker).check(**wanted)
    assert not again.get("failed") and not again["changed"], again
    assert _whoami(corner, PASSWORD) == status


def test_own_rights_stay_where_something_else_fails(corner: Corner) -> None:
    """Then running the task again goes on, as it says."""
    _as_user(corner, ADM, "administrator")
    wanted: dict[str, t.Any] = {"users": [{"name": ADM, "password": "another-71"}], "queues": [{"vhost": "right-w", "name": "q"}]}
    done = corner.task.apply(**wanted)
    one_line(done, "queue right-w/q: ", "HTTP 401", "running the task again goes on from here")
    assert [entry["object"] for entry in done["not_attempted"]] == [ADM] and done["changed"] is False
    corner.observer.request("PUT", f"permissions/right-w/{ADM}", {"configure": ".*", "write": ".*", "read": ".*"})
    assert len(corner.task.apply(**wanted)["changes"]) == 2
    assert _whoami(corner, "another-71") == 200


def test_own_permission_that_is_needed_before_and_after_is_refused(corner: Corner) -> None:
    _as_user(corner, ADM, "administrator")
    corner.observer.request("PUT", "queues/right-w/q", {"durable": True, "auto_delete": False, "arguments": {}})
    corner.observer.request("PUT", f"permissions/right-w/{ADM}", {"configure": "^q$", "write": ".*", "read": ".*"})
    queues = [{"name": "q", "state": "absent"}, {"name": "n"}]
    permission = {"user": ADM, "configure": "^n$", "write": ".*", "read": ".*"}
    (problem,) = corner.refused_for("rights.no_order", vhost="right-w", queues=queues, permissions=[permission])
    assert problem["item"] == f"permission right-w/{ADM}"


def test_an_own_password_whose_answer_is_lost_is_tried(corner: Corner) -> None:
    """The broker stored it and the connection broke: the second attempt is refused, and the new password proves the change."""
    _as_user(corner, ADM, "administrator")
    cuts = [Cut(after=True)]
    with Proxy(corner.broker.url, lambda seen: cuts.pop() if cuts and seen.writes else None) as proxy:
        done = corner.task.apply(url=[proxy.url], users=[{"name": ADM, "password": "another-71"}])
    assert not done.get("failed"), done
    assert [change["object"] for change in done["changes"]] == [ADM]


def test_an_own_deletion_whose_answer_is_lost_is_unknown_and_says_what_to_do(corner: Corner) -> None:
    _as_user(corner, ADM, "administrator")
    cuts = [Cut(after=True)]
    with Proxy(corner.broker.url, lambda seen: cuts.pop() if cuts and seen.writes else None) as proxy:
        done = corner.task.apply(url=[proxy.url], users=[{"name": ADM, "state": "absent"}])
    line = one_line(done, "1 sent without an answer", "connect with its new ones")
    assert "running the task again" not in line
    assert [entry["object"] for entry in done["unknown"]] == [ADM]


def _whoami(corner: Corner, password: str) -> int:
    """The status with which the broker answers the user with this password."""
    token = base64.b64encode(f"{ADM}:{password}".encode()).decode()
    request = urllib.request.Request(f"{corner.broker.url}/api/whoami", headers={"Authorization": f"Basic {token}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
