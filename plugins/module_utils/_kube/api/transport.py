# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One exchange with an API server, over the kubernetes client's own kept-alive connections. Private to this collection."""

from __future__ import annotations

import http.client
import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import kubernetes, urllib3

_FORBIDDEN = re.compile(r"[\r\n\0]")
_STATUS = re.compile(rb"HTTP/(1\.[01]) (\d{3})[ \r\n]")
_MOST_HEADERS = 200
_LONGEST_LINE = 65536


def opener(settings: t.Any, tls_server_name: str | None, timeout: float) -> tuple[t.Callable[..., t.Any], str]:
    """What makes one exchange over the kubernetes client's own urllib3 pool, and what comes before a path when calling it."""
    try:
        manager = kubernetes.client.ApiClient(configuration=settings).rest_client.pool_manager
        if settings.host.startswith("https://"):
            _share_context(manager.connection_pool_kw)
        server_name = tls_server_name or getattr(settings, "tls_server_name", None)
        if server_name:
            manager.connection_pool_kw["server_hostname"] = server_name
        if getattr(manager, "proxy", None) is None:
            where = urlsplit(settings.host)
            return _direct(manager.connection_from_url(settings.host), where.netloc, timeout), where.path
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
        raise Refused([f"host or proxy cannot be used: {errors.one_line(error)}"]) from error
    patience = urllib3.Timeout(connect=timeout, read=timeout)

    def exchange(method: str, url: str, body: bytes | None, headers: t.Any) -> t.Any:
        # The manager's method `request` would join repeated headers in urllib3 1.26.
        how = {"body": body, "headers": headers, "timeout": patience, "retries": False, "redirect": False}
        return manager.request_encode_url(method, url, **how)

    return exchange, settings.host


@dataclass(frozen=True)
class Answer:
    """`headers` by their names in lower case."""

    status: int
    headers: t.Mapping[str, str]
    data: bytes


def _direct(pool: t.Any, host: str, timeout: float) -> t.Callable[..., Answer]:
    """Exchanges over the pool's connections, written and read by ourselves.

    urllib3 takes 0.6 ms of processor time for each request, the standard library half of that, most of it to read headers as those of
    a letter. Changing a node takes the API server not much longer. What is left to urllib3 is to make connections, with all that TLS,
    certificates and names take.
    """

    def exchange(method: str, url: str, body: bytes | None, headers: t.Any) -> Answer:
        connection = pool._get_conn()  # a kept one that was closed meanwhile opens again
        try:
            connection.timeout = timeout
            if connection.sock is None:
                connection.connect()
            connection.sock.sendall(_request(method, url, host, headers.items(), body))
            with connection.sock.makefile("rb") as file:
                answer, keeps = _answer(file)
            if not keeps:
                connection.close()
            return answer
        except BaseException:
            connection.close()
            raise
        finally:
            pool._put_conn(connection)

    return exchange


def _request(method: str, url: str, host: str, headers: t.Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    """The whole request (RFC 9112), so that it goes out in one piece. Raises ValueError for what would end a header early."""
    lines = [f"{method} {url} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if any(map(_FORBIDDEN.search, lines)) or " " in url:
        raise ValueError("an argument has a line break, or a path a space, that no request can hold")
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + (body or b"")


def _answer(file: t.BinaryIO) -> tuple[Answer, bool]:
    """The answer (RFC 9112), read to its end, and whether the connection can be used again."""
    status = 100
    while status < 200:  # what comes before is an announcement
        line = file.readline(_LONGEST_LINE)
        start = _STATUS.match(line)
        if not start:
            raise http.client.BadStatusLine(repr(line[:80])) if line else http.client.RemoteDisconnected("closed without an answer")
        version, status, headers = start.group(1), int(start.group(2)), _headers(file)
    connection = headers.get("connection", "").lower()
    keeps = connection == "keep-alive" if version == b"1.0" else connection != "close"
    if status in (204, 304):
        return Answer(status, headers, b""), keeps
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Answer(status, headers, b"".join(_chunks(file))), keeps
    if headers.get("content-length", "").isdigit():
        return Answer(status, headers, _exactly(file, int(headers["content-length"]))), keeps
    return Answer(status, headers, file.read()), False


def _headers(file: t.BinaryIO) -> dict[str, str]:
    """Of one that is repeated the last: none that is asked for ever is."""
    found: dict[str, str] = {}
    for dummy in range(_MOST_HEADERS):
        line = file.readline(_LONGEST_LINE)
        if line in (b"\r\n", b"\n"):
            return found
        if not line.endswith(b"\n"):
            raise http.client.HTTPException("a header has no end")
        name, value = line.decode("latin-1").split(":", 1)
        found[name.strip().lower()] = value.strip()
    raise http.client.HTTPException(f"more than {_MOST_HEADERS} headers")


def _chunks(file: t.BinaryIO) -> t.Iterator[bytes]:
    while True:
        size = int(file.readline(_LONGEST_LINE).partition(b";")[0], 16)
        if not size:
            _headers(file)
            return
        yield _exactly(file, size)
        file.readline(_LONGEST_LINE)


def _exactly(file: t.BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise http.client.IncompleteRead(data, size - len(data))
    return data


def _share_context(settings: dict[str, t.Any]) -> None:
    """One TLS context for all connections of a pool; urllib3 would read the certificates again for each."""
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=settings.get("cert_reqs"))
    ca_file, ca_data = settings.pop("ca_certs", None), settings.pop("ca_cert_data", None)
    certificate, key = settings.pop("cert_file", None), settings.pop("key_file", None)
    what = "the certificate authorities cannot be used"
    try:
        if ca_file or ca_data:
            context.load_verify_locations(cafile=ca_file, cadata=ca_data)
        else:
            context.load_default_certs()
        what = "client certificate and key cannot be used, or don't belong together"
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise Refused([f"{what} ({errors.one_line(error)}): look into the kubeconfig, or ca_cert, client_cert and client_key"]) from error
    settings["ssl_context"] = context
