# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of vhosts and of users. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import model

DOCUMENTATION = r"""
vhost_limits:
  description:
    - Limits of vhosts, one item for each.
    - A task that would make more queues than V(max-queues) allows is refused before the first write.
  options:
    name: The limit to set.
    value: The limit; a negative number for none. Required unless O(vhost_limits[].state=absent).
user_limits:
  description: Limits of users, one item for each.
  options:
    user: Name of the user.
    name: The limit to set.
    value: The limit; a negative number for none. Required unless O(user_limits[].state=absent).
"""


class Limit(model.Kind):
    """The API lists all limits of an owner in one row."""

    def observed(self, row: model.Values) -> t.Iterator[model.Observed]:
        owner, name = self.parts
        limits = row["value"] or {}  # an empty Erlang list where there are none
        for limit, value in limits.items():
            yield self.entry({owner: row[owner], name: limit}, {"value": value})


_VALUE = Field("value", "int", required=True)

VHOST_LIMIT = Limit(
    "vhost_limit",
    "vhost_limits",
    stage=2,
    identity=(model.VHOST, Field("name", required=True, choices=("max-connections", "max-queues"))),
    fields=(_VALUE,),
    path=("vhost-limits", "{vhost}", "{name}"),
    # The broker reads and rewrites all limits of an owner: of two written side by side one is lost (3.10 to 4.3).
    alone=model.EVERY_ACTION,
    readers=model.MONITORING,
    writers=model.ADMINISTRATOR,
)
USER_LIMIT = replace(
    VHOST_LIMIT,
    name="user_limit",
    option="user_limits",
    stage=3,
    identity=(Field("user", required=True), Field("name", required=True, choices=("max-connections", "max-channels"))),
    path=("user-limits", "{user}", "{name}"),
    readers=model.ADMINISTRATOR,
)
