"""kube_nodes on a real API server whose node controllers are at work; kubectl looks at it, and disturbs it."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
import typing as t

import kubernetes
import pytest
from ground import one_line
from pasture import Pasture

from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client
from lab.apiserver import ApiServer

# The real platform's profiles.
RABBITMQ = {
    "labels": {"role": "infrastructure", "domain": "integration", "infra-type": "rabbitmq"},
    "taints": ["domain=integration:NoSchedule"],
}
EVENT_ROUTER = {
    "labels": {"role": "event-router", "domain": "event-router", "workload": "event-router", "tier": "integration", "phase": "5"},
    "taints": [{"key": "domain", "value": "event-router", "effect": "NoSchedule"}],
}


@pytest.fixture
def pasture(kube: ApiServer) -> t.Iterator[Pasture]:
    with Pasture(kube, "live-") as pasture:
        yield pasture


def test_the_real_profiles_and_back(pasture: Pasture) -> None:
    a, b = pasture.add("rabbitmq", "event-router")
    done = pasture.settle(nodes=[{"name": a, **RABBITMQ}, {"name": b, **EVENT_ROUTER}])
    assert (len(done["changes"]), done["unchanged"]) == (2, 0)
    assert done["diff"]["after"][f"node {a}"]["taint domain:NoSchedule"] == "integration"
    assert pasture.labels(b) == EVENT_ROUTER["labels"]
    assert pasture.taints(a) == {"domain:NoSchedule": "integration"}
    # One label leaves, one comes; the role of worker works, which no kubelet may give itself.
    labels = {"role": "infrastructure", "domain": "integration", "node-role.kubernetes.io/worker": ""}
    pasture.settle(nodes=[{"name": a, "labels": labels, "taints": []}])
    assert pasture.labels(a) == labels
    assert pasture.taints(a) == {}
    pasture.settle(nodes=[{"name": name, "labels": {}, "annotations": {}, "taints": []} for name in (a, b)])
    assert pasture.labels(a) == pasture.labels(b) == {}
    assert "ownership" not in json.dumps(pasture.nodes())


def test_labels_of_registration_are_adopted(pasture: Pasture) -> None:
    (a,) = pasture.add("a", labels={"role": "api", "other": "x"}, taints=[{"key": "role", "value": "api", "effect": "NoSchedule"}])
    item = {"name": a, "labels": {"role": "api"}, "taints": ["role=api:NoSchedule"]}
    done = pasture.settle(nodes=[item])
    assert {entry["field"] for entry in done["changes"][0]["differences"]} == {"owner of label role", "owner of taint role:NoSchedule"}
    pasture.settle(nodes=[{"name": a, "labels": {}, "taints": []}])
    assert (pasture.labels(a), pasture.taints(a)) == ({"other": "x"}, {})


def test_drift_is_found_and_repaired(pasture: Pasture) -> None:
    a, b = pasture.add("a", "b")
    items = [{"name": a, **RABBITMQ}, {"name": b, **EVENT_ROUTER}]
    pasture.settle(nodes=items)
    pasture.server.kubectl("label", "node", a, "infra-type-", "role=drifted", "--overwrite")
    pasture.server.kubectl("label", "node", b, "theirs=kept")
    pasture.server.kubectl("taint", "node", a, "domain=drifted:NoSchedule", "--overwrite")
    pasture.server.kubectl("taint", "node", b, "domain:NoSchedule-", "theirs=kept:NoExecute")
    done = pasture.settle(nodes=items)
    assert len(done["changes"]) == 2
    assert pasture.labels(b)["theirs"] == "kept"
    assert pasture.taints(b) == {"domain:NoSchedule": "event-router", "theirs:NoExecute": "kept"}
    # What others have changed and we want no longer stays.
    pasture.server.kubectl("label", "node", a, "role=theirs", "--overwrite")
    done = pasture.task.apply(nodes=[{"name": a, "labels": {}}])
    assert "label role is no longer declared" in str(done["warnings"])
    assert pasture.labels(a) == {"role": "theirs"}


def test_null_exact_and_protected(pasture: Pasture) -> None:
    (a,) = pasture.add("a", labels={"stray": "1", "rack.example.com/row": "7", "node-role.kubernetes.io/infra": ""})
    pasture.settle(nodes=[{"name": a, "labels": {"role": "api", "node-role.kubernetes.io/infra": None}}])
    assert pasture.labels(a) == {"stray": "1", "rack.example.com/row": "7", "role": "api"}
    exact = {"exact": True, "protected": ["example.com"]}
    pasture.settle(nodes=[{"name": a, "labels": {"role": "api"}, "taints": []}], **exact)
    assert pasture.labels(a) == {"rack.example.com/row": "7", "role": "api"}
    assert pasture.nodes()[a]["metadata"]["labels"]["kubernetes.io/hostname"] == f"ip-{a}"


def test_what_controllers_set_is_kept_to_the_second(pasture: Pasture) -> None:
    """The node lifecycle controller taints a node that reports no condition, with timeAdded."""
    (a,) = pasture.add("a", taints=[{"key": "mine", "effect": "NoExecute", "timeAdded": "2026-11-24T12:00:00Z"}])
    # As if the node had been cordoned and unreachable for long.
    pasture.server.kubectl("cordon", a)
    for dummy in range(100):
        controllers = [taint for taint in pasture.nodes()[a]["spec"]["taints"] if "kubernetes.io/" in taint["key"]]
        if any(taint["key"] == "node.kubernetes.io/unschedulable" for taint in controllers):
            break
        time.sleep(0.1)
    before = pasture.nodes()[a]["spec"]["taints"]
    assert any("timeAdded" in taint for taint in before if taint["key"] == "node.kubernetes.io/unschedulable"), before
    for taints in (["role=api:NoSchedule"], ["role=web:NoSchedule"], []):
        pasture.task.apply(nodes=[{"name": a, "taints": taints}], exact=False)
        after = {(taint["key"], taint["effect"]): taint for taint in pasture.nodes()[a]["spec"]["taints"]}
        for taint in before:
            assert after[(taint["key"], taint["effect"])] == taint
    pasture.refused("set and removed by Kubernetes", nodes=[{"name": a, "taints": ["node.kubernetes.io/unschedulable:NoSchedule"]}])


def test_a_taint_with_an_empty_value_is_there_once_and_for_all(pasture: Pasture) -> None:
    (a,) = pasture.add("a")
    for taint in ("role=:NoSchedule", "role:NoSchedule", {"key": "role", "value": "", "effect": "NoSchedule"}):
        pasture.task.apply(nodes=[{"name": a, "taints": [taint]}])
        assert pasture.taints(a) == {"role:NoSchedule": ""}
        pasture.idle(nodes=[{"name": a, "taints": [taint]}])


def test_an_unknown_node_is_an_error_that_names_it_or_is_skipped(pasture: Pasture) -> None:
    (a,) = pasture.add("api-auth")
    items = [{"name": a, **RABBITMQ}, {"name": "live-api-autth", **RABBITMQ}]
    pasture.refused("live-api-autth", "did you mean live-api-auth?", nodes=items)
    done = pasture.settle(nodes=items, unknown_nodes="skip")
    assert done["skipped_nodes"] == ["live-api-autth"]
    assert [change["object"] for change in done["changes"]] == [a]


def test_bad_keys_are_refused_before_the_first_patch(pasture: Pasture) -> None:
    a, b = pasture.add("a", "b")
    good = {"name": a, **RABBITMQ}
    pasture.refused(b, "'bad key'", nodes=[good, {"name": b, "labels": {"bad key": "x"}}])
    pasture.refused(b, "kubernetes.io/hostname", "the kubelet sets", nodes=[good, {"name": b, "labels": {"kubernetes.io/hostname": "x"}}])
    pasture.refused(b, "2 problems", nodes=[good, {"name": b, "labels": {"x": "y" * 64}, "taints": ["a=b:Never"]}])


def test_a_node_is_deleted_only_if_it_is_not_ready_or_by_force(pasture: Pasture) -> None:
    a, b = pasture.add("a", "b")
    pasture.ready(b)
    done = pasture.settle(nodes=[{"name": a, "state": "absent"}])
    assert done["changes"][0]["action"] == "delete"
    pasture.refused(b, "is Ready", nodes=[{"name": b, "state": "absent"}])
    pasture.settle(nodes=[{"name": b, "state": "absent", "force": True}])
    assert pasture.nodes() == {}


def test_conflicts_are_survived_and_counted_and_nobody_is_undone(pasture: Pasture) -> None:
    """Somebody else writes to the same nodes as fast as the API server takes it."""
    names = pasture.add(*(f"{number:02}" for number in range(20)), taints=[{"key": "theirs", "value": "x", "effect": "NoSchedule"}])
    with _disturbed(pasture.server, names):
        conflicts, number = 0, 0
        # On a busy machine the other client may need more rounds to be in the way once.
        while number < 10 or (not conflicts and number < 100):
            number += 1
            items = [{"name": name, "labels": {"round": str(number)}, "taints": [f"round=r{number}:NoSchedule"]} for name in names]
            done = pasture.task.apply(nodes=items)
            assert not done.get("failed"), done
            assert len(done["changes"]) == 20
            conflicts += done["conflicts"]
    assert conflicts > 0
    for name in names:
        assert pasture.labels(name) == {"round": f"{number}"}
        assert pasture.taints(name) == {"round:NoSchedule": f"r{number}", "theirs:NoSchedule": "x"}


@contextlib.contextmanager
def _disturbed(server: ApiServer, names: t.Sequence[str]) -> t.Iterator[None]:
    """Meanwhile somebody else patches these nodes, without looking at ours, as fast as the API server takes it."""
    over = threading.Event()

    def disturb() -> None:
        client = kubernetes.config.new_client_from_config(server.kubeconfig)
        api = kubernetes.client.CoreV1Api(client)
        beat = 0
        while not over.is_set():
            for name in names:
                beat += 1
                api.patch_node(name, {"metadata": {"annotations": {"beat": str(beat)}}})

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_wait_until_ready_and_as_wanted(pasture: Pasture) -> None:
    a, b = pasture.add("a", "b")
    items = [{"name": a, **RABBITMQ}, {"name": b, **EVENT_ROUTER}]
    pasture.ready(a)
    late = pasture.task.apply(nodes=items, wait=True, wait_timeout=1)
    one_line(late, b, "is not Ready")
    assert late["changed"] and len(late["changes"]) == 2
    assert [(entry["object"], entry["action"]) for entry in late["failures"]] == [(b, "wait")]
    timer = threading.Timer(1.0, pasture.ready, [a, b])
    timer.start()
    done = pasture.task.apply(nodes=items, wait=True, wait_timeout=60)
    timer.join()
    assert not done.get("failed") and done["changes"] == [], done


# Rights


def _grant(pasture: Pasture, user: str, *verbs: str, names: t.Sequence[str] = ()) -> None:
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": [verb], "resourceNames": list(names)} for verb in verbs]
    for rule in rules:
        if not names or rule["verbs"] == ["list"]:
            del rule["resourceNames"]
    about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": user}}
    role = {**about, "kind": "ClusterRole", "rules": rules}
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "ClusterRole", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    binding = {**about, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": reference}
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": [role, binding]}).encode()
    pasture.server.kubectl("apply", "--filename", "-", stdin=body)


def _as(pasture: Pasture, user: str) -> None:
    pasture.task.defaults["kubeconfig"] = pasture.server.user(user)


def test_a_missing_right_is_named_before_the_first_write(pasture: Pasture) -> None:
    (a,) = pasture.add("a")
    item = {"name": a, **RABBITMQ}
    _as(pasture, "nobody")
    pasture.refused("HTTP 403", "nobody", "the verb list on nodes", nodes=[item])
    _as(pasture, "reader")
    _grant(pasture, "reader", "list", "get")
    pasture.refused(a, "the verb patch on nodes", nodes=[item])
    pasture.refused(a, "the verb delete on nodes", nodes=[{"name": a, "state": "absent"}])
    _as(pasture, "writer")
    _grant(pasture, "writer", "list", "get", "patch")
    pasture.settle(nodes=[item])


def test_rights_for_one_node_are_enough_for_that_one(pasture: Pasture) -> None:
    a, b = pasture.add("a", "b")
    _as(pasture, "one")
    _grant(pasture, "one", "list", "get", "patch", names=[a])
    pasture.settle(nodes=[{"name": a, **RABBITMQ}])
    line = pasture.refused(b, "the verb patch on nodes", nodes=[{"name": a, "labels": {}}, {"name": b, **RABBITMQ}])
    assert f"node {a}" not in line


def test_impersonation(pasture: Pasture) -> None:
    (a,) = pasture.add("a")
    item = {"name": a, **RABBITMQ}
    pasture.refused('User "ann"', "the verb list on nodes", nodes=[item], impersonate_user="ann")
    groups = ["one", "system:masters"]
    pasture.task.defaults.update(impersonate_user="ann", impersonate_groups=groups)
    pasture.settle(nodes=[item])


# A fleet


def test_a_thousand_nodes(pasture: Pasture) -> None:
    names = pasture.add(*(f"{number:04}" for number in range(1000)))
    for phase in ("1", "2"):
        items = [
            {"name": name, "labels": {"role": "worker", "domain": "fleet", "phase": phase}, "taints": [f"domain=f{phase}:NoSchedule"]}
            for name in names
        ]
        predicted = pasture.task.check(nodes=items)
        done = pasture.task.apply(nodes=items)
        assert not done.get("failed"), done["msg"]
        assert len(done["changes"]) == 1000
        assert done["changes"] == predicted["changes"]
        for again in (pasture.task.check(nodes=items), pasture.task.apply(nodes=items)):
            assert (again["changed"], again["unchanged"]) == (False, 1000)
    found = pasture.nodes()
    assert all(node["metadata"]["labels"]["phase"] == "2" for node in found.values())
    ours = {taint["value"] for node in found.values() for taint in node["spec"]["taints"] if taint["key"] == "domain"}
    assert ours == {"f2"}


def test_the_api_server_restarts_in_mid_run(pasture: Pasture, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed and started again while 400 nodes are written: this run or the next one ends right."""
    names = pasture.add(*(f"{number:03}" for number in range(400)))
    items = [{"name": name, **RABBITMQ} for name in names]
    patch, begun, written, after = Client.merge_patch, threading.Event(), itertools.count(), []

    def counted(self: Client, *arguments: t.Any) -> t.Any:
        answer = patch(self, *arguments)
        if next(written) == 50:
            begun.set()
        return answer

    def crash() -> None:
        assert begun.wait(60)
        pasture.server.kill("apiserver")
        after.append(next(written))
        pasture.server.start()

    monkeypatch.setattr(Client, "merge_patch", counted)
    thread = threading.Thread(target=crash)
    thread.start()
    first = pasture.task.apply(nodes=items)
    thread.join()
    assert 50 < after[0] < 400, "it was killed while nodes were being written"
    if first.get("failed"):
        one_line(first, "running the task again goes on from here")
    second = pasture.task.apply(nodes=items)
    assert not second.get("failed"), second
    found = pasture.nodes()
    assert all(node["metadata"]["labels"].get("infra-type") == "rabbitmq" for node in found.values())
    pasture.idle(nodes=items)


def test_the_api_server_is_away(pasture: Pasture) -> None:
    (a,) = pasture.add("a")
    pasture.server.kill("apiserver")
    try:
        for result in (pasture.task.check(nodes=[{"name": a}]), pasture.task.apply(nodes=[{"name": a}])):
            one_line(result, pasture.server.url, "cannot connect", "refused")
    finally:
        pasture.server.start()
