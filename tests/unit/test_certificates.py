"""Certificates, read without a library and compared with what openssl says of them."""

from __future__ import annotations

import datetime
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._net import certificates

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")

KEYS = {
    "rsa": ("-newkey", "rsa:2048"),
    "p256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    "ed25519": ("-newkey", "ed25519"),
}


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


def make(home: Path, subject: str, key: str = "p256", days: int = 365) -> str:
    out = home / "certificate.pem"
    target = ("-days", str(days), "-subj", subject, "-keyout", f"{home}/key.pem", "-out", f"{out}")
    openssl("req", "-utf8", "-x509", *KEYS[key], "-nodes", *target)
    return out.read_text()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("subject", ["/CN=kubernetes", "/O=system:nodes/CN=system:node:k8s-rabbitmq", "/O=nobody", "/CN=früh"])
def test_they_say_what_openssl_says(tmp_path: Path, key: str, subject: str) -> None:
    pem = make(tmp_path, subject, key)
    spki = openssl("pkey", "-pubin", "-outform", "der", stdin=openssl("x509", "-pubkey", "-noout", stdin=pem.encode()))
    assert certificates.spki_pins(pem)[0] == "sha256:" + hashlib.sha256(spki).hexdigest()
    assert certificates.common_name(pem) == (subject.rpartition("CN=")[2] if "CN=" in subject else "")
    ends = openssl("x509", "-enddate", "-noout", "-dateopt", "iso_8601", stdin=pem.encode()).decode().strip()
    expected = datetime.datetime.strptime(ends, "notAfter=%Y-%m-%d %H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    assert certificates.not_after(pem) == expected


def test_a_time_after_2050_is_written_otherwise_and_read_alike(tmp_path: Path) -> None:
    assert certificates.not_after(make(tmp_path, "/CN=x", days=20000)).year > 2075


def test_what_stands_beside_a_certificate_does_not_disturb(tmp_path: Path) -> None:
    pem = make(tmp_path, "/CN=kubernetes")
    key = (tmp_path / "key.pem").read_text()
    for text in (f"a note\n{pem}", f"{key}{pem}", pem.replace("\n", "\r\n"), f"{pem}{key}"):
        assert certificates.spki_pins(text)[0] == certificates.spki_pins(pem)[0]


def test_a_bundle_has_a_pin_for_each(tmp_path: Path) -> None:
    first, second = make(tmp_path, "/CN=old"), make(tmp_path, "/CN=new")
    pins = [certificates.spki_pins(first)[0], certificates.spki_pins(second)[0]]
    assert certificates.spki_pins(first + second) == pins
    assert certificates.spki_pins(first + second)[0] == pins[0]
    assert certificates.common_name(first + second) == "old"


@pytest.mark.parametrize("pem", ["", "no", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nAAAA"])
def test_what_is_none_is_refused_in_words(pem: str) -> None:
    for read in (certificates.spki_pins, certificates.common_name, certificates.not_after):
        with pytest.raises(ValueError, match="certificate") as refused:
            read(pem)
        assert "\n" not in str(refused.value)


def test_a_key_is_no_certificate(tmp_path: Path) -> None:
    make(tmp_path, "/CN=x")
    with pytest.raises(ValueError, match="no certificate"):
        certificates.spki_pins((tmp_path / "key.pem").read_text())[0]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return make(tmp_path_factory.mktemp("certificate"), "/CN=kubernetes").splitlines()


@given(where=st.integers(0, 2000), character=st.sampled_from("AZaz09+/= \n"), cut=st.booleans())
def test_damage_never_ends_in_anything_but_a_clear_refusal(lines: list[str], where: int, character: str, cut: bool) -> None:
    body = "\n".join(lines[1:-1])
    place = where % len(body)
    damaged = body[:place] if cut else body[:place] + character + body[place + 1 :]
    pem = f"{lines[0]}\n{damaged}\n{lines[-1]}"
    try:
        assert certificates.spki_pins(pem)[0].startswith("sha256:")
        certificates.common_name(pem)
        certificates.not_after(pem)
    except ValueError as error:
        assert "\n" not in str(error)
