"""kubeadm join, reset and init with a kubeadm that is a script: what is run, with what, and what is left behind."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._node import kubeadm
from ansible_collections.eco2.platform.plugins.module_utils._node.join import Check, Init, Join, Kubeadm, Reset
from ansible_collections.eco2.platform.plugins.module_utils._node.kubeadm import Machine

TOKEN = "abcdef.0123456789abcdef"
PIN = "sha256:" + "a" * 64
Params = t.Dict[str, t.Any]

KUBEADM = """\
#!/bin/sh
echo "$@" >>"$0.calls"
case "$*" in
"version -o short") echo v{version} ;;
"config validate --config /dev/stdin") cat >"$0.validated"; {validate} ;;
*) cat >"$0.config"; {body} ;;
esac
"""


class Node:
    """A directory that stands for a machine, with a kubeadm of ours."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root / "programs"
        self.programs.mkdir()
        self.machine = Machine(str(root), f"{self.programs}:/usr/bin:/bin")

    def kubeadm(self, body: str = "true", validate: str = "echo ok", version: str = "1.36.3") -> None:
        self.program("kubeadm", KUBEADM.format(body=body.replace("ROOT", str(self.root)), validate=validate, version=version))

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def put(self, name: str, text: str = "x") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def calls(self) -> list[str]:
        path = self.programs / "kubeadm.calls"
        return path.read_text().splitlines() if path.exists() else []

    def config(self) -> str:
        return (self.programs / "kubeadm.config").read_text()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def params(**changes: t.Any) -> Params:
    return {
        "state": "joined",
        "token": TOKEN,
        "endpoint": "10.0.0.10:6443",
        "ca_cert_hashes": [PIN],
        "node_registration": {
            "name": "k8s-a",
            "cri_socket": "unix:///run/containerd/containerd.sock",
            "labels": {"role": "a"},
            "taints": None,
            "kubelet_extra_args": [],
        },
        "config_version": None,
        "ignore_preflight_errors": [],
        "timeout": 20,
        **changes,
    }


def run(kind: type[Kubeadm], node: Node, check_mode: bool = False, **changes: t.Any) -> dict[str, t.Any]:
    """The result; `failure` in it is why the module fails, None where it does not."""
    arguments = (init_params if kind is Init else params)(**changes)
    report = converge(kind(arguments, node.machine), check_mode, diff=False)
    return {**report.result, "failure": report.failure, "warnings": report.warnings}


def refused(kind: type[Kubeadm], node: Node, check_mode: bool = False, **changes: t.Any) -> list[str]:
    """The codes of the problems."""
    result = run(kind, node, check_mode, **changes)
    assert (result["changed"], result["changes"]) == (False, [])
    return [problem["code"] for problem in result["problems"]]


def init_params(**changes: t.Any) -> Params:
    more = {"advertise_address": None, "cluster_configuration": {"kubernetesVersion": "v1.36.3"}}
    return params(**{**more, "kubelet_configuration": {}, "kube_proxy_configuration": {}, **changes})


# Joining


def test_it_joins_by_standard_input_alone(node: Node) -> None:
    node.kubeadm(body="echo '\t[WARNING Hostname]: h'")
    result = run(Join, node)
    assert result["changed"] is True
    assert result["preflight_warnings"] == ["Hostname: h"]
    assert result["warnings"] == ["kubeadm join: Hostname: h"]
    assert node.calls() == ["version -o short", "config validate --config /dev/stdin", "join --config /dev/stdin"]
    config = json.loads(node.config())
    assert config["discovery"]["bootstrapToken"] == {"token": TOKEN, "apiServerEndpoint": "10.0.0.10:6443", "caCertHashes": [PIN]}
    assert config["nodeRegistration"]["taints"] == []
    assert TOKEN not in json.dumps(result)


@pytest.mark.parametrize(("version", "config"), [("1.28.4", "v1beta3"), ("1.36.3", "v1beta4")])
def test_the_configuration_is_what_the_installed_kubeadm_takes(node: Node, version: str, config: str) -> None:
    node.kubeadm(version=version)
    run(Join, node)
    assert json.loads(node.config())["apiVersion"] == f"kubeadm.k8s.io/{config}"


