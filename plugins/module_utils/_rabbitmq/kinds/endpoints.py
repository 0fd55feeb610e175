# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges and queues: what messages go through. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors, rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import model, records
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import judge
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings.table import ARGUMENTS, EXCHANGE_ARGUMENTS, Table

DOCUMENTATION = r"""
exchanges:
  description:
    - Exchanges. The broker cannot change an exchange in place; see O(on_immutable_change).
    - Deleting an exchange deletes its bindings and, from RabbitMQ 4.3 on, its topic permissions.
  options:
    name: Name of the exchange.
    type: V(direct), V(fanout), V(topic), V(headers), or a type that a plugin of this broker provides.
    durable: Whether the exchange survives a restart of the broker.
    auto_delete: Whether the broker deletes the exchange when its last binding is removed.
    internal: Whether only other exchanges may publish to it.
    arguments: Its arguments, such as C(alternate-exchange). The module compares them with their types.
queues:
  description: Queues and streams. The broker cannot change a queue in place; see O(on_immutable_change).
  options:
    name: Name of the queue.
    type:
      - V(classic), V(quorum) or V(stream). The argument C(x-queue-type) is the same setting; give only one of them.
      - When omitted, a new queue gets the default type of its vhost, and the type of an existing one is not compared.
    durable: Whether the queue survives a restart of the broker.
    auto_delete: Whether the broker deletes the queue when its last consumer is gone.
    arguments: Its arguments, such as C(x-message-ttl) (milliseconds). The module compares them with their types.
"""

_NAME = Field("name", required=True)
_DURABLE = Field("durable", "bool", default=True)
_AUTO_DELETE = Field("auto_delete", "bool", default=False)
_ARGUMENTS = Field("arguments", "dict", default={})


class _Endpoint(model.Kind):
    """The broker refuses any change of one, and keeps the names that begin with `amq.` for itself."""

    # The arguments that it may have.
    table: t.ClassVar[Table] = {}

    def setting_problems(self, declared: model.Declared, broker: model.Broker, queue_type: str = "") -> t.Iterator[Problem]:
        arguments = declared.new_settings("arguments", broker)
        for problem in judge.problems(arguments, self.table, "arguments", broker.release, queue_type):
            yield replace(problem, item=str(declared))
        for name, why, dummy in judge.unknown(arguments, self.table, broker.release):
            message = f"is not known to RabbitMQ {broker.version}, which stores it unchecked: {why}"
            yield declared.advice("argument.unknown", message, field=f"arguments.{name}")

    def problems(self, values: model.Values) -> t.Iterator[Problem]:
        yield from judge.problems(values.get("arguments", {}), self.table, "arguments")

    def conflicts(self, declared: model.Declared, broker: model.Broker) -> t.Iterator[Problem]:
        if declared.present and self.builtin(declared.identity):
            observed = broker.objects.get(declared.key)
            if observed is None or not all(self.equal(value, observed.fields[name]) for name, value in declared.fields.items()):
                message = "names that begin with 'amq.' are reserved for the broker's own objects"
                yield declared.problem("name.reserved", message, "choose another name", "name")

    def irreplaceable(self, declared: model.Declared, observed: model.Observed, broker: model.Broker) -> Problem | None:
        if observed.extra.get("exclusive") or observed.fields["auto_delete"]:
            message = "cannot be recreated, because it belongs to a running application (it is exclusive or auto-delete)"
            return declared.problem("immutable.in_use", message, "stop the application first")
        return None

    def builtin(self, identity: model.Values) -> bool:
        return not identity["name"] or identity["name"].startswith("amq.")

    def temporary(self, entry: model.Observed) -> bool:
        return bool(self.undeclarable(entry) or entry.fields["auto_delete"])

    def undeclarable(self, entry: model.Observed) -> bool:
        # A plugin marks what it makes for itself, such as the queues of federation.
        return bool(entry.extra.get("exclusive") or "x-internal-purpose" in entry.fields["arguments"])


