# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes, written to one sentinel after the other, each behind a gate. Private to this collection."""

from __future__ import annotations

import dataclasses
import functools
import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, HalfDone, Key, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import SentinelView
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import gates
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.gates import Gate, MasterGate, PeersGate
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.plan import SENTINEL
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.steps import Write

# Seconds between two looks at a sentinel that has to get well.
PAUSE = 0.1
NOT_SAVED = "Failed to save config file"
DUPLICATE = "Duplicate master name"
SCRIPT_WORDS = frozenset(option.word for option in options.SCRIPTS)
LINK_WORDS = frozenset(options.SETTINGS[name] for name in (*options.CREDENTIAL_SETTINGS, *options.ANNOUNCE_SETTINGS))


class SentinelWriter:
    """`views`: the sentinels that answer, by name. `patience`: seconds that a sentinel has to get well after a change."""

    def __init__(self, connections: Connections, views: t.Mapping[str, SentinelView], patience: float) -> None:
        self.connections = connections
        self.views = views
        self.patience = patience
        self._at = ""
        self._expected: list[Gate] = []
        self._written: list[Gate] = []

    def together(self, dummy: t.Sequence[Change]) -> t.Collection[Key]:
        return ()

    def one(self, change: Change) -> None:
        sentinel = change.identity["sentinel"]
        if sentinel != self._at:
            self.settle()
            self._at = sentinel
            self._see_that_it_can_save(sentinel)
        self._write(change, self.connections.sentinel(self._place(change)), change.payload)

    def settle(self) -> None:
        """Wait until what was written last is seen to be well; raises Unreachable, with the reason, where it is not in time."""
        waiting, self._expected = self._expected, []
        self._pass(waiting, "no other sentinel was touched since")

    def settle_all(self) -> None:
        """The same for everything that was written: the sentinels tell each other, so the first may have changed since."""
        self.settle()
        self._pass(self._written, "no other sentinel was touched since")

    def _pass(self, waiting: t.Sequence[Gate], otherwise: str) -> None:
        deadline = time.monotonic() + self.patience
        for gate in waiting:
            while True:
                try:
                    reason = gate.closed(self.connections)
                except ChangeFailed as error:
                    reason = str(error)
                if reason is None:
                    break
                if time.monotonic() >= deadline:
                    raise Unreachable(f"{gate} {reason} (waited {self.patience:g} s); {otherwise}")
                time.sleep(PAUSE)

    def _place(self, change: Change) -> Address:
        return self.views[change.identity["sentinel"]].address

    def _see_that_it_can_save(self, sentinel: str) -> None:
        """A sentinel that cannot write its file takes a change nevertheless, and forgets it when it starts again."""
        try:
            self.connections.sentinel(self.views[sentinel].address).ask("SENTINEL", "FLUSHCONFIG")
        except (errors.MissingRights, errors.WrongCredentials) as error:
            raise Unreachable(f"sentinel {error} Nothing was changed there.") from error
        except ChangeFailed as error:
            raise Unreachable(f"sentinel {sentinel} cannot save its sentinel.conf, and nothing was changed there: {error}") from error

    def _write(self, change: Change, server: Server, write: Write) -> None:
        if change.kind == SENTINEL:
            self._configure(change, server, write)
            return
        name = change.identity["name"]
        if change.action in ("delete", "replace") or write.reset:
            self._refuse_during_failover(name)
        if change.action == "delete":
            server.ask("SENTINEL", "REMOVE", name)
        elif write.reset:
            self._see_that_all_is_well(name, write)
            server.ask("SENTINEL", "RESET", name)
        elif change.action == "replace":
            self._replace(server, name, write)
        elif write.master is not None:
            self._create(server, name, write)
        else:
            self._set(server, name, write)
        if write.heals:
            self._expect(MasterGate(self._place(change), name, write.master, write.replicas, write.others, living=write.reset))

    def _expect(self, gate: Gate) -> None:
        self._expected.append(gate)
        self._written.append(gate)

    def _refuse_during_failover(self, name: str) -> None:
        """Only the sentinel that leads a failover says so."""
        leader = read.failing_over(self.connections, [view.address for view in self.views.values()], name)
        if leader is not None:
            raise ChangeFailed(f"a failover is in progress, says {leader}, which this would undo: run again when it is over")

    def _see_that_all_is_well(self, name: str, write: Write) -> None:
        """What a sentinel forgets it finds again by the master alone, and meanwhile the others have to do without it."""
        every = [MasterGate(view.address, name, None, write.replicas, write.others, living=True) for view in self.views.values()]
        self._pass(every, "nothing is forgotten before all is well")

    # Settings

    def _configure(self, change: Change, server: Server, write: Write) -> None:
        # One at a time: before 7.2 the server takes no more than one.
        for number, (word, value) in enumerate(write.set):
            try:
                server.ask("SENTINEL", "CONFIG", "SET", word, options.plain(value))
            except ChangeFailed as error:
                self._put_settings_back(error, [word for word, dummy in write.set[: number + 1]], write, server)
        words = [word for word, dummy in write.set]
        if LINK_WORDS.intersection(words):
            view = self.views[change.identity["sentinel"]]
            self._expect(PeersGate(view, tuple(self.views.values()), gates.announced(write.set), time.monotonic()))

    def _put_settings_back(self, error: ChangeFailed, words: t.Sequence[str], write: Write, server: Server) -> t.NoReturn:
        former = dict(write.undo)
        for_good = [word for word in words if word not in former]
        self._put_back(error, [("SENTINEL", "CONFIG", "SET", word, former[word]) for word in words if word in former], server, for_good)

    # Masters

    def _create(self, server: Server, name: str, write: Write) -> None:
        """All or nothing: what it holds beyond the declaration, of other sentinels, no later run would know to be missing."""
        try:
            self._monitor(server, name, write)
            self._set(server, name, write)
        except ChangeFailed as error:
            if DUPLICATE not in str(error):
                self._take_out(server, name)
            raise

    def _replace(self, server: Server, name: str, write: Write) -> None:
        """Once it is removed it has to be monitored, at the one place or the other, and nothing else is touched before it is."""
        self._prove(server, name, write)
        server.ask("SENTINEL", "REMOVE", name)
        try:
            self._monitor(server, name, write)
            self._set(server, name, write)
        except ChangeFailed as error:
            self._restore(server, name, t.cast(Write, write.former), error)

    def _prove(self, server: Server, name: str, write: Write) -> None:
        """That nothing will be refused once the master is removed: what it has is set again, and it is added a second time."""
        former = t.cast(Write, write.former)
        try:
            server.ask("SENTINEL", "SET", name, options.QUORUM.word, former.quorum)
            for word, value in write.set:
                if word in SCRIPT_WORDS:
                    server.ask("SENTINEL", "SET", name, word, value)
            self._monitor(server, name, write)
        except errors.ServerError as error:
            if DUPLICATE not in error.text:
                raise Unreachable(f"sentinel {error} So nothing was changed there, and the others were left alone.") from error

    def _restore(self, server: Server, name: str, former: Write, error: ChangeFailed) -> t.NoReturn:
        """The master as it was, as far as the server goes along."""
        self._take_out(server, name)
        try:
            _live(functools.partial(self._monitor, server, name, former))
        except ChangeFailed as again:
            raise HalfDone(
                f"{error} It was removed before, and cannot be put back: {again} Run again; the others are untouched."
            ) from again
        lost = []
        for part in _parts(former):
            try:
                _live(functools.partial(self._set, server, name, part))
            except ChangeFailed as again:
                lost.append(str(again))
        more = f", but for some options: {' '.join(lost)}" if lost else ""
        raise HalfDone(f"{error} It watches {former.master} again{more}") from error

    def _monitor(self, server: Server, name: str, write: Write) -> None:
        place = t.cast(Address, write.master)
        server.ask("SENTINEL", "MONITOR", name, place.host, place.port, write.quorum)

    def _take_out(self, server: Server, name: str) -> None:
        try:
            server.ask("SENTINEL", "REMOVE", name)
        except ChangeFailed:
            # It is not there, or could not be saved: what was said already tells why.
            pass

    def _set(self, server: Server, name: str, write: Write) -> None:
        """Words that the server may refuse come last, and are set apart: of several in one command those before it stay."""
        pairs = [pair for pair in write.set if pair[0] not in SCRIPT_WORDS]
        undo = [("SENTINEL", "SET", name, *pair) for pair in write.undo]
        try:
            if pairs:
                server.ask("SENTINEL", "SET", name, *(options.plain(word) for pair in pairs for word in pair))
            for command, other in write.renames:
                server.ask("SENTINEL", "SET", name, options.RENAME_WORD, command, other)
            for word, value in write.set:
                if word in SCRIPT_WORDS:
                    server.ask("SENTINEL", "SET", name, word, value)
        except ChangeFailed as error:
            if "scripts-reconfig" in str(error):
                raise ChangeFailed(f"{error} {options.SCRIPTS_REMEDY}") from error
            self._put_back(error, undo, server)

    def _put_back(
        self, error: ChangeFailed, commands: t.Sequence[t.Sequence[t.Any]], server: Server, for_good: t.Sequence[str] = ()
    ) -> t.NoReturn:
        """What was not saved is live all the same; as it was before, the next run sees what is missing.

        `for_good`: words that had no value before, and cannot be without one again.
        """
        if NOT_SAVED not in str(error):
            raise error
        for command in commands:
            try:
                server.ask(*command)
            except ChangeFailed as again:
                if NOT_SAVED not in str(again):
                    raise ChangeFailed(f"{error}; and putting the old value back: {again}") from again
        if for_good:
            words = " and ".join(for_good)
            raise ChangeFailed(
                f"{error} {words} had no value before and cannot be without one again: it is live, and not saved; "
                "when there is room, SENTINEL FLUSHCONFIG saves it, and a restart of the sentinel forgets it"
            ) from error
        raise ChangeFailed(f"{error}; the old value was put back") from error


def _live(action: t.Callable[[], None]) -> None:
    """Live is enough for what is put back: saving may have been what failed."""
    try:
        action()
    except ChangeFailed as error:
        if NOT_SAVED not in str(error):
            raise


def _parts(write: Write) -> list[Write]:
    """Each option alone, so that one that is refused keeps no other back."""
    pairs = [dataclasses.replace(write, set=(pair,), renames=()) for pair in write.set]
    return pairs + [dataclasses.replace(write, set=(), renames=(rename,)) for rename in write.renames]
