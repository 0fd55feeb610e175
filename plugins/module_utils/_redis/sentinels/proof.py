# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the sentinels will get in where they are about to be sent, and will take it. Private to this collection.

A sentinel with wrong credentials says nothing of it: the master, or the other sentinels, are "disconnected" or down, and its log is
silent. Nothing is changed here.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Plan
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Credentials, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Observed
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.plan import MASTER, SENTINEL
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.steps import Write

SCRIPT_WORDS = frozenset(option.word for option in options.SCRIPTS)
# Below a device there are no files, so this is refused everywhere, by one of two reasons.
NO_SCRIPT = "/dev/null/none"


def problems(planned: Plan, observed: Observed, connections: Connections, access: Access) -> list[str]:
    """One line for each server that does not let in whom the plan is going to send, or does not take what it is going to be told."""
    return [
        *_at_data_nodes(planned, access),
        *_at_other_sentinels(planned, observed, access),
        *(line for change in planned.changes for line in _scripts(change, observed, connections)),
    ]


def _at_data_nodes(planned: Plan, access: Access) -> list[str]:
    found: dict[tuple[str, Address, Credentials], str | None] = {}
    for change in planned.changes:
        write: Write = change.payload
        credentials = _credentials(write)
        if change.kind != MASTER or write.at is None or credentials is None:
            continue
        key = (change.identity["name"], write.at, credentials)
        if key not in found:
            refusal = _refusal(access.data(write.at.host, write.at.port), credentials)
            found[key] = None if refusal is None else str(refusal)
    return [f"master {name}: {reason}" for (name, dummy, dummy_too), reason in found.items() if reason]


def _credentials(write: Write) -> Credentials | None:
    """Those that a sentinel will have after this; None where they stay, and cannot be known."""
    words = {word: options.plain(value) for word, value in write.set}
    if write.master is None and options.AUTH_PASS.word not in words:
        return None
    return Credentials(words.get(options.AUTH_USER.word), words.get(options.AUTH_PASS.word), "auth_user and auth_pass")


def _at_other_sentinels(planned: Plan, observed: Observed, access: Access) -> list[str]:
    """Each sentinel whose credentials change is to get in at all others; with none it uses its own requirepass, which is not told."""
    found: dict[tuple[Address, Credentials], str | None] = {}
    for change in planned.changes:
        words = [options.SETTINGS[name] for name in options.CREDENTIAL_SETTINGS]
        if change.kind != SENTINEL or not any(word in words for word, dummy in change.payload.set):
            continue
        view = observed.sentinels[change.identity["sentinel"]]
        told = {options.SETTINGS[name]: value for name, value in view.settings.items()}
        told.update((word, options.plain(value)) for word, value in change.payload.set)
        username, password = (told.get(word) for word in words)
        if not password:
            continue
        credentials = Credentials(username or None, password, "settings.sentinel_user and settings.sentinel_pass")
        for other in observed.sentinels.values():
            key = (other.address, credentials)
            if other is not view and key not in found:
                refusal = _refusal(access.sentinel(*other.address), credentials)
                # One that wants no password lets in whoever gives one.
                found[key] = None if refusal is None or refusal.code == "AUTH" else str(refusal)
    return [f"settings: sentinel {reason}" for reason in found.values() if reason]


def _refusal(server: Server, credentials: Credentials) -> errors.WrongCredentials | None:
    server.credentials = credentials
    try:
        server.read("PING")
    except errors.WrongCredentials as error:
        return error
    except (errors.ServerError, *errors.SILENT):
        return None
    finally:
        server.close()
    return None


def _scripts(change: Change, observed: Observed, connections: Connections) -> t.Iterator[str]:
    """Whether the sentinel takes scripts at all: asked of any master that it knows, with one that it cannot take."""
    words = [word for word, dummy in change.payload.set if word in SCRIPT_WORDS]
    view = observed.sentinels.get(change.identity["sentinel"])
    if change.kind != MASTER or not words or view is None or not view.masters:
        return
    name = change.identity["name"] if change.identity["name"] in view.masters else min(view.masters)
    try:
        connections.sentinel(view.address).ask("SENTINEL", "SET", name, words[0], NO_SCRIPT)
    except errors.ServerError as error:
        if "scripts-reconfig" in str(error):
            named = " and ".join(word.replace("-", "_") for word in words)
            yield f"master {change.identity['name']}: {named}: {error} {options.SCRIPTS_REMEDY}"
