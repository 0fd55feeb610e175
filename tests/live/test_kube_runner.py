"""The playbook node_labels by ansible-runner, which AWX uses: answers of a survey, and two slices at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from awx import Awx, inventory
from lab.apiserver import ApiServer

BLANK = (
    "kube_hosts",
    "kube_kubeconfig",
    "kube_profile",
    "kube_zone",
    "node_profile_exact",
    "node_profile_owner",
    "node_profile_protected",
)
LABELS = "--node-labels=pool=1.30,on=no --register-with-taints=dedicated=survey:NoSchedule"


def test_answers_to_node_labels(kube: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    manifest = "\n---\n".join(json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"survey-{part}"}}) for part in "ab")
    kube.kubectl("apply", "-f", "-", stdin=manifest.encode())
    workers = {f"survey-{part}": {"kube_profile": LABELS} for part in "ab"}
    awx = Awx(tmp_path_factory.mktemp("labels"), inventory({"workers": workers}), {"K8S_AUTH_KUBECONFIG": kube.kubeconfig})
    blank = dict.fromkeys(BLANK, "")
    try:
        done = awx.launch("node_labels", blank).ok()
        assert done.hosts >= {*workers}
        labels = json.loads(kube.kubectl("get", "node", "survey-a", "-o", "json"))["metadata"]["labels"]
        assert (labels["pool"], labels["on"]) == ("1.30", "no")
        kube.kubectl("label", "node", "survey-a", "foreign=1", "kept.example/x=1")
        exact = {"node_profile_exact": "true", "node_profile_protected": "kept.example, other.example"}
        assert awx.launch("node_labels", exact, limit="survey-a").ok().changed == 1
        labels = json.loads(kube.kubectl("get", "node", "survey-a", "-o", "json"))["metadata"]["labels"]
        assert ("foreign" in labels, "kept.example/x" in labels) == (False, True)
        listed = {**exact, "node_profile_protected": "- kept.example\n- other.example"}
        assert awx.launch("node_labels", listed).ok().changed == 0
    finally:
        kube.kubectl("delete", "node", *workers)


def test_two_slices_at_once_label_their_own_nodes(kube: ApiServer, tmp_path: Path) -> None:
    names = [f"slice-{number}" for number in range(10)]
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in names]
    kube.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}).encode())
    hosts = inventory({"workers": {name: {"kube_profile": "--node-labels=pool=sliced"} for name in names}})
    # The kubeconfig's path as a credential of AWX injects it. It wins over that of the inventory.
    hosts["all"]["vars"]["kube_kubeconfig"] = "/nowhere/admin.conf"
    awx = Awx(tmp_path, hosts)
    injected = {"kube_kubeconfig": kube.kubeconfig}
    try:
        with ThreadPoolExecutor(2) as pool:
            jobs = list(pool.map(lambda part: awx.launch("node_labels", slices=part, injected=injected).ok(), (names[::2], names[1::2])))
        assert [job.hosts for job in jobs] == [{*names[::2]}, {*names[1::2]}]
        labelled = json.loads(kube.kubectl("get", "node", "-l", "pool=sliced", "-o", "json"))["items"]
        assert {node["metadata"]["name"] for node in labelled} == {*names}
        assert awx.launch("node_labels", injected=injected).ok().changed == 0
    finally:
        kube.kubectl("delete", "node", *names)
