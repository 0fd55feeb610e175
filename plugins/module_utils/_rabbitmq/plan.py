# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what to create, update, replace and delete so that the broker is as declared.

Private to this collection. Pure: a function of the declarations, the broker as read, and the options.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Key, Plan, same, shown
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Advice, Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Declared, Observed, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, KINDS
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.observe import require_tags
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import Prune, prunable
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import problems as prune_problems
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.safety import own_rights
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.safety.recreation import Replacement

# Deletions follow all creations, in reverse order: first add the new binding, then take the old one away.
_LAST_STAGE = max(kind.stage for kind in KINDS)


@dataclass(frozen=True)
class Options:
    """What the task allows beyond adding and updating."""

    prune: Prune = field(default_factory=Prune)
    on_immutable_change: str = "fail"
    accept_loss_window: bool = False


def plan(
    declarations: t.Mapping[Key, Declared], broker: Broker, options: Options, warn: t.Callable[[str], None] = lambda line: None
) -> Plan:
    """The changes, or Refused with every reason why there can be none. `warn` takes each warning of what is planned."""
    found = list(references.problems(declarations, broker))
    problems = [problem for problem in found if not isinstance(problem, Advice)]
    changes: list[Change] = []
    unchanged = 0
    for declared in declarations.values():
        observed = broker.objects.get(declared.key)
        change = _change(declared, observed)
        if change is None:
            unchanged += 1
            continue
        if observed is not None and change.action == "update" and declared.kind.immutable:
            problem = _immutable(change, declared, observed, broker, options)
            if problem:
                # It stays as it is, so what is wrong with what it would become does not matter yet.
                problems = [*(other for other in problems if other.item != problem.item), problem]
                continue
            change = _replacement(change, broker)
        changes.append(change)
    pruned = prunable(declarations, broker, options.prune)
    problems += prune_problems(declarations, broker, options.prune, pruned)
    if problems:
        raise Refused(problems)
    changes += [_deletion(entry) for entry in pruned]
    require_tags(broker, {change.kind: BY_NAME[change.kind] for change in changes}.values(), "write")
    going = {change.key for change in changes if change.action == "delete"}
    left = [change for change in changes if not _goes_with_another(change, going)]
    ordered, problems = own_rights.ordered(left, broker, 2 * _LAST_STAGE)
    if problems:
        raise Refused(problems)
    for problem in found:
        if isinstance(problem, Advice):
            warn(str(problem))
    return Plan.of(ordered, unchanged)


def _change(declared: Declared, observed: Observed | None) -> Change | None:
    if not declared.present:
        return None if observed is None else _deletion(observed)
    if observed is None:
        differences = [Difference(name, None, value) for name, value in declared.fields.items()]
        return _entry_change(declared, "create", differences, declared.fields)
    # A stored value that is equal stays as it is: a hash that accepts the declared password.
    wanted = declared.differing(observed)
    differences = [difference for name, value in wanted.items() for difference in _differences(name, observed.fields[name], value)]
    return _entry_change(declared, "update", differences, {**observed.fields, **wanted}) if wanted else None


def _deletion(observed: Observed) -> Change:
    differences = [Difference(name, value, None) for name, value in observed.fields.items()]
    deletion = _entry_change(observed, "delete", differences, observed.extra)
    return replace(deletion, stage=2 * _LAST_STAGE + 1 - deletion.stage, needs=frozenset())


def _entry_change(entry: Declared | Observed, action: str, differences: t.Iterable[Difference], payload: Values) -> Change:
    kind, needs = entry.kind, entry.kind.keys_needed(entry.identity)
    return Change(kind.name, entry.object, entry.identity, action, tuple(differences), kind.stage, needs, payload)


def _differences(name: str, actual: t.Any, wanted: t.Any) -> t.Iterator[Difference]:
    """One for each key of a dictionary that differs."""
    if isinstance(wanted, dict) and isinstance(actual, dict):
        for key in sorted(wanted.keys() | actual.keys()):
            if key not in wanted or key not in actual or not same(wanted[key], actual[key]):
                yield Difference(f"{name}.{key}", actual.get(key), wanted.get(key))
    else:
        yield Difference(name, actual, wanted)


def _immutable(change: Change, declared: Declared, observed: Observed, broker: Broker, options: Options) -> Problem | None:
    """Why this change, which the broker cannot make in place, must not be made; None where it may."""
    if options.on_immutable_change != "fail":
        return declared.kind.irreplaceable(declared, observed, broker)
    named = "; ".join(f"{each.field} is {shown(each.before)!r}, declared {shown(each.after)!r}" for each in change.differences)
    remedy = "declare it as it is, use a policy for the setting, or see on_immutable_change"
    return declared.problem("immutable.differs", f"the broker cannot change it in place: {named}", remedy)


def _replacement(change: Change, broker: Broker) -> Change:
    """The update as a deletion and a new declaration, with the bindings and topic permissions that would be lost between them."""
    lost = [entry for entry in broker.objects.values() if change.key in entry.kind.keys_needed(entry.identity)]
    return replace(
        change,
        action="replace",
        payload=Replacement(change.payload, broker.objects[change.key].fields, sorted(lost, key=lambda entry: entry.kind.stage)),
    )


def _goes_with_another(change: Change, going: set[Key]) -> bool:
    """Whether the deletion of this object is part of another: all in a vhost, a user's rights."""
    if change.action != "delete":
        return False
    return any(key in going and key[0] in ("vhost", "user") for key in BY_NAME[change.kind].keys_needed(change.identity))
