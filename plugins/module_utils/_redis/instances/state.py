# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there of an instance on its host, and which part of its declaration waits for a restart. Private to this collection."""

from __future__ import annotations

import glob
import os
import pathlib
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import Found
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import astray, data, ownership, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import FLAVORS, Instance, Paths, is_below
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

# Valkey reads what Redis wrote before this version, whose snapshots have format 12; no Redis reads all that Valkey writes.
UNREADABLE_FROM = (7, 4)


@dataclass(frozen=True)
class Parts:
    """What is there of an instance under one flavor."""

    main: Found | None = None
    static: Found | None = None
    users: Found | None = None
    drop_in: Found | None = None
    directory: bool = False
    service: Service = field(default_factory=Service)

    def there(self, paths: Paths) -> list[str]:
        """The paths of the files that are there."""
        return [path for path, found in zip(paths.files, (self.main, self.static, self.users, self.drop_in)) if found]


@dataclass(frozen=True)
class Seen(Parts):
    """`other`: under the other flavor, from which the instance moves or has moved."""

    other: Parts = field(default_factory=Parts)
    # What is there and does not belong to the server.
    strange: tuple[ownership.Strange, ...] = ()
    # What the running server says of its data, where a restart may have other data than those; None where it was not asked.
    running: data.Running | None = None
    # What is corrected at once.
    corrections: tuple[Difference, ...] = ()

    @property
    def runs(self) -> bool:
        return self.main is not None and self.service.is_up

    @property
    def former(self) -> Parts:
        """What there is of it before this run, under one flavor or the other."""
        return self if self.main is not None else self.other

    def text(self, name: str) -> str:
        found = getattr(self.former, name)
        return found.content if found else ""


def next_start(instance: Instance, seen: Seen) -> data.Settings:
    """The settings that decide what the next start reads. What is no longer declared goes from the main file too."""
    main = texts.stripped(seen.text("main"), undeclared(instance, seen))
    return data.settings(main, instance.static)


def undeclared(instance: Instance, seen: Seen) -> frozenset[str]:
    """The settings that were declared, and are not any more."""
    return frozenset(texts.directives(seen.text("static"))) - frozenset(texts.directives(instance.static))


def static_text(instance: Instance, seen: Seen) -> str:
    """The static file to write. A server that does not run is started with the settings that find its data; the new ones wait."""
    return texts.with_lines(instance.static, held_back(instance, seen), seen.text("static"))


def held_back(instance: Instance, seen: Seen) -> list[str]:
    if instance.kind != "server" or seen.former.main is None or seen.former.service.is_up:
        return []
    before, after = data.settings(seen.text("main"), seen.text("static")), next_start(instance, seen)
    if instance.former:
        before["dir"] = after["dir"]  # renamed before the start
    present = {**before, "dir": instance.present.directory}
    return [name for name in data.FILES if before[name] != after[name]] if data.moves(before, after) and data.is_there(present) else []


def placed(instance: Instance) -> Instance:
    """What must be absent is where its own file says; the declaration may name the directory of its successor."""
    have = texts.directory(files.text(instance.paths.static)) if instance.absent else None
    return replace(instance, directory=have) if have else instance


def observe(declared: t.Sequence[Instance], restart: t.Collection[str] = (), self_replicas: t.Collection[str] = ()) -> dict[str, Seen]:
    units = [services.Wanted(instance.paths.unit, True, True, instance.reads) for instance in declared]
    units += [services.Wanted(instance.other.unit, False, None, ()) for instance in declared if os.path.exists(instance.other.main)]
    # One that must be absent may be there in part, under either flavor.
    units += [services.Wanted(instance.other.unit, False, None, ()) for instance in declared if instance.absent]
    found = services.observe(units)

    def parts(paths: Paths) -> dict[str, t.Any]:
        read = {name: files.read(path) for name, path in zip(("main", "static", "users", "drop_in"), paths.files)}
        return {**read, "directory": os.path.isdir(paths.directory), "service": found.get(paths.unit, Service())}

    seen = {instance.id: Seen(**parts(instance.paths), other=Parts(**parts(instance.other))) for instance in declared}
    return {
        instance.id: _looked(instance, seen[instance.id], instance.id in restart, instance.id in self_replicas) for instance in declared
    }


