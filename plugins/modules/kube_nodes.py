#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels, annotations and taints of any number of nodes in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_nodes
short_description: Bring the labels, annotations and taints of Kubernetes nodes to a declared state
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Takes any number of nodes in one task, reads all nodes of the cluster in one request, and patches in parallel only those that differ.
  - What is no longer declared is removed, and what others have set is left alone. To know which is which, each node has one annotation
    for each O(owner), C(ownership.eco2.platform/OWNER), with the keys that were set and a digest of each value.
  - Everything declared is checked before the first write. A problem is reported in one line that names the node and the key. Check mode
    predicts exactly what a run does.
  - The API server refuses each patch if its node has changed since it was read. The node is then read and planned again, and a new
    patch is tried. So nobody's changes are undone, including taints that controllers set in the meantime. RV(conflicts) counts this.
extends_documentation_fragment:
  - eco2.platform.kube_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.kube
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  nodes:
    description:
      - The nodes. Nodes that are not named are left alone.
      - A section of a node that is omitted (O(nodes[].labels), O(nodes[].annotations), O(nodes[].taints)) is left alone too. An empty
        section declares nothing, so that what was declared before is removed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the Node object. It may differ from the name of the host in the inventory.
        type: str
        required: true
      labels:
        description:
          - Labels with their values. A value of C(null) removes the label, whoever set it.
          - A number or a boolean is refused, because YAML reads C(1.30) as 1.3, C(010) as 8, C(12:30) as 750 and C(no) as false. Write it
            in quotes. Numbers from 0 to 7 are taken as text.
          - A label that already has the declared value, for example from the registration of the kubelet, is adopted. It is removed when it
            is no longer declared.
          - A label that is no longer declared and whose value others have changed stays, with a warning.
          - A label that the kubelet sets for itself, such as C(kubernetes.io/hostname), cannot be declared with another value.
        type: dict
      leave_labels:
        description:
          - Keys of labels that are neither set nor removed, whether they were declared before or not. Use it for labels whose value is not
            known at the moment. A key that is in O(nodes[].labels) too is set.
        type: list
        elements: str
        default: []
      annotations:
        description: Annotations, with the same rules.
        type: dict
      taints:
        description:
          - Taints, each as text, C(key=value:Effect) or C(key:Effect), or as a dictionary with C(key), C(value) (optional) and C(effect).
            With C(state=absent) in the dictionary the taint is removed, whoever set it.
          - A taint is identified by its key and effect. The same rules apply as for labels.
          - Taints that the controllers of Kubernetes set and remove, such as C(node.kubernetes.io/not-ready), cannot be declared or
            removed. They stay as they are, including C(timeAdded).
        type: list
        elements: raw
      state:
        description:
          - V(absent) deletes the Node object, for example before the same machine joins again. The machine itself is not changed. A kubelet
            that still runs there registers again.
        type: str
        choices: [present, absent]
        default: present
      force:
        description: With O(nodes[].state=absent), whether a node is deleted even if it is Ready.
        type: bool
        default: false
      uid:
        description:
          - With O(nodes[].state=absent), the C(metadata.uid) of the object to delete. If another object of the same name has taken its
            place, that one stays and is named in RV(skipped_nodes).
        type: str
  owner:
    description:
      - The owner of the keys that this task sets. Tasks with different owners can declare different keys of the same node, and none
        removes the keys of another. A key that two owners declare causes a warning.
    type: str
    default: eco2.platform
  exact:
    description:
      - Whether labels, annotations and taints that nobody declares are removed too, in the sections that an item has.
      - Not removed are those that another owner has recorded, those whose prefix is one of these domains or a subdomain, C(antrea.io),
        C(cilium.io), C(cloud.google.com), C(coreos.com), C(csi.aws.com), C(eks.amazonaws.com), C(gke.io), C(istio.io), C(k3s.io),
        C(k8s.aws), C(k8s.io), C(karpenter.sh), C(kubernetes.azure.com), C(kubernetes.io), C(nvidia.com), C(projectcalico.org), C(rke2.io),
        C(x-k8s.io), C(ownership.eco2.platform), the taints of the autoscaler C(ToBeDeletedByClusterAutoscaler) and
        C(DeletionCandidateOfClusterAutoscaler), and those in O(protected).
    type: bool
    default: false
  protected:
    description: More that O(exact) does not remove. Domains, which stand for all their keys and those of their subdomains, and whole keys.
    type: list
    elements: str
    default: []
  unknown_nodes:
    description:
      - What to do if the cluster has no node of a name. V(fail) refuses the task before the first write. V(skip) does the rest and
        returns the name in RV(skipped_nodes). Items with O(nodes[].state=absent) are not affected.
    type: str
    choices: [fail, skip]
    default: fail
  wait:
    description: Whether to wait until each node of the task is Ready and as declared. In check mode the task does not wait.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait. Nodes that are not Ready in time are listed in RV(failures), with what their kubelets report.
    type: float
    default: 300.0
