"""Sets on bare nodes upgraded by maintain_redis under writers: from Redis 7.0 to 8.0, and to Valkey. Nothing is lost."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import nodes
import pytest
from nodes import Run
from writers import Writers

from lab import depot
from lab import nodes as lab_nodes
from lab.host import LabError, require
from lab.nodes import Node
from lab.resp import Connection

pytestmark = pytest.mark.skipif(int(os.environ.get("ECO2_TIMES", "1")) == 1, reason="upgrades six machines: make test-long")

NAMES = ["test-upgrade-1", "test-upgrade-2", "test-upgrade-3"]
ADMIN = "administration"
EVERYBODY = {"name": "default", "rules": "on nopass ~* &* +@all -@admin"}
VARIABLES: dict[str, t.Any] = {
    "redis_sentinel_hosts": NAMES,
    "redis_sentinel_sets": [
        {"name": "pubsub", "nodes": NAMES, "users": [EVERYBODY], "down_after_milliseconds": 2000, "failover_timeout": 10000},
        # One node alone carries its data over by itself.
        {"name": "ledger", "nodes": [NAMES[0]], "port": 6380, "users": [EVERYBODY], "settings": {"appendonly": True}},
    ],
    "redis_sentinel_admin_password": ADMIN,
    "redis_sentinel_masterauth": "replication",
    "redis_sentinel_auth_pass": "watching",
    "redis_sentinel_settings": {"protected-mode": False},
}
LATER = {
    "redis_sentinel_apt_suite": "trixie",
    "redis_sentinel_apt_key": "file:///etc/apt/trusted.gpg.d/debian-archive-trixie-automatic.asc",
    # Debian 13 has its C library's successors under names of their own.
    "redis_sentinel_allow_remove": ["libssl3"],
}
UPGRADES = {
    "redis-8.0": {**LATER, "redis_sentinel_version": "8.0.2"},
    "valkey-8.1": {**LATER, "redis_sentinel_flavor": "valkey", "redis_sentinel_version": "8.1.1"},
}
LONGEST_GAP = 5.0  # seconds


class Place(t.NamedTuple):
    """A server as the writers take it."""

    host: str
    port: int

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, self.port)

    def ask(self, *words: t.Any, user: str | None = None) -> t.Any:
        with Connection(self.host, self.port) as connection:
            if user:
                connection.ask("AUTH", user, ADMIN)
            return connection.ask(*words)


class Site:
    def __init__(self, home: Path, found: list[Node]) -> None:
        self.home = home
        self.nodes = {node.name: node for node in found}
        self.sentinels = [Place(node.address, 26379) for node in found]

    def play(self, tasks: str, variables: t.Mapping[str, t.Any], *options: str) -> Run:
        role = {"name": "eco2.platform.redis_sentinel", "tasks_from": tasks}
        body = {"become": True, "any_errors_fatal": True, "tasks": [{"ansible.builtin.include_role": role}]}
        repository = {"redis_sentinel_apt_repository": depot.up().debian} if "redis_sentinel_apt_suite" in variables else {}
        return nodes.play(self.home, NAMES, body, {**VARIABLES, **variables, **repository}, *options)

    def master(self, name: str) -> Place:
        host, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        return Place(host, int(port))

    def versions(self, port: int) -> set[str]:
        """What the servers that run on this port of all nodes say they are."""
        found = set()
        for node in self.nodes.values():
            said = Place(node.address, port).ask("INFO", "server", user="admin" if port != 26379 else None)
            about = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
            found.add(f"valkey {about['valkey_version']}" if "valkey_version" in about else f"redis {about['redis_version']}")
        return found


@pytest.fixture(params=list(UPGRADES))
def upgrade(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[tuple[Site, dict[str, t.Any], str]]:
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    try:
        site = Site(tmp_path, lab_nodes.up(NAMES))
        site.play("main", {}).ok()
        yield site, UPGRADES[request.param], request.param
    finally:
        lab_nodes.down(NAMES)


def test_a_rolling_upgrade_loses_no_acknowledged_write(
    upgrade: tuple[Site, dict[str, t.Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    site, to, wanted = upgrade
    assert site.versions(6379) == site.versions(26379) == {"redis 7.0.15"}
    ids = [place.ask("SENTINEL", "MYID") for place in site.sentinels]
    site.master("ledger").ask("RPUSH", "kept", *range(1000))
    reported = site.play("main", to).ok()
    assert set(reported.changed) <= {"Configure the repository", "Keep the packages from starting their samples, and look what is there"}
    assert reported.tasks("ok").count("Report what waits for maintain_redis") == 3
    assert site.versions(6379) == {"redis 7.0.15"}
    told = site.play("maintain", to, "--check").ok()
    steps = [(step["action"], step["instance"]) for step in told.of("Tell the steps").result["msg"]]
    assert steps == [
        *[(action, "server/pubsub") for action in ("backup", "restart", "restart", "switch", "restart")],
        *[(action, "server/ledger") for action in ("backup", "restart")],
        *[("restart", "sentinel/main")] * 3,
    ]
    with Writers(site, "pubsub", "upgrade") as writers:
        site.play("maintain", to, "--diff").ok()
        writers.stop()
        account = writers.account(site.master("pubsub"))
    with capsys.disabled():
        print(f"\n  redis 7.0 to {wanted}: {account}", end="", flush=True)
    assert account.lost == 0
    assert account.rate >= 500
    assert account.gap < LONGEST_GAP
    (after,) = site.versions(6379)
    assert after.replace(" ", "-").startswith(wanted)
    assert site.versions(26379) == {after}
    assert [place.ask("SENTINEL", "MYID") for place in site.sentinels] == ids
    assert site.master("ledger").ask("LLEN", "kept") == 1000
    for tasks in ("maintain", "main"):
        again = site.play(tasks, to).ok()
        assert again.changed == []
        assert "Report what waits for maintain_redis" not in again.tasks("ok")
    copies = [node.run("sh", "-c", "stat --format '%a %U %s %n' /var/backups/redis/* 2>/dev/null || true") for node in site.nodes.values()]
    lines = [line.split() for line in "".join(copies).splitlines()]
    assert sorted(Path(line[3]).name.partition("-")[0] for line in lines) == ["ledger", "pubsub"]
    assert all(line[:2] == ["600", "root"] and int(line[2]) > 1000 for line in lines)
    for node in site.nodes.values():
        left = node.run("sh", "-c", "ls /etc/redis /etc/systemd/system/redis-server@* 2>/dev/null || true")
        assert wanted.startswith("redis") or not any(word in left for word in ("pubsub", "ledger", "main", "eco2.conf"))
