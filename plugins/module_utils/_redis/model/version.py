# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server is: Redis or Valkey, of which version, and what that version can do. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused

OLDEST = (6, 2)


@dataclass(frozen=True)
class Version:
    """`name` is "Redis" or "Valkey". Every Valkey says redis_version 7.2.4, so that field does not count there."""

    name: str
    number: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.number))}"

    @property
    def is_valkey(self) -> bool:
        return self.name == "Valkey"

    @property
    def has_reboot_period(self) -> bool:
        """SENTINEL SET master-reboot-down-after-period."""
        return self.is_valkey or self.number >= (7, 0)

    @property
    def has_loglevel(self) -> bool:
        """SENTINEL CONFIG SET loglevel."""
        return self.is_valkey or self.number >= (7, 2)

    @property
    def quotes_values(self) -> bool:
        """Whether sentinel.conf is written so that values with spaces can be read again (valkey#3847)."""
        return self.is_valkey and self.number >= (9, 1, 2)

    @property
    def is_coordinated(self) -> bool:
        """SENTINEL FAILOVER ... COORDINATED (valkey#1292), but for the release that crashes at it (valkey#4066)."""
        return self.is_valkey and self.number >= (9, 0) and self.number[:3] != (9, 1, 0)


UNKNOWN = Version("Redis", ())


def of_info(info: t.Mapping[str, str]) -> Version:
    """From the fields of INFO's server section."""
    valkey = info.get("valkey_version")
    return Version("Valkey" if valkey else "Redis", _numbers(valkey or info.get("redis_version", "0")))


def supported(where: str, info: t.Mapping[str, str]) -> Version:
    """The version, from a server's first answer; Refused where it is too old for the commands that follow."""
    found = of_info(info)
    if not (found.is_valkey or found.number >= OLDEST):
        raise Refused([Problem("server.too_old", f"runs {found}, and 6.2 is the oldest supported version", where, remedy="upgrade it")])
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("-", maxsplit=1)[0].split(".") if part.isascii() and part.isdigit())
