# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that bring sentinels to what is declared. Pure. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, counted
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import observe, options, truth
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import rules, steps
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired, Master, Sentinel

SENTINEL = "sentinel"
MASTER = "master"

# A sentinel's settings come first (names must resolve before one is monitored), what it forgets comes last. All stages of
# one sentinel come before those of the next.
_STAGES = ("settings", "masters", "removals", "stale")


@dataclass(frozen=True)
class Options:
    prune: bool = False
    forget_stale: bool = False
    update_hidden: str = "on_create"
    repair: bool = True


def counts_more(desired: Desired, seen: observe.Monitored) -> bool:
    """Whether a sentinel counts more sentinels or replicas than are declared: some may be dead."""
    wanted = {entry.name: entry.replicas for entry in desired.masters if entry.present}
    if seen.name not in wanted:
        return False
    replicas = wanted[seen.name]
    return seen.others > len(desired.sentinels) - 1 or (replicas is not None and seen.replicas > replicas)


def plan(desired: Desired, observed: observe.Observed, chosen: Options) -> tuple[Plan, list[str]]:
    """The changes and warnings, or Refused with every reason why there can be none."""
    truths = {entry.name: truth.find(entry, observed) for entry in desired.masters if entry.present}
    changes: list[Change] = []
    problems = rules.problems(desired, observed, truths, chosen.prune)
    unchanged = 0
    for number, wanted in enumerate(desired.sentinels):
        if wanted.name in observed.sentinels:
            planner = _Planner(number, desired, observed, chosen, truths)
            changes += planner.changes(wanted)
            problems += planner.problems
            unchanged += planner.unchanged
    if problems:
        raise Refused(rules.once(problems, observed.sentinels))
    return Plan.of(changes, unchanged), list(map(str, rules.once(rules.warnings(desired, observed, truths), observed.sentinels)))


