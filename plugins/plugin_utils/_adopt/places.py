# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of an inventory are written, and what is there already. Private to this collection."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import GROUPS, Host

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def name_problems(hosts: t.Sequence[Host]) -> t.Iterator[Problem]:
    """Why hosts cannot have these names in one inventory."""
    names = [host.name for host in hosts]
    for host in hosts:
        if not _NAME.fullmatch(host.name):
            message = f"{host.name!r} cannot be the name of a host and of its directory"
            yield Problem("adopt.name", message, host.group, remedy="name it with letters, digits, '.', '-' and '_'")
        elif names.count(host.name) > 1:
            yield Problem(
                "adopt.name_twice", f"{host.name} is the name of two hosts", host.group, remedy="give brokers and sets other names"
            )
        elif host.name in GROUPS:
            yield Problem("adopt.name", f"{host.name} is the name of a group", host.group, remedy="choose another name")


def place_problem(directory: str) -> Problem | None:
    """Why nothing can be written below this directory."""
    there = directory
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        return Problem("adopt.place", f"{there} is no directory", directory, "directory", "name another one")
    if not os.access(there, os.W_OK | os.X_OK):
        return Problem("adopt.place", f"{there} is not writable", directory, "directory", "name another one")
    return None


def differing(directory: str, files: t.Mapping[str, str], read: t.Callable[[str], str]) -> tuple[list[str], list[str]]:
    """The files that are not there, and those that are there with another text. `read`: the text of a file."""
    there = {name: path for name in files if os.path.lexists(path := os.path.join(directory, name))}
    return [name for name in files if name not in there], [name for name, path in there.items() if read(path) != files[name]]


def overwrite_problem(directory: str, names: t.Sequence[str]) -> Problem:
    message = f"{', '.join(names)} would be overwritten"
    return Problem("adopt.exists", message, directory, "directory", "name an empty directory, or set adopt_overwrite=true")
