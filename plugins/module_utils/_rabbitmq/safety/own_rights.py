# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the connecting user itself: in an order in which it can make all changes. Private to this collection. Pure.

Its password, tags and deletion end what it can do, so they come last, and only if everything else was done: then the next run can
connect as this one did. A permission comes last too, or first if the other changes need it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME

_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
# What a queue and an exchange need beside configure, by the argument that names another exchange (docs: access control).
_NAMING = ("x-dead-letter-exchange", "alternate-exchange")

Asked = t.Tuple[str, str]  # configure, write or read; and the name that the pattern must match


def own(change: Change, broker: Broker) -> bool:
    """Whether the change is one of the connecting user or of its rights."""
    if change.kind == "user":
        return change.object == broker.user
    return change.kind in ("permission", "topic_permission") and change.identity["user"] == broker.user


def ordered(changes: t.Sequence[Change], broker: Broker, last: int) -> tuple[list[Change], list[Problem]]:
    """The changes with the stages and needs that keep the connecting user's rights as long as they are needed, and why there can be none.

    `last`: the stage after which all other changes are done.
    """
    others = [change for change in changes if not own(change, broker)]
    result, problems, late = list(others), [], []
    for change in (change for change in changes if own(change, broker)):
        if change.kind == "user":
            late.append(replace(change, stage=last + 2))
            continue
        before, after = _before(change, others, broker), None if change.action == "delete" else change.payload
        open_to_all = change.kind == "topic_permission"
        asked = [(other, ask) for other in others for ask in _asked(other, change, broker)]
        refused = [[pair for pair in asked if not _allows(rights, pair[1], open_to_all)] for rights in (before, after)]
        if not refused[0] and (before is not None or open_to_all):
            late.append(replace(change, stage=last + 1))
        elif not refused[1]:
            result.append(replace(change, stage=BY_NAME[change.kind].stage))
        else:
            problems.append(_no_order(change, refused, broker))
    done = frozenset(change.key for change in result)
    for change in sorted(late, key=lambda change: change.stage):
        earlier = {other.key for other in late if other.stage < change.stage}
        result.append(replace(change, needs=change.needs | done | earlier))
    return result, problems


def _before(change: Change, others: t.Sequence[Change], broker: Broker) -> Values | None:
    """The rights before the change; None where it has none, or, of a topic permission, where there are no limits."""
    observed = broker.objects.get(change.key)
    if observed is not None:
        return observed.fields
    made = any(other.key == ("vhost", change.identity["vhost"]) for other in others if other.action == "create")
    # The broker gives all permissions in a vhost to the user that creates it.
    return _EVERYTHING if made and change.kind == "permission" else None


def _asked(change: Change, right: Change, broker: Broker) -> t.Iterator[Asked]:
    """What the change asks of this permission or topic permission."""
    if change.identity.get("vhost") != right.identity["vhost"]:
        return
    if change.action == "replace":
        for entry in change.payload.lost:
            yield from _of_object(entry.kind.name, entry.identity, right)
    yield from _of_object(change.kind, change.identity, right)
    if right.kind == "permission" and change.kind in ("exchange", "queue"):
        name = change.identity["name"]
        fields = {"create": change.payload, "replace": getattr(change.payload, "fields", {})}.get(change.action, {})
        for argument in _NAMING:
            if argument in fields.get("arguments", {}):
                yield "read", name
                yield "write", str(fields["arguments"][argument])
        if change.kind == "queue" and change.action != "create" and broker.objects[change.key].extra.get("type") == "quorum":
            yield "read", name  # to prove that it is empty


def _of_object(kind: str, identity: Values, right: Change) -> t.Iterator[Asked]:
    if kind == "binding" and right.kind == "permission":
        yield "write", identity["destination"]
        yield "read", identity["source"]
    elif kind == "binding" and identity["source"] == right.identity["exchange"]:
        yield "read", identity["routing_key"]
    elif kind in ("exchange", "queue") and right.kind == "permission":
        yield "configure", identity["name"]


def _allows(rights: Values | None, asked: Asked, open_to_all: bool) -> bool:
    if rights is None:
        return open_to_all
    verb, name = asked
    try:
        # To the broker an empty pattern means ^$.
        return bool(re.search(rights[verb] or "^$", name))
    except re.error:  # what only Erlang reads
        return True


def _no_order(change: Change, refused: list[list[tuple[Change, Asked]]], broker: Broker) -> Problem:
    (before, (verb_before, name_before)), (after, (verb_after, name_after)) = refused[0][0], refused[1][0]
    message = (
        f"is the right of the connecting user {broker.user!r}, and the task needs it both ways: {before.kind} {before.object} "
        f"({verb_before} {name_before!r}) is refused before this change, {after.kind} {after.object} ({verb_after} {name_after!r}) after it"
    )
    return Problem("rights.no_order", message, f"{change.kind} {change.object}", remedy="connect as another user, or use two tasks")
