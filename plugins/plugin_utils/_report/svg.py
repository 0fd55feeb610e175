# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A graph as SVG. Private to this collection."""

from __future__ import annotations

import typing as t
import unicodedata
from dataclasses import dataclass
from html import escape

from ansible_collections.eco2.platform.plugins.plugin_utils._report import layout
from ansible_collections.eco2.platform.plugins.plugin_utils._report.graph import Graph, Key, Line, Point

NAME, SMALL = 7.3, 6.1  # the width of a letter in pixels; both fonts are monospaced
PORT = 14.0  # between two lines that arrive at a point
PAD, MARGIN, BEND = 10.0, 14.0, 64.0
LONGEST = 46  # letters of a name, the rest is in its title
NARROW = 900.0  # points without lines fill rows of this width, or of that of the graph


@dataclass(frozen=True)
class _Box:
    """A point with its place."""

    point: Point
    texts: tuple[tuple[str, str], ...]
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0


def draw(graph: Graph) -> str:
    """The picture. Names are escaped; each point and each line has a title with everything about it."""
    arriving: dict[Key, list[Line]] = {}
    for line in graph.lines:
        arriving.setdefault(line.target, []).append(line)
    joined = {key for line in graph.lines for key in (line.source, line.target)}
    boxes = {key: _box(point, len(arriving.get(key, ()))) for key, point in graph.points.items()}
    heights = {key: box.height for key, box in boxes.items() if key in joined}
    drawing = layout.lay_out(heights, [(line.source, line.target) for line in graph.lines])
    columns, width = _columns(drawing, boxes, arriving)
    height = max((drawing.tops[key] + boxes[key].height for key in heights), default=0.0)
    placed = {key: _at(boxes[key], columns[drawing.layers[key]], drawing.tops[key] + MARGIN) for key in heights}
    alone = [box for key, box in boxes.items() if key not in joined]
    rows, bottom, right = _rows(alone, height + (2 * MARGIN if heights else MARGIN), max(width, NARROW))
    lines = [_line(line, port, placed, drawing, columns) for key in placed for port, line in _ports(placed, arriving.get(key, []))]
    points = [_point(box, graph.vhost) for box in [*placed.values(), *rows]]
    size = f'width="{max(width, right) + MARGIN:.0f}" height="{bottom + MARGIN:.0f}"'
    return f'<svg class="graph" {size} role="img" aria-label="{escape(_spoken(graph))}">{"".join(lines)}{"".join(points)}</svg>'


def _spoken(graph: Graph) -> str:
    return f"Exchanges and queues of vhost {graph.vhost}: {len(graph.points)}, and {len(graph.lines)} bindings and other ways"


def cells(text: str) -> int:
    """How many letters of a monospaced font the text takes."""
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 0 if unicodedata.combining(mark) else 1 for mark in text)


def shortened(text: str, longest: int = LONGEST) -> str:
    line = "".join(mark if mark.isprintable() else "␣" for mark in text)
    if cells(line) <= longest:
        return line
    kept = next(number for number in range(len(line), -1, -1) if cells(line[:number]) < longest)
    return f"{line[:kept]}…"


def _box(point: Point, ports: int) -> _Box:
    texts = [("name", shortened(point.key[1]) or '""'), ("about", shortened(f"{point.key[0]} {point.about}".strip(), LONGEST + 6))]
    if point.drift:
        texts.append(("mark", f"{point.drift.mark} {point.drift.word}"))
    width = max(cells(text) * (SMALL if kind == "about" else NAME) for kind, text in texts) + 2 * PAD
    return _Box(point, tuple(texts), width, max(10.0 + 15.0 * len(texts), PORT * ports + 6.0))


def _at(box: _Box, x: float, y: float) -> _Box:
    return _Box(box.point, box.texts, box.width, box.height, x, y)


def _columns(drawing: layout.Drawing, boxes: t.Mapping[Key, _Box], arriving: t.Mapping[Key, list[Line]]) -> tuple[dict[int, float], float]:
    """The left edge of each layer, and the width of all. Before a layer is room for the labels of the lines that arrive there."""
    widths: dict[int, float] = {}
    labels: dict[int, float] = {}
    for key, box in boxes.items():
        layer = drawing.layers.get(key, -1)
        widths[layer] = max(widths.get(layer, 0.0), box.width)
        labels[layer] = max(labels.get(layer, 0.0), *[_label_width(line) for line in arriving.get(key, ())], 0.0)
    left, lefts = MARGIN, {}
    for layer in range(max(drawing.layers.values(), default=-1) + 1):
        left += labels.get(layer, 0.0) + BEND if layer else 0.0
        lefts[layer] = left
        left += widths.get(layer, 0.0)
    return lefts, left


