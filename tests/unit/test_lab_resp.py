"""The tests' own Redis client: every type of RESP2, from one socket to another."""

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from lab.resp import Connection, ServerSaid, pairs


@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        (b"+OK\r\n", "OK"),
        (b":-7\r\n", -7),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"$6\r\na\r\nb\xc3\xa9\r\n", "a\r\nb\xe9"),
        (b"$0\r\n\r\n", ""),
        (b"*0\r\n", []),
        (b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+b\r\n", ["a", [1, None], "b"]),
    ],
)
def test_replies(wire: bytes, reply: t.Any) -> None:
    assert _answered(wire) == reply


def test_an_error_is_raised_with_the_servers_words() -> None:
    with pytest.raises(ServerSaid, match=r"^NOPERM no$"):
        _answered(b"-NOPERM no\r\n")


def test_what_is_no_resp_and_an_early_end_are_failures_of_the_connection() -> None:
    for wire in (b"HTTP/1.1 400\r\n", b"$5\r\nab", b""):
        with pytest.raises(OSError):
            _answered(wire)


def test_pairs() -> None:
    assert pairs(["a", "1", "b", "2"]) == {"a": "1", "b": "2"}


def _answered(wire: bytes) -> t.Any:
    """What the client makes of a server that says these bytes to the command PING x."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, dummy = listener.accept()
            with connection:
                assert connection.recv(100) == b"*2\r\n$4\r\nPING\r\n$1\r\nx\r\n"
                # In two pieces, as a network may deliver it.
                connection.sendall(wire[:3])
                connection.sendall(wire[3:])

        thread = threading.Thread(target=serve)
        thread.start()
        with Connection("127.0.0.1", listener.getsockname()[1]) as client:
            try:
                return client.ask("PING", "x")
            finally:
                thread.join()