@pytest.mark.parametrize(("kind", "becomes"), [(Join, "joined"), (Init, "initialised")])
def test_the_settings_of_one_nodes_kubelet_are_validated_and_applied_from_a_file(kind: type[Kubeadm], becomes: str, node: Node) -> None:
    node.kubeadm(body="cat ROOT/etc/kubernetes/patches/* >ROOT/seen; exit 1", validate='cat "$0.validated" >>"$0.all"; echo ok')
    result = run(kind, node, kubelet_patch={"maxPods": 50})
    assert '"patches": {\n  "directory": "/etc/kubernetes/patches"\n }' in node.config()
    assert json.loads((node.root / "seen").read_text()) == {"maxPods": 50}
    assert '"maxPods": 50' in (node.programs / "kubeadm.all").read_text()
    assert result["changed"], "the file was written"
    assert run(kind, node, check_mode=True, kubelet_patch={"maxPods": 50})["state"] == becomes


def test_settings_that_kubeadm_does_not_know_are_refused_before_the_join(node: Node) -> None:
    node.kubeadm(validate='if grep -q maxpods "$0.validated"; then echo "error: unknown field maxpods" >&2; exit 1; fi')
    result = run(Join, node, kubelet_patch={"maxpods": 50})
    assert "unknown field maxpods" in result["failure"]
    assert not (node.root / "etc/kubernetes/patches").exists() and not result["changed"]
    assert refused(Join, node, check_mode=True, kubelet_patch={"clusterDNS": ["10.0.0.1"]}) == ["kubelet_patch.invalid"]


def test_a_kubeadm_that_cannot_validate_is_not_asked_to(node: Node) -> None:
    node.kubeadm(version="1.25.16")
    run(Join, node)
    assert "config validate --config /dev/stdin" not in node.calls()


def test_a_refused_configuration_joins_nothing(node: Node) -> None:
    node.kubeadm(validate=f'echo "error: discovery.bootstrapToken.token: Invalid value: \\"{TOKEN}\\"" >&2; exit 1')
    result = run(Join, node)
    assert "does not accept the configuration: error: discovery" in result["failure"]
    assert (result["changed"], result["state"]) == (False, "reset")
    assert TOKEN not in json.dumps(result)
    assert "join --config /dev/stdin" not in node.calls()


@pytest.mark.parametrize(
    ("said", "changed"), [("error execution phase preflight: no", False), ("error execution phase kubelet-start", True)]
)
@pytest.mark.parametrize("kind", [Join, Init])
def test_a_failure_is_a_change_once_kubeadm_may_have_written(node: Node, kind: type[Kubeadm], said: str, changed: bool) -> None:
    node.kubeadm(body=f"mkdir -p ROOT/var/lib/kubelet; touch ROOT/var/lib/kubelet/config.yaml; echo {said}; exit 1")
    result = run(kind, node)
    assert result["failure"]
    assert (result["changed"], result["changes"], result["state"]) == (changed, [], "unfinished")
    assert [failure["kind"] for failure in result["failures"]] == [kind.kind]


