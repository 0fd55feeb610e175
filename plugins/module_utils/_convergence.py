# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge: what is wanted, what is there, the changes between them, and their application in order.

Private to this collection; may change in any release.

Knows no service and does no I/O of its own. A service brings an observe, a plan and a writer.
"""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

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


class Refused(Exception):
    """The task cannot be done as declared; nothing was written. One line a problem."""

    def __init__(self, problems: t.Sequence[str]) -> None:
        super().__init__(summary(problems))
        self.problems = list(problems)


class ChangeFailed(Exception):
    """The server answered a change with a refusal; other changes may go on."""


class HalfDone(ChangeFailed):
    """A change was refused half-way, and what was left of it undone as far as that went: nothing further is worth trying."""


class NoAnswer(Exception):
    """A change was sent and no answer came: it may or may not have happened."""


class Unreachable(Exception):
    """The server cannot be reached any more: nothing further is worth trying."""


def summary(problems: t.Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems)} problems: " + "; ".join(f"({n}) {text}" for n, text in enumerate(problems, 1))


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
    """Whether the value is of that type and no other: true is no integer here, as it is none to a server."""
    return value.__class__ is kind


@dataclass(frozen=True)
class Difference:
    """One field of one object; None on a side where the object or the field is absent."""

    field: str
    before: t.Any
    after: t.Any

    def shown(self) -> dict[str, t.Any]:
        return {"field": self.field, "before": _shown(self.before), "after": _shown(self.after)}


@dataclass(frozen=True)
class Change:
    """One write. Lower stages come first; a change is not tried once one of its `needs` has failed."""

    kind: str
    object: str
    identity: dict[str, t.Any]
    action: Action
    differences: tuple[Difference, ...]
    stage: int
    needs: frozenset[Key] = frozenset()
    # What the service's writer needs beyond what is shown, such as the full body to send.
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
    """`changes` in a stable order: by stage, then kind, then object."""

    changes: tuple[Change, ...]
    unchanged: int

    @staticmethod
    def of(changes: t.Iterable[Change], unchanged: int) -> Plan:
        return Plan(tuple(sorted(changes, key=lambda change: (change.stage, change.kind, change.object))), unchanged)


@dataclass
class Outcome:
    """What became of a plan's changes; `stopped` holds the reason why the rest was not tried.

    `touched`: whether a change that failed has changed something nevertheless.
    """

    done: list[Change] = field(default_factory=list)
    failures: list[tuple[Change, str]] = field(default_factory=list)
    unknown: list[Change] = field(default_factory=list)
    not_attempted: list[Change] = field(default_factory=list)
    stopped: str | None = None
    touched: bool = False

    @property
    def complete(self) -> bool:
        return not (self.failures or self.unknown or self.not_attempted)


class Writer(t.Protocol):
    """How a service writes. Both methods may raise Unreachable."""

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        """Write some of these in bulk, where the service can; the keys of those proven done."""

    def one(self, change: Change) -> None:
        """Write one; raises ChangeFailed or NoAnswer. Called from several threads at once."""


def apply(plan: Plan, writer: Writer, workers: int) -> Outcome:
    """Apply the plan stage by stage, `workers` changes of a stage side by side.

    A failed change stops what needs it and nothing else. Never raises for the server's sake: the outcome says it all.
    """
    run = _Run(writer, Outcome())
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for stage in sorted({change.stage for change in plan.changes}):
            run.stage([change for change in plan.changes if change.stage == stage], pool)
    for changes in (run.outcome.done, run.outcome.unknown, run.outcome.not_attempted):
        changes.sort(key=_order(plan))
    return run.outcome


def _order(plan: Plan) -> t.Callable[[Change], int]:
    position = {id(change): number for number, change in enumerate(plan.changes)}
    return lambda change: position[id(change)]


class _Run:
    """The state of one application: outcome so far, and the keys whose dependents must wait for another run."""

    def __init__(self, writer: Writer, outcome: Outcome) -> None:
        self.writer = writer
        self.outcome = outcome
        self.broken: set[Key] = set()
        self.lock = threading.Lock()

    def stage(self, changes: list[Change], pool: ThreadPoolExecutor) -> None:
        ready = []
        for change in changes:
            if self.outcome.stopped is not None or change.needs & self.broken:
                self.skip(change)
            else:
                ready.append(change)
        list(pool.map(self.one, self.in_bulk(ready)))

    def in_bulk(self, changes: list[Change]) -> list[Change]:
        """What is left to write singly after the writer has had its chance to write in bulk."""
        if not changes:
            return []
        try:
            done = self.writer.together(changes)
        except Unreachable as error:
            self.outcome.stopped = str(error)
            self.outcome.unknown += changes
            return []
        self.outcome.done += [change for change in changes if change.key in done]
        return [change for change in changes if change.key not in done]

    def one(self, change: Change) -> None:
        if self.outcome.stopped is not None:
            with self.lock:
                self.skip(change)
            return
        try:
            self.writer.one(change)
        except (ChangeFailed, NoAnswer, Unreachable) as error:
            with self.lock:
                self.failed(change, error)
        else:
            with self.lock:
                self.outcome.done.append(change)

    def skip(self, change: Change) -> None:
        self.outcome.not_attempted.append(change)
        self.broken.add(change.key)

    def failed(self, change: Change, error: Exception) -> None:
        self.broken.add(change.key)
        if isinstance(error, NoAnswer):
            self.outcome.unknown.append(change)
        elif isinstance(error, ChangeFailed):
            self.outcome.failures.append((change, str(error)))
        else:
            self.outcome.not_attempted.append(change)
        if isinstance(error, HalfDone):
            self.outcome.touched = True
        if isinstance(error, (HalfDone, NoAnswer, Unreachable)) and self.outcome.stopped is None:
            self.outcome.stopped = str(error)


def predicted(plan: Plan, diff: bool) -> dict[str, t.Any]:
    """The result of a run in check mode: the changes that an apply would make."""
    return _result(plan, plan.changes, diff)


def achieved(plan: Plan, outcome: Outcome, diff: bool) -> dict[str, t.Any]:
    """The result of an apply: the changes made, and what went wrong, if anything did."""
    result = _result(plan, outcome.done, diff)
    # What was sent without an answer may have been written: honesty says changed.
    result["changed"] = bool(outcome.done or outcome.unknown or outcome.touched)
    if not outcome.complete:
        result["failures"] = [dict(change.named(), reason=reason) for change, reason in outcome.failures]
        result["unknown"] = [change.named() for change in outcome.unknown]
        result["not_attempted"] = [change.named() for change in outcome.not_attempted]
    return result


def failure_message(outcome: Outcome) -> str:
    """One line: how far it got, the first reason, and what a second run will do."""
    reasons = [f"{change.kind} {change.object}: {reason}" for change, reason in outcome.failures]
    first = outcome.stopped or (reasons[0] if reasons else "")
    counts = (
        f"{len(outcome.done)} changes made, {len(outcome.failures)} refused by the server, "
        f"{len(outcome.unknown)} sent without an answer, {len(outcome.not_attempted)} not attempted"
    )
    return f"{first} ({counts}; running the task again goes on from here)"


def _result(plan: Plan, changes: t.Sequence[Change], diff: bool) -> dict[str, t.Any]:
    result: dict[str, t.Any] = {
        "changed": bool(changes),
        "changes": [change.shown() for change in changes],
        "unchanged": plan.unchanged,
    }
    if diff:
        result["diff"] = {"before": _side(changes, "before"), "after": _side(changes, "after")}
    return result


def _side(changes: t.Sequence[Change], side: str) -> dict[str, t.Any]:
    """The changed fields of each changed object, as they stand on that side."""
    absent = {"before": "create", "after": "delete"}[side]
    return {
        f"{change.kind} {change.object}": {d.field: _shown(getattr(d, side)) for d in change.differences}
        for change in changes
        if change.action != absent
    }


def _shown(value: t.Any) -> t.Any:
    return HIDDEN if isinstance(value, Secret) else value