class _Exchange(_Endpoint):
    table = EXCHANGE_ARGUMENTS

    def observed(self, row: model.Values) -> t.Iterator[model.Observed]:
        yield from records.found(row) if records.ARGUMENT in row["arguments"] else super().observed(row)

    def identity_problem(self, part: str, value: str) -> Problem | None:
        if part == "name" and value == "":
            message = "the default exchange always exists and cannot be declared"
            return Problem("exchange.default", message, field="name", remedy="remove this item")
        return super().identity_problem(part, value)

    def conflicts(self, declared: model.Declared, broker: model.Broker) -> t.Iterator[Problem]:
        if not declared.present:
            if self.builtin(declared.identity) and declared.key in broker.objects:
                yield declared.problem("exchange.builtin", "the broker's own exchanges cannot be deleted", "remove this item")
        elif declared.fields["type"] not in broker.exchange_types:
            message = f"this broker has no exchange type {declared.fields['type']!r}: it has {', '.join(sorted(broker.exchange_types))}"
            yield declared.problem("exchange.type_unknown", message, "correct the type, or enable the plugin that provides it", "type")
        else:
            yield from self.setting_problems(declared, broker)
        yield from super().conflicts(declared, broker)

    def irreplaceable(self, declared: model.Declared, observed: model.Observed, broker: model.Broker) -> Problem | None:
        # From 4.0 on the topic permissions of an exchange may go with it, and only an administrator sees and restores them.
        if not broker.administrator and broker.is_at_least(4, 0):
            message = f"cannot be recreated, because its topic permissions may be lost and user {broker.user!r} cannot read them"
            return declared.problem("immutable.unseen", message, "connect as a user with the tag administrator")
        return super().irreplaceable(declared, observed, broker)


EXCHANGE = _Exchange(
    "exchange",
    "exchanges",
    stage=4,
    identity=(model.VHOST, _NAME),
    fields=(Field("type", default="direct"), _DURABLE, _AUTO_DELETE, Field("internal", "bool", default=False), _ARGUMENTS),
    path=("exchanges", "{vhost}", "{name}"),
    immutable=True,
    # Of two exchanges with a binding between them that are deleted side by side, one may stay where the metadata is in Mnesia
    # (3.10 answers 204 all the same, 4.0 answers 400).
    alone=frozenset({"replace", "delete"}),
    per_vhost=True,
    imported=True,
    # It is not pruned while an application's object is bound to it.
    prune_needs=("binding",),
    one_line=("name",),
    resource=model.Resource("Exchange", {"vhost": "/", "type": "direct", "durable": False}, without=("internal",)),
)


