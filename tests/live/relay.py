"""A server that stands before a Redis server, or in place of one: it reads each command, passes it on, or answers itself."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import typing as t

Words = t.List[str]
# Bytes are the answer as it goes out; None passes the command on.
Judge = t.Callable[[Words], t.Optional[bytes]]

UNKNOWN = b"-ERR unknown command\r\n"


class _Handler(socketserver.StreamRequestHandler):
    relay: Relay

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            upstream: t.Any = None
            while True:
                raw = _message(self.rfile)
                words = _words(raw)
                self.relay.seen.append(words)
                answer = self.relay.judge(words)
                if answer is None and self.relay.target is None:
                    answer = UNKNOWN
                if answer is None:
                    if upstream is None:
                        connection = stack.enter_context(socket.create_connection(t.cast("tuple[str, int]", self.relay.target), 5))
                        upstream = stack.enter_context(connection.makefile("rwb", buffering=0))
                    upstream.write(raw)
                    answer = _message(upstream)
                self.wfile.write(answer)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *dummy: object) -> None:
        """A client that went away is no news."""


class Relay:
    """Listens on a port of its own of `host`; `target` None stands for no server. `seen`: every command that came."""

    def __init__(self, target: tuple[str, int] | None, judge: Judge = lambda dummy: None, host: str = "127.0.0.1") -> None:
        self.target = target
        self.judge = judge
        self.seen: list[Words] = []
        self._server = _Server((host, 0), type("_Bound", (_Handler,), {"relay": self}))
        self.host, self.port = self._server.server_address[0], self._server.server_address[1]

    def __enter__(self) -> Relay:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def bulk(text: str) -> bytes:
    """A text as a server sends it."""
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


def _message(stream: t.Any) -> bytes:
    """One whole RESP2 message, as it came."""
    line = _line(stream)
    kind, rest = line[:1], line[1:-2]
    if kind == b"*" and rest != b"-1":
        return t.cast(bytes, line + b"".join(_message(stream) for dummy in range(int(rest))))
    if kind == b"$" and rest != b"-1":
        return line + _exactly(stream, int(rest) + 2)
    return line


def _line(stream: t.Any) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        line += _exactly(stream, 1)
    return line


def _exactly(stream: t.Any, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = stream.read(length - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def _words(raw: bytes) -> Words:
    parts = raw.split(b"\r\n")
    return [part.decode(errors="replace") for part in parts[2::2]]
