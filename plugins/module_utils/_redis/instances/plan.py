# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From instances as declared and as observed to the changes. Private to this collection.

An instance that changes its flavor keeps its main file and its data: the old unit is stopped, and file and data are renamed before the
new unit starts. Each step is derived from what is where, so that a run continues where an interrupted one stopped.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Action, Change, Difference, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File, Found
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import astray, backup, data, state, steps, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance, Params
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.sample import Sample

BACKUP, MASK, KEEP, END, FILES, MAIN, DATA, SERVICE, USERS, KEPT, CLEAN = range(11)  # stages
THP = "/sys/kernel/mm/transparent_hugepage/enabled"
# The name of a change's object in its identity, where that is not "name".
_IDENTITIES = {"file": "path", "directory": "path", "backup": "id", "data": "id", "users": "id", "settings": "id", "replication": "id"}

Differences = t.Tuple[Difference, ...]


def _change(
    kind: str, name: str, stage: int, step: steps.Step, differences: Differences, *, action: Action = "update", needs: t.Iterable[Key] = ()
) -> Change:
    return Change(kind, name, {_IDENTITIES.get(kind, "name"): name}, action, differences, stage, frozenset(needs), step)


def plan(params: Params, declared: t.Sequence[Instance], seen: t.Mapping[str, state.Seen], samples: t.Sequence[Sample]) -> Plan:
    changes = [change for sample in samples for change in sample.changes(MASK)]
    changes += _thp_changes(params["transparent_hugepage"])
    for instance in declared:
        if instance.id in params["backup"]:
            # Check mode shows it too, so without the time, which is in the name of the copy.
            copy = Difference("copy", None, f"{params['backup_directory']}/{instance.name}-TIME.rdb")
            step = steps.Call(backup.save, (instance, params["backup_directory"]))
            changes.append(_change("backup", instance.id, BACKUP, step, (copy,), action="create"))
        changes += changes_of(instance, seen[instance.id], instance.id in params["restart"])
    known = len(params["masked"]) + 4 * len(declared)
    return Plan.of(changes, max(0, known - len(changes)))


def changes_of(instance: Instance, seen: state.Seen, may_restart: bool) -> t.Iterator[Change]:
    if instance.absent:
        yield from _removal(instance, seen)
        return
    waits = state.pending(instance, seen)
    keeps = [*_keeps(instance, seen, bool(waits) and may_restart), *_corrections(instance, seen)]
    kept = [change.key for change in keeps]
    changes = [*keeps, *_ends(instance, seen, kept), *_files(instance, seen, may_restart, kept)]
    changes += [*_users(instance, seen), *_main(instance, seen)]
    changes += _given(instance, seen, {change.object for change in changes})
    needs = [change.key for change in changes if change.stage < SERVICE]
    service = list(_service(instance, seen, waits if may_restart else [], needs))
    yield from (*changes, *service)
    if instance.former or (seen.main and not instance.later):
        # What an instance that has moved leaves behind, secrets among it; removed once the new one runs.
        for path in seen.other.there(instance.other):
            step, gone = steps.Write(File(path, None)), (Difference("state", "present", "absent"),)
            yield _change("file", path, CLEAN, step, gone, action="delete", needs=[change.key for change in service])


def _keeps(instance: Instance, seen: state.Seen, restarts: bool) -> t.Iterator[Change]:
    """What the running server does before its restart, so that the restart finds all data."""
    keeping = data.keeping(seen.running, state.next_start(instance, seen)) if seen.running and restarts else None
    if keeping:
        yield _change("data", instance.id, KEEP, steps.Keep(instance, keeping), keeping.differences)


def _corrections(instance: Instance, seen: state.Seen) -> t.Iterator[Change]:
    """On the running server. One that does not run finds them in its files."""
    if seen.corrections and seen.runs:
        commands = tuple(astray.commands(instance, seen.corrections))
        step = steps.Save(instance, commands, main=lambda text: astray.corrected(instance, text, seen.corrections))
        yield _change("replication", instance.id, KEEP, step, seen.corrections)


