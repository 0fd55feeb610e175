"""A server on its host keeps its data whatever its settings become, and nothing that others use is touched. On real packages."""

from __future__ import annotations

import os
import time
import typing as t

import on_node
import pytest
from redis_site import Place

from lab import nodes
from lab.host import LabError, require
from lab.nodes import Node

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
# Line -> the suites of Debian of the node and of the package, and the flavor. The systemd of forky needs a kernel with cgroup v2.
LINES = {
    "valkey-8.1": ("trixie", "trixie", "valkey"),
    "redis-7.0": ("bookworm", "bookworm", "redis"),
    "redis-8.0": ("trixie", "trixie", "redis"),
    "valkey-9.1": ("trixie", "forky", "valkey"),
}
# Redis 7.0 is what test_redis_role runs.
IN_CI = ("valkey-8.1",)
PASSWORD = "administration"
USERS = [
    {"name": "default", "passwords": [], "rules": "on nopass ~* &* +@all"},
    {"name": "admin", "passwords": [PASSWORD], "rules": "~* &* +@all"},
]
Result = t.Dict[str, t.Any]


class Host:
    """A node with the packages of one line, and the module redis_host on it."""

    def __init__(self, node: Node, line: str) -> None:
        self.node, self.line = node, line
        self.flavor = LINES[line][2]

    def sh(self, script: str) -> str:
        return self.node.run("sh", "-c", script)

    def run(self, *instances: Result, check: bool = False, **more: t.Any) -> Result:
        return on_node.module(self.node, "redis_host", {"flavor": self.flavor, "instances": instances, **more}, check)

    def apply(self, *instances: Result, again: bool = True, **more: t.Any) -> Result:
        """What check mode says is what is done; and it is done once."""
        predicted, done = self.run(*instances, check=True, **more), self.run(*instances, **more)
        assert "failed" not in done, done
        assert done["changes"] == predicted["changes"]
        assert not again or self.run(*instances, **more)["changes"] == []
        return done

    def refused(self, *instances: Result, **more: t.Any) -> list[str]:
        """The codes of the problems; nothing is written."""
        before = self.files()
        predicted, done = self.run(*instances, check=True, **more), self.run(*instances, **more)
        assert (done["changed"], done["msg"]) == (False, predicted["msg"])
        assert self.files() == before
        return [problem["code"] for problem in done["problems"]]

    def files(self) -> str:
        return self.sh(f"ls -lR /etc/{self.flavor} /etc/systemd/system; cat /etc/{self.flavor}/*; systemctl list-units '{self.flavor}*'")

    def server(self, port: int) -> Place:
        return Place(self.node.address, port, ("admin", PASSWORD))

    def keys(self, port: int) -> int:
        return int(self.server(port).ask("DBSIZE"))

    def add(self, port: int, name: str, count: int = 50) -> None:
        with self.server(port).connection() as connection:
            for number in range(count):
                connection.ask("SET", f"{name}:{number}", number)

    def end(self, name: str) -> None:
        """The instance is gone, with all that belongs to it."""
        self.sh(f"systemctl disable --now {self.flavor}-server@{name} 2>/dev/null; umount /var/lib/{self.flavor}/{name} 2>/dev/null; "
                f"rm -rf /etc/{self.flavor}/{self.flavor}-{name}.* /var/lib/{self.flavor}/{name}; true")  # fmt: skip


def instance(name: str, port: int, settings: Result | None = None, **more: t.Any) -> Result:
    given = {"port": port, "protected-mode": False, **(settings or {})}
    return {"name": name, "settings": given, "users": USERS, "admin": "admin", **more}


@pytest.fixture(scope="module", params=[line for line in LINES if TIMES > 1 or line in IN_CI])
def host(request: pytest.FixtureRequest) -> t.Iterator[Host]:
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    suite, package, flavor = LINES[request.param]
    name = f"test-data-{request.param.replace('.', '-')}"
    try:
        (node,) = nodes.up([name], suite=suite, versions=(), containerds=())
        made = Host(node, request.param)
        on_node.unpack(node)
        made.sh(f"sed -i 's/ {suite} main/ {package} main/' /etc/apt/sources.list; apt-get -qq update")
        made.sh(f"DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes {flavor}-server >/dev/null 2>&1")
        yield made
    finally:
        nodes.down([name])


# The package's own service comes first, before it is masked.


