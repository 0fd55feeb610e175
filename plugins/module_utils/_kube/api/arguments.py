# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that the kube modules share, and their documentation's twin. Private to this collection.

Names, aliases and environment variables are those of kubernetes.core, so that module_defaults and AWX credentials fit both.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

Spec = t.Dict[str, t.Any]

# What a kubeconfig tells, too: the server, how it is known, and who asks.
_IN_A_KUBECONFIG = frozenset(
    {
        "host",
        "api_key",
        "username",
        "password",
        "validate_certs",
        "ca_cert",
        "client_cert",
        "client_key",
        "tls_server_name",
    }
)


def connection() -> Spec:
    """The options of the documentation fragment eco2.platform.kube_connection."""
    return {
        "kubeconfig": _from("KUBECONFIG", type="raw"),
        "context": _from("CONTEXT", type="str"),
        "host": _from("HOST", type="str"),
        "api_key": _from("API_KEY", type="str", no_log=True),
        "username": _from("USERNAME", type="str"),
        "password": _from("PASSWORD", type="str", no_log=True),
        "validate_certs": _from("VERIFY_SSL", "VALIDATE_CERTS", type="bool", aliases=["verify_ssl"]),
        "ca_cert": _from("SSL_CA_CERT", "CA_CERT", type="path", aliases=["ssl_ca_cert"]),
        "client_cert": _from("CERT_FILE", "CLIENT_CERT", type="path", aliases=["cert_file"]),
        "client_key": _from("KEY_FILE", "CLIENT_KEY", type="path", aliases=["key_file"]),
        "tls_server_name": _from("TLS_SERVER_NAME", type="str"),
        "proxy": _from("PROXY", type="str"),
        "no_proxy": _from("NO_PROXY", type="str"),
        "proxy_headers": {
            "type": "dict",
            "apply_defaults": True,
            "options": {
                "proxy_basic_auth": _from("PROXY_HEADERS_PROXY_BASIC_AUTH", type="str", no_log=True),
                "basic_auth": _from("PROXY_HEADERS_BASIC_AUTH", type="str", no_log=True),
                "user_agent": _from("PROXY_HEADERS_USER_AGENT", type="str"),
            },
        },
        "persist_config": _from("PERSIST_CONFIG", type="bool"),
        "impersonate_user": _from("IMPERSONATE_USER", type="str"),
        "impersonate_groups": _from("IMPERSONATE_GROUPS", type="list", elements="str"),
        "timeout": {"type": "float", "default": 30.0},
    }


def settled(params: t.Mapping[str, t.Any], spec: Spec) -> dict[str, t.Any]:
    """The arguments, of which the environment's are left out that would send an explicit kubeconfig's task elsewhere.

    kubernetes.core lets K8S_AUTH_HOST and K8S_AUTH_API_KEY win over the option kubeconfig, and so acts on another cluster than the task
    names. A kubeconfig that comes from the environment too is treated as it does there.
    """
    if not params["kubeconfig"] or _is_from_environment(spec["kubeconfig"]):
        return dict(params)
    return {name: None if name in _IN_A_KUBECONFIG and _is_from_environment(spec[name]) else value for name, value in params.items()}


class _Environment:
    """env_fallback that remembers: once a module has started, its arguments no longer tell where they came from."""

    used = False

    def __call__(self, *variables: str) -> t.Any:
        value = env_fallback(*variables)
        self.used = True
        return value


def _is_from_environment(option: Spec) -> bool:
    return t.cast("_Environment", option["fallback"][0]).used


def _from(*variables: str, **option: t.Any) -> Spec:
    return {**option, "fallback": (_Environment(), [f"K8S_AUTH_{name}" for name in variables])}
