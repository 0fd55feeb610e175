"""setup_new_nodes from bare machines to Ready nodes, and with nothing to do beside as many pings over the same ssh."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

from benchmarks.measure import Pair, at_most_times, compare, seconds

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "build"), str(PROJECT / "tests" / "live")]

from cluster import MASTER, Cluster  # noqa: E402

from lab import nodes as lab_nodes  # noqa: E402
from playbooks import Run  # noqa: E402

WORKERS = ("bench-1", "bench-2", "bench-3")
PROFILE = "--node-labels=role=worker,domain=bench,node-role.kubernetes.io/worker= --register-with-taints=domain=bench:NoSchedule"
TASKS = 40


def pairs(home: Path) -> t.Iterator[Pair]:
    cluster = Cluster(home)
    cluster.add(MASTER)
    try:
        first = seconds(lambda: _ok(cluster.run("control_plane")))
        cluster.add(*WORKERS)
        for name in WORKERS:
            cluster.hosts[name]["kube_profile"] = PROFILE
        yield _bare(cluster, first)
        yield _nothing_to_do(cluster)
    finally:
        lab_nodes.down(list(cluster.hosts))


def _bare(cluster: Cluster, first: float) -> Pair:
    took = seconds(lambda: _setup(cluster))
    for name in WORKERS:
        cluster.as_declared(name)
    bound = at_most_times(2)
    return Pair("three bare machines to Ready nodes", took, "a bare control plane", first, bound.words, bound.holds(took, first))


def _nothing_to_do(cluster: Cluster) -> Pair:
    run = cluster.setup().ok()
    if run.changed:
        raise AssertionError(f"a second run changed {run.changed}")
    tasks = max(sum(outcome.host == name and outcome.state != "skipped" for outcome in run.outcomes) for name in WORKERS)
    if tasks > TASKS:
        raise AssertionError(f"{tasks} tasks a host with nothing to do; asked are at most {TASKS}")
    ping = {"name": "Ping", "ansible.builtin.ping": {}}
    play = cluster.home / "pings.yml"
    play.write_text(json.dumps([{"hosts": "workers", "gather_facts": False, "become": True, "tasks": [ping] * tasks}]), encoding="utf-8")
    # The same inventory, callbacks and environment as our own run.
    command, environment, dummy = cluster.command("setup_new_nodes")
    command[command.index("eco2.platform.setup_new_nodes")] = str(play)

    def pings() -> None:
        subprocess.run(command, env=environment, cwd=cluster.home, capture_output=True, check=True)

    name = f"setup_new_nodes with nothing to do on three nodes, {tasks} tasks a host"
    return compare(name, at_most_times(1.5), lambda: _setup(cluster), ("as many pings", pings), rounds=3)


def _setup(cluster: Cluster) -> None:
    _ok(cluster.setup())


def _ok(run: Run) -> None:
    """No figure of its own: what counts is how long it took."""
    run.ok()
