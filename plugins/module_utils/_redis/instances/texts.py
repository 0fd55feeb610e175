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
# What separates words for a server; Python knows more, such as U+00A0 and U+2028.
BLANKS = " \t\n\v\f\r"
# How a main file begins; the servers keep comments.
WRITTEN = "Written once by eco2.platform"
# Settings that redis_host sets itself.
OWN = frozenset({"aclfile", "dir", "pidfile", "logfile", "unixsocket", "unixsocketperm", "supervised", "daemonize", "include", "user"})
# Settings that Sentinel saves in its file, and those that an ACL file excludes.
FOREIGN = frozenset({"sentinel", "replicaof", "slaveof", "requirepass"})
# Settings whose values are secret wherever they are given.
SECRET = frozenset({"masterauth", "requirepass", "tls-key-file-pass", "tls-client-key-file-pass"})
# The commands that this collection, Sentinel and replicas send to a server.
NEEDED = frozenset(
    re.findall(r"\w+", "acl auth bgsave client config exec info multi ping psync publish replconf replicaof role script slaveof subscribe")
)
# Those that a replica sends to its master, which has no setting for other names.
OF_REPLICAS = frozenset({"auth", "ping", "psync", "replconf"})


def words(value: t.Any) -> list[str]:
    """The values of a setting, one for each line in the file."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in words(item)]
    return [str(value) if str(value) else '""']


def is_line(text: str) -> bool:
    """Whether it can be a part of a line in a file: no control characters, and no half of a surrogate pair, which no file can have."""
    return not re.search(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", text)


def can_write(flavor: str, text: str) -> bool:
    """Whether the server reads what it writes itself. Valkey 8.1 does not escape quotes and backslashes when it rewrites its main file,
    as after each failover, and then refuses that file."""
    return flavor != "valkey" or not re.search(r'["\\]', text)


UNWRITABLE = 'Valkey 8.1 writes " and \\ without escapes when it rewrites its file, and then does not start'


def problems(settings: Settings, of: str, flavor: str, option: str = "settings") -> t.Iterator[Problem]:
    for name, value in settings.items():
        where = f"{option}.{name if is_line(name) else repr(name)}"
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            yield Problem("setting.name", "this is not the name of a setting, such as maxmemory-policy", of, where)
        elif name in OWN | FOREIGN:
            yield Problem("setting.own", "the collection sets this itself", of, where, "leave it out")
        elif option == "settings":
            yield from _value_problems(name, value, of, flavor, where)
        elif isinstance(value, (dict, list)) or value is None or re.search(r"[\ud800-\udfff]", str(value)):
            yield Problem("setting.value", "a secret value is one text", of, where)
        elif not can_write(flavor, str(value)):
            yield Problem("setting.unwritable", UNWRITABLE, of, where, "choose another value")


def _value_problems(name: str, value: t.Any, of: str, flavor: str, where: str) -> t.Iterator[Problem]:
    if value is None or isinstance(value, dict) or not all(map(is_line, words(value))):
        message = "a value is a text, a number, a boolean or a list of them, each without line breaks and control characters"
        yield Problem("setting.value", message, of, where)
    elif not all(quoting.words(word) for word in words(value)):
        yield Problem("setting.quotes", "the quotes of the value are not closed", of, where, "close them, or write them as \\x22 in quotes")
    elif not all(can_write(flavor, each) for word in words(value) for each in quoting.words(word)):
        yield Problem("setting.unwritable", UNWRITABLE, of, where, "choose another value")
    elif name == "rename-command":
        blind = renamed(value, lost=True)
        if blind:
            message = f"the collection, Sentinel or replicas use {', '.join(blind)}"
            yield Problem("setting.blind", message, of, where, "take the command from your users with the rules of users instead")
    elif name == "cluster-enabled" and words(value)[-1].lower() == "yes":
        yield Problem("setting.blind", "Sentinel does not work with nodes of a cluster", of, where, "leave it out")


def renamed(value: t.Any, lost: bool = False) -> list[str]:
    """The needed commands that rename-command renames. `lost`: only those that nobody who needs them can be told the new name of."""
    pairs = [[*quoting.words(word), "", ""][:2] for word in words(value)]
    return sorted({command.upper() for command, other in pairs if command.lower() in (OF_REPLICAS if lost and other else NEEDED)})


def static(own: Settings, settings: Settings) -> str:
    lines = [f"# {MARK}; read last at each start, so that it overrides the other file"]
    for name, value in {**own, **settings}.items():
        if name == "save":
            # Lines add up, and the main file may have others.
            lines.append('save ""')
        lines += [f"{name} {word}" for word in words(value) if (name, word) != ("save", '""')]
    return "\n".join(lines) + "\n"


# Names that a server writes into its main file, by other names that it also accepts.
_NAMES = {"primaryauth": "masterauth", "primaryuser": "masteruser"}


def alias(name: str) -> str:
    name = re.sub("^slave-", "replica-", name.lower())
    return _NAMES.get(name, name).replace("-slave-", "-replica-").replace("-slaves-", "-replicas-").replace("-ziplist-", "-listpack-")


def _split(line: str) -> tuple[str, str]:
    """The name of a setting, and the rest of its line."""
    name, dummy, rest = re.sub(f"[{BLANKS}]+", " ", line.strip(BLANKS), count=1).partition(" ")
    return alias(name), rest


def value(text: str) -> str:
    """The only value of a line."""
    return quoting.unquoted(text)


def directives(text: str | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, rest in map(_split, quoting.lines(text or "")):
        if name and not name.startswith("#"):
            found[name] = (*found.get(name, ()), rest)
    return found


def directory(text: str | None) -> str | None:
    """The directory of the data that a static file names."""
    return directives(text).get("dir", (None,))[-1]


def static_differences(before: str | None, after: str) -> tuple[Difference, ...]:
    have, want = directives(before), directives(after)
    changed = [name for name in sorted({*have, *want}) if have.get(name) != want.get(name)]
    differences = [Difference(name, *(_shown(name, side.get(name)) for side in (have, want))) for name in changed]
    return tuple(differences) or ((Difference("text", None, "rewritten"),) if before != after else ())


def _shown(name: str, values: t.Sequence[str] | None) -> t.Any:
    text = None if values is None else "; ".join(values)
    return Secret(text) if text is not None and name in SECRET else text


def stripped(text: str, names: t.Collection[str]) -> str:
    """The text without the lines of these settings."""
    gone = {alias(name) for name in names}
    return "".join(line for line in re.findall(r"[^\n]*\n|[^\n]+", text) if _split(line)[0] not in gone)


def with_lines(text: str, names: t.Collection[str], other: str) -> str:
    """The text with the lines that `other` has for these settings."""
    keep = {alias(name) for name in names}
    lines = [line for line in quoting.lines(other) if _split(line)[0] in keep]
    return stripped(text, names) + "".join(f"{line}\n" for line in lines)


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
    return "\n".join([*stripped(text, kept).rstrip("\n").split("\n"), *_kept_lines(kept)]) + "\n"


def kept_differences(text: str, kept: t.Mapping[str, str]) -> tuple[Difference, ...]:
    """Of the settings that the server keeps in its main file; values are never shown."""
    found = {name: value(values[-1]) for name, values in directives(text).items()}
    have = {name: found.get(alias(name)) for name in kept}
    # A server does not write an empty value down.
    changed = [name for name in kept if (have[name] or "") != kept[name]]
    return tuple(Difference(name, None if have[name] is None else Secret(have[name]), Secret(kept[name])) for name in changed)


def follows(text: str) -> str | None:
    """The master that a main file names, as HOST:PORT."""
    found = directives(text)
    words_of = quoting.words(("", *found.get("slaveof", ()), *found.get("replicaof", ()))[-1])
    host, port = words_of if len(words_of) == 2 else ("", "")
    return str(address.Address.of(host, port)) if port.isascii() and port.isdigit() else None


def drop_in(command: str, service: Settings) -> str:
    lines = [f"# {MARK}", "[Service]", "ExecStart=", f"ExecStart={command}"]
    lines += [f"{name}={word}" for name, value in service.items() for word in words(value)]
    return "\n".join(lines) + "\n"


# Users


def split(text: str) -> list[str]:
    """The words of rules, as a server splits them."""
    return [word for word in re.split(f"[{BLANKS}]+", text) if word]


def rules(user: t.Mapping[str, t.Any]) -> str:
    """The arguments of ACL SETUSER after `reset`. Passwords are hashed."""
    hashes = [f"#{hashlib.sha256(password.encode()).hexdigest()}" for password in user["passwords"]]
    return " ".join([*(["on"] if hashes else []), *hashes, *split(user["rules"])])


def users(declared: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    return "".join(f"user {user['name']} {rules(user)}\n" for user in declared)


def listed(text: str | None) -> dict[str, str]:
    """name -> rules."""
    lines = [split(line) for line in (text or "").split("\n")]
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
    return " ".join(word for word in split(text) if not word.startswith("#"))


def _hashes(text: str) -> Secret | None:
    found = tuple(word for word in split(text) if word.startswith("#"))
    return Secret(found) if found else None


def user_commands(before: str | None, after: str) -> t.Iterator[tuple[str, ...]]:
    """Commands that change the users of a running server. Connections of users who stay allowed are not closed."""
    have, want = listed(before), listed(after)
    # `default` comes last: it may be the user of this connection, and may lose rights.
    for name, text in sorted(want.items(), key=lambda user: user[0] == "default"):
        if have.get(name) != text:
            yield ("ACL", "SETUSER", name, "reset", *split(text))
    for name in have:
        if name not in want and name != "default":
            yield ("ACL", "DELUSER", name)
