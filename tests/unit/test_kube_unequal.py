"""What hosts of a play have to agree on: a line for each setting that differs, and nothing secret in it."""

from __future__ import annotations

import typing as t

import pytest
import yaml

jinja2 = pytest.importorskip("jinja2", reason="filters run on a controller")

from pathlib import Path  # noqa: E402

from ansible.errors import AnsibleFilterError  # noqa: E402

from ansible_collections.eco2.platform.plugins.filter.kube_unequal import kube_unequal  # noqa: E402

ROLES = Path(__file__).resolve().parents[2] / "roles"


def hosts(name: str, *values: t.Any) -> list[dict[str, t.Any]]:
    return [{"host": f"h{number}", "values": {name: value, "same": 1}} for number, value in enumerate(values)]


@pytest.mark.parametrize("values", [(), ("a",), ("a", "a"), ("", None), (True, True), (["a"], ["a"])])
def test_what_is_equal_is_not_mentioned(values: tuple[t.Any, ...]) -> None:
    assert kube_unequal(hosts("x", *values)) == []


def test_a_setting_that_differs_is_named_with_two_hosts_and_their_values() -> None:
    (line,) = kube_unequal(hosts("kube_kubeconfig", "/a", "/a", "/b", None))
    assert line.startswith("kube_kubeconfig is /a on h0 and /b on h2, and it is used once")
    (line,) = kube_unequal(hosts("kube_kubeconfig", "/a", None))
    assert "is /a on h0 and not set on h1" in line


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
    (line,) = kube_unequal(hosts(name, "", secret))
    assert "canary" not in line
    assert "is not set on h0 and a value that is not shown on h1" in line


def test_what_is_undefined_stays_so_and_other_shapes_are_refused() -> None:
    undefined = jinja2.Undefined(name="x")
    assert kube_unequal(undefined) is undefined
    with pytest.raises(AnsibleFilterError, match="each with host and values"):
        kube_unequal([{"a": 1}])


def flat(document: object) -> t.Iterator[dict[str, t.Any]]:
    for entry in document if isinstance(document, list) else []:
        yield entry
        for part in ("block", "rescue"):
            yield from flat(entry.get(part))


@pytest.mark.parametrize("role", ["node_join", "node_profile"])
def test_what_a_task_takes_once_for_all_hosts_is_compared(role: str) -> None:
    """Options in a task that runs once, unless it is worked out for each host in the task itself."""
    compared = set(yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text())[f"{role}_once"])
    options = set(yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text()))
    for path in (ROLES / role / "tasks").glob("*.yml"):
        for task in flat(yaml.safe_load(path.read_text())):
            if task.get("run_once") and "delegate_to" in task:
                (arguments,) = [value for name, value in task.items() if name.startswith("eco2.platform.")]
                used = {option for option in options if option in str(arguments)}
                assert used <= compared, (task["name"], used - compared)
