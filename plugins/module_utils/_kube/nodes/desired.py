# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of kube_nodes, checked before anything is read or written. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, names, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import ownership
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import shortened

Item = t.Mapping[str, t.Any]
# None for a key that must not be there, whoever set it; a taint's key is KEY:EFFECT.
Values = t.Dict[str, t.Optional[str]]


@dataclass(frozen=True)
class Wanted:
    """What a node must be; a section that is None is left alone, an empty one declares nothing."""

    name: str
    labels: Values | None = None
    annotations: Values | None = None
    taints: Values | None = None
    absent: bool = False
    force: bool = False
    uid: str | None = None
    leave_labels: frozenset[str] = frozenset()


def declare(items: t.Sequence[Item], owner: str, protected: t.Sequence[str] = ()) -> list[Wanted]:
    """The items in their order. Raises Refused with every problem."""
    problems = []
    problem = labels.key_problem(ownership.annotation(owner))
    if problem:
        problems.append(Problem("owner.invalid", f"{shortened(owner)} {problem}", field="owner"))
    for text in protected:
        if labels.key_problem(text) and labels.key_problem(f"{text}/x"):
            problems.append(Problem("protected.invalid", f"{shortened(text)} is neither a domain nor a key", field="protected"))
    wanted: dict[str, Wanted] = {}
    for item in items:
        reader = _Reader(str(item["name"]))
        entry = reader.read(item)
        if entry.name in wanted:
            reader.refuse("node.twice", "is declared twice", remedy="join the two items")
        wanted[entry.name] = entry
        problems += reader.problems
    if problems:
        raise Refused(problems)
    return list(wanted.values())


class _Reader:
    """One item; a problem is kept, and reading goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def refuse(self, code: str, message: str, field: str = "", remedy: str = "") -> None:
        self.problems.append(Problem(code, message, f"node {shortened(self.name)[1:-1]}", field, remedy))

    def read(self, item: Item) -> Wanted:
        problem = names.node_problem(self.name)
        if problem:
            self.refuse("node.name", problem, "name")
        absent = item.get("state") == "absent"
        for field in (*ownership.SECTIONS, "force", "uid"):
            if item.get(field) and absent is (field in ownership.SECTIONS):
                states = ("present", "absent") if absent else ("absent", "present")
                self.refuse("node.state", "has an effect only with state {}, not with state {}".format(*states), field, "leave one out")
        return Wanted(
            self.name,
            labels=self._values(item.get("labels"), "label", labels.problem),
            annotations=self._values(item.get("annotations"), "annotation", _annotation_problem),
            taints=self._taints(item.get("taints")),
            absent=absent,
            force=bool(item.get("force")),
            uid=item.get("uid") or None,
            leave_labels=frozenset(item.get("leave_labels") or ()),
        )

    def _values(self, part: t.Any, what: str, problem_of: t.Callable[[str, str], str | None]) -> Values | None:
        if part is None:
            return None
        values: Values = {}
        for key, value in part.items():
            try:
                text = labels.read(key, "" if value is None else value, what, problem_of)
            except ValueError as error:
                self.refuse(f"{what}.invalid", str(error), f"{what}s")
            else:
                values[key] = None if value is None else text
        return values

    def _taints(self, part: t.Any) -> Values | None:
        if part is None:
            return None
        found: Values = {}
        for entry in part:
            state = entry.get("state") if isinstance(entry, dict) else None
            stated, absent = state in ("present", "absent"), state == "absent"
            try:
                taint = taints.declared({key: value for key, value in entry.items() if key != "state"} if stated else entry)
            except ValueError as error:
                self.refuse("taint.invalid", str(error), "taints")
                continue
            if taint.key in taints.STARTUP_KEYS and not absent:
                message = f"taint {taint} is for registration only: an agent removes it, and this task would set it again each time"
                self.refuse("taint.startup", message, "taints", "leave it out")
            if taint.identity in found:
                self.refuse("taint.twice", f"taint {taint} has the key and effect of another one", "taints", "keep one")
            found[taint.identity] = None if absent else taint.value
        return found


def _annotation_problem(key: str, dummy: str) -> str | None:
    """k8s.io/apimachinery, pkg/api/validation: keys like a label's, but for the case of their letters; any value."""
    if key.partition("/")[0] == ownership.DOMAIN:
        return "is the record of this module: leave it out"
    return labels.key_problem(key.lower())
