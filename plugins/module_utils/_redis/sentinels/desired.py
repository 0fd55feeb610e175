# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of redis_sentinel, checked and brought into one form before anything is read or written. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Credentials
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, options, quoting
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import sentinel_conf

DATA_PORT = 6379

# "valid charset is A-z 0-9 and the three characters .-_" says Redis' sample sentinel.conf; the server accepts others, and a
# name with a space makes a file that it cannot read again.
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST_NAME = 255
_COMMAND = re.compile(r"[A-Za-z0-9._|-]+")
# What ends a word in sentinel.conf, where the server writes values without quotes; and what ends the line.
_BOUNDS = re.compile(r"[ \"']")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A server reads no longer word from a client that has not logged in yet.
_LONGEST = 16384

Params = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Sentinel:
    """`hidden`: master -> what its sentinel.conf says of options that cannot be read otherwise; None where that file is not given."""

    address: Address
    settings: options.Values
    hidden: t.Mapping[str, options.Values] | None = None

    @property
    def name(self) -> str:
        return str(self.address)


@dataclass(frozen=True)
class Master:
    """`values`: the declared options. `renames`: command -> its name on the data nodes; None where not declared."""

    name: str
    present: bool = True
    seeds: tuple[Address, ...] = ()
    replicas: int | None = None
    values: options.Values = field(default_factory=dict)
    renames: t.Mapping[str, str] | None = None

    @property
    def credentials(self) -> Credentials | None:
        """Those that the sentinels are to have for its nodes, where declared."""
        password = self.values.get(options.AUTH_PASS.name)
        username = self.values.get(options.AUTH_USER.name)
        return None if password is None else Credentials(username, options.plain(password), "auth_user and auth_pass, or data_password")


@dataclass(frozen=True)
class Desired:
    sentinels: tuple[Sentinel, ...]
    masters: tuple[Master, ...]
    # The item and the option of values that only some servers can write into their file and read again.
    delicate: tuple[tuple[str, str], ...] = ()

    @property
    def places(self) -> list[Address]:
        return [entry.address for entry in self.sentinels]


def declare(params: Params) -> Desired:
    """Raises Refused with every problem."""
    reader = _Reader()
    settings = reader.values("", options.COMMON_SETTINGS, params.get("settings") or {}, "settings.")
    sentinels = tuple(reader.sentinel(item, settings) for item in params["sentinels"])
    masters = tuple(reader.master(item) for item in params.get("masters") or [])
    reader.refuse_twice("sentinel", [entry.name for entry in sentinels])
    reader.refuse_twice("master", [entry.name for entry in masters])
    reader.refuse_shared(masters)
    reader.refuse_loopback(sentinels, masters)
    if params.get("prune") and not masters:
        remedy = "to remove masters, name each with state absent"
        reader.problem(
            "masters.none", "is empty, and with prune the sentinels would stop to watch every master", field="masters", remedy=remedy
        )
    if not sentinels:
        reader.problem("sentinels.none", "is empty", field="sentinels", remedy="name every sentinel of the set")
    if reader.problems:
        raise Refused(reader.problems)
    return Desired(sentinels, masters, tuple(reader.delicate))


def rename_problems(given: Params, who: str = "") -> t.Iterator[Problem]:
    """What cannot be right in an option rename_commands."""
    for command, other in given.items():
        if not _COMMAND.fullmatch(str(command)) or not _COMMAND.fullmatch(str(other)):
            words = f"renames {command!r} to {other!r}, and both must be words of letters and digits"
            yield Problem("rename.word", words, who, options.RENAME_COMMANDS, "Sentinel cannot use a command without a name")


