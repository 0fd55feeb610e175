# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of an instance's files, and what differs between two of them. Pure. Private to this collection.

Three files for each instance. The main one is Redis's: it is written once, and rewritten by CONFIG REWRITE and by Sentinel. The static
one is ours: a drop-in of the unit has it read last, at each start, so that it wins over copies that Redis has made of it. The third has
the users, which then are in neither.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference, Secret
from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address

Settings = t.Mapping[str, t.Any]
# Set by redis_host itself: where an instance's files are is not to be declared twice.
OWN = frozenset({"aclfile", "dir", "pidfile", "logfile", "unixsocket", "unixsocketperm", "supervised", "daemonize", "include", "user"})
# Sentinel's own, which it saves in its file; and what has no place beside an ACL file.
FOREIGN = frozenset({"sentinel", "replicaof", "slaveof", "requirepass"})
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@*%+,=-]+")


def words(value: t.Any) -> list[str]:
    """The values of a setting, one for each line that it takes."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in words(item)]
    return [str(value) if str(value) else '""']


def quoted(value: str) -> str:
    """One argument, whatever is in it, as Redis reads its configuration."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(_escaped(byte) for byte in value.encode("utf-8")) + '"'


def _escaped(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return "\\" + char
    return char if 32 <= byte < 127 else f"\\x{byte:02x}"


def unquoted(value: str) -> str:
    """What `quoted` made of a text, or Redis itself in a file that it has rewritten."""
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    named = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b"}
    pieces = []
    for plain, code, char in re.findall(r"([^\\]+)|\\x([0-9a-fA-F]{2})|\\(.)", value[1:-1]):
        pieces.append(plain.encode() or (bytes([int(code, 16)]) if code else named.get(char, char).encode()))
    return b"".join(pieces).decode("utf-8", "replace")


def problems(settings: Settings, of: str) -> t.Iterator[str]:
    for name, value in settings.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            yield f"{of}: setting {name!r} is no name such as maxmemory-policy"
        elif name in OWN | FOREIGN:
            yield f"{of}: {name} is not set here; the collection does that itself"
        elif value is None or isinstance(value, dict) or any("\n" in word or "\r" in word for word in words(value)):
            yield f"{of}: {name} has to have a text, a number, a boolean or a list of them, each in one line"


def static(own: Settings, settings: Settings) -> str:
    lines = [f"# {MARK}; read last at each start, so that nothing that Redis writes elsewhere wins over it"]
    for name, value in {**own, **settings}.items():
        if name == "save":
            # Points in time are added up, and Redis may have written others down.
            lines.append('save ""')
        lines += [f"{name} {word}" for word in words(value) if (name, word) != ("save", '""')]
    return "\n".join(lines) + "\n"


# What Valkey calls settings that it still takes under their old names.
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


def static_differences(before: str | None, after: str) -> tuple[Difference, ...]:
    have, want = directives(before), directives(after)
    differences = [
        Difference(name, *("; ".join(values[name]) if name in values else None for values in (have, want)))
        for name in sorted({*have, *want})
        if have.get(name) != want.get(name)
    ]
    return tuple(differences) or ((Difference("text", None, "rewritten"),) if before != after else ())


def stripped(text: str, names: t.Collection[str]) -> str:
    """Without the copies that Redis made of settings that are no longer declared."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if _name(line) not in names)


def main(kind: str, replicaof: str | None, kept: Settings) -> str:
    keeps = "Redis and Sentinel keep their" if kind == "server" else "Sentinel keeps its"
    lines = [f"# Written once by eco2.platform; {keeps} state here. Settings are in the file beside, with .static in its name."]
    if replicaof:
        master = address.parse(replicaof, 6379)
        lines.append(f"replicaof {master.host} {master.port}")
    lines += _kept_lines(kept)
    return "\n".join(lines) + "\n"


def _kept_lines(kept: Settings) -> list[str]:
    return [f"{name} {quoted(str(value))}" for name, value in kept.items()]


def with_kept(text: str, kept: Settings) -> str:
    return "\n".join([*stripped(text, set(kept)).splitlines(), *_kept_lines(kept)]) + "\n"


def kept_differences(text: str, kept: t.Mapping[str, str]) -> tuple[Difference, ...]:
    """Of what the server keeps in its main file; never shown."""
    have = {name: unquoted(values[-1]) for name, values in directives(text).items()}
    return tuple(
        Difference(name, Secret(have[name]) if name in have else None, Secret(value))
        for name, value in kept.items()
        if have.get(name) != value
    )


def follows(text: str) -> str | None:
    """Whose replica a main file says that its server is, as HOST:PORT."""
    found = directives(text)
    value = ("", *found.get("slaveof", ()), *found.get("replicaof", ()))[-1]
    host, dummy, port = value.partition(" ")
    return str(address.Address.of(unquoted(host), port)) if port.isdigit() else None


def drop_in(command: str, service: Settings) -> str:
    lines = [f"# {MARK}", "[Service]", "ExecStart=", f"ExecStart={command}"]
    lines += [f"{name}={word}" for name, value in service.items() for word in words(value)]
    return "\n".join(lines) + "\n"


# Users


def rules(user: t.Mapping[str, t.Any]) -> str:
    """As ACL SETUSER takes them after `reset`. Of a password only the hash is kept."""
    hashes = [f"#{hashlib.sha256(password.encode()).hexdigest()}" for password in user["passwords"]]
    return " ".join([*(["on"] if hashes else []), *hashes, *user["rules"].split()])


def users(declared: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    return "".join(f"user {user['name']} {rules(user)}\n" for user in declared)


def listed(text: str | None) -> dict[str, str]:
    """name -> rules."""
    found = {}
    for line in (text or "").splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[0] == "user":
            found[parts[1]] = " ".join(parts[2:])
    return found


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
    """What makes the users of a running server so, without anybody's connection being cut that stays allowed."""
    have, want = listed(before), listed(after)
    # The one who says all this may be `default`, and have fewer rights afterwards.
    for name, text in sorted(want.items(), key=lambda user: user[0] == "default"):
        if have.get(name) != text:
            yield ("ACL", "SETUSER", name, "reset", *text.split())
    for name in have:
        if name not in want and name != "default":
            yield ("ACL", "DELUSER", name)
