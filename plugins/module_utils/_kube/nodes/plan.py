# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on one node: a pure function of what is wanted, of the Node object, and of its records of ownership.

Private to this collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import ownership
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.desired import Values, Wanted
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.ownership import Record, digest
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.protected import is_protected

KIND = "node"
# The kubelet sets these for itself, and again whenever it starts.
KUBELETS_OWN = frozenset(
    {"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch"}
)

Node = t.Mapping[str, t.Any]  # a Node object, as the API gives it


@dataclass(frozen=True)
class Options:
    """`exact`: what nobody declares is removed too; `protected`: domains and keys that it spares besides its own list."""

    owner: str
    exact: bool = False
    protected: tuple[str, ...] = ()


@dataclass
class NodePlan:
    """`change` is None where the node is as wanted; `problems` are reasons to refuse the task."""

    change: Change | None = None
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan_node(wanted: Wanted, node: Node, options: Options) -> NodePlan:
    """One patch that brings labels, annotations, taints and the record of ownership to what is wanted, or the deletion of the node."""
    return _plan_deletion(wanted, node) if wanted.absent else _Planner(wanted, node, options).plan()


def is_ready(node: Node) -> bool:
    return ready_condition(node).get("status") == "True"


def ready_condition(node: Node) -> t.Mapping[str, t.Any]:
    conditions = node.get("status", {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == "Ready"), {})


def ready_reason(node: Node) -> str:
    """Such as `KubeletNotReady: container runtime network not ready: cni plugin not initialized`."""
    condition = ready_condition(node)
    return ": ".join(condition[part] for part in ("reason", "message") if condition.get(part)) or "the kubelet has reported nothing yet"


def not_yet(wanted: Wanted, node: Node | None, options: Options) -> str | None:
    """Why a node is not Ready and as wanted; None if it is."""
    if wanted.absent:
        return None if node is None else "is still there"
    if node is None:
        return "is gone"
    if not is_ready(node):
        return f"is not Ready: {ready_reason(node)}"
    left = plan_node(wanted, node, options).change
    return f"is not as declared any more: {', '.join(difference.field for difference in left.differences)}" if left else None


def is_another(wanted: Wanted, node: Node) -> bool:
    """Whether the node is not the one that the item wants to delete, because it was deleted and created again."""
    return wanted.uid is not None and wanted.uid != node["metadata"]["uid"]


def _plan_deletion(wanted: Wanted, node: Node) -> NodePlan:
    item, metadata = f"node {wanted.name}", node["metadata"]
    if is_another(wanted, node):
        return NodePlan(problems=[Problem("node.another", "others have deleted it and created it again, so it stays", item)])
    if is_ready(node) and not wanted.force:
        return NodePlan(problems=[Problem("node.ready", "is Ready, so it is not deleted", item, remedy="set force: true to delete it")])
    differences = (Difference("uid", metadata["uid"], None),)
    payload = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    return NodePlan(Change(KIND, wanted.name, {"name": wanted.name}, "delete", differences, payload=payload))


