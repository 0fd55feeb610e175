"""Bootstrap tokens and cluster-info: which can be joined by, and what is signed."""

from __future__ import annotations

import base64
import datetime
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import codes

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
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
    assert codes(cluster_info.parse, {"kubeconfig": text}) == ["cluster_info.unusable"]


PARAMS = {"state": "present", "token_id": None, "ttl": 3600, "minimum_left": 600, "group": tokens.GROUP, "wait_timeout": 0.0}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"ttl": 600}, "token.ttl"),
        ({"group": "system:masters"}, "token.group"),
        ({"token_id": "ABC", "state": "absent"}, "token.token_id"),
        ({"token_id": "abcdef"}, "token.token_id_unused"),
    ],
)
def test_arguments_that_cannot_be(given: dict[str, t.Any], code: str) -> None:
    assert codes(tokens.Tokens, None, {**PARAMS, **given}) == [code]


# Writing


class Cluster:
    """In place of the client: the Secrets of kube-system, and a cluster-info that is signed with every token or with none.

    Its connection is lost for good when it gets write number `lost`.
    """

    def __init__(self, authority: str, lost: int | None = None, signs: bool = True) -> None:
        self.secrets: dict[str, dict[str, t.Any]] = {}
        self.text, self.lost, self.signs, self.writes = kubeconfig("https://a:6443", authority), lost, signs, 0

    def add(self, token_id: str) -> None:
        expires = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = secret(dict([tokens.OURS]), token_id=token_id, expiration=expires)
        self.secrets[entry["metadata"]["name"]] = entry

    def get(self, path: str, *dummy: str, **query: str) -> dict[str, t.Any]:
        if path.endswith("/secrets"):
            return {"items": list(self.secrets.values())}
        found = [tokens.of_secret(entry) for entry in self.secrets.values()] if self.signs else []
        signed = {
            f"jws-kubeconfig-{token.token_id}": cluster_info.sign(self.text, token.token_id, token.secret) for token in found if token
        }
        return {"data": {"kubeconfig": self.text, **signed}}

    def delete(self, path: str, *dummy: str) -> bool:
        self._write()
        return self.secrets.pop(path.rpartition("/")[2], None) is not None

    def post(self, dummy: str, body: dict[str, t.Any], what: str) -> None:
        self._write()
        data = {key: base64.b64encode(value.encode()).decode() for key, value in body["stringData"].items()}
        self.secrets[body["metadata"]["name"]] = {"metadata": {**body["metadata"], "uid": "u"}, "data": data}

    def _write(self) -> None:
        if self.writes == self.lost:
            raise Unreachable("the API server is lost")
        self.writes += 1

    def run(self, check_mode: bool = False, **given: t.Any) -> dict[str, t.Any]:
        report = converge(tokens.Tokens(t.cast("t.Any", self), {**PARAMS, **given}), check_mode, diff=False)
        return {**report.result, "msg": report.failure}


@pytest_openssl
def test_a_token_is_made_used_again_and_removed(authority: str) -> None:
    cluster = Cluster(authority)
    assert cluster.run(check_mode=True)["join"]["token"] is None and not cluster.secrets
    made = cluster.run()
    assert (made["changed"], made["msg"]) == (True, None)
    assert [change["object"] for change in made["changes"]] == [made["join"]["token_id"]]
    for check_mode in (True, False):
        again = cluster.run(check_mode)
        assert (again["changed"], again["unchanged"], again["join"]) == (False, 1, made["join"])
    assert cluster.run(state="absent")["changed"] and not cluster.secrets
    assert not cluster.run(state="absent")["changed"]


@pytest_openssl
@pytest.mark.parametrize("lost", [0, 1])
def test_a_server_that_is_lost_between_two_deletions_leaves_a_true_result(authority: str, lost: int) -> None:
    cluster = Cluster(authority, lost=lost)
    cluster.add("aaaaaa")
    cluster.add("bbbbbb")
    result = cluster.run(state="absent")
    assert "lost" in result["msg"]
    assert [change["object"] for change in result["changes"]] == ["aaaaaa", "bbbbbb"][:lost]
    assert result["changed"] is bool(lost)
    assert [change["object"] for change in result["not_attempted"]] == ["aaaaaa", "bbbbbb"][lost:]


@pytest_openssl
def test_a_token_whose_signature_never_comes_is_a_change_and_is_named(authority: str) -> None:
    cluster = Cluster(authority, signs=False)
    result = cluster.run()
    (change,) = result["changes"]
    assert result["changed"] and cluster.secrets.keys() == {f"bootstrap-token-{change['object']}"}
    assert [(entry["object"], entry["action"]) for entry in result["failures"]] == [(change["object"], "wait")]
    assert change["object"] in result["msg"] and "join" not in result
    again = cluster.run()
    assert (again["changed"], again["failures"][0]["object"]) == (False, change["object"])


@pytest_openssl
def test_a_token_that_cannot_be_made_is_no_change(authority: str) -> None:
    result = Cluster(authority, lost=0).run()
    assert (result["changed"], result["changes"], len(result["not_attempted"])) == (False, [], 1)
    assert "join" not in result
