# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands to a server on its own host, without network, TLS and client libraries. Private to this collection."""

from __future__ import annotations

import itertools
import re
import socket
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Instance

Address = t.Union[str, t.Tuple[str, int]]
TIMEOUT = 5.0
# Users who may be the administrator: a Sentinel's is `default` until its clients have their own password.
ADMINISTRATORS = ("admin", "default")


class Said(Exception):
    """An error that the server answers."""


class Wire:
    """A connection to a Unix socket by path, or to a host and port. Raises OSError where nothing listens."""

    def __init__(self, address: Address, renames: t.Mapping[str, str] | None = None) -> None:
        self._renames = renames or {}
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._input = self._socket.makefile("rb")

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self._input.close()
        self._socket.close()

    @classmethod
    def admin(cls, instance: Instance, socket_path: str | None = None) -> Wire:
        """A connection as the administrator of a running instance. Raises Said.

        The first name and password that the server accepts: while passwords change it knows only the former ones.
        """
        wire, refusal = cls(socket_path or instance.paths.socket, instance.renames), None
        name, passwords = instance.admin
        for user, password in itertools.product(dict.fromkeys((name, *ADMINISTRATORS)), passwords):
            try:
                wire.ask("AUTH", user, password)
                return wire
            except Said as error:
                refusal = refusal or error
        if refusal is not None:
            wire.__exit__()
            raise refusal
        return wire

    def keys(self) -> int:
        return sum(map(int, re.findall(r"(?m)^db\d+:keys=(\d+)", self.ask("INFO", "keyspace"))))

    def about(self, *sections: str) -> dict[str, str]:
        """These sections of INFO."""
        lines = [line for section in sections for line in self.ask("INFO", section).splitlines()]
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def ask(self, *words: str) -> t.Any:
        """Raises Said. A command that is renamed keeps its own name until the server restarts."""
        renamed = self._renames.get(words[0].upper())
        if renamed is None:
            return self._ask(*words)
        try:
            return self._ask(renamed, *words[1:])
        except Said as error:
            if "unknown command" not in str(error).lower():
                raise
        return self._ask(*words)

    def _ask(self, *words: str) -> t.Any:
        encoded = [word.encode("utf-8") for word in words]
        self._socket.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
        return self._answer()

    def _answer(self) -> t.Any:
        line = self._input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
        if kind == b"-":
            raise Said(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._input.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return [self._answer() for dummy in range(int(rest))]
        return rest
