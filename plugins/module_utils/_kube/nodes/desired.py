# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of kube_nodes, checked and made alike before anything is read or written. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, names, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import ownership
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import as_text, described, shortened
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

Item = t.Mapping[str, t.Any]
# None for a key that shall not be there, whoever set it.
Values = t.Dict[str, t.Optional[str]]
TaintKey = t.Tuple[str, str]  # key and effect


@dataclass(frozen=True)
class Wanted:
    """What a node shall be; a section that is None is left alone, an empty one wants nothing."""

    name: str
    labels: Values | None = None
    annotations: Values | None = None
    taints: dict[TaintKey, Taint | None] | None = None
    absent: bool = False
    force: bool = False
    uid: str | None = None
    leave_labels: frozenset[str] = frozenset()


def declare(items: t.Sequence[Item], owner: str, protected: t.Sequence[str] = ()) -> list[Wanted]:
    """The items in their order. Raises Refused with every problem, one line each."""
    problems = []
    problem = labels.key_problem(ownership.annotation(owner))
    if problem:
        problems.append(f"owner: {shortened(owner)} {problem}")
    problems += [f"protected: {shortened(text)} is neither a domain nor a key" for text in protected if not _is_domain_or_key(text)]
    wanted: dict[str, Wanted] = {}
    for item in items:
        reader = _Reader(str(item["name"]))
        entry = reader.read(item)
        if entry.name in wanted:
            reader.refuse("is named twice: join the two items")
        wanted[entry.name] = entry
        problems += reader.problems
    if problems:
        raise Refused(problems)
    return list(wanted.values())


class _Reader:
    """One item; what is wrong is noted, and reading goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[str] = []

    def refuse(self, problem: str) -> None:
        self.problems.append(f"node {self.name}: {problem}")

    def read(self, item: Item) -> Wanted:
        problem = names.node_problem(self.name)
        if problem:
            self.problems.append(f"node {shortened(self.name)}: {problem}")
        absent = item.get("state") == "absent"
        sections = [name for name in ownership.SECTIONS if item.get(name)]
        if absent and sections:
            self.refuse(f"has state absent, and {', '.join(sections)}: keep one")
        if item.get("force") and not absent:
            self.refuse("has force, which is for state absent")
        if item.get("uid") and not absent:
            self.refuse("has uid, which is for state absent")
        return Wanted(
            self.name,
            labels=self._values(item.get("labels"), "label", self._label_problem),
            annotations=self._values(item.get("annotations"), "annotation", self._annotation_problem),
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
            if not isinstance(key, str):
                self.refuse(f"a key among the {what}s is {described(key)}: write it in quotes")
                continue
            try:
                values[key] = None if value is None else as_text(value)
            except ValueError as error:
                self.refuse(f"{what} {shortened(key)} {error}")
                continue
            problem = problem_of(key, values[key] or "")
            if problem:
                self.refuse(f"{what} {shortened(key)} {problem}")
        return values

    def _label_problem(self, key: str, value: str) -> str | None:
        return labels.problem(key, value)

    def _annotation_problem(self, key: str, dummy: str) -> str | None:
        """k8s.io/apimachinery, pkg/api/validation: keys like a label's, but for the case of their letters; any value."""
        if key.partition("/")[0] == ownership.DOMAIN:
            return "is this module's own record: leave it out"
        return labels.key_problem(key.lower())

    def _taints(self, part: t.Any) -> dict[TaintKey, Taint | None] | None:
        if part is None:
            return None
        found: dict[TaintKey, Taint | None] = {}
        for entry in part:
            rest, absent = _without_state(entry)
            try:
                taint = taints.parse_any(rest)
            except ValueError as error:
                self.refuse(str(error))
                continue
            if taint.key in taints.CONTROLLERS_KEYS:
                self.refuse(f"taint {taint} is set and removed by Kubernetes itself, as the node's condition changes: leave it out")
            elif taint.key in taints.STARTUP_KEYS and not absent:
                self.refuse(f"taint {taint} is for registration alone: an agent takes it away, and it would be put back for ever")
            elif taint.identity in found:
                self.refuse(f"taint {taint}: there is another of that key and effect: keep one")
            found[taint.identity] = None if absent else taint
        return found


def _without_state(entry: t.Any) -> tuple[t.Any, bool]:
    """The taint, and whether it shall not be there."""
    if isinstance(entry, dict) and entry.get("state") in ("present", "absent"):
        return {key: value for key, value in entry.items() if key != "state"}, entry["state"] == "absent"
    return entry, False


def _is_domain_or_key(text: str) -> bool:
    return not labels.key_problem(text) or not labels.key_problem(f"{text}/x")
