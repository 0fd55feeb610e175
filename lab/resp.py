"""A plain client for Redis and Valkey, on sockets alone: other eyes than the collection's own."""

from __future__ import annotations

import contextlib
import socket
import typing as t

Reply = t.Union[str, int, None, t.List["Reply"]]


class ServerSaid(Exception):
    """The server answered with an error; the text is the server's."""


class Connection:
    """One connection, RESP2 on the wire. Raises OSError (TimeoutError among them) where the server or the way to it fails.

    `timeout` in seconds for connecting and for each answer; None waits for ever, as clients without socket timeouts do.
    """

    def __init__(self, host: str, port: int, timeout: float | None = 5.0, connect_timeout: float | None = None) -> None:
        self._socket = socket.create_connection((host, port), connect_timeout or timeout)
        self._socket.settimeout(timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def shutdown(self) -> None:
        """Wake a thread that waits for an answer here; it gets an OSError."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def ask(self, *words: str | int) -> t.Any:
        """The reply: str, int, None, or a list of these; ServerSaid for an error. Errors inside a list stay exceptions in it."""
        self.send(*words)
        return self.receive()

    def send(self, *words: str | int) -> None:
        encoded = [str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
        self._socket.sendall(b"".join(parts))

    def receive(self) -> t.Any:
        reply = self._reply()
        if isinstance(reply, ServerSaid):
            raise reply
        return reply

    def _reply(self) -> t.Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b"-":
            return ServerSaid(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._exactly(int(rest)).decode(errors="replace")
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for dummy in range(int(rest))]
        raise OSError(f"this is no RESP2: {line[:40]!r}")

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._read()
        line, dummy, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) < length + 2:
            self._read()
        data, self._buffer = self._buffer[:length], self._buffer[length + 2 :]
        return data

    def _read(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        self._buffer += received


def pairs(reply: t.Sequence[str]) -> dict[str, str]:
    """A flat list of names and values, as SENTINEL MASTER and CONFIG GET answer, as a dictionary."""
    return dict(zip(reply[::2], reply[1::2]))
