"""From bare machines to Ready members of a real kubeadm cluster; every state that a machine may be in, caused for real."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import json
import os
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import clocks
import nodes
import pytest
import yaml
from cluster import MASTER, NAMES, Cluster, Node, changed, need_lab
from nodes import PROJECT, Run

from lab import nodes as lab_nodes
from lab.host import cgroup_version
from playbooks import _CommandLines

ROUTER, PUBSUB = "test-router", "test-pubsub"
LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
WORKERS = (ROUTER, PUBSUB)
LEGACY = cgroup_version() == 1


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Cluster]:
    """Three bare machines."""
    need_lab()
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.add(MASTER, *WORKERS)
    # User data of the kind that the real platform has: flags that would spoil the join, and one to keep.
    spoil = '--node-labels=node-role.kubernetes.io/bad=x --v=2 --register-with-taints=\\"old=taint:NoSchedule\\" --node-ip 192.0.2.9'
    for host in (MASTER, ROUTER):
        write(cluster.node(host), "/etc/default/kubelet", f'KUBELET_EXTRA_ARGS="{spoil}"\n')
        # Any user may make files in /run/lock, and lock them.
        lock = "/run/lock/eco2-platform-kubeadm.lock"
        cluster.node(host).run("su", "ubuntu", "-c", f"touch {lock}; flock --nonblock {lock} sleep 1000 >/dev/null 2>&1 &")
    # One machine by the network of its address, and with settings of its own for its kubelet.
    address = cluster.hosts[PUBSUB].pop("kube_node_ip")
    cluster.hosts[PUBSUB] |= {"kube_node_network": str(network_of(address)), "kube_kubelet_patch": "{maxPods: 64}"}
    yield cluster
    lab_nodes.down(list(cluster.hosts))


def network_of(address: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(f"{address}/24", strict=False)


def write(node: Node, path: str, text: str) -> None:
    node.run("python3", "-c", f"import os; os.makedirs(os.path.dirname({path!r}), exist_ok=True); open({path!r}, 'w').write({text!r})")


class Story(t.NamedTuple):
    """The runs from bare machines to a cluster, each predicted first, and all that was to be seen meanwhile."""

    cluster: Cluster
    init: tuple[Run, Run]
    join: tuple[Run, Run]
    command_lines: str


@pytest.fixture(scope="module")
def story(bare: Cluster) -> Story:
    with _CommandLines() as seen:
        init = bare.run("control_plane", "--check", "--diff"), bare.run("control_plane", "-vvv", "--diff").ok()
        join = bare.run("setup_new_nodes", "--check", "--diff"), bare.run("setup_new_nodes", "-vvv", "--diff").ok()
    return Story(bare, init, join, "\n".join(line.replace(b"\0", b" ").decode(errors="replace") for line in seen.seen))


@pytest.fixture
def cluster(story: Story) -> Cluster:
    return story.cluster


@pytest.fixture(scope="module")
def kept() -> t.Iterator[None]:
    yield
    lab_nodes.down(["test-fresh"])


@pytest.fixture
def fresh(cluster: Cluster, kept: None) -> t.Iterator[Node]:
    """A machine where nothing is installed. A test removes what it puts there."""
    (node,) = cluster.add("test-fresh")
    yield node
    assert "not found" in node.run("sh", "-c", "command -v kubelet containerd || echo not found")
    del cluster.hosts["test-fresh"]


@contextlib.contextmanager
def inventory_says(cluster: Cluster, host: str, **variables: t.Any) -> t.Iterator[None]:
    """A blank extra variable is not given; a blank variable of the inventory hides that of the group."""
    before = cluster.hosts[host]
    cluster.hosts[host] = {**before, **variables}
    try:
        yield
    finally:
        cluster.hosts[host] = before


# From bare to Ready


def test_check_mode_lists_exactly_what_is_then_changed(story: Story) -> None:
    for predicted, done in (story.init, story.join):
        assert changed(predicted.ok()) == changed(done)


def test_the_nodes_are_ready_and_as_declared(story: Story) -> None:
    for host in (MASTER, *WORKERS):
        story.cluster.as_declared(host)


def test_a_node_has_the_address_in_its_network_and_the_capacity_of_its_own_settings(story: Story) -> None:
    status = story.cluster.nodes()[NAMES[PUBSUB]]["status"]
    assert [entry["address"] for entry in status["addresses"] if entry["type"] == "InternalIP"] == [story.cluster.node(PUBSUB).address]
    assert status["capacity"]["pods"] == "64"
    assert story.cluster.nodes()[NAMES[ROUTER]]["status"]["capacity"]["pods"] == "110"


def test_what_runs_in_the_cluster_runs(story: Story) -> None:
    deadline = time.monotonic() + 120
    while True:
        pods = json.loads(story.cluster.kubectl("get", "pods", "--namespace", "kube-system", "--output", "json"))["items"]
        waiting = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] != "Running"]
        if pods and not waiting:
            break
        assert time.monotonic() < deadline, waiting
        time.sleep(2)
    assert {pod["metadata"]["name"].split("-")[0] for pod in pods} >= {"coredns", "kube"}


def test_the_table_at_the_end_names_every_node(story: Story) -> None:
    table = story.join[1].of("Show the nodes").result["msg"]
    assert [line.split()[0] for line in table] == ["NODE", *(NAMES[host] for host in WORKERS)]
    assert all("yes" in line and "joined" in line for line in table[1:])


def test_flags_that_would_spoil_the_join_are_taken_out_and_others_kept(story: Story) -> None:
    for host in (MASTER, ROUTER):
        node = story.cluster.node(host)
        assert node.run("cat", "/etc/default/kubelet").strip() == 'KUBELET_EXTRA_ARGS="--v=2"'
        addresses = story.cluster.nodes()[NAMES[host]]["status"]["addresses"]
        assert [entry["address"] for entry in addresses if entry["type"] == "InternalIP"] == [node.address]


def test_only_root_can_lock_kubeadm_out(cluster: Cluster) -> None:
    """The file that a user had made and locked in /run/lock did not keep the machines from joining."""
    for host in (MASTER, ROUTER):
        lock = "/run/eco2-platform-kubeadm.lock"
        said = cluster.node(host).run("su", "ubuntu", "-c", f"flock --nonblock {lock} true 2>&1 || rm -f {lock} 2>&1 || true")
        assert said.lower().count("permission denied") == 2, said


def test_preflight_warnings_are_shown_as_warnings(story: Story) -> None:
    for run, verb, count in ((story.init[1], "init", 1), (story.join[1], "join", len(WORKERS))):
        results = [outcome.result for outcome in run.outcomes if outcome.result.get("preflight_warnings")]
        assert len(results) == count, "the lab ignores some checks, which are warnings then"
        for result in results:
            assert {f"kubeadm {verb}: {line}" for line in result["preflight_warnings"]} == {*result["warnings"]}


# Without root

AS_NOBODY: dict[str, dict[str, t.Any]] = {
    "host": {"files": [{"path": "/etc/eco2-test", "content": "x"}]},
    "kube_host_info": {},
    "kube_join": {"token": "abcdef.0123456789abcdef", "endpoint": "192.0.2.1:6443", "ca_cert_hashes": [f"sha256:{'0' * 64}"]},
    "kube_init": {},
    "apt_packages": {"packages": [{"name": "socat"}]},
    "apt_source": {"name": "x", "uris": ["http://192.0.2.1/"], "suites": ["/"]},
    "redis_host": {},
}


def test_without_root_one_sentence_is_said_and_nothing_is_done(cluster: Cluster, fresh: Node, tmp_path: Path) -> None:
    """On a bare machine, a member and a control plane, by each module, role and playbook; what may not be read is not absent."""
    tasks = [{"name": name, f"eco2.platform.{name}": arguments, "ignore_errors": True} for name, arguments in AS_NOBODY.items()]
    tasks += [{"name": "reset", "eco2.platform.kube_join": {"state": "reset"}, "ignore_errors": True}]
    for role in ("containerd", "kubernetes_node"):
        step = {"ansible.builtin.include_role": {"name": f"eco2.platform.{role}"}}
        tasks += [{"block": [step], "rescue": [{"ansible.builtin.meta": "noop"}]}]
    hosts = [fresh.name, ROUTER, MASTER]
    before = [cluster.node(host).run("sh", "-c", "tar c /etc 2>/dev/null | sha256sum") for host in hosts]
    runs = [nodes.play(tmp_path, hosts, {"become": True, "tasks": tasks}, {"ansible_become": False, "kube_version": cluster.version})]
    cluster.variables = {"ansible_become": False}
    try:
        runs += [cluster.setup(fresh.name, ROUTER), cluster.run("control_plane")]
        runs += [cluster.run("control_plane", kube_control_plane=fresh.name, kube_kubeconfig=str(tmp_path / "new"))]
    finally:
        cluster.variables = {}
    failed = [outcome for run in runs for outcome in run.outcomes if outcome.state == "failed"]
    assert len(failed) == len(hosts) * (len(AS_NOBODY) + 3) + 4
    for outcome in failed:
        assert outcome.message.startswith(
            "this module requires root, and runs as ubuntu; set become: true (ansible_become in the inventory"
        )
        assert [problem["code"] for problem in outcome.result["problems"]] == ["host.not_root"]
    assert [run.changed for run in runs] == [[]] * len(runs)
    assert [cluster.node(host).run("sh", "-c", "tar c /etc 2>/dev/null | sha256sum") for host in hosts] == before


def test_a_second_run_changes_nothing_and_is_short(cluster: Cluster) -> None:
    for playbook, most in (("control_plane", 30), ("setup_new_nodes", 18), ("node_labels", 10)):
        run = cluster.run(playbook).ok()
        assert run.changed == []
        for host in cluster.hosts:
            assert sum(outcome.host == host and outcome.state != "skipped" for outcome in run.outcomes) <= most


def test_no_secret_is_anywhere(story: Story) -> None:
    runs = [run for pair in (story.init, story.join) for run in pair]
    assert any("no_log" in run.output or "censored" in run.output for run in runs)
    nowhere(story.cluster, runs, story.command_lines, *story.cluster.hosts)


def nowhere(cluster: Cluster, runs: t.Sequence[Run], command_lines: str, *hosts: str) -> None:
    """No secret is in any output, result, command line, journal or file but the administrator's kubeconfig."""
    secrets = cluster.secrets()
    # The token of kubeadm init may have expired by now.
    assert len(secrets) >= 2, "our token and a key"
    output = "\n".join(run.output for run in runs)
    results = json.dumps([outcome.result for run in runs for outcome in run.outcomes], default=str)
    left = "".join(path.read_text(errors="replace") for path in (cluster.home / "ansible").rglob("*") if path.is_file())
    for secret in secrets:
        for where, text in (("output", output), ("results", results), ("command lines", command_lines), ("left behind", left)):
            assert secret not in text, where
        for host in hosts:
            node = cluster.node(host)
            assert secret not in node.run("journalctl", "--no-pager"), f"journal of {host}"
            found = node.run(
                "sh", "-c", f"grep -rlI -- '{secret}' /home /root /tmp /etc /run /var/lib/kubelet /var/log 2>/dev/null || true"
            )
            keeps = {"/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"}
            assert set(found.split()) <= keeps, f"files of {host}"


