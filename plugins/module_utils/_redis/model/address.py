# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network addresses of servers: read, compared, written. Private to this collection."""

from __future__ import annotations

import ipaddress
import re
import socket
import typing as t

# What a resolver takes as a name. One whose last part is a number is an IP address with a mistake: some resolvers read 10.1 as 10.0.0.1.
_NAME = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*(?![0-9]+\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
)


class Address(t.NamedTuple):
    """A host, as an IP address in its shortest form or a name, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def of(cls, host: str, port: t.Any) -> Address:
        """So that two spellings of one IP address are equal: a server writes ::1 for 0:0:0:0:0:0:0:1."""
        return cls(str(_ip(host)) if is_ip(host) else host.lower(), int(port))

    def is_same(self, other: Address) -> bool:
        """Whether both mean one server: they are equal, or a name among them leads to the other's address."""
        if self == other or self.port != other.port:
            return self == other
        # Two IP addresses that differ are two servers; nothing is looked up for them.
        return not (is_ip(self.host) and is_ip(other.host)) and bool(_resolved(self.host) & _resolved(other.host))


def parse(text: str, default_port: int) -> Address:
    """HOST, HOST:PORT, [IPv6]:PORT or an IPv6 address alone; ValueError with what is wrong."""
    text = text.strip(" \t\r\n")
    host, port = text, ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        # What does not begin with a colon is no port.
        port = rest[1:] if closed and (rest.startswith(":") or not rest) else "?"
    elif text.count(":") == 1:
        host, dummy, port = text.partition(":")
    if not (is_ip(host) or _NAME.fullmatch(host)):
        raise ValueError(f"{_shortened(text)!r} is not an address; write HOST:PORT or [IPV6]:PORT")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{_shortened(text)!r} has no port from 1 to 65535 after its colon")
    return Address.of(host, port or default_port)


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."


def place(item: t.Mapping[str, t.Any]) -> Address:
    """The address of an argument with `host` and `port`; ValueError with what is wrong."""
    return parse(str(Address(item["host"], item["port"])), item["port"])


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address in the form of IPv6, such as ::ffff:127.0.0.1, is that IPv4 address."""
    found = ipaddress.ip_address(host)
    return getattr(found, "ipv4_mapped", None) or found


# The names that systems give to it in /etc/hosts.
_LOOPBACK = re.compile(r"(.*\.)?localhost|localhost\.localdomain|localhost[46]|ip6-(localhost|loopback)")


def is_loopback(host: str) -> bool:
    """Whether it leads each host to itself. Nothing is looked up."""
    return _ip(host).is_loopback if is_ip(host) else bool(_LOOPBACK.fullmatch(host.lower()))


def is_unspecified(host: str) -> bool:
    """Whether it means all addresses of a host, so that nobody can connect to it."""
    return is_ip(host) and _ip(host).is_unspecified


def leads_nowhere(host: str) -> str | None:
    """Why no other host finds this one by this address; None where it may. Nothing is looked up."""
    if is_loopback(host):
        return "is every host itself"
    ip = _ip(host) if is_ip(host) else None
    if ip is None:
        return None
    if ip.is_unspecified or ip.is_multicast or str(ip) == "255.255.255.255":
        return "is not the address of one host"
    return "is valid on one link only" if ip.version == 6 and ip.is_link_local else None


def beside(place: Address, teller: Address) -> Address:
    """The address that a server tells, as others can use it: with its own host for a loopback address."""
    return place if not is_loopback(place.host) or is_loopback(teller.host) else place._replace(host=teller.host)


def _resolved(host: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()
