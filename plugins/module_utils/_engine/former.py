# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The former apply loop, for services that are not on the engine yet. Private to this collection."""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import (
    Change,
    ChangeFailed,
    HalfDone,
    Key,
    NoAnswer,
    Plan,
    Unreachable,
)
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import shown as _shown


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
