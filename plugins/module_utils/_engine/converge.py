# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge: what every module of this collection does. Private to this collection.

    observe -> prepare -> plan -> problems -> prove -> write, stage by stage -> settle

Knows no service, no AnsibleModule, and does no I/O of its own, so modules and action plugins use it alike. This is the only place that
reads check mode.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import (
    WRITE_ERRORS,
    Change,
    ChangeFailed,
    HalfDone,
    Key,
    NoAnswer,
    Plan,
    Unreachable,
    shown,
)
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, in_words

Result = t.Dict[str, t.Any]


class Service:
    """What one module converges; an instance serves one run. Only `observe`, `plan` and `write` are needed.

    Each method may raise Refused (before the first write), and ChangeFailed, NoAnswer or Unreachable.
    """

    # Changes of one stage that are written side by side.
    workers = 1
    # What a failure says of the next run.
    again = "running the task again goes on from here"

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def alone(self) -> t.ContextManager[t.Any]:
        """Wait for others that write to the same object, and keep them away until this run ends. Not called in check mode."""
        return contextlib.nullcontext()

    def observe(self) -> None:
        """Read what is there."""
        raise NotImplementedError

    def prepare(self) -> t.Iterable[Change]:
        """The changes that finish what an interrupted run left. They are written first; then `observe` is called again, and `plan`."""
        return ()

    def plan(self) -> Plan:
        """The changes. Writes nothing."""
        raise NotImplementedError

    def problems(self, plan: Plan) -> t.Iterable[Problem | str]:
        """Why the plan is refused. Check mode does not ask this if `prepare` returned changes, because they were not written."""
        return ()

    def missing(self, plan: Plan) -> t.Iterable[Problem | str]:
        """What the plan needs from an earlier task and is not there. Not asked in check mode, which only predicted that task."""
        return ()

    def prove(self, plan: Plan) -> t.Iterable[Problem | str]:
        """Why the server would not accept the plan. It asks the server, but only reads; in check mode too."""
        return ()

    def before(self, stage: int, changes: t.Sequence[Change]) -> None:
        """Do or check what must come before the changes of a stage are written."""

    def together(self, changes: t.Sequence[Change]) -> t.Iterable[Change]:
        """Write some changes of a stage in bulk. Returns those that are proven to be made, as they were made."""
        return ()

    def write(self, change: Change) -> Change | None:
        """Write one change. Returns the change as it was made, or None if others had already made it. If `workers` is more than 1,
        several threads call this at the same time."""
        raise NotImplementedError

    def settle(self, outcome: Outcome) -> t.Iterable[Late]:
        """Wait until everything that was written works. Returns what does not work in time. Not called in check mode."""
        return ()

    def facts(self, predicted: bool) -> Result:
        """What the module returns beside the changes; `predicted`: in check mode."""
        return {}


class Late(t.NamedTuple):
    """An object that does not work in time, and the reason in one line."""

    kind: str
    object: str
    identity: dict[str, t.Any]
    reason: str

    def shown(self) -> Result:
        return {"kind": self.kind, "object": self.object, "identity": self.identity, "action": "wait", "reason": self.reason}


@dataclass
class Outcome:
    """What became of the changes. `stopped`: why the rest was not tried. `by_others`: how many changes others had already made."""

    done: list[Change] = field(default_factory=list)
    failures: list[tuple[Change, str]] = field(default_factory=list)
    unknown: list[Change] = field(default_factory=list)
    not_attempted: list[Change] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    stopped: str | None = None
    # Whether a change that failed has written something nevertheless.
    touched: bool = False
    by_others: int = 0

    @property
    def complete(self) -> bool:
        return not (self.failures or self.unknown or self.not_attempted)

    @property
    def changed(self) -> bool:
        """Whether something was, or may have been, written."""
        return bool(self.done or self.unknown or self.touched)


class Report(t.NamedTuple):
    """How a module ends: its result, its warnings, and in one line why it fails (None where it does not)."""

    result: Result
    warnings: list[str]
    failure: str | None = None


def converge(service: Service, check_mode: bool, diff: bool) -> Report:
    """Bring what `service` stands for to its declared state. Errors of the server and refusals become a failure in the report."""
    run = _Run(service, check_mode)
    failure, problems = None, None
    try:
        with contextlib.nullcontext() if check_mode else service.alone():
            run.converge()
    except Refused as refusal:
        failure, problems = str(refusal), refusal.shown()
    except WRITE_ERRORS as error:
        failure = str(error)
    except OSError as error:
        failure = in_words(error)
    return run.report(failure, problems, diff)


