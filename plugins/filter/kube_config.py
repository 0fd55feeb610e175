# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters kube_config_pins and kube_config_text; a .yml of each name documents it."""

from __future__ import annotations

import base64
import binascii
import typing as t

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.eco2.platform.plugins.module_utils._kube import certificates


def kube_config_pins(text: str) -> list[str]:
    """The pins of the certificate authorities that a kubeconfig trusts; empty where it is none."""
    pins: list[str] = []
    for cluster in _clusters(_parsed(text)):
        data = cluster.get("certificate-authority-data")
        try:
            pins += certificates.spki_pins(base64.b64decode(str(data or "")).decode("ascii"))
        except (ValueError, binascii.Error):
            continue
    return pins


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


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_config_pins": kube_config_pins, "kube_config_text": kube_config_text}
