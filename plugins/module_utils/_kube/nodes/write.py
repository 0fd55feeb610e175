# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of nodes, written so that nobody's work is undone: each refused when its node has changed meanwhile, and planned anew.

Private to this collection.
"""

from __future__ import annotations

import random
import threading
import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Key, NoAnswer
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.desired import Wanted
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.plan import Node, Options, plan_node

# A node changes a few times a minute; somebody who changes it more often than we can write is at war with us.
TRIES = 15
LONGEST_PAUSE = 1.0  # seconds

_T = t.TypeVar("_T")


def node_path(*name: str) -> str:
    """The path of all nodes, or of the one of this name."""
    return path_of("api", "v1", "nodes", *name)


class NodeWriter:
    """Writes changes; afterwards `conflicts` counts how often a node had changed since it was read, and `wrote` says whether
    anything was written at all."""

    def __init__(self, client: Client, wanted: t.Iterable[Wanted], options: Options) -> None:
        self.client = client
        self.options = options
        self.conflicts = 0
        self.wrote = False
        self.warnings: list[str] = []
        self._wanted = {entry.name: entry for entry in wanted}
        # What came of a change that had to be planned anew: another one, or none where others had done the same.
        self._instead: dict[Key, Change | None] = {}
        self._lock = threading.Lock()

    def written(self, change: Change) -> Change | None:
        """The change that was really made in this one's place."""
        return self._instead.get(change.key, change)

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        return ()

    def one(self, change: Change) -> None:
        current = change
        for attempt in range(TRIES):
            try:
                self._write(current)
                return
            except errors.NotFound as error:
                raise ChangeFailed("is gone: somebody has deleted it meanwhile") from error
            except errors.Conflict as error:
                again = self._after_conflict(current, error, attempt)
                if again is None:
                    return
                current = again
        raise ChangeFailed(f"was changed by others {TRIES} times between reading and writing it: run again when it is quiet")

    def _write(self, change: Change) -> None:
        if change.action == "delete":
            uid, version = change.payload["uid"], change.payload["resourceVersion"]
            self.client.delete(node_path(change.object), "it cannot be deleted", uid, version)
            self.wrote = True
        else:
            node = self.client.merge_patch(node_path(change.object), change.payload, "it cannot be changed")
            self.wrote = True
            self._verify(change, node)

    def _verify(self, change: Change, node: Node) -> None:
        """The answer to a patch is the node as it is now stored; what the patch did not name is as it was read."""
        if is_contained(change.payload, node, ignore="resourceVersion"):
            return
        left = plan_node(self._wanted[change.object], node, self.options).change
        if left is not None:
            fields = ", ".join(difference.field for difference in left.differences)
            raise ChangeFailed(f"the change was taken, and yet is not as declared: {fields}; does an admission webhook change nodes?")

    def _after_conflict(self, change: Change, conflict: errors.Conflict, attempt: int) -> Change | None:
        """What is to be written after another look at the node; None where nothing is left to do."""
        # An answer that was lost on the way may have been to a patch that was made: then the conflict is with ourselves.
        ours_perhaps = conflict.repeated
        if not ours_perhaps:
            with self._lock:
                self.conflicts += 1
        if attempt:
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311
        node = _or_not_sent(lambda: self.client.get(node_path(change.object), "reading it again"))
        planned = plan_node(self._wanted[change.object], node, self.options)
        if planned.problems:
            raise ChangeFailed("; ".join(planned.problems))
        with self._lock:
            self.warnings += planned.warnings
            if planned.change is not None or not ours_perhaps:
                self._instead[change.key] = planned.change
        return planned.change


def is_contained(patch: t.Any, stored: t.Any, ignore: str) -> bool:
    """Whether an object is as this merge patch (RFC 7396) makes it."""
    if not isinstance(patch, dict):
        return bool(patch == stored) or (patch == [] and stored is None)
    if not isinstance(stored, dict):
        return all(value is None for value in patch.values())
    return all(
        key not in stored if value is None else is_contained(value, stored.get(key), ignore)
        for key, value in patch.items()
        if key != ignore
    )


def _or_not_sent(read: t.Callable[[], _T]) -> _T:
    """What is read; a read that gets no answer has changed nothing, and is no unknown outcome."""
    try:
        return read()
    except NoAnswer as error:
        raise ChangeFailed(str(error)) from error
