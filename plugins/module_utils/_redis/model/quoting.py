# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quotes of the servers' configuration files, as sdssplitargs reads and sdscatrepr writes them. Pure. Private to this collection."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@*%+,=-]+")
_WORD = re.compile(r""" "((?:\\.|[^"])*)"? | '((?:\\'|[^'])*)'? | (\S+) """, re.VERBOSE)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b"}


def quoted(value: str) -> str:
    """A value as one argument of a line in redis.conf."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(_escaped(byte) for byte in value.encode("utf-8")) + '"'


def _escaped(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return "\\" + char
    return char if 32 <= byte < 127 else f"\\x{byte:02x}"


def unquoted(value: str) -> str:
    """The reverse of `quoted`, and of what a server writes into a file that it rewrites."""
    is_quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    return _unescaped(value[1:-1]) if is_quoted else value


def words(line: str) -> list[str]:
    """The words of a line: double quotes with escapes, single quotes."""
    return [_unescaped(double) or single.replace("\\'", "'") or bare for double, single, bare in _WORD.findall(line)]


def _unescaped(text: str) -> str:
    pieces = []
    for plain, code, char in re.findall(r"([^\\]+|\\$)|\\x([0-9a-fA-F]{2})|\\(.)", text):
        piece = plain or _LETTERS.get(char, char)
        pieces.append(bytes([int(code, 16)]) if code else piece.encode("utf-8", "surrogateescape"))
    return b"".join(pieces).decode("utf-8", "surrogateescape")
