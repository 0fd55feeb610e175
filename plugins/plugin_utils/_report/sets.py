# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of Redis with their masters as cards. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils._report.drift import Drift, Values
from ansible_collections.eco2.platform.plugins.plugin_utils._report.html import Html, badge, element, join, raw, section


def part(masters: t.Sequence[Values], found: t.Iterable[Drift]) -> Html:
    """The masters that Sentinels monitor, and those that are declared and that no Sentinel monitors."""
    of_masters = [each for each in found if each.kind == "master"]
    known = {entry["name"] for entry in masters}
    missing = sorted({_name(each) for each in of_masters if each.word == "missing"} - known)
    entries = [*masters, *({"name": name, "reasons": ["no Sentinel monitors it"]} for name in missing)]
    if not entries:
        return raw("")
    cards = [_card(entry, [each for each in of_masters if _name(each) == entry["name"]]) for entry in entries]
    return section("Sets of Redis", element("div", join(cards), css="cards"))


def _name(each: Drift) -> str:
    """Of SENTINEL/MASTER."""
    return each.object.rpartition("/")[2]


def _card(entry: Values, found: t.Sequence[Drift]) -> Html:
    state = badge("✓", "healthy", "good") if entry.get("healthy") else badge("✗", "not healthy", "bad")
    options = entry.get("options") or {}
    about = [f"{entry.get('server') or ''} {entry.get('version') or ''}".strip(), *(f"{name} {options[name]}" for name in sorted(options))]
    return element(
        "article",
        element("h3", entry["name"]),
        element("p", state, *[badge(each.mark, f"{each.word} at {each.object.rpartition('/')[0]}", each.css) for each in found]),
        *[element("div", line, css="before-after") for each in found for line in each.lines()],
        *[element("p", reason, css="reason") for reason in entry.get("reasons") or ()],
        element("ul", _server("master", entry.get("address") or "the Sentinels do not agree", ""), *_replicas(entry), css="servers"),
        element("p", " · ".join(filter(None, about)), css="muted"),
        css=f"card {found[0].css}" if found else "card",
    )


def _replicas(entry: Values) -> t.Iterator[Html]:
    for replica in entry.get("replicas") or ():
        flags = [flag for flag in replica.get("flags") or () if flag != "slave"]
        link = "" if replica.get("link") in ("ok", None) else f"link {replica['link']}"
        yield _server("replica", str(replica.get("address")), ", ".join(filter(None, [*flags, link])))


def _server(role: str, address: str, trouble: str) -> Html:
    return element("li", element("b", role), " ", element("code", address), *([" ", badge("✗", trouble, "bad")] if trouble else []))
