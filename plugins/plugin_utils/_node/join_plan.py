# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that make a machine a worker of the cluster. Private to this collection.

Pure: a function of the machine as kube_host_info reports it, the cluster as kube_nodes_info reports it, and the options. A fact that is
missing counts as "not there": a bare machine is the normal case.

The state decides what is done. A plan with problems does nothing.
  bare              no file of kubeadm                                             join
  half_joined       files of an unfinished join, or unusable credentials           reset and join, or restart the kubelet
  member_elsewhere  credentials of a cluster with another CA                       refused, or reset and join
  not_ready         a member whose Node is not Ready, or whose services are down   start its services
  ready             a member, and Ready                                            nothing
  control_plane     static pods or the Node label of a control plane               only start its services
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import versions
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, leftovers, node_address

Facts = t.Mapping[str, t.Any]
State = str

CONTROL_PLANE_PODS = frozenset({"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
CONTROL_PLANE_LABEL = checks.CONTROL_PLANE_LABEL


@dataclass(frozen=True)
class Options:
    """The user's options.

    node_name: the Node's name for a machine that has not joined; version: of the kubelet to install, "" for the API server's;
    existing: auto, replace, adopt or fail; other_cluster: fail or reset; names: the node names of all hosts of the play;
    obstacles: what else is known to prevent a join; keep_cni: whether a CNI configuration that is there before the join is meant for it;
    allow_downgrade: whether what is installed may be newer; cni_version: of the package kubernetes-cni, "" for any.
    """

    node_name: t.Any
    version: str = ""
    existing: str = "auto"
    other_cluster: str = "fail"
    names: t.Sequence[str] = ()
    obstacles: t.Sequence[Problem] = ()
    keep_cni: bool = False
    allow_downgrade: bool = False
    cni_version: str = ""


@dataclass
class Plan:
    """The decision. `reasons` explain it; `stale_node` is the Node to be replaced, as kube_nodes deletes it."""

    state: State
    node_name: str
    kubelet_version: str = ""
    join: bool = False
    reset: bool = False
    restart_kubelet: bool = False
    start_services: bool = False
    replace_node: bool = False
    stale_node: dict[str, t.Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def plan(host: Facts, cluster: Facts, options: Options) -> Plan:
    """The decision for one machine. With problems, no action is planned.

    host: `host` of kube_host_info; cluster: the result of kube_nodes_info (nodes, api_server_version, ca_pins, cluster_endpoint).
    """
    decided = _decide(host, cluster, options)
    if decided.join:
        decided.problems += _join_problems(host, cluster, options, decided)
        _existing_node(cluster, options, decided)
    if decided.problems:
        return Plan(decided.state, decided.node_name, decided.kubelet_version, problems=decided.problems, reasons=decided.reasons)
    return decided


def address_differences(cluster: Facts, name: t.Any, node_ip: str) -> list[str]:
    """How the address of a member's Node differs from the wanted one, which only a join or a restarted kubelet changes."""
    node = _node(cluster, name)
    difference = node_address.unlike(node, node_ip) if node and node_ip else ""
    return [difference] if difference else []


def _decide(host: Facts, cluster: Facts, options: Options) -> Plan:
    credentials = host.get("kubelet_conf")
    if _control_plane_pods(host):
        return _control_plane(host, cluster, options)
    if not credentials:
        return _without_credentials(host, cluster, options)
    foreign = _foreign(host, cluster)
    if foreign:
        decided = Plan("member_elsewhere", options.node_name, join=True, reset=True)
        server = credentials.get("server") or "an unknown address"
        who = f"the machine is {credentials.get('node_name') or 'a node'} of another cluster, at {server}"
        return _leave(decided, options, f"{who} ({foreign})")
    name, theirs = credentials.get("node_name") or options.node_name, _pins_of_host(host)
    if not (theirs and _pins(cluster)) and not _ready(_node(cluster, name)):
        unknown = "this cluster has no ConfigMap kube-public/cluster-info, which holds its CA" if theirs else "the file names no CA"
        message = f"/etc/kubernetes/kubelet.conf exists, but it is unknown whether it belongs to this cluster: {unknown}"
        return Plan("half_joined", name, problems=[Problem("join.unknown_cluster", message)])
    return _member(host, cluster, options, name)


def _control_plane(host: Facts, cluster: Facts, options: Options) -> Plan:
    """Never reset and never joined: to lose a control plane by mistake is worse than any other result."""
    credentials = host.get("kubelet_conf") or {}
    name = credentials.get("node_name") or options.node_name
    decided = Plan(
        "control_plane",
        name,
        reasons=[f"it has the static pods {', '.join(_control_plane_pods(host))}: a control plane is never reset or joined"],
    )
    foreign, node = _foreign(host, cluster), _node(cluster, name)
    if foreign:
        message = f"the machine is a control plane of another cluster ({foreign})"
        decided.problems.append(Problem("join.foreign_control_plane", message, remedy="remove it from the play"))
    elif node is None:
        message = f"the machine has the static pods of a control plane, but the cluster has no Node {name}"
        remedy = "kubeadm init or kubeadm join was not finished on it: finish it, or run kubeadm reset"
        decided.problems.append(Problem("join.unfinished_control_plane", message, remedy=remedy))
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
    decided.reasons.append(f"an unfinished join left {', '.join(leftovers)}; kubeadm reset removes it")
    foreign = _foreign(host, cluster)
    return _leave(decided, options, f"the machine has the pki/ca.crt of another cluster ({foreign})") if foreign else decided


def _pins(place: Facts) -> list[str]:
    """The pins of all trusted CAs; during the rotation of a CA there are two."""
    return list(place.get("ca_pins") or filter(None, [place.get("ca_pin")]))


def _pins_of_host(host: Facts) -> list[str]:
    return _pins(host.get("kubelet_conf") or {}) or _pins(host)


def _foreign(host: Facts, cluster: Facts) -> str:
    """How the CAs of a machine and of this cluster differ; "" if one is the same, or one side is unknown."""
    theirs, ours = _pins_of_host(host), _pins(cluster)
    return f"CA {', '.join(theirs)}, this cluster's is {', '.join(ours)}" if theirs and ours and not {*theirs} & {*ours} else ""


def _leave(decided: Plan, options: Options, what: str) -> Plan:
    if options.other_cluster == "reset":
        decided.reasons.append(f"{what}; node_join_other_cluster=reset, so kubeadm reset removes that")
    else:
        remedy = "set node_join_other_cluster=reset to remove it from that cluster, or remove it from the play"
        decided.problems.append(Problem("join.other_cluster", what, remedy=remedy))
    return decided


def _member(host: Facts, cluster: Facts, options: Options, name: str) -> Plan:
    """A machine with credentials of this cluster."""
    credentials, node = host["kubelet_conf"], _node(cluster, name)
    remarks = [f"it joined as {name}, not as {options.node_name}; the name in kubelet.conf is used"] if name != options.node_name else []
    if host.get("bootstrap_kubelet_conf"):
        remarks.append("/etc/kubernetes/bootstrap-kubelet.conf, which holds a token, is no longer needed and can be deleted")
    if node is not None and CONTROL_PLANE_LABEL in (node.get("labels") or {}):
        decided = Plan(
            "control_plane",
            name,
            reasons=[*remarks, f"its Node has the label {CONTROL_PLANE_LABEL}: a control plane is never reset"],
        )
        return _start_where_unwell(host, node, decided)
    if _ready(node) and not checks.stopped(host):
        return Plan("ready", name, reasons=remarks)
    useless = _useless(credentials)
    if useless and not _ready(node):
        return Plan(
            "half_joined", name, join=True, reset=True, reasons=[*remarks, f"{useless}, so the kubelet cannot authenticate; it joins again"]
        )
    if node is None:
        return _without_node(host, name, remarks)
    return _start_where_unwell(host, node, Plan("not_ready", name, reasons=remarks))


def _useless(credentials: Facts) -> str:
    if credentials.get("certificate_expired"):
        return f"its client certificate expired on {credentials.get('certificate_not_after')}"
    return "" if credentials.get("node_name") else "kubelet.conf exists, but its client certificate does not"


def _without_node(host: Facts, name: str, remarks: list[str]) -> Plan:
    if not host.get("kubelet_config"):
        why = "kubelet.conf belongs to this cluster, but its Node and /var/lib/kubelet/config.yaml do not exist; it joins again"
        return Plan("half_joined", name, join=True, reset=True, reasons=[*remarks, why])
    why = f"kubelet.conf belongs to this cluster, but the Node {name} does not exist; the restarted kubelet registers it again"
    return Plan("half_joined", name, restart_kubelet=True, start_services=True, reasons=[*remarks, why])


def _start_where_unwell(host: Facts, node: Facts, decided: Plan) -> Plan:
    broken = checks.stopped(host)
    if not _ready(node):
        broken.append(f"the Node is not Ready: {node.get('ready_reason') or 'no reason given'}")
    problem = (host.get("cri") or {}).get("problem")
    if broken and problem:
        broken.append(f"CRI: {problem}")
    decided.start_services = bool(broken)
    decided.reasons += broken
    return decided


def _join_problems(host: Facts, cluster: Facts, options: Options, decided: Plan) -> t.Iterator[Problem]:
    name = decided.node_name
    yield from checks.name(name)
    if list(options.names).count(name) > 1:
        message = f"more than one host of this play has the Node name {name}"
        yield Problem("node.name_twice", message, field="kube_node_name", remedy="set another kube_node_name")
    if decided.reset and host.get("static_pods"):
        pods = ", ".join(sorted(host["static_pods"]))
        yield Problem(
            "join.static_pods", f"kubeadm reset would delete the static pods {pods}", remedy="move them out of /etc/kubernetes/manifests"
        )
    if not cluster.get("cluster_endpoint") or not _pins(cluster):
        message = "the cluster has no usable ConfigMap kube-public/cluster-info, which kubeadm join reads first"
        yield Problem("join.no_cluster_info", message, remedy="create it as kubeadm init does (kubeadm init phase bootstrap-token)")
    yield from _version_problems(cluster, options, decided)
    yield from checks.downgrade(host, decided.kubelet_version, options.allow_downgrade, options.cni_version)
    if decided.state in ("bare", "member_elsewhere"):
        yield from leftovers.cni(host, _pins(cluster), options.keep_cni, "node_join_keep_cni")
    yield from options.obstacles


def _version_problems(cluster: Facts, options: Options, decided: Plan) -> t.Iterator[Problem]:
    """kubeadm join does not compare versions: a kubelet newer than the API server joins, and is unsupported."""
    api_server = cluster.get("api_server_version")
    if not api_server:
        yield Problem("version.api_server_unknown", "the version of the API server is unknown, so the kubelet's cannot be compared with it")
        return
    wanted = options.version or api_server
    problems = list(checks.version(wanted, api_server))
    yield from problems
    if problems:
        return
    kubelet, server = versions.parse(wanted), versions.parse(api_server)
    decided.kubelet_version = str(kubelet)
    if kubelet.branch != server.branch:
        # kubernetes.io, "Creating a cluster with kubeadm", version skew: the packages of one minor release are in one repository.
        decided.reasons.append(
            f"kubeadm is installed in the kubelet's version {kubelet}; Kubernetes supports joining only with a kubeadm of the cluster's"
            f" minor release, {server.branch}, but it usually works"
        )


def _existing_node(cluster: Facts, options: Options, decided: Plan) -> None:
    """An old Node of the same name would keep its labels and taints, whatever the new kubelet registers with."""
    node = _node(cluster, decided.node_name)
    if node is None:
        return
    name, ready = decided.node_name, _ready(node)
    what = f"the cluster already has a Node {name}, which is {'Ready' if ready else 'not Ready'}"
    if CONTROL_PLANE_LABEL in (node.get("labels") or {}):
        message = f"the cluster already has a Node {name}, which is a control plane and is never replaced"
        decided.problems.append(Problem("join.name_of_control_plane", message, field="kube_node_name", remedy="set another kube_node_name"))
    elif options.existing == "fail" or (ready and options.existing == "auto"):
        other = "another machine uses this name: set another kube_node_name, or " if ready else ""
        remedy = f"{other}set node_join_existing=replace to delete that Node first"
        decided.problems.append(Problem("join.node_exists", what, field="node_join_existing", remedy=remedy))
    elif ready and options.existing == "adopt":
        remedy = "kubeadm does not take over a Ready Node: stop its kubelet first, or set node_join_existing=replace"
        decided.problems.append(Problem("join.node_ready", what, field="node_join_existing", remedy=remedy))
    elif options.existing == "adopt":
        decided.reasons.append(f"{what}; the new kubelet takes it over with its present labels and taints")
    else:
        decided.replace_node = True
        # By its uid, so that a Node that another machine registers in the meantime is not deleted.
        decided.stale_node = {"name": name, "uid": node["uid"], "state": "absent", "force": options.existing == "replace"}
        decided.reasons.append(f"{what}; it is deleted before the join")


def _control_plane_pods(host: Facts) -> list[str]:
    pods = {re.sub(r"\.ya?ml$", "", str(name)) for name in host.get("static_pods") or ()}
    return sorted(pods & CONTROL_PLANE_PODS)


def _node(cluster: Facts, name: str) -> Facts | None:
    return next((node for node in cluster.get("nodes") or () if node.get("name") == name), None)


def _ready(node: Facts | None) -> bool:
    return bool(node and node.get("ready"))
