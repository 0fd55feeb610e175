"""Settings that hosts of a play must share."""

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.plugin_utils._node import agreement

ROLES = Path(__file__).resolve().parents[2] / "roles"


def differences(name: str, *values: t.Any) -> list[Problem]:
    return agreement.differences({f"h{number}": {name: value, "same": 1} for number, value in enumerate(values)})


@pytest.mark.parametrize("values", [(), ("a",), ("a", "a"), ("", None), (True, True), (["a"], ["a"])])
def test_what_is_equal_is_not_mentioned(values: tuple[t.Any, ...]) -> None:
    assert differences("x", *values) == []


def test_a_setting_that_differs_is_named_with_two_hosts_and_their_values() -> None:
    (problem,) = differences("kube_kubeconfig", "/a", "/a", "/b", None)
    assert (problem.code, problem.field) == ("play.setting_differs", "kube_kubeconfig")
    assert "/a on h0 and /b on h2" in problem.message
    (problem,) = differences("kube_kubeconfig", "/a", None)
    assert "/a on h0 and not set on h1" in problem.message


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("kube_api_key", "canary"),
        ("password", "canary"),
        ("kube_kubeconfig", {"users": "canary"}),
        ("kube_kubeconfig", "users: a\n- canary"),
    ],
)
def test_secrets_are_not_shown(name: str, secret: t.Any) -> None:
    (problem,) = differences(name, "", secret)
    assert "canary" not in str(problem)
    assert "not set on h0 and a value that is not shown on h1" in problem.message


def once(document: t.Any) -> t.Iterator[str]:
    """The names under each `once`, however deep."""
    for entry in document if isinstance(document, list) else document.values() if isinstance(document, dict) else ():
        yield from once(entry)
    if isinstance(document, dict):
        yield from document.get("once") or ()


@pytest.mark.parametrize("role", ["node_join", "node_profile"])
def test_what_a_task_takes_once_for_all_hosts_is_compared(role: str) -> None:
    """Options in a task that runs once, unless each host may differ in it (whether its cluster exists)."""
    options = set(yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text())) - {"node_profile_predicted"}
    tasks = [task for path in (ROLES / role / "tasks").glob("*.yml") for task in yaml.safe_load(path.read_text())]
    compared = set(once(tasks))
    for task in tasks:
        if task.get("run_once"):
            arguments = str([value for name, value in task.items() if name.startswith("eco2.platform.")])
            assert {option for option in options if option in arguments} <= compared, task["name"]
