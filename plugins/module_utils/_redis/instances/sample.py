# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that Debian's packages start on their own, with sample configurations. Private to this collection.

A unit can be masked before its package is installed, so its service never runs. One that runs already is stopped if nobody uses it.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.steps import Mask
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire


class Sample(t.NamedTuple):
    name: str
    masked: bool
    active: bool
    # Why it must not be stopped.
    use: t.Optional[str]

    def problems(self) -> t.Iterator[Problem]:
        if self.active and not self.masked and self.use:
            remedy = "move its data into a set, then stop and disable the service"
            yield Problem("sample.in_use", f"the service is in use: {self.use}", f"{self.name}.service", remedy=remedy)

    def changes(self, stage: int) -> t.Iterator[Change]:
        if not self.masked:
            differences = [Difference("masked", False, True)]
            if self.active:
                differences.append(Difference("state", "active", "inactive"))
            step = Mask(self.name, self.active)
            yield Change("unit", self.name, {"name": self.name}, "update", tuple(differences), stage, payload=step)


def observe(names: t.Sequence[str]) -> list[Sample]:
    found = services.show(names).items()
    return [Sample(name, seen.masked, seen.is_up, _use(name) if seen.is_up and not seen.masked else None) for name, seen in found]


def _use(name: str) -> str | None:
    flavor, dummy, kind = name.partition("-")
    if kind == "sentinel":
        found = files.read(f"/etc/{flavor}/sentinel.conf")
        watched = re.findall(r"(?m)^sentinel monitor (\S+) (\S+)", found.content) if found else []
        others = [f"{master} at {host}" for master, host in watched if (master, host) != ("mymaster", "127.0.0.1")]
        return f"it monitors {', '.join(others)}" if others else None
    try:
        with Wire(("127.0.0.1", 6379)) as wire:
            keys = wire.keys()
            return f"it has {keys} keys" if keys else None
    except Said:
        return "it has a password"
    except OSError:
        return "it does not listen where the sample does"
