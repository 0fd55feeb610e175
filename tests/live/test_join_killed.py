"""ansible-playbook killed at a random moment of a join: the next run ends right."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
import typing as t

import pytest
from cluster import MASTER, NAMES, Cluster, need_lab

from lab import nodes as lab_nodes

ROUTER = "test-router"
LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
TIMES = 20 if LONG else 2
# A run from bare takes several times as long as one that joins again, so there are fewer of it.
FROM_BARE = 4 if LONG else 1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Cluster]:
    need_lab()
    cluster = Cluster(tmp_path_factory.mktemp("killed"))
    cluster.add(MASTER, ROUTER)
    cluster.run("control_plane").ok()
    yield cluster
    lab_nodes.down(list(cluster.hosts))


def kill_after(cluster: Cluster, seconds: float, **variables: t.Any) -> bool:
    """Start setup_new_nodes and kill it, with its ssh processes, after so many seconds; whether it was still running."""
    command, environment, dummy = cluster.command("setup_new_nodes", **variables)
    with subprocess.Popen(
        command, env=environment, cwd=cluster.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return False
        os.killpg(process.pid, signal.SIGKILL)
    return True


def timed(cluster: Cluster, **variables: t.Any) -> float:
    start = time.monotonic()
    cluster.run("setup_new_nodes", **variables).ok()
    return time.monotonic() - start


@pytest.mark.parametrize("bare", [True, False], ids=["from bare", "joining again"])
@pytest.mark.skipif(not LONG, reason="20 runs killed take an hour: make test-long")
def test_killed_at_a_random_moment(cluster: Cluster, bare: bool, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random()
    replace = {"node_join_existing": "replace"}
    start_over(cluster, bare)
    whole = timed(cluster, **replace)
    for number in range(FROM_BARE if bare else TIMES - FROM_BARE):
        start_over(cluster, bare)
        moment = dice.uniform(2, whole * 0.95)
        killed = kill_after(cluster, moment, **replace)
        with capsys.disabled():
            print(f"\n  {number + 1}: killed after {moment:.1f} of {whole:.1f} s" + ("" if killed else ", when it was over"))
        cluster.run("setup_new_nodes", **replace).ok()
        cluster.as_declared(ROUTER)
        assert not cluster.run("setup_new_nodes").ok().changed


def start_over(cluster: Cluster, bare: bool) -> None:
    node = lab_nodes.get(ROUTER)
    if not bare:
        node.run("sh", "-c", "systemctl stop kubelet; rm -f /etc/kubernetes/kubelet.conf")
    elif NAMES[ROUTER] in cluster.nodes():
        lab_nodes.down([ROUTER])
        cluster.add(ROUTER)
