# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to happen to a machine so that it is a worker of the cluster.

Private to this collection. Pure: a function of the machine as kube_host_info reports it, the cluster as kube_nodes_info does, and
the options. Whatever is missing in either counts as "not there": a bare machine is the normal case.

States (they decide what is done; a plan with problems does nothing at all):
  bare              nothing of kubeadm on it                                       join
  half_joined       leftovers of a join, or credentials that are of no use         reset and join, or restart the kubelet
  member_elsewhere  credentials of a cluster with another CA                       refused, or reset and join
  not_ready         a member whose Node or services are not well                   start its services
  ready             a member, and Ready                                            nothing
  control_plane     static pods of a control plane, or a member marked as one      nothing but starting its services
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._kube import names
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import versions

Facts = t.Mapping[str, t.Any]
State = str

CONTROL_PLANE_PODS = frozenset({"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
SERVICES = ("containerd", "kubelet")


@dataclass(frozen=True)
class Options:
    """What the user may say about it.

    node_name: the Node's name for a machine that has not joined; version: of the kubelet to install, "" for the API server's;
    existing: auto, replace, adopt or fail; other_cluster: fail or leave_it; names: the node names of all hosts of the play.
    """

    node_name: str
    version: str = ""
    existing: str = "auto"
    other_cluster: str = "fail"
    names: t.Sequence[str] = ()


@dataclass
class Plan:
    """The decision. `problems` and `reasons` are for people; `stale_node` is the Node to be replaced, as kube_nodes deletes it."""

    state: State
    node_name: str
    kubelet_version: str = ""
    join: bool = False
    reset: bool = False
    restart_kubelet: bool = False
    start_services: bool = False
    replace_node: bool = False
    stale_node: dict[str, t.Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def without_actions(self) -> Plan:
        return Plan(self.state, self.node_name, self.kubelet_version, problems=self.problems, reasons=self.reasons)


def plan(host: Facts, cluster: Facts, options: Options) -> Plan:
    """The decision for one machine.

    host: `host` of kube_host_info; cluster: the result of kube_nodes_info (nodes, api_server_version, ca_pins, cluster_endpoint).
    Never raises on missing facts. Where `problems` is not empty, no action is planned.
    """
    decided = _decide(host, cluster, options)
    if decided.join:
        decided.problems += _join_problems(host, cluster, options, decided)
        _existing_node(cluster, options, decided)
    return decided.without_actions() if decided.problems else decided


def _decide(host: Facts, cluster: Facts, options: Options) -> Plan:
    credentials = host.get("kubelet_conf")
    if _control_plane_pods(host):
        return _control_plane(host, cluster, options)
    if not credentials:
        return _without_credentials(host, cluster, options)
    theirs, ours = _pins(credentials) or _pins(host), _pins(cluster)
    if _strangers(theirs, ours):
        return _elsewhere(host, cluster, options)
    name = credentials.get("node_name") or options.node_name
    if not (theirs and ours) and not _ready(_node(cluster, name)):
        unknown = "this cluster's CA is not known (it has no ConfigMap kube-public/cluster-info)" if theirs else "it names no CA"
        return Plan(
            "half_joined",
            name,
            problems=[f"kubelet.conf is there, but whether it is of this cluster cannot be told: {unknown}"],
        )
    return _member(host, cluster, options, name)


def _control_plane(host: Facts, cluster: Facts, options: Options) -> Plan:
    """Never reset, never joined: losing a control plane by mistake is worse than any other outcome."""
    credentials = host.get("kubelet_conf") or {}
    name = credentials.get("node_name") or options.node_name
    decided = Plan("control_plane", name, reasons=[f"static pods {', '.join(_control_plane_pods(host))}: never reset, never joined again"])
    theirs, ours = _pins(credentials) or _pins(host), _pins(cluster)
    node = _node(cluster, name)
    if _strangers(theirs, ours):
        decided.problems.append(f"it is a control plane of another cluster ({_differing(theirs, ours)})")
    elif node is None:
        decided.problems.append(
            f"it has the static pods of a control plane, but the cluster has no Node {name}: kubeadm init or join was not finished there"
        )
    else:
        _start_where_unwell(host, node, decided)
    return decided


def _without_credentials(host: Facts, cluster: Facts, options: Options) -> Plan:
    found = {
        "bootstrap-kubelet.conf (with a token)": host.get("bootstrap_kubelet_conf"),
        "pki/ca.crt": host.get("ca_pin"),
        "/var/lib/kubelet/config.yaml": host.get("kubelet_config"),
    }
    leftovers = [name for name, there in found.items() if there]
    if not leftovers:
        return Plan("bare", options.node_name, join=True)
    decided = Plan("half_joined", options.node_name, join=True, reset=True)
    decided.reasons.append(f"left over from a join that was not finished: {', '.join(leftovers)}; kubeadm reset clears it")
    theirs, ours = _pins(host), _pins(cluster)
    if _strangers(theirs, ours):
        _leave(decided, options, f"its pki/ca.crt is another cluster's ({_differing(theirs, ours)})")
    return decided


def _elsewhere(host: Facts, cluster: Facts, options: Options) -> Plan:
    credentials = host["kubelet_conf"]
    decided = Plan("member_elsewhere", options.node_name, join=True, reset=True)
    who = f"it is {credentials.get('node_name') or 'a node'} of the cluster at {credentials.get('server') or 'an unknown address'}"
    _leave(decided, options, f"{who} ({_differing(_pins(credentials) or _pins(host), _pins(cluster))})")
    return decided


def _pins(place: Facts) -> list[str]:
    """The pins of all authorities that are trusted there; while a CA is rotated there is an old and a new one."""
    return list(place.get("ca_pins") or filter(None, [place.get("ca_pin")]))


def _strangers(theirs: t.Sequence[str], ours: t.Sequence[str]) -> bool:
    """Whether both are known and have no authority in common."""
    return bool(theirs and ours and not {*theirs} & {*ours})


def _differing(theirs: t.Sequence[str], ours: t.Sequence[str]) -> str:
    return f"CA {', '.join(theirs)}, this cluster's is {', '.join(ours)}"


def _leave(decided: Plan, options: Options, what: str) -> None:
    if options.other_cluster == "leave_it":
        decided.reasons.append(f"{what}; it leaves that cluster, as asked")
    else:
        decided.problems.append(f"{what}; say node_join_other_cluster=leave_it to make it leave that cluster, or take it out of the play")


def _member(host: Facts, cluster: Facts, options: Options, name: str) -> Plan:
    """It has credentials of this cluster."""
    credentials, node = host["kubelet_conf"], _node(cluster, name)
    remarks = [f"it joined as {name}, not as {options.node_name}: kubelet.conf decides"] if name != options.node_name else []
    if host.get("bootstrap_kubelet_conf"):
        remarks.append("/etc/kubernetes/bootstrap-kubelet.conf is left over, with a token in it; nothing needs it any more")
    if node is not None and CONTROL_PLANE_LABEL in (node.get("labels") or {}):
        decided = Plan("control_plane", name, reasons=[*remarks, f"its Node has the label {CONTROL_PLANE_LABEL}: never reset"])
        return _start_where_unwell(host, node, decided)
    if _ready(node) and not _unwell(host):
        return Plan("ready", name, reasons=remarks)
    useless = _useless(credentials)
    if useless and not _ready(node):
        return Plan(
            "half_joined", name, join=True, reset=True, reasons=[*remarks, f"{useless}, so the kubelet cannot log in; it joins again"]
        )
    if node is None:
        return _without_node(host, name, remarks)
    return _start_where_unwell(host, node, Plan("not_ready", name, reasons=remarks))


def _useless(credentials: Facts) -> str:
    if credentials.get("certificate_expired"):
        return f"its client certificate expired on {credentials.get('certificate_not_after')}"
    return "" if credentials.get("node_name") else "kubelet.conf is there, but no client certificate with it"


def _without_node(host: Facts, name: str, remarks: list[str]) -> Plan:
    if not host.get("kubelet_config"):
        why = "kubelet.conf is of this cluster, but its Node and /var/lib/kubelet/config.yaml are gone; it joins again"
        return Plan("half_joined", name, join=True, reset=True, reasons=[*remarks, why])
    why = f"kubelet.conf is of this cluster, but the Node {name} is gone; a restarted kubelet registers it again"
    return Plan("half_joined", name, restart_kubelet=True, start_services=True, reasons=[*remarks, why])


def _start_where_unwell(host: Facts, node: Facts, decided: Plan) -> Plan:
    broken = _unwell(host)
    if not _ready(node):
        broken.append(f"the Node is not Ready: {node.get('ready_reason') or 'no reason given'}")
    problem = (host.get("cri") or {}).get("problem")
    if broken and problem:
        broken.append(f"CRI: {problem}")
    decided.start_services = bool(broken)
    decided.reasons += broken
    return decided


def _join_problems(host: Facts, cluster: Facts, options: Options, decided: Plan) -> t.Iterator[str]:
    name = decided.node_name
    problem = names.node_problem(name)
    if problem:
        yield f"{name!r} {problem}; set kube_node_name, whose default is the inventory's name"
    if list(options.names).count(name) > 1:
        yield f"more than one host of this play would be the Node {name}; set kube_node_name"
    if decided.reset and host.get("static_pods"):
        yield (
            f"kubeadm reset would delete the static pods {', '.join(sorted(host['static_pods']))} "
            "of /etc/kubernetes/manifests; move them away first"
        )
    if not cluster.get("cluster_endpoint") or not _pins(cluster):
        yield "the cluster has no usable ConfigMap kube-public/cluster-info, which kubeadm join starts from; kubeadm init makes it"
    yield from _version_problems(cluster, options, decided)


def _version_problems(cluster: Facts, options: Options, decided: Plan) -> t.Iterator[str]:
    """kubeadm join itself does not look: a kubelet newer than the API server joins, and is unsupported."""
    api_server = cluster.get("api_server_version")
    if not api_server:
        yield "the version of the API server is not known, so the kubelet's cannot be held against it"
        return
    try:
        kubelet, server = versions.parse(options.version or api_server), versions.parse(api_server)
    except ValueError as error:
        yield f"kube_version: {error}"
        return
    decided.kubelet_version = str(kubelet)
    problem = versions.skew_problem(kubelet, server)
    if problem:
        yield problem
    elif kubelet.branch != server.branch:
        # kubernetes.io, "Creating a cluster with kubeadm", version skew: the packages of one minor release are in one repository.
        decided.reasons.append(
            f"kubeadm comes in the kubelet's version {kubelet}, and Kubernetes documents joining only with the cluster's own minor"
            f" release, {server.branch}: it works as a rule"
        )


def _existing_node(cluster: Facts, options: Options, decided: Plan) -> None:
    """An old Node object of the same name would keep its labels and taints, whatever the new kubelet registers with."""
    node = _node(cluster, decided.node_name)
    if node is None:
        return
    name, ready = decided.node_name, _ready(node)
    if CONTROL_PLANE_LABEL in (node.get("labels") or {}):
        decided.problems.append(f"the cluster's Node {name} is a control plane's; it is never replaced. Set another kube_node_name")
        return
    what = f"the cluster has a Node {name} already, which is {'Ready' if ready else 'not Ready'}"
    if options.existing == "fail" or (ready and options.existing == "auto"):
        other = "a machine of this name is alive: choose another kube_node_name, or say" if ready else "say"
        decided.problems.append(f"{what}; {other} node_join_existing=replace to delete that Node first")
    elif ready and options.existing == "adopt":
        decided.problems.append(
            f"{what}, and kubeadm takes over none that is Ready; stop its kubelet first, or say node_join_existing=replace"
        )
    elif options.existing == "adopt":
        decided.reasons.append(f"{what}; it is taken over with the labels and taints that it has")
    else:
        decided.replace_node = True
        # This very object: one that is made in its place meanwhile is somebody's who is alive.
        decided.stale_node = {"name": name, "uid": node["uid"], "state": "absent", "force": options.existing == "replace"}
        decided.reasons.append(f"{what}; it is deleted before the join")


def _control_plane_pods(host: Facts) -> list[str]:
    pods = {re.sub(r"\.ya?ml$", "", str(name)) for name in host.get("static_pods") or ()}
    return sorted(pods & CONTROL_PLANE_PODS)


def _node(cluster: Facts, name: str) -> Facts | None:
    return next((node for node in cluster.get("nodes") or () if node.get("name") == name), None)


def _ready(node: Facts | None) -> bool:
    return bool(node and node.get("ready"))


def _unwell(host: Facts) -> list[str]:
    """What is wrong with the services that a member needs, the kubelet's own last error line included."""
    services = host.get("services") or {}
    broken = []
    for name in SERVICES:
        service = services.get(name)
        if service and service.get("active") != "active":
            failure = f": {service['failure']}" if service.get("failure") else ""
            broken.append(f"{name} is {service.get('active')}{failure}")
    return broken