class _Queue(_Endpoint):
    table = ARGUMENTS

    def deprecated(self, declared: model.Declared) -> bool:
        return declared.present and not (declared.fields["durable"] and "x-queue-master-locator" not in declared.fields["arguments"])

    def conflicts(self, declared: model.Declared, broker: model.Broker) -> t.Iterator[Problem]:
        yield from super().conflicts(declared, broker)
        there = broker.objects.get(declared.key)
        if not declared.present or (there is not None and not declared.differing(there)):
            return
        given = declared.fields.get("type")
        transient, auto_delete = not declared.fields["durable"], declared.fields["auto_delete"]
        if given in ("quorum", "stream") and (transient or auto_delete):
            field, message = ("durable", "must be true") if transient else ("auto_delete", "must be false")
            yield declared.problem("queue.property", f"{message} for a {given} queue", "change it, or declare a classic queue", field)
        elif transient and "transient_nonexcl_queues" in broker.denied:
            message = "this broker does not permit queues that are not durable (deprecated feature transient_nonexcl_queues)"
            yield declared.problem("queue.transient", message, "set durable to true", "durable")
        queue_type = given or self._default_type(declared, broker, replaceable=transient or auto_delete)
        yield from self.setting_problems(declared, broker, queue_type)
        if "x-queue-master-locator" in declared.new_settings("arguments", broker) and "queue_master_locator" in broker.denied:
            message = "this broker does not permit it (deprecated feature queue_master_locator)"
            yield declared.problem("argument.denied", message, "use x-queue-leader-locator", "arguments.x-queue-master-locator")

    def _default_type(self, declared: model.Declared, broker: model.Broker, replaceable: bool) -> str:
        """The type of a queue that is declared without one; empty where that is open."""
        there, vhost = broker.objects.get(declared.key), broker.vhosts.get(declared.identity["vhost"])
        if there is not None:
            return str(there.fields["type"])
        if vhost is None:
            return ""
        default = vhost.get("default_queue_type") or "undefined"
        found = broker.default_queue_type if default == "undefined" else default
        # What the default cannot be becomes a classic queue.
        return "classic" if replaceable or not broker.is_at_least(3, 11) else str(found)

    def problems(self, values: model.Values) -> t.Iterator[Problem]:
        arguments = dict(values.get("arguments", {}))
        named = [values["type"]] if "type" in values else []
        named += [arguments.pop("x-queue-type")] if "x-queue-type" in arguments else []
        if len(named) == 2 and named[0] != named[1]:
            message = f"type is {named[0]!r} and the argument x-queue-type is {named[1]!r}, which is the same setting"
            yield Problem("queue.type_twice", message, field="type", remedy="give only one of them")
        if named and named[0] not in rules.QUEUE_TYPES:
            message = f"unknown queue type {named[0]!r}: it must be one of {', '.join(rules.QUEUE_TYPES)}"
            yield Problem("queue.type_unknown", message, field="type")
        yield from judge.problems(arguments, self.table, "arguments")
        if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
            message = "has no effect without x-dead-letter-exchange"
            yield Problem("argument.incomplete", message, field="arguments.x-dead-letter-routing-key", remedy="add x-dead-letter-exchange")

    def declared(self, values: model.Values) -> model.Values:
        """`type` and the argument x-queue-type are the same setting: it is kept in `type`."""
        fields = super().declared(values)
        arguments = dict(fields["arguments"])
        if "x-queue-type" in arguments:
            fields["type"] = arguments.pop("x-queue-type")
        fields["arguments"] = arguments
        return fields

    def irreplaceable(self, declared: model.Declared, observed: model.Observed, broker: model.Broker) -> Problem | None:
        if observed.fields["type"] == "stream":
            message = "cannot be recreated, because a stream can never be proven to be empty"
            return declared.problem("immutable.stream", message, "declare a stream with a new name")
        return super().irreplaceable(declared, observed, broker)

    def temporary(self, entry: model.Observed) -> bool:
        return super().temporary(entry) or self.builtin(entry.identity)

    def messages(self, identity: model.Values) -> tuple[str, str | None] | None:
        return (identity["vhost"], identity["name"])

    def read(self, row: model.Values) -> tuple[model.Values, model.Values]:
        fields = super().read(row)[0]
        fields["arguments"] = {name: value for name, value in row["arguments"].items() if name != "x-queue-type"}
        return fields, {"exclusive": bool(row.get("exclusive")), "type": row["type"]}

    def body(self, fields: model.Values) -> model.Values:
        body = {name: value for name, value in fields.items() if name != "type"}
        if fields.get("type"):
            body["arguments"] = dict(fields["arguments"], **{"x-queue-type": fields["type"]})
        return body

    def delete(self, client: Client, change: Change, loss_allowed: bool = False, if_unused: bool = False) -> None:
        conditions = {}
        if change.payload["type"] == "classic":
            conditions = {name: "true" for name, wanted in (("if-empty", not loss_allowed), ("if-unused", if_unused)) if wanted}
        elif not loss_allowed and change.payload["type"] == "quorum":
            empty_now(client, change.identity["vhost"], change.identity["name"])
        try:
            client.delete(self.segments(change.identity), conditions)
        except errors.Invalid as error:
            if conditions and ("not empty" in error.reason or "in use" in error.reason):
                raise ChangeFailed(f"{error.reason} any more, so it was not deleted and nothing is lost: run the task again") from error
            raise


def empty_now(client: Client, vhost: str, name: str) -> None:
    """Ask a quorum queue for one message and put it back; ChangeFailed if there is one."""
    question = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    if client.post(("queues", vhost, name, "get"), question, repeat=False):
        raise ChangeFailed(f"queue {name} has just received a message, so it was not deleted: stop its publishers, then run the task again")


QUEUE = _Queue(
    "queue",
    "queues",
    stage=5,
    identity=(model.VHOST, _NAME),
    fields=(Field("type"), _DURABLE, _AUTO_DELETE, _ARGUMENTS),
    path=("queues", "{vhost}", "{name}"),
    immutable=True,
    per_vhost=True,
    imported=True,
    prune_needs=("binding",),
    one_line=("name",),
    # From the metadata store: fresh, and a third of the time of the full list.
    query={"disable_stats": "true", "columns": "name,vhost,type,durable,auto_delete,exclusive,arguments"},
    resource=model.Resource("Queue", {"vhost": "/", "durable": True}, ignored=("deleteIfEmpty", "deleteIfUnused")),
)
