#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a cluster, and what a machine needs to join it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_nodes_info
short_description: Read the nodes of a Kubernetes cluster
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads all nodes in one request, and returns what a playbook needs to know of each in a flat form. It also returns the version of the
    API server, and the endpoint and the CA pin that machines need to join.
extends_documentation_fragment:
  - eco2.platform.kube_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.kube
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: N/A
    details: Changes nothing.
requirements:
  - jmespath, for O(query)
options:
  names:
    description: Return only the nodes with these names. Names that the cluster does not have are in RV(missing).
    type: list
    elements: str
  label_selector:
    description: Return only nodes with these labels, such as V(role=worker,phase!=5).
    type: str
  pods:
    description: Whether to count the pods of each node too. This needs the verb C(list) on the pods of all namespaces.
    type: bool
    default: false
  query:
    description: A JMESPath expression over everything that is returned, such as V(nodes[?!ready].name). Its result is in RV(query_result).
    type: str
  wait_timeout:
    description:
      - Seconds to wait until the API server answers and has its C(kube-public/cluster-info), which C(kubeadm init) creates last. With V(0)
        the task does not wait. If nothing answers at all, it may take up to three times O(timeout) longer.
      - A certificate that is not trusted, or credentials that are not accepted, end the wait at once.
    type: float
    default: 0.0
seealso:
  - module: eco2.platform.kube_nodes
  - name: JMESPath
    description: The query language.
    link: https://jmespath.org/
"""

EXAMPLES = r"""
- name: Find the nodes that are not Ready, and why
  eco2.platform.kube_nodes_info:
    kubeconfig: ~/.kube/eco2
    query: "nodes[?!ready].{name: name, why: ready_reason}"
  register: not_ready

- name: Read the nodes of this play, with the number of their pods
  eco2.platform.kube_nodes_info:
    kubeconfig: "{{ kube_kubeconfig }}"
    names: "{{ ansible_play_hosts }}"
    pods: true
  delegate_to: localhost
  run_once: true
  become: false
  register: cluster
"""

RETURN = r"""
nodes:
  description: The nodes, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: k8s-rabbitmq
    uid:
      description: The UID of this Node object. A machine that joins again under the same name gets another UID.
      type: str
    ready:
      description: Whether the node is Ready.
      type: bool
    ready_reason:
      description: Reason and message of the condition Ready.
      type: str
      sample: "KubeletNotReady: container runtime network not ready"
    unschedulable:
      description: Whether it is cordoned.
      type: bool
    kubelet_version:
      description: The kubelet's version.
      type: str
      sample: 1.36.3
    container_runtime:
      description: The container runtime and its version.
      type: str
      sample: containerd://2.2.9
    os_image:
      description: The operating system.
      type: str
      sample: Debian GNU/Linux 12 (bookworm)
    internal_ip:
      description: The first internal address, or null where it has none.
      type: str
    addresses:
      description: All addresses, each with type and address.
      type: list
      elements: dict
    labels:
      description: The labels.
      type: dict
    annotations:
      description: The annotations.
      type: dict
    taints:
      description: The taints, each with key, effect and, if it has one, value.
      type: list
      elements: dict
    conditions:
      description: The conditions, as the API returns them.
      type: list
      elements: dict
    pods:
      description: How many pods run there or are starting; only with O(pods).
      type: int
    pod_cidr:
      description: The address range of its pods, or null where it has none.
      type: str
    created:
      description: When the Node object was created.
      type: str
missing:
  description: Those of O(names) that the cluster does not have.
  returned: success
  type: list
  elements: str
api_server_version:
  description: The API server's version.
  returned: success
  type: str
  sample: 1.36.3
ca_pin:
  description: The pin of the cluster's certificate authority, from C(kube-public/cluster-info), or null where that is missing.
  returned: success
  type: str
  sample: sha256:7c2e69131a36ae2a042a339b33381c6d0d43887e2de83720eff5359e26aec866
ca_pins:
  description: The pins of all its certificate authorities. There are two while a CA is rotated.
  returned: success
  type: list
  elements: str
cluster_endpoint:
  description: HOST:PORT where machines reach the API server, from C(kube-public/cluster-info), or null where that is missing.
  returned: success
  type: str
  sample: k8s-api.eco2.internal:6443
query_result:
  description: The result of O(query).
  returned: with O(query)
  type: raw
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import arguments
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.module import reading
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.info import awaited


def argument_spec() -> Spec:
    return {
        **arguments.connection(),
        "names": {"type": "list", "elements": "str"},
        "label_selector": {"type": "str"},
        "pods": {"type": "bool", "default": False},
        "query": {"type": "str"},
        "wait_timeout": {"type": "float", "default": 0.0},
    }


def main() -> None:
    reading(argument_spec(), awaited)


if __name__ == "__main__":
    main()
