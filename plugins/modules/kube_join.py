#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this machine a worker of a kubeadm cluster, or clear what an unfinished join left."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_join
short_description: Join a machine to a kubeadm cluster as a worker, or clear an unfinished join
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Runs C(kubeadm join) on the machine, or C(kubeadm reset) where O(state=reset), each only where it has something to do.
  - The configuration is validated by C(kubeadm config validate) and goes to kubeadm by its standard input; the token stands in no
    file, command line, journal or output. What kubeadm prints is searched for secrets and comes back as one line that says what to do.
  - A machine that has C(/etc/kubernetes/kubelet.conf) of the same cluster is left alone; one of another cluster is an error.
  - The module ends once the API server knows the Node, which it asks with the kubelet's own credentials.
  - Without pipelining Ansible puts a task's arguments, the token among them, into a file of the node for a moment, and leaves it there
    where it is killed. Set C(ansible_pipelining) and C(ansible_ssh_pipelining) for the task, as the example does.
  - Only one kubeadm runs at a time. A module whose connection was cut goes on within O(timeout), and the next one waits for it.
  - Labels and taints are registered with the Node, so that there is no moment without them. If a Node of that name exists they
    have no effect, which is why M(eco2.platform.kube_nodes) removes stale ones first.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.kubeadm
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description:
      - V(joined) joins the machine.
      - V(reset) clears what a join left, finished or not, by C(kubeadm reset) without its phase that deletes etcd's data. Neither
        iptables nor CNI configuration are touched. Refused on a control plane and where there are other static pods.
    type: str
    choices: [joined, reset]
    default: joined
  token:
    description: A bootstrap token that the cluster knows. Needed to join, but in check mode.
    type: str
  endpoint:
    description: The API server that kubeadm asks, as C(host:port). Needed to join, but in check mode.
    type: str
  ca_cert_hashes:
    description:
      - The pins of the cluster's CA, each C(sha256:) and the hexadecimal digest of its public key.
      - Needed to join, but in check mode.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that kubeadm may take. Then it is stopped, with all that it started but the kubelet.
    type: int
    default: 300
seealso:
  - module: eco2.platform.kube_bootstrap_token
  - module: eco2.platform.kube_nodes
"""

EXAMPLES = r"""
- name: What a machine needs to join
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

- name: Clear what an unfinished join left
  eco2.platform.kube_join:
    state: reset
  become: true
"""

RETURN = r"""
state:
  description: What the machine is now, or in check mode would be.
  returned: success
  type: str
  sample: joined
reason:
  description: Why something was done, or nothing.
  returned: success
  type: str
  sample: joined by 10.0.0.10:6443 with kubeadm v1.36.3 (v1beta4)
preflight_warnings:
  description: What kubeadm's preflight checks warned of.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._node import join as joining


def argument_spec() -> dict[str, t.Any]:
    return {
        "state": {"type": "str", "choices": ["joined", "reset"], "default": "joined"},
        "token": {"type": "str", "no_log": True},
        "endpoint": {"type": "str"},
        "ca_cert_hashes": {"type": "list", "elements": "str", "default": []},
        "node_registration": {"type": "dict", "options": joining.registration_spec(), "apply_defaults": True, "default": {}},
        "config_version": {"type": "str", "choices": ["v1beta3", "v1beta4"]},
        "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "int", "default": 300},
    }


def main() -> None:
    joining.run(argument_spec(), lambda state: joining.join if state == "joined" else joining.reset)


if __name__ == "__main__":
    main()
