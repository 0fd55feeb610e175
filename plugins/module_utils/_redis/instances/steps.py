# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of redis_host: each writes one change of an instance or of its host. Private to this collection."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import backup, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.data import Keeping
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

# Seconds. TimeoutStartSec and TimeoutStopSec of the unit end it earlier; a server loads or saves its data in that time.
START_WITHIN = 3600.0
DATA_MODE = 0o750


class Step:
    """`touched`: whether a part of the step is written already. `warnings`: what the user must know although it is done."""

    touched = False
    warnings: t.Sequence[str] = ()

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
    before = os.umask(0o022)  # a stricter one would close the directories above to the server
    try:
        os.makedirs(path, mode=DATA_MODE)
    finally:
        os.umask(before)
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
class Give(Step):
    """Give files and directories to the server. `mode`: of the first one, where it is set."""

    paths: tuple[str, ...]
    owner: str
    mode: int | None

    def apply(self) -> None:
        # What is inside comes first: as long as the first one is a stranger's, the next run sees what is left to do.
        for path in reversed(self.paths):
            user = pwd.getpwnam(self.owner)
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=path == self.paths[0])
            self.touched = True
        if self.mode is not None and os.stat(self.paths[0]).st_mode & 0o700 != 0o700:
            os.chmod(self.paths[0], self.mode)


@dataclass
class Keep(Step):
    """Bring the data of a running server to where its next start reads them."""

    instance: Instance
    keeping: Keeping

    def apply(self) -> None:
        with Wire.admin(self.instance, self.instance.present.socket) as wire:
            if self.keeping.snapshot:
                backup.saved(wire)
                self.touched = True
            if self.keeping.end:
                wire.ask("CONFIG", "SET", *self.keeping.end)
                self.touched = True
            if self.keeping.log:
                backup.logged(wire)


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
            log = self.instance.paths.log
            said = os.path.getsize(log) if os.path.exists(log) else 0
            try:
                services.apply(unit, "start", None, START_WITHIN)
            except ChangeFailed as error:
                words = _configuration_error(unit) or last_words(log, said)
                raise ChangeFailed(f"systemctl start failed: {words}" if words else str(error)) from error

    def _remove_copies(self) -> None:
        have = files.read(self.instance.paths.main)
        text = texts.stripped(have.content, self.gone) if have else ""
        if have and text != have.content:
            files.apply(File(self.instance.paths.main, text, have.mode, owner=self.instance.flavor))


def _configuration_error(unit: str) -> str | None:
    """A server that cannot read its configuration says so before it opens its log. Values may be secret, so only the name is shown."""
    lines = run("journalctl", "--unit", f"{unit}.service", "--lines", "40", "--no-pager", "--output", "cat", timeout=5).output
    told = re.findall(r"(?m)^\*\*\* FATAL CONFIG FILE ERROR.*\n(?:Reading the .*\n>>> '(?P<line>.*)'\n(?P<why>.*))", lines)
    return f"{told[-1][1]}: {told[-1][0].split(' ')[0]} ..." if told else None


# What every start warns of.
_ALWAYS = re.compile(r"oO0O|WARNING|Configuration loaded|(Redis|Valkey) (version|is starting)", re.IGNORECASE)


def last_words(log: str, after: int = 0) -> str | None:
    """The last two warnings of a server that ended, in what its log got after so many bytes."""
    try:
        with open(log, "rb") as file:
            file.seek(after)
            text = file.read(1 << 20).decode("utf-8", "replace")
    except OSError:
        return None
    said: dict[str, list[str]] = {}
    for process, words in re.findall(r"(?m)^(\d+):[A-Z] [^#*.-]+[\d.]+ # (.*)$", text):
        if not _ALWAYS.match(words) or "Could not create" in words:
            said.setdefault(process, []).append(words.strip())
    return "; ".join([*said.values()][-1][-2:]) if said else None


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
            self.rest(wire)
        if self.users:
            files.apply(self.users)

    def rest(self, wire: Wire) -> None:
        """What comes after the commands."""


@dataclass
class Save(Tell):
    """Commands whose effect the server saves in its main file. `main` makes the new text of the present one, where it cannot."""

    main: t.Callable[[str], str] = str

    def rest(self, wire: Wire) -> None:
        try:
            wire.ask("CONFIG", "REWRITE")
        except Said as error:
            path = self.instance.paths.main
            have = files.read(path)
            if have is None:
                raise
            files.apply(File(path, self.main(have.content), have.mode, owner=self.instance.flavor))
            what = f"{self.instance.id}: the server cannot rewrite {path} ({error})"
            self.warnings = [f"{what}; its master after a failover will be lost when it restarts: let it write that directory"]
