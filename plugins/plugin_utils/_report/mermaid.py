# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graphs of a broker as text for Mermaid. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils._report.graph import Graph, Key, Line, Point

_SHAPES = {"exchange": ("{{", "}}"), "queue": ("[(", ")]")}


def chart(name: str, graphs: t.Sequence[Graph]) -> str:
    """One flowchart, a subgraph for each vhost. What differs says so in words, and has a class."""
    lines = ["flowchart LR", f"  %% {quoted(name)}"]
    marked: list[str] = []
    for number, graph in enumerate(graphs):
        names = {key: f"v{number}n{count}" for count, key in enumerate(graph.points)}
        lines.append(f'  subgraph v{number}["vhost {quoted(graph.vhost)}"]')
        lines += [f"    {_point(names[key], point)}" for key, point in graph.points.items()]
        lines += [f"    {_line(names, line)}" for line in graph.lines]
        lines.append("  end")
        marked += [names[key] for key, point in graph.points.items() if point.drift]
    if marked:
        lines += ["  classDef drift stroke:#b3261e,stroke-width:3px,stroke-dasharray:5", f"  class {','.join(marked)} drift"]
    return "\n".join(lines) + "\n"


def _point(name: str, point: Point) -> str:
    begin, end = _SHAPES[point.key[0]]
    mark = f" ({point.drift.mark} {point.drift.word})" if point.drift else ""
    return f'{name}{begin}"{quoted(point.key[1] + mark) or " "}"{end}'


def _line(names: t.Mapping[Key, str], line: Line) -> str:
    arrow = "-.->" if line.why else "-->"
    mark = f" ({line.drift.mark} {line.drift.word})" if line.drift else ""
    label = quoted((line.label + mark).strip())
    between = f'|"{label}"|' if label else ""
    return f"{names[line.source]} {arrow}{between} {names[line.target]}"


def quoted(text: str) -> str:
    """The text for a place in double quotes: letters of all languages and digits as they are, other marks by number, in one line."""
    return "".join(mark if mark.isalnum() or mark in " ._-" else f"#{ord(mark)};" if mark.isprintable() else " " for mark in text)
