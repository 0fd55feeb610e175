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
  - Makes a replica the master, for maintenance of the old one, by way of its sentinels. No write that was acknowledged is lost, which
    C(SENTINEL FAILOVER) alone does not promise. It leaves the old master writable for about ten seconds.
  - First the set must be healthy, in the eyes of every sentinel and of the data nodes themselves; it waits for that.
  - Where all servers are Valkey 9.0 or newer (and not 9.1.0), they do it themselves (C(SENTINEL FAILOVER name COORDINATED)).
  - Elsewhere the old master is paused for writes, all replicas must have its data, a replica is promoted, and the old master is made
    its replica at once. Clients that wait there are disconnected, so that they ask Sentinel for the new master. This takes one to three
    seconds, in which nothing can be written.
  - While it is paused the old master is also fenced. Its C(min-replicas-to-write) is the number of all its replicas, so that it refuses
    writes (NOREPLICAS) from the moment one of them is promoted, even if this module is killed and the pause ends.
  - With O(to), the replicas that Sentinel might prefer get a C(replica-priority) above 1,000,000,000 for the time; Sentinel takes up to
    10 seconds to see it, before anything is paused. They are put back afterwards.
  - Everything temporary is undone on failure. A run that was killed leaves values above 1,000,000,000 in C(replica-priority) and
    C(min-replicas-max-lag), which hold the former ones; the next run recognises them and puts them back, whatever its O(to). Until then
    a fenced master refuses writes while any of its replicas is away.
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
        description: Its host.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 26379
  name:
    description: The name under which they watch the master.
    type: str
    required: true
  to:
    description:
      - The data node that is to be the master, as the sentinels address it. Nothing is to be done where it is the master.
      - Omitted, the master moves to the best replica, by Sentinel's rules (the lowest C(replica-priority), then the most data), at
        every run.
    type: dict
    suboptions:
      host:
        description: Its host.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 6379
  require_sentinels:
    description:
      - Whether V(all) of O(sentinels) must answer, or a V(majority) of all that there are.
      - A sentinel that is down meanwhile learns of the switch when it is up again.
    type: str
    choices: [all, majority]
    default: all
  wait_timeout:
    description: Seconds that the whole task may take, with the wait for a healthy set.
    type: float
    default: 60.0
  pause_limit:
    description: Seconds after which a paused master writes again by itself, if nobody ends the pause; 3 to 60.
    type: float
    default: 60.0
notes:
  - One run at a time for a set. What another run has changed for the time would look like what a killed one has left.
  - On the data nodes it takes C(role), C(info), C(config|get), C(config|set), C(config|rewrite), C(client|pause), C(client|unpause),
    C(client|kill), C(replicaof), C(multi) and C(exec); on the sentinels C(sentinel) and C(info).
  - Do not run it on sentinels that an operator in Kubernetes owns.
seealso:
  - name: Sentinel
    description: What sentinels are, and what they promise.
    link: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
"""

EXAMPLES = r"""
- name: The master moves away from the host that is to be maintained
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

- name: Any other replica will do
  eco2.platform.redis_failover:
    sentinels: "{{ redis_sentinels }}"
    name: pubsub
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
changes:
  description: The switch, and the settings of a killed run that were put back, each with kind, object, identity, action and differences.
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
  description: Where the master was before.
  returned: when the set was looked at
  type: dict
  sample: {"host": "10.0.1.11", "port": 6379}
new_master:
  description: Where it is now; in check mode where it was.
  returned: when the set was looked at
  type: dict
  sample: {"host": "10.0.1.12", "port": 6379}
method:
  description: V(coordinated) by the servers themselves, V(pause) by pausing the old master, V(none) where nothing was to be done.
  returned: when the set was looked at
  type: str
  sample: pause
paused_seconds:
  description: How long the old master was paused; 0 where the servers did it themselves.
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
  description: Leftovers of a killed run that a server refused to put back, each with its C(reason).
  returned: when something could not be done
  type: list
  elements: dict
unknown:
  description: A switch that was ordered and whose end was not seen.
  returned: when something could not be done
  type: list
  elements: dict
not_attempted:
  description: A switch that was not ordered, or undone before it was.
  returned: when something could not be done
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import LIBRARY
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover.failover import Failover


def main() -> None:
    converging(options(arguments.REDIS_FAILOVER), Failover, library=LIBRARY)


if __name__ == "__main__":
    main()
