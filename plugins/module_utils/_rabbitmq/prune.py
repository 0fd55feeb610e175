# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What prune may delete: what exists in its scope, is not declared, and belongs to nobody else. And exceptions that fit nothing.

Private to this collection. Pure.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass
from urllib.parse import unquote

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, first
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.bindings import BINDING
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Declared, Kind, Observed, vhost_in_names

Declarations = t.Mapping[Key, Declared]


@dataclass(frozen=True)
class Prune:
    """Kinds to prune, shell patterns of object names to leave alone, and how many deletions are too many.

    `allow_loss`: objects, as "queue VHOST/NAME" or "vhost NAME", that may be deleted with their messages.
    """

    kinds: tuple[Kind, ...] = ()
    ignore: tuple[str, ...] = ()
    limit: int = 10
    allow_loss: tuple[str, ...] = ()


def prunable(declarations: Declarations, broker: Broker, options: Prune) -> list[Observed]:
    """What exists in the scope of `prune`, is not declared, and may be deleted."""
    return [entry for entry in _candidates(declarations, broker, options) if not _obstacle(entry, broker)]


def problems(declarations: Declarations, broker: Broker, options: Prune, pruned: t.Sequence[Observed]) -> t.Iterator[Problem]:
    """More deletions than the limit; and exceptions that fit nothing, where they miss an object that is to go or can fit none at all."""
    if len(pruned) > options.limit:
        names = first([f"{entry.kind.name} {entry.object}" for entry in pruned])
        message = f"prune would delete {len(pruned)} objects ({names}), more than prune_limit ({options.limit})"
        remedy = "check whether they may be deleted, then raise prune_limit, or name them in prune_ignore"
        yield Problem("prune.limit", message, remedy=remedy)
    vhosts = _vhosts(declarations, broker)
    for pattern in _unfitting_patterns(broker, options):
        missed = next((entry for entry in pruned if _nearly_fits(pattern, entry)), None)
        message = f"{pattern!r} fits no object"
        if missed is not None:
            message += f", and prune would delete {missed.kind.name} {missed.object}, which it may mean"
            yield Problem("prune.exception", message, field="prune_ignore", remedy=f"write it as in {missed.object!r}, or remove it")
        elif _misspelt(pattern, vhosts):
            yield Problem("prune.exception", f"{message}: {_SPELLING}", field="prune_ignore", remedy="correct or remove it")
    for entry in options.allow_loss:
        kind, dummy, name = entry.partition(" ")
        if (kind, "/" in name) not in (("queue", True), ("vhost", True), ("vhost", False)) or not name:
            message, remedy = f"{entry!r} names no queue or vhost", "write it as 'queue VHOST/NAME' or 'vhost NAME'"
            yield Problem("loss.exception", message, field="allow_message_loss", remedy=remedy)
        elif kind == "queue" and _misspelt(name, vhosts):
            yield Problem(
                "loss.exception", f"{entry!r} fits no object: {_SPELLING}", field="allow_message_loss", remedy="correct or remove it"
            )


def warnings(declarations: Declarations, broker: Broker, options: Prune) -> t.Iterator[str]:
    """What of these options has no effect, and what prune leaves alone although nobody declares it."""
    for option, texts in (
        ("prune_ignore", _unfitting_patterns(broker, options)),
        ("allow_message_loss", _absent(declarations, broker, options)),
    ):
        if texts:
            yield f"{option}: {first(list(map(repr, texts)))} fits no object: correct it, or remove it if the object is gone for good"
    present = [entry for entry in declarations.values() if entry.present]
    idle = [kind.option for kind in options.kinds if not any(entry.kind is kind for entry in present)]
    if idle:
        yield f"prune: {first(idle)} is not pruned, because nothing of it is declared"
    elif any(kind.in_vhost for kind in options.kinds) and not any(entry.kind.name == "vhost" for entry in present):
        yield "prune: objects in vhosts are not pruned, because no vhost is declared under vhosts"
    spared: dict[str, list[str]] = {}
    for entry in _candidates(declarations, broker, options):
        obstacle = _obstacle(entry, broker)
        if obstacle:
            spared.setdefault(obstacle, []).append(f"{entry.kind.name} {entry.object}")
    for obstacle, names in spared.items():
        yield f"prune leaves {first(names)} alone: {obstacle}"


