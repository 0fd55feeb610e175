# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force of containerd, from `containerd config dump`, and the state of its CRI. Private to this collection."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._node import toml
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd import SOCKET

COMMANDS = {
    "containerd version": ("containerd", "--version"),
    "containerd dump": ("containerd", "config", "dump"),
    "crictl": ("crictl", "--runtime-endpoint", SOCKET, "--image-endpoint", SOCKET, "--timeout", "5s", "info"),
    "ctr": ("ctr", "--connect-timeout", "5s", "plugins", "ls"),
}
# The CRI plugin in one piece until 1.7, in three from 2.0 on (docs/containerd-2.0.md of containerd).
_CRI, _RUNTIME, _IMAGES = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"


def version(done: Done) -> str | None:
    """`1.6.20` of `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1`."""
    found = re.search(r"\sv?(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?)", done.output)
    return found.group(1) if found else None


def effective(dump: Done) -> dict[str, t.Any]:
    """The configuration in force. `problem`: why it is not known, null where it is."""
    if dump.code != 0:
        return {"problem": dump.complaint}
    try:
        config = toml.parse(dump.output)
    except ValueError as error:
        return {"problem": f"the output of containerd config dump cannot be parsed: {error}"}
    plugins = config.get("plugins", {})
    one_piece = _RUNTIME not in plugins
    runtime = plugins.get(_CRI if one_piece else _RUNTIME, {})
    images = plugins.get(_CRI if one_piece else _IMAGES, {})
    containerd, cni = runtime.get("containerd", {}), runtime.get("cni", {})
    default = containerd.get("runtimes", {}).get(containerd.get("default_runtime_name", "runc"), {})
    disabled = {_CRI, _RUNTIME, _IMAGES, "cri"} & set(config.get("disabled_plugins") or [])
    return {
        "version": config.get("version"),
        "cri_disabled": bool(disabled),
        "cgroup_systemd": bool(default.get("options", {}).get("SystemdCgroup")),
        "sandbox_image": images.get("sandbox_image", "") if one_piece else images.get("pinned_images", {}).get("sandbox", ""),
        "registry_config_path": images.get("registry", {}).get("config_path", ""),
        "cni_bin_dirs": list(cni.get("bin_dirs") or [cni[name] for name in ("bin_dir",) if cni.get(name)]),
        "cni_conf_dir": cni.get("conf_dir", ""),
        "runtime_settings": {name: value for name, value in runtime.items() if not isinstance(value, dict)},
        "problem": None,
    }


def cri(crictl: Done, ctr: Done) -> dict[str, t.Any]:
    """Whether the CRI answers: from crictl where it is installed, else from containerd's list of plugins."""
    if crictl.code == 0:
        return _by_crictl(crictl.output)
    if ctr.code != 0:
        return {"ready": False, "problem": ctr.complaint}
    rows = [row.split() for row in ctr.output.splitlines()[1:]]
    # TYPE ID PLATFORMS STATUS; a disabled plugin is not listed.
    states = {f"{row[0]}.{row[1]}": row[-1] for row in rows if len(row) >= 4}
    if _CRI not in states:
        return {"ready": False, "problem": "containerd's CRI plugin is disabled"}
    bad = [
        f"plugin {name}: {states[name]} (see 'ctr plugins ls --detailed' and 'journalctl -u containerd')"
        for name in (_CRI, _RUNTIME, _IMAGES)
        if states.get(name, "ok") != "ok"
    ]
    return {"ready": not bad, "problem": "; ".join(bad) or None}


def _by_crictl(output: str) -> dict[str, t.Any]:
    """NetworkReady does not count, because there is no CNI configuration before the join."""
    try:
        conditions = json.loads(output)["status"]["conditions"]
        (runtime,) = [condition for condition in conditions if condition["type"] == "RuntimeReady"]
        ready, message = bool(runtime["status"]), runtime.get("message")
    except (ValueError, KeyError, TypeError) as error:
        return {"ready": False, "problem": f"the output of crictl info cannot be parsed: {error!r}"}
    return {
        "ready": ready,
        "problem": None if ready else f"containerd reports that its runtime is not ready: {message or 'no reason given'}",
    }
