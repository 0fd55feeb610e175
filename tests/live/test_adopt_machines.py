"""Machines that somebody made nodes of by hand are adopted: site, with all its parts, finds nothing to change on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from cluster import MASTER, Cluster, Node, need_lab
from nodes import recorded

from lab import depot, shelves
from lab import nodes as lab_nodes

WORKER = "test-router"

pytestmark = pytest.mark.skipif(int(os.environ.get("ECO2_TIMES", "1")) == 1, reason="makes nodes of machines by hand: make test-long")

# As guides on the web have it: packages, containerd's default configuration with a few changes, kubeadm.
INSTALL = """
set -e
echo 'deb [trusted=yes] {packages}/docker/linux/debian bookworm stable' >/etc/apt/sources.list.d/docker.list
echo 'deb [trusted=yes] {packages}/kubernetes/core:/stable:/v{minor}/deb/ /' >/etc/apt/sources.list.d/k8s.list
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 containerd.io kubeadm kubelet kubectl
echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/k8s.conf
sysctl --quiet --load /etc/sysctl.d/k8s.conf
containerd config default >/etc/containerd/config.toml
change() {{ sed --in-place "s|$1|$2|" /etc/containerd/config.toml; }}
change "config_path = ''" "config_path = '/etc/containerd/certs.d'"
change 'SystemdCgroup = false' 'SystemdCgroup = true'
change 'restrict_oom_score_adj = false' 'restrict_oom_score_adj = true'
mkdir --parents /etc/containerd/certs.d/_default
printf '[host."http://{registry}"]\\n  capabilities = ["pull", "resolve"]\\n' >/etc/containerd/certs.d/_default/hosts.toml
systemctl restart containerd
"""


def _install(node: Node) -> None:
    found = depot.get()
    minor = shelves.KUBERNETES.rpartition(".")[0]
    node.run("sh", "-c", INSTALL.format(packages=found.packages, registry=found.registry, minor=minor))


def _init(node: Node) -> str:
    """The control plane, by a configuration file for what the lab needs; the command with which others join."""
    lab = lab_nodes.variables()
    documents: list[dict[str, t.Any]] = [
        {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration", "localAPIEndpoint": {"advertiseAddress": node.address}},
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": shelves.KUBERNETES,
            "networking": {"podSubnet": lab["control_plane_pod_subnet"]},
        },
        {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", **lab["control_plane_kubelet_configuration"]},
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            **lab["control_plane_kube_proxy_configuration"],
        },
    ]
    text = "---\n".join(json.dumps(document) + "\n" for document in documents)
    ignored = ",".join(lab["control_plane_ignore_preflight_errors"])
    node.run(
        "sh", "-c", f"echo '{text}' >/root/kubeadm.yml; kubeadm init --config /root/kubeadm.yml --ignore-preflight-errors {ignored} 2>&1"
    )
    return node.run("kubeadm", "token", "create", "--print-join-command").strip()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Cluster]:
    need_lab()
    cluster = Cluster(tmp_path_factory.mktemp("by-hand"))
    master, worker = cluster.add(MASTER, WORKER)
    try:
        for node in (master, worker):
            _install(node)
        join = _init(master)
        cluster.kubeconfig.parent.mkdir()
        cluster.kubeconfig.write_text(master.run("cat", "/etc/kubernetes/admin.conf"), encoding="utf-8")
        cluster.kubeconfig.chmod(0o600)
        for manifest in lab_nodes.variables()["control_plane_manifests"]:
            cluster.kubectl("apply", "--filename", manifest)
        ignored = ",".join(lab_nodes.variables()["node_join_ignore_preflight_errors"])
        worker.run("sh", "-c", f"{join} --ignore-preflight-errors {ignored} 2>&1")
        deadline = time.monotonic() + 180
        while not all(cluster.ready(node.hostname) for node in (master, worker)):
            assert time.monotonic() < deadline, cluster.nodes()
            time.sleep(1)
        cluster.kubectl("label", "node", worker.hostname, "role=cache", "phase=1", "node-role.kubernetes.io/worker=")
        cluster.kubectl("taint", "node", worker.hostname, "domain=data:NoSchedule")
        yield cluster
    finally:
        lab_nodes.down(list(cluster.hosts))


def _run(cluster: Cluster, *options: str, **more: t.Any) -> tuple[str, dict[str, t.Any]]:
    """With how to log in to the machines, which is what a user adds to what was adopted."""
    environment, dummy = recorded(cluster.home)
    summary = cluster.home / "summary.json"
    environment["ECO2_SUMMARY"] = str(summary)
    program = str(Path(sys.executable).parent / "ansible-playbook")
    given = ["--extra-vars", json.dumps({**lab_nodes.connection(), **more})]
    command = [program, *options, *given]
    done = subprocess.run(command, env=environment, cwd=cluster.home, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr, json.loads(summary.read_text(encoding="utf-8"))


def test_site_finds_nothing_to_change_and_says_what_is_left(cluster: Cluster) -> None:
    _run(cluster, "eco2.platform.adopt", adopt_directory="inventory", kube_kubeconfig=str(cluster.kubeconfig))
    output, summary = _run(cluster, "-i", "inventory", "eco2.platform.site", "--check", "--diff")
    worker = cluster.node(WORKER).hostname
    assert summary["verdict"] == "ok", output
    states = {part["name"]: part["state"] for part in summary["families"]}
    assert {name: states[name] for name in ("control_plane", "nodes", "labels")} == dict.fromkeys(
        ("control_plane", "nodes", "labels"), "ok"
    )
    assert set(summary["hosts"]) == {cluster.node(host).hostname for host in cluster.hosts}
    assert {line.split(" (")[0] for line in summary["hosts"][worker]["left"]} == {
        f"the hold of {name} is off, but must be on" for name in ("kubelet", "kubeadm", "kubectl", "kubernetes-cni", "containerd.io")
    }
    assert "will not be kept" not in output, "the kubeconfig is not written"


def test_site_itself_and_verify_change_nothing_once_that_is_declared(cluster: Cluster) -> None:
    """As the guide says."""
    before = cluster.nodes()
    for playbook in ("site", "verify"):
        output, summary = _run(cluster, "-i", "inventory", f"eco2.platform.{playbook}", kubernetes_node_hold=False, containerd_hold=False)
        assert summary["verdict"] == "ok", output
    for name, node in cluster.nodes().items():
        assert node["metadata"]["uid"] == before[name]["metadata"]["uid"]
        assert (node["metadata"]["labels"], node["spec"]) == (before[name]["metadata"]["labels"], before[name]["spec"])
