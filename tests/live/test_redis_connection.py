"""A redis module's connection to real servers: replies as they are, and each failure told apart in one line."""

from __future__ import annotations

import re
import time
import typing as t
from urllib.parse import urlsplit

import pytest
from proxies import closed_port, greeter, silence

from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Credentials, Server, Tls, info, pairs
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from lab import redis, tls

SECURED = "requirepass right\nuser reader on >reading +@all -config\n"


@pytest.fixture(scope="module", params=list(redis.LINES))
def group(request: pytest.FixtureRequest) -> t.Iterator[redis.Group]:
    certificates = tls.ensure()
    secure = f"tls-port 6380\ntls-cert-file {certificates}/server.crt\ntls-key-file {certificates}/server.key\n"
    with redis.Group("connection", request.param) as made:
        made.add_data()
        made.add_data(config=SECURED)
        made.add_data(config=f"{secure}tls-ca-cert-file {certificates}/ca.crt\ntls-auth-clients yes\n")
        made.add_sentinel()
        yield made


def server_of(lab: redis.Server, **more: t.Any) -> Server:
    return Server(lab.host, lab.port, **{"timeout": 2.0, **more})


def test_replies(group: redis.Group) -> None:
    data, sentinel = server_of(group.data[0]), server_of(group.sentinels[0])
    assert data.ask("PING") == "PONG"
    assert data.ask("ROLE")[:1] == ["master"]
    assert info(data.ask("INFO", "replication"))["role"] == "master"
    assert pairs(data.ask("CONFIG", "GET", "port")) == {"port": "6379"}
    assert sentinel.ask("SENTINEL", "MASTERS") == []
    assert sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "none") is None
    assert data.transaction(["SET", "a", "1"], ["GET", "a"]) == ["OK", "1"]
    assert (data.asked, sentinel.asked) == (8, 2)


def test_a_server_may_be_reached_by_another_address_than_its_own(group: redis.Group) -> None:
    lab = group.data[0]
    access = Access(Credentials(), Credentials(), None, 2.0, reach={"192.0.2.1": lab.host})
    for of in (access.data, access.sentinel):
        server = of(Address("192.0.2.1", lab.port))
        assert (server.ask("PING"), server.name) == ("PONG", f"192.0.2.1:{lab.port}")


def test_an_error_in_a_transaction_names_its_command(group: redis.Group) -> None:
    data = server_of(group.data[0])
    with pytest.raises(errors.ServerError, match=r"INCR: .*not an integer"):
        data.transaction(["SET", "b", "x"], ["INCR", "b"])
    assert data.ask("GET", "b") == "x"


def test_the_servers_words_stay_whole(group: redis.Group) -> None:
    with pytest.raises(errors.ServerError) as caught:
        server_of(group.sentinels[0]).ask("SENTINEL", "MASTER", "none")
    assert (caught.value.code, caught.value.text) == ("ERR", "No such master with that name")


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (Credentials(), "It requires a password: give username and password"),
        (Credentials(password="wrong"), "does not accept these credentials"),
        (Credentials("nobody", "right"), "does not accept these credentials"),
    ],
)
def test_credentials(group: redis.Group, credentials: Credentials, words: str) -> None:
    with pytest.raises(errors.WrongCredentials) as caught:
        server_of(group.data[1], credentials=credentials).ask("GET", "a")
    assert words in one_line(caught)
    assert server_of(group.data[1], credentials=Credentials(password="right")).ask("PING") == "PONG"
    assert server_of(group.data[1], credentials=Credentials("reader", "reading")).ask("PING") == "PONG"


def test_a_missing_right_and_no_entry_in_the_acl_log_but_its_own(group: redis.Group) -> None:
    owner = server_of(group.data[1], credentials=Credentials(password="right"))
    owner.ask("ACL", "LOG", "RESET")
    with pytest.raises(errors.MissingRights) as caught:
        server_of(group.data[1], credentials=Credentials("reader", "reading")).ask("CONFIG", "GET", "port")
    assert "CONFIG GET" in one_line(caught) and "ACL" in str(caught.value)
    assert len(owner.ask("ACL", "LOG")) == 1


