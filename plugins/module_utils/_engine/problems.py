# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems: why a task cannot be done as declared, as data. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass, replace


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
        self.problems: list[t.Any] = _condensed(problems)
        super().__init__(summary([str(problem) for problem in self.problems]))

    def shown(self) -> list[dict[str, str]]:
        return [(problem if isinstance(problem, Problem) else Problem("", problem)).shown() for problem in self.problems]


# From more items on, those with the same problem become one; and of one code, from more different problems on, the rest is counted.
SAME, DIFFERENT = 5, 20


def first(names: t.Sequence[str], shown: int = 3) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def counted(number: int, noun: str) -> str:
    """1 replica, 2 replicas."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _condensed(problems: t.Iterable[Problem | str]) -> list[Problem | str]:
    """One problem for each cause, in their order: a hundred items with one mistake are one line with the first of them."""
    causes: dict[Problem | str, list[str]] = {}
    for problem in problems:
        cause, item = (replace(problem, item=""), problem.item) if isinstance(problem, Problem) else (problem, "")
        causes.setdefault(cause, []).append(item)
    rows: dict[str, list[Problem | str]] = {}
    for cause, items in causes.items():
        of_code = rows.setdefault(cause.code if isinstance(cause, Problem) else "", [])
        if isinstance(cause, Problem):
            of_code += [replace(cause, item=item) for item in ([first(items)] if len(items) > SAME else items)]
        else:
            of_code.append(cause)
    return [row for code, of_code in rows.items() for row in _counted(code, of_code)]


def _counted(code: str, rows: list[Problem | str]) -> list[Problem | str]:
    more = len(rows) - DIFFERENT
    return rows if more <= 0 else [*rows[:DIFFERENT], Problem(code, f"and {more} more problems like these")]


def in_words(error: Exception) -> str:
    """An error of the operating system without its number and Python's quotes; any other error as it is."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if isinstance(error.filename, str) else error.strerror


def summary(lines: t.Sequence[str]) -> str:
    """All lines as one."""
    if len(lines) == 1:
        return lines[0]
    return f"{len(lines)} problems: " + "; ".join(f"({number}) {line}" for number, line in enumerate(lines, 1))
