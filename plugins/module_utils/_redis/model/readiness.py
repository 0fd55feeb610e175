# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a failover would come to its end: what Sentinel may do at the data nodes, and whether they could follow another master.

Private to this collection. A Sentinel whose user may only look sees everything well, and promotes nobody. A master that has no masterauth
is a good master, and can never be a replica. Neither shows before the failover, so each is asked and tried here; nothing is changed.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection, errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, Credentials, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address, is_ip
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.checks import together
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Node, Observed

RIGHTS, GONE, FOLLOW, TLS, UNSEEN = "rights.sentinel", "command.renamed", "replication.refused", "replication.tls", "readiness.unseen"

Words = t.Tuple[str, ...]
# What Sentinel sends to the node that it promotes and to those that follow it, measured: without one of these nothing happens. It goes on
# without MULTI, CLIENT SETNAME and SCRIPT KILL.
PROMOTES: tuple[Words, ...] = (("EXEC",), ("SLAVEOF", "NO", "ONE"), ("CONFIG", "REWRITE"), ("CLIENT", "KILL", "TYPE", "normal"))
# What it sends besides where the servers change roles by themselves.
HANDS_OVER: tuple[Words, ...] = (("FAILOVER",), ("CLIENT", "PAUSE", "1", "WRITE"))
# What a replica sends to its master.
FOLLOWS: tuple[Words, ...] = (("PING",), ("REPLCONF", "ack", "0"), ("PSYNC", "?", "-1"))
ANNOUNCED = "replication.announced"
CONTAINERS = frozenset({"CONFIG", "CLIENT"})
DEFAULT = "default"

_NAME = re.compile(r"sentinel-[0-9a-f]+-cmd")
# The last command of a connection on which a Sentinel asks.
_ASKS = frozenset({"ping", "info", "publish"})


@dataclass(frozen=True)
class Ready:
    """What one node says. `lacks`: a Sentinel's user -> the commands that it may not run; `gone`: commands that do not exist there.

    `follows`: with what it would go to another master. `announced`: the address at which it would then be known, where that is not the
    one at which the sentinels watch it. `unseen`: why not all of this is known.
    """

    node: Node
    lacks: t.Mapping[str, tuple[str, ...]]
    gone: tuple[str, ...] = ()
    follows: Credentials | None = None
    tls: str = ""
    announced: str = ""
    unseen: str = ""


def problems(
    observed: Observed, connections: Connections, name: str, targets: t.Collection[Address], coordinated: bool = False
) -> list[Problem]:
    """Why no failover of the master `name` to any of `targets` would come to its end. Without a target there is none."""
    if not targets:
        return []
    places = [*dict.fromkeys(entry.address for entry in observed.monitored(name).values()), *observed.replicas(name)]
    nodes = [node for node in map(observed.node, places) if node is not None]
    # A name and an IP address may lead to one server.
    nodes = list({node.run_id: node for node in reversed(nodes)}.values())[::-1]
    hosts = {view.address.host for view in observed.sentinels.values()}
    commands = (*PROMOTES, *HANDS_OVER) if coordinated else PROMOTES
    ready = read.side_by_side(lambda node: _ready(node, connections.data(node.address), hosts, commands), nodes)
    found = [*_of_rights(ready), *_of_tls(ready, connections), *_of_announced(ready)]
    return [*found, *_of_followers(ready, connections, [node for node in nodes if node.address in targets])]


def _users(server: Server, hosts: t.Collection[str]) -> set[str]:
    try:
        return watchers(str(server.read("CLIENT", "LIST")), hosts)
    except errors.UnknownCommand:
        # It is renamed: that is a problem of its own, which does not need the users.
        return set()


def watchers(clients: str, hosts: t.Collection[str]) -> set[str]:
    """The users of the Sentinels' connections, from CLIENT LIST. `hosts`: where Sentinels are, since a name takes CLIENT SETNAME."""
    # Only at spaces and line feeds: the name of a user may have a character that is a blank for Python alone.
    rows = [{key: value for key, dummy, value in (word.partition("=") for word in line.split(" "))} for line in clients.split("\n")]
    named = {row["user"] for row in rows if _NAME.fullmatch(row.get("name", "")) and "user" in row}
    return named or {row["user"] for row in rows if _is_watcher(row, hosts)}


def _is_watcher(row: t.Mapping[str, str], hosts: t.Collection[str]) -> bool:
    # Before it has logged in, it has the name of the user default, who may always give it a name.
    from_there = row.get("addr", "").rpartition(":")[0].strip("[]") in hosts
    return from_there and row.get("cmd") in _ASKS and row.get("sub") == "0" and row.get("user", DEFAULT) != DEFAULT


def _ready(node: Node, server: Server, hosts: t.Collection[str], commands: t.Iterable[Words]) -> Ready:
    lacks: dict[str, tuple[str, ...]] = {}
    gone: dict[str, None] = {}
    try:
        users = _users(server, hosts)
        for user in sorted(users or {DEFAULT}):
            answers = {_named(words): may(server, user, words) for words in commands}
            gone.update(dict.fromkeys(_top(command) for command, answer in answers.items() if answer is None))
            lacks[user] = tuple(command for command, answer in answers.items() if answer is False and users)
        if "CONFIG" in gone:
            return Ready(node, lacks, tuple(gone))
        user, password, tls = (_setting(server, name) for name in ("masteruser", "masterauth", "tls-replication"))
        announced = _announced(node, connection.pairs(server.read("CONFIG", "GET", "replica-announce-*")))
    except (errors.ServerError, *errors.SILENT) as error:
        return Ready(node, lacks, tuple(gone), unseen=str(error))
    # A server without a password does not send its user either.
    follows = Credentials((user or None) if password else None, password or None, "masteruser and masterauth")
    return Ready(node, lacks, tuple(gone), follows, tls, announced)


