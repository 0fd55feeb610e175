# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a member differs from what the roles containerd and kubernetes_node would make of it. Private to this collection.

Pure. It only reports, because installing or restarting could disturb the pods of a member.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd, facts, kubeadm_config

Facts = t.Mapping[str, t.Any]
# By path in the facts of kube_host_info: its name in messages, its wanted value, and the option that says so.
Wanted = t.Dict[str, t.Tuple[str, t.Any, str]]

_VERSIONED = ("kubelet", "kubeadm", "kubectl")
_HELD = (*_VERSIONED, "kubernetes-cni", "cri-tools")
_CONTAINERDS = {"docker": "containerd.io", "distribution": "containerd"}
_NAMES = {
    "cri_disabled": ("containerd's CRI being disabled", ""),
    "cgroup_systemd": ("containerd's use of systemd's cgroup driver", "containerd_cgroup_driver"),
    "sandbox_image": ("containerd's sandbox image", "containerd_sandbox_image"),
    "registry_config_path": ("containerd's directory of registries", "containerd_registry_mirrors"),
    "cni_bin_dirs": ("containerd's directories of CNI plugins", "containerd_cni_bin_dirs"),
    "cni_conf_dir": ("containerd's directory of CNI configurations", "containerd_cni_conf_dir"),
}
_CONTAINERD = "containerd_"


def sentences(host: Facts, declared: Facts, version: str) -> list[str]:
    """The differences, one line each.

    host: of kube_host_info with packages, sysctls and digests. declared: the options of the roles by name. version: the wanted version of
    the kubelet, "" if it is not known.
    """
    wanted, problems = _wanted(host, declared, version)
    found = []
    for difference in facts.differences(dict(host), {path: want for path, (dummy, want, dummy2) in wanted.items()}):
        name, want, option = wanted[difference["what"]]
        found.append(_sentence(name, difference["is"], want, option))
    cri = host.get("cri") or {}
    if not cri.get("ready", True):
        found.append(f"containerd's CRI is not ready: {cri.get('problem') or 'no reason given'}")
    if host.get("swap") and declared["kubernetes_node_swap"] in ("off", False):
        found.append(f"swap is on ({', '.join(host['swap'])}), but must be off (kubernetes_node_swap)")
    return [*problems, *found]


def _sentence(name: str, now: t.Any, want: t.Any, option: str) -> str:
    if name.endswith(_FILES):
        return f"{name} {'is missing' if now is None else 'has other content'}, but must be as {option} declares"
    held = name.startswith("the hold")
    is_now = "missing" if now is None else _shown(now, held)
    return f"{name} is {is_now}, but must be {_shown(want, held)}" + (f" ({option})" if option else "")


_FILE = "hosts.toml"
_FILES = (_FILE, kubeadm_config.PATCH)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _shown(value: t.Any, held: bool) -> str:
    words = {True: "on", False: "off"} if held else {True: "true", False: "false"}
    return ", ".join(map(str, value)) if isinstance(value, list) else words.get(value, str(value) or "empty")


def _wanted(host: Facts, declared: Facts, version: str) -> tuple[Wanted, list[str]]:
    packages = host.get("packages") or {}
    package = _CONTAINERDS[declared["containerd_source"]]
    versions = dict.fromkeys(_VERSIONED, (version, "kube_version, by default the API server's"))
    versions["kubernetes-cni"] = (declared["kubernetes_node_cni_version"], "kubernetes_node_cni_version")
    versions[package] = (declared["containerd_version"] if package in packages else "", "containerd_version")
    wanted: Wanted = {f"packages.{name}.version": (name, *want) for name, want in versions.items() if want[0]}
    for name, option in {**dict.fromkeys(_HELD, "kubernetes_node_hold"), package: "containerd_hold"}.items():
        if name in packages:
            wanted[f"packages.{name}.held"] = (f"the hold of {name}", declared[option], option)
    if package not in packages:
        wanted[f"packages.{package}"] = (f"the package {package}", "installed", "containerd_source")
    for key, value in declared["kubernetes_node_sysctls"].items():
        if "*" not in key:  # a pattern stands for many keys, which were not read
            wanted[f"sysctls.{key}"] = (f"sysctl {key}", " ".join(str(value).split()), "kubernetes_node_sysctls")
    patch = declared.get("kube_kubelet_patch")
    if patch:
        wanted[f"digests.{kubeadm_config.PATCH}"] = (kubeadm_config.PATCH, _digest(kubeadm_config.patch_text(patch)), "kube_kubelet_patch")
    return wanted, _containerd(host, declared, wanted)


def _containerd(host: Facts, declared: Facts, wanted: Wanted) -> list[str]:
    """Adds the configuration of containerd to `wanted`; returns why that is not possible."""
    found = host.get("containerd") or {}
    config = found.get("config") or {}
    options = {name[len(_CONTAINERD) :]: value for name, value in declared.items() if name.startswith(_CONTAINERD)}
    try:
        configured = containerd.configuration(found.get("version") or "", options)
    except Refused as error:
        return [str(error)]
    if not found or config.get("problem"):
        return [f"containerd's configuration is not known: {config.get('problem') or 'containerd is not installed'}"]
    for path, want in configured.effective.items():
        name, option = _NAMES.get(path[len(containerd.FACTS) :], ("", ""))
        setting = path[len(containerd.OF_SETTINGS) :]
        wanted[path] = (name or f"containerd's {setting}", want, option or configured.options.get(path, ""))
    for file in configured.files:
        if file["path"].endswith(_FILE):
            content = file.get("content") or file["secret_content"]
            wanted[f"digests.{file['path']}"] = (file["path"], _digest(content), "containerd_registry_mirrors")
    return []
