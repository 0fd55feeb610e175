# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin platform_report."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: platform_report
short_description: Write a report of brokers, nodes and sets of Redis as one HTML file
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Draws exchanges, queues and bindings as a graph, and shows nodes with their labels and taints, and sets of Redis with their masters.
    What differs from the declaration has a mark and a word.
  - The file needs no other file and no script. It is readable on a phone and can be printed. The graphs are also in it as text for Mermaid.
  - It reads no server. It takes what other tasks have read.
  - Results of M(eco2.platform.rabbitmq_info) and M(eco2.platform.redis_sentinel_info) hold no secrets. Do not read with
    O(eco2.platform.rabbitmq_info#module:include_secrets) for a report.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
    details: Nothing of the platform changes, so the file is written in check mode too.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: Never reports a change.
options:
  path:
    description: The file on the controller, relative to the current directory. It is replaced.
    type: str
    required: true
  title:
    description: The heading of the report.
    type: str
    default: Platform
  brokers:
    description:
      - The brokers, each with C(name), which is the host of the inventory, and C(topology), which is
        RV(eco2.platform.rabbitmq_info#module:topology).
    type: list
    elements: dict
    default: []
  nodes:
    description: The nodes, RV(eco2.platform.kube_nodes_info#module:nodes).
    type: list
    elements: dict
    default: []
  sentinels:
    description: The masters that Sentinels monitor, RV(eco2.platform.redis_sentinel_info#module:masters).
    type: list
    elements: dict
    default: []
  summary:
    description:
      - The summary of a run of this collection's playbooks, as they write it to the file C(platform_summary). The report marks the
        differences that C(eco2.platform.verify) has found, or what check mode has predicted. It does not mark changes that were made.
    type: dict
    default: {}
  collect:
    description:
      - Whether to add what the playbook C(eco2.platform.verify) has read. It keeps it in the variables C(platform_topology),
        C(platform_nodes) and C(platform_sentinels) of its hosts.
    type: bool
    default: false
seealso:
  - module: eco2.platform.rabbitmq_info
  - module: eco2.platform.kube_nodes_info
  - module: eco2.platform.redis_sentinel_info
"""

EXAMPLES = r"""
- name: Read the broker
  eco2.platform.rabbitmq_info:
    url: https://rabbitmq.example.org:15671
    username: monitor
    password: "{{ rabbitmq_password }}"
  register: rabbitmq

- name: Draw it
  eco2.platform.platform_report:
    path: /srv/www/platform.html
    brokers:
      - name: rabbitmq
        topology: "{{ rabbitmq.topology }}"
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
bytes:
  description: Its size.
  returned: success
  type: int
"""
