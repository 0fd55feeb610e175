# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host: declared content, present content, and atomic writes. Private to this collection."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shlex
import shutil
import stat
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, in_words
from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, run

# The first line of what a role writes and may remove again.
MARK = "Managed by eco2.platform"
STAGE = 0
_OPEN = 0o755  # directories


@dataclass(frozen=True)
class File:
    """`content` None: it must be absent. `mode` None: the present mode stays, 0644 for a new file. `owner`: a user and a group.

    `validate`: a command that tells whether the content is right; `reject`: words of a warning that it must not print; `early`: whether
    the command is there as it will be, also where an earlier task was only predicted.
    """

    path: str
    content: str | None
    mode: int | None = None
    secret: bool = False
    validate: str | None = None
    owner: str | None = None
    reject: str | None = None
    early: bool = True

    def shown(self, content: str | None) -> t.Any:
        """As a list of lines, so that a diff shows them one by one."""
        if content is None:
            return None
        return Secret(content) if self.secret else content.splitlines()


class Found(t.NamedTuple):
    content: str
    mode: int


def declared(items: t.Iterable[t.Mapping[str, t.Any]]) -> t.Iterator[File | Problem]:
    """The option `files`; a Problem in place of a file that cannot be."""
    for item in items:
        path, mode = item["path"], item["mode"] or ""
        contents = [item[name] for name in ("content", "secret_content") if item[name] is not None]
        where = f"file {path}"
        if not path.startswith("/"):
            yield Problem("file.relative_path", "the path is not absolute", where, "path", "begin it with a slash")
        elif item["state"] == "present" and len(contents) != 1:
            yield Problem("file.content", "a file has exactly one content", where, "content", "set either content or secret_content")
        elif not re.fullmatch("[0-7]*", mode):
            yield Problem("file.mode", f"{mode!r} is not an octal mode", where, "mode", "write it such as '0644'")
        else:
            content = contents[0] if item["state"] == "present" else None
            secret = item["secret_content"] is not None
            yield File(
                path, content, int(mode, 8) if mode else None, secret, item["validate"], None, item["reject"], item["validate_early"]
            )


def read(path: str) -> Found | None:
    """None where there is no such file. Raises Refused where it cannot be read: it is not absent."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return Found(file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error


def text(path: str) -> str | None:
    """The text of a file; None where there is no such file. Raises Refused where it cannot be read."""
    found = read(path)
    return None if found is None else found.content.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def of_kernel(path: str) -> str | None:
    """The text of a file of the kernel; None where it cannot be read, because the kernel shows some of its files to nobody."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def unreadable(path: str, error: OSError) -> Refused:
    return Refused([Problem("file.unreadable", f"it cannot be read ({error.strerror})", f"file {path}")])


def forgotten(patterns: t.Iterable[str], files: t.Iterable[File]) -> list[File]:
    """Files that a role of this collection wrote, that match a pattern and are not declared: they must be absent."""
    known = {file.path for file in files}
    paths = {path for pattern in patterns for path in glob.glob(pattern)} - known
    ours = []
    for path in sorted(paths):
        found = read(path)
        if found is not None and MARK in found.content.partition("\n")[0]:
            ours.append(File(path, None))
    return ours


def changes(files: t.Iterable[File], found: t.Mapping[str, Found | None]) -> t.Iterator[Change]:
    for file in files:
        have = found[file.path]
        differences = []
        if (have.content if have else None) != file.content:
            differences.append(Difference("content", file.shown(have.content if have else None), file.shown(file.content)))
        if have and file.content is not None and file.mode not in (None, have.mode):
            differences.append(Difference("mode", f"{have.mode:04o}", f"{file.mode:04o}"))
        if differences:
            action = "delete" if file.content is None else "update" if have else "create"
            yield Change("file", file.path, {"path": file.path}, action, tuple(differences), STAGE, payload=file)


def apply(file: File) -> None:
    """Raises ChangeFailed. An empty directory goes with its last file."""
    if file.content is None:
        remove(file.path)
        with contextlib.suppress(OSError):  # the directory is not empty
            os.rmdir(os.path.dirname(file.path))
        return
    try:
        _write(file)
    except (OSError, LookupError) as error:
        raise ChangeFailed(in_words(error)) from error


def remove(path: str) -> None:
    """Raises ChangeFailed."""
    try:
        os.unlink(path)
    except OSError as error:
        raise ChangeFailed(in_words(error)) from error


def _write(file: File) -> None:
    directory = os.path.dirname(file.path)
    _make(directory)
    have = read(file.path)
    mode = file.mode if file.mode is not None else have.mode if have else 0o644
    path = _target(file.path)
    handle, draft = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
            target.write(file.content or "")
            os.fchmod(target.fileno(), mode)
            if file.owner:
                # By its descriptor: the directory may be the owner's, who could put a link in the place of the draft.
                shutil.chown(target.fileno(), file.owner, file.owner)
        os.replace(draft, path)
    except (OSError, LookupError):
        os.unlink(draft)
        raise


def _make(directory: str) -> None:
    """A directory that all may enter, whatever the umask of root is: apt reads its keys as another user."""
    if not os.path.isdir(directory):
        _make(os.path.dirname(directory))
        os.mkdir(directory)
        os.chmod(directory, _OPEN)


def _target(path: str) -> str:
    """What to replace: the target of a symbolic link, and not the link. In a directory where others may write, the link itself, which
    could lead to any file."""
    directory = os.stat(os.path.dirname(path))
    is_roots_own = directory.st_uid in (0, os.geteuid()) and not directory.st_mode & 0o022
    return os.path.realpath(path) if is_roots_own else path


def rejected(file: File) -> t.Iterator[Problem]:
    """Why the program that reads the file does not take its content, before it is written. Nothing where it is not installed."""
    if not file.validate or file.content is None:
        return
    with tempfile.TemporaryDirectory() as directory:
        draft = os.path.join(directory, os.path.basename(file.path))
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8", errors="surrogateescape") as target:
            target.write(file.content)
        done = run(*(draft if word == "%s" else word for word in shlex.split(file.validate)))
    if done.code == MISSING:
        return
    warnings = [line for line in done.errors.splitlines() if file.reject and file.reject in line]
    reasons = warnings if done.code == 0 else [done.complaint]
    for reason in dict.fromkeys(reason.replace(draft, file.path) for reason in reasons):
        message = f"'{file.validate.replace('%s', file.path)}' rejects its new content: {reason}"
        yield Problem("file.rejected", message, f"file {file.path}", remedy="correct the content; nothing was written")
