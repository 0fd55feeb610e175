# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems: why a task cannot be done as declared, as data. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One reason to refuse a task.

    `code`: a stable name, such as "queue.type_immutable"; tests compare codes, so that wording can be improved.
    `message`: one line that says what is wrong. `item`: the object it is about, such as "queue eco2/scan.vision".
    `field`: the option or field of that object. `remedy`: what the user can do.
    """

    code: str
    message: str
    item: str = ""
    field: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.item, self.field) if part)
        line = f"{where}: {self.message}" if where else self.message
        return f"{line}; {self.remedy}" if self.remedy else line

    def shown(self) -> dict[str, str]:
        return dataclasses.asdict(self)


class Advice(Problem):
    """Something to warn of, and no reason to refuse the task."""


class Refused(Exception):
    """The task cannot be done as declared. It is raised before the first write."""

    def __init__(self, problems: t.Iterable[Problem | str]) -> None:
        self.problems: list[t.Any] = list(problems)
        super().__init__(summary([str(problem) for problem in self.problems]))

    def shown(self) -> list[dict[str, str]]:
        return [(problem if isinstance(problem, Problem) else Problem("", problem)).shown() for problem in self.problems]


def summary(lines: t.Sequence[str]) -> str:
    """All lines as one."""
    if len(lines) == 1:
        return lines[0]
    return f"{len(lines)} problems: " + "; ".join(f"({number}) {line}" for number, line in enumerate(lines, 1))
