# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all kinds. Private to this collection."""

from __future__ import annotations

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import bindings, endpoints, limits, plain, users, vhosts
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Kind

_MODULES = (vhosts, users, limits, plain, endpoints, bindings)

_FOUND = [value for module in _MODULES for value in vars(module).values() if isinstance(value, Kind)]
KINDS: tuple[Kind, ...] = tuple(sorted(_FOUND, key=lambda kind: kind.stage))
BY_NAME = {kind.name: kind for kind in KINDS}
BY_OPTION = {kind.option: kind for kind in KINDS}
