# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned switch of a master that loses no acknowledged write, step by step. Private to this collection.

What can be lost is what the old master acknowledges and the new one never gets: what was under way at the promotion, and everything
until somebody demotes the old master, which Sentinel does 8 seconds after it noticed. So the old master stops writing first (CLIENT
PAUSE), all replicas have its data before one is promoted, and it is demoted by us at once, with its waiting clients sent away.

A pause ends by itself, also when we are killed in the middle. Therefore, in the same step as the pause, the master is fenced: it needs
all of its replicas to write. The moment one of them is promoted it has one too few, and refuses every write (NOREPLICAS) until it is
demoted, by us, by Sentinel, or by the next run. See failover_marks for how that run knows.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server, info, pairs
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import leftovers
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.marks import raised
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.observe import Node, Observer, Scene, View
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

POLL = 0.02  # seconds between questions while writers wait
SLOW_POLL = 0.2  # seconds, while nobody waits
# Sentinel reads a replica's priority with its INFO, every 10 seconds.
PRIORITIES_WITHIN = 30.0
# The share of down-after-milliseconds in which the replicas must have caught up. A paused master does not answer Sentinel's PING
# either (it waits behind a PUBLISH), and after all of that time Sentinel would begin a failover of its own.
CATCH_UP_SHARE = 0.6
CATCH_UP_MOST = 10.0  # seconds
CALM_WITHIN = 5.0  # seconds for the sentinels to see a master well again that has just been paused


@dataclass
class Report:
    """What a switch came to. `held`: seconds for which the old master took no writes, as far as we held them back."""

    new: Address | None = None
    method: str = ""
    held: float = 0.0
    warnings: list[str] = field(default_factory=list)


