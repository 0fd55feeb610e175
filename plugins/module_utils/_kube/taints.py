# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taints: their syntax, and those that belong to controllers. Private to this collection.

Syntax: Kubernetes' k8s.io/kubernetes, pkg/util/taints (what --register-with-taints takes) and pkg/apis/core/validation.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._kube import labels
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import as_text, described, shortened

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_EKS_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}

# Controllers set and remove these as the condition of a node changes. Nobody else can declare or remove them.
CONTROLLERS_KEYS = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable",
        "node.kubernetes.io/unschedulable",
        "node.kubernetes.io/out-of-service",
        "node.cloudprovider.kubernetes.io/shutdown",
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
        "karpenter.sh/disruption",
        "karpenter.sh/disrupted",
    }
)
# Set at registration, and removed by a controller once its agent runs on the node. They must not be set again.
STARTUP_KEYS = frozenset(
    {
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.cilium.io/agent-not-ready",
        "cni.istio.io/not-ready",
        "ebs.csi.aws.com/agent-not-ready",
        "efs.csi.aws.com/agent-not-ready",
        "fsx.csi.aws.com/agent-not-ready",
        "karpenter.sh/unregistered",
    }
)
# kubeadm sets these on control planes.
KUBEADM_KEYS = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})
# These stay unless a declaration names them.
PROTECTED_KEYS = CONTROLLERS_KEYS | STARTUP_KEYS | KUBEADM_KEYS


@dataclass(frozen=True, order=True)
class Taint:
    """A taint; a node has at most one of a key and effect."""

    key: str
    value: str
    effect: str

    @property
    def identity(self) -> str:
        return f"{self.key}:{self.effect}"

    @classmethod
    def of(cls, entry: t.Mapping[str, t.Any]) -> Taint:
        """Of a taint as the API returns it."""
        return cls(entry["key"], str(entry.get("value") or ""), entry["effect"])

    def as_dict(self) -> dict[str, str]:
        """As the API returns it: without an empty value."""
        return {"key": self.key, **({"value": self.value} if self.value else {}), "effect": self.effect}

    def __str__(self) -> str:
        """As kubectl and the kubelet's flag write it."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


def parse(text: str) -> Taint:
    """A taint of `key=value:Effect` or `key:Effect`. Raises ValueError with one line that begins with the taint."""
    pair, colon, effect = text.strip().partition(":")
    if not colon:
        raise ValueError(f"taint {shortened(text)} has no effect: write key=value:NoSchedule or key:NoSchedule")
    key, dummy, value = pair.partition("=")
    return _checked(Taint(key, value, _effect(effect)), shortened(text))


def from_dict(entry: t.Mapping[str, t.Any]) -> Taint:
    """A taint of {key, value, effect}; the value may be missing, empty or null. Raises ValueError with one line."""
    shown = shortened(dict(entry))
    unknown = sorted(str(name) for name in entry if name not in ("key", "value", "effect"))
    if unknown:
        raise ValueError(f"taint {shown} has {', '.join(unknown)}: a taint has key, value and effect")
    texts = {}
    for name in ("key", "value", "effect"):
        value = entry.get(name)
        if value is None and name != "value":
            raise ValueError(f"taint {shown} has no {name}: a taint has key, value (optional) and effect")
        try:
            texts[name] = "" if value is None else as_text(value)
        except ValueError as error:
            raise ValueError(f"taint {shown}: its {name} {error}") from error
    return _checked(Taint(texts["key"], texts["value"], _effect(texts["effect"])), shown)


def declared(entry: t.Any) -> Taint:
    """A taint of either form that may be declared. Raises ValueError with one line."""
    taint = parse_any(entry)
    if taint.key in CONTROLLERS_KEYS:
        raise ValueError(f"taint {taint} is set and removed by Kubernetes itself as the condition of the node changes: leave it out")
    return taint


def parse_any(entry: t.Any) -> Taint:
    """A taint of either form. Raises ValueError with one line."""
    if isinstance(entry, str):
        return parse(entry)
    if isinstance(entry, dict):
        return from_dict(entry)
    raise ValueError(f"taint {described(entry)}: write key=value:Effect, or a dictionary with key, value and effect")


def _effect(text: str) -> str:
    """EKS and its Terraform resources write effects in capitals."""
    return _EKS_EFFECTS.get(text, text)


def _checked(taint: Taint, shown: str) -> Taint:
    if taint.effect not in EFFECTS:
        raise ValueError(f"taint {shown} has the effect {shortened(taint.effect)}: it is one of {', '.join(EFFECTS)}")
    problem = labels.problem(taint.key, taint.value)
    if problem:
        raise ValueError(f"taint {shown} {problem}")
    return taint
