"""Requests and answers as bytes, and when a connection may be used again."""

from __future__ import annotations

import gzip
import http.client
import io

import pytest

pytest.importorskip("kubernetes", reason="the client needs kubernetes")

from ansible_collections.eco2.platform.plugins.module_utils._kube.api import transport

JSON = b"Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "data", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 2\r\n\r\n{}", 200, b"{}", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 409 \r\ncontent-length: 2\r\nConnection: Close\r\n\r\n{}", 409, b"{}", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nX-Trailer: 1\r\n\r\n", 200, b"abcd", True),
        (b"HTTP/1.1 200 OK\r\n\r\nall of it", 200, b"all of it", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, b"x", True),
    ],
)
def test_an_answer_is_read_to_its_end_and_no_further(sent: bytes, status: int, data: bytes, keeps: bool) -> None:
    file = io.BytesIO(sent + (b"next" if keeps else b""))
    answer, reusable = transport._answer(file)
    assert (answer.status, answer.data, reusable) == (status, data, keeps)
    assert file.read() == (b"next" if keeps else b"")


def test_names_of_headers_are_in_lower_case_and_bodies_are_left_as_they_are() -> None:
    body = gzip.compress(b"{}")
    sent = b"HTTP/1.1 429 x\r\nRetry-After:  3 \r\nX:a:b\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    answer, dummy = transport._answer(io.BytesIO(sent))
    assert (answer.headers["retry-after"], answer.headers["x"], answer.data) == ("3", "a:b", body)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", http.client.RemoteDisconnected),
        (b"SSH-2.0-OpenSSH\r\n", http.client.BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", http.client.IncompleteRead),
        (b"HTTP/1.1 200 OK\r\nContent-Le", http.client.HTTPException),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", http.client.IncompleteRead),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ValueError),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", ValueError),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500, http.client.HTTPException),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, http.client.HTTPException),
    ],
)
def test_what_is_no_answer_is_an_error_that_the_client_knows(sent: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        transport._answer(io.BytesIO(sent))


def test_a_request_goes_out_in_one_piece() -> None:
    sent = transport._request("PATCH", "/api/v1/nodes/a?fieldManager=x", "[::1]:6443", {"accept": "application/json"}.items(), b"{}")
    assert (
        sent
        == b"PATCH /api/v1/nodes/a?fieldManager=x HTTP/1.1\r\nhost: [::1]:6443\r\naccept: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )
    assert transport._request("GET", "/", "h", [("a", "1"), ("a", "2")], None) == b"GET / HTTP/1.1\r\nhost: h\r\na: 1\r\na: 2\r\n\r\n"


@pytest.mark.parametrize(("url", "header"), [("/x", "a\r\nb: c"), ("/x y", "a"), ("/x\n", "a"), ("/x", "a\0")])
def test_nothing_can_be_smuggled_into_a_request(url: str, header: str) -> None:
    with pytest.raises(ValueError, match="no request can hold"):
        transport._request("GET", url, "h", [("authorization", header)], None)
