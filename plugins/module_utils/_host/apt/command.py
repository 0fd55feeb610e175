# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run apt's and dpkg's commands in English and without questions. Private to this collection."""

from __future__ import annotations

import os

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import command as host_command
from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, Done

_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    # Ubuntu's needrestart restarts every service that uses a replaced library, containerd included.
    "NEEDRESTART_SUSPEND": "1",
}


def run(*command: str, stdin: str = "") -> Done:
    """Raises Refused where the command is missing: this is not Debian or Ubuntu."""
    done = host_command.run(*command, stdin=stdin, timeout=None, environment={**os.environ, **_ENVIRONMENT})
    if done.code == MISSING:
        remedy = "use this module on Debian and Ubuntu only"
        raise Refused([Problem("apt.not_debian", f"{command[0]} is not installed on this host", remedy=remedy)])
    return done


def complaint(done: Done) -> str:
    """The errors of apt or dpkg in one line: its E: lines, else its W: lines, else the last three lines."""
    lines = [line.strip() for line in (done.errors.strip() or done.output).splitlines() if line.strip()]
    for mark in ("E: ", "W: "):
        found = [line[len(mark) :] for line in lines if line.startswith(mark)]
        if found:
            return "; ".join(dict.fromkeys(found))
    return " ".join(lines[-3:]) or f"it ended with {done.code}"
