# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the modules that speak to sentinels. Private to this collection."""

from __future__ import annotations

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options

# The documentation fragment eco2.platform.redis_connection describes them.
CONNECTION = (
    Field("username", environment="REDIS_SENTINEL_USERNAME"),
    Field("password", secret=True, environment="REDIS_SENTINEL_PASSWORD"),
    Field("data_username", environment="REDIS_USERNAME"),
    Field("data_password", secret=True, environment="REDIS_PASSWORD"),
    Field("tls", "bool", False, environment="REDIS_TLS"),
    Field("validate_certs", "bool", True, environment="REDIS_VALIDATE_CERTS"),
    Field("ca_cert", "path", environment="REDIS_CA_CERT"),
    Field("client_cert", "path", environment="REDIS_CLIENT_CERT"),
    Field("client_key", "path", environment="REDIS_CLIENT_KEY"),
    Field("timeout", "float", 5.0),
    Field("address_map", "dict", {}),
)
RENAME_COMMANDS = Field(options.RENAME_COMMANDS, "dict")
MASTER = (
    Field("state", default="present", choices=("present", "absent")),
    Field("address", "list", elements="str"),
    Field("replicas", "int"),
    *options.OPTIONS,
    RENAME_COMMANDS,
)


def _place(port: int, *more: Field) -> tuple[Field, ...]:
    return (Field("host", required=True), Field("port", "int", port), *more)


def _sentinels(*more: Field) -> Field:
    return Field("sentinels", "list", required=True, elements="dict", fields=_place(26379, *more))


def _masters(*fields: Field) -> Field:
    return Field("masters", "list", [], elements="dict", fields=(Field("name", required=True), *fields))


WAIT_TIMEOUT = Field("wait_timeout", "float", 60.0)
REDIS_SENTINEL = (
    *CONNECTION,
    _sentinels(options.ANNOUNCE_IP, options.ANNOUNCE_PORT, Field("conf", secret=True)),
    _masters(*MASTER),
    Field("settings", "dict", fields=options.COMMON_SETTINGS),
    Field("prune", "bool", False),
    Field("forget_stale", "bool", False),
    Field("update_hidden", default="on_create", choices=("on_create", "from_file", "always")),
    Field("repair", "bool", True),
    Field("unreachable_sentinels", default="fail", choices=("fail", "skip")),
    WAIT_TIMEOUT,
)
REDIS_SENTINEL_INFO = (
    *CONNECTION,
    _sentinels(),
    Field("sentinel_count", "int"),
    _masters(
        Field("replicas", "int"),
        *(Field(name, "list", [], elements="str") for name in ("replicas_without_link", "leaving")),
        RENAME_COMMANDS,
    ),
    Field("wait", "bool", False),
    WAIT_TIMEOUT,
)
REDIS_FAILOVER = (
    *CONNECTION,
    _sentinels(),
    Field("name", required=True),
    RENAME_COMMANDS,
    Field("to", "dict", fields=_place(6379)),
    Field("require_sentinels", default="all", choices=("all", "majority")),
    WAIT_TIMEOUT,
    Field("pause_limit", "float", 10.0),
)
REDIS_LOCK = (
    *CONNECTION,
    _sentinels(),
    Field("masters", "list", required=True, elements="dict", fields=(Field("name", required=True), RENAME_COMMANDS)),
    Field("holder", required=True),
    Field("seconds", "int", 600),
    Field("state", default="present", choices=("present", "absent")),
)
