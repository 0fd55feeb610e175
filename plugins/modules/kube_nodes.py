#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels, annotations and taints of any number of nodes, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_nodes
short_description: Bring the labels, annotations and taints of Kubernetes nodes to a declared state
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Takes any number of nodes in one task, reads all of the cluster's in one request, and patches only those that differ, side by side.
  - What a declaration no longer holds is removed, and what others have set is left alone. To tell the two apart each node carries
    one annotation for each O(owner), C(ownership.eco2.platform/OWNER), with the keys that were set and a digest of each value.
  - Everything declared is checked before the first write; a problem is reported in one line that names the node and the key. What check
    mode predicts is what a run does.
  - Each patch is refused by the API server if its node has changed since it was read; the node is then read and planned anew, and the
    patch tried again. So nobody's work is undone, the taints that controllers set meanwhile among it. RV(conflicts) counts these.
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
      - The nodes. Those not named are left alone.
      - Of a node, a section that is omitted (O(nodes[].labels), O(nodes[].annotations), O(nodes[].taints)) is left alone too. An empty one
        declares nothing, so that what was declared before goes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the Node object. It may differ from the host's name in the inventory.
        type: str
        required: true
      labels:
        description:
          - Labels, each with its value; numbers and booleans are taken as text. A value of C(null) removes the label, whoever set it.
          - A label that is there with the wanted value, as from the kubelet's registration, is adopted, and removed when it is
            declared no longer.
          - A label that is declared no longer, and whose value others have changed, stays, with a warning.
          - What the kubelet sets for itself, such as C(kubernetes.io/hostname), cannot be declared otherwise.
        type: dict
      leave_labels:
        description:
          - Keys of labels that are neither set nor removed, declared before or not, as those whose value nobody knows now.
            What is in O(nodes[].labels) too is set.
        type: list
        elements: str
        default: []
      annotations:
        description: Annotations, with the same rules.
        type: dict
      taints:
        description:
          - Taints, each a text C(key=value:Effect) or C(key:Effect), or a dictionary of C(key), C(value) (may be omitted) and C(effect).
            With C(state=absent) in the dictionary the taint is removed, whoever set it.
          - A taint is known by its key and effect; the same rules as for labels hold.
          - Taints that Kubernetes' controllers set and remove, such as C(node.kubernetes.io/not-ready), can be neither declared nor
            removed. They stay as they are, C(timeAdded) included.
        type: list
        elements: raw
      state:
        description:
          - V(absent) deletes the Node object, as before the same machine joins anew. The machine is not touched; a kubelet that still runs
            there registers again.
        type: str
        choices: [present, absent]
        default: present
      force:
        description: With O(nodes[].state=absent), whether even a node that is Ready is deleted.
        type: bool
        default: false
      uid:
        description:
          - With O(nodes[].state=absent), the C(metadata.uid) of the object to be deleted. One of the same name that was made in its
            place meanwhile stays, and is named in RV(skipped_nodes).
        type: str
  owner:
    description:
      - In whose name the keys are set. Tasks with different owners can declare different keys of the same node, and none removes
        another's. A key that two owners declare draws a warning.
    type: str
    default: eco2.platform
  exact:
    description:
      - Whether labels, annotations and taints that nobody declares are removed too, in the sections that an item holds.
      - Spared are those that another owner has recorded, and those whose prefix is one of these domains or below it, C(antrea.io),
        C(cilium.io), C(cloud.google.com), C(coreos.com), C(csi.aws.com), C(eks.amazonaws.com), C(gke.io), C(istio.io), C(k3s.io),
        C(k8s.aws), C(k8s.io), C(karpenter.sh), C(kubernetes.azure.com), C(kubernetes.io), C(nvidia.com), C(projectcalico.org), C(rke2.io),
        C(x-k8s.io), C(ownership.eco2.platform); the autoscaler's taints C(ToBeDeletedByClusterAutoscaler) and
        C(DeletionCandidateOfClusterAutoscaler); and those in O(protected).
    type: bool
    default: false
  protected:
    description: More that O(exact) spares; domains, which stand for all keys of theirs and of their subdomains, and whole keys.
    type: list
    elements: str
    default: []
  unknown_nodes:
    description:
      - What to do about a name that the cluster does not know. V(fail) refuses the task before the first write; V(skip) does the rest and
        names it in RV(skipped_nodes). One with O(nodes[].state=absent) is done in any case.
    type: str
    choices: [fail, skip]
    default: fail
  wait:
    description: Whether to wait until each node of the task is Ready and as declared. In check mode nothing is waited for.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait. The nodes that are late are named in RV(failures), with what their kubelets say.
    type: float
    default: 300.0
notes:
  - It takes the verbs C(list), C(get) and C(patch) on nodes, and C(delete) for O(nodes[].state=absent). A missing one is named before
    the first write, also in check mode.
seealso:
  - module: eco2.platform.kube_nodes_info
  - module: kubernetes.core.k8s_taint
"""

EXAMPLES = r"""
- name: Two nodes as their profiles say
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

- name: The whole fleet in one task, from the profiles in the inventory, until all are Ready
  eco2.platform.kube_nodes:
    kubeconfig: "{{ kube_kubeconfig }}"
    nodes: "{{ fleet_nodes }}"
    unknown_nodes: skip
    wait: true
  delegate_to: localhost
  run_once: true
  become: false

- name: Only what is declared, but for what the team of the storage driver sets
  eco2.platform.kube_nodes:
    nodes:
      - name: k8s-worker-storage
        labels:
          role: worker
        taints: []
    exact: true
    protected: [storage.example.com]

- name: Let workloads onto a control plane, whoever keeps them off
  eco2.platform.kube_nodes:
    nodes:
      - name: k8s-master
        labels:
          legacy-role:
        taints:
          - key: node-role.kubernetes.io/control-plane
            effect: NoSchedule
            state: absent

- name: Forget a machine that is gone
  eco2.platform.kube_nodes:
    nodes:
      - name: k8s-redis-cache
        state: absent
"""

RETURN = r"""
changes:
  description:
    - What was changed, or in check mode would be. After a failure only what was done.
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
      description: The fields that make it this object.
      type: dict
      sample: {"name": "k8s-rabbitmq"}
    action:
      description: V(update) or V(delete).
      type: str
      sample: update
    differences:
      description:
        - Each label, annotation and taint that differs, with its value before and after; null where it is absent.
        - V(owner of label role) and the like stand for keys that were as wanted, and were recorded as ours or left to others.
      type: list
      elements: dict
      sample: [{"field": "taint domain:NoSchedule", "before": null, "after": "integration"}]
unchanged:
  description: How many nodes were as declared.
  returned: always
  type: int
  sample: 20
conflicts:
  description: How often a node had changed between reading and writing it, so that it was read and planned anew.
  returned: always
  type: int
  sample: 0
skipped_nodes:
  description: >-
    The names that the cluster does not know, with O(unknown_nodes=skip), and those whose Node has another uid than O(nodes[].uid).
  returned: always
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
  description: Changes that were sent and got no answer; they may have happened.
  returned: when writing failed
  type: list
  elements: dict
not_attempted:
  description: Changes that were not tried, since the API server was lost.
  returned: when writing failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first write, one line each.
  returned: when the declaration was refused
  type: list
  elements: str
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
