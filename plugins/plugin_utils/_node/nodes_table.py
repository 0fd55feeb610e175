# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a play as a table for people. Private to this collection. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import plan as nodes_plan
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

Row = t.Mapping[str, t.Any]

_HEADINGS = ("NODE", "VERSION", "READY", "LABELS", "TAINTS", "CHANGED")


def row(host: str, variables: Row, nodes: t.Mapping[str, Row], alive: bool) -> Row | None:
    """A host's row, of what the roles have registered on it; None for a host of a later batch (`serial`).

    nodes: as kube_nodes_info returns them, by name; alive: whether the host has not failed.
    """
    plan, done = variables.get("node_join_plan") or {}, variables.get("node_profile_done") or {}
    if alive and not plan:
        return None
    name = str(plan.get("node_name") or variables.get("kube_node_name") or host)
    words = {
        "joined": alive and plan.get("join"),
        "repaired": alive and (plan.get("start_services") or plan.get("restart_kubelet")),
        "profile": name in [change["object"] for change in done.get("changes") or ()],
    }
    reason = plan.get("msg") or "; ".join((done.get("verdicts") or {}).get(name, ())) or "failed, or did not answer; see above"
    changed = [word for word, happened in words.items() if happened]
    return {**nodes.get(name, {}), "name": name, "changed": changed, "problem": "" if alive else reason}


def lines(rows: t.Sequence[Row]) -> list[str]:
    """One line for each node, below a heading, in aligned columns; one more line for its problem.

    Labels that each kubelet sets by itself are left out.
    rows: name, kubelet_version, ready (bool or None), labels (a mapping), taints (a list of key, value, effect), changed (a list of
    words), problem (text). Only the name is required.
    """
    table = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEADINGS))]
    shown = []
    for cells, entry in zip(table, [{}, *rows]):
        shown.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        problem = " ".join(str(entry.get("problem") or "").split())
        if problem:
            shown.append(f"  ! {problem}")
    return shown


def _cells(row: Row) -> tuple[str, ...]:
    ready = {True: "yes", False: "NO"}.get(t.cast("bool", row.get("ready")), "?")
    labels = [f"{key}={value}" for key, value in sorted((row.get("labels") or {}).items()) if key not in nodes_plan.KUBELETS_OWN]
    taints = sorted(str(Taint.of(taint)) for taint in row.get("taints") or ())
    lists = (",".join(entries) or "-" for entries in (labels, taints, row.get("changed") or ()))
    return (str(row["name"]), str(row.get("kubelet_version") or "-"), ready, *lists)