def test_a_service_of_the_package_that_somebody_uses_is_not_stopped(host: Host) -> None:
    sample = f"{host.flavor}-server"
    conf = f"/etc/{host.flavor}/{host.flavor}.conf"
    host.sh(f"systemctl start {sample}; cp -p {conf} /root/package.conf")

    def use() -> str:
        done = host.run(masked=[sample])
        assert [problem["code"] for problem in done["problems"]] == ["sample.in_use"]
        assert host.sh(f"systemctl is-active {sample}").strip() == "active"
        return str(done["problems"][0]["message"])

    def used_by(client: str) -> str:
        host.sh(f"({client}) </dev/null >/dev/null 2>&1 & echo $! >/root/client; sleep 0.4")
        try:
            return use()
        finally:
            host.sh("kill $(cat /root/client); sleep 0.2")

    cli = f"exec {host.flavor}-cli"
    for words, what in (("SUBSCRIBE news", "channel with subscribers"), ("PSUBSCRIBE n*", "pattern with subscribers")):
        assert f"1 {what}" in used_by(f"{cli} {words}")
    assert "1 connected client" in used_by(f"{cli} BLPOP queue 0")
    host.sh(f"{host.flavor}-cli SET a b")
    assert use().endswith("it has 1 key")
    host.sh(f"{host.flavor}-cli FLUSHALL; {host.flavor}-server --port 7999 --daemonize yes --dir /tmp --replicaof 127.0.0.1 6379")
    link = f"{host.flavor}-cli -p 7999 INFO replication | grep -q link_status:up"
    host.sh(f"for i in $(seq 100); do {link} && break; sleep 0.1; done")
    assert "1 connected replica" in use()
    host.sh(f"{host.flavor}-cli -p 7999 SHUTDOWN NOSAVE; {host.flavor}-cli REPLICAOF 127.0.0.1 7999")
    assert "it is a replica of 127.0.0.1:7999" in use()
    host.sh(f"{host.flavor}-cli REPLICAOF NO ONE; echo 'maxmemory 1gb' >>{conf}")
    assert "is not as the package brings it" in use()
    drop_in = f"/etc/systemd/system/{sample}.service.d"
    host.sh(
        f"cp -p /root/package.conf {conf}; mkdir {drop_in}; printf '[Service]\\nNice=1\\n' >{drop_in}/own.conf; systemctl daemon-reload"
    )
    assert "its unit has settings of its own" in use()
    host.sh(f"rm -r {drop_in}; systemctl daemon-reload")
    done = host.apply(masked=[sample])
    assert [change["object"] for change in done["changes"]] == [sample]


# Data


def test_keys_survive_whatever_becomes_of_the_settings(host: Host) -> None:
    """A chain of settings on one server without replicas; each restart must find what was written before it."""
    steps: list[tuple[Result, list[str]]] = [
        ({"appendonly": True, "save": ""}, ["appendonly"]),
        ({"save": ""}, ["snapshot", "shutdown-on-sigterm"]),
        ({"save": "", "maxmemory": "1gb"}, ["snapshot", "shutdown-on-sigterm"]),
        ({"save": "3600 1", "shutdown-on-sigterm": "nosave"}, ["snapshot", "shutdown-on-sigterm"]),
        ({"save": "3600 1", "shutdown-on-sigterm": "nosave", "hz": 20}, ["snapshot", "shutdown-on-sigterm"]),
        ({"appendonly": True, "appendfsync": "always"}, ["appendonly"]),
        ({}, ["snapshot"]),
        ({"appendonly": True, "shutdown-on-sigterm": "nosave", "save": ""}, ["appendonly"]),
        ({"dbfilename": "other.rdb", "appendonly": True}, []),
        ({"appendonly": True, "databases": 4}, []),
    ]
    steps = steps if TIMES > 1 else [*steps[:3], *steps[5:6]]
    host.apply(instance("chain", 7001))
    for number, (settings, saved) in enumerate(steps, 1):
        host.add(7001, f"step{number}")
        done = host.apply(instance("chain", 7001, settings), again=number == len(steps), restart=["server/chain"])
        fields = [entry["field"] for change in done["changes"] if change["kind"] == "data" for entry in change["differences"]]
        assert fields == saved, settings
        assert host.keys(7001) == 50 * number, settings
    # What somebody has switched off by hand, and nothing says so in a file.
    server = host.server(7001)
    server.ask("CONFIG", "SET", "appendonly", "no")
    host.add(7001, "by hand")
    host.apply(instance("chain", 7001, {"appendonly": True, "hz": 30}), restart=["server/chain"])
    assert host.keys(7001) == 50 * len(steps) + 50


