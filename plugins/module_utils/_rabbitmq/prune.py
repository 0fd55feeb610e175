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
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds, references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import Declared
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import Kind
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.observe import Broker, Observed, is_builtin


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
    vhosts = {entry.identity["name"] for entry in declarations.values() if entry.kind is kinds.VHOST and entry.present}
    applications = {entry.key for entry in broker.objects.values() if _of_an_application(entry)}
    # What a declared object stands on is in use, declared itself or not.
    needed = {key for entry in declarations.values() if entry.present for key in references.in_use(entry)}
    # An exchange takes its bindings along: those of applications must stay.
    bound = [references.keys_needed(entry.kind, entry.identity) for entry in broker.of_kind(kinds.BINDING)]
    needed = needed.union(*(ends for ends in bound if ends & applications))
    for kind in options.kinds:
        # A list that came out empty by mistake must not empty the broker.
        if not any(entry.kind is kind and entry.present for entry in declarations.values()):
            continue
        for entry in broker.of_kind(kind):
            scoped = not kind.in_vhost or entry.identity["vhost"] in vhosts
            if scoped and entry.key not in declarations and entry.key not in needed and not _kept(entry, broker, applications, options):
                yield entry


def excess(pruned: t.Sequence[Observed], options: Prune) -> str | None:
    """The words that refuse more deletions than the limit."""
    if len(pruned) <= options.limit:
        return None
    names = ", ".join(f"{entry.kind.name} {entry.object}" for entry in pruned[:5])
    return (
        f"prune would delete {len(pruned)} objects ({names}, ...), more than prune_limit ({options.limit}): "
        "see whether they are to go, then raise prune_limit or name them in prune_ignore"
    )


def _kept(entry: Observed, broker: Broker, applications: set[Key], options: Prune) -> bool:
    """Whether prune must leave this alone: ourselves, the broker's own, the applications', the user's exceptions."""
    identity = entry.identity
    if broker.user in (identity.get("user"), identity["name"] if entry.kind is kinds.USER else None):
        return True
    if "protected" in entry.fields.get("tags", ()):
        return True
    if is_builtin(entry) or entry.key in applications:
        return True
    if entry.kind is kinds.BINDING and any(key in applications for key in references.keys_needed(entry.kind, identity)):
        return True
    return any(fnmatch.fnmatchcase(entry.object, pattern) for pattern in options.ignore)


def _of_an_application(entry: Observed) -> bool:
    """Exclusive, auto-delete and server-named objects come and go with the application that made them."""
    if entry.kind not in (kinds.EXCHANGE, kinds.QUEUE):
        return False
    server_named = entry.kind is kinds.QUEUE and is_builtin(entry)
    return bool(entry.extra.get("exclusive") or entry.fields["auto_delete"] or server_named)
