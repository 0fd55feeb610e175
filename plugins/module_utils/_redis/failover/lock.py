# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_lock: one run at a time maintains a set. Private to this collection.

The lock is a key with a time to live on the master. So all controllers see it, a planned failover takes it along as any acknowledged write,
and it ends by itself if its holder is killed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, Server, access
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, quoting, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired

KEY = "eco2.platform:maintenance"
LONGEST = 31_536_000  # seconds, a year
SOON = 2000  # milliseconds; a lock that ends so soon is not deleted, since it could be the next holder's by then


class Held(t.NamedTuple):
    """`holder` is empty where nobody has the lock; `left`: milliseconds."""

    server: Server
    holder: str
    left: int


class Lock(Service):
    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        super().__init__()
        problems = list(_problems(params))
        if problems:
            raise Refused(problems)
        self.holder: str = params["holder"]
        self.wanted = params["state"] == "present"
        self.milliseconds = int(params["seconds"] * 1000)
        self.renames = {each["name"]: each["rename_commands"] or {} for each in params["masters"]}
        self.connections = Connections(access(params))
        self.places = desired.declare({"sentinels": params["sentinels"]}).places

    def observe(self) -> None:
        self.seen = {name: self._look(name, renames) for name, renames in self.renames.items()}

    def _look(self, name: str, renames: t.Mapping[str, str]) -> Held:
        server = self.connections.access.data(self._master(name), renames={command.upper(): new for command, new in renames.items()})
        holder, left = server.read("GET", KEY), int(server.read("PTTL", KEY))
        return Held(server, str(holder or ""), left)

    def _master(self, name: str) -> Address:
        """Where the Sentinels that answer see it. Only they are asked: a data node may have renamed every command but these few."""
        observed = read.sentinels(self.places, self.connections, lambda seen: seen.name == name, errors.SILENT)
        found = {entry.address for entry in observed.monitored(name).values()}
        if not observed.sentinels:
            raise Refused(checks.of_sentinels(observed))
        if len(found) != 1:
            message = f"the Sentinels name {len(found)} different masters" if found else "no Sentinel monitors a master of this name"
            raise Refused([Problem("set.no_master", message, f"set {name}", remedy="run eco2.platform.redis_sentinel_info to see why")])
        return found.pop()

    def plan(self) -> Plan:
        changes = [self._change(name, held) for name, held in sorted(self.seen.items()) if self.wanted or held.holder == self.holder]
        return Plan.of(changes, len(self.seen) - len(changes))

    def _change(self, name: str, held: Held) -> Change:
        action = "delete" if not self.wanted else "update" if held.holder == self.holder else "create"
        difference = Difference("holder", held.holder or None, self.holder if self.wanted else None)
        return Change("lock", name, {"name": name}, action, (difference,))

    def problems(self, dummy: Plan) -> t.Iterator[Problem]:
        for name, held in self.seen.items():
            if self.wanted and held.holder not in ("", self.holder):
                yield _problem(name, held)

    def write(self, change: Change) -> Change | None:
        held = self.seen[change.object]
        if change.action == "delete":
            if held.left > SOON or held.left < 0:  # one without an end too
                held.server.ask("DEL", KEY)
        # To renew it is to move its end: that does no harm if it has ended meanwhile, and is another one's now.
        elif change.action == "create" or not held.server.ask("PEXPIRE", KEY, self.milliseconds):
            held.server.ask("SET", KEY, self.holder, "NX", "PX", self.milliseconds)
        if self.wanted:
            self._confirm(change.object, held.server)
        return change

    def _confirm(self, name: str, server: Server) -> None:
        """Raises ChangeFailed if another run was faster."""
        now = Held(server, str(server.read("GET", KEY) or ""), int(server.read("PTTL", KEY)))
        if now.holder != self.holder:
            raise ChangeFailed(str(_problem(name, now)))


def _problems(params: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """A lock that would hold nobody back, or whose holder would not know it again."""
    if not params["holder"].strip() or not quoting.is_text(params["holder"]):
        yield Problem("holder.text", "is empty, or is no text in UTF-8", field="holder", remedy="name this run, such as nightly-42")
    if not 0 < params["seconds"] <= LONGEST:
        yield Problem("seconds.range", f"must be 1 to {LONGEST} seconds", field="seconds")
    yield from (problem for each in params["masters"] for problem in desired.rename_problems(each["rename_commands"] or {}))


def _problem(name: str, held: Held) -> Problem:
    ends = f"ends in {max(held.left, 0) // 1000} s if nobody renews it" if held.left >= 0 else "has no end"
    message = f"{held.holder or 'nobody'} maintains the set, and its lock {ends}"
    remedy = f"wait for that run; if it does not run any more, wait for the end of the lock, or delete the key {KEY} on the master"
    return Problem("set.locked", message, f"set {name}", remedy=remedy)
