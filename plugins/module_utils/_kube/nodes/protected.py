# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `exact` does not remove: keys that Kubernetes, clouds and network plugins need. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import ownership

# Each with all its subdomains, such as topology.ebs.csi.aws.com.
DOMAINS = (
    "antrea.io",
    "cilium.io",
    "cloud.google.com",
    "coreos.com",
    "csi.aws.com",
    "eks.amazonaws.com",
    "gke.io",
    "istio.io",
    "k3s.io",
    "k8s.aws",
    "k8s.io",
    "karpenter.sh",
    "kubernetes.azure.com",
    "kubernetes.io",
    "nvidia.com",
    "projectcalico.org",
    "rke2.io",
    "x-k8s.io",
    ownership.DOMAIN,
)


def is_protected(key: str, more: t.Collection[str] = ()) -> bool:
    """Whether the key of a label, annotation or taint belongs to one of the domains, or is in the list of protected keys.

    `more`: further domains, and whole keys.
    """
    if key in taints.PROTECTED_KEYS or key in more:
        return True
    prefix, slash, dummy = key.partition("/")
    return bool(slash) and labels.under(prefix, (*DOMAINS, *more))
