# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the broker, read in bulk: one request for each kind, however many objects. Private to this collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key, Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors, kinds, passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import Kind, Row, Values

# A kind is planned with these others in sight: what it refers to, and what goes when it goes.
_SEEN_WITH: dict[str, tuple[str, ...]] = {
    "binding": ("exchange", "queue"),
    "topic_permission": ("user", "exchange"),
    "permission": ("user",),
    "user_limit": ("user",),
}
_LISTED_BY_VHOST = ("exchange", "queue", "binding", "policy", "operator_policy")


@dataclass(frozen=True)
class Observed:
    """One object as it is. `extra`: what is not declared and yet decides, such as `exclusive` or `properties_key`."""

    kind: Kind
    object: str
    identity: Values
    fields: Values
    extra: Values = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.kind.name, self.object)


@dataclass
class Broker:
    """The broker and the objects that were read, by key. `vhosts` are those the user can reach."""

    version: str
    cluster_name: str
    exchange_types: frozenset[str]
    user: str
    tags: frozenset[str]
    vhosts: dict[str, Values]
    objects: dict[Key, Observed] = field(default_factory=dict)

    @property
    def has_default_queue_type(self) -> bool:
        """Vhosts have a default queue type since 3.11."""
        return tuple(int(part) for part in self.version.split(".")[:2]) >= (3, 11)

    @property
    def lists_unreachable_vhosts(self) -> bool:
        """The tag monitoring lists all vhosts, those too whose objects then read as none."""
        return "monitoring" in self.tags and not self.administrator

    @property
    def administrator(self) -> bool:
        return "administrator" in self.tags

    def of_kind(self, kind: Kind) -> t.Iterator[Observed]:
        return (entry for entry in self.objects.values() if entry.kind is kind)


def connect(client: Client) -> Broker:
    """The broker without its objects: three requests."""
    overview = client.overview()
    me = client.get("whoami")
    rows = client.get("vhosts", columns="name,description,tags,default_queue_type,tracing")
    tags = me.get("tags", [])
    return Broker(
        version=str(overview.get("rabbitmq_version", overview.get("product_version", "0.0"))),
        cluster_name=str(overview.get("cluster_name", "")),
        exchange_types=frozenset(entry["name"] for entry in overview.get("exchange_types", ())),
        user=str(me["name"]),
        tags=frozenset(tags.split(",") if isinstance(tags, str) else tags),
        vhosts={row["name"]: row for row in rows},
    )


def with_related(wanted: t.Iterable[Kind]) -> list[Kind]:
    """The kinds to read so that these can be planned, in the table's order."""
    names = {kind.name for kind in wanted}
    for name in list(names):
        names.update(_SEEN_WITH.get(name, ()))
    return [kind for kind in kinds.KINDS if kind.name in names]


def read(client: Client, broker: Broker, wanted: t.Sequence[Kind], vhosts: t.Collection[str]) -> None:
    """Read those kinds into `broker`: of the one vhost, if only one of these exists, else of all.

    Refused where the user lacks the right to see a kind, since an empty answer would look like absence.
    """
    require_tags(broker, wanted, "read")
    existing = [vhost for vhost in vhosts if vhost in broker.vhosts]
    for kind in wanted:
        if kind is kinds.VHOST:
            rows: t.Iterable[Row] = broker.vhosts.values()
        elif kind.in_vhost and not existing:
            rows = ()
        elif kind.name in _LISTED_BY_VHOST and (len(existing) == 1 or broker.lists_unreachable_vhosts):
            rows = [row for vhost in existing for row in _of_vhost(client, broker, kind, vhost)]
        else:
            rows = client.get(kind.listing, **kind.query)
        for row in rows:
            for entry in objects_of(kind, row):
                broker.objects[entry.key] = entry


def _of_vhost(client: Client, broker: Broker, kind: Kind, vhost: str) -> t.Iterable[Row]:
    try:
        return t.cast("t.Iterable[Row]", client.get(kind.listing, vhost, **kind.query))
    except (errors.MissingRights, errors.NotFound) as error:
        reason = f"user {broker.user!r} cannot read its {kind.option} (HTTP {error.status}, {error.reason})"
        raise Refused([f"vhost {vhost!r}: {reason}: grant the user a permission in it"]) from error


def require_tags(broker: Broker, wanted: t.Iterable[Kind], verb: str) -> None:
    problems = []
    for kind in wanted:
        needed = kind.readers if verb == "read" else kind.writers
        if needed and not needed & broker.tags:
            problems.append(
                f"user {broker.user!r} has the tags {sorted(broker.tags) or 'none'}: to {verb} {kind.option} "
                f"it needs the tag {' or '.join(sorted(needed))}"
            )
    if problems:
        raise Refused(problems)


def objects_of(kind: Kind, row: Row) -> t.Iterator[Observed]:
    """The objects that one row of a listing holds: one, or for limits one each."""
    if kind in (kinds.VHOST_LIMIT, kinds.USER_LIMIT):
        owner = kind.identity[0]
        limits = row["value"] or {}  # an empty Erlang list where there are none
        for name, value in limits.items():
            yield _observed(kind, {owner: row[owner], "name": name}, {"value": value})
    elif kind is kinds.BINDING:
        if row["source"]:
            identity = {part: row[part] for part in kind.identity}
            yield _observed(kind, identity, {}, {"properties_key": row["properties_key"]})
    else:
        identity = {part: row[part] for part in kind.identity}
        yield _observed(kind, identity, *_SPECIAL.get(kind.name, _plain)(kind, row))


def is_builtin(entry: Observed) -> bool:
    """Whether the broker made this for itself: the default exchange, and all that is named amq. something."""
    name = entry.identity.get("name", "")
    return entry.kind in (kinds.EXCHANGE, kinds.QUEUE) and (not name or name.startswith("amq."))


def _observed(kind: Kind, identity: Values, fields: Values, extra: Values | None = None) -> Observed:
    return Observed(kind, kind.object(identity), identity, fields, extra or {})


def _plain(kind: Kind, row: Row) -> tuple[Values, Values]:
    return {entry.name: row[entry.api] for entry in kind.fields}, {}


def _vhost(dummy: Kind, row: Row) -> tuple[Values, Values]:
    queue_type = row.get("default_queue_type")
    fields = {
        "description": row.get("description") or "",
        "tags": sorted(row.get("tags") or []),
        "default_queue_type": None if queue_type == "undefined" else queue_type,
        "tracing": bool(row.get("tracing")),
    }
    return fields, {}


def _user(dummy: Kind, row: Row) -> tuple[Values, Values]:
    tags = row["tags"].split(",") if isinstance(row["tags"], str) else row["tags"]
    stored = passwords.Hash(row["password_hash"], row["hashing_algorithm"])
    return {"tags": sorted(tag for tag in tags if tag), "password": Secret(stored)}, {}


def _queue(dummy: Kind, row: Row) -> tuple[Values, Values]:
    arguments = {name: value for name, value in row["arguments"].items() if name != "x-queue-type"}
    fields = {
        "type": row["type"],
        "durable": row["durable"],
        "auto_delete": row["auto_delete"],
        "arguments": arguments,
    }
    return fields, {"exclusive": bool(row.get("exclusive")), "type": row["type"]}


_SPECIAL: dict[str, t.Callable[[Kind, Row], tuple[Values, Values]]] = {
    "vhost": _vhost,
    "user": _user,
    "queue": _queue,
}