class _Run:
    """One run. `plan`: the plan, None before there is one. `outcome`: what became of all changes, those of `prepare` included."""

    def __init__(self, service: Service, check_mode: bool) -> None:
        self.service = service
        self.check_mode = check_mode
        self.outcome = Outcome()
        self.plan: Plan | None = None
        # Keys of changes that were not made. Changes that need them are not tried.
        self.broken: set[Key] = set()
        self.lock = threading.Lock()

    def converge(self) -> None:
        self.service.observe()
        leftovers = Plan.of(self.service.prepare())
        if leftovers.changes:
            self.write(leftovers)
            if not self.outcome.complete:
                return
            if not self.check_mode:
                self.service.observe()
        self.plan = self.service.plan()
        if not (self.check_mode and leftovers.changes):
            for ask in (self.service.problems, self.service.missing, self.service.prove):
                problems = [] if self.check_mode and ask == self.service.missing else list(ask(self.plan))
                if problems:
                    raise Refused(problems)
        self.write(self.plan)
        if not self.check_mode:
            self.outcome.late += self.service.settle(self.outcome)

    def write(self, plan: Plan) -> None:
        if self.check_mode:
            self.outcome.done += plan.changes
            return
        with ThreadPoolExecutor(max_workers=self.service.workers) as pool:
            for stage in sorted({change.stage for change in plan.changes}):
                self.stage(stage, [change for change in plan.changes if change.stage == stage], pool)
        position = {change.key: number for number, change in enumerate(plan.changes)}
        for changes in (self.outcome.done, self.outcome.unknown, self.outcome.not_attempted):
            changes.sort(key=lambda change: position.get(change.key, -1))

    def stage(self, stage: int, changes: list[Change], pool: ThreadPoolExecutor) -> None:
        ready = []
        for change in changes:
            if self.outcome.stopped is not None or change.needs & self.broken:
                self.skip(change)
            else:
                ready.append(change)
        # A single worker writes in the main thread, where a service may handle signals.
        each = map if self.service.workers == 1 else pool.map
        list(each(self.one, self.in_bulk(stage, ready)))

    def in_bulk(self, stage: int, changes: list[Change]) -> list[Change]:
        """Let the service write in bulk; the changes that are left to write one by one."""
        if not changes:
            return []
        try:
            self.service.before(stage, changes)
        except WRITE_ERRORS as error:
            self.outcome.stopped = str(error)
            self.skip(*changes)
            return []
        try:
            done = list(self.service.together(changes))
        except (NoAnswer, Unreachable) as error:
            self.outcome.stopped = str(error)
            self.outcome.unknown += changes
            return []
        self.outcome.done += done
        made = {change.key for change in done}
        return [change for change in changes if change.key not in made]

    def one(self, change: Change) -> None:
        if self.outcome.stopped is not None:
            with self.lock:
                self.skip(change)
            return
        try:
            made = self.service.write(change)
        except WRITE_ERRORS as error:
            with self.lock:
                self.failed(change, error)
        except OSError as error:
            with self.lock:
                self.failed(change, HalfDone(in_words(error)))
        else:
            with self.lock:
                if made is None:
                    self.outcome.by_others += 1
                else:
                    self.outcome.done.append(made)

    def skip(self, *changes: Change) -> None:
        self.outcome.not_attempted += changes
        self.broken |= {change.key for change in changes}

    def failed(self, change: Change, error: Exception) -> None:
        self.broken.add(change.key)
        if isinstance(error, NoAnswer):
            self.outcome.unknown.append(change)
        elif isinstance(error, ChangeFailed):
            self.outcome.failures.append((change, str(error)))
        else:
            self.outcome.not_attempted.append(change)
        self.outcome.touched |= isinstance(error, ChangeFailed) and error.touched
        if not isinstance(error, ChangeFailed) or isinstance(error, HalfDone):
            self.outcome.stopped = self.outcome.stopped or str(error)

    def report(self, failure: str | None, problems: list[dict[str, str]] | None, diff: bool) -> Report:
        outcome = self.outcome
        result: Result = {
            "changed": outcome.changed,
            "changes": [change.shown() for change in outcome.done],
            "unchanged": (self.plan.unchanged if self.plan else 0) + outcome.by_others,
        }
        if not outcome.complete or outcome.late:
            result["failures"] = [dict(change.named(), reason=reason) for change, reason in outcome.failures]
            result["failures"] += [late.shown() for late in outcome.late]
            result["unknown"] = [change.named() for change in outcome.unknown]
            result["not_attempted"] = [change.named() for change in outcome.not_attempted]
        if diff:
            result["diff"] = {"before": _side(outcome.done, "before"), "after": _side(outcome.done, "after")}
        if problems is not None:
            result["problems"] = problems
        if self.plan is not None:
            result.update(self.service.facts(self.check_mode))
        return Report(result, list(dict.fromkeys(self.service.warnings)), failure or failure_message(outcome, self.service.again))


def failure_message(outcome: Outcome, again: str = Service.again) -> str | None:
    """In one line how far it got, the first reason, and what a second run will do; None where nothing failed."""
    if outcome.complete:
        late, more = outcome.late[:1], len(outcome.late) - 1
        return f"{late[0].kind} {late[0].object}: {late[0].reason}" + (f" (and {more} more)" if more else "") if late else None
    reasons = [f"{change.kind} {change.object}: {reason}" for change, reason in outcome.failures]
    first = outcome.stopped or (reasons[0] if reasons else "")
    counts = (
        f"{len(outcome.done)} changes made, {len(outcome.failures)} failed, "
        f"{len(outcome.unknown)} sent without an answer, {len(outcome.not_attempted)} not attempted"
    )
    return f"{first} ({counts}; {again})"


def _side(changes: t.Sequence[Change], side: str) -> Result:
    """The changed fields of each changed object, as they stand on that side."""
    absent = {"before": "create", "after": "delete"}[side]
    return {
        f"{change.kind} {change.object}": {each.field: shown(getattr(each, side)) for each in change.differences}
        for change in changes
        if change.action != absent
    }
