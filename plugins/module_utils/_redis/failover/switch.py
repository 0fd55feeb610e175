# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned switch of a master that loses no acknowledged write, step by step. Private to this collection.

What can be lost is what the old master acknowledges and the new one never gets: what was under way at the promotion, and everything
the old master is demoted, which Sentinel does 8 seconds after it noticed. So first the old master stops writing (CLIENT PAUSE), all
replicas get its data before one is promoted, and then the module demotes it at once and disconnects its waiting clients.

Sentinel may not promote anybody: its user lacks a right, or a replica hangs. Then writes are not held until it gives up, which takes
failover-timeout, but a few seconds: its failover is called off, and the old master goes on.

A pause ends by itself, also when the module is killed in the middle. Therefore, in the same step as the pause, the master is fenced: it
needs all of its replicas to write. From the moment one of them is promoted, or hangs, it has one too few, and refuses every write
(NOREPLICAS) until it is demoted, by this run, by Sentinel, or by the next run. See marks for how that run recognises it.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._net import retry
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server, info
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import leftovers, marks
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import scene as scenes
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.scene import Scene
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, observe, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

POLL = 0.02  # seconds between questions while writers wait
SLOW_POLL = 0.2  # seconds, while nobody waits
# Sentinel reads a replica's priority with its INFO, every 10 seconds.
PRIORITIES_WITHIN = 30.0
# The share of down-after-milliseconds in which the replicas must have caught up. A paused master does not answer Sentinel's PING
# either (it waits behind a PUBLISH), and after all of that time Sentinel would begin a failover of its own.
CATCH_UP_SHARE = 0.6
# The rest of the pause is for the promotion, which must not come after its end, also where this run is killed.
CATCH_UP_OF_PAUSE = 0.4
AT_ONCE = 0.4  # seconds for an answer in the last second of the pause
CALM_WITHIN = 5.0  # seconds for the sentinels to see a master healthy again that was paused


