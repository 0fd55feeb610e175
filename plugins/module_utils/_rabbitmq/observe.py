# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the broker, read in bulk: one request for each kind, however many objects. Private to this collection."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, first
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Kind, Observed, Values, key_of
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS

# The states, and in older releases the phases, of features that a broker does not permit.
_DENIED = ("denied", "removed", "disconnected")


@contextlib.contextmanager
def _understood(what: str) -> t.Iterator[None]:
    """A proxy may answer with JSON that is not the broker's."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"the answer does not have the form of a broker's ({type(error).__name__}: {error})"
        raise errors.NotABroker(f"reading {what}", 200, reason) from error


def entries(kind: Kind, rows: t.Iterable[Values]) -> dict[Key, Observed]:
    """The objects that the rows of a listing hold, by key."""
    with _understood(kind.option):
        return {entry.key: entry for row in rows for entry in kind.observed(row)}


def connect(client: Client) -> Broker:
    """The broker without its objects: three requests."""
    overview = client.overview()
    me = client.get("whoami")
    rows = client.get("vhosts", columns="name,description,tags,default_queue_type,tracing,protected_from_deletion")
    with _understood("overview, whoami and vhosts"):
        tags = me.get("tags", [])
        return Broker(
            version=str(overview.get("rabbitmq_version", overview.get("product_version", "0.0"))),
            cluster_name=str(overview.get("cluster_name", "")),
            exchange_types=frozenset(entry["name"] for entry in overview.get("exchange_types", ())),
            user=str(me["name"]),
            tags=frozenset(tags.split(",") if isinstance(tags, str) else tags),
            vhosts={row["name"]: row for row in rows},
            default_queue_type=str(overview.get("default_queue_type", "classic")),
        )


def read_denied(client: Client, broker: Broker) -> None:
    """Which deprecated features the broker does not permit."""
    if broker.is_at_least(4, 0):
        features = client.get("deprecated-features", columns="name,state,deprecation_phase")
        broker.denied = frozenset(entry["name"] for entry in features if entry.get("state", entry["deprecation_phase"]) in _DENIED)


def with_related(names: t.Iterable[str]) -> list[Kind]:
    """The kinds to read so that these can be planned: they, and those that they refer to, in the table's order."""
    named = set(names)
    wanted = named.union(*(kind.refers_to for kind in KINDS if kind.name in named))
    return [kind for kind in KINDS if kind.name in wanted]


def read(
    client: Client, broker: Broker, wanted: t.Sequence[Kind], vhosts: t.Collection[str], remedy: str = "grant the user a permission in it"
) -> None:
    """Read those kinds into `broker`: of the one vhost, if only one of these exists, else of all.

    Refused where the user lacks the right to see a kind, since an empty answer would look like absence. `remedy`: what to do where it
    has no access to a vhost.
    """
    require_tags(broker, wanted, "read")
    existing = [vhost for vhost in vhosts if vhost in broker.vhosts]
    for kind in wanted:
        rows = _rows(client, broker, kind, existing, remedy)
        broker.objects.update(entries(kind, rows))


def _rows(client: Client, broker: Broker, kind: Kind, existing: t.Sequence[str], remedy: str) -> t.Iterable[Values]:
    if kind.name == "vhost":  # read to know the broker
        return broker.vhosts.values()
    if kind.in_vhost and not existing:
        return ()
    try:
        # The tag monitoring lists all vhosts, also those whose objects then read as none.
        if kind.per_vhost and (len(existing) == 1 or ("monitoring" in broker.tags and not broker.administrator)):
            rows: list[Values] = []
            unreadable: list[Problem] = []
            for vhost in existing:
                try:
                    rows += client.get(kind.listing, vhost, **kind.query)
                except (errors.MissingRights, errors.NotFound) as error:
                    message = f"user {broker.user!r} cannot read its {kind.option} (HTTP {error.status}, {error.reason})"
                    unreadable.append(Problem("vhost.unreadable", message, f"vhost {vhost}", remedy=remedy))
            if unreadable:
                raise Refused(unreadable)
            return rows
        return t.cast("t.Iterable[Values]", client.get(kind.listing, **kind.query))
    except errors.BrokerError as error:
        if kind.name != "binding" or error.status != 500:
            raise
        raise Refused(_unlistable(client, broker.vhosts if len(existing) != 1 else existing, error)) from error


# Of more queues than these none is asked for.
_ASKED = 2000


def _unlistable(client: Client, vhosts: t.Iterable[str], error: errors.BrokerError) -> t.Iterator[Problem]:
    """Where the bindings are that the broker cannot list: a ~ in a key beside arguments makes it fail."""
    way_out = "remove the binding over AMQP, or delete its queue or exchange"
    found = False
    for vhost in vhosts:
        if not _lists(client, "bindings", vhost):
            found = True
            ends = list(_ends(client, vhost))
            where = first(ends) or "one of its exchanges"
            message = f"the broker cannot list its bindings, because that of {where} has a ~ in its key beside arguments"
            yield Problem("binding.unlistable", message, f"vhost {vhost}", remedy=way_out)
    if not found:
        yield Problem("binding.unlistable", f"the broker cannot list its bindings ({error})", "bindings", remedy="run the task again")


def _ends(client: Client, vhost: str) -> t.Iterator[str]:
    """The ends of the bindings that cannot be listed; only the exchange, if there are too many queues to ask for each."""
    exchanges = [row["name"] for row in client.get("exchanges", vhost, columns="name") if row["name"]]
    for source in exchanges:
        if _lists(client, "exchanges", vhost, source, "bindings", "source"):
            continue
        queues = [row["name"] for row in client.get("queues", vhost, disable_stats="true", columns="name")]
        others = [("q", name) for name in queues if len(queues) <= _ASKED] + [("e", name) for name in exchanges]
        ends = [f"{source} -> {name}" for letter, name in others if not _lists(client, "bindings", vhost, "e", source, letter, name)]
        yield from ends or [f"exchange {source}"]


def _lists(client: Client, *segments: str) -> bool:
    try:
        client.get(*segments)
    except errors.BrokerError as error:
        return error.status != 500
    except Refused:  # a name that cannot be asked for
        return True
    return True


def read_consumers(client: Client, broker: Broker) -> None:
    """Which queues have consumers. The broker counts them late: up to 8 seconds were seen on 3.10 to 4.3."""
    rows = client.get("queues", columns="vhost,name,consumers")
    broker.consumed.update(key_of("queue", {part: row[part] for part in ("vhost", "name")}) for row in rows if row.get("consumers"))


def require_tags(broker: Broker, wanted: t.Iterable[Kind], verb: str) -> None:
    """Refused unless the user has the tags that it needs to `verb` these kinds: "read" or "write"."""
    problems = []
    for kind in wanted:
        needed = kind.readers if verb == "read" else kind.writers
        if not broker.allows(needed):
            one_of, has = " or ".join(sorted(needed)), ", ".join(sorted(broker.tags)) or "none"
            message = f"user {broker.user!r} needs the tag {one_of} to {verb} {kind.option}, and has the tags: {has}"
            problems.append(Problem("rights.tag", message, kind.option, remedy="give the user the tag, or connect as another user"))
    if problems:
        raise Refused(problems)
