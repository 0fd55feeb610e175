"""The same three bare machines made Ready by geerlingguy's roles, where they are to be had.

ECO2_ROLES names a directory that holds geerlingguy.containerd and geerlingguy.kubernetes. What this lab needs of containerd, for which they
have no variable, is set by a few lines between the two. They have neither labels nor taints.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

from lab import nodes as lab_nodes
from lab import shelves
from lab.nodes import Node

if t.TYPE_CHECKING:
    from cluster import Cluster

ROLES = ("geerlingguy.containerd", "geerlingguy.kubernetes")
NAMES = ("rival-1", "rival-2", "rival-3")

# For a container as a node: see lab/nodes.py.
PATCH = r"""
set -e
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
sed -i 's#config_path = .*#config_path = "/etc/containerd/certs.d"#' /etc/containerd/config.toml
mkdir -p /etc/containerd/certs.d/_default
printf '[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$1" >/etc/containerd/certs.d/_default/hosts.toml
systemctl restart containerd
"""


def roles() -> Path | None:
    """Where they are."""
    home = Path(os.environ.get("ECO2_ROLES", "/nonexistent"))
    return home if all((home / name / "tasks" / "main.yml").exists() for name in ROLES) else None


def bare(cluster: Cluster, home: Path, master: str) -> float:
    """Seconds from bare machines to Ready nodes."""
    found = lab_nodes.up(NAMES)
    try:
        command = _command(cluster, home, found, cluster.node(master))
        # They read facts by their old names.
        environment = {**cluster.command("setup_new_nodes")[1], "ANSIBLE_ROLES_PATH": str(roles()), "ANSIBLE_INJECT_FACT_VARS": "true"}
        began = time.monotonic()
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=1200)
        if done.returncode != 0:
            raise SystemExit(f"geerlingguy's roles: {done.stdout[-3000:]}")
        cluster.kubectl(
            "wait", "--for", "condition=Ready", "--timeout", "120s", "--request-timeout", "0", *(f"node/{node.hostname}" for node in found)
        )
        return time.monotonic() - began
    finally:
        lab_nodes.down(list(NAMES))


def _command(cluster: Cluster, home: Path, found: list[Node], master: Node) -> list[str]:
    variables = lab_nodes.variables()
    docker = variables["containerd_apt_repository"]
    minor = ".".join(shelves.KUBERNETES.split(".")[:2])
    repository = variables["kubernetes_node_apt_repository"].replace("{{ kubernetes_node_minor }}", minor)
    registry = variables["containerd_registry_mirrors"]["_default"]["hosts"][0]["url"].removeprefix("http://")
    join = master.run("kubeadm", "token", "create", "--kubeconfig", "/etc/kubernetes/admin.conf", "--print-join-command").strip()
    inventory = home / "rivals.json"
    hosts = {node.name: {"ansible_host": node.address} for node in found}
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": lab_nodes.connection()}}), encoding="utf-8")
    settings = {
        "docker_apt_repository": docker,
        "docker_apt_gpg_key": f"{docker}/gpg",
        "containerd_config_cgroup_driver_systemd": True,
        "kubernetes_role": "node",
        "kubernetes_version": minor,
        "kubernetes_apt_repository": repository.rstrip("/"),
        "kubernetes_join_command": f"{join} --ignore-preflight-errors=all",
    }
    tasks = [
        {"ansible.builtin.include_role": {"name": ROLES[0]}},
        {"ansible.builtin.script": {"cmd": f"{_patch(home)} {registry}", "executable": "/bin/sh"}},
        {"ansible.builtin.include_role": {"name": ROLES[1]}},
    ]
    play = home / "rivals.yml"
    play.write_text(json.dumps([{"hosts": "all", "become": True, "vars": settings, "tasks": tasks}]), encoding="utf-8")
    return [cluster.command("setup_new_nodes")[0][0], "-i", str(inventory), str(play)]


def _patch(home: Path) -> Path:
    path = home / "patch.sh"
    path.write_text(PATCH, encoding="utf-8")
    return path
