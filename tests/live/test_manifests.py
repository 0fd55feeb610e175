"""Custom resources of the Topology Operator: the real topology of the platform, and users with their Secrets."""

from __future__ import annotations

import base64
import hashlib
import re
import typing as t
import urllib.error
from pathlib import Path

import pytest
import yaml
from corner import Corner
from observer import Observer
from proxies import Proxy

from lab.brokers import Broker

PREFIX = "cr-"
INVENTORY = Path(__file__).resolve().parent.parent.parent / "inventory"
ABOUT = {"rabbitmqClusterReference": {"name": "any"}}


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, PREFIX) as corner:
        yield corner


def _manifests() -> str:
    """The real file, in a vhost of this test."""
    text = (INVENTORY / "manifests" / "topology.yaml").read_text(encoding="utf-8")
    moved, count = re.subn(r"^( +(?:name|vhost)): eco2$", r"\1: cr-eco2", text, flags=re.MULTILINE)
    assert count == 26, "the file is not as this test knows it, and would touch a vhost that is not its own"
    return moved


def _lists() -> dict[str, t.Any]:
    """The real variables, in the same vhost."""
    variables = yaml.safe_load((INVENTORY / "example" / "group_vars" / "all" / "rabbitmq.yml").read_text(encoding="utf-8"))
    lists = {name.removeprefix("rabbitmq_"): value for name, value in variables.items()}
    return dict(lists, vhost="cr-eco2", vhosts=[{"name": "cr-eco2"}])


def test_resources_and_lists_say_the_same_26_objects(corner: Corner) -> None:
    done = corner.settle(manifests=_manifests())
    # Two limits, which the Vhost does not set and the operator would delete, are not there.
    assert len(done["changes"]) == 26 and done["unchanged"] == 2
    by_resources = corner.snapshot()
    assert corner.kinds() == {"vhost": 1, "exchange": 5, "queue": 10, "binding": 10}
    corner.idle(**_lists())
    corner.idle(manifests=_manifests(), **_lists())
    assert corner.task.apply(**_lists())["unchanged"] == 26
    corner.clean()
    done = corner.settle(**_lists())
    assert len(done["changes"]) == 26
    assert corner.snapshot() == by_resources
    corner.idle(manifests=_manifests())
    corner.idle(manifests=list(yaml.safe_load_all(_manifests())))


def test_nothing_to_do_takes_eight_requests_and_no_write(corner: Corner) -> None:
    corner.settle(manifests=_manifests())
    for arguments in ({"manifests": _manifests()}, _lists()):
        with Proxy(corner.broker.url) as proxy:
            result = corner.task.apply(url=[proxy.url], **arguments)
        assert result["changed"] is False and result["unchanged"] in (26, 28)
        assert 0 < len(proxy.seen) <= 8, [seen.path for seen in proxy.seen]
        assert proxy.writes == []
    with Proxy(corner.broker.url) as proxy:
        assert not corner.task.check(url=[proxy.url], manifests=_manifests(), on_immutable_change="recreate_if_empty")["changed"]
    # One more for what goes with an exchange that is recreated: topic permissions.
    assert 0 < len(proxy.seen) <= 9 and proxy.writes == []


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _sha512(password: str) -> str:
    salt = b"\x05\x06\x07\x08"
    return base64.b64encode(salt + hashlib.sha512(salt + password.encode()).digest()).decode()


def _resource(kind: str, called: str, **spec: t.Any) -> dict[str, t.Any]:
    metadata = {"name": called, "namespace": "n"}
    return {"apiVersion": "rabbitmq.com/v1beta1", "kind": kind, "metadata": metadata, "spec": {**spec, **ABOUT}}


def _secret(name: str, **fields: t.Any) -> dict[str, t.Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "n"}, **fields}


def _whoami(corner: Corner, name: str, password: str) -> t.Any:
    observer = Observer(corner.broker)
    observer.headers = dict(observer.headers, Authorization=f"Basic {_b64(f'{name}:{password}')}")
    return observer.request("GET", "whoami")["name"]