def test_what_a_restart_would_not_find_is_refused_and_a_replica_may_have_it(host: Host) -> None:
    host.apply(instance("alone", 7002))
    # Without keys nothing can be lost.
    host.apply(instance("alone", 7002, {"dbfilename": "first.rdb"}), restart=["server/alone"])
    host.add(7002, "kept")
    moved = {"dbfilename": "second.rdb"}
    for restart in ([], ["server/alone"]):
        assert host.refused(instance("alone", 7002, moved), restart=restart) == ["data.moves"]
    assert host.refused(instance("alone", 7002, {"appendonly": True, "appendfilename": "x.aof"})) == ["data.moves"]
    assert host.refused(instance("alone", 7002, {"appendonly": True, "appenddirname": "x"})) == ["data.moves"]
    host.server(7002).ask("EVAL", "redis.call('SELECT', 9); return redis.call('SET', 'a', 'b')", 0)
    assert host.refused(instance("alone", 7002, {"dbfilename": "first.rdb", "databases": 9})) == ["data.databases"]
    host.apply(instance("second", 7003, moved, replicaof=f"{host.node.address}:7002"))
    wait_for(host, 7003)
    host.apply(instance("second", 7003, {"dbfilename": "third.rdb", "save": ""}), restart=["server/second"])
    wait_for(host, 7003)
    assert host.keys(7003) == 50
    # The master itself would be empty, and its replica would copy that.
    assert host.refused(instance("alone", 7002, moved), restart=["server/alone"]) == ["data.moves"]
    host.end("second")
    host.end("alone")


def wait_for(host: Host, port: int, line: str = "master_link_status:up") -> None:
    deadline = time.monotonic() + 20
    while line not in host.server(port).ask("INFO", "everything"):
        assert time.monotonic() < deadline, f"no {line}"
        time.sleep(0.1)


def test_a_server_that_does_not_run_is_started_with_what_finds_its_data(host: Host) -> None:
    host.add(7001, "stopped")
    count = host.keys(7001)
    host.sh(f"systemctl stop {host.flavor}-server@chain")
    done = host.run(instance("chain", 7001, {"hz": 40}))
    assert "failed" not in done, done
    assert "server/chain does not run" in str(done["warnings"])
    assert host.keys(7001) == count
    again = host.run(instance("chain", 7001, {"hz": 40}))
    assert (again["changes"], [entry["field"] for entry in again["instances"][0]["pending"]]) == ([], ["appendonly"])
    host.apply(instance("chain", 7001, {"hz": 40}), restart=["server/chain"])
    assert host.keys(7001) == count


def test_a_server_that_cannot_save_is_not_stopped(host: Host) -> None:
    """It would not end."""
    host.apply(instance("full", 7004))
    host.add(7004, "kept")
    place = f"/var/lib/{host.flavor}/full"
    host.sh(f"rm -rf {place}/*; mkdir {place}/dump.rdb; touch {place}/dump.rdb/x")
    host.server(7004).ask("BGSAVE")
    wait_for(host, 7004, "rdb_last_bgsave_status:err")
    done = host.run(instance("full", 7004, {"hz": 20}), restart=["server/full"])
    assert "could not save a snapshot" in done["msg"], done
    assert [entry["kind"] for entry in done["not_attempted"]] == ["file", "service"]
    assert host.keys(7004) == 50
    host.sh(f"rm -rf {place}/dump.rdb")
    host.apply(instance("full", 7004, {"hz": 20}), restart=["server/full"])
    assert host.keys(7004) == 50
    host.end("full")


# The directory


def test_a_new_disk_that_belongs_to_root_is_given_to_the_server(host: Host) -> None:
    place = f"/var/lib/{host.flavor}/disk"
    host.sh(f"mkdir {place} && mount -t tmpfs none {place} && mkdir -m 700 {place}/lost+found && chown root: {place}")
    done = host.apply(instance("disk", 7005))
    (given,) = [change for change in done["changes"] if change["kind"] == "directory"]
    assert given["differences"][0] == {"field": "owner", "before": "root", "after": host.flavor}
    host.server(7005).ask("SET", "a", "b")
    assert host.server(7005).ask("SAVE") == "OK"
    # A server that runs on such a directory already is helped at once.
    host.sh(f"chown -R root: {place}")
    done = host.apply(instance("disk", 7005))
    assert [change["object"] for change in done["changes"]] == [place]
    assert host.server(7005).ask("SAVE") == "OK"
    host.sh(f"systemctl stop {host.flavor}-server@disk; touch {place}/thesis.doc; chown -R root: {place}")
    assert host.refused(instance("disk", 7005)) == ["data.foreign"]
    host.sh(f"rm {place}/thesis.doc; mount -o remount,ro {place}")
    assert host.refused(instance("disk", 7005)) == ["data.directory"]
    host.sh(f"mount -o remount,rw {place}")
    # A file that root has edited, and a copy that root has put back.
    host.sh(f"chown root: /etc/{host.flavor}/{host.flavor}-disk.*; chmod 600 /etc/{host.flavor}/{host.flavor}-disk.*")
    host.apply(instance("disk", 7005))
    assert host.server(7005).ask("GET", "a") == "b"
    host.end("disk")
    host.sh(f"touch {place}")
    assert host.refused(instance("disk", 7005)) == ["data.directory"]
    host.sh(f"rm {place}")


