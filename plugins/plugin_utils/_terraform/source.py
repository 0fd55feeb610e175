# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the content comes from: a text, a file, a directory of Terraform, an http address. Private to this collection."""

from __future__ import annotations

import hashlib
import os
import shutil
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import command

_ENVIRONMENT = "env:"
# Editors and shells of Windows write it before a text.
_BOM = "\ufeff"
# What is longer is content in the wrong form, which may hold secrets.
_LONGEST_PATH = 1000
_PROGRAMS = ("terraform", "tofu")
# Nothing may ask a question, and messages are searched for words.
_QUIET = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "", "TF_LOG": "", "LC_ALL": "C"}

# Reads a file of the controller, decrypted where it is of ansible-vault.
ReadFile = t.Callable[[Path], bytes]


@dataclass(frozen=True)
class Access:
    """`here`: the directory that relative paths start from. `timeout`: seconds for all of one answer."""

    here: Path
    read_file: ReadFile = Path.read_bytes
    timeout: float = 60
    program: str | None = None
    username: str | None = None
    password: str | None = None
    ca_cert: str | None = None


class Source:
    """`name` is how messages call it. `digest` changes with the content; None where only reading tells."""

    name = "source"

    @property
    def digest(self) -> str | None:
        return hashlib.sha256(self.content()).hexdigest()

    def content(self) -> bytes:
        raise NotImplementedError


def source(given: str, access: Access) -> Source:
    """What the option `source` means. Raises Refused."""
    name = given[len(_ENVIRONMENT) :] if given.startswith(_ENVIRONMENT) else ""
    known = (_variable(name) if name else given).lstrip(_BOM)
    # A path has no line break.
    if known.lstrip().startswith(("{", "[")) or "\n" in known.strip():
        return _Text(f"variable {name}" if name else "source", known)
    if known.startswith(("http://", "https://")):
        # Ansible's client is slow to import.
        from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.web import Http  # noqa: PLC0415

        return Http(known, access)
    return _place(known, name, access)


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value.strip():
        raise refused("source.environment", f"the environment has no variable {name}, or it is empty", "source", "set it")
    return value


def _place(given: str, variable: str, access: Access) -> Source:
    try:
        place = access.here / Path(given).expanduser()
        if place.is_dir():
            return _Directory(place, access)
        if place.exists():
            return _File(place, access)
    except (OSError, ValueError, RuntimeError):
        pass
    if variable:
        # Its value may be a secret.
        message = "holds neither JSON, nor an address, nor the path of a file or directory that exists"
        raise refused("source.absent", message, f"variable {variable}", f"correct the value of {variable}")
    shown = str(access.here / given) if len(given) <= _LONGEST_PATH else "source"
    raise refused("source.absent", "does not exist", shown, "write what Terraform knows there, or correct source")


def refused(code: str, message: str, item: str, remedy: str) -> Refused:
    return Refused([Problem(code, message, item, remedy=remedy)])


class _Text(Source):
    def __init__(self, name: str, text: str) -> None:
        self.name, self._text = name, text

    def content(self) -> bytes:
        # Where the environment is not UTF-8, reading tells.
        return self._text.encode(errors="surrogateescape")


class _File(Source):
    def __init__(self, place: Path, access: Access) -> None:
        self.name, self._place, self._access = str(place), place, access
        self._content: bytes | None = None

    def content(self) -> bytes:
        if self._content is None:
            try:
                self._content = self._access.read_file(self._place)
            except OSError as error:
                remedy = "give a file that this user can read"
                raise refused("source.unreadable", f"cannot be read ({error.strerror})", self.name, remedy) from error
        return self._content


# A directory


class _Directory(Source):
    def __init__(self, place: Path, access: Access) -> None:
        self.name, self._place, self._access = str(place), place, access

    @property
    def digest(self) -> str | None:
        """Of the local state; None where the state is elsewhere, or where it cannot be told."""
        workspace = os.environ.get("TF_WORKSPACE", "default")
        state = self._place / "terraform.tfstate"
        elsewhere = [self._place / ".terraform" / name for name in ("terraform.tfstate", "environment")]
        if workspace != "default" or "TF_DATA_DIR" in os.environ or any(path.exists() for path in elsewhere) or not state.is_file():
            return None
        return hashlib.sha256(f"{self._place}\n".encode() + state.read_bytes()).hexdigest()

    def content(self) -> bytes:
        program = self._access.program or next(filter(shutil.which, _PROGRAMS), None)
        if program is None:
            remedy = "install one, or give a file that 'terraform show -json' wrote"
            raise refused("terraform.missing", "is a directory, and neither terraform nor tofu is in PATH", self.name, remedy)
        environment = {**os.environ, **_QUIET}
        arguments = (f"-chdir={self._place}", "show", "-json", "-no-color")
        done = command.run(program, *arguments, timeout=self._access.timeout, environment=environment)
        if done.code:
            raise self._failed(Path(program).name, done)
        return done.output.encode()

    def _failed(self, program: str, done: command.Done) -> Refused:
        if done.code == command.MISSING:
            return refused("terraform.missing", f"{program} is not there, or cannot be run", self.name, "correct program, or remove it")
        if done.code == command.TIMED_OUT:
            remedy = "run it there by hand to see what it waits for, or raise timeout"
            return refused("terraform.timeout", f"'{program} show -json' did not end within {self._access.timeout:g} s", self.name, remedy)
        lines = [line.strip(" │╷╵") for line in done.errors.splitlines()]
        why = next((line for line in lines if line.startswith("Error:")), done.complaint)
        said = why[len("Error:") :].strip() if why.startswith("Error:") else why
        remedy = (
            f"run '{program} init' there" if "init" in done.errors or "plugin" in done.errors else f"run '{program} show' there to see more"
        )
        return refused("terraform.failed", f"'{program} show -json' failed ({said})", self.name, remedy)
