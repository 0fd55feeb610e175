#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this machine the first control plane of a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_init
short_description: Make a machine the first control plane of a kubeadm cluster
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Runs C(kubeadm init) on the machine, unless it has a control plane.
  - C(kubeadm config validate) checks the configuration, which kubeadm reads from stdin. kubeadm prints no token and no certificate key,
    and its bootstrap token expires after ten minutes.
  - Reports the files that an interrupted init left, and never deletes them.
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
  advertise_address:
    description: The address that the API server advertises. By default the address of the interface with the default route.
    type: str
  cluster_configuration:
    description:
      - The fields of kubeadm's ClusterConfiguration, such as C(kubernetesVersion), C(controlPlaneEndpoint) and C(networking).
      - C(extraArgs) may be a mapping or a list of C(name) and C(value). It is converted to what the version expects.
    type: dict
    default: {}
  kubelet_configuration:
    description: The fields of the KubeletConfiguration for all nodes of the cluster.
    type: dict
    default: {}
  kube_proxy_configuration:
    description: The fields of the KubeProxyConfiguration.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds that kubeadm may take, including the pull of images. Then it is stopped with all processes that it started, except the
        kubelet.
    type: int
    default: 600
seealso:
  - module: eco2.platform.kube_join
"""

EXAMPLES = r"""
- name: The first control plane
  eco2.platform.kube_init:
    node_registration:
      name: k8s-master
      labels:
        role: control-plane
    cluster_configuration:
      kubernetesVersion: v1.36.3
      controlPlaneEndpoint: k8s-api.example.org:6443
      networking:
        podSubnet: 10.244.0.0/16
  become: true
"""

RETURN = r"""
state:
  description: >-
    The state of the machine, or in check mode the state that it would have; V(joined), V(initialised) (a control plane), V(reset) (no
    files of kubeadm) or V(unfinished) (a join or an init was interrupted).
  returned: unless the task was refused
  type: str
  sample: initialised
reason:
  description: Why something was done, or why not.
  returned: unless the task was refused
  type: str
  sample: kubeadm v1.36.3 (v1beta4) ran init
preflight_warnings:
  description: The warnings of kubeadm's preflight checks. Ansible shows them as warnings too.
  returned: unless the task was refused
  type: list
  elements: str
changes:
  description: >-
    The run of kubeadm, if it succeeded or in check mode would be started; kind V(init). Before it, with kind V(file), the change of
    C(/etc/default/kubelet).
  returned: always
  type: list
  elements: dict
  sample:
    - kind: init
      object: k8s-a
      identity: {"name": "k8s-a"}
      action: create
      differences: [{"field": "state", "before": "reset", "after": "initialised"}]
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
from ansible_collections.eco2.platform.plugins.module_utils._node.join import OPTIONS, Init


def argument_spec() -> Spec:
    return {
        **OPTIONS,
        "advertise_address": {"type": "str"},
        "cluster_configuration": {"type": "dict", "default": {}},
        "kubelet_configuration": {"type": "dict", "default": {}},
        "kube_proxy_configuration": {"type": "dict", "default": {}},
        "timeout": {"type": "int", "default": 600},
    }


def main() -> None:
    converging(argument_spec(), Init, root=True)


if __name__ == "__main__":
    main()
