"""Fields of raw type that may hold secrets, and times."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine import schema
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field, confidential, converted


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ({"src-uri": "amqp://a:pw@host", "src-queue": "q", "prefetch": 1}, {"amqp://a:pw@host", "pw"}),
        ({"uri": ["amqp://", "amqps://b:p%40w@host:5671/v?x=1"]}, {"amqp://", "amqps://b:p%40w@host:5671/v?x=1", "p%40w"}),
        ({"nested": [{"login": {"password": ["pw1", {"other": "pw2"}]}}]}, {"pw1", "pw2"}),
        ("http://user:pw@host", {"http://user:pw@host", "pw"}),
        ({"ack-mode": "on-confirm", "max-hops": 1, "trust": True, "expires": None}, set()),
        (5, set()),
    ],
)
def test_what_is_masked_of_a_raw_secret(value: t.Any, hidden: set[str]) -> None:
    assert set(confidential(value)) == hidden


def test_ansible_masks_a_secret_but_not_every_word_of_a_raw_one() -> None:
    assert Field("password", secret=True).option()["no_log"] is True
    assert Field("value", "raw", secret=True).option()["no_log"] is False
    assert Field("routing_key", secret=False).option()["no_log"] is False
    assert "no_log" not in Field("name").option()


SPEC = {
    "name": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "tags": {"type": "list", "elements": "str"},
    "count": {"type": "int"},
    "items": {"type": "list", "elements": "dict", "options": {"key": {"type": "str"}, "value": {"type": "raw"}}},
}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"name": "1.10", "count": 1, "items": [{"key": "on", "value": True}]}, []),
        ({"name": None, "items": "not a list"}, []),
        ({"name": 1.1}, [("", "name")]),
        ({"tags": ["a", True]}, [("", "tags")]),
        ({"tags": 5}, [("", "tags")]),
        ({"items": [{"key": "a"}, {"key": False}]}, [("items[1]", "key")]),
    ],
)
def test_a_text_that_is_none_is_named(given: dict[str, t.Any], found: list[tuple[str, str]]) -> None:
    problems = list(converted(SPEC, given))
    assert [(problem.item, problem.field) for problem in problems] == found
    assert {problem.code for problem in problems} <= {"text.converted"}


def test_a_password_that_was_converted_is_not_shown() -> None:
    (problem,) = converted(SPEC, {"password": 42798})
    assert "42798" not in str(problem)


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("timeout", 0.0, True),
        ("timeout", -1.0, True),
        ("timeout", float("nan"), True),
        ("timeout", float("inf"), True),
        ("timeout", 1e300, True),
        ("timeout", 0.001, False),
        ("cloud_timeout", 0.0, True),
        ("wait_timeout", 0.0, False),
        ("wait_timeout", -1.0, True),
        ("lock_timeout", 0.0, False),
        ("wait_for_boot", -0.5, True),
        ("ttl", -1.0, False),
        ("timeout", None, False),
    ],
)
def test_times_that_cannot_be(name: str, value: float | None, refused: bool) -> None:
    found = list(schema.time_problems({name: {"type": "float"}}, {name: value}))
    assert [(problem.code, problem.field) for problem in found] == [("option.seconds", name)] * refused


MODULES = sorted(path for path in (Path(__file__).resolve().parents[2] / "plugins" / "modules").glob("*.py"))


@pytest.mark.parametrize("name", [path.stem for path in MODULES if '"timeout": {' in path.read_text() or "connection" in path.read_text()])
def test_every_module_with_a_time_limit_refuses_a_negative_one(name: str) -> None:
    spec = getattr(importlib.import_module(f"ansible_collections.eco2.platform.plugins.modules.{name}"), "argument_spec", dict)()
    times = [option for option in spec if option.endswith("timeout")]
    found = schema.time_problems(spec, dict.fromkeys(times, -1.0))
    assert [problem.field for problem in found] == times
