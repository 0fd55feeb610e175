"""kube_host_info: what a node's files, its programs and EC2 say of it."""

from __future__ import annotations

import base64
import datetime
import http.server
import json
import shutil
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._node import cloud, facts, facts_containerd, facts_kubelet

NOW = datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificates, and it is not installed")
    home = tmp_path_factory.mktemp("pki")
    subject = "/O=system:nodes/CN=system:node:k8s-rabbitmq"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", subject]
    subprocess.run([*command, "-keyout", home / "key", "-out", home / "crt"], check=True, capture_output=True)
    return (home / "crt").read_text()


def kubeconfig(authority: str, client: str) -> str:
    """As kubeadm writes it."""
    data = base64.b64encode(authority.encode()).decode()
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {data}
    server: https://10.0.0.5:6443
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
users:
- name: default-auth
  user:
    {client}
"""


def test_a_node_knows_who_it_is_and_of_which_cluster(certificate: str, tmp_path: Path) -> None:
    root = f"{tmp_path}/"
    pki = tmp_path / "var/lib/kubelet/pki"
    kubernetes = tmp_path / "etc/kubernetes"
    for directory in (pki, kubernetes / "manifests", kubernetes / "pki", tmp_path / "etc/default", tmp_path / "etc/cni/net.d"):
        directory.mkdir(parents=True)
    client = "client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem"
    (pki / "kubelet-client-current.pem").write_text(certificate)
    (kubernetes / "kubelet.conf").write_text(kubeconfig(certificate, client))
    (kubernetes / "pki/ca.crt").write_text(certificate)
    (kubernetes / "manifests/etcd.yaml").write_text("")
    (tmp_path / "etc/default/kubelet").write_text('# old\nKUBELET_EXTRA_ARGS="--node-labels=role=worker \\\n  --v=2"\n')
    (tmp_path / "var/lib/kubelet/kubeadm-flags.env").write_text('KUBELET_KUBEADM_ARGS="--hostname-override=a"\n')
    (tmp_path / "etc/cni/net.d/10-bridge.conflist").write_text("{}")
    host = facts_kubelet.read(root)
    conf = host["kubelet_conf"]
    assert (conf["node_name"], conf["server"], conf["certificate_expired"]) == ("k8s-rabbitmq", "https://10.0.0.5:6443", False)
    assert conf["ca_pin"] == host["ca_pin"]
    assert conf["ca_pins"] == host["ca_pins"] == [conf["ca_pin"]]
    assert conf["ca_pin"].startswith("sha256:")
    assert (host["static_pods"], host["kubelet_config"], host["bootstrap_kubelet_conf"]) == (["etcd"], False, False)
    assert (host["default_kubelet"], host["kubelet_flags"]) == ("--node-labels=role=worker --v=2", "--hostname-override=a")
    assert host["cni_configured"] == ["10-bridge.conflist"]
    later = facts_kubelet.read(root, NOW + datetime.timedelta(days=31))
    assert later["kubelet_conf"]["certificate_expired"] is True
    assert later["kubelet_conf"]["certificate_not_after"] == conf["certificate_not_after"]


def test_a_bare_machine_is_a_normal_answer(tmp_path: Path) -> None:
    assert facts_kubelet.read(f"{tmp_path}/") == {
        "kubelet_conf": None,
        "bootstrap_kubelet_conf": False,
        "ca_pin": None,
        "ca_pins": [],
        "static_pods": [],
        "kubelet_config": False,
        "kubelet_flags": "",
        "default_kubelet": "",
        "kubelet_drop_ins": [],
        "cni_configured": [],
    }


@pytest.mark.parametrize(
    "client", ["client-certificate: /gone.pem", "client-certificate-data: bm9uZQ==", "client-certificate-data: '%'", "x:"]
)
def test_half_a_join_is_no_member(client: str, certificate: str, tmp_path: Path) -> None:
    path = tmp_path / "kubelet.conf"
    path.write_text(kubeconfig(certificate, client))
    conf = facts_kubelet.kubelet_conf(str(path), f"{tmp_path}/", NOW)
    assert conf is not None
    assert (conf["node_name"], conf["certificate_expired"], conf["certificate_not_after"]) == (None, True, None)
    path.write_text("")
    assert facts_kubelet.kubelet_conf(str(path), f"{tmp_path}/", NOW) == {**conf, "server": None, "ca_pin": None, "ca_pins": []}


# containerd

ONE_PIECE = """version = 2
disabled_plugins = []
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.6"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = ""
"""
THREE_PIECES = """version = 3
disabled_plugins = ['cri']
[plugins]
  [plugins.'io.containerd.cri.v1.images']
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10.1'
    [plugins.'io.containerd.cri.v1.images'.registry]
      config_path = '/etc/containerd/certs.d'
  [plugins.'io.containerd.cri.v1.runtime']
    restrict_oom_score_adj = true
    [plugins.'io.containerd.cri.v1.runtime'.containerd]
      default_runtime_name = 'runc'
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        SystemdCgroup = false
    [plugins.'io.containerd.cri.v1.runtime'.cni]
      bin_dir = ''
      bin_dirs = ['/opt/cni/bin']
      conf_dir = '/etc/cni/net.d'
