# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the broker, as the lists that rabbitmq_topology takes. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds, observe, passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import Kind, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.observe import Broker, Observed


def info(client: Client, params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of rabbitmq_info; Refused where a kind or vhost asked for cannot be seen."""
    broker = observe.connect(client)
    absent = sorted(set(params["vhosts"] or ()) - set(broker.vhosts))
    if absent:
        raise Refused([f"vhosts: {name!r} does not exist, or user {broker.user!r} cannot reach it" for name in absent])
    wanted, not_readable = _readable(broker, params["kinds"])
    vhosts = params["vhosts"] or list(broker.vhosts)
    observe.read(client, broker, wanted, vhosts)
    return {
        "broker": {
            "version": broker.version,
            "cluster_name": broker.cluster_name,
            "exchange_types": sorted(broker.exchange_types),
            "user": broker.user,
            "user_tags": sorted(broker.tags),
        },
        "topology": {kind.option: _list(broker, kind, vhosts, params["include_password_hashes"]) for kind in wanted},
        "not_readable": not_readable,
    }


def _readable(broker: Broker, asked: t.Sequence[str] | None) -> tuple[list[Kind], list[str]]:
    """The kinds to read, and those that this user has no right to read; Refused where one of those was asked for."""
    if asked:
        return [kind for kind in kinds.KINDS if kind.option in asked], []
    hidden = [kind for kind in kinds.KINDS if kind.readers and not kind.readers & broker.tags]
    return [kind for kind in kinds.KINDS if kind not in hidden], [kind.option for kind in hidden]


def _list(broker: Broker, kind: Kind, vhosts: t.Collection[str], with_hashes: bool) -> list[Values]:
    entries = [
        entry
        for entry in broker.of_kind(kind)
        if not observe.is_builtin(entry) and _in(entry, vhosts) and not _of_a_connection(entry, broker)
    ]
    return [_item(entry, with_hashes) for entry in sorted(entries, key=lambda entry: entry.object)]


def _in(entry: Observed, vhosts: t.Collection[str]) -> bool:
    if entry.kind.in_vhost:
        return entry.identity["vhost"] in vhosts
    return entry.kind is not kinds.VHOST or entry.identity["name"] in vhosts


def _of_a_connection(entry: Observed, broker: Broker) -> bool:
    """Exclusive queues end with their connection, and bindings with them: nobody can declare them."""
    if entry.kind is kinds.BINDING and entry.identity["destination_type"] == "queue":
        queue = kinds.QUEUE.key({"vhost": entry.identity["vhost"], "name": entry.identity["destination"]})
        entry = broker.objects.get(queue, entry)
    return bool(entry.extra.get("exclusive"))


def _item(entry: Observed, with_hashes: bool) -> Values:
    item = dict(entry.identity)
    for name, value in entry.fields.items():
        if name == "password":
            if with_hashes:
                item.update(_hash(value.reveal()))
        elif value is not None:
            item[name] = value
    return item


def _hash(stored: passwords.Hash) -> Values:
    words = {name: short for short, name in passwords.MODULES.items()}
    return {"password_hash": stored.text, "hashing_algorithm": words.get(stored.algorithm, stored.algorithm)}
