# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running apt's and dpkg's commands: never in another language than C, never with a question. Private to this collection."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused

_ENVIRONMENT = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    # Ubuntu's needrestart would restart whatever uses a library that was replaced, containerd included.
    "NEEDRESTART_SUSPEND": "1",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


class Done(t.NamedTuple):
    code: int
    output: str
    errors: str


def run(*command: str, stdin: str | None = None) -> Done:
    """The end of a command. Raises Refused where the command is not there: this is no Debian."""
    try:
        # AnsibleModule's run_command needs the module, and this package knows none.
        done = subprocess.run(  # noqa: S603 # pylint: disable=ansible-bad-function
            command, input=stdin, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, **_ENVIRONMENT}
        )
    except FileNotFoundError as error:
        raise Refused([f"{command[0]} is not there: this module manages packages of Debian and Ubuntu"]) from error
    return Done(done.returncode, done.stdout, done.stderr)


def complaint(done: Done) -> str:
    """What apt or dpkg complains of, in one line: its E: lines, else its W: lines, else how its errors or its output end."""
    lines = [line.strip() for line in (done.errors.strip() or done.output).splitlines() if line.strip()]
    for mark in ("E: ", "W: "):
        found = [line[len(mark) :] for line in lines if line.startswith(mark)]
        if found:
            return "; ".join(dict.fromkeys(found))
    return " ".join(lines[-3:]) or f"it ended with {done.code}"