class Switch:
    """One switch, from a scene in which nothing stands against it. `pause` and `timeout` in seconds.

    `ordered`: whether Sentinel was told to begin; `called_off`: whether that was ended again before it promoted anybody. `new`: the replica
    that was promoted. `paused`: seconds for which the old master took no writes, as far as we paused it.
    """

    def __init__(self, scene: Scene, target: observe.Node | None, method: str, pause: float, timeout: float) -> None:
        self.scene = scene
        self.old = scene.master
        self.target = target
        self.method = method
        self.pause = pause
        self.deadline = wait.Deadline(timeout)
        self.ordered = self.called_off = False
        self.new: Address | None = None
        self.paused = 0.0
        self.warnings: list[str] = []
        self._fence = marks.Fence.of(self.old.settings)
        self._old_server = scene.server(self.old)
        self._raised: list[observe.Node] = []
        self._fenced = False
        self._paused_since: float | None = None
        self._held = wait.Deadline(pause)
        self._down_after = min(int(entry.values["down_after_milliseconds"]) for entry in scene.seen.values()) / 1000
        # While the old master is paused, each question may take only a part of the time that there is.
        patience = min(CATCH_UP_SHARE * self._down_after, CATCH_UP_OF_PAUSE * pause) / 3
        self._quick = scene.impatient(scene.eligible, patience)

    @property
    def left_behind(self) -> bool:
        """Whether temporary settings are still in force, which the next run removes."""
        return bool(self._raised) or self._fenced

    def run(self) -> Address:
        """The new master. Raises ChangeFailed, NoAnswer or Unreachable; what is temporary is undone then as far as servers answer."""
        try:
            leader = self._prefer_target()
            if self.method == "coordinated":
                self._coordinated(leader)
            else:
                self._by_pause(leader)
            self._settle()
        except BaseException:
            # Ctrl-C too: a run that ends must not leave a paused master behind.
            self._undo()
            raise
        self._lower()
        new = t.cast(Address, self.new)
        if self.target is not None and not new.is_same(self.target.address):
            raise ChangeFailed(f"Sentinel promoted {new} and not {self.target.name}; no acknowledged write was lost")
        return new

    def _prefer_target(self) -> observe.SentinelView:
        """Make the target the replica that Sentinel chooses; the sentinel that knows so."""
        if self.target is None:
            return self.scene.views[0]
        others = [node for node in self.scene.eligible if node is not self.target]
        for node in others:
            if node.priority <= self.target.priority:
                self._raised.append(node)
                self.scene.server(node).read("CONFIG", "SET", "replica-priority", marks.raised(node.priority))
        wanted = {node.address: marks.raised(node.priority) if node in self._raised else node.priority for node in [*others, self.target]}
        # Also where nothing was raised: a sentinel may still see what an earlier run raised.
        unseen = "no sentinel has seen the replicas' new priorities"
        return t.cast(observe.SentinelView, self._until(PRIORITIES_WITHIN, lambda: self._sentinel_that_sees(wanted), unseen))

    def _sentinel_that_sees(self, priorities: t.Mapping[Address, int]) -> observe.SentinelView | None:
        for view in self.scene.views:
            rows = read.replicas(self.scene.connections, view.address, self.scene.name)
            if priorities.items() <= {row.address: row.priority for row in rows}.items():
                return view
        return None

    def _coordinated(self, leader: observe.SentinelView) -> None:
        """Valkey 9 and newer do it themselves, the servers among them: pause, equal offsets, change of roles."""
        # They hold writes as long as that takes, or failover-timeout.
        self._held = wait.Deadline(self.pause)
        self._order(leader, "COORDINATED")
        self._promotion()

    def _by_pause(self, leader: observe.SentinelView) -> None:
        self._hold()
        self._catch_up()
        self._order(leader)
        new = self._promotion()
        self._until(self._pause_left(), lambda: self._demoted(new), "the old master cannot be made a replica")
        self._let_go()

    def _promotion(self) -> Address:
        """The replica that Sentinel has promoted. Where none comes in time none must come later, so the failover is called off."""
        try:
            self._until(self._pause_left(), self._promoted, "Sentinel has promoted no replica")
        except ChangeFailed as error:
            self.called_off = not self._call_off()
            if self.called_off:
                ended = "so its failover was called off (SENTINEL RESET) and the old master goes on"
                remedy = "See the logs of the sentinels. Where commands are renamed, Sentinel must know their names (rename_commands)."
                raise ChangeFailed(f"{error}, {ended}. {remedy}") from error
            # One was promoted at the last moment.
            if self._promoted() is None:
                raise
        return t.cast(Address, self.new)

    def _call_off(self) -> str:
        """As leftovers.call_off does; servers that change roles by themselves are told first, or they would go on."""
        if self.method == "coordinated":
            # There is nothing to end where they have not begun, or could not.
            with contextlib.suppress(errors.ServerError):
                self._old_server.read("FAILOVER", "ABORT")
        return leftovers.call_off(self.scene, self.scene.impatient(self.scene.eligible, AT_ONCE))

    def _demoted(self, new: Address) -> bool:
        try:
            leftovers.demote(self._old_server, self.scene.connections.data(new), self._fence)
        except errors.SILENT:
            # Its connections may have been cut meanwhile, by Sentinel or by somebody else; asking twice does no harm.
            return False
        self._fenced = False
        return True

    def _hold(self) -> None:
        """Stop and fence the old master in one step."""
        fence = self._fence.raised(len(self.old.online))
        self._paused_since, self._held = time.monotonic(), wait.Deadline(self.pause)
        milliseconds = int(self.pause * 1000)
        self._fenced = True
        self._old_server.transaction(*leftovers.fence_commands(fence), ("CLIENT", "PAUSE", milliseconds, "WRITE"))

    def _let_go(self) -> None:
        if self._paused_since is not None:
            self.paused = time.monotonic() - self._paused_since
            self._paused_since = None

    def _catch_up(self) -> None:
        """Until every replica that might be chosen has all that the master ever acknowledged."""
        offset = int(info(self._old_server.ask("INFO", "replication"))["master_repl_offset"])
        limit = min(CATCH_UP_SHARE * self._down_after, CATCH_UP_OF_PAUSE * self._pause_left())
        behind = "a replica did not catch up with the paused master; is it slow, or is down-after-milliseconds very short"
        self._until(limit, lambda: all(_offset(server) >= offset for server in self._quick.values()), behind)

    def _order(self, leader: observe.SentinelView, *more: str) -> None:
        self.ordered = True
        try:
            self.scene.connections.sentinel(leader.address).ask("SENTINEL", "FAILOVER", self.scene.name, *more)
        except errors.ServerError as error:
            # INPROG: Sentinel has begun one itself. That is as good where the old master is paused and fenced; but it is not where
            # the servers should do the pausing.
            if error.code != "INPROG" or more:
                self.ordered = False
                raise

    def _promoted(self) -> Address | None:
        """The replica that says it is a master now.

        The nodes are asked and not Sentinel, which notices a second later. For that second more sentinels would see the paused master
        as down, with a short down-after-milliseconds, and one might begin another failover, to a third node.
        """
        found = scenes.masters(self._quick)
        if len(found) > 1:
            raise ChangeFailed(f"{checks.together(found)} were promoted at the same time: only a person can choose between them")
        if found:
            self.new = found[0]
        return self.new

    def _settle(self) -> None:
        """Until every sentinel names the new master, and the old one is its replica."""
        self._until(self.deadline.left(), self._settled, "not every sentinel names the new master, or the old one is not its replica yet")

    def _settled(self) -> bool:
        new = t.cast(Address, self.new)
        with contextlib.suppress(*errors.SILENT):
            role = self._old_server.read("ROLE")
            follows = role[0] == "slave" and Address.of(str(role[1]), role[2]).is_same(new)
            return follows and all(self._names(view, new) for view in self.scene.views)
        return False

    def _names(self, view: observe.SentinelView, new: Address) -> bool:
        answer = self.scene.connections.sentinel(view.address).read("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.scene.name)
        # Somebody may have removed the master from this sentinel.
        return bool(answer) and Address.of(str(answer[0]), answer[1]).is_same(new)

    def _lower(self) -> None:
        """Give the replicas their own priorities again."""
        while self._raised:
            node = self._raised[-1]
            server, own = self.scene.server(node), ("CONFIG", "SET", "replica-priority", node.priority)
            if self.ordered:
                self._lower_for_good(node, server, own)
            else:
                server.read(*own)
            self._raised.pop()

    def _lower_for_good(self, node: observe.Node, server: Server, own: leftovers.Command) -> None:
        def again(attempt: retry.Attempt) -> float | None:
            # Sentinel closes its clients' connections, ours among them, when it reconfigures the node.
            return 0.0 if attempt.number == 0 and isinstance(attempt.error, errors.SILENT) else None

        complaint = retry.answer(lambda: leftovers.set_for_good(server, [own]), again, writes=False)
        if complaint:
            self.warnings.append(f"{complaint}; its replica-priority is {node.priority} again, check the one in its file")

    def _undo(self) -> None:
        """As far as possible; the next run does the rest."""
        with contextlib.suppress(*WRITE_ERRORS):
            if self._paused_since is not None or (self.ordered and self.new is None):
                self._release()
        self._let_go()
        with contextlib.suppress(*WRITE_ERRORS):
            self._lower()

    def _release(self) -> None:
        """Let the old master write again, unless a replica was promoted; the fence comes down when it is sure that none will be.

        Where that is not seen soon, it stays fenced for the next run, and needs all of its replicas to write until then.
        """
        # A transaction of ours may have been left half-said.
        self._old_server.close()
        if self.new:
            # The fence refuses what waits.
            self._old_server.read("CLIENT", "UNPAUSE")
        elif self.called_off or not self._is_coming():
            # A replica that hangs must not keep it from writing any more.
            loose = [("CONFIG", "SET", "min-replicas-max-lag", marks.LOOSE)] if self._fenced else []
            self._old_server.transaction(*loose, ("CLIENT", "UNPAUSE"))
        self._let_go()
        if not self.new and wait.until(self._is_calm, bool, CALM_WITHIN, SLOW_POLL):
            if self._fenced:
                self._old_server.transaction(*leftovers.fence_commands(self._fence))
            self._fenced = False
        elif self._fenced:
            left = "a failover may be coming, so it stays fenced (min-replicas-to-write) until the task runs again"
            self.warnings.append(f"{self.old.name}: {left}")

    def _is_coming(self) -> bool:
        """Whether a replica was or may be promoted, though the failover was called off as far as sentinels answer."""
        try:
            return bool(self._call_off())
        except WRITE_ERRORS:
            return self.ordered

    def _is_calm(self) -> bool:
        """Whether all sentinels see the old master well. A paused one answers no PING, so they may have begun a failover themselves."""
        flags = self._flags()
        if "failover_in_progress" in flags:
            self._is_coming()
        return flags == {"master"}

    def _flags(self) -> set[str]:
        """All flags that the sentinels give the old master; {"master"} where all see it healthy and name it."""
        flags: set[str] = set()
        for view in self.scene.views:
            try:
                seen = read.master(self.scene.connections, view.address, self.scene.name)
            except errors.SILENT:
                return {"unknown"}
            flags |= seen.flags if seen.address == self.old.address else {"other"}
        return flags

    def _pause_left(self) -> float:
        """Seconds for which the pause surely lasts."""
        return max(0.0, min(self.deadline.left(), self._held.left() - 1.0))

    def _until(self, limit: float, question: t.Callable[[], t.Any], what: str) -> t.Any:
        """The first true answer to the question; ChangeFailed where none comes within `limit` seconds."""
        began = time.monotonic()
        pause = SLOW_POLL if self._paused_since is None and not self.ordered else POLL
        answer = wait.until(question, bool, min(limit, self.deadline.left()), pause)
        if not answer:
            raise ChangeFailed(f"{self.scene.name}: {what} (after {time.monotonic() - began:.1f} s)")
        return answer


def _offset(server: Server) -> int:
    """How much of the master's stream the replica has; -1 where it says nothing, or has no link."""
    with contextlib.suppress(*errors.SILENT):
        about = info(server.read("INFO", "replication"))
        return int(about.get("slave_repl_offset", "-1")) if about.get("master_link_status") == "up" else -1
    return -1
