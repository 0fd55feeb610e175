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
            "name": "k8s-a",
            "kubelet_version": "1.36.3",
            "ready": True,
            "labels": {"b": "2", "a": "1", "kubernetes.io/os": "linux"},
            "taints": [TAINT],
            "changed": ["joined"],
        },
        {"name": "k8s-longer", "ready": False, "problem": "did not\n answer"},
        {"name": "k8s-c", "taints": [{"key": "x", "effect": "NoExecute"}]},
    ]
    assert nodes_table.lines(rows) == [
        "NODE        VERSION  READY  LABELS   TAINTS                  CHANGED",
        "k8s-a       1.36.3   yes    a=1,b=2  domain=data:NoSchedule  joined",
        "k8s-longer  -        NO     -        -                       -",
        "  ! did not answer",
        "k8s-c       -        ?      -        x:NoExecute             -",
    ]


def test_a_row_tells_what_became_of_a_host() -> None:
    nodes = {"k8s-a": {"name": "k8s-a", "ready": True}}
    plan = {"node_name": "k8s-a", "join": True, "restart_kubelet": True}
    done = {"changes": [{"object": "k8s-a"}], "verdicts": {"k8s-a": ["label a is missing"]}}
    known = {"node_join_plan": plan, "node_profile_done": done}
    row = nodes_table.row("a", known, nodes, alive=True)
    assert row == {"name": "k8s-a", "ready": True, "changed": ["joined", "repaired", "profile"], "problem": ""}
    row = nodes_table.row("a", known, nodes, alive=False)
    assert row is not None and (row["changed"], row["problem"]) == (["profile"], "label a is missing")
    row = nodes_table.row("a", {"node_join_plan": {**plan, "msg": "no"}}, {}, alive=False)
    assert row is not None and row["problem"] == "no"
    row = nodes_table.row("a", {"kube_node_name": "k8s-dead"}, nodes, alive=False)
    assert row is not None and (row["name"], "did not answer" in row["problem"]) == ("k8s-dead", True)
    assert nodes_table.row("a", {}, nodes, alive=True) is None, "its batch is still to come"


def test_no_nodes_are_a_heading() -> None:
    assert nodes_table.lines([]) == ["NODE  VERSION  READY  LABELS  TAINTS  CHANGED"]


@given(st.lists(st.fixed_dictionaries({"name": st.from_regex("[a-z]{1,9}", fullmatch=True)}, optional={"problem": st.text()}), max_size=5))
def test_every_node_has_one_line_and_every_problem_one_more(rows: list[dict[str, t.Any]]) -> None:
    told = sum(bool(str(row.get("problem") or "").split()) for row in rows)
    assert len(nodes_table.lines(rows)) == 1 + len(rows) + told
