# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_sentinel: a set of sentinels, one after the other, each behind a gate. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Plan, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, access
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Observed
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired, gates, plan, proof, write


class SentinelSet(Service):
    """Written one sentinel at a time, one change at a time."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        super().__init__()
        self.params = params
        self.connections = Connections(access(params))
        self.desired = desired.declare(params)
        self.patience: float = params["wait_timeout"]
        self._at = ""
        self._expected: list[gates.Gate] = []
        self._written: list[gates.Gate] = []

    def observe(self) -> None:
        """Read the set, when no failover is in progress: a failover takes seconds, and its end is not known before."""
        names = [entry.name for entry in self.desired.masters]

        def calm(seen: Observed) -> bool:
            return not any(entry.is_failing_over for name in names for entry in seen.monitored(name).values())

        self.observed = wait.until(self._look, calm, self.patience)
        self.writer = write.Writer(self.connections, self.observed.sentinels, self.patience)

    def _look(self) -> Observed:
        observed = read.sentinels(self.desired.places, self.connections, lambda seen: plan.counts_more(self.desired, seen))
        read.nodes(self.desired.masters, self.connections, observed)
        return observed

    def plan(self) -> Plan:
        self._refuse_silent()
        chosen = {name: self.params[name] for name in ("prune", "forget_stale", "update_hidden", "repair")}
        planned, warnings = plan.plan(self.desired, self.observed, plan.Options(**chosen))
        self.warnings += warnings
        return planned

    def _refuse_silent(self) -> None:
        """Warn of the sentinels that do not answer; Refused where that is too many."""
        silent = [problem for problem in checks.of_sentinels(self.observed) if problem.code == checks.SILENT]
        if silent and self.params["unreachable_sentinels"] == "fail":
            raise Refused(silent)
        answer, count = len(self.observed.sentinels), len(self.desired.sentinels)
        if answer < count // 2 + 1:
            few = f"{answer} of {count} sentinels answer: nothing is changed without a majority"
            raise Refused([Problem("sentinels.no_majority", few), *silent])
        self.warnings += map(str, silent)

    def prove(self, plan: Plan) -> t.Iterable[Problem]:
        return proof.problems(plan, self.observed, self.connections.access)

    def before(self, stage: int, changes: t.Sequence[Change]) -> None:
        """All changes of a stage are of one sentinel."""
        sentinel = changes[0].identity["sentinel"]
        if sentinel != self._at:
            waiting, self._expected = self._expected, []
            for dummy, reason in gates.closed(waiting, self.connections, self.patience):
                raise Unreachable(f"{reason}; no other sentinel was changed since")
            self._at = sentinel
            write.can_save(self.connections.sentinel(self.observed.sentinels[sentinel].address))

    def write(self, change: Change) -> Change:
        gate = self.writer.write(change)
        if gate is not None:
            self._expected.append(gate)
            self._written.append(gate)
        return change

    def settle(self, outcome: Outcome) -> t.Iterator[Late]:
        """All gates once more: sentinels update each other, so the first may have changed since."""
        for gate, reason in gates.closed(self._written if outcome.complete else [], self.connections, self.patience):
            change = t.cast(Change, gate.change)
            yield Late(change.kind, change.object, change.identity, reason)
