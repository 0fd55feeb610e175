# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task declares: the items of its lists and manifests, checked and with defaults. Private to this collection.

Pure: nothing here asks the broker.
"""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key, Secret, same
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import KEEP, Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared, Kind, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS

# The types of values, by the type of a field.
TYPES: dict[str, type] = {"bool": bool, "int": int, "dict": dict, "list": list, "str": str}


@dataclass(frozen=True)
class Item:
    """One entry as somebody wrote it: in a list (`queues[3]`) or as a custom resource (`Queue scan-vision`).

    `hint`: what to do if the user that it names does not exist.
    """

    kind: Kind
    values: Values
    source: str
    hint: str = ""

    @property
    def present(self) -> bool:
        return bool(self.values.get("state", "present") == "present")


def items_of_lists(params: t.Mapping[str, t.Any]) -> t.Iterator[Item]:
    """The items of the lists, with the task's vhost where they name none."""
    for kind in KINDS:
        for number, entry in enumerate(params.get(kind.option) or ()):
            values = {name: value for name, value in entry.items() if value is not None}
            if kind.in_vhost:
                values.setdefault("vhost", params["vhost"])
            yield Item(kind, values, f"{kind.option}[{number}]")


def declare(items: t.Iterable[Item]) -> dict[Key, Declared]:
    """All that the items declare, by key. Refused with every problem found."""
    problems: list[Problem] = []
    united: dict[Key, Declared] = {}
    for item in items:
        found = [replace(problem, item=item.source) for problem in _problems(item)]
        problems += found
        if found:
            continue
        declared = _declared(item)
        known = united.get(declared.key)
        merged = _merge(known, declared) if known else declared
        if isinstance(merged, Problem):
            problems.append(merged)
        else:
            united[declared.key] = merged
    if problems:
        raise Refused(problems)
    return united


def _merge(one: Declared, two: Declared) -> Declared | Problem:
    """Both declarations of one object as one; or what they disagree about."""
    if one.present != two.present:
        return _contradiction(one, two, "state", *("present" if each.present else "absent" for each in (two, one)))
    for name in one.fields.keys() & two.fields.keys():
        if not same(one.fields[name], two.fields[name]):
            return _contradiction(one, two, name, two.fields[name], one.fields[name])
    initial = {name for name in one.initial | two.initial if all(name in each.initial for each in (one, two) if name in each.fields)}
    return replace(one, fields=dict(one.fields, **two.fields), initial=frozenset(initial))


def _contradiction(one: Declared, two: Declared, field: str, here: t.Any, there: t.Any) -> Problem:
    values = "" if isinstance(here, Secret) else f": {here!r} here and {there!r} there"
    return two.problem("declaration.contradiction", f"differs from {one.source}{values}", "keep only one of the two", field)


def _problems(item: Item) -> t.Iterator[Problem]:
    """What is wrong with one item by itself."""
    for part in item.kind.identity:
        if part.name != "arguments":
            yield from _identity_problems(item, part)
    if item.present:
        for entry in item.kind.fields:
            yield from _field_problems(item.values, entry)
        yield from item.kind.problems(item.values)


def _identity_problems(item: Item, part: Field) -> t.Iterator[Problem]:
    value = item.values.get(part.name)
    if value is None:
        if part.default is KEEP:
            yield Problem("declaration.missing", "is required", field=part.name)
    elif not isinstance(value, str):
        yield Problem("declaration.type", f"must be a string, and is {value!r}", field=part.name)
    elif part.choices:
        yield from _choice_problems(item.values, part)
    else:
        special = item.kind.identity_problem(part.name, value)
        # A routing key stands in no path, and the default exchange has another name there.
        free = {"routing_key": ("", ".", ".."), "exchange": ("",)}.get(part.name, ())
        problem = special or (None if value in free else rules.name_problem(value, part.name))
        if problem:
            yield problem


def _field_problems(values: Values, entry: Field) -> t.Iterator[Problem]:
    if entry.name not in values:
        if entry.required:
            yield Problem("declaration.missing", "is required", field=entry.name)
    elif entry.required and entry.type == "dict" and not values[entry.name]:
        yield Problem("declaration.empty", "must have at least one key", field=entry.name)
    elif entry.choices:
        yield from _choice_problems(values, entry)


def _choice_problems(values: Values, entry: Field) -> t.Iterator[Problem]:
    if values[entry.name] not in (entry.choices or ()):
        message = f"is {values[entry.name]!r}, and must be one of {', '.join(entry.choices or ())}"
        yield Problem("declaration.choice", message, field=entry.name)


def _declared(item: Item) -> Declared:
    kind, values = item.kind, item.values
    identity = {part.name: values[part.name] if part.name in values else copy.copy(part.default) for part in kind.identity}
    fields = kind.declared(values) if item.present else {}
    return Declared(kind, kind.object(identity), identity, fields, item.present, item.source, kind.initial(values), item.hint)
