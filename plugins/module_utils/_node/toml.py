# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of TOML that containerd reads and prints: enough for its configuration and hosts.toml. Private to this collection.

Nodes may have Python 3.9, whose library has no TOML; and no Python's library writes it. Dates are not supported.
"""

from __future__ import annotations

import json
import re
import typing as t

Table = t.Dict[str, t.Any]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_INLINE_SPACE = re.compile(r"[ \t]*")
_NUMBER = re.compile(r"[+-]?(?:0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9_]+)?|inf|nan)")


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


def _text(value: str) -> str:
    """JSON's strings are TOML's basic strings, but for the control character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    raise ValueError(f"TOML has no value such as {value!r}")


def parse(text: str) -> Table:
    """The tables of the text. Raises ValueError with the line where it is not the TOML that is understood here."""
    reader = _Reader(text.replace("\r\n", "\n"))
    try:
        return reader.document()
    except (IndexError, ValueError) as error:
        line = reader.text.count("\n", 0, reader.at) + 1
        raise ValueError(f"line {line}: {error}") from error


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text + "\n"
        self.at = 0

    def document(self) -> Table:
        root: Table = {}
        table = root
        while self.skip(_SPACE) and self.at < len(self.text):
            if self.takes("[["):
                rows = self.step(root, self.keys("]]"), list)
                rows.append({})
                table = rows[-1]
            elif self.takes("["):
                table = self.step(root, self.keys("]"), dict)
            else:
                self.pair(table)
            self.skip(_INLINE_SPACE)
            if self.text[self.at] not in "\n#":
                raise ValueError(f"nothing may follow here, and there is {self.text[self.at : self.at + 10]!r}")
        return root

    def step(self, table: Table, keys: list[str], kind: type) -> t.Any:
        """The table, or the list of tables, at the end of the path, made where it is missing."""
        for position, key in enumerate(keys):
            found = table.setdefault(key, kind() if position == len(keys) - 1 else {})
            if position == len(keys) - 1 and not isinstance(found, kind):
                raise ValueError(f"{key} is there already, and of another kind")
            if isinstance(found, list) and position < len(keys) - 1:
                found = found[-1]
            table = found
        return table

    def pair(self, table: Table) -> None:
        *path, name = self.keys("=")
        self.skip(_INLINE_SPACE)
        target = self.step(table, path, dict) if path else table
        if name in target:
            raise ValueError(f"{name} is given twice")
        target[name] = self.value()

    def keys(self, end: str) -> list[str]:
        keys = []
        while True:
            self.skip(_INLINE_SPACE)
            keys.append(self.key())
            self.skip(_INLINE_SPACE)
            if self.takes(end):
                return keys
            if not self.takes("."):
                raise ValueError(f"{end!r} was expected after the key {keys[-1]!r}")

    def key(self) -> str:
        if self.text[self.at] in "\"'":
            return self.string()
        bare = _BARE.match(self.text, self.at)
        if not bare:
            raise ValueError("a key was expected")
        self.at = bare.end()
        return bare.group()

    def value(self) -> t.Any:
        first = self.text[self.at]
        if first in "\"'":
            return self.string()
        if first == "[":
            return self.array()
        if first == "{":
            return self.inline_table()
        for word, value in (("true", True), ("false", False)):
            if self.takes(word):
                return value
        number = _NUMBER.match(self.text, self.at)
        if not number:
            raise ValueError("a value was expected")
        self.at = number.end()
        digits = number.group().replace("_", "")
        return int(digits, 0) if re.fullmatch(r"[+-]?(0[xob].*|\d+)", digits) else float(digits)

    def string(self) -> str:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            end = self.text.index(quote * 3, self.at + 3)
            body = self.text[self.at + 3 : end]
            self.at = end + 3
            body = body[1:] if body.startswith("\n") else body
            return body if quote == "'" else _unescaped(re.sub(r"\\\n\s*", "", body))
        pattern = re.compile("'([^'\n]*)'" if quote == "'" else r'"((?:[^"\\\n]|\\.)*)"')
        found = pattern.match(self.text, self.at)
        if not found:
            raise ValueError("a string has no end")
        self.at = found.end()
        return found.group(1) if quote == "'" else _unescaped(found.group(1))

    def array(self) -> list[t.Any]:
        self.at += 1
        items: list[t.Any] = []
        while True:
            self.skip(_SPACE)
            if self.takes("]"):
                return items
            items.append(self.value())
            self.skip(_SPACE)
            if not self.takes(",") and self.text[self.at] != "]":
                raise ValueError("a list has no end")

    def inline_table(self) -> Table:
        self.at += 1
        table: Table = {}
        while True:
            self.skip(_INLINE_SPACE)
            if self.takes("}"):
                return table
            self.pair(table)
            self.skip(_INLINE_SPACE)
            if not self.takes(",") and self.text[self.at] != "}":
                raise ValueError("an inline table has no end")

    def skip(self, pattern: t.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return True

    def takes(self, word: str) -> bool:
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True


_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        escape = found.group(1)
        if escape[0] in "uU":
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise ValueError(f"there is no escape \\{escape}")
        return _ESCAPES[escape]

    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", one, text, flags=re.DOTALL)
