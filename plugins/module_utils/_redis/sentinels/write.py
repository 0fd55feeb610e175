# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one change is written to one sentinel. Private to this collection."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Altered, Change, ChangeFailed, HalfDone, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import observe, options, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import gates, plan, steps

NOT_SAVED = "Failed to save config file"
DUPLICATE = "Duplicate master name"
NO_SCRIPTS = "scripts-reconfig"
SCRIPTS_REMEDY = "Write 'sentinel deny-scripts-reconfig no' into its sentinel.conf and restart it."

# The words that a command sets, and the command.
Command = t.Tuple[t.Tuple[str, ...], t.Tuple[t.Any, ...]]


def can_save(server: Server) -> None:
    """A sentinel that cannot write its file accepts a change nevertheless, and loses it at its next start. Raises Unreachable."""
    try:
        server.ask("SENTINEL", "FLUSHCONFIG")
    except (errors.MissingRights, errors.WrongCredentials) as error:
        raise Unreachable(f"sentinel {error} Nothing was changed there.") from error
    except ChangeFailed as error:
        raise Unreachable(f"sentinel {server.name} cannot save its sentinel.conf, and nothing was changed there: {error}") from error


@dataclass
class Writer:
    """`views`: the sentinels that answer, by name. `patience`: seconds that a sentinel has to become healthy."""

    connections: Connections
    views: t.Mapping[str, observe.SentinelView]
    patience: float

    def write(self, change: Change) -> gates.Gate | None:
        """Write it. Returns what must be healthy afterwards."""
        view, write = self.views[change.identity["sentinel"]], t.cast(steps.Write, change.payload)
        server = self.connections.sentinel(view.address)
        if change.kind == plan.SENTINEL:
            # One at a time: before 7.2 the server takes no more than one.
            undo = {word: ("SENTINEL", "CONFIG", "SET", word, value) for word, value in write.undo}
            _all_or_nothing(server, [((word,), ("SENTINEL", "CONFIG", "SET", word, value)) for word, value in write.set], undo)
            words = dict(write.set)
            announced = words.get(options.ANNOUNCE_IP.word), words.get(options.ANNOUNCE_PORT.word)
            links = options.LINK_WORDS & words.keys()
            return gates.PeersGate(view, tuple(self.views.values()), announced, time.monotonic(), change) if links else None
        name = change.identity["name"]
        if change.action in ("delete", "replace") or write.reset:
            self._refuse_during_failover(name)
        if change.action == "delete":
            server.ask("SENTINEL", "REMOVE", name)
        elif write.reset:
            self._see_that_all_is_healthy(name, write)
            server.ask("SENTINEL", "RESET", name)
        elif change.action == "replace":
            _replace(server, name, write)
        elif write.master is not None:
            _create(server, name, write)
        else:
            _all_or_nothing(server, _commands(name, write), {word: ("SENTINEL", "SET", name, word, value) for word, value in write.undo})
        gate = gates.MasterGate(view.address, name, write.master, write.replicas, write.others, write.reset, change)
        return gate if write.gated else None

    def _refuse_during_failover(self, name: str) -> None:
        """Only the sentinel that leads a failover says so."""
        leader = read.failing_over(self.connections, [view.address for view in self.views.values()], name)
        if leader is not None:
            raise ChangeFailed(f"a failover is in progress, says {leader}, and this would undo it: run the task again when it is over")

    def _see_that_all_is_healthy(self, name: str, write: steps.Write) -> None:
        """After a RESET a sentinel finds all again through the master only, and until then the others must do without it."""
        every = [gates.MasterGate(view.address, name, None, write.replicas, write.others, living=True) for view in self.views.values()]
        for dummy, reason in gates.closed(every, self.connections, self.patience):
            raise Unreachable(f"master {name}: {reason}; nothing is forgotten before all is healthy")


def _ask(server: Server, command: t.Sequence[t.Any]) -> None:
    try:
        server.ask(*map(options.plain, command))
    except errors.ServerError as error:
        if NO_SCRIPTS in error.text:
            raise ChangeFailed(f"{error} {SCRIPTS_REMEDY}") from error
        raise


def _commands(name: str, write: steps.Write, apart: bool = False) -> list[Command]:
    """SENTINEL SET of all options. Scripts come first, each alone: a server may refuse them.

    `apart`: each option alone, so that a refused one does not stop the others.
    """
    scripts = [pair for pair in write.set if pair[0] in options.SCRIPT_WORDS]
    pairs = [pair for pair in write.set if pair[0] not in options.SCRIPT_WORDS]
    groups = [[pair] for pair in scripts] + ([[pair] for pair in pairs] if apart else [pairs] if pairs else [])
    found: list[Command] = [
        (tuple(word for word, dummy in group), ("SENTINEL", "SET", name, *(word for pair in group for word in pair))) for group in groups
    ]
    renames = [((options.RENAME_WORD,), ("SENTINEL", "SET", name, options.RENAME_WORD, *rename)) for rename in write.renames]
    return found + renames


