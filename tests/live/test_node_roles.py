"""The roles containerd and kubernetes_node on bare nodes: prepared, left alone, mended, and refused in words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import nodes
import pytest
from nodes import Run

from ansible_collections.eco2.platform.plugins.module_utils._node import flags
from lab import nodes as lab_nodes
from lab.host import LabError, require
from lab.nodes import Node

BOTH = ("containerd", "kubernetes_node")
VERSION = {"kube_version": "1.36.3"}
OLDER, NEWER = "2.2.9", "2.3.7"
# A second Kubernetes is built for this alone.
LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1


@pytest.fixture(scope="module")
def bare() -> t.Iterator[t.Callable[[str], Node]]:
    """Starts bare nodes; what this module started, it removes."""
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    started: list[str] = []

    def start(name: str) -> Node:
        started.append(name)
        return lab_nodes.up([name], versions=("1.36.3", *(["1.35.4"] if LONG else [])))[0]

    yield start
    lab_nodes.down(started)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def certificate(home: Path) -> str:
    """The text of one."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -days 2 -subj /CN=lab"
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def docker(bare: t.Callable[[str], Node], home: Path) -> tuple[Node, Run, Run]:
    """A node prepared with Docker's containerd, and the runs that predicted and did it."""
    node = bare("test-docker")
    variables = {**VERSION, "containerd_version": OLDER}
    predicted = nodes.roles(home, node, BOTH, variables, "--check", "--diff").ok()
    return node, predicted, nodes.roles(home, node, BOTH, variables).ok()


@pytest.fixture(scope="module")
def debian(bare: t.Callable[[str], Node], home: Path) -> tuple[Node, Run, Run]:
    """The same with Debian 12's containerd 1.6."""
    node = bare("test-debian")
    variables = {"containerd_source": "distribution"}
    predicted = nodes.roles(home, node, ["containerd"], variables, "--check", "--diff").ok()
    return node, predicted, nodes.roles(home, node, ["containerd"], variables).ok()


Prepared = t.Tuple[Node, Run, Run]


def containerd(home: Path, node: Node, variables: dict[str, t.Any], *options: str) -> Run:
    return nodes.roles(home, node, ["containerd"], {"containerd_version": OLDER, **variables}, *options)


def read(node: Node, path: str) -> str:
    return node.run("cat", path)


def write(node: Node, path: str, text: str) -> None:
    node.run("python3", "-c", f"import os; os.makedirs(os.path.dirname({path!r}), exist_ok=True); open({path!r}, 'w').write({text!r})")


def started(node: Node) -> str:
    return node.run("systemctl", "show", "--property", "ExecMainStartTimestampMonotonic", "containerd").strip()


# Prepared


@pytest.mark.parametrize("prepared", ["docker", "debian"])
def test_check_mode_on_a_bare_node_lists_what_the_apply_changes(prepared: str, request: pytest.FixtureRequest) -> None:
    dummy, predicted, applied = request.getfixturevalue(prepared)
    assert predicted.changed == applied.changed
    assert predicted.changed


def test_a_second_run_changes_nothing_in_few_tasks(docker: Prepared, home: Path) -> None:
    node = docker[0]
    again = nodes.roles(home, node, BOTH, {**VERSION, "containerd_version": OLDER}, "--diff").ok()
    assert again.changed == []
    assert again.executed <= 22
    checked = nodes.roles(home, node, BOTH, {**VERSION, "containerd_version": OLDER}, "--check", "--diff").ok()
    assert checked.changed == []
    assert "Configure containerd" in checked.tasks("ok")


def test_the_packages_are_exact_and_held(docker: Prepared) -> None:
    node = docker[0]
    held = set(node.run("apt-mark", "showhold").split())
    assert held == {"containerd.io", "cri-tools", "kubeadm", "kubectl", "kubelet", "kubernetes-cni"}
    for name, version in (("containerd.io", OLDER), ("kubelet", "1.36.3"), ("kubeadm", "1.36.3"), ("kubectl", "1.36.3")):
        assert node.run("dpkg-query", "--show", "--showformat", "${Version}", name).startswith(f"{version}-")


