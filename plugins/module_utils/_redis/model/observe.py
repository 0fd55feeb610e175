# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sentinels and the data nodes say of themselves, in a handful of commands. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options, version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version

Fields = t.Mapping[str, str]

MASTER = "master"
# Seconds. Sentinels ask each other every second; down-after-milliseconds, by which they judge, is 30 s unless told otherwise.
LONGEST_SILENCE = 10.0


@dataclass(frozen=True)
class Monitored:
    """A master as one sentinel sees it.

    `values`: the options that a sentinel tells. `replicas` and `others`: how many replicas and other sentinels it knows,
    living or not. `connected`: whether it has ever spoken with the node; not so with wrong credentials.
    """

    name: str
    address: Address
    flags: frozenset[str]
    values: t.Mapping[str, str]
    replicas: int
    others: int
    epoch: int
    connected: bool
    role: str

    @property
    def is_well(self) -> bool:
        return self.flags == {MASTER} and self.role == MASTER

    @property
    def is_failing_over(self) -> bool:
        return "failover_in_progress" in self.flags


@dataclass(frozen=True)
class SentinelView:
    """One sentinel's answers. `stale`: master -> names of those it knows that are dead and that nobody declares."""

    address: Address
    version: Version
    myid: str
    tilt: bool
    settings: t.Mapping[str, str]
    masters: t.Mapping[str, Monitored]
    stale: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.address)


@dataclass(frozen=True)
class Peer:
    """A sentinel as another one sees it. `silence`: seconds since it has answered that one."""

    address: Address
    id: str
    flags: frozenset[str]
    silence: float

    @property
    def trouble(self) -> str:
        """What is wrong with it in the eyes of the other, in words; nothing where it is well."""
        # Some keep master_down, what it said of the master, for long after the master is back; that is not about the sentinel.
        bad = sorted(self.flags & {"s_down", "o_down", "disconnected"})
        if bad:
            return f"as {','.join(bad)}"
        return f"without an answer for {self.silence:.0f} s" if self.silence > LONGEST_SILENCE else ""


@dataclass(frozen=True)
class Node:
    """A data node's own answer. `master`: whose replica it is. `min_replicas`: whether min-replicas-to-write is set.

    `linked`: whether it has its master's data and gets what is new. `offset`: how much of the stream it has; of a master, how much there
    is. `online`: of a master, its replicas that are past their first synchronisation.
    """

    address: Address
    run_id: str
    role: str
    version: Version
    replicas: int = 0
    master: Address | None = None
    min_replicas: bool = False
    linked: bool = False
    offset: int = 0
    online: frozenset[Address] = frozenset()

    @property
    def is_master(self) -> bool:
        return self.role == MASTER


@dataclass
class Observed:
    """`silent`: sentinels that do not answer, with the reason. `nodes`: a Node, or why there is no answer.

    `replicas`: master -> what any sentinel knows as a replica of it; asked for where that may decide which node is the master.
    """

    sentinels: dict[str, SentinelView] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    nodes: dict[Address, Node | str] = field(default_factory=dict)
    replicas: dict[str, frozenset[Address]] = field(default_factory=dict)

    def monitored(self, name: str) -> dict[str, Monitored]:
        """Sentinel -> how it sees this master, where it knows it."""
        return {view.name: view.masters[name] for view in self.sentinels.values() if name in view.masters}

    def node(self, place: Address) -> Node | None:
        found = self.nodes.get(place)
        return found if isinstance(found, Node) else None


def monitored(fields: Fields) -> Monitored:
    """From an entry of SENTINEL MASTERS."""
    values = {option.name: fields[option.word] for option in options.SHOWN if option.word in fields}
    return Monitored(
        name=fields["name"],
        address=Address.of(fields["ip"], fields["port"]),
        flags=frozenset(fields["flags"].split(",")),
        values=values,
        replicas=int(fields["num-slaves"]),
        others=int(fields["num-other-sentinels"]),
        epoch=int(fields["config-epoch"]),
        connected=bool(fields["runid"]),
        role=fields["role-reported"],
    )


def peer(fields: Fields) -> Peer:
    """From an entry of SENTINEL SENTINELS."""
    return Peer(
        address=Address.of(fields["ip"], fields["port"]),
        id=fields["runid"],
        flags=frozenset(fields["flags"].split(",")),
        silence=int(fields["last-ok-ping-reply"]) / 1000,
    )


def sentinel(place: Address, info: Fields, myid: str, config: Fields, masters: t.Iterable[Fields]) -> SentinelView:
    words = {word: name for name, word in options.SETTINGS.items()}
    entries = [monitored(fields) for fields in masters]
    return SentinelView(
        address=place,
        version=version.of_info(info),
        myid=myid,
        tilt=info.get("sentinel_tilt", "0") != "0",
        settings={words[word]: value for word, value in config.items() if word in words},
        masters={entry.name: entry for entry in entries},
    )


def node(place: Address, info: Fields) -> Node:
    """From the fields of INFO."""
    following = info.get("role") != MASTER and info.get("master_host")
    listed = [_fields(value) for name, value in info.items() if name.startswith("slave") and name[5:].isdigit()]
    return Node(
        address=place,
        run_id=info.get("run_id", ""),
        role=info.get("role", ""),
        version=version.of_info(info),
        replicas=int(info.get("connected_slaves", 0)),
        master=Address.of(info["master_host"], info["master_port"]) if following else None,
        # The server shows this field only where min-replicas-to-write and min-replicas-max-lag are both above zero.
        min_replicas="min_slaves_good_slaves" in info,
        linked=info.get("master_link_status") == "up",
        offset=int(info.get("slave_repl_offset" if following else "master_repl_offset", 0)),
        online=frozenset(Address.of(row["ip"], row["port"]) for row in listed if row.get("state") == "online"),
    )


def _fields(text: str) -> Fields:
    """ip=10.0.0.1,port=6379,state=online as a dictionary."""
    return {name: value for name, dummy, value in (part.partition("=") for part in text.split(","))}
