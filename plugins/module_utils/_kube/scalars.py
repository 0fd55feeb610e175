# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that must be text, but that YAML, JSON or an INI inventory may have read as another type.

Private to this collection.
"""

from __future__ import annotations

import typing as t


def as_text(value: t.Any) -> str:
    """The text that was meant. A number from 0 to 7 counts as text, since `phase: 5` is usual.

    Raises ValueError, with what to write instead, if the text that was meant is not certain: 1.3 may have been written 1.30, 8 as 010,
    750 as 12:30, and false as no. The message goes on after the name of the thing: "is the number 1.3: ...".
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        others = "yes and on" if value else "no and off"
        raise _uncertain(value, f"YAML reads {others} as {str(value).lower()} too")
    if isinstance(value, int):
        if value in range(_OCTAL):
            return str(value)
        raise _uncertain(value, "YAML reads 010 as 8 and 12:30 as 750")
    if isinstance(value, float):
        raise _uncertain(value, "1.30 is read as 1.3")
    if value is None:
        raise ValueError('is null: write "" for an empty value, or leave it out')
    raise ValueError(f"is {described(value)}, not text: write it in quotes")


_OCTAL = 8


def _uncertain(value: t.Any, why: str) -> ValueError:
    return ValueError(f"is {described(value)}, and {why}, so it may have been another text: write it in quotes, as you mean it")


def as_setting(value: t.Any) -> str:
    """The text of a setting that is a number or a boolean by nature, such as a flag: 110 is "110", and false is "false" however written."""
    return str(value).lower() if isinstance(value, (bool, int)) else as_text(value)


def with_certain_text(part: t.Any) -> t.Any:
    """A copy in which each whole number and each boolean of a dictionary is text: for JSON, where both can be written in one way only."""
    if isinstance(part, list):
        return [with_certain_text(entry) for entry in part]
    if isinstance(part, dict):
        return {key: as_setting(value) if isinstance(value, (bool, int)) else with_certain_text(value) for key, value in part.items()}
    return part


def described(value: t.Any) -> str:
    """A value of the wrong type in the words of YAML, for messages."""
    if value is None:
        return "null"
    for kinds, words in _SCALARS.items():
        if isinstance(value, kinds):
            return f"{words} {shortened(value)}"
    return "a dictionary" if isinstance(value, dict) else "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


# A boolean is an int too, so it comes first.
_SCALARS: dict[type | tuple[type, ...], str] = {str: "the text", bool: "the boolean", (int, float): "the number"}


def shortened(value: t.Any, most: int = 80) -> str:
    """The value in one line, cut if it is long."""
    text = repr(str(value)) if isinstance(value, str) else repr(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= most else f"{text[: most - 4]}...{text[-1]}"
