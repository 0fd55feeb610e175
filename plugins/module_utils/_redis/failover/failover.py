# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_failover, end to end: look, put right what a killed run left, wait for a healthy set, switch. Private to this collection."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome, achieved, failure_message, predicted
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, address_problems
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import gate as failover_gate
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import leftovers as failover_leftovers
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.observe import Node, Observer, Scene, find
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.switch import Switch, coordinated
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

Result = t.Dict[str, t.Any]
POLL = 0.5  # seconds between looks at a set that is not healthy yet
# A promotion takes one or two seconds, since Sentinel asks for INFO once a second meanwhile.
SHORTEST_PAUSE, LONGEST_PAUSE = 3.0, 60.0


class Stopped(Exception):
    """The run ended before everything was done: a line for people, and the result of what was done."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


def converge(access: Access, params: t.Mapping[str, t.Any], check: bool, diff: bool) -> Result:
    """The module's result, with its `warnings`. Raises Refused before the first write, and Stopped after it."""
    run = _Run(access, params)
    leftovers = failover_leftovers.changes(run.scene)
    if check:
        # What a killed run left is not put right in check mode, so the gate would wait for nothing.
        if not leftovers:
            run.gate()
        plan = Plan.of([*leftovers, *run.switch_planned()], run.unchanged(leftovers))
        return {**predicted(plan, diff), **run.facts(), "warnings": []}
    outcome = Outcome()
    try:
        run.put_right(outcome)
    except (ChangeFailed, Refused, *errors.SILENT) as error:
        if not outcome.done and isinstance(error, Refused):
            raise
        outcome.stopped = str(error)
        raise Stopped(failure_message(outcome), achieved(Plan.of(outcome.done, 0), outcome, diff)) from error
    leftovers = list(outcome.done)
    try:
        run.gate()
        planned = run.switch_planned()
    except (ChangeFailed, Refused, *errors.SILENT) as error:
        if not leftovers:
            raise
        result = achieved(Plan.of(leftovers, 0), outcome, diff)
        raise Stopped(str(error), {**result, "problems": error.problems} if isinstance(error, Refused) else result) from error
    for change in planned:
        try:
            outcome.done.append(run.switch(change))
        except (ChangeFailed, *errors.SILENT) as error:
            (outcome.unknown if run.ordered else outcome.not_attempted).append(change)
            outcome.stopped = str(error)
            plan = Plan.of([*leftovers, *planned], 0)
            raise Stopped(failure_message(outcome), {**achieved(plan, outcome, diff), **run.facts(), "warnings": run.warnings}) from error
    plan = Plan.of(outcome.done, run.unchanged(outcome.done))
    return {**achieved(plan, outcome, diff), **run.facts(), "warnings": run.warnings}


class _Run:
    def __init__(self, access: Access, params: t.Mapping[str, t.Any]) -> None:
        self.to: Address | None = Address.of(params["to"]["host"], params["to"]["port"]) if params["to"] else None
        self.name: str = params["name"]
        self.pause: float = params["pause_limit"]
        self.every: bool = params["require_sentinels"] == "all"
        problems = list(address_problems("to", *self.to)) if self.to else []
        if not SHORTEST_PAUSE <= self.pause <= LONGEST_PAUSE:
            problems.append(f"pause_limit: must be {SHORTEST_PAUSE:g} to {LONGEST_PAUSE:g} seconds")
        if problems:
            raise Refused(problems)
        self.observer = Observer(access, access.sentinels(params["sentinels"]), self.name)
        self.deadline = time.monotonic() + params["timeout"]
        self.warnings: list[str] = []
        self.ordered = False
        self.method = "none"
        self.held = 0.0
        self.look()
        self.old = self.new = self.scene.master.address

    def look(self) -> None:
        self.scene: Scene = self.observer.observe()

    def gate(self) -> None:
        """Wait until nothing stands against the switch; Refused where something does that does not pass, or not in time."""
        while True:
            if self.nothing_to_do():
                return
            problems = failover_gate.problems(self.scene, self.to, self.every)
            if not problems:
                self.old = self.new = self.scene.master.address
                return
            if time.monotonic() >= self.deadline or not all(problem.passes for problem in problems):
                raise Refused(list(dict.fromkeys(problem.text for problem in problems)))
            time.sleep(POLL)
            self.look()

    def nothing_to_do(self) -> bool:
        """Whether the wanted node is the master already, for every sentinel that answers and for itself."""
        there = self.to is not None and self.scene.agreed and self.scene.master.address.is_same(self.to)
        if there:
            self.old = self.new = self.scene.master.address
        others = [node for node in self.scene.replicas if node.role == "master"]
        return there and self.scene.master.role == "master" and not others

    def target(self) -> Node | None:
        return find(self.scene.nodes, self.to) if self.to else None

    def switch_planned(self) -> list[Change]:
        if self.nothing_to_do():
            return []
        candidates = [str(self.to)] if self.to else [node.name for node in failover_gate.order_of_choice(self.scene.eligible)]
        return [self._change(candidates[0] if len(candidates) == 1 else f"one of {', '.join(candidates)}")]

    def _change(self, after: str) -> Change:
        return Change("master", self.name, {"name": self.name}, "update", (Difference("address", str(self.old), after),), stage=1)

    def unchanged(self, changes: t.Sequence[Change]) -> int:
        return 0 if any(change.kind == "master" for change in changes) or not self.nothing_to_do() else 1

    def put_right(self, outcome: Outcome) -> None:
        """Put right all that a killed run has left, waiting for a failover in progress to end."""
        done: dict[str, Change] = {}
        while True:
            reasons = []
            left = failover_leftovers.changes(self.scene)
            for change in left:
                reason = failover_leftovers.put_right(self.scene, change.payload)
                # Seen in a later look with less to do, it is the first look that tells what was there.
                done.setdefault(change.object, change)
                if reason:
                    reasons.append(reason)
                elif done[change.object] not in outcome.done:
                    outcome.done.append(done[change.object])
            if not left:
                return
            if reasons and time.monotonic() >= self.deadline:
                outcome.not_attempted += [change for change in left if done[change.object] not in outcome.done]
                raise ChangeFailed(f"what a killed run has left cannot be put right now: {'; '.join(dict.fromkeys(reasons))}")
            if reasons:
                time.sleep(POLL)
            self.look()

    def switch(self, planned: Change) -> Change:
        """The change as it was made: which replica was chosen is known only now."""
        switch = Switch(self.observer, self.scene, self.target(), self.pause, max(1.0, self.deadline - time.monotonic()))
        try:
            report = switch.run()
        finally:
            self.ordered = switch.ordered
            self.method, self.held, self.warnings = switch.report.method, switch.report.held, switch.report.warnings
            self.new = switch.report.new or self.new
        return planned if self.to else self._change(str(t.cast(Address, report.new)))

    def facts(self) -> Result:
        return {
            "old_master": {"host": self.old[0], "port": self.old[1]},
            "new_master": {"host": self.new[0], "port": self.new[1]},
            "method": self.method if self.method != "none" or self.nothing_to_do() else self._method(),
            "held_seconds": round(self.held, 3),
        }

    def _method(self) -> str:
        return "coordinated" if coordinated(self.scene) else "pause"
