# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between what is declared and what is there, found again by object. Private to this collection."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

Values = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Drift:
    """One difference. `host`: the host of the inventory that reported it."""

    host: str
    kind: str
    object: str
    action: str
    differences: tuple[Values, ...] = ()

    @property
    def word(self) -> str:
        return _WORDS.get(self.action, ("≠", "differs"))[1]

    @property
    def mark(self) -> str:
        return _WORDS.get(self.action, ("≠", "differs"))[0]

    @property
    def css(self) -> str:
        return self.word.replace(" ", "-")

    def lines(self) -> list[str]:
        """Each field with its value before and after. The fields of an object that is missing or not declared say nothing new."""
        if self.word != "differs":
            return []
        return [f"{entry.get('field')}: {text(entry.get('before'))} → {text(entry.get('after'))}" for entry in self.differences]


_WORDS = {"create": ("+", "missing"), "delete": ("\u2212", "not declared")}


def text(value: t.Any) -> str:
    """A value in one line, as a person reads it."""
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def all_of(summary: Values) -> list[Drift]:
    """What verify has found on the hosts of a summary, and what check mode has predicted. A change that was made is no difference."""
    names = ("drift", "changes") if summary.get("check") else ("drift",)
    hosts = (summary.get("hosts") or {}).items()
    return [_drift(host, change) for host, told in hosts for name in names for change in told.get(name) or ()]


def _drift(host: str, change: Values) -> Drift:
    kind, name, action = (str(change.get(part, "")) for part in ("kind", "object", "action"))
    return Drift(str(host), kind, name, action, tuple(change.get("differences") or ()))


# Names of RabbitMQ's objects, as rabbitmq_topology writes them in its results.


def parts(name: str) -> tuple[str, str]:
    """The vhost and the name of VHOST/NAME; the last slash ends the vhost."""
    vhost, dummy, rest = name.rpartition("/")
    return vhost or "/", rest.replace("%2F", "/").replace("%25", "%")


_WORD = r'("(?:[^"\\]|\\.)*"|\S+)'
_BINDING = re.compile(rf"{_WORD} -> (queue|exchange) {_WORD} by {_WORD}(?: (\{{.*\}}))?", re.DOTALL)


def binding(name: str) -> dict[str, t.Any] | None:
    """The binding that VHOST/SOURCE -> queue DESTINATION by KEY names."""
    vhost, rest = parts(name)
    found = _BINDING.fullmatch(rest)
    if not found:
        return None
    source, kind, destination, key, arguments = found.groups()
    ends = {"source": _plain(source), "destination_type": kind, "destination": _plain(destination)}
    return {"vhost": vhost, **ends, "routing_key": _plain(key), "arguments": json.loads(arguments or "{}")}


def _plain(word: str) -> str:
    return str(json.loads(word)) if word.startswith('"') else word
