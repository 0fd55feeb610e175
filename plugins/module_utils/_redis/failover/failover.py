# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_failover: put right what a killed run left, wait for a healthy set, switch its master. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import (
    Change,
    ChangeFailed,
    Difference,
    HalfDone,
    NoAnswer,
    Plan,
    Unreachable,
)
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, access
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import gate, leftovers, scene
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.switch import Switch
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, checks, read, readiness
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired

POLL = 0.3  # seconds between two looks at a set that is not healthy yet
# A promotion takes a second, or three on a busy machine.
SHORTEST_PAUSE, LONGEST_PAUSE = 3.0, 10.0
SWITCH = "master"
QUICKLY = 1.0  # seconds


class Failover(Service):
    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        super().__init__()
        self.name: str = params["name"]
        self.to: Address | None = None
        self.pause: float = params["pause_limit"]
        self.every: bool = params["require_sentinels"] == "all"
        problems = list(desired.rename_problems(params["rename_commands"] or {}))
        try:
            self.to = address.place(params["to"]) if params["to"] else None
        except ValueError as error:
            problems.append(Problem("to.address", str(error), field="to"))
        if not SHORTEST_PAUSE <= self.pause <= LONGEST_PAUSE:
            limits = f"must be {SHORTEST_PAUSE:g} to {LONGEST_PAUSE:g} seconds"
            problems.append(Problem("pause_limit.range", limits, field="pause_limit"))
        if problems:
            raise Refused(problems)
        self.connections = Connections(access(params))
        self.places = desired.declare({"sentinels": params["sentinels"]}).places
        self.deadline = wait.Deadline(params["wait_timeout"])
        self.method, self.paused = "none", 0.0

    def observe(self) -> None:
        """Read the set, and wait for what passes with time, unless a killed run has left something: that does not pass."""
        self.scene: scene.Scene = wait.until(self._look, self._is_final, self.deadline, POLL)
        self.old = self.new = self.scene.master.address

    def _look(self) -> scene.Scene:
        return scene.look(self.name, self.places, self.connections)

    def _is_final(self, seen: scene.Scene) -> bool:
        if leftovers.changes(seen) or self._is_there(seen):
            return True
        problems = gate.problems(seen, self.to, self.every)
        return not problems or not all(map(checks.passes, problems))

    def _is_there(self, seen: scene.Scene) -> bool:
        """Whether the wanted node is the master already, for every sentinel that answers and for itself."""
        there = self.to is not None and seen.agreed and seen.master.address.is_same(self.to)
        return there and seen.master.is_master and not any(node.is_master for node in seen.replicas)

    def prepare(self) -> list[Change]:
        return leftovers.changes(self.scene)

    def plan(self) -> Plan:
        if self._is_there(self.scene):
            return Plan(unchanged=1)
        self.method = "coordinated" if self.scene.is_coordinated else "pause"
        candidates = [str(self.to)] if self.to else [node.name for node in gate.order_of_choice(self.scene.eligible)]
        return Plan.of([self._change(candidates[0] if len(candidates) == 1 else f"one of {', '.join(candidates)}")])

    def _change(self, after: str) -> Change:
        return Change(SWITCH, self.name, {"name": self.name}, "update", (Difference("address", str(self.old), after),))

    def problems(self, plan: Plan) -> list[Problem]:
        return checks.once(gate.problems(self.scene, self.to, self.every)) if plan.changes else []

    def prove(self, plan: Plan) -> list[Problem]:
        if not plan.changes:
            return []
        found = [self.scene.find(self.to)] if self.to else self.scene.eligible
        targets = {node.address for node in found if node is not None}
        return readiness.problems(self.scene.observed, self.connections, self.name, targets, self.scene.is_coordinated)

    def write(self, change: Change) -> Change:
        return self._switch(change) if change.kind == SWITCH else self._put_right(change)

    def _put_right(self, change: Change) -> Change:
        """Put right what a killed run left on one node, waiting for a failover in progress to end."""
        seen_before, patience = [self.scene], wait.Deadline(LONGEST_PAUSE)

        def attempt() -> str:
            try:
                seen = seen_before.pop() if seen_before else self._look()
            except Refused as refusal:
                raise Unreachable(str(refusal)) from refusal
            node = next((node for node in seen.nodes if node.name == change.object and not node.silence), None)
            if node is None:
                return f"{change.object} does not answer"
            reason = leftovers.put_right(seen, node)
            if reason and not patience.left() and seen.agreed and seen.master.is_master:
                # A failover that Sentinel was told to begin, and that does not get on, would keep us waiting for failover-timeout.
                leftovers.call_off(seen, seen.impatient(seen.replicas, QUICKLY))
            return reason

        reason = wait.until(attempt, lambda reason: not reason, self.deadline, POLL)
        if reason:
            error = ChangeFailed(f"the settings that a killed run has left cannot be restored now: {reason}")
            error.touched = change.differences[0].field == "replica_priority"
            raise error
        return change

    def _switch(self, planned: Change) -> Change:
        """The change as it was made: which replica was chosen is known only now."""
        target = self.scene.find(self.to) if self.to else None
        switch = Switch(self.scene, target, self.method, self.pause, max(1.0, self.deadline.left()))
        try:
            new = switch.run()
        except (ChangeFailed, *errors.SILENT) as error:
            kind = NoAnswer if switch.ordered and not switch.called_off else HalfDone if switch.left_behind else Unreachable
            raise kind(str(error)) from error
        finally:
            self.paused = switch.paused
            self.warnings += switch.warnings
            self.new = switch.new or self.new
        return planned if self.to else self._change(str(new))

    def settle(self, outcome: Outcome) -> t.Iterator[Late]:
        """Wait until the former master gets the data of the new one. An older version may not be able to read what a newer one sends."""
        old, new = self.scene.find(self.old), self.scene.find(self.new)
        if outcome.complete and old and new and self.new != self.old and old.version == new.version:
            reason = wait.until(self._unlinked, lambda reason: not reason, self.deadline, POLL)
            if reason:
                yield Late("data_node", old.name, self.old._asdict(), reason)

    def _unlinked(self) -> str:
        node = read.node(self.old, self.connections)
        if node.silence or node.linked:
            return node.silence
        return f"the master is {self.new} now, and the link of the former master to it is down: see its log"

    def facts(self, dummy: bool) -> dict[str, t.Any]:
        return {
            "old_master": self.old._asdict(),
            "new_master": self.new._asdict(),
            "method": self.method,
            "paused_seconds": round(self.paused, 3),
        }
