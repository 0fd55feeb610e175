#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The masters and settings of a set of Redis Sentinels, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_sentinel
short_description: Bring a set of Redis Sentinels to a declared state
version_added: 1.0.0
description:
  - Brings the masters that a set of Sentinels monitors, their options, and the Sentinels' own settings to what is declared; looks at all
    of them in one task, changes only what differs, one Sentinel after the other, and sees that each is well before it goes on to the next.
  - The declared address of a master is a seed, never a target. What the Sentinels agree on, and what says of itself that it is a master,
    is the master, so that a run after a failover changes nothing.
  - Sentinels that watch a wrong node, as after their files were overwritten, are set right at the node that is proven to be the master.
    Where there are two masters, nothing is chosen; both are named.
  - It owns the running state of the Sentinels, which they save in their own sentinel.conf. That file is not to be templated.
  - Redis from 6.2 on and all releases of Valkey.
author:
  - The eco2.platform authors (@eco2-platform)
extends_documentation_fragment:
  - eco2.platform.redis_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.redis
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(update_hidden=always) each run sets the hidden options, and says so.
options:
  sentinels:
    description: Every Sentinel of the set.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: A name or an IP address.
        type: str
        required: true
      port:
        description: The Sentinel's port.
        type: int
        default: 26379
      announce_ip:
        description: The address that the Sentinel gives to the others as its own. Once given, it can be changed and not taken away.
        type: str
      announce_port:
        description: The port that it gives; V(0) is its own.
        type: int
      conf:
        description: The text of its sentinel.conf, for O(update_hidden=from_file).
        type: str
  masters:
    description: The masters. Others are left alone, but see O(prune). An option that is omitted stays as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Letters, digits, C(.), C(-) and C(_).
        type: str
        required: true
      state:
        description: V(absent) takes it out of the Sentinels; the data nodes are not touched.
        type: str
        choices: [present, absent]
        default: present
      address:
        description:
          - One data node of the set or several, each C(HOST:PORT), by which its master is found. The port may be omitted, which means 6379.
          - While no Sentinel knows the master, any node will do. It is the master, or the replica of the master, of whichever place.
          - To mend Sentinels that watch a wrong node, give all data nodes. There only a node is taken for the master that is declared, or
            that a Sentinel watches or knows as a replica of this master. A node that follows a server of elsewhere takes no Sentinel there.
        type: list
        elements: str
      quorum:
        description: How many Sentinels have to find the master down. For a new master the default is what the others have, or the majority.
        type: int
      replicas:
        description:
          - How many replicas the set has, for O(forget_stale), which wants them all to be there. V(0) where it has none.
        type: int
      down_after_milliseconds:
        description: After how many milliseconds without an answer a node is down.
        type: int
      failover_timeout:
        description: The bound of each step of a failover, in milliseconds.
        type: int
      parallel_syncs:
        description: How many replicas follow a new master at the same time.
        type: int
      auth_user:
        description: The user with whom the Sentinels speak to the data nodes. Hidden, see O(update_hidden).
        type: str
      auth_pass:
        description: Its password; an empty one clears it. Hidden, see O(update_hidden).
        type: str
      notification_script:
        description: A program that the Sentinels run for events. They refuse it unless C(deny-scripts-reconfig) is C(no).
        type: str
      client_reconfig_script:
        description: A program that the Sentinels run after a failover; as above.
        type: str
      rename_commands:
        description: Commands that have other names on the data nodes, each with its other name. Hidden, see O(update_hidden).
        type: dict
      master_reboot_down_after_period:
        description:
          - For how many milliseconds a master that restarts is not taken for well. From Redis 7.0 on. Hidden, see O(update_hidden).
        type: int
  settings:
    description:
      - The Sentinels' own settings; what is omitted stays as it is. After a change of how they reach each other, the next Sentinel is
        touched only once the first and the others see each other well.
    type: dict
    suboptions:
      resolve_hostnames:
        description: Whether names may stand for addresses.
        type: bool
      announce_hostnames:
        description: Whether names are given to others.
        type: bool
      sentinel_user:
        description: The user with whom the Sentinels speak to each other. That all of them let it in is tried before the first change.
        type: str
      sentinel_pass:
        description: Its password.
        type: str
      loglevel:
        description: From Redis 7.2 on.
        type: str
        choices: [debug, verbose, notice, warning, nothing]
  prune:
    description: Whether masters that are not declared are taken out, such as the sample C(mymaster) of Debian's package.
    type: bool
    default: false
  forget_stale:
    description:
      - Whether dead Sentinels and replicas that are not declared are forgotten, by C(SENTINEL RESET) on one Sentinel after the other,
        each only once all know all living ones; never during a failover, nor while the master is not well.
      - A Sentinel is reset where it counts more Sentinels than O(sentinels), or more replicas than O(masters[].replicas), and some are
        dead. All dead replicas are forgotten with that; so that none is that belongs to the set, O(masters[].replicas) have to follow the
        master. Without O(masters[].replicas) nothing holds it back.
    type: bool
    default: false
  update_hidden:
    description:
      - A Sentinel does not tell O(masters[].auth_user), O(masters[].auth_pass), O(masters[].rename_commands) and
        O(masters[].master_reboot_down_after_period).
      - With V(on_create) they are set when a master is added or mended, and left alone otherwise.
      - With V(from_file) they are compared with O(sentinels[].conf), where that is given.
      - With V(always) they are set in every run, which reports a change.
    type: str
    choices: [on_create, from_file, always]
    default: on_create
  repair:
    description:
      - Whether Sentinels that watch a node that is not the master are set right, where one node is proven to be the master. Otherwise
        that is a failure.
      - This removes the master and adds it again with all options that the Sentinel tells, and of the hidden ones those that are declared
        or in O(sentinels[].conf). Before, the Sentinel has to show that it takes all that. If it refuses something nevertheless, the master
        is put back as it was, and nothing else is touched.
      - A Sentinel that has lost the master gets from the others what is not declared.
    type: bool
    default: true
  unreachable_sentinels:
    description:
      - What to do about a Sentinel that does not answer. V(fail) refuses the task before the first write; V(skip) warns, and does the
        rest while a majority answers.
    type: str
    choices: [fail, skip]
    default: fail
  wait_timeout:
    description: Seconds that a Sentinel has to get well after a change. Then the task fails, and does not change the others.
    type: float
    default: 60.0
