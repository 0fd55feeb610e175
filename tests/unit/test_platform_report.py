"""The report: what differs is marked, every name is escaped, and the layout holds for every graph."""

from __future__ import annotations

import random
import re
from html.parser import HTMLParser

import platform_scene
import pytest
from platform_scene import HOSTILE, binding, change, exchange, queue

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME
from ansible_collections.eco2.platform.plugins.plugin_utils._report import drift, layout, mermaid
from ansible_collections.eco2.platform.plugins.plugin_utils._report.graph import graphs
from ansible_collections.eco2.platform.plugins.plugin_utils._report.page import page
from ansible_collections.eco2.platform.plugins.plugin_utils._report.svg import cells, shortened


class _Reader(HTMLParser):
    """All tags, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, dummy in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _page() -> str:
    scene = platform_scene.platform()
    return page("Platform", scene["brokers"], scene["nodes"], scene["sentinels"], scene["summary"])


def test_every_name_is_text_and_no_tag() -> None:
    read = _Reader(_page())
    assert not {"script", "img", "b>tests", "link", "iframe"} & set(read.tags)
    assert not [name for name in read.attributes if name.startswith("on") or name in ("src", "href")]
    for name in HOSTILE:
        assert name in read.text, name


def test_every_difference_has_a_mark_and_a_word_at_its_object() -> None:
    text = _page()
    for name, word in (("scan.archive", "missing"), ("scan.rule", "differs"), ("old.reports", "not declared")):
        box = re.search(rf'<g class="point queue {word.replace(" ", "-")}"[^>]*><title>queue {re.escape(name)} .*?</g>', text, re.DOTALL)
        assert box and f" {word}</text>" in box[0], name
    assert re.search(r'<g class="line binding missing"><title>exchange scan.direct → queue scan.archive: scan.archive \(missing\)', text)
    assert re.search(r'<g class="line binding not-declared"><title>exchange reward.events → queue my.reward: character\.\*', text)
    card = re.search(r'<article class="card differs"><h3>k8s-event-router</h3>.*?</article>', text, re.DOTALL)
    assert card and "label phase: 4 → 5" in card[0]
    assert re.search(r'<article class="card missing"><h3>auth</h3>', text)


def test_a_page_of_nothing_says_so() -> None:
    text = page("Platform", [], [], [], {})
    assert "not verified" in text and "Nothing differs" in text and '<svg class="graph"' not in text


@pytest.mark.parametrize("name", [*HOSTILE, "plain", "", 'a -> queue b by c "'])
def test_a_binding_is_found_again_by_its_name(name: str) -> None:
    entry = binding(name or "x", name, name, vhost="a/b", **{"x-match": "any"})
    assert drift.binding(BY_NAME["binding"].object(entry)) == entry


def test_ways_of_arguments_are_lines() -> None:
    first = exchange("a", **{"alternate-exchange": "b"})
    topology = {"exchanges": [first], "queues": [queue("q", **{"x-dead-letter-exchange": "a"})], "bindings": [binding("b", "q")]}
    (graph,) = graphs(topology, [])
    assert [(line.source[1], line.target[1], line.why) for line in graph.lines] == [
        ("a", "b", "alternate"),
        ("q", "a", "dead letter"),
        ("b", "q", ""),
    ]


@pytest.mark.parametrize("seed", range(40))
def test_points_never_touch_and_lines_lead_to_the_right(seed: int) -> None:
    dice = random.Random(seed)
    nodes = {f"n{number}": dice.uniform(10, 60) for number in range(dice.randint(1, 40))}
    edges = [(dice.choice(list(nodes)), dice.choice(list(nodes))) for dummy in range(dice.randint(0, 80))]
    drawn = layout.lay_out(nodes, edges)
    for source, target in {edge for edge in edges if edge[0] != edge[1]}:
        turned = (source, target) in drawn.turned
        assert (drawn.layers[source] < drawn.layers[target]) != turned
    for layer in set(drawn.layers.values()):
        column = sorted((drawn.tops[node], node) for node in nodes if drawn.layers[node] == layer)
        for (top, node), (below, dummy) in zip(column, column[1:]):
            assert top + nodes[node] + layout.GAP <= below + 0.01


def test_mermaid_has_no_mark_of_a_name_outside_of_its_quotes() -> None:
    scene = platform_scene.platform()["brokers"][0]
    found = [drift.Drift("broker", "queue", "eco2/old.reports", "delete")]
    text = mermaid.chart("broker", graphs(scene["topology"], found))
    for line in text.splitlines():
        assert re.fullmatch(
            r'flowchart LR|  %% broker|  subgraph v\d+\["[^"]*"\]|  end|    v\dn\d+(\{\{"[^"]+"\}\}|\[\("[^"]+"\)\])'
            r'|    v\dn\d+ (-->|-\.->)(\|"[^"]+"\|)? v\dn\d+|  classDef drift .*|  class v\dn\d+ drift',
            line,
        ), line
    assert "old.reports #40;#8722; not declared#41;" in text
    assert "<" not in text and "`" not in text


@pytest.mark.parametrize("text", ["x" * 200, "대" * 200, "a" * 46, "", "a\nb"])
def test_long_names_are_shortened_by_what_they_take(text: str) -> None:
    short = shortened(text)
    assert cells(short) <= 46 and "\n" not in short
    assert (short == text) == (cells(text) <= 46 and text.isprintable())


def test_a_change_of_an_unknown_kind_is_in_the_table_alone() -> None:
    summary = {"hosts": {"h": {"drift": [change("instance", "cache", "update", ("maxmemory", "1gb", "2gb"))]}}}
    text = page("Platform", [], [], [], summary)
    assert "maxmemory: 1gb → 2gb" in text


@pytest.mark.parametrize(("check", "marked"), [(False, ["b"]), (True, ["b", "a"])])
def test_a_change_is_a_difference_only_where_check_mode_predicts_it(check: bool, marked: list[str]) -> None:
    told = {"state": "drift", "changes": [change("queue", "eco2/a", "update")], "drift": [change("queue", "eco2/b", "create")]}
    found = drift.all_of({"check": check, "hosts": {"broker": told}})
    assert [drift.parts(each.object)[1] for each in found] == marked