def test_the_host_is_what_kubernetes_asks_for(docker: Prepared) -> None:
    node = docker[0]
    assert read(node, "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert "net.ipv4.ip_forward = 1" in read(node, "/etc/sysctl.d/99-zz-kubernetes.conf")
    assert read(node, "/etc/modules-load.d/kubernetes.conf").splitlines()[1:] == ["overlay", "br_netfilter"]
    assert node.run("systemctl", "is-enabled", "kubelet").strip() == "enabled"
    assert json.loads(node.run("crictl", "info"))["status"]["conditions"][0] | {"message": "", "reason": ""} == {
        "type": "RuntimeReady",
        "status": True,
        "message": "",
        "reason": "",
    }


@pytest.mark.parametrize(
    ("prepared", "form", "key"), [("docker", 3, "bin_dirs = ['/opt/cni/bin']"), ("debian", 2, 'bin_dir = "/opt/cni/bin"')]
)
def test_the_configuration_has_the_form_that_the_version_takes(prepared: str, form: int, key: str, request: pytest.FixtureRequest) -> None:
    """Debian's own configuration has CNI plugins in /usr/lib/cni, where Kubernetes' packages put none."""
    node = request.getfixturevalue(prepared)[0]
    assert f"\nversion = {form}\n" in read(node, "/etc/containerd/config.toml")
    dump = node.run("containerd", "config", "dump")
    assert "SystemdCgroup = true" in dump
    assert key in dump
    assert "/usr/lib/cni" not in dump


def test_kube_host_info_is_quick(docker: Prepared, home: Path) -> None:
    found = nodes.task(home, docker[0], "kube_host_info", {"packages": ["kubelet"], "wanted": {"kubelet_version": "v1.36.4"}})
    host = found.result["host"]
    assert host["hostname"].startswith("ip-")
    assert (host["kubelet_version"], host["kubeadm_version"], host["containerd"]["version"]) == ("1.36.3", "1.36.3", OLDER)
    assert host["cri"] == {"ready": True, "problem": None}
    assert host["packages"] == {"kubelet": {"version": "1.36.3-1.1", "held": True}}
    assert found.result["differences"] == [{"what": "kubelet_version", "is": "1.36.3", "wanted": "v1.36.4"}]


# Mended

OLD_KEYS = """version = 3
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "example.org/pause:1"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
"""


@pytest.mark.parametrize(
    "text", ['disabled_plugins = ["cri"]\n', OLD_KEYS, "version = 2\nnonsense ="], ids=["docker's disabled CRI", "old keys", "broken"]
)
def test_a_configuration_that_does_not_work_is_mended(text: str, docker: Prepared, home: Path) -> None:
    node = docker[0]
    write(node, "/etc/containerd/config.toml", text)
    node.run("sh", "-c", "systemctl restart containerd || true")
    run = containerd(home, node, {}).ok()
    assert run.changed == ["Configure containerd"]
    assert "SystemdCgroup = true" in node.run("containerd", "config", "dump")
    assert containerd(home, node, {}).ok().changed == []


def test_a_run_that_was_cut_off_before_the_restart_is_made_good(docker: Prepared, home: Path) -> None:
    node = docker[0]
    before = started(node)
    assert containerd(home, node, {}).ok().changed == []
    assert started(node) == before, "nothing to do, nothing restarted"
    node.run("touch", "/etc/containerd/config.toml")
    run = containerd(home, node, {}).ok()
    assert [change["object"] for change in run.of("Configure containerd").result["changes"]] == ["containerd"]
    assert started(node) != before
    node.run("systemctl", "stop", "containerd")
    containerd(home, node, {}).ok()
    assert node.run("systemctl", "is-active", "containerd").strip() == "active"


def test_a_setting_that_a_drop_in_contradicts_is_named(docker: Prepared, home: Path) -> None:
    """With the file, and its version where that is another."""
    node = docker[0]
    options = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\nSystemdCgroup = false\n"
    write(node, "/etc/containerd/conf.d/10-theirs.toml", f"version = 3\n{options}")
    run = containerd(home, node, {})
    assert run.code != 0
    assert "cgroup_systemd: is false in the running containerd, and not true" in run.failure
    assert run.failure.endswith("; correct or remove /etc/containerd/conf.d/10-theirs.toml")
    node.run("rm", "/etc/containerd/conf.d/10-theirs.toml")
    containerd(home, node, {}).ok()


def test_a_drop_in_of_another_version_is_named(docker: Prepared, home: Path) -> None:
    """containerd ignores sections of an older version, and starts no more with a newer one."""
    node, mirrors = docker[0], lab_nodes.variables()["containerd_registry_mirrors"]
    wanted = {"version": OLDER, "registry_mirrors": mirrors, **CONFIGURE}
    for version, word, state in ((2, "has version 2, and the configuration 3", "ok"), (4, "expected containerd config version", "failed")):
        write(node, "/etc/containerd/conf.d/10-theirs.toml", f"version = {version}\n")
        found = nodes.task(home, node, "kube_containerd", wanted)
        (said,) = [found.message] if state == "failed" else found.result["warnings"]
        assert found.state == state
        assert word in said
        assert said.count("/etc/containerd/conf.d/10-theirs.toml") == 1
    node.run("rm", "/etc/containerd/conf.d/10-theirs.toml")


CONFIGURE: dict[str, t.Any] = {"runtime_settings": {"restrict_oom_score_adj": True}}


def test_a_key_that_containerd_ignores_is_refused_before_anything_is_written(docker: Prepared, home: Path) -> None:
    node, mirrors = docker[0], lab_nodes.variables()["containerd_registry_mirrors"]
    before = read(node, "/etc/containerd/config.toml")
    wanted = {
        "version": OLDER,
        "runtime_settings": {"enable_cdii": True, "cni": {"bin_dirz": "/x"}},
        "settings": {"debug": {"levle": "info"}},
    }
    for check in (("--check",), ()):
        found = nodes.task(home, node, "kube_containerd", wanted, *check)
        assert [(problem["code"], problem["field"]) for problem in found.result["problems"]] == [
            ("containerd.unknown_setting", "containerd_settings.debug.levle"),
            ("containerd.unknown_setting", "containerd_runtime_settings.enable_cdii"),
            ("containerd.unknown_setting", "containerd_runtime_settings.cni.bin_dirz"),
        ]
    found = nodes.task(home, node, "kube_containerd", {"version": OLDER, "runtime_settings": {"max_concurrent_downloads": 5}})
    assert (
        "containerd_runtime_settings.max_concurrent_downloads: is not in this section; move it to containerd_image_settings"
        in found.message
    )
    assert read(node, "/etc/containerd/config.toml") == before
    write(node, "/etc/containerd/conf.d/10-theirs.toml", "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\nenable_cdii = true\n")
    # Also where nothing is to be written.
    for settings in ({"restrict_oom_score_adj": True, "enable_cdi": True}, {"restrict_oom_score_adj": True}):
        found = nodes.task(home, node, "kube_containerd", {"version": OLDER, "runtime_settings": settings, "registry_mirrors": mirrors})
        assert found.message.startswith("/etc/containerd/conf.d/10-theirs.toml: containerd has no setting enable_cdii")
    assert read(node, "/etc/containerd/config.toml") == before
    node.run("rm", "/etc/containerd/conf.d/10-theirs.toml")


def has_metrics(node: Node) -> bool:
    """Whether containerd answers at the address of its metrics; only that proves that it uses the setting."""
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:1338/v1/metrics', timeout=5).status)"
    return node.run("python3", "-c", f"try:\n {ask}\nexcept OSError: print(0)").strip() == "200"


SETTINGS = {
    **CONFIGURE,
    "image_settings": {"max_concurrent_downloads": 5, "discard_unpacked_layers": True},
    "settings": {"metrics": {"address": "127.0.0.1:1338"}, "debug": {"level": "warn"}, "oom_score": 0},
}
SAME_FOR_ROLE = {f"containerd_{name}": value for name, value in SETTINGS.items()}


@pytest.mark.parametrize(("prepared", "version"), [("docker", OLDER), ("debian", "1.6.20")])
def test_settings_of_images_metrics_and_debug_are_in_force_on_both_majors(
    prepared: str, version: str, request: pytest.FixtureRequest, home: Path
) -> None:
    node = request.getfixturevalue(prepared)[0]
    source = {"containerd_source": "distribution", "containerd_version": ""} if prepared == "debian" else {}
    assert not has_metrics(node)
    predicted = containerd(home, node, {**source, **SAME_FOR_ROLE}, "--check").ok()
    assert predicted.changed == containerd(home, node, {**source, **SAME_FOR_ROLE}).ok().changed == ["Configure containerd"]
    assert has_metrics(node)
    assert "max_concurrent_downloads = 5" in node.run("containerd", "config", "dump")
    assert containerd(home, node, {**source, **SAME_FOR_ROLE}).ok().changed == []
    containerd(home, node, source).ok()
    assert not has_metrics(node)


def test_data_on_another_disk_is_kept_or_named(docker: Prepared, home: Path) -> None:
    node = docker[0]
    theirs = 'version = 3\nroot = "/var/lib/containerd/disk"\n'
    before = read(node, "/etc/containerd/config.toml")
    write(node, "/etc/containerd/config.toml", theirs)
    run = containerd(home, node, {})
    assert "containerd has its data in /var/lib/containerd/disk" in run.failure
    assert "set containerd_settings: {root: /var/lib/containerd/disk} to keep it" in run.failure
    assert read(node, "/etc/containerd/config.toml") == theirs
    containerd(home, node, {"containerd_settings": {"root": "/var/lib/containerd/disk"}}, "--check").ok()
    write(node, "/etc/containerd/config.toml", before)


def asked(node: Node, image: str) -> str:
    """What containerd's own reader of hosts.toml says and asks."""
    digest = "sha256:" + "0" * 64
    fetch = f"ctr --debug content fetch-object --hosts-dir /etc/containerd/certs.d {image}@{digest} {digest} 2>&1 || true"
    return node.run("sh", "-c", fetch)


def test_values_of_the_wrong_type_get_theirs_or_are_refused(docker: Prepared, home: Path, certificate: str) -> None:
    """As from a line of an inventory in INI. containerd ignores a whole file with one of them, and the run would be green."""
    node = docker[0]
    host = {"url": "http://127.0.0.1:9/v2/us", "skip_verify": "true", "override_path": "yes", "header": {"X-A": "b"}, "ca": certificate}
    mirror = {"registry": "127.0.0.1:9", "hosts": [{**host, "dial_timeout": "1s"}], "server": "http://127.0.0.1:9", "capabilities": "pull"}
    containerd(home, node, {"containerd_registry_mirrors": [mirror]}).ok()
    seen = asked(node, "127.0.0.1:9/x/y")
    assert "failed to decode" not in seen
    assert "unable to" not in seen, "the certificate is read"
    assert "request.header.x-a=b" in seen
    addresses = re.findall(r'Head \\?"(http\S+?)/x/y/manifests', seen)
    assert list(dict.fromkeys(addresses)) == ["https://127.0.0.1:9/v2/us", "http://127.0.0.1:9/v2"], (
        "https first, because it has a certificate"
    )
    before = read(node, "/etc/containerd/certs.d/127.0.0.1:9/hosts.toml")
    bad = {"skip_verify": "maybe", "override_path": "5", "header": "X-A: b", "client": 1, "dial_timeout": "5", "capabilities": "read"}
    found = nodes.task(home, node, "kube_containerd", {"version": OLDER, "registry_mirrors": [{**mirror, **bad}]})
    assert sorted(problem["field"].rpartition(".")[2] for problem in found.result["problems"]) == sorted(bad)
    assert read(node, "/etc/containerd/certs.d/127.0.0.1:9/hosts.toml") == before
    missing = {"version": OLDER, "registry_mirrors": [{**mirror, "ca": "/no/such.pem"}], **CONFIGURE}
    assert (
        "file /no/such.pem: containerd_registry_mirrors: the file is not there"
        in nodes.task(home, node, "kube_containerd", missing).message
    )
    containerd(home, node, {}).ok()
    assert node.run("ls", "/etc/containerd/certs.d").split() == ["_default"]


def test_mirrors_come_and_go_without_a_restart(docker: Prepared, home: Path) -> None:
    node = docker[0]
    before = started(node)
    mirrors = [
        {"registry": "_default", "hosts": [{"url": "http://10.0.0.9:5000", "capabilities": ["pull", "resolve"]}]},
        {"registry": "registry.k8s.io", "server": "https://mirror.example.org"},
        {"registry": "quay.io", "hosts": [{"url": "https://mirror.example.org", "header": {"Authorization": "Basic c2VjcmV0"}}]},
    ]
    run = containerd(home, node, {"containerd_registry_mirrors": mirrors}, "--diff", "-vvv").ok()
    assert "c2VjcmV0" not in run.output + json.dumps([outcome.result for outcome in run.outcomes])
    assert "c2VjcmV0" in read(node, "/etc/containerd/certs.d/quay.io/hosts.toml")
    assert node.run("stat", "--format", "%a", "/etc/containerd/certs.d/quay.io/hosts.toml").strip() == "600"
    assert "c2VjcmV0" not in node.run("journalctl", "--no-pager")
    assert '[host."http://10.0.0.9:5000"]' in read(node, "/etc/containerd/certs.d/_default/hosts.toml")
    write(node, "/etc/containerd/certs.d/theirs/hosts.toml", 'server = "https://theirs.example.org"\n')
    containerd(home, node, {}).ok()
    assert sorted(node.run("ls", "/etc/containerd/certs.d").split()) == ["_default", "theirs"]
    assert started(node) == before
    node.run("rm", "--recursive", "/etc/containerd/certs.d/theirs")


def test_an_image_comes_through_the_default_mirror(docker: Prepared) -> None:
    node = docker[0]
    node.run("crictl", "pull", "registry.k8s.io/pause:3.10.2")
    assert "registry.k8s.io/pause" in node.run("crictl", "images")


def test_proxies_are_containerds_and_nobody_elses_to_see(docker: Prepared, home: Path) -> None:
    node = docker[0]
    proxy = {"http": "http://me:se$cr%22t@proxy:3128", "https": "http://proxy:3128", "no_proxy": ["10.0.0.0/8", ".svc"]}
    run = containerd(home, node, {"containerd_proxy": proxy}, "--diff", "-vvv").ok()
    assert "se$cr" not in run.output
    process = node.run("systemctl", "show", "--property", "MainPID", "--value", "containerd").strip()
    environment = read(node, f"/proc/{process}/environ").split("\0")
    assert {"HTTP_PROXY=http://me:se$cr%22t@proxy:3128", "NO_PROXY=10.0.0.0/8,.svc"} <= set(environment)
    assert "se$cr" not in node.run("systemctl", "show", "containerd")
    assert containerd(home, node, {"containerd_proxy": proxy}).ok().changed == []
    containerd(home, node, {}).ok()
    process = node.run("systemctl", "show", "--property", "MainPID", "--value", "containerd").strip()
    assert "PROXY" not in read(node, f"/proc/{process}/environ")


def test_a_hold_that_was_let_go_is_kept_again(docker: Prepared, home: Path) -> None:
    node = docker[0]
    node.run("apt-mark", "unhold", "kubelet")
    run = nodes.roles(home, node, ["kubernetes_node"], VERSION).ok()
    assert run.changed == ["Install Kubernetes"]
    assert "kubelet" in node.run("apt-mark", "showhold").split()


def test_an_upgrade_is_a_version_and_brings_its_form(docker: Prepared, home: Path) -> None:
    """Last of the docker node: 2.2 to 2.3, whose configuration has version 4; and back only when said."""
    node = docker[0]
    variables = {"containerd_version": NEWER, **SAME_FOR_ROLE}
    predicted = containerd(home, node, variables, "--check").ok()
    assert predicted.changed == containerd(home, node, variables).ok().changed == ["Install containerd", "Configure containerd"]
    assert "\nversion = 4\n" in read(node, "/etc/containerd/config.toml")
    assert has_metrics(node), "in its new place"
    assert containerd(home, node, variables).ok().changed == []
    refused = containerd(home, node, {"containerd_version": OLDER})
    assert re.search(
        r"containerd.io: version: installing 2.2.9-\S+ would downgrade it from 2.3.7-\S+; set containerd_allow_downgrade", refused.failure
    )
    assert "apt-get refuses" not in refused.failure, "one cause, said once"
    containerd(home, node, {"containerd_allow_downgrade": True}).ok()
    assert "containerd.io" in node.run("apt-mark", "showhold").split()


# Docker's repository, as its own documentation, its script and others write it; apt reads nothing at all with two keys of one repository.
KEYRING = "/usr/share/keyrings/theirs.gpg"
THEIRS = {
    "/etc/apt/sources.list.d/docker-engine.list": "deb [arch=amd64 signed-by={key}] {address} bookworm stable\n",
    "/etc/apt/sources.list": "deb {address}/ bookworm stable\n",
    "/etc/apt/sources.list.d/get-docker.sources": "Types: deb\nURIs: {address}\nSuites: bookworm\nComponents: stable\nSigned-By: {key}\n",
}


def test_dockers_repository_in_other_files_is_taken_over_and_apt_works(docker: Prepared, home: Path) -> None:
    node = docker[0]
    address = lab_nodes.variables()["containerd_apt_repository"]
    node.run("cp", "/etc/apt/keyrings/docker.asc", KEYRING)
    debian = read(node, "/etc/apt/sources.list")
    for path, text in THEIRS.items():
        write(node, path, (debian if path == "/etc/apt/sources.list" else "") + text.format(key=KEYRING, address=address))
    broken = node.run("sh", "-c", "apt-get update 2>&1 || true")
    assert "Conflicting values set for option Signed-By" in broken
    predicted = containerd(home, node, {}, "--check", "--diff").ok()
    applied = containerd(home, node, {}, "--diff").ok()
    task = "Configure Docker's repository"
    assert predicted.of(task).result["changes"] == applied.of(task).result["changes"]
    assert {change["object"]: change["action"] for change in applied.of(task).result["changes"]} == {
        "/etc/apt/sources.list": "update",
        "/etc/apt/sources.list.d/docker-engine.list": "delete",
        "/etc/apt/sources.list.d/get-docker.sources": "delete",
    }
    assert node.run("sh", "-c", "apt-get update 2>&1 | grep -E '^[EW]:' || true") == ""
    assert read(node, "/etc/apt/sources.list") == debian
    assert containerd(home, node, {}).ok().changed == []


def test_an_entry_with_two_repositories_is_refused_with_file_and_line(debian: Prepared, home: Path) -> None:
    node = debian[0]
    address = lab_nodes.variables()["containerd_apt_repository"]
    shared = "/etc/apt/sources.list.d/all.sources"
    write(node, shared, f"# both\nTypes: deb\nURIs: {address} http://other.example.org/debian\nSuites: bookworm\nComponents: stable\n")
    wanted = {"name": "docker", "uris": [address], "suites": ["bookworm"], "components": ["stable"], "key": f"{address}/gpg"}
    for check in (("--check",), ()):
        found = nodes.task(home, node, "apt_source", wanted, *check)
        assert f"{shared}:2: this entry has the repository {address} together with http://other.example.org/debian/" in found.message
    assert node.run("ls", "/etc/apt/sources.list.d").split() == ["all.sources"]
    node.run("rm", shared)


def test_the_key_comes_through_the_proxy_of_apt_as_the_packages_do(debian: Prepared, home: Path) -> None:
    """The depot answers for any host, as a proxy does."""
    node = debian[0]
    address = lab_nodes.variables()["containerd_apt_repository"]
    elsewhere = re.sub("//[^/]+", "//nowhere.invalid", address)
    wanted = {"name": "proxied", "uris": [elsewhere], "suites": ["bookworm"], "components": ["stable"], "key": f"{elsewhere}/gpg"}
    refused = nodes.task(home, node, "apt_source", wanted)
    assert f"{elsewhere}/gpg cannot be fetched" in refused.message
    through = {"packages": [], "proxy": {"http": f"http://{address.split('/')[2]}"}}
    assert nodes.task(home, node, "apt_packages", through).state == "changed"
    assert nodes.task(home, node, "apt_source", wanted).state == "changed"
    assert node.run("sh", "-c", "apt-get update 2>&1 | grep -E '^[EW]:' || true") == ""
    nodes.task(home, node, "apt_source", {"name": "proxied", "state": "absent"})
    assert nodes.task(home, node, "apt_packages", through).state == "ok"
    assert nodes.task(home, node, "apt_packages", {"packages": [], "proxy": {}}).state == "changed"
    assert "eco2" not in node.run("ls", "/etc/apt/apt.conf.d")


# Swap, and the kubelet's flags in files

BROUGHT_BACK = """
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends zram-tools dphys-swapfile >/dev/null 2>&1
rm /usr/sbin/policy-rc.d
"""


@pytest.mark.skipif(len(Path("/proc/swaps").read_text().splitlines()) > 1, reason="a node shares the swap of this machine, which is in use")
def test_services_that_would_bring_swap_back_are_masked(debian: Prepared, home: Path) -> None:
    node = debian[0]
    node.run("sh", "-ec", BROUGHT_BACK)
    predicted = nodes.task(home, node, "host", {"swap": "off"}, "--check")
    done = nodes.task(home, node, "host", {"swap": "off"})
    assert predicted.result["changes"] == done.result["changes"]
    assert {change["object"] for change in done.result["changes"]} == {"dphys-swapfile.service", "zramswap.service"}
    assert node.run("sh", "-c", "systemctl is-enabled dphys-swapfile zramswap || true").split() == ["masked", "masked"]
    assert nodes.task(home, node, "host", {"swap": "off"}).state == "ok"


@pytest.mark.parametrize(
    "text",
    [
        "KUBELET_EXTRA_ARGS=--a=b   --c\n",
        'KUBELET_EXTRA_ARGS="--node-labels=\\"a=b\\" --v=2"\n',
        "KUBELET_EXTRA_ARGS='--a=\"b c\" --d'\nKUBELET_EXTRA_ARGS = --e='f g' \\\n  --h\n",
        "KUBELET_EXTRA_ARGS=\"--a=\\$b --c='d e'\"\n",
        "KUBELET_EXTRA_ARGS='--c d' --e\n# KUBELET_EXTRA_ARGS=--f\n",
        "KUBELET_EXTRA_ARGS=it's\n",
    ],
)
def test_flags_in_a_file_are_read_as_systemd_reads_them(text: str, debian: Prepared) -> None:
    node = debian[0]
    write(node, "/root/kubelet", text)
    command = ["systemd-run", "--pipe", "--quiet", "--property", "EnvironmentFile=/root/kubelet", "printf", "%s\\n", "$KUBELET_EXTRA_ARGS"]
    assert node.run(*command).splitlines() == flags.words(flags.variable(text))


# Refused, or waited for


def test_a_version_that_is_not_to_be_had_is_refused_with_those_that_are(docker: Prepared, home: Path) -> None:
    run = nodes.roles(home, docker[0], ["kubernetes_node"], {"kube_version": "1.36.9"})
    assert "kubelet" in run.failure and "no repository has version 1.36.9, only 1.36.3-1.1" in run.failure


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"kube_version": "1.36.3", "kubernetes_node_api_server_version": "1.35.4"}, "newer than the API server's 1.35.4"),
        ({"kube_version": "1.31.2", "kubernetes_node_api_server_version": "1.36.3"}, "too old for the API server's 1.36.3"),
        ({"kube_version": 1.30}, "is a number"),
        ({"kube_version": "1.36"}, "names no patch release"),
        ({}, "no version of Kubernetes is set"),
    ],
)
def test_a_version_that_may_not_be_is_refused_before_anything_is_installed(
    variables: dict[str, t.Any], message: str, docker: Prepared, home: Path
) -> None:
    run = nodes.roles(home, docker[0], ["kubernetes_node"], variables)
    assert message in run.failure
    assert run.changed == []
    assert run.tasks("failed") == ["Check the version and the host"]


