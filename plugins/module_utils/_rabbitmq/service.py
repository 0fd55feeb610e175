# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker and all that a task declares of it, as a service of the engine. Private to this collection."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, Change, ChangeFailed, HalfDone, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, errors, manifests, observe, plan, proof, references
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client, connection, path_of
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Kind, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION, KINDS
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import Prune
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import patterns

# From this many new objects of a stage in one vhost on, one import is faster than single writes.
IMPORT_FROM = 40
# Objects in one import: small enough to stay far below the broker's limit of 20 MB, and to tell how far it got.
IMPORT_SIZE = 1000
# Seconds added to the timeout of an import for each object: a quorum queue takes the broker up to 40 ms.
PATIENCE_EACH = 0.1


class Topology(Service):
    """What rabbitmq_topology converges."""

    # Connections side by side. More do not make a broker faster.
    workers = 8
    broker: Broker

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        super().__init__()
        self.client = Client(connection(params))
        items = [*desired.items_of_lists(params), *manifests.items(params["manifests"], params["cluster_reference"])]
        self.declared = desired.declare(items)
        prune = Prune(tuple(BY_OPTION[name] for name in params["prune"]), tuple(params["prune_ignore"]), params["prune_limit"])
        self.options = plan.Options(prune, params["on_immutable_change"], params["accept_loss_window"])
        # Objects, as 'queue VHOST/NAME', whose messages may be lost.
        self.allowed = params["allow_message_loss"]
        self._alone = threading.Lock()

    def observe(self) -> None:
        """Read the kinds that are declared or pruned, and those that planning them takes."""
        self.broker = observe.connect(self.client)
        names = {entry.kind.name for entry in self.declared.values()} | {kind.name for kind in self.options.prune.kinds}
        names.update(name for kind in self.options.prune.kinds for name in kind.prune_needs)
        if self.options.on_immutable_change != "fail":
            replaced = {name for name in names if BY_NAME[name].immutable}
            names.update(kind.name for kind in KINDS if replaced & {*kind.refers_to} and self.broker.allows(kind.readers))
        # The exchanges that messages go to on their way, to warn of those that are not there.
        names.update(kind for entry in self.declared.values() for kind, dummy in references.in_use(entry))
        vhosts = {entry.identity["vhost"] for entry in self.declared.values() if entry.kind.in_vhost}
        vhosts |= {entry.object for entry in self.declared.values() if entry.kind.name == "vhost"}
        observe.read(self.client, self.broker, observe.with_related(names), vhosts)

    def plan(self) -> Plan:
        return plan.plan(self.declared, self.broker, self.options)

    def prove(self, plan: Plan) -> t.Iterable[Problem]:
        yield from patterns.problems(self.client, plan.changes, self.broker.vhosts)
        yield from proof.problems(self.client, plan, self.allowed, self.options.accept_loss_window)

    def together(self, changes: t.Sequence[Change]) -> t.Iterator[Change]:
        """Import what is new in bulk, and read back what is really there.

        The broker's import skips what it does not like and answers 204, or stops half-way and answers 400: only what is
        seen afterwards with every declared field counts as done, the rest is left to single writes, which give reasons.
        """
        groups: dict[tuple[str, str], list[Change]] = {}
        for change in changes:
            if change.action == "create" and BY_NAME[change.kind].imported and self.broker.administrator:
                groups.setdefault((change.kind, change.identity["vhost"]), []).append(change)
        for (kind, vhost), group in sorted(groups.items()):
            if len(group) >= IMPORT_FROM:
                yield from self._import(BY_NAME[kind], vhost, group)

    def _import(self, kind: Kind, vhost: str, group: list[Change]) -> list[Change]:
        for start in range(0, len(group), IMPORT_SIZE):
            part = group[start : start + IMPORT_SIZE]
            body = {kind.option: [_definition(kind, change) for change in part]}
            try:
                self.client.post(("definitions", vhost), body, patience=PATIENCE_EACH * len(part))
            except (errors.BrokerError, errors.TimedOut):
                continue
        try:
            rows = self.client.get(kind.listing, vhost, **kind.query)
        except errors.BrokerError:
            return []
        except errors.TimedOut as error:
            # Sent, and nobody left to ask what became of it.
            raise errors.CannotConnect(str(error)) from error
        there = {entry.key: entry.fields for row in rows for entry in kind.observed(row)}
        return [
            change
            for change in group
            if change.key in there and all(kind.equal(value, there[change.key][name]) for name, value in change.payload.items())
        ]

    def write(self, change: Change) -> Change:
        kind = BY_NAME[change.kind]
        try:
            with self._alone if change.action in kind.alone else contextlib.nullcontext():
                if change.action == "replace":
                    self._replace(kind, change)
                elif change.action == "delete":
                    kind.delete(self.client, change, f"{change.kind} {change.object}" in self.allowed)
                else:
                    kind.put(self.client, change.identity, change.payload)
        except Refused as refusal:  # a name that no URL can carry, and that another client made
            raise ChangeFailed(str(refusal)) from refusal
        return change

    def _replace(self, kind: Kind, change: Change) -> None:
        """Delete, declare anew, and restore the bindings and topic permissions that were deleted with it."""
        former = replace(change, payload=self.broker.objects[change.key].extra)
        kind.delete(self.client, former, if_unused=not self.options.accept_loss_window)
        try:
            refusal = self._restore(kind, change)
        except WRITE_ERRORS as error:
            names = ", ".join(entry.object for entry in change.payload.lost if entry.kind.name == "binding") or "it had none"
            what = f"{error}; {kind.name} {change.object} was being recreated, check that its bindings exist: {names}"
            raise (errors.TimedOut if isinstance(error, errors.TimedOut) else HalfDone)(what) from error
        if refusal is not None:
            raise ChangeFailed(f"{refusal} It was restored as it was, with its bindings.") from refusal

    def _restore(self, kind: Kind, change: Change) -> ChangeFailed | None:
        """Declare the object as wanted, or as it was where the broker refuses that; the refusal."""
        refusal = None
        try:
            kind.put(self.client, change.identity, change.payload.fields)
        except ChangeFailed as error:
            refusal = error
            kind.put(self.client, change.identity, self.broker.objects[change.key].fields)
        for entry in change.payload.lost:
            entry.kind.put(self.client, entry.identity, entry.fields)
        return refusal


def _definition(kind: Kind, change: Change) -> Values:
    """The change as an entry of a definitions file. Refused for a name that no URL can carry."""
    path_of(kind.segments(change.identity))
    return {**kind.body(change.payload), **{name: value for name, value in change.identity.items() if name != "vhost"}}