def _rows(boxes: t.Sequence[_Box], top: float, width: float) -> tuple[list[_Box], float, float]:
    """Points without lines, in rows; the lower and the right edge of all."""
    placed: list[_Box] = []
    x, y, tallest, right = MARGIN, top, 0.0, 0.0
    for box in boxes:
        if x > MARGIN and x + box.width > width:
            x, y, tallest = MARGIN, y + tallest + layout.GAP, 0.0
        placed.append(_at(box, x, y))
        x, tallest, right = x + box.width + layout.GAP, max(tallest, box.height), max(right, x + box.width)
    return placed, y + tallest, right


def _ports(placed: t.Mapping[Key, _Box], lines: list[Line]) -> t.Iterator[tuple[float, Line]]:
    """The lines that arrive at a point, from top to bottom as they come, each with the height where it arrives."""
    for number, line in enumerate(sorted(lines, key=lambda line: placed[line.source].y)):
        box = placed[line.target]
        yield box.y + box.height / 2 + (number - (len(lines) - 1) / 2) * PORT, line


def _label_width(line: Line) -> float:
    return cells(_label(line)) * SMALL + (2 * SMALL if _label(line) else 0.0)


def _label(line: Line) -> str:
    label = shortened(line.label, 34)
    return f"{line.drift.mark} {line.drift.word}: {label}" if line.drift else label


def _line(line: Line, port: float, placed: t.Mapping[Key, _Box], drawing: layout.Drawing, columns: t.Mapping[int, float]) -> str:
    source, target = placed[line.source], placed[line.target]
    words = f"{' '.join(line.source)} → {' '.join(line.target)}" + (f": {line.label}" if line.label else "")
    marked = f" {line.drift.css}" if line.drift else ""
    title = f"<title>{escape(words + (f' ({line.drift.word})' if line.drift else ''))}</title>"
    pair = (line.source, line.target)
    if line.source == line.target or pair in drawing.turned:
        path, x, y = _back(source, target)
    else:
        path, x, y = _forth(source, target, port, _label_width(line), [_passing(place, drawing, columns) for place in drawing.ways[pair]])
    label = f'<text x="{x:.0f}" y="{y - 3:.0f}">{escape(_label(line))}</text>' if line.label or line.drift else ""
    kind = "way" if line.why else "binding"
    return f'<g class="line {kind}{marked}">{title}<path d="{path}" marker-end="url(#tip)"/>{label}</g>'


def _passing(place: layout.Node, drawing: layout.Drawing, columns: t.Mapping[int, float]) -> tuple[float, float]:
    return columns[drawing.layers[place]], drawing.tops[place] + MARGIN


def _forth(source: _Box, target: _Box, port: float, label: float, passing: t.Sequence[tuple[float, float]]) -> tuple[str, float, float]:
    """From the right edge of the source to the left edge of the target, and where the label begins."""
    x, y = source.x + source.width, source.y + source.height / 2
    path = f"M{x:.0f} {y:.0f}"
    for to_x, to_y in [*passing, (target.x - label - 6, port)]:
        half = (x + to_x) / 2
        path += f"C{half:.0f} {y:.0f} {half:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x, to_y
    return f"{path}H{target.x - 1:.0f}", target.x - label, port


def _back(source: _Box, target: _Box) -> tuple[str, float, float]:
    """From below the source to below the target."""
    x, y, to_x, to_y = source.x + source.width / 2, source.y + source.height, target.x + target.width / 2, target.y + target.height
    deep = max(y, to_y) + 26
    return f"M{x:.0f} {y:.0f}C{x:.0f} {deep:.0f} {to_x:.0f} {deep:.0f} {to_x:.0f} {to_y + 1:.0f}", (x + to_x) / 2, deep - 4


def _point(box: _Box, vhost: str) -> str:
    point = box.point
    kind, name = point.key
    marked = f" {point.drift.css}" if point.drift else ""
    more = [point.about, *([point.drift.word, *point.drift.lines()] if point.drift else [])]
    title = escape("\n".join([f"{kind} {name} in vhost {vhost}", *filter(None, more)]))
    round_ = min(box.height / 2, 16) if kind == "exchange" else 4
    rect = f'<rect width="{box.width:.0f}" height="{box.height:.0f}" rx="{round_:.0f}"/>'
    first = (box.height - 15 * len(box.texts)) / 2 + 12
    texts = [
        f'<text class="{css}" x="{PAD:.0f}" y="{first + 15 * number:.0f}">{escape(text)}</text>'
        for number, (css, text) in enumerate(box.texts)
    ]
    return (
        f'<g class="point {kind}{marked}" transform="translate({box.x:.0f} {box.y:.0f})"><title>{title}</title>{rect}{"".join(texts)}</g>'
    )