LOCK = "import fcntl, time; file = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(); time.sleep({})"


def test_locks_are_waited_for_and_their_holder_is_named(debian: Prepared, home: Path) -> None:
    node = debian[0]
    arguments = {"packages": [{"name": "socat"}]}
    holder = threading.Thread(target=node.run, args=("python3", "-c", LOCK.format(12)))
    holder.start()
    time.sleep(2)
    refused = nodes.task(home, node, "apt_packages", {**arguments, "lock_timeout": 1})
    assert re.search(r"/var/lib/dpkg/lock-frontend is held by python3 \(process \d+\) for longer than 1 s", refused.message)
    done = nodes.task(home, node, "apt_packages", {**arguments, "lock_timeout": 60})
    assert done.state == "changed"
    holder.join()
    assert nodes.task(home, node, "apt_packages", arguments).state == "ok"


def test_a_package_that_nobody_has_is_named(debian: Prepared, home: Path) -> None:
    node = debian[0]
    found = nodes.task(home, node, "apt_packages", {"packages": [{"name": "kubelett"}, {"name": "no-such", "optional": True}]})
    assert found.message == "package kubelett: none of the configured repositories has it"
    only = nodes.task(home, node, "apt_packages", {"packages": [{"name": "no-such", "optional": True}]})
    assert (only.state, only.result["skipped_optional"]) == ("ok", ["no-such"])


