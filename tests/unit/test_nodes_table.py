"""The table of nodes."""

from __future__ import annotations

import typing as t

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.plugin_utils._node import nodes_table

TAINT = {"key": "domain", "value": "data", "effect": "NoSchedule"}


def test_columns_are_aligned_and_a_problem_has_a_line_of_its_own() -> None:
    rows: list[dict[str, t.Any]] = [
        {
            "node": "k8s-a",
            "version": "1.36.3",
            "ready": True,
            "labels": {"b": "2", "a": "1", "kubernetes.io/os": "linux"},
            "taints": [TAINT],
            "changed": ["joined"],
        },
        {"node": "k8s-longer", "ready": False, "problem": "did not\n answer"},
        {"node": "k8s-c", "taints": [{"key": "x", "effect": "NoExecute"}]},
    ]
    assert nodes_table.lines(rows) == [
        "NODE        VERSION  READY  LABELS   TAINTS                  CHANGED",
        "k8s-a       1.36.3   yes    a=1,b=2  domain=data:NoSchedule  joined",
        "k8s-longer  -        NO     -        -                       -",
        "  ! did not answer",
        "k8s-c       -        ?      -        x:NoExecute             -",
    ]


def test_no_nodes_are_a_heading() -> None:
    assert nodes_table.lines([]) == ["NODE  VERSION  READY  LABELS  TAINTS  CHANGED"]


@given(st.lists(st.fixed_dictionaries({"node": st.from_regex("[a-z]{1,9}", fullmatch=True)}, optional={"problem": st.text()}), max_size=5))
def test_every_node_has_one_line_and_every_problem_one_more(rows: list[dict[str, t.Any]]) -> None:
    told = sum(bool(str(row.get("problem") or "").split()) for row in rows)
    assert len(nodes_table.lines(rows)) == 1 + len(rows) + told
