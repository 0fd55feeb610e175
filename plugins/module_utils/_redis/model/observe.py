# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sentinels and data nodes say: the one model of it, and how it is read from their replies. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, options, version
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version

Fields = t.Mapping[str, str]

MASTER = "master"
# Seconds. Sentinels ask each other every second. The default of down-after-milliseconds, after which one counts as down, is 30 s.
LONGEST_SILENCE = 10.0
LOCAL = "this is an address of the sentinel's own host, which other sentinels and clients cannot use"


@dataclass(frozen=True)
class Replica:
    """A replica as one sentinel sees it, up to 10 seconds late. `is_local`: as of Monitored."""

    address: Address
    flags: frozenset[str]
    link: str
    master: Address | None
    priority: int
    offset: int
    run_id: str = ""
    is_local: bool = False

    def is_healthy(self, needs_link: bool = True) -> bool:
        return self.flags == {"slave"} and (self.link == "ok" or not needs_link)

    def shown(self) -> dict[str, t.Any]:
        seen = {"flags": sorted(self.flags), "link": self.link, "priority": self.priority, "offset": self.offset}
        return {"address": str(self.address), **seen}


@dataclass(frozen=True)
class Peer:
    """A sentinel as another one sees it. `silence`: seconds since it has answered that one."""

    address: Address
    id: str
    flags: frozenset[str]
    silence: float

    @property
    def trouble(self) -> str:
        """What the other sentinel sees wrong with it; an empty text where it is healthy."""
        # master_down is about the master, and some sentinels keep it long after the master is back.
        bad = sorted(self.flags & {"s_down", "o_down", "disconnected"})
        if bad:
            return f"as {','.join(bad)}"
        return f"without an answer for {self.silence:.0f} s" if self.silence > LONGEST_SILENCE else ""


@dataclass(frozen=True)
class Monitored:
    """A master as one sentinel sees it.

    `values`: the options that it shows. `replicas` and `others`: how many replicas and other sentinels it knows, living or dead.
    `run_id`: what the node said of itself; empty while the sentinel has not reached it since its own start, as with wrong credentials.
    `is_local`: whether the address is of the sentinel's own host, so that nobody else may ask it. `rows` and `peers`: the replicas and
    the other sentinels, one by one, where these were asked for.
    """

    name: str
    address: Address
    flags: frozenset[str]
    values: t.Mapping[str, str]
    replicas: int
    others: int
    epoch: int
    role: str
    run_id: str = ""
    is_local: bool = False
    rows: tuple[Replica, ...] = ()
    peers: tuple[Peer, ...] = ()

    @property
    def nodes(self) -> list[Monitored | Replica]:
        """The master and its replicas, where these were asked for."""
        return [self, *self.rows]

    @property
    def connected(self) -> bool:
        return bool(self.run_id)

    @property
    def is_ignorant(self) -> bool:
        """Whether the sentinel knows nothing but an address, so it never had a connection there. Its file would keep the rest."""
        return not (self.run_id or self.replicas or self.others or self.epoch)

    @property
    def is_healthy(self) -> bool:
        return self.flags == {MASTER} and self.role == MASTER

    @property
    def is_failing_over(self) -> bool:
        return "failover_in_progress" in self.flags

    def row(self, place: Address) -> Replica | None:
        return next((row for row in self.rows if row.address == place), None)


@dataclass(frozen=True)
class SentinelView:
    """One sentinel's answers."""

    address: Address
    version: Version
    myid: str
    tilt: bool
    settings: options.Values
    masters: t.Mapping[str, Monitored]

    @property
    def name(self) -> str:
        return str(self.address)


@dataclass(frozen=True)
class Node:
    """A data node's own answer; `silence`: why there is none.

    `master`: whose replica it is. `linked`: whether it has its master's data and gets what is new. `offset`: how much of the stream it
    has; of a master, how much there is. `replicas`: of a master, how many are connected; `online`: those that are past their first
    synchronisation. `min_replicas`: whether min-replicas-to-write is set. `settings`: CONFIG GET of replicas, where that was asked for.
    """

    address: Address
    run_id: str = ""
    role: str = ""
    version: Version = version.UNKNOWN
    replicas: int = 0
    master: Address | None = None
    min_replicas: bool = False
    linked: bool = False
    offset: int = 0
    online: frozenset[Address] = frozenset()
    settings: Fields = field(default_factory=dict)
    silence: str = ""

    @property
    def name(self) -> str:
        return str(self.address)

    @property
    def is_master(self) -> bool:
        return self.role == MASTER

    @property
    def priority(self) -> int:
        return int(self.settings["replica-priority"])

    @property
    def says(self) -> str:
        """What it says that it is."""
        return "a master" if self.is_master else f"a replica of {self.master}" if self.master else "neither a master nor a replica"


