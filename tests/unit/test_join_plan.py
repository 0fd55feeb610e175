"""What has to happen to a machine: every state, every refusal, and what holds for all of them."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.plugin_utils._node import join_plan
from ansible_collections.eco2.platform.plugins.plugin_utils._node.join_plan import Options, Plan

OURS, THEIRS = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NAME = "k8s-event-router"
WELL = {"containerd": {"active": "active", "enabled": True}, "kubelet": {"active": "active", "enabled": True}}


def kubelet_conf(**changes: t.Any) -> dict[str, t.Any]:
    return {
        "node_name": NAME,
        "server": "https://10.0.0.10:6443",
        "ca_pin": OURS,
        "certificate_not_after": "2027-11-24T00:00:00Z",
        "certificate_expired": False,
        **changes,
    }


def member(**changes: t.Any) -> dict[str, t.Any]:
    return {"kubelet_conf": kubelet_conf(), "ca_pin": OURS, "kubelet_config": True, "services": WELL, "static_pods": [], **changes}


def node(**changes: t.Any) -> dict[str, t.Any]:
    return {"name": NAME, "uid": "u-1", "ready": True, "ready_reason": "KubeletReady", "labels": {}, **changes}


def cluster(*nodes: dict[str, t.Any], **changes: t.Any) -> dict[str, t.Any]:
    return {"nodes": list(nodes), "api_server_version": "1.36.3", "ca_pin": OURS, "cluster_endpoint": "10.0.0.10:6443", **changes}


def planned(host: dict[str, t.Any], there: dict[str, t.Any] | None = None, **options: t.Any) -> Plan:
    return join_plan.plan(host, cluster() if there is None else there, Options(**{"node_name": NAME, **options}))


def codes(plan: Plan) -> list[str]:
    return [problem.code for problem in plan.problems]


def actions(plan: Plan) -> set[str]:
    return {name for name in ("join", "reset", "restart_kubelet", "start_services", "replace_node") if getattr(plan, name)}


# Not joined


def test_a_bare_machine_joins() -> None:
    plan = planned({})
    assert (plan.state, plan.node_name, plan.kubelet_version) == ("bare", NAME, "1.36.3")
    assert actions(plan) == {"join"}
    assert not plan.problems


@pytest.mark.parametrize(
    ("left", "named"),
    [
        ({"bootstrap_kubelet_conf": True}, "bootstrap-kubelet.conf (with a token)"),
        ({"ca_pin": OURS}, "pki/ca.crt"),
        ({"kubelet_config": True}, "/var/lib/kubelet/config.yaml"),
    ],
)
def test_leftovers_are_reset_and_named(left: dict[str, t.Any], named: str) -> None:
    plan = planned(left)
    assert plan.state == "half_joined"
    assert actions(plan) == {"join", "reset"}
    assert named in plan.reasons[0]


def test_leftovers_of_another_cluster_are_not_reset_unless_told() -> None:
    refused = planned({"ca_pin": THEIRS})
    assert not actions(refused)
    assert codes(refused) == ["join.other_cluster"]
    assert actions(planned({"ca_pin": THEIRS}, other_cluster="reset")) == {"join", "reset"}


def test_a_reset_never_takes_other_static_pods_with_it() -> None:
    plan = planned({"bootstrap_kubelet_conf": True, "static_pods": ["haproxy.yaml"]})
    assert not actions(plan)
    assert codes(plan) == ["join.static_pods"]
    assert "haproxy.yaml" in plan.problems[0].message


def test_static_pods_are_no_obstacle_where_nothing_is_reset() -> None:
    assert actions(planned({"static_pods": ["haproxy.yaml"]})) == {"join"}


def test_a_newer_kubelet_is_refused_before_anything_is_installed() -> None:
    newer = {"kubelet_version": "1.37.0"}
    plan = planned(newer)
    assert not actions(plan)
    assert codes(plan) == ["version.downgrade"]
    assert "installing 1.36.3 would downgrade it from 1.37.0" in str(plan.problems[0])
    assert actions(planned(newer, allow_downgrade=True)) == actions(planned({"kubelet_version": "1.36.3"})) == {"join"}
    assert not codes(planned(member(**newer), cluster(node()))), "a member stays as it is"


def test_newer_packages_beside_the_kubelet_are_refused_too() -> None:
    def found(kubeadm: str | None, **packages: str) -> list[str]:
        host = {"kubeadm_version": kubeadm, "packages": {name: {"version": version} for name, version in packages.items()}}
        return [str(problem) for problem in planned(host, cni_version="1.8.0").problems]

    assert not found(None)
    assert not found("1.36.3", kubectl="1.36.3-1.1", **{"kubernetes-cni": "1.8.0-1.1"})
    assert not found("1.36.3-rc.1", kubectl="1.36.3~rc.1-1.1", **{"kubernetes-cni": "1.7.9-2.1"})
    (both,) = found("1.37.0", kubectl="1.37.0-1.1")
    assert both.startswith("kubeadm, kubectl: installing 1.36.3 would downgrade it from 1.37.0")
    (cni,) = found(None, **{"kubernetes-cni": "1.9.0-1.1"})
    assert cni.startswith("kubernetes-cni: installing 1.8.0") and "set kubernetes_node_cni_version to 1.9.0" in cni


# A member of another cluster


def test_a_member_of_another_cluster_is_refused_by_name() -> None:
    plan = planned(member(kubelet_conf=kubelet_conf(ca_pin=THEIRS, node_name="other", server="https://other:6443")))
    assert plan.state == "member_elsewhere"
    assert not actions(plan)
    assert codes(plan) == ["join.other_cluster"]
    for word in ("other", "https://other:6443", THEIRS, OURS, "node_join_other_cluster=reset"):
        assert word in str(plan.problems[0])


def test_it_leaves_the_other_cluster_when_told_and_takes_the_name_that_is_wanted() -> None:
    plan = planned(member(kubelet_conf=kubelet_conf(ca_pin=THEIRS, node_name="other")), other_cluster="reset")
    assert actions(plan) == {"join", "reset"}
    assert plan.node_name == NAME


def test_the_ca_on_disk_counts_where_the_kubeconfig_names_none() -> None:
    assert planned(member(kubelet_conf=kubelet_conf(ca_pin=None), ca_pin=THEIRS)).state == "member_elsewhere"


# Members


def test_a_ready_member_is_left_alone() -> None:
    plan = planned(member(), cluster(node()))
    assert (plan.state, plan.kubelet_version) == ("ready", "")
    assert not actions(plan)
    assert not plan.problems
    assert not plan.reasons


def test_a_ready_member_is_left_alone_whatever_version_and_name_are_wanted() -> None:
    plan = planned(member(), cluster(node()), version="1.40.0", existing="replace", node_name="another")
    assert (plan.state, plan.node_name) == ("ready", NAME)
    assert not actions(plan)
    assert "the name in kubelet.conf is used" in plan.reasons[0]


def test_a_token_left_over_on_a_member_is_reported() -> None:
    plan = planned(member(bootstrap_kubelet_conf=True), cluster(node()))
    assert plan.state == "ready"
    assert "bootstrap-kubelet.conf" in plan.reasons[0]


def test_a_lost_node_comes_back_by_a_restart() -> None:
    plan = planned(member())
    assert plan.state == "half_joined"
    assert actions(plan) == {"restart_kubelet", "start_services"}
    assert f"the Node {NAME} does not exist" in plan.reasons[0]


def test_a_lost_node_whose_kubelet_has_no_configuration_joins_again() -> None:
    assert actions(planned(member(kubelet_config=False))) == {"join", "reset"}


@pytest.mark.parametrize("useless", [{"certificate_expired": True}, {"node_name": None, "certificate_not_after": None}])
def test_credentials_of_no_use_are_made_anew(useless: dict[str, t.Any]) -> None:
    plan = planned(member(kubelet_conf=kubelet_conf(**useless)), cluster(node(ready=False)))
    assert plan.state == "half_joined"
    assert actions(plan) == {"join", "reset", "replace_node"}
    assert "cannot authenticate" in plan.reasons[0]


@pytest.mark.parametrize("state", ["inactive", "failed", "activating", "missing"])
@pytest.mark.parametrize("service", ["containerd", "kubelet"])
@pytest.mark.parametrize("ready", [True, False])
def test_what_broke_is_named_and_services_are_started(service: str, state: str, ready: bool) -> None:
    """Ready is believed only together with the services: the API server notices a dead kubelet after 40 s."""
    services = {**WELL, service: {"active": state, "enabled": True, "failure": "open /x: no such file"}}
    plan = planned(member(services=services, cri={"problem": "no CRI"}), cluster(node(ready=ready, ready_reason="NodeStatusUnknown")))
    assert plan.state == "not_ready"
    assert actions(plan) == {"start_services"}
    assert f"{service} is {state}: open /x: no such file" in plan.reasons
    assert "CRI: no CRI" in plan.reasons
    assert any("NodeStatusUnknown" in reason for reason in plan.reasons) is not ready


def test_a_cluster_without_cluster_info_knows_its_ready_members_by_name() -> None:
    there = cluster(node(), ca_pin=None, cluster_endpoint=None)
    assert planned(member(), there).state == "ready"


def test_a_machine_whose_cluster_cannot_be_told_is_not_touched() -> None:
    plan = planned(member(), cluster(node(ready=False), ca_pin=None))
    assert not actions(plan)
    assert codes(plan) == ["join.unknown_cluster"]


# Control planes


@pytest.mark.parametrize("pod", ["kube-apiserver.yaml", "etcd.yaml", "kube-scheduler", "kube-controller-manager.yml"])
def test_a_control_plane_is_never_reset_or_joined(pod: str) -> None:
    host = member(static_pods=[pod], kubelet_conf=kubelet_conf(certificate_expired=True))
    for there in (cluster(), cluster(node()), cluster(node(ready=False))):
        plan = planned(host, there, other_cluster="reset", existing="replace")
        assert plan.state == "control_plane"
        assert not actions(plan) & {"join", "reset", "replace_node", "restart_kubelet"}


def test_a_member_marked_as_control_plane_is_one() -> None:
    labels = {join_plan.CONTROL_PLANE_LABEL: ""}
    plan = planned(member(kubelet_conf=kubelet_conf(certificate_expired=True)), cluster(node(ready=False, labels=labels)))
    assert plan.state == "control_plane"
    assert actions(plan) == {"start_services"}


def test_a_control_plane_that_is_no_member_is_named() -> None:
    assert codes(planned({"static_pods": ["kube-apiserver.yaml"]})) == ["join.unfinished_control_plane"]


def test_a_control_plane_of_another_cluster_is_refused() -> None:
    host = member(static_pods=["etcd.yaml"], kubelet_conf=kubelet_conf(ca_pin=THEIRS))
    assert codes(planned(host, other_cluster="reset")) == ["join.foreign_control_plane"]


# An old Node of the same name


@pytest.mark.parametrize(
    ("existing", "ready", "does"),
    [
        ("auto", False, {"join", "replace_node"}),
        ("auto", True, None),
        ("replace", False, {"join", "replace_node"}),
        ("replace", True, {"join", "replace_node"}),
        ("adopt", False, {"join"}),
        ("adopt", True, None),
        ("fail", False, None),
        ("fail", True, None),
    ],
)
def test_an_old_node_of_the_same_name(existing: str, ready: bool, does: set[str] | None) -> None:
    plan = planned({}, cluster(node(ready=ready)), existing=existing)
    assert actions(plan) == (does or set())
    assert bool(plan.problems) is (does is None)
    assert all(f"already has a Node {NAME}" in str(line) for line in [*plan.problems, *plan.reasons])


@pytest.mark.parametrize("existing", ["auto", "replace", "adopt"])
def test_the_node_of_a_control_plane_is_never_replaced(existing: str) -> None:
    plan = planned({}, cluster(node(ready=False, labels={join_plan.CONTROL_PLANE_LABEL: ""})), existing=existing)
    assert not actions(plan)
    assert codes(plan) == ["join.name_of_control_plane"]


# Names and versions


@pytest.mark.parametrize("name", ["k8s_event_router", "K8s", "-a", "a.", "a..b", "x" * 254, "a b"])
def test_a_name_that_cannot_be_a_nodes_is_refused(name: str) -> None:
    plan = planned({}, node_name=name)
    assert not actions(plan)
    assert codes(plan) == ["node.name"]


def test_two_hosts_of_one_name_are_refused() -> None:
    assert codes(planned({}, names=[NAME, "b", NAME])) == ["node.name_twice"]


@pytest.mark.parametrize(("version", "server", "word"), [("1.37.0", "1.36.3", "newer"), ("1.32.0", "1.36.3", "too old")])
def test_a_kubelet_that_may_not_stand_beside_the_api_server_is_refused(version: str, server: str, word: str) -> None:
    plan = planned({}, cluster(api_server_version=server), version=version)
    assert not actions(plan)
    assert codes(plan) == ["version.skew"]
    assert word in plan.problems[0].message


@pytest.mark.parametrize("version", ["1.36.9", "v1.36.3", "1.33.0", ""])
def test_a_kubelet_that_may_is_taken(version: str) -> None:
    plan = planned({}, version=version)
    assert actions(plan) == {"join"}
    assert plan.kubelet_version == (version.lstrip("v") or "1.36.3")


def test_a_kubeadm_of_another_minor_release_is_named_and_no_obstacle() -> None:
    assert "minor release, 1.36" in planned({}, version="1.35.4").reasons[-1]
    assert planned({}, version="1.36.0").reasons == []


@pytest.mark.parametrize("version", [1.3, "1.30", "newest"])
def test_a_version_that_is_none_is_refused(version: t.Any) -> None:
    plan = planned({}, version=version)
    assert not actions(plan)
    assert [(problem.code, problem.field) for problem in plan.problems] == [("version.invalid", "kube_version")]


@pytest.mark.parametrize("missing", ["api_server_version", "ca_pin", "cluster_endpoint"])
def test_nothing_joins_a_cluster_that_is_not_known(missing: str) -> None:
    plan = planned({}, cluster(**{missing: None}))
    assert not actions(plan)
    assert plan.problems


# What always holds

pins = st.sampled_from([None, OURS, THEIRS])
service = st.fixed_dictionaries({"active": st.sampled_from(["active", "inactive", "failed", "activating", "missing"])})
hosts = st.fixed_dictionaries(
    {},
    optional={
        "kubelet_conf": st.none()
        | st.fixed_dictionaries(
            {
                "node_name": st.sampled_from([None, NAME, "other"]),
                "server": st.just("https://x:6443"),
                "ca_pin": pins,
                "certificate_expired": st.booleans(),
                "certificate_not_after": st.none(),
            }
        ),
        "ca_pin": pins,
        "bootstrap_kubelet_conf": st.booleans(),
        "kubelet_config": st.booleans(),
        "static_pods": st.lists(st.sampled_from(["kube-apiserver.yaml", "etcd.yaml", "haproxy.yaml"]), unique=True),
        "services": st.fixed_dictionaries({}, optional={"kubelet": service, "containerd": service}),
        "cri": st.fixed_dictionaries({"ready": st.booleans(), "problem": st.sampled_from([None, "broken"])}),
    },
)
nodes = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from([NAME, "other"]),
            "uid": st.just("u"),
            "ready": st.booleans(),
            "ready_reason": st.just("r"),
            "labels": st.sampled_from([{}, {join_plan.CONTROL_PLANE_LABEL: ""}]),
        }
    ),
    max_size=2,
    unique_by=lambda entry: entry["name"],
)
clusters = st.fixed_dictionaries(
    {"nodes": nodes},
    optional={
        "api_server_version": st.sampled_from([None, "1.36.3", "1.30.1", "x"]),
        "ca_pin": pins,
        "cluster_endpoint": st.sampled_from([None, "10.0.0.10:6443"]),
    },
)
options = st.builds(
    Options,
    node_name=st.sampled_from([NAME, "other", "Bad_name"]),
    version=st.sampled_from(["", "1.36.3", "1.37.1", "v1.30.0", 1.3]),
    existing=st.sampled_from(["auto", "replace", "adopt", "fail"]),
    other_cluster=st.sampled_from(["fail", "reset"]),
    names=st.sampled_from([(), (NAME, "other"), (NAME, NAME)]),
)


@given(hosts, clusters, options)
def test_what_holds_for_every_machine(host: dict[str, t.Any], there: dict[str, t.Any], wanted: Options) -> None:
    plan = join_plan.plan(host, there, wanted)
    does = actions(plan)
    assert plan.state in {"bare", "half_joined", "member_elsewhere", "not_ready", "ready", "control_plane"}
    assert not (plan.problems and does), "a plan with problems does nothing"
    assert plan == join_plan.plan(host, there, wanted)
    if "join" not in does:
        assert not does & {"reset", "replace_node"}
    else:
        assert not does & {"start_services", "restart_kubelet"}
        assert plan.kubelet_version
        assert not any(one["name"] == plan.node_name and join_plan.CONTROL_PLANE_LABEL in one["labels"] for one in there["nodes"])
    if any(pod in {"kube-apiserver.yaml", "etcd.yaml"} for pod in host.get("static_pods", [])):
        assert plan.state == "control_plane"
        assert does <= {"start_services"}
    if "reset" in does:
        assert not host.get("static_pods")
        assert plan.reasons, "a reset says why"
        theirs = (host.get("kubelet_conf") or {}).get("ca_pin") or host.get("ca_pin")
        assert theirs in (None, there["ca_pin"]) or wanted.other_cluster == "reset"
    if plan.state == "ready":
        assert not does
    if wanted.existing in {"adopt", "fail"}:
        assert "replace_node" not in does


def test_the_node_to_be_replaced_is_named_by_its_uid_and_forced_only_where_this_host_says_so() -> None:
    for existing, force in (("auto", False), ("replace", True)):
        plan = planned({}, cluster(node(ready=False)), existing=existing)
        assert plan.stale_node == {"name": NAME, "uid": "u-1", "state": "absent", "force": force}
    assert planned({}, cluster(node(ready=False)), existing="adopt").stale_node == {}
    assert planned({}, cluster(node(ready=True)), existing="auto").stale_node == {}


# While a cluster's authority is rotated

NEW = "sha256:" + "c" * 64


def test_one_authority_in_common_makes_it_the_same_cluster() -> None:
    rotating = {"ca_pin": NEW, "ca_pins": [NEW, OURS]}
    old = member(kubelet_conf=kubelet_conf(ca_pin=OURS, ca_pins=[OURS]))
    assert planned(old, cluster(node(), **rotating), other_cluster="reset").state == "ready"
    early = member(kubelet_conf=kubelet_conf(ca_pin=THEIRS, ca_pins=[THEIRS, OURS]))
    assert planned(early, cluster(node()), other_cluster="reset").state == "ready"
    assert actions(planned({"ca_pin": OURS, "ca_pins": [OURS]}, cluster(**rotating))) == {"join", "reset"}
    pods = {"static_pods": ["kube-apiserver"]}
    assert not planned({**old, **pods}, cluster(node(), **rotating)).problems


def test_no_authority_in_common_makes_it_another_cluster_and_all_are_named() -> None:
    (problem,) = planned(member(kubelet_conf=kubelet_conf(ca_pin=THEIRS, ca_pins=[THEIRS])), cluster(ca_pins=[NEW, OURS])).problems
    assert all(pin in problem.message for pin in (THEIRS, NEW, OURS))
