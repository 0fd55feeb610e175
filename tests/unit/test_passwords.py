from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.passwords import NO_PASSWORD, Hash, Password

# The worked example of https://www.rabbitmq.com/docs/passwords: the salt 908DC60A and the password test12.
DOCUMENTED = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
SHA256 = "rabbit_password_hashing_sha256"
ALGORITHMS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512, "md5": hashlib.md5}


def stored(algorithm: str, password: str, salt: bytes = b"\x90\x8d\xc6\x0a") -> Hash:
    digest = ALGORITHMS[algorithm](salt + password.encode()).digest()
    return Hash(base64.b64encode(salt + digest).decode(), f"rabbit_password_hashing_{algorithm}")


def test_the_documented_hash_accepts_its_password_and_no_other() -> None:
    assert Hash(DOCUMENTED, SHA256).accepts("test12")
    assert not Hash(DOCUMENTED, SHA256).accepts("test13")
    assert not Hash(DOCUMENTED, SHA256).accepts("")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_accepts_its_own_password(algorithm: str) -> None:
    assert stored(algorithm, "pässword").accepts("pässword")
    assert not stored(algorithm, "pässword").accepts("password")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_hash_under_another_algorithms_name_accepts_nothing(algorithm: str) -> None:
    for other in set(ALGORITHMS) - {algorithm}:
        assert not Hash(stored(algorithm, "a").text, f"rabbit_password_hashing_{other}").accepts("a")


@pytest.mark.parametrize("text", ["", "AAAA", "AAAAAA==", "not base64!", "ü", DOCUMENTED[:-4]])
def test_what_is_no_hash_accepts_nothing(text: str) -> None:
    assert not Hash(text, SHA256).accepts("test12")
    assert not Hash(text, SHA256).accepts("")


def test_a_hash_of_an_unknown_algorithm_accepts_nothing() -> None:
    assert not Hash(DOCUMENTED, "rabbit_password_hashing_argon").accepts("test12")


@given(st.text())
def test_what_is_stored_for_a_password_accepts_it(password: str) -> None:
    made = passwords.to_store(Password(password))
    assert made.accepts(password)
    assert not made.accepts(password + "x")
    assert passwords.problem(made.text, "sha256") is None


def test_the_same_password_is_stored_under_another_salt_each_time() -> None:
    assert len({passwords.to_store(Password("a")).text for dummy in range(8)}) > 1


def test_a_declared_hash_is_stored_as_it_is() -> None:
    assert passwords.to_store(stored("md5", "a")) == stored("md5", "a")
    assert passwords.to_store(NO_PASSWORD).text == ""


def test_a_declared_password_matches_any_hash_that_accepts_it() -> None:
    assert passwords.matches(Password("a"), stored("sha512", "a"))
    assert not passwords.matches(Password("b"), stored("sha512", "a"))
    assert not passwords.matches(Password("a"), NO_PASSWORD)


def test_a_declared_hash_matches_only_itself() -> None:
    assert passwords.matches(stored("sha256", "a"), stored("sha256", "a"))
    assert not passwords.matches(stored("sha256", "a"), stored("sha256", "a", salt=b"salt"))
    assert not passwords.matches(Hash(DOCUMENTED, SHA256), Hash(DOCUMENTED, "rabbit_password_hashing_sha512"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_hash_of_the_right_length_can_be_declared(algorithm: str) -> None:
    assert passwords.problem(stored(algorithm, "a").text, algorithm) is None
    assert passwords.problem("", algorithm) is None


@pytest.mark.parametrize("text", ["not base64!", "ü", "AAA"])
def test_a_hash_that_is_not_base64_cannot_be_declared(text: str) -> None:
    assert passwords.problem(text, "sha256") == "is not base64"


def test_a_hash_of_another_algorithms_length_cannot_be_declared() -> None:
    problem = passwords.problem(stored("sha512", "a").text, "sha256")
    assert problem
    assert "68 bytes" in problem
    assert "36" in problem
    assert "hashing_algorithm" in problem
