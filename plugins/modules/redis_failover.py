#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned switch of a master that Sentinel watches, without losing an acknowledged write."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_failover
short_description: Switch the master of a Redis or Valkey set to a replica without losing a write
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Makes a replica the master through the sentinels, for example for maintenance of the old master. No acknowledged write is lost.
    C(SENTINEL FAILOVER) alone does not promise that, because it leaves the old master writable for about ten seconds.
  - The module first waits until every sentinel and the data nodes themselves say that the set is healthy.
  - Where all servers are Valkey 9.0 or newer (and not 9.1.0), the servers do the switch (C(SENTINEL FAILOVER name COORDINATED)).
  - Elsewhere the module pauses writes on the old master, waits until all replicas have its data, lets Sentinel promote a replica, and makes
    the old master its replica at once. Clients that wait there are disconnected, so that they ask Sentinel for the new master. This takes
    one to three seconds, in which nothing can be written.
  - While the old master is paused, it is also fenced. Its C(min-replicas-to-write) is the number of its replicas, so it refuses writes
    (NOREPLICAS) from the moment one of them is promoted, even if the module is killed and the pause ends.
  - With O(to), the other replicas that Sentinel might choose get a C(replica-priority) above 1,000,000,000 during the switch. Sentinel
    needs up to 10 seconds to see it; the pause begins after that. The module restores the priorities afterwards.
  - On failure the module undoes all temporary settings. If it is killed, values above 1,000,000,000 remain in C(replica-priority) and
    C(min-replicas-max-lag), from which the former values can be calculated. The next run restores them, whatever its O(to). Until then a
    fenced master refuses writes while one of its replicas is not connected.
extends_documentation_fragment:
  - eco2.platform.redis_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.redis
attributes:
  check_mode:
    support: full
    details: Without O(to), RV(changes) names the replicas that Sentinel would choose among, where there are several.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(to) a second run changes nothing. Without it, each run is a switch.
options:
  sentinels:
    description: All sentinels of the set.
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
  name:
    description: The name under which the sentinels monitor the master.
    type: str
    required: true
  to:
    description:
      - The data node that must become the master, by the address that the sentinels use. If it is the master already, nothing changes.
      - If you omit it, every run moves the master to the best replica by Sentinel's rules (the lowest C(replica-priority), then the most
        data).
    type: dict
    suboptions:
      host:
        description: A host name or an IP address.
        type: str
        required: true
      port:
        description: The port of the data node.
        type: int
        default: 6379
  require_sentinels:
    description:
      - Whether V(all) of O(sentinels) must answer, or a V(majority) of all sentinels of the set.
      - A sentinel that is down during the switch learns of it when it is up again.
    type: str
    choices: [all, majority]
    default: all
  wait_timeout:
    description: Seconds that the whole task may take, including the wait for a healthy set.
    type: float
    default: 60.0
  pause_limit:
    description: Seconds after which the pause of the old master ends by itself, if the module cannot end it; 3 to 60.
    type: float
    default: 60.0
notes:
  - Never run it twice at the same time for one set. The temporary settings of another run look like those that a killed run has left.
  - The user of the data nodes needs the rights to C(role), C(info), C(config|get), C(config|set), C(config|rewrite), C(client|pause),
    C(client|unpause), C(client|kill), C(replicaof), C(multi) and C(exec); the user of the sentinels those to C(sentinel) and C(info).
  - Do not use it on sentinels that a Kubernetes operator manages.
seealso:
  - name: Sentinel
    description: How sentinels work.
    link: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
"""

EXAMPLES = r"""
- name: Move the master to another host
  eco2.platform.redis_failover:
    sentinels:
      - host: 10.0.1.11
      - host: 10.0.1.12
      - host: 10.0.1.13
    name: pubsub
    to:
      host: 10.0.1.12
    password: "{{ sentinel_password }}"
    data_password: "{{ redis_password }}"
  delegate_to: localhost
  run_once: true

- name: Move the master to the best replica
  eco2.platform.redis_failover:
    sentinels: "{{ redis_sentinels }}"
    name: pubsub
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
changes:
  description: The switch, and the restored settings of a killed run, each with kind, object, identity, action and differences.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: master
      object: pubsub
      identity: {"name": "pubsub"}
      action: update
      differences: [{"field": "address", "before": "10.0.1.11:6379", "after": "10.0.1.12:6379"}]
unchanged:
  description: 1 where O(to) is the master already.
  returned: always
  type: int
old_master:
  description: The address of the master before the run.
  returned: when the set was looked at
  type: dict
  sample: {"host": "10.0.1.11", "port": 6379}
new_master:
  description: The address of the master after the run; in check mode that of before.
  returned: when the set was looked at
  type: dict
  sample: {"host": "10.0.1.12", "port": 6379}
method:
  description: V(coordinated) when the servers switch by themselves, V(pause) by a pause of the old master, V(none) without a switch.
  returned: when the set was looked at
  type: str
  sample: pause
paused_seconds:
  description: How long the old master was paused; 0 when the servers switch by themselves.
  returned: when the set was looked at
  type: float
  sample: 1.1
problems:
  description: Why the task was refused before the first write.
  returned: when the task was refused
  type: list
  elements: dict
  sample:
    - code: replica.link
      message: says that its link to the master is down
      item: replica 10.0.1.12:6379
      field: ""
      remedy: wait for its synchronisation, repair or stop it, or give it replica-priority 0
failures:
  description: Settings of a killed run that could not be restored, each with its C(reason).
  returned: when something could not be done
  type: list
  elements: dict
unknown:
  description: A switch that Sentinel was told to do and whose end was not seen.
  returned: when something could not be done
  type: list
  elements: dict
not_attempted:
  description: A switch that failed before Sentinel was told to do it; the preparations were undone.
  returned: when something could not be done
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec, options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import LIBRARY
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.failover import Failover


def argument_spec() -> Spec:
    return options(arguments.REDIS_FAILOVER)


def main() -> None:
    converging(argument_spec(), Failover, library=LIBRARY)


if __name__ == "__main__":
    main()
