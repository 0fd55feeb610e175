# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube-public/cluster-info: what a machine needs to know of a cluster that it joins. Private to this collection.

kubeadm init makes this ConfigMap: `kubeconfig` holds the endpoint and the certificate authority, and for each bootstrap token with
the usage signing the controller manager adds jws-kubeconfig-ID, a detached signature of that text.
https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import yaml
from ansible_collections.eco2.platform.plugins.module_utils._net import certificates

_PATH = path_of("api", "v1", "namespaces", "kube-public", "configmaps", "cluster-info")
_WHERE = "the ConfigMap kube-public/cluster-info"
_REMEDY = "run 'kubeadm init phase bootstrap-token all' on a control plane, which creates it again"


@dataclass(frozen=True)
class ClusterInfo:
    """`endpoint` is HOST:PORT as kubeadm join takes it; `pins` are those of the cluster's certificate authorities."""

    endpoint: str
    pins: tuple[str, ...]
    signatures: dict[str, str]
    text: str

    def is_signed_with(self, token_id: str, secret: str) -> bool:
        """Whether the signature of this token is there and is right: what kubeadm join checks first."""
        signature = self.signatures.get(token_id)
        return signature is not None and hmac.compare_digest(signature, sign(self.text, token_id, secret))


def sign(text: str, token_id: str, secret: str) -> str:
    """The detached JWS (RFC 7515, appendix F) of the text, as the controller manager makes it."""
    header = _encoded(json.dumps({"alg": "HS256", "kid": token_id}, separators=(",", ":")).encode())
    mac = hmac.new(secret.encode(), f"{header}.{_encoded(text.encode())}".encode(), hashlib.sha256)
    return f"{header}..{_encoded(mac.digest())}"


def read(client: Client) -> ClusterInfo | None:
    """None where the cluster has none, or does not let us read it. Raises Refused where its content cannot be used."""
    try:
        found = client.get(_PATH, f"reading {_WHERE}")
    except (errors.NotFound, errors.Forbidden):
        return None
    return parse(found.get("data") or {})


def require(client: Client) -> ClusterInfo:
    """Raises Refused where there is none."""
    found = read(client)
    if found is None:
        raise Refused(
            [Problem("cluster_info.missing", "is missing or cannot be read, so no machine can join", item=_WHERE, remedy=_REMEDY)]
        )
    return found


def parse(data: t.Mapping[str, str]) -> ClusterInfo:
    """Of the ConfigMap's data; raises Refused."""
    text = data.get("kubeconfig") or ""
    try:
        cluster = yaml.safe_load(text)["clusters"][0]["cluster"]
        address = urlsplit(cluster["server"])
        endpoint = address.netloc if address.port else f"{address.netloc}:443"
        pins = certificates.spki_pins(base64.b64decode(cluster["certificate-authority-data"]).decode())
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        message = f"contains no usable kubeconfig ({errors.one_line(error)})"
        raise Refused([Problem("cluster_info.unusable", message, item=_WHERE, remedy=_REMEDY)]) from error
    prefix = "jws-kubeconfig-"
    signatures = {name[len(prefix) :]: value for name, value in data.items() if name.startswith(prefix)}
    return ClusterInfo(endpoint, tuple(pins), signatures, text)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
