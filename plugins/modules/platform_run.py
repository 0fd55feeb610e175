# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin platform_run."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: platform_run
short_description: Go on after a failure, and end a run with its summary
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - The playbooks of this collection use this action plugin. It changes nothing.
  - Ansible ends a whole run when all hosts of one play fail. So the plays of this collection rescue a failure, mark it with
    O(step=rescued), and their last play lets the hosts end as failed with O(step=fail).
  - What a run did is recorded by the callback plugin C(platform_summary), which lies beside the playbooks.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
options:
  step:
    description: What to do.
    type: str
    required: true
    choices:
      rescued: Mark in the C(rescue) section of a play that the host has failed.
      note: Record O(reasons) as what is left to do on the host, which is no drift.
      end: Return the summary of all plays before this one, also as a custom statistic (as M(ansible.builtin.set_stats)).
      fail: Fail with O(reasons).
  reasons:
    description: Why the host fails, or what is left to do. For V(fail) and V(note).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Collect the summary
  eco2.platform.platform_run:
    step: end
  run_once: true
  register: platform_ended

- name: End as failed what has failed
  eco2.platform.platform_run:
    step: fail
    reasons: ["{{ platform_ended.failed_hosts[inventory_hostname] }}"]
  when: inventory_hostname in platform_ended.failed_hosts
"""

RETURN = r"""
noted:
  description: As O(reasons).
  returned: with O(step=note)
  type: list
  elements: str
summary:
  description:
    - The run so far, with C(playbook), C(began), C(seconds), C(check), C(verdict) (V(ok), V(changed), V(drift) or V(failed)), C(families)
      and C(hosts).
    - Each family has C(name), C(state), C(reason) and C(seconds).
    - Each host has C(state) (V(ok), V(changed), V(drift), V(failed), V(unreachable) or V(left out)), C(seconds), C(changes), C(drift),
      which has the differences that a play that verifies has found, C(failures), and C(left), which names what is left to do.
  returned: with O(step=end)
  type: dict
failed_hosts:
  description: The hosts that have failed, or differ from the declaration in a play that verifies, each with the reason.
  returned: with O(step=end)
  type: dict
missing:
  description: The groups that the inventory must have. Empty if it has hosts for at least one family of the run.
  returned: with O(step=end)
  type: list
  elements: str
"""
