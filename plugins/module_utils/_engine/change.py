# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes: what a run is going to write, and what can go wrong with one of them. Private to this collection.

Knows no service and does no I/O.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Action = str  # "create", "update", "replace" or "delete"
Key = t.Tuple[str, str]  # kind and object: unique within one server

HIDDEN = "(hidden)"


class Secret:
    """A value that is compared and sent, and never shown."""

    def __init__(self, value: t.Any) -> None:
        self._value = value

    def reveal(self) -> t.Any:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(Secret)

    def __repr__(self) -> str:
        return HIDDEN


class ChangeFailed(Exception):
    """The server refused a change; other changes may go on."""

    # Whether something of the change was written nevertheless.
    touched = False


class Altered(ChangeFailed):
    """The server accepted a change, but the object is not as declared; other changes may go on."""

    touched = True


class HalfDone(ChangeFailed):
    """A change failed after a part of it was written. Nothing further is tried."""

    touched = True


class NoAnswer(Exception):
    """A change was sent and no answer came: it may have been made."""


class Unreachable(Exception):
    """The server cannot be reached any more. Nothing further is tried."""


# What a service may raise while it reads or writes.
WRITE_ERRORS = (ChangeFailed, NoAnswer, Unreachable)


def same(left: t.Any, right: t.Any) -> bool:
    """Whether two JSON values are equal with their types: 1, 1.0 and true are three different values."""
    if not is_exactly(left, type(right)):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right))
    return bool(left == right)


def is_exactly(value: t.Any, kind: type) -> bool:
    """Whether the value has this type and no subtype: true is not an integer here, as it is none to a server."""
    return value.__class__ is kind


@dataclass(frozen=True)
class Difference:
    """One field of one object; None on a side where the object or the field is absent."""

    field: str
    before: t.Any
    after: t.Any

    def shown(self) -> dict[str, t.Any]:
        return {"field": self.field, "before": shown(self.before), "after": shown(self.after)}


@dataclass(frozen=True)
class Change:
    """One write. Lower stages come first; a change is not tried once one of its `needs` has failed."""

    kind: str
    object: str
    identity: dict[str, t.Any]
    action: Action
    differences: tuple[Difference, ...]
    stage: int = 0
    needs: frozenset[Key] = frozenset()
    # What the service needs to write it and what is not shown, such as the full body to send.
    payload: t.Any = None

    @property
    def key(self) -> Key:
        return (self.kind, self.object)

    def named(self) -> dict[str, t.Any]:
        return {"kind": self.kind, "object": self.object, "identity": self.identity, "action": self.action}

    def shown(self) -> dict[str, t.Any]:
        return dict(self.named(), differences=[difference.shown() for difference in self.differences])


@dataclass(frozen=True)
class Plan:
    """`changes` in a stable order: by stage, then kind, then object. `unchanged`: how many objects are as declared."""

    changes: tuple[Change, ...] = ()
    unchanged: int = 0

    @staticmethod
    def of(changes: t.Iterable[Change], unchanged: int = 0) -> Plan:
        return Plan(tuple(sorted(changes, key=lambda change: (change.stage, change.kind, change.object))), unchanged)


def shown(value: t.Any) -> t.Any:
    return HIDDEN if isinstance(value, Secret) else value
