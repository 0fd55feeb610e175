# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of redis_host. It runs on the host and needs only the standard library. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Result, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._host import services
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import astray, instance, plan, sample, state, wire
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Params


class RedisHost(Service):
    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params

    def observe(self) -> None:
        """Raises Refused."""
        self.established = instance.established()
        self.declared = list(map(state.placed, instance.declare(self.params, self.established)))
        self.self_replicas = astray.self_replicas(self.established)
        self.seen = state.observe(self.declared, self.params["restart"], self.self_replicas)
        self.samples = sample.observe(self.params["masked"])
        # Whether systemd has to read a changed unit.
        self.stale_units = any(entry.service.stale_unit for entry in self.seen.values())

    def plan(self) -> Plan:
        for entry in self.declared:
            names = state.held_back(entry, self.seen[entry.id])
            if names:
                what = f"{entry.id} does not run, so it starts with the {' and '.join(names)} that it had, which find its data"
                self.warnings.append(f"{what}; the declared values are applied by its next restart")
        return plan.plan(self.params, self.declared, self.seen, self.samples)

    def problems(self, dummy: Plan) -> t.Iterator[Problem]:
        for each in self.samples:
            yield from each.problems()
        for entry in self.declared:
            yield from state.problems(entry, self.seen[entry.id], entry.id in self.params["restart"])

    def before(self, stage: int, changes: t.Sequence[Change]) -> None:
        if self.stale_units and stage >= plan.SERVICE:
            services.reload_units()
            self.stale_units = False

    def write(self, change: Change) -> Change:
        try:
            change.payload.apply()
        except (ChangeFailed, wire.Said, OSError, LookupError) as error:
            failed = ChangeFailed(f"the server refuses: {error}" if isinstance(error, wire.Said) else str(error))
            failed.touched = change.payload.touched
            raise failed from error
        self.warnings += change.payload.warnings
        self.stale_units |= change.object.startswith("/etc/systemd/")
        return change

    def facts(self, predicted: bool) -> Result:
        restart, count = self.params["restart"], self.params["count_keys"]
        told = [state.told(entry, self.seen[entry.id], entry.id in restart, count) for entry in self.declared]
        found = {"established": self.established, "self_replicas": self.self_replicas, "instances": told}
        return {"predicted": predicted, **found}