def test_users_with_secrets_permissions_and_limits(corner: Corner) -> None:
    manifests = [
        _resource("Vhost", "v", name="cr-v", limits={"connections": 50, "queues": 7}),
        _resource(
            "User", "api", tags=["management"], importCredentialsSecret={"name": "api-secret"}, limits={"channels": 8, "connections": 9}
        ),
        _resource("User", "batch", tags=["management"], importCredentialsSecret={"name": "batch-secret"}),
        _secret("api-secret", data={"username": _b64("cr-api"), "password": _b64("cr-pässword")}),
        _secret("batch-secret", stringData={"username": "cr-batch", "passwordHash": _sha512("cr-batch-pw")}),
        _resource("Exchange", "e", name="e", vhost="cr-v", type="topic", durable=True),
        _resource(
            "Permission", "p", vhost="cr-v", userReference={"name": "api"}, permissions={"write": "^e$", "configure": "", "read": "^q"}
        ),
        _resource("Permission", "p2", vhost="cr-v", user="cr-batch", permissions={"read": ".*"}),
        _resource(
            "TopicPermission",
            "t",
            vhost="cr-v",
            userReference={"name": "batch"},
            permissions={"exchange": "e", "write": "^a", "read": "^b"},
        ),
    ]
    done = corner.settle(manifests=manifests)
    seen = {(kind, tuple(sorted(yaml.safe_load(key).items()))): fields for (kind, key), fields in corner.snapshot().items()}
    assert len(done["changes"]) == 11 and len(seen) == 11
    limits = [fields["value"] for (kind, dummy), fields in seen.items() if "limit" in kind]
    assert sorted(limits) == [7, 8, 9, 50]
    permission = seen[("permission", (("user", "cr-api"), ("vhost", "cr-v")))]
    assert permission == {"configure": "", "write": "^e$", "read": "^q"}
    assert seen[("permission", (("user", "cr-batch"), ("vhost", "cr-v")))] == {"configure": "", "write": "", "read": ".*"}
    assert seen[("topic_permission", (("exchange", "e"), ("user", "cr-batch"), ("vhost", "cr-v")))] == {"write": "^a", "read": "^b"}
    assert _whoami(corner, "cr-api", "cr-pässword") == "cr-api"
    assert _whoami(corner, "cr-batch", "cr-batch-pw") == "cr-batch"
    # A rotated Secret changes the one user; the other's SHA-512 hash stays.
    manifests[3] = _secret("api-secret", stringData={"username": "cr-api", "password": "cr-rotated"})
    changed = corner.settle(manifests=manifests)
    assert [change["kind"] for change in changed["changes"]] == ["user"]
    assert _whoami(corner, "cr-api", "cr-rotated") == "cr-api"


def test_several_clusters_need_a_choice(corner: Corner) -> None:
    one = _resource("Vhost", "a", name="cr-a")
    one["spec"]["rabbitmqClusterReference"] = {"name": "one"}
    two = _resource("Vhost", "b", name="cr-b")
    two["spec"]["rabbitmqClusterReference"] = {"name": "two"}
    assert "n/one, n/two" in corner.refused_for("manifest.clusters", manifests=[one, two])[0]["message"]
    assert [change["object"] for change in corner.settle(manifests=[one, two], cluster_reference="two")["changes"]] == ["cr-b"]
    assert corner.kinds() == {"vhost": 1}


def _login(corner: Corner, name: str, password: str) -> int:
    """The HTTP status of a login."""
    try:
        _whoami(corner, name, password)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def test_an_empty_password_hash_in_a_secret_forbids_logins_with_a_password(corner: Corner) -> None:
    user = _resource("User", "u", tags=["management"], importCredentialsSecret={"name": "s"})
    (problem,) = corner.refused_for("manifest.no_password", manifests=[user, _secret("s", data={"username": _b64("cr-u")})])
    assert problem["item"] == "Secret n/s"
    corner.settle(manifests=[user, _secret("s", stringData={"username": "cr-u", "password": "cr-pw"})])
    assert _login(corner, "cr-u", "cr-pw") == 200
    empty = _secret("s", data={"username": _b64("cr-u"), "password": _b64("cr-pw"), "passwordHash": ""})
    corner.settle(manifests=[user, empty])
    assert [_login(corner, "cr-u", password) for password in ("cr-pw", "")] == [401, 401]
    corner.clean()
    corner.settle(manifests=[user, empty])
    assert [_login(corner, "cr-u", password) for password in ("cr-pw", "")] == [401, 401]


