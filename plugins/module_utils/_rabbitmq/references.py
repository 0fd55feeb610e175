# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what is declared can stand beside what is on the broker. Private to this collection. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key, same
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import Declared
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import Kind
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.observe import Broker

Declarations = t.Mapping[Key, Declared]


# The exchanges that the broker makes in every new vhost.
_COMING_WITH_A_VHOST = ("amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic", "amq.rabbitmq.trace")


def problems(declarations: Declarations, broker: Broker) -> t.Iterator[str]:
    """One line for each declared object that names something which will not be there, or cannot be there."""
    for declared in declarations.values():
        if not declared.present:
            if declared.kind is kinds.EXCHANGE and declared.identity["name"].startswith("amq.") and declared.key in broker.objects:
                yield f"{declared}: the broker's own exchanges cannot be deleted"
            continue
        for kind, name in needs(declared.kind, declared.identity):
            missing = _absence(kind, name, declared, declarations, broker)
            if missing:
                yield f"{declared}: {missing}"
        if declared.kind is kinds.EXCHANGE and declared.fields["type"] not in broker.exchange_types:
            known = ", ".join(sorted(broker.exchange_types))
            yield f"{declared}: unknown exchange type {declared.fields['type']!r}: this broker has {known}"
        if declared.kind is kinds.VHOST and "default_queue_type" in declared.fields and not broker.has_default_queue_type:
            yield f"{declared}: default_queue_type needs RabbitMQ 3.11, this broker is {broker.version}"
        if declared.kind in (kinds.EXCHANGE, kinds.QUEUE) and declared.identity["name"].startswith("amq."):
            yield from _reserved(declared, broker)


def needs(kind: Kind, identity: t.Mapping[str, t.Any]) -> t.Iterator[tuple[Kind, dict[str, t.Any]]]:
    """The objects, as kind and identity, without which this one cannot be."""
    if kind.in_vhost:
        yield kinds.VHOST, {"name": identity["vhost"]}
    if "user" in identity:
        yield kinds.USER, {"name": identity["user"]}
    if kind is kinds.BINDING:
        destination = kinds.QUEUE if identity["destination_type"] == "queue" else kinds.EXCHANGE
        yield kinds.EXCHANGE, {"vhost": identity["vhost"], "name": identity["source"]}
        yield destination, {"vhost": identity["vhost"], "name": identity["destination"]}
    if kind is kinds.TOPIC_PERMISSION and identity["exchange"]:
        yield kinds.EXCHANGE, {"vhost": identity["vhost"], "name": identity["exchange"]}


# The keys of arguments and policies that name an exchange; without it the broker drops what it would take, and says nothing.
_NAMING_EXCHANGES = ("x-dead-letter-exchange", "dead-letter-exchange", "alternate-exchange")


def in_use(declared: Declared) -> t.Iterator[Key]:
    """What a declared object needs, and the exchanges that its messages go to."""
    for kind, identity in needs(declared.kind, declared.identity):
        yield kind.key(identity)
    for field in ("arguments", "definition"):
        for name in _NAMING_EXCHANGES:
            exchange = declared.fields.get(field, {}).get(name)
            if isinstance(exchange, str):
                yield kinds.EXCHANGE.key({"vhost": declared.identity["vhost"], "name": exchange})


def keys_needed(kind: Kind, identity: t.Mapping[str, t.Any]) -> frozenset[Key]:
    return frozenset(other.key(name) for other, name in needs(kind, identity))


def _absence(kind: Kind, identity: dict[str, t.Any], declared: Declared, declarations: Declarations, broker: Broker) -> str | None:
    """Why the object that `declared` needs will not be there; None where it will."""
    key = kind.key(identity)
    other = declarations.get(key)
    if other is not None:
        return None if other.present else f"needs {kind.name} {key[1]}, which {other.source} declares absent"
    if identity["name"] in broker.vhosts if kind is kinds.VHOST else key in broker.objects:
        return None
    if kind is kinds.VHOST:
        return (
            f"vhost {identity['name']!r} does not exist, or user {broker.user!r} cannot reach it: "
            "declare it under vhosts, or grant the user a permission in it"
        )
    if kind is kinds.EXCHANGE and identity["vhost"] not in broker.vhosts and identity["name"] in _COMING_WITH_A_VHOST:
        return None
    if kind.in_vhost and identity["vhost"] not in broker.vhosts and kinds.VHOST.key({"name": identity["vhost"]}) not in declarations:
        return None  # the missing vhost has been named
    # What the user cannot list may still be there, but the broker would refuse to bind it.
    return f"{kind.name} {key[1]} neither exists nor is declared: declare it under {kind.option}, or correct the name"


def _reserved(declared: Declared, broker: Broker) -> t.Iterator[str]:
    """Names that begin with amq. belong to the broker: a built-in may be declared as it is, nothing else."""
    observed = broker.objects.get(declared.key)
    equal = observed is not None and all(same(value, observed.fields[name]) for name, value in declared.fields.items())
    if not equal:
        yield f"{declared}: names that begin with 'amq.' are reserved for the broker's own objects: choose another"
