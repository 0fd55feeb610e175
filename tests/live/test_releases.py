"""What one release refuses and another takes, and what only the broker can judge: told before the first write, and as the broker does."""

from __future__ import annotations

import contextlib
import typing as t
import urllib.error

import pytest
from corner import Corner
from observer import segment

from lab.brokers import Broker

VHOST = "/release"
BASE: dict[str, t.Any] = {"vhost": VHOST, "vhosts": [{"name": VHOST}]}
PATTERNS = ["^a(", "*", "[", "a{2,1}", "[z-a]", "x**", "\\", "(?<n", "a)", "(?P<x>", r"\p{Nothing}", "(?<=a+)b"]
PATTERNS += [r"^(?!amq\.).*$", "[[:alpha:]]+", "a++", "(?i)abc", r"(?<n>a)\k<n>", r"\p{Lu}", "(?|a|b)", "^ü.*", r"^\Qa(\E$", "a|"]


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, VHOST) as corner:
        corner.settle(**BASE)
        yield corner


def takes(corner: Corner, method: str, path: str, body: t.Any = None) -> bool:
    try:
        corner.observer.request(method, path, body)
    except urllib.error.HTTPError as error:
        assert error.code in (400, 405), (path, error.code)
        return False
    return True


def test_a_protected_vhost_is_not_deleted(corner: Corner) -> None:
    gone = {"vhosts": [{"name": VHOST, "state": "absent"}]}
    protection = f"vhosts/{segment(VHOST)}/deletion/protection"
    if takes(corner, "POST", protection):
        (problem,) = corner.refused_for("vhost.protected", **gone)
        assert "/deletion/protection" in problem["remedy"]
        corner.observer.request("DELETE", protection)
    else:
        assert corner.broker.line != "4.3"
    corner.settle(**gone)


def test_a_protected_user_is_neither_changed_nor_deleted(corner: Corner) -> None:
    name = f"{VHOST}-user"
    corner.user(name, "release-pw", "monitoring")
    corner.broker.ctl("set_user_tags", name, "protected")
    try:
        for item in ({"name": name, "state": "absent"}, {"name": name, "tags": ["management"]}):
            path, body = f"users/{segment(name)}", {"password": "release-pw", "tags": "protected"}
            if takes(corner, "PUT", path, body):
                assert corner.task.check(users=[item])["changed"]
            else:
                corner.refused_for("user.protected", users=[item])
        corner.idle(users=[{"name": name, "tags": ["protected"]}])
    finally:
        corner.broker.ctl("set_user_tags", name)


def test_a_deprecated_queue_is_refused_where_the_broker_denies_it(corner: Corner) -> None:
    place = f"queues/{segment(VHOST)}/direct"
    cases = (
        ("queue.transient", {"durable": False}),
        ("argument.denied", {"arguments": {"x-queue-master-locator": "client-local"}}),
    )
    for number, (code, fields) in enumerate(cases):
        queue = {"name": f"deprecated-{number}", "type": "classic", **fields}
        if takes(corner, "PUT", place, {"durable": True, **fields}):
            corner.observer.request("DELETE", place)
            corner.settle(**BASE, queues=[queue])
        else:
            corner.refused_for(code, **BASE, queues=[queue])


def test_messages_that_would_go_to_a_missing_exchange_are_warned_of(corner: Corner) -> None:
    there = {"exchanges": [{"name": "there"}]}
    corner.settle(**BASE, **there)
    for number, name in enumerate(("there", "nowhere")):
        wanted: dict[str, t.Any] = {
            **BASE,
            "queues": [{"name": f"q{number}", "type": "classic", "arguments": {"x-dead-letter-exchange": name}}],
            "policies": [{"name": f"p{number}", "pattern": "^q", "definition": {"dead-letter-exchange": name}}],
            "exchanges": [{"name": f"e{number}", "arguments": {"alternate-exchange": name}}],
        }
        done = corner.settle(**wanted)
        warned = [str(line) for line in done.get("warnings", []) if "neither exists nor is declared" in str(line)]
        assert len(warned) == (3 if name == "nowhere" else 0), done
        assert all(f"{VHOST}/nowhere" in line for line in warned)


