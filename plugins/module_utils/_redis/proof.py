# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the sentinels will get in where they are about to be sent. Reads only. Private to this collection.

A sentinel with wrong credentials says nothing of it: the master is "disconnected", and its log is silent.
"""

from __future__ import annotations

from ansible_collections.eco2.platform.plugins.module_utils._convergence import Plan
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors, options
from ansible_collections.eco2.platform.plugins.module_utils._redis.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Credentials
from ansible_collections.eco2.platform.plugins.module_utils._redis.plan import MASTER
from ansible_collections.eco2.platform.plugins.module_utils._redis.steps import Write


def problems(planned: Plan, access: Access) -> list[str]:
    """One line for each master that does not let in whom the plan is going to send."""
    found: dict[tuple[str, Address, Credentials], str | None] = {}
    for change in planned.changes:
        write: Write = change.payload
        credentials = _credentials(write)
        if change.kind != MASTER or write.at is None or credentials is None:
            continue
        key = (change.identity["name"], write.at, credentials)
        if key not in found:
            found[key] = _refusal(access, write.at, credentials)
    return [f"master {name}: {reason}" for (name, dummy, dummy_too), reason in found.items() if reason]


def _credentials(write: Write) -> Credentials | None:
    """Those that a sentinel will have after this; None where they stay, and cannot be known."""
    words = {word: options.plain(value) for word, value in write.set}
    if write.master is None and options.AUTH_PASS.word not in words:
        return None
    return Credentials(words.get(options.AUTH_USER.word), words.get(options.AUTH_PASS.word), "auth_user and auth_pass")


def _refusal(access: Access, place: Address, credentials: Credentials) -> str | None:
    server = access.data(place.host, place.port)
    server.credentials = credentials
    try:
        server.read("PING")
    except errors.WrongCredentials as error:
        return str(error)
    except (errors.ServerError, *errors.SILENT):
        return None
    finally:
        server.close()
    return None
