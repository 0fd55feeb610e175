# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What prune may delete: what exists in its scope, is not declared, and belongs to nobody else.

Private to this collection. Pure.
"""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.bindings import BINDING
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Declared, Kind, Observed


@dataclass(frozen=True)
class Prune:
    """Kinds to prune, shell patterns of object names to leave alone, and how many deletions are too many."""

    kinds: tuple[Kind, ...] = ()
    ignore: tuple[str, ...] = ()
    limit: int = 10


def prunable(declarations: t.Mapping[Key, Declared], broker: Broker, options: Prune) -> t.Iterator[Observed]:
    """What exists in the scope of `prune`, is not declared, and may be deleted."""
    if not options.kinds:
        return
    present = [entry for entry in declarations.values() if entry.present]
    vhosts = {entry.object for entry in present if entry.kind.name == "vhost"}
    temporary = {entry.key for entry in broker.objects.values() if entry.kind.temporary(entry)}
    # What a declared object stands on is in use, declared itself or not.
    stay = temporary.union(key for entry in present for key in references.in_use(entry))
    # Deleting an exchange deletes its bindings: those of applications must stay, and so must what they bind.
    for entry in broker.of_kind(BINDING):
        ends = BINDING.keys_needed(entry.identity)
        if ends & temporary:
            stay |= ends | {entry.key}
    for kind in options.kinds:
        # A list that is empty by mistake must not empty the broker.
        if not any(entry.kind is kind for entry in present):
            continue
        for entry in broker.of_kind(kind):
            scoped = not kind.in_vhost or entry.identity["vhost"] in vhosts
            if scoped and entry.key not in declarations and entry.key not in stay and not _kept(entry, broker, options):
                yield entry


def excess(pruned: t.Sequence[Observed], options: Prune) -> t.Iterator[Problem]:
    """Refuses more deletions than the limit."""
    if len(pruned) > options.limit:
        names = ", ".join(f"{entry.kind.name} {entry.object}" for entry in pruned[:5])
        message = f"prune would delete {len(pruned)} objects ({names}, ...), more than prune_limit ({options.limit})"
        remedy = "check whether they may be deleted, then raise prune_limit, or name them in prune_ignore"
        yield Problem("prune.limit", message, remedy=remedy)


def _kept(entry: Observed, broker: Broker, options: Prune) -> bool:
    """Whether prune must leave this alone: the connecting user and its rights, the broker's own objects, the user's exceptions."""
    own = broker.user == (entry.object if entry.kind.name == "user" else entry.identity.get("user"))
    if own or "protected" in entry.fields.get("tags", ()) or entry.kind.builtin(entry.identity):
        return True
    return any(fnmatch.fnmatchcase(entry.object, pattern) for pattern in options.ignore)
