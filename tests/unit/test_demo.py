"""What the demos insist on: a run without a change, and Nodes as declared."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
RECAP = "PLAY RECAP ****\na : ok=3    changed=0    unreachable=0\n"


def insist(output: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    script = f". tools/insist; play() {{ printf '%s' \"$OUTPUT\"; return {code}; }}; unchanged play; echo went on"
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=PROJECT, env={"PATH": "/usr/bin:/bin", "OUTPUT": output}, capture_output=True, text=True, check=False
    )


def test_a_run_without_a_change_goes_on() -> None:
    done = insist(RECAP + "\x1b[0;32mb\x1b[0m : \x1b[0;32mok=3   \x1b[0m changed=0    unreachable=0\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "changed=0 on 2 hosts" in done.stdout and "went on" in done.stdout


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        (RECAP + "b : ok=3    changed=10   unreachable=0\n", 0, "changed something on b"),
        (RECAP + "\x1b[0;33mb\x1b[0m : ok=3    \x1b[0;33mchanged=1   \x1b[0m unreachable=0\n", 0, "changed something on b"),
        (RECAP, 2, "the play failed"),
        ("PLAY RECAP ****\n", 0, "on no host"),
        ("", 0, "on no host"),
    ],
)
def test_anything_else_ends_it_with_a_line(output: str, code: int, said: str) -> None:
    done = insist(output, code)
    assert done.returncode == 1
    assert said in done.stderr
    assert "went on" not in done.stdout


NODE: dict[str, t.Any] = {
    "metadata": {"name": "n1", "labels": {"role": "api", "kubernetes.io/os": "linux"}},
    "spec": {
        "taints": [
            {"key": "role", "value": "api", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
        ]
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def held(tmp_path: Path, *nodes: dict[str, t.Any]) -> subprocess.CompletedProcess[str]:
    inventory = tmp_path / "inventory.json"
    profile = "--node-labels=role=api --register-with-taints=role=api:NoSchedule"
    inventory.write_text(json.dumps({"_meta": {"hostvars": {"n1": {"kube_profile": profile}, "other": {}}}}))
    command = [sys.executable, "tools/as_declared.py", str(inventory), "n1"]
    return subprocess.run(command, cwd=PROJECT, input=json.dumps({"items": nodes}), capture_output=True, text=True, check=False)


def test_nodes_as_declared_are_said_to_be(tmp_path: Path) -> None:
    done = held(tmp_path, NODE)
    assert (done.returncode, done.stdout) == (0, "✓ n1 is Ready with all 1 labels and 1 taints of its profile\n")


def test_each_difference_is_named(tmp_path: Path) -> None:
    bad = copy.deepcopy(NODE)
    bad["metadata"]["labels"]["role"] = "web"
    bad["spec"]["taints"][0]["value"] = "web"
    bad["status"]["conditions"][0]["status"] = "Unknown"
    done = held(tmp_path, bad)
    assert done.returncode == 1
    for part in (
        "is not Ready",
        "label role is 'web', not 'api'",
        "taint role=api:NoSchedule is missing",
        "taint role=web:NoSchedule is not in its profile",
    ):
        assert part in done.stdout
    assert held(tmp_path).returncode == 1
