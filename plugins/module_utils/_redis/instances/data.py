# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files hold the data of a server, and which files its next start reads. Private to this collection.

A start reads the append-only file if `appendonly` is on, otherwise the snapshot, and nothing else: a server that is restarted with
`appendonly` in its file, and has no append-only file yet, is empty. So the running server is brought to the new settings first.
"""

from __future__ import annotations

import math
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

# The settings that decide what a start reads, with the defaults of the servers.
FILES = {"appendonly": "no", "dir": "", "dbfilename": "dump.rdb", "appendfilename": "appendonly.aof", "appenddirname": "appendonlydir"}
# A server refuses to load keys of a database beyond this number, and does not start.
DATABASES = ("databases", "16")
DEFAULTS = {**FILES, **dict([DATABASES])}
# How a server ends; before 7.0 only `save` decides that.
ENDS = ("save", "shutdown-on-sigterm")
Settings = t.Mapping[str, str]


def settings(*parts: str) -> dict[str, str]:
    """What a server makes of these texts; the last one wins."""
    found = dict(DEFAULTS)
    for text in parts:
        found.update({name: texts.value(values[-1]) for name, values in texts.directives(text).items() if name in found})
    return found


def source(of: Settings) -> str:
    """The path that a start reads."""
    if of["appendonly"].lower() == "yes":
        return os.path.join(of["dir"], of["appenddirname"], of["appendfilename"])
    return os.path.join(of["dir"], of["dbfilename"])


def moves(before: Settings, after: Settings) -> bool:
    return source(before) != source(after)


def are_concerned(names: t.Iterable[str]) -> bool:
    """Whether one of these settings decides which data a start reads, or how the server ends."""
    return any(texts.alias(name) in {*DEFAULTS, *ENDS} for name in names)


def is_there(of: Settings) -> bool:
    """Whether there is something to read. Before 7.0 there is no directory of append-only files, and no manifest."""
    path = source(of)
    old = os.path.join(of["dir"], of["appendfilename"])
    return any(map(os.path.exists, (path, f"{path}.manifest", *([old] if of["appendonly"].lower() == "yes" else []))))


@dataclass(frozen=True)
class Running:
    """What a running server says of its data. `why`: why it says nothing."""

    settings: Settings
    # Keys and functions.
    count: int = 0
    # The number of the highest database that has keys, and 1.
    databases: int = 0
    # Whether it is a replica that is connected to its master.
    follows: bool = False
    replicas: int = 0
    # Whether its last snapshot failed, or the next one may have no room. It does not end as long as it cannot save.
    in_doubt: bool = False
    why: str | None = None

    @property
    def logs(self) -> bool:
        return self.settings.get("appendonly") == "yes"

    @property
    def saves_at_its_end(self) -> bool:
        ends = self.settings.get("shutdown-on-sigterm", "").split()
        return "nosave" not in ends and ("save" in ends or bool(self.settings.get("save")))


def observe(instance: Instance) -> Running:
    try:
        with Wire.admin(instance, instance.present.socket) as wire:
            found = {}
            for name in (*DEFAULTS, *ENDS):
                answer = wire.ask("CONFIG", "GET", name)
                found.update(dict(zip(answer[::2], answer[1::2])))
            about = wire.about("replication", "memory", "keyspace", "persistence")
    except (Said, OSError) as error:
        return Running({}, why=str(error))
    used = {int(name[2:]): _keys(value) for name, value in about.items() if re.fullmatch(r"db\d+", name)}
    return Running(
        settings=_renamed(found, instance),
        count=sum(used.values()) + int(about.get("number_of_functions", 0)),
        databases=max(used, default=-1) + 1,
        follows=about.get("role") == "slave" and about.get("master_link_status") == "up",
        replicas=int(about.get("connected_slaves", 0)),
        in_doubt=about.get("rdb_last_bgsave_status") == "err" or _room(found.get("dir", "/")) < int(about.get("used_memory", 0)),
    )


def live(instance: Instance, name: str) -> str | None:
    """The value of a setting in the running server; None where it does not tell."""
    try:
        with Wire.admin(instance, instance.present.socket) as wire:
            return str(wire.ask("CONFIG", "GET", name)[1])
    except (Said, OSError, IndexError):
        return None


def _room(directory: str) -> float:
    """Bytes that are free; without end where the system does not tell."""
    try:
        about = os.statvfs(directory)
    except OSError:
        return math.inf
    return about.f_bavail * about.f_frsize


def _keys(text: str) -> int:
    found = re.match(r"keys=(\d+)", text)
    return int(found.group(1)) if found else 0


def _renamed(found: dict[str, str], instance: Instance) -> dict[str, str]:
    """With the directory as the next start has it, where this run renames it; a server tells the path behind symbolic links."""
    for has, becomes in ((instance.present.directory, instance.paths.directory), (instance.paths.directory,) * 2):
        if os.path.realpath(has) == found.get("dir"):
            return {**found, "dir": becomes}
    return found


def problems(instance: Instance, have: Running, after: Settings, restarts: bool) -> t.Iterator[Problem]:
    """Why a restart would lose data, or would not end. Asked as soon as it is declared, so that nobody waits for it in vain."""
    of = instance.id
    if have.why:
        if restarts:
            message = f"the server does not tell where it keeps its data: {have.why}"
            yield Problem("data.unknown", message, of, remedy="let its administrator use CONFIG and INFO, then run this again")
        return
    if after["databases"].isdigit() and have.databases > int(after["databases"]):
        message = f"database {have.databases - 1} has keys; with {after['databases']} databases the server would not start"
        yield Problem("data.databases", message, of, "settings.databases", "move these keys to another database, or keep the number")
    changed = _unreachable(have, after)
    is_copied = have.follows or (not restarts and have.replicas)
    if changed and have.count and not is_copied:
        message = f"the restart would read {source(after)}, and the data are in {source({**DEFAULTS, **have.settings})}"
        remedy = "leave the setting as it is, or add a replica to the set first, so that each node is restarted while another has the data"
        yield Problem("data.moves", message, of, ", ".join(f"settings.{name}" for name in changed), remedy)


def _unreachable(have: Running, after: Settings) -> list[str]:
    """The settings for which the next start would read other files, even if the running server saves its data first."""
    names = ("dir", "appenddirname", "appendfilename") if after["appendonly"].lower() == "yes" else ("dir", "dbfilename")
    return [name for name in names if name in have.settings and have.settings[name] != after[name]]


class Keeping(t.NamedTuple):
    """What the running server must do before a restart, so that it ends, and the restart reads all data."""

    log: bool
    snapshot: bool
    # A setting with which it saves when it ends.
    end: t.Optional[t.Tuple[str, str]]
    differences: t.Tuple[Difference, ...]


def keeping(have: Running, after: Settings) -> Keeping | None:
    """None where there is nothing to do. A replica gets all data from its master."""
    logs = after["appendonly"].lower() == "yes"
    log, needs_snapshot = logs and not have.logs, not logs and not have.follows
    differences = [Difference("appendonly", "no", "yes")] if log else []
    end = _end(have) if needs_snapshot and not have.saves_at_its_end else None
    if have.in_doubt and have.saves_at_its_end:
        differences.append(Difference("snapshot", "in doubt", "saved"))
    elif needs_snapshot and (have.logs or end):
        differences.append(Difference("snapshot", "older than the data", "saved"))
    snapshot = len(differences) > log
    if end:
        differences.append(Difference(end[0], have.settings.get(end[0]), end[1]))
    return Keeping(log, snapshot, end, tuple(differences)) if differences else None


def _end(have: Running) -> tuple[str, str]:
    """Before 7.0 only points of `save` make a server save when it ends."""
    return (ENDS[1], "save") if ENDS[1] in have.settings else (ENDS[0], "3600 1")
