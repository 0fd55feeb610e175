# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the hosts of an output are still the machines of the state. Pure. Private to this collection."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import first
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.machines import Machine

_SHOWN = 20


@dataclass(frozen=True)
class Verdict:
    """`missing`: machines that are no hosts. `vanished`: hosts that are no machines. `moved`: hosts that have another address now.
    `hosts`: the host of each machine that has one, by the address of its resource."""

    missing: tuple[Machine, ...] = ()
    vanished: tuple[str, ...] = ()
    moved: t.Mapping[str, str] = field(default_factory=dict)
    hosts: t.Mapping[str, str] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        return bool(self.missing or self.vanished or self.moved)

    def __str__(self) -> str:
        moved = [f"{host} to {address}" for host, address in self.moved.items()]
        parts = {"missing": [machine.name for machine in self.missing], "vanished": list(self.vanished), "moved": moved}
        return "; ".join(f"{word}: {first(names, _SHOWN)}" for word, names in parts.items() if names)


def verdict(addresses: t.Mapping[str, str], machines: t.Sequence[Machine], floating: t.Collection[str]) -> Verdict:
    """`addresses`: that of each host of the output. Names are compared if they are those of machines at all, else addresses alone."""
    hosts = _pairs(addresses, machines)
    paired = set(hosts.values())
    by_name = {machine.resource: machine for machine in machines if machine.resource in hosts}
    moved = {
        hosts[resource]: machine.address
        for resource, machine in by_name.items()
        if machine.address and _moved(addresses[hosts[resource]], machine, floating)
    }
    return Verdict(
        tuple(machine for machine in machines if machine.resource not in hosts),
        tuple(host for host in addresses if host not in paired),
        moved,
        hosts,
    )


def _pairs(addresses: t.Mapping[str, str], machines: t.Sequence[Machine]) -> dict[str, str]:
    names = [machine.name for machine in machines]
    if len(set(names)) == len(names) and any(name in addresses for name in names):
        return {machine.resource: machine.name for machine in machines if machine.name in addresses}
    at = {address: host for host, address in addresses.items()}
    pairs = {machine.resource: next((at[address] for address in sorted(machine.known) if address in at), None) for machine in machines}
    return {resource: host for resource, host in pairs.items() if host is not None}


def _moved(address: str, machine: Machine, floating: t.Collection[str]) -> bool:
    """A name is not judged: any address may be behind it."""
    return _is_ip(address) and any(map(_is_ip, machine.known)) and address not in machine.known and address not in floating


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
