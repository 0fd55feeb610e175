#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a broker shall hold, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_topology
short_description: Bring a RabbitMQ broker's vhosts, users, queues, exchanges, bindings and policies to a declared state
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Takes everything that a broker shall hold in one task, as lists, as custom resources of the RabbitMQ Messaging Topology
    Operator, or both; compares it with what is there in a handful of requests; and writes only the differences, side by side.
  - Everything declared is checked before the first write; a problem is reported in one line that names the item.
  - What check mode predicts is what a run does.
  - Nothing is lost unawares. A deletion that would lose stored messages is refused unless the object is named in
    O(allow_message_loss); queues and exchanges whose properties cannot change in place are left alone unless
    O(on_immutable_change) says otherwise; nothing undeclared is deleted unless O(prune) says so.
  - Should writing fail half-way, the result says what was done and what was not, and the next run goes on from there.
extends_documentation_fragment:
  - eco2.platform.rabbitmq_connection
  - eco2.platform.attributes
  - eco2.platform.attributes.rabbitmq
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - PyYAML, where O(manifests) holds YAML text
options:
  vhost:
    description:
      - The vhost of list items that name none. It does not apply to O(manifests).
    type: str
    default: /
  vhosts:
    description:
      - Virtual hosts. What an item omits stays as it is on the broker.
      - Creating one gives the connecting user all permissions in it, as the broker always does.
      - Deleting one deletes all it holds.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the vhost.
        type: str
        required: true
      description:
        description: A text for people.
        type: str
      tags:
        description: Tags of the vhost, as a whole.
        type: list
        elements: str
      default_queue_type:
        description: The type of queues that are declared without one. Needs RabbitMQ 3.11.
        type: str
        choices: [classic, quorum, stream]
      tracing:
        description: Whether messages are copied to the tracing exchange.
        type: bool
      state: &state
        description: Whether it shall exist.
        type: str
        choices: [present, absent]
        default: present
  users:
    description:
      - Users of the broker's own database. What an item omits stays as it is on the broker; a user created without password
        and hash can log in by certificate or OAuth only.
      - Deleting one deletes its permissions.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      password:
        description:
          - The password. It is compared with the stored hash without a login, and sent only as a hash, so that the broker's
            own rules for passwords do not see it.
        type: str
      password_hash:
        description:
          - The hash to store in place of a password, as RV(eco2.platform.rabbitmq_info#module:topology) returns it. Empty to
            forbid logins by password.
        type: str
      hashing_algorithm:
        description: The algorithm of O(users[].password_hash).
        type: str
        choices: [sha256, sha512, md5]
        default: sha256
      tags:
        description: The user's tags, as a whole, such as V(administrator) or V(monitoring).
        type: list
        elements: str
      update_password:
        description: V(on_create) sets the password of a new user only; V(always) mends one that differs.
        type: str
        choices: [always, on_create]
        default: always
      state: *state
  vhost_limits:
    description: Limits of vhosts, one each.
    type: list
    elements: dict
    suboptions:
      vhost: &vhost
        description: The vhost it belongs to; O(vhost) where omitted.
        type: str
      name:
        description: Which limit.
        type: str
        required: true
        choices: [max-connections, max-queues]
      value:
        description: The limit; negative for none. Required unless absent.
        type: int
      state: *state
  user_limits:
    description: Limits of users, one each.
    type: list
    elements: dict
    suboptions:
      user:
        description: The user it belongs to.
        type: str
        required: true
      name:
        description: Which limit.
        type: str
        required: true
        choices: [max-connections, max-channels]
      value:
        description: The limit; negative for none. Required unless absent.
        type: int
      state: *state
  permissions:
    description: What users may do in a vhost. All three patterns are required unless absent.
    type: list
    elements: dict
    suboptions:
      vhost: *vhost
      user:
        description: The user.
        type: str
        required: true
      configure:
        description: Regular expression of the names that may be declared and deleted; empty for none.
        type: str
      write:
        description: Regular expression of the names that may be written to; empty for none.
        type: str
      read:
        description: Regular expression of the names that may be read from; empty for none.
        type: str
      state: *state
  topic_permissions:
    description: Which routing keys users may use with a topic exchange. Both patterns are required unless absent.
    type: list
    elements: dict
    suboptions:
      vhost: *vhost
      user:
        description: The user.
        type: str
        required: true
      exchange:
        description: The topic exchange; empty for the default exchange.
        type: str
        required: true
      write:
        description: Regular expression of the routing keys to publish with.
        type: str
      read:
        description: Regular expression of the routing keys to bind with.
        type: str
      state: *state
  policies:
    description: Policies. Pattern and definition are required unless absent.
    type: list
    elements: dict
    suboptions: &policy
      vhost: *vhost
      name:
        description: Name of the policy.
        type: str
        required: true
      pattern:
        description: Regular expression of the names it applies to.
        type: str
      definition:
        description: What it sets, such as C(max-length).
        type: dict
      apply_to:
        description: The kind of objects it applies to.
        type: str
        choices: [all, exchanges, queues, classic_queues, quorum_queues, streams]
        default: all
      priority:
        description: Of several policies that match an object only the one of highest priority applies.
        type: int
        default: 0
      state: *state
  operator_policies:
    description: Operator policies, which overrule policies. Pattern and definition are required unless absent.
    type: list
    elements: dict
    suboptions: *policy
  exchanges:
    description:
      - Exchanges. The broker cannot change one in place; see O(on_immutable_change).
      - Deleting one deletes its bindings, and from RabbitMQ 4.3 on its topic permissions.
    type: list
    elements: dict
    suboptions:
      vhost: *vhost
      name:
        description: Name of the exchange.
        type: str
        required: true
      type:
        description: V(direct), V(fanout), V(topic), V(headers), or a type that a plugin of this broker brings.
        type: str
        default: direct
      durable:
        description: Whether it outlives the broker's restart.
        type: bool
        default: true
      auto_delete:
        description: Whether it goes with the last binding from it.
        type: bool
        default: false
      internal:
        description: Whether only other exchanges may publish to it.
        type: bool
        default: false
      arguments:
        description: Its arguments, such as C(alternate-exchange), compared with their types.
        type: dict
        default: {}
      state: *state
  queues:
    description: Queues and streams. The broker cannot change one in place; see O(on_immutable_change).
    type: list
    elements: dict
    suboptions:
      vhost: *vhost
      name:
        description: Name of the queue.
        type: str
        required: true
      type:
        description:
          - V(classic), V(quorum) or V(stream). The same as the argument C(x-queue-type); give one of them.
          - When omitted, a new queue gets its vhost's default type, and the type of an existing one is not compared.
        type: str
      durable:
        description: Whether it outlives the broker's restart.
        type: bool
        default: true
      auto_delete:
        description: Whether it goes with its last consumer.
        type: bool
        default: false
      arguments:
        description: Its arguments, such as C(x-message-ttl) (milliseconds), compared with their types.
        type: dict
        default: {}
      state: *state
  bindings:
    description: Bindings. Everything about one is its identity, types of arguments included.
    type: list
    elements: dict
    suboptions:
      vhost: *vhost
      source:
        description: The exchange that messages come from.
        type: str
        required: true
      destination:
        description: The queue or exchange that they go to.
        type: str
        required: true
      destination_type:
        description: What O(bindings[].destination) is.
        type: str
        choices: [queue, exchange]
        default: queue
      routing_key:
        description: The binding's key.
        type: str
        default: ''
      arguments:
        description: Its arguments, such as those that a headers exchange matches.
        type: dict
        default: {}
      state: *state
  manifests:
    description:
      - Custom resources of the RabbitMQ Messaging Topology Operator (V(rabbitmq.com/v1beta1)) as dicts, as YAML text of any number
        of documents, or a list of either. Kinds are Vhost, Queue, Exchange, Binding, User, Permission, TopicPermission, Policy and
        OperatorPolicy, and the Secrets that Users refer to, whose values are never shown, but for C(username).
      - They mean what they mean to the operator, its defaults included (an exchange is not durable unless it says so).
      - United with the lists; equal declarations are one, contradicting ones are refused with both named.
    type: raw
  cluster_reference:
    description:
      - Use only the O(manifests) of this cluster, V(NAME) or V(NAMESPACE/NAME) of their C(rabbitmqClusterReference). Needed where
        they belong to several.
    type: str
  prune:
    description:
      - Kinds of which everything not declared is deleted. Those that live in a vhost are pruned only in vhosts that this task
        lists under O(vhosts) or as a Vhost resource; users and their limits in the whole broker.
      - Never pruned are the connecting user and its rights, users tagged C(protected), the broker's own objects, exclusive,
        auto-delete and server-named objects and their bindings, and what a declared object needs. A kind of which nothing is
        declared is not pruned.
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
    default: []
  prune_ignore:
    description:
      - Shell patterns of objects that O(prune) leaves alone, matched against the name that RV(changes[].object) has, such as
        V(eco2/celeryev.*).
    type: list
    elements: str
    default: []
  prune_limit:
    description: If O(prune) would delete more objects than this, the task fails before the first write.
    type: int
    default: 10
  allow_message_loss:
    description:
      - Queues and vhosts that may be deleted with the messages they hold, each named as V(queue VHOST/NAME) or V(vhost NAME).
      - Without it only what is proven empty is deleted. The proof takes 7 seconds where quorum queues are concerned, 12 for streams,
        since their counts lag.
    type: list
    elements: str
    default: []
  on_immutable_change:
    description:
      - What to do when a queue or exchange exists with other properties than declared.
      - V(fail) fails before the first write and names each difference.
      - V(recreate_if_empty) deletes and declares it anew, if it is proven empty, and restores its bindings and topic
        permissions. It refuses streams, and what has bindings or consumers unless O(accept_loss_window) is set.
    type: str
    choices: [fail, recreate_if_empty]
    default: fail
  accept_loss_window:
    description:
      - Recreate what has bindings or consumers too. Messages published between deletion and declaration are lost, so stop
        the publishers first.
    type: bool
    default: false
seealso:
  - module: eco2.platform.rabbitmq_info
  - name: RabbitMQ management HTTP API
    description: The API that this module uses.
    link: https://www.rabbitmq.com/docs/http-api-reference
  - name: RabbitMQ Messaging Topology Operator
    description: The operator whose resources O(manifests) takes.
    link: https://www.rabbitmq.com/kubernetes/operator/using-topology-operator
"""

EXAMPLES = r"""
- name: A work queue with a dead-letter queue
  eco2.platform.rabbitmq_topology:
    url: https://rabbitmq.example.org:15671
    username: admin
    password: "{{ rabbitmq_password }}"
    vhost: eco2
    vhosts:
      - name: eco2
        default_queue_type: quorum
    exchanges:
      - name: scan.direct
      - name: dlx
    queues:
      - name: scan.vision
        type: quorum
        arguments:
          x-message-ttl: 3600000
          x-delivery-limit: 3
          x-dead-letter-exchange: dlx
          x-dead-letter-routing-key: dlq.scan.vision
      - name: dlq.scan.vision
        type: quorum
    bindings:
      - source: scan.direct
        destination: scan.vision
        routing_key: scan.vision
      - source: dlx
        destination: dlq.scan.vision
        routing_key: dlq.scan.vision

- name: A user who may write to one exchange, its password changed where it differs
  eco2.platform.rabbitmq_topology:
    username: admin
    password: "{{ rabbitmq_password }}"
    users:
      - name: scan-api
        password: "{{ scan_api_password }}"
        tags: []
    permissions:
      - vhost: eco2
        user: scan-api
        configure: ''
        write: ^scan\.direct$
        read: ''
    user_limits:
      - user: scan-api
        name: max-connections
        value: 100

- name: The resources that the Topology Operator would take, on a broker without Kubernetes
  eco2.platform.rabbitmq_topology:
    username: admin
    password: "{{ rabbitmq_password }}"
    manifests: "{{ lookup('ansible.builtin.file', 'topology.yaml') }}"

- name: Only what is declared, but for what celery makes itself
  eco2.platform.rabbitmq_topology:
    username: admin
    password: "{{ rabbitmq_password }}"
    vhost: eco2
    vhosts:
      - name: eco2
    queues: "{{ eco2_queues }}"
    bindings: "{{ eco2_bindings }}"
    prune: [queues, bindings]
    prune_ignore: ["eco2/celeryev.*", "eco2/*.pidbox"]

- name: Remove a queue, messages and all
  eco2.platform.rabbitmq_topology:
    username: admin
    password: "{{ rabbitmq_password }}"
    queues:
      - vhost: eco2
        name: scan.legacy
        state: absent
    allow_message_loss:
      - queue eco2/scan.legacy
"""

RETURN = r"""
changes:
  description:
    - What was changed, or in check mode would be, in the order of writing. After a failure only what was done.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of object, such as V(queue).
      type: str
      sample: queue
    object:
      description: Its name, unique within its kind.
      type: str
      sample: eco2/scan.vision
    identity:
      description: The fields that make it this object.
      type: dict
      sample: {"vhost": "eco2", "name": "scan.vision"}
    action:
      description: V(create), V(update), V(replace) or V(delete).
      type: str
      sample: create
    differences:
      description: Each field that differs, with its value before and after; null where it is absent. Secrets read V((hidden\)).
      type: list
      elements: dict
      sample: [{"field": "durable", "before": null, "after": true}]
unchanged:
  description: How many declared objects were as declared.
  returned: always
  type: int
  sample: 26
failures:
  description: Changes that the broker refused, each with kind, object, identity, action and reason.
  returned: when writing failed
  type: list
  elements: dict
unknown:
  description: Changes that were sent and got no answer; they may have happened.
  returned: when writing failed
  type: list
  elements: dict
not_attempted:
  description: Changes that were not tried, since what they need failed or the broker was lost.
  returned: when writing failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first write, one line each.
  returned: when the declaration was refused
  type: list
  elements: str
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.former import failure_message
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import arguments, kinds, topology
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.module import RabbitMQModule

PRUNABLE = sorted(kind.option for kind in kinds.KINDS if kind is not kinds.VHOST)


def argument_spec() -> arguments.Spec:
    return {
        **arguments.connection(),
        **arguments.topology(),
        "vhost": {"type": "str", "default": "/"},
        "manifests": {"type": "raw"},
        "cluster_reference": {"type": "str"},
        "prune": {"type": "list", "elements": "str", "choices": PRUNABLE, "default": []},
        "prune_ignore": {"type": "list", "elements": "str", "default": []},
        "prune_limit": {"type": "int", "default": 10},
        "allow_message_loss": {"type": "list", "elements": "str", "default": []},
        "on_immutable_change": {"type": "str", "choices": ["fail", "recreate_if_empty"], "default": "fail"},
        "accept_loss_window": {"type": "bool", "default": False},
    }


def main() -> None:
    module = RabbitMQModule(argument_spec())
    with module.reporting() as client:
        result, outcome = topology.converge(client, module.params, module.check_mode, module.diff)
        if outcome is not None and not outcome.complete:
            module.fail(failure_message(outcome), **result)
        module.exit(**result)


if __name__ == "__main__":
    main()
