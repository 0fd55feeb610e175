"""What a user has given for options: the answers of a survey, and the same in variables of an inventory."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine import given as room
from ansible_collections.eco2.platform.plugins.module_utils._engine.given import given

SPEC = {
    "url": {"type": "list", "elements": "str", "default": ["http://localhost:15672"]},
    "version": {"type": "str"},
    "name": {"type": "str", "required": True},
    "user": {"type": "str", "required": True, "fallback": (str, ["USER"])},
    "password": {"type": "str", "no_log": True},
    "pin": {"type": "int", "no_log": True},
    "limit": {"type": "int", "default": 5},
    "wait": {"type": "float", "default": 1.5},
    "exact": {"type": "bool", "default": False, "aliases": ["precise"]},
    "profile": {"type": "raw"},
    "settings": {"type": "dict", "default": {}},
    "queues": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "arguments": {"type": "dict"},
            "durable": {"type": "bool", "default": True},
            "tags": {"type": "list", "elements": "str"},
            "value": {"type": "raw"},
            "password": {"type": "str", "no_log": True},
        },
    },
}


def read(**params: t.Any) -> dict[str, t.Any]:
    problems = list(given(SPEC, params))
    assert problems == []
    return params


@pytest.mark.parametrize("name", [name for name in SPEC if name != "name"])
@pytest.mark.parametrize("blank", [None, ""])
def test_a_blank_answer_is_not_given(name: str, blank: t.Any) -> None:
    assert read(**{name: blank}) == {}


def test_a_required_option_without_a_fallback_keeps_its_empty_text() -> None:
    """The module judges it, and names what it is."""
    assert read(name="") == {"name": ""}


def test_in_an_item_an_empty_text_is_a_value_and_null_is_a_raw_value() -> None:
    item = {"name": "", "arguments": "", "durable": None, "value": None}
    assert read(queues=[item]) == {"queues": [{"name": "", "value": None}]}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a", ["a"]),
        ("a, b,", ["a", "b"]),
        ("a\nb\n\n", ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("[a, b]", ["a", "b"]),
        ("- a\n- 1.30\n- no\n- 0x10", ["a", "1.30", "no", "0x10"]),
        ("[1.30, 5]", ["1.30", "5"]),
        ("[fd00::1]:26379", ["[fd00::1]:26379"]),
        ("{{ inventory_hostname }}", ["{{ inventory_hostname }}"]),
        ("ü, 'quoted'", ["ü", "'quoted'"]),
    ],
)
def test_a_list_of_texts(text: str, meant: list[str]) -> None:
    assert read(url=text) == {"url": meant}


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "1.30", "arguments": {"x-max-length": 5, "x-overflow": "no"}, "tags": ["on"]}]',
        "- name: 1.30\n  arguments: {x-max-length: 5, x-overflow: 'no'}\n  tags: [on]",
        '- {name: 1.30, tags: "on", arguments: \'{"x-max-length": 5, "x-overflow": "no"}\'}',
    ],
)
def test_a_list_of_dictionaries_keeps_texts_as_they_were_typed(text: str) -> None:
    queue = {"name": "1.30", "arguments": {"x-max-length": 5, "x-overflow": "no"}, "tags": ["on"]}
    assert read(queues=text) == {"queues": [queue]}


def test_braces_in_a_text_stay_what_they_are() -> None:
    text = "{{ lookup('pipe', 'id') }}"
    assert read(version=text, queues=f'[{{"name": "{text}"}}]') == {"version": text, "queues": [{"name": text}]}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("maxmemory: 1gb\nport: 5", {"maxmemory": "1gb", "port": 5}),
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ("a=1 b=2", "a=1 b=2"),
    ],
)
def test_a_dictionary(text: str, meant: t.Any) -> None:
    assert read(settings=text) == {"settings": meant}


@pytest.mark.parametrize(
    ("answers", "meant"),
    [
        ({"limit": "7", "wait": "0.5", "exact": "false"}, {"limit": 7, "wait": 0.5, "exact": False}),
        ({"precise": "yes", "version": "1.30"}, {"precise": True, "version": "1.30"}),
        ({"profile": "{a"}, {"profile": "{a"}),
    ],
)
def test_numbers_and_booleans_as_text(answers: dict[str, t.Any], meant: dict[str, t.Any]) -> None:
    assert read(**answers) == meant


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"limit": "0x10"}, 'limit: is "0x10", and must be a whole number'),
        ({"limit": "many"}, 'limit: is "many", and must be a whole number'),
        ({"limit": float("inf")}, "limit: is Infinity, and must be a whole number"),
        ({"limit": True}, "limit: is true, and must be a whole number"),
        ({"wait": False}, "wait: is false, and must be a number"),
        ({"wait": "soon"}, 'wait: is "soon", and must be a number'),
        ({"exact": "may be\n"}, 'exact: is "may be\\n", and must be true or false'),
        ({"pin": "hunter2"}, "pin: must be a whole number"),
        ({"queues": "5"}, "queues: must be a list, and the text is a single value: begin each item with '- ', or write JSON in brackets"),
        (
            {"queues": "name: q"},
            "queues: must be a list, and the text is a dictionary: begin each item with '- ', or write JSON in brackets",
        ),
        ({"queues": '[{"name": "q"'}, "queues: must be a list: the text is neither JSON nor YAML"),
        ({"queues": "- name: q\n  arguments: {a: }}\n- name: r"}, "queues: must be a list: the text is neither JSON nor YAML (see line 2)"),
        (
            {"settings": "a"},
            "settings: must be a dictionary, and the text is a single value: write NAME: VALUE on each line, or JSON in braces",
        ),
        ({"settings": "{a: 1"}, "settings: must be a dictionary: the text is neither JSON nor YAML"),
        ({"url": "[a, {b: c}]"}, 'url: is "[a, {b: c}]", and must be a list of texts'),
        ({"queues": [{"name": "a"}, {"name": "b", "durable": "may be"}]}, 'queues[1]: durable: is "may be", and must be true or false'),
    ],
)
def test_a_wrong_one_is_refused_in_one_line(answers: dict[str, t.Any], line: str) -> None:
    (problem,) = given(SPEC, answers)
    assert (problem.code, str(problem)) == ("option.type", line)


def test_without_pyyaml_json_is_read_and_the_refusal_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "yaml", None)
    assert read(queues='[{"name": "q"}]') == {"queues": [{"name": "q"}]}
    (problem,) = given(SPEC, {"queues": "- name: q"})
    assert str(problem) == "queues: must be a list: the text is not JSON, and this host has no PyYAML"