def test_check_mode_predicts_and_touches_nothing(node: Node) -> None:
    result = run(Join, node, True, token=None, endpoint=None, ca_cert_hashes=[])
    assert (result["changed"], result["state"]) == (True, "joined")
    assert node.calls() == []
    assert [path.name for path in node.root.iterdir()] == ["programs"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_member_is_left_alone(node: Node, check_mode: bool) -> None:
    node.put("etc/kubernetes/kubelet.conf")
    assert run(Join, node, check_mode)["changed"] is False
    assert node.calls() == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_member_of_another_cluster_is_refused(node: Node, check_mode: bool, certificate: str) -> None:
    data = base64.b64encode(certificate.encode()).decode()
    node.put("etc/kubernetes/kubelet.conf", f"clusters:\n- cluster:\n    certificate-authority-data: {data}\n")
    assert refused(Join, node, check_mode) == ["join.other_cluster"]
    assert run(Join, node, check_mode, ca_cert_hashes=node.machine.joined_to())["changed"] is False


KUBECTL = '#!/bin/sh\necho "$@" >>"$0.calls"\n[ -e ROOT/registered ] || { touch ROOT/registered; echo not found >&2; exit 1; }\n'


def test_it_waits_until_the_node_is_registered(node: Node, certificate: str) -> None:
    node.kubeadm(
        body="mkdir -p ROOT/etc/kubernetes ROOT/var/lib/kubelet/pki; cp ROOT/cert ROOT/var/lib/kubelet/pki/kubelet-client-current.pem"
    )
    node.put("cert", certificate)
    node.program("kubectl", KUBECTL.replace("ROOT", str(node.root)))
    assert run(Join, node)["changed"] is True
    first, second = (node.programs / "kubectl.calls").read_text().splitlines()
    assert first == second
    assert first.endswith("--request-timeout 5s get node k8s-a --output name")


def test_a_node_that_never_registers_is_told(node: Node, certificate: str) -> None:
    node.put("etc/kubernetes/kubelet.conf")
    node.put("var/lib/kubelet/pki/kubelet-client-current.pem", certificate)
    node.program("kubectl", "#!/bin/sh\necho 'Error from server (NotFound): nodes k8s-a not found' >&2; exit 1\n")
    result = run(Join, node, timeout=1, ca_cert_hashes=[])
    assert "has not registered the Node k8s-a within 1 s: Error from server" in result["failure"]
    assert (result["changed"], result["state"]) == (False, "joined")
    assert run(Join, node, True, ca_cert_hashes=[])["changed"] is False


def test_what_is_missing_is_named(node: Node) -> None:
    assert refused(Join, node, token="", ca_cert_hashes=[]) == ["join.missing"]


def test_a_missing_kubeadm_is_named(node: Node) -> None:
    assert "kubeadm is not installed" in run(Join, node)["failure"]


def test_a_failure_is_one_line_without_the_token_and_leaves_no_token_behind(node: Node) -> None:
    node.kubeadm(
        body=f"mkdir -p ROOT/etc/kubernetes; echo {TOKEN} >ROOT/etc/kubernetes/bootstrap-kubelet.conf; echo {TOKEN};"
        " echo '[kubelet-check] The kubelet is not healthy after 4m0s'; exit 1"
    )
    node.program("journalctl", f'#!/bin/sh\necho \'E1124 13:00:01.000000     100 run.go:74] "command failed" err="no {TOKEN}"\'\n')
    result = run(Join, node)
    assert 'the kubelet says: "command failed"' in result["failure"]
    assert "0123456789abcdef" not in json.dumps(result)
    assert not node.machine.has("etc/kubernetes/bootstrap-kubelet.conf")


def test_a_kubeadm_that_does_not_end_is_ended_with_all_its_children(node: Node) -> None:
    node.kubeadm(body="echo last words; (trap '' TERM; echo $$ >ROOT/child; sleep 60) & wait; sleep 60")
    start = time.monotonic()
    result = run(Join, node, timeout=1)
    assert "did not end within 1 s and was stopped; its last line: last words" in result["failure"]
    assert result["changed"] is True, "it may have written something"
    assert time.monotonic() - start < 20
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(node.programs) not in listed


# The kubelet's flags

KUBELET = """#!/bin/sh
case "$*" in
*--network-plugin*) echo 'E1 run.go:72] "command failed" err="failed to parse kubelet flag: unknown flag: --network-plugin"'; exit 1 ;;
esac
"""


def registration(**changes: t.Any) -> dict[str, t.Any]:
    return {"node_registration": {**params()["node_registration"], **changes}}


@pytest.mark.parametrize("kind", [Join, Init, Check])
def test_a_flag_that_the_kubelet_does_not_take_is_refused_before_anything_is_done(node: Node, kind: type[Kubeadm]) -> None:
    node.kubeadm()
    node.program("kubelet", KUBELET)
    wrong = registration(kubelet_extra_args=[{"name": "network-plugin", "value": "cni"}])
    for check_mode in (True, False):
        assert refused(kind, node, check_mode, **wrong) == ["kubelet.flag"]
    node.put("etc/default/kubelet", "KUBELET_EXTRA_ARGS=--network-plugin=cni --node-labels=a=b\n")
    assert refused(kind, node) == ["kubelet.flag"], "also one that is there already"
    assert node.calls() == []
    assert "--node-labels" in (node.root / "etc/default/kubelet").read_text()


@pytest.mark.parametrize(
    "setting", ["Environment=KUBELET_EXTRA_ARGS=--network-plugin=cni", "ExecStart=/usr/bin/kubelet $A --network-plugin=cni"]
)
def test_a_flag_in_a_drop_in_that_the_kubelet_does_not_take_is_refused_with_the_file(node: Node, setting: str) -> None:
    node.kubeadm()
    node.program("kubelet", KUBELET)
    node.put("etc/systemd/system/kubelet.service.d/20-old.conf", f"[Service]\n{setting}\n")
    result = run(Check, node)
    assert [problem["code"] for problem in result["problems"]] == ["kubelet.flag"]
    assert "/etc/systemd/system/kubelet.service.d/20-old.conf: flag --network-plugin=cni" in result["failure"]
    node.put("etc/systemd/system/kubelet.service.d/20-old.conf", "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--v=2\n")
    assert run(Check, node)["failure"] is None


def test_without_a_kubelet_no_flag_is_tried(node: Node) -> None:
    wrong = registration(kubelet_extra_args=[{"name": "network-plugin", "value": "cni"}])
    assert run(Join, node, True, **wrong)["changed"] is True
    assert run(Check, node, **wrong)["changed"] is False


@pytest.mark.parametrize("kind", [Join, Init])
def test_flags_that_contradict_are_taken_out_of_the_file_that_is_read_last(node: Node, kind: type[Kubeadm]) -> None:
    node.kubeadm()
    path = node.root / "etc/default/kubelet"
    node.put("etc/default/kubelet", 'KUBELET_EXTRA_ARGS="--node-ip=10.0.0.9 --v=2"\n')
    declared = registration(kubelet_extra_args=[{"name": "node-ip", "value": "10.0.0.1"}])
    predicted = run(kind, node, True, **declared)
    assert "10.0.0.9" in path.read_text()
    done = run(kind, node, **declared)
    assert predicted["changes"] == done["changes"]
    file, kubeadm_ran = done["changes"]
    assert (file["kind"], file["object"], kubeadm_ran["kind"]) == ("file", "/etc/default/kubelet", kind.kind)
    assert path.read_text() == 'KUBELET_EXTRA_ARGS="--v=2"\n'


def test_a_member_keeps_its_file_and_its_flags(node: Node) -> None:
    node.kubeadm()
    node.program("kubelet", KUBELET)
    node.put("etc/kubernetes/kubelet.conf")
    node.put("etc/default/kubelet", "KUBELET_EXTRA_ARGS=--network-plugin=cni --node-labels=a=b\n")
    assert run(Join, node, ca_cert_hashes=[])["changed"] is False


# One at a time


def test_a_second_one_waits_for_the_first(node: Node) -> None:
    node.kubeadm(body="sleep 1; mkdir -p ROOT/etc/kubernetes; touch ROOT/etc/kubernetes/kubelet.conf")
    other = Join(params(), Machine(str(node.root), f"{node.programs}:/usr/bin:/bin"))
    first = threading.Thread(target=converge, args=(other, False, False))
    # Signals belong to the main thread.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *dummy: None)
        first.start()
        time.sleep(0.4)
        assert run(Join, node)["changed"] is False
        first.join()
    assert node.calls().count("join --config /dev/stdin") == 1


def test_a_reset_that_had_to_wait_does_not_undo_what_came_of_it(node: Node) -> None:
    node.kubeadm()
    node.put("etc/kubernetes/kubelet.conf")
    lock = node.root / "run/eco2-platform-kubeadm.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["flock", str(lock), "sleep", "1"]):
        time.sleep(0.3)
        result = run(Reset, node)
    assert result["changed"] is False
    assert node.machine.has("etc/kubernetes/kubelet.conf")


def test_whether_one_is_at_work_can_be_asked(node: Node) -> None:
    assert not kubeadm.is_running(str(node.root))
    with node.machine.alone(1):
        assert kubeadm.is_running(str(node.root))
    assert not kubeadm.is_running(str(node.root))


def test_the_wait_is_bounded(node: Node) -> None:
    lock = node.root / "run/eco2-platform-kubeadm.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["flock", str(lock), "sleep", "2"]):
        time.sleep(0.3)
        assert refused(Join, node, timeout=1) == ["kubeadm.busy"]


def test_a_cut_connection_does_not_end_it_and_the_lock_outlives_its_holder(node: Node) -> None:
    """The module is hung up on, then killed; kubeadm goes on, and the next module waits for it."""
    node.kubeadm(body="sleep 2; touch ROOT/done")
    script = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[path for path in sys.path if path]!r}
        from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
        from ansible_collections.eco2.platform.plugins.module_utils._node.join import Join
        from ansible_collections.eco2.platform.plugins.module_utils._node.kubeadm import Machine
        converge(Join({params()!r}, Machine({str(node.root)!r}, {f"{node.programs}:/usr/bin:/bin"!r})), False, False)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 15
        while "join --config /dev/stdin" not in node.calls() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert process.poll() is None, "a hang-up is no reason to stop"
        process.kill()
    with node.machine.alone(15) as waited:
        assert waited
        assert (node.root / "done").exists()


