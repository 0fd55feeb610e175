# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes, written to the broker: singly, or through its own bulk import where that is exact.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Key, NoAnswer, Unreachable, same
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors, kinds, observe, passwords, proof
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import Values

# From this many new objects of a stage in one vhost on, one import is faster than single writes.
IMPORT_FROM = 40
# Objects in one import: small enough to stay far below the broker's limit of 20 MB, and to tell how far it got.
IMPORT_SIZE = 1000
# Seconds added to the timeout: a quorum queue takes the broker up to 40 ms, a queue dies in 4 ms with its vhost.
PATIENCE_EACH = 0.1
PATIENCE_VHOST = 300.0

_REWRITTEN_WHOLE = (kinds.VHOST.name, kinds.VHOST_LIMIT.name, kinds.USER_LIMIT.name)
_IMPORTED = (kinds.EXCHANGE, kinds.QUEUE, kinds.BINDING)


class BrokerWriter:
    """Writes changes; `allowed` are the objects, as 'queue VHOST/NAME', whose messages may be lost."""

    def __init__(self, client: Client, broker: observe.Broker, allowed: t.Collection[str], accept_loss_window: bool) -> None:
        self.client = client
        self.broker = broker
        self.allowed = allowed
        self.accept_loss_window = accept_loss_window
        self._alone = threading.Lock()

    def together(self, changes: t.Sequence[Change]) -> t.Collection[Key]:
        """Import what is new in bulk, and read back what is really there.

        The broker's import skips what it does not like and answers 204, or stops half-way and answers 400: only what is
        seen afterwards with every declared field counts as done, the rest is left to single writes, which give reasons.
        """
        done: set[Key] = set()
        if not self.broker.administrator:
            return done
        for kind in _IMPORTED:
            new = [change for change in changes if change.kind == kind.name and change.action == "create"]
            for vhost in sorted({change.identity["vhost"] for change in new}):
                group = [change for change in new if change.identity["vhost"] == vhost]
                if len(group) >= IMPORT_FROM:
                    done |= self._import(kind, vhost, group)
        return done

    def _import(self, kind: kinds.Kind, vhost: str, group: list[Change]) -> set[Key]:
        for start in range(0, len(group), IMPORT_SIZE):
            part = group[start : start + IMPORT_SIZE]
            body = {kind.option: [_definition(change) for change in part]}
            try:
                self.client.post(("definitions", vhost), body, patience=PATIENCE_EACH * len(part))
            except (errors.BrokerError, errors.TimedOut):
                continue
        try:
            rows = self.client.get(kind.listing, vhost, **kind.query)
        except errors.BrokerError:
            return set()
        except errors.TimedOut as error:
            # Sent, and nobody left to ask what became of it.
            raise Unreachable(str(error)) from error
        there = {entry.key: entry for row in rows for entry in observe.objects_of(kind, row)}
        return {change.key for change in group if change.key in there and _as_declared(change, there[change.key].fields)}

    def one(self, change: Change) -> None:
        try:
            with self._alone if _disturbs_others(change) else contextlib.nullcontext():
                self._write(change)
        except Refused as refusal:  # a name that no URL can carry, and that another client made
            raise ChangeFailed(str(refusal)) from refusal

    def _write(self, change: Change) -> None:
        if change.action == "delete":
            self._delete(change)
        elif change.action == "replace":
            self._replace(change)
        else:
            self._put(change, change.payload)

    def _put(self, change: Change, fields: Values) -> None:
        if change.kind == kinds.BINDING.name:
            self._bind(change.identity)
            return
        if change.kind == kinds.TOPIC_PERMISSION.name:
            self._grant(change.identity, fields)
            return
        self.client.put(kinds.BY_NAME[change.kind].segments(change.identity), body_of(change.kind, fields))

    def _grant(self, identity: Values, fields: Values) -> None:
        # Written to the user, with the exchange in the body; read and deleted by exchange.
        self.client.put(kinds.TOPIC_PERMISSION.segments(identity)[:-1], dict(fields, exchange=identity["exchange"]))

    def _bind(self, identity: Values) -> None:
        body = {"routing_key": identity["routing_key"], "arguments": identity["arguments"]}
        self.client.post(_between(identity), body)

    def _delete(self, change: Change) -> None:
        identity = change.identity
        if change.kind == kinds.BINDING.name:
            self.client.delete((*_between(identity), change.payload["properties_key"]))
        elif change.kind == kinds.QUEUE.name:
            self._delete_queue(change, change.payload["type"], f"queue {change.object}" in self.allowed)
        else:
            if change.kind == kinds.VHOST.name and f"vhost {change.object}" not in self.allowed:
                proof.vhost_empty_now(self.client, identity["name"])
            patience = PATIENCE_VHOST if change.kind == kinds.VHOST.name else 0.0
            self.client.delete(kinds.BY_NAME[change.kind].segments(identity), patience=patience)

    def _delete_queue(self, change: Change, queue_type: str, whatever_it_holds: bool, if_unused: bool = False) -> None:
        conditions = {}
        if not whatever_it_holds and queue_type == "classic":
            conditions = {"if-empty": "true", **({"if-unused": "true"} if if_unused else {})}
        elif not whatever_it_holds and queue_type == "quorum":
            proof.empty_now(self.client, change.identity["vhost"], change.identity["name"])
        try:
            self.client.delete(kinds.QUEUE.segments(change.identity), conditions)
        except errors.Invalid as error:
            if conditions and ("not empty" in error.reason or "in use" in error.reason):
                raise ChangeFailed(f"{error.reason} any more, and was left alone: nothing is lost, run again") from error
            raise

    def _replace(self, change: Change) -> None:
        """Delete, declare anew, and restore the bindings and topic permissions that went with it."""
        if change.kind == kinds.QUEUE.name:
            before = {difference.field: difference.before for difference in change.differences}
            queue_type = before.get("type") or change.payload["fields"]["type"]
            self._delete_queue(change, queue_type, False, if_unused=not self.accept_loss_window)
        else:
            self.client.delete(kinds.EXCHANGE.segments(change.identity))
        try:
            self._restore(change)
        except (NoAnswer, Unreachable) as error:
            names = ", ".join(kinds.BINDING.object(identity) for identity in change.payload["bindings"]) or "it had none"
            what = f"{change.kind} {change.object} was just being recreated, see that its bindings are there: {names}"
            raise error.__class__(f"{error}; {what}") from error

    def _restore(self, change: Change) -> None:
        refusal = None
        try:
            self._put(change, change.payload["fields"])
        except ChangeFailed as error:
            refusal = error
            self._put(change, self.broker.objects[change.key].fields)
        for entry in change.payload["topic_permissions"]:
            self._grant(entry.identity, entry.fields)
        for identity in change.payload["bindings"]:
            self._bind(identity)
        if refusal is not None:
            raise ChangeFailed(f"{refusal} It was put back as it had been, with its bindings.") from refusal


