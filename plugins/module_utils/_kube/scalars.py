# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that must be text, but that YAML, JSON or an INI inventory may have read as another type.

Private to this collection.
"""

from __future__ import annotations

import typing as t


def as_text(value: t.Any) -> str:
    """The text that was meant: 5 is "5", true is "true".

    Raises ValueError, with what to write instead, if the text that was meant is not certain: 1.3 may have been written 1.30.
    The message goes on after the name of the thing: "is the number 1.3: ...".
    """
    if isinstance(value, (str, int)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, float):
        raise ValueError(
            f'is the number {value!r}, and 1.30 is read as 1.3, so it may have been another text: write it in quotes, "{value!r}"'
        )
    if value is None:
        raise ValueError('is null: write "" for an empty value, or leave it out')
    raise ValueError(f"is {described(value)}, not text: write it in quotes")


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
