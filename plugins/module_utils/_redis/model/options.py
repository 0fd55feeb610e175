# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a monitored master: where each is written and read. Private to this collection.

Source of the table: the servers' sentinel.c (SENTINEL MASTER, SET and CONFIG), measured on Redis 7.0 to 8.0 and Valkey 8.1 and 9.1.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret


@dataclass(frozen=True)
class Option:
    """`name` as the task writes it; `word` as SENTINEL SET and sentinel.conf do.

    `shown`: SENTINEL MASTER tells its value. `lowest`: the least number it may be; None for a text.
    `default`: what a server holds where nothing was set; None where that is nothing.
    """

    name: str
    word: str
    shown: bool = True
    lowest: int | None = None
    default: str | None = None
    secret: bool = False


QUORUM = Option("quorum", "quorum", lowest=1)
AUTH_USER = Option("auth_user", "auth-user", shown=False)
AUTH_PASS = Option("auth_pass", "auth-pass", shown=False, secret=True)
REBOOT_PERIOD = Option("master_reboot_down_after_period", "master-reboot-down-after-period", shown=False, lowest=0, default="0")
NOTIFICATION_SCRIPT = Option("notification_script", "notification-script")
RECONFIG_SCRIPT = Option("client_reconfig_script", "client-reconfig-script")

OPTIONS: tuple[Option, ...] = (
    QUORUM,
    Option("down_after_milliseconds", "down-after-milliseconds", lowest=1, default="30000"),
    Option("failover_timeout", "failover-timeout", lowest=1, default="180000"),
    Option("parallel_syncs", "parallel-syncs", lowest=1, default="1"),
    NOTIFICATION_SCRIPT,
    RECONFIG_SCRIPT,
    AUTH_USER,
    AUTH_PASS,
    REBOOT_PERIOD,
)
SHOWN = tuple(option for option in OPTIONS if option.shown)
HIDDEN = tuple(option for option in OPTIONS if not option.shown)
SCRIPTS = (NOTIFICATION_SCRIPT, RECONFIG_SCRIPT)
SCRIPTS_REMEDY = "Say 'sentinel deny-scripts-reconfig no' in its sentinel.conf and start it again."

RENAME_COMMANDS = "rename_commands"
RENAME_WORD = "rename-command"

# SENTINEL CONFIG: option -> the server's word. All are read back, sentinel-pass in clear.
SETTINGS = {
    "resolve_hostnames": "resolve-hostnames",
    "announce_hostnames": "announce-hostnames",
    "sentinel_user": "sentinel-user",
    "sentinel_pass": "sentinel-pass",
    "loglevel": "loglevel",
    "announce_ip": "announce-ip",
    "announce_port": "announce-port",
}
SECRET_SETTINGS = ("sentinel_pass",)
# Those on which the links between sentinels depend: how one gets in at the others, and where the others find it.
CREDENTIAL_SETTINGS = ("sentinel_user", "sentinel_pass")
ANNOUNCE_SETTINGS = ("announce_ip", "announce_port")
SWITCHES = ("resolve_hostnames", "announce_hostnames")


def plain(value: t.Any) -> t.Any:
    """The value as it is sent, be it secret or not."""
    return value.reveal() if isinstance(value, Secret) else value
