# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One master with its sentinels and data nodes, as a planned failover looks at them. Private to this collection."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, observe, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address


class Scene:
    """All that was seen of the master `name`. `nodes`: the named master first."""

    def __init__(self, name: str, observed: observe.Observed, connections: Connections) -> None:
        self.name = name
        self.observed = observed
        self.connections = connections
        self.views = tuple(observed.sentinels.values())
        self.seen = observed.monitored(name)
        self.nodes = tuple(observed.nodes.values())
        self.master, self.replicas = self.nodes[0], self.nodes[1:]
        self.agreed = len({entry.address for entry in self.seen.values()}) == 1

    def down(self, node: observe.Node) -> bool:
        """Whether the node does not answer us, and a sentinel has noticed: it cannot be chosen."""
        rows = [row for entry in self.seen.values() for row in entry.rows if row.address == node.address]
        return bool(node.silence) and any("s_down" in row.flags for row in rows)

    @property
    def eligible(self) -> tuple[observe.Node, ...]:
        """The replicas that Sentinel might choose."""
        return tuple(node for node in self.replicas if not self.down(node) and (node.silence or node.priority > 0))

    def find(self, address: Address) -> observe.Node | None:
        return next((node for node in self.nodes if node.address.is_same(address)), None)

    def server(self, node: observe.Node) -> Server:
        return self.connections.data(node.address)

    def impatient(self, nodes: t.Iterable[observe.Node], timeout: float) -> dict[Address, Server]:
        """The same servers over connections of their own, for questions that must not take longer than `timeout` seconds."""
        return {node.address: self.connections.access.data(node.address, timeout=timeout) for node in nodes}

    @property
    def is_coordinated(self) -> bool:
        """Whether all servers are Valkey 9.0 or newer, and none is 9.1.0, whose sentinels crash of it (valkey#4066)."""
        versions = [view.version for view in self.views] + [node.version for node in self.nodes if not node.silence]
        return all(version.is_coordinated for version in versions)


def masters(servers: t.Mapping[Address, Server]) -> list[Address]:
    """Those that say now that they are masters; one that does not answer says nothing."""
    roles = read.side_by_side(_role, list(servers.values()))
    return [address for address, role in zip(servers, roles) if role == observe.MASTER]


def _role(server: Server) -> str:
    with contextlib.suppress(*errors.SILENT):
        return str(server.read("ROLE")[0])
    return ""


def look(name: str, places: t.Sequence[Address], connections: Connections) -> Scene:
    """Ask every sentinel, and the data nodes that they know of.

    Refused where no sentinel answers, one does not know the name, or a server is too old; ServerError where a server refuses us.
    """
    observed = read.sentinels(places, connections, lambda seen: seen.name == name, errors.SILENT)
    if not observed.sentinels:
        raise Refused(checks.of_sentinels(observed))
    seen = observed.monitored(name)
    if len(seen) < len(observed.sentinels):
        lacks = [view for view in observed.sentinels if view not in seen]
        remedy = "check name and sentinels"
        unknown = f"no master {name!r} is monitored there"
        raise Refused(checks.once(Problem("master.unknown", unknown, f"sentinel {view}", remedy=remedy) for view in lacks))
    found = [entry.address for entry in seen.values()] + [row.address for entry in seen.values() for row in entry.rows]

    def ask(place: Address) -> observe.Node:
        return read.node(place, connections, silences=(*errors.SILENT, errors.Loading), more=True)

    read.ask_nodes(dict.fromkeys(found), ask, observed)
    return Scene(name, observed, connections)