# Reset


def test_a_reset_clears_what_a_join_left(node: Node) -> None:
    node.kubeadm(body="rm -f ROOT/etc/kubernetes/*.conf")
    node.put("etc/kubernetes/bootstrap-kubelet.conf")
    result = run(Reset, node)
    assert result["changed"] is True
    assert "bootstrap-kubelet.conf" in result["reason"]
    (call,) = node.calls()
    assert call == "reset --force --skip-phases remove-etcd-member --cri-socket unix:///run/containerd/containerd.sock"
    assert run(Reset, node)["changed"] is False


def test_a_reset_that_leaves_something_has_failed(node: Node) -> None:
    node.kubeadm()
    node.put("var/lib/kubelet/config.yaml")
    result = run(Reset, node)
    assert "it left /var/lib/kubelet/config.yaml" in result["failure"]
    assert (result["changed"], result["state"]) == (True, "unfinished")


def test_a_reset_in_check_mode_is_predicted(node: Node) -> None:
    node.put("etc/kubernetes/pki/ca.crt")
    assert run(Reset, node, True)["changed"] is True
    assert run(Reset, another(node), True)["changed"] is False


def test_a_reset_writes_down_from_which_cluster(node: Node, certificate: str) -> None:
    """The next run must know whose CNI configuration is left, if this run ends before it joins."""
    assert kubeadm.reset_from(str(node.root)) == []
    node.kubeadm(body="rm -rf ROOT/etc/kubernetes")
    node.put("etc/kubernetes/pki/ca.crt", certificate)
    pins = node.machine.joined_to()
    assert run(Reset, node)["changed"] is True
    assert kubeadm.reset_from(str(node.root)) == pins != []


