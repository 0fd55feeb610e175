# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what is declared can stand beside what is on the broker. Private to this collection. Pure."""

from __future__ import annotations

import typing as t
from urllib.parse import unquote

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Declared, Values, key_of
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME

Declarations = t.Mapping[Key, Declared]

# The exchanges that the broker makes in every new vhost.
_IN_EVERY_VHOST = ("", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic", "amq.rabbitmq.trace")
# The keys of arguments and policies that name an exchange. The broker silently drops what it would send to an exchange that is missing.
_NAMING_EXCHANGES = ("x-dead-letter-exchange", "dead-letter-exchange", "alternate-exchange")


def problems(declarations: Declarations, broker: Broker) -> t.Iterator[Problem]:
    """Each declared object that names something which will not be there, or cannot be there."""
    for declared in declarations.values():
        for kind, identity in declared.kind.needs(declared.identity):
            missing = _absence(kind, identity, declared, declarations, broker) if declared.present else None
            if missing:
                yield missing
        yield from declared.kind.conflicts(declared, broker)
        if declared.present and declared.key not in broker.objects:
            yield from _dead_ends(declared, declarations, broker)


def in_use(declared: Declared) -> set[Key]:
    """What a declared object needs, and the exchanges that its messages go to."""
    return {*declared.kind.keys_needed(declared.identity), *goes_on_to(declared)}


def goes_on_to(declared: Declared) -> set[Key]:
    """The exchanges that its settings send messages on to."""
    found = set()
    for settings in declared.fields.values():
        for name in _NAMING_EXCHANGES if isinstance(settings, dict) else ():
            if isinstance(settings.get(name), str):
                found.add(key_of("exchange", {"vhost": declared.identity["vhost"], "name": settings[name]}))
    return found


def _dead_ends(declared: Declared, declarations: Declarations, broker: Broker) -> t.Iterator[Problem]:
    """Warns of exchanges that messages would go to, and that will not be there: the broker drops such messages without a word."""
    for kind, name in goes_on_to(declared) - declared.kind.keys_needed(declared.identity):
        there = declarations[kind, name].present if (kind, name) in declarations else (kind, name) in broker.objects
        new = declared.identity["vhost"] not in broker.vhosts and name.rpartition("/")[2] in _IN_EVERY_VHOST
        if not (there or new):
            message = f"its messages go to exchange {name}, which neither exists nor is declared: the broker drops them"
            yield declared.advice("reference.dead_end", message, "declare it under exchanges, or correct the name")


def _absence(kind: str, identity: Values, declared: Declared, declarations: Declarations, broker: Broker) -> Problem | None:
    """Why the object that `declared` needs will not be there; None where it will."""
    key = key_of(kind, identity)
    other = declarations.get(key)
    if other is not None:
        remedy = "remove one of the two"
        message = f"needs {kind} {key[1]}, which {other.source} declares absent"
        return None if other.present else declared.problem("reference.absent", message, remedy)
    if kind == "vhost":
        if identity["name"] in broker.vhosts:
            return None
        message = f"vhost {identity['name']!r} does not exist, or user {broker.user!r} has no access to it"
        remedy = not_encoded(identity["name"], broker.vhosts) or "declare it under vhosts, or grant the user a permission in it"
        return declared.problem("vhost.missing", message, remedy)
    new_vhost = "vhost" in identity and identity["vhost"] not in broker.vhosts
    if new_vhost and key_of("vhost", {"name": identity["vhost"]}) not in declarations:
        return None  # the missing vhost has been named
    if key in broker.objects or (new_vhost and kind == "exchange" and identity["name"] in _IN_EVERY_VHOST):
        return None
    # What the user cannot list may still be there, but the broker would refuse to bind it.
    message = f"{kind} {key[1]} neither exists nor is declared"
    hint = (declared.hint if kind == "user" else "") or _meant(kind, identity, declarations, broker)
    remedy = hint or f"declare it under {BY_NAME[kind].option}, or correct the name"
    if declared.kind.name == "topic_permission" and kind == "exchange" and not broker.is_at_least(4, 3):
        # Measured: 3.10 and 4.0 take it, 4.3 refuses it.
        return declared.advice("reference.missing", f"{message}: the permission counts once it exists", remedy)
    return declared.problem("reference.missing", message, remedy)


def not_encoded(name: str, known: t.Container[str]) -> str:
    """What to say of a name that is unknown, while it is known decoded; empty where it is not."""
    plain = unquote(name)
    return f"names are not percent-encoded here: write {plain!r}" if plain != name and plain in known else ""


def _meant(kind: str, identity: Values, declarations: Declarations, broker: Broker) -> str:
    """The same of an object that was read or declared."""
    plain = {part: unquote(value) if isinstance(value, str) else value for part, value in identity.items()}
    key = (kind, BY_NAME[kind].object(plain))
    known = plain != identity and (key in broker.objects or key in declarations)
    return (
        f"names are not percent-encoded here: write {', '.join(repr(plain[p]) for p in plain if plain[p] != identity[p])}" if known else ""
    )


def warnings(declarations: Declarations, broker: Broker) -> t.Iterator[str]:
    """Declared objects that are not there, while they are under their decoded names."""
    for declared in declarations.values():
        meant = "" if declared.key in broker.objects else _meant(declared.kind.name, declared.identity, declarations, broker)
        if meant:
            yield f"{declared}: {meant}, unless this is another object"
