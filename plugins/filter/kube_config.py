# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters kube_config_pins, kube_config_lost and kube_config_text; a .yml of each name documents it."""

from __future__ import annotations

import base64
import binascii
import typing as t

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.eco2.platform.plugins.module_utils._net import certificates


def kube_config_pins(text: str) -> list[str]:
    """The pins of the certificate authorities that a kubeconfig trusts; empty where it is none."""
    return [pin for cluster in _clusters(_parsed(text)) for pin in _pins(cluster)]


def kube_config_lost(old: str, new: str = "") -> list[str]:
    """What would be lost if the kubeconfig `new` took the place of `old`: all that is not of its clusters, or has another name."""
    if not old.strip():
        return []
    before, after = _parsed(old), _parsed(new)
    if not _clusters(before):
        return ["what it holds, which is no kubeconfig"]
    ours, lost = set(kube_config_pins(new)), []
    kept = {part: {name for name, dummy in _named(after, part)} for part in ("clusters", "contexts", "users")}
    for name, cluster in _named(before, "clusters"):
        pins = _pins(cluster)
        if name not in kept["clusters"] or not pins or not set(pins) <= ours:
            lost.append(f"cluster {name} (CA {', '.join(pins) or 'not in the file'})")
    for part in ("contexts", "users"):
        lost += [f"{part[:-1]} {name}" for name, dummy in _named(before, part) if name not in kept[part]]
    return lost


def kube_config_text(text: str, server: str = "") -> str:
    """The kubeconfig, its clusters at another address where one is given."""
    if not server or not text:
        return text
    document = _parsed(text)
    clusters = _clusters(document)
    if not clusters:
        raise AnsibleFilterError("kube_config_text: this is no kubeconfig (it has no clusters)")
    for cluster in clusters:
        cluster["server"] = server if "://" in server else f"https://{server}"
    return str(yaml.safe_dump(document, sort_keys=False))


def _parsed(text: str) -> t.Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        # What is wrong with it would show a part of it.
        return None


def _clusters(document: t.Any) -> list[dict[str, t.Any]]:
    entries = document.get("clusters") if isinstance(document, dict) else None
    found = [entry.get("cluster") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [cluster for cluster in found if isinstance(cluster, dict)]


def _pins(cluster: t.Mapping[str, t.Any]) -> list[str]:
    try:
        return list(certificates.spki_pins(base64.b64decode(str(cluster.get("certificate-authority-data") or "")).decode("ascii")))
    except (ValueError, binascii.Error):
        return []


def _named(document: t.Any, part: str) -> list[tuple[str, dict[str, t.Any]]]:
    """The entries of a part, each with its name and its content, which is empty where it is no mapping."""
    entries = document.get(part) if isinstance(document, dict) else None
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    contents = [(str(entry.get("name")), entry.get(part[:-1])) for entry in found]
    return [(name, content if isinstance(content, dict) else {}) for name, content in contents]


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_config_pins": kube_config_pins, "kube_config_lost": kube_config_lost, "kube_config_text": kube_config_text}
