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
  - Brings the masters that a set of Sentinels monitors, their options, and the Sentinels' own settings to the declared state. One task
    reads all Sentinels, changes only what differs, one Sentinel after the other, and waits until each is healthy before it changes the
    next.
  - The declared address of a master is only where the module starts to look. The master is the node that the Sentinels agree on and
    that says of itself that it is a master. So a run after a failover changes nothing.
  - Sentinels that monitor a wrong node, for example after their files were overwritten, are pointed to the node that is proven to be the
    master. Where there are two masters, the module names both and fails.
  - A node belongs to one set. If a node of one master is declared as a node of another, or if Sentinels know it under two names, the
    module names both and fails. After a failover of one of them such Sentinels would start failovers without end.
  - It changes the running state of the Sentinels, which they save in their own sentinel.conf. Do not write that file from a template.
  - Works with Redis 6.2 and newer and with all releases of Valkey.
author:
  - The eco2.platform authors (@eco2-platform)
extends_documentation_fragment:
  - eco2.platform.redis_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.redis
attributes:
  check_mode:
    support: full
    details: Only reads. No command reads C(deny-scripts-reconfig), so check mode cannot tell that a Sentinel refuses a script.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(update_hidden=always) each run sets the hidden options and reports a change.
options:
  sentinels:
    description:
      - Every Sentinel of the set. The module asks them for the other Sentinels of the declared masters. It warns of those that are alive
        and not listed, and fails if they are at least as many as the listed ones.
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
        description:
          - The address that the Sentinel announces to the others. It can be changed later, but not removed. A loopback address is refused,
            unless the Sentinel itself is listed with one.
        type: str
      announce_port:
        description: The port that it announces; V(0) is its own port.
        type: int
      conf:
        description: The text of its sentinel.conf, for O(update_hidden=from_file).
        type: str
  masters:
    description: The masters. Other masters do not change, but see O(prune). An option that you omit stays as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Letters, digits, C(.), C(-) and C(_).
        type: str
        required: true
      state:
        description: V(absent) removes it from the Sentinels. The data nodes do not change.
        type: str
        choices: [present, absent]
        default: present
      address:
        description:
          - One or more data nodes of the set, each as C(HOST:PORT). The module finds the master by asking them. The default port is 6379.
          - While no Sentinel monitors the master, any node of the set is enough, the master or a replica.
          - To repair Sentinels that monitor a wrong node, give all data nodes. The master is then only a node that is declared, that a
            Sentinel monitors, or that a Sentinel knows as a replica of this master. When a node replicates from a server outside of the
            set, the Sentinels do not follow it there.
          - If the Sentinels monitor a master of which no declared node is a part, the module names both and fails. Declared nodes that do
            not answer decide nothing.
          - A loopback address means another host for each Sentinel, so it is refused, unless all Sentinels are listed with loopback
            addresses too. Sentinels that monitor a loopback address of their own host are repaired, if they never had a connection there,
            or if the node there is one of the declared nodes. The run ID that it has tells.
        type: list
        elements: str
      quorum:
        description:
          - How many Sentinels must agree that the master is down. The default for a new master is the quorum of the other Sentinels, or
            else the majority.
        type: int
      replicas:
        description:
          - How many replicas the set has, V(0) for none. O(forget_stale) uses it and requires that all of them are connected.
        type: int
      down_after_milliseconds:
        description:
          - Milliseconds without an answer after which a Sentinel considers a node as down, at least V(100). The module warns below V(500),
            where a busy host or network looks like a dead one.
        type: int
      failover_timeout:
        description: The time limit of each step of a failover, in milliseconds, at least V(1000).
        type: int
      parallel_syncs:
        description: How many replicas synchronise with a new master at the same time.
        type: int
      auth_user:
        description: The user as which the Sentinels connect to the data nodes. Hidden, see O(update_hidden).
        type: str
      auth_pass:
        description:
          - The password of that user; an empty one removes it. Hidden, see O(update_hidden).
          - Any characters but control characters, at most 16384 bytes in UTF-8. Spaces and quotes need Sentinels of Valkey 9.1.2 or newer,
            because others write them into sentinel.conf in a form that they cannot read again. The same is true for the other texts.
        type: str
      notification_script:
        description: A program that the Sentinels run for events. It needs C(deny-scripts-reconfig no) in their sentinel.conf.
        type: str
      client_reconfig_script:
        description: A program that the Sentinels run after a failover. It needs C(deny-scripts-reconfig no), too.
        type: str
      rename_commands:
        description: Commands that are renamed on the data nodes, each with its new name. Hidden, see O(update_hidden).
        type: dict
      master_reboot_down_after_period:
        description:
          - Milliseconds after which a master that has just restarted counts as down. Redis 7.0 and newer. Hidden, see O(update_hidden).
        type: int
  settings:
    description:
      - The Sentinels' own settings. A setting that you omit stays as it is. After a change of how Sentinels connect to each other, the
        module changes the next Sentinel only when the changed one and the others see each other.
    type: dict
    suboptions:
      resolve_hostnames:
        description: Whether host names can be used in place of IP addresses.
        type: bool
      announce_hostnames:
        description: Whether the Sentinels announce host names in place of IP addresses.
        type: bool
      sentinel_user:
        description: The user as which the Sentinels connect to each other. Before the first change the module checks that all accept it.
        type: str
      sentinel_pass:
        description: The password of that user.
        type: str
      loglevel:
        description: How much the Sentinels log. Redis 7.2 and newer.
        type: str
        choices: [debug, verbose, notice, warning, nothing]
  prune:
    description:
      - Whether masters that are not declared are removed, such as the sample C(mymaster) of Debian's package. With an empty list of
        O(masters) the task fails; to remove the last master, declare it with O(masters[].state=absent).
    type: bool
    default: false
  forget_stale:
    description:
      - Whether Sentinels forget dead Sentinels and dead replicas that are not declared. The module sends C(SENTINEL RESET) to one Sentinel
        after the other, and only when all of them know all living ones. It never does so during a failover or while the master is down.
      - It resets a Sentinel that counts more Sentinels than O(sentinels), or more replicas than O(masters[].replicas), where some of them
        are dead. The reset forgets all dead replicas. So that no replica of the set is forgotten, as many as O(masters[].replicas) must be
        connected to the master. Without O(masters[].replicas) this is not checked.
    type: bool
    default: false
  update_hidden:
    description:
      - What to do about hidden options. No command reads O(masters[].auth_user), O(masters[].auth_pass), O(masters[].rename_commands) and
        O(masters[].master_reboot_down_after_period).
      - With V(on_create) they are set when a master is added or repaired, and do not change otherwise.
      - With V(from_file) they are compared with O(sentinels[].conf), where that is given.
      - With V(always) every run sets them and reports a change.
    type: str
    choices: [on_create, from_file, always]
    default: on_create
  repair:
    description:
      - Whether Sentinels that monitor a wrong node are pointed to the master, where one node is proven to be the master. With V(false) the
        task fails instead.
      - This removes the master from the Sentinel and adds it again with all options that the Sentinel shows, and with the hidden options
        that are declared or in O(sentinels[].conf). Before that, the Sentinel must show that it accepts them. If it refuses something
        nevertheless, the module puts the master back as it was and changes nothing else.
      - A Sentinel that has lost the master gets the options that are not declared from the others.
    type: bool
    default: true
  unreachable_sentinels:
    description:
      - What to do about a Sentinel that does not answer. V(fail) ends the task before the first write. V(skip) warns and changes the
        others, where a majority answers.
    type: str
    choices: [fail, skip]
    default: fail
  wait_timeout:
    description: Seconds in which a Sentinel must become healthy after a change. Then the task fails, and does not change the others.
    type: float
    default: 60.0
