# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sentinels and data nodes of one master say, read for a planned failover. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Server, info, pairs
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import Fence
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

Row = t.Dict[str, str]


@dataclass(frozen=True)
class View:
    """What one sentinel says: `master` and `replicas` as SENTINEL MASTER and REPLICAS give them, `about` is its INFO."""

    sentinel: Server
    id: str
    master: Row
    replicas: tuple[Row, ...]
    about: Row

    @property
    def address(self) -> Address:
        return Address.of(self.master["ip"], self.master["port"])

    @property
    def flags(self) -> frozenset[str]:
        return frozenset(self.master["flags"].split(","))

    def replica(self, address: Address) -> Row | None:
        return next((row for row in self.replicas if _address(row) == address), None)


@dataclass(frozen=True)
class Node:
    """A data node: `about` is its INFO, `settings` what CONFIG GET says of replicas. `silence`: why it could not be asked, if so."""

    server: Server
    role: str = ""
    about: Row = field(default_factory=dict)
    settings: Row = field(default_factory=dict)
    silence: str = ""

    @property
    def address(self) -> Address:
        return Address.of(self.server.host, self.server.port)

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def priority(self) -> int:
        return int(self.settings["replica-priority"])

    @property
    def fence(self) -> Fence:
        return Fence(int(self.settings["min-replicas-to-write"]), int(self.settings["min-replicas-max-lag"]))

    @property
    def master(self) -> Address | None:
        """The master that it replicates from."""
        host = self.about.get("master_host")
        return Address.of(host, self.about["master_port"]) if host else None

    @property
    def linked(self) -> bool:
        return self.about.get("master_link_status") == "up"

    @property
    def online_replicas(self) -> int:
        """How many replicas this master has that are past their first synchronisation."""
        rows = (value for name, value in self.about.items() if name.startswith("slave") and name[5:].isdigit())
        return sum(1 for row in rows if "state=online" in row)


@dataclass(frozen=True)
class Scene:
    """All that was seen. `silent`: the sentinels that did not answer, and why. `nodes`: the named master first."""

    name: str
    views: tuple[View, ...]
    silent: tuple[str, ...]
    nodes: tuple[Node, ...]

    @property
    def master(self) -> Node:
        return self.nodes[0]

    @property
    def replicas(self) -> tuple[Node, ...]:
        return self.nodes[1:]

    @property
    def agreed(self) -> bool:
        return len({view.address for view in self.views}) == 1

    def down(self, node: Node) -> bool:
        """Whether the node does not answer us, and a sentinel has noticed: it cannot be chosen."""
        rows = [row for view in self.views for row in [view.replica(node.address)] if row]
        return bool(node.silence) and any("s_down" in row["flags"].split(",") for row in rows)

    @property
    def eligible(self) -> tuple[Node, ...]:
        """The replicas that Sentinel might choose."""
        return tuple(node for node in self.replicas if not self.down(node) and (node.silence or node.priority > 0))


class Observer:
    """Asks all servers of one master again and again, each over one kept connection."""

    def __init__(self, access: Access, sentinels: t.Sequence[Server], name: str) -> None:
        self._access = access
        self._nodes: dict[Address, Server] = {}
        self.sentinels = sentinels
        self.name = name

    def observe(self) -> Scene:
        """Ask every sentinel, and the data nodes that they know of.

        Refused where no sentinel answers, one does not know the name, or a server is too old; ServerError where a server refuses us.
        """
        views, silent = [], []
        for sentinel in self.sentinels:
            try:
                views.append(_view(sentinel, self.name))
            except errors.SILENT as error:
                silent.append(str(error))
        if not views:
            raise Refused(silent)
        found: list[Address] = []
        for address in [view.address for view in views] + [_address(row) for view in views for row in view.replicas]:
            if address not in found:
                found.append(address)
        return Scene(self.name, tuple(views), tuple(silent), tuple(node(self.server(address)) for address in found))

    def server(self, address: Address, timeout: float | None = None) -> Server:
        """The data node there, over the kept connection; with a `timeout`, in seconds, over one of its own that waits no longer."""
        if timeout is not None:
            return replace(self._access, timeout=min(timeout, self._access.timeout)).data(*address)
        if address not in self._nodes:
            self._nodes[address] = self._access.data(*address)
        return self._nodes[address]


def node(server: Server) -> Node:
    """What the data node says of itself, or why it says nothing. Raises ServerError where it refuses us."""
    try:
        about = info(server.read("INFO"))
        version.supported(server.name, about)
        role = str(server.read("ROLE")[0])
        settings = pairs(server.read("CONFIG", "GET", "*replica*"))
    except (*errors.SILENT, errors.Loading) as error:
        return Node(server, silence=str(error))
    return Node(server, role, about, settings)


def _view(sentinel: Server, name: str) -> View:
    about = info(sentinel.read("INFO"))
    version.supported(f"sentinel {sentinel.name}", about)
    try:
        master = pairs(sentinel.read("SENTINEL", "MASTER", name))
    except errors.ServerError as error:
        if "No such master" in error.text:
            raise Refused([f"{sentinel.name}: watches no master {name!r}: check name and sentinels"]) from error
        raise
    return View(
        sentinel,
        str(sentinel.read("SENTINEL", "MYID")),
        master,
        tuple(map(pairs, sentinel.read("SENTINEL", "REPLICAS", name))),
        about,
    )


def _address(row: Row) -> Address:
    return Address.of(row["ip"], row["port"])


def find(nodes: t.Iterable[Node], address: Address) -> Node | None:
    return next((found for found in nodes if found.address.is_same(address)), None)
