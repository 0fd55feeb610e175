#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this machine a worker of a kubeadm cluster, or reset it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_join
short_description: Join a machine to a kubeadm cluster as a worker, or reset it
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Runs C(kubeadm join), or with O(state=reset) C(kubeadm reset), if there is something to do.
  - C(kubeadm config validate) checks the configuration, which kubeadm reads from stdin. The token is in no file, command line, journal
    or output. Secrets in kubeadm's output are masked, and an error is returned as one line that says what to do.
  - Does nothing on a machine that has C(/etc/kubernetes/kubelet.conf) of the same cluster. A machine of another cluster is an error.
  - Waits until the API server knows the Node, which it asks with the kubelet's own credentials.
  - Without pipelining, Ansible writes the arguments of a task, the token among them, to a temporary file on the host, and leaves it there
    if the task is killed. Set C(ansible_pipelining) and C(ansible_ssh_pipelining) for the task as in the example.
  - Only one kubeadm runs at a time. If the connection breaks, the module goes on within O(timeout), and the next run waits for it.
  - Labels and taints are registered with the Node, so that it never exists without them. They have no effect if the Node already exists;
    M(eco2.platform.kube_nodes) removes stale Nodes first.
  - Before kubeadm runs, flags in C(/etc/default/kubelet) that contradict the task are removed, because the kubelet reads that file last;
    labels and taints there too. The installed kubelet must take all flags that it will get; if not, the task is refused with the flag.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.root
  - eco2.platform.kubeadm
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(joined) joins the machine.
      - V(reset) removes the files of a join, finished or not, with C(kubeadm reset) without its phase that deletes etcd's data. It does
        not change iptables and CNI configuration. Refused on a control plane and on a machine with other static pods.
      - V(checked) only tries O(node_registration.kubelet_extra_args) on the installed kubelet (C(kubelet FLAGS --version)), as V(joined)
        does before it changes anything. Changes nothing.
    type: str
    choices: [joined, reset, checked]
    default: joined
  token:
    description: A bootstrap token that the cluster knows. Required to join, except in check mode.
    type: str
  endpoint:
    description: The API server that kubeadm asks, as C(host:port). Required to join, except in check mode.
    type: str
  ca_cert_hashes:
    description:
      - The pins of the cluster's CA, each C(sha256:) and the hexadecimal digest of its public key.
      - Required to join, except in check mode.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that kubeadm may take. Then it is stopped with all processes that it started, except the kubelet.
    type: int
    default: 300
seealso:
  - module: eco2.platform.kube_bootstrap_token
  - module: eco2.platform.kube_nodes
"""

EXAMPLES = r"""
- name: Get a bootstrap token
  eco2.platform.kube_bootstrap_token:
    kubeconfig: /etc/eco2/admin.conf
  delegate_to: localhost
  run_once: true
  become: false
  no_log: true
  register: bootstrap

- name: Join the cluster
  eco2.platform.kube_join:
    token: "{{ bootstrap.join.token }}"
    endpoint: "{{ bootstrap.join.endpoint }}"
    ca_cert_hashes: "{{ bootstrap.join.ca_cert_hashes }}"
    node_registration:
      name: k8s-event-router
      labels:
        role: event-router
        domain: event-router
      taints:
        - key: domain
          value: event-router
          effect: NoSchedule
  become: true
  vars:
    ansible_pipelining: true
    ansible_ssh_pipelining: true

- name: Remove the files of an unfinished join
  eco2.platform.kube_join:
    state: reset
  become: true
"""

RETURN = r"""
state:
  description: >-
    The state of the machine, or in check mode the state that it would have; V(joined), V(initialised) (a control plane), V(reset) (no
    files of kubeadm) or V(unfinished) (a join or an init was interrupted).
  returned: unless the task was refused
  type: str
  sample: joined
reason:
  description: Why something was done, or why not.
  returned: unless the task was refused
  type: str
  sample: kubeadm v1.36.3 (v1beta4) ran join
preflight_warnings:
  description: The warnings of kubeadm's preflight checks. Ansible shows them as warnings too.
  returned: unless the task was refused
  type: list
  elements: str
changes:
  description: >-
    The run of kubeadm, if it succeeded or in check mode would be started; kind V(join) or V(reset). Before it, with kind V(file), the
    change of C(/etc/default/kubelet).
  returned: always
  type: list
  elements: dict
  sample:
    - kind: join
      object: k8s-a
      identity: {"name": "k8s-a"}
      action: create
      differences: [{"field": "state", "before": "reset", "after": "joined"}]
unchanged:
  description: 1 if there was nothing to do.
  returned: always
  type: int
failures:
  description: >-
    The run of kubeadm that failed, with the reason. C(changed) is true unless kubeadm failed before it wrote anything.
  returned: when kubeadm failed, or the API server does not know the Node in time
  type: list
  elements: dict
problems:
  description: Why the task was refused before anything was changed; each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: when the task was refused
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._node.join import OPTIONS, Check, Join, Reset


def argument_spec() -> Spec:
    return {
        "state": {"type": "str", "choices": ["joined", "reset", "checked"], "default": "joined"},
        "token": {"type": "str", "no_log": True},
        "endpoint": {"type": "str"},
        "ca_cert_hashes": {"type": "list", "elements": "str", "default": []},
        **OPTIONS,
        "timeout": {"type": "int", "default": 300},
    }


SERVICES = {"joined": Join, "reset": Reset, "checked": Check}


def main() -> None:
    converging(argument_spec(), lambda params: SERVICES[params["state"]](params), root=True)


if __name__ == "__main__":
    main()
