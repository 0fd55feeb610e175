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


def _from(*variables: str, **option: t.Any) -> Spec:
    return {**option, "fallback": (env_fallback, [f"K8S_AUTH_{name}" for name in variables])}
