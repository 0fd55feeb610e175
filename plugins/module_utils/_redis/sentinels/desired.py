# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of redis_sentinel, checked and made alike before anything is asked or sent. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import sentinel_conf

SENTINEL_PORT = 26379
DATA_PORT = 6379

# "valid charset is A-z 0-9 and the three characters .-_" says Redis' sample sentinel.conf; the server accepts others, and a
# name with a space makes a file that it cannot read again.
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_COMMAND = re.compile(r"[A-Za-z0-9._|-]+")
# What sentinel.conf takes for the bounds of a word, where the server writes values without quotes; and what ends the line.
_BOUNDS = re.compile(r"[ \"']")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Params = t.Mapping[str, t.Any]
# An option's name -> its value as the server writes it; a Secret where it must not be shown.
Values = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Sentinel:
    """One to be looked at. `hidden`: master -> what its sentinel.conf says of options that cannot be asked for; None where not given."""

    address: Address
    settings: Values
    hidden: t.Mapping[str, Values] | None = None

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
    values: Values = field(default_factory=dict)
    renames: t.Mapping[str, str] | None = None


@dataclass(frozen=True)
class Desired:
    sentinels: tuple[Sentinel, ...]
    masters: tuple[Master, ...]
    # Values that only some servers can write into their file and read again, each with what it is called.
    delicate: tuple[str, ...] = ()


def declare(params: Params) -> Desired:
    """Raises Refused with every problem, one line each."""
    reader = _Reader()
    settings = reader.settings(params["settings"] or {})
    sentinels = tuple(reader.sentinel(item, settings) for item in params["sentinels"])
    masters = tuple(reader.master(item, len(sentinels)) for item in params["masters"] or [])
    reader.refuse_twice("sentinel", [entry.name for entry in sentinels])
    reader.refuse_twice("master", [entry.name for entry in masters])
    if not sentinels:
        reader.problems.append("sentinels: is empty: name every sentinel of the set")
    if reader.problems:
        raise Refused(reader.problems)
    return Desired(sentinels, masters, tuple(reader.delicate))


class _Reader:
    """What is wrong is noted, and reading goes on."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.delicate: list[str] = []

    def refuse_twice(self, what: str, names: list[str]) -> None:
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.problems.append(f"{what} {name}: is named twice: keep one")

    def settings(self, item: Params) -> Values:
        values = {name: item[name] for name in options.SETTINGS if item.get(name) is not None}
        for name, value in values.items():
            if name in options.SWITCHES:
                values[name] = "yes" if value else "no"
            elif name in options.SECRET_SETTINGS:
                self.word(f"settings: {name}", value)
                values[name] = Secret(value)
            else:
                self.word(f"settings: {name}", value)
        return values

    def sentinel(self, item: Params, common: Values) -> Sentinel:
        host, port = str(item["host"]), item["port"]
        values = dict(common)
        try:
            place = address.parse(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", SENTINEL_PORT)
        except ValueError as error:
            self.problems.append(f"sentinels: {error}")
            place = Address(host, 0)
        if item.get("announce_ip") is not None:
            values["announce_ip"] = item["announce_ip"]
            if not item["announce_ip"].strip():
                self.problems.append(
                    f"sentinel {place}: announce_ip is empty: the others would forget it; leave it out, or give an address"
                )
            self.word(f"sentinel {place}: announce_ip", item["announce_ip"])
        if item.get("announce_port") is not None:
            values["announce_port"] = str(item["announce_port"])
            if not 0 <= item["announce_port"] < 65536:
                self.problems.append(f"sentinel {place}: announce_port is no port: 0 (its own) to 65535")
        conf = item.get("conf")
        return Sentinel(place, values, None if conf is None else sentinel_conf.hidden_options(conf))

    def master(self, item: Params, sentinels: int) -> Master:
        name = str(item["name"])
        if item["state"] == "absent":
            # Whatever its name: a server takes names that no file should hold.
            return Master(name, present=False)
        if not _NAME.fullmatch(name):
            self.problems.append(
                f"master {name!r}: is no name (letters, digits, '.', '-' and '_'): a sentinel would not start again with it"
            )
        values: Values = {}
        for option in options.OPTIONS:
            if item.get(option.name) is not None:
                values[option.name] = self.value(f"master {name}: {option.name}", option, item[option.name])
        quorum = item.get(options.QUORUM.name)
        if quorum is not None and quorum > sentinels:
            self.problems.append(
                f"master {name}: quorum is {quorum}, of {sentinels} sentinels: never reached; {sentinels // 2 + 1} is the majority"
            )
        if item.get("replicas") is not None and item["replicas"] < 0:
            self.problems.append(f"master {name}: replicas is negative; 0 says that none are expected")
        return Master(name, True, self.seeds(name, item.get("address") or []), item.get("replicas"), values, self.renames(name, item))

    def value(self, what: str, option: options.Option, value: t.Any) -> t.Any:
        if option.lowest is not None:
            if value < option.lowest:
                self.problems.append(f"{what} is {value}: the least is {option.lowest}")
            return str(value)
        self.word(what, value)
        return Secret(value) if option.secret else value

    def word(self, what: str, value: str) -> None:
        if _CONTROL.search(value):
            self.problems.append(f"{what}: holds a line's end or another control character: the sentinel would not start again with it")
        elif _BOUNDS.search(value):
            self.delicate.append(what)

    def renames(self, name: str, item: Params) -> t.Mapping[str, str] | None:
        given = item.get(options.RENAME_COMMANDS)
        if given is None:
            return None
        renames = {str(command).upper(): str(other) for command, other in given.items()}
        for command, other in renames.items():
            if not _COMMAND.fullmatch(command) or not _COMMAND.fullmatch(other):
                self.problems.append(
                    f"master {name}: rename_commands: {command!r} to {other!r}: both are words of letters and digits; "
                    "a command that has no name cannot be used by Sentinel"
                )
        return renames

    def seeds(self, name: str, given: list[str]) -> tuple[Address, ...]:
        seeds = []
        for text in given:
            try:
                seeds.append(address.parse(str(text), DATA_PORT))
            except ValueError as error:
                self.problems.append(f"master {name}: address: {error}")
        return tuple(dict.fromkeys(seeds))
