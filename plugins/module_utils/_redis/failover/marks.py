# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary settings of data nodes that carry in themselves what they stand for. Private to this collection.

A planned failover changes two things for a few seconds, and may be killed meanwhile. A record of what they were would have to be kept
somewhere: a key would be the user's data, an ACL user takes rights, and a file on the controller is not there for the next run on
another one. Setting a value without CONFIG REWRITE is no way either, since Sentinel itself sends CONFIG REWRITE to every node that it
reconfigures, which makes the temporary value permanent. So the value itself says what it was: it is MARK more than that, and no
one sets a priority or a lag of thirty years. It survives restarts and rewritten files, and takes no further right.

Raised, and not 0: with priority 0 on all replicas but one, a run that was killed would leave a set that can hardly fail over.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

MARK = 1_000_000_000  # twice this is below the largest value that Redis takes, 2147483647
LAGS = 1_000_000  # seconds; room below the number of replicas in a marked lag
COUNTS = 1_000


def raised(priority: int) -> int:
    """A replica-priority after all those that anybody gives: the higher it is, the later Sentinel chooses it."""
    return priority + MARK


def original_priority(priority: int) -> int | None:
    """What the replica-priority was before it was raised; None where it is not raised."""
    return priority - MARK if priority >= MARK else None


@dataclass(frozen=True)
class Fence:
    """min-replicas-to-write and min-replicas-max-lag (seconds): with fewer replicas a master refuses writes (NOREPLICAS)."""

    to_write: int
    max_lag: int

    @classmethod
    def of(cls, settings: t.Mapping[str, str]) -> Fence:
        """From CONFIG GET."""
        return cls(int(settings["min-replicas-to-write"]), int(settings["min-replicas-max-lag"]))

    def raised(self, replicas: int) -> Fence:
        """With all of so many replicas needed: a master whose replica was promoted refuses every write from that moment on.

        The lag is so long that it says nothing; a replica that left is not counted, whatever the lag.
        """
        return Fence(max(replicas, self.to_write), MARK + self.to_write * LAGS + self.max_lag)

    def original(self) -> Fence | None:
        """What it was before it was raised; None where it is not raised."""
        return Fence(*divmod(self.max_lag - MARK, LAGS)) if self.max_lag >= MARK else None

    @property
    def can_be_raised(self) -> bool:
        return self.to_write < COUNTS and self.max_lag < LAGS