def test_an_interrupted_dpkg_is_finished_first(debian: Prepared, home: Path) -> None:
    node = debian[0]
    node.run("sh", "-c", "apt-get download -qq ethtool && dpkg --unpack ethtool_*.deb && rm ethtool_*.deb")
    found = nodes.task(home, node, "apt_packages", {"packages": [{"name": "ethtool"}]})
    assert (found.state, found.result["repaired"]) == ("changed", "ethtool is unpacked")
    assert nodes.task(home, node, "apt_packages", {"packages": [{"name": "ethtool"}]}).state == "ok"


@pytest.mark.skipif(not LONG, reason="builds another Kubernetes: make test-long")
def test_another_minor_release_rewrites_the_repository(debian: Prepared, home: Path) -> None:
    node = debian[0]
    nodes.roles(home, node, ["kubernetes_node"], {"kube_version": "1.35.4"}).ok()
    predicted = nodes.roles(home, node, ["kubernetes_node"], {"kube_version": "v1.36.3"}, "--check").ok()
    applied = nodes.roles(home, node, ["kubernetes_node"], {"kube_version": "v1.36.3"}).ok()
    assert predicted.changed == applied.changed == ["Configure the repository of the minor release", "Install Kubernetes"]
    assert "v1.36" in read(node, "/etc/apt/sources.list.d/kubernetes.sources")
    assert node.run("kubelet", "--version").strip() == "Kubernetes v1.36.3"
    assert "kubelet" in node.run("apt-mark", "showhold").split()
    refused = nodes.roles(home, node, ["kubernetes_node"], {"kube_version": "1.35.4"})
    assert "kubelet: installing 1.35.4 would downgrade it from 1.36.3" in refused.failure
    assert refused.changed == []


