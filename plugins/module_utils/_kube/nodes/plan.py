# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be changed on nodes: a pure function of what is wanted, of the Node objects, and of their record of ownership.

Private to this collection.
"""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import ownership
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.desired import TaintKey, Values, Wanted
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.ownership import Record, digest
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.protected import is_protected
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

KIND = "node"
# The kubelet sets these for itself, and again whenever it starts.
KUBELETS_OWN = frozenset(
    {"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch"}
)

Node = t.Mapping[str, t.Any]  # a Node object, as the API gives it


@dataclass(frozen=True)
class Options:
    """`exact`: what nobody declares goes too; `protected`: domains and keys that it spares besides its own list."""

    owner: str
    exact: bool = False
    protected: tuple[str, ...] = ()


@dataclass
class NodePlan:
    """`change` is None where the node is as wanted; `problems` are reasons not to begin at all."""

    change: Change | None = None
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def plan(
    wanted: t.Sequence[Wanted], nodes: t.Mapping[str, Node], options: Options, skip_unknown: bool = False
) -> tuple[Plan, list[str], list[str]]:
    """The plan for all nodes, the warnings, and the names of what was skipped: unknown to the cluster, or another object by now.

    Raises Refused with every problem.
    """
    changes, warnings, problems, skipped = [], [], [], []
    unchanged = 0
    for entry in wanted:
        node = nodes.get(entry.name)
        if node is None and not entry.absent:
            if skip_unknown:
                skipped.append(entry.name)
            else:
                problems.append(f"node {entry.name}: {_unknown(entry.name, nodes)}")
            continue
        if node is not None and _another(entry, node):
            skipped.append(entry.name)
            continue
        planned = plan_node(entry, node, options) if node is not None else NodePlan()
        warnings += planned.warnings
        problems += planned.problems
        if planned.change is None:
            unchanged += 1
        else:
            changes.append(planned.change)
    if problems:
        raise Refused(problems)
    return Plan.of(changes, unchanged), warnings, skipped


def plan_node(wanted: Wanted, node: Node, options: Options) -> NodePlan:
    """One patch that brings labels, annotations, taints and the record of ownership to what is wanted."""
    if wanted.absent:
        return _plan_deletion(wanted, node)
    return _Planner(wanted, node, options).plan()


def is_ready(node: Node) -> bool:
    return ready_condition(node).get("status") == "True"


def ready_condition(node: Node) -> t.Mapping[str, t.Any]:
    conditions = node.get("status", {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == "Ready"), {})


def _another(wanted: Wanted, node: Node) -> bool:
    """Whether it was made anew since somebody chose the one to be deleted."""
    return wanted.uid is not None and wanted.uid != node["metadata"]["uid"]


def _plan_deletion(wanted: Wanted, node: Node) -> NodePlan:
    if _another(wanted, node):
        return NodePlan(problems=["was deleted and made anew by others meanwhile, and stays"])
    if is_ready(node) and not wanted.force:
        return NodePlan(problems=[f"node {wanted.name}: is Ready, and is not deleted unless the item says force: true"])
    metadata = node["metadata"]
    differences = (Difference("uid", metadata["uid"], None),)
    payload = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    return NodePlan(Change(KIND, wanted.name, {"name": wanted.name}, "delete", differences, stage=0, payload=payload))


def _unknown(name: str, nodes: t.Mapping[str, Node]) -> str:
    close = difflib.get_close_matches(name, nodes, n=1)
    if close:
        return f"the cluster has no node of this name; did you mean {close[0]}?"
    known = sorted(nodes)
    shown = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
    return f"the cluster has no node of this name; it has {shown or 'none at all'}"


class _Planner:
    """The plan of one node, section by section."""

    def __init__(self, wanted: Wanted, node: Node, options: Options) -> None:
        self.wanted = wanted
        self.options = options
        self.metadata = node["metadata"]
        self.labels: dict[str, str] = self.metadata.get("labels") or {}
        self.annotations: dict[str, str] = self.metadata.get("annotations") or {}
        self.taints: list[dict[str, t.Any]] = node.get("spec", {}).get("taints") or []
        self.others = ownership.others(self.annotations, options.owner)
        self.differences: list[Difference] = []
        self.result = NodePlan()
        self.record = self._read_record()
        self.new_record: Record = {section: dict(entries) for section, entries in self.record.items()}

    def plan(self) -> NodePlan:
        labels = self._plan_values("labels", self.wanted.labels, self.labels)
        annotations = self._plan_values("annotations", self.wanted.annotations, self.annotations)
        taints = self._plan_taints()
        annotations.update(self._record_patch())
        metadata = {**({"labels": labels} if labels else {}), **({"annotations": annotations} if annotations else {})}
        patch: dict[str, t.Any] = {"metadata": metadata} if metadata else {}
        if taints is not None:
            # A merge patch replaces a list whole.
            patch["spec"] = {"taints": taints}
        if patch and not self.result.problems:
            # So that the patch is refused if anything at all has changed since the node was read.
            patch.setdefault("metadata", {})["resourceVersion"] = self.metadata["resourceVersion"]
            differences = tuple(sorted(self.differences, key=lambda difference: difference.field))
            identity = {"name": self.wanted.name}
            self.result.change = Change(KIND, self.wanted.name, identity, "update", differences, stage=0, payload=patch)
        return self.result

    def _warn(self, text: str) -> None:
        self.result.warnings.append(f"node {self.wanted.name}: {text}")

    # The record

    def _read_record(self) -> Record:
        try:
            return ownership.read(self.annotations, self.options.owner)
        except ownership.Malformed:
            name = ownership.annotation(self.options.owner)
            self._warn(f"the annotation {name} was changed by others and is made anew: what left the declaration before stays")
            return {section: {} for section in ownership.SECTIONS}

    def _record_patch(self) -> Values:
        """The record's annotation where it changes; what is only recorded or forgotten is a difference of its own."""
        name = ownership.annotation(self.options.owner)
        text = ownership.write(self.new_record)
        if text == self.annotations.get(name) or self._says_the_same(name):
            return {}
        shown = {difference.field for difference in self.differences}
        for section, entries in self.new_record.items():
            before = self.record[section]
            for key in before.keys() | entries.keys():
                label = f"{section[:-1]} {key}"
                if before.get(key) != entries.get(key) and label not in shown:
                    # A value that others have changed was not ours any more.
                    was_ours = key in before and key not in entries
                    owner = self.options.owner
                    self._differ(f"owner of {label}", owner if was_ours else None, owner if key in entries else None)
        if not self.differences:
            self._differ(f"annotation {name}", self.annotations.get(name), text)
        return {name: text}

    def _says_the_same(self, name: str) -> bool:
        """Also in another spelling of the same JSON."""
        return name in self.annotations and self.record == self.new_record and any(self.record.values())

    # Labels and annotations

    def _plan_values(self, section: str, wanted: Values | None, there: t.Mapping[str, str]) -> Values:
        """A merge patch of this section."""
        if wanted is None:
            return {}
        patch: Values = {}
        owned: dict[str, str] = {}
        for key, value in wanted.items():
            if section == "labels" and key in KUBELETS_OWN:
                self._leave_to_kubelet(key, value, there)
                continue
            self._note_other_owner(section, key)
            if there.get(key) != value:
                patch[key] = value
            if value is not None:
                owned[key] = digest(value)
        left = self.wanted.leave_labels - wanted.keys() if section == "labels" else frozenset()
        owned.update({key: self.record[section][key] for key in left if key in self.record[section]})
        patch.update(dict.fromkeys(self._leaving(section, wanted.keys() | left, there)))
        self.new_record[section] = owned
        for key, value in patch.items():
            self._differ(f"{section[:-1]} {key}", there.get(key), value)
        return patch

    def _leave_to_kubelet(self, key: str, value: str | None, there: t.Mapping[str, str]) -> None:
        if there.get(key) != value:
            is_there = f"is {there[key]} there" if key in there else "is not there"
            problem = f"label {key} belongs to the kubelet, which would set it again; it {is_there}: leave it out"
            self.result.problems.append(f"node {self.wanted.name}: {problem}")

    def _leaving(self, section: str, wanted: t.Container[str], there: t.Mapping[str, str]) -> list[str]:
        """The keys that are there, that nothing wants, and that may go."""
        record = self.record[section]
        leaving = []
        for key, value in there.items():
            if key in wanted or (section == "annotations" and key.partition("/")[0] == ownership.DOMAIN):
                continue
            ours = key in record and digest(value) == record[key]
            if ours or self._goes_for_exactness(section, key, key):
                leaving.append(key)
            elif key in record:
                self._stays(section, key)
        return leaving

    def _goes_for_exactness(self, section: str, name: str, key: str) -> bool:
        """Nobody declares it, and nobody's controller lives by it."""
        return self.options.exact and name not in self.others[section] and not is_protected(key, self.options.protected)

    def _stays(self, section: str, name: str) -> None:
        self._warn(f"{section[:-1]} {name} is declared no longer, but others have changed its value: it stays, and is theirs from now on")

    def _note_other_owner(self, section: str, name: str) -> None:
        if name in self.others[section]:
            self._warn(f"{section[:-1]} {name} is declared by owner {self.others[section][name]} too: the two may undo each other's work")

    # Taints

    def _plan_taints(self) -> list[dict[str, t.Any]] | None:
        """The whole new list, None where it stays. What is kept is kept as it is, with its timeAdded and in its place."""
        wanted = self.wanted.taints
        if wanted is None:
            return None
        there: dict[TaintKey, dict[str, t.Any]] = {(taint["key"], taint["effect"]): taint for taint in self.taints}
        values = {_taint_name(identity): str(taint.get("value") or "") for identity, taint in there.items()}
        after = dict(there)
        owned: dict[str, str] = {}
        for identity, taint in wanted.items():
            self._note_other_owner("taints", _taint_name(identity))
            if taint is None:
                after.pop(identity, None)
                continue
            owned[_taint_name(identity)] = digest(taint.value)
            if identity not in there or values[_taint_name(identity)] != taint.value:
                after[identity] = _with_value(there.get(identity, {}), taint)
        for identity in self._leaving_taints(wanted, values):
            after.pop(identity)
        self.new_record["taints"] = owned
        for identity in sorted(there.keys() | after.keys()):
            before, now = _value_of(there.get(identity)), _value_of(after.get(identity))
            if before != now:
                self._differ(f"taint {_taint_name(identity)}", before, now)
        return None if after == there else list(after.values())

    def _leaving_taints(self, wanted: t.Container[TaintKey], values: t.Mapping[str, str]) -> list[TaintKey]:
        record = self.record["taints"]
        leaving = []
        for taint in self.taints:
            identity = (taint["key"], taint["effect"])
            name = _taint_name(identity)
            if identity in wanted:
                continue
            ours = name in record and digest(values[name]) == record[name]
            if ours or self._goes_for_exactness("taints", name, taint["key"]):
                leaving.append(identity)
            elif name in record:
                self._stays("taints", name)
        return leaving

    def _differ(self, name: str, before: t.Any, after: t.Any) -> None:
        self.differences.append(Difference(name, before, after))


def _taint_name(identity: TaintKey) -> str:
    return f"{identity[0]}:{identity[1]}"


def _value_of(taint: t.Mapping[str, t.Any] | None) -> str | None:
    return None if taint is None else str(taint.get("value") or "")


def _with_value(existing: t.Mapping[str, t.Any], taint: Taint) -> dict[str, t.Any]:
    """The server leaves out an empty value, so we do."""
    rest = {name: value for name, value in existing.items() if name != "value"}
    return {**rest, **taint.as_dict()}