notes:
  - On the sentinels it takes C(info), and of C(sentinel) C(myid), C(config), C(masters), C(master), C(replicas), C(sentinels), C(monitor),
    C(set), C(remove), C(reset) and C(flushconfig), each as C(sentinel|myid) and so on, before Redis 7.0 all of C(sentinel); on the data
    nodes C(info).
  - Not for Sentinels that a Kubernetes operator owns, which sets them back. M(eco2.platform.redis_sentinel_info) only reads.
seealso:
  - module: eco2.platform.redis_sentinel_info
  - module: eco2.platform.redis_failover
"""

EXAMPLES = r"""
- name: Two sets on three sentinels
  eco2.platform.redis_sentinel:
    sentinels:
      - host: 10.0.1.11
      - host: 10.0.1.12
      - host: 10.0.1.13
    data_password: "{{ redis_password }}"
    masters:
      - name: pubsub
        address: [10.0.2.21, 10.0.2.22, 10.0.2.23]
        quorum: 2
        replicas: 2
        down_after_milliseconds: 5000
        failover_timeout: 10000
        auth_pass: "{{ redis_password }}"
      - name: cache
        address: 10.0.2.31:6380
        quorum: 2
        auth_pass: "{{ redis_password }}"
    prune: true

- name: Another password, compared with what the sentinels have saved
  eco2.platform.redis_sentinel:
    sentinels: "{{ sentinels_with_conf }}"
    masters:
      - name: pubsub
        auth_pass: "{{ redis_new_password }}"
    update_hidden: from_file

- name: A sentinel's host has gone for good
  eco2.platform.redis_sentinel:
    sentinels:
      - host: 10.0.1.11
      - host: 10.0.1.12
      - host: 10.0.1.14
    masters:
      - name: pubsub
        address: 10.0.2.21
        replicas: 2
    forget_stale: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be. After a failure only what was done.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(master) or V(sentinel).
      type: str
      sample: master
    object:
      description: The Sentinel, and behind a slash the master.
      type: str
      sample: 10.0.1.11:26379/pubsub
    identity:
      description: The fields that make it this object.
      type: dict
      sample: {"sentinel": "10.0.1.11:26379", "name": "pubsub"}
    action:
      description: V(create), V(update), V(delete), or V(replace) where a Sentinel watched a wrong node.
      type: str
      sample: create
    differences:
      description: Each field that differs, before and after. Secrets are not shown.
      type: list
      elements: dict
      sample: [{"field": "quorum", "before": "1", "after": "2"}]
unchanged:
  description: How many objects were as declared, counted on each Sentinel.
  returned: always
  type: int
  sample: 3
failures:
  description: Changes that a Sentinel refused, each with the reason.
  returned: when writing failed
  type: list
  elements: dict
unknown:
  description: Changes that were sent and got no answer; they may have happened.
  returned: when writing failed
  type: list
  elements: dict
not_attempted:
  description: Changes that were not tried after a failure.
  returned: when writing failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first write.
  returned: when the task was refused
  type: list
  elements: dict
  sample:
    - code: quorum.too_high
      message: is 4, of 3 sentinels, so it is never reached
      item: master pubsub
      field: quorum
      remedy: the majority is 2
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import LIBRARY
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.sentinels import SentinelSet


def main() -> None:
    converging(options(arguments.REDIS_SENTINEL), SentinelSet, library=LIBRARY)


if __name__ == "__main__":
    main()
