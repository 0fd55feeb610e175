"""Clients that write without pause, and remember what was acknowledged to them: whatever of that is gone later was lost."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t
from dataclasses import dataclass

from lab.resp import Connection, ServerSaid

RATE = 1200  # writes a second in sum that they try for; 500 must be acknowledged
TIMEOUT = 1.0  # seconds, of those that have one
CLIENTS = 16


class Asked(t.Protocol):
    def ask(self, *words: str | int, timeout: float = 5.0) -> t.Any: ...


class Watched(t.Protocol):
    """A set whose sentinels can be asked."""

    @property
    def sentinels(self) -> t.Sequence[Asked]: ...


@dataclass(frozen=True)
class Account:
    """What became of the writes.

    Gaps in seconds: the longest time in which nobody, or some one client, got a write through. `rate`: acknowledged writes a second
    in the time without that gap.
    """

    acknowledged: int
    lost: int
    rate: float
    gap: float
    worst_gap: float
    errors: int

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged ({self.rate:.0f}/s), {self.lost} lost, "
            f"gap {self.gap:.2f} s (one client's worst: {self.worst_gap:.2f} s), {self.errors} errors"
        )


class Writer(threading.Thread):
    """One client. It asks the sentinels for the master only after an error, as redis-py does; `timeout` None waits for ever."""

    def __init__(self, writers: Writers, number: int, timeout: float | None) -> None:
        super().__init__(daemon=True)
        self.writers = writers
        self.key = f"{writers.prefix}:{number}"
        self.timeout = timeout
        self.acknowledged: list[tuple[float, int]] = []
        self.errors = 0
        self.connection: Connection | None = None

    def run(self) -> None:
        value = 0
        while not self.writers.ending.is_set():
            value += 1
            began = time.monotonic()
            try:
                if self.connection is None:
                    self.connection = self._connect()
                self.connection.ask("RPUSH", self.key, value)
            except (OSError, ServerSaid):
                self.errors += 1
                self.close()
                time.sleep(0.02)
            else:
                self.acknowledged.append((time.monotonic(), value))
            time.sleep(max(0.0, CLIENTS / RATE - (time.monotonic() - began)))

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        connection = Connection(*self.writers.master(), timeout=self.timeout, connect_timeout=TIMEOUT)
        if self.writers.password:
            connection.ask("AUTH", self.writers.password)
        return connection


class Writers:
    """CLIENTS of them, every other one without a timeout, on the master that the group's sentinels name."""

    def __init__(self, group: Watched, name: str, prefix: str, password: str | None = None) -> None:
        self.group = group
        self.name = name
        self.prefix = prefix
        self.password = password
        self.ending = threading.Event()
        self.clients = [Writer(self, number, TIMEOUT if number % 2 else None) for number in range(CLIENTS)]

    def __enter__(self) -> Writers:
        self.began = time.monotonic()
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No write is sent after this; those that wait for an answer for ever are told that there is none."""
        if not self.ending.is_set():
            self.ended = time.monotonic()
            self.ending.set()
        for client in self.clients:
            client.join(2 * TIMEOUT)
            if client.is_alive():
                with contextlib.suppress(AttributeError):
                    client.connection.shutdown()  # type: ignore[union-attr]
                client.join()
            client.close()

    def master(self) -> tuple[str, int]:
        """As the first sentinel that answers names it; OSError where none does."""
        for sentinel in self.group.sentinels:
            with contextlib.suppress(OSError, ServerSaid):
                host, port = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name, timeout=TIMEOUT)
                return str(host), int(port)
        raise OSError("no sentinel answers")

    def count(self) -> int:
        return sum(len(client.acknowledged) for client in self.clients)

    def lost_on(self, server: Asked) -> list[tuple[str, int]]:
        """The acknowledged writes that the server has not."""
        lost = []
        for client in self.clients:
            there = set(map(int, server.ask("LRANGE", client.key, 0, -1)))
            lost += [(client.key, value) for dummy, value in list(client.acknowledged) if value not in there]
        return lost

    def account(self, server: Asked) -> Account:
        """After stop: what became of all writes, as this server has them."""
        each = [sorted([self.began, self.ended, *(moment for moment, dummy in client.acknowledged)]) for client in self.clients]
        gap = _longest(sorted(moment for moments in each for moment in moments))
        return Account(
            acknowledged=self.count(),
            lost=len(self.lost_on(server)),
            rate=self.count() / (self.ended - self.began - gap),
            gap=gap,
            worst_gap=max(map(_longest, each)),
            errors=sum(client.errors for client in self.clients),
        )


def _longest(moments: t.Sequence[float]) -> float:
    return max((later - earlier for earlier, later in zip(moments, moments[1:])), default=0.0)
