# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories of an instance that are there and do not belong to its server. Private to this collection.

Such as a new disk, which belongs to root: a server runs on it, saves nothing, and does not end. It gets what can only be its own.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, first
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import data
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance

# What mkfs makes.
_OF_THE_SYSTEM = "lost+found"
_DATA = re.compile(r".*\.(rdb|aof|manifest)|.*\.aof\..*|temp-.*|nodes\.conf")


class Strange(t.NamedTuple):
    """A path that does not belong to the server. `others`: what is in it and cannot be the server's."""

    path: str
    owner: str
    mode: int
    is_directory: bool
    # It, and what is in it and belongs to others too.
    paths: t.Tuple[str, ...]
    others: t.Tuple[str, ...] = ()
    # Why the server can never write there.
    why: t.Optional[str] = None

    def differences(self, flavor: str) -> tuple[Difference, ...]:
        found = [Difference("owner", self.owner, flavor)] if self.owner != flavor or len(self.paths) > 1 else []
        if self.is_directory and not _is_open(self.mode):
            found.append(Difference("mode", f"{self.mode:04o}", "0750"))
        return tuple(found)


def observe(instance: Instance) -> tuple[Strange, ...]:
    user = _user(instance.flavor)
    paths = instance.paths
    files = [_file(path, user) for path in (paths.main, paths.static, paths.users, paths.log)]
    found = [*files, _directory(paths.directory, user, _own_names(instance))]
    return tuple(strange for strange in found if strange is not None)


def problems(instance: Instance, strange: t.Iterable[Strange]) -> t.Iterator[Problem]:
    for each in strange:
        if each.why:
            yield Problem("data.directory", f"{each.path} {each.why}", instance.id, remedy="put a directory of the server's own there")
        elif each.others:
            message = f"{each.path} belongs to {each.owner}, and has files that are not a server's: {first(each.others)}"
            remedy = f"empty it, or run 'chown -R {instance.flavor}: {each.path}' if all of it belongs to the server"
            yield Problem("data.foreign", message, instance.id, remedy=remedy)


def unreadable(instance: Instance) -> t.Iterator[Problem]:
    """What the server must read when it starts, such as the key of a certificate. It would be stopped, and not start again."""
    if _user(instance.flavor) is None or os.geteuid() != 0:
        return
    above = os.path.dirname(instance.paths.directory)
    while not os.path.exists(above):
        above = os.path.dirname(above)
    wanted = [(path, "-r", "read") for path in instance.certificates if os.path.exists(path)] + [(above, "-x", "enter")]
    for path, what, verb in wanted:
        if run("runuser", "-u", instance.flavor, "--", "test", what, path).code == 1:
            remedy = f"let {instance.flavor} {verb} it, by its owner, its group, its mode or an access control list"
            yield Problem("file.unreadable", f"the user {instance.flavor} cannot {verb} {path}", instance.id, remedy=remedy)


def _user(name: str) -> int | None:
    """None before the package is installed."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_open(mode: int) -> bool:
    return mode & 0o700 == 0o700


def _own_names(instance: Instance) -> set[str]:
    found = data.settings(instance.static)
    return {found["dbfilename"], found["appendfilename"], found["appenddirname"]}


def _file(path: str, user: int | None) -> Strange | None:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return Strange(path, _owner(about.st_uid), stat.S_IMODE(about.st_mode), False, (path,)) if about.st_uid != user else None


def _directory(path: str, user: int | None, names: set[str]) -> Strange | None:
    if not os.path.lexists(path):
        return None
    if not os.path.isdir(path):
        return Strange(path, "", 0, True, (), why="is not a directory")
    about = os.stat(path)
    mode, owner = stat.S_IMODE(about.st_mode), _owner(about.st_uid)
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return Strange(path, owner, mode, True, (), why="is on a file system that is mounted read-only")
    entries = [entry for entry in sorted(os.listdir(path)) if entry != _OF_THE_SYSTEM]
    inside = {entry: [each for each in _tree(os.path.join(path, entry)) if os.lstat(each).st_uid != user] for entry in entries}
    others = tuple(entry for entry, each in inside.items() if each and entry not in names and not _DATA.fullmatch(entry))
    paths = (path, *(each for found in inside.values() for each in found))
    if about.st_uid == user and _is_open(mode) and len(paths) == 1:
        return None
    owner = owner if about.st_uid != user or len(paths) == 1 else _owner(os.lstat(paths[1]).st_uid)
    return Strange(path, owner, mode, True, paths, others)


def _tree(path: str) -> t.Iterator[str]:
    yield path
    for directory, names, files in os.walk(path):
        yield from (os.path.join(directory, name) for name in (*names, *files))
