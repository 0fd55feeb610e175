"""What a redis module makes of arguments, replies and refusals, without a server."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._net import tls
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection, errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.lock import Lock
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired

ARGUMENTS: dict[str, t.Any] = {
    "username": None,
    "password": None,
    "data_username": None,
    "data_password": None,
    "tls": False,
    "validate_certs": True,
    "ca_cert": None,
    "client_cert": None,
    "client_key": None,
    "timeout": 5.0,
    "address_map": {},
}


def test_pairs_of_a_list_and_of_a_dictionary() -> None:
    assert connection.pairs(["name", "m", "port", 6379, "x", None]) == {"name": "m", "port": "6379", "x": ""}
    assert connection.pairs({"name": "m", "port": 6379}) == {"name": "m", "port": "6379"}


def test_info_without_headings_and_with_colons_in_values() -> None:
    text = "# Replication\r\nrole:master\r\nslave0:ip=::1,port=6379\r\n\r\nexecutable:/usr/bin/a:b\r\n"
    assert connection.info(text) == {"role": "master", "slave0": "ip=::1,port=6379", "executable": "/usr/bin/a:b"}


def test_each_kind_of_server_has_its_own_credentials() -> None:
    made = connection.access({**ARGUMENTS, "password": "s", "data_username": "u", "data_password": "d"})
    sentinel, data = made.sentinel(Address("a", 1)), made.data(Address("::1", 2))
    assert (sentinel.credentials.username, sentinel.credentials.password) == (None, "s")
    assert (data.credentials.username, data.credentials.password) == ("u", "d")
    assert (sentinel.name, data.name) == ("a:1", "[::1]:2")


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        ({"username": "u"}, "connection.username_alone", "username"),
        ({"data_username": "u"}, "connection.username_alone", "data_username"),
        ({"ca_cert": "/etc/passwd"}, "connection.no_tls", "ca_cert"),
        ({"tls": True, "ca_cert": "/nowhere"}, "tls.unreadable_file", "ca_cert"),
        ({"tls": True, "client_key": "/etc/passwd"}, "tls.key_alone", "client_key"),
        ({"address_map": {"10.0.0.1:6379": "10.0.0.2"}}, "connection.address_map", "address_map"),
        ({"address_map": {"10.0.0.1": ""}}, "connection.address_map", "address_map"),
    ],
)
def test_arguments_that_cannot_be_right_are_refused(arguments: dict[str, t.Any], code: str, field: str) -> None:
    with pytest.raises(Refused) as caught:
        connection.access({**ARGUMENTS, **arguments})
    assert [(problem.code, problem.field) for problem in caught.value.problems] == [(code, field)]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], "sentinels.none"),
        ([{"host": "", "port": 1}], "sentinel.address"),
        ([{"host": "a b", "port": 1}], "sentinel.address"),
        ([{"host": "0.0.0.0", "port": 1}], "sentinel.address"),  # noqa: S104
        ([{"host": "::", "port": 1}], "sentinel.address"),
        ([{"host": "a", "port": 65536}], "sentinel.address"),
        ([{"host": "a", "port": 1}, {"host": "a", "port": 1}], "sentinel.twice"),
    ],
)
def test_sentinels_that_cannot_be_right_are_refused(items: list[dict[str, t.Any]], code: str) -> None:
    with pytest.raises(Refused) as caught:
        desired.declare({"sentinels": items})
    assert [problem.code for problem in caught.value.problems] == [code]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("certificate verify failed: self-signed certificate", "is not trusted"),
        ("certificate verify failed: IP address mismatch, certificate is not valid for '10.0.0.1'", "is for other names"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        ("[SSL: KEY_VALUES_MISMATCH] key values mismatch", "cannot begin"),
        ("tlsv13 alert certificate required", "asks for a client certificate"),
        ("EOF occurred in violation of protocol", "asks for a client certificate"),
        ("anything", "TLS failed (anything)"),
    ],
)
def test_why_tls_failed(reason: str, words: str) -> None:
    assert words in tls.cause(reason, has_certificate=False)


@pytest.mark.parametrize(
    ("code", "text", "kind", "word"),
    [
        ("NOAUTH", "Authentication required.", errors.WrongCredentials, "It requires a password: give OPTIONS."),
        ("WRONGPASS", "invalid username-password pair or user is disabled.", errors.WrongCredentials, "Check OPTIONS."),
        (
            "ERR",
            "AUTH <password> called without any password configured for the default user.",
            errors.WrongCredentials,
            "Leave out OPTIONS",
        ),
        ("NOPERM", "this user has no permissions", errors.MissingRights, "ACL SETUSER"),
        ("LOADING", "Redis is loading the dataset in memory", errors.Loading, "Wait until"),
        ("ERR", "unknown command 'SENTINEL', with args", errors.UnknownCommand, "Is this a sentinel"),
        ("INPROG", "Failover already in progress", errors.ServerError, "INPROG Failover already in progress."),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(code: str, text: str, kind: type, word: str) -> None:
    error = errors.from_answer("h:1", "SENTINEL MASTER", code, text, "OPTIONS")
    assert error.__class__ is kind and isinstance(error, ChangeFailed)
    assert str(error).startswith("h:1: ") and word in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    "host", ["127.0.1.1", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST", "a.localhost", "localhost.localdomain", "ip6-loopback"]
)
def test_every_spelling_of_loopback_is_loopback(host: str) -> None:
    assert address.is_loopback(host) and address.leads_nowhere(host)


def test_an_ipv4_address_in_the_form_of_ipv6_is_that_address() -> None:
    assert Address.of("::ffff:10.0.0.1", 1) == Address.of("10.0.0.1", 1)
    assert address.is_unspecified("::ffff:0.0.0.0")
    assert not any(map(address.leads_nowhere, ("::ffff:10.0.0.1", "redis-1", "localhost-1", "mylocalhost")))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"holder": ""}, "holder.text"),
        ({"holder": " "}, "holder.text"),
        ({"holder": "\ud800"}, "holder.text"),
        ({"seconds": 0}, "seconds.range"),
        ({"seconds": -1}, "seconds.range"),
        ({"seconds": 2**63}, "seconds.range"),
        ({"masters": [{"name": "m", "rename_commands": {"GET": ""}}]}, "rename.word"),
    ],
)
def test_a_lock_that_would_hold_nobody_back_is_refused(more: dict[str, t.Any], code: str) -> None:
    right = {**ARGUMENTS, "sentinels": [{"host": "a", "port": 1}], "masters": [], "holder": "first", "seconds": 30, "state": "present"}
    assert Lock(right).milliseconds == 30_000
    with pytest.raises(Refused) as caught:
        Lock({**right, **more})
    assert [problem.code for problem in caught.value.problems] == [code]
