# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From instances as declared and as they are to the changes. Private to this collection.

An instance that changes its flavor keeps its main file and its data, which move: the old unit ends, and what is to be kept is renamed
before the new one starts. A run that was cut off goes on where it was, since each step is told by what is where.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File, Found
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import backup, state, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import sample as host_sample
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance, Params
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.state import Seen

BACKUP, MASK, END, FILES, MAIN, DATA, SERVICE, USERS, KEPT, CLEAN = range(10)  # stages
THP = "/sys/kernel/mm/transparent_hugepage/enabled"


class Move(t.NamedTuple):
    """A directory that gets another name, and another owner before that."""

    source: str
    target: str
    owner: str


def plan(params: Params, declared: t.Sequence[Instance], seen: t.Mapping[str, Seen], samples: t.Sequence[host_sample.Sample]) -> Plan:
    changes = [change for sample in samples for change in sample.changes(MASK)]
    changes += _thp_changes(params["transparent_hugepage"])
    for instance in declared:
        if instance.id in params["backup"]:
            changes.append(backup.change(instance, params["backup_directory"], BACKUP))
        changes += changes_of(instance, seen[instance.id], instance.id in params["restart"])
    known = len(params["masked"]) + 4 * len(declared)
    return Plan.of(changes, max(0, known - len(changes)))


def changes_of(instance: Instance, seen: Seen, may_restart: bool) -> t.Iterator[Change]:
    waits = state.pending(instance, seen)
    needs: set[Key] = set()
    for change in (*_ends(instance, seen), *_files(instance, seen, may_restart), *_users(instance, seen), *_main(instance, seen)):
        if change.stage < SERVICE:
            needs.add(change.key)
        yield change
    service = list(_service(instance, seen, waits if may_restart else [], frozenset(needs)))
    yield from service
    if instance.former or (seen.main and not instance.later):
        yield from _leftovers(seen, frozenset(change.key for change in service))


def _ends(instance: Instance, seen: Seen) -> t.Iterator[Change]:
    """The unit of the flavor that it had."""
    if not instance.former:
        return
    had, differences = seen.other.service, []
    if had.is_up:
        differences.append(Difference("state", had.active, "inactive"))
    if had.enabled:
        differences.append(Difference("enabled", True, False))
    if differences:
        unit = instance.other.unit
        yield Change("service", unit, {"name": unit}, "update", tuple(differences), END, payload=unit)


def _files(instance: Instance, seen: Seen, may_restart: bool) -> t.Iterator[Change]:
    if seen.runs and not may_restart:
        return
    paths, owner = instance.paths, instance.flavor
    for change in (
        _file(File(paths.static, instance.static, 0o640, owner=owner), seen.static),
        _file(File(paths.drop_in, instance.drop_in, 0o644), seen.drop_in),
    ):
        if change:
            yield change


def _users(instance: Instance, seen: Seen) -> t.Iterator[Change]:
    """In their file for the start, or on the server that runs."""
    have = seen.users.content if seen.users else None
    if have == instance.users:
        return
    differences = texts.user_differences(have, instance.users)
    if seen.users is None or not seen.runs:
        file = File(instance.paths.users, instance.users, 0o640, owner=instance.flavor)
        yield Change("file", file.path, {"path": file.path}, "update" if seen.users else "create", differences, FILES, payload=file)
    else:
        yield Change("users", instance.id, {"id": instance.id}, "update", differences, USERS, payload=(instance, have))


