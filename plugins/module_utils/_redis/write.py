# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes, written to one sentinel after the other, each behind a gate. Private to this collection."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._convergence import Change, ChangeFailed, Key, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._redis import options, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.observe import Monitored
from ansible_collections.eco2.platform.plugins.module_utils._redis.plan import SENTINEL
from ansible_collections.eco2.platform.plugins.module_utils._redis.steps import Write

# Seconds between two looks at a sentinel that has to get well.
PAUSE = 0.1
NOT_SAVED = "Failed to save config file"


@dataclass(frozen=True)
class _Expected:
    """How a sentinel shall see a master before the next sentinel is touched."""

    sentinel: Address
    name: str
    address: Address | None
    replicas: int
    others: int


class SentinelWriter:
    """`places`: sentinel name -> its address. `patience`: seconds that a sentinel has to get well after a change."""

    def __init__(self, connections: Connections, places: t.Mapping[str, Address], patience: float) -> None:
        self.connections = connections
        self.places = places
        self.patience = patience
        self._at = ""
        self._expected: list[_Expected] = []
        self._written: list[_Expected] = []

    def together(self, dummy: t.Sequence[Change]) -> t.Collection[Key]:
        return ()

    def one(self, change: Change) -> None:
        sentinel = change.identity["sentinel"]
        if sentinel != self._at:
            self.settle()
            self._at = sentinel
            self._see_that_it_can_save(sentinel)
        self._write(change, self.connections.sentinel(self.places[sentinel]), change.payload)

    def settle(self) -> None:
        """Wait until what was written last is seen to be well; raises Unreachable, with the reason, where it is not in time."""
        waiting, self._expected = self._expected, []
        deadline = time.monotonic() + self.patience
        for expected in waiting:
            self._wait(expected, deadline)

    def settle_all(self) -> None:
        """The same for everything that was written: the sentinels tell each other, so the first may have changed since."""
        self.settle()
        deadline = time.monotonic() + self.patience
        for expected in self._written:
            self._wait(expected, deadline)

    def _wait(self, expected: _Expected, deadline: float) -> None:
        while True:
            try:
                reason = _not_yet(expected, read.master(self.connections, expected.sentinel, expected.name))
            except ChangeFailed as error:
                reason = str(error)
            if reason is None:
                return
            if time.monotonic() >= deadline:
                where = f"master {expected.name} at sentinel {expected.sentinel}"
                raise Unreachable(f"{where} {reason} (waited {self.patience:g} s); no other sentinel was touched since")
            time.sleep(PAUSE)

    def _see_that_it_can_save(self, sentinel: str) -> None:
        """A sentinel that cannot write its file takes a change nevertheless, and forgets it when it starts again."""
        try:
            self.connections.sentinel(self.places[sentinel]).ask("SENTINEL", "FLUSHCONFIG")
        except ChangeFailed as error:
            raise Unreachable(f"sentinel {sentinel} cannot save its sentinel.conf, and nothing was changed there: {error}") from error

    def _write(self, change: Change, server: Server, write: Write) -> None:
        if change.kind == SENTINEL:
            self._configure(server, write)
            return
        name = change.identity["name"]
        if change.action in ("delete", "replace") or write.reset:
            self._refuse_during_failover(change)
        if change.action == "delete":
            server.ask("SENTINEL", "REMOVE", name)
        elif write.reset:
            server.ask("SENTINEL", "RESET", name)
        elif write.master is not None:
            self._monitor(server, change, write.master, write)
        else:
            self._set(server, name, write)
        if write.heals:
            place = self.places[change.identity["sentinel"]]
            expected = _Expected(place, name, write.master, write.replicas, write.others)
            self._expected.append(expected)
            self._written.append(expected)

    def _refuse_during_failover(self, change: Change) -> None:
        seen = read.master(self.connections, self.places[change.identity["sentinel"]], change.identity["name"])
        if seen.is_failing_over:
            raise ChangeFailed("a failover is in progress, which this would undo: run again when it is over")

    def _configure(self, server: Server, write: Write) -> None:
        # One at a time: before 7.2 the server takes no more than one.
        for number, (word, value) in enumerate(write.set):
            try:
                server.ask("SENTINEL", "CONFIG", "SET", word, options.plain(value))
            except ChangeFailed as error:
                self._put_back(error, [("SENTINEL", "CONFIG", "SET", *pair) for pair in write.undo[: number + 1]], server)

    def _monitor(self, server: Server, change: Change, place: Address, write: Write) -> None:
        name = change.identity["name"]
        if change.action == "replace":
            server.ask("SENTINEL", "REMOVE", name)
        try:
            server.ask("SENTINEL", "MONITOR", name, place.host, place.port, write.quorum)
            self._set(server, name, write)
        except ChangeFailed as error:
            if NOT_SAVED in str(error) and change.action == "create":
                self._put_back(error, [("SENTINEL", "REMOVE", name)], server)
            raise

    def _set(self, server: Server, name: str, write: Write) -> None:
        """Words that the server may refuse come last, and are set apart: of several in one command those before it stay."""
        scripts = {option.word for option in options.SCRIPTS}
        pairs = [pair for pair in write.set if pair[0] not in scripts]
        undo = [("SENTINEL", "SET", name, *pair) for pair in write.undo]
        try:
            if pairs:
                server.ask("SENTINEL", "SET", name, *(options.plain(word) for pair in pairs for word in pair))
            for command, other in write.renames:
                server.ask("SENTINEL", "SET", name, options.RENAME_WORD, command, other)
            for word, value in write.set:
                if word in scripts:
                    server.ask("SENTINEL", "SET", name, word, value)
        except ChangeFailed as error:
            if "scripts-reconfig" in str(error):
                raise ChangeFailed(
                    f"{error}; say 'sentinel deny-scripts-reconfig no' in sentinel.conf and start the sentinel again"
                ) from error
            self._put_back(error, undo, server)

    def _put_back(self, error: ChangeFailed, commands: t.Sequence[t.Sequence[t.Any]], server: Server) -> t.NoReturn:
        """What was not saved is live all the same; as it was before, the next run sees what is missing."""
        if NOT_SAVED not in str(error):
            raise error
        for command in commands:
            try:
                server.ask(*command)
            except ChangeFailed as again:
                if NOT_SAVED not in str(again):
                    raise ChangeFailed(f"{error}; and putting the old value back: {again}") from again
        raise ChangeFailed(f"{error}; the old value was put back") from error


def _not_yet(expected: _Expected, seen: Monitored) -> str | None:
    """In words what is not right yet."""
    if expected.address is not None and seen.address != expected.address:
        return f"is watched at {seen.address}, not at {expected.address}: another sentinel has said so"
    if not seen.is_well:
        if not seen.connected:
            return "was never reached: see that auth_user and auth_pass are right, and that the sentinel's host can reach it"
        return f"has the flags {','.join(sorted(seen.flags))}" + ("" if seen.role == "master" else f", and says that it is a {seen.role}")
    if seen.replicas < expected.replicas:
        return f"has {seen.replicas} of {expected.replicas} replicas"
    if seen.others < expected.others:
        return f"sees {seen.others} of {expected.others} other sentinels"
    return None
