# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain kinds: nothing but data. A new one is added here, and in the documentation. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import (
    ADMINISTRATOR,
    POLICYMAKER,
    VHOST,
    Broker,
    Declared,
    Kind,
    Resource,
    Values,
)
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import judge, table

DOCUMENTATION = r"""
permissions:
  description: What users may do in a vhost. All three patterns are required unless O(permissions[].state=absent).
  options:
    user: Name of the user.
    configure: Regular expression of the names that the user may declare and delete; empty for none.
    write: Regular expression of the names that the user may write to; empty for none.
    read: Regular expression of the names that the user may read from; empty for none.
topic_permissions:
  description:
    - The routing keys that users may use with a topic exchange. Both patterns are required unless O(topic_permissions[].state=absent).
  options:
    user: Name of the user.
    exchange: Name of the topic exchange; empty for the default exchange.
    write: Regular expression of the routing keys that the user may publish with.
    read: Regular expression of the routing keys that the user may bind with.
policies:
  description:
    - Policies. Pattern and definition are required unless O(policies[].state=absent).
    - The broker judges keys that the module does not know, before the first write and in check mode too. The module asks it with a
      policy that it always refuses.
  options: &policy
    name: Name of the policy.
    pattern: Regular expression of the names that the policy applies to.
    definition: The settings of the policy, such as C(max-length).
    apply_to: The objects that the policy applies to.
    priority: Of several policies that match an object, only the one with the highest priority applies.
operator_policies:
  description: Operator policies, which overrule policies. Pattern and definition are required unless O(operator_policies[].state=absent).
  options: *policy
parameters:
  description:
    - Runtime parameters, such as shovels and federation upstreams. Policies, operator policies and limits of vhosts have options of
      their own and are not accepted here.
    - Values are compared with their types. Results do not show them. In output that shows the arguments of the task (C(-vvv)), only
      addresses and passwords inside a value are masked; add C(no_log) to the task to hide the rest.
  options:
    component: The component that the parameter configures, such as V(shovel) or V(federation-upstream). Its plugin must be enabled.
    name: Name of the parameter.
    value: The value, usually a dictionary. Required unless O(parameters[].state=absent).
"""

_BY_USER = {"userReference": "user_reference", "permissions": "permissions"}

PERMISSION = Kind(
    "permission",
    "permissions",
    stage=3,
    identity=(VHOST, Field("user", required=True)),
    fields=tuple(Field(name, required=True) for name in ("configure", "write", "read")),
    path=("permissions", "{vhost}", "{user}"),
    readers=ADMINISTRATOR,
    writers=ADMINISTRATOR,
    resource=Resource("Permission", without=("configure", "write", "read"), more=_BY_USER),
)
TOPIC_PERMISSION = replace(
    PERMISSION,
    name="topic_permission",
    option="topic_permissions",
    stage=5,
    identity=(*PERMISSION.identity, Field("exchange", required=True)),
    fields=tuple(Field(name, required=True) for name in ("write", "read")),
    path=("topic-permissions", "{vhost}", "{user}", "{exchange}"),
    in_body=("exchange",),
    resource=Resource("TopicPermission", without=("exchange", "write", "read"), more=_BY_USER),
)


class _Policy(Kind):
    def keys(self) -> table.Table:
        return table.OPERATOR_POLICY if self.name == "operator_policy" else table.POLICY

    def problems(self, values: Values) -> t.Iterator[Problem]:
        yield from judge.problems(values.get("definition") or {}, self.keys(), "definition")

    def conflicts(self, declared: Declared, broker: Broker) -> t.Iterator[Problem]:
        there, new = broker.objects.get(declared.key), declared.new_settings("definition", broker)
        for problem in judge.problems(new, self.keys(), "definition", broker.release):
            yield replace(problem, item=str(declared))
        for name, why, mistaken in judge.unknown(new, self.keys(), broker.release):
            only = name in table.POLICY and name not in self.keys()
            if mistaken or only:  # else the broker is asked before the first write
                message = f"is no key of {'an operator policy' if only else 'a policy'} of RabbitMQ {broker.version}"
                yield declared.problem("definition.unknown", message, "use it in a policy" if only else why, f"definition.{name}")
        since = table.APPLY_TO.get(declared.fields.get("apply_to", ""), ())
        if broker.release < since and (there is None or there.fields["apply_to"] != declared.fields["apply_to"]):
            message = f"RabbitMQ {broker.version} does not know {declared.fields['apply_to']!r}"
            yield declared.problem("policy.apply_to", message, "use queues, and a pattern that fits only those", "apply_to")


POLICY = _Policy(
    "policy",
    "policies",
    stage=3,
    identity=(VHOST, Field("name", required=True)),
    fields=(
        Field("pattern", required=True),
        Field("definition", "dict", required=True),
        Field(
            "apply_to", default="all", choices=("all", "exchanges", "queues", "classic_queues", "quorum_queues", "streams"), wire="apply-to"
        ),
        Field("priority", "int", default=0),
    ),
    path=("policies", "{vhost}", "{name}"),
    per_vhost=True,
    writers=POLICYMAKER,
    resource=Resource("Policy", {"vhost": "/"}),
)
OPERATOR_POLICY = replace(
    POLICY,
    name="operator_policy",
    option="operator_policies",
    path=("operator-policies", "{vhost}", "{name}"),
    writers=ADMINISTRATOR,
    resource=Resource("OperatorPolicy", {"vhost": "/", "apply_to": "queues"}),
)
PARAMETER = Kind(
    "parameter",
    "parameters",
    # Last, since a shovel may use queues and exchanges that exist.
    stage=6,
    identity=(VHOST, Field("component", required=True), Field("name", required=True)),
    fields=(Field("value", "raw", required=True, secret=True),),
    path=("parameters", "{component}", "{vhost}", "{name}"),
    readers=POLICYMAKER,
    writers=POLICYMAKER,
    elsewhere={"component": {"vhost-limits": "vhost_limits", "policy": "policies", "operator_policy": "operator_policies"}},
)
