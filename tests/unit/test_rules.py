from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import rules


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 256, "é" * 128, "\udcff"])
def test_names_that_cannot_be(name: str) -> None:
    problem = rules.name_problem(name)
    assert problem
    assert "\n" not in problem


@pytest.mark.parametrize("name", ["a", "...", "x" * 255, "é" * 127, "a/b%c", " ", "amq.direct"])
def test_names_that_can_be(name: str) -> None:
    assert rules.name_problem(name) is None


@pytest.mark.parametrize("queue_type", ["classic", "quorum", "stream"])
def test_queue_types_of_the_broker(queue_type: str) -> None:
    assert rules.queue_type_problem(queue_type) is None


@pytest.mark.parametrize("queue_type", ["Quorum", "", "mirrored", None, 1, ["quorum"]])
def test_other_queue_types_are_named_with_those_that_there_are(queue_type: t.Any) -> None:
    problem = rules.queue_type_problem(queue_type)
    assert problem
    assert repr(queue_type) in problem
    assert "classic, quorum, stream" in problem


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
    assert list(rules.argument_problems(arguments)) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x-message-ttl": "5"}, ["x-message-ttl", "an integer", "the string '5'", "template"]),
        ({"x-message-ttl": "-5 "}, ["template"]),
        ({"x-message-ttl": "soon"}, ["an integer", "the string 'soon'"]),
        ({"x-message-ttl": 5.0}, ["an integer", "the float 5.0"]),
        ({"x-message-ttl": True}, ["an integer", "the boolean True"]),
        ({"x-message-ttl": [5]}, ["an integer", "[5]"]),
        ({"x-message-ttl": -1}, ["x-message-ttl", "negative", "-1"]),
        ({"x-single-active-consumer": "true"}, ["true or false", "the string 'true'"]),
        ({"x-single-active-consumer": 1}, ["true or false", "the integer 1"]),
        ({"x-max-age": 7}, ["x-max-age", "a string", "the integer 7"]),
        ({"x-overflow": "drop"}, ["x-overflow", "'drop'", "drop-head, reject-publish, reject-publish-dlx"]),
        ({"x-queue-mode": "eager"}, ["x-queue-mode", "default, lazy"]),
        ({"of-a-plugin": None}, ["of-a-plugin", "null"]),
        ({"x-dead-letter-routing-key": "a"}, ["x-dead-letter-routing-key", "x-dead-letter-exchange"]),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, t.Any], words: list[str]) -> None:
    (problem,) = rules.argument_problems(arguments)
    assert all(word in problem for word in words), problem
    assert "\n" not in problem


def test_text_that_is_no_number_gets_no_hint_about_templates() -> None:
    (problem,) = rules.argument_problems({"x-message-ttl": "soon"})
    assert "template" not in problem


def test_every_argument_that_cannot_be_is_told() -> None:
    assert len(list(rules.argument_problems({"x-message-ttl": "5", "x-expires": None, "x-overflow": "drop", "x-max-length": 1}))) == 3
