# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the connection, which all kube modules share. Private to this collection.

Names, aliases and environment variables are those of kubernetes.core, so that module_defaults and AWX credentials fit both.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec


def _in_a_kubeconfig() -> Spec:
    """What a kubeconfig says too: the server, how to trust it, and who we are."""
    return {
        "host": _from("HOST", type="str"),
        "api_key": _from("API_KEY", type="str", no_log=True),
        "username": _from("USERNAME", type="str"),
        "password": _from("PASSWORD", type="str", no_log=True),
        "validate_certs": _from("VERIFY_SSL", "VALIDATE_CERTS", type="bool", aliases=["verify_ssl"]),
        "ca_cert": _from("SSL_CA_CERT", "CA_CERT", type="path", aliases=["ssl_ca_cert"]),
        "client_cert": _from("CERT_FILE", "CLIENT_CERT", type="path", aliases=["cert_file"]),
        "client_key": _from("KEY_FILE", "CLIENT_KEY", type="path", aliases=["key_file"]),
        "tls_server_name": _from("TLS_SERVER_NAME", type="str"),
    }


def connection() -> Spec:
    """The options of the documentation fragment eco2.platform.kube_connection."""
    return {
        **_in_a_kubeconfig(),
        "kubeconfig": _from("KUBECONFIG", type="raw"),
        "context": _from("CONTEXT", type="str"),
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
    """The arguments without those from the environment that would send the task to another server than its option kubeconfig.

    In kubernetes.core K8S_AUTH_HOST and K8S_AUTH_API_KEY win over the option kubeconfig, so that a task may act on another cluster than
    it names. A kubeconfig that comes from the environment as well is treated as it is there.
    """
    if not params["kubeconfig"] or _is_from_environment(spec["kubeconfig"]):
        return dict(params)
    ignored = {name for name in _in_a_kubeconfig() if _is_from_environment(spec[name])}
    return {name: None if name in ignored else value for name, value in params.items()}


class _Environment:
    """env_fallback that remembers whether it was used; the arguments of a running module do not tell where they came from."""

    used = False

    def __call__(self, *variables: str) -> t.Any:
        value = env_fallback(*variables)
        self.used = True
        return value


def _is_from_environment(option: Spec) -> bool:
    return t.cast("_Environment", option["fallback"][0]).used


def _from(*variables: str, **option: t.Any) -> Spec:
    return {**option, "fallback": (_Environment(), [f"K8S_AUTH_{name}" for name in variables])}
