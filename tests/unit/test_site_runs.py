"""Runs of site and verify that need no server: hosts that do not answer, and inventories without hosts or declarations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="playbooks run on a controller")

PROJECT = Path(__file__).resolve().parents[2]
PLAYER = Path(sys.executable).parent / "ansible-playbook"

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="Ansible's controller needs a newer Python")

# Nothing listens there.
DEAD = {"ansible_host": "127.0.0.1", "ansible_port": 1}
SOON = {"kubernetes_node_wait_timeout": 1, "redis_connection_timeout": 1}


@dataclass(frozen=True)
class Done:
    code: int
    output: str
    summary: dict[str, t.Any]

    def families(self) -> dict[str, str]:
        return {part["name"]: part["state"] for part in self.summary["families"]}

    def failures(self, host: str) -> str:
        return " | ".join(self.summary["hosts"][host]["failures"])


def run(home: Path, inventory: dict[str, t.Any], playbook: str, *options: str) -> Done:
    (home / "hosts.json").write_text(json.dumps(inventory))
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(home / "ansible" / "tmp"),
        "ECO2_SUMMARY": str(home / "summary.json"),
        "K8S_AUTH_KUBECONFIG": "",
    }
    command = [PLAYER, "-i", home / "hosts.json", f"eco2.platform.{playbook}", *options]
    done = subprocess.run(command, env={**os.environ, **settings}, cwd=home, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert (home / "summary.json").exists(), output
    return Done(done.returncode, output, json.loads((home / "summary.json").read_text()))


def test_verify_goes_on_after_each_host_that_does_not_answer(tmp_path: Path) -> None:
    """Each is alone in its play: if it became unreachable there, Ansible would end the run."""
    inventory = {
        "control_plane": {"hosts": {"cp-off": {**DEAD, "kube_version": "1.36.3"}}},
        "redis_nodes": {"hosts": {"redis-off": {**DEAD, "redis_sentinel_sets": [{"name": "pubsub", "nodes": ["redis-off"]}]}}},
        "workers": {"hosts": {"w-off": {**DEAD, "kube_kubeconfig": str(tmp_path / "no.conf")}}},
        "all": {"vars": SOON},
    }
    done = run(tmp_path, inventory, "verify", "--skip-tags", "labels")
    assert done.code == 2, done.output
    assert done.families() == {
        "control_plane": "failed",
        "nodes": "failed",
        "labels": "left out",
        "rabbitmq": "left out",
        "sentinels": "failed",
    }
    for host, family in (("cp-off", "control_plane"), ("w-off", "nodes"), ("redis-off", "sentinels")):
        assert done.failures(host).startswith(f"{family}: Wait for the host to answer"), done.output


@pytest.mark.parametrize(
    ("playbook", "options", "group"),
    [
        ("site", ("--check", "--limit", "x"), "rabbitmq_brokers"),
        ("verify", (), "rabbitmq_brokers"),
        # There are brokers, but their part is not selected.
        ("verify", ("--tags", "nodes"), "workers"),
    ],
)
def test_a_run_that_finds_no_host_for_its_parts_fails(tmp_path: Path, playbook: str, options: tuple[str, ...], group: str) -> None:
    """Ansible knows localhost in any inventory; it does not count here."""
    inventory = {"rabbitmq_brokers": {"hosts": {"broker-1": {}}}} if group == "workers" else {"others": {"hosts": {"x": {}}}}
    done = run(tmp_path, inventory, playbook, *options)
    assert done.code == 2, done.output
    assert f"no hosts in the group {group}" in done.output
    assert done.summary["verdict"] == "failed"
    assert "localhost" not in done.summary["hosts"]


def test_parts_without_hosts_are_left_out_beside_one_that_has_some(tmp_path: Path) -> None:
    inventory = {"rabbitmq_brokers": {"hosts": {"broker-1": {}}}, "workers": {"hosts": {"w": {"ansible_connection": "local"}}}}
    done = run(tmp_path, inventory, "verify", "--skip-tags", "control_plane")
    assert done.code == 0, done.output
    assert set(done.families().values()) == {"left out"}, done.output
    reasons = {part["name"]: part["reason"] for part in done.summary["families"]}
    assert reasons.pop("control_plane") == "by --skip-tags control_plane"
    assert "no hosts in the group redis_nodes" in reasons.pop("sentinels")
    assert all("nothing is declared on its hosts" in reason for reason in reasons.values())
    assert "kube_kubeconfig" in reasons["nodes"] and "kube_kubeconfig" in reasons["labels"]
