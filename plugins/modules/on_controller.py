# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin on_controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: on_controller
short_description: Run a module on the controller
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Runs a module on the controller, as the user who runs Ansible and with the Python that runs Ansible.
  - C(delegate_to=localhost) does not do that. Variables of the inventory, such as C(ansible_become) or C(ansible_connection), apply to
    a delegated task as well.
  - The roles of this collection use this action plugin for tasks that talk to an API server or to Redis Sentinels.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
    details: As far as the module supports it.
  diff_mode:
    support: full
    details: As far as the module supports it.
  idempotent:
    support: full
    details: As far as the module is.
options:
  module:
    description: The full name of the module or action plugin, such as V(kubernetes.core.k8s).
    type: str
    required: true
  arguments:
    description:
      - The arguments of the module. The C(module_defaults) of the module apply.
      - Set C(no_log) of the task where the arguments or the result hold secrets.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Apply a manifest
  eco2.platform.on_controller:
    module: kubernetes.core.k8s
    arguments:
      kubeconfig: /etc/eco2/admin.conf
      src: cni.yaml
      apply: true
"""

RETURN = r"""
result:
  description: The return values are those of the module. They are not in a dictionary of this name.
  returned: never
  type: raw
"""
