# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The membership of a node in its own files: kubelet.conf, certificate, flags, static pods. Private to this collection."""

from __future__ import annotations

import base64
import binascii
import datetime
import os
import re
import shlex
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.files import text
from ansible_collections.eco2.platform.plugins.module_utils._net import certificates

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
        "kubelet_flags": variable(text(f"{root}var/lib/kubelet/kubeadm-flags.env"), "KUBELET_KUBEADM_ARGS"),
        "default_kubelet": variable(text(f"{root}etc/default/kubelet"), "KUBELET_EXTRA_ARGS"),
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


def variable(content: str | None, name: str) -> str:
    """The last value that an environment file (systemd.exec(5)) gives the variable; "" where it gives none."""
    values = re.findall(rf"^[ \t]*{name}=((?:\\\n|[^\n])*)$", content or "", re.MULTILINE)
    try:
        words = shlex.split(values[-1].replace("\\\n", " "), comments=False) if values else []
        return " ".join(" ".join(words).split())
    except ValueError:  # a quote is not closed; systemd takes it literally
        return t.cast(str, values[-1])


def _names(directory: str, endings: tuple[str, ...]) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(endings))
    except (FileNotFoundError, NotADirectoryError):
        return []