def _given(instance: Instance, seen: state.Seen, rewritten: t.Collection[str]) -> t.Iterator[Change]:
    """What is there and belongs to others becomes the server's, but for what this run writes anyway."""
    for each in seen.strange:
        if each.path not in rewritten:
            kind = "directory" if each.is_directory else "file"
            step = steps.Give(each.paths, instance.flavor, steps.DATA_MODE if each.is_directory else None)
            # Before the server has to save.
            yield _change(kind, each.path, MASK, step, each.differences(instance.flavor))


def _removal(instance: Instance, seen: state.Seen) -> t.Iterator[Change]:
    """The service ends first, the main file goes last: as long as it exists, the next run knows what an interrupted one left."""
    done: list[Key] = []

    def gone(kind: str, name: str, stage: int, step: steps.Step, differences: Differences) -> Change:
        change = _change(kind, name, stage, step, differences, action="delete", needs=done)
        done.append(change.key)
        return change

    absent = (Difference("state", "present", "absent"),)
    for parts, paths in ((seen, instance.paths), (seen.other, instance.other)):
        service = parts.service
        if service.is_up or service.enabled:
            save = parts is seen and service.active == "active" and instance.kind == "server" and instance.keeps_data
            differences = (Difference("state", service.active, "inactive"), Difference("enabled", service.enabled, False))
            yield gone("service", paths.unit, END, steps.End(instance, paths.unit, save), differences)
        if parts.drop_in:
            yield gone("file", paths.drop_in, FILES, steps.Write(File(paths.drop_in, None)), absent)
        known = ("directory", paths.directory) in done  # one of its own is the same under both flavors
        if parts.directory and not known and not (instance.kind == "server" and instance.keeps_data):
            yield gone("directory", paths.directory, DATA, steps.Call(steps.remove_directory, (paths.directory,)), absent)
        for path in (paths.users, paths.static, paths.main):
            if path in parts.there(paths):
                yield gone("file", path, CLEAN, steps.Write(File(path, None)), absent)


def _ends(instance: Instance, seen: state.Seen, needs: t.Sequence[Key]) -> t.Iterator[Change]:
    """The unit of the former flavor."""
    had, differences = seen.other.service, []
    if had.is_up:
        differences.append(Difference("state", had.active, "inactive"))
    if had.enabled:
        differences.append(Difference("enabled", True, False))
    if differences and instance.former:
        unit = instance.other.unit
        yield _change(
            "service", unit, END, steps.Call(services.apply, (unit, "stop", False, steps.START_WITHIN)), tuple(differences), needs=needs
        )


def _file(file: File, have: Found | None, differences: Differences, stage: int = FILES, needs: t.Sequence[Key] = ()) -> t.Iterator[Change]:
    if have and have.mode != file.mode:
        differences += (Difference("mode", f"{have.mode:04o}", f"{file.mode:04o}"),)
    if differences:
        yield _change("file", file.path, stage, steps.Write(file), differences, action="update" if have else "create", needs=needs)


def _files(instance: Instance, seen: state.Seen, may_restart: bool, needs: t.Sequence[Key]) -> t.Iterator[Change]:
    paths, text = instance.paths, state.static_text(instance, seen)
    if seen.runs and not may_restart:
        names = {difference.field for difference in seen.corrections} & astray.SETTINGS
        if not names:
            return
        corrected = texts.with_lines(seen.text("static"), names, instance.static)
        # All that is declared, if nothing else differs: the order of the lines is no reason for a restart.
        text = text if texts.directives(corrected) == texts.directives(text) else corrected
    static = File(paths.static, text, 0o640, owner=instance.flavor)
    yield from _file(static, seen.static, texts.static_differences(seen.static and seen.static.content, text), needs=needs)
    if seen.runs and not may_restart:
        return
    drop_in = File(paths.drop_in, instance.drop_in, 0o644)
    yield from _file(drop_in, seen.drop_in, tuple(state.unit_differences(instance, seen, "content")))


def _users(instance: Instance, seen: state.Seen) -> t.Iterator[Change]:
    """In their file for the next start, or on the running server."""
    have = seen.users.content if seen.users else None
    if have == instance.users:
        return
    differences = texts.user_differences(have, instance.users)
    file = File(instance.paths.users, instance.users, 0o640, owner=instance.flavor)
    if have is None or not seen.runs:
        yield _change("file", file.path, FILES, steps.Write(file), differences, action="update" if seen.users else "create")
    else:
        step = steps.Tell(instance, tuple(texts.user_commands(have, instance.users)), file)
        yield _change("users", instance.id, USERS, step, differences)


