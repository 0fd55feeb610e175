# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task declares: items of its lists and manifests, validated, normalised and united.

Private to this collection. Pure: nothing here asks the broker.
"""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key, Secret, same
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds, passwords, rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import KEEP, Kind, Values


@dataclass(frozen=True)
class Item:
    """One entry as somebody wrote it: in a list (`queues[3]`) or as a custom resource (`Queue scan-vision`)."""

    kind: Kind
    values: Values
    source: str


@dataclass(frozen=True)
class Declared:
    """One object as it shall be. `fields` holds only what was declared; what is missing there stays as it is."""

    kind: Kind
    object: str
    identity: Values
    fields: Values
    present: bool
    source: str
    # The password counts only when the user is created (update_password: on_create).
    password_once: bool = False

    @property
    def key(self) -> Key:
        return (self.kind.name, self.object)

    def __str__(self) -> str:
        return f"{self.source} ({self.kind.name} {self.object})"


def items_of_lists(params: t.Mapping[str, t.Any]) -> t.Iterator[Item]:
    """The entries of the lists, with the task's vhost where they name none."""
    for kind in kinds.KINDS:
        for number, entry in enumerate(params.get(kind.option) or ()):
            values = {name: value for name, value in entry.items() if value is not None}
            if kind.in_vhost:
                values.setdefault("vhost", params["vhost"])
            yield Item(kind, values, f"{kind.option}[{number}]")


def declare(items: t.Iterable[Item]) -> dict[Key, Declared]:
    """All that the items declare, by key. Refused with every problem found."""
    problems: list[str] = []
    united: dict[Key, Declared] = {}
    for item in items:
        found = list(_problems(item))
        if found:
            problems += [f"{item.source}: {problem}" for problem in found]
            continue
        declared = _normalise(item)
        other = united.setdefault(declared.key, declared)
        if other is not declared:
            merged = _merge(other, declared)
            if isinstance(merged, str):
                problems.append(f"{declared}: contradicts {other.source}: {merged}; keep one of the two")
            else:
                united[declared.key] = merged
    if problems:
        raise Refused(problems)
    return united


def _merge(one: Declared, two: Declared) -> Declared | str:
    """Both declarations of one object as one; or what they disagree about."""
    if one.present != two.present:
        return f"one says state {_state(one)}, the other {_state(two)}"
    for name in one.fields.keys() & two.fields.keys():
        left, right = one.fields[name], two.fields[name]
        if not same(left, right):
            if isinstance(left, Secret):
                return f"{name} differs"
            return f"{name} is {right!r} here and {left!r} there"
    merged = dict(one.fields, **two.fields)
    once = all(entry.password_once for entry in (one, two) if "password" in entry.fields)
    return Declared(one.kind, one.object, one.identity, merged, one.present, one.source, once)


def _state(declared: Declared) -> str:
    return "present" if declared.present else "absent"


def _problems(item: Item) -> t.Iterator[str]:
    """What is wrong with one entry by itself."""
    for part in item.kind.identity:
        yield from _identity_problems(item, part)
    if item.values.get("state", "present") == "present":
        for entry in item.kind.fields:
            yield from _field_problems(item.values, entry)
        yield from _OF_KIND.get(item.kind.name, _nothing)(item.values)


def _identity_problems(item: Item, part: str) -> t.Iterator[str]:
    kind, value = item.kind, item.values.get(part)
    optional = kind.optional_identity.get(part)
    if part == "arguments" or (value is None and optional is not None and not optional.required):
        return
    if value is None:
        yield f"{part} is missing"
    elif not isinstance(value, str):
        yield f"{part} must be a string, is {value!r}"
    elif optional is not None and optional.choices:
        if value not in optional.choices:
            yield f"{part} is {value!r}: it is one of {', '.join(optional.choices)}"
    elif part == "routing_key":
        problem = rules.name_problem(value) if value not in ("", ".", "..") else None
        if problem:
            yield f"routing_key: {problem}"
    elif part != "exchange" or value:
        problem = rules.name_problem(value)
        if problem:
            label = part if part == "name" else f"{part} {value[:40]!r}"
            yield f"{label}: {_default_exchange(kind, part, value) or problem}"