# A package that cannot stand beside socat, in a repository of its own.
IN_THE_WAY = """
set -e
mkdir -p /srv/repo/root/DEBIAN && cd /srv/repo
printf '%s: %s\\n' Package rival Version 1.0-1 Architecture all Maintainer x Conflicts socat Description x >root/DEBIAN/control
dpkg-deb --build root rival.deb
cp root/DEBIAN/control Packages
printf '%s: %s\\n' Filename ./rival.deb Size "$(stat -c %s rival.deb)" SHA256 "$(sha256sum rival.deb | cut -c1-64)" >>Packages
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/rival.list
"""


def test_what_is_in_the_way_is_removed_only_where_that_is_said(debian: Prepared, home: Path) -> None:
    node = debian[0]
    nodes.task(home, node, "apt_packages", {"packages": [{"name": "socat"}], "hold": False})
    node.run("sh", "-c", IN_THE_WAY)
    rival = {"packages": [{"name": "rival", "version": "1.0"}]}
    assert nodes.task(home, node, "apt_packages", rival).message == (
        "package socat: apt would remove this to install the packages; list it in allow_remove, or remove it first"
    )
    done = nodes.task(home, node, "apt_packages", {**rival, "allow_remove": ["socat"]})
    assert [(change["action"], change["object"]) for change in done.result["changes"]] == [("create", "rival"), ("delete", "socat")]
    assert nodes.task(home, node, "apt_packages", {**rival, "allow_remove": ["socat"]}).state == "ok"


