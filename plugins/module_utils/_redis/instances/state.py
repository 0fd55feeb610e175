# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there of an instance on its host, and what of its declaration waits for a restart. Private to this collection."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import Found
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts as host_texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance, Paths
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

# Valkey reads what Redis wrote before this version, whose snapshots have format 12; and no Redis reads all of Valkey's.
UNREADABLE_FROM = (7, 4)


class Other(t.NamedTuple):
    """What is there of an instance under the other flavor, from which it is moved or was."""

    main: t.Optional[Found] = None
    directory: bool = False
    leftovers: t.Tuple[str, ...] = ()
    service: Service = Service()


class Seen(t.NamedTuple):
    main: t.Optional[Found]
    static: t.Optional[Found]
    users: t.Optional[Found]
    drop_in: t.Optional[Found]
    directory: bool
    service: Service
    other: Other = Other()

    @property
    def runs(self) -> bool:
        return self.main is not None and self.service.is_up


def observe(declared: t.Sequence[Instance]) -> dict[str, Seen]:
    units = [services.Wanted(instance.unit, True, True, instance.reads) for instance in declared]
    units += [services.Wanted(instance.other.unit, False, None, ()) for instance in declared if os.path.exists(instance.other.main)]
    found = services.observe(units)
    return {instance.id: _seen(instance, found) for instance in declared}


def _seen(instance: Instance, found: t.Mapping[str, Service]) -> Seen:
    paths = instance.paths
    return Seen(
        main=files.read(paths.main),
        static=files.read(paths.static),
        users=files.read(paths.users),
        drop_in=files.read(paths.drop_in),
        directory=os.path.isdir(paths.directory),
        service=found[instance.unit],
        other=_other(instance.other, found),
    )


def _other(paths: Paths, found: t.Mapping[str, Service]) -> Other:
    return Other(
        main=files.read(paths.main),
        directory=os.path.isdir(paths.directory),
        leftovers=tuple(path for path in (paths.main, paths.static, paths.users, paths.drop_in) if os.path.exists(path)),
        service=found.get(paths.unit, Service()),
    )


def problems(instance: Instance, seen: Seen) -> t.Iterator[str]:
    if seen.service.masked:
        yield f"{instance.unit}.service is masked: systemctl unmask {instance.unit}, if that was not meant"
    if seen.main is not None and seen.static is None:
        yield (
            f"{instance.id}: {instance.paths.main} is there and was not set up by this module: move it away,"
            f" with {instance.paths.directory} as the place of its data, or give the set another name"
        )
    if seen.main is not None and seen.other.main is not None and (instance.former or seen.other.service.is_up):
        yield f"{instance.id}: both {instance.other.main} and {instance.paths.main} are there: remove the one that is not meant"
    if instance.former or instance.later:
        yield from _flavor_problems(instance)
    if instance.former:
        yield from _data_problems(instance)


def _flavor_problems(instance: Instance) -> t.Iterator[str]:
    remedy = "make a new set, and let its clients go there"
    if "valkey" in (instance.former, None if instance.former else instance.flavor):
        yield f"{instance.id}: no Redis reads all that Valkey writes, so a set of Valkey does not become one of Redis: {remedy}"
        return
    said = run(Paths.of("redis", instance.kind, instance.name).program, "--version").output
    version = re.search(r"v=(\d+)\.(\d+)", said)
    if instance.kind == "server" and (version is None or tuple(map(int, version.groups())) >= UNREADABLE_FROM):
        what = f"Redis {'.'.join(version.groups())}" if version else "a Redis whose version cannot be told"
        yield f"{instance.id}: Valkey reads what Redis up to 7.2 wrote, not what {what} wrote: {remedy}"


def _data_problems(instance: Instance) -> t.Iterator[str]:
    """What is to move has to stay on its file system."""
    source, target = instance.other.directory, os.path.dirname(instance.paths.directory)
    if os.path.isdir(source) and os.path.isdir(target) and (os.path.ismount(source) or os.stat(source).st_dev != os.stat(target).st_dev):
        yield f"{instance.id}: {source} is on another file system than {target}: mount that one there too, or make a new set"


def pending(instance: Instance, seen: Seen) -> list[Difference]:
    """What a restart would bring into force."""
    if instance.former:
        return [Difference("flavor", instance.former, instance.flavor)]
    if seen.main is None:
        return []
    found = [Difference("flavor", instance.flavor, instance.later)] if instance.later else []
    found += host_texts.static_differences(seen.static.content if seen.static else None, instance.static)
    if (seen.drop_in.content if seen.drop_in else None) != instance.drop_in:
        found.append(Difference("unit", seen.drop_in.content.splitlines() if seen.drop_in else None, instance.drop_in.splitlines()))
    for path in instance.reads:
        if seen.service.is_older_than(path):
            found.append(Difference("started", f"before {path} changed", "after"))
    return found


def _keys(instance: Instance) -> int | None:
    """None where it does not tell."""
    try:
        with Wire(instance.paths.socket) as wire:
            wire.log_in(*instance.admin)
            return sum(map(int, re.findall(r"(?m)^db\d+:keys=(\d+)", wire.ask("INFO", "keyspace"))))
    except (Said, OSError):
        return None


def told(instance: Instance, seen: Seen, restarts: bool) -> dict[str, t.Any]:
    waits = pending(instance, seen) if seen.runs and not restarts else []
    return {
        "id": instance.id,
        "unit": f"{instance.unit}.service",
        "config": instance.paths.main,
        "established": seen.main is not None or instance.former is not None,
        "active": (seen.other.service if instance.former else seen.service).active == "active",
        "follows": host_texts.follows((seen.main or seen.other.main or Found("", 0)).content),
        "key_count": _keys(instance) if seen.runs and instance.kind == "server" else None,
        "pending": [difference.shown() for difference in waits],
    }
