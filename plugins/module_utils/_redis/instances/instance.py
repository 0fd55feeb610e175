# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance of Redis, Valkey or Sentinel on its host: where its files are, and what they are to hold. Private to this collection."""

from __future__ import annotations

import glob
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts as host_texts

Params = t.Mapping[str, t.Any]
FLAVORS = ("redis", "valkey")


# Certificates and keys, which are renewed in their place.
_FILES = re.compile(r"tls-[a-z-]*file")


@dataclass(frozen=True)
class Instance:
    """One server or sentinel of this host, by what Debian's templates make of its name.

    `flavor` is the one that it has, or is to get now: `former` where it is moved from that, `later` where it is declared as that and
    has to wait for its restart.
    """

    flavor: str
    kind: str
    name: str
    replicaof: str | None
    static: str
    drop_in: str
    users: str
    # What the server keeps in its main file and takes at once, by its name there.
    kept: t.Mapping[str, str]
    # What it reads at its start alone.
    reads: tuple[str, ...]
    admin: tuple[str, tuple[str, ...]]
    former: str | None = None
    later: str | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def paths(self) -> Paths:
        return Paths.of(self.flavor, self.kind, self.name)

    @property
    def unit(self) -> str:
        return self.paths.unit

    @property
    def other(self) -> Paths:
        """Where it is, or would be, as one of the other flavor."""
        (other,) = (name for name in FLAVORS if name != self.flavor)
        return Paths.of(other, self.kind, self.name)


class Paths(t.NamedTuple):
    unit: str
    main: str
    static: str
    users: str
    drop_in: str
    directory: str
    run: str
    log: str
    program: str

    @staticmethod
    def of(flavor: str, kind: str, name: str) -> Paths:
        stem = f"/etc/{flavor}/{flavor if kind == 'server' else 'sentinel'}-{name}"
        return Paths(
            unit=f"{flavor}-{kind}@{name}",
            main=f"{stem}.conf",
            static=f"{stem}.static.conf",
            users=f"{stem}.acl",
            drop_in=f"/etc/systemd/system/{flavor}-{kind}@{name}.service.d/eco2.conf",
            directory=f"/var/lib/{flavor}/{name if kind == 'server' else 'sentinel-' + name}",
            run=f"/run/{flavor if kind == 'server' else 'sentinel'}-{name}",
            # Named so that the package's logrotate finds it.
            log=f"/var/log/{flavor}/{flavor}-{kind}-{name}.log",
            program=f"/usr/bin/{flavor}-{kind}",
        )

    @property
    def socket(self) -> str:
        return f"{self.run}/admin.sock"


def established() -> dict[str, str]:
    """The instances that were set up here once, by whomever, each with its flavor: their main files are the servers' own ever after."""
    found = {}
    for flavor in FLAVORS:
        for kind, stem in (("server", flavor), ("sentinel", "sentinel")):
            for path in sorted(glob.glob(f"/etc/{flavor}/{stem}-*.conf")):
                name = os.path.basename(path)[len(stem) + 1 : -len(".conf")]
                if not name.endswith(".static"):
                    found[f"{kind}/{name}"] = flavor
    return found


def declare(params: Params, there: t.Mapping[str, str]) -> list[Instance]:
    """The declared instances, beside those established (id -> flavor). Raises Refused with everything that is wrong."""
    problems: list[str] = []
    ids = [f"{item['kind']}/{item['name']}" for item in params["instances"]]
    problems += [f"instance {name} is declared twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for item in params["instances"]:
        problems += _item_problems(item)
    for name, value in [setting for each in (params, *params["instances"]) for setting in each["service"].items()]:
        if not re.fullmatch(r"[A-Z][A-Za-z]+", name) or any("\n" in word for word in host_texts.words(value)):
            problems.append(f"service: {name!r} is no setting of a unit such as LimitNOFILE, or has more than a line")
    for option in ("restart", "backup"):
        strangers = [name for name in params[option] if name not in ids]
        problems += [f"{option}: {name} is none of the instances; they are {', '.join(ids) or 'not given'}" for name in strangers]
    if problems:
        raise Refused(problems)
    return [_instance(params, item, there.get(name)) for name, item in zip(ids, params["instances"])]


def _item_problems(item: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    of = f"{item['kind']}/{item['name']}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", item["name"]) or item["name"].endswith(".static"):
        yield f"instance {of}: a name has letters, digits, dot, minus and underscore"
    yield from host_texts.problems(item["settings"], of)
    if item["kind"] == "sentinel" and item["secret_settings"]:
        yield f"{of}: secret_settings are a server's; a sentinel has its passwords from redis_sentinel"
    for user in item["users"]:
        if not re.fullmatch(r"[^\s#>]+", user["name"]):
            yield f"{of}: user {user['name']!r} has a name that Redis does not take"
        if any(word[0] in "#><!" for word in user["rules"].split()) or "\n" in user["rules"]:
            yield f"{of}: user {user['name']}: passwords do not go into the rules"
    if item["admin"] not in [user["name"] for user in item["users"]]:
        yield f"{of}: {item['admin']} is none of its users, and nobody else may change them"


def _instance(params: Params, item: t.Mapping[str, t.Any], has: str | None) -> Instance:
    """`has`: the flavor that it has, if it is there. It gets another with a restart alone."""
    declared, kind, name = params["flavor"], item["kind"], item["name"]
    changes = has not in (None, declared)
    moves = changes and f"{kind}/{name}" in params["restart"]
    flavor = has if has and not moves else declared
    paths = Paths.of(flavor, kind, name)
    own = {
        "aclfile": paths.users,
        "dir": paths.directory,
        "logfile": paths.log,
        "pidfile": f"{paths.run}/{flavor}-{kind}.pid",
        "unixsocket": paths.socket,
        "unixsocketperm": "700",
    }
    command = f"{paths.program} /etc/{flavor}/{'sentinel' if kind == 'sentinel' else flavor}-%i.conf"
    command += f" --include {paths.static} --supervised systemd --daemonize no"
    admins = [user for user in item["users"] if user["name"] == item["admin"]]
    return Instance(
        flavor=flavor,
        kind=kind,
        name=name,
        replicaof=item["replicaof"] or None,
        static=host_texts.static(own, item["settings"]),
        drop_in=host_texts.drop_in(command, {**params["service"], **item["service"]}),
        users=host_texts.users(item["users"]),
        kept={name: str(value) for name, value in item["secret_settings"].items()},
        reads=(
            paths.static,
            paths.drop_in,
            paths.program,
            *(str(value) for name, value in item["settings"].items() if _FILES.fullmatch(name)),
        ),
        admin=(item["admin"], tuple(password for user in admins for password in user["passwords"])),
        former=has if moves else None,
        later=declared if changes and not moves else None,
    )
