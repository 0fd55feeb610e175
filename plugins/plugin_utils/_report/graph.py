# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges, queues and bindings of a vhost as a graph. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME
from ansible_collections.eco2.platform.plugins.plugin_utils._report import drift
from ansible_collections.eco2.platform.plugins.plugin_utils._report.drift import Drift, Values

# kind ("exchange" or "queue") and name
Key = t.Tuple[str, str]


@dataclass(frozen=True)
class Point:
    """An exchange or a queue. `about`: its type and its arguments, in one line."""

    key: Key
    about: str
    drift: Drift | None = None


@dataclass(frozen=True)
class Line:
    """A way of messages: a binding, or one that an argument of its source opens (`why`)."""

    source: Key
    target: Key
    label: str
    why: str = ""
    drift: Drift | None = None


@dataclass
class Graph:
    vhost: str
    points: dict[Key, Point] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def add(self, source: Key, target: Key, label: str, why: str = "", marked: Drift | None = None) -> None:
        """A line, with its ends where nothing else has named them."""
        for key in (source, target):
            self.points.setdefault(key, Point(key, ""))
        self.lines.append(Line(source, target, label, why, marked))


def graphs(topology: Values, found: t.Iterable[Drift]) -> list[Graph]:
    """One for each vhost, sorted by name. `found`: the differences of this broker."""
    marks = {(each.kind, each.object): each for each in found}
    made: dict[str, Graph] = {entry["name"]: Graph(entry["name"]) for entry in topology.get("vhosts") or ()}
    for kind in ("exchange", "queue"):
        for entry in [*(topology.get(f"{kind}s") or ()), *_missing(kind, marks)]:
            graph = made.setdefault(entry["vhost"], Graph(entry["vhost"]))
            name = BY_NAME[kind].object({"vhost": entry["vhost"], "name": entry["name"]})
            graph.points[kind, entry["name"]] = Point((kind, entry["name"]), _about(entry), marks.get((kind, name)))
            _add_ways(graph, kind, entry)
    for entry in [*(topology.get("bindings") or ()), *_missing("binding", marks)]:
        mark = marks.get(("binding", BY_NAME["binding"].object(entry)))
        graph = made.setdefault(entry["vhost"], Graph(entry["vhost"]))
        graph.add(("exchange", entry["source"]), (entry["destination_type"], entry["destination"]), _label(entry), marked=mark)
    return [made[name] for name in sorted(made)]


def _missing(kind: str, marks: t.Mapping[tuple[str, str], Drift]) -> t.Iterator[dict[str, t.Any]]:
    """What is declared and not there, from its name alone."""
    for (marked, name), each in marks.items():
        if marked == kind and each.word == "missing":
            if kind == "binding":
                entry = drift.binding(name)
                if entry:
                    yield entry
            else:
                vhost, plain = drift.parts(name)
                yield {"vhost": vhost, "name": plain}


_WAYS = {
    "queue": ("x-dead-letter-exchange", "x-dead-letter-routing-key", "dead letter"),
    "exchange": ("alternate-exchange", "", "alternate"),
}


def _add_ways(graph: Graph, kind: str, entry: Values) -> None:
    """Where the argument of a queue or of an exchange sends messages on."""
    argument, key, why = _WAYS[kind]
    arguments = entry.get("arguments") or {}
    if argument in arguments and arguments[argument] != "":
        label = f"{why} {arguments[key]}" if key in arguments else why
        graph.add((kind, entry["name"]), ("exchange", str(arguments[argument])), label, why)


def _about(entry: Values) -> str:
    drawn = ("x-queue-type", *(argument for way in _WAYS.values() for argument in way[:2]))
    arguments = {name: value for name, value in (entry.get("arguments") or {}).items() if name not in drawn}
    flags = [word for word in ("auto_delete", "internal") if entry.get(word)]
    transient = ["transient"] if entry.get("durable") is False else []
    words = [entry.get("type") or "", *transient, *flags, *(f"{name}={drift.text(value)}" for name, value in sorted(arguments.items()))]
    return ", ".join(word for word in words if word)


def _label(entry: Values) -> str:
    arguments = entry.get("arguments") or {}
    return " ".join(part for part in (entry.get("routing_key") or "", drift.text(arguments) if arguments else "") if part)
