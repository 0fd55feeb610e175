# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin platform_adopt."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: platform_adopt
short_description: Write the declaration of a platform that runs
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads brokers, a Kubernetes cluster and Sentinels, and writes an inventory on the controller that declares what they have, in the form
    that the playbook C(eco2.platform.site) takes. The playbook C(eco2.platform.adopt) uses this action plugin.
  - It tries what it declares on each server in check mode. What the server refuses, or what a run would change, is left out and listed in
    RV(left).
  - No file has a secret in clear. If the run has a password for Ansible Vault, secrets are written into encrypted files; otherwise RV(left)
    lists the variables to define.
  - A secret that no server shows, such as the password of a master, is a variable that can stay undefined. The server then keeps what it
    has.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  directory:
    description: The directory of the inventory on the controller, relative to the current directory. It is created if it does not exist.
    type: str
    required: true
  brokers:
    description:
      - The brokers to read, by the name that each gets in the inventory. The values are the options of the connection of
        M(eco2.platform.rabbitmq_info), such as C(url), C(username) and C(password).
      - The user needs the tag C(administrator) to read all; with less the rest is listed in RV(left).
    type: dict
    default: {}
  kubernetes:
    description:
      - The cluster to read, as the options of the connection of M(eco2.platform.kube_nodes_info), such as C(kubeconfig). With an empty
        dictionary the environment decides. Without this option no cluster is read.
    type: dict
  sentinels:
    description:
      - The Sentinels to read, by the name that each set of Sentinels gets in the inventory. The values are C(sentinels) and the options of
        the connection of M(eco2.platform.redis_sentinel_info).
    type: dict
    default: {}
  overwrite:
    description: Whether files that exist with another content are replaced. With V(false) the task is refused and names them.
    type: bool
    default: false
  record_ownership:
    description:
      - Whether the annotation C(ownership.eco2.platform/eco2.platform) of each Node is written, which records the labels and taints that
        are declared now. This is the only change that the task makes to a server. Without it, the first run of the playbook writes it.
      - It needs the verb C(patch) on nodes. If that is missing, RV(left) says so.
    type: bool
    default: true
seealso:
  - module: eco2.platform.rabbitmq_info
  - module: eco2.platform.kube_nodes_info
  - module: eco2.platform.redis_sentinel_info
"""

EXAMPLES = r"""
- name: Write the declaration of a broker, a cluster and a set of Sentinels
  eco2.platform.platform_adopt:
    directory: inventory/production
    brokers:
      rabbitmq-1:
        url: https://rabbitmq.example.org:15671
        username: admin
        password: "{{ rabbitmq_password }}"
    kubernetes:
      kubeconfig: ~/.kube/eco2.conf
    sentinels:
      redis-main:
        sentinels: [{host: 10.0.1.11}, {host: 10.0.1.12}, {host: 10.0.1.13}]
  register: adopted
"""

RETURN = r"""
files:
  description: The files of the declaration, relative to O(directory).
  returned: success
  type: list
  elements: str
left:
  description: What could not be read or adopted, and the secrets to define, one line each.
  returned: success
  type: list
  elements: str
  sample: ["rabbitmq-1: define vault_rabbitmq_password in a vault"]
changes:
  description: The files that were written, or would be in check mode, and the Nodes whose annotation was written.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(file) or V(node).
      type: str
    object:
      description: The file, relative to O(directory), or the name of the Node.
      type: str
    identity:
      description: The fields that identify the object.
      type: dict
    action:
      description: V(create) or V(update).
      type: str
    differences:
      description: For a Node, as RV(eco2.platform.kube_nodes#module:changes).
      type: list
      elements: dict
"""
