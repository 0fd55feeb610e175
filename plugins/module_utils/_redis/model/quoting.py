# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines, words and quotes of the servers' files, as the servers read and write them. Pure. Private to this collection.

For a server a text is bytes. A line ends at a line feed, and a blank is one of six ASCII characters; Python's own strip, split and
splitlines know more, such as U+0085, U+00A0 and U+2028.
"""

from __future__ import annotations

import re
import typing as t

_BLANKS = b" \t\n\v\f\r"
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@*%+,=-]+")
# A word is one or more parts, each in quotes or not. A backslash means something only inside double quotes, and before a single quote;
# before the last quote of a line Valkey 9.1 takes it as itself, where others refuse the line.
_PART = (
    rb"""(?: "(?:\\(?!"\Z). | [^"\\] | \\(?="\Z))*" | '(?:\\(?!'\Z)' | [^'\\] | \\(?!') | \\(?='\Z))*' | [^ \t\n\r"']+(?![^ \t\n\r"']) )"""
)
_PARTS = re.compile(_PART, re.VERBOSE | re.DOTALL)
_WORD = re.compile(rb"(" + _PART + rb"+) (?:[ \t\n\r]|\Z)", re.VERBOSE | re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def is_text(value: str) -> bool:
    """Whether it can be sent to a server at all: half a surrogate pair cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _encoded(text: str) -> bytes:
    """Also what Ansible reads from a file that is not UTF-8, and halves of surrogate pairs."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def quoted(value: str) -> str:
    """A value as one word of a line."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(_escaped(byte) for byte in _encoded(value)) + '"'


def _escaped(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return "\\" + char
    return char if 32 <= byte < 127 else f"\\x{byte:02x}"


def unquoted(value: str) -> str:
    """The reverse of `quoted`, and of what a server writes into a file that it rewrites. What is not one word stays as it is."""
    found = words(value)
    return found[0] if len(found) == 1 else value


def lines(text: str) -> list[str]:
    """The lines of a file, without the blanks at their ends."""
    return [line.strip(" \t\r\n") for line in text.split("\n")]


def words(line: str) -> list[str]:
    """The words of a line; none where its quotes are not closed, which a server refuses."""
    # A C string ends at a NUL.
    rest, found = _encoded(line).partition(b"\0")[0].lstrip(_BLANKS), []
    while rest:
        match = _WORD.match(rest)
        if match is None:
            return []
        found.append(b"".join(map(_part, _PARTS.findall(match.group(1)))).decode("utf-8", "surrogateescape"))
        rest = rest[match.end() :].lstrip(_BLANKS)
    return found


def _part(text: bytes) -> bytes:
    if text.startswith(b'"'):
        return _ESCAPE.sub(_meant, text[1:-1])
    return text[1:-1].replace(b"\\'", b"'") if text.startswith(b"'") else text


def _meant(match: t.Match[bytes]) -> bytes:
    code, char = match.groups()
    return bytes([int(code, 16)]) if code else _LETTERS.get(char, char)
