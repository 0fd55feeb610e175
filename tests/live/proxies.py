"""Servers that stand before a broker, or in place of one: they record what passes, and fail when told to."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import typing as t
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    body: bytes
    credentials: str | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def json(self) -> t.Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Reply:
    """An answer of the proxy's own; `after`: only once the broker has done what was asked."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    location: str = ""
    after: bool = False


class Cut:
    """Break the connection; `after`: only once the broker has done what was asked. `first`: what is done right before."""

    def __init__(self, after: bool = False, first: t.Callable[[], t.Any] = lambda: None) -> None:
        self.after = after
        self.first = first


Verdict = t.Union[Reply, Cut, None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy
    upstream: http.client.HTTPConnection | None = None

    def setup(self) -> None:
        super().setup()
        self.proxy.connections.append(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        if self.upstream is not None:
            self.upstream.close()

    def log_message(self, *dummy: t.Any) -> None:
        """Say nothing."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, body, self.headers.get("Authorization"))
        self.proxy.seen.append(seen)
        verdict = self.proxy.judge(seen)
        if isinstance(verdict, Reply):
            if verdict.after:
                self._forward(body)
            self._reply(verdict.status, verdict.content_type, verdict.body.encode(), verdict.location)
        elif isinstance(verdict, Cut):
            if verdict.after:
                self._forward(body)
            verdict.first()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._reply(*self._forward(body))

    def _forward(self, body: bytes) -> tuple[int, str, bytes]:
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(*self.proxy.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "accept-encoding")}
        self.upstream.request(self.command, self.path, body or None, headers)
        answer = self.upstream.getresponse()
        return answer.status, answer.headers.get("Content-Type", "application/json"), answer.read()

    def _reply(self, status: int, content_type: str, body: bytes, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", content_type)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *dummy: t.Any) -> None:
        """A client that went away is no news."""


class Proxy:
    """Passes HTTP on to `target` and keeps every request in `seen`; `judge` may answer or cut instead."""

    def __init__(self, target: str, judge: t.Callable[[Seen], Verdict] = lambda dummy: None) -> None:
        parts = urlsplit(target)
        self.target = (str(parts.hostname), int(parts.port or 80))
        self.judge = judge
        self.seen: list[Seen] = []
        self.connections: list[socket.socket] = []
        self.server = _Server(("127.0.0.1", 0), type("_Bound", (_Handler,), {"proxy": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def writes(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.writes]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def stranger(answer: Reply) -> Proxy:
    """A web server that is no broker: the same answer to everything."""
    return Proxy("http://127.0.0.1:1", lambda dummy: answer)


@contextlib.contextmanager
def closed_port() -> t.Iterator[str]:
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def silence() -> t.Iterator[str]:
    """An address that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def greeter(greeting: bytes) -> t.Iterator[str]:
    """An address that answers whatever it is asked with these bytes, as other protocols do."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, dummy = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(greeting)

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        # Closing alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