def _main(instance: Instance, seen: state.Seen) -> t.Iterator[Change]:
    """What belongs to the server: its main file, and the directory of its data."""
    paths, had, owner = instance.paths, instance.other, instance.flavor
    if seen.main is not None:
        yield from _kept(instance, seen, seen.main)
    elif seen.other.main and instance.former:
        # Without the settings that name its files: a server changes to `dir` as soon as it reads it, and may not have the right any more.
        text = texts.stripped(seen.other.main.content, texts.OWN)
        yield from _file(File(paths.main, text, 0o640, owner=owner), None, (Difference("path", had.main, paths.main),), MAIN)
    else:
        file = File(paths.main, texts.main(instance.kind, instance.replicaof, instance.kept), 0o640, owner=owner)
        follows = (Difference("replicaof", None, instance.replicaof or "none"),) if instance.kind == "server" else ()
        yield _change("file", file.path, MAIN, steps.Write(file), follows, action="create")
    if not seen.directory:
        step: steps.Step = steps.Call(steps.make_directory, (paths.directory, owner))
        difference = Difference("state", "absent", "directory")
        # An interrupted run may have moved the main file and not the data: never start such an instance without its data.
        if seen.other.directory and (instance.former or seen.main is not None):
            step, difference = steps.Move(had.directory, paths.directory, owner), Difference("path", had.directory, paths.directory)
        yield _change("directory", paths.directory, DATA, step, (difference,), action="create")
    elif instance.former and instance.directory:
        step, difference = steps.Move(instance.directory, instance.directory, owner), Difference("owner", instance.former, owner)
        yield _change("directory", instance.directory, DATA, step, (difference,))


def _kept(instance: Instance, seen: state.Seen, main: Found) -> t.Iterator[Change]:
    """The settings that the server keeps itself: told to it where it runs."""
    differences = texts.kept_differences(main.content, instance.kept)
    if seen.runs:
        commands = tuple(("CONFIG", "SET", name, value) for name, value in instance.kept.items())
        step = steps.Save(instance, commands, main=lambda text: texts.with_kept(text, instance.kept))
        if differences:
            yield _change("settings", instance.id, KEPT, step, differences)
        return
    follows = tuple(difference for difference in seen.corrections if difference.field == astray.FOLLOWS)
    text = astray.corrected(instance, main.content, seen.corrections)
    text = texts.with_kept(text, instance.kept) if differences else text
    yield from _file(File(instance.paths.main, text, main.mode, owner=instance.flavor), main, differences + follows, MAIN)


def _service(instance: Instance, seen: state.Seen, waits: t.Sequence[Difference], needs: t.Sequence[Key]) -> t.Iterator[Change]:
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
        # The lines of `sentinel` in its main file are what it knows of the masters.
        gone = state.undeclared(instance, seen) - {*state.held_back(instance, seen), "sentinel"}
        action = "create" if service.active == "missing" or seen.main is None else "update"
        step = steps.Start(instance, not service.enabled, verb, gone)
        yield _change("service", instance.paths.unit, SERVICE, step, tuple(differences), action=action, needs=needs)


def _thp_changes(wanted: str | None) -> t.Iterator[Change]:
    """Transparent huge pages now, and after a boot. Since 6.2 Redis switches them off for itself, where the kernel allows it."""
    if wanted is None:
        return
    file = File("/etc/tmpfiles.d/redis-thp.conf", f"# {files.MARK}\nw {THP} - - - - {wanted}\n", 0o644)
    for change in files.changes([file], {file.path: files.read(file.path)}):
        yield _change("file", file.path, FILES, steps.Write(file), change.differences, action=change.action)
    found = files.read(THP)
    now = re.search(r"\[(\w+)\]", found.content) if found else None
    if now and now.group(1) != wanted:
        differences = (Difference("value", now.group(1), wanted),)
        yield _change("kernel", "transparent_hugepage", FILES, steps.Call(steps.write_kernel, (THP, wanted)), differences)
