"""Sets of Redis and Valkey that move to other hosts, get fewer nodes and more again, and end; Sentinels that move. Under writers."""

from __future__ import annotations

import os
import typing as t

import nodes
import pytest
import redis_site
from redis_site import Site
from test_redis_upgrade import UPGRADES
from writers import Account, Writers

from lab import depot

pytestmark = pytest.mark.skipif(int(os.environ.get("ECO2_TIMES", "1")) == 1, reason="moves sets over four machines: make test-long")

NAMES = [f"test-move-{number}" for number in (1, 2, 3, 4)]
ONE, TWO, THREE, FOUR = NAMES
EVERYBODY = {"name": "default", "rules": "on nopass ~* &* +@all -@admin"}
LEDGER = {"name": "ledger", "nodes": [ONE], "port": 6380, "users": [EVERYBODY], "down_after_milliseconds": 2000}
VARIABLES: dict[str, t.Any] = {
    "redis_sentinel_hosts": [ONE, TWO, THREE],
    "redis_sentinel_admin_password": "administration",
    "redis_sentinel_masterauth": "replication",
    "redis_sentinel_auth_pass": "watching",
    "redis_sentinel_settings": {"protected-mode": False},
}
FLAVORS = {"redis-7.0": {}, **UPGRADES}
LONGEST_GAP = 5.0  # seconds


def pubsub(*names: str) -> dict[str, t.Any]:
    more = {"users": [EVERYBODY], "down_after_milliseconds": 2000, "failover_timeout": 10000}
    return {"name": "pubsub", "nodes": list(names), **more}


def sets(*entries: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"redis_sentinel_sets": [*entries, LEDGER]}


@pytest.fixture(scope="module", params=list(FLAVORS))
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    repository = {"redis_sentinel_apt_repository": depot.get().debian} if FLAVORS[request.param] else {}
    variables = {**VARIABLES, **FLAVORS[request.param], **repository, **sets(pubsub(ONE, TWO))}
    with redis_site.site(tmp_path_factory.mktemp("moves"), NAMES, variables) as found:
        found.play("main").ok()
        found.node(ONE, 6380).ask("SET", "kept", "yes")
        yield found


def moved(site: Site, variables: dict[str, t.Any], prefix: str) -> tuple[Account, list[str]]:
    """Both playbooks under writers, and both again; the steps that were announced."""
    site.variables.update(variables)
    with Writers(site, "pubsub", prefix) as writers:
        site.play("main", "--diff").ok()
        told = site.play("maintain", "--check").ok()
        steps = told.of("Show the steps").result.get("msg", [])
        site.play("maintain", "--diff").ok()
        writers.stop()
        account = writers.account(site.node(site.master("pubsub")))
    print(f"\n  {prefix}: {account}", end="", flush=True)
    assert account.lost == 0
    assert account.rate >= 500
    assert account.gap < LONGEST_GAP
    for tasks in ("main", "maintain"):
        again = site.play(tasks, "--diff").ok()
        assert again.changed == [], [outcome.result.get("changes") for outcome in again.outcomes if outcome.state == "changed"]
        assert "Report what waits for maintain_redis" not in again.tasks("ok")
    for sentinel in site.sentinels:
        assert len(sentinel.ask("SENTINEL", "REPLICAS", "pubsub")) == len(site.variables["redis_sentinel_sets"][0]["nodes"]) - 1
        assert len(sentinel.ask("SENTINEL", "SENTINELS", "pubsub")) == 2
    assert site.node(ONE, 6380).ask("GET", "kept") == "yes"
    return account, [" ".join((step.split()[0], step.split()[1].partition("/")[0], step.split()[-1])) for step in steps]


def left(site: Site, name: str, of: str = "pubsub") -> list[str]:
    """The files of an instance that are on a node."""
    found = site.nodes[name].run(
        "sh", "-c", f"ls -d /etc/*/*-{of}.* /etc/systemd/system/*@{of}.service.d /var/lib/*/{of} 2>/dev/null || true"
    )
    return found.split()


def test_a_set_moves_to_other_hosts_and_nothing_is_lost(site: Site) -> None:
    ledger = site.started()[f"{ONE} {site.unit('ledger')}"]
    former = site.master("pubsub")
    dummy, steps = moved(site, sets(pubsub(THREE, FOUR)), "move")
    ends = [f"{action} server {name}" for action in ("end", "forget") for name in (ONE, TWO)]
    assert steps == [f"switch server {former}", *ends]
    assert site.master("pubsub") == THREE
    for name in (ONE, TWO):
        assert [path.rpartition("/")[0] for path in left(site, name)] == [f"/var/lib/{site.flavor}"], "the data is kept"
    started = site.started()
    assert not [unit for unit in started if "@pubsub" in unit and unit.split()[0] in (ONE, TWO)]
    assert started[f"{ONE} {site.unit('ledger')}"] == ledger


