# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a vhost has room for the queues that a task makes. Private to this collection.

Queues are made before others are deleted, so those count too. Limits that are in the broker's configuration cannot be read.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import observe
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.endpoints import QUEUE
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.limits import VHOST_LIMIT
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker


def problems(client: Client, changes: t.Sequence[Change], broker: Broker) -> t.Iterator[Problem]:
    """One problem for each vhost whose max-queues does not allow them."""
    new = Counter(change.identity["vhost"] for change in changes if change.kind == "queue" and change.action == "create")
    limits = _limits(client, changes, broker) if new else {}
    there = Counter(entry.identity["vhost"] for entry in broker.of_kind(QUEUE)) if limits else Counter[str]()
    for vhost, count in sorted(new.items()):
        limit = limits.get(vhost, -1)
        if 0 <= limit < there[vhost] + count:
            message = f"its limit max-queues is {limit}, it has {there[vhost]} queues, and the task makes {count} more"
            remedy = "raise the limit under vhost_limits, or delete queues in a task before this one"
            yield Problem("limit.queues", message, f"vhost {vhost}", remedy=remedy)


def _limits(client: Client, changes: t.Iterable[Change], broker: Broker) -> dict[str, int]:
    """The limits of vhosts that will hold when queues are made. Negative ones are none."""
    readable = broker.allows(VHOST_LIMIT.readers)
    rows = observe.entries(VHOST_LIMIT, client.get(VHOST_LIMIT.listing)).values() if readable else ()
    found = {entry.identity["vhost"]: entry.fields["value"] for entry in rows if entry.identity["name"] == "max-queues"}
    for change in changes:
        # A limit that is deleted goes after the queues were made.
        if change.kind == "vhost_limit" and change.identity["name"] == "max-queues" and change.action != "delete":
            found[change.identity["vhost"]] = change.payload["value"]
    return found