def test_what_a_resource_omits_goes_as_with_the_operator(corner: Corner) -> None:
    user = _resource("User", "u", importCredentialsSecret={"name": "s"})
    vhost = _resource("Vhost", "v", name="cr-v")
    lists = {
        "vhosts": [{"name": "cr-v", "tags": ["a"], "tracing": True, "description": "d"}],
        "users": [{"name": "cr-u", "password": "cr-pw", "tags": ["administrator"]}],
        "vhost_limits": [{"vhost": "cr-v", "name": "max-queues", "value": 5}],
        "user_limits": [{"user": "cr-u", "name": "max-channels", "value": 5}],
    }
    corner.settle(**lists)
    given = {"manifests": [vhost, user], "credentials": {"s": {"username": "cr-u", "password": "cr-pw"}}}
    done = corner.settle(**given)
    changed = {(change["action"], change["kind"]): [each["field"] for each in change["differences"]] for change in done["changes"]}
    assert sorted(changed[("update", "vhost")]) == ["description", "tags", "tracing"]
    assert changed[("update", "user")] == ["tags"] and ("delete", "vhost_limit") in changed and ("delete", "user_limit") in changed
    assert _login(corner, "cr-u", "cr-pw") == 401, "right, and without a tag that lets it see the management API"
    codes = [problem["code"] for problem in corner.task.check(**given, **lists)["problems"]]
    assert set(codes) == {"declaration.contradiction"}


def test_two_users_of_one_name_are_refused_and_both_named(corner: Corner) -> None:
    secret = {"importCredentialsSecret": {"name": "s"}}
    manifests = [_resource("User", "with", tags=["monitoring"], **secret), _resource("User", "without", **secret)]
    given = {"manifests": manifests, "credentials": {"n/s": {"username": "cr-u", "password": "cr-pw"}}}
    (problem,) = corner.refused_for("declaration.contradiction", **given)
    assert problem["item"].startswith("User n/without") and "User n/with" in problem["message"] and problem["field"] == "tags"


GITOPS = """
apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: rabbitmq.com/v1beta1
kind: RabbitmqCluster
metadata: {name: any, namespace: n}
spec: {replicas: 3}
---
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: api-secret}
spec: {target: {name: api-secret}}
---
apiVersion: rabbitmq.com/v1beta1
kind: User
metadata: {name: api}
spec: {importCredentialsSecret: {name: api-secret}, rabbitmqClusterReference: {name: any}}
---
apiVersion: rabbitmq.com/v1beta1
kind: Vhost
metadata: {name: v, namespace: n}
spec: {name: cr-v, rabbitmqClusterReference: {name: any}}
---
apiVersion: rabbitmq.com/v1beta1
kind: Permission
metadata: {name: p, namespace: n}
spec: {vhost: cr-v, userReference: {name: api}, permissions: {read: ".*"}, rabbitmqClusterReference: {name: any}}
"""


def test_a_file_of_a_gitops_repository_goes_in_as_it_is(corner: Corner) -> None:
    corner.refused_for("manifest.no_secret", "manifest.no_secret", manifests=GITOPS)
    given = {"credentials": {"n/api-secret": {"username": "cr-api", "password": "cr-pw"}}}
    assert len(corner.settle(manifests=GITOPS, **given)["changes"]) == 3
    result = corner.task.apply(manifests=GITOPS, **given)
    (line,) = result["warnings"]
    assert all(kind in str(line) for kind in ("Namespace", "RabbitmqCluster", "ExternalSecret")) and "cr-pw" not in str(result)
    by_resource = GITOPS.replace("userReference: {name: api}", "user: api")
    (problem,) = corner.refused_for("reference.missing", manifests=by_resource, **given)
    assert "userReference" in problem["remedy"]
    (problem,) = corner.refused_for("manifest.kind", manifests=[GITOPS, _resource("Shovel", "s", name="s")], **given)
    assert problem["item"] == "Shovel n/s"
