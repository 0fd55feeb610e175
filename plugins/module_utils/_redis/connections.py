# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that a task speaks to, each over one connection, kept open. Private to this collection."""

from __future__ import annotations

import threading

from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access, Credentials, Server
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master


class Connections:
    """Opens what is asked for, once."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._open: dict[Address, Server] = {}
        self._lock = threading.Lock()

    def sentinel(self, place: Address) -> Server:
        with self._lock:
            return self._open.setdefault(place, self._access.sentinel(place.host, place.port))

    def data(self, place: Address, of: Master) -> Server:
        """With the task's own credentials for data nodes, or else those that the Sentinels are to have for this master."""
        with self._lock:
            server = self._open.setdefault(place, self._access.data(place.host, place.port))
            password = of.values.get(options.AUTH_PASS.name)
            if not server.credentials.password and password is not None:
                username = of.values.get(options.AUTH_USER.name)
                server.credentials = Credentials(username, options.plain(password), "auth_user and auth_pass, or data_password")
            return server
