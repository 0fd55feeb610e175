# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that Debian's packages start by themselves, with sample configurations. Private to this collection.

A mask by a link works before there is a unit, so nothing of theirs ever runs. One that runs already is stopped if nobody uses it.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire

UNITS = "/etc/systemd/system"
_PORTS = {"server": 6379}


class Sample(t.NamedTuple):
    name: str
    masked: bool
    active: bool
    # Why it is not to be stopped.
    use: t.Optional[str]

    def problems(self) -> t.Iterator[str]:
        if self.active and not self.masked and self.use:
            yield f"{self.name}.service runs, and is in use: {self.use}. Move its data into a set, then stop and disable it"

    def changes(self, stage: int) -> t.Iterator[Change]:
        if not self.masked:
            differences = [Difference("masked", False, True)]
            if self.active:
                differences.append(Difference("state", "active", "inactive"))
            yield Change("unit", self.name, {"name": self.name}, "update", tuple(differences), stage, payload=self.active)


def observe(names: t.Sequence[str]) -> list[Sample]:
    found = services.show(names)
    return [_sample(name, found[name]) for name in names]


def _sample(name: str, service: services.Service) -> Sample:
    link = f"{UNITS}/{name}.service"
    masked = os.path.islink(link) and os.path.realpath(link) == "/dev/null"
    return Sample(name, masked, service.is_up, _use(name) if service.is_up and not masked else None)


def _use(name: str) -> str | None:
    flavor, dummy, kind = name.partition("-")
    if kind == "sentinel":
        found = files.read(f"/etc/{flavor}/sentinel.conf")
        watched = re.findall(r"(?m)^sentinel monitor (\S+) (\S+)", found.content) if found else []
        others = [f"{master} at {host}" for master, host in watched if (master, host) != ("mymaster", "127.0.0.1")]
        return f"it watches {', '.join(others)}" if others else None
    try:
        with Wire(("127.0.0.1", _PORTS["server"])) as wire:
            keys = re.findall(r"(?m)^db\d+:keys=(\d+)", wire.ask("INFO", "keyspace"))
            return f"it has {sum(map(int, keys))} keys" if keys else None
    except Said:
        return "it has a password"
    except OSError:
        return "it does not listen where the sample does"


def mask(name: str, active: bool) -> None:
    """Raises ChangeFailed."""
    try:
        os.makedirs(UNITS, exist_ok=True)
        link = f"{UNITS}/{name}.service"
        if os.path.islink(link):
            os.unlink(link)
        os.symlink("/dev/null", link)
    except OSError as error:
        raise ChangeFailed(str(error)) from error
    if active:
        done = run("systemctl", "stop", f"{name}.service", timeout=120)
        if done.code != 0:
            raise ChangeFailed(f"systemctl stop failed: {done.complaint}")
    services.reload_units()
