# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a host, side by side where several are asked. Private to this collection."""

from __future__ import annotations

import os
import subprocess
import typing as t
from concurrent.futures import ThreadPoolExecutor

MISSING, TIMED_OUT = 127, 124
_PATH = "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Done(t.NamedTuple):
    """The end of a command; `code` is MISSING where there is no such program, TIMED_OUT where it took too long."""

    code: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """The last line that it said, of its errors where there are any."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with {self.code}"


def run(*command: str, timeout: float = 30) -> Done:
    """Never raises for the command's sake. Its language is C, its input empty."""
    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "PATH": _PATH, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
    try:
        # AnsibleModule's run_command is not for several threads at once.
        done = subprocess.run(  # noqa: S603 # pylint: disable=ansible-bad-function
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment,
            timeout=timeout,
        )
    except (FileNotFoundError, PermissionError):
        return Done(MISSING, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Done(TIMED_OUT, "", f"{command[0]} did not end within {timeout:g} s")
    return Done(done.returncode, done.stdout, done.stderr)


def run_all(commands: t.Mapping[str, t.Sequence[str]], timeout: float = 30) -> dict[str, Done]:
    """The ends of several commands by name, run at the same time."""
    if not commands:
        return {}
    with ThreadPoolExecutor(max_workers=len(commands)) as pool:
        running = {name: pool.submit(run, *command, timeout=timeout) for name, command in commands.items()}
        return {name: end.result() for name, end in running.items()}
