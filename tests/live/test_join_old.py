"""The platform's own version: a worker of 1.28.4 joined to a control plane of 1.28.4, by kubeadm's older configuration."""

from __future__ import annotations

import os
import typing as t

import pytest
from cluster import MASTER, NAMES, Cluster, changed, need_lab

from lab import depot, shelves
from lab import nodes as lab_nodes

ROUTER = "test-router"

pytestmark = pytest.mark.skipif(int(os.environ.get("ECO2_TIMES", "1")) == 1, reason="builds another Kubernetes: make test-long")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Cluster]:
    need_lab()
    cluster = Cluster(tmp_path_factory.mktemp("old"), "1.28.4")
    # This kubelet knows nothing of failCgroupV1.
    cluster.variables["control_plane_kubelet_configuration"] = {"failSwapOn": False}
    # Built by today's Go, its check of proxies takes no IPv4 address in brackets, as it writes them.
    for role in ("control_plane", "node_join"):
        option = f"{role}_ignore_preflight_errors"
        cluster.variables[option] = [*lab_nodes.variables()[option], "HTTPProxyCIDR", "HTTPProxy"]
    cluster.add(MASTER, ROUTER)
    yield cluster
    lab_nodes.down(list(cluster.hosts))


def test_a_worker_of_1_28_4(cluster: Cluster) -> None:
    for playbook in ("control_plane", "setup_new_nodes"):
        predicted = cluster.run(playbook, "--check").ok()
        done = cluster.run(playbook).ok()
        assert changed(predicted) == changed(done)
        assert not cluster.run(playbook).ok().changed
    assert any("(v1beta3)" in str(outcome.result.get("reason")) for outcome in done.outcomes)
    for host in (MASTER, ROUTER):
        cluster.as_declared(host)
    versions = {name: node["status"]["nodeInfo"]["kubeletVersion"] for name, node in cluster.nodes().items()}
    assert versions == {NAMES[MASTER]: "v1.28.4", NAMES[ROUTER]: "v1.28.4"}


def test_a_half_joined_1_28_4_worker_is_mended(cluster: Cluster) -> None:
    cluster.node(ROUTER).run("sh", "-c", "systemctl stop kubelet; rm /etc/kubernetes/kubelet.conf")
    run = cluster.setup(ROUTER, node_join_existing="replace").ok()
    assert {"Clear what an unfinished join left", "Join the cluster"} <= set(run.changed)
    cluster.as_declared(ROUTER)


def test_a_newer_kubelet_is_refused(cluster: Cluster) -> None:
    cluster.add("test-fresh")
    run = cluster.setup("test-fresh", kube_version="1.36.3")
    assert "kubelet 1.36.3 is newer than the API server's 1.28.4" in run.failure
    assert run.changed == []


USED = """
set -e
echo 'deb [trusted=yes] {packages}/kubernetes/core:/stable:/v1.36/deb/ /' >/etc/apt/sources.list.d/k8s.list
echo 'deb [trusted=yes] {packages}/docker/linux/debian bookworm stable' >/etc/apt/sources.list.d/docker-ce.list
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 kubelet
apt-mark hold kubelet
mkdir --parents /etc/cni/net.d
echo '{{"cniVersion": "0.3.1", "name": "cbr0", "plugins": [{{"type": "flannel"}}]}}' >/etc/cni/net.d/10-flannel.conflist
echo 'KUBELET_EXTRA_ARGS="--node-ip=192.0.2.9 --node-labels=old=yes --max-pods=9 --v=2"' >/etc/default/kubelet
"""


def test_a_machine_with_everything_wrong_at_once_becomes_a_node_as_declared(cluster: Cluster) -> None:
    """A newer kubelet, repositories in other files, flags, and the CNI configuration of another cluster."""
    name = "test-used"
    lab_nodes.up([name], versions=(cluster.version, shelves.KUBERNETES))
    (node,) = cluster.add(name)
    node.run("sh", "-c", USED.format(packages=depot.get().packages))
    cluster.hosts[name] |= {"kube_profile": "--node-labels=role=cache", "kube_kubelet_patch": {"maxPods": 77}}
    refused = cluster.setup(name)
    assert "/etc/cni/net.d/10-flannel.conflist of another cluster" in refused.failure
    assert "kubelet: installing 1.28.4 would downgrade it from 1.36.3" in refused.failure
    assert refused.changed == []
    node.run("rm", "/etc/cni/net.d/10-flannel.conflist")
    allowed = {"kubernetes_node_allow_downgrade": True}
    predicted = cluster.run("setup_new_nodes", "--check", "--limit", name, **allowed).ok()
    done = cluster.setup(name, **allowed).ok()
    assert changed(predicted) == changed(done)
    cluster.as_declared(name)
    found = cluster.nodes()[name]
    addresses = [entry["address"] for entry in found["status"]["addresses"] if entry["type"] == "InternalIP"]
    assert (addresses, found["status"]["capacity"]["pods"]) == ([node.address], "77")
    assert (found["status"]["nodeInfo"]["kubeletVersion"], found["metadata"]["labels"].get("old")) == ("v1.28.4", None)
    assert node.run("cat", "/etc/default/kubelet").strip() == 'KUBELET_EXTRA_ARGS="--v=2"'
    node.run("apt-get", "update", "--error-on=any")
    assert not cluster.setup(name).ok().changed
