# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a deletion loses no stored message. Private to this collection.

How far the broker's numbers can be trusted, measured on 3.10, 4.0 and 4.3: the message count of a classic queue in the metadata
store is immediate. That of a quorum queue lags up to 5 seconds, one tick of the queue. That of a stream is only in the
statistics, which lag up to two ticks of 5 seconds. A queue that has just received messages reads 0 meanwhile. So these
are read twice, with a longer pause than they lag, and a quorum queue is asked for a message right before it is deleted.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME

# Seconds, by queue type; the longest lags seen were 5.1 and 8.9.
SETTLED_AFTER = {"quorum": 7.0, "stream": 12.0}


def problems(client: Client, plan: Plan, declared: t.Container[Key], allowed: t.Collection[str], accept_loss_window: bool) -> list[Problem]:
    """One problem for each deletion or replacement in the plan that would lose messages, or a consumer what it consumes."""
    suspects = [change for change in plan.changes if _may_lose(change, allowed)]
    rows = {vhost: _rows(client, vhost) for vhost in {_place(change)[0] for change in suspects}}
    # Only those that could not be told at once are worth the wait.
    types = {row["type"] for change in suspects for row in _concerned(change, rows)}
    lag = max((SETTLED_AFTER.get(name, SETTLED_AFTER["stream"]) for name in types - {"classic"}), default=0.0)
    held = {change.key: _held(change, rows, settled=False) for change in suspects}
    if lag and not all(held.values()):
        wait.sleep(lag)
        rows = {vhost: _rows(client, vhost) for vhost in rows}
        held = {change.key: held[change.key] or _held(change, rows, settled=True) for change in suspects}
    found = [problem for problems in held.values() for problem in problems]
    found += [problem for change in suspects if change.key not in declared for problem in _consumed(change, rows)]
    if not accept_loss_window:
        found += [problem for change in plan.changes if change.action == "replace" for problem in _window(change, rows)]
    return found


def _may_lose(change: Change, allowed: t.Collection[str]) -> bool:
    if BY_NAME[change.kind].messages(change.identity) is None:
        return False
    return change.action == "replace" or (change.action == "delete" and f"{change.kind} {change.object}" not in allowed)


def _place(change: Change) -> tuple[str, str | None]:
    """The vhost, and one queue or all, whose messages the change would lose."""
    return BY_NAME[change.kind].messages(change.identity) or ("", "")


def _rows(client: Client, vhost: str) -> list[Values]:
    """The vhost's queues with their message counts, each from the source that is right for its type."""
    columns = "name,type,messages,consumers"
    fresh = client.get("queues", vhost, disable_stats="true", enable_queue_totals="true", columns=columns)
    totals = {row["name"]: row.get("messages") for row in fresh}
    rows = client.get("queues", vhost, columns=columns)
    # Statistics of a queue whose node is down are from before it went down.
    return [dict(row, messages=row.get("messages") if row["type"] == "stream" else totals.get(row["name"])) for row in rows]


def _concerned(change: Change, rows: t.Mapping[str, list[Values]]) -> list[Values]:
    vhost, queue = _place(change)
    return [row for row in rows.get(vhost, ()) if queue in (None, row["name"])]


def _held(change: Change, rows: t.Mapping[str, list[Values]], settled: bool) -> list[Problem]:
    """What stands against the change. `settled`: whether queues that were made a moment ago have had the time to be counted."""
    reasons = []
    for row in sorted(_concerned(change, rows), key=lambda row: str(row["name"])):
        where = f"queue {row['name']} " if change.kind != "queue" else ""
        if row["messages"]:
            reasons.append(f"{where}holds {row['messages']} messages")
        elif row["messages"] is None and row["type"] == "classic":
            reasons.append(f"{where}has no message count (its node may be down), and the broker may delete it although it holds messages")
        elif row["messages"] is None and settled:
            reasons.append(f"{where}has no message count yet (it was made seconds ago, its node is down, or statistics are off)")
    if not reasons:
        return []
    item, message = f"{change.kind} {change.object}", "; ".join(reasons[:5]) + ("; and more" if len(reasons) > 5 else "")
    if change.action == "replace":
        remedy = "recreate_if_empty recreates only empty queues: drain it first"
    else:
        remedy = f"to delete it with its messages, add '{item}' to allow_message_loss"
    return [Problem("loss.messages", message, item, remedy=remedy)]


def _consumed(change: Change, rows: t.Mapping[str, list[Values]]) -> t.Iterator[Problem]:
    """What prune must not delete: consumers are counted late, so it did not know of these when it read the broker."""
    if any(row.get("consumers") for row in _concerned(change, rows)):
        message = "has consumers since a moment ago, and prune does not delete what is in use"
        yield Problem("prune.consumers", message, f"{change.kind} {change.object}", remedy="run the task again")


def _window(change: Change, rows: t.Mapping[str, list[Values]]) -> t.Iterator[Problem]:
    """What would be cut off between the deletion and the new declaration."""
    bindings = sum(entry.kind.name == "binding" for entry in change.payload.lost)
    reasons = [f"{bindings} bindings"] if bindings else []
    reasons += [f"{row['consumers']} consumers" for row in _concerned(change, rows) if row.get("consumers")]
    if reasons:
        message = f"has {' and '.join(reasons)}, and messages that are published while it is recreated are lost"
        remedy = "stop its publishers and consumers, then set accept_loss_window to true"
        yield Problem("loss.window", message, f"{change.kind} {change.object}", remedy=remedy)
