"""The role redis_sentinel on bare nodes: converged twice, failed over, converged again, maintained; nothing secret seen."""

from __future__ import annotations

import dataclasses
import json
import time
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import redis_site
from nodes import Run
from redis_site import Place, Site
from writers import Writers

from lab.resp import ServerSaid

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
    # The one of them that a container has of its own.
    "redis_sentinel_sysctls": {"net.core.somaxconn": 2048},
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
# The role reaches this one, and lets it be watched, all the same.
VARIABLES["redis_sentinel_sets"][2]["rename_commands"] = {"CONFIG": "config-7f3a", "SLAVEOF": "slaveof-7f3a"}
SETS = [entry["name"] for entry in VARIABLES["redis_sentinel_sets"]]
BRING = "Bring the Sentinels to the sets, and wait until all is well"


class Made(t.NamedTuple):
    site: Site
    predicted: Run
    applied: Run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Made]:
    with redis_site.site(tmp_path_factory.mktemp("redis"), NAMES, VARIABLES) as found:
        predicted = found.play("main", "--check", "--diff").ok()
        yield Made(found, predicted, found.play("main", "--diff", "-vvv").ok())


@pytest.fixture
def site(made: Made) -> Site:
    return made.site


def test_check_mode_on_bare_nodes_lists_what_the_apply_changes(made: Made) -> None:
    assert made.predicted.changed == made.applied.changed
    assert made.predicted.changed


def test_a_second_run_changes_nothing_in_few_tasks(site: Site) -> None:
    before = site.started()
    again = site.play("main", "--diff").ok()
    assert again.changed == []
    assert again.executed <= 3 * 10
    checked = site.play("main", "--check", "--diff").ok()
    assert checked.changed == []
    assert BRING in checked.tasks("ok")
    assert site.started() == before


def test_nothing_of_the_packages_samples_has_ever_run(site: Site) -> None:
    for node in site.nodes.values():
        for unit in ("redis-server", "redis-sentinel"):
            shown = node.run("systemctl", "show", "--property", "LoadState,ExecMainStartTimestamp", unit)
            assert "LoadState=masked" in shown
            assert "ExecMainStartTimestamp=\n" in shown + "\n" or "ExecMainStartTimestamp" not in shown
    for sentinel in site.sentinels:
        assert len(sentinel.ask("SENTINEL", "MASTERS")) == len(SETS)


def test_the_kernel_and_the_units_are_as_redis_asks_for(site: Site) -> None:
    for node in site.nodes.values():
        assert node.run("cat", "/proc/sys/net/core/somaxconn").strip() == "2048"
        assert "2048" in node.run("sh", "-c", "cat /etc/sysctl.d/*")
        for unit in ("redis-server@pubsub", "redis-sentinel@main"):
            assert "LimitNOFILE=65535" in node.run("systemctl", "cat", unit)


def test_after_a_failover_nothing_is_changed_and_nothing_restarts(site: Site) -> None:
    former, before = site.master("pubsub"), site.started()
    site.sentinels[0].ask("SENTINEL", "FAILOVER", "pubsub")
    moved = site.another_master("pubsub", former)
    again = site.play("main", "--diff").ok()
    assert again.changed == []
    assert site.master("pubsub") == moved
    assert site.started() == before
    health = [outcome.result for outcome in again.outcomes if outcome.task == BRING and outcome.state == "ok"]
    assert health[0]["healthy"], json.dumps(health[0]["reasons"])


def test_a_machine_made_anew_follows_whom_the_sentinels_name(site: Site) -> None:
    master = site.master("pubsub")
    name = next(name for name in NAMES if name not in (master, NAMES[2]))
    node = site.nodes[name]
    node.run("sh", "-c", "systemctl stop redis-server@pubsub; rm -r /etc/redis/redis-pubsub* /var/lib/redis/pubsub")
    # With only this host in the play the sentinels are asked all the same.
    site.play("main", "--limit", name).ok()
    assert site.node(name).ask("ROLE")[:2] == ["slave", site.nodes[master].address]
    assert site.play("main").ok().changed == []


def test_a_node_that_the_sentinels_know_in_another_set_is_not_started(site: Site) -> None:
    """They would make it a replica there, without its data, or fail over without end."""
    name, before = NAMES[0], site.started()
    for sentinel in site.sentinels:
        sentinel.ask("SENTINEL", "MONITOR", "ghost", site.nodes[name].address, 6399, 2)
    try:
        jobs = {"name": "jobs", "nodes": [name], "port": 6399, "password": "canary-application"}
        run = site.play("main", redis_sentinel_sets=[*VARIABLES["redis_sentinel_sets"], jobs])
        assert f"{site.nodes[name].address}:6399 as a node of ghost" in run.failure
        assert site.started() == before
    finally:
        for sentinel in site.sentinels:
            sentinel.ask("SENTINEL", "REMOVE", "ghost")