def _looked(instance: Instance, seen: Seen, restarts: bool, follows_itself: bool) -> Seen:
    if instance.absent:
        return seen
    asked = instance.kind == "server" and seen.former.main is not None and seen.former.service.is_up
    asked = asked and (restarts or data.are_concerned(difference.field for difference in pending(instance, seen)))
    running = data.observe(instance) if asked else None
    corrections = astray.corrections(instance, seen.text("main"), seen.text("static"), follows_itself) + _lowered(instance, seen)
    return replace(seen, running=running, strange=ownership.observe(instance), corrections=corrections)


def _lowered(instance: Instance, seen: Seen) -> tuple[Difference, ...]:
    """Not where the server has another value than its file: a planned failover that was interrupted protects it."""
    found = astray.lowered(instance, seen.text("static")) if seen.runs and not instance.former else None
    return (found,) if found and data.live(instance, astray.LEAST) == found.before else ()


def problems(instance: Instance, seen: Seen, restarts: bool = False) -> t.Iterator[Problem]:
    paths, other = instance.paths, instance.other
    if instance.absent:
        yield from _foreign_problems(instance, seen)
        if instance.kind == "server" and not instance.keeps_data:
            yield from _removal_problems(instance, seen)
        return
    if seen.service.masked:
        remedy = f"run 'systemctl unmask {instance.paths.unit}' if it must run"
        yield Problem("instance.masked", f"the unit {instance.paths.unit}.service is masked", instance.id, remedy=remedy)
    if seen.main is not None and seen.static is None:
        remedy = f"move it and its data in {paths.directory} away, or give the set another name"
        yield Problem("instance.foreign", f"{paths.main} exists, and this module has not created it", instance.id, remedy=remedy)
    if seen.main is not None and seen.other.main is not None and (instance.former or seen.other.service.is_up):
        yield Problem("instance.twice_there", f"both {other.main} and {paths.main} exist", instance.id, remedy="remove the wrong one")
    yield from ownership.problems(instance, seen.strange)
    if restarts or not seen.runs:
        yield from ownership.unreadable(instance)
    if seen.running is not None:
        yield from data.problems(instance, seen.running, next_start(instance, seen), restarts)
    yield from _directory_problems(instance, seen)
    if instance.former or instance.later:
        yield from _flavor_problems(instance)
    if instance.former:
        yield from _data_problems(instance)


def _flavor_problems(instance: Instance) -> t.Iterator[Problem]:
    remedy = "create a new set and move its clients there"
    if "valkey" in (instance.former, None if instance.former else instance.flavor):
        message = "no Redis reads all that Valkey writes, so a set of Valkey cannot become one of Redis"
        yield Problem("flavor.one_way", message, instance.id, "flavor", remedy)
        return
    said = run(Paths("redis", instance.kind, instance.name).program, "--version").output
    version = re.search(r"v=(\d+)\.(\d+)", said)
    if instance.kind == "server" and (version is None or tuple(map(int, version.groups())) >= UNREADABLE_FROM):
        what = f"Redis {'.'.join(version.groups())}" if version else "a Redis of unknown version"
        message = f"Valkey reads what Redis up to 7.2 wrote, and this is {what}"
        yield Problem("flavor.unreadable", message, instance.id, "flavor", remedy)


def _foreign_problems(instance: Instance, seen: Seen) -> t.Iterator[Problem]:
    """Of an instance that must be absent: its main file goes last, so the file with its settings may be gone already."""
    for parts, paths in ((seen, instance.paths), (seen.other, instance.other)):
        if parts.main is not None and parts.static is None and texts.WRITTEN not in parts.main.content:
            remedy = "remove it yourself, or leave it out"
            yield Problem("instance.foreign", f"{paths.main} exists, and this module has not created it", instance.id, remedy=remedy)


