# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of instances on their host, made. Private to this collection."""

from __future__ import annotations

import os
import re
import shutil
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Key
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import backup, sample, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.plan import END, SERVICE, THP, Move
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

START_WITHIN = 3600.0  # seconds; the unit's own TimeoutStartSec ends it earlier, and a server loads its data meanwhile


class Writer:
    """`stale_units` says that systemd has yet to read a unit that was changed on disk."""

    def __init__(self, stale_units: bool) -> None:
        self.stale_units = stale_units

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        if self.stale_units and changes[0].stage >= SERVICE:
            services.reload_units()
            self.stale_units = False
        return ()

    def one(self, change: Change) -> None:
        if change.kind == "unit":
            sample.mask(change.object, change.payload)
        elif change.kind == "backup":
            backup.make(*change.payload)
        elif isinstance(change.payload, Move):
            _move(change.payload)
        elif change.kind == "file":
            files.apply(change.payload)
            self.stale_units |= change.object.startswith("/etc/systemd/")
        elif change.kind == "directory":
            _make(change.object, *change.payload)
        elif change.kind == "kernel":
            files.apply(File(THP, change.payload))
        elif change.stage == END:
            _stop(change.payload)
            services.apply(change.payload, None, False)
        elif change.kind == "service":
            _start(*change.payload)
        elif change.kind == "settings":
            _set_kept(change.payload)
        else:
            _set_users(*change.payload)


def _make(path: str, owner: str, mode: int) -> None:
    """Raises ChangeFailed."""
    try:
        os.makedirs(path, mode=mode)
        os.chmod(path, mode)
        shutil.chown(path, owner, owner)
    except (OSError, LookupError) as error:
        raise ChangeFailed(str(error)) from error


def _move(move: Move) -> None:
    """Raises ChangeFailed. Owned by the new owner first: once it has its new name, nothing is left to do."""
    try:
        shutil.chown(move.source, move.owner, move.owner)
        for directory, below, names in os.walk(move.source):
            for name in (*below, *names):
                shutil.chown(os.path.join(directory, name), move.owner, move.owner)
        os.rename(move.source, move.target)
    except (OSError, LookupError) as error:
        raise ChangeFailed(str(error)) from error


def _stop(name: str) -> None:
    """Raises ChangeFailed."""
    done = run("systemctl", "stop", f"{name}.service", timeout=START_WITHIN)
    if done.code != 0:
        raise ChangeFailed(f"systemctl stop failed: {done.complaint}")


def _start(instance: Instance, enable: bool, verb: str, gone: frozenset[str]) -> None:
    """Raises ChangeFailed with what the server itself said last."""
    unit = f"{instance.unit}.service"
    if enable:
        services.apply(instance.unit, None, True)
    if not verb:
        return
    if verb == "restart":
        _stop(instance.unit)
    have = files.read(instance.paths.main)
    if have and gone:
        text = texts.stripped(have.content, gone)
        if text != have.content:
            files.apply(File(instance.paths.main, text, have.mode, owner=instance.flavor))
    run("systemctl", "reset-failed", unit)
    done = run("systemctl", "start", unit, timeout=START_WITHIN)
    if done.code != 0:
        raise ChangeFailed(f"systemctl start failed: {_last_words(instance) or services.last_error(instance.unit) or done.complaint}")


def _last_words(instance: Instance) -> str | None:
    """A server that cannot read its configuration says so before it has a log; else the log's last warning."""
    lines = run("journalctl", "--unit", f"{instance.unit}.service", "--lines", "40", "--no-pager", "--output", "cat", timeout=5).output
    told = re.findall(r"(?m)^\*\*\* FATAL CONFIG FILE ERROR.*\n(?:Reading the .*\n>>> '(?P<line>.*)'\n(?P<why>.*))", lines)
    if told:
        line, why = told[-1]
        return f"{why}: {line.split(' ')[0]} ..."
    return None


def _set_users(instance: Instance, before: str) -> None:
    """On the running server first and in the file then, so that a run that was cut off between is made good by the next one."""
    _tell(instance, *texts.user_commands(before, instance.users))
    files.apply(File(instance.paths.users, instance.users, 0o640, owner=instance.flavor))


def _set_kept(instance: Instance) -> None:
    _tell(instance, *(("CONFIG", "SET", name, value) for name, value in instance.kept.items()), ("CONFIG", "REWRITE"))


def _tell(instance: Instance, *commands: t.Sequence[str]) -> None:
    """Raises ChangeFailed."""
    try:
        with Wire(instance.paths.socket) as wire:
            wire.log_in(*instance.admin)
            for command in commands:
                wire.ask(*command)
    except Said as error:
        raise ChangeFailed(f"the server refused: {error}") from error
    except OSError as error:
        raise ChangeFailed(f"{instance.paths.socket}: {error}") from error
