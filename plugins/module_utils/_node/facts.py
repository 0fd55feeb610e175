# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of the module `kube_host_info`. Private to this collection."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import re
import shutil
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import until
from ansible_collections.eco2.platform.plugins.module_utils._host import addresses, kernel, swap
from ansible_collections.eco2.platform.plugins.module_utils._host import services as host_services
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import dpkg, versions
from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, PATH, Done, run_all
from ansible_collections.eco2.platform.plugins.module_utils._host.files import text
from ansible_collections.eco2.platform.plugins.module_utils._node import cloud, facts_containerd, facts_kubelet, kubeadm
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd import CONFIG

Params = t.Mapping[str, t.Any]
Host = t.Dict[str, t.Any]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el"}
_SERVICES = ("containerd", "kubelet")
# Interfaces that CNI plugins make: bridge, flannel, Calico, Cilium, Weave Net, kube-router, Antrea, OVN.
_OF_CNI = ("cni0", "flannel.1", "vxlan.calico", "cilium_host", "weave", "kube-bridge", "antrea-gw0", "ovn-k8s-mp0")
_COMMANDS: dict[str, tuple[str, ...]] = {
    **facts_containerd.COMMANDS,
    "kubelet": ("kubelet", "--version"),
    "kubeadm": ("kubeadm", "version", "--output", "short"),
}


def read(params: Params) -> dict[str, t.Any]:
    """The result of the module."""
    host = gather(params)
    return {"host": host, "differences": differences(host, params["wanted"])}


def gather(params: Params) -> Host:
    """The host. What is missing is null, false or empty, and never an error."""
    boot = wait_for_boot(params["wait_for_boot"])
    # First, because a kubeadm that is running changes what is read below.
    running = kubeadm.is_running()
    packages = params["packages"]
    answers = run_all({**_COMMANDS, **({"packages": (*dpkg.QUERY, *packages)} if packages else {})})
    has_containerd = answers["containerd version"].code != MISSING
    system = os_release(text("/etc/os-release"))
    return {
        "hostname": os.uname().nodename,
        "distribution": system.get("ID"),
        "codename": system.get("VERSION_CODENAME"),
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "boot": boot,
        "addresses": addresses.of_host(),
        "packages": {name: have._asdict() for name, have, dummy in dpkg.rows(answers["packages"].output)} if packages else {},
        "services": services(),
        "containerd": _containerd(answers),
        "cri": facts_containerd.cri(answers["crictl"], answers["ctr" if has_containerd else "containerd version"]),
        "containerd_starts": facts_containerd.starts(answers["containerd unit"]),
        "containerd_places": facts_containerd.places(text(CONFIG)),
        "other_programs": other_programs(),
        "kubelet_version": _version(answers["kubelet"]),
        "kubeadm_version": _version(answers["kubeadm"]),
        "kubeadm_running": running,
        "kubeadm_files": [*kubeadm.Machine().leftovers(), *kubeadm.Machine().control_plane()],
        "reset_from": kubeadm.reset_from(),
        "cni_interfaces": [name for name in _OF_CNI if os.path.exists(f"/sys/class/net/{name}")],
        "swap": list(swap.active()),
        "sysctls": {key: kernel.value(key) for key in params["sysctls"]},
        "digests": digests(params["digests"]),
        "cgroup_version": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        **facts_kubelet.read(),
        "cloud": cloud.ec2(params["cloud_address"], params["cloud_timeout"]) if params["cloud"] == "ec2" else None,
    }


def other_programs(path: str = PATH, packages: str = "/usr/bin") -> list[str]:
    """The programs that are run in place of those of the packages, which are tried or started by their names."""
    found = {name: shutil.which(name, path=path) for name in ("containerd", "kubeadm", "kubelet")}
    return [there for name, there in found.items() if there and os.path.realpath(there) != os.path.realpath(f"{packages}/{name}")]


def digests(patterns: t.Iterable[str]) -> dict[str, str]:
    """SHA-256 of the contents of files, which may be secret and are not shown."""
    found = {}
    for path in sorted({path for pattern in patterns for path in glob.glob(pattern)}):
        try:
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
        except (FileNotFoundError, IsADirectoryError):
            continue
    return found


def wait_for_boot(seconds: float, run: str = "/run/cloud-init") -> Host:
    """The state of cloud-init once it is done or the time is over: absent, running, done or error.

    cloud-init creates the file `enabled` at boot and result.json when it is done.
    """
    if not os.path.exists(f"{run}/enabled"):
        return {"cloud_init": "absent", "errors": []}
    result = until(lambda: text(f"{run}/result.json"), lambda result: result is not None, seconds)
    if result is None:
        return {"cloud_init": "running", "errors": []}
    try:
        errors = [str(error) for error in json.loads(result)["v1"]["errors"]]
    except (ValueError, KeyError, TypeError):
        errors = []
    return {"cloud_init": "error" if errors else "done", "errors": errors}


def os_release(content: str | None) -> dict[str, str]:
    """os-release(5)."""
    return {name: value.strip("\"'") for name, value in re.findall(r"^([A-Z_]+)=(.*)$", content or "", re.MULTILINE)}


def services() -> Host:
    found = {}
    for name, service in host_services.show(_SERVICES).items():
        failure = host_services.last_error(name) if service.active in ("failed", "activating") else None
        found[name] = {"active": service.active, "enabled": service.enabled, "failure": failure}
    return found


def _containerd(answers: t.Mapping[str, Done]) -> Host | None:
    version = facts_containerd.version(answers["containerd version"])
    if not version:
        return None
    return {"version": version, "config": facts_containerd.effective(answers["containerd dump"]), "drop_ins": facts_containerd.drop_ins()}


def _version(done: Done) -> str | None:
    found = re.search(r"v(\d+\.\d+\.\d+\S*)", done.output)
    return found.group(1) if found else None


def differences(host: Host, wanted: t.Mapping[str, t.Any]) -> list[Host]:
    """Where the host is not as wanted: [{what, is, wanted}]. A key is a path of names with dots, such as containerd.version."""
    found = []
    for what, want in wanted.items():
        now = _at(host, what.split("."))
        compares_versions = what.endswith("version") and isinstance(want, str) and isinstance(now, str)
        if not (versions.matches(want, now) if compares_versions else now == want):
            found.append({"what": what, "is": now, "wanted": want})
    return found


def _at(place: t.Any, names: t.Sequence[str]) -> t.Any:
    """The value at the end of the path, None where there is none. A name may have dots of its own, such as containerd.io."""
    if not names:
        return place
    for length in range(len(names), 0, -1):
        name = ".".join(names[:length])
        if isinstance(place, dict) and name in place:
            return _at(place[name], names[length:])
    return None
