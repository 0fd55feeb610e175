#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker has, in the form that rabbitmq_topology takes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_info
short_description: Read a RabbitMQ broker's version, vhosts, users, queues, exchanges, bindings and policies
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads a broker with one request for each kind of object, however many objects there are.
  - RV(topology) has the form of the arguments of M(eco2.platform.rabbitmq_topology), so that it can be stored in a file, compared,
    and applied to the same broker or to another one.
  - It leaves out what nobody declares, which is the broker's own exchanges and bindings, and exclusive and server-named queues,
    and what a plugin such as federation made for itself.
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
      - The kinds to read. When omitted, the module reads all kinds that the user may read, and RV(not_readable) lists the others.
      - Users, permissions and user limits need the tag C(administrator).
    type: list
    elements: str
    choices:
      # The kinds, written by tools/document.
      - bindings
      - exchanges
      - operator_policies
      - parameters
      - permissions
      - policies
      - queues
      - topic_permissions
      - user_limits
      - users
      - vhost_limits
      - vhosts
      # End.
  vhosts:
    description: Read only these vhosts. Users and their limits belong to the whole broker and are always read.
    type: list
    elements: str
  include_secrets:
    description: Also return what is secret, such as the password hashes of users. Add C(no_log) to the task to hide them from its output.
    type: bool
    default: false
seealso:
  - module: eco2.platform.rabbitmq_topology
"""

EXAMPLES = r"""
- name: Read the queues and bindings of one vhost
  eco2.platform.rabbitmq_info:
    url: https://rabbitmq.example.org:15671
    username: monitor
    password: "{{ rabbitmq_password }}"
    vhosts: [eco2]
    kinds: [queues, bindings]
  register: rabbitmq

- name: Declare the same queues on another broker
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
  description: The broker, and the user that the module connected as.
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
      description: The types of exchange that the broker has.
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
  description: One sorted list for each kind that was read, in the form of the arguments of M(eco2.platform.rabbitmq_topology).
  returned: success
  type: dict
  sample: {"queues": [{"vhost": "eco2", "name": "celery", "type": "quorum", "durable": true, "auto_delete": false, "arguments": {}}]}
not_readable:
  description: The kinds that were left out, because the user has no right to read them.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import reading
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import arguments
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.export import info
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_OPTION


def argument_spec() -> Spec:
    return {
        **arguments.connection(),
        "kinds": {"type": "list", "elements": "str", "choices": sorted(BY_OPTION)},
        "vhosts": {"type": "list", "elements": "str"},
        "include_secrets": {"type": "bool", "default": False, "no_log": False},
    }


def main() -> None:
    reading(argument_spec(), info, arguments.secrets, arguments.LIBRARY, literal=True, data=("broker", "topology"))


if __name__ == "__main__":
    main()
