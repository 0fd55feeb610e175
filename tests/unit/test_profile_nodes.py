"""The profiles of all hosts as Nodes, and the verdict on each."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils._node import profile_nodes

PROFILE = "--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule"
LABELS = {"role": "api", "phase": "5"}
ZONE = "topology.kubernetes.io/zone"
EC2 = {"provider_id": "aws:///a/i-1", "zone": "a", "region": "r", "instance_type": "t3.small", "private_ip": "10.0.0.1", "problem": None}


def entry(name: str = "n1", **more: t.Any) -> dict[str, t.Any]:
    return {"name": name, "profile": PROFILE, "cloud": {"zone": "", "region": "", "instance_type": ""}, **more}


def node(name: str = "n1", **more: t.Any) -> dict[str, t.Any]:
    taint = {"key": "role", "value": "api", "effect": "NoSchedule"}
    return {"name": name, "labels": {**LABELS, "theirs": "x"}, "taints": [taint], **more}


def unlike(seen: dict[str, t.Any], **more: t.Any) -> list[str]:
    return profile_nodes.unlike(profile_nodes.declared(entry(**more), [])["node"], seen)


def test_each_host_is_an_item_and_a_bad_profile_is_its_own_alone() -> None:
    good = profile_nodes.declared(entry(), ["a"])
    assert (good["node"]["labels"], good["problem"], good["node"]["leave_labels"]) == (LABELS, "", [])
    assert good["split"]["registration_labels"] == LABELS
    assert profile_nodes.declared(entry(profile="--node-labels=a=b c"), [])["problem"]
    assert "--register-with" in profile_nodes.declared(entry(), ["--register-with"])["problem"]


def test_what_the_cloud_said_is_declared_and_the_inventory_counts_more() -> None:
    found = profile_nodes.declared(entry(found=EC2, asked=True, cloud={"zone": "z"}), [])
    assert found["node"]["labels"] == {
        **LABELS,
        ZONE: "z",
        "topology.kubernetes.io/region": "r",
        "node.kubernetes.io/instance-type": "t3.small",
    }
    assert found["split"]["kubelet_extra_args"] == [], "a provider's id is a flag of the join, and no label"
    assert found["node"]["leave_labels"] == []


def test_what_only_the_cloud_knows_and_nobody_asked_is_left_alone() -> None:
    found = profile_nodes.declared(entry(found=None, asked=True, cloud={"zone": "z"}), [])
    assert found["node"]["labels"] == {**LABELS, ZONE: "z"}
    assert found["node"]["leave_labels"] == ["topology.kubernetes.io/region", "node.kubernetes.io/instance-type"]


def test_a_node_that_is_as_declared_is_well() -> None:
    assert unlike(node()) == []
    late = [{"key": "role", "value": "api", "effect": "NoSchedule", "timeAdded": "2026-11-24T12:00:00Z"}]
    assert unlike(node(taints=late)) == [], "timeAdded is the controllers'"
    empty = "--node-labels=role=api,phase=5 --register-with-taints=role=:NoSchedule"
    assert unlike(node(taints=[{"key": "role", "effect": "NoSchedule"}]), profile=empty) == []


def test_what_is_missing_is_named() -> None:
    (line,) = unlike(node(labels={"role": "web"}, taints=[{"key": "role", "value": "web", "effect": "NoSchedule"}]))
    for part in ("Node n1", 'role is "web", and the profile has "api"', "phase is missing", "taint role=api:NoSchedule is missing"):
        assert part in line
    assert "is missing" in unlike({})[0]


def test_a_change_that_failed_is_told_to_its_own_host() -> None:
    names = ["n1", "n2"]
    failed = {"failed": True, "failures": [{"object": "n2", "reason": "no"}], "msg": "node n2: no"}
    assert profile_nodes.verdicts(names, failed) == {"n1": [], "n2": ["no"]}
    assert profile_nodes.verdicts(names, {"failed": True, "msg": "cannot connect"}) == {name: ["cannot connect"] for name in names}
    skipped = {"changed": False, "skipped_nodes": ["n1"]}
    assert profile_nodes.verdicts(names, skipped, "no Node {name}") == {"n1": ["no Node n1"], "n2": []}
    assert profile_nodes.verdicts(names, skipped) == {"n1": [], "n2": []}, "a prediction is no fault"
