# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm's configuration documents. Private to this collection. Pure; runs on nodes, so Python 3.9 and no libraries.

Documents are JSON, which is also YAML. kubeadm reads v1beta4 from 1.31 on, and 1.37 reads no other version; older ones read v1beta3
(kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4, "Migration"). Fields of the other version are errors.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._node.containerd import SOCKET

Document = t.Dict[str, t.Any]
Registration = t.Mapping[str, t.Any]

_GROUP = "kubeadm.k8s.io"
_TTL = "10m"
_INIT_STEPS = ("controlPlaneComponentHealthCheck", "kubeletHealthCheck", "kubernetesAPICall")
_FIRST_WITH_V1BETA4 = (1, 31)


# The settings of one node's kubelet, a merge patch over the KubeletConfiguration of the cluster: kubeadm applies it in join, init and
# upgrade (kubernetes.io, "Customizing components with the kubeadm API", patches; from 1.25 on).
PATCHES = "/etc/kubernetes/patches"
PATCH = f"{PATCHES}/kubeletconfiguration+merge.json"
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


def config_version(kubeadm_version: str) -> str:
    """The configuration version for a kubeadm such as `v1.36.3`. Raises ValueError if it is not a version."""
    found = re.match(r"v?(\d+)\.(\d+)", kubeadm_version)
    if not found:
        raise ValueError(f"{kubeadm_version!r} is no version of kubeadm")
    return "v1beta4" if (int(found.group(1)), int(found.group(2))) >= _FIRST_WITH_V1BETA4 else "v1beta3"


def join(version: str, *, token: str, endpoint: str, ca_cert_hashes: t.Sequence[str], registration: Registration, timeout: int) -> Document:
    """The JoinConfiguration of a worker. `timeout`: seconds for all of kubeadm; each of its steps gets a part."""
    discovery: Document = {
        "bootstrapToken": {"token": token, "apiServerEndpoint": endpoint, "caCertHashes": list(ca_cert_hashes)},
        "tlsBootstrapToken": token,
    }
    document = {
        "apiVersion": f"{_GROUP}/{version}",
        "kind": "JoinConfiguration",
        "discovery": discovery,
        "nodeRegistration": node_registration(version, registration),
    }
    step = max(5, timeout // 3)
    if version == "v1beta3":
        # It has no fields for the other steps.
        discovery["timeout"] = f"{step}s"
    else:
        document["timeouts"] = {"discovery": f"{step}s", "kubeletHealthCheck": f"{step}s", "tlsBootstrap": f"{step}s"}
    return document


def init(version: str, *, registration: Registration, advertise_address: str = "", timeout: int = 240) -> Document:
    """The InitConfiguration of the first control plane. kubeadm makes its bootstrap token, which expires soon."""
    document: Document = {
        "apiVersion": f"{_GROUP}/{version}",
        "kind": "InitConfiguration",
        "bootstrapTokens": [{"ttl": _TTL, "description": "made by kubeadm init; not used"}],
        "nodeRegistration": node_registration(version, registration),
    }
    if advertise_address:
        document["localAPIEndpoint"] = {"advertiseAddress": advertise_address}
    if version != "v1beta3":
        # kubeadm repeats its first call until the API server answers, for one minute by default.
        document["timeouts"] = dict.fromkeys(_INIT_STEPS, f"{timeout}s")
    return document


def cluster(version: str, wanted: t.Mapping[str, t.Any]) -> Document:
    """The ClusterConfiguration. `wanted` has kubeadm's field names; extraArgs may be a mapping or a list of name and value."""
    document = {"apiVersion": f"{_GROUP}/{version}", "kind": "ClusterConfiguration", **wanted}
    for component in ("apiServer", "controllerManager", "scheduler"):
        if isinstance(document.get(component), dict) and "extraArgs" in document[component]:
            document[component] = {**document[component], "extraArgs": _arguments(version, document[component]["extraArgs"])}
    return document


def kubelet(wanted: t.Mapping[str, t.Any]) -> Document:
    return {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", **wanted}


def kube_proxy(wanted: t.Mapping[str, t.Any]) -> Document:
    return {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", **wanted}


def node_registration(version: str, wanted: Registration) -> Document:
    """`wanted`: name, cri_socket, labels {key: value}, taints [{key, value, effect}], kubelet_extra_args [{name, value}],
    ignore_preflight_errors. Labels have no field of their own: they are the kubelet's flag --node-labels.
    """
    extra = [*(wanted.get("kubelet_extra_args") or ())]
    labels = wanted.get("labels") or {}
    if labels:
        extra.append({"name": "node-labels", "value": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))})
    document: Document = {"criSocket": wanted.get("cri_socket") or SOCKET}
    if wanted.get("name"):
        document["name"] = wanted["name"]
    if wanted.get("taints") is not None:
        # Without the field a control plane gets kubeadm's default taint; an empty list means no taints.
        document["taints"] = [_taint(taint) for taint in wanted["taints"]]
    if extra:
        document["kubeletExtraArgs"] = _arguments(version, extra)
    if wanted.get("ignore_preflight_errors"):
        document["ignorePreflightErrors"] = list(wanted["ignore_preflight_errors"])
    return document


def patch_text(patch: t.Mapping[str, t.Any]) -> str:
    """The content of the file of a patch, the same for the same settings."""
    return json.dumps(patch, indent=1, sort_keys=True, allow_nan=False) + "\n"


def patch_problem(patch: t.Any) -> str | None:
    """Why a node cannot have these settings; None if it can. Whether the kubelet knows a field, kubeadm says before the join."""
    if not isinstance(patch, dict) or not all(isinstance(key, str) for key in patch):
        return "is not a dictionary of fields of KubeletConfiguration, such as {maxPods: 50}"
    wrong = [key for key in patch if key in _NOT_FOR_A_NODE]
    if wrong:
        return f"has {', '.join(wrong)}, which must be the same on all nodes of the cluster"
    try:
        patch_text(patch)
    except (TypeError, ValueError):
        return "has a value that JSON does not have, such as a date: write it in quotes"
    return None


def text(*documents: Document) -> str:
    """The documents as one stream for `kubeadm --config`."""
    return "\n---\n".join(json.dumps(document, indent=1, sort_keys=True) for document in documents) + "\n"


def _taint(taint: t.Mapping[str, t.Any]) -> Document:
    return {key: taint[key] for key in ("key", "value", "effect") if taint.get(key) not in (None, "")}


def _arguments(version: str, arguments: t.Any) -> t.Any:
    """v1beta4: a list of name and value, where a name may repeat; v1beta3: a mapping, where the last value counts."""
    pairs = arguments.items() if isinstance(arguments, dict) else [(entry["name"], entry.get("value")) for entry in arguments]
    strings = [(str(name), "" if value is None else _flag(value)) for name, value in pairs]
    return dict(strings) if version == "v1beta3" else [{"name": name, "value": value} for name, value in strings]


def _flag(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
