# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every redis module takes to reach sentinels and data nodes."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  username:
    description: The user to connect to the sentinels as, where they have users. Theirs are not those of the data nodes.
    type: str
  password:
    description: The sentinels' password, or that of O(username). Omitted, the sentinels have none.
    type: str
  data_username:
    description: The user to connect to the data nodes as, where they have users.
    type: str
  data_password:
    description: The data nodes' password, or that of O(data_username). Omitted, the data nodes have none.
    type: str
  tls:
    description: Whether sentinels and data nodes are reached by TLS.
    type: bool
    default: false
  validate_certs:
    description: Whether the servers' TLS certificates must be trusted. V(false) is for laboratories.
    type: bool
    default: true
  ca_cert:
    description: File with the certificate authorities to trust, in PEM format, in place of the system's.
    type: path
  client_cert:
    description: File with a client certificate in PEM format, which Redis asks for unless told otherwise. It may hold the key too.
    type: path
  client_key:
    description: File with the key of O(client_cert), where it is a file of its own.
    type: path
  timeout:
    description: Seconds to wait for a connection, and for each answer.
    type: float
    default: 5.0
requirements:
  - redis >= 4.3
notes:
  - Nothing runs on the hosts of the sentinels and data nodes; their ports are enough. Run the task where these can be reached,
    often with C(delegate_to=localhost), and once for a whole set of sentinels. Redis 6.2 or newer, or Valkey.
"""
