# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of a survey of AWX. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

_NUMBERS = {"integer": (int,), "float": (int, float)}
_CHOICES = ("multiplechoice", "multiselect")
TYPES = ("text", "textarea", "password", *_CHOICES, *_NUMBERS)


def problems(item: str, survey: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    questions = survey.get("spec")
    if not isinstance(questions, list) or not all(isinstance(question, dict) for question in questions):
        yield Problem("awx.survey", "it must hold a list of questions", item, "survey_spec.spec", "write one dictionary for each question")
        return
    seen: set[str] = set()
    for number, question in enumerate(questions):
        place = f"survey_spec.spec[{number}] ({question.get('variable', '')})"
        for message, remedy in _wrong(question):
            yield Problem("awx.survey", message, item, place, remedy)
        if question.get("variable") in seen:
            yield Problem("awx.survey", "another question has the same variable", item, place, "ask each variable once")
        seen.add(str(question.get("variable")))


def _wrong(question: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    for name in ("question_name", "variable", "type", "required"):
        if question.get(name) in (None, ""):
            yield f"it has no {name}", f"set {name}"
    kind = question.get("type")
    if kind and kind not in TYPES:
        yield f"AWX has no questions of the type {kind}", f"use one of {', '.join(TYPES)}; ask for a boolean by the choices true and false"
    if kind in _CHOICES:
        yield from _choices(question)
    elif question.get("default") not in (None, ""):
        yield from _default(question)


def _choices(question: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    choices = question.get("choices")
    listed = choices.splitlines() if isinstance(choices, str) else choices or []
    if not listed:
        yield "it has no choices", "list them"
    for choice in listed:
        if not isinstance(choice, str):
            yield f"the choice {choice!r} is no text", "write it in quotes"
    default = question.get("default")
    for wanted in default.splitlines() if isinstance(default, str) else default or []:
        if wanted not in listed:
            yield f"the default {wanted!r} is none of the choices", f"use one of {', '.join(map(str, listed))}"


def _default(question: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    default, kinds = question["default"], _NUMBERS.get(str(question.get("type")), (str,))
    if isinstance(default, bool) or not isinstance(default, kinds):
        yield f"the default {default!r} has the wrong type", f"write {'a number' if kinds != (str,) else 'a text in quotes'}"
    elif question.get("type") == "password":
        yield "a secret has a default", "leave the default out"
    else:
        size = len(default) if isinstance(default, str) else default
        low, high = question.get("min"), question.get("max")
        if (low not in (None, "") and size < low) or (high not in (None, "") and size > high):
            yield f"the default {default!r} is not between min and max", "change one of them"
