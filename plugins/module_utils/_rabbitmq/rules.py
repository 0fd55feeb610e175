# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for names and arguments that can be told before the broker is asked. Private to this collection.

Argument types are those of the broker's queue types (https://www.rabbitmq.com/docs/queues, .../quorum-queues,
.../streams); an argument not listed here is passed on as it is.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import is_exactly
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import QUEUE_TYPES

NAME_BYTES = 255  # AMQP 0-9-1's short string

_ARGUMENT_TYPES: dict[str, type] = {
    **dict.fromkeys(
        (
            "x-message-ttl",
            "x-expires",
            "x-max-length",
            "x-max-length-bytes",
            "x-max-priority",
            "x-delivery-limit",
            "x-quorum-initial-group-size",
            "x-quorum-target-group-size",
            "x-initial-cluster-size",
            "x-consumer-timeout",
            "x-consumer-disconnected-timeout",
            "x-delayed-retry-min",
            "x-delayed-retry-max",
            "x-stream-max-segment-size-bytes",
            "x-stream-filter-size-bytes",
            "x-queue-version",
        ),
        int,
    ),
    **dict.fromkeys(
        (
            "x-dead-letter-exchange",
            "x-dead-letter-routing-key",
            "x-dead-letter-strategy",
            "x-overflow",
            "x-max-age",
            "x-queue-leader-locator",
            "x-queue-master-locator",
            "x-queue-mode",
            "x-delayed-retry-type",
            "alternate-exchange",
        ),
        str,
    ),
    "x-single-active-consumer": bool,
}
_CHOICES = {
    "x-overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "x-dead-letter-strategy": ("at-most-once", "at-least-once"),
    "x-queue-leader-locator": ("client-local", "balanced"),
    "x-queue-mode": ("default", "lazy"),
}
_WORDS = {int: "an integer", str: "a string", bool: "true or false"}
# Negative means "none" for the delivery limit; the others count or last.
_MAY_BE_NEGATIVE = frozenset({"x-delivery-limit"})


def name_problem(name: str) -> str | None:
    """Why an object cannot have this name; None where it can."""
    if name == "":
        return "its name is empty"
    if name in (".", ".."):
        return f"the name {name!r} cannot be addressed through the management API"
    if not _is_utf8(name):
        return "its name is not UTF-8: the broker would take it, and fail to list it"
    size = len(name.encode())
    if size > NAME_BYTES:
        return f"its name has {size} bytes, {NAME_BYTES} are the most that AMQP allows"
    return None


def _is_utf8(text: str) -> bool:
    """Ansible hands bytes that are not UTF-8 over as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def queue_type_problem(queue_type: t.Any) -> str | None:
    if queue_type in QUEUE_TYPES:
        return None
    return f"unknown queue type {queue_type!r}: it is one of {', '.join(QUEUE_TYPES)}"


def argument_problems(arguments: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name, value in arguments.items():
        wanted = _ARGUMENT_TYPES.get(name)
        if value is None:
            yield f"argument {name} is null, which no broker accepts: leave it out"
        elif wanted is not None and not is_exactly(value, wanted):
            yield f"argument {name} must be {_WORDS[wanted]}, not {_described(value)}{_hint(value, wanted)}"
        elif wanted is int and value < 0 and name not in _MAY_BE_NEGATIVE:
            yield f"argument {name} must not be negative, is {value}"
        elif name in _CHOICES and value not in _CHOICES[name]:
            yield f"argument {name} is {value!r}: it is one of {', '.join(_CHOICES[name])}"
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        yield "argument x-dead-letter-routing-key needs x-dead-letter-exchange beside it"


def _described(value: t.Any) -> str:
    kind = {str: "the string", bool: "the boolean", int: "the integer", float: "the float"}.get(type(value), "the value")
    return f"{kind} {value!r}"


def _hint(value: t.Any, wanted: type) -> str:
    if wanted is int and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return " (a template makes text: build the whole dictionary in one template, or add '| int' in native mode)"
    return ""