def _candidates(declarations: Declarations, broker: Broker, options: Prune) -> t.Iterator[Observed]:
    """What is undeclared in the scope of `prune`, and neither in use by what is declared, nor the broker's, nor an application's."""
    if not options.kinds:
        return
    present = [entry for entry in declarations.values() if entry.present]
    vhosts = {entry.object for entry in present if entry.kind.name == "vhost"}
    theirs = {entry.key for entry in broker.objects.values() if entry.kind.temporary(entry)}
    consumed = broker.consumed - declarations.keys()
    # What a declared object stands on is in use, declared itself or not.
    stay = theirs.union(key for entry in present for key in references.in_use(entry))
    # Deleting an exchange deletes its bindings: those of applications must stay, and so must what they bind.
    for entry in broker.of_kind(BINDING):
        ends = BINDING.keys_needed(entry.identity)
        if ends & theirs:
            stay |= ends | {entry.key}
        elif ends & consumed:
            stay |= (ends | {entry.key}) - consumed
    for kind in options.kinds:
        # A list that is empty by mistake must not empty the broker.
        if not any(entry.kind is kind for entry in present):
            continue
        for entry in broker.of_kind(kind):
            scoped = not kind.in_vhost or entry.identity["vhost"] in vhosts
            if scoped and entry.key not in declarations and entry.key not in stay and not _kept(entry, broker, options):
                yield entry


def _obstacle(entry: Observed, broker: Broker) -> str:
    """Why this must not be deleted by prune, for a person who wonders; empty where it may."""
    if entry.key in broker.consumed:
        return "it has consumers"
    return "its name cannot be part of a request" if entry.kind.unaddressable(entry.identity) else ""


def _kept(entry: Observed, broker: Broker, options: Prune) -> bool:
    """Whether prune must leave this alone: the connecting user and its rights, the broker's own objects, the user's exceptions."""
    own = broker.user == (entry.object if entry.kind.name == "user" else entry.identity.get("user"))
    if own or "protected" in entry.fields.get("tags", ()) or entry.kind.builtin(entry.identity):
        return True
    return any(fnmatch.fnmatchcase(entry.object, pattern) for pattern in options.ignore)


# Exceptions that fit nothing

_SPELLING = "names are not percent-encoded before their last slash, and objects in the vhost '/' are named as in '/NAME'"


def _unfitting_patterns(broker: Broker, options: Prune) -> list[str]:
    """The patterns that fit no object of the kinds to prune, in any vhost that was read."""
    names = [entry.object for kind in options.kinds for entry in broker.of_kind(kind)]
    return [pattern for pattern in options.ignore if options.kinds and not fnmatch.filter(names, pattern)]


def _nearly_fits(pattern: str, entry: Observed) -> bool:
    """Whether the pattern differs from the name only in letter case, encoding, the vhost or the kind before it."""
    if not re.sub(r"\[[^]]*\]|[*?]", "", pattern):
        return False  # it has no text of its own, such as [!a]*, and would fit nearly everything
    loose = unquote(pattern).lower()
    prefix = f"{entry.kind.name} "
    loose = (loose[len(prefix) :] if loose.startswith(prefix) else loose).lstrip("/")
    ways = (unquote(entry.object).lstrip("/"), unquote(entry.object.rpartition("/")[2]))
    return any(fnmatch.fnmatchcase(way.lower(), loose) for way in ways)


def _absent(declarations: Declarations, broker: Broker, options: Prune) -> list[str]:
    """The entries of allow_message_loss whose object neither exists nor is declared; none where its kind was not read."""
    known = {*declarations, *broker.objects, *(("vhost", name) for name in broker.vhosts)}
    read = {kind for kind, dummy in known}
    keys = {entry: (entry.partition(" ")[0], entry.partition(" ")[2]) for entry in options.allow_loss}
    return [entry for entry, key in keys.items() if key not in known and key[0] in read]


def _vhosts(declarations: Declarations, broker: Broker) -> set[str]:
    """All vhosts that are there or declared, as they begin the names of their objects."""
    return {
        vhost_in_names(name) for name in (*broker.vhosts, *(entry.object for entry in declarations.values() if entry.kind.name == "vhost"))
    }


def _misspelt(name: str, vhosts: t.Collection[str]) -> bool:
    """Whether the name or pattern of an object in a vhost is in a spelling that fits nothing: `%2Fdev/a`, or `//a` for one in `/`."""
    vhost = name.rpartition("/")[0]
    encoded = "%2f" in vhost.lower() and not fnmatch.filter(vhosts, vhost)
    return vhost == "/" or encoded
