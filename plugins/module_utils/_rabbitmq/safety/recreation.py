# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recreation must bring back, kept in the broker until all is back. Private to this collection.

A deleted queue or exchange takes bindings with it that no task declares. If the module, or the broker, is killed before they are
restored, the next run finds the record and finishes. It is an exchange, which whoever may declare the object may mostly declare too: its
name begins with the object's.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import records
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Observed, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME


class Replacement(t.NamedTuple):
    """The payload of a replacement: all fields of the new object and of the former one, and the objects that are deleted with it and are
    restored. `unfinished`: whether an earlier run began it."""

    fields: Values
    former: Values
    lost: t.Sequence[Observed]
    unfinished: bool = False


def place(change: Change) -> dict[str, str]:
    """The vhost and name of the record."""
    name = change.identity["name"]
    digest = hashlib.sha256(f"{change.kind} {name}".encode()).hexdigest()[:8]
    # At most 255 bytes.
    return {"vhost": change.identity["vhost"], "name": f"{name[:50]}.recreated-{digest}"}


def keep(client: Client, change: Change) -> None:
    """Write the record. ChangeFailed if the broker refuses it; nothing else was written then."""
    lost = [[entry.kind.name, entry.identity, entry.fields] for entry in change.payload.lost]
    record = {
        "kind": change.kind,
        "identity": change.identity,
        "fields": change.payload.fields,
        "former": change.payload.former,
        "lost": lost,
    }
    where = place(change)
    try:
        client.put(records.RECORD.segments(where), records.body(json.dumps(record, sort_keys=True)))
    except ChangeFailed as error:
        raise ChangeFailed(f"{error} Its bindings cannot be kept in exchange {where['name']} while it is recreated.") from error


def forget(client: Client, change: Change) -> None:
    client.delete(records.RECORD.segments(place(change)))


def unfinished(broker: Broker) -> t.Iterator[Change]:
    """The changes that finish what earlier runs began. `broker` is from then on as it will be afterwards."""
    for entry in list(broker.of_kind(records.RECORD)):
        del broker.objects[entry.key]
        try:
            record = json.loads(entry.fields["text"])
            kind = BY_NAME[record["kind"]]
            lost = [BY_NAME[name].entry(identity, fields) for name, identity, fields in record["lost"]]
            payload = Replacement(record["fields"], record["former"], lost, unfinished=True)
            whole = kind.entry(record["identity"], {**record["former"], **record["fields"]})
        except (ValueError, KeyError, TypeError):
            continue  # not ours
        missing = [other for other in [whole, *lost] if other.key not in broker.objects]
        differences = tuple(Difference(other.kind.name, None, other.object) for other in missing)
        if kind.name == "queue":
            whole.extra.update(exclusive=False, type=whole.fields.get("type"))
        broker.objects.update((other.key, other) for other in missing)
        yield Change(kind.name, whole.object, whole.identity, "replace", differences, kind.stage, payload=payload)


def restore(client: Client, change: Change) -> ChangeFailed | None:
    """Declare the object as wanted, or as it was where the broker refuses that, and what was deleted with it; the refusal."""
    kind, payload = BY_NAME[change.kind], change.payload
    refusal: ChangeFailed | None = None
    try:
        kind.put(client, change.identity, payload.fields)
    except errors.Inequivalent as error:
        if not payload.unfinished:  # else it was never deleted
            raise
        refusal = error
    except ChangeFailed as error:
        refusal = error
        kind.put(client, change.identity, payload.former)
    for entry in payload.lost:
        try:
            entry.kind.put(client, entry.identity, entry.fields)
        except errors.NotFound:
            if not payload.unfinished:  # else its other end is gone since then
                raise
    return refusal
