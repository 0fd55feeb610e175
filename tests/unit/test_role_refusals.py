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

pytest.importorskip("jinja2", reason="action plugins run on a controller")

from ansible_collections.eco2.platform.plugins.action import kube_admin_config, kube_join_plan, kube_node_check

PROJECT = Path(__file__).resolve().parents[2]
PLAYER = Path(sys.executable).parent / "ansible-playbook"

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="Ansible's controller needs a newer Python")

BARE: dict[str, t.Any] = {"host": {"boot": {"cloud_init": "done"}, "kubelet_conf": None, "static_pods": [], "cgroup_version": 2}}
CNI = {"kubernetes-cni": {"version": "1.9.0-1.1", "held": True}}
BOOTING = {"host": {**BARE["host"], "boot": {"cloud_init": "running"}}}
MEMBER = {"host": {**BARE["host"], "kubelet_conf": {"node_name": "k8s-old"}, "boot": {"cloud_init": "running"}}}


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


def codes(checked: dict[str, t.Any], host: dict[str, t.Any] | None = None, variables: t.Iterable[str] = ()) -> list[str]:
    """Of kube_node_check, whose options are all unset here but for those given."""
    unset: dict[str, t.Any] = {
        "problems": [],
        "api_server_version": "",
        "ignore_preflight_errors": [],
        "cloud": {},
        "services": False,
        "advertise_address": "",
        "keep_cni": False,
        "allow_downgrade": False,
        "cni_version": "",
    }
    nothing = dict.fromkeys(
        ("version", "boot_timeout", "name", "profile", "node_ip", "node_network", "cluster", "nodes", "node", "kubelet_patch")
    )
    options = {**nothing, **unset, **(BARE if host is None else host), **checked}
    return [problem.code for problem in kube_node_check.found(options, variables)]


def test_what_a_control_plane_refuses(tmp_path: Path) -> None:
    right = {"kube_version": "1.36.3", "kube_endpoint": "a:6443", "kube_kubeconfig": "/x"}
    said = {
        "right": ({}, ""),
        "version": ({"kube_version": ""}, "control_plane_version"),
        "kubeconfig": ({"kube_kubeconfig": ""}, "control_plane_kubeconfig"),
        "short": ({"kube_endpoint": "", "control_plane_single": "alone"}, "10 characters or more"),
        "said": ({"kube_endpoint": "", "control_plane_single": "a cluster of a test"}, ""),
    }
    found = evaluated(
        tmp_path, "control_plane", "control_plane_problems", {case: {**right, **given} for case, (given, dummy) in said.items()}
    )
    for case, (dummy, words) in said.items():
        assert len(found[case]) == (1 if words else 0), found[case]
        assert words in "".join(found[case])
    found = evaluated(tmp_path, "control_plane", "control_plane_problems", {"host": right}, K8S_AUTH_HOST="https://prod:6443")
    assert "K8S_AUTH_HOST is set in the controller's environment" in found["host"][0]
    for name in ("K8s-A", "k8s_a", "a" * 64, "k8s-a."):
        assert codes({"name": name}) == ["node.name"]
    for name in (101, 1e3, True, None, ["a"]):
        assert codes({"name": name}) == (["node.name_type"] if name is not None else [])
    assert codes({"boot_timeout": 300}, BOOTING) == ["host.booting"]
    assert codes({"profile": "--node-ip=10.0.0.2", "node_ip": "10.0.0.1"}) == ["profile.node_ip_twice"]
    assert codes({"profile": "--node-labels=a=b c"}) == ["profile.invalid"]
    assert codes({"profile": ""}, variables=["--max-pods"]) == ["profile.not_quoted"]
    tainted = "--register-with-taints=node-role.kubernetes.io/control-plane:NoSchedule"
    assert codes({"profile": tainted, "cluster": {"schedulable": True}}) == ["profile.not_schedulable"]
    assert codes({"profile": tainted, "cluster": {"schedulable": False}}) == []
    assert codes({"profile": "", "cluster": {"endpoint": "a"}}) == ["endpoint.form"]
    newer = {"host": {**BARE["host"], "kubelet_version": "1.36.3"}}
    assert codes({"version": "1.36.3", "cni_version": "1.8.0"}, {"host": {**BARE["host"], "packages": CNI}}) == ["version.downgrade"]
    assert codes({"version": "1.36.2"}, newer) == ["version.downgrade"]
    assert codes({"version": "1.36.2", "allow_downgrade": True}, newer) == codes({"version": "1.36.3"}, newer) == []
    assert codes({"name": "a", "boot_timeout": 300, "profile": "--node-ip=10.0.0.2"}) == []