def _main(instance: Instance, seen: Seen) -> t.Iterator[Change]:
    """What is the server's own: its main file, and the directory of its data."""
    paths, owner, moves = instance.paths, instance.flavor, instance.former is not None
    had = instance.other
    differences: tuple[Difference, ...]
    payload: t.Any
    if seen.main is None:
        if seen.other.main and moves:
            # Without what says where its files are: a server goes there as it reads, and may not any more.
            text = texts.stripped(seen.other.main.content, texts.OWN)
            differences, payload = (Difference("path", had.main, paths.main),), File(paths.main, text, 0o640, owner=owner)
        else:
            differences = (Difference("replicaof", None, instance.replicaof or "none"),) if instance.kind == "server" else ()
            payload = File(paths.main, texts.main(instance.kind, instance.replicaof, instance.kept), 0o640, owner=owner)
        yield Change("file", paths.main, {"path": paths.main}, "create", differences, MAIN, payload=payload)
    else:
        yield from _kept(instance, seen, seen.main)
    if not seen.directory:
        # Also where a run that was to move it was cut off: an established instance without data is none that we want to start.
        if seen.other.directory and (moves or seen.main is not None):
            differences, payload = (Difference("path", had.directory, paths.directory),), Move(had.directory, paths.directory, owner)
        else:
            differences, payload = (Difference("state", "absent", "directory"),), (owner, 0o750)
        yield Change("directory", paths.directory, {"path": paths.directory}, "create", differences, DATA, payload=payload)


def _kept(instance: Instance, seen: Seen, main: Found) -> t.Iterator[Change]:
    """What the server keeps itself, told to it where it runs."""
    differences = texts.kept_differences(main.content, instance.kept)
    if differences and seen.runs:
        yield Change("settings", instance.id, {"id": instance.id}, "update", differences, KEPT, payload=instance)
    elif differences:
        path = instance.paths.main
        file = File(path, texts.with_kept(main.content, instance.kept), main.mode, owner=instance.flavor)
        yield Change("file", path, {"path": path}, "update", differences, MAIN, payload=file)


def _file(file: File, have: Found | None) -> Change | None:
    differences: list[Difference] = []
    if (have.content if have else None) != file.content:
        if file.path.endswith(".static.conf"):
            differences += texts.static_differences(have.content if have else None, file.content or "")
        else:
            differences.append(Difference("content", file.shown(have.content if have else None), file.shown(file.content)))
    if have and have.mode != file.mode:
        differences.append(Difference("mode", f"{have.mode:04o}", f"{file.mode:04o}"))
    if not differences:
        return None
    return Change("file", file.path, {"path": file.path}, "update" if have else "create", tuple(differences), FILES, payload=file)


def _service(instance: Instance, seen: Seen, waits: t.Sequence[Difference], needs: frozenset[Key]) -> t.Iterator[Change]:
    service, differences, verb = seen.service, [], ""
    if not service.enabled:
        differences.append(Difference("enabled", False, True))
    if not service.is_up:
        differences.append(Difference("state", "inactive" if service.active == "missing" else service.active, "active"))
        verb = "start"
    elif waits:
        differences.append(Difference("started", f"before {waits[0].field} changed", "after"))
        verb = "restart"
    if differences:
        before = texts.directives(seen.static.content if seen.static else None)
        gone = frozenset(before) - frozenset(texts.directives(instance.static))
        action = "create" if service.active == "missing" or seen.main is None else "update"
        payload = (instance, not service.enabled, verb, gone)
        yield Change("service", instance.unit, {"name": instance.unit}, action, tuple(differences), SERVICE, needs, payload)


def _leftovers(seen: Seen, needs: frozenset[Key]) -> t.Iterator[Change]:
    """What an instance that has moved leaves behind, secrets among it; once the new one runs."""
    for path in seen.other.leftovers:
        gone = (Difference("state", "present", "absent"),)
        yield Change("file", path, {"path": path}, "delete", gone, CLEAN, needs, payload=File(path, None))


def _thp_changes(wanted: str | None) -> t.Iterator[Change]:
    """Transparent huge pages now, and after a boot. Redis switches them off for itself since 6.2, where the kernel lets it."""
    if wanted is None:
        return
    file = File("/etc/tmpfiles.d/redis-thp.conf", f"# {files.MARK}\nw {THP} - - - - {wanted}\n", 0o644)
    yield from files.changes([file], {file.path: files.read(file.path)})
    found = files.read(THP)
    now = re.search(r"\[(\w+)\]", found.content) if found else None
    if now and now.group(1) != wanted:
        name = "transparent_hugepage"
        yield Change("kernel", name, {"name": name}, "update", (Difference("value", now.group(1), wanted),), FILES, payload=wanted)
