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
      - The path of a kubeconfig on the host that runs the task, or the content of one as a dictionary. Several paths may be joined by
        colons. Content is hidden in all output.
      - Where neither this nor O(context) is given, nor O(host) with an identity, a pod's own service account is used, or else
        E(KUBECONFIG) or C(~/.kube/config).
      - Given as an option it wins over what the environment says of server, TLS and identity (E(K8S_AUTH_HOST), E(K8S_AUTH_API_KEY) and
        so on), unlike in kubernetes.core, whose modules would go to that server.
      - E(K8S_AUTH_KUBECONFIG) may give it.
    type: raw
  context:
    description:
      - The context of the kubeconfig, in place of its current one.
      - E(K8S_AUTH_CONTEXT) may give it.
    type: str
  host:
    description:
      - The address of the API server, such as V(https://10.0.1.10:6443). It wins over the kubeconfig's.
      - E(K8S_AUTH_HOST) may give it.
    type: str
  api_key:
    description:
      - A bearer token, such as a service account's. With it the client certificate of a kubeconfig is not used.
      - E(K8S_AUTH_API_KEY) may give it.
    type: str
  username:
    description:
      - A user for HTTP basic authentication. API servers have none since Kubernetes 1.19; a proxy before one may.
      - E(K8S_AUTH_USERNAME) may give it.
    type: str
  password:
    description:
      - The password of O(username).
      - E(K8S_AUTH_PASSWORD) may give it.
    type: str
  validate_certs:
    description:
      - Whether the API server's TLS certificate must be trusted. V(false) is for laboratories. When omitted, the kubeconfig decides, and
        without a word there it must be.
      - E(K8S_AUTH_VERIFY_SSL) may give it.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File with the certificate authorities to trust, in PEM format.
      - E(K8S_AUTH_SSL_CA_CERT) may give it.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - File with a client certificate in PEM format.
      - E(K8S_AUTH_CERT_FILE) may give it.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - File with the key of O(client_cert).
      - E(K8S_AUTH_KEY_FILE) may give it.
    type: path
    aliases: [key_file]
  tls_server_name:
    description:
      - The name that the API server's certificate must hold, where it is reached by another, as through a tunnel. When omitted, the
        kubeconfig's C(tls-server-name), which the kubernetes library reads from 28.1 on.
      - E(K8S_AUTH_TLS_SERVER_NAME) may give it.
    type: str
  proxy:
    description:
      - Address of an HTTP proxy.
      - E(K8S_AUTH_PROXY) may give it.
    type: str
  no_proxy:
    description:
      - Hosts, domains, addresses and networks that are reached without O(proxy), separated by commas.
      - E(K8S_AUTH_NO_PROXY) may give it.
    type: str
  proxy_headers:
    description:
      - Headers for the proxy.
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - User and password for the proxy, separated by a colon.
          - E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH) may give it.
        type: str
      basic_auth:
        description:
          - User and password for an authorization header, separated by a colon.
          - E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH) may give it.
        type: str
      user_agent:
        description:
          - The user agent.
          - E(K8S_AUTH_PROXY_HEADERS_USER_AGENT) may give it.
        type: str
  persist_config:
    description:
      - Whether a token that was refreshed on the way (OIDC) is written back to the kubeconfig's file.
      - E(K8S_AUTH_PERSIST_CONFIG) may give it.
    type: bool
  impersonate_user:
    description:
      - The user to act as.
      - E(K8S_AUTH_IMPERSONATE_USER) may give it.
    type: str
  impersonate_groups:
    description:
      - The groups to act as a member of; only with O(impersonate_user).
      - E(K8S_AUTH_IMPERSONATE_GROUPS) may give them, separated by commas.
    type: list
    elements: str
  timeout:
    description: Seconds to wait for a connection, and for each answer.
    type: float
    default: 30.0
requirements:
  - kubernetes >= 24.2.0
notes:
  - The options that reach the API server are those of the kubernetes.core collection, with the same environment variables, so that
    C(module_defaults) and credentials of AWX serve both. Options win over the environment, and the environment over defaults.
  - The task runs where the API server can be reached, often on the controller with C(delegate_to=localhost), C(run_once=true) and
    C(become=false). A play for C(localhost) alone is skipped under C(--limit); such a task is not.
"""
