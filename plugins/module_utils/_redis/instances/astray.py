# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is corrected on the running server at once, since nothing can work before. Private to this collection.

A first run with a wrong address leaves servers that follow themselves, or announce an address that leads nobody to them. A set that gets
fewer nodes leaves a master that wants more replicas than it may have: it would refuse every write.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._host import addresses, files
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance, Paths
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address

ANNOUNCE = "replica-announce-ip"
FOLLOWS = "replicaof"
LEAST = "min-replicas-to-write"
# Settings of the static file.
SETTINGS = frozenset({ANNOUNCE, LEAST})


def leads_nowhere(host: str) -> bool:
    """Whether it is an address by which no other host finds this one."""
    return address.is_loopback(host) or address.is_unspecified(host)


def self_replicas(established: t.Mapping[str, str]) -> list[str]:
    """The servers whose main file says that they follow themselves. `established`: id -> flavor."""
    servers = [(name, Paths(flavor, *name.split("/", 1))) for name, flavor in established.items() if name.startswith("server/")]
    here = addresses.of_host() if servers else []
    return [name for name, paths in servers if _follows_itself(_text(paths.main), _text(paths.static), here)]


def _text(path: str) -> str:
    found = files.read(path)
    return found.content if found else ""


def _follows_itself(main: str, static: str, here: t.Collection[str]) -> bool:
    follows = texts.follows(main)
    if follows is None:
        return False
    master = address.parse(follows, 6379)
    found = {**texts.directives(main), **texts.directives(static)}
    ports = {texts.value(found[name][-1]) for name in ("port", "tls-port") if name in found} or {"6379"}
    return str(master.port) in ports and (leads_nowhere(master.host) or master.host in here)


def corrections(instance: Instance, main: str, static: str, follows_itself: bool) -> tuple[Difference, ...]:
    """Addresses that lead nowhere."""
    have, want = texts.directives(static).get(ANNOUNCE), texts.directives(instance.static).get(ANNOUNCE)
    found = []
    if have and want and leads_nowhere(texts.value(have[-1])) and not leads_nowhere(texts.value(want[-1])):
        found.append(Difference(ANNOUNCE, have[-1], want[-1]))
    if follows_itself and instance.replicaof:
        found.append(Difference(FOLLOWS, texts.follows(main), str(address.parse(instance.replicaof, 6379))))
    return tuple(found)


def lowered(instance: Instance, static: str) -> Difference | None:
    """Fewer replicas that a master must have. More wait for a restart, when the new replicas are there."""
    have, want = (texts.directives(text).get(LEAST, [""])[-1] for text in (static, instance.static))
    lower = have.isdigit() and want.isdigit() and int(want) < int(have)
    return Difference(LEAST, have, want) if lower else None


def commands(instance: Instance, differences: t.Iterable[Difference]) -> t.Iterator[tuple[str, ...]]:
    for difference in differences:
        if difference.field == FOLLOWS:
            master = address.parse(instance.replicaof or "", 6379)
            yield ("REPLICAOF", master.host, str(master.port))
        else:
            yield ("CONFIG", "SET", difference.field, texts.value(difference.after))


def corrected(instance: Instance, main: str, differences: t.Iterable[Difference]) -> str:
    """The main file with the right master, where the server follows itself."""
    if FOLLOWS not in {difference.field for difference in differences}:
        return main
    return texts.with_lines(main, [FOLLOWS, "slaveof"], texts.main(instance.kind, instance.replicaof, {}))
