# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin kube_containerd."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_containerd
short_description: Configure containerd for Kubernetes, and verify the configuration in force
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Writes the configuration in the format of the installed version, restarts containerd if that is necessary, and compares what
    C(containerd config dump) and the CRI report with what is declared.
  - The role P(eco2.platform.containerd#role) uses this action plugin. The options are those of the role.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
    details: What is in force is verified if nothing is to be changed.
  diff_mode:
    support: full
    details: Proxies, and mirrors with headers, are hidden.
  idempotent:
    support: full
options:
  version:
    description: The version of containerd. The newest format is used if it is not known.
    type: str
    required: true
  restart:
    description: Whether containerd is restarted even if its files have not changed.
    type: bool
    default: false
  cgroup_driver:
    description: See O(eco2.platform.containerd#role:main:containerd_cgroup_driver).
    type: str
    choices: [systemd, cgroupfs]
    default: systemd
  sandbox_image:
    description: See O(eco2.platform.containerd#role:main:containerd_sandbox_image).
    type: str
    default: ""
  cni_bin_dirs:
    description: See O(eco2.platform.containerd#role:main:containerd_cni_bin_dirs).
    type: list
    elements: str
    default: [/opt/cni/bin]
  cni_conf_dir:
    description: See O(eco2.platform.containerd#role:main:containerd_cni_conf_dir).
    type: str
    default: /etc/cni/net.d
  registry_mirrors:
    description: See O(eco2.platform.containerd#role:main:containerd_registry_mirrors).
    type: list
    elements: raw
    default: []
  proxy:
    description: See O(eco2.platform.containerd#role:main:containerd_proxy).
    type: dict
    default: {}
  runtime_settings:
    description: See O(eco2.platform.containerd#role:main:containerd_runtime_settings).
    type: dict
    default: {}
  image_settings:
    description: See O(eco2.platform.containerd#role:main:containerd_image_settings).
    type: dict
    default: {}
  settings:
    description: See O(eco2.platform.containerd#role:main:containerd_settings).
    type: dict
    default: {}
  host:
    description: RV(eco2.platform.kube_host_info#module:host) as it was before. Without it, data in another directory is not noticed.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Configure containerd
  eco2.platform.kube_containerd:
    version: 2.2.9
  become: true
"""

RETURN = r"""
changes:
  description: As RV(eco2.platform.host#module:changes).
  returned: always
  type: list
  elements: dict
"""
