# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of a host, as the kernel lists them; no program is needed. Private to this collection."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.files import text

Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def of_host(root: str = "/") -> list[str]:
    """IPv4 before IPv6, without those that no other host can use: loopback and link-local ones."""
    found = {*_ipv4(text(f"{root}proc/net/fib_trie") or ""), *_ipv6(text(f"{root}proc/net/if_inet6") or "")}
    usable = [address for address in found if not (address.is_loopback or address.is_link_local)]
    return [str(address) for address in sorted(usable, key=lambda address: (address.version, int(address)))]


def _ipv4(fib_trie: str) -> t.Iterator[Address]:
    """In the table of local routes each address of an interface is a host route."""
    for address in re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", fib_trie):
        yield ipaddress.ip_address(address)


def _ipv6(if_inet6: str) -> t.Iterator[Address]:
    for line in if_inet6.splitlines():
        yield ipaddress.ip_address(bytes.fromhex(line.split()[0]))
