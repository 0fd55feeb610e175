# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the points and lines of a graph are drawn: in layers, from left to right. Private to this collection.

The way of Sugiyama, Tagawa and Toda (1981): lines that close a circle are turned round, each point comes to the right of all that lead
to it, a line that passes a layer has a place there, the order in a layer follows the neighbours, and so do the heights.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

Node = t.Any  # what can be hashed
Edge = t.Tuple[Node, Node]

GAP = 12.0  # between the points of a layer
SWEEPS = 6


@dataclass
class Drawing:
    """`layers`: the layer of each point. `tops`: the upper edge of each. `ways`: for each line the points of no size that it passes.
    `turned`: the lines that lead from the right to the left."""

    layers: dict[Node, int]
    tops: dict[Node, float]
    ways: dict[Edge, list[Node]]
    turned: set[Edge]


@dataclass
class _Work:
    """The graph while it is laid out."""

    heights: dict[Node, float]
    edges: list[Edge]
    turned: set[Edge] = field(default_factory=set)
    after: dict[Node, list[Node]] = field(default_factory=dict)
    before: dict[Node, list[Node]] = field(default_factory=dict)
    layers: dict[Node, int] = field(default_factory=dict)
    ways: dict[Edge, list[Node]] = field(default_factory=dict)

    def link(self, source: Node, target: Node) -> None:
        self.after.setdefault(source, []).append(target)
        self.before.setdefault(target, []).append(source)


def lay_out(heights: t.Mapping[Node, float], edges: t.Iterable[Edge]) -> Drawing:
    """`heights`: every point with its height. An edge from a point to itself is left out."""
    work = _Work(dict(heights), [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]])
    _turn(work)
    _rank(work)
    _pass_layers(work)
    columns = _ordered(work)
    return Drawing(work.layers, _tops(work, columns), work.ways, work.turned)


def _turn(work: _Work) -> None:
    """Turn round each line that leads back to a point on the way that is being followed."""
    onward: dict[Node, list[Node]] = {node: [] for node in work.heights}
    for source, target in work.edges:
        onward[source].append(target)
    led_to = {target for dummy, target in work.edges}
    done: set[Node] = set()
    for start in sorted(work.heights, key=lambda node: (node in led_to, str(node))):
        _follow(start, onward, done, work.turned)


def _follow(start: Node, onward: t.Mapping[Node, list[Node]], done: set[Node], turned: set[Edge]) -> None:
    way, open_ways = [start], {start: iter(onward[start])}
    if start in done:
        return
    while way:
        node = way[-1]
        for other in open_ways[node]:
            if other in open_ways:
                turned.add((node, other))
            elif other not in done:
                way.append(other)
                open_ways[other] = iter(onward[other])
                break
        else:
            done.add(way.pop())
            del open_ways[node]


def _rank(work: _Work) -> None:
    """Each point one layer after the last of those that lead to it."""
    incoming = dict.fromkeys(work.heights, 0)
    onward: dict[Node, list[Node]] = {node: [] for node in work.heights}
    for edge in work.edges:
        source, target = edge[::-1] if edge in work.turned else edge
        onward[source].append(target)
        incoming[target] += 1
    ready = [node for node, count in incoming.items() if count == 0]
    work.layers = dict.fromkeys(work.heights, 0)
    for node in ready:  # grows
        for other in onward[node]:
            work.layers[other] = max(work.layers[other], work.layers[node] + 1)
            incoming[other] -= 1
            if incoming[other] == 0:
                ready.append(other)


def _pass_layers(work: _Work) -> None:
    """A place for each line in each layer that it passes."""
    for edge in work.edges:
        source, target = edge[::-1] if edge in work.turned else edge
        way: list[Node] = [("way", edge, layer) for layer in range(work.layers[source] + 1, work.layers[target])]
        for number, place in enumerate(way):
            work.heights[place] = 0.0
            work.layers[place] = work.layers[source] + 1 + number
        for pair in zip([source, *way], [*way, target]):
            work.link(*pair)
        work.ways[edge] = way[::-1] if edge in work.turned else way


def _ordered(work: _Work) -> list[list[Node]]:
    """The points of each layer from top to bottom, in the order of their neighbours."""
    columns: list[list[Node]] = [[] for dummy in range(max(work.layers.values(), default=-1) + 1)]
    for node in work.heights:
        columns[work.layers[node]].append(node)
    for column in columns:
        column.sort(key=str)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = work.before if forward else work.after
        for column in columns if forward else columns[::-1]:
            _sort(column, neighbours, _places(columns))
    return columns


def _places(columns: t.Sequence[t.Sequence[Node]]) -> dict[Node, float]:
    return {node: (number + 0.5) / len(column) for column in columns for number, node in enumerate(column)}


def _sort(column: list[Node], neighbours: t.Mapping[Node, list[Node]], places: t.Mapping[Node, float]) -> None:
    means = {node: _mean([places[other] for other in neighbours.get(node, ())], places[node]) for node in column}
    column.sort(key=lambda node: means[node])


def _mean(values: t.Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _tops(work: _Work, columns: t.Sequence[t.Sequence[Node]]) -> dict[Node, float]:
    """Each point as near as possible to the mean height of its neighbours, in the order of its layer, without touching another."""
    middles: dict[Node, float] = {}
    for column in columns:
        _spread(column, work.heights, dict.fromkeys(column, 0.0), middles)
    for sweep in range(SWEEPS):
        neighbours = work.before if sweep % 2 == 0 else work.after
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wished = {node: _mean([middles[other] for other in neighbours.get(node, ())], middles[node]) for node in column}
            _spread(column, work.heights, wished, middles)
    tops = {node: middles[node] - work.heights[node] / 2 for node in middles}
    highest = min(tops.values(), default=0.0)
    return {node: top - highest for node, top in tops.items()}


def _spread(column: t.Sequence[Node], heights: t.Mapping[Node, float], wished: t.Mapping[Node, float], middles: dict[Node, float]) -> None:
    """The least squares of all moves under the order and the gaps: neighbours that would touch move as one block."""
    offsets, offset, last = [], 0.0, 0.0
    for number, node in enumerate(column):
        offset += (last + heights[node]) / 2 + GAP if number else 0.0
        last = heights[node]
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # the mean wish of its points, and their number
    for node, place in zip(column, offsets):
        mean, count = wished[node] - place, 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for dummy in range(count)]
    middles.update({node: start + place for node, start, place in zip(column, starts, offsets)})
