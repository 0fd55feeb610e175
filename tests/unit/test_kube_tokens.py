"""Bootstrap tokens and cluster-info: which can be joined by, and what is signed."""

from __future__ import annotations

import base64
import datetime
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from declaring import problem
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._kube.tokens import cluster_info, tokens
from ansible_collections.eco2.platform.plugins.module_utils._kube.tokens.tokens import NEVER, Token
from ansible_collections.eco2.platform.plugins.module_utils._net import certificates

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.timezone.utc)
GOOD = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "expiration": "2026-11-24T13:00:00Z",
    "usage-bootstrap-signing": "true",
    "usage-bootstrap-authentication": "true",
    "auth-extra-groups": f"system:bootstrappers:other, {tokens.GROUP}",
}


def secret(labels: dict[str, str] | None = None, name: str | None = None, **data: str | None) -> dict[str, t.Any]:
    values = {**GOOD, **{key.replace("_", "-"): value for key, value in data.items()}}
    return {
        "metadata": {"name": name or f"bootstrap-token-{values['token-id']}", "uid": "u", **({"labels": labels} if labels else {})},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items() if value is not None},
    }


def test_a_token_is_read_and_its_secret_is_in_no_text() -> None:
    token = tokens.of_secret(secret(dict([tokens.OURS])))
    assert token is not None
    assert (token.token_id, token.secret, token.fit, token.ours) == ("abcdef", "0123456789abcdef", True, True)
    assert token.left(NOW) == 3600
    assert "0123456789abcdef" not in repr(token) + str([token])


@pytest.mark.parametrize(
    ("expiration", "left"),
    [
        ("2026-11-24T12:10:00+00:00", 600),
        ("2026-11-24T21:10:00+09:00", 600),
        ("2026-11-24T12:10:00.500000Z", 600.5),
    ],
)
def test_times_of_every_zone(expiration: str, left: float) -> None:
    token = tokens.of_secret(secret(expiration=expiration))
    assert token is not None and token.left(NOW) == left


def test_without_an_end_it_never_ends() -> None:
    token = tokens.of_secret(secret(expiration=None))
    assert token is not None and token.expires == NEVER


@pytest.mark.parametrize(
    "data",
    [
        {"usage_bootstrap_signing": "false"},
        {"usage_bootstrap_signing": None},
        {"usage_bootstrap_authentication": None},
        {"auth_extra_groups": None},
        {"auth_extra_groups": "system:bootstrappers:kubeadm"},
    ],
)
def test_what_nobody_can_join_by(data: dict[str, t.Any]) -> None:
    token = tokens.of_secret(secret(**data))
    assert token is not None and not token.fit


@pytest.mark.parametrize(
    "data",
    [
        {"name": "bootstrap-token-other1"},
        {"token_id": "ABCDEF"},
        {"token_secret": "short"},
        {"token_secret": None},
        {"expiration": "tomorrow"},
    ],
)
def test_what_is_no_token_is_passed_over(data: dict[str, t.Any]) -> None:
    assert tokens.of_secret(secret(**data)) is None
    broken = secret()
    broken["data"]["token-secret"] = "***"
    assert tokens.of_secret(broken) is None
    assert tokens.of_secret({"metadata": {"name": "bootstrap-token-abcdef", "uid": "u"}}) is None