class _Reader:
    """Collects the problems and continues."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.delicate: list[tuple[str, str]] = []

    def problem(self, code: str, message: str, item: str = "", field: str = "", remedy: str = "") -> None:
        self.problems.append(Problem(code, message, item, field, remedy))

    def refuse_twice(self, what: str, names: list[str]) -> None:
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.problem(f"{what}.twice", "is named twice", f"{what} {name}", remedy="keep one")

    def refuse_shared(self, masters: t.Iterable[Master]) -> None:
        """A node is in one set."""
        owners: dict[Address, list[str]] = {}
        for master in masters:
            for seed in master.seeds:
                owners.setdefault(seed, []).append(master.name)
        for seed, names in owners.items():
            if len(names) > 1 and len(set(names)) == len(names):
                both = f"have {seed} in address, and a node belongs to one set"
                self.problem("node.two_names", both, f"masters {' and '.join(sorted(names))}", "address", "remove it from all but one")

    def refuse_loopback(self, sentinels: t.Sequence[Sentinel], masters: t.Iterable[Master]) -> None:
        """An address that leads each sentinel to its own host."""
        away = [entry for entry in sentinels if not address.is_loopback(entry.address.host)]
        own = "and means another host for each who uses it"
        for master in masters if away else ():
            for seed in filter(lambda seed: address.is_loopback(seed.host), master.seeds):
                remedy = f"give the address by which {away[0].name} reaches it"
                self.problem("master.loopback", f"{seed} is a loopback address, {own}", f"master {master.name}", "address", remedy)
        for entry in away:
            if address.is_loopback(str(entry.settings.get(options.ANNOUNCE_IP.name, "-"))):
                remedy = "give the address by which the others reach it"
                self.problem(
                    "announce_ip.loopback", f"is a loopback address, {own}", f"sentinel {entry.name}", options.ANNOUNCE_IP.name, remedy
                )

    def values(self, item: str, known: t.Iterable[options.Option], given: Params, prefix: str = "") -> options.Values:
        return {each.name: self.value(item, prefix, each, given[each.name]) for each in known if given.get(each.name) is not None}

    def value(self, item: str, prefix: str, option: options.Option, value: t.Any) -> t.Any:
        where = (item, f"{prefix}{option.name}")
        if option.type == "int":
            if option.lowest is not None and value < option.lowest:
                self.problem("option.too_low", f"is {value}; the lowest value is {option.lowest}", *where)
            if option.highest is not None and value > option.highest:
                self.problem("option.too_high", f"is {value}; the highest value is {option.highest}", *where)
        elif option.type == "str" and not quoting.is_text(value):
            self.problem("option.encoding", "has half a surrogate pair, which is no character in UTF-8", *where)
        elif option.type == "str" and len(value.encode("utf-8")) > _LONGEST:
            self.problem("option.too_long", f"is longer than {_LONGEST} bytes, which no server reads from a client that logs in", *where)
        elif option.type == "str" and _CONTROL.search(value):
            broken = "has a line break or another control character, so the sentinel could not read its sentinel.conf again"
            self.problem("option.control_character", broken, *where)
        elif option.type == "str" and _BOUNDS.search(value):
            self.delicate.append(where)
        return option.declared(value)

    def sentinel(self, item: Params, common: options.Values) -> Sentinel:
        try:
            place = address.place(item)
        except ValueError as error:
            self.problem("sentinel.address", str(error), field="sentinels")
            place = Address(item["host"], item["port"])
        if address.is_unspecified(place.host):
            everywhere = f"{place} means every address of a host, so it would be the sentinel of whoever asks"
            self.problem("sentinel.address", everywhere, field="sentinels", remedy="give the address of the sentinel")
        values = {**common, **self.values(f"sentinel {place}", (options.ANNOUNCE_IP, options.ANNOUNCE_PORT), item)}
        announced = values.get(options.ANNOUNCE_IP.name, "-")
        if not announced.strip() or address.is_unspecified(announced):
            forget = f"is {announced!r}, so the other sentinels would forget this one"
            self.problem("announce_ip.empty", forget, f"sentinel {place}", options.ANNOUNCE_IP.name, "give an address, or leave it out")
        conf = item.get("conf")
        return Sentinel(place, values, None if conf is None else sentinel_conf.hidden_options(conf))

    def name(self, given: str) -> str:
        """As it is; shortened where it is refused for its length."""
        if len(given) > _LONGEST_NAME:
            long = f"has {len(given)} characters; at most {_LONGEST_NAME} are allowed"
            self.problem("master.name", long, f"master {given[:20]!r}...", "name")
            return given[:20]
        if not _NAME.fullmatch(given):
            bad = "may only have letters, digits, '.', '-' and '_', or a sentinel could not read its sentinel.conf again"
            self.problem("master.name", bad, f"master {given!r}", "name")
        return given

    def master(self, item: Params) -> Master:
        name = str(item["name"])
        if item["state"] == "absent":
            # Whatever its name: a server takes names that no file should hold.
            return Master(name, present=False)
        name = self.name(name)
        who = f"master {name}"
        values = self.values(who, options.OPTIONS, item)
        if item.get("replicas") is not None and item["replicas"] < 0:
            self.problem("option.too_low", "is negative; 0 says that it has none", who, "replicas")
        return Master(name, True, self.seeds(who, item.get("address") or []), item.get("replicas"), values, self.renames(who, item))

    def renames(self, who: str, item: Params) -> t.Mapping[str, str] | None:
        given = item.get(options.RENAME_COMMANDS)
        if given is None:
            return None
        self.problems += rename_problems(given, who)
        return {str(command).upper(): str(other) for command, other in given.items()}

    def seeds(self, who: str, given: list[str]) -> tuple[Address, ...]:
        seeds = []
        for text in given:
            try:
                seed = address.parse(str(text), DATA_PORT)
            except ValueError as error:
                self.problem("master.address", str(error), who, "address")
                continue
            if address.is_unspecified(seed.host):
                everywhere = f"{seed} means every address of a host, and no node can be reached there"
                self.problem("master.address", everywhere, who, "address", "give the address of the node")
            seeds.append(seed)
        return tuple(dict.fromkeys(seeds))
