"""Redis and Valkey, data nodes and sentinels, as plain processes on loopback, each at an address of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from lab import loopback, unpacked
from lab.host import STATE, LabError, run, state_dir
from lab.resp import Connection, ServerSaid, pairs

__all__ = ["LINES", "Group", "Server", "ServerSaid", "group", "partition"]

# Release line -> the Debian suite whose package belongs to it.
LINES = {"redis-7.0": "bookworm", "redis-8.0": "trixie", "valkey-8.1": "trixie", "valkey-9.1": "forky"}

DATA_PORT = 6379
SENTINEL_PORT = 26379
READY_WITHIN = 20.0  # seconds; a tenth of one is usual, the rest is for a busy machine
HEALTHY_WITHIN = 60.0  # seconds; Sentinel asks its nodes for INFO every 10

# No snapshots, and a replica is served at once instead of after 5 seconds in which others may come.
DATA_SETTINGS = 'save ""\nrepl-diskless-sync yes\nrepl-diskless-sync-delay 0\nenable-debug-command local\nprotected-mode no\n'


@dataclass(frozen=True)
class Program:
    """The server of one release line; `version` is its own word."""

    line: str
    version: str
    tree: unpacked.Tree

    def command(self, config: Path, sentinel: bool) -> list[str]:
        brand = self.line.partition("-")[0]
        # One binary, which is what it is called: its checker of snapshots, a server, or a sentinel.
        return self.tree.command(f"usr/bin/{brand}-check-rdb", f"{brand}-{'sentinel' if sentinel else 'server'}", str(config))


def program(line: str) -> Program:
    if line not in LINES:
        raise LabError(f"no {line} in the lab: choose one of {', '.join(LINES)}")
    brand = line.partition("-")[0]
    tree = unpacked.ensure("redis", LINES[line], f"{brand}-tools")
    said = run(*tree.command(f"usr/bin/{brand}-check-rdb", f"{brand}-server", "--version"))
    match = re.search(r"\bv=(\S+)", said)
    if match is None:
        raise LabError(f"{line} does not say its version: {said!r}")
    return Program(line, match.group(1), tree)


class Server:
    """One data node or sentinel. `credentials` are the words after AUTH that `ask` begins with, where they are needed."""

    def __init__(self, program: Program, home: Path, host: str, sentinel: bool, settings: str) -> None:
        self.program = program
        self.home = home
        self.host = host
        self.port = SENTINEL_PORT if sentinel else DATA_PORT
        self.sentinel = sentinel
        self.credentials: tuple[str, ...] = ()
        self.config = home / ("sentinel.conf" if sentinel else "redis.conf")
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, mode=0o700)
        own = f"port {self.port}\nbind {host}\nbind-source-addr {host}\ndir {home}\nlogfile {home}/log\n"
        self.config.write_text(own + settings, encoding="utf-8")

    def __repr__(self) -> str:
        return f"<{self.home.name} {self.host}:{self.port}>"

    @property
    def version(self) -> str:
        return self.program.version

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, self.port)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise LabError(f"{self!r} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self, wait: bool = True) -> None:
        if not self.running:
            command = self.program.command(self.config, self.sentinel)
            with (self.home / "output").open("ab") as output:
                self._process = subprocess.Popen(
                    command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
            (self.home / "pid").write_text(str(self._process.pid), encoding="ascii")
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it answers, if only to say that it wants a password or is loading."""
        deadline = time.monotonic() + READY_WITHIN
        while True:
            with contextlib.suppress(OSError):
                with contextlib.suppress(ServerSaid):
                    self.ask("PING")
                return
            if not self.running:
                last = [*self.log().splitlines(), *(self.home / "output").read_text(errors="replace").splitlines()]
                raise LabError(f"{self!r} ended while starting: {' | '.join(last[-3:])}")
            if time.monotonic() > deadline:
                raise LabError(f"{self!r} does not answer within {READY_WITHIN:g} s")
            time.sleep(0.01)

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a machine that loses power would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: the connections stay, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self.running and self._process is not None:
            self._process.send_signal(number)
            # A process that is stopped takes no SIGTERM.
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.running:
            raise LabError(f"{self!r} is not running")
        self._process.send_signal(number)

    def log(self) -> str:
        path = self.home / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def ask(self, *words: str | int, timeout: float = 5.0) -> t.Any:
        """The reply to one command, on a connection of its own; ServerSaid for an error, OSError where there is no answer."""
        with Connection(self.host, self.port, timeout) as connection:
            if self.credentials:
                connection.ask("AUTH", *self.credentials)
            return connection.ask(*words)

    def info(self, section: str = "everything") -> dict[str, str]:
        """INFO as a dictionary."""
        lines = str(self.ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


class Group:
    """Data nodes, the first of which began as the master, and sentinels that watch nothing yet."""

    def __init__(self, name: str, line: str, beyond: bool = False) -> None:
        self.name = name
        self.line = line
        self.program = program(line)
        self.home = STATE / "redis" / name
        self.data: list[Server] = []
        self.sentinels: list[Server] = []
        end_leftovers(name)
        state_dir("redis", name)
        self._net = loopback.Beyond() if beyond else loopback.Net()

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.down()

    def add_data(self, master: Server | None = None, config: str = "", start: bool = True) -> Server:
        """One more data node: a replica of `master` where that is given. `config`: more lines for its redis.conf."""
        replication = f"replicaof {master.host} {master.port}\n" if master else ""
        server = self._add(self.data, "data", False, DATA_SETTINGS + replication + config)
        if start:
            server.start()
        return server

    def add_sentinel(self, config: str = "", start: bool = True) -> Server:
        """One more sentinel, which watches nothing. `config`: more lines for its sentinel.conf."""
        server = self._add(self.sentinels, "sentinel", True, config)
        if start:
            server.start()
        return server

    def _add(self, servers: list[Server], kind: str, sentinel: bool, settings: str) -> Server:
        # A test may have taken one out of the list; its number stays its own.
        home = next(path for number in itertools.count(1) if not (path := self.home / f"{kind}{number}").exists())
        server = Server(self.program, home, self._net.address(), sentinel, _lines(settings))
        servers.append(server)
        return server

    @property
    def servers(self) -> list[Server]:
        return [*self.data, *self.sentinels]

    def down(self) -> None:
        """End every server and remove their files."""
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.home, ignore_errors=True)
        self._net.close()

    def monitor(self, name: str, master: Server, quorum: int = 2, down_after: int = 1000, failover_timeout: int = 10000) -> None:
        """All sentinels watch `master` as `name`; times in milliseconds."""
        for sentinel in self.sentinels:
            sentinel.ask("SENTINEL", "MONITOR", name, master.host, master.port, quorum)
            for option, value in (("down-after-milliseconds", down_after), ("failover-timeout", failover_timeout)):
                sentinel.ask("SENTINEL", "SET", name, option, value)

    def wait_linked(self, timeout: float = READY_WITHIN) -> None:
        """Until every replica has its master's data."""
        _until(lambda: _unlinked(self.data), timeout)

    def wait_healthy(self, name: str, timeout: float = HEALTHY_WITHIN) -> None:
        """Until all running sentinels see all running servers of `name` well, and agree; LabError with the reason if they do not."""
        _until(lambda: self.trouble(name), timeout)

    def trouble(self, name: str) -> str:
        """What is not as it should be, or an empty string."""
        sentinels = [server for server in self.sentinels if server.running]
        data = [server for server in self.data if server.running]
        seen = set()
        for sentinel in sentinels:
            try:
                found = _unhealthy(sentinel, name, len(data), len(sentinels))
                seen.add(tuple(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name) or ()))
            except (OSError, ServerSaid) as error:
                found = str(error)
            if found:
                return f"{sentinel!r}: {found}"
        if len(seen) != 1:
            return f"the sentinels name different masters: {sorted(seen)}"
        return _unlinked(data)

    def master(self, name: str) -> Server:
        """The data node that the first running sentinel names."""
        sentinel = next(server for server in self.sentinels if server.running)
        host = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)[0]
        return next(server for server in self.data if server.host == host)


