# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads certificates with the standard library only. Private to this collection.

It reads the parts of X.509 (RFC 5280, 4.1) that are needed to join a cluster. It verifies nothing: kubeadm compares the pin, and TLS
checks signatures. It runs on nodes too, so it supports Python 3.9 and needs no libraries.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re
import typing as t

_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_TEXT = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3
_BLOCK = re.compile("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def spki_pins(pem: str) -> list[str]:
    """`sha256:<hex>` of each certificate's public key, as kubeadm's --discovery-token-ca-cert-hash takes it (RFC 7469).

    One for each certificate of a bundle, in its order; never empty. Raises ValueError if the text contains no readable certificate.
    """
    return ["sha256:" + hashlib.sha256(certificate.public_key).hexdigest() for certificate in _certificates(pem)]


def common_name(pem: str) -> str:
    """The subject's common name, such as `system:node:k8s-rabbitmq`; "" where it has none. Raises ValueError."""
    return _certificates(pem)[0].common_name


def not_after(pem: str) -> datetime.datetime:
    """When the first certificate expires, in UTC. Raises ValueError."""
    return _certificates(pem)[0].not_after


class _Certificate(t.NamedTuple):
    common_name: str
    not_after: datetime.datetime
    public_key: bytes  # the whole SubjectPublicKeyInfo, DER


class _Value(t.NamedTuple):
    tag: int
    content: bytes
    whole: bytes


def _certificates(pem: str) -> list[_Certificate]:
    blocks = _BLOCK.findall(pem)
    if not blocks:
        raise ValueError("no certificate in PEM format (there is no line '-----BEGIN CERTIFICATE-----' with its end)")
    try:
        return [_certificate(base64.b64decode("".join(block.split()), validate=True)) for block in blocks]
    except (binascii.Error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def _certificate(der: bytes) -> _Certificate:
    """tbsCertificate: [version], serial number, signature, issuer, validity, subject, subject's public key, ..."""
    signed, *dummy = _inside(_one(der))
    fields = _inside(signed)
    if fields and fields[0].tag == _VERSION:
        fields = fields[1:]
    if len(fields) < 6:
        raise ValueError("it ends too early")
    validity, subject, public_key = fields[3:6]
    return _Certificate(_name(subject), _time(_inside(validity)[1]), public_key.whole)


def _name(subject: _Value) -> str:
    """The last common name, as Go's TLS takes it."""
    found = ""
    for relative in _inside(subject):
        for pair in _values(relative.content):
            kind, value = _inside(pair)
            if kind.tag == _OID and kind.content == _COMMON_NAME and value.tag in _TEXT:
                found = value.content.decode(_TEXT[value.tag])
    return found


def _time(value: _Value) -> datetime.datetime:
    text = value.content.decode("ascii")
    if value.tag == _UTC_TIME:  # two digits of the year: 50 to 99 are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    elif value.tag != _GENERALIZED_TIME:
        raise ValueError("its validity has no time")
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def _inside(value: _Value) -> list[_Value]:
    if value.tag != _SEQUENCE:
        raise ValueError(f"a sequence was expected, not tag {value.tag:#04x}")
    return list(_values(value.content))


def _one(data: bytes) -> _Value:
    values = list(_values(data))
    if len(values) != 1:
        raise ValueError("more than one value")
    return values[0]


def _values(data: bytes) -> t.Iterator[_Value]:
    """DER values side by side (X.690, 8.1 and 10.1)."""
    start = 0
    while start < len(data):
        tag, length, begin = data[start], data[start + 1], start + 2
        if length & 0x80:
            size = length & 0x7F
            length, begin = int.from_bytes(data[begin : begin + size], "big"), begin + size
        end = begin + length
        if end > len(data) or end <= start:
            raise ValueError("a value is longer than the data")
        yield _Value(tag, data[begin:end], data[start:end])
        start = end
