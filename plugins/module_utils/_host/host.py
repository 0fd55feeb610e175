# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of the module `host`: files, kernel modules, sysctls, swap and services. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Result, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files, kernel, services, swap
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File
from ansible_collections.eco2.platform.plugins.module_utils._host.swap import Swap


class Host(Service):
    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        """Raises Refused with everything that is wrong with the arguments."""
        super().__init__()
        self.modules: list[str] = params["modules"]
        self.sysctls: dict[str, t.Any] = params["sysctls"]
        items = list(files.declared(params["files"]))
        items += [*kernel.problems(self.modules, self.sysctls), *kernel.files(params["name"], self.modules, self.sysctls)]
        self.files = [item for item in items if isinstance(item, File)]
        problems = [item for item in items if isinstance(item, Problem)]
        paths = [file.path for file in self.files]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        problems += [Problem("file.twice", "the file is declared twice", f"file {path}") for path in twice]
        if problems:
            raise Refused(problems)
        self.purge: list[str] = params["purge"]
        self.swap_off = params["swap"] == "off"
        self.services = services.wanted(params["services"])

    def observe(self) -> None:
        self.forgotten = files.forgotten(self.purge, self.files)
        self.found = {file.path: files.read(file.path) for file in (*self.files, *self.forgotten)}
        self.loaded = [name for name in self.modules if kernel.is_loaded(name)]
        self.values = {key: kernel.value(key) for key in self.sysctls}
        self.swap = swap.observe() if self.swap_off else Swap((), "", ())
        self.running = services.observe(self.services)
        # Whether systemd has to read a changed unit.
        self.stale_units = any(service.stale_unit for service in self.running.values())

    def plan(self) -> Plan:
        changes = list(files.changes([*self.files, *self.forgotten], self.found))
        changes += kernel.module_changes(self.modules, self.loaded)
        changes += kernel.sysctl_changes(self.sysctls, self.values)
        changes += swap.changes(self.swap)
        changing = {change.object for change in changes if change.kind == "file"}
        changes += services.changes(self.services, self.running, changing)
        known = {("file", file.path) for file in self.files} | {("module", name) for name in self.modules}
        known |= {("sysctl", key) for key in self.sysctls} | {("service", service.name) for service in self.services}
        return Plan.of(changes, len(known - {change.key for change in changes}))

    def problems(self, plan: Plan) -> t.Iterable[Problem]:
        yield from services.problems(self.services, self.running)
        yield from self.rejected(plan, early=True)

    def rejected(self, plan: Plan, early: bool) -> t.Iterator[Problem]:
        for change in plan.changes:
            if change.kind == "file" and change.payload.early is early:
                yield from files.rejected(change.payload)

    def missing(self, plan: Plan) -> t.Iterable[Problem]:
        yield from services.missing(self.services, self.running)
        yield from self.rejected(plan, early=False)

    def before(self, stage: int, changes: t.Sequence[Change]) -> None:
        if self.stale_units and stage >= swap.OFF:
            services.reload_units()
            self.stale_units = False

    def write(self, change: Change) -> Change:
        if change.kind == "file":
            files.apply(change.payload)
            self.stale_units |= change.object.startswith(("/etc/systemd/", swap.FSTAB))
        elif change.kind == "module":
            kernel.load(change.object)
        elif change.kind == "sysctl":
            kernel.set_value(change.object, change.payload)
        elif change.kind == "unit":
            services.mask(change.object)
        elif change.kind == "swap":
            swap.off(change.object)
        else:
            services.apply(change.object, *change.payload)
        return change

    def facts(self, predicted: bool) -> Result:
        return {"predicted": predicted}
