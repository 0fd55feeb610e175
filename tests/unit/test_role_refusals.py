"""What roles make of their variables, before any of their tasks touches a machine: what they refuse, and in which words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
PLAYER = Path(sys.executable).parent / "ansible-playbook"

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="Ansible's controller needs a newer Python")

BARE = {"host": {"boot": {"cloud_init": "done"}, "kubelet_conf": None, "static_pods": [], "cgroup_version": 2}}
BOOTING = {"host": {**BARE["host"], "boot": {"cloud_init": "running"}}}
MEMBER = {"host": {**BARE["host"], "kubelet_conf": {"node_name": "k8s-old"}, "boot": {"cloud_init": "running"}}}
OLD_CGROUP = {"host": {**BARE["host"], "cgroup_version": 1}}


def evaluated(home: Path, role: str, expression: str, cases: dict[str, dict[str, t.Any]], **environment: str) -> dict[str, t.Any]:
    """An expression over the role's variables in each case, all in one play: a case is a host."""
    defaults = yaml.safe_load((PROJECT / "roles" / role / "defaults" / "main.yml").read_text())
    (home / "hosts.json").write_text(json.dumps({"all": {"vars": defaults, "hosts": cases}}))
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(PROJECT / "roles" / role / "vars" / "main.yml")],
        "tasks": [{"ansible.builtin.debug": {"msg": "{{ " + expression + " }}"}}],
    }
    (home / "play.json").write_text(json.dumps([play]))
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"),
        "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(home / "ansible" / "tmp"),
        **environment,
    }
    command = [PLAYER, "-i", home / "hosts.json", home / "play.json"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"^(\S+) \| SUCCESS => (\{.*?^\})", done.stdout, re.MULTILINE | re.DOTALL)
    return {host: json.loads(result)["msg"] for host, result in found}


def test_what_a_control_plane_refuses(tmp_path: Path) -> None:
    right = {
        "kube_version": "1.36.3",
        "kube_endpoint": "a:6443",
        "kube_kubeconfig": "/x",
        "control_plane_found": BARE,
        "kube_node_name": "k8s-a",
    }
    twice = {"kube_profile": "--node-ip=10.0.0.2", "kube_node_ip": "10.0.0.1"}
    said = {
        "right": ({}, ""),
        "upper": ({"kube_node_name": "K8s-A"}, "K8s-A cannot be the name of a Node"),
        "short": ({"kube_endpoint": "", "control_plane_single": "alone"}, "10 characters or more"),
        "said": ({"kube_endpoint": "", "control_plane_single": "a cluster of a test"}, ""),
        "booting": ({"control_plane_found": BOOTING}, "cloud-init has not finished within 300 s"),
        "twice": (twice, "the profile has --node-ip, and kube_node_ip is set"),
        # Of a member these are history.
        "member": ({"control_plane_found": MEMBER, "kube_node_name": "K8s-A", **twice}, ""),
    }
    found = evaluated(
        tmp_path, "control_plane", "control_plane_problems", {case: {**right, **given} for case, (given, dummy) in said.items()}
    )
    for case, (dummy, words) in said.items():
        assert len(found[case]) == (1 if words else 0), found[case]
        assert words in "".join(found[case])
    found = evaluated(tmp_path, "control_plane", "control_plane_problems", {"host": right}, K8S_AUTH_HOST="https://prod:6443")
    assert "K8S_AUTH_HOST is set in the controller's environment" in found["host"][0]


def test_a_member_is_a_node_by_its_certificates_name(tmp_path: Path) -> None:
    cases = {"bare": {"control_plane_found": BARE}, "member": {"control_plane_found": MEMBER}}
    assert evaluated(tmp_path, "control_plane", "control_plane_node_name", cases) == {"bare": "bare", "member": "k8s-old"}


def test_the_api_server_advertises_the_first_of_two_addresses(tmp_path: Path) -> None:
    cases = {"none": {}, "one": {"kube_node_ip": "10.0.0.1"}, "both": {"kube_node_ip": "fd00::1, 10.0.0.1"}}
    found = evaluated(tmp_path, "control_plane", "control_plane_advertise_address", cases)
    assert found == {"none": "", "one": "10.0.0.1", "both": "fd00::1"}