def test_what_a_member_was_made_with_is_checked_no_more() -> None:
    tasks = yaml.safe_load((PROJECT / "roles" / "control_plane" / "tasks" / "check.yml").read_text())
    (check,) = [task["eco2.platform.kube_node_check"] for task in tasks if "eco2.platform.kube_node_check" in task]
    for option in ("boot_timeout", "name", "profile"):
        assert check[option].startswith("{{ omit if control_plane_member else ")


def test_a_member_is_a_node_by_its_certificates_name(tmp_path: Path) -> None:
    cases = {"bare": {"control_plane_found": BARE}, "member": {"control_plane_found": MEMBER}}
    assert evaluated(tmp_path, "control_plane", "control_plane_node_name", cases) == {"bare": "bare", "member": "k8s-old"}


def test_the_taints_of_a_control_plane(tmp_path: Path) -> None:
    standard = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    own = {"key": "a", "value": "b", "effect": "NoSchedule"}
    profile = {"kube_profile": "--register-with-taints=a=b:NoSchedule,node-role.kubernetes.io/control-plane:NoSchedule"}
    open_to_all = {"control_plane_schedulable": True}
    cases = {
        "plain": ({}, [standard]),
        "own": ({"kube_profile": "--register-with-taints=a=b:NoSchedule"}, [standard, own]),
        "both": (profile, [standard, own]),
        "open": (open_to_all, []),
        "open-own": ({"kube_profile": "--register-with-taints=a=b:NoSchedule", **open_to_all}, [own]),
    }
    found = evaluated(
        tmp_path,
        "control_plane",
        "control_plane_taints",
        {case: {"control_plane_found": BARE, **given} for case, (given, dummy) in cases.items()},
    )
    assert found == {case: taints for case, (dummy, taints) in cases.items()}


def test_a_bad_profile_is_left_to_the_check_of_the_role(tmp_path: Path) -> None:
    """Ansible evaluates this default before any task."""
    found = evaluated(tmp_path, "control_plane", "control_plane_coredns_tolerations", {"bad": {"kube_profile": {"labels": {"a": False}}}})
    assert found == {"bad": []}


