# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every rabbitmq module: its secrets and its client. Private to this collection."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import arguments, manifests
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import (
    REQUESTS_IMPORT_ERROR,
    Client,
    connection,
)


def _secrets(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Secrets in manifests, passwords in addresses, and every password and hash wherever it stands.

    Up to ansible-core 2.19 those that the specification marks are forgotten where it refuses a list's items.
    """
    yield from manifests.secrets(params.get("manifests"))
    lists = [value for value in params.values() if isinstance(value, list)]
    for entry in (params, *(item for items in lists for item in items if isinstance(item, dict))):
        for name in ("password", "password_hash"):
            yield str(entry.get(name) or "")
    urls = params.get("url") or []
    for url in [urls] if isinstance(urls, str) else urls:
        # Also in an address that is none, such as admin:secret@host.
        user = re.sub("^[A-Za-z]*://", "", str(url).rpartition("@")[0])
        yield user.partition(":")[2]


class RabbitMQModule(ServiceModule):
    def __init__(self, argument_spec: arguments.Spec) -> None:
        super().__init__(argument_spec, _secrets, ("requests", REQUESTS_IMPORT_ERROR))

    @contextlib.contextmanager
    def reporting(self) -> t.Iterator[Client]:
        """A client for the broker of the arguments; what it or the planner refuses ends the module with one line."""
        with self.failures():
            yield Client(connection(self.params))
