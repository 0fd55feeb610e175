# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary settings of data nodes, from which the former settings can be calculated. Private to this collection.

A planned failover changes three settings for a few seconds, and may be killed in that time. There is no good place for a record of the
former values: a key would be among the user's data, an ACL user needs rights, and a file on the controller is missing when the next run is
on another one. To leave out CONFIG REWRITE does not help, since Sentinel itself sends CONFIG REWRITE to every node that it reconfigures,
which makes a temporary value permanent. So the record is a replica-priority that nobody would set. A master does not use its own; of a
replica it says that it is chosen last. It survives restarts and rewritten files, and needs no further right.

Raised, and not 0: with priority 0 on all replicas but one, a run that was killed would leave a set that can hardly fail over.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

MARK = 1_000_000_000  # of a replica that is to be chosen after the others
PRIORITIES = 1_000_000  # whatever is below this can be raised
# Of a fenced master. Its former values are the digits above this; the largest is below what Redis takes, 2147483647.
FENCED = MARK + PRIORITIES
OWN_PRIORITIES, COUNTS, LAGS = 10_000, 50, 2_000
LAG = 2  # seconds, of the fence; a replica tells every second how far it is
LOOSE = 1_000_000  # seconds, where only replicas that have left count


def raised(priority: int) -> int:
    """A replica-priority after all those that anybody gives: the higher it is, the later Sentinel chooses it."""
    return priority + MARK


def original_priority(priority: int) -> int | None:
    """What the replica-priority was before it was raised; None where it is not raised."""
    return priority - MARK if MARK <= priority < FENCED else None


@dataclass(frozen=True)
class Fence:
    """min-replicas-to-write and min-replicas-max-lag (seconds): with fewer replicas a master refuses writes (NOREPLICAS).

    `priority`: its replica-priority, which tells whether these two are its own.
    """

    to_write: int
    max_lag: int
    priority: int

    @classmethod
    def of(cls, settings: t.Mapping[str, str]) -> Fence:
        """From CONFIG GET."""
        return cls(*(int(settings[name]) for name in ("min-replicas-to-write", "min-replicas-max-lag", "replica-priority")))

    def raised(self, replicas: int) -> Fence:
        """With all of so many replicas needed: a master whose replica was promoted refuses every write from that moment on.

        So does one of whose replicas one hangs: it may have its order to become a master in its queue, and get it much later.
        """
        digits = (self.priority * COUNTS + self.to_write) * LAGS + self.max_lag
        return Fence(max(replicas, self.to_write), LAG, FENCED + digits)

    def original(self) -> Fence | None:
        """What it was before it was raised; None where it is not raised."""
        if self.priority < FENCED:
            return None
        rest, max_lag = divmod(self.priority - FENCED, LAGS)
        priority, to_write = divmod(rest, COUNTS)
        return Fence(to_write, max_lag, priority)

    @property
    def can_be_raised(self) -> bool:
        return self.to_write < COUNTS and self.max_lag < LAGS and self.priority < OWN_PRIORITIES
