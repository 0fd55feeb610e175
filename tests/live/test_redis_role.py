"""The role redis_sentinel on bare nodes: converged twice, failed over, converged again, maintained; nothing secret seen."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

import nodes
import pytest
from nodes import Run

from lab import nodes as lab_nodes
from lab.host import LabError, require
from lab.nodes import Node
from lab.resp import Connection

NAMES = ["test-redis-1", "test-redis-2", "test-redis-3"]
SECRETS = {
    "redis_sentinel_admin_password": "canary-administration",
    "redis_sentinel_masterauth": "canary-replication",
    "redis_sentinel_auth_pass": "canary-watching",
    "redis_sentinel_password": "canary-sentinels",
}
VARIABLES: dict[str, t.Any] = {
    **SECRETS,
    "redis_sentinel_hosts": NAMES,
    "redis_sentinel_sets": [
        {
            "name": "pubsub",
            "nodes": NAMES,
            "password": "canary-application",
            "down_after_milliseconds": 2000,
            "failover_timeout": 10000,
            "settings": {"maxmemory": "64mb"},
        },
        *(
            {"name": name, "nodes": [NAMES[number]], "port": 6380 + number, "password": "canary-application"}
            for number, name in enumerate(("auth", "streams", "cache"))
        ),
    ],
}
SETS = [entry["name"] for entry in VARIABLES["redis_sentinel_sets"]]
# What a bare machine cannot predict: nobody is there to ask.
UNPREDICTED = {"Bring the sentinels to the sets", "Wait until all is well"}


class Site(t.NamedTuple):
    home: Path
    nodes: dict[str, Node]
    predicted: Run
    applied: Run

    def play(self, playbook: str, *options: str, **variables: t.Any) -> Run:
        return play(self.home, playbook, {**VARIABLES, **variables}, *options)

    def sentinel(self, node: Node) -> Connection:
        connection = Connection(node.address, 26379)
        connection.ask("AUTH", SECRETS["redis_sentinel_password"])
        return connection

    def master(self) -> str:
        found = set()
        for node in self.nodes.values():
            with self.sentinel(node) as sentinel:
                found.add(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub")[0])
        (address,) = found
        return next(name for name, node in self.nodes.items() if node.address == address)

    def started(self) -> dict[str, str]:
        """When each instance on each node was started."""
        units = [*(f"redis-server@{name}" for name in SETS), "redis-sentinel@main"]
        return {
            f"{name} {unit}": node.run("systemctl", "show", "--property", "ExecMainStartTimestampMonotonic,ExecMainPID", unit)
            for name, node in self.nodes.items()
            for unit in units
        }


def play(home: Path, playbook: str, variables: dict[str, t.Any], *options: str) -> Run:
    tasks_from = {"tasks_from": "maintain"} if playbook == "maintain_redis" else {}
    task = {"ansible.builtin.include_role": {"name": "eco2.platform.redis_sentinel", **tasks_from}}
    return nodes.play(home, NAMES, {"become": True, "any_errors_fatal": True, "tasks": [task]}, variables, *options)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    home = tmp_path_factory.mktemp("redis")
    try:
        found = {node.name: node for node in lab_nodes.up(NAMES)}
        predicted = play(home, "sentinels", VARIABLES, "--check", "--diff").ok()
        yield Site(home, found, predicted, play(home, "sentinels", VARIABLES, "--diff", "-v").ok())
    finally:
        lab_nodes.down(NAMES)


def test_check_mode_on_bare_nodes_lists_what_the_apply_changes(site: Site) -> None:
    assert site.predicted.changed == [task for task in site.applied.changed if task not in UNPREDICTED]
    assert site.predicted.changed


def test_a_second_run_changes_nothing_in_few_tasks(site: Site) -> None:
    before = site.started()
    again = site.play("sentinels", "--diff").ok()
    assert again.changed == []
    assert again.executed <= 3 * 8
    checked = site.play("sentinels", "--check", "--diff").ok()
    assert checked.changed == []
    assert "Bring the sentinels to the sets" in checked.tasks("ok")
    assert site.started() == before


def test_nothing_of_the_packages_samples_has_ever_run(site: Site) -> None:
    for node in site.nodes.values():
        for unit in ("redis-server", "redis-sentinel"):
            shown = node.run("systemctl", "show", "--property", "LoadState,ExecMainStartTimestamp", unit)
            assert "LoadState=masked" in shown
            assert "ExecMainStartTimestamp=\n" in shown + "\n" or "ExecMainStartTimestamp" not in shown
        with site.sentinel(node) as sentinel:
            assert len(sentinel.ask("SENTINEL", "MASTERS")) == len(SETS)


def test_after_a_failover_nothing_is_changed_and_nothing_restarts(site: Site) -> None:
    former, before = site.master(), site.started()
    with site.sentinel(site.nodes[NAMES[0]]) as sentinel:
        sentinel.ask("SENTINEL", "FAILOVER", "pubsub")
    deadline = time.monotonic() + 30
    while True:
        try:
            if site.master() != former:
                break
        except ValueError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.5)
    moved = site.master()
    again = site.play("sentinels", "--diff").ok()
    assert again.changed == []
    assert site.master() == moved
    assert site.started() == before
    health = [outcome.result for outcome in again.outcomes if outcome.task == "Wait until all is well" and outcome.state == "ok"]
    assert health[0]["healthy"], json.dumps(health[0]["reasons"])


def test_a_machine_made_anew_follows_whom_the_sentinels_name(site: Site) -> None:
    master = site.master()
    name = next(name for name in NAMES if name not in (master, NAMES[2]))
    node = site.nodes[name]
    node.run("sh", "-c", "systemctl stop redis-server@pubsub; rm -r /etc/redis/redis-pubsub* /var/lib/redis/pubsub")
    # With only this host in the play the sentinels are asked all the same.
    site.play("sentinels", "--limit", name).ok()
    with Connection(node.address, 6379) as connection:
        connection.ask("AUTH", "admin", SECRETS["redis_sentinel_admin_password"])
        assert connection.ask("ROLE")[:2] == ["slave", site.nodes[master].address]
    assert site.play("sentinels").ok().changed == []


def test_static_settings_wait_for_maintenance_which_restarts_one_by_one(site: Site) -> None:
    sets = [{**VARIABLES["redis_sentinel_sets"][0], "settings": {"maxmemory": "96mb"}}, *VARIABLES["redis_sentinel_sets"][1:]]
    before, former = site.started(), site.master()
    reported = site.play("sentinels", redis_sentinel_sets=sets).ok()
    assert reported.changed == []
    assert "Report what waits for maintain_redis" in reported.tasks("ok")
    assert site.started() == before
    told = site.play("maintain_redis", "--check", redis_sentinel_sets=sets).ok()
    assert [step["action"] for step in told.of("Tell the steps").result["msg"]] == ["restart", "restart", "switch", "restart"]
    site.play("maintain_redis", "--diff", redis_sentinel_sets=sets).ok()
    after = site.started()
    assert {key for key in before if before[key] != after[key]} == {f"{name} redis-server@pubsub" for name in NAMES}
    assert site.master() != former
    for node in site.nodes.values():
        with Connection(node.address, 6379) as connection:
            connection.ask("AUTH", "admin", SECRETS["redis_sentinel_admin_password"])
            assert connection.ask("CONFIG", "GET", "maxmemory")[1] == str(96 << 20)
    for playbook in ("maintain_redis", "sentinels"):
        assert site.play(playbook, redis_sentinel_sets=sets).ok().changed == []
    assert site.started() == after


def test_secrets_are_in_no_output_and_in_no_file_that_others_may_read(site: Site) -> None:
    run = site.play("sentinels", "-vvv", "--diff").ok()
    said = site.predicted.output + site.applied.output + run.output + json.dumps([outcome.result for outcome in site.applied.outcomes])
    assert "canary" not in said
    for node in site.nodes.values():
        assert "canary" not in node.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        listed = node.run("sh", "-c", "grep -rl canary /etc /var/log /var/lib/redis /tmp /home 2>/dev/null || true").split()
        assert listed
        for path in listed:
            assert path.startswith("/etc/redis/")
            assert node.run("stat", "--format", "%a %U %G", path).strip() in ("640 redis redis", "600 redis redis"), path
