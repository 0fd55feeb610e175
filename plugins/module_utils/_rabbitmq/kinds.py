# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of kinds: one row for each kind of object that a broker holds. Private to this collection.

Arguments, observation, planning, pruning, writing and rabbitmq_info all read this table; a new kind is a new row
and its documentation. Field names are the management API's in snake_case.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key

Row = t.Dict[str, t.Any]  # an object as the API lists it
Values = t.Dict[str, t.Any]  # field name to value

ADMINISTRATOR = frozenset({"administrator"})
POLICYMAKER = frozenset({"administrator", "policymaker"})
# Others are answered with an empty list instead of a refusal.
MONITORING = frozenset({"administrator", "policymaker", "monitoring"})
ANYBODY: frozenset[str] = frozenset()


class Keep:
    """The default of a field that stays as it is on the broker when a declaration omits it."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP = Keep()


@dataclass(frozen=True)
class Field:
    """One field: its Ansible type, and what it is when a declaration omits it."""

    name: str
    type: str = "str"
    default: t.Any = KEEP
    required: bool = False
    choices: tuple[str, ...] | None = None
    elements: str | None = None
    secret: bool = False

    @property
    def api(self) -> str:
        """The management API's name; it writes apply-to with a hyphen and everything else as we do."""
        return "apply-to" if self.name == "apply_to" else self.name


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    `path`: its API path, segments in braces taken from the identity. `needs`: kinds it depends on, each with the
    identity that names the other object. `immutable`: the broker refuses any change of it in place.
    """

    name: str
    option: str
    stage: int
    identity: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    path: tuple[str, ...] = ()
    optional_identity: t.Mapping[str, Field] = field(default_factory=dict)
    immutable: bool = False
    readers: frozenset[str] = ANYBODY
    writers: frozenset[str] = ANYBODY
    query: t.Mapping[str, str] = field(default_factory=dict)

    @property
    def in_vhost(self) -> bool:
        return self.identity[0] == "vhost"

    @property
    def listing(self) -> str:
        return self.path[0]

    def defaults(self) -> Values:
        return {entry.name: entry.default for entry in self.fields if entry.default is not KEEP}

    def segments(self, identity: Values) -> list[str]:
        # The default exchange has the empty name everywhere but in URLs.
        return [(identity[part[1:-1]] or "amq.default") if part.startswith("{") else part for part in self.path]

    def object(self, identity: Values) -> str:
        """The name a person reads, unique among the objects of this kind."""
        if self.name == "binding":
            return _binding_name(identity)
        if not self.in_vhost:
            return " ".join(_word(str(identity[part])) if len(self.identity) > 1 else str(identity[part]) for part in self.identity)
        rest = [str(identity[part]) for part in self.identity[1:]]
        name = rest[0] if len(rest) == 1 else " ".join(map(_word, rest))
        return f"{vhost_name(identity['vhost'])}/{name}"

    def key(self, identity: Values) -> Key:
        return (self.name, self.object(identity))


def vhost_name(vhost: str) -> str:
    """The vhost as it begins an object's name; encoded where a slash in it would make that name ambiguous."""
    return vhost if vhost == "/" else vhost.replace("%", "%25").replace("/", "%2F")


_PLAIN = re.compile(r"[\w.:#*@+~$&=%-]+")


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _binding_name(identity: Values) -> str:
    """As in `eco2/scan.direct -> queue scan.vision by scan.vision`, arguments added where there are any."""
    ends = f"{_word(identity['source'])} -> {identity['destination_type']} {_word(identity['destination'])}"
    arguments = f" {json.dumps(identity['arguments'], sort_keys=True)}" if identity["arguments"] else ""
    return f"{vhost_name(identity['vhost'])}/{ends} by {_word(identity['routing_key'])}{arguments}"


NAME = Field("name", required=True)
ARGUMENTS = Field("arguments", "dict", default={})
DURABLE = Field("durable", "bool", default=True)
AUTO_DELETE = Field("auto_delete", "bool", default=False)
QUEUE_TYPES = ("classic", "quorum", "stream")
APPLY_TO = ("all", "exchanges", "queues", "classic_queues", "quorum_queues", "streams")
HASHING = ("sha256", "sha512", "md5")
POLICY_FIELDS = (
    Field("pattern", required=True),
    Field("definition", "dict", required=True),
    Field("apply_to", default="all", choices=APPLY_TO),
    Field("priority", "int", default=0),
)