def test_one_that_is_being_deleted_is_not_fit() -> None:
    entry = secret()
    entry["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    token = tokens.of_secret(entry)
    assert token is not None and not token.fit


def at(minutes: float, token_id: str = "abcdef", fit: bool = True, ours: bool = False) -> Token:
    return Token(token_id, "0123456789abcdef", NOW + datetime.timedelta(minutes=minutes), fit, ours, "u")


def test_the_one_to_join_by() -> None:
    mine, longer, other = at(20, "mine01", ours=True), at(30, "mine02", ours=True), at(300, "other1")
    assert tokens.reusable([mine, other, longer], 600, NOW) == longer
    assert tokens.reusable([other, at(400, fit=False)], 600, NOW) == other
    assert tokens.reusable([at(10), at(9, ours=True), at(-1)], 600, NOW) is None
    assert tokens.reusable([], 600, NOW) is None


@given(st.lists(st.builds(at, st.integers(-5, 60), st.sampled_from(["aaaaaa", "bbbbbb"]), st.booleans(), st.booleans())))
def test_whatever_is_there_what_is_used_again_is_fit_and_lasts(there: list[Token]) -> None:
    chosen = tokens.reusable(there, 600, NOW)
    good = [token for token in there if token.fit and token.left(NOW) > 600]
    assert (chosen is None) == (not good)
    if chosen is not None:
        assert chosen in good
        assert chosen.ours or not any(token.ours for token in good)


# cluster-info

pytest_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    home: Path = tmp_path_factory.mktemp("ca")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{home}/key.pem")
    command = ["openssl", "req", "-x509", *key, "-subj", "/CN=kubernetes", "-out", f"{home}/ca.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return (home / "ca.pem").read_text()


def kubeconfig(server: str, authority: str) -> str:
    data = base64.b64encode(authority.encode()).decode()
    return (
        f"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {data}\n    server: {server}\n  name: ''\nkind: Config\n"
    )


@pytest_openssl
@pytest.mark.parametrize(
    ("server", "endpoint"),
    [
        ("https://k8s-api.eco2.internal:6443", "k8s-api.eco2.internal:6443"),
        ("https://10.0.1.10", "10.0.1.10:443"),
        ("https://[::1]:6443/", "[::1]:6443"),
    ],
)
def test_endpoint_and_pin(server: str, endpoint: str, authority: str) -> None:
    pytest.importorskip("yaml")
    found = cluster_info.parse({"kubeconfig": kubeconfig(server, authority * 2)})
    assert found.endpoint == endpoint
    assert found.pins == (certificates.spki_pins(authority)[0],) * 2


@pytest_openssl
def test_a_signature_is_right_only_for_its_text_and_secret(authority: str) -> None:
    text = kubeconfig("https://a:6443", authority)
    signature = cluster_info.sign(text, "abcdef", "0123456789abcdef")
    found = cluster_info.parse({"kubeconfig": text, "jws-kubeconfig-abcdef": signature})
    assert found.is_signed_with("abcdef", "0123456789abcdef")
    assert not found.is_signed_with("abcdef", "0123456789abcdeg")
    assert not found.is_signed_with("fedcba", "0123456789abcdef")
    other = cluster_info.parse({"kubeconfig": text.replace("a:6443", "b:6443"), "jws-kubeconfig-abcdef": signature})
    assert not other.is_signed_with("abcdef", "0123456789abcdef")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "a: 1",
        "clusters: []",
        "clusters: [{cluster: {server: 'https://a'}}]",
        "clusters: [{cluster: {server: 1, certificate-authority-data: eA==}}]",
    ],
)
def test_a_cluster_info_that_makes_no_sense_is_refused_in_one_line(text: str) -> None:
    line = problem(cluster_info.parse, {"kubeconfig": text})
    assert "kube-public/cluster-info" in line and "kubeadm init phase bootstrap-token" in line


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ttl": 600}, "ttl: 600 s is not more than minimum_left"),
        ({"group": "system:masters"}, "must begin with system:bootstrappers:"),
        ({"token_id": "ABC", "state": "absent"}, "six lower-case letters"),
        ({"token_id": "abcdef"}, "is for state absent"),
    ],
)
def test_arguments_that_cannot_be(given: dict[str, t.Any], words: str) -> None:
    params = {"state": "present", "token_id": None, "ttl": 3600, "minimum_left": 600, "group": tokens.GROUP, **given}
    assert words in problem(tokens.converge, None, params, False, False)
