# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes with labels and taints that somebody has set, as profiles. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import ownership, protected
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import Host, Variables
from ansible_collections.eco2.platform.plugins.plugin_utils._node import profile_nodes

Node = t.Mapping[str, t.Any]

OWNER = "eco2.platform"
# Prefixes of Kubernetes that people use by hand. The kubelet does not set them.
_BY_HAND = ("node-role.kubernetes.io", "node-restriction.kubernetes.io")
# The variable of the inventory, the label, and its older name, which a cloud's controller sets with it.
_CLOUD = (
    ("kube_zone", labels.ZONE, "failure-domain.beta.kubernetes.io/zone"),
    ("kube_region", labels.REGION, "failure-domain.beta.kubernetes.io/region"),
    ("kube_instance_type", labels.INSTANCE_TYPE, "beta.kubernetes.io/instance-type"),
)
_CLOUD_KEYS = frozenset(key for dummy, key, dummy_older in _CLOUD for key in (key, dummy_older))


def host(node: Node) -> Host:
    """The node in its group, with its profile."""
    found = node["labels"]
    group = "control_plane" if found.keys() & _CONTROL_PLANE else "workers"
    made = Host(node["name"], group)
    if node.get("internal_ip"):
        made.inline["ansible_host"] = node["internal_ip"]
    made.inline.update({name: found[key] for name, key, older in _CLOUD if found.get(key) and older not in found})
    others = ownership.others(node.get("annotations") or {}, OWNER)
    profile = {"labels": _labels(found, others["labels"]), "taints": _taints(node.get("taints") or (), others["taints"])}
    made.inline["kube_profile"] = {section: entries for section, entries in profile.items() if entries}
    made.left += _left(found, others)
    return made


_CONTROL_PLANE = {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}


def _labels(found: t.Mapping[str, str], others: t.Container[str]) -> Variables:
    return {key: value for key, value in sorted(found.items()) if _by_hand(key) and key not in others}


def _by_hand(key: str) -> bool:
    """Whether a person or a tool has set the label, and not Kubernetes, a cloud or an add-on."""
    prefix = key.partition("/")[0] if "/" in key else ""
    return key not in labels.KUBEADM_KEYS and (prefix in _BY_HAND or not protected.is_protected(key))


def _taints(found: t.Iterable[Node], others: t.Container[str]) -> list[str]:
    read = sorted(Taint.of(entry) for entry in found)
    return [str(taint) for taint in read if taint.key not in taints.PROTECTED_KEYS and taint.identity not in others]


def _left(found: t.Mapping[str, str], others: t.Mapping[str, t.Mapping[str, str]]) -> list[str]:
    """Keys that may be somebody's, and are not declared."""
    known = labels.KUBELET_KEYS | labels.KUBEADM_KEYS | _CLOUD_KEYS
    unclear = [key for key in sorted(found) if not _by_hand(key) and key not in known]
    lines = [f"label {key} is left out: its domain belongs to Kubernetes or an add-on" for key in unclear]
    return lines + [
        f"{section[:-1]} {key} is left out: it belongs to the owner {owner}"
        for section in ("labels", "taints")
        for key, owner in sorted(others[section].items())
    ]


def as_the_role_does(made: Host) -> Variables:
    """The item of kube_nodes that the role node_profile makes of these variables."""
    cloud = {name[len("kube_") :]: made.inline.get(name) for name, dummy, dummy_older in _CLOUD}
    entry = {"name": made.name, "profile": made.inline["kube_profile"], "cloud": cloud, "found": None, "asked": False}
    return t.cast("Variables", profile_nodes.declared(entry, list(made.inline))["node"])


def only_ownership(change: Node) -> bool:
    """Whether only the record of who has set a key would change, and no key."""
    return all(str(entry["field"]).startswith("owner of ") for entry in change["differences"])
