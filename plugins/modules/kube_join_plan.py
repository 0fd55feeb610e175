# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin kube_join_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_join_plan
short_description: Decide what to do so that a machine joins a cluster as a worker
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Compares a machine with a cluster and decides what has to be done. Changes nothing.
  - Fails with all problems if the machine must not join.
  - The role P(eco2.platform.node_join#role) uses this action plugin.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: full
options:
  host:
    description: The facts of the machine, as RV(eco2.platform.kube_host_info#module:host) returns them.
    type: dict
    required: true

  cluster:
    description: The result of M(eco2.platform.kube_nodes_info).
    type: dict
    required: true
  node_name:
    description: The name of the Node. The name in C(kubelet.conf) takes precedence on a machine that has joined.
    type: raw
    required: true
  names:
    description: The names of all Nodes of the play. A name that occurs twice is refused.
    type: list
    elements: str
    default: []
  version:
    description: The version of the kubelet, such as V(1.36.3). When empty, the version of the API server.
    type: raw
    default: ""
  existing:
    description: What to do if the cluster already has a Node of this name. See O(eco2.platform.node_join#role:main:node_join_existing).
    type: str
    choices: [auto, replace, adopt, fail]
    default: auto
  other_cluster:
    description: What to do if the machine belongs to another cluster.
    type: str
    choices: [fail, reset]
    default: fail
  profile:
    description: Labels, taints and other flags of the kubelet, as P(eco2.platform.kube_profile#filter) reads them.
    type: raw
    default: {}
  cloud:
    description: What the inventory says about the machine in the cloud. It takes precedence over the metadata service.
    type: dict
    default: {}
  node_ip:
    description: The address that the kubelet reports.
    type: raw
  node_network:
    description: The network that this address is in. The machine must have one address in it.
    type: raw
  kubelet_patch:
    description: The settings of this node's kubelet, as a dictionary or its text as YAML or JSON.
    type: raw
  keep_cni:
    description: See O(eco2.platform.node_join#role:main:node_join_keep_cni).
    type: bool
    default: false
  allow_downgrade:
    description: Whether a kubelet that is installed may be newer than O(version).
    type: bool
    default: false
  boot_timeout:
    description: The seconds that the first boot was waited for. For the error message only.
    type: float
    default: 300
  declared:
    description: The options of the roles containerd and kubernetes_node, which a member is compared with.
    type: dict
    required: true
  once:
    description: Settings that are used once for all hosts. M(eco2.platform.kube_play) compares them among the hosts.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Decide what has to be done
  eco2.platform.kube_join_plan:
    host: "{{ looked.host }}"
    cluster: "{{ cluster }}"
    node_name: k8s-event-router
    declared: "{{ declared }}"
  register: node_join_plan
"""

RETURN = r"""
state:
  description: V(bare), V(half_joined), V(member_elsewhere), V(not_ready), V(ready) or V(control_plane).
  returned: always
  type: str
node_name:
  description: The name of the Node.
  returned: always
  type: str
kubelet_version:
  description: The version to install. Empty if the machine does not join.
  returned: always
  type: str
join:
  description: Whether the machine joins. RV(reset), RV(restart_kubelet), RV(start_services) and RV(replace_node) are the other steps.
  returned: always
  type: bool
reset:
  description: Whether C(kubeadm reset) runs first.
  returned: always
  type: bool
restart_kubelet:
  description: Whether the kubelet is restarted, so that it registers its Node again.
  returned: always
  type: bool
start_services:
  description: Whether containerd and the kubelet are started.
  returned: always
  type: bool
replace_node:
  description: Whether RV(stale_node) is deleted before the join.
  returned: always
  type: bool
stale_node:
  description: The Node of this name that the cluster has, as M(eco2.platform.kube_nodes) deletes it.
  returned: always
  type: dict
reasons:
  description: The reasons of the decision.
  returned: always
  type: list
  elements: str
node_ip:
  description: The address that the kubelet reports, by O(node_ip) or O(node_network). Empty if neither is set.
  returned: always
  type: str
kubelet_patch:
  description: O(kubelet_patch) as a dictionary.
  returned: always
  type: dict
split:
  description: The parts of the profile, as P(eco2.platform.kube_profile#filter) returns them.
  returned: always
  type: dict
differences:
  description: How a member differs from the declared options.
  returned: always
  type: list
  elements: str
left:
  description: The same for a machine that does not join, for the summary of the playbook.
  returned: always
  type: list
  elements: str
once:
  description: As given.
  returned: always
  type: dict
problems:
  description: What is wrong, each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: always
  type: list
  elements: dict
"""
