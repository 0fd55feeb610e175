# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for names and arguments that need no broker. Private to this collection.

Argument types are those of the broker's queue types (https://www.rabbitmq.com/docs/queues, .../quorum-queues,
.../streams); an argument that is not listed here is sent as it is.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import is_exactly
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

QUEUE_TYPES = ("classic", "quorum", "stream")
NAME_BYTES = 255  # AMQP 0-9-1's short string

# fmt: off
_INTEGERS = (
    "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-priority", "x-delivery-limit", "x-quorum-initial-group-size",
    "x-quorum-target-group-size", "x-initial-cluster-size", "x-consumer-timeout", "x-consumer-disconnected-timeout", "x-delayed-retry-min",
    "x-delayed-retry-max", "x-stream-max-segment-size-bytes", "x-stream-filter-size-bytes", "x-queue-version",
)
_STRINGS = (
    "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-overflow", "x-max-age", "x-queue-leader-locator",
    "x-queue-master-locator", "x-queue-mode", "x-delayed-retry-type", "alternate-exchange",
)
# fmt: on
_ARGUMENT_TYPES: dict[str, type] = {**dict.fromkeys(_INTEGERS, int), **dict.fromkeys(_STRINGS, str), "x-single-active-consumer": bool}
_CHOICES = {
    "x-overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "x-dead-letter-strategy": ("at-most-once", "at-least-once"),
    "x-queue-leader-locator": ("client-local", "balanced"),
    "x-queue-mode": ("default", "lazy"),
}
WORDS = {int: "an integer", str: "a string", bool: "true or false", dict: "a mapping", list: "a list"}


def name_problem(name: str, field: str = "name") -> Problem | None:
    """Why an object cannot have this name; None where it can."""
    if name == "":
        return Problem("name.empty", "must not be empty", field=field)
    if name in (".", ".."):
        message = f"{name!r} cannot be part of an address of the management API"
        return Problem("name.unaddressable", message, field=field, remedy="choose another name")
    # Ansible hands bytes that are not UTF-8 over as lone surrogates.
    if any("\ud800" <= character <= "\udfff" for character in name):
        return Problem("name.encoding", "is not UTF-8: the broker would accept it and then fail to list it", field=field)
    size = len(name.encode())
    if size > NAME_BYTES:
        return Problem("name.length", f"has {size} bytes, and AMQP allows {NAME_BYTES} at most", field=field)
    return None


def argument_problems(arguments: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    for name, value in arguments.items():
        wanted, field = _ARGUMENT_TYPES.get(name), f"arguments.{name}"
        if value is None:
            yield Problem("argument.null", "is null, which no broker accepts", field=field, remedy="remove it")
        elif wanted is not None and not is_exactly(value, wanted):
            yield Problem("argument.type", f"must be {WORDS[wanted]}, not {_described(value)}", field=field, remedy=_remedy(value, wanted))
        # A negative delivery limit means none; the others are counts or times.
        elif wanted is int and value < 0 and name != "x-delivery-limit":
            yield Problem("argument.negative", f"must not be negative, and is {value}", field=field)
        elif name in _CHOICES and value not in _CHOICES[name]:
            yield Problem("argument.choice", f"is {value!r}, and must be one of {', '.join(_CHOICES[name])}", field=field)
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        message = "has no effect without x-dead-letter-exchange"
        yield Problem("argument.incomplete", message, field="arguments.x-dead-letter-routing-key", remedy="add x-dead-letter-exchange")


def _described(value: t.Any) -> str:
    kind = {str: "the string", bool: "the boolean", int: "the integer", float: "the float"}.get(type(value), "the value")
    return f"{kind} {value!r}"


def _remedy(value: t.Any, wanted: type) -> str:
    if wanted is int and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return "a template returns text: build the whole dictionary in one template, or add '| int' in native mode"
    return ""
