# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling: steps over hosts, one at a time, with a gate after each. Private to this collection.

A service derives its steps from the present state, so a run continues where an interrupted one stopped, and check mode shows what is
left. This model knows no service and does no I/O. Whoever takes the steps asks `problems` right before each step, and waits for its
`expects` right after it.
"""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem


@dataclass(frozen=True)
class Step:
    """One action on one object of one host.

    `requires`: facts, by their names, that must be true right before the step; they were true when the steps were derived.
    `expects`: what must be true after the step, before the next one. Only the service knows how to ask for it.
    """

    action: str
    host: str
    object: str
    requires: t.Mapping[str, t.Any] = field(default_factory=dict)
    expects: t.Any = None

    def __str__(self) -> str:
        return f"{self.action} {self.object} on {self.host}"

    def problems(self, facts: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
        """Why the step must not be taken: facts that have changed since the steps were derived."""
        for name, value in self.requires.items():
            if facts.get(name) != value:
                message = f"the step requires {value!r}, and it is {facts.get(name)!r} now"
                yield Problem("rolling.out_of_date", message, str(self), name, "run the playbook again, which derives the steps anew")

    def shown(self) -> dict[str, t.Any]:
        """As plain data, which `Step(**data)` reads back."""
        return dataclasses.asdict(self)


def gated(steps: t.Sequence[Step], gate: t.Callable[[t.Sequence[Step]], t.Any]) -> list[Step]:
    """The steps with their gates. `gate`: what must be true while these steps are left."""
    return [dataclasses.replace(step, expects=gate(steps[number:])) for number, step in enumerate(steps, 1)]


def leader_last(hosts: t.Iterable[str], leader: str | None) -> list[str]:
    """The hosts in their order, but the leader at the end, so that it changes hands once."""
    return sorted(hosts, key=lambda host: host == leader)
