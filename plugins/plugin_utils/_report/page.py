# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML file. It loads nothing, and has no script. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils._report import drift, mermaid, nodes, sets, svg
from ansible_collections.eco2.platform.plugins.plugin_utils._report.drift import Drift, Values
from ansible_collections.eco2.platform.plugins.plugin_utils._report.graph import Graph, graphs
from ansible_collections.eco2.platform.plugins.plugin_utils._report.html import Html, badge, counted, element, folded, join, raw, section
from ansible_collections.eco2.platform.plugins.plugin_utils._report.style import STYLE, TIP

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_VERDICTS = {
    "ok": ("✓", "as declared", "good"),
    "changed": ("✎", "changed", "good"),
    "drift": ("≠", "drift", "bad"),
    "failed": ("✗", "failed", "bad"),
}
_STATES = {
    "failed": ("✗", "bad"),
    "unreachable": ("✗", "bad"),
    "left out": ("○", ""),
    "ok": ("✓", "good"),
    "changed": ("✎", "good"),
    "drift": ("≠", "bad"),
}


def page(title: str, brokers: t.Sequence[Values], machines: t.Sequence[Values], masters: t.Sequence[Values], summary: Values) -> str:
    found = drift.all_of(summary)
    pictures = {entry["name"]: graphs(entry["topology"], [each for each in found if each.host == entry["name"]]) for entry in brokers}
    body = join(
        [
            _head(title, summary),
            _tiles(pictures, machines, masters, found),
            _differences(found),
            _hosts(summary),
            *[_broker(name, made) for name, made in pictures.items()],
            nodes.part(machines, found),
            sets.part(masters, found),
            _mermaid(pictures),
        ]
    )
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
    frame = f'<!DOCTYPE html><html lang="en"><head>{head}{element("title", title)}<style>{STYLE}</style></head>'
    return f"{frame}<body>{TIP}<main>{body}</main></body></html>\n"


def _head(title: str, summary: Values) -> Html:
    mark, word, css = _VERDICTS.get(str(summary.get("verdict")), ("○", "not verified", ""))
    began, playbook = (drift.text(summary.get(part) or "") for part in ("began", "playbook"))
    words = [playbook and f"Playbook {playbook}", began, "check mode" if summary.get("check") else "", _duration(summary)]
    return element("header", element("h1", title), badge(mark, word, css), element("p", " · ".join(filter(None, words)), css="muted"))


def _duration(summary: Values) -> str:
    seconds = summary.get("seconds")
    return f"{seconds:.0f} s" if isinstance(seconds, (int, float)) else ""


def _tiles(pictures: t.Mapping[str, t.Sequence[Graph]], machines: t.Sequence[Values], masters: t.Sequence[Values], found: t.Sized) -> Html:
    points = [point.key[0] for made in pictures.values() for graph in made for point in graph.points.values()]
    ways = sum(not line.why for made in pictures.values() for graph in made for line in graph.lines)
    tiles: list[tuple[t.Any, str]] = []
    if pictures:
        tiles += [
            (len(pictures), "brokers"),
            (points.count("exchange"), "exchanges"),
            (points.count("queue"), "queues"),
            (ways, "bindings"),
        ]
    if machines:
        tiles.append((f"{sum(bool(node.get('ready')) for node in machines)} of {len(machines)}", "nodes Ready"))
    if masters:
        tiles.append((f"{sum(bool(entry.get('healthy')) for entry in masters)} of {len(masters)}", "sets healthy"))
    tiles.append((len(found), "differences"))
    return element("ul", join(element("li", element("b", str(value)), element("span", word)) for value, word in tiles), css="tiles")


def _differences(found: t.Sequence[Drift]) -> Html:
    if not found:
        return section("Differences", element("p", "Nothing differs from what is declared.", css="muted"))
    rows = [
        element(
            "tr",
            element("td", badge(each.mark, each.word, each.css)),
            element("td", each.kind),
            element("td", element("code", each.object), *[element("div", line, css="before-after") for line in each.lines()]),
            element("td", each.host),
        )
        for each in found
    ]
    head = element("tr", *[element("th", word) for word in ("difference", "kind", "object", "host")])
    table = element("table", element("thead", head), element("tbody", *rows))
    return section("Differences", counted(found), element("div", table, css="wide"))


def _hosts(summary: Values) -> Html:
    """What failed or was left out, by family and by host."""
    families = [(f"family {each.get('name')}", each, [each.get("reason")]) for each in summary.get("families") or ()]
    hosts = [
        (name, told, [*(told.get("failures") or ()), *(told.get("left") or ())]) for name, told in (summary.get("hosts") or {}).items()
    ]
    told_of = [
        (name, str(entry.get("state")), list(filter(None, lines)))
        for name, entry, lines in [*families, *hosts]
        if entry.get("state") not in ("ok", "changed", "drift") or any(lines)
    ]
    if not told_of:
        return raw("")
    items = [_told(*each) for each in told_of]
    return section("Failed, left out, left to do", element("ul", *items, css="plain"))


def _told(name: str, state: str, lines: t.Sequence[t.Any]) -> Html:
    mark, css = _STATES.get(state, ("○", ""))
    return element("li", badge(mark, state, css), " ", element("b", name), *[element("div", drift.text(line)) for line in lines])


def _broker(name: str, made: t.Sequence[Graph]) -> Html:
    return section(f"Broker {name}", join(_vhost(graph) for graph in made) or element("p", "It has no vhost.", css="muted"))


def _vhost(graph: Graph) -> Html:
    marks = [*(point.drift for point in graph.points.values()), *(line.drift for line in graph.lines)]
    found = [mark for mark in marks if mark]
    kinds = [point.key[0] for point in graph.points.values()]
    counts = f"{kinds.count('exchange')} exchanges, {kinds.count('queue')} queues, {sum(not line.why for line in graph.lines)} bindings"
    picture = element("div", raw(svg.draw(graph)), css="wide") if graph.points else raw("")
    return folded(
        [f"vhost {graph.vhost}", element("span", counts, css="muted"), *([counted(found)] if found else [])], picture, is_open=True
    )


def _mermaid(pictures: t.Mapping[str, t.Sequence[Graph]]) -> Html:
    charts = [folded([f"Broker {name}"], element("pre", mermaid.chart(name, made))) for name, made in pictures.items()]
    if not charts:
        return raw("")
    return section("The same as Mermaid", element("p", "For a wiki or a README that draws Mermaid.", css="muted"), *charts)
