#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock on sets of Redis or Valkey, so that one run at a time maintains them."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_lock
short_description: Hold a lock on sets of Redis or Valkey during maintenance
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - The playbook C(eco2.platform.maintain_redis) uses this module, so that two runs never restart nodes of one set at the same time. Use
    it around your own maintenance too.
  - The lock is the key C(eco2.platform:maintenance) on the master, in database 0. It ends by itself after O(seconds), so a run that is
    killed blocks nobody for longer. Run the task again to renew it. A switch to another master takes the lock along.
  - If another run has the lock, the task is refused, and the message names the holder.
extends_documentation_fragment:
  - eco2.platform.redis_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.redis
attributes:
  check_mode:
    support: full
    details: Also in check mode the task is refused if another run has the lock.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(state=present) each run moves the end of the lock.
options:
  sentinels:
    description: All sentinels of the sets.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: A host name or an IP address.
        type: str
        required: true
      port:
        description: The port of the sentinel.
        type: int
        default: 26379
  masters:
    description: The sets to lock.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name under which the sentinels monitor the master.
        type: str
        required: true
      rename_commands:
        description: Commands that are renamed on the data nodes, each with its new name.
        type: dict
  holder:
    description:
      - Who holds the lock. It must be different for each run. Messages to others show it, so it should say where the run can be found.
        An empty text is refused.
    type: str
    required: true
  seconds:
    description: After how many seconds the lock ends if nobody renews it, from 1 to 31536000 (a year).
    type: int
    default: 600
  state:
    description: V(present) takes or renews the lock. V(absent) releases it if O(holder) has it.
    type: str
    choices: [present, absent]
    default: present
notes:
  - The user of the data nodes needs the rights to C(get), C(set), C(del), C(pttl) and C(pexpire), and to the key.
seealso:
  - module: eco2.platform.redis_failover
"""

EXAMPLES = r"""
- name: Keep other runs away
  eco2.platform.redis_lock:
    sentinels: "{{ redis_sentinels }}"
    masters:
      - name: pubsub
    holder: "{{ lookup('ansible.builtin.env', 'USER') }}, ticket 4711"
    seconds: 300
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
changes:
  description: The locks that were taken, renewed or released, each with kind, object, identity, action and differences.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: lock
      object: pubsub
      identity: {"name": "pubsub"}
      action: create
      differences: [{"field": "holder", "before": null, "after": "root@controller since 02:10:00 UTC"}]
unchanged:
  description: How many sets had no lock to release.
  returned: always
  type: int
problems:
  description: Why the task was refused before the first write.
  returned: when the task was refused
  type: list
  elements: dict
  sample:
    - code: set.locked
      message: root@controller since 02:10:00 UTC maintains the set, and its lock ends in 311 s if nobody renews it
      item: set pubsub
      field: ""
      remedy: wait for that run
failures:
  description: Locks that another run took at the same moment, each with its C(reason).
  returned: when something could not be done
  type: list
  elements: dict
unknown:
  description: Locks that were sent and not answered.
  returned: when something could not be done
  type: list
  elements: dict
not_attempted:
  description: Locks that were not tried.
  returned: when something could not be done
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec, options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import LIBRARY
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.lock import Lock


def argument_spec() -> Spec:
    return options(arguments.REDIS_LOCK)


def main() -> None:
    converging(argument_spec(), Lock, library=LIBRARY)


if __name__ == "__main__":
    main()
