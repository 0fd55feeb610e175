# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the broker, as the lists that rabbitmq_topology takes. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import observe, references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client, connection
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Kind, Observed, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS

_UNREADABLE = "grant the user a permission in it, or name the vhosts to read in vhosts"


def info(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of rabbitmq_info; Refused where a kind or vhost asked for cannot be seen."""
    client = Client(connection(params))
    broker = observe.connect(client)
    absent = sorted(set(params["vhosts"] or ()) - set(broker.vhosts))
    if absent:
        message = f"does not exist, or user {broker.user!r} has no access to it"
        remedies = {name: references.not_encoded(name, broker.vhosts) or "correct vhosts" for name in absent}
        raise Refused([Problem("vhost.missing", message, f"vhost {name}", remedy=remedy) for name, remedy in remedies.items()])
    all_kinds = params["kinds"] is None
    wanted = [kind for kind in KINDS if (broker.allows(kind.readers) if all_kinds else kind.option in params["kinds"])]
    vhosts = list(broker.vhosts) if params["vhosts"] is None else params["vhosts"]
    # What binds a queue of a connection belongs to the connection too, whether queues are asked for or not.
    observe.read(client, broker, observe.with_related(kind.name for kind in wanted), vhosts, _UNREADABLE)
    return {
        "broker": {
            "version": broker.version,
            "cluster_name": broker.cluster_name,
            "exchange_types": sorted(broker.exchange_types),
            "user": broker.user,
            "user_tags": sorted(broker.tags),
        },
        "topology": {kind.option: _list(broker, kind, vhosts, params["include_secrets"]) for kind in wanted},
        "not_readable": [kind.option for kind in KINDS if kind not in wanted] if all_kinds else [],
    }


def _list(broker: Broker, kind: Kind, vhosts: t.Collection[str], secrets: bool) -> list[Values]:
    entries = [
        entry
        for entry in broker.of_kind(kind)
        if not kind.builtin(entry.identity)
        and (kind.name != "vhost" or entry.object in vhosts)
        and (not kind.in_vhost or entry.identity["vhost"] in vhosts)
        and not _undeclarable(entry, broker)
    ]
    return [kind.exported(entry, secrets) for entry in sorted(entries, key=lambda entry: entry.object)]


def _undeclarable(entry: Observed, broker: Broker) -> bool:
    """Whether this, or what it needs, is nobody's to declare."""
    concerned = [entry.key, *entry.kind.keys_needed(entry.identity)]
    return any(broker.objects[key].kind.undeclarable(broker.objects[key]) for key in concerned if key in broker.objects)