def test_a_set_goes_from_three_nodes_to_one_and_back_and_nothing_is_lost(site: Site) -> None:
    moved_out = [THREE, FOUR, TWO]
    dummy, steps = moved(site, sets(pubsub(*moved_out)), "three")
    assert {step.split()[0] for step in steps} <= {"restart", "switch"}
    dummy, steps = moved(site, sets(pubsub(FOUR)), "one")
    assert [step for step in steps if step.split()[0] == "end"] == [f"end server {name}" for name in (TWO, THREE)]
    assert site.master("pubsub") == FOUR
    assert site.node(FOUR).ask("CONFIG", "GET", "min-replicas-to-write")[1] == "0"
    moved(site, sets(pubsub(*moved_out)), "back")
    assert site.node(FOUR).ask("CONFIG", "GET", "min-replicas-to-write")[1] == "1"


def test_a_sentinel_moves_to_another_host(site: Site) -> None:
    hosts = {"redis_sentinel_hosts": [TWO, THREE, FOUR]}
    dummy, steps = moved(site, hosts, "sentinel")
    assert steps == [f"end sentinel {ONE}", f"forget sentinel {ONE}"]
    assert left(site, ONE, "main") == []


def test_what_a_killed_run_left_is_finished_by_the_next(site: Site) -> None:
    """One old node is stopped and not removed, one is removed and not forgotten."""
    three = [TWO, THREE, FOUR]
    site.variables.update(sets(pubsub(*three)))
    site.play("main").ok()
    master = site.master("pubsub")
    stays = master if master in three else TWO
    stopped, removed = (name for name in three if name != stays)
    site.variables.update(sets(pubsub(stays)))
    site.play("main").ok()
    site.nodes[stopped].run("systemctl", "stop", site.unit("pubsub"))
    gone = {"flavor": site.flavor, "instances": [{"name": "pubsub", "state": "absent", "keep_data": False}]}
    assert nodes.task(site.home, site.nodes[removed], "redis_host", gone).state == "changed"
    dummy, steps = moved(site, {}, "killed")
    assert f"end server {stopped}" in steps and f"end server {removed}" not in steps
    assert {f"forget server {stopped}", f"forget server {removed}"} <= {*steps}
    assert left(site, removed) == []


def test_a_set_ends_and_returns_with_its_data_and_ends_without(site: Site) -> None:
    """No other set is touched."""
    moved(site, sets(pubsub(TWO, THREE)), "two")
    master = site.master("pubsub")
    site.node(master).ask("SET", "last", "word")
    # Nothing would be saved when it stops.
    site.node(master).ask("CONFIG", "SET", "save", "")
    before = {unit: since for unit, since in site.started().items() if "@pubsub" not in unit}
    site.variables.update(sets({"name": "pubsub", "state": "absent"}))
    told = site.play("main", "--check", "--diff").ok()
    done = site.play("main", "--diff").ok()
    assert told.changed == done.changed
    assert site.play("main").ok().changed == []
    assert [path.rpartition("/")[0] for name in (TWO, THREE) for path in left(site, name)] == [f"/var/lib/{site.flavor}"] * 2
    for sentinel in site.sentinels:
        assert [master[1] for master in sentinel.ask("SENTINEL", "MASTERS")] == ["ledger"]
    other = THREE if master == TWO else TWO
    site.variables.update(sets(pubsub(master, other)))
    site.play("main").ok()
    assert (site.master("pubsub"), site.node(other).ask("GET", "last")) == (master, "word")
    site.variables.update(sets({"name": "pubsub", "state": "absent", "keep_data": False}))
    site.play("main").ok()
    assert [left(site, name) for name in (TWO, THREE)] == [[], []]
    assert site.play("main").ok().changed == []
    assert site.started() == before
    assert site.node(ONE, 6380).ask("GET", "kept") == "yes"


def test_an_existing_server_is_taken_over_with_its_data(site: Site) -> None:
    """As the role's README says."""
    node, flavor = site.nodes[THREE], site.flavor
    start = f"mkdir -p /tmp/old && cd /tmp/old && {flavor}-server --port 6399 --daemonize yes && sleep 1"
    node.run(
        "sh", "-c", f"{start} && {flavor}-cli -p 6399 SET old yes && {flavor}-cli -p 6399 SAVE && {flavor}-cli -p 6399 SHUTDOWN NOSAVE"
    )
    target = f"/var/lib/{flavor}/adopted"
    node.run("sh", "-c", f"mkdir -p {target} && cp /tmp/old/dump.rdb {target}/ && chown -R {flavor}:{flavor} {target}")
    site.variables.update(sets({**pubsub(THREE, TWO), "name": "adopted", "port": 6399}))
    site.play("main").ok()
    for name in (THREE, TWO):
        assert site.node(name, 6399).ask("GET", "old") == "yes"
    assert site.play("main").ok().changed == []
