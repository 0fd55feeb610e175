# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bindings. Private to this collection."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import model
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import judge

DOCUMENTATION = r"""
bindings:
  description: Bindings. All options together identify a binding, the types of its arguments included.
  options:
    source: Name of the exchange that messages come from.
    destination: Name of the queue or exchange that messages go to.
    destination_type: The kind of O(bindings[].destination).
    routing_key: The routing key.
    arguments: Its arguments, such as those that a headers exchange matches.
"""


# The greatest weight of a consistent-hash exchange: refused above by 4.3; 1,000,000 takes 4.0 ten seconds, and 10^18 all memory.
HEAVY = 10_000
MATCHES = ("all", "any", "all-with-x", "any-with-x")


class _Binding(model.Kind):
    """Everything about a binding is its identity, the types of its arguments included."""

    refers_to = ("exchange", "queue")

    def object(self, identity: model.Values) -> str:
        """As in `eco2/scan.direct -> queue scan.vision by scan.vision`, arguments added where there are any."""
        ends = f"{model.word(identity['source'])} -> {identity['destination_type']} {model.word(identity['destination'])}"
        arguments = f" {json.dumps(identity['arguments'], sort_keys=True)}" if identity["arguments"] else ""
        return model.name_in(identity["vhost"], f"{ends} by {model.word(identity['routing_key'])}{arguments}")

    def needs(self, identity: model.Values) -> t.Iterator[tuple[str, model.Values]]:
        yield from super().needs(identity)
        yield "exchange", {"vhost": identity["vhost"], "name": identity["source"]}
        yield identity["destination_type"], {"vhost": identity["vhost"], "name": identity["destination"]}

    def identity_problem(self, part: str, value: str) -> Problem | None:
        if part == "source" and value == "":
            message = "the default exchange cannot be bound: it already delivers to every queue by the queue's name"
            return Problem("binding.default_exchange", message, field="source", remedy="name another exchange, or remove this binding")
        return super().identity_problem(part, value)

    def problems(self, values: model.Values) -> t.Iterator[Problem]:
        arguments = values.get("arguments") or {}
        yield from judge.problems(arguments, {}, "arguments")
        if arguments and "~" in values.get("routing_key", ""):
            message = "has a ~ beside arguments: the broker would answer 500 and then fail to list the bindings of its vhost"
            yield Problem("binding.tilde", message, field="routing_key", remedy="use a key without ~, or no arguments")

    def conflicts(self, declared: model.Declared, broker: model.Broker) -> t.Iterator[Problem]:
        identity, there = declared.identity, broker.objects.get(declared.key)
        key, arguments = identity["routing_key"], identity["arguments"]
        if key in (".", "..") and not arguments and declared.present == (there is None):
            message = f"a binding with the key {key!r} cannot be deleted through the management API"
            yield declared.problem("binding.unaddressable", message, "delete its queue, or unbind it over AMQP", "routing_key")
        if not declared.present or there is not None:
            return
        source = broker.objects.get(model.key_of("exchange", {"vhost": identity["vhost"], "name": identity["source"]}))
        kind = source.fields["type"] if source else ""
        if kind == "x-consistent-hash":
            weight = int(key) if re.fullmatch(r"[+-]?[0-9]+", key, re.ASCII) else 0
            if weight < 1:
                message = f"must be a number above 0, since {identity['source']} is a consistent-hash exchange, and is {key!r}"
                yield declared.problem("binding.weight", message, "give the weight of the queue", "routing_key")
            elif weight > HEAVY:
                message = f"the weight {key} is above {HEAVY}, which takes the broker minutes and gigabytes"
                say = declared.problem if broker.is_at_least(4, 3) else declared.advice
                yield say("binding.weight", message, "give smaller weights in the same proportion", "routing_key")
        elif kind == "headers" and "x-match" in arguments and arguments["x-match"] not in MATCHES:
            message = f"is {arguments['x-match']!r}, and must be one of {', '.join(MATCHES)}"
            yield declared.problem("argument.choice", message, field="arguments.x-match")

    def observed(self, row: model.Values) -> t.Iterator[model.Observed]:
        if row["source"]:
            yield self.entry({part: row[part] for part in self.parts}, {}, {"properties_key": row["properties_key"]})

    def put(self, client: Client, identity: model.Values, fields: model.Values) -> None:
        client.post(_between(identity), {"routing_key": identity["routing_key"], "arguments": identity["arguments"]})

    def delete(self, client: Client, change: Change, loss_allowed: bool = False, if_unused: bool = False) -> None:
        client.delete((*_between(change.identity), change.payload["properties_key"]))


def _between(identity: model.Values) -> tuple[str, ...]:
    """The segments of the bindings between two ends."""
    return ("bindings", identity["vhost"], "e", identity["source"], identity["destination_type"][0], identity["destination"])


BINDING = _Binding(
    "binding",
    "bindings",
    stage=6,
    identity=(
        model.VHOST,
        Field("source", required=True),
        Field("destination", required=True),
        Field("destination_type", default="queue", choices=("queue", "exchange")),
        Field("routing_key", default="", secret=False),
        Field("arguments", "dict", default={}),
    ),
    path=("bindings", "{vhost}", "e", "{source}"),
    per_vhost=True,
    imported=True,
    one_line=("source", "destination"),
    resource=model.Resource("Binding", {"vhost": "/"}),
)
