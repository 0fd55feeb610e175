# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of the module `apt_packages`. Private to this collection."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, HalfDone, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Result, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import dpkg, plan, proxy, repositories
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import complaint
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.locks import Locks
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.plan import NEWEST
from ansible_collections.eco2.platform.plugins.module_utils._net import proxy as net_proxy

_LISTS = "/var/lib/apt/lists"


class Packages(Service):
    """All packages change in one transaction of apt; afterwards dpkg tells what became of each."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        super().__init__()
        problems = list(net_proxy.problems(params["proxy"] or {}, "proxy"))
        if problems:
            raise Refused(problems)
        self.wants = plan.wanted(params["packages"])
        # None leaves apt's proxies alone.
        self.proxies = [] if params["proxy"] is None else [proxy.file(params["proxy"])]
        allowed = (params["allow_change_held"], params["allow_downgrade"], tuple(params["allow_remove"]))
        self.options = plan.Options(params["hold"], *allowed, params["option_names"])
        self.recommends: bool = params["install_recommends"]
        self.locks = Locks(params["lock_timeout"], self.options.names.get("lock_timeout", "lock_timeout"))
        self.force = self.options.force()
        # Why the transaction failed.
        self.failure: str | None = None
        self.updated = False
        # Where the transaction was planned again: the new changes by key.
        self.instead: dict[Key, Change] = {}

    @contextlib.contextmanager
    def alone(self) -> t.Iterator[None]:
        """apt locks what it writes; only wait for others, who may be in the middle of what would look wrong."""
        self.read_status()
        if self.absent() or self.state.interrupted:
            self.locks.wait()
        yield

    def observe(self) -> None:
        self.read_status()
        self.available = repositories.available(self.absent())

    def read_status(self) -> None:
        self.state = dpkg.state({want.name for want in self.wants})

    def absent(self) -> list[str]:
        return [want.name for want in self.wants if not want.is_there(self.state.installed)]

    def prepare(self) -> t.Iterator[Change]:
        # apt reads the lists through the proxy, so it comes first.
        yield from files.changes(self.proxies, {file.path: files.read(file.path) for file in self.proxies})
        self.repaired = self.state.interrupted
        if self.repaired:
            yield Change("dpkg", "dpkg", {"name": "dpkg"}, "update", (Difference("interrupted", self.repaired, None),))
        missing = plan.unknown(self.wants, self.state.installed, self.available)
        if missing:
            yield self.lists([f"{want.name} {want.version}".strip() for want in missing])

    def lists(self, unknown: list[str]) -> Change:
        return Change("lists", _LISTS, {"path": _LISTS}, "update", (Difference("unknown", unknown, []),), stage=1)

    def plan(self) -> Plan:
        missing = plan.unknown(self.wants, self.state.installed, self.available)
        if missing and self.updated:
            raise Refused(plan.explain(missing, self.available, self.complaint))
        self.chosen = plan.targets(self.wants, self.state.installed, self.available)
        # apt cannot be asked while lists are missing or dpkg is interrupted, which is put right before, except in check mode.
        simulated = self.simulate() if self.chosen and not missing and not self.state.interrupted else None
        return plan.plan(self.wants, self.state.installed, self.chosen, simulated, self.options)

    def simulate(self) -> repositories.Simulated:
        """What the transaction would do. apt does not remove held packages on its own, so they are passed as NAME-."""
        found = repositories.simulate(self.chosen, self.recommends, self.force)
        there = self.state.installed
        held = [f"{name}-" for name in self.options.allow_remove if name in there and there[name].held]
        if found.problem and held and self.options.allow_change_held:
            forced = repositories.simulate(self.chosen, self.recommends, [*self.force, *held])
            if not forced.problem:
                self.force += held
                return forced
        return found

    def together(self, changes: t.Sequence[Change]) -> list[Change]:
        """The transaction."""
        if changes[0].kind != "package":
            return []
        # What was installed before the transaction.
        self.former, updated = self.state.installed, self.updated
        chosen = {change.object: change.payload for change in changes if change.payload}
        try:
            if chosen:
                self.install(chosen)
            self.read_status()
            self.hold(changes)
        except Refused as refusal:
            self.failure = self.failure or str(refusal)
        done = [] if self.updated == updated else [self.lists([])]
        done += [self.instead.get(change.key, change) for change in changes if self.is_as_planned(change)]
        if self.failure:
            done += self.dependencies({change.object for change in changes})
        return done

    def install(self, chosen: dict[str, str]) -> None:
        done = repositories.install(chosen, self.recommends, self.force, self.locks)
        if repositories.is_stale(done) and not self.updated:
            # The lists on disk are not those of the repository as it is now.
            self.update()
            self.instead = {change.key: change for change in self.plan().changes}
            done = repositories.install(self.chosen, self.recommends, self.force, self.locks)
        if done.code != 0:
            self.failure = f"apt-get install: {complaint(done)}"

    def update(self) -> None:
        # Why apt-get update failed.
        self.complaint = repositories.update(self.locks)
        self.updated = True
        self.available = repositories.available(self.absent())

    def hold(self, changes: t.Sequence[Change]) -> None:
        """Also for packages that were held before: --allow-change-held-packages may release them."""
        installed, hold = self.state.installed, self.options.hold
        names = [change.object for change in changes if change.action != "delete" and change.object in installed]
        wrong = [name for name in names if hold is not None and installed[name].held != hold]
        if wrong:
            self.locks.wait()
            problem = dpkg.select(dict.fromkeys(wrong, bool(hold)))
            self.failure = self.failure or problem
            self.read_status()

    def is_as_planned(self, change: Change) -> bool:
        have = self.state.installed.get(change.object)
        if change.action == "delete" or have is None:
            return change.action == "delete" and have is None
        wants = self.instead.get(change.key, change).payload
        return wants in (None, NEWEST, have.version) and self.options.hold in (None, have.held)

    def dependencies(self, named: t.Collection[str]) -> t.Iterator[Change]:
        """What a failed transaction did to packages that the plan does not name."""
        before, after = self.former, self.state.installed
        for name in sorted({*before, *after} - {*named}):
            old, new = (there[name].version if name in there else None for there in (before, after))
            if old != new:
                action = "create" if old is None else "update" if new else "delete"
                yield plan.package(name, action, [Difference("version", old, new)], None)

    def write(self, change: Change) -> Change:
        try:
            if change.kind == "file":
                # The directory stays, also without its last file.
                files.remove(change.object) if change.action == "delete" else files.apply(change.payload)
                return change
            if change.kind == "lists":
                self.update()
                return change
            if change.kind == "dpkg":
                # Only apt can install missing dependencies.
                problem = dpkg.configure() and repositories.fix_broken(self.locks)
                if problem:
                    message = f"dpkg was interrupted ({self.repaired}), and 'apt-get --fix-broken install' does not finish it"
                    raise HalfDone(f"{message}: {problem}")
                return change
        except Refused as refusal:
            raise ChangeFailed(str(refusal)) from refusal
        have = self.state.installed.get(change.object)
        now = f"it is at {have.version}" if have else "it is not installed"
        error = ChangeFailed(f"{self.failure or 'apt-get reported success, but did not install it as planned'} ({now})")
        error.touched = have != self.former.get(change.object)
        raise error

    def facts(self, predicted: bool) -> Result:
        there = {**{name: have.version for name, have in self.state.installed.items()}, **(self.chosen if predicted else {})}
        packages = {want.name: there[want.name] for want in self.wants if want.name in there}
        skipped = sorted({want.name for want in self.wants} - packages.keys())
        return {"packages": packages, "skipped_optional": skipped, "repaired": self.repaired}
