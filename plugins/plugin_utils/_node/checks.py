# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a machine from becoming a node, or a node from being Ready. Private to this collection. Pure."""

from __future__ import annotations

import re
import typing as t

import yaml

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, first
from ansible_collections.eco2.platform.plugins.module_utils._kube import names
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import profile, versions
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import described
from ansible_collections.eco2.platform.plugins.module_utils._node import kubeadm_config

Facts = t.Mapping[str, t.Any]
Problems = t.Iterator[Problem]

CONTROL_PLANE_GROUP = "control_plane"
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
_CGROUP_V2 = (
    "boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1 on the kernel command line, or a newer release), or set "
    "failCgroupV1=false for the kubelet and add SystemVerification to the ignored preflight errors"
)


def boot(host: Facts, timeout: float) -> Problems:
    if host["boot"]["cloud_init"] == "running":
        remedy = "look at 'cloud-init status --long' on the host, or raise kubernetes_node_wait_timeout"
        yield Problem("host.booting", f"cloud-init has not finished within {timeout:g} s", remedy=remedy)


def name(given: t.Any) -> Problems:
    """The name of a Node, as the inventory has it."""
    if not isinstance(given, str):
        remedy = "write it in quotes; on a host's line of an INI inventory in two kinds of quotes, '\"101\"'"
        yield Problem("node.name_type", f"is {described(given)}, and the name of a Node is text", field="kube_node_name", remedy=remedy)
        return
    problem = names.registered_problem(given)
    if problem:
        yield Problem("node.name", f"{given!r} {problem}", field="kube_node_name", remedy="set kube_node_name")


def group(variables: t.Any) -> Problems:
    """variables: of the host. A machine of the group control_plane must not join as a worker."""
    if isinstance(variables, t.Mapping) and CONTROL_PLANE_GROUP in (variables.get("group_names") or ()):
        message = f"the host is in the group {CONTROL_PLANE_GROUP}, and joins are of workers only: no playbook makes further control planes"
        remedy = f"take it out of the group {CONTROL_PLANE_GROUP}, or join it by hand with 'kubeadm join --control-plane'"
        yield Problem("join.control_plane_group", message, remedy=remedy)


def further_control_planes(nodes: t.Iterable[Facts], variables: t.Any) -> Problems:
    """variables: of the host, with `groups` and `hostvars`. nodes: of the cluster."""
    if not isinstance(variables, t.Mapping) or CONTROL_PLANE_GROUP not in (variables.get("group_names") or ()):
        return
    made = {node["name"] for node in nodes if CONTROL_PLANE_LABEL in (node.get("labels") or {})}
    hosts = [host for host in variables["groups"][CONTROL_PLANE_GROUP] if host != variables["inventory_hostname"]]
    unmade = [host for host in hosts if str(variables["hostvars"][host].get("kube_node_name") or host) not in made]
    if unmade:
        message = f"the group {CONTROL_PLANE_GROUP} has further hosts, {first(unmade)}, and no playbook makes further control planes"
        remedy = f"take them out of the group {CONTROL_PLANE_GROUP} until they have joined by hand with 'kubeadm join --control-plane'"
        yield Problem("play.further_control_planes", message, remedy=remedy)


def schedulable(wanted: t.Any, split: Facts) -> Problems:
    """Whether a control plane that takes pods has a profile that keeps them off."""
    if wanted and CONTROL_PLANE_LABEL in [taint["key"] for taint in split.get("taints", ())]:
        message = f"control_plane_schedulable is true, and the profile has kubeadm's taint {CONTROL_PLANE_LABEL}, which keeps pods off"
        yield Problem("profile.not_schedulable", message, field="kube_profile", remedy="remove one of the two")


def patch(given: t.Any) -> tuple[dict[str, t.Any], list[Problem]]:
    """The settings of one node's kubelet, from a dictionary or its text as YAML or JSON; and what is wrong with them."""
    try:
        value = yaml.safe_load(given) if isinstance(given, str) else given
    except (yaml.YAMLError, ValueError):
        return {}, [Problem("kubelet_patch.invalid", "is neither YAML nor JSON", field="kube_kubelet_patch")]
    problem = kubeadm_config.patch_problem(value) if value not in (None, "", {}) else None
    if problem:
        return {}, [Problem("kubelet_patch.invalid", problem, field="kube_kubelet_patch")]
    return value or {}, []


def split(value: t.Any, cloud: Facts, variables: t.Iterable[str]) -> tuple[dict[str, t.Any], list[Problem]]:
    """The parts of a profile, and what is wrong with it. `variables`: the names of the host's variables."""
    torn = profile.torn_off(variables)
    if torn:
        return {}, [Problem("profile.not_quoted", torn, field="kube_profile")]
    try:
        return profile.parse(value, cloud).as_dict(), []
    except Refused as refusal:
        return {}, [Problem("profile.invalid", problem.message, field=problem.field or "kube_profile") for problem in refusal.problems]


