# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of all that a server holds, on its host, before something is done that has no way back. Private to this collection."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

SAVED_WITHIN = 3600.0  # seconds for a snapshot, however much there is
POLL = 0.1


def change(instance: Instance, directory: str, stage: int) -> Change:
    """What check mode tells too, so without the moment, which is in the copy's name."""
    differences = (Difference("copy", None, f"{directory}/{instance.name}-TIME.rdb"),)
    return Change("backup", instance.id, {"id": instance.id}, "create", differences, stage, payload=(instance, directory))


def make(instance: Instance, directory: str) -> None:
    """Raises ChangeFailed; nothing half is left behind."""
    try:
        with Wire(instance.paths.socket) as wire:
            wire.log_in(*instance.admin)
            path = _saved(wire)
        _copy(path, directory, time.strftime(f"{instance.name}-%Y-%m-%dT%H%M%SZ.rdb", time.gmtime()))
    except Said as error:
        raise ChangeFailed(f"the server refused: {error}") from error
    except OSError as error:
        raise ChangeFailed(str(error)) from error


def _saved(wire: Wire) -> str:
    """The path of a snapshot that was begun after we asked."""
    deadline = time.monotonic() + SAVED_WITHIN
    while not _begun(wire):
        _wait(deadline)
    while (state := _persistence(wire))["rdb_bgsave_in_progress"] != "0":
        _wait(deadline)
    if state["rdb_last_bgsave_status"] != "ok":
        raise ChangeFailed("the server could not save a snapshot: see its log")
    directory, name = (str(wire.ask("CONFIG", "GET", setting)[1]) for setting in ("dir", "dbfilename"))
    return os.path.join(directory, name)


def _begun(wire: Wire) -> bool:
    """False while it saves or rewrites on its own account."""
    state = _persistence(wire)
    if state["rdb_bgsave_in_progress"] != "0" or state["aof_rewrite_in_progress"] != "0":
        return False
    wire.ask("BGSAVE")
    return True


def _persistence(wire: Wire) -> dict[str, str]:
    return dict(line.split(":", 1) for line in wire.ask("INFO", "persistence").splitlines() if ":" in line)


def _wait(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise ChangeFailed(f"the server has not saved a snapshot within {SAVED_WITHIN:g} s")
    time.sleep(POLL)


def _copy(source: str, directory: str, name: str) -> None:
    """For root alone: it is all of the data."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=".", dir=directory)
    try:
        with os.fdopen(handle, "wb") as target, open(source, "rb") as content:
            shutil.copyfileobj(content, target, 1 << 20)
            os.fsync(target.fileno())
        os.replace(draft, os.path.join(directory, name))
    except OSError:
        os.unlink(draft)
        raise
