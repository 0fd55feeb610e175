# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that was killed left behind, and how it is put right. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import gate, marks
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.scene import Scene
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Node

Command = t.Sequence[t.Union[str, int]]
REWRITE = ("CONFIG", "REWRITE")
TOLERATED = (" ".join(REWRITE),)


def changes(scene: Scene) -> list[Change]:
    """One change for each data node that still has temporary settings. Fences come last: taking one down may have to wait.

    A node that is fenced and calls itself a master, while all sentinels name another, was about to be demoted: its fence proves that it
    took no write since. Without that mark nothing is ever chosen between two masters.
    """
    found = []
    for node in scene.nodes:
        if node.silence:
            continue
        differences, now = [], marks.Fence.of(node.settings)
        priority, fence = marks.original_priority(node.priority), now.original()
        if priority is not None:
            differences.append(Difference("replica_priority", node.priority, priority))
        if fence is not None:
            differences.append(Difference("min_replicas_to_write", now.to_write, fence.to_write))
            differences.append(Difference("min_replicas_max_lag", now.max_lag, fence.max_lag))
            if left_a_master(scene, node):
                differences.append(Difference("role", "master", "slave"))
        if differences:
            identity = {"host": node.address.host, "port": node.address.port}
            found.append(Change("data_node", node.name, identity, "update", tuple(differences), stage=0 if fence is None else 1))
    return found


def left_a_master(scene: Scene, node: Node) -> bool:
    fenced = marks.Fence.of(node.settings).original() is not None
    return fenced and scene.agreed and node is not scene.master and node.is_master and scene.master.is_master


def put_right(scene: Scene, node: Node) -> str:
    """Give the node its own settings again, and its role where that was about to change; why not all of it now, or an empty string.

    A fence comes down only once it is sure that no replica is about to be promoted in the place of its master: the writes that
    the master would acknowledge after its pause would be lost. Raises as Server.ask does.
    """
    server, master = scene.server(node), scene.master
    priority, fence = marks.original_priority(node.priority), marks.Fence.of(node.settings).original()
    if priority is not None:
        set_for_good(server, [("CONFIG", "SET", "replica-priority", priority)])
    if fence is None:
        return ""
    if left_a_master(scene, node):
        demote(server, scene.server(master), fence)
        return ""
    waiting = list(map(str, gate.under_way(scene)))
    if not waiting and node is master:
        # Paused, it does not answer Sentinel's PING either, so it looks down until now.
        server.read("CLIENT", "UNPAUSE")
        waiting = list(map(str, gate.unrest(scene)))
    if not waiting and node is not master and node.role != "slave":
        waiting = [f"{node.name} is a {node.role}, and {master.name} is a {master.role or 'node that does not answer'}"]
    if not waiting:
        set_for_good(server, [*fence_commands(fence), ("CLIENT", "UNPAUSE")])
    return "; ".join(waiting)


def set_for_good(server: Server, commands: t.Sequence[Command]) -> str:
    """Run these and CONFIG REWRITE in one step. Returns the error of CONFIG REWRITE, which does not stop the run.

    Sentinel may have made a temporary value permanent, when it reconfigured the node. In two steps a run that is killed between them
    would leave it in the file, where no later run can see it. Many servers run without a file, or may not write it.
    """
    replies = server.transaction(*commands, REWRITE, tolerate=TOLERATED)
    return f"{server.name}: CONFIG REWRITE: {replies[-1]}" if isinstance(replies[-1], Exception) else ""


def fence_commands(fence: marks.Fence) -> list[Command]:
    return [("CONFIG", "SET", "min-replicas-to-write", fence.to_write), ("CONFIG", "SET", "min-replicas-max-lag", fence.max_lag)]


def demote(old: Server, new: Server, fence: marks.Fence) -> None:
    """Make `old` a replica of `new`, in one step; clients that wait there to write are disconnected instead of being served.

    Sentinel does the same, but only once its hello gets through, which a pause holds back, and 8 seconds after that.
    """
    kill = [("CLIENT", "KILL", "TYPE", kind) for kind in ("normal", "pubsub")]
    follow = ("REPLICAOF", new.host, new.port)
    old.transaction(follow, *fence_commands(fence), REWRITE, *kill, ("CLIENT", "UNPAUSE"), tolerate=TOLERATED)