notes:
  - The task needs the verbs C(list), C(get) and C(patch) on nodes, and C(delete) for O(nodes[].state=absent). A missing right is reported
    before the first write, also in check mode.
seealso:
  - module: eco2.platform.kube_nodes_info
  - module: kubernetes.core.k8s_taint
"""

EXAMPLES = r"""
- name: Label and taint two nodes
  eco2.platform.kube_nodes:
    kubeconfig: ~/.kube/eco2
    nodes:
      - name: k8s-rabbitmq
        labels:
          role: infrastructure
          domain: integration
          infra-type: rabbitmq
        taints:
          - domain=integration:NoSchedule
      - name: k8s-event-router
        labels:
          role: event-router
          domain: event-router
          phase: 5
          node-role.kubernetes.io/worker: ''
        taints:
          - key: domain
            value: event-router
            effect: NoSchedule

- name: Label and taint all nodes from the profiles in the inventory, and wait until they are Ready
  eco2.platform.kube_nodes:
    kubeconfig: "{{ kube_kubeconfig }}"
    nodes: "{{ fleet_nodes }}"
    unknown_nodes: skip
    wait: true
  delegate_to: localhost
  run_once: true
  become: false

- name: Remove everything that is not declared, except what the storage team sets
  eco2.platform.kube_nodes:
    nodes:
      - name: k8s-worker-storage
        labels:
          role: worker
        taints: []
    exact: true
    protected: [storage.example.com]

- name: Allow workloads on a control plane, and remove a label
  eco2.platform.kube_nodes:
    nodes:
      - name: k8s-master
        labels:
          legacy-role:
        taints:
          - key: node-role.kubernetes.io/control-plane
            effect: NoSchedule
            state: absent

- name: Delete the Node of a machine that no longer exists
  eco2.platform.kube_nodes:
    nodes:
      - name: k8s-redis-cache
        state: absent
"""

RETURN = r"""
changes:
  description:
    - What was changed, or what would be changed in check mode. After a failure, only what was done.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(node).
      type: str
      sample: node
    object:
      description: The node's name.
      type: str
      sample: k8s-rabbitmq
    identity:
      description: The fields that identify the object.
      type: dict
      sample: {"name": "k8s-rabbitmq"}
    action:
      description: V(update) or V(delete).
      type: str
      sample: update
    differences:
      description:
        - Each label, annotation and taint that differs, with its value before and after, or null where it is absent.
        - V(owner of label role) and similar fields mean that the value is unchanged, and only the record of its owner was written.
      type: list
      elements: dict
      sample: [{"field": "taint domain:NoSchedule", "before": null, "after": "integration"}]
unchanged:
  description: How many nodes were as declared.
  returned: always
  type: int
  sample: 20
conflicts:
  description: How often a node had changed between reading and writing, so that it was read and planned again.
  returned: when the nodes could be read
  type: int
  sample: 0
forbidden:
  description: The changes that this user has no right to make, as in RV(changes). The task is refused for them.
  returned: if there are any
  type: list
  elements: dict
skipped_nodes:
  description: >-
    With O(unknown_nodes=skip), the names that the cluster does not have; and those whose Node has a different uid than O(nodes[].uid).
  returned: when the nodes could be read
  type: list
  elements: str
failures:
  description:
    - Nodes that could not be changed, or were not Ready and as declared in time (action V(wait)), each with kind, object, identity,
      action and reason.
  returned: when a node failed
  type: list
  elements: dict
  sample: [{"kind": "node", "object": "k8s-logging", "identity": {"name": "k8s-logging"}, "action": "wait", "reason": "is not Ready"}]
unknown:
  description: Changes that were sent and got no answer. They may have been made.
  returned: when writing failed
  type: list
  elements: dict
not_attempted:
  description: Changes that were not tried because the API server was lost.
  returned: when writing failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first write, each with code, item, field, message and remedy.
  returned: when the declaration was refused
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import arguments
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.nodes import Nodes


def argument_spec() -> Spec:
    return {
        **arguments.connection(),
        "nodes": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "labels": {"type": "dict"},
                "leave_labels": {"type": "list", "elements": "str", "default": []},
                "annotations": {"type": "dict"},
                "taints": {"type": "list", "elements": "raw"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "force": {"type": "bool", "default": False},
                "uid": {"type": "str"},
            },
        },
        "owner": {"type": "str", "default": "eco2.platform"},
        "exact": {"type": "bool", "default": False},
        "protected": {"type": "list", "elements": "str", "default": []},
        "unknown_nodes": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "float", "default": 300.0},
    }


def main() -> None:
    converging(argument_spec(), Nodes)


if __name__ == "__main__":
    main()
