"""A set of sentinels for tests: asked in plain RESP, and swept clean of masters between tests."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ground import Ground
from harness import ModuleTask

from lab import redis
from lab.redis import Group, Server, ServerSaid
from lab.resp import pairs

# Two lines that differ; in the long run all of them.
LINES = list(redis.LINES) if int(os.environ.get("ECO2_TIMES", "1")) > 1 else ["redis-7.0", "valkey-9.1"]

# What a module can change, as SENTINEL MASTERS words it.
FIELDS = (
    "ip",
    "port",
    "quorum",
    "down-after-milliseconds",
    "failover-timeout",
    "parallel-syncs",
    "notification-script",
    "client-reconfig-script",
)


class Watch(Ground):
    """The sentinels of a group, and a task of redis_sentinel for all of them."""

    def __init__(self, group: Group, **defaults: t.Any) -> None:
        self.group = group
        sentinels = [{"host": server.host, "port": server.port} for server in group.sentinels]
        self.task = ModuleTask("redis_sentinel", **{"sentinels": sentinels, "timeout": 2.0, **defaults})
        self.info = ModuleTask("redis_sentinel_info", sentinels=sentinels, timeout=2.0)

    def clean(self) -> None:
        for server in self.group.sentinels:
            if server.running:
                for row in map(pairs, server.ask("SENTINEL", "MASTERS")):
                    with contextlib.suppress(ServerSaid):
                        server.ask("SENTINEL", "REMOVE", row["name"])

    def snapshot(self) -> dict[str, t.Any]:
        return {server.host: _state(server) for server in self.group.sentinels if server.running}

    def masters(self) -> list[dict[str, str]]:
        """Sentinel by sentinel: master -> HOST:PORT."""
        answers = [map(pairs, server.ask("SENTINEL", "MASTERS")) for server in self.group.sentinels]
        return [{row["name"]: f"{row['ip']}:{row['port']}" for row in rows} for rows in answers]


def _state(server: Server) -> t.Any:
    masters = {row["name"]: {field: row.get(field) for field in FIELDS} for row in map(pairs, server.ask("SENTINEL", "MASTERS"))}
    return masters, pairs(server.ask("SENTINEL", "CONFIG", "GET", "*")), hidden(server)


def hidden(server: Server) -> set[str]:
    """The lines of its file that tell what it does not tell itself."""
    words = ("auth-user", "auth-pass", "rename-command", "reboot-down-after-period")
    return {line for line in server.config.read_text(encoding="utf-8").splitlines() if any(word in line for word in words)}


def address(server: Server) -> str:
    return f"{server.host}:{server.port}"


@contextlib.contextmanager
def lone(group: Group, count: int) -> t.Iterator[list[Server]]:
    """Data nodes beside the group's set, each a master of its own."""
    made = [group.add_data() for dummy in range(count)]
    for server in made:
        group.data.remove(server)
    try:
        yield made
    finally:
        for server in made:
            server.kill()


USUAL = 10000  # milliseconds, of Sentinel itself


def quick(group: Group, period: int = 500) -> None:
    """Let each sentinel ask every node for INFO this often, in milliseconds: most of a test's time is spent waiting for that."""
    for server in group.sentinels:
        server.ask("SENTINEL", "DEBUG", "info-period", period)


def until(condition: t.Callable[[], bool], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
