# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that was killed left behind, and how it is put right. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import gate, marks
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import scene as scenes
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.scene import Scene
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import checks, read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
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
            differences.append(Difference("replica_priority", now.priority, fence.priority))
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
    waiting = list(map(str, checks.once(gate.under_way(scene))))
    if not waiting and node is master:
        # Paused, it does not answer Sentinel's PING either, so it looks down until now.
        server.read("CLIENT", "UNPAUSE")
        waiting = list(map(str, checks.once(gate.unrest(scene))))
    if not waiting and node is not master and node.role != "slave":
        waiting = [f"{node.name} is a {node.role}, and {master.name} is a {master.role or 'node that does not answer'}"]
    if not waiting:
        set_for_good(server, [*fence_commands(fence), ("CLIENT", "UNPAUSE")])
    return "; ".join(waiting)


def call_off(scene: Scene, replicas: t.Mapping[Address, Server]) -> str:
    """End a failover that promotes nobody, so that no replica is promoted later; why one may be, or an empty string.

    `replicas`: whoever might be promoted. A sentinel would go on for failover-timeout, in which the master can neither be paused nor take
    writes safely. Only SENTINEL RESET ends that. The sentinel finds the replicas and the other sentinels again within 10 seconds. A replica
    that gets its order late, since it hung, is then made a replica again, and no client is sent to it. Raises as Server.ask does.
    """
    if promoted := scenes.masters(replicas):
        return f"{checks.together(promoted)} has become a master"
    for view in scene.views:
        if read.master(scene.connections, view.address, scene.name).is_failing_over:
            scene.connections.sentinel(view.address).ask("SENTINEL", "RESET", scene.name)
    # One of them may have been promoted a moment before.
    return f"{checks.together(promoted)} has become a master" if (promoted := scenes.masters(replicas)) else ""


def set_for_good(server: Server, commands: t.Sequence[Command]) -> str:
    """Run these and CONFIG REWRITE in one step. Returns the error of CONFIG REWRITE, which does not stop the run.

    Sentinel may have made a temporary value permanent, when it reconfigured the node. In two steps a run that is killed between them
    would leave it in the file, where no later run can see it. Many servers run without a file, or may not write it.
    """
    replies = server.transaction(*commands, REWRITE, tolerate=TOLERATED)
    return f"{server.name}: CONFIG REWRITE: {replies[-1]}" if isinstance(replies[-1], Exception) else ""


def fence_commands(fence: marks.Fence) -> list[Command]:
    own = {"min-replicas-to-write": fence.to_write, "min-replicas-max-lag": fence.max_lag, "replica-priority": fence.priority}
    return [("CONFIG", "SET", name, value) for name, value in own.items()]


def demote(old: Server, new: Server, fence: marks.Fence) -> None:
    """Make `old` a replica of `new`, in one step; clients that wait there to write are disconnected instead of being served.

    Sentinel does the same, but only once its hello gets through, which a pause holds back, and 8 seconds after that.
    """
    kill = [("CLIENT", "KILL", "TYPE", kind) for kind in ("normal", "pubsub")]
    follow = ("SLAVEOF", new.host, new.port)
    old.transaction(follow, *fence_commands(fence), REWRITE, *kill, ("CLIENT", "UNPAUSE"), tolerate=TOLERATED)
