# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every redis module takes to reach sentinels and data nodes."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  username:
    description:
      - The user for the sentinels, where they have users. Sentinels and data nodes have users of their own.
      - It can also be set with E(REDIS_SENTINEL_USERNAME).
    type: str
  password:
    description:
      - The password of the sentinels, or of O(username). Omit it if the sentinels have none.
      - It can also be set with E(REDIS_SENTINEL_PASSWORD).
    type: str
  data_username:
    description:
      - The user for the data nodes, where they have users.
      - It can also be set with E(REDIS_USERNAME).
    type: str
  data_password:
    description:
      - The password of the data nodes, or of O(data_username). Omit it if the data nodes have none.
      - It can also be set with E(REDIS_PASSWORD).
    type: str
  tls:
    description:
      - Whether to connect to sentinels and data nodes with TLS.
      - It can also be set with E(REDIS_TLS).
    type: bool
    default: false
  validate_certs:
    description:
      - Whether to verify the servers' TLS certificates. Use V(false) only for tests.
      - It can also be set with E(REDIS_VALIDATE_CERTS).
    type: bool
    default: true
  ca_cert:
    description:
      - File with the certificate authorities to trust, in PEM format, instead of those of the system.
      - It can also be set with E(REDIS_CA_CERT).
    type: path
  client_cert:
    description:
      - File with a client certificate in PEM format. Redis requires one by default. The file can also have the key.
      - It can also be set with E(REDIS_CLIENT_CERT).
    type: path
  client_key:
    description:
      - File with the key of O(client_cert), where the key is in a separate file.
      - It can also be set with E(REDIS_CLIENT_KEY).
    type: path
  timeout:
    description: Seconds to wait for a connection, and for each answer.
    type: float
    default: 5.0
  address_map:
    description:
      - For a machine that reaches the servers by other addresses than nodes and clients do, for example through a floating IP address or
        network address translation. Each key is an IP address or name that Sentinels and data nodes use; its value is the one that this
        machine connects to instead. The ports are the same.
      - Addresses that are not listed are used as they are. Results and messages show the addresses of the nodes.
    type: dict
    default: {}
requirements:
  - redis >= 4.3
notes:
  - The environment variables are read on the host that runs the task. Options win over them. An empty one counts as not set.
  - Nothing runs on the hosts of the sentinels and data nodes. Run the task on a host that can reach their ports, often with
    C(delegate_to=localhost), and once for a whole set of sentinels. It needs Redis 6.2 or newer, or Valkey.
"""
