# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that run kubeadm."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  node_registration:
    description: How the Node registers itself with the API server.
    type: dict
    default: {}
    suboptions:
      name:
        description: The name of the Node. By default the host name of the machine in lower case.
        type: str
      cri_socket:
        description: The socket of the container runtime.
        type: str
        default: unix:///run/containerd/containerd.sock
      labels:
        description: Labels that the kubelet may set itself. With other labels the kubelet does not start.
        type: dict
        default: {}
      taints:
        description:
          - The taints that the Node registers with. If omitted, a control plane gets kubeadm's default
            C(node-role.kubernetes.io/control-plane:NoSchedule), and a worker gets none.
        type: list
        elements: dict
        suboptions:
          key:
            description: The taint's key.
            type: str
            required: true
          value:
            description: The taint's value.
            type: str
          effect:
            description: The taint's effect.
            type: str
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
            required: true
      kubelet_extra_args:
        description: More flags of the kubelet.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The flag's name, without dashes.
            type: str
            required: true
          value:
            description: The flag's value.
            type: str
            default: ""
  kubelet_patch:
    description:
      - The settings of this node's kubelet, in addition to those of the cluster, as fields of KubeletConfiguration such as C(maxPods).
      - They are written to C(/etc/kubernetes/patches/kubeletconfiguration+merge.json), a merge patch of kubeadm, and checked with
        C(kubeadm config validate). C(kubeadm upgrade node) needs the option C(--patches /etc/kubernetes/patches) to keep them.
    type: dict
    default: {}
  config_version:
    description: The version of kubeadm's configuration. By default the one that the installed kubeadm reads; V(v1beta3) before 1.31.
    type: str
    choices: [v1beta3, v1beta4]
  ignore_preflight_errors:
    description: Names of preflight checks of kubeadm whose errors are treated as warnings.
    type: list
    elements: str
    default: []
"""
