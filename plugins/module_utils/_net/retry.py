# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a request, and repeat it where that helps: the only loop of this collection that does so. Private to this collection."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, ChangeFailed, NoAnswer

_T = t.TypeVar("_T")


class Attempt(t.NamedTuple):
    """An attempt that failed with `error`. `number`: 0 for the first. `unanswered`: whether this attempt or an earlier one was sent and
    brought no answer, so that the request may have been carried out."""

    error: Exception
    number: int
    unanswered: bool

    def pause(self, pauses: t.Sequence[float]) -> float | None:
        """The pause that belongs to this attempt; None where the pauses are used up."""
        return pauses[self.number] if self.number < len(pauses) else None


# The seconds to wait before the next attempt; None where another attempt does not help, or may do harm.
Pause = t.Callable[[Attempt], t.Optional[float]]


def answer(send: t.Callable[[], _T], pause: Pause, writes: bool = True) -> _T:
    """What `send` returns, as soon as it returns. Raises the error of the last attempt.

    `writes`: whether the request changes something. Such a request stays unanswered once an attempt brought no answer: the first NoAnswer
    is raised, with what became of the last attempt, unless the server answers a later attempt with a refusal.
    """
    first: NoAnswer | None = None
    for number in itertools.count():
        try:
            return send()
        except WRITE_ERRORS as error:
            if isinstance(error, NoAnswer):
                first = first or error
            seconds = pause(Attempt(error, number, first is not None))
            if seconds is None:
                if writes and first is not None and not isinstance(error, ChangeFailed):
                    if str(error) != str(first):
                        first.args = (f"{first}; the last attempt: {error}",)
                    raise first from error
                raise
        wait.sleep(seconds)
    raise AssertionError("unreachable")