def group(  # noqa: PLR0917
    name: str,
    line: str,
    replicas: int = 2,
    sentinels: int = 3,
    data_config: str = "",
    sentinel_config: str = "",
    beyond: bool = False,
) -> Group:
    """A master, its replicas and sentinels, all answering and the replicas linked; what an earlier run left under this name is ended.

    `beyond`: at addresses that are no loopback addresses.
    """
    made = Group(name, line, beyond)
    try:
        master = made.add_data(config=data_config, start=False)
        for dummy in range(replicas):
            made.add_data(master, data_config, start=False)
        for dummy in range(sentinels):
            made.add_sentinel(sentinel_config, start=False)
        for server in made.servers:
            server.start(wait=False)
        for server in made.servers:
            server.wait()
        if "requirepass" not in data_config and "aclfile" not in data_config:
            made.wait_linked()
    except BaseException:
        made.down()
        raise
    return made


def partition(one_side: t.Sequence[Server], other_side: t.Sequence[Server]) -> contextlib.AbstractContextManager[None]:
    """While it is open no packet passes between a server of one side and one of the other."""
    return loopback.cut([server.host for server in one_side], [server.host for server in other_side])


def end_leftovers(name: str) -> None:
    """End what a killed run left of the group `name`: only processes whose working directory is ours."""
    home = STATE / "redis" / name
    for record in home.glob("*/pid"):
        number = int(record.read_text(encoding="ascii") or "0")
        with contextlib.suppress(OSError):
            if number and Path(f"/proc/{number}/cwd").resolve(strict=True) == record.parent:
                os.kill(number, signal.SIGKILL)
                _gone(number)
    shutil.rmtree(home, ignore_errors=True)


