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
  - Before anything is paused it also checks that the switch can come to its end. The user whom Sentinel uses on the data nodes must have
    the rights that a promotion takes. The other nodes must be able to follow the new master, by C(masteruser), C(masterauth), the rights
    of that user, C(tls-replication), and the address that they announce. What is missing is refused with its name, in check mode too.
  - Where all servers are Valkey 9.0 or newer (and not 9.1.0), the servers do the switch (C(SENTINEL FAILOVER name COORDINATED)).
  - Elsewhere the module pauses writes on the old master, waits until all replicas have its data, lets Sentinel promote a replica, and makes
    the old master its replica at once. Clients that wait there are disconnected, so that they ask Sentinel for the new master. This takes
    one to three seconds, in which nothing can be written.
  - If Sentinel promotes no replica within O(pause_limit), whatever the reason, the module calls its failover off (C(SENTINEL RESET) at the
    sentinel that leads it). The old master goes on with its own settings, and the task fails.
  - At the end the link of the former master to the new one must be up, where both have the same version.
  - While the old master is paused, it is also fenced. Its C(min-replicas-to-write) is the number of its replicas, and its
    C(min-replicas-max-lag) is 2 seconds. So it refuses writes (NOREPLICAS) from the moment one of them is promoted or hangs, even if the
    module is killed and the pause ends.
  - With O(to), the other replicas that Sentinel might choose get a C(replica-priority) above 1,000,000,000 during the switch. Sentinel
    needs up to 10 seconds to see it; the pause begins after that. The module restores the priorities afterwards.
  - On failure the module undoes all temporary settings. If it is killed, a C(replica-priority) above 1,000,000,000 remains, from which the
    former values of all of them can be calculated. The next run restores them, whatever its O(to). If a failover that promotes nobody is
    still in progress, it calls that off first, after 10 seconds. Until then a fenced master refuses writes while one of its replicas is
    not connected or does not answer.
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
  rename_commands:
    description:
      - Commands that are renamed on the data nodes (C(rename-command) in their C(redis.conf)), each with its new name. Sentinel must know
        the same names, see O(eco2.platform.redis_sentinel#module:masters[].rename_commands). Nobody can ask it whether it does. If it does
        not, it promotes no replica, and the module calls the failover off.
    type: dict
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
    description:
      - For how many seconds writes may be held at most, 3 to 10. A second before that the module calls off a failover that has promoted no
        replica. The pause of the old master ends by itself at that time, also if the module is killed.
      - Below 8 writes can be lost if the module is killed and the replica that Sentinel has chosen hangs at the same moment.
    type: float
    default: 10.0
notes:
  - Never run it twice at the same time for one set. The temporary settings of another run look like those that a killed run has left.
  - The user of the data nodes needs the rights to C(role), C(info), C(config|get), C(config|set), C(config|rewrite), C(client|list),
    C(client|pause), C(client|unpause), C(client|kill), C(acl|dryrun), C(slaveof), C(multi) and C(exec), on Valkey 9 also to C(failover).
    The user of the sentinels needs those to C(sentinel) and C(info).
  - Before Redis 7.0 no server tells what a user may do, so there the rights of Sentinel's user and of the replicas' user are not checked.
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