"""


def test_what_is_in_force_is_read_from_both_shapes() -> None:
    old = facts_containerd.effective(Done(0, ONE_PIECE, ""))
    assert (old["cgroup_systemd"], old["cri_disabled"], old["cni_bin_dirs"]) == (True, False, ["/usr/lib/cni"])
    assert (old["sandbox_image"], old["registry_config_path"]) == ("registry.k8s.io/pause:3.6", "")
    new = facts_containerd.effective(Done(0, THREE_PIECES, ""))
    assert (new["cgroup_systemd"], new["cri_disabled"], new["cni_bin_dirs"]) == (False, True, ["/opt/cni/bin"])
    assert (new["sandbox_image"], new["registry_config_path"]) == ("registry.k8s.io/pause:3.10.1", "/etc/containerd/certs.d")
    assert new["settings"]["plugins"]["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is True


def test_why_it_is_not_known_is_told() -> None:
    done = Done(1, "", "containerd: failed to load TOML: expected version\n")
    assert facts_containerd.effective(done) == {"problem": "containerd: failed to load TOML: expected version"}
    assert "line 1" in facts_containerd.effective(Done(0, "a b c", ""))["problem"]


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("containerd github.com/containerd/containerd/v2 v2.2.9 1c4457e0", "2.2.9"),
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1", "1.6.20"),
        ("containerd containerd.io 1.7.27 05044ec0", "1.7.27"),
        ("containerd github.com/containerd/containerd/v2 v2.3.0-rc.1 x", "2.3.0-rc.1"),
        ("", None),
    ],
)
def test_versions_of_containerd(output: str, version: str | None) -> None:
    assert facts_containerd.version(Done(0, output, "")) == version


PLUGINS = """TYPE                            ID      PLATFORMS      STATUS
io.containerd.content.v1        content -              ok
io.containerd.cri.v1            images  -              ok
io.containerd.cri.v1            runtime linux/amd64    ok
io.containerd.grpc.v1           cri     linux/amd64    ok
"""
NO_CRICTL = Done(127, "", "crictl is not installed")


def test_whether_the_cri_answers_is_told_by_containerds_plugins_or_crictl() -> None:
    assert facts_containerd.cri(NO_CRICTL, Done(0, PLUGINS, "")) == {"ready": True, "problem": None}
    broken = PLUGINS.replace("runtime linux/amd64    ok", "runtime linux/amd64    error")
    assert facts_containerd.cri(NO_CRICTL, Done(0, broken, ""))["problem"].startswith("plugin io.containerd.cri.v1.runtime: error")
    without = "".join(line for line in PLUGINS.splitlines(keepends=True) if "grpc.v1" not in line)
    assert facts_containerd.cri(NO_CRICTL, Done(0, without, ""))["problem"] == "containerd's CRI plugin is disabled"
    assert facts_containerd.cri(NO_CRICTL, Done(1, "", "ctr: connection refused\n")) == {
        "ready": False,
        "problem": "ctr: connection refused",
    }

    def info(ready: bool) -> Done:
        conditions = [{"type": "RuntimeReady", "status": ready, "message": ""}, {"type": "NetworkReady", "status": False}]
        return Done(0, json.dumps({"status": {"conditions": conditions}}), "")

    assert facts_containerd.cri(info(True), NO_CRICTL) == {"ready": True, "problem": None}, "the network comes later"
    assert facts_containerd.cri(info(False), NO_CRICTL)["ready"] is False
    assert "cannot be parsed" in facts_containerd.cri(Done(0, "{}", ""), NO_CRICTL)["problem"]


# The rest


def test_cloud_init_is_waited_for_and_its_errors_are_told(tmp_path: Path) -> None:
    assert facts.wait_for_boot(0, str(tmp_path)) == {"cloud_init": "absent", "errors": []}
    (tmp_path / "enabled").touch()
    assert facts.wait_for_boot(0.1, str(tmp_path)) == {"cloud_init": "running", "errors": []}
    writer = threading.Timer(0.2, lambda: (tmp_path / "result.json").write_text('{"v1": {"datasource": "Ec2", "errors": []}}'))
    writer.start()
    assert facts.wait_for_boot(10, str(tmp_path)) == {"cloud_init": "done", "errors": []}
    (tmp_path / "result.json").write_text('{"v1": {"errors": ["no network"]}}')
    assert facts.wait_for_boot(0, str(tmp_path)) == {"cloud_init": "error", "errors": ["no network"]}


def test_differences_are_named_by_their_path() -> None:
    host = {
        "kubelet_version": "1.36.3",
        "packages": {"containerd.io": {"held": True}, "kubelet": {"version": "1.36.3-1.1", "held": False}},
        "swap": [],
    }
    same = {"kubelet_version": "v1.36.3", "packages.kubelet.version": "1.36.3", "packages.containerd.io.held": True, "swap": []}
    assert facts.differences(host, same) == []
    assert facts.differences(host, {"kubelet_version": "1.36.30", "packages.kubelet.held": True, "containerd.config.problem": "x"}) == [
        {"what": "kubelet_version", "is": "1.36.3", "wanted": "1.36.30"},
        {"what": "packages.kubelet.held", "is": False, "wanted": True},
        {"what": "containerd.config.problem", "is": None, "wanted": "x"},
    ]


def test_os_release_is_read() -> None:
    assert facts.os_release('ID=ubuntu\nVERSION_CODENAME=jammy\nNAME="Ubuntu"\n') == {
        "ID": "ubuntu",
        "VERSION_CODENAME": "jammy",
        "NAME": "Ubuntu",
    }
    assert facts.os_release(None) == {}


# EC2

DOCUMENT = {
    "availabilityZone": "ap-northeast-2a",
    "instanceId": "i-0123456789abcdef0",
    "instanceType": "t3.medium",
    "privateIp": "10.0.1.7",
    "region": "ap-northeast-2",
}


class Metadata(http.server.ThreadingHTTPServer):
    """IMDSv2: a token first, or nothing."""

    document: bytes = json.dumps(DOCUMENT).encode()
    delay = 0.0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        threading.Event().wait(self.server.delay)
        known = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self.answer(200 if known else 400, b"TOKEN")

    def do_GET(self) -> None:
        known = self.headers["X-aws-ec2-metadata-token"] == "TOKEN" and self.path == "/latest/dynamic/instance-identity/document"
        self.answer(200 if known else 401, self.server.document)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *dummy: t.Any) -> None:
        pass


@pytest.fixture
def metadata() -> t.Iterator[Metadata]:
    with Metadata(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_ec2_tells_what_a_node_needs_to_know(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert cloud.ec2(f"http://127.0.0.1:{metadata.server_port}", 3) == {
        "provider_id": "aws:///ap-northeast-2a/i-0123456789abcdef0",
        "zone": "ap-northeast-2a",
        "region": "ap-northeast-2",
        "instance_type": "t3.medium",
        "private_ip": "10.0.1.7",
        "problem": None,
    }


def test_no_metadata_is_a_problem_and_no_wait(metadata: Metadata) -> None:
    assert "did not answer within 0.5 s" in cloud.ec2("http://127.0.0.1:1", 0.5)["problem"]
    metadata.document = b"{}"
    assert "availabilityZone" in cloud.ec2(f"http://127.0.0.1:{metadata.server_port}", 3)["problem"]
    metadata.delay = 2
    assert "timed out" in cloud.ec2(f"http://127.0.0.1:{metadata.server_port}", 0.3)["problem"]
    metadata.delay = 0
    assert "status 400" in cloud.ec2(f"http://127.0.0.1:{metadata.server_port}/x", 3)["problem"]
