"""The playbook site: a platform from bare machines to verified, and with nothing to do beside its playbooks, one after the other."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from benchmarks.measure import Bound, Pair, at_most_times, compare, seconds
from lab import brokers, shelves
from lab import nodes as lab_nodes
from lab.brokers import Broker

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "build"), str(PROJECT / "tests" / "live")]

from nodes import recorded  # noqa: E402

MASTER, WORKERS, MACHINES = "bench-master", ("bench-1", "bench-2"), ("bench-redis-1", "bench-redis-2", "bench-redis-3")
PARTS = ("control_plane", "setup_new_nodes", "node_labels", "rabbitmq", "sentinels", "verify")
PROFILE = "--node-labels=role=worker,domain=bench --register-with-taints=domain=bench:NoSchedule"
BARE, NOTHING = 360.0, 60.0  # seconds; the limits


def pairs(home: Path) -> t.Iterator[Pair]:
    broker = brokers.up("bench-4.0", "4.0")
    try:
        started = [*lab_nodes.up((MASTER, *WORKERS), versions=(shelves.KUBERNETES,)), *lab_nodes.up(MACHINES, versions=())]
        platform = Platform(home, broker, {node.name: node.address for node in started})
        yield within("a control plane, two nodes, a broker and three Redis hosts, bare to verified", BARE, lambda: platform.run("site"))
        platform.run("site", idle=True)
        yield within("the same with nothing to do", NOTHING, lambda: platform.run("site", idle=True))
        yield compare("site with nothing to do", at_most_times(1.1), platform.whole, ("its playbooks one by one", platform.each), rounds=3)
    finally:
        lab_nodes.down([MASTER, *WORKERS, *MACHINES])
        brokers.down(broker.name)


def within(name: str, limit: float, run: t.Callable[[], None]) -> Pair:
    bound = Bound(f"under {limit:g} s", lambda ours, peer: ours < peer)
    took = seconds(run)
    return Pair(name, took, "the limit", limit, bound.words, bound.holds(took, limit))


class Platform:
    def __init__(self, home: Path, broker: Broker, addresses: t.Mapping[str, str]) -> None:
        self.home = home
        self.addresses = addresses
        inventory = {"all": {"vars": self._common()}, **self._nodes(), **_brokers(broker), **self._redis()}
        (home / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")

    def run(self, playbook: str, idle: bool = False) -> None:
        """Fails where the run fails, or changes something though it must be idle."""
        environment, dummy = recorded(self.home)
        environment["ECO2_SUMMARY"] = str(self.home / "summary.json")
        command = ["ansible-playbook", "--inventory", str(self.home / "inventory.yml"), f"eco2.platform.{playbook}"]
        done = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, text=True, check=False)
        found = json.loads((self.home / "summary.json").read_text(encoding="utf-8"))
        if done.returncode or (idle and found["verdict"] != "ok"):
            raise AssertionError(f"{playbook}: {found['verdict']}\n{done.stdout[-4000:]}")

    def whole(self) -> None:
        self.run("site", idle=True)

    def each(self) -> None:
        for playbook in PARTS:
            self.run(playbook, idle=True)

    def _common(self) -> dict[str, t.Any]:
        return {
            **lab_nodes.connection(),
            **lab_nodes.variables(),
            "kube_version": shelves.KUBERNETES,
            "kube_endpoint": f"{self.addresses[MASTER]}:6443",
            "kube_kubeconfig": str(self.home / "kubeconfig"),
        }

    def _nodes(self) -> dict[str, t.Any]:
        return {"control_plane": {"hosts": self._hosts([MASTER])}, "workers": {"hosts": self._hosts(WORKERS, kube_profile=PROFILE)}}

    def _redis(self) -> dict[str, t.Any]:
        passwords = {
            f"redis_sentinel_{name}": secrets.token_urlsafe(24) for name in ("admin_password", "masterauth", "auth_pass", "password")
        }
        declared = {
            "redis_sentinel_hosts": list(MACHINES),
            "redis_sentinel_sets": [{"name": "pubsub", "nodes": list(MACHINES), "quorum": 2}],
        }
        return {"redis_nodes": {"hosts": self._hosts(MACHINES), "vars": {**passwords, **declared}}}

    def _hosts(self, names: t.Iterable[str], **variables: t.Any) -> dict[str, dict[str, t.Any]]:
        return {name: {"ansible_host": self.addresses[name], "kube_node_ip": self.addresses[name], **variables} for name in names}


def _brokers(broker: Broker) -> dict[str, t.Any]:
    example = PROJECT / "inventory" / "example" / "group_vars" / "all" / "rabbitmq.yml"
    login = {"rabbitmq_url": broker.url, "rabbitmq_username": broker.username, "rabbitmq_password": broker.password}
    declared = yaml.safe_load(example.read_text(encoding="utf-8"))
    return {"rabbitmq_brokers": {"hosts": {"broker-1": {**declared, **login}}}}
