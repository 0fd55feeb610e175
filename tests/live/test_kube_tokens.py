"""kube_bootstrap_token and kube_nodes_info on a real cluster that signs its cluster-info, judged by kubectl."""

from __future__ import annotations

import base64
import datetime
import json
import time
import typing as t

import pytest
from ground import one_line
from harness import KubeTask

from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client
from lab.apiserver import ApiServer

Result = t.Dict[str, t.Any]
GROUP = "system:bootstrappers:kubeadm:default-node-token"


class Tokens:
    """The bootstrap tokens of a cluster; what others have, a test puts there itself."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.task = KubeTask(server, "kube_bootstrap_token")

    def clean(self) -> None:
        self.server.kubectl("delete", "secrets", "--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token")

    def ids(self) -> list[str]:
        query = ("get", "secrets", "--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token", "--output=json")
        return sorted(entry["metadata"]["name"].rpartition("-")[2] for entry in json.loads(self.server.kubectl(*query))["items"])

    def signed(self) -> list[str]:
        query = ("get", "configmap", "cluster-info", "--namespace=kube-public", "--output=json")
        names = json.loads(self.server.kubectl(*query))["data"]
        return sorted(name.rpartition("-")[2] for name in names if name.startswith("jws-"))

    def make(self, token_id: str, minutes: float, **data: str) -> str:
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
        values = {
            "token-id": token_id,
            "token-secret": "0123456789abcdef",
            "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "usage-bootstrap-signing": "true",
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": GROUP,
            **{name.replace("_", "-"): value for name, value in data.items()},
        }
        metadata = {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system"}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token", "metadata": metadata, "stringData": values}
        self.server.kubectl("create", "--filename=-", stdin=json.dumps(secret).encode())
        return f"{token_id}.0123456789abcdef"

    def until_signed(self, token_id: str) -> None:
        for dummy in range(150):
            if token_id in self.signed():
                return
            time.sleep(0.2)
        raise AssertionError(f"{token_id} was not signed")


@pytest.fixture
def tokens(kube: ApiServer) -> t.Iterator[Tokens]:
    tokens = Tokens(kube)
    tokens.clean()
    yield tokens
    tokens.clean()


def test_made_signed_used_again_and_removed(tokens: Tokens) -> None:
    predicted = tokens.task.check()
    assert predicted["changed"] and predicted["join"]["token"] is None and tokens.ids() == []
    made = tokens.task.apply()
    join = made["join"]
    assert made["changed"] and [change["action"] for change in made["changes"]] == ["create"]
    assert tokens.ids() == tokens.signed() == [join["token_id"]]
    assert join["token"].startswith(f"{join['token_id']}.")
    for again in (tokens.task.check(), tokens.task.apply()):
        assert (again["changed"], again["join"]) == (False, join)
    expires = datetime.datetime.fromisoformat(join["expires"].replace("Z", "+00:00"))
    assert 3500 < (expires - datetime.datetime.now(datetime.timezone.utc)).total_seconds() <= 3600
    # The token is what it says: a machine that may ask for its certificate, and nothing else.
    rights = ("--token", join["token"], "--kubeconfig=/dev/null", "--server", tokens.server.url)
    ca = ("--certificate-authority", f"{tokens.server.home}/pki/ca.crt")
    who = json.loads(tokens.server.kubectl("auth", "whoami", "--output=json", *rights, *ca))["status"]["userInfo"]
    assert who["username"] == f"system:bootstrap:{join['token_id']}"
    assert GROUP in who["groups"]
    gone = tokens.task.check(state="absent")
    assert gone["changed"] and tokens.ids() == [join["token_id"]]
    gone = tokens.task.apply(state="absent")
    assert gone["changed"] and tokens.ids() == [] and "join" not in gone
    assert not tokens.task.apply(state="absent")["changed"]


def test_endpoint_and_pins_are_the_clusters_own(tokens: Tokens) -> None:
    """Not those of the connection, which may be a tunnel."""
    join = tokens.task.apply(host=tokens.server.url.replace("localhost", "127.0.0.1"))["join"]
    assert join["endpoint"] == tokens.server.url.partition("//")[2]
    printed = tokens.server.kubeadm("token", "create", "--print-join-command", "--ttl=5m")
    assert f"kubeadm join {join['endpoint']} " in printed
    assert f"--discovery-token-ca-cert-hash {join['ca_cert_hashes'][0]}" in printed
    about = KubeTask(tokens.server, "kube_nodes_info").apply()
    assert (about["cluster_endpoint"], about["ca_pin"]) == (join["endpoint"], join["ca_cert_hashes"][0])
    assert about["ca_pins"] == join["ca_cert_hashes"]
    assert about["api_server_version"] == tokens.server.version


def test_anothers_token_is_used_while_it_lasts_and_is_signed(tokens: Tokens) -> None:
    token = tokens.make("other1", 30)
    tokens.until_signed("other1")
    result = tokens.task.apply()
    assert (result["changed"], result["join"]["token"]) == (False, token)
    assert not tokens.task.apply(state="absent")["changed"], "it is not ours to remove unasked"
    assert tokens.task.apply(state="absent", token_id="other1")["changed"]
    assert tokens.ids() == []


@pytest.mark.parametrize(
    ("minutes", "data"),
    [
        (9, {}),
        (-5, {}),
        (30, {"usage_bootstrap_signing": "false"}),
        (30, {"auth_extra_groups": "system:bootstrappers:others"}),
        (30, {"usage_bootstrap_authentication": "false"}),
    ],
    ids=["nearly over", "expired", "not for signing", "of another group", "not for authentication"],
)
def test_a_token_that_will_not_do_is_passed_over(tokens: Tokens, minutes: float, data: dict[str, str]) -> None:
    tokens.make("other1", minutes, **data)
    result = tokens.task.apply()
    assert result["changed"] and result["join"]["token_id"] != "other1"
    assert result["join"]["token_id"] in tokens.signed()


def test_ours_is_renewed_before_it_is_too_short(tokens: Tokens) -> None:
    first = tokens.task.apply(ttl=700)["join"]["token_id"]
    assert tokens.task.apply(minimum_left=690, ttl=700)["join"]["token_id"] == first
    second = tokens.task.apply(minimum_left=700, ttl=3600)
    assert second["changed"] and second["join"]["token_id"] != first
    # The longer one is the one to share from now on.
    assert tokens.task.apply()["join"]["token_id"] == second["join"]["token_id"]


def test_nobody_signs(tokens: Tokens) -> None:
    tokens.server.kill("controller-manager")
    try:
        result = tokens.task.apply(wait_timeout=1)
        line = one_line(result, "no signature", "kube-controller-manager", "bootstrapsigner")
    finally:
        tokens.server.start()
    made = tokens.ids()
    assert made and made[0] in line
    assert (result["changed"], [change["object"] for change in result["changes"]]) == (True, made)
    result = tokens.task.apply()
    assert not result["changed"] and result["join"]["token_id"] == made[0], "the next run goes on with it"


def test_the_api_server_is_lost_between_two_deletions(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [tokens.task.apply(minimum_left=least, ttl=least + 100)["join"]["token_id"] for least in (600, 700)]
    delete = Client.delete

    def crash(self: Client, *arguments: t.Any) -> bool:
        done = delete(self, *arguments)
        tokens.server.kill("apiserver")
        return done

    monkeypatch.setattr(Client, "delete", crash)
    try:
        result = tokens.task.apply(state="absent")
    finally:
        tokens.server.start()
    left = tokens.ids()
    assert len(left) == 1 and result["failed"] and result["changed"]
    assert [change["object"] for change in result["changes"]] == sorted({*both} - {*left})
    assert [change["object"] for change in result["not_attempted"]] == left


def test_a_signature_that_is_wrong_is_no_signature(tokens: Tokens) -> None:
    tokens.task.apply()
    (token_id,) = tokens.signed()
    tokens.server.kill("controller-manager")
    try:
        wrong = json.dumps({"data": {f"jws-kubeconfig-{token_id}": "eyJhbGciOiJIUzI1NiJ9..AAAA"}})
        tokens.server.kubectl("patch", "configmap", "cluster-info", "--namespace=kube-public", "--type=merge", f"--patch={wrong}")
        one_line(tokens.task.apply(wait_timeout=1), token_id, "another signature")
    finally:
        tokens.server.start()
    tokens.task.apply()


def test_a_cluster_that_nobody_can_join_says_so(tokens: Tokens) -> None:
    query = ("get", "configmap", "cluster-info", "--namespace=kube-public", "--output=json")
    saved = json.loads(tokens.server.kubectl(*query))
    tokens.server.kubectl("delete", "configmap", "cluster-info", "--namespace=kube-public")
    try:
        for result in (tokens.task.check(), tokens.task.apply()):
            one_line(result, "kube-public/cluster-info", "kubeadm init phase bootstrap-token")
        assert tokens.ids() == []
        about = KubeTask(tokens.server, "kube_nodes_info").apply()
        assert (about["ca_pin"], about["cluster_endpoint"]) == (None, None)
    finally:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cluster-info", "namespace": "kube-public"},
            "data": saved["data"],
        }
        tokens.server.kubectl("create", "--filename=-", stdin=json.dumps(body).encode())


def test_missing_rights_are_named(tokens: Tokens) -> None:
    tokens.task.defaults["kubeconfig"] = tokens.server.user("nobody")
    one_line(tokens.task.apply(), "HTTP 403", "the verb list on secrets (a Role in kube-system")


def test_a_secret_that_is_none_disturbs_nobody(tokens: Tokens) -> None:
    broken = {"data": {"token-secret": base64.b64encode(b"\xff\xfe").decode()}}
    tokens.make("other1", 30)
    tokens.server.kubectl("patch", "secret", "bootstrap-token-other1", "--namespace=kube-system", f"--patch={json.dumps(broken)}")
    assert tokens.task.apply()["changed"]
