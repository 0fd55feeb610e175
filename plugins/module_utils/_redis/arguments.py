# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the modules that speak to sentinels. Private to this collection."""

from __future__ import annotations

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field, Spec, options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.options import (
    ANNOUNCE_IP,
    ANNOUNCE_PORT,
    COMMON_SETTINGS,
    OPTIONS,
    RENAME_COMMANDS,
)

# The documentation fragment eco2.platform.redis_connection describes them.
CONNECTION = (
    Field("username"),
    Field("password", secret=True),
    Field("data_username"),
    Field("data_password", secret=True),
    Field("tls", "bool", False),
    Field("validate_certs", "bool", True),
    Field("ca_cert", "path"),
    Field("client_cert", "path"),
    Field("client_key", "path"),
    Field("timeout", "float", 5.0),
)
MASTER = (
    Field("name", required=True),
    Field("state", default="present", choices=("present", "absent")),
    Field("address", "list", elements="str"),
    Field("replicas", "int"),
    *OPTIONS,
    Field(RENAME_COMMANDS, "dict"),
)


def _place(port: int, *more: Field) -> tuple[Field, ...]:
    return (Field("host", required=True), Field("port", "int", port), *more)


def sentinel() -> Spec:
    """Of redis_sentinel."""
    return options(
        (
            *CONNECTION,
            Field(
                "sentinels",
                "list",
                required=True,
                elements="dict",
                fields=_place(26379, ANNOUNCE_IP, ANNOUNCE_PORT, Field("conf", secret=True)),
            ),
            Field("masters", "list", [], elements="dict", fields=MASTER),
            Field("settings", "dict", fields=COMMON_SETTINGS),
            Field("prune", "bool", False),
            Field("forget_stale", "bool", False),
            Field("update_hidden", default="on_create", choices=("on_create", "from_file", "always")),
            Field("repair", "bool", True),
            Field("unreachable_sentinels", default="fail", choices=("fail", "skip")),
            Field("wait_timeout", "float", 60.0),
        )
    )


def sentinel_info() -> Spec:
    """Of redis_sentinel_info."""
    without_link = Field("replicas_without_link", "list", [], elements="str")
    return options(
        (
            *CONNECTION,
            Field("sentinels", "list", required=True, elements="dict", fields=_place(26379)),
            Field("sentinel_count", "int"),
            Field("masters", "list", [], elements="dict", fields=(Field("name", required=True), Field("replicas", "int"), without_link)),
            Field("wait", "bool", False),
            Field("wait_timeout", "float", 60.0),
        )
    )


def failover() -> Spec:
    """Of redis_failover."""
    return options(
        (
            *CONNECTION,
            Field("sentinels", "list", required=True, elements="dict", fields=_place(26379)),
            Field("name", required=True),
            Field("to", "dict", fields=_place(6379)),
            Field("require_sentinels", default="all", choices=("all", "majority")),
            Field("wait_timeout", "float", 60.0),
            Field("pause_limit", "float", 60.0),
        )
    )
