#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of Redis Sentinels says, and whether all is well."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_sentinel_info
short_description: Show what a set of Redis Sentinels monitors, and whether it is healthy
version_added: 1.0.0
description:
  - Asks every Sentinel of a set, and the masters and their replicas themselves, compares the answers, and returns one verdict with its
    reasons.
  - A set is healthy when all Sentinels agree on the master and see it, its replicas and each other without a fault, when the master says
    that it is a master and lists every replica as online, and when each replica says that its link is up and has the data that the master
    had a moment before. What Sentinels alone say of a replica's link is up to 10 s old.
  - A set is not healthy if one of its nodes is also a node of another master that the Sentinels monitor, since after a failover of one of
    them both would fail over without end; if a Sentinel monitors it at a loopback address, which only its own host can use; or if the
    Sentinels know others that are not listed.
  - Healthy also means that a failover would come to its end. These are reasons, too. All replicas have C(replica-priority) 0.
    C(failover-timeout) is shorter than C(down-after-milliseconds), or that is below 100. The quorum is higher than the number of Sentinels.
    The user whom Sentinel uses on the data nodes lacks a right that a
    promotion takes, or such a command is renamed. A node could not follow another master, by its C(masteruser), C(masterauth), the rights
    of that user, or C(tls-replication). A node would announce itself at another address than the one at which Sentinels watch it
    (C(replica-announce-ip), C(replica-announce-port)).
  - The module does not use C(SENTINEL CKQUORUM), which answers OK also while the master is down, monitored at a wrong address, or without
    a replica.
  - It only reads, so it can be used on Sentinels that a Kubernetes operator manages.
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
    support: none
  idempotent:
    support: full
notes:
  - The user of the sentinels needs the rights to C(info), C(sentinel|myid), C(sentinel|config), C(sentinel|masters), C(sentinel|replicas)
    and C(sentinel|sentinels), before Redis 7.0 to C(info) and C(sentinel). The user of the data nodes needs the right to C(info).
  - For whether a failover would work the user of the data nodes also needs the rights to C(client|list), C(acl|dryrun) and C(config|get).
    Without them the module warns that it does not know. It tries the C(masterauth) of each node at the other nodes; it never shows it.
options:
  sentinels:
    description: Every Sentinel of the set. As many must monitor each master, but see O(sentinel_count).
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
  sentinel_count:
    description:
      - How many Sentinels monitor each master, where that is not the number of O(sentinels), for example behind a Kubernetes Service that
        leads to one of several.
    type: int
  masters:
    description: The masters to look at. Empty means all that are monitored.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The master's name.
        type: str
        required: true
      replicas:
        description:
          - How many living replicas every Sentinel must know and the master must list as online. If you omit it, replicas are not counted;
            but those that a Sentinel knows must be healthy.
        type: int
      replicas_without_link:
        description:
          - Replicas that may be without a link to the master, each as C(HOST:PORT), such as a replica of an older version that cannot read
            what its newer master sends. They count among O(masters[].replicas), and have to answer.
        type: list
        elements: str
        default: []
      rename_commands:
        description:
          - Commands that are renamed on its data nodes, each with its new name. Without them a renamed command that a failover takes is a
            reason for not healthy.
        type: dict
      leaving:
        description:
          - Nodes and Sentinels of this master that are about to be removed, each as C(HOST:PORT). They are neither counted nor checked. If
            one of them is the master, O(masters[].replicas) is counted without it, so there must be one replica more.
        type: list
        elements: str
        default: []
  wait:
    description: Whether to wait until all is healthy, and to fail after O(wait_timeout).
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait. After a failover it takes about 20 s from the return of the old master, since Sentinels ask every 10 s.
    type: float
    default: 60.0
seealso:
  - module: eco2.platform.redis_sentinel
"""

EXAMPLES = r"""
- name: Wait until the set is healthy
  eco2.platform.redis_sentinel_info:
    sentinels:
      - host: 10.0.1.11
      - host: 10.0.1.12
      - host: 10.0.1.13
    masters:
      - name: pubsub
        replicas: 2
    data_password: "{{ redis_password }}"
    wait: true

- name: Show what the operator's sentinels monitor
  eco2.platform.redis_sentinel_info:
    sentinels:
      # A Service leads to one of the three, whichever it is.
      - host: rfs-pubsub-redis.redis.svc
    sentinel_count: 3
  register: pubsub
"""

RETURN = r"""
healthy:
  description: Whether every Sentinel and every master that was looked at is healthy.
  returned: always
  type: bool
reasons:
  description: Why it is not, one line each. What several Sentinels say is one line.
  returned: always
  type: list
  elements: str
  sample: ["master pubsub: sentinels 10.0.1.11:26379 and 10.0.1.12:26379: 1 replica known, 2 expected"]
masters:
  description: The masters.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The master's name.
      type: str
    address:
      description: Its address, as C(HOST:PORT), if the Sentinels agree; otherwise null.
      type: str
    healthy:
      description: Whether it is healthy.
      type: bool
    reasons:
      description: Why it is not, one line each.
      type: list
      elements: str
    role:
      description: The role that the node says it has; null where it does not answer.
      type: str
    server:
      description: V(Redis) or V(Valkey).
      type: str
    version:
      description: The node's version.
      type: str
    replicas:
      description: The replicas, as the first Sentinel sees them, each with address, flags, link, priority and offset.
      type: list
      elements: dict
    options:
      description: The options of the master that the first Sentinel shows, such as C(down_after_milliseconds).
      type: dict
    by_sentinel:
      description:
        - For each Sentinel the address, the epoch, the flags and the quorum that it has for this master, the addresses of the replicas that
          it knows, and the other Sentinels that it knows, each with its address and flags.
      type: dict
sentinels:
  description: The Sentinels.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Host and port.
      type: str
    reachable:
      description: Whether it answers. Where it does not, C(reason) says why, and the other fields are missing.
      type: bool
    server:
      description: V(Redis) or V(Valkey).
      type: str
    version:
      description: Its version.
      type: str
    id:
      description: Its id (C(SENTINEL MYID)).
      type: str
    tilt:
      description: Whether it is in TILT mode and takes no part in failovers.
      type: bool
    settings:
      description: Its own settings. Passwords are left out.
      type: dict
    masters:
      description: The names of the masters that it monitors.
      type: list
      elements: str
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import reading
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec, options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import LIBRARY
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.info import look


def argument_spec() -> Spec:
    return options(arguments.REDIS_SENTINEL_INFO)


def main() -> None:
    reading(argument_spec(), look, library=LIBRARY)


if __name__ == "__main__":
    main()
