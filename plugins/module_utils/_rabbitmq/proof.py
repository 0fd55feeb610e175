# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a deletion loses no stored message. Private to this collection.

What the broker's numbers are worth, measured on 3.10, 4.0 and 4.3: a classic queue's total from the metadata
store is immediate; a quorum queue's there lags up to 5 seconds, one tick of the queue; a stream's is only among the
statistics, which lag up to two ticks of 5 seconds. A queue that has just received messages reads 0 meanwhile. So
those are read twice, further apart than they lag, and a quorum queue is asked for a message right before it goes.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Plan
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client

# Seconds, by queue type; the longest lags seen were 5.1 and 8.9.
SETTLED_AFTER = {"quorum": 7.0, "stream": 12.0}

# Vhost and queue, to the words that say what stands against deleting it.
Reasons = t.Dict[t.Tuple[str, str], str]


def problems(client: Client, plan: Plan, allowed: t.Collection[str], accept_loss_window: bool) -> list[str]:
    """One line for each deletion or replacement in the plan that would lose messages."""
    suspects = [change for change in plan.changes if _may_lose(change, allowed)]
    vhosts = {_vhost(change) for change in suspects}
    found: Reasons = {}
    rows = {vhost: _rows(client, vhost) for vhost in vhosts}
    for vhost in vhosts:
        found.update(_holding(rows[vhost], vhost, settled=False))
    # Only those that could not be told at once are worth the wait.
    types = {vhost: {row["type"] for row in _concerned(rows[vhost], vhost, suspects)} for vhost in vhosts}
    waiting = {vhost: [SETTLED_AFTER.get(name, SETTLED_AFTER["stream"]) for name in types[vhost] - {"classic"}] for vhost in vhosts}
    if any(waiting.values()) and not all(_stands_against(change, found) for change in suspects):
        time.sleep(max(wait for waits in waiting.values() for wait in waits))
        for vhost in (vhost for vhost in vhosts if waiting[vhost]):
            rows[vhost] = _rows(client, vhost)
            found.update(_holding(rows[vhost], vhost, settled=True))
    lines = [line for change in suspects for line in _stands_against(change, found)]
    if not accept_loss_window:
        lines += [line for change in plan.changes if change.action == "replace" for line in _window(change, rows)]
    return lines


def empty_now(client: Client, vhost: str, name: str) -> None:
    """Ask a quorum queue for one message and put it back; ChangeFailed if there is one."""
    question = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    if client.post(("queues", vhost, name, "get"), question, repeat=False):
        raise ChangeFailed("it received a message meanwhile and was left alone: run again when its publishers have stopped")


def vhost_empty_now(client: Client, vhost: str) -> None:
    """Ask all queues of a vhost as far as they can tell at once; ChangeFailed if one holds a message."""
    for row in client.get("queues", vhost, disable_stats="true", enable_queue_totals="true", columns="name,type,messages"):
        if row.get("messages"):
            raise ChangeFailed(f"its queue {row['name']} received a message meanwhile, and the vhost was left alone: run again")
        if row["type"] == "quorum":
            empty_now(client, vhost, row["name"])


def _may_lose(change: Change, allowed: t.Collection[str]) -> bool:
    if change.kind not in ("queue", "vhost"):
        return False
    if change.action == "replace":
        return True
    return change.action == "delete" and f"{change.kind} {change.object}" not in allowed


def _vhost(change: Change) -> str:
    return str(change.identity["name"] if change.kind == "vhost" else change.identity["vhost"])


def _rows(client: Client, vhost: str) -> list[dict[str, t.Any]]:
    """The vhost's queues with their message counts, each from the source that is right for its type."""
    columns = "name,type,messages,consumers"
    fresh = client.get("queues", vhost, disable_stats="true", enable_queue_totals="true", columns=columns)
    totals = {row["name"]: row["messages"] for row in fresh if row["type"] != "stream" and "messages" in row}
    rows = client.get("queues", vhost, columns=columns)
    return [dict(row, messages=totals.get(row["name"], row.get("messages"))) for row in rows]


def _concerned(rows: list[dict[str, t.Any]], vhost: str, suspects: list[Change]) -> t.Iterator[dict[str, t.Any]]:
    for change in suspects:
        if _vhost(change) == vhost:
            yield from (row for row in rows if change.kind == "vhost" or row["name"] == change.identity["name"])


def _holding(rows: list[dict[str, t.Any]], vhost: str, settled: bool) -> Reasons:
    found = {}
    for row in rows:
        if row["messages"] is None and row["type"] != "classic":
            if not settled:
                continue  # it may have its first count after the wait
            found[(vhost, row["name"])] = "has no message count yet (it was made seconds ago, or statistics are off)"
        elif row["messages"]:
            found[(vhost, row["name"])] = f"holds {row['messages']} messages"
    return found


def _stands_against(change: Change, found: Reasons) -> list[str]:
    vhost = _vhost(change)
    if change.kind == "vhost":
        reasons = [f"queue {name} {reason}" for (where, name), reason in sorted(found.items()) if where == vhost]
        reason = "; ".join(reasons[:5]) + ("; and more" if len(reasons) > 5 else "")
    else:
        reason = found.get((vhost, change.identity["name"]), "")
    if not reason:
        return []
    if change.action == "replace":
        return [f"queue {change.object}: {reason}, and recreate_if_empty recreates only what is empty: drain it first"]
    words = f"{change.kind} {change.object}"
    return [f"{words}: {reason}; to delete it all the same, name '{words}' in allow_message_loss"]


def _window(change: Change, rows: dict[str, list[dict[str, t.Any]]]) -> t.Iterator[str]:
    """What would be cut off between the deletion and the new declaration."""
    bindings = len(change.payload["bindings"])
    reasons = [f"{bindings} bindings"] if bindings else []
    for row in rows.get(_vhost(change), ()):
        if change.kind == kinds.QUEUE.name and row["name"] == change.identity["name"] and row.get("consumers"):
            reasons.append(f"{row['consumers']} consumers")
    if reasons:
        yield (
            f"{change.kind} {change.object}: has {' and '.join(reasons)}; messages published while it is recreated would "
            "be lost: stop the publishers and consumers, then say accept_loss_window: true"
        )