class _Planner:
    """The plan of one node, section by section."""

    def __init__(self, wanted: Wanted, node: Node, options: Options) -> None:
        self.wanted = wanted
        self.options = options
        self.metadata = node["metadata"]
        self.annotations: dict[str, str] = self.metadata.get("annotations") or {}
        self.taints: list[dict[str, t.Any]] = node.get("spec", {}).get("taints") or []
        self.others = ownership.others(self.annotations, options.owner)
        self.differences: list[Difference] = []
        self.result = NodePlan()
        self.record = self._read_record()
        self.new_record: Record = {section: dict(entries) for section, entries in self.record.items()}

    def plan(self) -> NodePlan:
        changes = {
            "labels": self._plan_section("labels", self.wanted.labels, self.metadata.get("labels") or {}, self._left_labels()),
            "annotations": self._plan_section("annotations", self.wanted.annotations, self.annotations),
        }
        taints = self._plan_taints()
        changes["annotations"].update(self._record_patch())
        patch: dict[str, t.Any] = {"metadata": {section: values for section, values in changes.items() if values}}
        if taints is not None:
            # A merge patch replaces a list as a whole.
            patch["spec"] = {"taints": taints}
        if (patch["metadata"] or taints is not None) and not self.result.problems:
            # So that the API server refuses the patch if the node has changed in any way since it was read.
            patch["metadata"]["resourceVersion"] = self.metadata["resourceVersion"]
            differences = tuple(sorted(self.differences, key=lambda difference: difference.field))
            name = self.wanted.name
            self.result.change = Change(KIND, name, {"name": name}, "update", differences, payload=patch)
        return self.result

    def _warn(self, text: str) -> None:
        self.result.warnings.append(f"node {self.wanted.name}: {text}")

    # The record

    def _read_record(self) -> Record:
        try:
            return ownership.read(self.annotations, self.options.owner)
        except ownership.Malformed:
            name = ownership.annotation(self.options.owner)
            self._warn(f"others have changed the annotation {name}: it is written again, and what only earlier runs declared stays")
            return {section: {} for section in ownership.SECTIONS}

    def _record_patch(self) -> Values:
        """The record's annotation where it changes; what is only recorded or forgotten is a separate difference."""
        name, owner = ownership.annotation(self.options.owner), self.options.owner
        text = ownership.write(self.new_record)
        # The same JSON may be written in another way.
        same = name in self.annotations and self.record == self.new_record and any(self.record.values())
        if text == self.annotations.get(name) or same:
            return {}
        shown = {difference.field for difference in self.differences}
        for section, entries in self.new_record.items():
            before = self.record[section]
            for key in before.keys() | entries.keys():
                label = f"{section[:-1]} {key}"
                if before.get(key) != entries.get(key) and label not in shown:
                    # A value that others have changed was not ours any more.
                    was_ours = key in before and key not in entries
                    self._differ(f"owner of {label}", owner if was_ours else None, owner if key in entries else None)
        if not self.differences:
            self._differ(f"annotation {name}", self.annotations.get(name), text)
        return {name: text}

    # Sections

    def _left_labels(self) -> frozenset[str]:
        """The labels that are neither set nor removed: those that the kubelet sets, and those that the item leaves alone."""
        wanted, there = self.wanted.labels or {}, self.metadata.get("labels") or {}
        kubelets = KUBELETS_OWN & wanted.keys()
        for key in sorted(kubelets):
            if there.get(key) != wanted[key]:
                message = f"the kubelet sets this label itself, and it is {there.get(key, 'not there')}"
                self.result.problems.append(Problem("label.of_kubelet", message, f"node {self.wanted.name}", key, "leave it out"))
        return (self.wanted.leave_labels - wanted.keys()) | kubelets

    def _plan_section(self, section: str, wanted: Values | None, there: t.Mapping[str, str], left: t.Collection[str] = ()) -> Values:
        """The values to set, and None for what is to be removed. `left`: what is neither set nor removed."""
        if wanted is None:
            return {}
        changes: Values = {}
        record = self.record[section]
        owned = {name: record[name] for name in left if name in record}
        for name, value in wanted.items():
            if name in left:
                continue
            if name in self.others[section]:
                other = self.others[section][name]
                self._warn(f"owner {other} declares {section[:-1]} {name} too: the two may undo each other's changes")
            if there.get(name) != value:
                changes[name] = value
            if value is not None:
                owned[name] = digest(value)
        for name, value in there.items():
            if name in wanted or name in left or (section == "annotations" and name.startswith(f"{ownership.DOMAIN}/")):
                continue
            if record.get(name) == digest(value) or self._is_removed_by_exact(section, name):
                changes[name] = None
            elif name in record:
                self._warn(f"{section[:-1]} {name} is no longer declared, but others have changed its value: it stays and is theirs now")
        self.new_record[section] = owned
        for name, value in changes.items():
            self._differ(f"{section[:-1]} {name}", there.get(name), value)
        return changes

    def _is_removed_by_exact(self, section: str, name: str) -> bool:
        key = name.rpartition(":")[0] if section == "taints" else name
        return self.options.exact and name not in self.others[section] and not is_protected(key, self.options.protected)

    def _plan_taints(self) -> list[dict[str, t.Any]] | None:
        """The whole new list, None where it stays. What is kept stays as it is, with its timeAdded and in its place."""
        there = {f"{taint['key']}:{taint['effect']}": taint for taint in self.taints}
        values = {name: str(taint.get("value") or "") for name, taint in there.items()}
        changes = self._plan_section("taints", self.wanted.taints, values)
        for name, value in changes.items():
            if value is None:
                there.pop(name)
            else:
                key, dummy, effect = name.rpartition(":")
                rest = {part: content for part, content in there.get(name, {}).items() if part != "value"}
                # The API server leaves out an empty value.
                there[name] = {**rest, "key": key, **({"value": value} if value else {}), "effect": effect}
        return list(there.values()) if changes else None

    def _differ(self, name: str, before: t.Any, after: t.Any) -> None:
        self.differences.append(Difference(name, before, after))