def _removal_problems(instance: Instance, seen: Seen) -> t.Iterator[Problem]:
    """Only the data of this instance is removed."""
    for parts, paths in ((seen, instance.paths), (seen.other, instance.other)):
        if not parts.directory:
            continue
        for dummy, other, path in sorted(directories()):
            if path not in (instance.paths.static, instance.other.static) and is_below(other, paths.directory):
                yield Problem("directory.twice", f"{paths.directory} also has the data of {path}", instance.id, "directory")
        owner = owner_of(paths.directory)
        if owner not in FLAVORS:
            message = f"{paths.directory} belongs to {owner}, so it is not the data of a server"
            yield Problem("directory.owner", message, instance.id, "directory", "correct directory, or set keep_data to true")


def directories() -> t.Iterator[tuple[str, str, str]]:
    """Flavor, directory of the data and static file of each instance of this host."""
    for flavor in FLAVORS:
        for path in glob.glob(f"/etc/{flavor}/*.static.conf"):
            yield flavor, texts.directory(files.text(path)) or "", path


def owner_of(path: str) -> str:
    try:
        return pathlib.Path(path).owner()
    except KeyError:
        return "an unknown user"


def _directory_problems(instance: Instance, seen: Seen) -> t.Iterator[Problem]:
    """A server that starts in another directory starts without its data."""
    static = seen.other.static if instance.former else seen.static
    have = texts.directory(static.content if static else None)
    want = (instance.other if instance.former else instance.paths).directory
    if have not in (None, want) and (seen.main or seen.other.main):
        remedy = f"declare {have} again; to move the data, take this host out of the set and add it again with the new directory"
        yield Problem("directory.changed", f"its data is in {have}, and {want} is declared", instance.id, "directory", remedy)


def _data_problems(instance: Instance) -> t.Iterator[Problem]:
    """A directory can be renamed only within its file system."""
    source, target = instance.other.directory, os.path.dirname(instance.paths.directory)
    if instance.directory:
        return  # it stays where it is
    if os.path.isdir(source) and os.path.isdir(target) and (os.path.ismount(source) or os.stat(source).st_dev != os.stat(target).st_dev):
        remedy = f"mount that file system at {target} too, or create a new set"
        yield Problem("data.file_system", f"{source} is on another file system than {target}", instance.id, remedy=remedy)


def pending(instance: Instance, seen: Seen) -> list[Difference]:
    """What a restart would apply."""
    if instance.absent:
        return []
    if instance.former:
        return [Difference("flavor", instance.former, instance.flavor)]
    if seen.main is None:
        return []
    found = [Difference("flavor", instance.flavor, instance.later)] if instance.later else []
    found += texts.static_differences(seen.static.content if seen.static else None, instance.static)
    found += unit_differences(instance, seen, "unit")
    found += [Difference("started", f"before {path} changed", "after") for path in instance.reads if seen.service.is_older_than(path)]
    return found


def unit_differences(instance: Instance, seen: Seen, name: str) -> list[Difference]:
    have = seen.drop_in.content if seen.drop_in else None
    return [] if have == instance.drop_in else [Difference(name, have and have.splitlines(), instance.drop_in.splitlines())]


def _keys(instance: Instance) -> int | None:
    """None where the server does not tell."""
    try:
        with Wire.admin(instance) as wire:
            return wire.keys()
    except (Said, OSError):
        return None


def told(instance: Instance, seen: Seen, restarts: bool, count_keys: bool) -> dict[str, t.Any]:
    waits = pending(instance, seen) if seen.runs and not restarts else []
    return {
        "id": instance.id,
        "unit": f"{instance.paths.unit}.service",
        "config": instance.paths.main,
        "established": seen.main is not None or instance.former is not None,
        "active": (seen.other.service if instance.former else seen.service).active == "active",
        "follows": texts.follows((seen.main or seen.other.main or Found("", 0)).content),
        "key_count": _keys(instance) if count_keys and seen.runs and instance.kind == "server" else None,
        "pending": [difference.shown() for difference in waits],
    }
