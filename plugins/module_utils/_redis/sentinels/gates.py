# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be well at a sentinel before the next one is touched. Private to this collection."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.errors import ServerError
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Peer, SentinelView


class Gate(t.Protocol):
    """Its text says what has to be well."""

    def closed(self, connections: Connections) -> str | None:
        """In words what is not right yet; None where all is. Raises as Server.ask does."""


@dataclass(frozen=True)
class MasterGate:
    """A master as one sentinel has to see it, with so many replicas and others. `living`: dead replicas do not count."""

    sentinel: Address
    name: str
    address: Address | None
    replicas: int
    others: int
    living: bool = False

    def __str__(self) -> str:
        return f"master {self.name} at sentinel {self.sentinel}"

    def closed(self, connections: Connections) -> str | None:
        reason = self._not_yet(read.master(connections, self.sentinel, self.name))
        if reason is None and self.living:
            living = sum("s_down" not in row.flags for row in read.replicas(connections, self.sentinel, self.name))
            if living < self.replicas:
                return f"has {living} of {self.replicas} replicas that live"
        return reason

    def _not_yet(self, seen: Monitored) -> str | None:
        if self.address is not None and seen.address != self.address:
            return f"is watched at {seen.address}, not at {self.address}: another sentinel has said so"
        if not seen.is_well:
            if not seen.connected:
                return "was never reached: see that auth_user and auth_pass are right, and that the sentinel's host can reach it"
            return f"has the flags {','.join(sorted(seen.flags))}" + (
                "" if seen.role == "master" else f", and says that it is a {seen.role}"
            )
        if seen.replicas < self.replicas:
            return f"has {seen.replicas} of {self.replicas} replicas"
        if seen.others < self.others:
            return f"sees {seen.others} of {self.others} other sentinels"
        return None


@dataclass(frozen=True)
class PeersGate:
    """The links between a sentinel and the others, made anew since `since`; among those of `views` that know each other.

    `announced`: the host and the port under which the others shall know it, None where that has not changed.
    """

    view: SentinelView
    views: tuple[SentinelView, ...]
    announced: tuple[str | None, str | None]
    since: float

    def __str__(self) -> str:
        return f"sentinel {self.view.name}"

    def closed(self, connections: Connections) -> str | None:
        ids = {view.myid: view for view in self.views}
        for name in self.view.masters:
            for peer in _peers(connections, self.view.address, name):
                if peer.id in ids and self._trouble(peer):
                    return f"sees sentinel {peer.address} {self._trouble(peer)}: see that sentinel_user may do there what it has to"
        if self.announced == (None, None):
            return None
        for other in self.views:
            for name in other.masters.keys() & self.view.masters.keys():
                for peer in _peers(connections, other.address, name):
                    if peer.id == self.view.myid and not self._is_announced(peer):
                        return f"is known to sentinel {other.name} at {peer.address}"
                    if peer.id == self.view.myid and self._trouble(peer):
                        return f"is seen by sentinel {other.name} at {peer.address} {self._trouble(peer)}"
        return None

    def _trouble(self, peer: Peer) -> str:
        """They ask each other every second, so that an answer from before says nothing."""
        return peer.trouble or ("without an answer since" if peer.silence > time.monotonic() - self.since else "")

    def _is_announced(self, peer: Peer) -> bool:
        host, port = self.announced
        return (host is None or peer.address.is_same(Address.of(host, peer.address.port))) and port in (None, "0", str(peer.address.port))


def _peers(connections: Connections, sentinel: Address, name: str) -> list[Peer]:
    """Nobody where the master has been taken out meanwhile."""
    try:
        return read.peers(connections, sentinel, name)
    except ServerError as error:
        if "No such master" not in error.text:
            raise
        return []


def announced(pairs: t.Sequence[tuple[str, t.Any]]) -> tuple[str | None, str | None]:
    """The host and the port among the settings that are written."""
    words = dict(pairs)
    return words.get(options.SETTINGS["announce_ip"]), words.get(options.SETTINGS["announce_port"])
