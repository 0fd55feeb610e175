# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin kube_play."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_play
short_description: Run the steps that concern all hosts of a play of nodes
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads what the hosts of a play have registered, runs M(eco2.platform.kube_nodes) once for all of them on the controller, and returns
    the result of each host in RV(verdicts). A failure of one Node does not fail the task, since C(run_once) would fail all hosts with it.
  - Fails if the hosts differ in a setting that is used for all of them.
  - The roles P(eco2.platform.node_join#role) and P(eco2.platform.node_profile#role) and the playbook C(setup_new_nodes) use this action
    plugin, with C(run_once=true).
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: As M(eco2.platform.kube_nodes).
  idempotent:
    support: full
options:
  step:
    description: What to do.
    type: str
    required: true
    choices:
      agree: Compare O(settings), and the settings that hosts have registered, and return the names of all Nodes. Changes nothing.
      replace: Delete the stale Nodes of the hosts that join.
      wait: Wait until the Nodes of the hosts that join or are repaired are Ready.
      profile: Bring labels and taints of all Nodes to their profiles, and read the Nodes again.
      show: Show all Nodes of the play as a table.
  settings:
    description: Names of variables that must be equal on all hosts of the play. For V(agree).
    type: list
    elements: str
    default: []
  kubeconfig:
    description: The kubeconfig on the controller. If it is not set, the C(module_defaults) of the group C(eco2.platform.kube) apply.
    type: raw
  wait_timeout:
    description: Seconds to wait. For V(wait).
    type: float
  owner:
    description: As O(eco2.platform.kube_nodes#module:owner). For V(profile).
    type: str
  exact:
    description: As O(eco2.platform.kube_nodes#module:exact). For V(profile).
    type: bool
  protected:
    description: As O(eco2.platform.kube_nodes#module:protected). For V(profile).
    type: list
    elements: str
  cluster_exists:
    description: Whether the cluster exists. If an earlier task has only predicted it, everything is predicted to change. For V(profile).
    type: bool
    default: true
  predicted:
    description: Whether earlier tasks have only predicted their changes, so that a missing Node is not an error.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Wait until the Nodes are Ready
  eco2.platform.kube_play:
    step: wait
    kubeconfig: "{{ node_join_kubeconfig }}"
    wait_timeout: 180
    predicted: "{{ ansible_check_mode }}"
  run_once: true
  register: node_join_awaited
"""

RETURN = r"""
verdicts:
  description: For each Node what is wrong with it. An empty list if nothing is.
  returned: with V(replace), V(wait) and V(profile)
  type: dict
changes:
  description: As RV(eco2.platform.kube_nodes#module:changes).
  returned: with V(replace), V(wait) and V(profile)
  type: list
  elements: dict
splits:
  description: For each Node the parts of its profile, as P(eco2.platform.kube_profile#filter) returns them.
  returned: with V(profile)
  type: dict
hosts_of:
  description: The inventory host of each Node.
  returned: with V(profile)
  type: dict
nodes:
  description: As RV(eco2.platform.kube_nodes_info#module:nodes), read after the change.
  returned: with V(profile)
  type: list
  elements: dict
names:
  description: The names of all Nodes of the play.
  returned: with V(agree)
  type: list
  elements: str
"""