notes:
  - The user of the sentinels needs the rights to C(info), and of C(sentinel) to C(myid), C(config), C(masters), C(master), C(replicas),
    C(sentinels), C(monitor), C(set), C(remove), C(reset) and C(flushconfig), each as C(sentinel|myid) and so on; before Redis 7.0 to all of
    C(sentinel). The user of the data nodes needs the right to C(info).
  - Do not use it on Sentinels that a Kubernetes operator manages, which would undo the changes. M(eco2.platform.redis_sentinel_info)
    only reads.
seealso:
  - module: eco2.platform.redis_sentinel_info
  - module: eco2.platform.redis_failover
"""

EXAMPLES = r"""
- name: Monitor two sets with three sentinels
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

- name: Change a password, compared with what the sentinels have saved
  eco2.platform.redis_sentinel:
    sentinels: "{{ sentinels_with_conf }}"
    masters:
      - name: pubsub
        auth_pass: "{{ redis_new_password }}"
    update_hidden: from_file

- name: Forget a sentinel whose host was removed
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
      description: V(create), V(update), V(delete), or V(replace) where a Sentinel monitored a wrong node.
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
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec, options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import LIBRARY
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.sentinels import SentinelSet


def argument_spec() -> Spec:
    return options(arguments.REDIS_SENTINEL)


def main() -> None:
    converging(argument_spec(), SentinelSet, library=LIBRARY)


if __name__ == "__main__":
    main()
