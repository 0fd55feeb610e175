"""A real kubeadm cluster of lab nodes, made and changed by the collection's playbooks as a user would run them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import nodes
import pytest
from nodes import Run, outcomes

from lab import binaries, shelves
from lab import nodes as lab_nodes
from lab.host import LabError, require
from lab.nodes import Node

VERSION = shelves.KUBERNETES
# The controllers give a silent node 50 seconds; many tests wait for that.
QUICK = {"controllerManager": {"extraArgs": [{"name": "node-monitor-grace-period", "value": "24s"}]}}
MASTER = "test-master"
# The real platform's, and one label that only the API may set.
PROFILES = {
    MASTER: "--node-labels=role=control-plane --register-with-taints=role=control-plane:NoSchedule",
    "test-router": "--node-labels=role=event-router,domain=event-router,workload=event-router,phase=5,node-role.kubernetes.io/worker= "
    "--register-with-taints=domain=event-router:NoSchedule",
    "test-pubsub": "--node-labels=role=infrastructure,domain=data,infra-type=redis-pubsub,workload=cache,phase=1 "
    "--register-with-taints=domain=data:NoSchedule",
}
NAMES = {MASTER: "k8s-master", "test-router": "k8s-event-router", "test-pubsub": "k8s-redis-pubsub"}


def need_lab() -> None:
    """Skip the test where the lab cannot run."""
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")


@dataclass
class Cluster:
    """The lab's nodes with their places in the inventory, and the playbooks run on them."""

    home: Path
    version: str = VERSION
    hosts: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    variables: dict[str, t.Any] = field(default_factory=dict)
    # The hosts of the group control_plane.
    masters: tuple[str, ...] = (MASTER,)

    @property
    def kubeconfig(self) -> Path:
        # In a directory that is not there yet.
        return self.home / "kube" / "admin.conf"

    def add(self, *names: str) -> list[Node]:
        """Bare nodes under their names, as Terraform would have written them down."""
        started = lab_nodes.up(names, versions=(self.version,))
        for node in started:
            self.hosts[node.name] = {
                "ansible_host": node.address,
                "kube_node_ip": node.address,
                "kube_node_name": NAMES.get(node.name, node.name),
                "kube_profile": PROFILES.get(node.name, ""),
            }
        return started

    def node(self, name: str) -> Node:
        return lab_nodes.get(name)

    def inventory(self) -> dict[str, t.Any]:
        variables = {
            **lab_nodes.connection(),
            **lab_nodes.variables(),
            "kube_version": self.version,
            "kube_endpoint": f"{self.hosts[MASTER]['ansible_host']}:6443",
            "kube_kubeconfig": str(self.kubeconfig),
            **({"control_plane_cluster_configuration": QUICK} if self.version == VERSION else {}),
            **self.variables,
        }
        workers = {name: {} for name in self.hosts if name not in self.masters}
        return {
            "all": {
                "hosts": self.hosts,
                "vars": variables,
                "children": {"control_plane": {"hosts": {name: {} for name in self.masters}}, "workers": {"hosts": workers}},
            }
        }

    def command(self, playbook: str, *options: str, **variables: t.Any) -> tuple[list[str], dict[str, str], Path]:
        """The command line and the environment of a run, and where its record goes."""
        environment, record = nodes.recorded(self.home)
        (self.home / "inventory.json").write_text(json.dumps(self.inventory()), encoding="utf-8")
        given = ["--extra-vars", json.dumps(variables)] if variables else []
        # By name one of the collection's, by path any other.
        named = playbook if playbook.endswith(".yml") else f"eco2.platform.{playbook}"
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "-i", str(self.home / "inventory.json"), named, *given, *options], environment, record

    def run(self, playbook: str, *options: str, **variables: t.Any) -> Run:
        command, environment, record = self.command(playbook, *options, **variables)
        done = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, text=True, check=False, timeout=900)
        return Run(done.returncode, done.stdout + done.stderr, outcomes(record))

    def setup(self, *hosts: str, **variables: t.Any) -> Run:
        """setup_new_nodes, limited to these hosts."""
        return self.run("setup_new_nodes", *(("--limit", ",".join(hosts)) if hosts else ()), **variables)

    def kubectl(self, *arguments: str) -> str:
        program = binaries.build(binaries.kubernetes(self.version)) / "kubectl"
        done = subprocess.run(
            [program, "--kubeconfig", self.kubeconfig, "--request-timeout", "20s", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def nodes(self) -> dict[str, dict[str, t.Any]]:
        items = json.loads(self.kubectl("get", "nodes", "--output", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def ready(self, name: str) -> bool:
        conditions = self.nodes().get(name, {}).get("status", {}).get("conditions", [])
        return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)

    def wait_until_not_ready(self, name: str, timeout: float = 120.0) -> None:
        deadline = time.monotonic() + timeout
        while self.ready(name):
            assert time.monotonic() < deadline, f"{name} is still Ready"
            time.sleep(1)

    def as_declared(self, host: str) -> None:
        """The Node of this host is Ready and has exactly the labels and taints of its profile, beside the system's own."""
        node = self.nodes()[self.hosts[host]["kube_node_name"]]
        assert self.ready(node["metadata"]["name"])
        flags = dict(flag[2:].split("=", 1) for flag in self.hosts[host]["kube_profile"].split())
        wanted = dict(pair.split("=", 1) for pair in flags["node-labels"].split(",")) if "node-labels" in flags else {}
        labels = node["metadata"]["labels"]
        assert {key: labels.get(key) for key in wanted} == wanted
        taints = {f"{entry['key']}={entry.get('value', '')}:{entry['effect']}" for entry in node["spec"].get("taints", [])}
        assert {text for text in taints if not re.match("node(-role)?.kubernetes.io/", text)} == set(
            filter(None, flags.get("register-with-taints", "").split(","))
        )

    def secrets(self) -> set[str]:
        """Every secret that may have been about: tokens by their second part, and the administrator's key."""
        items = json.loads(self.kubectl("get", "secrets", "--all-namespaces", "--output", "json"))["items"]
        tokens = {
            base64.b64decode(item["data"]["token-secret"]).decode() for item in items if item["type"] == "bootstrap.kubernetes.io/token"
        }
        found = re.search(r"client-key-data: (\S+)", self.kubeconfig.read_text(encoding="utf-8"))
        assert found
        return {*tokens, found.group(1)[:200]}


def changed(run: Run) -> set[tuple[str, str]]:
    """Which tasks changed which host."""
    return {(outcome.host, outcome.task) for outcome in run.outcomes if outcome.state == "changed"}


__all__ = ["MASTER", "NAMES", "PROFILES", "VERSION", "Cluster", "Node", "changed", "need_lab", "nodes", "outcomes"]
