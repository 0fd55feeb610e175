from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.endpoints import QUEUE
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import judge
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings.table import ARGUMENTS, EXCHANGE_ARGUMENTS


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name.empty"),
        (".", "name.unaddressable"),
        ("..", "name.unaddressable"),
        ("x" * 256, "name.length"),
        ("é" * 128, "name.length"),
        ("\udcff", "name.encoding"),
    ],
)
def test_names_that_cannot_be(name: str, code: str) -> None:
    problem = rules.name_problem(name)
    assert problem
    assert (problem.code, problem.field) == (code, "name")
    assert "\n" not in str(problem)


@pytest.mark.parametrize("name", ["a", "...", "x" * 255, "é" * 127, "a/b%c", " ", "amq.direct"])
def test_names_that_can_be(name: str) -> None:
    assert rules.name_problem(name) is None


@pytest.mark.parametrize("queue_type", ["classic", "quorum", "stream"])
def test_queue_types_of_the_broker(queue_type: str) -> None:
    assert list(QUEUE.problems({"type": queue_type})) == []


@pytest.mark.parametrize("queue_type", ["Quorum", "", "mirrored", None, 1, ["quorum"]])
def test_other_queue_types_are_named_with_those_that_there_are(queue_type: t.Any) -> None:
    (problem,) = QUEUE.problems({"type": queue_type})
    assert (problem.code, problem.field) == ("queue.type_unknown", "type")
    assert repr(queue_type) in problem.message
    assert "classic, quorum, stream" in problem.message


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"x-message-ttl": 0, "x-max-length": 10, "x-single-active-consumer": False},
        {"x-delivery-limit": -1},
        {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "a"},
        {"x-overflow": "reject-publish", "x-max-age": "7D"},
        {"alternate-exchange": "unrouted"},
        {"of-a-plugin": [1, {"a": 1.5}], "another": "x"},
    ],
)
def test_arguments_that_can_be(arguments: dict[str, t.Any]) -> None:
    assert list(judge.problems(arguments, {**ARGUMENTS, **EXCHANGE_ARGUMENTS}, "arguments")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"x-message-ttl": "5"}, "argument.type", ["an integer", "the string '5'"]),
        ({"x-message-ttl": "soon"}, "argument.type", ["an integer", "the string 'soon'"]),
        ({"x-message-ttl": 5.0}, "argument.type", ["an integer", "the float 5.0"]),
        ({"x-message-ttl": True}, "argument.type", ["an integer", "the boolean True"]),
        ({"x-message-ttl": [5]}, "argument.type", ["an integer", "[5]"]),
        ({"x-message-ttl": -1}, "argument.negative", ["-1"]),
        ({"x-single-active-consumer": "true"}, "argument.type", ["true or false", "the string 'true'"]),
        ({"x-single-active-consumer": 1}, "argument.type", ["true or false", "the integer 1"]),
        ({"x-max-age": 7}, "argument.type", ["a string", "the integer 7"]),
        ({"x-overflow": "drop"}, "argument.choice", ["'drop'", "drop-head, reject-publish, reject-publish-dlx"]),
        ({"of-a-plugin": None}, "argument.null", ["null"]),
        ({"of-a-plugin": {"a": [None]}}, "argument.null", ["null"]),
        ({"x-max-age": "7days"}, "argument.format", ["7days"]),
        ({"x-max-priority": 300}, "argument.range", ["255"]),
        ({"x-expires": 0}, "argument.range", ["at least 1"]),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, t.Any], code: str, words: list[str]) -> None:
    (problem,) = judge.problems(arguments, ARGUMENTS, "arguments")
    assert (problem.code, problem.field) == (code, f"arguments.{next(iter(arguments))}")
    assert all(word in problem.message for word in words), problem
    assert "\n" not in str(problem)


@pytest.mark.parametrize(("text", "hint"), [("5", True), ("-5 ", True), ("soon", False)])
def test_only_text_that_is_a_number_gets_a_hint_about_templates(text: str, hint: bool) -> None:
    (problem,) = judge.problems({"x-message-ttl": text}, ARGUMENTS, "arguments")
    assert ("template" in problem.remedy) is hint


def test_every_argument_that_cannot_be_is_told() -> None:
    arguments = {"x-message-ttl": "5", "x-expires": None, "x-overflow": "drop", "x-max-length": 1}
    assert len(list(judge.problems(arguments, ARGUMENTS, "arguments"))) == 3