def _field_problems(values: Values, entry: kinds.Field) -> t.Iterator[str]:
    if entry.required and entry.name not in values:
        yield f"{entry.name} is missing"
    elif entry.choices and entry.name in values and values[entry.name] not in entry.choices:
        yield f"{entry.name} is {values[entry.name]!r}: it is one of {', '.join(entry.choices)}"


def _default_exchange(kind: Kind, part: str, value: str) -> str | None:
    if kind is kinds.BINDING and part == "source" and value == "":
        return "the default exchange binds every queue by its name already, and takes no other bindings"
    if kind is kinds.EXCHANGE and value == "":
        return "the default exchange always exists and cannot be declared"
    return None


def _queue_problems(values: Values) -> t.Iterator[str]:
    arguments = values.get("arguments", {})
    named = [values[name] for name in ("type",) if name in values]
    named += [arguments["x-queue-type"]] if "x-queue-type" in arguments else []
    if len(named) == 2 and named[0] != named[1]:
        yield f"type is {named[0]!r} and argument x-queue-type is {named[1]!r}: they are one thing, give one"
    for queue_type in named[:1]:
        problem = rules.queue_type_problem(queue_type)
        if problem:
            yield problem
    yield from rules.argument_problems({k: v for k, v in arguments.items() if k != "x-queue-type"})


def _user_problems(values: Values) -> t.Iterator[str]:
    if "password" in values and "password_hash" in values:
        yield "give password or password_hash, not both"
    if values.get("password") == "":
        yield "password is empty; to forbid logins by password give an empty password_hash"
    if "password_hash" in values:
        problem = passwords.problem(values["password_hash"], values.get("hashing_algorithm", "sha256"))
        if problem:
            yield f"password_hash {problem}"


def _exchange_problems(values: Values) -> t.Iterator[str]:
    return rules.argument_problems(values.get("arguments", {}))


def _policy_problems(values: Values) -> t.Iterator[str]:
    if values.get("definition") == {}:
        yield "definition is empty: a policy needs at least one key"


def _nothing(dummy: Values) -> t.Iterator[str]:
    return iter(())


_OF_KIND: dict[str, t.Callable[[Values], t.Iterator[str]]] = {
    "queue": _queue_problems,
    "exchange": _exchange_problems,
    "user": _user_problems,
    "policy": _policy_problems,
    "operator_policy": _policy_problems,
}


def _normalise(item: Item) -> Declared:
    kind, values = item.kind, item.values
    identity = {part: values[part] if part in values else copy.copy(kind.optional_identity[part].default) for part in kind.identity}
    present = values.get("state", "present") == "present"
    fields: Values = {}
    if present:
        for entry in kind.fields:
            if entry.name in values:
                fields[entry.name] = values[entry.name]
            elif entry.default is not KEEP and not entry.required:
                fields[entry.name] = copy.copy(entry.default)
        if "tags" in fields:
            fields["tags"] = sorted(set(fields["tags"]))
        if kind is kinds.QUEUE:
            _lift_type(fields)
        elif kind is kinds.USER:
            _set_credential(fields, values)
    once = values.get("update_password") == "on_create"
    return Declared(kind, kind.object(identity), identity, fields, present, item.source, once)


def _lift_type(fields: Values) -> None:
    """`type` and the argument x-queue-type are one thing: it lives in `type`."""
    arguments = dict(fields["arguments"])
    if "x-queue-type" in arguments:
        fields["type"] = arguments.pop("x-queue-type")
    fields["arguments"] = arguments


def _set_credential(fields: Values, values: Values) -> None:
    if "password" in values:
        fields["password"] = Secret(passwords.Password(values["password"]))
    elif "password_hash" in values:
        algorithm = passwords.MODULES[values.get("hashing_algorithm", "sha256")]
        fields["password"] = Secret(passwords.Hash(values["password_hash"], algorithm))
