# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of apt and dpkg, and the processes that hold them. Private to this collection."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import Deadline, until
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._host.files import of_kernel

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
# struct flock of fcntl(2): type, whence, start, length, pid.
_FLOCK = "hhqqi"
_TAKEN = re.compile(
    r"Could not get lock|Unable to lock|is another process using it|frontend lock was locked|status database area is locked"
)


class Locks:
    """`deadline`: how long one task waits for locks in all. `option`: what sets it."""

    def __init__(self, seconds: float, option: str = "lock_timeout") -> None:
        self.deadline = Deadline(seconds)
        self.option = option

    def wait(self, paths: t.Sequence[str] = LOCKS) -> None:
        """Wait until no process holds a lock. Raises Refused with the name of the holder when the time is over."""
        held = until(lambda: next(filter(None, map(holder, paths)), None), lambda held: held is None, self.deadline)
        if held is not None:
            message = f"{held} for longer than {self.deadline.seconds:g} s"
            raise Refused([Problem("apt.locked", message, remedy=f"wait until it is done, or raise {self.option}")])

    def retry(self, command: t.Callable[[], Done]) -> Done:
        """Run the command when the locks are free, and again where another process took them first."""

        def attempt() -> Done:
            self.wait()
            return command()

        return until(attempt, lambda done: done.code == 0 or not _TAKEN.search(done.errors), self.deadline)


def holder(path: str) -> str | None:
    """`PATH is held by NAME (process ID)`; None where no process holds it."""
    try:
        with open(path, "rb+") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Refused([Problem("apt.not_root", f"{path} cannot be opened", remedy="run the task as root (become: true)")]) from error
    kind, dummy, dummy, dummy, process = struct.unpack(_FLOCK, answer)
    name = of_kernel(f"/proc/{process}/comm") or "a process of another namespace"
    return None if kind == fcntl.F_UNLCK else f"{path} is held by {name.strip()} (process {process})"
