# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the broker, as the lists that rabbitmq_topology takes. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import observe
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client, connection
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Kind, Observed, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS


def info(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of rabbitmq_info; Refused where a kind or vhost asked for cannot be seen."""
    client = Client(connection(params))
    broker = observe.connect(client)
    absent = sorted(set(params["vhosts"] or ()) - set(broker.vhosts))
    if absent:
        message = f"does not exist, or user {broker.user!r} has no access to it"
        raise Refused([Problem("vhost.missing", message, f"vhost {name}", remedy="correct vhosts") for name in absent])
    wanted = [kind for kind in KINDS if (kind.option in params["kinds"] if params["kinds"] else broker.allows(kind.readers))]
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
        "topology": {kind.option: _list(broker, kind, vhosts, params["include_secrets"]) for kind in wanted},
        "not_readable": [] if params["kinds"] else [kind.option for kind in KINDS if kind not in wanted],
    }


def _list(broker: Broker, kind: Kind, vhosts: t.Collection[str], secrets: bool) -> list[Values]:
    entries = [
        entry
        for entry in broker.of_kind(kind)
        if not kind.builtin(entry.identity) and _in(entry, vhosts) and not _of_a_connection(entry, broker)
    ]
    return [kind.exported(entry, secrets) for entry in sorted(entries, key=lambda entry: entry.object)]


def _in(entry: Observed, vhosts: t.Collection[str]) -> bool:
    if entry.kind.in_vhost:
        return entry.identity["vhost"] in vhosts
    return entry.kind.name != "vhost" or entry.object in vhosts


def _of_a_connection(entry: Observed, broker: Broker) -> bool:
    """Exclusive queues end with their connection, and so do their bindings: nobody can declare them."""
    concerned = [entry.key, *entry.kind.keys_needed(entry.identity)]
    return any(broker.objects[key].extra.get("exclusive") for key in concerned if key in broker.objects)
