# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker and all that a task declares of it, as a service of the engine. Private to this collection."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, Change, ChangeFailed, HalfDone, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import (
    desired,
    errors,
    observe,
    passwords,
    plan,
    proof,
    prune,
    references,
)
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client, connection, path_of
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.declared import definitions, manifests
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Kind, Observed, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION, KINDS
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.safety import recreation
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
        warn = self.warnings.append
        items = [
            *desired.items_of_lists(params),
            *manifests.items(params["manifests"], params["cluster_reference"], params["credentials"], warn),
            *definitions.items(params["definitions"], params["vhost"], warn),
        ]
        self.declared = desired.declare(items)
        kinds, exceptions = tuple(BY_OPTION[name] for name in params["prune"]), (params["prune_ignore"], params["allow_message_loss"])
        chosen = prune.Prune(kinds, tuple(exceptions[0]), params["prune_limit"], tuple(exceptions[1]))
        self.options = plan.Options(chosen, params["on_immutable_change"], params["accept_loss_window"])
        # Objects, as 'queue VHOST/NAME', whose messages may be lost.
        self.allowed = chosen.allow_loss
        self._alone = threading.Lock()

    def observe(self) -> None:
        """Read the kinds that are declared or pruned, and those that planning them takes."""
        self.broker = observe.connect(self.client)
        names = {entry.kind.name for entry in self.declared.values()} | {kind.name for kind in self.options.prune.kinds}
        names.update(name for kind in self.options.prune.kinds for name in kind.prune_needs)
        if "queue" in names:  # what an interrupted recreation of it left is in an exchange
            names.add("exchange")
        if self.options.on_immutable_change != "fail":
            replaced = {name for name in names if BY_NAME[name].immutable}
            names.update(kind.name for kind in KINDS if replaced & {*kind.refers_to} and self.broker.allows(kind.readers))
        # The exchanges that messages go to on their way, to warn of those that are not there.
        if "exchange" not in names and any(map(references.goes_on_to, self.declared.values())):
            names.add("exchange")
        vhosts = {entry.identity["vhost"] for entry in self.declared.values() if entry.kind.in_vhost}
        vhosts |= {entry.object for entry in self.declared.values() if entry.kind.name == "vhost"}
        observe.read(self.client, self.broker, observe.with_related(names), vhosts)
        if any(entry.kind.deprecated(entry) for entry in self.declared.values()):
            observe.read_denied(self.client, self.broker)
        if any(kind.prune_needs or kind.name == "binding" for kind in self.options.prune.kinds):
            observe.read_consumers(self.client, self.broker)

    def prepare(self) -> t.Iterable[Change]:
        return list(recreation.unfinished(self.broker))

    def plan(self) -> Plan:
        self.warnings += references.warnings(self.declared, self.broker)
        self.warnings += prune.warnings(self.declared, self.broker, self.options.prune)
        return plan.plan(self.declared, self.broker, self.options, self.warnings.append)

    def prove(self, plan: Plan) -> t.Iterable[Problem]:
        yield from patterns.problems(self.client, plan.changes, self.broker.vhosts)
        yield from proof.problems(self.client, plan, self.declared, self.allowed, self.options.accept_loss_window)

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
        there = observe.entries(kind, rows)
        done = [change for change in group if _as_wanted(kind, change, there)]
        missing = [change for change in group if change.key not in there]
        if missing:
            self._majority(kind, missing[0])
        return done

    def _majority(self, kind: Kind, change: Change) -> None:
        """Raises TimedOut if the broker cannot write now. Then what it imported, and said nothing of, may still come."""
        try:
            kind.put(self.client, change.identity, change.payload)
        except ChangeFailed:
            return

    def write(self, change: Change) -> Change:
        try:
            self._write(change)
        except Refused as refusal:  # a name that no URL can carry, and that another client made
            raise ChangeFailed(str(refusal)) from refusal
        except errors.Doubtful as error:
            self._look(change, error)
        except (errors.WrongCredentials, errors.TimedOut) as error:
            # After a broken connection the second attempt may be refused because the first one changed the password.
            if change.kind == "user" and change.object == self.broker.user:
                return self._connected_anew(change, error)
            if isinstance(error, errors.WrongCredentials):
                self.again = "correct the credentials before you run the task again"
            raise
        return change

    def _write(self, change: Change) -> None:
        kind = BY_NAME[change.kind]
        with self._alone if change.action in kind.alone else contextlib.nullcontext():
            if change.action == "replace":
                self._replace(kind, change)
            elif change.action == "delete":
                pruned = change.key not in self.declared
                kind.delete(self.client, change, f"{change.kind} {change.object}" in self.allowed, if_unused=pruned)
            else:
                kind.put(self.client, change.identity, change.payload)

    def _connected_anew(self, change: Change, error: Exception) -> Change:
        """The change of the connecting user, if its new password proves that it was made."""
        stored = None if change.action == "delete" else change.payload["password"].reveal()
        if isinstance(stored, passwords.Password) and self.client.adopt(stored.text):
            return change
        self.again = f"if the broker does not accept the credentials any more, user {change.object} was changed: connect with its new ones"
        raise errors.TimedOut(str(error)) from error

    def _look(self, change: Change, error: errors.Doubtful) -> None:
        """Return if the change was made, whatever the broker said of it. Raises the refusal, or Doubtful where it may still be made."""
        kind = BY_NAME[change.kind]
        if change.action == "replace":
            raise error
        there = self._there(kind, change.identity.get("vhost"))
        if there is None:
            raise error
        if change.key not in there if change.action == "delete" else _as_wanted(kind, change, there):
            return
        # What crashed is over. What a store without a majority, or a proxy, did not wait for may still come.
        raise error.refusal if isinstance(error.refusal, errors.Crashed) else error

    def _there(self, kind: Kind, vhost: str | None) -> dict[Key, Observed] | None:
        """The objects of the kind; None if they cannot be read."""
        try:
            rows = self.client.get(kind.listing, *([vhost] if vhost is not None and kind.per_vhost else []), **kind.query)
        except WRITE_ERRORS:
            return None
        return observe.entries(kind, rows)

    def _replace(self, kind: Kind, change: Change) -> None:
        """Delete, declare anew, and restore the bindings and topic permissions that were deleted with it."""
        if change.payload.lost and not change.payload.unfinished:
            recreation.keep(self.client, change)
        refusal, restored = None, " It was restored as it was, with its bindings."
        try:
            if not change.payload.unfinished:
                former = replace(change, payload=self.broker.objects[change.key].extra)
                try:
                    kind.delete(self.client, former, if_unused=not self.options.accept_loss_window)
                except ChangeFailed as error:
                    refusal, restored = error, ""
            if refusal is None:
                refusal = recreation.restore(self.client, change)
            if change.payload.lost:
                recreation.forget(self.client, change)
        except WRITE_ERRORS as error:
            bindings = f", and its bindings are kept in exchange {recreation.place(change)['name']}" if change.payload.lost else ""
            what = f"{error}; {kind.name} {change.object} was being recreated{bindings}"
            raise (errors.TimedOut if isinstance(error, errors.TimedOut) else HalfDone)(what) from error
        if refusal is not None and not change.payload.unfinished:
            raise ChangeFailed(f"{refusal}{restored}") from refusal


def _as_wanted(kind: Kind, change: Change, there: t.Mapping[Key, Observed]) -> bool:
    observed = there.get(change.key)
    return observed is not None and all(
        kind.equal(value, observed.fields[name]) for name, value in change.payload.items() if value is not None
    )


def _definition(kind: Kind, change: Change) -> Values:
    """The change as an entry of a definitions file. Refused for a name that no URL can carry."""
    path_of(kind.segments(change.identity))
    return {**kind.body(change.payload), **{name: value for name, value in change.identity.items() if name != "vhost"}}
