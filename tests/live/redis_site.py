"""Sets of Redis that the role makes on bare nodes, with other eyes on them than the collection's own."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import nodes
import pytest
from nodes import Run

from lab import nodes as lab_nodes
from lab.host import LabError, require
from lab.nodes import Node
from lab.resp import Connection

Variables = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Place:
    """A server at an address; `credentials` are the words after AUTH that each connection begins with."""

    host: str
    port: int
    credentials: tuple[str, ...] = ()

    @contextlib.contextmanager
    def connection(self, timeout: float = 5.0) -> t.Iterator[Connection]:
        with Connection(self.host, self.port, timeout) as connection:
            if self.credentials:
                connection.ask("AUTH", *self.credentials)
            yield connection

    def ask(self, *words: t.Any, timeout: float = 5.0) -> t.Any:
        with self.connection(timeout) as connection:
            return connection.ask(*words)

    def about(self) -> dict[str, str]:
        return dict(line.split(":", 1) for line in self.ask("INFO", "everything").splitlines() if ":" in line)


@dataclass
class Site:
    """`names` are the nodes; `variables` those of the role."""

    home: Path
    names: list[str]
    variables: dict[str, t.Any]
    nodes: dict[str, Node] = field(default_factory=dict)

    def play(self, tasks: str, *options: str, **variables: t.Any) -> Run:
        """Run the role's tasks, main or maintain."""
        role = {"name": "eco2.platform.redis_sentinel", "tasks_from": tasks}
        body = {"become": True, "any_errors_fatal": True, "tasks": [{"ansible.builtin.include_role": role}]}
        return nodes.play(self.home, self.names, body, {**self.variables, **variables}, *options)

    @property
    def sentinels(self) -> list[Place]:
        hosts = self.variables["redis_sentinel_hosts"]
        password = self.variables.get("redis_sentinel_password")
        user = ("admin",) if self.variables.get("redis_sentinel_client_password") else ()
        return [Place(node.address, 26379, (*user, password) if password else ()) for name, node in self.nodes.items() if name in hosts]

    @property
    def flavor(self) -> str:
        return str(self.variables.get("redis_sentinel_flavor", "redis"))

    def unit(self, name: str) -> str:
        """Of a set."""
        return f"{self.flavor}-server@{name}"

    def node(self, name: str, port: int = 6379) -> Place:
        """A data node, as its administrator."""
        return Place(self.nodes[name].address, port, ("admin", self.variables["redis_sentinel_admin_password"]))

    def master(self, name: str) -> str:
        """The node of the set's master, on which all sentinels agree; ValueError where they do not."""
        (found,) = {sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)[0] for sentinel in self.sentinels}
        return next(node.name for node in self.nodes.values() if node.address == found)

    def master_of_nodes(self) -> str:
        """The only node that says of itself that it is a master."""
        (found,) = [name for name in self.names if self.node(name).ask("ROLE")[0] == "master"]
        return found

    def another_master(self, name: str, former: str) -> str:
        """Wait for it."""
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(ValueError):
                found = self.master(name)
                if found != former:
                    return found
            assert time.monotonic() < deadline, "no other node became the master"
            time.sleep(0.2)

    def started(self) -> dict[str, str]:
        """When each instance on each node was started, and as which process."""
        listing = "systemctl list-units --plain --no-legend 'redis-*@*' 'valkey-*@*' | cut -d' ' -f1"
        return {
            f"{name} {unit.removesuffix('.service')}": node.run(
                "systemctl", "show", "--property", "ExecMainStartTimestampMonotonic,ExecMainPID", unit
            )
            for name, node in self.nodes.items()
            for unit in node.run("sh", "-c", listing).split()
        }


@contextlib.contextmanager
def site(home: Path, names: list[str], variables: Variables) -> t.Iterator[Site]:
    """Bare nodes, on which the role has not run yet; removed at the end."""
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    try:
        yield Site(home, names, dict(variables), {node.name: node for node in lab_nodes.up(names, versions=())})
    finally:
        lab_nodes.down(names)