def _announced(node: Node, settings: t.Mapping[str, str]) -> str:
    """A name may lead to the address; two IP addresses do not."""
    host, port = settings.get("replica-announce-ip") or node.address.host, int(settings.get("replica-announce-port") or 0)
    place = Address.of(host, port or node.address.port)
    is_other = place.port != node.address.port or (place != node.address and is_ip(place.host) and is_ip(node.address.host))
    return str(place) if is_other else ""


def may(server: Server, user: str, words: Words) -> bool | None:
    """Whether the user may run it; None where the server has no such command. Before Redis 7.0 nobody can tell, so it may."""
    try:
        return bool(server.read("ACL", "DRYRUN", user, server.named(words[0]), *words[1:]) == "OK")
    except errors.UnknownCommand as error:
        if error.text.lower().startswith("unknown command"):
            raise
        return True
    except errors.MissingRights:
        raise
    except errors.ServerError as error:
        # Another error is about a user who is gone meanwhile.
        return None if error.text.startswith("Command ") else True


def _named(words: Words) -> str:
    return " ".join(words[:2]) if words[0] in CONTAINERS else words[0]


def _top(command: str) -> str:
    return command.partition(" ")[0]


def _setting(server: Server, name: str) -> str:
    """Empty where the server does not have it."""
    return connection.pairs(server.read("CONFIG", "GET", name)).get(name, "")


def _of_rights(ready: t.Sequence[Ready]) -> t.Iterator[Problem]:
    """One for each user, or command, with all the nodes that it is true of."""
    lacking: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    gone: dict[tuple[str, ...], list[str]] = {}
    for one in ready:
        for user, commands in one.lacks.items():
            lacking.setdefault((user, commands), []).append(one.node.name)
        gone.setdefault(one.gone, []).append(one.node.name)
    unseen = [one for one in ready if one.unseen]
    if unseen:
        more = "see the notes of the module for the rights that its user needs"
        unknown = f"whether a failover would work is not known: {unseen[0].unseen}"
        yield Problem(UNSEEN, unknown, _nodes([one.node.name for one in unseen]), remedy=more)
    for (user, commands), names in lacking.items():
        if commands:
            may_not = f"the user {user}, whom Sentinel uses there, may not run {together(commands)}, so no replica is ever promoted"
            rules = " ".join(f"+{command.lower().replace(' ', '|')}" for command in commands)
            yield Problem(RIGHTS, may_not, _nodes(names), remedy=f"ACL SETUSER {user} {rules}")
    for commands, names in gone.items():
        if commands:
            without = f"renamed or switched off there: {', '.join(commands)}; so no replica is ever promoted"
            remedy = "give rename_commands, to redis_sentinel too; a command that is switched off cannot be used by Sentinel"
            yield Problem(GONE, without, _nodes(names), remedy=remedy)


def _nodes(names: t.Sequence[str]) -> str:
    return f"data node{'s' if len(names) > 1 else ''} {together(names)}"


def _of_tls(ready: t.Iterable[Ready], connections: Connections) -> t.Iterator[Problem]:
    """The ports at which the nodes are known speak TLS, or not; a replica must do the same."""
    wanted = connections.access.tls is not None
    for one in ready:
        if one.tls and (one.tls == "yes") != wanted:
            how = "with TLS" if wanted else "without TLS"
            says = f"tls-replication is {one.tls}, and the other nodes are reached {how}, so it could not follow one of them"
            yield Problem(TLS, says, f"data node {one.node.name}", remedy=f"CONFIG SET tls-replication {'yes' if wanted else 'no'}")


def _of_announced(ready: t.Iterable[Ready]) -> t.Iterator[Problem]:
    for one in ready:
        if one.announced:
            twice = f"would announce {one.announced} as a replica, so after a failover the sentinels would know it at two addresses"
            remedy = "correct its replica-announce-ip and replica-announce-port, or watch it at that address"
            yield Problem(ANNOUNCED, twice, f"data node {one.node.name}", remedy=remedy)


def _of_followers(ready: t.Sequence[Ready], connections: Connections, targets: t.Sequence[Node]) -> t.Iterator[Problem]:
    """One for each node that one of the others would refuse as its replica. Nodes with the same credentials are tried once."""
    refusals: dict[tuple[Credentials, Address], str] = {}
    for one in ready:
        found, reason = [], ""
        for target in targets if one.follows is not None else ():
            if target is not one.node:
                key = (t.cast(Credentials, one.follows), target.address)
                if key not in refusals:
                    refusals[key] = _refusal(connections, target.address, key[0])
                found += [target.name] if refusals[key] else []
                reason = refusals[key] or reason
        if found:
            cannot = f"could not become a replica of {together(found)}: {reason}"
            remedy = "give it the masteruser and masterauth of the others, or that user its rights (+ping +replconf +psync)"
            yield Problem(FOLLOW, cannot, f"data node {one.node.name}", remedy=remedy)


def _refusal(connections: Connections, master: Address, follows: Credentials) -> str:
    """Why the master would not take a replica with these credentials, or an empty string."""
    there = connections.data(master)
    server, user = connections.access.data(master, follows, renames=there.renames), follows.username or DEFAULT
    try:
        server.read("PING")
        lacks = [words[0] for words in FOLLOWS if may(there, user, words) is False]
    except errors.ServerError as error:
        # The user need not have the right to PING; what it lacks is told by the rights.
        return str(error) if isinstance(error, errors.WrongCredentials) else ""
    except errors.SILENT:
        return ""
    finally:
        server.close()
    return f"the user {user} may not run {together(lacks)} there" if lacks else ""
