#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker holds, in the shape that rabbitmq_topology takes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_info
short_description: Read a RabbitMQ broker's version, vhosts, users, queues, exchanges, bindings and policies
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads a broker in one request for each kind of object, however many objects there are.
  - RV(topology) has the shape of the arguments of M(eco2.platform.rabbitmq_topology), so that it can be kept as a file, compared,
    and fed back, to the same broker or to another one.
  - Left out is what nobody declares; the broker's own exchanges and bindings, exclusive and server-named queues.
extends_documentation_fragment:
  - eco2.platform.rabbitmq_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.rabbitmq
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: N/A
    details: Changes nothing.
options:
  kinds:
    description:
      - The kinds to read. All that the user may read, when omitted; RV(not_readable) then names the others.
      - Users, permissions and user limits take the tag C(administrator).
    type: list
    elements: str
    choices:
      - bindings
      - exchanges
      - operator_policies
      - permissions
      - policies
      - queues
      - topic_permissions
      - user_limits
      - users
      - vhost_limits
      - vhosts
  vhosts:
    description: Read only these vhosts. Users and their limits are of the whole broker all the same.
    type: list
    elements: str
  include_password_hashes:
    description: Return the users' password hashes too. They are secrets; whoever runs the task sees them, so add C(no_log).
    type: bool
    default: false
seealso:
  - module: eco2.platform.rabbitmq_topology
"""

EXAMPLES = r"""
- name: What runs where
  eco2.platform.rabbitmq_info:
    url: https://rabbitmq.example.org:15671
    username: monitor
    password: "{{ rabbitmq_password }}"
    vhosts: [eco2]
    kinds: [queues, bindings]
  register: rabbitmq

- name: Make another broker hold the same
  eco2.platform.rabbitmq_topology:
    url: https://other.example.org:15671
    username: admin
    password: "{{ rabbitmq_password }}"
    vhosts:
      - name: eco2
    queues: "{{ rabbitmq.topology.queues }}"
"""

RETURN = r"""
broker:
  description: The broker, and who we are to it.
  returned: success
  type: dict
  contains:
    version:
      description: RabbitMQ's version.
      type: str
      sample: 4.0.5
    cluster_name:
      description: The cluster's name.
      type: str
      sample: rabbit@rabbit
    exchange_types:
      description: The types of exchange that it knows.
      type: list
      elements: str
    user:
      description: The user that the module connected as.
      type: str
    user_tags:
      description: That user's tags.
      type: list
      elements: str
topology:
  description: One list for each kind read, named and shaped like the arguments of M(eco2.platform.rabbitmq_topology), sorted.
  returned: success
  type: dict
  sample: {"queues": [{"vhost": "eco2", "name": "celery", "type": "quorum", "durable": true, "auto_delete": false, "arguments": {}}]}
not_readable:
  description: The kinds that were left out since the user has no right to read them.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import arguments, export, kinds
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.module import RabbitMQModule


def argument_spec() -> arguments.Spec:
    return {
        **arguments.connection(),
        "kinds": {"type": "list", "elements": "str", "choices": sorted(kinds.BY_OPTION)},
        "vhosts": {"type": "list", "elements": "str"},
        "include_password_hashes": {"type": "bool", "default": False, "no_log": False},
    }


def main() -> None:
    module = RabbitMQModule(argument_spec())
    with module.reporting() as client:
        module.exit(changed=False, **export.info(client, module.params))


if __name__ == "__main__":
    main()
