"""The whole platform in one run: site, a drift in each family, verify with read-only rights, and hosts that are dead.

The broker, the API server and the Sentinels are real; the machine of the worker is the one that is dead. tools/demo does it on machines.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from corner import Corner
from nodes import recorded
from pasture import Pasture
from watch import address, quick

from lab import redis
from lab.apiserver import ApiServer
from lab.brokers import Broker
from lab.redis import Group

PREFIX = "site-"
VHOST = "site-v"
# In no output, no summary and no statistic.
CANARY = "canary-site-81"
READER = "site-reader"
# What verify needs of Kubernetes.
READ_ONLY = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": READER},
    "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}],
}
# What verify needs of the Sentinels, and of the nodes that they monitor.
SENTINEL_RIGHTS = (
    "+info +sentinel|myid +sentinel|config +sentinel|masters +sentinel|replicas +sentinel|sentinels +sentinel|get-master-addr-by-name"
)
DATA_RIGHTS = "+info +role +client|list +acl|dryrun +config|get"

LOGIN = {"sentinel_username": READER, "sentinel_password": CANARY, "sentinel_data_username": READER, "sentinel_data_password": CANARY}


@dataclass(frozen=True)
class Done:
    code: int
    output: str
    summary: dict[str, t.Any]

    def host(self, name: str) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self.summary["hosts"][name])

    def states(self) -> dict[str, str]:
        return {name: host["state"] for name, host in self.summary["hosts"].items()}

    def families(self) -> dict[str, str]:
        return {part["name"]: part["state"] for part in self.summary["families"]}

    def objects(self, host: str, found: str = "changes") -> list[str]:
        return [f"{change['action']} {change['kind']} {change['object']}" for change in self.host(host)[found]]

    def changed_nothing(self) -> None:
        assert self.code == 0, self.output
        assert self.summary["verdict"] == "ok", self.output
        assert not any(host["changes"] or host["drift"] for host in self.summary["hosts"].values()), self.output


class Platform:
    """One broker, one set of Sentinels, one worker whose machine is off."""

    def __init__(self, home: Path, corner: Corner, pasture: Pasture, group: Group) -> None:
        self.home, self.corner, self.pasture, self.group = home, corner, pasture, group
        self.node = pasture.add("w")[0]
        self.more: dict[str, t.Any] = {}

    def inventory(self) -> dict[str, t.Any]:
        broker = self.corner.broker
        masters = [{"name": "pubsub", "address": [address(self.group.data[0])], "quorum": 2, "replicas": 2}]
        of_broker = {
            "rabbitmq_url": broker.url,
            "rabbitmq_username": broker.username,
            "rabbitmq_password": broker.password,
            "rabbitmq_vhost": VHOST,
            "rabbitmq_vhosts": [{"name": VHOST}],
            "rabbitmq_users": [{"name": f"{PREFIX}u", "password": CANARY}],
            "rabbitmq_queues": [{"name": "q1"}, {"name": "q2"}],
        }
        of_sentinels = {
            "sentinel_hosts": [{"host": server.host, "port": server.port} for server in self.group.sentinels],
            "sentinel_masters": masters,
            "sentinel_prune": True,
        }
        of_worker = {
            "ansible_host": "127.0.0.1",
            "ansible_port": 1,
            "kube_node_name": self.node,
            "kube_profile": "--node-labels=role=api --register-with-taints=domain=api:NoSchedule",
        }
        return {
            "rabbitmq_brokers": {"hosts": {"broker-1": {**of_broker, **self.more.get("broker-1", {})}}},
            "redis_sentinels": {"hosts": {"set-1": {**of_sentinels, **self.more.get("set-1", {})}}},
            "workers": {"hosts": {"w-off": of_worker}},
            **self.more.get("groups", {}),
            "all": {
                "vars": {"kube_kubeconfig": self.pasture.server.kubeconfig, "kubernetes_node_wait_timeout": 1, **self.more.get("all", {})}
            },
        }

    def run(self, playbook: str, *options: str) -> Done:
        environment, dummy = recorded(self.home)
        environment.update(ECO2_SUMMARY=str(self.home / "summary.json"), ANSIBLE_SHOW_CUSTOM_STATS="1")
        return _run(self.home, environment, self.inventory(), playbook, *options)

    def drift(self) -> None:
        """By clients of others, one in each family."""
        self.corner.broker.ctl("delete_queue", "-p", VHOST, "q2")
        self.group.sentinels[1].ask("SENTINEL", "SET", "pubsub", "quorum", 3)
        self.pasture.server.kubectl("label", "--overwrite", "node", self.node, "role=web")

    def read_only(self) -> None:
        """From here on with users who may only read."""
        self.corner.user(READER, CANARY, "monitoring", [])
        read = {"configure": "^$", "write": "^$", "read": ".*"}
        self.corner.observer.request("PUT", f"permissions/{VHOST}/{READER}", read)
        for server in self.group.servers:
            rights = SENTINEL_RIGHTS if server in self.group.sentinels else DATA_RIGHTS
            server.ask("ACL", "SETUSER", READER, "reset", "on", f">{CANARY}", "resetchannels", *rights.split())
        server = self.pasture.server
        server.kubectl("apply", "--filename", "-", stdin=json.dumps(READ_ONLY).encode())
        if READER not in server.kubectl("get", "clusterrolebindings", "--output", "name"):
            server.kubectl("create", "clusterrolebinding", READER, f"--clusterrole={READER}", f"--user={READER}")
        self.more = {
            "broker-1": {"rabbitmq_username": READER, "rabbitmq_password": CANARY},
            "set-1": LOGIN,
            "all": {"kube_kubeconfig": server.user(READER)},
        }


class Kubelet:
    """Reports that the Node is Ready, every few seconds, as the kubelet of a machine would."""

    def __init__(self, pasture: Pasture, node: str) -> None:
        self.pasture, self.node = pasture, node
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._report)

    def __enter__(self) -> None:
        self.pasture.ready(self.node)
        self.thread.start()

    def __exit__(self, *dummy: object) -> None:
        self.over.set()
        self.thread.join()

    def _report(self) -> None:
        while not self.over.wait(3):
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now}
            patch = json.dumps({"status": {"conditions": [ready]}})
            self.pasture.server.kubectl("patch", "node", self.node, "--subresource=status", "--type=merge", "--patch", patch)


def _run(home: Path, environment: dict[str, str], inventory: dict[str, t.Any], playbook: str, *options: str) -> Done:
    (home / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (home / "summary.json").unlink(missing_ok=True)
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-i", str(home / "inventory.yml"), f"eco2.platform.{playbook}", *options]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=900)
    output = done.stdout + done.stderr
    assert (home / "summary.json").exists(), output
    text = (home / "summary.json").read_text(encoding="utf-8")
    assert CANARY not in output + text
    return Done(done.returncode, output, json.loads(text))


@pytest.fixture(scope="module")
def platform(broker_4: Broker, kube: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Platform]:
    with (
        Corner(broker_4, PREFIX) as corner,
        Pasture(kube, PREFIX) as pasture,
        redis.group("test-site", "redis-7.0", beyond=True) as group,
    ):
        quick(group)
        made = Platform(tmp_path_factory.mktemp("site"), corner, pasture, group)
        with Kubelet(pasture, made.node):
            yield made


ALIVE = ("--limit", "all:!w-off")


def test_a_dead_host_harms_only_itself(platform: Platform) -> None:
    done = platform.run("site", "--tags", "control_plane,nodes,labels,rabbitmq,sentinels", "--skip-tags", "verify")
    assert done.code == 2, done.output
    assert done.states() == {"broker-1": "changed", "set-1": "changed", "w-off": "failed"}
    assert done.families() == {
        "control_plane": "left out",
        "nodes": "failed",
        "labels": "changed",
        "rabbitmq": "changed",
        "sentinels": "changed",
    } | {"verify": "left out"}
    assert f"create queue {VHOST}/q1" in done.objects("broker-1")
    assert done.objects("w-off") == [f"update node {platform.node}"], "its Node is labelled nevertheless"
    (failure,) = done.host("w-off")["failures"]
    assert failure.startswith("nodes: Wait for the host to answer")
    assert platform.pasture.labels(platform.node)["role"] == "api"
    # As a custom statistic, too, which AWX keeps.
    assert '"platform_summary"' in done.output.rpartition("CUSTOM STATS")[2]


def test_a_second_run_changes_nothing_and_check_mode_neither(platform: Platform) -> None:
    platform.group.wait_healthy("pubsub")
    for options in ((), ("--check",)):
        done = platform.run("site", *ALIVE, *options)
        done.changed_nothing()
        assert done.states()["w-off"] == "left out"
        assert "changed=1" not in done.output
    assert "check mode has only predicted the changes" in str(done.summary["families"])


def test_verify_names_each_drift_with_rights_to_read_alone(platform: Platform) -> None:
    platform.drift()
    platform.read_only()
    try:
        done = platform.run("verify", "--skip-tags", "nodes")
    finally:
        platform.more = {}
    assert done.code == 2, done.output
    assert done.summary["verdict"] == "drift", done.output
    assert done.states() == {"broker-1": "drift", "set-1": "drift", "w-off": "drift"}
    assert not any(host["changes"] for host in done.summary["hosts"].values()), "nothing was written"
    assert done.objects("broker-1", "drift") == [f"create queue {VHOST}/q2"]
    assert "users of the broker" in done.host("broker-1")["left"][0], "the tag monitoring may not read users"
    assert done.objects("set-1", "drift") == [f"update master {address(platform.group.sentinels[1])}/pubsub"]
    assert done.objects("w-off", "drift") == [f"update node {platform.node}"]
    assert [differences["field"] for differences in done.host("w-off")["drift"][0]["differences"]] == ["label role"]


def test_verify_of_nothing_but_what_may_not_be_read_says_so_and_does_not_fail(platform: Platform) -> None:
    platform.read_only()
    platform.more["broker-1"].update(rabbitmq_vhosts=[], rabbitmq_queues=[])
    try:
        done = platform.run("verify", "--tags", "rabbitmq")
    finally:
        platform.more = {}
    done.changed_nothing()
    assert "users of the broker" in done.host("broker-1")["left"][0]


def test_site_mends_the_drift_and_verify_is_content(platform: Platform) -> None:
    done = platform.run("site", "--skip-tags", "nodes,verify")
    assert done.code == 0, done.output
    assert done.summary["verdict"] == "changed"
    platform.group.wait_healthy("pubsub")
    platform.run("verify", "--skip-tags", "nodes").changed_nothing()


@pytest.mark.parametrize("run", [("verify",), ("site", "--check")])
def test_a_dead_host_harms_only_itself_where_nothing_is_written(platform: Platform, run: tuple[str, ...]) -> None:
    """The dead control plane is alone in its play, and so is the dead worker."""
    dead = {"ansible_host": "127.0.0.1", "ansible_port": 1, "kube_version": "1.36.3"}
    platform.more = {"groups": {"control_plane": {"hosts": {"cp-off": dead}}}}
    try:
        done = platform.run(*run)
    finally:
        platform.more = {}
    assert done.code == 2, done.output
    parts = done.families()
    assert (parts["control_plane"], parts["nodes"], parts["rabbitmq"], parts["sentinels"]) == ("failed", "failed", "ok", "ok")
    for host, family in (("cp-off", "control_plane"), ("w-off", "nodes")):
        assert done.host(host)["state"] == "failed"
        assert done.host(host)["failures"][0].startswith(f"{family}: Wait for the host to answer")


def test_verify_fails_on_what_is_as_declared_and_not_healthy(platform: Platform) -> None:
    platform.group.data[2].stop()
    try:
        done = platform.run("verify", "--tags", "sentinels")
    finally:
        platform.group.data[2].start()
    assert done.code == 2
    assert done.families()["sentinels"] == "failed"
    assert address(platform.group.data[2]) in str(done.host("set-1")["failures"])


@pytest.mark.parametrize(
    ("playbook", "group"),
    [
        ("setup_new_nodes", "workers"),
        ("control_plane", "control_plane"),
        ("sentinels", "redis_nodes"),
        ("site", "rabbitmq_brokers"),
        ("verify", "rabbitmq_brokers"),
    ],
)
def test_a_playbook_that_finds_no_hosts_names_the_group(platform: Platform, playbook: str, group: str) -> None:
    environment, dummy = recorded(platform.home)
    environment["ECO2_SUMMARY"] = str(platform.home / "summary.json")
    done = _run(platform.home, environment, {"others": {"hosts": {"x": {}}}}, playbook)
    assert done.code == 2
    assert f"no hosts in the group {group}" in done.output
    assert done.summary["verdict"] == "failed"


def test_a_limit_that_leaves_none_of_its_hosts_is_no_failure(platform: Platform) -> None:
    done = platform.run("setup_new_nodes", *ALIVE)
    assert done.code == 0, done.output
    assert done.states()["w-off"] == "left out"
