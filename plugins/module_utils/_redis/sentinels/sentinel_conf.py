# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sentinel.conf says that a running sentinel does not tell. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options, quoting

_BY_WORD = {option.word: option for option in options.HIDDEN}
# Valkey 8 writes it by its new name.
_BY_WORD["primary-reboot-down-after-period"] = options.REBOOT_PERIOD


def hidden_options(text: str) -> dict[str, dict[str, t.Any]]:
    """Master -> option -> value, secrets as Secrets; rename_commands as a dictionary. A master that is monitored has an entry."""
    masters: dict[str, dict[str, t.Any]] = {}
    for line in quoting.lines(text):
        words = [] if line.startswith("#") else quoting.words(line)
        if len(words) < 4 or words[0].lower() != "sentinel":
            continue
        keyword, name, value = words[1].lower(), words[2], words[3]
        entry = masters.setdefault(name, {}) if keyword == "monitor" or keyword in _BY_WORD or keyword == options.RENAME_WORD else {}
        if keyword == options.RENAME_WORD and len(words) > 4:
            entry.setdefault(options.RENAME_COMMANDS, {})[value.upper()] = words[4]
        elif keyword in _BY_WORD:
            option = _BY_WORD[keyword]
            entry[option.name] = option.read(value)
    return masters
