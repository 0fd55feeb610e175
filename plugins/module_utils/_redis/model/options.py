# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a monitored master and of a sentinel: where each is written and read. Private to this collection.

Source of the table: the servers' sentinel.c (SENTINEL MASTER, SET and CONFIG), measured on Redis 7.0 to 8.0 and Valkey 8.1 and 9.1.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field

# An option's name -> its value as the server writes it; a Secret where it must not be shown.
Values = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Option(Field):
    """An option of the module that is an option of the server.

    `lowest` and `highest`: the limits of a number. `unset`: what a server has where nothing was set. `hidden`: no command reads its value,
    only sentinel.conf has it.
    """

    lowest: int | None = None
    highest: int | None = None
    unset: str = ""
    hidden: bool = False

    @property
    def word(self) -> str:
        """Its name in SENTINEL SET, SENTINEL CONFIG and sentinel.conf."""
        return self.name.replace("_", "-")

    def read(self, text: str) -> t.Any:
        """The value from the server's text."""
        return Secret(text) if self.secret else text

    def declared(self, value: t.Any) -> t.Any:
        """The value from the module's argument."""
        return self.read({True: "yes", False: "no"}[value] if self.type == "bool" else str(value))


# Where a server keeps a number in 32 bits, a larger one becomes another; as milliseconds this is 24 days.
LARGEST = 2**31 - 1
QUORUM = Option("quorum", "int", lowest=1)
AUTH_USER = Option("auth_user", hidden=True)
AUTH_PASS = Option("auth_pass", secret=True, hidden=True)
REBOOT_PERIOD = Option("master_reboot_down_after_period", "int", lowest=0, highest=LARGEST, unset="0", hidden=True)
SCRIPTS = (Option("notification_script"), Option("client_reconfig_script"))
SCRIPT_WORDS = frozenset(option.word for option in SCRIPTS)
# A sentinel looks at its clock every 100 ms, and a failover takes some of these looks.
SHORTEST_DOWN_AFTER = 100
DOWN_AFTER = Option("down_after_milliseconds", "int", lowest=SHORTEST_DOWN_AFTER, highest=LARGEST, unset="30000")
OPTIONS: tuple[Option, ...] = (
    QUORUM,
    DOWN_AFTER,
    Option("failover_timeout", "int", lowest=1000, highest=LARGEST, unset="180000"),
    Option("parallel_syncs", "int", lowest=1, highest=LARGEST, unset="1"),
    *SCRIPTS,
    AUTH_USER,
    AUTH_PASS,
    REBOOT_PERIOD,
)
SHOWN = tuple(option for option in OPTIONS if not option.hidden)
HIDDEN = tuple(option for option in OPTIONS if option.hidden)

RENAME_COMMANDS = "rename_commands"
RENAME_WORD = "rename-command"

# Of a sentinel itself, by SENTINEL CONFIG. All are read back, sentinel-pass in clear.
SENTINEL_USER = Option("sentinel_user")
SENTINEL_PASS = Option("sentinel_pass", secret=True)
ANNOUNCE_IP = Option("announce_ip")
ANNOUNCE_PORT = Option("announce_port", "int", lowest=0, highest=65535)
COMMON_SETTINGS = (
    Option("resolve_hostnames", "bool"),
    Option("announce_hostnames", "bool"),
    SENTINEL_USER,
    SENTINEL_PASS,
    Option("loglevel", choices=("debug", "verbose", "notice", "warning", "nothing")),
)
SETTINGS = (*COMMON_SETTINGS, ANNOUNCE_IP, ANNOUNCE_PORT)
# Those on which the links between sentinels depend: how one gets in at the others, and where the others find it.
LINK_WORDS = frozenset(option.word for option in (SENTINEL_USER, SENTINEL_PASS, ANNOUNCE_IP, ANNOUNCE_PORT))


def plain(value: t.Any) -> t.Any:
    """The value as it is sent, be it secret or not."""
    return value.reveal() if isinstance(value, Secret) else value


def differing(options: t.Iterable[Option], wanted: Values, there: t.Mapping[str, t.Any]) -> list[Option]:
    """The options that are wanted otherwise than they are there."""
    return [each for each in options if each.name in wanted and plain(wanted[each.name]) != (plain(there.get(each.name)) or each.unset)]
