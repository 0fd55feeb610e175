# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube-public/cluster-info: what a cluster tells a machine that wants to join it. Private to this collection.

kubeadm init makes this ConfigMap: `kubeconfig` holds the endpoint and the certificate authority, and for each bootstrap token with
the usage signing the controller manager adds jws-kubeconfig-ID, a detached signature of that text.
https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._net import certificates

try:
    import yaml
except ImportError:  # it comes with the kubernetes client, whose absence the client reports
    HAS_YAML = False
else:
    HAS_YAML = True

_PATH = path_of("api", "v1", "namespaces", "kube-public", "configmaps", "cluster-info")
_WHERE = "the ConfigMap kube-public/cluster-info"
_HINT = "'kubeadm init phase bootstrap-token' on a control plane makes it anew"


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
    """None where the cluster has none, or shows it to nobody. Raises Refused where it is there and makes no sense."""
    try:
        found = client.get(_PATH, f"reading {_WHERE}")
    except (errors.NotFound, errors.Forbidden):
        return None
    return parse(found.get("data") or {})


def require(client: Client) -> ClusterInfo:
    found = read(client)
    if found is None:
        raise Refused([f"{_WHERE} is not there, or must not be read, and nobody can join without it: {_HINT}"])
    return found


def parse(data: t.Mapping[str, str]) -> ClusterInfo:
    """Of the ConfigMap's data; raises Refused."""
    text = data.get("kubeconfig") or ""
    try:
        cluster = yaml.safe_load(text)["clusters"][0]["cluster"]
        address = urlsplit(cluster["server"])
        endpoint = address.netloc if address.port else f"{address.netloc}:443"
        pins = certificates.spki_pins(base64.b64decode(cluster["certificate-authority-data"]).decode())
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise Refused([f"{_WHERE} holds no usable kubeconfig ({errors.one_line(error)}): {_HINT}"]) from error
    prefix = "jws-kubeconfig-"
    signatures = {name[len(prefix) :]: value for name, value in data.items() if name.startswith(prefix)}
    return ClusterInfo(endpoint, tuple(pins), signatures, text)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
