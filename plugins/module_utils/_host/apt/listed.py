# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories that apt's files name, in both formats of sources.list(5). Pure. Private to this collection."""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import dataclass

# An address with its path, and a suite. apt stops if the same place has two keys.
Place = t.Tuple[str, str]

_ONE_LINE = re.compile(r"\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?((?:\[[^\]]*\]|[^\s\[])+)\s+(\S+)")
_OFF = ("no", "false", "without", "off", "disable", "0")


@dataclass(frozen=True)
class Entry:
    """What apt reads from the lines `first` to `last` of a file (from 1). `key`: its Signed-By, "" for none."""

    path: str
    first: int
    last: int
    places: frozenset[Place]
    key: str = ""
    enabled: bool = True

    @property
    def where(self) -> str:
        return f"{self.path}:{self.first}"


def place(address: str, suite: str) -> Place:
    """One spelling of each repository. A flat suite is a part of the path."""
    scheme, dummy, rest = address.partition(":")
    rest = re.sub("^//[^/@]*@", "//", rest)
    if scheme.lower() == "file":
        rest = re.sub("^//[^/]*(?=/)", "", rest)
    flat = suite.endswith("/")
    path = posixpath.normpath(f"{rest}/{suite}") if flat else rest.rstrip("/")
    # normpath leaves two slashes at the beginning.
    return f"{scheme.lower()}:{path}/", "/" if flat else suite


def entries(path: str, content: str) -> t.Iterator[Entry]:
    lines = content.split("\n")
    return _stanzas(path, lines) if path.endswith(".sources") else _one_line(path, lines)


def _one_line(path: str, lines: t.Sequence[str]) -> t.Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        found = _ONE_LINE.match(line.partition("#")[0])
        if found:
            options = dict(word.partition("=")[::2] for word in (found.group(1) or "").split())
            yield Entry(path, number, number, frozenset({place(found.group(2), found.group(3))}), options.get("signed-by", ""))


def _stanzas(path: str, lines: t.Sequence[str]) -> t.Iterator[Entry]:
    first: int | None = None
    # The empty line ends the last stanza.
    for number, line in enumerate([*lines, ""], 1):
        if line.strip() and first is None and not line.startswith("#"):
            first = number
        elif not line.strip() and first is not None:
            yield _stanza(path, first, number - 1, lines[first - 1 : number - 1])
            first = None


def _stanza(path: str, first: int, last: int, lines: t.Sequence[str]) -> Entry:
    fields: dict[str, str] = {}
    name = ""
    for line in (line for line in lines if not line.startswith("#")):
        named, dummy, value = line.partition(":")
        name, more = (name, line) if line[0] in " \t" else (named.lower(), value)
        fields[name] = f"{fields.get(name, '')} {more}".strip()
    places = frozenset(place(uri, suite) for uri in fields.get("uris", "").split() for suite in fields.get("suites", "").split())
    return Entry(path, first, last, places, fields.get("signed-by", ""), fields.get("enabled", "yes").lower() not in _OFF)


def without(content: str, gone: t.Iterable[Entry]) -> str:
    """The content without the lines of these entries, and without the empty lines that followed a stanza."""
    lines: list[str | None] = list(content.split("\n"))
    for entry in gone:
        after = entry.last
        lines[entry.first - 1 : after] = [None] * (after - entry.first + 1)
        if entry.path.endswith(".sources") and after < len(lines) - 1 and not (lines[after] or "").strip():
            lines[after] = None
    return "\n".join(line for line in lines if line is not None)
