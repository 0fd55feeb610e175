"""Flags of the kubelet in files that others wrote, and what another cluster left on a machine."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, Done
from ansible_collections.eco2.platform.plugins.module_utils._node import facts, facts_containerd, facts_kubelet, flags

WANTS = flags.wanted(
    {
        "name": "k8s-a",
        "cri_socket": "unix:///run/containerd/containerd.sock",
        "kubelet_extra_args": [{"name": "node-ip", "value": "10.0.0.1"}, {"name": "max_pods", "value": "50"}],
    }
)


@pytest.mark.parametrize(
    ("settings", "words", "contradicts"),
    [
        ({"maxPods": 77}, "--max-pods=9", True),
        ({"maxPods": 77}, "--max-pods=77", False),
        ({"maxPods": None}, "--max-pods=9", False),
        ({"clusterDNS": ["10.96.0.10"]}, "--cluster-dns=169.254.20.10", True),
        ({"failSwapOn": False}, "--fail-swap-on=false", False),
        ({"failSwapOn": False}, "--fail-swap-on", True),
        ({"systemReserved": {"cpu": "100m", "memory": "1Gi"}}, "--system-reserved=cpu=100m,memory=1Gi", False),
        ({"systemReserved": {"cpu": "100m"}}, "--system-reserved=cpu=200m", True),
        ({"podPidsLimit": 100}, "--max-pods=9", False),
    ],
)
def test_a_flag_contradicts_the_declared_setting_of_its_name(settings: dict[str, t.Any], words: str, contradicts: bool) -> None:
    """The kubelet lets a flag win over its configuration."""
    assert bool(flags.contradictions(words, flags.wanted({}, settings))) is contradicts
    declared = flags.wanted({"kubelet_extra_args": [{"name": "max-pods", "value": "9"}]}, settings)
    assert not flags.contradictions("--max-pods=9", declared), "the declared flag wins"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("KUBELET_EXTRA_ARGS=\n", ""),
        ("", ""),
        ("A=1\nKUBELET_EXTRA_ARGS=--a\n# KUBELET_EXTRA_ARGS=--b\n", "--a"),
        ("KUBELET_EXTRA_ARGS=--a\n KUBELET_EXTRA_ARGS = '--c d'", "--c d"),
        ('KUBELET_EXTRA_ARGS="--a \\\n  --b"\nX=1', "--a --b"),
        ('KUBELET_EXTRA_ARGS="--a=\\"b\\" \\$c"\n', '--a="b" $c'),
        ("KUBELET_EXTRA_ARGS=--a='b c' --d\n", "--a='b c' --d"),
        ("KUBELET_EXTRA_ARGS=it's\n", "it's"),
    ],
)
def test_a_variable_is_read_as_systemd_reads_it(content: str, value: str) -> None:
    assert flags.variable(content) == value


@pytest.mark.parametrize(
    ("content", "cleaned"),
    [
        ('KUBELET_EXTRA_ARGS="--node-labels=a=b --v=2 --register-with-taints=a:NoSchedule"\n', 'KUBELET_EXTRA_ARGS="--v=2"\n'),
        ('KUBELET_EXTRA_ARGS="--node-labels=\\"a=b\\" --v=2"\n', 'KUBELET_EXTRA_ARGS="--v=2"\n'),
        ("# c\nKUBELET_EXTRA_ARGS='--node_labels \"a=b\" --node-ip 10.0.0.9'\nX=1\n", "# c\nKUBELET_EXTRA_ARGS=\nX=1\n"),
        ("KUBELET_EXTRA_ARGS=--node_ip=10.0.0.9 --v=2", 'KUBELET_EXTRA_ARGS="--v=2"\n'),
        ('KUBELET_EXTRA_ARGS="--max-pods=9 \\\n --v=3"\n', 'KUBELET_EXTRA_ARGS="--v=3"\n'),
        ("KUBELET_EXTRA_ARGS=--a='b c' --max-pods=9\n", 'KUBELET_EXTRA_ARGS="\\"--a=b c\\""\n'),
        ("KUBELET_EXTRA_ARGS=--hostname-override=other --register-node=false\n", "KUBELET_EXTRA_ARGS=\n"),
        ("KUBELET_EXTRA_ARGS=--container-runtime-endpoint=unix:///var/run/dockershim.sock\n", "KUBELET_EXTRA_ARGS=\n"),
        ("KUBELET_KUBEADM_ARGS=--x\nKUBELET_EXTRA_ARGS=--v=2\n", "KUBELET_EXTRA_ARGS=--v=2\n"),
    ],
)
def test_what_contradicts_is_taken_out_whatever_its_quoting(content: str, cleaned: str) -> None:
    assert flags.cleaned(content, WANTS) == cleaned
    assert flags.cleaned(cleaned, WANTS) == cleaned, "a second time there is nothing to do"
    assert not flags.contradictions(flags.variable(cleaned), WANTS)


_PIECES = ["KUBELET_EXTRA_ARGS=", "KUBELET_KUBEADM_ARGS=", "--node-ip=10.0.0.9", "--node-ip 10.0.0.1", "--node_labels=a=b", "--v=2"]


@given(st.lists(st.sampled_from([*_PIECES, '"', "'", "\\", "\n", " ", "=", "#", "$", "-", "x"]), max_size=20).map("".join))
def test_any_file_is_cleaned_once_and_loses_what_contradicts(content: str) -> None:
    cleaned = flags.cleaned(content, WANTS)
    assert flags.cleaned(cleaned, WANTS) == cleaned
    assert not flags.contradictions(flags.variable(cleaned), WANTS)
    assert [*map(str, flags.parsed(flags.variable(cleaned)))] == [*map(str, flags.kept(content, WANTS))]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "KUBELET_EXTRA_ARGS=\n",
        "KUBELET_EXTRA_ARGS='--v=2  --node-ip=10.0.0.1 --max_pods=50'\n",
        "KUBELET_EXTRA_ARGS=--container-runtime-endpoint=/var/run/containerd/containerd.sock --hostname-override k8s-a\n",
        "KUBELET_EXTRA_ARGS=--node-labels=a=b\nKUBELET_EXTRA_ARGS=--v=2\n",
        "garbage\n='\n",
    ],
)
def test_what_does_not_contradict_stays_as_it_is(content: str) -> None:
    assert flags.cleaned(content, WANTS) == content


def test_a_kubelet_is_asked_again_without_each_flag_that_it_does_not_take() -> None:
    """In the words of kubelet 1.36.3."""
    unknown = 'E1129 20:57:55.526867 1 run.go:72] "command failed" err="failed to parse kubelet flag: unknown flag: --network-plugin"'
    invalid = '"command failed" err="failed to parse kubelet flag: invalid argument \\"abc\\" for \\"--max-pods\\" flag: strconv: x"'
    asked: list[tuple[str, ...]] = []

    def run(*command: str, timeout: float) -> Done:
        asked.append(command)
        said = unknown if "--network-plugin=cni" in command else invalid if "abc" in command else ""
        return Done(1 if said else 0, said, "")

    given = flags.parsed("--max_pods abc --v=2 --network-plugin=cni")
    found = [(str(flag), said) for flag, said in flags.refused(run, given)]
    assert found == [
        ("--network-plugin=cni", "unknown flag: --network-plugin"),
        ("--max_pods abc", 'invalid argument "abc" for "--max-pods" flag: strconv: x'),
    ]
    assert asked[-1] == ("kubelet", "--v=2", "--version")
    assert list(flags.refused(lambda *dummy, timeout: Done(MISSING, "", ""), given)) == []


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


PACKAGE = """[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
  --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""
DROP_INS = "etc/systemd/system/kubelet.service.d"


def test_files_that_start_the_kubelet_otherwise_are_found(tmp_path: Path) -> None:
    root = f"{tmp_path}/"
    put(tmp_path, "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", PACKAGE)
    (tmp_path / "lib").symlink_to("usr/lib")
    assert list(facts_kubelet.drop_ins(root)) == []
    put(tmp_path, f"{DROP_INS}/10-kubeadm.conf", PACKAGE)
    put(tmp_path, f"{DROP_INS}/20-ip.conf", '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=10.0.0.9" OTHER=--v=1\n')
    put(tmp_path, f"{DROP_INS}/30-own.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --max-pods=9\n")
    put(tmp_path, f"{DROP_INS}/40-file.conf", "[Service]\nEnvironmentFile=-/etc/kubelet.env\n")
    put(tmp_path, "etc/kubelet.env", 'KUBELET_EXTRA_ARGS="--max-pods=7"\n')
    copied, ip, own, file = facts_kubelet.drop_ins(root)
    assert (copied["path"], copied["starts"]) == (f"/{DROP_INS}/10-kubeadm.conf", False)
    assert not flags.contradictions(copied["flags"], WANTS)
    assert ip == {"path": f"/{DROP_INS}/20-ip.conf", "flags": "--node-ip=10.0.0.9", "starts": False}
    assert own == {"path": f"/{DROP_INS}/30-own.conf", "flags": "--max-pods=9", "starts": True}
    assert file["flags"] == "--max-pods=7"


# What the controller makes of it

if sys.version_info >= (3, 11):
    from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, leftovers

on_controller = pytest.mark.skipif(sys.version_info < (3, 11), reason="Ansible's controller needs a newer Python")


def codes(problems: t.Iterable[t.Any]) -> list[str]:
    return [problem.code for problem in problems]


@on_controller
def test_a_file_of_others_that_contradicts_is_refused_and_named() -> None:
    entries = [
        {"path": "/a", "flags": "--node-ip=10.0.0.9", "starts": False},
        {"path": "/b", "flags": "", "starts": True},
        {"path": "/c", "flags": "--v=2", "starts": False},
    ]
    found = list(leftovers.drop_ins({"kubelet_drop_ins": entries}, WANTS))
    assert codes(found) == ["kubelet.drop_in", "kubelet.drop_in"]
    assert [problem.item for problem in found] == ["file /a", "file /b"]
    assert "--node-ip=10.0.0.9" in found[0].message
    assert len(leftovers.differences({"kubelet_drop_ins": entries[:1], "default_kubelet": "--max-pods=9 --node-labels=a=b"}, WANTS)) == 2
    assert "--max-pods=9" in leftovers.removed({"default_kubelet": "--max-pods=9"}, WANTS)[0]


@on_controller
def test_the_cni_configuration_of_another_cluster_is_refused() -> None:
    host = {"cni_configured": ["10-flannel.conflist"], "cni_interfaces": ["cni0"], "reset_from": ["sha256:a"]}
    (problem,) = leftovers.cni(host, ["sha256:b"], False, "node_join_keep_cni")
    assert problem.code == "host.cni_left"
    for part in ("/etc/cni/net.d/10-flannel.conflist", "the interface cni0"):
        assert part in problem.message
    assert "node_join_keep_cni" in problem.remedy
    assert codes(leftovers.cni(host, ["sha256:b"], True, "x")) == []
    assert codes(leftovers.cni(host, ["sha256:a", "sha256:b"], False, "x")) == [], "a run that was cut off has reset it"
    assert codes(leftovers.cni({}, [], False, "x")) == []


@on_controller
def test_an_address_that_no_interface_has_is_refused() -> None:
    host = {"addresses": ["10.0.0.1", "fd00::1"]}
    for address, bad in (("10.0.0.1, FD00::1", 0), ("10.0.0.2", 1), ("10.0.0.2,fd00::2", 2), ("::", 0), ("", 0)):
        assert codes(leftovers.addresses(host, address, {})) == ["node.ip_absent"] * bad
    split = {"kubelet_extra_args": [{"name": "node-ip", "value": "10.0.0.2"}]}
    assert [problem.field for problem in leftovers.addresses(host, "", split)] == ["kube_profile: --node-ip"]
    assert codes(leftovers.addresses({}, "10.0.0.2", {})) == [], "the addresses are not known"


@on_controller
@pytest.mark.parametrize("text", ["eth0", "10.0.0.1/24", "10.0.0", "fd00::1,node-a"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """The kubelet takes any text for --node-ip, and ends with it after the join."""
    host = {"addresses": ["10.0.0.1", "fd00::1"]}
    (problem,) = leftovers.addresses(host, "", {"kubelet_extra_args": [{"name": "node-ip", "value": text}]})
    assert (problem.code, problem.field) == ("node.ip_form", "kube_profile: --node-ip")
    assert codes(leftovers.addresses({}, text, {}, "control_plane_advertise_address")) == ["node.ip_form"]


@on_controller
def test_files_of_an_earlier_init_are_refused() -> None:
    assert codes(leftovers.kubeadm_files({"kubeadm_files": ["/var/lib/etcd/member"]})) == ["init.unfinished"]
    assert codes(leftovers.kubeadm_files({"kubeadm_files": []})) == []


# Programs of others


def test_a_program_that_is_found_before_the_packages_is_named(tmp_path: Path) -> None:
    local, packages = tmp_path / "local", tmp_path / "bin"
    for path in (local / "kubeadm", packages / "kubelet", packages / "kubeadm", packages / "containerd"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (local / "containerd").symlink_to(packages / "containerd")
    assert facts.other_programs(f"{local}:{packages}", str(packages)) == [f"{local}/kubeadm"]


SHOWN = "ExecStart={{ path=/usr/bin/containerd ; argv[]={} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }}\n"


@on_controller
@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("/usr/bin/containerd", []),
        ("/usr/bin/containerd --log-level warn", []),
        ("/usr/bin/containerd --config /etc/containerd/config.toml", []),
        ("/usr/local/bin/containerd", ["containerd.other_start"]),
        ("/usr/bin/containerd --config=/etc/containerd/k8s.toml", ["containerd.other_start"]),
        ("/usr/bin/containerd -c /etc/k8s.toml --log-level warn", ["containerd.other_start"]),
        ("/usr/bin/containerd --root /mnt/containerd", ["containerd.other_start"]),
    ],
)
def test_a_containerd_that_reads_another_file_is_refused(command: str, found: list[str]) -> None:
    """Its configuration would be written and proven in a file that the one that runs does not read."""
    starts = facts_containerd.starts(Done(0, SHOWN.format(command), ""))
    assert starts == command
    assert codes(checks.programs({"containerd_starts": starts})) == found


@on_controller
def test_only_programs_that_matter_are_refused() -> None:
    host = {"other_programs": ["/usr/local/bin/kubeadm", "/usr/local/bin/containerd"], "containerd_starts": ""}
    assert codes(checks.programs(host)) == ["host.other_program"] * 2
    (problem,) = checks.programs(host, ("containerd",))
    assert "/usr/local/bin/containerd is run in place of /usr/bin/containerd" in problem.message
    assert codes(checks.programs({})) == []
