"""A set whose hosts have names, with data on another disk, a Unix socket and scripts of Sentinel; also run from one of the hosts."""

from __future__ import annotations

import os
import time
import typing as t

import pytest
import redis_site
from nodes import Run
from redis_site import Site

pytestmark = pytest.mark.skipif(int(os.environ.get("ECO2_TIMES", "1")) == 1, reason="needs three machines of its own: make test-long")

NAMES = ["test-names-1", "test-names-2", "test-names-3"]
SCRIPT = "/usr/local/bin/tell"
VARIABLES: dict[str, t.Any] = {
    "redis_sentinel_hosts": NAMES,
    "redis_sentinel_address": "{{ inventory_hostname }}.example.org",
    "redis_sentinel_controller_address": "{{ ansible_host }}",
    "redis_sentinel_hostnames": True,
    "redis_sentinel_admin_password": "administration",
    "redis_sentinel_masterauth": "replication",
    "redis_sentinel_auth_pass": "watching",
    "redis_sentinel_password": "sentinels",
    "redis_sentinel_sets": [
        {
            "name": "pubsub",
            "nodes": NAMES,
            "password": "application",
            "down_after_milliseconds": 2000,
            "failover_timeout": 10000,
            "directory": "/srv/redis/pubsub",
            "socket_mode": "770",
        }
    ],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    with redis_site.site(tmp_path_factory.mktemp("names"), NAMES, VARIABLES) as found:
        lines = "".join(f"{node.address} {name}.example.org\n" for name, node in found.nodes.items())
        for node in found.nodes.values():
            node.run("sh", "-c", f"printf '{lines}' >>/etc/hosts")
        found.play("main", "--diff").ok()
        yield found


def nothing_changes(site: Site) -> Run:
    for tasks in ("main", "maintain"):
        again = site.play(tasks, "--diff").ok()
        assert again.changed == [], [outcome.result.get("changes") for outcome in again.outcomes if outcome.state == "changed"]
    return again


def told(site: Site) -> set[str]:
    """The master's name, as all Sentinels tell it."""
    return {sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub")[0] for sentinel in site.sentinels}


def fail_over(site: Site) -> None:
    (former,) = told(site)
    site.sentinels[0].ask("SENTINEL", "FAILOVER", "pubsub")
    deadline = time.monotonic() + 30
    while len(told(site)) > 1 or former in told(site):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_sentinels_and_nodes_are_known_by_their_names(site: Site) -> None:
    names = {f"{name}.example.org" for name in NAMES}
    nothing_changes(site)
    for sentinel in site.sentinels:
        (master,) = sentinel.ask("SENTINEL", "MASTERS")
        replicas = sentinel.ask("SENTINEL", "REPLICAS", "pubsub")
        peers = sentinel.ask("SENTINEL", "SENTINELS", "pubsub")
        assert {master[3], *(row[3] for row in replicas)} == names
        assert len({row[3] for row in peers} & names) == 2
    fail_over(site)
    nothing_changes(site)


def test_data_is_in_the_declared_directory_and_stays_there(site: Site) -> None:
    for name in NAMES:
        assert site.node(name).ask("CONFIG", "GET", "dir")[1] == "/srv/redis/pubsub"
        assert site.node(name).ask("SAVE") == "OK"
        assert site.nodes[name].run("stat", "--format", "%a %U %G", "/srv/redis/pubsub").strip() == "750 redis redis"
    moved = [{**VARIABLES["redis_sentinel_sets"][0], "directory": "/srv/redis/other"}]
    refused = site.play("main", redis_sentinel_sets=moved)
    problems = [problem["code"] for outcome in refused.outcomes for problem in outcome.result.get("problems", ())]
    assert problems == ["directory.changed"] * 3


def test_members_of_the_group_use_the_socket(site: Site) -> None:
    node = site.nodes[NAMES[0]]
    node.run("useradd", "--groups", "redis", "application")
    ping = "redis-cli -s /run/redis-pubsub/server.sock -a application --no-auth-warning PING"
    assert node.run("su", "application", "-c", ping).strip() == "PONG"
    assert "Permission denied" in node.run("su", "nobody", "-s", "/bin/sh", "-c", f"{ping} 2>&1 || true")


def test_sentinels_run_scripts_after_their_restart(site: Site) -> None:
    for node in site.nodes.values():
        node.run("sh", "-c", f"printf '#!/bin/sh\\ndate >>/tmp/told-by-$(id -un)\\n' >{SCRIPT}; chmod 755 {SCRIPT}")
    sets = [{**VARIABLES["redis_sentinel_sets"][0], "notification_script": SCRIPT, "client_reconfig_script": SCRIPT}]
    site.variables["redis_sentinel_sets"] = sets
    first = site.play("main").ok()
    assert first.tasks("ok").count("Report what waits for maintain_redis") == 3
    for tasks in ("maintain", "main"):
        site.play(tasks).ok()
    nothing_changes(site)
    fail_over(site)
    time.sleep(2)
    ran = "cat /tmp/told-by-redis /tmp/systemd-private-*redis-sentinel*/tmp/told-by-redis 2>/dev/null || true"
    assert all(node.run("sh", "-c", ran) for node in site.nodes.values())
    nothing_changes(site)


def test_the_tasks_run_from_one_of_the_hosts_where_the_controller_has_no_route(site: Site) -> None:
    """The controller knows only names that it cannot resolve."""
    site.variables["redis_sentinel_controller_address"] = ""
    site.nodes[NAMES[1]].run("sh", "-c", "apt-get update -qq && apt-get install -qq -y python3-redis >/dev/null")
    site.variables["redis_sentinel_run_on"] = NAMES[1]
    nothing_changes(site)
    sets = [{**site.variables["redis_sentinel_sets"][0], "settings": {"maxmemory": "96mb"}, "quorum": 3}]
    site.variables["redis_sentinel_sets"] = sets
    site.play("main").ok()
    site.play("maintain").ok()
    nothing_changes(site)
    for name in NAMES:
        assert site.node(name).ask("CONFIG", "GET", "maxmemory")[1] == str(96 << 20)
