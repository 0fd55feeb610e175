"""What a redis module makes of arguments, replies and refusals, without a server."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection, errors

ARGUMENTS: dict[str, t.Any] = {
    "username": None,
    "password": None,
    "data_username": None,
    "data_password": None,
    "tls": False,
    "validate_certs": True,
    "ca_path": None,
    "client_cert": None,
    "client_key": None,
    "connection_timeout": 5.0,
}


def test_pairs_of_a_list_and_of_a_dictionary() -> None:
    assert connection.pairs(["name", "m", "port", 6379, "x", None]) == {"name": "m", "port": "6379", "x": ""}
    assert connection.pairs({"name": "m", "port": 6379}) == {"name": "m", "port": "6379"}


def test_info_without_headings_and_with_colons_in_values() -> None:
    text = "# Replication\r\nrole:master\r\nslave0:ip=::1,port=6379\r\n\r\nexecutable:/usr/bin/a:b\r\n"
    assert connection.info(text) == {"role": "master", "slave0": "ip=::1,port=6379", "executable": "/usr/bin/a:b"}


def test_each_kind_of_server_has_its_own_credentials() -> None:
    made = connection.access({**ARGUMENTS, "password": "s", "data_username": "u", "data_password": "d"})
    sentinel, data = made.sentinel("a", 1), made.data("::1", 2)
    assert (sentinel.credentials.username, sentinel.credentials.password) == (None, "s")
    assert (data.credentials.username, data.credentials.password) == ("u", "d")
    assert (sentinel.name, data.name) == ("a:1", "[::1]:2")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"username": "u"}, "username: is of use only with password"),
        ({"data_username": "u"}, "data_username: is of use only with data_password"),
        ({"ca_path": "/etc/passwd"}, "ca_path: is of use only with tls"),
        ({"tls": True, "ca_path": "/nowhere"}, "ca_path: /nowhere does not exist"),
        ({"tls": True, "client_key": "/etc/passwd"}, "client_key: is of use only with client_cert"),
        ({"connection_timeout": 0.0}, "connection_timeout: must be more than 0"),
    ],
)
def test_arguments_that_cannot_be_right_are_refused(arguments: dict[str, t.Any], word: str) -> None:
    with pytest.raises(Refused, match=word):
        connection.access({**ARGUMENTS, **arguments})


@pytest.mark.parametrize(
    ("items", "word"),
    [
        ([], "at least one"),
        ([{"host": "", "port": 1}], "'' is no host"),
        ([{"host": "a b", "port": 1}], "'a b' is no host"),
        ([{"host": "a", "port": 65536}], "65536 is no port"),
        ([{"host": "a", "port": 1}, {"host": "a", "port": 1}], "a:1 is there twice"),
    ],
)
def test_sentinels_that_cannot_be_right_are_refused(items: list[dict[str, t.Any]], word: str) -> None:
    with pytest.raises(Refused, match=word):
        connection.access(ARGUMENTS).sentinels(items)


@pytest.mark.parametrize(
    ("code", "text", "kind", "word"),
    [
        ("NOAUTH", "Authentication required.", errors.WrongCredentials, "It wants a password: give OPTIONS."),
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
