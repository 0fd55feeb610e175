# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every redis module: its secrets and its connections. Private to this collection."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import REDIS_IMPORT_ERROR, Access, access

SECRETS = frozenset({"password", "data_password", "auth_pass", "sentinel_pass", "conf"})


def _secrets(params: t.Any) -> t.Iterator[str]:
    """Every value of those names, however deep: up to ansible-core 2.19 marked ones are forgotten where a list's items are refused."""
    if isinstance(params, list):
        for item in params:
            yield from _secrets(item)
    elif isinstance(params, dict):
        for name, value in params.items():
            if name in SECRETS and isinstance(value, (str, int, float)):
                yield str(value)
            else:
                yield from _secrets(value)


class RedisModule(ServiceModule):
    def __init__(self, argument_spec: arguments.Spec) -> None:
        super().__init__(argument_spec, _secrets, ("redis", REDIS_IMPORT_ERROR))

    @contextlib.contextmanager
    def reporting(self) -> t.Iterator[Access]:
        """The access that the arguments describe; what it, a server or the planner refuses ends the module with one line."""
        with self.failures():
            yield access(self.params)
