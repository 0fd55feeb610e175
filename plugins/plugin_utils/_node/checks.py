# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a machine from becoming a node, or a node from being Ready. Private to this collection. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import names
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import profile, versions

Facts = t.Mapping[str, t.Any]
Problems = t.Iterator[Problem]

_CGROUP_V2 = (
    "boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1 on the kernel command line, or a newer release), or set "
    "failCgroupV1=false for the kubelet and add SystemVerification to the ignored preflight errors"
)


def boot(host: Facts, timeout: float) -> Problems:
    if host["boot"]["cloud_init"] == "running":
        remedy = "look at 'cloud-init status --long' on the host, or raise kubernetes_node_wait_timeout"
        yield Problem("host.booting", f"cloud-init has not finished within {timeout:g} s", remedy=remedy)


def name(given: str) -> Problems:
    problem = names.node_problem(given)
    if problem:
        yield Problem("node.name", f"{given!r} {problem}", field="kube_node_name", remedy="set kube_node_name")


def node_ip(given: str, split: Facts) -> Problems:
    if given and "node-ip" in [flag["name"] for flag in split.get("kubelet_extra_args", ())]:
        message = "the profile has the flag --node-ip, and kube_node_ip is set as well"
        yield Problem("profile.node_ip_twice", message, field="kube_profile", remedy="remove --node-ip from the profile")


def split(value: t.Any, cloud: Facts, variables: t.Iterable[str]) -> tuple[dict[str, t.Any], list[Problem]]:
    """The parts of a profile, and what is wrong with it. `variables`: the names of the host's variables."""
    torn = profile.torn_off(variables)
    if torn:
        return {}, [Problem("profile.not_quoted", torn, field="kube_profile")]
    try:
        return profile.parse(value, cloud).as_dict(), []
    except Refused as refusal:
        return {}, [Problem("profile.invalid", str(problem), field="kube_profile") for problem in refusal.problems]


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
