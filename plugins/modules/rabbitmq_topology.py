#!/usr/bin/python
# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a broker must have, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_topology
short_description: Bring a RabbitMQ broker's vhosts, users, queues, exchanges, bindings and policies to a declared state
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Takes everything that a broker must have in one task, as lists, as custom resources of the RabbitMQ Messaging Topology
    Operator, as an export of a broker, or as any of them together; compares it with what the broker has in a handful of requests;
    and writes only the differences, in parallel.
  - The module checks everything that is declared before the first write, and reports each problem in one line that names the item.
  - A run makes exactly the changes that check mode predicts.
  - Nothing is lost without permission. The module refuses a deletion that would lose stored messages unless
    O(allow_message_loss) names the object; it does not recreate queues and exchanges whose properties cannot change in place
    unless O(on_immutable_change) allows it; it deletes nothing that is not declared unless O(prune) names its kind.
  - Names and passwords must be texts. YAML reads C(on) as a boolean, and C(1.10) and C(0123456) as numbers, so the module refuses
    booleans and numbers there; write such texts in quotes. Names are not percent-encoded.
  - If a write fails half-way, the result lists what was done and what was not, and the next run continues from there.
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
  - PyYAML, if O(manifests) contains YAML text
options:
  vhost:
    description:
      - The vhost of list items that do not name one. It does not apply to O(manifests).
    type: str
    default: /
  # The options of the kinds, written by tools/document.
  vhosts:
    description:
      - Virtual hosts. A field that an item omits stays as it is on the broker.
      - The broker gives the connecting user all permissions in a vhost that it creates.
      - Deleting a vhost deletes everything in it.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the vhost.
        type: str
        required: true
      description:
        description: Description of the vhost.
        type: str
      tags:
        description: The complete list of the vhost's tags.
        type: list
        elements: str
      default_queue_type:
        description: The type of queues that are declared without one. Needs RabbitMQ 3.11 or newer.
        type: str
        choices:
          - classic
          - quorum
          - stream
      tracing:
        description: Whether the broker copies messages to the tracing exchange.
        type: bool
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  users:
    description:
      - Users of the broker's internal database. A field that an item omits stays as it is on the broker; a user that is created
        without password and hash can log in only with a certificate or with OAuth.
      - Deleting a user deletes its permissions.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      password:
        description:
          - The password. The module compares it with the stored hash without a login and sends only a hash, so that the broker's
            own rules for passwords do not see it.
        type: str
      tags:
        description: The complete list of the user's tags, such as V(administrator) or V(monitoring).
        type: list
        elements: str
      password_hash:
        description:
          - The hash to store in place of a password, as RV(eco2.platform.rabbitmq_info#module:topology) returns it. Empty
            to forbid logins with a password.
        type: str
      hashing_algorithm:
        description: The algorithm of O(users[].password_hash).
        type: str
        choices:
          - sha256
          - sha512
          - md5
        default: sha256
      update_password:
        description: V(on_create) sets the password only when it creates the user; V(always) also replaces one that differs.
        type: str
        choices:
          - always
          - on_create
        default: always
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  vhost_limits:
    description:
      - Limits of vhosts, one item for each.
      - A task that would make more queues than V(max-queues) allows is refused before the first write.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      name:
        description: The limit to set.
        type: str
        required: true
        choices:
          - max-connections
          - max-queues
      value:
        description: The limit; a negative number for none. Required unless O(vhost_limits[].state=absent).
        type: int
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  user_limits:
    description: Limits of users, one item for each.
    type: list
    elements: dict
    suboptions:
      user:
        description: Name of the user.
        type: str
        required: true
      name:
        description: The limit to set.
        type: str
        required: true
        choices:
          - max-connections
          - max-channels
      value:
        description: The limit; a negative number for none. Required unless O(user_limits[].state=absent).
        type: int
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  permissions:
    description: What users may do in a vhost. All three patterns are required unless O(permissions[].state=absent).
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      user:
        description: Name of the user.
        type: str
        required: true
      configure:
        description: Regular expression of the names that the user may declare and delete; empty for none.
        type: str
      write:
        description: Regular expression of the names that the user may write to; empty for none.
        type: str
      read:
        description: Regular expression of the names that the user may read from; empty for none.
        type: str
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  policies:
    description:
      - Policies. Pattern and definition are required unless O(policies[].state=absent).
      - The broker judges keys that the module does not know, before the first write and in check mode too. The module asks
        it with a policy that it always refuses.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      name:
        description: Name of the policy.
        type: str
        required: true
      pattern:
        description: Regular expression of the names that the policy applies to.
        type: str
      definition:
        description: The settings of the policy, such as C(max-length).
        type: dict
      apply_to:
        description: The objects that the policy applies to.
        type: str
        choices:
          - all
          - exchanges
          - queues
          - classic_queues
          - quorum_queues
          - streams
        default: all
      priority:
        description: Of several policies that match an object, only the one with the highest priority applies.
        type: int
        default: 0
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  operator_policies:
    description: Operator policies, which overrule policies. Pattern and definition are required unless O(operator_policies[].state=absent).
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      name:
        description: Name of the policy.
        type: str
        required: true
      pattern:
        description: Regular expression of the names that the policy applies to.
        type: str
      definition:
        description: The settings of the policy, such as C(max-length).
        type: dict
      apply_to:
        description: The objects that the policy applies to.
        type: str
        choices:
          - all
          - exchanges
          - queues
          - classic_queues
          - quorum_queues
          - streams
        default: all
      priority:
        description: Of several policies that match an object, only the one with the highest priority applies.
        type: int
        default: 0
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  exchanges:
    description:
      - Exchanges. The broker cannot change an exchange in place; see O(on_immutable_change).
      - Deleting an exchange deletes its bindings and, from RabbitMQ 4.3 on, its topic permissions.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      name:
        description: Name of the exchange.
        type: str
        required: true
      type:
        description: V(direct), V(fanout), V(topic), V(headers), or a type that a plugin of this broker provides.
        type: str
        default: direct
      durable:
        description: Whether the exchange survives a restart of the broker.
        type: bool
        default: true
      auto_delete:
        description: Whether the broker deletes the exchange when its last binding is removed.
        type: bool
        default: false
      internal:
        description: Whether only other exchanges may publish to it.
        type: bool
        default: false
      arguments:
        description: Its arguments, such as C(alternate-exchange). The module compares them with their types.
        type: dict
        default: {}
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  topic_permissions:
    description:
      - The routing keys that users may use with a topic exchange. Both patterns are required unless O(topic_permissions[].state=absent).
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      user:
        description: Name of the user.
        type: str
        required: true
      exchange:
        description: Name of the topic exchange; empty for the default exchange.
        type: str
        required: true
      write:
        description: Regular expression of the routing keys that the user may publish with.
        type: str
      read:
        description: Regular expression of the routing keys that the user may bind with.
        type: str
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  queues:
    description: Queues and streams. The broker cannot change a queue in place; see O(on_immutable_change).
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      name:
        description: Name of the queue.
        type: str
        required: true
      type:
        description:
          - V(classic), V(quorum) or V(stream). The argument C(x-queue-type) is the same setting; give only one of them.
          - When omitted, a new queue gets the default type of its vhost, and the type of an existing one is not compared.
        type: str
      durable:
        description: Whether the queue survives a restart of the broker.
        type: bool
        default: true
      auto_delete:
        description: Whether the broker deletes the queue when its last consumer is gone.
        type: bool
        default: false
      arguments:
        description: Its arguments, such as C(x-message-ttl) (milliseconds). The module compares them with their types.
        type: dict
        default: {}
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  parameters:
    description:
      - Runtime parameters, such as shovels and federation upstreams. Policies, operator policies and limits of vhosts have
        options of their own and are not accepted here.
      - Values are compared with their types. Results do not show them. In output that shows the arguments of the task (C(-vvv)),
        only addresses and passwords inside a value are masked; add C(no_log) to the task to hide the rest.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      component:
        description: The component that the parameter configures, such as V(shovel) or V(federation-upstream). Its plugin
          must be enabled.
        type: str
        required: true
      name:
        description: Name of the parameter.
        type: str
        required: true
      value:
        description: The value, usually a dictionary. Required unless O(parameters[].state=absent).
        type: raw
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  bindings:
    description: Bindings. All options together identify a binding, the types of its arguments included.
    type: list
    elements: dict
    suboptions:
      vhost:
        description: The vhost of the object; O(vhost) where omitted.
        type: str
      source:
        description: Name of the exchange that messages come from.
        type: str
        required: true
      destination:
        description: Name of the queue or exchange that messages go to.
        type: str
        required: true
      destination_type:
        description: The kind of O(bindings[].destination).
        type: str
        choices:
          - queue
          - exchange
        default: queue
      routing_key:
        description: The routing key.
        type: str
        default: ''
      arguments:
        description: Its arguments, such as those that a headers exchange matches.
        type: dict
        default: {}
      state:
        description: Whether the object must exist.
        type: str
        choices:
          - present
          - absent
        default: present
  # End.
  manifests:
    description:
      - Custom resources of the RabbitMQ Messaging Topology Operator (V(rabbitmq.com/v1beta1)) as dicts, as YAML text of any number
        of documents, or a list of either. Kinds are Vhost, Queue, Exchange, Binding, User, Permission, TopicPermission, Policy and
        OperatorPolicy, and the Secrets that Users refer to. Of a Secret the module shows only C(username). It skips resources of
        other groups with one warning, and refuses the other kinds of the operator.
      - They have the same meaning as for the operator, what they omit included. An exchange is not durable unless it says so. A
        User without tags has none, a Vhost without tags or tracing has none, nor a description, and limits that a User or Vhost
        omits are deleted. A C(passwordHash) in a Secret wins over a C(password), and an empty one forbids logins with a password.
      - A resource that names no namespace is found by its name, if only one has that name.
      - The module merges them with the lists. Equal declarations count as one; contradicting ones are refused, and both are named.
    type: raw
  cluster_reference:
    description:
      - Use only the O(manifests) of this cluster, V(NAME) or V(NAMESPACE/NAME) of their C(rabbitmqClusterReference). Needed where
        they belong to several.
    type: str
  credentials:
    description:
      - What Secrets hold that are not in O(manifests), such as those that an ExternalSecret makes. Each key is V(NAME) or
        V(NAMESPACE/NAME) of a Secret; its value has the keys C(username), and C(password) or C(passwordHash). An entry wins over a
        Secret of that name in O(manifests).
    type: dict
  definitions:
    description:
      - An export of definitions as a broker makes it (C(rabbitmqctl export_definitions), C(GET /api/definitions)), as JSON text or
        as a dict. Exports of all versions are understood, those of a single vhost too.
      - Each object means the same as an item of the lists with these fields, so what an export omits stays as it is. The module
        merges it with the lists and O(manifests) as it merges those.
      - An export of a single vhost goes to O(vhost); where that is V(/), to the vhost that the export names.
      - The broker's own exchanges are skipped, and so is the name of the cluster. Other global parameters, queues that the broker
        named, objects that a plugin made for itself and fields that are not known are skipped with a warning for each kind.
      - RabbitMQ 4.3 does not export internal exchanges, but it exports their bindings. Declare such exchanges under O(exchanges).
      - Results do not show password hashes and addresses of an export.
    type: raw
  prune:
    description:
      - Kinds of which the module deletes everything that is not declared. Objects in a vhost are pruned only in vhosts that this
        task lists under O(vhosts) or as a Vhost resource; users and their limits are pruned in the whole broker.
      - The module never prunes the connecting user and its rights, users with the tag C(protected), the broker's own objects,
        exclusive, auto-delete and server-named objects and their bindings, what a plugin such as federation made for itself, queues
        with consumers, and what a declared object needs. It does not prune a kind of which nothing is declared.
      - The broker counts consumers up to 8 seconds late.
    type: list
    elements: str
    choices:
      # The kinds that can be pruned, written by tools/document.
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
      # End.
    default: []
  prune_ignore:
    description:
      - Shell patterns of objects that O(prune) does not delete. They are matched against the name in RV(changes[].object), such as
        V(eco2/celeryev.*), or V(/celeryev.*) in the vhost V(/). An asterisk also stands for slashes.
      - A pattern that fits no object is reported as a warning. The task is refused if the pattern can fit none, or if O(prune) would
        delete an object that it probably means.
    type: list
    elements: str
    default: []
  prune_limit:
    description: If O(prune) would delete more objects than this, the task fails before the first write.
    type: int
    default: 10
  allow_message_loss:
    description:
      - Queues and vhosts that may be deleted together with their messages, each named as V(queue VHOST/NAME) or V(vhost NAME), a queue
        in the vhost V(/) as V(queue /NAME). An entry that fits no object is reported as a warning.
      - All others are deleted only when they are proven to be empty. The proof takes 7 seconds for quorum queues and 12 seconds for
        streams, because their message counts lag.
    type: list
    elements: str
    default: []
  on_immutable_change:
    description:
      - What to do when a queue or exchange exists with other properties than declared.
      - V(fail) fails before the first write and names each difference.
      - V(recreate_if_empty) deletes and declares it again if it is proven to be empty, and restores its bindings and topic
        permissions. It refuses streams, and objects with bindings or consumers unless O(accept_loss_window=true).
      - Until all is restored, the broker keeps what was deleted in an exchange whose name ends in C(.recreated-) and eight digits. The
        next run uses it if this one is interrupted. The user must have the permission to declare it.
    type: str
    choices: [fail, recreate_if_empty]
    default: fail
  accept_loss_window:
    description:
      - Also recreate objects with bindings or consumers. Messages that are published between deletion and declaration are lost, so
        stop the publishers first.
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

- name: The same, with a Secret that an ExternalSecret makes in the cluster
  eco2.platform.rabbitmq_topology:
    username: admin
    password: "{{ rabbitmq_password }}"
    manifests: "{{ lookup('ansible.builtin.file', 'topology.yaml') }}"
    credentials:
      scan-api-credentials:
        username: scan-api
        password: "{{ scan_api_password }}"

- name: What another broker has, from its export
  eco2.platform.rabbitmq_topology:
    username: admin
    password: "{{ rabbitmq_password }}"
    definitions: "{{ lookup('ansible.builtin.file', 'definitions.json') }}"

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
    - What was changed, or would be changed in check mode, in the order of writing. After a failure, only what was done.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The kind of object, such as V(queue).
      type: str
      sample: queue
    object:
      description:
        - Its name, unique within its kind. Objects in a vhost are named V(VHOST/NAME), and those in the vhost V(/) are named V(/NAME).
        - A slash in the name itself is written as V(%2F), so the last slash always ends the vhost.
      type: str
      sample: eco2/scan.vision
    identity:
      description: The fields that identify the object.
      type: dict
      sample: {"vhost": "eco2", "name": "scan.vision"}
    action:
      description: V(create), V(update), V(replace) or V(delete).
      type: str
      sample: create
    differences:
      description: Each field that differs, with its value before and after; null where it is absent. Secrets are shown as V((hidden\)).
      type: list
      elements: dict
      sample: [{"field": "durable", "before": null, "after": true}]
unchanged:
  description: The number of declared objects that already were as declared.
  returned: always
  type: int
  sample: 26
failures:
  description: Changes that the broker refused, each with kind, object, identity, action and reason.
  returned: when writing failed
  type: list
  elements: dict
unknown:
  description: Changes that were sent and got no answer; the broker may have made them.
  returned: when writing failed
  type: list
  elements: dict
not_attempted:
  description: Changes that were not tried, because a change that they need failed or the broker could not be reached any more.
  returned: when writing failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before the first write.
  returned: when the task is refused
  type: list
  elements: dict
  contains:
    code:
      description: A stable name of the problem.
      type: str
      sample: declaration.missing
    item:
      description: The item or object with the problem.
      type: str
      sample: queues[3]
    field:
      description: The field of the item; empty if it is the whole item.
      type: str
      sample: name
    message:
      description: What is wrong, in one line.
      type: str
      sample: is required
    remedy:
      description: What to do about it; empty if RV(problems[].message) says so already.
      type: str
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import arguments
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.service import Topology


def argument_spec() -> Spec:
    return {
        **arguments.connection(),
        **arguments.topology(),
        "vhost": {"type": "str", "default": "/"},
        "manifests": {"type": "raw"},
        "cluster_reference": {"type": "str"},
        # What is secret in it is masked value by value: its user names are names of objects in results.
        "credentials": {"type": "dict", "no_log": False},
        "definitions": {"type": "raw"},
        "prune": {"type": "list", "elements": "str", "choices": sorted(kind.option for kind in KINDS if kind.prunable), "default": []},
        "prune_ignore": {"type": "list", "elements": "str", "default": []},
        "prune_limit": {"type": "int", "default": 10},
        "allow_message_loss": {"type": "list", "elements": "str", "default": []},
        "on_immutable_change": {"type": "str", "choices": ["fail", "recreate_if_empty"], "default": "fail"},
        "accept_loss_window": {"type": "bool", "default": False},
    }


def main() -> None:
    converging(argument_spec(), Topology, arguments.secrets, arguments.LIBRARY, literal=True)


if __name__ == "__main__":
    main()
