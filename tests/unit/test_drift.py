"""What a member's differences from the roles' options are said to be."""

from __future__ import annotations

import copy
import hashlib
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.eco2.platform.plugins.module_utils._node import containerd, drift

PROJECT = Path(__file__).resolve().parents[2]
COMPARED = yaml.safe_load((PROJECT / "roles/node_join/vars/main.yml").read_text())["node_join_declared"]
ROLES = [yaml.safe_load((PROJECT / f"roles/{role}/defaults/main.yml").read_text()) for role in ("containerd", "kubernetes_node")]
DEFAULTS = {name: value for role in ROLES for name, value in role.items() if name in COMPARED}
MIRROR = {"registry": "_default", "hosts": [{"url": "http://10.0.0.5:5000", "capabilities": ["pull", "resolve"]}]}
DECLARED = {**DEFAULTS, "containerd_registry_mirrors": [MIRROR], "containerd_sandbox_image": "pause:3.10"}
PATH = "/etc/containerd/certs.d/_default/hosts.toml"


def host(declared: dict[str, t.Any] = DECLARED) -> dict[str, t.Any]:
    """As the roles leave it, with containerd 2.2.9 and Kubernetes 1.36.3."""
    options = {name.partition("_")[2]: value for name, value in declared.items() if name.startswith("containerd_")}
    configured = containerd.configuration("2.2.9", options)
    config: dict[str, t.Any] = {"problem": None, "settings": {}}
    for path, value in configured.effective.items():
        setting = path.startswith(containerd.OF_SETTINGS)
        (config["settings"] if setting else config)[path[len(containerd.OF_SETTINGS if setting else containerd.FACTS) :]] = value
    (file,) = [file for file in configured.files if file["path"] == PATH]
    hold = declared["kubernetes_node_hold"]
    return {
        "packages": {
            **{name: {"version": "1.36.3-1.1", "held": hold} for name in ("kubelet", "kubeadm", "kubectl")},
            "kubernetes-cni": {"version": "1.8.0-1.1", "held": hold},
            "containerd.io": {"version": "2.2.9-1~debian.12~bookworm", "held": declared["containerd_hold"]},
        },
        "containerd": {"version": "2.2.9", "config": config},
        "cri": {"ready": True, "problem": None},
        "swap": [],
        "sysctls": {key: str(value) for key, value in declared["kubernetes_node_sysctls"].items()},
        "digests": {PATH: hashlib.sha256(file["content"].encode()).hexdigest()},
    }


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"kubernetes_node_hold": False, "containerd_hold": False},
        {"containerd_cgroup_driver": "cgroupfs"},
        {"containerd_version": "2.2.9", "kubernetes_node_cni_version": "1.8.0"},
        {"containerd_runtime_settings": {"enable_cdi": True}, "containerd_settings": {"metrics": {"address": "127.0.0.1:1338"}}},
        {"kubernetes_node_swap": "leave"},
    ],
    ids=str,
)
def test_a_host_that_is_as_declared_differs_in_nothing(declared: dict[str, t.Any]) -> None:
    wanted = {**DECLARED, **declared}
    assert drift.sentences(host(wanted), wanted, "1.36.3") == []


def test_without_a_version_nothing_is_said_of_it() -> None:
    assert drift.sentences(host(), DECLARED, "") == []


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("packages kubelet version", "1.36.2-1.1", "kubelet is 1.36.2-1.1, but must be 1.36.3 (kube_version, by default the API server's)"),
        ("packages kubeadm version", "1.36.2-1.1", "kubeadm is 1.36.2-1.1"),
        ("packages kubectl held", False, "the hold of kubectl is off, but must be on (kubernetes_node_hold)"),
        ("packages containerd.io held", False, "the hold of containerd.io is off, but must be on (containerd_hold)"),
        (
            "containerd config sandbox_image",
            "old:1",
            "containerd's sandbox image is old:1, but must be pause:3.10 (containerd_sandbox_image)",
        ),
        ("containerd config cgroup_systemd", False, "systemd's cgroup driver is false, but must be true (containerd_cgroup_driver)"),
        ("containerd config cni_bin_dirs", ["/usr/lib/cni"], "is /usr/lib/cni, but must be /opt/cni/bin (containerd_cni_bin_dirs)"),
        ("containerd config cni_conf_dir", "/etc/other", "is /etc/other, but must be /etc/cni/net.d (containerd_cni_conf_dir)"),
        ("containerd config cri_disabled", True, "containerd's CRI being disabled is true, but must be false"),
        ("containerd config problem", "no answer", "containerd's configuration is not known: no answer"),
        ("containerd", None, "containerd is not installed"),
        ("cri", {"ready": False, "problem": "no socket"}, "containerd's CRI is not ready: no socket"),
        ("swap", ["/swapfile"], "swap is on (/swapfile), but must be off (kubernetes_node_swap)"),
        ("sysctls net.ipv4.ip_forward", "0", "sysctl net.ipv4.ip_forward is 0, but must be 1 (kubernetes_node_sysctls)"),
        ("sysctls net.ipv4.ip_forward", None, "sysctl net.ipv4.ip_forward is missing, but must be 1 (kubernetes_node_sysctls)"),
        (f"digests {PATH}", "0" * 64, f"{PATH} has other content, but must be as containerd_registry_mirrors declares"),
        ("digests", {}, f"{PATH} is missing, but must be as containerd_registry_mirrors declares"),
    ],
)
def test_each_difference_is_said_in_words_and_with_the_option_that_says_so(where: str, value: t.Any, said: str) -> None:
    changed = copy.deepcopy(host())
    place = changed
    *path, last = where.split(" ")
    for name in path:
        place = place[name]
    place[last] = value
    (line,) = drift.sentences(changed, DECLARED, "1.36.3")
    assert said in line


def test_a_sysctl_of_several_numbers_or_many_keys_is_no_difference() -> None:
    wanted = {**DECLARED, "kubernetes_node_sysctls": {"net.ipv4.ping_group_range": "0\t2147483647", "net.ipv4.conf.*.rp_filter": 0}}
    there = {**host(), "sysctls": {"net.ipv4.ping_group_range": "0 2147483647", "net.ipv4.conf.*.rp_filter": None}}
    assert drift.sentences(there, wanted, "1.36.3") == []


def test_pinned_versions_are_compared() -> None:
    wanted = {**DECLARED, "containerd_version": "2.3.1", "kubernetes_node_cni_version": "1.9.0"}
    assert drift.sentences(host(), wanted, "1.36.3") == [
        "kubernetes-cni is 1.8.0-1.1, but must be 1.9.0 (kubernetes_node_cni_version)",
        "containerd.io is 2.2.9-1~debian.12~bookworm, but must be 2.3.1 (containerd_version)",
    ]


def test_the_other_source_of_containerd_is_named() -> None:
    wanted = {**DECLARED, "containerd_source": "distribution"}
    (line,) = drift.sentences(host(), wanted, "1.36.3")
    assert line == "the package containerd is missing, but must be installed (containerd_source)"


def test_a_declaration_that_cannot_be_stops_nothing() -> None:
    (line,) = drift.sentences(host(), {**DECLARED, "containerd_cni_bin_dirs": []}, "1.36.3")
    assert "containerd_cni_bin_dirs: is not a list of directories" in line
