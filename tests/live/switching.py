"""A set whose master is switched under writers, and a switch that something happens to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from harness import ModuleTask
from watch import USUAL, quick
from writers import Account, Writers

from lab import redis

LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
NAME = "set-1"
# Long enough that a machine with other work to do does not make Sentinel fail over by itself, in milliseconds.
DOWN_AFTER = 3000


SETTINGS = {"replica-priority": "100", "min-replicas-to-write": "0", "min-replicas-max-lag": "10"}


class Set:
    """A healthy set of three data nodes and three sentinels, and the task that switches its master."""

    def __init__(self, group: redis.Group) -> None:
        self.group = group
        self.arguments: dict[str, t.Any] = {"sentinels": [{"host": each.host} for each in group.sentinels], "name": NAME}
        self.task = ModuleTask("redis_failover", **self.arguments)

    def begin(self) -> None:
        self.group.monitor(NAME, self.group.data[0], down_after=DOWN_AFTER)
        self.healthy()
        if LONG:
            quick(self.group, USUAL)

    def healthy(self) -> None:
        quick(self.group)
        self.group.wait_healthy(NAME)

    @property
    def master(self) -> redis.Server:
        return self.group.master(NAME)

    @property
    def replicas(self) -> list[redis.Server]:
        return [server for server in self.group.data if server is not self.master]

    def changed_settings(self) -> dict[str, dict[str, str]]:
        """What a switch changes for a time and has not put back, on each data node: now, or after a restart, by its file."""
        found: dict[str, dict[str, str]] = {}
        for server in self.group.data:
            values = [(name, "now", str(server.ask("CONFIG", "GET", name)[1])) for name in SETTINGS]
            written = [line.split() for line in server.config.read_text(encoding="utf-8").splitlines() if line]
            values += [(words[0], "later", words[1]) for words in written if words[0] in SETTINGS]
            odd = {f"{name} {when}": value for name, when, value in values if value != SETTINGS[name]}
            if odd:
                found[server.home.name] = odd
        return found

    def is_one_master(self) -> None:
        assert [server.ask("ROLE")[0] for server in self.group.data if server is not self.master] == ["slave", "slave"]


def to(server: redis.Server) -> dict[str, t.Any]:
    return {"host": server.host, "port": server.port}


def warm(writers: Writers) -> None:
    deadline = time.monotonic() + 20
    while writers.count() < 500:
        assert time.monotonic() < deadline, "the writers do not get going"
        time.sleep(0.05)


def accounted(nodes: Set, writers: Writers) -> Account:
    writers.stop()
    account = writers.account(nodes.master)
    assert account.rate >= 500, f"too few writes to prove anything: {account}"
    return account


def start_dying(  # noqa: PLR0917
    nodes: Set,
    when: str,
    number: int,
    more: dict[str, t.Any],
    victim: redis.Server | None = None,
    environment: t.Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """The module in a process of its own, which dies before or after its command of that number that changes something."""
    arguments = {**nodes.arguments, **more}
    pid = str(victim.pid) if victim else "self"
    command = [sys.executable, str(Path(__file__).parent / "dying.py"), when, str(number), pid, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
