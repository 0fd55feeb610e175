# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of the modules that run on a node: no client, nothing but the standard library. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec


def _secrets(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for item in params.get("files") or []:
        yield str((isinstance(item, dict) and item.get("secret_content")) or "")


class HostModule(ServiceModule):
    def __init__(self, argument_spec: Spec) -> None:
        super().__init__(argument_spec, _secrets, ("", None))
