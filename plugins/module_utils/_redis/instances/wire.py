# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few words with a server on its own host, past network, TLS and client libraries. Private to this collection."""

from __future__ import annotations

import itertools
import socket
import typing as t

Address = t.Union[str, t.Tuple[str, int]]
TIMEOUT = 5.0
# Who may be it: a Sentinel's is `default`, until its clients have a password of their own.
ADMINISTRATORS = ("admin", "default")


class Said(Exception):
    """The server's refusal, in its words."""


class Wire:
    """A connection to a Unix socket by path, or to a host and port. Raises OSError where nothing listens."""

    def __init__(self, address: Address) -> None:
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

    def log_in(self, name: str, passwords: t.Iterable[str]) -> None:
        """With the first name and password that the server takes: while they are changed it knows the old ones only. Raises Said."""
        refusal = None
        for user, password in itertools.product(dict.fromkeys((name, *ADMINISTRATORS)), passwords):
            try:
                self.ask("AUTH", user, password)
                return
            except Said as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal

    def ask(self, *words: str) -> t.Any:
        """Raises Said."""
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
