# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether data nodes and sentinels accept the credentials that the plan gives to a sentinel: each is tried. Private to this collection.

A sentinel with wrong credentials does not report it: for it the master, or the other sentinels, are "disconnected" or down, and it logs
nothing. Nothing is changed here.
"""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Credentials, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import observe, options
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import plan, steps

# The item of problems about the credentials that sentinels have for each other.
SETTINGS = "settings"
# The item of a problem, the server, and the credentials: each is asked once.
Asked = t.Tuple[t.Tuple[str, str, Credentials], Server]


def problems(planned: Plan, observed: observe.Observed, access: Access) -> t.Iterator[Problem]:
    """One for each server that refuses the credentials that the plan gives to a sentinel."""
    asked = dict([*_at_data_nodes(planned, access), *_at_other_sentinels(planned, observed, access)])
    for key, server in asked.items():
        item, refusal = key[0], _refusal(server)
        # A sentinel that has no password accepts a connection with any password.
        if refusal is not None and not (item == SETTINGS and refusal.code == "AUTH"):
            yield Problem("credentials.refused", str(refusal), item)


def _at_data_nodes(planned: Plan, access: Access) -> t.Iterator[Asked]:
    for change in planned.changes:
        write: steps.Write = change.payload
        words = {word: options.plain(value) for word, value in write.set}
        # Credentials that do not change are not known.
        if change.kind == plan.MASTER and write.at is not None and (write.master is not None or options.AUTH_PASS.word in words):
            credentials = Credentials(words.get(options.AUTH_USER.word), words.get(options.AUTH_PASS.word), "auth_user and auth_pass")
            server = access.data(write.at, credentials)
            yield (f"master {change.identity['name']}", server.name, credentials), server


def _at_other_sentinels(planned: Plan, observed: observe.Observed, access: Access) -> t.Iterator[Asked]:
    """All other sentinels must accept one whose credentials change. Without any it uses its own requirepass, which cannot be read."""
    both = (options.SENTINEL_USER, options.SENTINEL_PASS)
    for change in planned.changes:
        words = dict(change.payload.set)
        if change.kind != plan.SENTINEL or not any(option.word in words for option in both):
            continue
        view = observed.sentinels[change.identity["sentinel"]]
        username, password = (options.plain(words.get(option.word, view.settings.get(option.name))) for option in both)
        if not password:
            continue
        credentials = Credentials(username or None, password, "settings.sentinel_user and settings.sentinel_pass")
        for other in observed.sentinels.values():
            if other is not view:
                server = access.sentinel(other.address)
                server.credentials = credentials
                yield (SETTINGS, server.name, credentials), server


def _refusal(server: Server) -> errors.WrongCredentials | None:
    try:
        server.read("PING")
    except errors.WrongCredentials as error:
        return error
    except (errors.ServerError, *errors.SILENT):
        return None
    finally:
        server.close()
    return None