def version(kubelet: t.Any, api_server: t.Any) -> Problems:
    """Whether the version names a release, and a kubelet of it can join that API server ("" where there is none yet)."""
    remedy = 'set kube_version to a whole version, such as "1.36.3"'
    if kubelet in ("", None):
        yield Problem("version.missing", "no version of Kubernetes is set", remedy=remedy)
        return
    try:
        wanted = versions.parse(kubelet)
        problem = versions.skew_problem(wanted, versions.parse(api_server)) if api_server else None
    except ValueError as error:
        yield Problem("version.invalid", str(error), field="kube_version")
    else:
        if problem:
            yield Problem("version.skew", problem, field="kube_version")


def downgrade(host: Facts, kubelet: t.Any, allowed: bool, cni: str = "") -> Problems:
    """What is installed in a newer version. apt refuses to go back only when containerd and the repository have changed already."""
    if allowed:
        return
    packages = {each: (have or {}).get("version") for each, have in (host.get("packages") or {}).items()}
    there = {"kubeadm": host.get("kubeadm_version"), "kubectl": packages.get("kubectl"), "kubelet": host.get("kubelet_version")}
    yield from _newer(there, kubelet, "kube_version")
    yield from _newer({"kubernetes-cni": packages.get("kubernetes-cni")}, cni, "kubernetes_node_cni_version")


def _newer(there: t.Mapping[str, str | None], wanted: t.Any, option: str) -> Problems:
    """One problem for all programs of the same newer version."""
    target, found = _release(wanted), {program: _release(version) for program, version in there.items()}
    for version in sorted({version for version in found.values() if version and target and target < version}):
        programs = ", ".join(program for program, have in found.items() if have == version)
        message = f"installing {target} would downgrade it from {version}, which Kubernetes does not support for a member of a cluster"
        remedy = f"set {option} to {version} or newer, or, if the machine has never joined, kubernetes_node_allow_downgrade: true"
        yield Problem("version.downgrade", message, programs, remedy=remedy)


def _release(version: t.Any) -> versions.Version | None:
    """Of a program or its package, such as 1.36.3-1.1; None where it is neither."""
    try:
        return versions.parse(re.sub(r"-\d[\d.]*$", "", version).replace("~", "-") if isinstance(version, str) else version)
    except ValueError:
        return None


def programs(host: Facts, names: t.Collection[str] = ("containerd", "kubeadm", "kubelet")) -> Problems:
    """Programs of others that would be run in place of those that the packages bring, so that something else is configured than runs."""
    for path in host.get("other_programs") or ():
        name = path.rpartition("/")[2]
        if name in names:
            message = f"{path} is run in place of /usr/bin/{name}, which the package brings"
            yield Problem("host.other_program", message, remedy="remove it, or move it to a place that is not in the path of root")
    starts = str(host.get("containerd_starts") or "/usr/bin/containerd")
    if not re.match(r"/usr/bin/containerd(\s|$)", starts) or _ELSEWHERE.search(starts):
        message = f"containerd.service starts {starts}, and not /usr/bin/containerd with /etc/containerd/config.toml"
        remedy = "remove the file that says so ('systemctl cat containerd' shows it), and run 'systemctl daemon-reload'"
        yield Problem("containerd.other_start", message, remedy=remedy)


_ELSEWHERE = re.compile(r"\s(--root|--state|-a|--address|(-c|--config)(?![= ]/etc/containerd/config\.toml(\s|$)))[= ]")


def cgroup(host: Facts, kubelet: t.Any, ignored: t.Collection[str]) -> Problems:
    try:
        wanted = versions.parse(kubelet)
    except ValueError:
        return
    if (wanted.major, wanted.minor) >= (1, 35) and host["cgroup_version"] == 1 and not {"SystemVerification", "all"} & {*ignored}:
        yield Problem("host.cgroup_v1", "the host has cgroup v1; since Kubernetes 1.35 the kubelet does not start on it", remedy=_CGROUP_V2)


def stopped(host: Facts) -> list[str]:
    """The services of a node that do not run, with the last error line of each."""
    found = []
    for service, state in (host.get("services") or {}).items():
        if state and state.get("active") != "active":
            failure = f": {state['failure']}" if state.get("failure") else ""
            found.append(f"{service} is {state.get('active')}{failure}")
    return found


def services(host: Facts) -> Problems:
    yield from (Problem("host.service_stopped", line) for line in stopped(host))
    cri = host.get("cri") or {}
    if not cri.get("ready", True):
        yield Problem("host.cri_not_ready", f"CRI: {cri.get('problem')}")