LOCK = "eco2.platform:maintenance"


def refused_beside(site: Site, running: Future[t.Any], sets: list[dict[str, t.Any]], home: Path) -> None:
    """A second run of maintain_redis, from another controller: told who has the lock while the first one is at work."""
    rival = dataclasses.replace(site, home=home)
    while not running.done() and not any(site.node(name).ask("EXISTS", LOCK) for name in NAMES if answers(site, name)):
        time.sleep(0.2)
    assert not running.done(), running.result().output
    told = rival.play("maintain", "--check", redis_sentinel_sets=sets)
    found = [problem for outcome in told.outcomes for problem in outcome.result.get("problems", [])]
    assert "set.locked" in [problem["code"] for problem in found], told.output
    assert all(" maintains the set, and its lock ends in " in problem["message"] for problem in found)
    second = rival.play("maintain", redis_sentinel_sets=sets)
    assert second.changed == [], "the second run has restarted something, and the first one was at work"


def answers(site: Site, name: str) -> bool:
    try:
        return bool(site.node(name).ask("PING"))
    except (OSError, ServerSaid):
        return False


def test_static_settings_wait_for_maintenance_which_restarts_one_by_one(
    site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Among them one that changes which file a start reads: without replicas a server would lose all keys by it."""
    logged = {"maxmemory": "96mb", "appendonly": True}
    sets = [{**entry, "settings": logged} if entry["name"] in ("pubsub", "auth") else entry for entry in VARIABLES["redis_sentinel_sets"]]
    alone = site.node(NAMES[0], 6380)
    for number in range(200):
        alone.ask("SET", f"key:{number}", number)
    before, former = site.started(), site.master("pubsub")
    reported = site.play("main", redis_sentinel_sets=sets).ok()
    assert reported.changed == []
    assert "Report what waits for maintain_redis" in reported.tasks("ok")
    assert site.started() == before
    told = site.play("maintain", "--check", redis_sentinel_sets=sets).ok()
    assert [tuple(step.split()[:2]) for step in told.of("Show the steps").result["msg"]] == [
        *((action, "server/pubsub") for action in ("backup", "restart", "restart", "switch", "restart")),
        *((action, "server/auth") for action in ("backup", "restart")),
    ]
    # The summary shows them, too.
    planned = told.of("Wait until all is well, and plan the steps").result["changes"]
    assert [f"{change['action']} {change['object']}" for change in planned] == told.of("Show the steps").result["msg"]
    with Writers(site, "pubsub", "maintenance", "canary-application") as writers:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(site.play, "maintain", "--diff", redis_sentinel_sets=sets)
            refused_beside(site, running, sets, tmp_path)
            running.result().ok()
        writers.stop()
        account = writers.account(site.node(site.master("pubsub")))
    with capsys.disabled():
        print(f"\n  append-only files switched on: {account}", end="", flush=True)
    assert account.lost == 0
    assert int(alone.ask("DBSIZE")) == 200
    after = site.started()
    restarted = {*(f"{name} redis-server@pubsub" for name in NAMES), f"{NAMES[0]} redis-server@auth"}
    assert {key for key in before if before[key] != after[key]} == restarted
    assert site.master("pubsub") != former
    for place in (*map(site.node, NAMES), alone):
        assert place.ask("CONFIG", "GET", "maxmemory")[1] == str(96 << 20)
        assert place.ask("CONFIG", "GET", "appendonly")[1] == "yes"
    for tasks in ("maintain", "main"):
        assert site.play(tasks, redis_sentinel_sets=sets).ok().changed == []
    assert site.started() == after
    for place in (*map(site.node, NAMES), alone):
        assert place.ask("EXISTS", LOCK) == 0
    # What is not found is refused at once, here before the first step.
    renamed = [{**entry, "settings": {**logged, "appenddirname": "elsewhere"}} if entry["name"] == "auth" else entry for entry in sets]
    refused = site.play("maintain", redis_sentinel_sets=renamed)
    assert "data.moves" in [problem["code"] for outcome in refused.outcomes for problem in outcome.result.get("problems", [])]
    assert site.started() == after
    site.variables["redis_sentinel_sets"] = sets


def test_secrets_are_in_no_output_and_in_no_file_that_others_may_read(made: Made) -> None:
    site = made.site
    run = site.play("main", "-vvv", "--diff").ok()
    said = made.predicted.output + made.applied.output + run.output + json.dumps([outcome.result for outcome in made.applied.outcomes])
    assert "canary" not in said
    for node in site.nodes.values():
        assert "canary" not in node.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        listed = node.run("sh", "-c", "grep -rl canary /etc /var/log /var/lib/redis /tmp /home 2>/dev/null || true").split()
        assert listed
        for path in listed:
            assert path.startswith("/etc/redis/")
            assert node.run("stat", "--format", "%a %U %G", path).strip() in ("640 redis redis", "600 redis redis"), path


def test_a_master_that_crashes_does_not_come_back_empty_before_its_replicas_are_asked(site: Site) -> None:
    """Without a snapshot it would be back within a second, and its replicas would copy nothing from it."""
    name = site.master("pubsub")
    master = site.node(name)
    master.ask("CONFIG", "SET", "save", "")
    master.ask("CONFIG", "SET", "appendonly", "no")
    site.nodes[name].run("rm", "-r", "/var/lib/redis/pubsub/appendonlydir")
    master.ask("SET", "kept", "yes")
    assert master.ask("WAIT", 2, 5000) == 2
    site.nodes[name].run("systemctl", "kill", "--signal", "SIGKILL", "redis-server@pubsub")
    found = site.another_master("pubsub", name)
    assert site.node(found).ask("GET", "kept") == "yes"
    health = site.play("main").ok()
    assert health.changed == [] or set(health.changed) == {"Set up the instances and run them"}, health.changed
    assert site.node(name).ask("ROLE")[0] == "slave"
    assert site.node(name).ask("GET", "kept") == "yes"


def test_all_passwords_change_without_an_outage(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Clients with the old one go on writing, nothing restarts, and the old ones are worth nothing in the end."""
    before = site.started()
    new = {name: f"{value}-2" for name, value in SECRETS.items()}
    former = {name.removeprefix("redis_sentinel_"): value for name, value in SECRETS.items()}
    sets = [{**entry, "password": "canary-application-2"} for entry in site.variables["redis_sentinel_sets"]]
    both = [{**entry, "former_password": "canary-application"} for entry in sets]
    with Writers(site, "pubsub", "rotation", "canary-application") as writers:
        first = site.play("main", "-vvv", "--diff", redis_sentinel_sets=both, redis_sentinel_former_passwords=former, **new).ok()
        writers.stop()
        # From now on by the new ones.
        site.variables.update(new, redis_sentinel_sets=sets)
        account = writers.account(site.node(site.master("pubsub")))
    with capsys.disabled():
        print(f"\n  passwords changed: {account}", end="", flush=True)
    assert (account.lost, account.errors) == (0, 0)
    assert account.rate >= 500
    assert {"Set up the instances and run them", BRING} == set(first.changed)
    assert "canary" not in first.output + json.dumps([outcome.result for outcome in first.outcomes])
    last = site.play("main").ok()
    assert set(last.changed) == {"Set up the instances and run them"}
    assert site.play("main").ok().changed == []
    assert site.started() == before
    address = site.nodes[NAMES[0]].address
    for place, words in (
        (Place(address, 6379), ["canary-application"]),
        (Place(address, 6379), ["admin", SECRETS["redis_sentinel_admin_password"]]),
        (Place(address, 6379), ["replica", SECRETS["redis_sentinel_masterauth"]]),
        (Place(address, 6379), ["sentinel", SECRETS["redis_sentinel_auth_pass"]]),
        (Place(address, 26379), [SECRETS["redis_sentinel_password"]]),
    ):
        with pytest.raises(ServerSaid, match="WRONGPASS"):
            place.ask("AUTH", *words)
    # What the servers use among each other is the new one: links are made anew, and a failover goes as it did.
    name = site.master("pubsub")
    site.node(name).ask("CLIENT", "KILL", "TYPE", "replica")
    site.sentinels[0].ask("SENTINEL", "FAILOVER", "pubsub")
    site.another_master("pubsub", name)
    assert site.play("main").ok().changed == []


def test_clients_of_the_sentinels_may_ask_and_no_more(site: Site) -> None:
    site.variables["redis_sentinel_client_password"] = "canary-clients"
    first = site.play("main", "-vvv", "--diff").ok()
    assert "canary" not in first.output
    assert site.play("main").ok().changed == []
    name = site.master("pubsub")
    for node in site.nodes.values():
        client = Place(node.address, 26379, ("canary-clients",))
        assert client.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub")[0] == site.nodes[name].address
        with client.connection() as connection:
            assert connection.ask("SUBSCRIBE", "+switch-master")[0] == "subscribe"
        for words in (("SENTINEL", "FAILOVER", "pubsub"), ("SENTINEL", "REMOVE", "pubsub"), ("SENTINEL", "CONFIG", "GET", "*")):
            with pytest.raises(ServerSaid, match="NOPERM"):
                client.ask(*words)
    # The Sentinels still hear one another.
    site.sentinels[0].ask("SENTINEL", "FAILOVER", "pubsub")
    site.another_master("pubsub", name)
    assert site.play("main").ok().changed == []
    site.variables["redis_sentinel_client_password"] = ""
    site.play("main").ok()
    assert site.play("main").ok().changed == []


def test_addresses_that_lead_nowhere_are_refused_and_what_they_left_is_mended(site: Site) -> None:
    for wrong in ("127.0.0.1", "0.0.0.0", site.nodes[NAMES[0]].address):  # noqa: S104
        run = site.play("main", redis_sentinel_address=wrong)
        codes = {problem["code"] for outcome in run.outcomes for problem in outcome.result.get("problems", [])}
        assert codes <= {"host.address_nowhere", "host.same_place"} and codes, run.output
        assert run.changed == []
    # As a first run with 127.0.0.1 leaves a replica: nobody watches the set, and it follows itself.
    for sentinel in site.sentinels:
        sentinel.ask("SENTINEL", "REMOVE", "pubsub")
    master = site.master_of_nodes()
    name = next(each for each in NAMES if each != master)
    site.nodes[name].run("sed", "-i", "s/^replica-announce-ip .*/replica-announce-ip 127.0.0.1/", "/etc/redis/redis-pubsub.static.conf")
    with site.node(name).connection() as connection:
        for words in ("CONFIG SET replica-announce-ip 127.0.0.1", "REPLICAOF 127.0.0.1 6379", "CONFIG REWRITE"):
            connection.ask(*words.split())
    site.play("main").ok()
    assert site.master("pubsub") == master
    assert site.node(name).ask("ROLE")[1:4] == [site.nodes[master].address, 6379, "connected"]
    again = site.play("main").ok()
    assert again.changed == []
    # It runs as declared, but nobody can know that of a server that is older than its file.
    assert "Report what waits for maintain_redis" in again.tasks("ok")
    site.nodes[name].run("systemctl", "restart", "redis-server@pubsub")
    deadline = time.monotonic() + 30
    while not answers(site, name) or site.node(name).ask("ROLE")[3] != "connected":
        assert time.monotonic() < deadline, "the replica does not follow its master again"
        time.sleep(0.2)


def test_one_set_ends_and_another_moves_and_no_third_is_touched(site: Site) -> None:
    """auth is absent, and streams goes from the second host to the first."""
    one, two = NAMES[:2]
    pubsub, auth, streams, cache = site.variables["redis_sentinel_sets"]
    streams = {**streams, "down_after_milliseconds": 1000}
    site.node(two, streams["port"]).ask("SET", "kept", "yes")
    before = {unit: since for unit, since in site.started().items() if "@auth" not in unit and "@streams" not in unit}
    site.variables["redis_sentinel_sets"] = [pubsub, {**auth, "state": "absent"}, {**streams, "nodes": [one]}, cache]
    first = site.play("main", "-vvv", "--diff").ok()
    second = site.play("maintain", "-vvv", "--diff").ok()
    told = second.of("Show the steps").result["msg"]
    assert told == [f"{step} server/streams on {two}" for step in ("switch", "end", "forget")]
    assert "canary" not in first.output + second.output
    again = site.play("main").ok()
    assert again.changed == []
    assert "Report what waits for maintain_redis" not in again.tasks("ok")
    assert {unit: since for unit, since in site.started().items() if "@auth" not in unit and "@streams" not in unit} == before
    assert (site.master("streams"), site.node(one, streams["port"]).ask("GET", "kept")) == (one, "yes")
    for sentinel in site.sentinels:
        assert {master[1] for master in sentinel.ask("SENTINEL", "MASTERS")} == {"pubsub", "streams", "cache"}
        assert sentinel.ask("SENTINEL", "REPLICAS", "streams") == []
    for name, of in ((one, "auth"), (two, "streams")):
        left = site.nodes[name].run("sh", "-c", f"ls -d /etc/redis/*-{of}.* /etc/systemd/system/*@{of}* /var/lib/redis/{of}/* || true")
        # And the append-only file of a set that has one.
        assert {*left.split()} - {f"/var/lib/redis/{of}/appendonlydir"} == {f"/var/lib/redis/{of}/dump.rdb"}
