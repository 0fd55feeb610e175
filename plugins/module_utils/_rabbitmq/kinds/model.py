# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind of object is: a schema, and what is done with its objects. Private to this collection.

The hooks of Kind do what is right for a plain kind: an object is read, written and deleted at its path, and every field can change in
place. A kind that differs overrides some of them.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Action, Change, Key, Secret, same
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Advice, Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import KEEP, Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client

DOCUMENTATION = r"""
# What every kind has.
options:
  vhost: The vhost of the object; O(vhost) where omitted.
  state: Whether the object must exist.
"""

Values = t.Dict[str, t.Any]  # field name to value; also an object as the API lists it

ADMINISTRATOR = frozenset({"administrator"})
POLICYMAKER = frozenset({"administrator", "policymaker"})
# Others are answered with an empty list instead of a refusal.
MONITORING = frozenset({"administrator", "policymaker", "monitoring"})
ANYBODY: frozenset[str] = frozenset()

EVERY_ACTION = frozenset({"create", "update", "replace", "delete"})
VHOST = Field("vhost")


@dataclass(frozen=True)
class Resource:
    """How the Messaging Topology Operator declares the kind.

    `defaults`: the operator's own, by our names. `without`: fields that its resource does not have. `more`: its fields that are not fields
    of the kind, with our names. `limits`: the kind that its field `limits` declares. `ignored`: fields that say what happens on deletion.
    """

    kind: str
    defaults: Values = field(default_factory=dict)
    without: tuple[str, ...] = ()
    more: t.Mapping[str, str] = field(default_factory=dict)
    limits: str = ""
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of object.

    `options`: what an item of a task has beside its identity and fields. `path`: its API path, segments in braces taken from the
    identity. `in_body`: parts of the identity that a PUT carries in its body and not in its path. `immutable`: the broker refuses any
    change of it in place. `alone`: actions that must not run beside another of them. `readers`, `writers`: the tags of which a user needs
    one. `per_vhost`: whether the API lists it for one vhost. `imported`: whether the broker's import of definitions takes it.
    `prune_needs`: kinds that must be read before it can be pruned. `elsewhere`: of a part of the identity the values that belong to
    another option, with that option; such objects are neither read nor declared here. `one_line`: parts of the identity from which the
    broker takes the line breaks, so that a request for such a name reaches another object (measured on 3.10, 4.0 and 4.3; the import of
    definitions keeps them).
    """

    name: str
    option: str
    stage: int
    identity: tuple[Field, ...]
    fields: tuple[Field, ...] = ()
    options: tuple[Field, ...] = ()
    path: tuple[str, ...] = ()
    in_body: tuple[str, ...] = ()
    immutable: bool = False
    prunable: bool = True
    alone: frozenset[Action] = frozenset({"replace"})
    readers: frozenset[str] = ANYBODY
    writers: frozenset[str] = ANYBODY
    query: t.Mapping[str, str] = field(default_factory=dict)
    per_vhost: bool = False
    imported: bool = False
    prune_needs: tuple[str, ...] = ()
    elsewhere: t.Mapping[str, t.Mapping[str, str]] = field(default_factory=dict)
    one_line: tuple[str, ...] = ()
    resource: Resource | None = None

    @functools.cached_property
    def parts(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.identity)

    @property
    def in_vhost(self) -> bool:
        return self.parts[0] == "vhost"

    @property
    def listing(self) -> str:
        return self.path[0]

    # Names and references

    def segments(self, identity: Values) -> list[str]:
        # The default exchange has the empty name everywhere but in URLs.
        return [(identity[part[1:-1]] or "amq.default") if part.startswith("{") else part for part in self.path]

    def object(self, identity: Values) -> str:
        """The name a person reads, unique among the objects of this kind."""
        words = [str(identity[part]) for part in self.parts if part != "vhost"]
        name = words[0] if len(words) == 1 else " ".join(map(word, words))
        return name_in(identity["vhost"], name) if self.in_vhost else name

    @property
    def refers_to(self) -> tuple[str, ...]:
        """The kinds, beside vhosts, of the objects that this one needs. A part of the identity is named after the kind it refers to."""
        return tuple(name for name in ("user", "exchange") if name in self.parts)

    def needs(self, identity: Values) -> t.Iterator[tuple[str, Values]]:
        """The objects, as kind and identity, without which this one cannot be."""
        if self.in_vhost:
            yield "vhost", {"name": identity["vhost"]}
        if "user" in self.parts:
            yield "user", {"name": identity["user"]}
        if identity.get("exchange"):
            yield "exchange", {"vhost": identity["vhost"], "name": identity["exchange"]}

    def keys_needed(self, identity: Values) -> frozenset[Key]:
        return frozenset(key_of(kind, other) for kind, other in self.needs(identity))

    # What a task declares

    def identity_problem(self, part: str, value: str) -> Problem | None:
        """Why no object can be named so, where that is special to the kind."""
        option = self.elsewhere.get(part, {}).get(value)
        if option:
            return Problem("declaration.elsewhere", f"{value!r} cannot be declared under {self.option}", field=part, remedy=f"use {option}")
        if part in self.one_line and _LINE_BREAKS.search(value):
            message = f"{value!r} has a line break, and the broker would store the name without it"
            return Problem("name.line_break", message, field=part, remedy="remove the line break")
        return None

    def unaddressable(self, identity: Values) -> bool:
        """Whether a request for the object, which another client made, would reach none or another one."""
        names = {part: identity[part] for part in self.parts if part not in ("routing_key", "arguments")}
        return not {".", ".."}.isdisjoint(names.values()) or any(_LINE_BREAKS.search(names[part]) for part in self.one_line)

    def problems(self, values: Values) -> t.Iterator[Problem]:
        """What is wrong with the values by themselves, beside types, choices and what is missing."""
        return iter(())

    def declared(self, values: Values) -> Values:
        """The fields that an item declares: what it gives, and the defaults of what it omits."""
        fields: Values = {}
        for entry in self.fields:
            if entry.name in values:
                value = values[entry.name]
                if entry.type == "list":  # lists of the broker are sets of words, such as tags; it trims them and drops empty ones
                    value = sorted({text.strip() for text in value} - {""})
                fields[entry.name] = Secret(value) if entry.secret else value
            elif entry.default is not KEEP:
                fields[entry.name] = copy.copy(entry.default)
        return fields

    def initial(self, values: Values) -> frozenset[str]:
        """The fields that count only when the object is created."""
        return frozenset()

    # Beside what is there

    def conflicts(self, declared: Declared, broker: Broker) -> t.Iterator[Problem]:
        """Why this broker cannot hold the object, beside objects that it needs."""
        return iter(())

    def deprecated(self, declared: Declared) -> bool:
        """Whether the object takes a deprecated feature, which a broker may not permit."""
        return False

    def irreplaceable(self, declared: Declared, observed: Observed, broker: Broker) -> Problem | None:
        """Why the object must not be deleted and declared anew."""
        return None

    def equal(self, wanted: t.Any, actual: t.Any) -> bool:
        if isinstance(wanted, Secret):
            return same(wanted.reveal(), actual.reveal())
        return same(wanted, actual)

    def builtin(self, identity: Values) -> bool:
        """Whether the broker makes the object for itself."""
        return False

    def temporary(self, entry: Observed) -> bool:
        """Whether the object comes and goes with the application or the plugin that made it."""
        return False

    def undeclarable(self, entry: Observed) -> bool:
        """Whether the object belongs to a connection or a plugin, so that nobody can or should declare it."""
        return False

    def messages(self, identity: Values) -> tuple[str, str | None] | None:
        """Where the messages are that go with the object: a vhost, and one queue of it or all."""
        return None

    # On the wire

    def observed(self, row: Values) -> t.Iterator[Observed]:
        """The objects that one row of a listing holds."""
        if not any(row[part] in values for part, values in self.elsewhere.items()):
            yield self.entry({part: row[part] for part in self.parts}, *self.read(row))

    def read(self, row: Values) -> tuple[Values, Values]:
        """The fields of a row, and what is not declared and yet decides."""
        values = {entry.name: row[entry.wire or entry.name] for entry in self.fields}
        return {entry.name: Secret(values[entry.name]) if entry.secret else values[entry.name] for entry in self.fields}, {}

    def entry(self, identity: Values, fields: Values, extra: Values | None = None) -> Observed:
        return Observed(self, self.object(identity), identity, fields, extra or {})

    def body(self, fields: Values) -> Values:
        """What to send for an object with these fields."""
        names = {entry.name: entry.wire or entry.name for entry in self.fields}
        return {names[name]: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items() if value is not None}

    def put(self, client: Client, identity: Values, fields: Values) -> None:
        segments = self.segments(identity)[: len(self.path) - len(self.in_body)]
        client.put(segments, {**self.body(fields), **{part: identity[part] for part in self.in_body}})

    def delete(self, client: Client, change: Change, loss_allowed: bool = False, if_unused: bool = False) -> None:
        """`loss_allowed`: whether its messages may be lost. `if_unused`: whether to refuse a queue that has consumers."""
        client.delete(self.segments(change.identity))

    def exported(self, entry: Observed, secrets: bool) -> Values:
        """The object as an item of a task."""
        values = {name: value for name, value in entry.fields.items() if value is not None}
        shown = {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}
        return {**entry.identity, **{name: shown[name] for name in shown if secrets or not isinstance(values[name], Secret)}}


@dataclass(frozen=True)
class _Entry:
    """One object, with the name that a person reads."""

    kind: Kind
    object: str
    identity: Values
    fields: Values

    @property
    def key(self) -> Key:
        return (self.kind.name, self.object)


@dataclass(frozen=True)
class Declared(_Entry):
    """One object as a task wants it. `fields` holds only what was declared; what is missing there stays as it is."""

    present: bool
    source: str
    # The fields that count only when the object is created.
    initial: frozenset[str] = frozenset()
    # What to do if the user that it names does not exist.
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.source} ({self.kind.name} {self.object})"

    def differing(self, observed: Observed) -> Values:
        """The declared fields that count for an object that exists, and that it does not have so."""
        counting = {name: value for name, value in self.fields.items() if name not in self.initial}
        return {name: value for name, value in counting.items() if not self.kind.equal(value, observed.fields[name])}

    def new_settings(self, field: str, broker: Broker) -> Values:
        """Of this field, a mapping, what the object does not have yet: what the broker has stored already is not judged."""
        observed = broker.objects.get(self.key)
        stored = observed.fields[field] if observed else {}
        return {name: value for name, value in self.fields.get(field, {}).items() if name not in stored or not same(value, stored[name])}

    def problem(self, code: str, message: str, remedy: str = "", field: str = "") -> Problem:
        return Problem(code, message, str(self), field, remedy)

    def advice(self, code: str, message: str, remedy: str = "", field: str = "") -> Problem:
        return Advice(code, message, str(self), field, remedy)


@dataclass(frozen=True)
class Observed(_Entry):
    """One object as it is. `extra`: what is not declared and yet decides, such as `exclusive` or `properties_key`."""

    extra: Values = field(default_factory=dict)


@dataclass
class Broker:
    """The broker and the objects that were read, by key. `vhosts`: those that the user can reach. `consumed`: queues with consumers.
    `default_queue_type`: where neither a queue nor its vhost names one. `denied`: deprecated features that may not be used."""

    version: str
    cluster_name: str
    exchange_types: frozenset[str]
    user: str
    tags: frozenset[str]
    vhosts: dict[str, Values]
    objects: dict[Key, Observed] = field(default_factory=dict)
    consumed: set[Key] = field(default_factory=set)
    default_queue_type: str = "classic"
    denied: frozenset[str] = frozenset()

    @property
    def release(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split(".")[:2])

    def is_at_least(self, *version: int) -> bool:
        """`version`: major and minor."""
        return self.release >= version

    def allows(self, tags: frozenset[str]) -> bool:
        """Whether the user has one of these tags, or none is needed."""
        return not tags or bool(tags & self.tags)

    @property
    def administrator(self) -> bool:
        return self.allows(ADMINISTRATOR)

    def of_kind(self, kind: Kind) -> t.Iterator[Observed]:
        return (entry for entry in self.objects.values() if entry.kind is kind)


def key_of(kind: str, identity: Values) -> Key:
    """The key of an object that has a name, and a vhost where it is in one."""
    return (kind, name_in(identity["vhost"], identity["name"]) if "vhost" in identity else identity["name"])


def name_in(vhost: str, name: str) -> str:
    """`VHOST/NAME`, or `/NAME` in the vhost `/`. The last slash ends the vhost: a slash in the name is written as %2F."""
    return f"{vhost_in_names(vhost)}/{_AMBIGUOUS.sub('%25', name).replace('/', '%2F')}"


def vhost_in_names(vhost: str) -> str:
    """The vhost as it begins the names of its objects."""
    return "" if vhost == "/" else vhost


_LINE_BREAKS = re.compile("[\r\n]")
# What would otherwise read as an encoded slash, or as an encoded one of these.
_AMBIGUOUS = re.compile("%(?=2F|25)")
_PLAIN = re.compile(r"[\w.:#*@+~$&=%-]+")


def word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