def test_a_held_package_is_changed_only_where_that_is_said(debian: Prepared, home: Path) -> None:
    node = debian[0]
    version = node.run("dpkg-query", "--show", "--showformat", "${Version}", "containerd")
    refused = nodes.task(home, node, "apt_packages", {"packages": [{"name": "containerd", "version": "1.6.99"}]}, "--check")
    assert refused.message == (
        f"package containerd: version: it is held at {version}, and the task asks for 1.6.99; set allow_change_held to change it"
    )


def test_containerd_is_proven_without_crictl(debian: Prepared, home: Path) -> None:
    """Debian has no cri-tools: containerd's own list of plugins tells."""
    node = debian[0]
    assert nodes.task(home, node, "kube_host_info", {}).result["host"]["cri"] == {"ready": True, "problem": None}
    node.run("systemctl", "stop", "containerd")
    host = nodes.task(home, node, "kube_host_info", {}).result["host"]
    assert host["cri"]["ready"] is False
    assert host["cri"]["problem"]
    assert host["services"]["containerd"]["active"] == "inactive"
    nodes.roles(home, node, ["containerd"], {"containerd_source": "distribution"}).ok()
    assert node.run("systemctl", "is-active", "containerd").strip() == "active"


def test_containerd_changes_its_source_and_its_major_release(debian: Prepared, home: Path) -> None:
    """Last of the debian node: Debian's 1.6 to Docker's 2.2, whose configuration has other sections; and back."""
    node = debian[0]
    for source, version, form, package in (("docker", OLDER, 3, "containerd.io"), ("distribution", "", 2, "containerd")):
        variables = {"containerd_source": source, "containerd_version": version}
        predicted = nodes.roles(home, node, ["containerd"], variables, "--check").ok()
        run = nodes.roles(home, node, ["containerd"], variables).ok()
        assert set(run.changed) == set(predicted.changed) >= {"Install containerd", "Configure containerd"}
        assert f"\nversion = {form}\n" in read(node, "/etc/containerd/config.toml")
        held = node.run("apt-mark", "showhold").split()
        assert package in held
        assert nodes.roles(home, node, ["containerd"], variables).ok().changed == []
