"""Texts of the servers' files as bytes, and addresses: what Python takes for a blank or a line's end is not what a server does."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._redis import connection
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, quoting
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import sentinel_conf

FOREIGN = ["ä", "пароль", "a\u00a0b", "a\u2028b", "a\u0085b", "a\u3000b", "\u00a0", "ß#$\\"]


@pytest.mark.parametrize("value", FOREIGN)
def test_a_password_is_read_as_a_server_writes_it_with_quotes_or_without(value: str) -> None:
    for written in (value, quoting.quoted(value), f"'{value}'"):
        text = f"port 26379\r\nsentinel monitor m 10.0.0.1 6379 2\nsentinel auth-pass m {written}\nsentinel auth-user m u\n"
        found = sentinel_conf.hidden_options(text)["m"]
        assert (found["auth_pass"].reveal(), found["auth_user"]) == (value, "u")


def test_bytes_that_a_server_escapes_one_by_one() -> None:
    assert quoting.words(r'sentinel auth-pass m "p\xc3\xa4"') == ["sentinel", "auth-pass", "m", "pä"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('a"b c"', ["ab c"]),
        ("'a\\'b' \"\\x41\\n\\q\"", ["a'b", "A\nq"]),
        ('"" x', ["", "x"]),
        ('"a', []),
        ('"a"b"', []),
        ("  \t a\v\r\n", ["a\v"]),
        ("a\0b", ["a"]),
        ("a" * 5000 + '"', []),
    ],
)
def test_words_of_a_line(line: str, words: list[str]) -> None:
    assert quoting.words(line) == words


@given(st.text())
def test_what_is_quoted_is_one_word_and_comes_back(value: str) -> None:
    assert quoting.words(f"x {quoting.quoted(value)} y") == ["x", value, "y"]
    assert quoting.unquoted(quoting.quoted(value)) == value


@given(st.text(st.characters(blacklist_categories=())))
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    sentinel_conf.hidden_options(f"sentinel monitor m h 1 1\nsentinel auth-pass m {text}\n{text}")
    quoting.unquoted(quoting.quoted(text))


def test_lines_end_at_line_feeds_alone() -> None:
    assert quoting.lines("a\u2028b\u0085c\r\n\u00a0d\x0ce \n") == ["a\u2028b\u0085c", "\u00a0d\x0ce", ""]
    assert connection.info("# Server\r\nconfig_file:/etc/a\u2028b.conf\r\nrole:master\r\n") == {
        "config_file": "/etc/a\u2028b.conf",
        "role": "master",
    }


NO_ADDRESSES = ["", " ", "a b", "a\u00a0", "a..b", "x" * 64, "-a", "a:1:b", "300.1.1.1", "10.1", "10.0.0.01", "[::1", "[::1]x", "a:0"]
NO_ADDRESSES += ["a:65536", "a:\u0661", "ä.de", "a/b", "\ud800", "a" * 300, "1", "[a]:1:2", "::1%", "a\x00"]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_refused_before_anybody_looks_it_up(text: str) -> None:
    with pytest.raises(ValueError, match=r"(is not an address|has no port)"):
        address.parse(text, 6379)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("A.b_c-d", "a.b_c-d:6379"), ("0:0::1", "[::1]:6379"), ("[fe80::1%eth0]:5", "[fe80::1%eth0]:5"), (" 10.0.0.1:7 ", "10.0.0.1:7")],
)
def test_what_is_an_address(text: str, shown: str) -> None:
    assert str(address.parse(text, 6379)) == shown


@given(st.text(st.characters(blacklist_categories=())))
def test_an_address_is_read_or_refused(text: str) -> None:
    try:
        found = address.parse(text, 6379)
    except ValueError:
        return
    assert address.parse(str(found), 6379) == found
    assert not t.cast(str, found.host).endswith(".")
