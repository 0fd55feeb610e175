# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force of containerd, from `containerd config dump`, and the state of its CRI. Private to this collection."""

from __future__ import annotations

import glob
import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._host.files import text
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd_settings, toml
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd import DROP_INS, SOCKET
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd_settings import CRI, IMAGES, RUNTIME

COMMANDS = {
    "containerd version": ("containerd", "--version"),
    "containerd dump": ("containerd", "config", "dump"),
    "containerd unit": ("systemctl", "show", "containerd.service", "--property", "ExecStart"),
    "crictl": ("crictl", "--runtime-endpoint", SOCKET, "--image-endpoint", SOCKET, "--timeout", "5s", "info"),
    "ctr": ("ctr", "--connect-timeout", "5s", "plugins", "ls"),
}
# Not settings: the format, and the files that are read.
_OF_FILE = ("version", "imports")


def version(done: Done) -> str | None:
    """`1.6.20` of `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1`."""
    found = re.search(r"\sv?(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?)", done.output)
    return found.group(1) if found else None


def starts(unit: Done) -> str:
    """The command of containerd.service as systemd has it, "" where there is no such unit."""
    found = re.search(r"argv\[\]=(.*?) ;", unit.output)
    return found.group(1) if found else ""


def places(config: str | None) -> dict[str, str]:
    """`root` and `state` in the text of config.toml, also where containerd is not installed or does not read it."""
    head = re.split(r"^\s*\[", config or "", maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\s*(root|state)\s*=\s*[\"']([^\"'\n]+)[\"']", head, re.MULTILINE))


# What it prints of a key that it does not know, and ignores: the path of the key, and the plugin or the file that has it.
_IGNORED = re.compile(r'Ignoring unknown key in TOML[^\n]*?\bkey=(?:"([^"\n]*)"|(\S+))')
_WHERE = re.compile(r"\b(?:plugin|file)=(\S+)")


def ignored(errors: str) -> list[dict[str, str]]:
    """The keys that containerd ignores: the path of each, and the plugin or the file that has it."""
    found = []
    for line in errors.splitlines():
        key, where = _IGNORED.search(line), _WHERE.search(line)
        if key:
            path = ".".join((key.group(1) or key.group(2)).split())
            found.append({"key": path, "where": where.group(1) if where else ""})
    return found


def effective(dump: Done) -> dict[str, t.Any]:
    """The configuration in force. `problem`: why it is not known, null where it is."""
    if dump.code != 0:
        return {"problem": dump.complaint}
    try:
        config = toml.parse(dump.output)
    except ValueError as error:
        return {"problem": f"the output of containerd config dump cannot be parsed: {error}"}
    plugins = config.get("plugins", {})
    one_piece = RUNTIME not in plugins
    runtime = plugins.get(CRI if one_piece else RUNTIME, {})
    images = plugins.get(CRI if one_piece else IMAGES, {})
    containerd, cni = runtime.get("containerd", {}), runtime.get("cni", {})
    default = containerd.get("runtimes", {}).get(containerd.get("default_runtime_name", "runc"), {})
    disabled = {CRI, RUNTIME, IMAGES, "cri"} & set(config.get("disabled_plugins") or [])
    return {
        "version": config.get("version"),
        "cri_disabled": bool(disabled),
        "cgroup_systemd": bool(default.get("options", {}).get("SystemdCgroup")),
        "sandbox_image": images.get("sandbox_image", "") if one_piece else images.get("pinned_images", {}).get("sandbox", ""),
        "registry_config_path": images.get("registry", {}).get("config_path", ""),
        "cni_bin_dirs": list(cni.get("bin_dirs") or [cni[name] for name in ("bin_dir",) if cni.get(name)]),
        "cni_conf_dir": cni.get("conf_dir", ""),
        "settings": containerd_settings.public({name: value for name, value in config.items() if name not in _OF_FILE}),
        "ignored": ignored(dump.errors),
        "problem": None,
    }


def drop_ins(pattern: str = f"{DROP_INS}/*.toml") -> list[dict[str, t.Any]]:
    """The files that config.toml imports: the version of each, None where it cannot be read, and the paths of its settings."""
    found: list[dict[str, t.Any]] = []
    for path in sorted(glob.glob(pattern)):
        try:
            table = toml.parse(text(path) or "")
        except ValueError:
            found.append({"path": path, "version": None, "settings": []})
            continue
        # A file without a version has version 1.
        paths = [".".join(path) for path, dummy in containerd_settings.leaves(table)]
        found.append({"path": path, "version": table.get("version", 1), "settings": [name for name in paths if name not in _OF_FILE]})
    return found


def cri(crictl: Done, ctr: Done) -> dict[str, t.Any]:
    """Whether the CRI answers: from crictl where it is installed, else from containerd's list of plugins."""
    if crictl.code == 0:
        return _by_crictl(crictl.output)
    if ctr.code != 0:
        return {"ready": False, "problem": ctr.complaint}
    rows = [row.split() for row in ctr.output.splitlines()[1:]]
    # TYPE ID PLATFORMS STATUS; a disabled plugin is not listed.
    states = {f"{row[0]}.{row[1]}": row[-1] for row in rows if len(row) >= 4}
    if CRI not in states:
        return {"ready": False, "problem": "containerd's CRI plugin is disabled"}
    bad = [
        f"plugin {name}: {states[name]} (see 'ctr plugins ls --detailed' and 'journalctl -u containerd')"
        for name in (CRI, RUNTIME, IMAGES)
        if states.get(name, "ok") != "ok"
    ]
    return {"ready": not bad, "problem": "; ".join(bad) or None}


def _by_crictl(output: str) -> dict[str, t.Any]:
    """NetworkReady does not count, because there is no CNI configuration before the join."""
    try:
        conditions = json.loads(output)["status"]["conditions"]
        (runtime,) = [condition for condition in conditions if condition["type"] == "RuntimeReady"]
        ready, message = bool(runtime["status"]), runtime.get("message")
    except (ValueError, KeyError, TypeError):
        return {"ready": False, "problem": f"the output of crictl info cannot be parsed, it begins with {output[:80]!r}"}
    return {
        "ready": ready,
        "problem": None if ready else f"containerd reports that its runtime is not ready: {message or 'no reason given'}",
    }