def test_a_pattern_is_refused_where_the_broker_refuses_it(corner: Corner) -> None:
    """Permissions, topic permissions and policies; beside the broker's own judgement of each pattern."""
    user = f"{VHOST}-user"
    corner.user(user, "release-pw", "")
    differ = []
    for pattern in PATTERNS:
        granted = {"user": user, "configure": pattern, "write": "", "read": ""}
        taken = takes(corner, "PUT", f"permissions/{segment(VHOST)}/{segment(user)}", {**granted, "configure": pattern})
        with contextlib.suppress(urllib.error.HTTPError):
            corner.observer.request("DELETE", f"permissions/{segment(VHOST)}/{segment(user)}")
        result = corner.task.check(**BASE, permissions=[granted])
        codes = [problem["code"] for problem in result.get("problems", [])]
        if codes != ([] if taken else ["pattern.invalid"]):
            differ.append((pattern, taken, result.get("msg")))
    assert differ == []
    wrong = {"user": user, "configure": "^a(", "write": "", "read": "["}
    topics = {"user": user, "exchange": "amq.topic", "write": "(", "read": ""}
    corner.refused_for(*["pattern.invalid"] * 3, **BASE, permissions=[wrong], topic_permissions=[topics])


@pytest.mark.parametrize("option", ["policies", "operator_policies"])
def test_a_key_that_no_plugin_of_the_broker_knows_is_refused(corner: Corner, option: str) -> None:
    policy = {"name": "p", "pattern": "^none$", "definition": {"max-length": 5, "zebra-crossing": 1}}
    (problem,) = corner.refused_for("definition.unknown", **BASE, queues=[{"name": "q"}], **{option: [policy]})
    assert "zebra-crossing" in problem["message"] and "apply-to" not in problem["message"]
    new = {"vhost": f"{VHOST}-new", "vhosts": [{"name": f"{VHOST}-new"}]}
    corner.refused_for("definition.unknown", **new, **{option: [policy]})


def test_more_queues_than_the_vhost_may_have_are_refused_before_the_first_write(corner: Corner) -> None:
    def limited(value: int, *names: str) -> dict[str, t.Any]:
        limits = [{"name": "max-queues", "value": value}]
        return {
            **BASE,
            "vhost_limits": limits,
            "queues": [{"name": name, "type": "classic"} for name in names],
            "exchanges": [{"name": "e"}],
        }

    (problem,) = corner.refused_for("limit.queues", **limited(2, "a", "b", "c"))
    assert problem["item"] == f"vhost {VHOST}"
    corner.settle(**limited(2, "a", "b"))
    corner.refused_for("limit.queues", **BASE, queues=[{"name": "c"}, {"name": "a", "state": "absent"}])
    many = [{"name": f"many.{number}"} for number in range(50)]
    corner.refused_for("limit.queues", **BASE, queues=many)
    corner.settle(**limited(3, "c"))
    corner.settle(**limited(-1, "d"))
    new = {"vhost": f"{VHOST}-new", "vhosts": [{"name": f"{VHOST}-new"}], "vhost_limits": [{"name": "max-queues", "value": 0}]}
    corner.refused_for("limit.queues", **new, queues=[{"name": "a"}])


def test_bindings_that_the_broker_cannot_list_are_named(corner: Corner) -> None:
    """A key with a ~ beside arguments: the broker answers 500, stores it, and then fails to list the bindings of the vhost."""
    corner.settle(**BASE, exchanges=[{"name": "e"}], queues=[{"name": "q", "type": "classic"}])
    with contextlib.suppress(urllib.error.HTTPError):
        corner.observer.request("POST", f"bindings/{segment(VHOST)}/e/e/q/q", {"routing_key": "a~b", "arguments": {"a": 1}})
    binding = {"source": "e", "destination": "q", "routing_key": "k"}
    try:
        result = corner.task.check(**BASE, bindings=[binding])
        (problem,) = result["problems"]
        assert (problem["code"], problem["item"]) == ("binding.unlistable", f"vhost {VHOST}")
        assert "e -> q" in problem["message"]
    finally:
        corner.observer.request("DELETE", f"queues/{segment(VHOST)}/q")
    corner.settle(**BASE, queues=[{"name": "q", "type": "classic"}], bindings=[binding])