def _disturbs_others(change: Change) -> bool:
    """Whether this change must not run beside another of its like.

    The broker reads and rewrites all limits of an owner, and all vhosts that are traced: of two written side by side one
    is lost (3.10 to 4.3). Of two exchanges with a binding between them that are deleted side by side, one may stay where
    the metadata is in Mnesia (3.10 answers 204 all the same, 4.0 answers 400). And a replacement restores bindings whose
    other end must not be gone at that moment.
    """
    gone = change.kind == kinds.EXCHANGE.name and change.action == "delete"
    return gone or change.kind in _REWRITTEN_WHOLE or change.action == "replace"


def body_of(kind: str, fields: Values) -> Values:
    """What to PUT for an object with these fields."""
    if kind == kinds.USER.name:
        credential = fields["password"].reveal() if "password" in fields else passwords.NO_PASSWORD
        stored = passwords.to_store(credential)
        tags = fields.get("tags", [])
        return {"tags": ",".join(tags), "password_hash": stored.text, "hashing_algorithm": stored.algorithm}
    if kind == kinds.QUEUE.name:
        return _queue_body(fields)
    names = {entry.name: entry.api for entry in kinds.BY_NAME[kind].fields}
    return {names[name]: value for name, value in fields.items() if value is not None}


def _queue_body(fields: Values) -> Values:
    body = {name: value for name, value in fields.items() if name != "type"}
    if fields.get("type"):
        body["arguments"] = dict(fields["arguments"], **{"x-queue-type": fields["type"]})
    return body


def _definition(change: Change) -> Values:
    """The change as an entry of a definitions file."""
    path_of(kinds.BY_NAME[change.kind].segments(change.identity))
    identity = {name: value for name, value in change.identity.items() if name != "vhost"}
    return dict(body_of(change.kind, change.payload), **identity)


def _as_declared(change: Change, actual: Values) -> bool:
    return all(same(value, actual[name]) for name, value in change.payload.items())


def _between(identity: Values) -> tuple[str, ...]:
    """The segments of the bindings between two ends."""
    ends = ("e", identity["source"], identity["destination_type"][0], identity["destination"])
    return ("bindings", identity["vhost"], *ends)
