"""Sets on bare nodes upgraded by maintain_redis under writers: from Redis 7.0 to 8.0, and to Valkey. Nothing is lost."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
import redis_site
from redis_site import Place, Site
from writers import Writers

from lab import depot

pytestmark = pytest.mark.skipif(int(os.environ.get("ECO2_TIMES", "1")) == 1, reason="upgrades six machines: make test-long")

NAMES = ["test-upgrade-1", "test-upgrade-2", "test-upgrade-3"]
EVERYBODY = {"name": "default", "rules": "on nopass ~* &* +@all -@admin"}
VARIABLES: dict[str, t.Any] = {
    "redis_sentinel_hosts": NAMES,
    "redis_sentinel_sets": [
        {"name": "pubsub", "nodes": NAMES, "users": [EVERYBODY], "down_after_milliseconds": 2000, "failover_timeout": 10000},
        # One node alone carries its data over by itself.
        {"name": "ledger", "nodes": [NAMES[0]], "port": 6380, "users": [EVERYBODY], "settings": {"appendonly": True}},
    ],
    "redis_sentinel_admin_password": "administration",
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


@pytest.fixture(params=list(UPGRADES))
def upgrade(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[tuple[Site, dict[str, t.Any], str]]:
    with redis_site.site(tmp_path, NAMES, VARIABLES) as site:
        site.play("main").ok()
        repository = {"redis_sentinel_apt_repository": depot.get().debian}
        yield site, {**UPGRADES[request.param], **repository}, request.param


def versions(places: t.Iterable[Place]) -> set[str]:
    about = [place.about() for place in places]
    return {f"valkey-{each['valkey_version']}" if "valkey_version" in each else f"redis-{each['redis_version']}" for each in about}


def test_a_rolling_upgrade_loses_no_acknowledged_write(
    upgrade: tuple[Site, dict[str, t.Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    site, to, wanted = upgrade
    ledger = site.node(NAMES[0], 6380)
    data = [site.node(name) for name in NAMES]
    assert versions(data) == versions(site.sentinels) == {"redis-7.0.15"}
    ids = [place.ask("SENTINEL", "MYID") for place in site.sentinels]
    ledger.ask("RPUSH", "kept", *range(1000))
    reported = site.play("main", **to).ok()
    # Of Valkey's own only what does not show: its samples masked, the rights that its Sentinels need.
    of_valkey = {
        "Check the declaration, mask the services that the packages start, and look at the instances",
        "Set up the instances and run them",
    }
    assert set(reported.changed) == {"Configure the repository"} | (of_valkey if wanted.startswith("valkey") else set())
    assert reported.tasks("ok").count("Report what waits for maintain_redis") == 3
    assert versions(data) == {"redis-7.0.15"}
    told = site.play("maintain", "--check", **to).ok()
    steps = [tuple(step.split()[:2]) for step in told.of("Show the steps").result["msg"]]
    assert steps == [
        *[(action, "server/pubsub") for action in ("backup", "restart", "restart", "switch", "restart")],
        *[(action, "server/ledger") for action in ("backup", "restart")],
        *[("restart", "sentinel/main")] * 3,
    ]
    with Writers(site, "pubsub", "upgrade") as writers:
        site.play("maintain", "--diff", **to).ok()
        writers.stop()
        account = writers.account(site.node(site.master("pubsub")))
    with capsys.disabled():
        print(f"\n  redis 7.0 to {wanted}: {account}", end="", flush=True)
    assert account.lost == 0
    assert account.rate >= 500
    assert account.gap < LONGEST_GAP
    (after,) = versions(data)
    assert after.startswith(wanted)
    assert versions(site.sentinels) == {after}
    assert [place.ask("SENTINEL", "MYID") for place in site.sentinels] == ids
    assert ledger.ask("LLEN", "kept") == 1000
    for tasks in ("maintain", "main"):
        again = site.play(tasks, **to).ok()
        assert again.changed == [], [outcome.result.get("changes") for outcome in again.outcomes if outcome.state == "changed"]
        assert "Report what waits for maintain_redis" not in again.tasks("ok")
    copies = [node.run("sh", "-c", "stat --format '%a %U %s %n' /var/backups/redis/* 2>/dev/null || true") for node in site.nodes.values()]
    lines = [line.split() for line in "".join(copies).splitlines()]
    assert sorted(Path(line[3]).name.partition("-")[0] for line in lines) == ["ledger", "pubsub"]
    assert all(line[:2] == ["600", "root"] and int(line[2]) > 1000 for line in lines)
    for node in site.nodes.values():
        left = node.run("sh", "-c", "ls /etc/redis /etc/systemd/system/redis-server@* 2>/dev/null || true")
        assert wanted.startswith("redis") or not any(word in left for word in ("pubsub", "ledger", "main", "eco2.conf"))
