# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of vhosts and of users. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.kind import (
    ADMINISTRATOR,
    MONITORING,
    VHOST,
    Kind,
    Observed,
    Row,
)

DOCUMENTATION = r"""
vhost_limits:
  description: Limits of vhosts, one item for each.
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


class Limit(Kind):
    """The API lists all limits of an owner in one row."""

    def observed(self, row: Row) -> t.Iterator[Observed]:
        owner, name = self.parts
        limits = row["value"] or {}  # an empty Erlang list where there are none
        for limit, value in limits.items():
            yield self.entry({owner: row[owner], name: limit}, {"value": value})


# The broker reads and rewrites all limits of an owner: of two written side by side one is lost (3.10 to 4.3).
_ALONE = frozenset({"create", "update", "replace", "delete"})
_VALUE = Field("value", "int", required=True)

VHOST_LIMIT = Limit(
    "vhost_limit",
    "vhost_limits",
    stage=2,
    identity=(VHOST, Field("name", required=True, choices=("max-connections", "max-queues"))),
    fields=(_VALUE,),
    path=("vhost-limits", "{vhost}", "{name}"),
    alone=_ALONE,
    readers=MONITORING,
    writers=ADMINISTRATOR,
)
USER_LIMIT = Limit(
    "user_limit",
    "user_limits",
    stage=3,
    identity=(
        Field("user", required=True),
        Field("name", required=True, choices=("max-connections", "max-channels")),
    ),
    fields=(_VALUE,),
    path=("user-limits", "{user}", "{name}"),
    alone=_ALONE,
    readers=ADMINISTRATOR,
    writers=ADMINISTRATOR,
)