def test_the_kubeconfig_is_its_owners_alone(cluster: Cluster) -> None:
    assert cluster.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_kubeconfig_that_holds_more_is_not_overwritten(cluster: Cluster) -> None:
    ours = cluster.kubeconfig.read_text()
    merged = yaml.safe_load(ours)
    merged["clusters"].append({"name": "prod", "cluster": {"server": "https://prod:6443"}})
    merged["contexts"].append({"name": "prod", "context": {"cluster": "prod", "user": "jane"}})
    text = yaml.safe_dump(merged)
    cluster.kubeconfig.write_text(text)
    try:
        run = cluster.run("control_plane")
        assert cluster.kubeconfig.read_text() == text
    finally:
        cluster.kubeconfig.write_text(ours)
    assert "it would be replaced, and lose cluster prod (CA not in the file), context prod" in run.failure
    assert "set another control_plane_kubeconfig" in run.failure
    assert run.changed == []


def test_a_kubeconfig_with_other_rights_for_the_same_cluster_is_left_as_it_is(cluster: Cluster) -> None:
    """As AWX gives one of a ServiceAccount to a job: the same cluster under another name, and another user."""
    ours = cluster.kubeconfig.read_text()
    other = yaml.safe_load(ours)
    for part in ("clusters", "contexts", "users"):
        other[part][0]["name"] = "awx"
    other["contexts"][0]["context"] = {"cluster": "awx", "user": "awx"}
    other["current-context"] = "awx"
    text = yaml.safe_dump(other)
    cluster.kubeconfig.write_text(text)
    try:
        run = cluster.run("control_plane").ok()
        assert cluster.kubeconfig.read_text() == text
    finally:
        cluster.kubeconfig.write_text(ours)
    assert run.changed == []