@dataclass
class _Planner:
    """The changes of one sentinel, the `number`th of the set."""

    number: int
    desired: Desired
    observed: observe.Observed
    chosen: Options
    truths: t.Mapping[str, truth.Truth]

    def changes(self, wanted: Sentinel) -> list[Change]:
        self.problems: list[Problem] = []
        self.unchanged = 0
        self.wanted, self.view = wanted, self.observed.sentinels[wanted.name]
        found = list(self._settings())
        for master in self.desired.masters:
            made = list(self._master(master))
            self.unchanged += not made
            found += made
        declared = {master.name for master in self.desired.masters}
        if self.chosen.prune:
            more = [seen for name, seen in self.view.masters.items() if name not in declared]
            found += [self._change(seen.name, "removals", steps.remove(seen)) for seen in more]
        return found

    def _settings(self) -> t.Iterator[Change]:
        step = steps.configure(self.wanted.settings, self.view.settings)
        if step is not None:
            identity = {"sentinel": self.view.name}
            yield Change(SENTINEL, self.view.name, identity, step.action, step.differences, self._stage("settings"), payload=step.write)
        elif self.wanted.settings:
            self.unchanged += 1

    def _master(self, master: Master) -> t.Iterator[Change]:
        seen = self.view.masters.get(master.name)
        if not master.present:
            if seen is not None:
                yield self._change(master.name, "removals", steps.remove(seen))
            return
        place = self.truths[master.name].master
        if seen is None:
            yield from self._creation(master, place)
        elif place is not None and not self.observed.is_one(seen.address, place):
            yield from self._repair(master, seen, place)
        else:
            always, from_file = (self.chosen.update_hidden == policy for policy in ("always", "from_file"))
            filed = self.wanted.hidden.get(master.name, {}) if from_file and self.wanted.hidden is not None else None
            step = steps.update(master, seen, {} if always else filed, always)
            if step is not None:
                yield self._change(master.name, "masters", step)
            yield from self._forgetting(master, seen)

    def _creation(self, master: Master, place: Address | None) -> t.Iterator[Change]:
        if place is None:
            self.problems += self.truths[master.name].doubts
            return
        filed = next((entry.hidden[master.name] for entry in self.desired.sentinels if entry.hidden and master.name in entry.hidden), {})
        majority = str(len(self.desired.sentinels) // 2 + 1)
        values = {options.QUORUM.name: majority, **self._of_others(master, place), **filed, **master.values}
        known = values.pop(options.RENAME_COMMANDS, {})
        renames = known if master.renames is None else master.renames
        yield self._change(master.name, "masters", steps.monitor(values, renames, place, self.observed.node(place)))

    def _of_others(self, master: Master, place: Address) -> options.Values:
        """The options of another sentinel, if possible of one that watches the right node: this one probably had the same."""
        entries = sorted(self.observed.monitored(master.name).values(), key=lambda entry: not self.observed.is_one(entry.address, place))
        told = entries[0].values if entries else {}
        return {option.name: told[option.name] for option in options.differing(options.SHOWN, dict(told), {})}

    def _repair(self, master: Master, seen: observe.Monitored, place: Address) -> t.Iterator[Change]:
        if not self.chosen.repair:
            wrong = f"sentinel {self.view.name} watches {seen.address}, the master is {place}"
            self.problems.append(Problem("master.wrong_address", wrong, f"master {master.name}", remedy="set repair to true to correct it"))
            return
        filed = dict((self.wanted.hidden or {}).get(master.name, {}))
        renames = filed.pop(options.RENAME_COMMANDS, {}) if master.renames is None else master.renames
        step = steps.repair(seen, {**filed, **master.values}, renames, place, self.observed.node(place))
        yield self._change(master.name, "masters", step)

    def _forgetting(self, master: Master, seen: observe.Monitored) -> t.Iterator[Change]:
        dead = self._dead(master, seen)
        if not dead:
            return
        place, doubts = self.truths[master.name].master, self.truths[master.name].doubts
        node = None if place is None else self.observed.node(place)
        where = {"item": f"master {master.name}", "field": "forget_stale"}
        if node is None:
            self.problems += [dataclasses.replace(doubt, field="forget_stale") for doubt in doubts]
        elif not seen.is_healthy:
            ill = f"sentinel {self.view.name} sees it as {','.join(sorted(seen.flags))}, so it could not find again what it forgets now"
            self.problems.append(Problem("forget_stale.master_ill", ill, **where))
        elif master.replicas is not None and node.replicas < master.replicas:
            few = f"{place} has {counted(node.replicas, 'replica')}, not {master.replicas}; the others would be forgotten, too"
            self.problems.append(Problem("forget_stale.replicas_missing", few, **where, remedy="start them, or declare fewer replicas"))
        else:
            needed = node.replicas if master.replicas is None else master.replicas
            yield self._change(master.name, "stale", steps.forget(dead, needed, len(self.observed.sentinels) - 1))

    def _dead(self, master: Master, seen: observe.Monitored) -> list[str]:
        """The dead that this sentinel still counts, beyond what is declared: a RESET makes it forget all of them."""
        if not self.chosen.forget_stale or not counts_more(self.desired, seen):
            return []
        more = seen.others > len(self.desired.sentinels) - 1
        dead = [f"sentinel {peer.address}" for peer in seen.peers if more and "s_down" in peer.flags]
        if dead or (master.replicas is not None and seen.replicas > master.replicas):
            dead += [f"replica {row.address}" for row in seen.rows if "s_down" in row.flags]
        return dead

    def _change(self, name: str, stage: str, step: steps.Step) -> Change:
        identity = {"sentinel": self.view.name, "name": name}
        return Change(MASTER, f"{self.view.name}/{name}", identity, step.action, step.differences, self._stage(stage), payload=step.write)

    def _stage(self, stage: str) -> int:
        return self.number * len(_STAGES) + _STAGES.index(stage)
