# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube_nodes: the labels, annotations and taints of nodes. Private to this collection.

Nobody's work is undone: the API server refuses each change if its node has changed since it was read, and the change is planned again.
"""

from __future__ import annotations

import difflib
import random
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, Altered, Change, ChangeFailed, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, first
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.connection import WORKERS
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import desired
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.plan import KIND, Node, Options, is_another, not_yet, plan_node
from ansible_collections.eco2.platform.plugins.module_utils._net import retry

# Seconds between two looks while waiting.
PAUSE = 1.0
# A node changes a few times a minute; one that changes more often than we can write is changed by others all the time.
TRIES = 15
LONGEST_PAUSE = 1.0  # seconds

Params = t.Mapping[str, t.Any]


def node_path(*name: str) -> str:
    """The path of all nodes, or of the one of this name."""
    return path_of("api", "v1", "nodes", *name)


def read(client: Client, what: str = "reading nodes", **query: str) -> dict[str, Node]:
    """All Node objects by name."""
    return {node["metadata"]["name"]: node for node in client.get(node_path(), what, **query)["items"]}


class Nodes(Service):
    """The labels, annotations and taints of nodes, and nodes that are deleted."""

    workers = WORKERS

    def __init__(self, client: Client, params: Params) -> None:
        super().__init__()
        self.client, self.params = client, params
        self.wanted = {entry.name: entry for entry in desired.declare(params["nodes"], params["owner"], params["protected"])}
        self.options = Options(params["owner"], params["exact"], tuple(params["protected"]))
        self.there: dict[str, Node] = {}
        self.skipped: list[str] = []
        self.conflicts = 0
        self._problems: list[Problem] = []
        self._forbidden: list[Change] = []
        self._lock = threading.Lock()

    def observe(self) -> None:
        self.there = read(self.client)

    def plan(self) -> Plan:
        changes, unchanged = [], 0
        for name, entry in self.wanted.items():
            node = self.there.get(name)
            if node is None and not entry.absent and self.params["unknown_nodes"] != "skip":
                self._problems.append(
                    Problem("node.unknown", "the cluster has no node of this name", f"node {name}", remedy=self._known(name))
                )
            elif (node is None and not entry.absent) or (node is not None and is_another(entry, node)):
                self.skipped.append(name)
            elif node is None:
                unchanged += 1
            else:
                planned = plan_node(entry, node, self.options)
                self.warnings += planned.warnings
                self._problems += planned.problems
                changes += [planned.change] if planned.change else []
                unchanged += planned.change is None
        return Plan.of(changes, unchanged)

    def _known(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.there, n=1)
        if close:
            return f"did you mean {close[0]}?"
        return f"it has {first(sorted(self.there), 5) or 'no nodes at all'}"

    def problems(self, plan: Plan) -> list[Problem]:
        return self._problems

    def prove(self, plan: Plan) -> t.Iterator[Problem]:
        """Ask the API server whether our rights are enough."""
        for action, verb in (("update", "patch"), ("delete", "delete")):
            names = [change.object for change in plan.changes if change.action == action]
            if not names or self.client.may(verb, "nodes"):
                continue
            with ThreadPoolExecutor(WORKERS) as pool:  # a role may cover some nodes only
                allowed = list(pool.map(lambda name, verb=verb: self.client.may(verb, "nodes", name), names))
            remedy = f"grant the verb {verb} on nodes (a ClusterRole and its binding)"
            refused = {name for name, may in zip(names, allowed) if not may}
            self._forbidden += [change for change in plan.changes if change.action == action and change.object in refused]
            for name in names:
                if name in refused:
                    yield Problem("node.forbidden", "this user has no right to change it", f"node {name}", remedy=remedy)

    def write(self, change: Change) -> Change | None:
        current: Change | None = change
        conflict: errors.Conflict | None = None

        def send() -> Change | None:
            nonlocal current
            if conflict is not None:
                # An answer that was lost may have been to a patch that was made: then the conflict is with ourselves.
                ours = current if conflict.repeated else None
                current = self._plan_again(change.object)
                if current is None:
                    return ours
            return self._write(current or change)

        def pause(attempt: retry.Attempt) -> float | None:
            nonlocal conflict
            if not isinstance(attempt.error, errors.Conflict):
                return None
            conflict = attempt.error
            with self._lock:
                self.conflicts += not conflict.repeated
            longest = min(LONGEST_PAUSE, 0.02 * 2**attempt.number) if attempt.number else 0.0
            return random.uniform(0, longest) if attempt.number < TRIES - 1 else None  # noqa: S311

        try:
            return retry.answer(send, pause)
        except errors.NotFound as error:
            raise ChangeFailed("somebody else has deleted it since it was read") from error
        except errors.Conflict as error:
            raise ChangeFailed(
                f"others changed it {TRIES} times between reading and writing: run the task again when it is quiet"
            ) from error

    def _write(self, change: Change) -> Change | None:
        path = node_path(change.object)
        if change.action == "delete":
            uid, version = change.payload["uid"], change.payload["resourceVersion"]
            return change if self.client.delete(path, "it cannot be deleted", uid, version) else None
        # The answer to a patch is the node as it is stored now. What the patch does not contain is as it was read.
        node = self.client.merge_patch(path, change.payload, "it cannot be changed")
        if not is_contained(change.payload, node, ignore="resourceVersion"):
            left = plan_node(self.wanted[change.object], node, self.options).change
            if left is not None:
                fields = ", ".join(difference.field for difference in left.differences)
                raise Altered(
                    f"the API server took the change, but these are not as declared: {fields}; does an admission webhook change nodes?"
                )
        return change

    def _plan_again(self, name: str) -> Change | None:
        """What is left to write after another look at the node."""
        try:
            node = self.client.get(node_path(name), "reading it again")
        except errors.TimedOut as error:  # a read changes nothing, so nothing is unknown
            raise ChangeFailed(str(error)) from error
        planned = plan_node(self.wanted[name], node, self.options)
        if planned.problems:
            raise ChangeFailed("; ".join(str(problem) for problem in planned.problems))
        with self._lock:
            self.warnings += planned.warnings
        return planned.change

    def settle(self, outcome: Outcome) -> t.Iterator[Late]:
        """Wait until each node is Ready and as declared."""
        if not self.params["wait"]:
            return
        broken = {change.object for change, dummy in outcome.failures} | {change.object for change in outcome.not_attempted}
        names = self.wanted.keys() - broken - {*self.skipped}
        timeout = self.params["wait_timeout"]
        late = wait.until(lambda: self._late(names), lambda seen: not seen, timeout, PAUSE)
        for name, reason in late.items():
            yield Late(KIND, name, {"name": name}, f"{reason} (waited {timeout:g} s)")

    def _late(self, names: t.Collection[str]) -> dict[str, str]:
        try:
            there = read(self.client)
        except WRITE_ERRORS as error:
            return dict.fromkeys(names, str(error))
        reasons = {name: not_yet(entry, there.get(name), self.options) for name, entry in self.wanted.items() if name in names}
        return {name: reason for name, reason in reasons.items() if reason}

    def facts(self, predicted: bool) -> dict[str, t.Any]:
        forbidden = {"forbidden": [change.shown() for change in self._forbidden]} if self._forbidden else {}
        return {"conflicts": self.conflicts, "skipped_nodes": self.skipped, **forbidden}


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