class Switch:
    """One switch, from a scene in which nothing stands against it. `pause` and `timeout` in seconds."""

    def __init__(self, observer: Observer, scene: Scene, target: Node | None, pause: float, timeout: float) -> None:
        self.observer = observer
        self.scene = scene
        self.old = scene.master
        self.target = target
        self.pause = pause
        self.deadline = time.monotonic() + timeout
        self.report = Report(method="coordinated" if coordinated(scene) else "pause")
        self._raised: list[Node] = []
        self.ordered = False
        self._held_since: float | None = None
        self._down_after = min(int(view.master["down-after-milliseconds"]) for view in scene.views) / 1000
        # While the old master is paused, nobody is waited for longer than a part of what there is.
        patience = min(CATCH_UP_SHARE * self._down_after, CATCH_UP_MOST) / 3
        self._quick = {node.address: observer.server(node.address, patience) for node in scene.eligible}

    def run(self) -> Report:
        """Raises ChangeFailed, NoAnswer or Unreachable; everything temporary is undone then as far as the servers answer."""
        try:
            leader = self._prefer_target()
            if self.report.method == "coordinated":
                self._coordinated(leader)
            else:
                self._paused(leader)
            self._settle()
        except BaseException:
            # Ctrl-C too: whoever gives up must not leave a paused master behind.
            self._undo()
            raise
        self._lower()
        self._check_target()
        return self.report

    def _prefer_target(self) -> Server:
        """Make the target the replica that Sentinel chooses; the sentinel that knows so."""
        if self.target is None:
            return self.scene.views[0].sentinel
        others = [node for node in self.scene.eligible if node is not self.target]
        for node in others:
            if node.priority <= self.target.priority:
                self._raised.append(node)
                node.server.put("CONFIG", "SET", "replica-priority", raised(node.priority))
        wanted = {node.address: raised(node.priority) if node in self._raised else node.priority for node in [*others, self.target]}
        # Also where nothing was raised: what an earlier run raised and lowered may not have been seen yet.
        unseen = "no sentinel has seen the replicas' new priorities"
        return t.cast(Server, self._until(PRIORITIES_WITHIN, lambda: self._sentinel_that_sees(wanted), unseen))

    def _sentinel_that_sees(self, priorities: t.Mapping[Address, int]) -> Server | None:
        for view in self.scene.views:
            seen = {}
            for row in map(pairs, view.sentinel.read("SENTINEL", "REPLICAS", self.scene.name)):
                seen[Address.of(row["ip"], row["port"])] = int(row["slave-priority"])
            if all(seen.get(address) == priority for address, priority in priorities.items()):
                return view.sentinel
        return None

    def _coordinated(self, leader: Server) -> None:
        """Valkey 9 and newer do it themselves, the servers among them: pause, equal offsets, change of roles."""
        self._order(leader, "COORDINATED")
        self._until(self._left(), self._promoted, "the servers have not changed roles")

    def _paused(self, leader: Server) -> None:
        self._hold()
        self._catch_up()
        self._order(leader)
        new = self._until(self._pause_left(), self._promoted, "no replica was promoted")
        self._until(self._pause_left(), lambda: self._demoted(new), "the old master cannot be told that it is a replica now")
        self._let_go()

    def _demoted(self, new: Address) -> bool:
        try:
            leftovers.demote(self.old.server, self.observer.server(new), self.old.fence)
        except errors.SILENT:
            # Its connections may have been cut meanwhile, by Sentinel or by somebody else; asking twice does no harm.
            return False
        return True

    def _hold(self) -> None:
        """Stop and fence the old master in one step."""
        fence = self.old.fence.raised(self.old.online_replicas)
        self._held_since = time.monotonic()
        milliseconds = int(self.pause * 1000)
        self.old.server.transaction(*leftovers.fence_commands(fence), ("CLIENT", "PAUSE", milliseconds, "WRITE"))

    def _let_go(self) -> None:
        if self._held_since is not None:
            self.report.held = time.monotonic() - self._held_since
            self._held_since = None

    def _catch_up(self) -> None:
        """Until every replica that might be chosen has all that the master ever acknowledged."""
        offset = int(info(self.old.server.ask("INFO", "replication"))["master_repl_offset"])
        limit = min(CATCH_UP_SHARE * self._down_after, CATCH_UP_MOST, self._pause_left())
        behind = "a replica did not catch up with the paused master; is it slow, or is down-after-milliseconds very short"
        self._until(limit, lambda: all(_offset(server) >= offset for server in self._quick.values()), behind)

    def _order(self, leader: Server, *more: str) -> None:
        self.ordered = True
        try:
            leader.ask("SENTINEL", "FAILOVER", self.scene.name, *more)
        except errors.ServerError as error:
            # INPROG: Sentinel began one itself meanwhile. It serves us as well where the old master is paused and fenced; where the
            # servers were to do that, nobody has.
            if error.code != "INPROG" or more:
                self.ordered = False
                raise

    def _promoted(self) -> Address | None:
        """The replica that says it is a master now.

        The nodes are asked and not Sentinel, which notices a second later. For that second more sentinels would see the paused master
        as down, with a short down-after-milliseconds, and one might begin another failover, to a third node.
        """
        found = [address for address, server in self._quick.items() if _role(server) == "master"]
        if len(found) > 1:
            raise ChangeFailed(f"{' and '.join(map(str, found))} were promoted at the same time: only a person can choose between them")
        if found:
            self.report.new = found[0]
        return self.report.new

    def _settle(self) -> None:
        """Until every sentinel names the new master, and the old one is its replica."""
        self._until(self._left(), self._settled, "not every sentinel names the new master, or the old one is not its replica yet")

    def _settled(self) -> bool:
        new = t.cast(Address, self.report.new)
        try:
            role = self.old.server.read("ROLE")
            if role[0] != "slave" or not Address.of(str(role[1]), role[2]).is_same(new):
                return False
            return all(self._names(view, new) for view in self.scene.views)
        except errors.SILENT:
            return False

    def _names(self, view: View, new: Address) -> bool:
        answer = view.sentinel.read("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.scene.name)
        # Somebody may have taken the name out meanwhile.
        return bool(answer) and Address.of(str(answer[0]), answer[1]).is_same(new)

    def _lower(self) -> None:
        """Give the replicas their own priorities again."""
        while self._raised:
            node = self._raised[-1]
            own = ("CONFIG", "SET", "replica-priority", node.priority)
            if not self.ordered:
                node.server.put(*own)
            else:
                self._lower_for_good(node, own)
            self._raised.pop()

    def _lower_for_good(self, node: Node, own: leftovers.Command) -> None:
        try:
            complaint = leftovers.set_for_good(node.server, [own])
        except errors.SILENT:
            # Sentinel has cut its clients off, ours among them, when it reconfigured the node.
            complaint = leftovers.set_for_good(node.server, [own])
        if complaint:
            self.report.warnings.append(f"{complaint}; its replica-priority is {node.priority} again, look into its file")

    def _undo(self) -> None:
        """As far as possible; the next run does the rest."""
        try:
            if self._held_since is not None:
                self._release()
        except (ChangeFailed, *errors.SILENT):
            pass
        self._let_go()
        try:
            self._lower()
        except (ChangeFailed, *errors.SILENT):
            pass

    def _release(self) -> None:
        """Let the old master write again, unless a failover is in progress; the fence comes down when it is sure that none will come.

        Where that is not seen soon, it stays fenced for the next run, and needs all of its replicas to write until then.
        """
        # A transaction of ours may have been left half-said.
        self.old.server.close()
        if "failover_in_progress" not in self._flags():
            self.old.server.put("CLIENT", "UNPAUSE")
        self._let_go()
        end = time.monotonic() + CALM_WITHIN
        while self._flags() != {"master"}:
            if time.monotonic() >= end:
                left = f"{self.old.name}: a failover may be coming, so it stays fenced (min-replicas-to-write) until the task runs again"
                self.report.warnings.append(left)
                return
            time.sleep(SLOW_POLL)
        self.old.server.transaction(*leftovers.fence_commands(self.old.fence))

    def _flags(self) -> set[str]:
        """All that any sentinel says of the old master; {"master"} where all see it well and name it."""
        flags: set[str] = set()
        for view in self.scene.views:
            try:
                row = pairs(view.sentinel.read("SENTINEL", "MASTER", self.scene.name))
            except errors.SILENT:
                return {"unknown"}
            named = Address.of(row["ip"], row["port"]) == self.old.address
            flags |= set(row["flags"].split(",")) if named else {"other"}
        return flags

    def _check_target(self) -> None:
        new = t.cast(Address, self.report.new)
        if self.target is not None and not new.is_same(self.target.address):
            raise ChangeFailed(f"Sentinel promoted {new} and not {self.target.name}; no acknowledged write was lost")

    def _left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def _pause_left(self) -> float:
        """Seconds for which the pause surely lasts."""
        since = self._held_since or time.monotonic()
        return max(0.0, min(self.deadline, since + self.pause - 1.0) - time.monotonic())

    def _until(self, limit: float, question: t.Callable[[], t.Any], what: str) -> t.Any:
        """The first true answer to the question; ChangeFailed where none comes within `limit` seconds."""
        began = time.monotonic()
        end = min(began + limit, self.deadline)
        while True:
            answer = question()
            if answer:
                return answer
            if time.monotonic() >= end:
                raise ChangeFailed(f"{self.scene.name}: {what} (after {time.monotonic() - began:.1f} s)")
            time.sleep(SLOW_POLL if self._held_since is None and not self.ordered else POLL)


def coordinated(scene: Scene) -> bool:
    """Whether all servers are Valkey 9.0 or newer, and none is 9.1.0, whose sentinels crash of it (valkey#4066)."""
    abouts = [*(view.about for view in scene.views), *(node.about for node in scene.nodes if node.about)]
    return all(version.of_info(about).is_coordinated for about in abouts)


def _role(server: Server) -> str:
    """What the node says it is; nothing where it does not answer."""
    try:
        return str(server.read("ROLE")[0])
    except errors.SILENT:
        return ""


def _offset(server: Server) -> int:
    """How much of the master's stream the replica has; -1 where it says nothing, or has no link."""
    try:
        about = info(server.read("INFO", "replication"))
    except errors.SILENT:
        return -1
    return int(about.get("slave_repl_offset", "-1")) if about.get("master_link_status") == "up" else -1
