# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The membership of a node in its own files: kubelet.conf, certificate, flags, static pods. Private to this collection."""

from __future__ import annotations

import base64
import binascii
import datetime
import glob
import os
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.files import text
from ansible_collections.eco2.platform.plugins.module_utils._net import certificates
from ansible_collections.eco2.platform.plugins.module_utils._node import flags

_KUBERNETES = "etc/kubernetes"
_NODE = "system:node:"


def read(root: str = "/", now: datetime.datetime | None = None) -> dict[str, t.Any]:
    """The facts from files. `root`: the directory of the files; `now`: an aware time."""
    home = f"{root}{_KUBERNETES}"
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    return {
        "kubelet_conf": kubelet_conf(f"{home}/kubelet.conf", root, moment),
        "bootstrap_kubelet_conf": os.path.exists(f"{home}/bootstrap-kubelet.conf"),
        **_pins(text(f"{home}/pki/ca.crt")),
        "static_pods": sorted(name.rpartition(".")[0] for name in _names(f"{home}/manifests", (".yaml", ".yml", ".json"))),
        "kubelet_config": os.path.exists(f"{root}var/lib/kubelet/config.yaml"),
        "kubelet_flags": flags.variable(text(f"{root}var/lib/kubelet/kubeadm-flags.env"), "KUBELET_KUBEADM_ARGS"),
        "default_kubelet": flags.variable(text(f"{root}{flags.DEFAULTS[1:]}")),
        "kubelet_drop_ins": list(drop_ins(root)),
        "cni_configured": _names(f"{root}etc/cni/net.d", (".conf", ".conflist", ".json")),
    }


def kubelet_conf(path: str, root: str, now: datetime.datetime) -> dict[str, t.Any] | None:
    """The name of the Node and its cluster in the kubelet's kubeconfig; null where there is none.

    A part that cannot be read is null, because an unfinished join leaves such files. kubeadm writes one cluster and one user.
    """
    content = text(path)
    if content is None:
        return None
    fields = {name: value.strip("\"'") for name, value in re.findall(r"^[ -]*([a-z-]+):[ \t]*(\S+)[ \t]*$", content, re.MULTILINE)}
    authority = _certificate(fields, "certificate-authority", root)
    client = _certificate(fields, "client-certificate", root)
    expires = _try(certificates.not_after, client)
    name = _try(certificates.common_name, client) or ""
    return {
        "node_name": name[len(_NODE) :] if name.startswith(_NODE) else None,
        "server": fields.get("server"),
        **_pins(authority),
        "certificate_not_after": expires.strftime("%Y-%m-%dT%H:%M:%SZ") if expires else None,
        "certificate_expired": expires is None or expires <= now,
    }


def _certificate(fields: t.Mapping[str, str], name: str, root: str) -> str | None:
    """The certificate in the kubeconfig itself, or in the file that it names."""
    if name in fields:
        return text(root + fields[name].lstrip("/"))
    try:
        return base64.b64decode(fields.get(f"{name}-data", "")).decode("ascii") or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _pins(pem: str | None) -> dict[str, t.Any]:
    """The pins of all CAs of a bundle: the old one and the new one while a CA is rotated."""
    found = _try(certificates.spki_pins, pem) or []
    return {"ca_pin": found[0] if found else None, "ca_pins": found}


_T = t.TypeVar("_T")


def _try(function: t.Callable[[str], _T], pem: str | None) -> _T | None:
    try:
        return None if pem is None else function(pem)
    except ValueError:
        return None


_UNITS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_OF_PACKAGE = re.compile(r"(usr/)?lib/systemd/system/kubelet\.service\.d/10-kubeadm\.conf")
_ENVIRONMENTS = ("/var/lib/kubelet/kubeadm-flags.env", flags.DEFAULTS)


def drop_ins(root: str) -> t.Iterator[dict[str, t.Any]]:
    """The files that change how the package's unit starts the kubelet, each with the flags in it.

    `starts`: whether it starts the kubelet without the flags that kubeadm writes.
    """
    patterns = [f"{root}{_UNITS[0]}/kubelet.service", *(f"{root}{unit}/kubelet.service.d/*.conf" for unit in _UNITS)]
    # /lib may be a link to /usr/lib.
    paths = {os.path.realpath(path): path[len(root) :] for pattern in reversed(patterns) for path in glob.glob(pattern)}
    for path in sorted(paths.values()):
        if not _OF_PACKAGE.fullmatch(path):
            settings = re.findall(r"^[ \t]*(\w+)[ \t]*=[ \t]*(.*)$", re.sub(r"\\\n", " ", text(root + path) or ""), re.MULTILINE)
            starts = [value for name, value in settings if name == "ExecStart" and value]
            found = " ".join(_arguments(root, *setting) for setting in settings)
            without = any("KUBELET_KUBEADM_ARGS" not in start for start in starts)
            yield {"path": f"/{path}", "flags": " ".join(found.split()), "starts": without}


def _arguments(root: str, setting: str, value: str) -> str:
    """The arguments of the kubelet in one setting of a unit."""
    if setting == "ExecStart":
        return value.partition(" ")[2]
    if setting == "Environment":
        given = [word.partition("=")[::2] for word in flags.words(value)]
    elif setting == "EnvironmentFile" and value.lstrip("-") not in _ENVIRONMENTS:
        given = list(flags.variables(text(root + value.lstrip("-/"))).items())
    else:
        return ""
    return " ".join(line for name, line in given if name.startswith("KUBELET_"))


def _names(directory: str, endings: tuple[str, ...]) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(endings))
    except (FileNotFoundError, NotADirectoryError):
        return []
