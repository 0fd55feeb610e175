# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords and their hashes, compared without a login attempt. Private to this collection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import typing as t
from dataclasses import dataclass

# The broker's name for each algorithm, in the words of the option hashing_algorithm.
MODULES = {name: f"rabbit_password_hashing_{name}" for name in ("sha256", "sha512", "md5")}
SALT_BYTES = 4


@dataclass(frozen=True)
class Hash:
    """What the broker stores: base64 of a 4-byte salt and digest(salt + password); the empty text forbids logins."""

    text: str
    algorithm: str  # the broker's name

    def accepts(self, password: str) -> bool:
        digest = {name: short for short, name in MODULES.items()}.get(self.algorithm)
        try:
            raw = base64.b64decode(self.text, validate=True)
        except ValueError:
            return False
        if digest is None or len(raw) <= SALT_BYTES:
            return False
        return hmac.compare_digest(raw, _salted(raw[:SALT_BYTES], password, digest))


NO_PASSWORD = Hash("", MODULES["sha256"])


@dataclass(frozen=True)
class Password:
    """A declared password in clear."""

    text: str


Credential = t.Union[Hash, Password]


def matches(declared: Credential, stored: Hash) -> bool:
    if isinstance(declared, Password):
        return stored.accepts(declared.text)
    return declared == stored


def to_store(declared: Credential) -> Hash:
    """The hash to send: a password in clear never leaves this process."""
    if isinstance(declared, Hash):
        return declared
    raw = _salted(os.urandom(SALT_BYTES), declared.text, "sha256")
    return Hash(base64.b64encode(raw).decode(), MODULES["sha256"])


def problem(text: str, algorithm: str) -> str | None:
    """What is wrong with a declared hash; the broker would store any text."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return "is not base64"
    wanted = SALT_BYTES + hashlib.new(algorithm, usedforsecurity=False).digest_size
    if text and len(raw) != wanted:
        return f"has {len(raw)} bytes and must have {wanted}, a salt and a digest of {algorithm}: check hashing_algorithm"
    return None


def _salted(salt: bytes, password: str, digest: str) -> bytes:
    return salt + hashlib.new(digest, salt + password.encode(), usedforsecurity=False).digest()
