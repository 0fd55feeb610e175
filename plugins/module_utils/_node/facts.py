# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a join or a report asks of a host, in one go. Private to this collection."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import re
import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host import kernel as host_kernel
from ansible_collections.eco2.platform.plugins.module_utils._host import services as host_services
from ansible_collections.eco2.platform.plugins.module_utils._host import swap
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, Done, run_all
from ansible_collections.eco2.platform.plugins.module_utils._node import cloud as host_cloud
from ansible_collections.eco2.platform.plugins.module_utils._node import facts_containerd, facts_kubelet, kubeadm

Params = t.Mapping[str, t.Any]
Host = t.Dict[str, t.Any]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el"}
_SERVICES = ("containerd", "kubelet")
_COMMANDS = {
    **facts_containerd.COMMANDS,
    "kubelet": ("kubelet", "--version"),
    "kubeadm": ("kubeadm", "version", "--output", "short"),
}
_FAILING = ("failed", "activating")


def gather(params: Params) -> Host:
    """The host's answer. Nothing missing is an error: a bare machine is a normal one."""
    boot = wait_for_boot(params["wait_for_boot"])
    # Asked before all else: what is read below is of no use to a decision while kubeadm goes on changing it.
    running = kubeadm.is_running()
    packages = params["packages"]
    asking = {name: command for name, command in _COMMANDS.items() if installed(command[0])}
    if packages:
        asking["packages"] = ("dpkg-query", "--show", "--showformat", "${Package}\t${Status}\t${Version}\n", *packages)
    answers = {**{name: Done(MISSING, "", f"{command[0]} is not installed") for name, command in _COMMANDS.items()}, **run_all(asking)}
    system = os_release(_text("/etc/os-release"))
    return {
        "hostname": os.uname().nodename,
        "distribution": system.get("ID"),
        "codename": system.get("VERSION_CODENAME"),
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "boot": boot,
        "packages": _packages(answers["packages"].output) if packages else {},
        "services": services(),
        "containerd": _containerd(answers),
        "cri": facts_containerd.cri(answers["crictl"], answers["ctr"] if installed("containerd") else answers["containerd version"]),
        "kubelet_version": _version(answers["kubelet"]),
        "kubeadm_version": _version(answers["kubeadm"]),
        "kubeadm_running": running,
        "swap": list(swap.active()),
        "sysctls": {key: host_kernel.value(key) for key in params["sysctls"]},
        "digests": digests(params["digests"]),
        "cgroup_version": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        **facts_kubelet.read(),
        "cloud": host_cloud.ec2(params["cloud_address"], params["cloud_timeout"]) if params["cloud"] == "ec2" else None,
    }


def digests(patterns: t.Iterable[str]) -> dict[str, str]:
    """SHA-256 of the files' contents, which may be secret and are not shown."""
    found = {}
    for path in sorted({path for pattern in patterns for path in glob.glob(pattern)}):
        try:
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
        except OSError:  # gone, or a directory
            continue
    return found


def installed(program: str) -> bool:
    return any(os.access(f"{directory}/{program}", os.X_OK) for directory in host_paths())


def host_paths() -> list[str]:
    return ["/opt/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]


def wait_for_boot(seconds: float, run: str = "/run/cloud-init") -> Host:
    """cloud-init's state, waited for until it is done or the time is over: absent, running, done or error.

    It marks the boots that it runs in with a file `enabled`, and its end with result.json.
    """
    end = time.monotonic() + seconds
    if not os.path.exists(f"{run}/enabled"):
        return {"cloud_init": "absent", "errors": []}
    while True:
        text = _text(f"{run}/result.json")
        if text is not None:
            break
        if time.monotonic() >= end:
            return {"cloud_init": "running", "errors": []}
        time.sleep(min(1.0, max(end - time.monotonic(), 0.05)))
    try:
        errors = [str(error) for error in json.loads(text)["v1"]["errors"]]
    except (ValueError, KeyError, TypeError):
        errors = []
    return {"cloud_init": "error" if errors else "done", "errors": errors}


def os_release(text: str | None) -> dict[str, str]:
    """os-release(5)."""
    return {name: value.strip("\"'") for name, value in re.findall(r"^([A-Z_]+)=(.*)$", text or "", re.MULTILINE)}


def _packages(listing: str) -> Host:
    found = {}
    for line in listing.splitlines():
        name, status, version = line.split("\t")
        want, dummy, now = status.split(" ")
        if now not in ("not-installed", "config-files"):
            found[name] = {"version": version, "held": want == "hold"}
    return found


def services() -> Host:
    found = {}
    for name, service in host_services.show(_SERVICES).items():
        failing = service.active in _FAILING
        found[name] = {
            "active": service.active,
            "enabled": service.enabled,
            "failure": host_services.last_error(name) if failing else None,
        }
    return found or {name: {"active": "missing", "enabled": False, "failure": None} for name in _SERVICES}


def _containerd(answers: t.Mapping[str, Done]) -> Host | None:
    version = facts_containerd.version(answers["containerd version"])
    if version is None:
        return None
    return {"version": version, "config": facts_containerd.effective(answers["containerd dump"])}


def _version(done: Done) -> str | None:
    found = re.search(r"v(\d+\.\d+\.\d+\S*)", done.output)
    return found.group(1) if found else None


def differences(host: Host, wanted: t.Mapping[str, t.Any]) -> list[Host]:
    """Where the host is not as wanted: [{what, is, wanted}]. A key is a path of names with dots, such as containerd.version."""
    found = []
    for what, want in wanted.items():
        now = _at(host, what.split("."))
        if not _same(what, now, want):
            found.append({"what": what, "is": now, "wanted": want})
    return found


def _at(place: t.Any, names: t.Sequence[str]) -> t.Any:
    """What stands at the end of the path; a name may have dots of its own, such as containerd.io. None where nothing does."""
    if not names:
        return place
    for length in range(len(names), 0, -1):
        name = ".".join(names[:length])
        if isinstance(place, dict) and name in place:
            return _at(place[name], names[length:])
    return None


def _same(what: str, now: t.Any, want: t.Any) -> bool:
    if what.endswith("version") and isinstance(want, str) and isinstance(now, str):
        return versions.matches(want, now)
    return bool(now == want)


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
