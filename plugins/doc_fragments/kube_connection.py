# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every kube module takes to reach an API server."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - The path of a kubeconfig on the host that runs the task, or its content as a dictionary. Several paths can be joined with colons.
        The content is hidden in all output.
      - Without this option, O(context), and O(host) with credentials, the service account of the pod is used, or else E(KUBECONFIG) or
        C(~/.kube/config).
      - If it is set as an option, the environment variables for server, TLS and credentials (E(K8S_AUTH_HOST), E(K8S_AUTH_API_KEY) and so
        on) are ignored. In kubernetes.core they win, so that its modules would connect to that server.
      - It can also be set with E(K8S_AUTH_KUBECONFIG).
    type: raw
  context:
    description:
      - The context of the kubeconfig, instead of its current context.
      - It can also be set with E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - The address of the API server, such as V(https://10.0.1.10:6443). It wins over the server of the kubeconfig.
      - It can also be set with E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - A bearer token, such as the token of a service account. With it, the client certificate of a kubeconfig is not used.
      - It can also be set with E(K8S_AUTH_API_KEY).
    type: str
  username:
    description:
      - A user for HTTP basic authentication. API servers do not support it since Kubernetes 1.19, but a proxy in front of one may.
      - It can also be set with E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - The password of O(username).
      - It can also be set with E(K8S_AUTH_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether the TLS certificate of the API server must be trusted. Use V(false) only for tests. When omitted, the kubeconfig decides,
        whose default is that the certificate must be trusted.
      - It can also be set with E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File with the certificate authorities to trust, in PEM format.
      - It can also be set with E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - File with a client certificate in PEM format.
      - It can also be set with E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - File with the key of O(client_cert).
      - It can also be set with E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  tls_server_name:
    description:
      - The name that the certificate of the API server must contain, if the server is reached under another name, for example through a
        tunnel. When omitted, C(tls-server-name) of the kubeconfig, which the kubernetes library supports since 28.1.
      - It can also be set with E(K8S_AUTH_TLS_SERVER_NAME).
    type: str
  proxy:
    description:
      - The address of an HTTP proxy.
      - It can also be set with E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - Hosts, domains, addresses and networks that are reached without O(proxy), separated by commas.
      - It can also be set with E(K8S_AUTH_NO_PROXY).
    type: str
  proxy_headers:
    description:
      - Headers for the proxy.
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - User and password for the proxy, separated by a colon.
          - It can also be set with E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH).
        type: str
      basic_auth:
        description:
          - User and password for an authorization header, separated by a colon.
          - It can also be set with E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH).
        type: str
      user_agent:
        description:
          - The user agent.
          - It can also be set with E(K8S_AUTH_PROXY_HEADERS_USER_AGENT).
        type: str
  persist_config:
    description:
      - Whether a token that was refreshed during the task (OIDC) is written back to the file of the kubeconfig.
      - It can also be set with E(K8S_AUTH_PERSIST_CONFIG).
    type: bool
  impersonate_user:
    description:
      - The user to act as.
      - It can also be set with E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - The groups to act as a member of; only with O(impersonate_user).
      - They can also be set with E(K8S_AUTH_IMPERSONATE_GROUPS), separated by commas.
    type: list
    elements: str
  timeout:
    description: Seconds to wait for a connection and for each answer.
    type: float
    default: 30.0
requirements:
  - kubernetes >= 24.2.0
notes:
  - The options that reach the API server are those of the kubernetes.core collection, with the same environment variables, so that
    C(module_defaults) and credentials of AWX work for both. Options win over the environment, and the environment over defaults.
  - Run the task on a host that can reach the API server, often the controller with C(delegate_to=localhost), C(run_once=true) and
    C(become=false). A play only for C(localhost) is skipped under C(--limit); such a task is not.
"""
