# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be healthy at a sentinel before the next one is changed. Private to this collection."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import counted
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.errors import ServerError
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, observe, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

# Seconds between two looks at a sentinel that must become healthy.
PAUSE = 0.1


class Gate:
    """One condition; `change`: what was written that it waits for."""

    change: Change | None = None

    def closed(self, connections: Connections) -> str | None:
        """What is not as it must be yet; None where all is. Raises as Server.ask does."""
        raise NotImplementedError


def closed(waiting: t.Sequence[Gate], connections: Connections, patience: float) -> t.Iterator[tuple[Gate, str]]:
    """Wait for all of these, `patience` seconds in total. Yields those that are still closed, and why in one line."""
    deadline = wait.Deadline(patience)

    def look(gate: Gate) -> str | None:
        try:
            return gate.closed(connections)
        except ChangeFailed as error:
            return str(error)

    for gate in waiting:
        reason = wait.until(lambda gate=gate: look(gate), lambda reason: reason is None, deadline, PAUSE)  # type: ignore[misc]
        if reason is not None:
            yield gate, f"{reason} (waited {patience:g} s)"


@dataclass(frozen=True)
class MasterGate(Gate):
    """A master as one sentinel must see it, with as many replicas and other sentinels. `living`: dead replicas do not count."""

    sentinel: Address
    name: str
    address: Address | None
    replicas: int
    others: int
    living: bool = False
    change: Change | None = None

    def closed(self, connections: Connections) -> str | None:
        seen = read.master(connections, self.sentinel, self.name)
        if self.address is not None and seen.address != self.address:
            return f"sentinel {self.sentinel}: watches {seen.address}, not {self.address}: it has this address from another sentinel"
        expected = checks.Expected(self.others + 1, {self.name: self.replicas}, at_least=True)
        for problem in checks.as_seen(str(self.sentinel), seen, expected):
            return str(problem)
        if self.living:
            living = sum("s_down" not in row.flags for row in read.replicas(connections, self.sentinel, self.name))
            if living < self.replicas:
                return f"sentinel {self.sentinel}: knows {counted(living, 'living replica')}, not {self.replicas}"
        return None


@dataclass(frozen=True)
class PeersGate(Gate):
    """The links between a sentinel and the others of `views`, opened again after `since`, among those that know each other.

    `announced`: the host and the port by which the others must know it, None where it did not change.
    """

    view: observe.SentinelView
    views: tuple[observe.SentinelView, ...]
    announced: tuple[str | None, str | None]
    since: float
    change: Change | None = None

    def closed(self, connections: Connections) -> str | None:
        ids = {view.myid: view for view in self.views}
        for peer in self._peers(connections, self.view):
            if peer.id in ids and self._trouble(peer):
                rights = "check that sentinel_user has the rights that it needs there"
                return f"sentinel {self.view.name}: sees sentinel {peer.address} {self._trouble(peer)}; {rights}"
        for other in self.views if self.announced != (None, None) else ():
            for peer in self._peers(connections, other):
                if peer.id == self.view.myid and (self._trouble(peer) or not self._is_announced(peer)):
                    return f"sentinel {self.view.name}: sentinel {other.name} sees it at {peer.address} {self._trouble(peer)}".rstrip()
        return None

    def _peers(self, connections: Connections, view: observe.SentinelView) -> t.Iterator[observe.Peer]:
        """What a sentinel knows of the others, by the masters that both monitor. A master that was removed in the meantime is left out."""
        for name in view.masters.keys() & self.view.masters.keys():
            try:
                yield from read.peers(connections, view.address, name)
            except ServerError as error:
                if not error.unknown_master:
                    raise

    def _trouble(self, peer: observe.Peer) -> str:
        """Sentinels ask each other every second, so an answer from before the change does not count."""
        return peer.trouble or ("without an answer since" if peer.silence > time.monotonic() - self.since else "")

    def _is_announced(self, peer: observe.Peer) -> bool:
        host, port = self.announced
        return (host is None or peer.address.is_same(Address.of(host, peer.address.port))) and port in (None, "0", str(peer.address.port))