def _gone(number: int) -> None:
    for dummy in range(200):
        if not Path(f"/proc/{number}/cwd").exists():
            return
        time.sleep(0.01)


def _lines(settings: str) -> str:
    return settings if not settings or settings.endswith("\n") else settings + "\n"


def _until(trouble: t.Callable[[], str], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        reason = trouble()
        if not reason:
            return
        if time.monotonic() > deadline:
            raise LabError(f"not within {timeout:g} s: {reason}")
        time.sleep(0.05)


def _unlinked(data: t.Sequence[Server]) -> str:
    for server in data:
        try:
            role = server.ask("ROLE")
        except (OSError, ServerSaid) as error:
            return f"{server!r}: {error}"
        if role[0] == "slave" and role[3] != "connected":
            return f"{server!r}: its link to the master is {role[3]}"
    return ""


def _unhealthy(sentinel: Server, name: str, data: int, sentinels: int) -> str:
    if sentinel.info("sentinel")["sentinel_tilt"] != "0":
        return "it is in TILT"
    master = pairs(sentinel.ask("SENTINEL", "MASTER", name))
    if master["flags"] != "master" or master["role-reported"] != "master":
        return f"the master's flags are {master['flags']}, it says it is a {master['role-reported']}"
    if (int(master["num-slaves"]), int(master["num-other-sentinels"])) != (data - 1, sentinels - 1):
        return f"it knows {master['num-slaves']} replicas and {master['num-other-sentinels']} other sentinels"
    for row in map(pairs, sentinel.ask("SENTINEL", "REPLICAS", name)):
        if (row["flags"], row["master-link-status"], row["master-host"]) != ("slave", "ok", master["ip"]):
            return f"replica {row['name']}: flags {row['flags']}, link {row['master-link-status']} to {row['master-host']}"
    # Valkey 9.1 keeps master_down, what another said of the master, for long after the master is back.
    others = [pairs(row)["flags"].replace(",master_down", "") for row in sentinel.ask("SENTINEL", "SENTINELS", name)]
    return "" if set(others) <= {"sentinel"} else f"other sentinels' flags: {', '.join(others)}"
