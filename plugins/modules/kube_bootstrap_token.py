#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bootstrap token, and what else a machine needs to join a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_bootstrap_token
short_description: Get a bootstrap token, and what else a machine needs to join a Kubernetes cluster
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Returns the endpoint, the CA pins and a bootstrap token, as C(kubeadm token create --print-join-command) prints them. It uses only the
    API, and needs no shell on a control plane.
  - A token that has enough time left is used again, so that playbooks and the slices of a job share it. Otherwise a new one is created,
    which expires by itself. Run the task only when a machine joins, so that no unused token is created.
  - It waits until the cluster has signed its C(cluster-info) with the token, and verifies the signature (HMAC) as C(kubeadm join) does.
    Without the signature C(kubeadm join) would fail with "no JWS signed token".
extends_documentation_fragment:
  - eco2.platform.kube_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.kube
attributes:
  check_mode:
    support: full
    details: Where a token would be created, RV(join.token) and RV(join.token_id) are null.
  diff_mode:
    support: full
  idempotent:
    support: full
    details: A second run uses the token of the first one, as long as that has more than O(minimum_left) left.
options:
  state:
    description:
      - V(present) returns a token for joining. V(absent) removes the tokens that this module has created, or the one of O(token_id).
    type: str
    choices: [present, absent]
    default: present
  token_id:
    description: With O(state=absent), the public part of the only token to remove, whoever created it.
    type: str
  ttl:
    description: Seconds until a new token expires.
    type: int
    default: 3600
  minimum_left:
    description:
      - Seconds that a token must have left to be used again. A token can be used if its usages are C(signing) and C(authentication), it is
        for O(group), and C(cluster-info) is signed with it. Tokens that this module has created are preferred.
    type: int
    default: 600
  group:
    description: The group of the machines that join with the token. The default, kubeadm's own group, has the rights that joining needs.
    type: str
    default: system:bootstrappers:kubeadm:default-node-token
  wait_timeout:
    description: Seconds to wait for the signature.
    type: float
    default: 60.0
notes:
  - RV(join) contains a secret, so add C(no_log=true) to the task.
  - The task needs the verbs C(list), C(create) and, for O(state=absent), C(delete) on secrets in C(kube-system).
seealso:
  - name: Bootstrap tokens
    description: How they work, and what is signed with them.
    link: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

EXAMPLES = r"""
- name: Get what the new machines need to join
  eco2.platform.kube_bootstrap_token:
    kubeconfig: "{{ kube_kubeconfig }}"
  delegate_to: localhost
  run_once: true
  become: false
  no_log: true
  register: bootstrap
  when: machines_to_join | length > 0

- name: Remove all tokens that were created
  eco2.platform.kube_bootstrap_token:
    kubeconfig: "{{ kube_kubeconfig }}"
    state: absent
"""

RETURN = r"""
join:
  description: What a machine needs to join. It contains a secret.
  returned: with O(state=present), when a machine can join with the token
  type: dict
  contains:
    endpoint:
      description: HOST:PORT of the API server, from C(kube-public/cluster-info) of the cluster.
      type: str
      sample: k8s-api.eco2.internal:6443
    token:
      description: The token.
      type: str
    token_id:
      description: Its public part.
      type: str
      sample: abcdef
    ca_cert_hashes:
      description: The pins of the cluster's certificate authorities, from C(kube-public/cluster-info).
      type: list
      elements: str
      sample: ["sha256:7c2e69131a36ae2a042a339b33381c6d0d43887e2de83720eff5359e26aec866"]
    expires:
      description: When the token expires, in UTC; null where it never does.
      type: str
      sample: "2026-11-24T12:00:00Z"
changes:
  description: The token that was created or the tokens that were removed, each with kind, object, identity, action and differences.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: bootstrap_token
      object: abcdef
      identity: {"token_id": "abcdef"}
      action: create
      differences: [{"field": "expires", "before": null, "after": "2026-11-24T12:00:00Z"}]
unchanged:
  description: How many tokens were as declared; 1 where there was nothing to do.
  returned: always
  type: int
failures:
  description: What the API server refused, and tokens whose signature did not come in time (action V(wait)), each with the reason.
  returned: when something failed
  type: list
  elements: dict
unknown:
  description: Changes that were sent and got no answer. They may have been made.
  returned: when something failed
  type: list
  elements: dict
not_attempted:
  description: Changes that were not tried because the API server was lost.
  returned: when something failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first write, each with code, item, field, message and remedy.
  returned: when the arguments or the cluster were refused
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import arguments
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._kube.tokens.tokens import GROUP, Tokens


def argument_spec() -> Spec:
    return {
        **arguments.connection(),
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "token_id": {"type": "str", "no_log": False},
        "ttl": {"type": "int", "default": 3600},
        "minimum_left": {"type": "int", "default": 600},
        "group": {"type": "str", "default": GROUP},
        "wait_timeout": {"type": "float", "default": 60.0},
    }


def main() -> None:
    converging(argument_spec(), Tokens)


if __name__ == "__main__":
    main()
