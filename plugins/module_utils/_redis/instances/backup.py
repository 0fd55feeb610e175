# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of all data of a server, on its host, before a step that cannot be undone. Private to this collection."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import Deadline, until
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Wire

SAVED_WITHIN = 3600.0  # seconds for a snapshot of any size
POLL = 0.1


def save(instance: Instance, directory: str) -> None:
    with Wire.admin(instance) as wire:
        path = saved(wire)
    _copy(path, directory, time.strftime(f"{instance.name}-%Y-%m-%dT%H%M%SZ.rdb", time.gmtime()))


def saved(wire: Wire) -> str:
    """The path of a snapshot that was begun after we asked for it."""
    deadline = Deadline(SAVED_WITHIN)
    _idle(wire, deadline, "rdb_bgsave_in_progress", "aof_rewrite_in_progress")
    wire.ask("BGSAVE")
    if _idle(wire, deadline, "rdb_bgsave_in_progress")["rdb_last_bgsave_status"] != "ok":
        raise ChangeFailed("the server could not save a snapshot; its log says why")
    directory, name = (str(wire.ask("CONFIG", "GET", setting)[1]) for setting in ("dir", "dbfilename"))
    return os.path.join(directory, name)


def _idle(wire: Wire, deadline: Deadline, *busy: str) -> dict[str, str]:
    """What the server says of its persistence, as soon as none of these is in progress."""
    seen = until(lambda: _persistence(wire), lambda said: all(said[name] == "0" for name in busy), deadline, POLL)
    if any(seen[name] != "0" for name in busy):
        raise ChangeFailed(f"the server has not saved a snapshot within {SAVED_WITHIN:g} s")
    return seen


def _persistence(wire: Wire) -> dict[str, str]:
    return dict(line.split(":", 1) for line in wire.ask("INFO", "persistence").splitlines() if ":" in line)


def _copy(source: str, directory: str, name: str) -> None:
    """Readable by root only. An interrupted copy leaves no file of that name."""
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