def test_a_password_where_there_is_none(group: redis.Group) -> None:
    with pytest.raises(errors.WrongCredentials) as caught:
        server_of(group.data[0], credentials=Credentials(password="right")).ask("PING")
    assert "has no password" in one_line(caught)


def test_a_data_node_is_no_sentinel_and_a_sentinel_no_data_node(group: redis.Group) -> None:
    with pytest.raises(errors.UnknownCommand) as caught:
        server_of(group.data[0]).ask("SENTINEL", "MASTERS")
    assert "Is this a sentinel" in one_line(caught)
    with pytest.raises(errors.UnknownCommand) as caught:
        server_of(group.sentinels[0]).ask("CONFIG", "GET", "port")
    assert "Is this a data node" in one_line(caught)


def test_tls(group: redis.Group) -> None:
    home, host = tls.ensure(), group.data[2].host
    client = {"client_cert": f"{home}/client.crt", "client_key": f"{home}/client.key"}
    right = Server(host, 6380, tls=Tls(False, f"{home}/ca.crt", **client), timeout=2.0)
    assert right.ask("PING") == "PONG"
    for settings, words in (
        (Tls(True, f"{home}/other-ca.crt", **client), "not trusted"),
        # The certificate is made for 127.0.0.1.
        (Tls(True, f"{home}/ca.crt", **client), "for other names"),
        (Tls(False, f"{home}/ca.crt"), "client certificate"),
    ):
        with pytest.raises(errors.SILENT) as caught:
            Server(host, 6380, tls=settings, timeout=2.0).ask("PING")
        assert words in one_line(caught)
    with pytest.raises(errors.SILENT) as caught:
        Server(host, 6380, timeout=2.0).ask("PING")
    assert "this port speaks TLS" in one_line(caught)
    with pytest.raises(errors.SILENT) as caught:
        server_of(group.data[0], tls=Tls(False)).ask("PING")
    # Some say at once what they are, others wait for more of what they take for a command.
    assert re.search("does not speak TLS|and that this port speaks TLS", one_line(caught))


def test_silence_refusal_and_strangers() -> None:
    for address, kind, words in (
        (closed_port(), errors.CannotConnect, "Connection refused"),
        (silence(), errors.TimedOut, "no answer within 1 s"),
        (greeter(b"HTTP/1.1 400 Bad Request\r\n\r\n"), errors.TimedOut, "broke"),
    ):
        with address as url:
            began = time.monotonic()
            with pytest.raises(kind) as caught:
                Server("127.0.0.1", int(urlsplit(url).port or 0), timeout=1.0).ask("PING")
            assert words in one_line(caught) and time.monotonic() - began < 2
    with pytest.raises(errors.CannotConnect) as caught:
        Server("no-such-host.invalid", 6379, timeout=2.0).ask("PING")
    assert "name has no address" in one_line(caught)


def test_a_hung_server_and_one_that_was_restarted(group: redis.Group) -> None:
    lab = group.data[0]
    server = server_of(lab, timeout=1.0)
    assert server.read("PING") == "PONG"
    lab.pause()
    began = time.monotonic()
    with pytest.raises(errors.TimedOut):
        server.read("PING")
    assert time.monotonic() - began < 1.9, "a timeout is not waited for twice"
    lab.resume()
    assert server.read("PING") == "PONG"
    lab.stop()
    lab.start()
    assert server.read("PING") == "PONG"
    lab.stop()
    lab.start()
    with pytest.raises(errors.TimedOut):
        server.ask("PING")
    assert server.ask("PING") == "PONG"


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text and "right" not in text.split("rights", maxsplit=1)[0].replace("credentials are right", ""), text
    return text
