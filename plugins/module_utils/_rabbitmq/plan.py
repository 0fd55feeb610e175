# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what to create, update, replace and delete so that the broker is as declared.

Private to this collection. Pure: a function of the declarations, the broker as read, and the options.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Key, Plan, Secret, same
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds, passwords, references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import Declared
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.observe import Broker, Observed, require_tags
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import Prune, excess, prunable

# Deletions follow all creations, in reverse order: first add the new binding, then take the old one away.
_LAST_STAGE = max(kind.stage for kind in kinds.KINDS)


@dataclass(frozen=True)
class Options:
    """What the task allows beyond adding and updating."""

    prune: Prune = field(default_factory=Prune)
    on_immutable_change: str = "fail"
    accept_loss_window: bool = False


def plan(declarations: t.Mapping[Key, Declared], broker: Broker, options: Options) -> Plan:
    """The changes, or Refused with every reason why there can be none."""
    problems = list(references.problems(declarations, broker))
    changes: list[Change] = []
    unchanged = 0
    for declared in declarations.values():
        observed = broker.objects.get(declared.key)
        change = _change(declared, observed)
        if change is None:
            unchanged += 1
            continue
        if change.action == "update" and declared.kind.immutable:
            problem = _immutable(change, declared, observed, options) or _unseen(declared, broker)
            if problem:
                problems.append(problem)
                continue
            change = _replacement(change, broker)
        changes.append(change)
    pruned = list(prunable(declarations, broker, options.prune))
    too_many = excess(pruned, options.prune)
    if too_many:
        problems.append(too_many)
    if problems:
        raise Refused(problems)
    changes += [_deletion(entry) for entry in pruned]
    require_tags(broker, {kinds.BY_NAME[change.kind].name: kinds.BY_NAME[change.kind] for change in changes}.values(), "write")
    going = {change.key for change in changes if change.action == "delete"}
    return Plan.of((change for change in changes if not _goes_with_another(change, going)), unchanged)


def _change(declared: Declared, observed: Observed | None) -> Change | None:
    if not declared.present:
        return None if observed is None else _deletion(observed)
    if observed is None:
        return _creation(declared)
    differences = tuple(_differences(declared, observed))
    if not differences:
        return None
    return Change(
        kind=declared.kind.name,
        object=declared.object,
        identity=declared.identity,
        action="update",
        differences=differences,
        stage=declared.kind.stage,
        needs=references.keys_needed(declared.kind, declared.identity),
        payload=_merged(declared, observed),
    )


def _merged(declared: Declared, observed: Observed) -> Values:
    """All fields as they shall be. A stored hash that accepts the declared password stays as it is."""
    merged = dict(observed.fields, **_wanted(declared, observed))
    for name, value in merged.items():
        stored = observed.fields[name]
        if isinstance(value, Secret) and passwords.matches(value.reveal(), stored.reveal()):
            merged[name] = stored
    return merged


def _creation(declared: Declared) -> Change:
    fields = _wanted(declared, None)
    return Change(
        kind=declared.kind.name,
        object=declared.object,
        identity=declared.identity,
        action="create",
        differences=tuple(Difference(name, None, value) for name, value in fields.items()),
        stage=declared.kind.stage,
        needs=references.keys_needed(declared.kind, declared.identity),
        payload=fields,
    )


def _deletion(observed: Observed) -> Change:
    return Change(
        kind=observed.kind.name,
        object=observed.object,
        identity=observed.identity,
        action="delete",
        differences=tuple(Difference(name, value, None) for name, value in observed.fields.items()),
        stage=2 * _LAST_STAGE + 1 - observed.kind.stage,
        payload=observed.extra,
    )


def _wanted(declared: Declared, observed: Observed | None) -> Values:
    """The declared fields, but for a password that counts only at creation."""
    if observed is not None and declared.password_once:
        return {name: value for name, value in declared.fields.items() if name != "password"}
    return declared.fields


def _differences(declared: Declared, observed: Observed) -> t.Iterator[Difference]:
    for name, wanted in _wanted(declared, observed).items():
        actual = observed.fields[name]
        if isinstance(wanted, Secret):
            if not passwords.matches(wanted.reveal(), actual.reveal()):
                yield Difference(name, actual, wanted)
        elif isinstance(wanted, dict) and isinstance(actual, dict):
            for key in sorted(wanted.keys() | actual.keys()):
                if key not in wanted or key not in actual or not same(wanted[key], actual[key]):
                    yield Difference(f"{name}.{key}", actual.get(key), wanted.get(key))
        elif not same(wanted, actual):
            yield Difference(name, actual, wanted)


def _immutable(change: Change, declared: Declared, observed: Observed | None, options: Options) -> str | None:
    """Why this change, which the broker cannot make in place, is not to be made; None where it is."""
    named = "; ".join(f"{d.field} is {d.before!r}, declared {d.after!r}" for d in change.differences)
    what = f"{declared}: cannot change in place: {named}"
    if options.on_immutable_change == "fail":
        return f"{what}. Declare it as it is, carry the setting in a policy, or see on_immutable_change"
    if observed is not None and (observed.extra.get("exclusive") or observed.fields["auto_delete"]):
        return f"{what}. It belongs to a running application (exclusive or auto-delete): stop that first"
    if observed is not None and observed.fields["type"] == "stream":
        return f"{what}. Streams are never recreated, since none can be proven empty: use a new name"
    return None


def _unseen(declared: Declared, broker: Broker) -> str | None:
    """From 4.0 on the topic permissions of an exchange may go with it, and only an administrator sees and restores them."""
    if declared.kind is not kinds.EXCHANGE or broker.administrator or broker.version.startswith("3."):
        return None
    return f"{declared}: to recreate it takes the tag administrator: its topic permissions would be lost unseen"


def _replacement(change: Change, broker: Broker) -> Change:
    """The update as a deletion and a new declaration, with the bindings and topic permissions that would be lost between them."""
    lost = [entry for entry in broker.of_kind(kinds.BINDING) if touches(entry.identity, change)]
    granted = [
        entry for entry in broker.of_kind(kinds.TOPIC_PERMISSION) if change.key in references.keys_needed(entry.kind, entry.identity)
    ]
    return Change(
        kind=change.kind,
        object=change.object,
        identity=change.identity,
        action="replace",
        differences=change.differences,
        stage=change.stage,
        needs=change.needs,
        payload={"fields": change.payload, "bindings": [entry.identity for entry in lost], "topic_permissions": granted},
    )


def touches(binding: Values, change: Change) -> bool:
    """Whether the binding has the queue or exchange of that change at one of its ends."""
    if binding["vhost"] != change.identity.get("vhost"):
        return False
    name = change.identity.get("name")
    at_destination = binding["destination"] == name and binding["destination_type"] == change.kind
    return at_destination or (change.kind == "exchange" and binding["source"] == name)


def _goes_with_another(change: Change, going: set[Key]) -> bool:
    """Whether the deletion of this object is part of another: all in a vhost, a user's rights."""
    if change.action != "delete":
        return False
    return any(key in going and key[0] in ("vhost", "user") for key in references.keys_needed(kinds.BY_NAME[change.kind], change.identity))
