# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a cluster as cards. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import protected
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint
from ansible_collections.eco2.platform.plugins.plugin_utils._report.drift import Drift, Values
from ansible_collections.eco2.platform.plugins.plugin_utils._report.html import Html, badge, element, folded, join, raw, section

_ROLE = "node-role.kubernetes.io/"


def part(nodes: t.Sequence[Values], found: t.Iterable[Drift]) -> Html:
    marks = {each.object: each for each in found if each.kind == "node"}
    if not nodes:
        return raw("")
    return section("Nodes", element("div", join(_card(node, marks.get(node["name"])) for node in nodes), css="cards"))


def _card(node: Values, mark: Drift | None) -> Html:
    labels = node.get("labels") or {}
    own = {key: value for key, value in labels.items() if key.startswith(_ROLE) or not protected.is_protected(key)}
    others = {key: value for key, value in labels.items() if key not in own}
    state = badge("✓", "Ready", "good") if node.get("ready") else badge("✗", f"not Ready: {node.get('ready_reason') or 'unknown'}", "bad")
    cordoned = [badge("○", "cordoned")] if node.get("unschedulable") else []
    differs = [badge(mark.mark, mark.word, mark.css), *(element("div", line, css="before-after") for line in mark.lines())] if mark else []
    about = " · ".join(filter(None, (node.get("kubelet_version"), node.get("internal_ip"), node.get("os_image"))))
    return element(
        "article",
        element("h3", node["name"]),
        element("p", state, *cordoned),
        element("p", about, css="muted"),
        *differs,
        _chips("labels", [_label(key, value) for key, value in sorted(own.items())]),
        _chips("taints", [str(Taint.of(entry)) for entry in node.get("taints") or ()]),
        folded(["labels of Kubernetes"], _chips("", [_label(key, value) for key, value in sorted(others.items())])) if others else raw(""),
        css=f"card {mark.css}" if mark else "card",
    )


def _label(key: str, value: str) -> str:
    return f"{key}={value}" if value else key


def _chips(word: str, texts: t.Sequence[str]) -> Html:
    if not texts:
        return raw("")
    heading = [element("b", word), " "] if word else []
    return element("p", *heading, *[part for text in texts for part in (element("code", text), " ")], css=f"chips {word}".strip())