@dataclass
class Observed:
    """`silent`: sentinels that do not answer, with the reason."""

    sentinels: dict[str, SentinelView] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    nodes: dict[Address, Node] = field(default_factory=dict)

    def monitored(self, name: str) -> dict[str, Monitored]:
        """Sentinel -> how it sees this master, where it knows it."""
        return {view.name: view.masters[name] for view in self.sentinels.values() if name in view.masters}

    def replicas(self, name: str) -> list[Address]:
        """What any sentinel knows as a replica of this master."""
        return sorted({row.address for entry in self.monitored(name).values() for row in entry.rows})

    def is_local(self, place: Address) -> bool:
        """Whether only the host of the sentinel that names it can use this address."""
        if not address.is_loopback(place.host):
            return False
        away = (view for view in self.sentinels.values() if not address.is_loopback(view.address.host))
        entries = (entry for view in away for entry in view.masters.values())
        return any(one.is_local and one.address == place for entry in entries for one in entry.nodes)

    def place(self, entry: Monitored) -> Address | None:
        """Where others reach the node that a sentinel watches; None where that is not known."""
        if not entry.is_local:
            return entry.address
        return next((node.address for node in self.nodes.values() if node.run_id and node.run_id == entry.run_id), None)

    def asked(self, place: Address) -> Node:
        return self.nodes.get(place) or Node(place, silence=LOCAL if self.is_local(place) else "was not asked")

    def node(self, place: Address) -> Node | None:
        """The node there, where it answers."""
        found = self.asked(place)
        return None if found.silence else found

    def is_one(self, one: Address, other: Address) -> bool:
        """Whether both addresses lead to one server, by what the server says of itself."""
        nodes = self.node(one), self.node(other)
        return one == other or (nodes[0] is not None and nodes[1] is not None and nodes[0].run_id == nodes[1].run_id)


def _is_local(place: Address, sentinel: Address) -> bool:
    return address.is_loopback(place.host) and not address.is_loopback(sentinel.host)


def replica(fields: Fields, sentinel: Address) -> Replica:
    """From an entry of SENTINEL REPLICAS; the master's host is '?' until the replica has been asked."""
    known = fields.get("master-host", "?") not in ("?", "")
    place = Address.of(fields["ip"], fields["port"])
    return Replica(
        address=place,
        flags=frozenset(fields["flags"].split(",")),
        link=fields.get("master-link-status", ""),
        master=address.beside(Address.of(fields["master-host"], fields["master-port"]), place) if known else None,
        priority=int(fields.get("slave-priority", 0)),
        offset=int(fields.get("slave-repl-offset", 0)),
        run_id=fields.get("runid", ""),
        is_local=_is_local(place, sentinel),
    )


def peer(fields: Fields) -> Peer:
    """From an entry of SENTINEL SENTINELS."""
    return Peer(
        address=Address.of(fields["ip"], fields["port"]),
        id=fields["runid"],
        flags=frozenset(fields["flags"].split(",")),
        silence=int(fields["last-ok-ping-reply"]) / 1000,
    )


def monitored(fields: Fields, sentinel: Address) -> Monitored:
    """From an entry of SENTINEL MASTERS."""
    place = Address.of(fields["ip"], fields["port"])
    return Monitored(
        name=fields["name"],
        address=place,
        flags=frozenset(fields["flags"].split(",")),
        values={option.name: fields[option.word] for option in options.SHOWN if option.word in fields},
        replicas=int(fields["num-slaves"]),
        others=int(fields["num-other-sentinels"]),
        epoch=int(fields["config-epoch"]),
        role=fields["role-reported"],
        run_id=fields["runid"],
        is_local=_is_local(place, sentinel),
    )


def sentinel(place: Address, info: Fields, myid: str, config: Fields, masters: t.Iterable[Fields]) -> SentinelView:
    entries = [monitored(fields, place) for fields in masters]
    return SentinelView(
        address=place,
        version=version.of_info(info),
        myid=myid,
        tilt=info.get("sentinel_tilt", "0") != "0",
        settings={option.name: option.read(config[option.word]) for option in options.SETTINGS if option.word in config},
        masters={entry.name: entry for entry in entries},
    )


def node(place: Address, info: Fields, settings: Fields) -> Node:
    """From the fields of INFO, and of CONFIG GET."""
    following = info.get("role") != MASTER and info.get("master_host")
    listed = [_fields(value) for name, value in info.items() if name.startswith("slave") and name[5:].isdigit()]
    return Node(
        address=place,
        run_id=info.get("run_id", ""),
        role=info.get("role", ""),
        version=version.of_info(info),
        replicas=int(info.get("connected_slaves", 0)),
        master=address.beside(Address.of(info["master_host"], info["master_port"]), place) if following else None,
        # The server shows this field only where min-replicas-to-write and min-replicas-max-lag are both above zero.
        min_replicas="min_slaves_good_slaves" in info,
        linked=info.get("master_link_status") == "up",
        offset=int(info.get("slave_repl_offset" if following else "master_repl_offset", 0)),
        online=frozenset(Address.of(row["ip"], row["port"]) for row in listed if row.get("state") == "online"),
        settings=settings,
    )


def _fields(text: str) -> Fields:
    """ip=10.0.0.1,port=6379,state=online as a dictionary."""
    return {name: value for name, dummy, value in (part.partition("=") for part in text.split(","))}
