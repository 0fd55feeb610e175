# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of one node's kubelet: a patch of kubeadm over the KubeletConfiguration of the cluster. Private to this collection. Pure.

kubeadm applies it in join, init and upgrade (kubernetes.io, "Customizing components with the kubeadm API", patches; from 1.25 on).
"""

from __future__ import annotations

import json
import typing as t

DIRECTORY = "/etc/kubernetes/patches"
PATH = f"{DIRECTORY}/kubeletconfiguration+merge.json"
# kubeadm and the roles set these, and a kubelet that has another one is no member or does not start.
_NOT_FOR_A_NODE = (
    "apiVersion",
    "kind",
    "authentication",
    "authorization",
    "clusterDNS",
    "clusterDomain",
    "staticPodPath",
    "rotateCertificates",
)


def text(patch: t.Mapping[str, t.Any]) -> str:
    """The content of the file, the same for the same settings."""
    return json.dumps(patch, indent=1, sort_keys=True, allow_nan=False) + "\n"


def problem(patch: t.Any) -> str | None:
    """Why a node cannot have these settings; None if it can. Whether the kubelet knows a field, kubeadm says before the join."""
    if not isinstance(patch, dict) or not all(isinstance(key, str) for key in patch):
        return "is not a dictionary of fields of KubeletConfiguration, such as {maxPods: 50}"
    wrong = [key for key in patch if key in _NOT_FOR_A_NODE]
    if wrong:
        return f"has {', '.join(wrong)}, which must be the same on all nodes of the cluster"
    try:
        text(patch)
    except (TypeError, ValueError):
        return "has a value that JSON does not have, such as a date: write it in quotes"
    return None
