# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every rabbitmq module takes to reach a broker."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the management API, such as V(https://rabbitmq.example.org:15671).
      - Several endpoints of one cluster may be given; the module tries them in turn. When it changes to another endpoint, that one's
        cluster name must equal the first one's.
      - The address may have a path, for an API behind a prefix. It must not contain credentials.
      - E(RABBITMQ_URL) contains one address, or several separated by commas.
    type: list
    elements: str
    default: ["http://localhost:15672"]
  username:
    description:
      - The user to connect as. It needs the tag C(management) and permissions in each vhost concerned; C(policymaker) to change
        policies; C(administrator) for vhosts, users, permissions, limits and operator policies.
      - A name with a colon is refused, because HTTP authentication cannot carry it.
      - Required, here or as E(RABBITMQ_USERNAME).
    type: str
  password:
    description:
      - The password of O(username). Both are sent in UTF-8.
      - Required, here or as E(RABBITMQ_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether the broker's TLS certificate must be trusted. V(false) is for laboratories only.
      - It can also be set with E(RABBITMQ_VALIDATE_CERTS).
    type: bool
    default: true
  ca_cert:
    description:
      - File with the certificate authorities to trust, in PEM format. It replaces those of the system.
      - It can also be set with E(RABBITMQ_CA_CERT).
    type: path
  client_cert:
    description:
      - File with a client certificate in PEM format, for brokers that require one. It may also contain the key.
      - It can also be set with E(RABBITMQ_CLIENT_CERT).
    type: path
  client_key:
    description:
      - File with the key of O(client_cert), if it is a separate file.
      - It can also be set with E(RABBITMQ_CLIENT_KEY).
    type: path
  timeout:
    description: Seconds to wait for a connection, and for each answer; more than 0.
    type: float
    default: 30.0
requirements:
  - requests
notes:
  - Options win over the environment variables. An empty variable counts as not set.
  - Nothing runs on the host of the broker; the module needs only the management API of RabbitMQ 3.10 or newer
    (C(rabbitmq_management)). Run the task on a host that can reach it, often with C(delegate_to=localhost).
"""
