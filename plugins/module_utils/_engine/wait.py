# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: the only loop of this collection that sleeps until something is true. Private to this collection."""

from __future__ import annotations

import time
import typing as t

_T = t.TypeVar("_T")


class Deadline:
    """A moment that many seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


def until(look: t.Callable[[], _T], is_good: t.Callable[[_T], bool], timeout: float | Deadline, pause: float = 0.5) -> _T:
    """What `look` returns, as soon as that is good; what it returned last, where it is not within `timeout` seconds.

    It looks at least once. `pause`: seconds between two looks.
    """
    deadline = timeout if isinstance(timeout, Deadline) else Deadline(timeout)
    while True:
        seen = look()
        if is_good(seen) or not deadline.left():
            return seen
        sleep(min(pause, deadline.left()))


def sleep(seconds: float) -> None:
    time.sleep(seconds)