VHOST = Kind(
    "vhost",
    "vhosts",
    stage=1,
    identity=("name",),
    fields=(
        Field("description"),
        Field("tags", "list", elements="str"),
        Field("default_queue_type", choices=QUEUE_TYPES),
        Field("tracing", "bool"),
    ),
    path=("vhosts", "{name}"),
    writers=ADMINISTRATOR,
)
USER = Kind(
    "user",
    "users",
    stage=2,
    identity=("name",),
    fields=(Field("tags", "list", elements="str"), Field("password", secret=True)),
    path=("users", "{name}"),
    readers=ADMINISTRATOR,
    writers=ADMINISTRATOR,
)
VHOST_LIMIT = Kind(
    "vhost_limit",
    "vhost_limits",
    stage=2,
    identity=("vhost", "name"),
    fields=(Field("value", "int", required=True),),
    path=("vhost-limits", "{vhost}", "{name}"),
    optional_identity={"name": Field("name", required=True, choices=("max-connections", "max-queues"))},
    readers=MONITORING,
    writers=ADMINISTRATOR,
)
USER_LIMIT = Kind(
    "user_limit",
    "user_limits",
    stage=3,
    identity=("user", "name"),
    fields=(Field("value", "int", required=True),),
    path=("user-limits", "{user}", "{name}"),
    optional_identity={"name": Field("name", required=True, choices=("max-connections", "max-channels"))},
    readers=ADMINISTRATOR,
    writers=ADMINISTRATOR,
)
PERMISSION = Kind(
    "permission",
    "permissions",
    stage=3,
    identity=("vhost", "user"),
    fields=tuple(Field(name, required=True) for name in ("configure", "write", "read")),
    path=("permissions", "{vhost}", "{user}"),
    readers=ADMINISTRATOR,
    writers=ADMINISTRATOR,
)
POLICY = Kind(
    "policy",
    "policies",
    stage=3,
    identity=("vhost", "name"),
    fields=POLICY_FIELDS,
    path=("policies", "{vhost}", "{name}"),
    writers=POLICYMAKER,
)
OPERATOR_POLICY = replace(
    POLICY,
    name="operator_policy",
    option="operator_policies",
    path=("operator-policies", "{vhost}", "{name}"),
    writers=ADMINISTRATOR,
)
EXCHANGE = Kind(
    "exchange",
    "exchanges",
    stage=4,
    identity=("vhost", "name"),
    fields=(Field("type", default="direct"), DURABLE, AUTO_DELETE, Field("internal", "bool", default=False), ARGUMENTS),
    path=("exchanges", "{vhost}", "{name}"),
    immutable=True,
)
TOPIC_PERMISSION = Kind(
    "topic_permission",
    "topic_permissions",
    stage=5,
    identity=("vhost", "user", "exchange"),
    fields=tuple(Field(name, required=True) for name in ("write", "read")),
    path=("topic-permissions", "{vhost}", "{user}", "{exchange}"),
    readers=ADMINISTRATOR,
    writers=ADMINISTRATOR,
)
QUEUE = Kind(
    "queue",
    "queues",
    stage=5,
    identity=("vhost", "name"),
    fields=(Field("type"), DURABLE, AUTO_DELETE, ARGUMENTS),
    path=("queues", "{vhost}", "{name}"),
    immutable=True,
    # From the metadata store: fresh, and a third of the time of the full list.
    query={"disable_stats": "true", "columns": "name,vhost,type,durable,auto_delete,exclusive,arguments"},
)
BINDING = Kind(
    "binding",
    "bindings",
    stage=6,
    identity=("vhost", "source", "destination", "destination_type", "routing_key", "arguments"),
    path=("bindings", "{vhost}", "e", "{source}"),
    optional_identity={
        "destination_type": Field("destination_type", default="queue", choices=("queue", "exchange")),
        "routing_key": Field("routing_key", default=""),
        "arguments": ARGUMENTS,
    },
)

KINDS: tuple[Kind, ...] = (
    VHOST,
    USER,
    VHOST_LIMIT,
    USER_LIMIT,
    PERMISSION,
    POLICY,
    OPERATOR_POLICY,
    EXCHANGE,
    TOPIC_PERMISSION,
    QUEUE,
    BINDING,
)
BY_NAME = {kind.name: kind for kind in KINDS}
BY_OPTION = {kind.option: kind for kind in KINDS}
