# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vhosts. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import model
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.endpoints import empty_now
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.rules import QUEUE_TYPES

DOCUMENTATION = r"""
vhosts:
  description:
    - Virtual hosts. A field that an item omits stays as it is on the broker.
    - The broker gives the connecting user all permissions in a vhost that it creates.
    - Deleting a vhost deletes everything in it.
  options:
    name: Name of the vhost.
    description: Description of the vhost.
    tags: The complete list of the vhost's tags.
    default_queue_type: The type of queues that are declared without one. Needs RabbitMQ 3.11 or newer.
    tracing: Whether the broker copies messages to the tracing exchange.
"""

# Seconds added to the timeout: a queue takes the broker 4 ms when its vhost is deleted.
PATIENCE = 300.0


class _Vhost(model.Kind):
    def conflicts(self, declared: model.Declared, broker: model.Broker) -> t.Iterator[Problem]:
        if not declared.present and broker.vhosts.get(declared.object, {}).get("protected_from_deletion"):
            remedy = f"remove the protection first: DELETE /api/vhosts/{declared.object}/deletion/protection"
            yield declared.problem("vhost.protected", "is protected, so the broker refuses to delete it", remedy)
        if "default_queue_type" in declared.fields and not broker.is_at_least(3, 11):
            message, remedy = f"needs RabbitMQ 3.11 or newer, and this broker is {broker.version}", "remove it, or upgrade the broker"
            yield declared.problem("vhost.default_queue_type", message, remedy, "default_queue_type")
        for tag in declared.fields.get("tags", ()):
            if not tag.isascii() and not broker.is_at_least(3, 11):
                message = f"this broker stores {tag!r} as other characters: tags must be ASCII"
                yield declared.problem("vhost.tag_not_ascii", message, "choose another tag", "tags")

    def messages(self, identity: model.Values) -> tuple[str, str | None] | None:
        return (identity["name"], None)

    def read(self, row: model.Values) -> tuple[model.Values, model.Values]:
        queue_type = row.get("default_queue_type")
        fields = {
            "description": row.get("description") or "",
            "tags": sorted(row.get("tags") or []),
            "default_queue_type": None if queue_type == "undefined" else queue_type,
            "tracing": bool(row.get("tracing")),
        }
        return fields, {}

    def delete(self, client: Client, change: Change, loss_allowed: bool = False, if_unused: bool = False) -> None:
        name = change.identity["name"]
        rows = client.get("queues", name, disable_stats="true", enable_queue_totals="true", columns="name,type,messages")
        for row in () if loss_allowed else rows:
            if row.get("messages"):
                raise ChangeFailed(f"its queue {row['name']} has just received a message, so the vhost was not deleted: run the task again")
            if row["type"] == "quorum":
                empty_now(client, name, row["name"])
        client.delete(self.segments(change.identity), patience=PATIENCE)


VHOST = _Vhost(
    "vhost",
    "vhosts",
    stage=1,
    identity=(Field("name", required=True),),
    fields=(
        Field("description"),
        Field("tags", "list", elements="str"),
        Field("default_queue_type", choices=QUEUE_TYPES),
        Field("tracing", "bool"),
    ),
    path=("vhosts", "{name}"),
    prunable=False,
    # The broker reads and rewrites the list of all vhosts that are traced: of two written side by side one is lost.
    alone=model.EVERY_ACTION,
    writers=model.ADMINISTRATOR,
    resource=model.Resource("Vhost", {"description": "", "tags": [], "tracing": False}, without=("description",), limits="vhost_limit"),
)
