# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What adopt writes: the hosts of an inventory with their variables. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

Variables = t.Dict[str, t.Any]
GROUPS = ("control_plane", "workers", "rabbitmq_brokers", "redis_sentinels")


class Template(str):
    """Text that Ansible must read as a template. All other text is written so that it is not read as one."""

    __slots__ = ()


@dataclass
class Host:
    """A host of the inventory.

    `inline`: variables that stand in hosts.yml. `files`: the name of a file of host_vars, with variables. `secrets`: variables of its
    vault; None where the value is not known. `optional`: those that can stay undefined. `left`: what could not be adopted, one line each.
    """

    name: str
    group: str
    inline: Variables = field(default_factory=dict)
    files: dict[str, Variables] = field(default_factory=dict)
    secrets: dict[str, t.Any] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=list)

    def secret(self, name: str, value: t.Any = None) -> Template:
        """A reference to a secret that must be there."""
        self.secrets[name] = value
        return Template("{{ " + name + " }}")

    def optional_secret(self, name: str, value: t.Any = None) -> Template:
        """A reference to a secret. Without the secret the option is omitted, so the server keeps what it has."""
        self.secrets[name] = value
        self.optional.add(name)
        return Template("{{ " + name + " | default(omit) }}")

    def unused(self, *words: str) -> str:
        """A name for a secret from words that may hold any character. Two may differ in signs only that no variable may have."""
        name = variable(*words)
        while name in self.secrets:
            name += "_"
        return name

    def undefined(self, vault: bool) -> list[str]:
        """The secrets that the user has to define, or can define, one line each. `vault`: whether the known ones are written."""
        open_ = [name for name, value in self.secrets.items() if value is None or not vault]
        words = {True: "can be defined in a vault; without it the server keeps what it has", False: "must be defined in a vault"}
        return [f"{name} {words[name in self.optional]}" for name in open_]


def connection(host: Host, prefix: str, given: t.Mapping[str, t.Any]) -> Variables:
    """The options of a connection as variables; passwords as references to the vault."""
    variables: Variables = {}
    for name, value in given.items():
        if name in ("password", "data_password"):
            variables[f"{prefix}_{name}"] = host.secret(f"vault_{prefix}_{name}", value)
        elif value is not None:
            variables[f"{prefix}_{name}"] = value
    return variables


def variable(*words: str) -> str:
    """The name of a variable from words that may hold any character."""
    return "_".join("".join(mark if mark.isascii() and mark.isalnum() else "_" for mark in word) for word in words)
