# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of an instance's files, and the differences of two texts. Pure. Private to this collection.

Each instance has three files. The main file belongs to Redis: it is written once, and CONFIG REWRITE and Sentinel rewrite it. The static
file belongs to the collection: a drop-in of the unit makes the server read it last at each start, so that it overrides copies of its
settings in the main file. The third file has the users, which are in neither of the others.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference, Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, quoting

Settings = t.Mapping[str, t.Any]
# How a main file begins; the servers keep comments.
WRITTEN = "Written once by eco2.platform"
# Settings that redis_host sets itself.
OWN = frozenset({"aclfile", "dir", "pidfile", "logfile", "unixsocket", "unixsocketperm", "supervised", "daemonize", "include", "user"})
# Settings that Sentinel saves in its file, and those that an ACL file excludes.
FOREIGN = frozenset({"sentinel", "replicaof", "slaveof", "requirepass"})


def words(value: t.Any) -> list[str]:
    """The values of a setting, one for each line in the file."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in words(item)]
    return [str(value) if str(value) else '""']


def problems(settings: Settings, of: str) -> t.Iterator[Problem]:
    for name, value in settings.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            yield Problem("setting.name", "this is not the name of a setting, such as maxmemory-policy", of, f"settings.{name}")
        elif name in OWN | FOREIGN:
            yield Problem("setting.own", "the collection sets this itself", of, f"settings.{name}", "leave it out")
        elif value is None or isinstance(value, dict) or any("\n" in word or "\r" in word for word in words(value)):
            message = "a value is a text, a number, a boolean or a list of them, each without line breaks"
            yield Problem("setting.value", message, of, f"settings.{name}")


def static(own: Settings, settings: Settings) -> str:
    lines = [f"# {MARK}; read last at each start, so that it overrides the other file"]
    for name, value in {**own, **settings}.items():
        if name == "save":
            # Lines add up, and the main file may have others.
            lines.append('save ""')
        lines += [f"{name} {word}" for word in words(value) if (name, word) != ("save", '""')]
    return "\n".join(lines) + "\n"


# Valkey's own names of settings, which it also accepts under Redis' names.
_NAMES = {"primaryauth": "masterauth", "primaryuser": "masteruser"}


def _name(line: str) -> str:
    name = line.strip().partition(" ")[0].lower()
    return _NAMES.get(name, name)


def directives(text: str | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in (text or "").splitlines():
        name = _name(line)
        if name and not name.startswith("#"):
            found[name] = (*found.get(name, ()), line.strip().partition(" ")[2])
    return found


def directory(text: str | None) -> str | None:
    """The directory of the data that a static file names."""
    return directives(text).get("dir", (None,))[-1]


def static_differences(before: str | None, after: str) -> tuple[Difference, ...]:
    have, want = directives(before), directives(after)
    changed = [name for name in sorted({*have, *want}) if have.get(name) != want.get(name)]
    differences = [Difference(name, *("; ".join(side[name]) if name in side else None for side in (have, want))) for name in changed]
    return tuple(differences) or ((Difference("text", None, "rewritten"),) if before != after else ())


def stripped(text: str, names: t.Collection[str]) -> str:
    """The text without the lines of these settings."""
    return "".join(line for line in text.splitlines(keepends=True) if _name(line) not in names)


def main(kind: str, replicaof: str | None, kept: Settings) -> str:
    keeps = "Redis and Sentinel keep their" if kind == "server" else "Sentinel keeps its"
    lines = [f"# {WRITTEN}; {keeps} state here. Settings are in the file with .static in its name."]
    if replicaof:
        master = address.parse(replicaof, 6379)
        lines.append(f"replicaof {master.host} {master.port}")
    lines += _kept_lines(kept)
    return "\n".join(lines) + "\n"


def _kept_lines(kept: Settings) -> list[str]:
    return [f"{name} {quoting.quoted(str(value))}" for name, value in kept.items()]


def with_kept(text: str, kept: Settings) -> str:
    return "\n".join([*stripped(text, set(kept)).splitlines(), *_kept_lines(kept)]) + "\n"


def kept_differences(text: str, kept: t.Mapping[str, str]) -> tuple[Difference, ...]:
    """Of the settings that the server keeps in its main file; values are never shown."""
    have = {name: quoting.unquoted(values[-1]) for name, values in directives(text).items()}
    changed = [name for name in kept if have.get(name) != kept[name]]
    return tuple(Difference(name, Secret(have[name]) if name in have else None, Secret(kept[name])) for name in changed)


def follows(text: str) -> str | None:
    """The master that a main file names, as HOST:PORT."""
    found = directives(text)
    value = ("", *found.get("slaveof", ()), *found.get("replicaof", ()))[-1]
    host, dummy, port = value.partition(" ")
    return str(address.Address.of(quoting.unquoted(host), port)) if port.isdigit() else None


def drop_in(command: str, service: Settings) -> str:
    lines = [f"# {MARK}", "[Service]", "ExecStart=", f"ExecStart={command}"]
    lines += [f"{name}={word}" for name, value in service.items() for word in words(value)]
    return "\n".join(lines) + "\n"


# Users


def rules(user: t.Mapping[str, t.Any]) -> str:
    """The arguments of ACL SETUSER after `reset`. Passwords are hashed."""
    hashes = [f"#{hashlib.sha256(password.encode()).hexdigest()}" for password in user["passwords"]]
    return " ".join([*(["on"] if hashes else []), *hashes, *user["rules"].split()])


def users(declared: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    return "".join(f"user {user['name']} {rules(user)}\n" for user in declared)


def listed(text: str | None) -> dict[str, str]:
    """name -> rules."""
    lines = [line.split() for line in (text or "").splitlines()]
    return {parts[1]: " ".join(parts[2:]) for parts in lines if parts[:1] == ["user"] and len(parts) > 1}


def user_differences(before: str | None, after: str) -> tuple[Difference, ...]:
    have, want = listed(before), listed(after)
    differences = []
    for name in sorted({*have, *want}):
        for part, of in (("rules", _shown_rules), ("passwords", _hashes)):
            left, right = (of(side[name]) if name in side else None for side in (have, want))
            if left != right:
                differences.append(Difference(f"{name}.{part}", left, right))
    return tuple(differences) or ((Difference("text", None, "rewritten"),) if before != after else ())


def _shown_rules(text: str) -> str:
    return " ".join(word for word in text.split() if not word.startswith("#"))


def _hashes(text: str) -> Secret | None:
    found = tuple(word for word in text.split() if word.startswith("#"))
    return Secret(found) if found else None


def user_commands(before: str | None, after: str) -> t.Iterator[tuple[str, ...]]:
    """Commands that change the users of a running server. Connections of users who stay allowed are not closed."""
    have, want = listed(before), listed(after)
    # `default` comes last: it may be the user of this connection, and may lose rights.
    for name, text in sorted(want.items(), key=lambda user: user[0] == "default"):
        if have.get(name) != text:
            yield ("ACL", "SETUSER", name, "reset", *text.split())
    for name in have:
        if name not in want and name != "default":
            yield ("ACL", "DELUSER", name)
