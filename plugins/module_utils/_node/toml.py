# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what containerd prints and write its configuration and hosts.toml as TOML. Private to this collection.

Python reads TOML from 3.11 on and never writes it.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import typing as t

Table = t.Dict[str, t.Any]

_TOMLLIB: t.Any = importlib.import_module("tomllib") if sys.version_info >= (3, 11) else None
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# A string, a comment, space, a mark, or a bare word.
_PIECE = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|#.*|\s+|[\[\],=]|[^\s"'#\[\],=]+|.""")


def render(table: t.Mapping[str, t.Any]) -> str:
    """TOML text: a table's plain values first, then its tables under their headings, in the order given.

    Takes strings, booleans, numbers, lists of those, and mappings. Raises ValueError for anything else.
    """
    return "\n".join(_lines(table, ())).lstrip("\n") + "\n"


def _lines(table: t.Mapping[str, t.Any], path: tuple[str, ...]) -> t.Iterator[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    if path and (plain or not table):
        yield ""
        yield f"[{'.'.join(_key(part) for part in path)}]"
    for name, value in plain.items():
        yield f"{'  ' if path else ''}{_key(name)} = {_value(value)}"
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _lines(value, (*path, name))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str | bool) -> str:
    """JSON's booleans are TOML's. A JSON string is a basic string of TOML, except for DEL, which JSON does not escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: t.Any) -> str:
    if isinstance(value, (str, bool)):
        return _text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    raise ValueError(f"TOML has no value such as {value!r}")


def parse(text: str) -> Table:
    """The tables of the text. Raises ValueError with the line of the error."""
    return t.cast(Table, _TOMLLIB.loads(text)) if _TOMLLIB else read(text)


def read(text: str) -> Table:
    """`parse` on Python 3.9 and 3.10, for the TOML that containerd prints: tables, lists of tables, strings, numbers, booleans, lists."""
    root: Table = {}
    table, pieces = root, t.cast("list[str]", [])
    for number, line in enumerate(f"{text}\n".split("\n"), 1):
        pieces += [piece for piece in _PIECE.findall(line) if piece.strip() and piece[0] != "#"]
        # The next line continues a list that is not closed.
        if not pieces or ("=" in pieces and pieces.count("[") > pieces.count("]")):
            continue
        try:
            table = _statement(root, table, pieces)
        except (ValueError, IndexError, AttributeError, TypeError) as error:
            raise ValueError(f"line {number}: {error}") from error
        pieces = []
    if pieces:
        raise ValueError(f"line {number}: a list is not closed")
    return root


def _statement(root: Table, table: Table, pieces: list[str]) -> Table:
    """Take a heading or a value; the table that later values belong to."""
    if pieces[0] != "[":
        at = pieces.index("=")
        (name,) = _keys(pieces[:at])
        if name in table:
            raise ValueError(f"{name} is given twice")
        table[name] = _parsed(pieces[at + 1 :])
        return table
    depth = 2 if pieces[1] == "[" else 1
    if pieces[-depth:] != ["]"] * depth:
        raise ValueError("a heading is not closed")
    *path, name = _keys(pieces[depth:-depth])
    table = root
    for key in path:
        inner = table.setdefault(key, {})
        table = inner[-1] if isinstance(inner, list) else inner
    if depth == 1:
        found = table.setdefault(name, {})
    else:
        table.setdefault(name, []).append({})
        found = table[name][-1]
    found.keys()  # a heading cannot name a plain value
    return t.cast(Table, found)


def _keys(pieces: list[str]) -> list[str]:
    keys: list[str] = []
    for piece in pieces:
        keys += [_parsed([piece])] if piece[0] in "\"'" else [key for key in piece.split(".") if key]
    return keys


def _parsed(pieces: list[str]) -> t.Any:
    """TOML's values are JSON's, except for literal strings, underscores in numbers and a comma at the end of a list."""
    words: list[str] = []
    for piece in pieces:
        if piece == "]" and words[-1:] == [","]:
            words.pop()
        is_text = piece[0] in "\"'"
        words.append(json.dumps(piece[1:-1]) if piece[0] == "'" else piece if is_text else piece.replace("_", ""))
    return json.loads(" ".join(words), strict=False)