def test_what_the_server_cannot_read_is_refused_before_it_is_stopped(host: Host) -> None:
    host.apply(instance("shut", 7010))
    log = f"/var/log/{host.flavor}/{host.flavor}-server-shut.log"
    host.sh(f"install --directory --mode 700 /srv/closed; install --mode 600 /dev/null /srv/key.pem; chown root: {log}; chmod 600 {log}")
    key = {"tls-key-file": "/srv/key.pem"}
    assert host.refused(instance("shut", 7010, key), restart=["server/shut"]) == ["file.unreadable"]
    assert host.refused(instance("below", 7011, directory="/srv/closed/below")) == ["file.unreadable"]
    # Without its log it would not start again either.
    assert [change["object"] for change in host.apply(instance("shut", 7010))["changes"]] == [log]
    host.sh(f"chown {host.flavor}: /srv/key.pem")
    host.run(instance("shut", 7010, key), restart=["server/shut"])
    assert host.keys(7010) == 0
    host.end("shut")
    host.sh("rm -r /srv/closed /srv/key.pem")


# Words


def test_a_server_that_does_not_start_says_why_in_its_own_words(host: Host) -> None:
    host.sh("nohup python3 -m http.server 7006 >/dev/null 2>&1 & sleep 0.7")
    done = host.run(instance("busy", 7006))
    assert "Address already in use" in done["msg"], done["msg"]
    host.end("busy")
    done = host.run(instance("busy", 7007, {"maxmemory-policy": "never"}))
    assert "maxmemory-policy ..." in done["msg"] and "argument" in done["msg"].lower(), done["msg"]
    host.end("busy")


def test_a_server_that_cannot_rewrite_its_file_is_warned_of(host: Host) -> None:
    host.apply(instance("kept", 7008))
    etc = f"/etc/{host.flavor}"
    mode = host.sh(f"stat --format '%a %U:%G' {etc}").split()
    host.sh(f"chown root:root {etc}; chmod 755 {etc}")
    secret = instance("kept", 7008, secret_settings={"masterauth": "canary"})
    done = host.run(secret)
    assert "failed" not in done, done
    assert "cannot rewrite" in str(done["warnings"]) and "canary" not in str(done)
    assert host.run(secret)["changes"] == []
    host.sh(f"chown {mode[1]} {etc}; chmod {mode[0]} {etc}; systemctl restart {host.flavor}-server@kept")
    assert host.server(7008).ask("CONFIG", "GET", "masterauth")[1] == "canary"
    host.end("kept")


def test_a_replica_that_follows_itself_follows_the_right_master_next_time(host: Host) -> None:
    wrong = {"replica-announce-ip": "127.0.0.1"}
    host.apply(instance("one", 7009, wrong))
    host.add(7009, "kept")
    host.run(instance("two", 7010, wrong, replicaof="127.0.0.1:7010"))
    right = {"replica-announce-ip": host.node.address}
    assert host.run(check=True)["self_replicas"] == ["server/two"]
    both = [instance("one", 7009, right), instance("two", 7010, right, replicaof=f"{host.node.address}:7009")]
    host.apply(*both)
    wait_for(host, 7010)
    assert host.keys(7010) == 50
    assert f"ip={host.node.address}" in host.server(7009).ask("INFO", "replication")
    # And one that does not run.
    main = f"/etc/{host.flavor}/{host.flavor}-two.conf"
    host.sh(f"systemctl stop {host.flavor}-server@two; sed -i 's/^replicaof .*/replicaof 127.0.0.1 7010/' {main}")
    host.apply(*both)
    wait_for(host, 7010)
    host.end("two")
    host.end("one")
