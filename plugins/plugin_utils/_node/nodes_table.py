# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as a table for people. Private to this collection. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import plan as nodes_plan

# The kubelet's own, of which a reader learns nothing.
_NOT_SHOWN = nodes_plan.KUBELETS_OWN

Row = t.Mapping[str, t.Any]

_HEADINGS = ("NODE", "VERSION", "READY", "LABELS", "TAINTS", "CHANGED")


def lines(rows: t.Sequence[Row]) -> list[str]:
    """One line a node, below a heading, in aligned columns; a line of its own for what went wrong with it.

    Labels that each kubelet sets for itself are left out.
    rows: node, version, ready (bool or None), labels (a mapping), taints (a list of key, value, effect), changed (a list of words),
    problem (text); all but node may be missing.
    """
    table = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEADINGS))]
    shown = []
    for number, cells in enumerate(table):
        shown.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        problem = " ".join(str(rows[number - 1].get("problem") or "").split()) if number else ""
        if problem:
            shown.append(f"  ! {problem}")
    return shown


def _cells(row: Row) -> tuple[str, ...]:
    ready = {True: "yes", False: "NO"}.get(t.cast("bool", row.get("ready")), "?")
    labels = ",".join(f"{key}={value}" for key, value in sorted((row.get("labels") or {}).items()) if key not in _NOT_SHOWN)
    taints = ",".join(sorted(_taint(taint) for taint in row.get("taints") or ()))
    return (
        str(row["node"]),
        str(row.get("version") or "-"),
        ready,
        labels or "-",
        taints or "-",
        ",".join(row.get("changed") or ()) or "-",
    )


def _taint(taint: Row) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"
