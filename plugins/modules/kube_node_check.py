# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin kube_node_check."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_node_check
short_description: Check a machine, and fail with all problems that prevent it from becoming a node
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Checks the facts of a machine. An option that is not set is not checked. Changes nothing.
  - The roles P(eco2.platform.kubernetes_node#role), P(eco2.platform.control_plane#role) and P(eco2.platform.node_join#role) use this action
    plugin.
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

  problems:
    description: Problems that are already known. They come first in the message.
    type: list
    elements: str
    default: []
  version:
    description: >-
      The version of Kubernetes. It must name one release, and the host must be able to run it, without programs and units of others that
      take the place of those of the packages.
    type: raw
  api_server_version:
    description: The version of the cluster's API server, which a kubelet of O(version) must be able to join.
    type: str
    default: ""
  allow_downgrade:
    description: >-
      Whether a kubelet, kubeadm or kubectl that is installed may be newer than O(version), and kubernetes-cni newer than O(cni_version).
    type: bool
    default: false
  cni_version:
    description: The version of the package kubernetes-cni. Checked with O(version).
    type: str
    default: ""
  ignore_preflight_errors:
    description: The preflight errors that kubeadm ignores. With V(SystemVerification) cgroup v1 is accepted.
    type: list
    elements: str
    default: []
  boot_timeout:
    description: The seconds that the first boot was waited for. If it has not finished, the host is refused.
    type: float
  name:
    description: The name of the Node.
    type: raw
  profile:
    description:
      - Labels, taints and other flags of the kubelet, as P(eco2.platform.kube_profile#filter) reads them.
      - With it, the host must also be free of what another cluster left; files of kubeadm, CNI configuration, and files that give the
        kubelet other flags. It must have O(node_ip) and O(advertise_address).
    type: raw
  cloud:
    description: What the inventory says about the machine in the cloud. Checked with O(profile).
    type: dict
    default: {}
  node_ip:
    description: The address that the kubelet reports. Checked with O(profile), which must not have one as well.
    type: raw
  node_network:
    description: The network that this address is in. The machine must have one address in it. Checked with O(profile).
    type: raw
  kubelet_patch:
    description: The settings of this node's kubelet, as a dictionary or its text as YAML or JSON. Checked with O(profile).
    type: raw
  cluster:
    description:
      - The cluster that will be made on the machine, with C(endpoint) (HOST:PORT), C(networking) (as in kubeadm's ClusterConfiguration),
        C(cert_sans), C(kubeconfig_server) and C(schedulable) (whether it takes pods of all kinds).
      - The networks of pods, Services and nodes must not overlap. Checked with O(profile).
    type: dict
  nodes:
    description:
      - The Nodes of the cluster, as RV(eco2.platform.kube_nodes_info#module:nodes) returns them, or an empty list if it does not exist yet.
        If the host is in the group C(control_plane), each other host of that group must be a control plane of the cluster, because no
        playbook joins it.
    type: list
    elements: dict
  node:
    description: The Node in O(nodes) whose InternalIP must be the one by O(node_ip) or O(node_network).
    type: str
  advertise_address:
    description: The address that the API server advertises.
    type: str
    default: ""
  keep_cni:
    description: See O(eco2.platform.control_plane#role:main:control_plane_keep_cni).
    type: bool
    default: false
  services:
    description: Whether containerd, its CRI and the kubelet must run.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Check the version and the host
  eco2.platform.kube_node_check:
    host: "{{ looked.host }}"
    version: 1.36.3
"""

RETURN = r"""
node_ip:
  description: The address that the kubelet reports, by O(node_ip) or O(node_network). Empty if neither is set.
  returned: success
  type: str
kubelet_patch:
  description: O(kubelet_patch) as a dictionary.
  returned: success
  type: dict
problems:
  description: What is wrong, each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: always
  type: list
  elements: dict
"""
