# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_nodes_table; kube_nodes_table.yml documents it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.eco2.platform.plugins.plugin_utils._node import nodes_table


def kube_nodes_table(rows: t.Any) -> list[str]:
    """The table's lines."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("node") for row in rows):
        raise AnsibleFilterError("kube_nodes_table: a list of dictionaries with at least `node` is wanted")
    return nodes_table.lines(rows)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_nodes_table": kube_nodes_table}
