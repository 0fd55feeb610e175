# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels: which are valid, and which a kubelet may set itself. Private to this collection.

Syntax: Kubernetes' k8s.io/apimachinery, pkg/api/validate/content (IsLabelKey, IsLabelValue). Who may set which:
k8s.io/kubelet, pkg/apis/well_known_labels.go, and the flag check of k8s.io/kubernetes, cmd/kubelet/app/options; the
admission plugin NodeRestriction has the same rule. Unchanged from Kubernetes 1.28 to 1.36.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube import names
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import as_text, described, shortened

NAME_LENGTH = 63
VALUE_LENGTH = 63

_NAME = re.compile("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CHARACTERS = "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"

ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"

KUBELET_KEYS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        ZONE,
        REGION,
        INSTANCE_TYPE,
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
    }
)
_KUBELET_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBERNETES_PREFIXES = ("kubernetes.io", "k8s.io")

# kubeadm sets these on control planes through the API, whatever the flags of the kubelet say.
KUBEADM_KEYS = frozenset(
    {
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    }
)


def read(key: t.Any, value: t.Any, what: str = "label", problem_of: t.Callable[[str, str], str | None] | None = None) -> str:
    """The value as text. Raises ValueError with one line that names the key, if this is not a valid label (or `what`)."""
    if not isinstance(key, str):
        raise ValueError(f"the key of {what} {described(key)} is not text: write it in quotes")
    try:
        text = as_text(value)
    except ValueError as error:
        raise ValueError(f"{what} {shortened(key)} {error}") from error
    wrong = (problem_of or problem)(key, text)
    if wrong:
        raise ValueError(f"{what} {shortened(key)} {wrong}")
    return text


def problem(key: str, value: str) -> str | None:
    """Why a node cannot have this label; None where it can. The text goes on after the label's name."""
    return key_problem(key) or value_problem(value)


def key_problem(key: str) -> str | None:
    """Why this is not the key of a label or a taint; None if it is one."""
    prefix, slash, name = key.rpartition("/")
    if slash and not prefix:
        return "has nothing before the '/': write a domain, or no '/'"
    if len(prefix) > names.LENGTH:
        return f"has a prefix of {len(prefix)} characters; at most {names.LENGTH} are allowed"
    if "/" in prefix:
        return "has more than one '/'"
    if slash and not names.is_subdomain(prefix):
        return f"has the prefix {prefix!r}, which is not a lower-case domain name such as example.com"
    if not name:
        return "has no name after the '/'" if slash else "has an empty key"
    if len(name) > NAME_LENGTH:
        return f"has a name of {len(name)} characters; at most {NAME_LENGTH} are allowed"
    if not _NAME.fullmatch(name):
        return f"has the name {name!r}: a name is made of {_CHARACTERS}"
    return None


def value_problem(value: str) -> str | None:
    """Why a label or a taint cannot have this value; None if it can."""
    if len(value) > VALUE_LENGTH:
        return f"has a value of {len(value)} characters; at most {VALUE_LENGTH} are allowed"
    if value and not _NAME.fullmatch(value):
        return f"has the value {value!r}: a value is empty or made of {_CHARACTERS}"
    return None


def refused_by_kubelet(key: str) -> str | None:
    """Why a kubelet may not set a label with this key itself; None if it may. Otherwise it exits and is restarted again and again."""
    prefix = key.split("/", 1)[0] if "/" in key else ""
    if not under(prefix, _KUBERNETES_PREFIXES) or key in KUBELET_KEYS or under(prefix, _KUBELET_PREFIXES):
        return None
    return f"a kubelet may not label itself with the prefix {prefix}"


def under(prefix: str, domains: t.Iterable[str]) -> bool:
    """Whether the prefix of a key is one of these domains, or below one."""
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)
