# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube_host from end to end: declare, observe, plan, apply. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files as host_files
from ansible_collections.eco2.platform.plugins.module_utils._host import kernel as host_kernel
from ansible_collections.eco2.platform.plugins.module_utils._host import services as host_services
from ansible_collections.eco2.platform.plugins.module_utils._host import swap as host_swap
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File, Found
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._host.swap import Swap

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


class Declared(t.NamedTuple):
    files: t.Tuple[File, ...]
    modules: t.Tuple[str, ...]
    sysctls: t.Dict[str, t.Any]
    swap_off: bool
    services: t.Tuple[host_services.Wanted, ...]


class Observed(t.NamedTuple):
    files: t.Mapping[str, t.Optional[Found]]
    forgotten: t.Sequence[File]
    modules: t.Collection[str]
    sysctls: t.Mapping[str, t.Optional[str]]
    swap: Swap
    services: t.Mapping[str, Service]


def converge(params: Params, check_mode: bool, diff: bool) -> tuple[Result, Outcome | None]:
    """The module's result, and the outcome of the writes (None where there were none to make). Raises Refused."""
    declared = declare(params)
    observed = observe(declared, params["purge"])
    problems = list(host_services.problems(declared.services, observed.services, check_mode))
    if problems:
        raise Refused(problems)
    planned = plan(declared, observed)
    if check_mode or not planned.changes:
        return {**_convergence.predicted(planned, diff), "predicted": check_mode}, None
    stale = any(service.stale_unit for service in observed.services.values())
    outcome = _convergence.apply(planned, _Writer(stale), workers=1)
    return {**_convergence.achieved(planned, outcome, diff), "predicted": False}, outcome


def declare(params: Params) -> Declared:
    """What the arguments say. Raises Refused with everything that is wrong."""
    items = list(host_files.declared(params["files"]))
    problems = [item for item in items if isinstance(item, str)]
    problems += host_kernel.problems(params["modules"], params["sysctls"])
    files = [item for item in items if isinstance(item, File)]
    files += host_kernel.files(params["name"], params["modules"], params["sysctls"])
    problems += [f"file {path} is declared twice" for path in sorted({file.path for file in files if files.count(file) > 1})]
    if problems:
        raise Refused(problems)
    services = tuple(host_services.wanted(params["services"]))
    return Declared(tuple(files), tuple(params["modules"]), params["sysctls"], params["swap"] == "off", services)


def observe(declared: Declared, purge: t.Sequence[str]) -> Observed:
    forgotten = host_files.forgotten(purge, declared.files)
    return Observed(
        files={file.path: host_files.read(file.path) for file in (*declared.files, *forgotten)},
        forgotten=forgotten,
        modules=[name for name in declared.modules if host_kernel.is_loaded(name)],
        sysctls={key: host_kernel.value(key) for key in declared.sysctls},
        swap=host_swap.observe() if declared.swap_off else Swap((), "", ()),
        services=host_services.observe(declared.services),
    )


def plan(declared: Declared, observed: Observed) -> Plan:
    changes = list(host_files.changes([*declared.files, *observed.forgotten], observed.files))
    changes += host_kernel.module_changes(declared.modules, observed.modules)
    changes += host_kernel.sysctl_changes(declared.sysctls, observed.sysctls)
    changes += host_swap.changes(observed.swap)
    changing = {change.object for change in changes if change.kind == "file"}
    changes += host_services.changes(declared.services, observed.services, changing)
    known = {("file", file.path) for file in declared.files} | {("module", name) for name in declared.modules}
    known |= {("sysctl", key) for key in declared.sysctls} | {("service", service.name) for service in declared.services}
    return Plan.of(changes, len(known - {change.key for change in changes}))


class _Writer:
    """`stale_units` says that systemd has yet to read a unit that was changed on disk."""

    def __init__(self, stale_units: bool) -> None:
        self.stale_units = stale_units

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        if self.stale_units and changes[0].stage >= host_swap.OFF:
            host_services.reload_units()
            self.stale_units = False
        return ()

    def one(self, change: Change) -> None:
        if change.kind == "file":
            host_files.apply(change.payload)
            self.stale_units |= change.object.startswith(("/etc/systemd/", host_swap.FSTAB))
        elif change.kind == "module":
            host_kernel.load(change.object)
        elif change.kind == "sysctl":
            host_kernel.set_value(change.object, change.payload)
        elif change.kind == "unit":
            host_swap.mask(change.object)
        elif change.kind == "swap":
            host_swap.off(change.object)
        else:
            host_services.apply(change.object, *change.payload)
