# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of redis_host: each writes one change of an instance or of its host. Private to this collection."""

from __future__ import annotations

import os
import re
import shutil
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import backup, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Wire

# Seconds. TimeoutStartSec and TimeoutStopSec of the unit end it earlier; a server loads or saves its data in that time.
START_WITHIN = 3600.0
DATA_MODE = 0o750


class Step:
    """`touched`: whether a part of the step is written already."""

    touched = False

    def apply(self) -> None:
        """Raises ChangeFailed, Said, OSError or LookupError."""
        raise NotImplementedError


@dataclass
class Mask(Step):
    name: str
    active: bool

    def apply(self) -> None:
        services.mask(f"{self.name}.service")
        self.touched = True
        if self.active:
            services.apply(self.name, "stop", None)


@dataclass
class Call(Step):
    """A step that is one call of a function."""

    function: t.Callable[..., None]
    arguments: tuple[t.Any, ...]

    def apply(self) -> None:
        self.function(*self.arguments)


@dataclass
class Write(Step):
    file: File

    def apply(self) -> None:
        files.apply(self.file)


def write_kernel(path: str, value: str) -> None:
    """The kernel's files take a value only in place."""
    with open(path, "w", encoding="ascii") as file:
        file.write(value)


def make_directory(path: str, owner: str) -> None:
    os.makedirs(path, mode=DATA_MODE)
    os.chmod(path, DATA_MODE)
    shutil.chown(path, owner, owner)


def remove_directory(path: str) -> None:
    """Of a file system that is mounted there only the content."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
    if not os.path.ismount(path):
        os.rmdir(path)


@dataclass
class End(Step):
    """Stop a unit for good. `save`: first save a snapshot, also of a server whose settings save none when it stops."""

    instance: Instance
    unit: str
    save: bool

    def apply(self) -> None:
        if self.save:
            with Wire.admin(self.instance) as wire:
                backup.saved(wire)
                self.touched = True
        services.apply(self.unit, "stop", False, START_WITHIN)


@dataclass
class Move(Step):
    """Rename a directory. Its owner changes first, so that nothing is left to do once it has the new name."""

    source: str
    target: str
    owner: str

    def apply(self) -> None:
        for directory, dummy, names in os.walk(self.source):
            for path in (directory, *(os.path.join(directory, name) for name in names)):
                shutil.chown(path, self.owner, self.owner)
                self.touched = True
        os.rename(self.source, self.target)


@dataclass
class Start(Step):
    """Enable and start a unit. `verb`: "start", "restart", or "" where it runs already.

    `gone`: settings that are no longer declared; the copies that Redis made of them in its main file are removed.
    """

    instance: Instance
    enable: bool
    verb: str
    gone: frozenset[str]

    def apply(self) -> None:
        unit = self.instance.paths.unit
        if self.enable:
            services.apply(unit, None, True)
            self.touched = True
        if self.verb == "restart":
            services.apply(unit, "stop", None, START_WITHIN)
            self.touched = True
        if self.verb:
            self._remove_copies()
            try:
                services.apply(unit, "start", None, START_WITHIN)
            except ChangeFailed as error:
                raise ChangeFailed(_configuration_error(unit) or str(error)) from error

    def _remove_copies(self) -> None:
        have = files.read(self.instance.paths.main)
        text = texts.stripped(have.content, self.gone) if have else ""
        if have and text != have.content:
            files.apply(File(self.instance.paths.main, text, have.mode, owner=self.instance.flavor))


def _configuration_error(unit: str) -> str | None:
    """A server that cannot read its configuration says so before it opens its log. Values may be secret, so only the name is shown."""
    lines = run("journalctl", "--unit", f"{unit}.service", "--lines", "40", "--no-pager", "--output", "cat", timeout=5).output
    told = re.findall(r"(?m)^\*\*\* FATAL CONFIG FILE ERROR.*\n(?:Reading the .*\n>>> '(?P<line>.*)'\n(?P<why>.*))", lines)
    return f"systemctl start failed: {told[-1][1]}: {told[-1][0].split(' ')[0]} ..." if told else None


@dataclass
class Tell(Step):
    """Send commands to the running server, then write its file of users: a run that is interrupted in between is completed by the next."""

    instance: Instance
    commands: tuple[tuple[str, ...], ...]
    users: File | None = None

    def apply(self) -> None:
        with Wire.admin(self.instance) as wire:
            for command in self.commands:
                wire.ask(*command)
                self.touched = True
        if self.users:
            files.apply(self.users)
