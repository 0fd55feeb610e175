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
  - Runs C(kubeadm init) on the machine, unless a control plane is there already.
  - The configuration is validated by C(kubeadm config validate) and goes to kubeadm by its standard input. No token and no
    certificate key is printed; kubeadm's bootstrap token is one of ten minutes.
  - What an unfinished init left is named, and never deleted.
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
  advertise_address:
    description: The address that the API server tells others. By default that of the interface with the default route.
    type: str
  cluster_configuration:
    description:
      - The fields of kubeadm's ClusterConfiguration, such as C(kubernetesVersion), C(controlPlaneEndpoint) and C(networking).
      - C(extraArgs) may be a mapping or a list of C(name) and C(value); it becomes what the version takes.
    type: dict
    default: {}
  kubelet_configuration:
    description: The fields of the KubeletConfiguration, which all nodes of the cluster get.
    type: dict
    default: {}
  kube_proxy_configuration:
    description: The fields of the KubeProxyConfiguration.
    type: dict
    default: {}
  timeout:
    description: Seconds that kubeadm may take, pulling images included. Then it is stopped, with all that it started but the kubelet.
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
  description: What the machine is now, or in check mode would be.
  returned: success
  type: str
  sample: initialised
reason:
  description: Why something was done, or nothing.
  returned: success
  type: str
  sample: initialised with kubeadm v1.36.3 (v1beta4)
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
        "node_registration": {"type": "dict", "options": joining.registration_spec(), "apply_defaults": True, "default": {}},
        "advertise_address": {"type": "str"},
        "cluster_configuration": {"type": "dict", "default": {}},
        "kubelet_configuration": {"type": "dict", "default": {}},
        "kube_proxy_configuration": {"type": "dict", "default": {}},
        "config_version": {"type": "str", "choices": ["v1beta3", "v1beta4"]},
        "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "int", "default": 600},
    }


def main() -> None:
    joining.run(argument_spec(), lambda dummy: joining.init)


if __name__ == "__main__":
    main()