def test_what_would_be_lost_is_refused_unless_it_is_of_this_cluster(tmp_path: Path) -> None:
    """Of a cluster that is yet to be made, everything."""
    content = "Y2x1c3RlcnM6IFt7bmFtZTogYSwgY2x1c3Rlcjoge319XQ=="  # clusters: [{name: a, cluster: {}}]
    cases = {"there": {"control_plane_old": {"content": content}}, "nothing": {"control_plane_old": {"skipped": True}}}
    common = {"control_plane_new": {"skipped": True}}
    found = evaluated(tmp_path, "control_plane", "control_plane_lost", {case: {**common, **given} for case, given in cases.items()})
    assert found == {"there": ["cluster a (CA not in the file)"], "nothing": []}


def test_what_a_host_is_refused_for(tmp_path: Path) -> None:
    right = {"kube_version": "1.36.3", "kubernetes_node_found": BARE}
    ignored = ["Swap", "SystemVerification"]
    said = {
        "right": ({}, ""),
        "booting": ({"kubernetes_node_found": BOOTING}, "cloud-init has not finished within 300 s"),
        "cgroup": (
            {"kubernetes_node_found": OLD_CGROUP},
            "the host has cgroup v1, on which the kubelet does not start from Kubernetes 1.35 on",
        ),
        "first": ({"kubernetes_node_found": OLD_CGROUP, "kube_version": "1.35.0"}, "cgroup v2"),
        "older": ({"kubernetes_node_found": OLD_CGROUP, "kube_version": "1.34.9"}, ""),
        "asked": ({"kubernetes_node_found": OLD_CGROUP, "node_join_ignore_preflight_errors": ignored}, ""),
        "both": ({"kubernetes_node_found": OLD_CGROUP, "control_plane_ignore_preflight_errors": ["all"]}, ""),
        "other": ({"kubernetes_node_found": OLD_CGROUP, "node_join_ignore_preflight_errors": ["Swap"]}, "failCgroupV1=false"),
        "none": ({"kubernetes_node_found": OLD_CGROUP, "kube_version": ""}, "no version is given"),
    }
    found = evaluated(
        tmp_path, "kubernetes_node", "kubernetes_node_problems", {case: {**right, **given} for case, (given, dummy) in said.items()}
    )
    for case, (dummy, words) in said.items():
        assert len(found[case]) == (1 if words else 0), found[case]
        assert words in "".join(found[case])


def test_ipv6_is_forwarded_where_a_node_has_such_an_address(tmp_path: Path) -> None:
    cases = {"none": {}, "four": {"kube_node_ip": "10.0.0.1"}, "six": {"kube_node_ip": "10.0.0.1,fd00::1"}}
    found = evaluated(tmp_path, "kubernetes_node", "kubernetes_node_forwarding", cases)
    assert found == {"none": {}, "four": {}, "six": {"net.ipv6.conf.all.forwarding": 1}}


def test_what_keeps_a_machine_from_joining(tmp_path: Path) -> None:
    split = {"kubelet_extra_args": [{"name": "node-ip", "value": "10.0.0.2"}]}
    said = {
        "right": ({"kube_node_ip": "10.0.0.1"}, ""),
        "profile": ({"node_join_split": split}, ""),
        "twice": ({"node_join_split": split, "kube_node_ip": "10.0.0.1"}, "the profile has --node-ip"),
        "booting": ({"node_join_looked": BOOTING, "kubernetes_node_wait_timeout": 7}, "cloud-init has not finished within 7 s"),
    }
    common = {"node_join_looked": BARE, "node_join_split": {"kubelet_extra_args": []}}
    found = evaluated(tmp_path, "node_join", "node_join_hindrances", {case: {**common, **given} for case, (given, dummy) in said.items()})
    for case, (dummy, words) in said.items():
        assert len(found[case]) == (1 if words else 0), found[case]
        assert words in "".join(found[case])
