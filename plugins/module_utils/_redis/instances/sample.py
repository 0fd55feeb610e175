# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that Debian's packages start on their own, with sample configurations. Private to this collection.

A unit can be masked before its package is installed, so its service never runs. One that runs already is stopped if nobody uses it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, first
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.steps import Mask
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.wire import Said, Wire
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import quoting


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
    return _monitors(flavor) if kind == "sentinel" else _serves(flavor, name)


_KNOWN = ("known-replica", "known-slave", "known-sentinel")


def _monitors(flavor: str) -> str | None:
    found = files.read(f"/etc/{flavor}/sentinel.conf")
    lines = list(map(quoting.words, found.content.split("\n") if found else []))
    said = [(words[1].lower(), words[2:5]) for words in lines if len(words) > 1 and words[0].lower() == "sentinel"]
    others = [" at ".join(words[:2]) for name, words in said if name == "monitor" and words[:2] != ["mymaster", "127.0.0.1"]]
    if others:
        return f"it monitors {', '.join(others)}"
    # Many keep the name and the address of the sample.
    known = [":".join(words[1:3]) for name, words in said if name in _KNOWN]
    return f"it knows replicas or other sentinels: {first(known)}" if known else None


def _serves(flavor: str, name: str) -> str | None:
    try:
        with Wire(("127.0.0.1", 6379)) as wire:
            about = wire.about("keyspace", "stats", "replication", "clients", "memory")
            keys = wire.keys()
    except Said:
        return "it has a password"
    except OSError:
        return "it does not listen where the sample does"
    return _used(about, keys) or _configured(flavor, name)


def _used(about: t.Mapping[str, str], keys: int) -> str | None:
    """A server without keys may have users: messages are kept by nobody."""
    if about.get("role") == "slave":
        return f"it is a replica of {about.get('master_host')}:{about.get('master_port')}"
    counted = {
        "key": keys,
        "function": int(about.get("number_of_functions", 0)),
        "connected replica": int(about.get("connected_slaves", 0)),
        "channel with subscribers": int(about.get("pubsub_channels", 0)) + int(about.get("pubsubshard_channels", 0)),
        "pattern with subscribers": int(about.get("pubsub_patterns", 0)),
        # Without the connection that asks.
        "connected client": int(about.get("connected_clients", 1)) - 1,
    }
    return next((f"it has {_counted(number, what)}" for what, number in counted.items() if number > 0), None)


def _counted(number: int, what: str) -> str:
    first, space, rest = what.partition(" with")
    return f"{number} {first}{'' if number == 1 else 's'}{space}{rest}"


def _configured(flavor: str, name: str) -> str | None:
    """Whether somebody has changed the configuration that the package brings."""
    path = f"/etc/{flavor}/{flavor}.conf"
    known = re.findall(r"(\S+) ([0-9a-f]{32})", run("dpkg-query", "--show", "--showformat=${Conffiles}", name).output)
    with contextlib.suppress(OSError), open(path, "rb") as file:
        if (path, hashlib.md5(file.read(), usedforsecurity=False).hexdigest()) not in known:
            return f"{path} is not as the package brings it"
    drop_ins = run("systemctl", "show", "--property", "DropInPaths", "--value", f"{name}.service").output.strip()
    return f"its unit has settings of its own in {drop_ins}" if drop_ins else None
