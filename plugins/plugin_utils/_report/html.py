# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of HTML. Text is always escaped; only what is built here is HTML. Private to this collection."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils._report.drift import Drift


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = t.Union[str, Html]


def raw(text: str) -> Html:
    return Html(text)


def shown(content: Content) -> Html:
    return content if isinstance(content, Html) else Html(html.escape(content))


def join(contents: t.Iterable[Content]) -> Html:
    return Html("".join(map(shown, contents)))


def element(name: str, *contents: Content, css: str = "") -> Html:
    return Html(f"<{name}{_class(css)}>{join(contents)}</{name}>")


def _class(css: str) -> str:
    return f' class="{html.escape(css)}"' if css else ""


def badge(mark: str, word: str, css: str = "") -> Html:
    """A mark and a word, so that nobody has to tell colours apart."""
    return element("span", element("span", mark, css="mark"), f" {word}", css=f"badge {css}".strip())


def counted(found: t.Sequence[Drift]) -> Html:
    """How many differences of each sort there are."""
    first = {each.word: each for each in found}
    return join(badge(each.mark, f"{sum(other.word == word for other in found)} {word}", each.css) for word, each in first.items())


def section(title: str, *contents: Content) -> Html:
    return element("section", element("h2", title), *contents)


def folded(summary: t.Sequence[Content], *contents: Content, is_open: bool = False) -> Html:
    spaced = join(part for content in summary for part in (content, " "))
    return Html(f"<details{' open' if is_open else ''}>{element('summary', spaced)}{join(contents)}</details>")
