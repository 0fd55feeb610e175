# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt_packages from end to end: declare, observe, plan, apply. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import dpkg, repositories
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import complaint
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.locks import Deadline
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.plan import (
    NEWEST,
    Options,
    Wanted,
    explain,
    is_there,
    plan,
    targets,
    unknown,
    wanted,
)

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def converge(params: Params, check_mode: bool, diff: bool) -> tuple[Result, Outcome | None]:
    """The module's result, and the outcome of the transaction (None where there was none).

    Raises Refused before any package was changed.
    """
    task = _Task(params, check_mode)
    planned = task.plan()
    if check_mode or not planned.changes:
        result = _convergence.predicted(planned, diff)
        outcome = None
    else:
        outcome = _convergence.apply(planned, task, workers=1)
        outcome.done = [task.written(change) for change in outcome.done]
        result = _convergence.achieved(planned, outcome, diff)
    result["changed"] = result["changed"] or task.repaired is not None
    return {**result, "packages": task.packages(), "skipped_optional": task.skipped(), "repaired": task.repaired}, outcome


class _Task:
    """One run: what is wanted and known, and the writer of its transaction."""

    def __init__(self, params: Params, check_mode: bool) -> None:
        self.wants: list[Wanted] = wanted(params["packages"])
        self.options = Options(params["hold"], params["allow_change_held"], params["allow_downgrade"], tuple(params["allow_remove"]))
        self.recommends: bool = params["install_recommends"]
        self.check_mode = check_mode
        self.deadline = Deadline(params["lock_timeout"])
        self.repaired: str | None = None
        self.failure: str | None = None
        self.updated = False
        self.complaint: str | None = None
        self.state = self.read()
        self.chosen: dict[str, str] = {}
        self.force: list[str] = self.options.force()
        # Of a transaction that was chosen anew: what each package became in place of what was planned.
        self.instead: dict[Key, Change] = {}

    def read(self) -> dpkg.State:
        return dpkg.state({want.name for want in self.wants})

    def packages(self) -> dict[str, str]:
        """The versions there now, or in check mode then."""
        there = {**{name: have.version for name, have in self.state.installed.items()}, **(self.chosen if self.check_mode else {})}
        return {want.name: there[want.name] for want in self.wants if want.name in there}

    def skipped(self) -> list[str]:
        return sorted(want.name for want in self.wants if want.name not in self.packages())

    def plan(self) -> Plan:
        self.wait_for_others()
        self.finish_what_was_interrupted()
        available = self.known()
        self.chosen = targets(self.wants, self.state.installed, available, self.check_mode)
        can_be_asked = bool(self.chosen) and not unknown(self.wants, self.state.installed, available)
        simulated = self.simulate() if can_be_asked else None
        return plan(self.wants, self.state.installed, self.chosen, simulated, self.options)

    def simulate(self) -> repositories.Simulated:
        """What the transaction would do. What is held and may be removed apt keeps, unless it is told to remove it."""
        found = repositories.simulate(self.chosen, self.recommends, self.force)
        there = self.state.installed
        held = [f"{name}-" for name in self.options.allow_remove if name in there and there[name].held]
        if found.problem and held and self.options.allow_change_held:
            forced = repositories.simulate(self.chosen, self.recommends, [*self.force, *held])
            if not forced.problem:
                self.force += held
                return forced
        return found

    def wait_for_others(self) -> None:
        """Whoever holds the locks may be in the middle of what we would find wrong: look again when he is done."""
        nothing_to_do = all(is_there(want, self.state.installed) for want in self.wants) and self.state.interrupted is None
        if not self.check_mode and not nothing_to_do:
            self.deadline.free()
            self.state = self.read()

    def finish_what_was_interrupted(self) -> None:
        """apt refuses everything until dpkg has finished what it began."""
        interrupted = self.state.interrupted
        if interrupted is not None and not self.check_mode:
            # What it lacks, only apt can get.
            problem = dpkg.configure() and repositories.fix_broken(self.deadline)
            if problem:
                raise Refused([f"dpkg was interrupted ({interrupted}), and 'apt-get --fix-broken install' does not finish it: {problem}"])
            self.state = self.read()
        self.repaired = interrupted

    def known(self) -> dict[str, repositories.Available]:
        """What the repositories offer, read anew only where that takes it. Raises Refused for what none has."""
        names = [want.name for want in self.wants if not is_there(want, self.state.installed)]
        available = repositories.available(names)
        if self.check_mode:
            return available
        if unknown(self.wants, self.state.installed, available) and not self.updated:
            available = self.update(names)
        missing = unknown(self.wants, self.state.installed, available)
        if missing:
            raise Refused(explain(missing, available, self.complaint))
        return available

    def update(self, names: t.Sequence[str]) -> dict[str, repositories.Available]:
        self.complaint = repositories.update(self.deadline)
        self.updated = True
        return repositories.available(names)

    # The writer: one transaction for all changes, of which `one` tells each what became of it.

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        packages = {change.object: change.payload for change in changes if change.payload}
        try:
            if packages:
                self.install(packages)
            self.state = self.read()
            self.hold(changes)
        except Refused as refusal:  # another took the locks in between
            self.failure = self.failure or str(refusal)
        return [change.key for change in changes if self.is_as_planned(change)]

    def install(self, packages: dict[str, str]) -> None:
        done = repositories.install(packages, self.recommends, self.force, self.deadline)
        if repositories.is_stale(done) and not self.updated:
            packages = self.chosen_anew(packages)
            done = repositories.install(packages, self.recommends, self.force, self.deadline)
        if done.code != 0:
            self.failure = f"apt-get install: {complaint(done)}"

    def chosen_anew(self, packages: dict[str, str]) -> dict[str, str]:
        """By the newest lists, which may have another revision in place of the one that is gone. Raises Refused."""
        available = self.update(list(packages))
        missing = unknown(self.wants, self.state.installed, available)
        if missing:
            raise Refused(explain(missing, available, self.complaint))
        self.chosen = targets(self.wants, self.state.installed, available, predicting=False)
        simulated = self.simulate()
        anew = plan(self.wants, self.state.installed, self.chosen, simulated, self.options)
        self.instead = {change.key: change for change in anew.changes}
        return {**self.chosen}

    def written(self, change: Change) -> Change:
        """The change that was really made in this one's place."""
        return self.instead.get(change.key, change)

    def hold(self, changes: t.Sequence[Change]) -> None:
        """Also what was held before: apt's switch for held packages may let go of them."""
        if self.options.hold is None:
            return
        names = [change.object for change in changes if change.action != "delete" and change.object in self.state.installed]
        wrong = [name for name in names if self.state.installed[name].held != self.options.hold]
        if wrong:
            self.deadline.free()
            problem = dpkg.select(dict.fromkeys(wrong, self.options.hold))
            self.failure = self.failure or problem
            self.state = self.read()

    def is_as_planned(self, change: Change) -> bool:
        have = self.state.installed.get(change.object)
        change = self.written(change)
        if change.action == "delete" or have is None:
            return change.action == "delete" and have is None
        version_is = change.payload in (None, NEWEST, have.version)
        return version_is and (self.options.hold is None or have.held == self.options.hold)

    def one(self, change: Change) -> None:
        have = self.state.installed.get(change.object)
        now = f"it is at {have.version}" if have else "it is not installed"
        raise ChangeFailed(f"{self.failure or 'apt-get reported success, and yet'} ({now})")