def _all_or_nothing(server: Server, commands: t.Sequence[Command], undo: t.Mapping[str, t.Sequence[t.Any]]) -> None:
    """Send them all; where one is refused, put back what those before it have set. What was not saved is in effect nevertheless.

    `undo`: word -> the command that puts its former value back.
    """
    for number, (dummy, command) in enumerate(commands):
        try:
            _ask(server, command)
        except ChangeFailed as error:
            live = [word for words, dummy in commands[: number + (NOT_SAVED in str(error))] for word in words]
            if live:
                _put_back(server, error, live, undo)
            raise


def _put_back(server: Server, error: ChangeFailed, live: t.Sequence[str], undo: t.Mapping[str, t.Sequence[t.Any]]) -> t.NoReturn:
    for word in live:
        try:
            if word in undo:
                _live(server, undo[word])
        except ChangeFailed as again:
            raise Altered(f"{error} The former value of {word} was not put back: {again}") from again
    lasting = " and ".join(word for word in live if word not in undo)
    if lasting:
        left = f"{lasting} cannot be put back: it is in effect, and saved by SENTINEL FLUSHCONFIG once the sentinel can save"
        raise Altered(f"{error} {left}") from error
    raise ChangeFailed(f"{error} The former values were put back.") from error


def _live(server: Server, command: t.Sequence[t.Any]) -> None:
    """What is put back must be in effect, but need not be saved: it may be the saving that fails."""
    try:
        _ask(server, command)
    except ChangeFailed as error:
        if NOT_SAVED not in str(error):
            raise


def _monitor(name: str, write: steps.Write) -> tuple[t.Any, ...]:
    place = t.cast(Address, write.master)
    return ("SENTINEL", "MONITOR", name, place.host, place.port, write.quorum)


def _add(server: Server, name: str, write: steps.Write) -> None:
    for command in (_monitor(name, write), *(command for dummy, command in _commands(name, write))):
        _ask(server, command)


def _create(server: Server, name: str, write: steps.Write) -> None:
    """All or nothing: no later run would know that options are missing that came from other sentinels and are not declared."""
    try:
        _add(server, name, write)
    except ChangeFailed as error:
        if DUPLICATE not in str(error):
            _take_out(server, name)
        raise


def _replace(server: Server, name: str, write: steps.Write) -> None:
    """Once it is removed it must be monitored again, at the new address or the old one, before anything else is changed."""
    _prove(server, name, write)
    server.ask("SENTINEL", "REMOVE", name)
    try:
        _add(server, name, write)
    except ChangeFailed as error:
        _restore(server, name, t.cast(steps.Write, write.former), error)


def _prove(server: Server, name: str, write: steps.Write) -> None:
    """Prove that nothing will be refused once the master is removed: set what it has again, and add it a second time."""
    quorum = ("SENTINEL", "SET", name, options.QUORUM.word, t.cast(steps.Write, write.former).quorum)
    scripts = [command for words, command in _commands(name, write) if options.SCRIPT_WORDS.intersection(words)]
    try:
        for command in (quorum, *scripts, _monitor(name, write)):
            _ask(server, command)
    except ChangeFailed as error:
        if DUPLICATE not in str(error):
            raise Unreachable(f"sentinel {error} So nothing was changed there, and the others were not changed.") from error


def _restore(server: Server, name: str, former: steps.Write, error: ChangeFailed) -> t.NoReturn:
    """The master as it was, as far as the server accepts it."""
    _take_out(server, name)
    try:
        _live(server, _monitor(name, former))
    except ChangeFailed as again:
        raise HalfDone(f"{error} It was removed before, and cannot be put back: {again} Run again; the others are untouched.") from again
    lost = []
    for dummy, command in _commands(name, former, apart=True):
        try:
            _live(server, command)
        except ChangeFailed as again:
            lost.append(str(again))
    more = f", but for some options: {' '.join(lost)}" if lost else ""
    raise HalfDone(f"{error} It watches {former.master} again{more}") from error


def _take_out(server: Server, name: str) -> None:
    # It is not there, or could not be saved: the first error says why.
    with contextlib.suppress(ChangeFailed):
        server.ask("SENTINEL", "REMOVE", name)
