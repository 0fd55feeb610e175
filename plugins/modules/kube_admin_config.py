# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin kube_admin_config."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_admin_config
short_description: Copy the administrator's kubeconfig to the controller
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads C(/etc/kubernetes/admin.conf) on a control plane and writes it to the controller, readable only by its owner.
  - The content is in no result, log or diff.
  - The role P(eco2.platform.control_plane#role) uses this action plugin.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The kubeconfig is a secret.
  idempotent:
    support: full
options:
  path:
    description: The path on the controller.
    type: str
    required: true
  server:
    description: The address of the API server to write into it, HOST:PORT or a URL. When empty, the address is not changed.
    type: str
    default: ""
  state:
    description:
      - V(present) writes the kubeconfig.
      - V(checked) fails if that is not possible, or would lose entries for other clusters. It creates the directory if it is missing.
    type: str
    choices: [checked, present]
    default: present
  replace:
    description:
      - Whether a file is replaced that has entries for other clusters, or that is for this cluster with other names, such as the kubeconfig
        of a ServiceAccount. Without it, V(checked) refuses the first, and V(present) leaves the second as it is.
    type: bool
    default: false
  cluster_exists:
    description: Whether the control plane exists. If not, the file is predicted to change.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Write the kubeconfig
  eco2.platform.kube_admin_config:
    path: /etc/eco2/admin.conf
  become: true
"""

RETURN = r"""
problems:
  description: What is wrong, each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: failure
  type: list
  elements: dict
"""
