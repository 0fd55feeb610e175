# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks that apt and dpkg take, and who holds them. Private to this collection."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import Done

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
PAUSE = 0.5
# struct flock of fcntl(2): type, whence, start, length, pid.
_FLOCK = "hhqqi"
_TAKEN = re.compile(
    r"Could not get lock|Unable to lock|is another process using it|frontend lock was locked|status database area is locked"
)


class Deadline:
    """How long one task waits for locks in all."""

    def __init__(
        self, seconds: float, clock: t.Callable[[], float] = time.monotonic, pause: t.Callable[[float], None] = time.sleep
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._pause = pause
        self._end = clock() + seconds

    def left(self) -> float:
        return max(self._end - self._clock(), 0)

    def free(self, paths: t.Sequence[str] = LOCKS) -> None:
        """Wait until nobody holds any of them. Raises Refused, naming the holder, when the time is over."""
        while True:
            held = next(filter(None, map(holder, paths)), None)
            if held is None:
                return
            if not self.left():
                raise Refused([f"{held} for longer than {self.seconds:g} s: wait until it is done, or raise lock_timeout"])
            self._pause(PAUSE)

    def retry(self, command: t.Callable[[], Done]) -> Done:
        """Run it as soon as the locks are free, and again where another was quicker to take them."""
        while True:
            self.free()
            done = command()
            if done.code == 0 or not self.left() or not _TAKEN.search(done.errors):
                return done
            self._pause(PAUSE)


def holder(path: str) -> str | None:
    """`PATH is held by NAME (process ID)`; None where nobody holds it."""
    try:
        with open(path, "rb+") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Refused([f"{path} cannot be opened: changing packages takes root (become: true)"]) from error
    kind, dummy, dummy, dummy, process = struct.unpack(_FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else f"{path} is held by {_name(process)} (process {process})"


def _name(process: int) -> str:
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "a process of another namespace"
