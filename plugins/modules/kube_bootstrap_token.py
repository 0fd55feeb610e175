#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine joins a cluster by, without a shell on a control plane."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_bootstrap_token
short_description: Get a short-lived token, and the rest that a machine needs to join a Kubernetes cluster
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Returns endpoint, CA pins and a bootstrap token, as C(kubeadm token create --print-join-command) prints them; all through the API.
  - A token that has some time left is used again, so that playbooks, and slices of one job, share it; otherwise one is made that
    expires by itself. Run the task only when a machine joins, and none is made for nothing.
  - It waits until the cluster has signed its C(cluster-info) with the token, and verifies the signature (HMAC) as C(kubeadm join)
    does first thing; otherwise the machine would find "no JWS signed token".
extends_documentation_fragment:
  - eco2.platform.kube_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.kube
attributes:
  check_mode:
    support: full
    details: Where a token would be made, RV(join.token) and RV(join.token_id) are null.
  diff_mode:
    support: full
  idempotent:
    support: full
    details: A second run finds the first one's token, while that has more than O(minimum_left) left.
options:
  state:
    description:
      - V(present) returns a token to join by. V(absent) removes the tokens that this module has made, or the one of O(token_id).
    type: str
    choices: [present, absent]
    default: present
  token_id:
    description: With O(state=absent), the public part of the one token to remove, whoever made it.
    type: str
  ttl:
    description: Seconds until a new token expires.
    type: int
    default: 3600
  minimum_left:
    description:
      - Seconds that a token must have left to be used again. Any token will do whose usages are C(signing) and C(authentication), that
        is for O(group), and that C(cluster-info) is signed with; those that this module has made come first.
    type: int
    default: 600
  group:
    description: The group that the token makes a machine a member of. kubeadm's own has the rights that joining takes.
    type: str
    default: system:bootstrappers:kubeadm:default-node-token
  wait_timeout:
    description: Seconds to wait for the signature.
    type: float
    default: 60.0
notes:
  - RV(join) holds a secret, so add C(no_log=true) to the task.
  - It takes the verbs C(list), C(create) and, for O(state=absent), C(delete) on secrets in C(kube-system).
seealso:
  - name: Bootstrap tokens
    description: What they are, and who signs what.
    link: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

EXAMPLES = r"""
- name: What the new machines join by
  eco2.platform.kube_bootstrap_token:
    kubeconfig: "{{ kube_kubeconfig }}"
  delegate_to: localhost
  run_once: true
  become: false
  no_log: true
  register: bootstrap
  when: machines_to_join | length > 0

- name: Leave no token behind
  eco2.platform.kube_bootstrap_token:
    kubeconfig: "{{ kube_kubeconfig }}"
    state: absent
"""

RETURN = r"""
join:
  description: What a machine joins by. It holds a secret.
  returned: with O(state=present)
  type: dict
  contains:
    endpoint:
      description: HOST:PORT of the API server, from the cluster's own C(kube-public/cluster-info).
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
      description: The pins of the cluster's certificate authorities, from the same place.
      type: list
      elements: str
      sample: ["sha256:7c2e69131a36ae2a042a339b33381c6d0d43887e2de83720eff5359e26aec866"]
    expires:
      description: When the token expires, in UTC; null where it never does.
      type: str
      sample: "2026-11-24T12:00:00Z"
changes:
  description: The token that was made or the tokens that were removed, each with kind, object, identity, action and differences.
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
  description: 1 where nothing was to be done.
  returned: always
  type: int
problems:
  description: Why the task was refused before the first write, one line each.
  returned: when the arguments or the cluster were refused
  type: list
  elements: str
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
