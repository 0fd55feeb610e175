# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy keys that only the broker can judge, since they may belong to a plugin. Private to this collection.

The broker checks all parts of a policy and names everything that is wrong. So a policy whose pattern is no regular expression, and which
applies to nothing that exists, is always refused, and the reason tells whether its key and value are right. Nothing is written.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, Change
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.plain import OPERATOR_POLICY, POLICY
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import judge

_KINDS = {kind.name: kind for kind in (POLICY, OPERATOR_POLICY)}
NEVER = {"pattern": "(", "apply-to": "nothing", "priority": 0}
# What every release takes, so that the reason holds nothing but what is always wrong.
_RIGHT = {"max-length": 1}
_BEGINNING = "Validation failed"


def problems(client: Client, changes: t.Iterable[Change], broker: Broker) -> t.Iterator[Problem]:
    """One problem for each key that the table does not have, and that the broker refuses."""
    for change in changes:
        kind = _KINDS.get(change.kind)
        if kind is None or change.action == "delete" or not broker.vhosts:
            continue
        definition = change.payload["definition"]
        for name in sorted(entry[0] for entry in judge.unknown(definition, kind.keys(), broker.release)):
            reason = _reason(client, change, {name: definition[name]}, broker)
            if reason:
                remedy = "correct it, or enable the plugin that it belongs to"
                yield Problem("definition.unknown", reason, f"{change.kind} {change.object}", f"definition.{name}", remedy)


def _reason(client: Client, change: Change, definition: Values, broker: Broker) -> str:
    """What the broker says against the definition; empty where it says nothing."""
    always, said = (_refusal(client, change, each, broker) for each in (_RIGHT, definition))
    if not always or said in ("", always):
        return ""
    own = said.replace(always[len(_BEGINNING) :], "").replace(_BEGINNING, "").strip()
    return f"the broker refuses it: {own}"


def _refusal(client: Client, change: Change, definition: Values, broker: Broker) -> str:
    """The broker's reason against a policy that it never takes; empty where it does not judge."""
    vhost = change.identity["vhost"]
    place = {**change.identity, "vhost": vhost if vhost in broker.vhosts else min(broker.vhosts)}
    try:
        client.put(_KINDS[change.kind].segments(place), {**NEVER, "definition": definition})
    except errors.Invalid as error:
        return error.reason
    except WRITE_ERRORS:
        pass
    return ""
