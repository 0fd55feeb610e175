# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges settings by the table, for one release or for all. Private to this collection. Pure."""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import is_exactly
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.rules import WORDS
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings.table import LINES, Release, Rule, Table, Value

Settings = t.Mapping[str, t.Any]


def problems(settings: Settings, table: Table, field: str, release: Release | None = None, queue_type: str = "") -> t.Iterator[Problem]:
    """What a broker of this release, or a broker of any, refuses. `field` is "arguments" or "definition". Names that the table does not
    have are not judged. Without `queue_type` a queue may have any type."""
    for name, value in settings.items():
        if has_null(value):
            message = "is null, or holds a null, which no broker accepts"
            yield Problem(f"{field[:-1] if field == 'arguments' else field}.null", message, field=f"{field}.{name}", remedy="remove it")
        else:
            rules = [_rule(table, name, each) for each in ([release] if release else LINES)]
            found = [_problem(name, value, rule, field, queue_type) if rule else None for rule in rules]
            if found[-1] is not None and None not in found:
                yield found[-1]


def unknown(settings: Settings, table: Table, release: Release) -> t.Iterator[tuple[str, str, bool]]:
    """The names that a broker of this release does not know, each with what to say of it, and whether it is surely a mistake."""
    for name in settings:
        if _rule(table, name, release):
            continue
        near = difflib.get_close_matches(name, [known for known in table if known != name], 1, 0.8)
        meant = f"did you mean {near[0]}?" if near else "a plugin may know it"
        yield name, "this release does not have it" if name in table else meant, name in table or bool(near)


def has_null(value: t.Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _rule(table: Table, name: str, release: Release) -> Rule | None:
    return next((rule for rule in table.get(name, ()) if rule.holds(release)), None)


def _problem(name: str, value: t.Any, rule: Rule, field: str, queue_type: str) -> Problem | None:
    code, where = "argument" if field == "arguments" else field, f"{field}.{name}"
    if queue_type and rule.types and queue_type not in rule.types:
        message = f"is no argument of a {queue_type} queue, but of {' and '.join(rule.types)} ones"
        return Problem(f"{code}.queue_type", message, field=where, remedy="remove it, or choose another type")
    wrong = _wrong(value, rule)
    return Problem(f"{code}.{wrong[0]}", wrong[1], field=where, remedy=_remedy(value, rule.value.type)) if wrong else None


def _wrong(value: t.Any, rule: Rule) -> tuple[str, str] | None:
    wanted: Value = rule.value
    if wanted.type is None:
        return None
    if not is_exactly(value, wanted.type):
        return "type", f"must be {WORDS[wanted.type]}, not {_described(value)}"
    if wanted.words and value not in wanted.words:
        return "choice", f"is {value!r}, and must be one of {', '.join(map(str, wanted.words))}"
    if wanted.least is not None and value < wanted.least:
        return ("negative", f"must not be negative, and is {value}") if value < 0 else ("range", f"must be at least {wanted.least}")
    if wanted.most is not None and value > wanted.most:
        return "range", f"must be at most {wanted.most}, and is {value}"
    if wanted.form and not re.fullmatch(wanted.form, value):
        return "format", f"is {value!r}, and must be a number above 0 and one of the units Y, M, D, h, m, s, such as 7D"
    return None


def _described(value: t.Any) -> str:
    kind = {str: "the string", bool: "the boolean", int: "the integer", float: "the float"}.get(type(value), "the value")
    return f"{kind} {value!r}"


def _remedy(value: t.Any, wanted: type | None) -> str:
    if wanted is int and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return "a template returns text: build the whole dictionary in one template, or add '| int' in native mode"
    return ""
