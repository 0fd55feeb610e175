# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin redis_site."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_site
short_description: Run one stage of the role redis_sentinel
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - The role C(eco2.platform.redis_sentinel) uses this action plugin. Use the role, because options and return values of this plugin may
    change with any release.
  - A site is all that the role declares; sets of Redis or Valkey, the hosts of their nodes and of the Sentinels, passwords and settings.
    The plugin derives from it, and from what earlier stages returned on all hosts of the play, what a host runs, which master a new
    node follows, what the Sentinels monitor, and in which order hosts are maintained.
  - It runs M(eco2.platform.redis_host) and M(eco2.platform.apt_packages) on the host, and M(eco2.platform.redis_sentinel),
    M(eco2.platform.redis_sentinel_info) and M(eco2.platform.redis_failover) on the controller, or on the host that C(run_on) of the site
    names. V(follow), V(monitor), V(plan), V(lock), V(unlock) and V(gate) have to be delegated to that host.
  - Passwords are passed to these modules and are never returned, so no task of the role has to hide its errors.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
    details: V(step) and V(gate) are not meant for check mode; V(plan) shows the steps.
  diff_mode:
    support: full
    details: Passwords and secret settings are hidden.
  idempotent:
    support: full
options:
  stage:
    description:
      - V(look) refuses a wrong declaration, masks the services that the packages start, and returns what is on the host.
      - V(count) returns which master each instance follows, and how many keys it has. Run it in check mode.
      - V(follow) asks the Sentinels, and returns for each host which masters its new instances follow.
      - V(set_up) brings the instances of the host to the declaration.
      - V(monitor) brings the Sentinels to the declared sets, and waits until all is well.
      - V(end) ends the sets that must be absent on the host.
      - V(compare) returns what a restart would change on the host. Run it in check mode.
      - V(plan) returns the steps that apply it on all hosts, in order. First it waits until all is well.
      - V(lock) keeps other runs away from the sets, and V(unlock) lets them again. V(gate) renews the lock.
      - V(step) does on its host what one of these steps needs there.
      - V(gate) does what the same step needs at the Sentinels, and waits until all is well.
    type: str
    choices: [look, count, follow, set_up, monitor, end, compare, plan, lock, unlock, step, gate]
    required: true
  site:
    description: The variable C(redis_sentinel_site) of the role.
    type: dict
    required: true
  step:
    description: One of RV(steps), for V(step) and V(gate). Delegate V(step) to its C(host).
    type: dict
  wait:
    description: Whether V(monitor) and V(plan) wait until all is well.
    type: bool
    default: true
seealso:
  - module: eco2.platform.redis_host
  - module: eco2.platform.redis_sentinel
  - module: eco2.platform.redis_failover
"""

EXAMPLES = r"""
- name: Wait until all is well, and plan the steps
  eco2.platform.redis_site:
    stage: plan
    site: "{{ redis_sentinel_site }}"
  run_once: true
  register: redis_sentinel_asked
"""

RETURN = r"""
changes:
  description: The changes of all modules that the stage ran, in order. Of V(plan) the steps, in check mode only.
  returned: when there are any
  type: list
  elements: dict
masters:
  description: The address of each master, as all Sentinels tell it.
  returned: on success of V(monitor), V(plan) and V(gate)
  type: dict
  sample: {"pubsub": "10.0.1.12:6379"}
steps:
  description:
    - The steps of V(plan), each with C(action) (C(backup), C(restart), C(switch), C(end) or C(forget)), C(host), C(object), C(requires)
      (the role that the node must have right before the step) and C(expects) (the masters as they must be after it).
  returned: on success of V(plan)
  type: list
  elements: dict
names:
  description: The same steps in words.
  returned: on success of V(plan)
  type: list
  elements: str
  sample: ["restart server/pubsub on redis-1"]
step:
  description: The step that was taken.
  returned: on success of V(step) and V(gate)
  type: str
  sample: restart server/pubsub on redis-1
holder:
  description: What the lock says of this run.
  returned: on success of V(lock)
  type: str
  sample: AWX job 4711 since 2026-11-30 02:10:00 UTC, a1b2c3
waiting:
  description: What waits for C(eco2.platform.maintain_redis), by instance.
  returned: on success of V(set_up) and V(compare)
  type: dict
problems:
  description: Why the stage was refused; each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: when it was refused
  type: list
  elements: dict
"""