def test_a_place_where_no_kubeconfig_can_go_is_refused_in_words(cluster: Cluster) -> None:
    run = cluster.run("control_plane", control_plane_kubeconfig=str(cluster.kubeconfig / "admin.conf"))
    assert "is not a directory; set another control_plane_kubeconfig" in run.failure
    assert run.changed == []


def test_another_clusters_environment_does_not_lead_elsewhere(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", "https://192.0.2.1:6443")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "prods")
    assert cluster.run("node_labels").ok().changed == []
    assert "K8S_AUTH_HOST is set in the controller's environment" in cluster.run("control_plane").failure


def test_an_endpoint_that_the_controller_does_not_reach_is_named_in_time(cluster: Cluster) -> None:
    before, ours = time.monotonic(), cluster.kubeconfig.read_text()
    try:
        run = cluster.run("control_plane", control_plane_kubeconfig_server="192.0.2.1:6443", control_plane_wait_timeout=10)
    finally:
        cluster.kubeconfig.write_text(ours)
    assert time.monotonic() - before < 90
    failures = [outcome.message for outcome in run.outcomes if outcome.state == "failed"]
    assert "If the controller cannot reach 192.0.2.1:6443" in failures[-1]
    assert "control_plane_kubeconfig_server" in failures[-1]
    assert "control_plane_cert_sans" in failures[-1]


def test_hosts_of_two_clusters_are_refused_before_anything_is_done(cluster: Cluster) -> None:
    cluster.hosts[PUBSUB]["kube_kubeconfig"] = "/etc/eco2/other.conf"
    try:
        for playbook in ("setup_new_nodes", "node_labels"):
            run = cluster.run(playbook, "--limit", f"{ROUTER},{PUBSUB}")
            for part in (f"{cluster.kubeconfig} on {ROUTER}", f"/etc/eco2/other.conf on {PUBSUB}"):
                assert part in run.failure
            assert run.changed == []
    finally:
        del cluster.hosts[PUBSUB]["kube_kubeconfig"]


def test_a_control_plane_takes_pods_or_not_as_declared(cluster: Cluster) -> None:
    label, key = "node.kubernetes.io/exclude-from-external-load-balancers", "node-role.kubernetes.io/control-plane"
    predicted = cluster.run("control_plane", "--check", control_plane_schedulable=True).ok()
    run = cluster.run("control_plane", control_plane_schedulable=True).ok()
    assert predicted.changed == run.changed == ["Keep pods off the control plane, or let them on"]
    node = cluster.nodes()[NAMES[MASTER]]
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["role"], "the profile's"
    assert label not in node["metadata"]["labels"] and key in node["metadata"]["labels"]
    assert cluster.run("control_plane").ok().changed == ["Keep pods off the control plane, or let them on"]
    node = cluster.nodes()[NAMES[MASTER]]
    assert {taint["key"] for taint in node["spec"]["taints"]} == {"role", key}
    assert label in node["metadata"]["labels"]


def test_a_members_address_that_is_not_the_declared_one_is_named(cluster: Cluster) -> None:
    run = cluster.setup(ROUTER, kube_node_ip="192.0.2.77", kube_kubelet_patch={"maxPods": 50}).ok()
    assert run.changed == []
    (told,) = [outcome.result["msg"] for outcome in run.outcomes if outcome.task == "Report differences that are not changed"]
    assert any("InternalIP is" in line and "but must be 192.0.2.77 (kube_node_ip" in line for line in told)
    assert "/etc/kubernetes/patches/kubeletconfiguration+merge.json is missing, but must be as kube_kubelet_patch declares" in told


# States


def test_a_member_whose_services_are_stopped_is_mended(cluster: Cluster) -> None:
    cluster.node(ROUTER).run("systemctl", "kill", "--signal", "KILL", "kubelet")
    cluster.node(ROUTER).run("systemctl", "disable", "--now", "kubelet")
    predicted = cluster.run("setup_new_nodes", "--check", "--limit", ROUTER).ok()
    run = cluster.setup(ROUTER).ok()
    assert run.changed == predicted.changed == ["Start containerd and the kubelet"]
    assert any("kubelet is inactive" in str(outcome.result.get("msg")) for outcome in run.outcomes)
    cluster.as_declared(ROUTER)


def test_what_keeps_a_member_from_being_ready_is_named(cluster: Cluster) -> None:
    node = cluster.node(ROUTER)
    node.run("sh", "-c", "mv /var/lib/kubelet/config.yaml /var/lib/kubelet/away; systemctl restart kubelet")
    try:
        cluster.wait_until_not_ready(NAMES[ROUTER])
        _taints_of_controllers_stay(cluster)
        run = cluster.run("setup_new_nodes", node_join_wait_timeout=5)
    finally:
        node.run("sh", "-c", "mv /var/lib/kubelet/away /var/lib/kubelet/config.yaml; systemctl restart kubelet")
    assert run.code != 0
    assert "config.yaml" in run.failure
    assert run.tasks("failed", PUBSUB) == [], "a host that fails stops no other"
    table = run.of("Show the nodes").result["msg"]
    assert "NO" in table[1].split() and "config.yaml" not in table[1], table
    assert table[2].strip().startswith("!") and "yes" in table[3].split(), table
    cluster.setup().ok()
    cluster.as_declared(ROUTER)


def _taints_of_controllers_stay(cluster: Cluster) -> None:
    """A silent Node has one with NoExecute, and evicts by its timeAdded; ours is put back beside it."""
    deadline = time.monotonic() + 60
    while not (theirs := _unreachable(cluster)):
        assert time.monotonic() < deadline, "the controllers have not tainted it"
        time.sleep(1)
    cluster.kubectl("taint", "node", NAMES[ROUTER], "domain-")
    assert set(cluster.run("node_labels", "--limit", ROUTER).ok().changed) == {"Bring labels and taints of all Nodes to their profiles"}
    assert _unreachable(cluster) == theirs and theirs[0]["timeAdded"]
    assert "domain" in {taint["key"] for taint in cluster.nodes()[NAMES[ROUTER]]["spec"]["taints"]}


def _unreachable(cluster: Cluster) -> list[dict[str, str]]:
    taints = cluster.nodes()[NAMES[ROUTER]]["spec"].get("taints", [])
    return [taint for taint in taints if taint["key"] == "node.kubernetes.io/unreachable" and taint["effect"] == "NoExecute"]


def test_an_unfinished_join_is_cleared_and_an_old_node_replaced(cluster: Cluster) -> None:
    node = cluster.node(ROUTER)
    before = cluster.nodes()[NAMES[ROUTER]]["metadata"]["uid"]
    node.run("sh", "-c", "systemctl stop kubelet; mv /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf")
    if cluster.ready(NAMES[ROUTER]):
        refused = cluster.setup(ROUTER)
        assert "which is Ready" in refused.failure
        assert "node_join_existing=replace" in refused.failure
    cluster.wait_until_not_ready(NAMES[ROUTER])
    predicted = cluster.run("setup_new_nodes", "--check", "--limit", ROUTER).ok()
    run = cluster.setup(ROUTER).ok()
    assert changed(predicted) == changed(run)
    assert {"Clear what an unfinished join left", "Delete stale Nodes of the same names", "Join the cluster"} <= set(run.changed)
    assert cluster.nodes()[NAMES[ROUTER]]["metadata"]["uid"] != before
    cluster.as_declared(ROUTER)


def test_a_lost_node_comes_back_by_a_restart_with_its_taints(cluster: Cluster) -> None:
    cluster.kubectl("delete", "node", NAMES[PUBSUB])
    run = cluster.setup(PUBSUB).ok()
    assert run.changed == ["Restart the kubelet, which registers its Node again", "Bring labels and taints of all Nodes to their profiles"]
    cluster.as_declared(PUBSUB)


def test_an_expired_certificate_makes_it_join_again(cluster: Cluster, tmp_path: Path) -> None:
    node = cluster.node(PUBSUB)
    pem = clocks.certificate(f"/O=system:nodes/CN=system:node:{NAMES[PUBSUB]}", tmp_path, clocks.PAST)
    path = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    node.run("systemctl", "stop", "kubelet")
    node.run("python3", "-c", f"import os; os.unlink({path!r}); open({path!r}, 'w').write({pem!r})")
    cluster.wait_until_not_ready(NAMES[PUBSUB])
    run = cluster.setup(PUBSUB).ok()
    assert {"Clear what an unfinished join left", "Delete stale Nodes of the same names", "Join the cluster"} <= set(run.changed)
    assert any("its client certificate expired on" in str(outcome.result.get("msg")) for outcome in run.outcomes)
    cluster.as_declared(PUBSUB)


def test_a_member_of_another_cluster_is_refused_and_leaves_it_when_told(cluster: Cluster, tmp_path: Path) -> None:
    """Another cluster's CA in kubelet.conf is all that tells them apart."""
    node = cluster.node(PUBSUB)
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=kubernetes"]
    subprocess.run([*make, "-days", "1", "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    data = base64.b64encode((tmp_path / "crt").read_bytes()).decode()
    swap = (
        "import re; p = '/etc/kubernetes/kubelet.conf'; s = open(p).read(); "
        f"open(p, 'w').write(re.sub('(certificate-authority-data: ).*', lambda m: m.group(1) + {data!r}, s))"
    )
    node.run("python3", "-c", swap)
    node.run("systemctl", "stop", "kubelet")
    refused = cluster.setup(PUBSUB)
    assert "node_join_other_cluster=reset" in refused.failure
    assert refused.changed == []
    cluster.wait_until_not_ready(NAMES[PUBSUB])
    # What an earlier reset has noted: from which cluster the machine has its CNI configuration.
    node.run("truncate", "--size=0", "/run/eco2-platform-kubeadm.lock")
    left = cluster.setup(PUBSUB, node_join_other_cluster="reset")
    assert "/etc/cni/net.d/" in left.failure and "node_join_keep_cni" in left.failure
    assert left.changed == []
    run = cluster.setup(PUBSUB, node_join_other_cluster="reset", node_join_keep_cni=True).ok()
    assert "Clear what an unfinished join left" in run.changed
    cluster.as_declared(PUBSUB)


def test_a_control_plane_in_the_play_is_left_alone(cluster: Cluster) -> None:
    run = cluster.run("setup_new_nodes", kube_hosts="control_plane").ok()
    assert run.changed == []
    cluster.as_declared(MASTER)


# Refusals on a bare machine, before anything is installed


OTHERS = {
    "/etc/cni/net.d/10-flannel.conflist": '{"cniVersion": "0.3.1", "name": "cbr0", "plugins": [{"type": "flannel"}]}',
    "/etc/systemd/system/kubelet.service.d/20-ip.conf": '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.9"\n',
}


def test_bad_input_is_refused_before_anything_is_installed(cluster: Cluster, fresh: Node) -> None:
    labels = {"kube_profile": {"labels": {"country": False, "code": 8, "at": 750}}}
    with inventory_says(cluster, "test-fresh", kube_node_ip=""):
        run = cluster.setup("test-fresh", kube_node_name=101, kube_node_network="198.51.100.0/24", **labels)
    for said in (
        "kube_node_name: is the number 101, and the name of a Node is text",
        "kube_node_network: the machine has no address in 198.51.100.0/24",
        "label 'country' is the boolean false, and YAML reads no and off as false too",
        "label 'code' is the number 8, and YAML reads 010 as 8",
        "label 'at' is the number 750",
    ):
        assert said in run.failure
    try:
        cluster.masters = (MASTER, "test-fresh")
        assert "joins are of workers only" in cluster.setup("test-fresh", kube_hosts="all").failure
        assert "the group control_plane has further hosts, test-fresh, and" in cluster.run("control_plane").failure
    finally:
        cluster.masters = (MASTER,)
    for wrong, said in (
        ({"kube_version": "1.37.0"}, "is newer than the API server's"),
        ({"kube_version": 1.3}, "kube_version: version 1.3 is a number"),
        ({"kube_node_name": "Bad_Name"}, "cannot be the name of a Node"),
        ({"kube_node_name": NAMES[MASTER]}, "is a control plane and is never replaced"),
        ({"kube_profile": "--node-labels=role=a b"}, "kube_profile"),
        ({"kube_profile": "--node-ip=10.0.0.1"}, "the profile has the flag --node-ip, and kube_node_ip is set"),
        ({"kube_node_ip": "192.0.2.9"}, f"kube_node_ip: no interface of the machine has the address 192.0.2.9; it has {fresh.address}"),
        *(
            [({"node_join_ignore_preflight_errors": ["Swap"], "control_plane_ignore_preflight_errors": []}, "the host has cgroup v1")]
            * LEGACY
        ),
    ):
        run = cluster.setup("test-fresh", **wrong)
        assert run.code != 0
        assert said in run.failure
        assert run.changed == []


def test_what_others_left_on_a_machine_is_named_before_anything_is_installed(cluster: Cluster, fresh: Node, tmp_path: Path) -> None:
    """With another cluster's CNI configuration a Node is Ready and runs no pod; with other flags it has another address."""
    for path, text in OTHERS.items():
        write(fresh, path, text)
    fresh.run("mkdir", "--parents", "/var/lib/etcd/member")
    place = {"kube_control_plane": fresh.name, "kube_kubeconfig": str(tmp_path / "new" / "admin.conf")}
    try:
        for run in (cluster.setup(fresh.name), cluster.run("control_plane", control_plane_advertise_address="192.0.2.9", **place)):
            assert run.code != 0
            assert "/etc/cni/net.d/10-flannel.conflist of another cluster" in run.failure
            assert "kubelet.service.d/20-ip.conf: it gives the kubelet --node-ip=192.0.2.9" in run.failure
            assert run.changed == []
        assert "left /var/lib/etcd/member" in run.failure
        assert "control_plane_advertise_address: no interface of the machine has the address 192.0.2.9" in run.failure
    finally:
        fresh.run("rm", "--recursive", *OTHERS, "/var/lib/etcd/member")


def test_a_bare_machine_that_cannot_be_a_control_plane_is_refused_before_anything_is_installed(
    cluster: Cluster, fresh: Node, tmp_path: Path
) -> None:
    there = tmp_path / "there.conf"
    there.write_text(cluster.kubeconfig.read_text())
    place = {"kube_control_plane": "test-fresh", "kube_kubeconfig": str(tmp_path / "new" / "admin.conf")}
    nodes_in = str(network_of(fresh.address))
    try:
        cluster.masters = ("test-fresh", MASTER)
        run = cluster.run(
            "control_plane",
            kube_endpoint=f"https://{fresh.address}:6443",
            control_plane_pod_subnet=nodes_in,
            control_plane_service_subnet="10.96.0.1/12",
            control_plane_kubelet_patch={"clusterDNS": ["10.0.0.1"]},
            kube_node_name=101,
            **place,
        )
    finally:
        cluster.masters = (MASTER,)
    for said in (
        "control_plane_endpoint (kube_endpoint): is the text 'https://",
        f"control_plane_pod_subnet: the network of pods, {nodes_in}, contains {fresh.address}, which is kube_node_ip",
        "control_plane_service_subnet: is the text '10.96.0.1/12', which is an address in the network 10.96.0.0/12",
        "kube_kubelet_patch: has clusterDNS, which must be the same on all nodes",
        "kube_node_name: is the number 101",
        f"the group control_plane has further hosts, {MASTER}, and no playbook makes further control planes",
    ):
        assert said in run.failure
    assert run.changed == []
    for wrong, said in (
        ({"kube_node_name": "K8s-Master"}, "'K8s-Master' cannot be the name of a Node"),
        ({"kube_profile": "--node-ip=10.0.0.1"}, "the profile has the flag --node-ip, and kube_node_ip is set"),
        ({"control_plane_endpoint": "", "control_plane_single": "alone"}, "10 characters or more"),
        ({"kube_kubeconfig": str(there)}, "does not belong to this cluster (it does not exist yet)"),
        *([({"control_plane_ignore_preflight_errors": [], "node_join_ignore_preflight_errors": []}, "the host has cgroup v1")] * LEGACY),
    ):
        with inventory_says(cluster, "test-fresh", **{**place, **wrong}):
            run = cluster.run("control_plane", kube_control_plane="test-fresh")
        assert said in run.failure
        assert set(run.changed) <= {"Check the place of the kubeconfig"}
    # The first boot is waited for with the first look, whatever comes after it.
    fresh.run("sh", "-c", "mkdir -p /run/cloud-init; touch /run/cloud-init/enabled")
    try:
        for playbook, task, variables in (
            ("control_plane", "Check what is declared", place),
            ("setup_new_nodes", "Decide what has to be done", {}),
        ):
            run = cluster.run(playbook, "--limit", "test-fresh", kubernetes_node_wait_timeout=3, **variables)
            assert "cloud-init has not finished within 3 s" in run.failure
            assert run.tasks("failed") == [task]
    finally:
        fresh.run("rm", "/run/cloud-init/enabled")


def test_a_dead_host_stops_no_other_and_be_it_the_first(cluster: Cluster) -> None:
    """The first host is the one on which Ansible runs what is done once for all."""
    alive = dict(cluster.hosts)
    cluster.hosts = {"test-dead": {"ansible_host": "127.0.0.1", "ansible_port": 1, "kube_node_name": "k8s-dead"}, **alive}
    try:
        run = cluster.run("setup_new_nodes", kubernetes_node_wait_timeout=3)
    finally:
        cluster.hosts = alive
    assert run.code != 0
    assert {outcome.host for outcome in run.outcomes if outcome.state in ("failed", "unreachable")} == {"test-dead"}
    assert run.outcomes[0].host == "test-dead", "it is the first, by a task that needs no connection"
    table = run.of("Show the nodes").result["msg"]
    assert [line.split()[0] for line in table] == ["NODE", "k8s-dead", "!", *(NAMES[host] for host in WORKERS)]
    assert "did not answer" in table[2]


def test_the_table_is_shown_where_all_fail_and_shows_what_the_nodes_have(cluster: Cluster) -> None:
    cluster.kubectl("label", "node", NAMES[PUBSUB], "of-others=yes")
    try:
        run = cluster.setup(PUBSUB, kube_profile="--node-labels=role=a b")
    finally:
        cluster.kubectl("label", "node", NAMES[PUBSUB], "of-others-")
    assert run.code != 0
    dummy, line, problem = run.of("Show the nodes").result["msg"]
    assert "of-others=yes" in line and "domain=data:NoSchedule" in line
    assert problem.strip().startswith("!")


def test_what_differs_on_a_member_is_said_and_left_alone(cluster: Cluster) -> None:
    node = cluster.node(PUBSUB)
    mirror = "/etc/containerd/certs.d/_default/hosts.toml"
    node.run("apt-mark", "unhold", "kubectl")
    node.run("cp", "/etc/containerd/config.toml", "/root/config.toml")
    node.run("cp", mirror, "/root/hosts.toml")
    node.run("sed", "-i", "s|/etc/cni/net.d|/etc/cni/elsewhere.d|", "/etc/containerd/config.toml")
    node.run("sh", "-c", f"echo '# by hand' >>{mirror}")
    try:
        run = cluster.setup(PUBSUB, containerd_cgroup_driver="systemd").ok()
        assert run.changed == []
        (told,) = [outcome.result["msg"] for outcome in run.outcomes if outcome.task == "Report differences that are not changed"]
        assert told == [
            "the hold of kubectl is off, but must be on (kubernetes_node_hold)",
            "containerd's directory of CNI configurations is /etc/cni/elsewhere.d, but must be /etc/cni/net.d (containerd_cni_conf_dir)",
            f"{mirror} has other content, but must be as containerd_registry_mirrors declares",
        ]
    finally:
        node.run("apt-mark", "hold", "kubectl")
        node.run("cp", "/root/config.toml", "/etc/containerd/config.toml")
        node.run("cp", "/root/hosts.toml", mirror)
    run = cluster.setup(PUBSUB).ok()
    assert "Report differences that are not changed" not in run.tasks("ok")


def test_a_certificate_that_is_not_valid_yet_is_said_to_be_that(cluster: Cluster, tmp_path: Path) -> None:
    """To kubeadm it looks so where the clock of the machine is wrong. Seen through a server of the test on the machine itself."""
    rejoining(cluster, ROUTER)
    node, master = cluster.node(ROUTER), cluster.node(MASTER)
    write(node, "/root/future.pem", clocks.certificate("/CN=future", tmp_path, clocks.FUTURE))
    write(node, "/root/relay.py", clocks.RELAY)
    node.run("systemd-run", "--quiet", "--unit", "relay", "python3", "/root/relay.py", "/root/future.pem", master.address, "7443")
    arguments = {
        "token": master.run("kubeadm", "token", "create", "--ttl", "5m").strip(),
        "endpoint": "127.0.0.1:7443",
        "ca_cert_hashes": [nodes.task(tmp_path, master, "kube_host_info", {}).result["host"]["ca_pin"]],
        "ignore_preflight_errors": ["all"],
        "timeout": 20,
    }
    try:
        failed = nodes.task(tmp_path, node, "kube_join", arguments)
    finally:
        node.run("systemctl", "stop", "relay")
    said = "kubeadm join: the certificate of 127.0.0.1:7443 is valid from 2040-01-01T00:00:00Z on, and this machine's clock says 20"
    assert failed.message.startswith(f"join {node.hostname}: {said}"), failed.message
    assert failed.result["changed"] is False


def test_flags_that_the_kubelet_does_not_take_are_refused_before_anything_is_removed(cluster: Cluster) -> None:
    """By the kubelet that is installed. What is written around the flags of a profile is no flag."""
    rejoining(cluster, ROUTER)
    profile = cluster.hosts[ROUTER]["kube_profile"]
    uid = cluster.nodes()[NAMES[ROUTER]]["metadata"]["uid"]
    wrong = f"--kubelet-extra-args '{profile} --network-plugin=cni --max-pods=abc'"
    run = cluster.setup(ROUTER, kube_profile=wrong, node_join_existing="replace")
    assert run.tasks("failed") == ["Try the kubelet's flags"]
    assert "flag --network-plugin=cni: the installed kubelet does not take it (unknown flag: --network-plugin)" in run.failure
    assert 'flag --max-pods=abc: the installed kubelet does not take it (invalid argument "abc"' in run.failure
    assert run.changed == []
    assert cluster.nodes()[NAMES[ROUTER]]["metadata"]["uid"] == uid
    assert "ca.crt" in cluster.node(ROUTER).run("ls", "/etc/kubernetes/pki")
    cluster.setup(ROUTER, kube_profile=f"KUBELET_EXTRA_ARGS='{profile} --max-pods=51'", node_join_existing="replace").ok()
    cluster.as_declared(ROUTER)
    assert cluster.nodes()[NAMES[ROUTER]]["status"]["capacity"]["pods"] == "51"


# Faults in mid-run


def test_in_batches_no_batch_undoes_what_the_one_before_has_done(cluster: Cluster) -> None:
    """Each replaces its old Node; the plans of the first batch are still there when the second one deletes its own."""
    for host in WORKERS:
        rejoining(cluster, host)
    before = {name: entry["metadata"]["uid"] for name, entry in cluster.nodes().items()}
    playbook = (PROJECT / "playbooks" / "plays" / "setup_new_nodes.yml").read_text(encoding="utf-8")
    path = cluster.home / "batches.yml"
    path.write_text(playbook.replace("  gather_facts: false\n", "  gather_facts: false\n  serial: 1\n", 1), encoding="utf-8")
    run = cluster.run(str(path), node_join_existing="replace").ok()
    deletions = [outcome for outcome in run.outcomes if outcome.task == "Delete stale Nodes of the same names"]
    made = [{change["object"] for change in outcome.result["changes"]} for outcome in deletions]
    assert made == [{NAMES[ROUTER]}, {NAMES[PUBSUB]}]
    after = {name: entry["metadata"]["uid"] for name, entry in cluster.nodes().items()}
    for host in WORKERS:
        assert after[NAMES[host]] != before[NAMES[host]]
        cluster.as_declared(host)
    assert not cluster.setup().ok().changed


def rejoining(cluster: Cluster, host: str) -> None:
    """The machine has to join again."""
    cluster.node(host).run("sh", "-c", "systemctl stop kubelet; rm -f /etc/kubernetes/kubelet.conf")


def test_the_api_server_restarted_in_mid_run(cluster: Cluster) -> None:
    """Between the reset and the token that the join takes."""
    rejoining(cluster, ROUTER)
    master = cluster.node(MASTER)
    containers = master.run("crictl", "ps", "--name", "kube-apiserver", "--quiet").split()
    over, stopped_at = threading.Event(), []

    def restart() -> None:
        while not over.wait(0.02):
            if '"Clear what an unfinished join left", "state": "changed"' in (cluster.home / "record").read_text(encoding="utf-8"):
                master.run("crictl", "stop", "--timeout", "0", *containers)
                stopped_at.append((cluster.home / "record").read_text(encoding="utf-8"))
                return

    (cluster.home / "record").write_text("", encoding="utf-8")
    thread = threading.Thread(target=restart)
    thread.start()
    try:
        first = cluster.setup(ROUTER, node_join_existing="replace")
    finally:
        over.set()
        thread.join()
    (record,) = stopped_at
    assert '"task": "Say why it cannot join"' not in record, "it was stopped before the token was there"
    assert len(first.outcomes) > len(record.splitlines()), "and the run went on"
    if first.code != 0:
        cluster.setup(ROUTER, node_join_existing="replace").ok()
    assert master.run("crictl", "ps", "--name", "kube-apiserver", "--quiet").split() != containers
    cluster.as_declared(ROUTER)


@contextlib.contextmanager
def module_files(node: Node) -> t.Iterator[set[str]]:
    """The names of the files into which Ansible puts modules with such arguments on this node meanwhile."""
    found: set[str] = set()
    over = threading.Event()
    telling = "kubernetes-cni|ca_cert_hashes"  # of what apt_packages is told, and of what is a secret
    look = f"for i in $(seq 50); do find /home /root /tmp -name 'AnsiballZ_*' -exec grep -lE '{telling}' {{}} + 2>/dev/null; done; true"

    def watch() -> None:
        while not over.is_set():
            found.update(Path(path).name for path in node.run("sh", "-c", look).split())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def test_a_join_that_fails_leaves_no_secret_also_where_nothing_is_pipelined(cluster: Cluster) -> None:
    """The kubelet never comes up, so that kubeadm has its token and does not come to its end."""
    rejoining(cluster, ROUTER)
    node = cluster.node(ROUTER)
    drop_in = "/etc/systemd/system/kubelet.service.d/99-broken.conf"
    node.run("mkdir", "-p", str(Path(drop_in).parent))
    node.run("sh", "-c", f"printf '[Service]\nExecStartPre=/bin/false\n' >{drop_in}; systemctl daemon-reload")
    cluster.variables = {"ansible_pipelining": False, "ansible_ssh_pipelining": False}
    replace = {"node_join_existing": "replace", "node_join_timeout": 30}
    try:
        with _CommandLines() as seen, module_files(node) as files:
            failed = cluster.run("setup_new_nodes", "--limit", ROUTER, "-vvv", **replace)
        assert failed.code != 0
        assert failed.failure.startswith("kubeadm join: ")
        assert files, "nothing was pipelined that need not be, so modules were seen; the one that joins runs longest of all"
        assert "AnsiballZ_kube_join.py" not in files, "its arguments are a secret"
        lines = "\n".join(line.replace(b"\0", b" ").decode(errors="replace") for line in seen.seen)
        nowhere(cluster, [failed], lines, ROUTER)
        node.run("sh", "-c", f"rm {drop_in}; systemctl daemon-reload")
        with module_files(node) as files:
            cluster.setup(ROUTER, node_join_existing="replace").ok()
        assert files
        assert "AnsiballZ_kube_join.py" not in files
    finally:
        cluster.variables = {}
        node.run("sh", "-c", f"rm -f {drop_in}; systemctl daemon-reload")
    cluster.as_declared(ROUTER)


@pytest.mark.parametrize("number", range(5 if LONG else 1))
def test_ssh_cut_in_mid_join(cluster: Cluster, number: int) -> None:
    """The connection goes while kubeadm runs; it goes on by itself, and the next run finds a member or mends it."""
    rejoining(cluster, ROUTER)
    node, cut = cluster.node(ROUTER), threading.Event()

    def watch() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if node.run("sh", "-c", "pgrep -f '[k]ubeadm join' || true").strip():
                time.sleep(number)
                node.run("sh", "-c", "pkill --signal KILL -u ubuntu sshd || true")
                cut.set()
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    cluster.setup(ROUTER, node_join_existing="replace")
    thread.join()
    assert cut.is_set()
    cluster.setup(ROUTER, node_join_existing="replace").ok()
    cluster.as_declared(ROUTER)