def test_when_pods_are_let_onto_a_control_plane_or_kept_off(tmp_path: Path) -> None:
    taint, label = (
        {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        "node.kubernetes.io/exclude-from-external-load-balancers",
    )
    made = {"name": "a", "taints": [taint], "labels": {label: ""}}
    cases = {
        "closed": (made, False, False),
        "opening": (made, True, True),
        "half-open": ({**made, "taints": []}, True, True),
        "open": ({**made, "taints": [], "labels": {}}, True, False),
        "closing": ({**made, "taints": [], "labels": {}}, False, True),
        "unlabelled": ({**made, "labels": {}}, False, True),
    }
    given = {
        case: {
            "control_plane_found": MEMBER,
            "control_plane_cluster": {"nodes": [{**node, "name": "k8s-old"}]},
            "control_plane_schedulable": wanted,
        }
        for case, (node, wanted, dummy) in cases.items()
    }
    found = evaluated(tmp_path, "control_plane", "control_plane_isolation_differs", given)
    assert found == {case: differs for case, (dummy, dummy2, differs) in cases.items()}


def test_the_api_server_advertises_the_first_of_two_addresses(tmp_path: Path) -> None:
    cases = {"none": {}, "one": {"kube_node_ip": "10.0.0.1"}, "both": {"kube_node_ip": "fd00::1, 10.0.0.1"}}
    found = evaluated(tmp_path, "control_plane", "control_plane_advertise_address", cases)
    assert found == {"none": "", "one": "10.0.0.1", "both": "fd00::1"}


def test_what_a_host_is_refused_for() -> None:
    old: dict[str, t.Any] = {"host": {**BARE["host"], "cgroup_version": 1}}
    assert codes({"version": "1.36.3", "boot_timeout": 300}) == []
    assert codes({"version": "1.36.3", "boot_timeout": 300}, BOOTING) == ["host.booting"]
    for version in ("1.36.3", "1.35.0"):
        assert codes({"version": version}, old) == ["host.cgroup_v1"]
    assert codes({"version": "1.34.9"}, old) == []
    for ignored, refused in ((["Swap", "SystemVerification"], False), (["all"], False), (["Swap"], True)):
        assert bool(codes({"version": "1.36.3", "ignore_preflight_errors": ignored}, old)) is refused
    assert codes({"version": ""}, old) == ["version.missing"]
    assert codes({"version": "1.36"}, old) == ["version.invalid"]
    assert codes({"version": "1.36.3", "api_server_version": "1.35.4"}) == ["version.skew"]
    stopped = {"services": {"kubelet": {"active": "failed", "failure": "no"}}, "cri": {"ready": False, "problem": "no"}}
    assert codes({"services": True}, {"host": stopped}) == ["host.service_stopped", "host.cri_not_ready"]


def test_the_minor_release_of_any_version(tmp_path: Path) -> None:
    """Also of one that is refused afterwards: the options are read before it is checked."""
    cases = {"whole": {"kube_version": "v1.36.3"}, "short": {"kube_version": "1.36"}, "number": {"kube_version": 1.3}, "none": {}}
    found = evaluated(tmp_path, "kubernetes_node", "kubernetes_node_minor", cases)
    assert found == {"whole": "1.36", "short": "", "number": "", "none": ""}


@pytest.mark.parametrize(
    ("role", "expression"),
    [
        ("control_plane", "[control_plane_declared.cert_sans, control_plane_configuration.apiServer.certSANs, control_plane_files]"),
        ("kubernetes_node", "[kubernetes_node_needed, kubernetes_node_ignore_preflight_errors]"),
        ("containerd", "containerd_may_remove"),
    ],
)
def test_a_text_with_commas_is_a_list_as_in_an_inventory_in_ini(role: str, expression: str, tmp_path: Path) -> None:
    """The validation of a role's options takes one for a list and leaves it a text."""
    names = ("control_plane_cert_sans", "control_plane_manifests", "kubernetes_node_packages", "node_join_ignore_preflight_errors")
    names = (*names, "containerd_allow_remove")
    more = {"kube_version": "1.36.3", "control_plane_found": BARE, "containerd_node": {"host": {"distribution": "debian"}}}
    cases: dict[str, t.Any] = {"list": {name: ["a", "b"] for name in names}, "text": dict.fromkeys(names, "a, b")}
    found = evaluated(tmp_path, role, expression, {case: {**more, **given} for case, given in cases.items()})
    assert found["list"] == found["text"]
    assert json.dumps(["a", "b"])[1:-1] in json.dumps(found["text"])


def test_ipv6_is_forwarded_where_a_node_has_such_an_address(tmp_path: Path) -> None:
    cases = {"none": {}, "four": {"kube_node_ip": "10.0.0.1"}, "six": {"kube_node_ip": "10.0.0.1,fd00::1"}}
    found = evaluated(tmp_path, "kubernetes_node", "kubernetes_node_forwarding", cases)
    assert found == {"none": {}, "four": {}, "six": {"net.ipv6.conf.all.forwarding": 1}}


def test_what_keeps_a_machine_from_joining() -> None:
    cluster = {"nodes": [], "api_server_version": "1.36.3", "ca_pin": "sha256:a", "cluster_endpoint": "a:6443"}
    declared = {**evaluated_defaults("containerd"), **evaluated_defaults("kubernetes_node")}
    common: dict[str, t.Any] = {
        "node_name": "k8s-a",
        "names": [],
        "version": "",
        "existing": "auto",
        "other_cluster": "fail",
        "boot_timeout": 7,
        "keep_cni": False,
        "allow_downgrade": False,
        "once": {},
        "node_ip": "",
        "node_network": "",
        "kubelet_patch": "",
        "cloud": {"zone": ""},
        "profile": "",
        "cluster": cluster,
        "declared": declared,
        **BARE,
    }
    twice = {"node_ip": "10.0.0.1", "profile": "--node-ip=10.0.0.2"}
    for given, expected in (
        ({}, []),
        ({"profile": "--node-ip=10.0.0.2"}, []),
        (twice, ["profile.node_ip_twice"]),
        (BOOTING, ["host.booting"]),
        ({**BOOTING, **twice, "node_name": "A"}, ["node.name", "host.booting", "profile.node_ip_twice"]),
        ({"node_network": "10.0.0.0/16", "profile": "--node-ip=10.0.0.2"}, ["profile.node_ip_twice"]),
        ({"node_network": "10.9.0.0/16"}, ["node.no_address_in_network"]),
        ({"node_ip": "10.0.0.300"}, ["node.ip_form"]),
        *[({"kubelet_patch": patch}, ["kubelet_patch.invalid"]) for patch in (5, "maxPods", ["a"], "a: b: c", "{kind: Pod}", {1: 2})],
        ({"node_name": 101}, ["node.name_type"]),
        ({"profile": "--node-labels=a=b c"}, ["profile.invalid"]),
        ({"cluster": {"msg": "HTTP 500"}}, ["cluster.unreadable"]),
        ({"host": {**BARE["host"], "cloud": {"problem": "no answer"}}}, ["cloud.unreadable"]),
    ):
        found = kube_join_plan.decide({**common, **given}, [])
        assert [problem.code for problem in found["problems"]] == expected
        assert found["join"] is (expected in ([], ["profile.invalid"], ["cloud.unreadable"]))
    joining = {**common, "host": {**BARE["host"], "addresses": ["10.0.1.2", "10.1.0.2"]}, "node_network": "10.0.0.0/16"}
    assert kube_join_plan.decide(joining, {"group_names": ["workers"]})["node_ip"] == "10.0.1.2"
    for patch in ("{maxPods: 50}", {"maxPods": 50}):
        assert kube_join_plan.decide({**joining, "kubelet_patch": patch}, [])["kubelet_patch"] == {"maxPods": 50}
    (problem,) = kube_join_plan.decide(joining, {"group_names": ["control_plane"]})["problems"]
    assert problem.code == "join.control_plane_group"
    there = {**cluster, "nodes": [{"name": "k8s-b", "pod_cidr": "10.0.1.0/24"}, {"name": "k8s-c", "pod_cidr": None}]}
    (problem,) = kube_join_plan.decide({**joining, "cluster": there}, [])["problems"]
    assert problem.code == "node.ip_among_pods" and "10.0.1.2 is in 10.0.1.0/24, the network of the pods of Node k8s-b" in problem.message
    (problem,) = kube_join_plan.decide({**common, "cloud": {"zone": 10}}, [])["problems"]
    assert (problem.code, problem.field) == ("profile.invalid", "kube_zone"), "by the name of the inventory's variable"
    found = kube_join_plan.decide({**common, "host": {**BARE["host"], "cloud": {"zone": "z", "region": "r"}}}, [])
    assert found["split"]["labels"] == {"topology.kubernetes.io/zone": "z"}, "only what the role asks for"


def evaluated_defaults(role: str) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", yaml.safe_load((PROJECT / "roles" / role / "defaults" / "main.yml").read_text()))


def test_a_member_is_compared_with_the_defaults_of_the_roles_that_made_it(tmp_path: Path) -> None:
    declared = evaluated(tmp_path, "node_join", "node_join_declared", {"host": {}})["host"]
    defaults = {**evaluated_defaults("containerd"), **evaluated_defaults("kubernetes_node")}
    assert declared == {name: defaults[name] for name in declared}


@pytest.mark.parametrize(
    ("there", "path", "words"),
    [("file", "file/admin.conf", "is not a directory"), ("admin.conf/", "admin.conf", "is not a file"), ("", "admin.conf", None)],
)
def test_where_a_kubeconfig_can_be(there: str, path: str, words: str | None, tmp_path: Path) -> None:
    if there.endswith("/"):
        (tmp_path / there).mkdir()
    elif there:
        (tmp_path / there).touch()
    problem = kube_admin_config.place_problem(str(tmp_path / path), str((tmp_path / path).parent))
    assert words in problem if words and problem else problem is None