def another(node: Node) -> Node:
    other = node.root / "other"
    other.mkdir()
    return Node(other)


@pytest.mark.parametrize(
    "part",
    [
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        "etc/kubernetes/manifests/etcd.yaml",
        "etc/kubernetes/admin.conf",
        "var/lib/etcd/member/x",
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_control_plane_is_never_reset(node: Node, part: str, check_mode: bool) -> None:
    node.kubeadm()
    node.put(part)
    node.put("etc/kubernetes/kubelet.conf")
    assert refused(Reset, node, check_mode) == ["reset.control_plane"]
    assert node.calls() == []


def test_other_static_pods_stop_a_reset(node: Node) -> None:
    node.put("etc/kubernetes/manifests/haproxy.yaml")
    node.put("etc/kubernetes/kubelet.conf")
    assert refused(Reset, node) == ["reset.static_pods"]


# Init


def test_init_prints_no_secret_and_takes_its_configuration_by_standard_input(node: Node) -> None:
    node.kubeadm()
    assert run(Init, node, kubelet_configuration={"failSwapOn": False})["changed"] is True
    assert node.calls()[-1] == "init --skip-token-print --skip-certificate-key-print --config /dev/stdin"
    kinds = [json.loads(part)["kind"] for part in node.config().split("\n---\n")]
    assert kinds == ["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration"]


INITIALISED = (
    "etc/kubernetes/manifests/kube-apiserver.yaml",
    "etc/kubernetes/admin.conf",
    "etc/kubernetes/kubelet.conf",
    "etc/kubernetes/pki/ca.crt",
    "var/lib/kubelet/config.yaml",
)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_control_plane_is_left_alone(node: Node, check_mode: bool) -> None:
    for name in INITIALISED:
        node.put(name)
    assert run(Init, node, check_mode)["changed"] is False
    assert node.calls() == []


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("check_mode", [True, False])
def test_half_an_init_is_named_and_not_touched(node: Node, count: int, check_mode: bool) -> None:
    for name in INITIALISED[:count] if count == 1 else ("etc/kubernetes/pki/ca.crt", "etc/kubernetes/admin.conf"):
        node.put(name)
    assert refused(Init, node, check_mode) == ["init.unfinished"]
    assert node.calls() == []


def test_a_worker_is_not_made_a_control_plane(node: Node) -> None:
    node.put("etc/kubernetes/kubelet.conf")
    assert refused(Init, node) == ["init.worker"]


def test_init_is_predicted_on_a_bare_machine(node: Node) -> None:
    assert run(Init, node, True)["changed"] is True
    assert [path.name for path in node.root.iterdir()] == ["programs"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("ca")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=system:node:k8s-a",
    ]
    try:
        subprocess.run([*command, "-keyout", os.devnull, "-out", place / "ca.crt", "-days", "1"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl")
    return (place / "ca.crt").read_text()
