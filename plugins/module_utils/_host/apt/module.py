# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every apt module. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec


def _secrets(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Passwords in addresses."""
    for value in (params.get("key"), *(params.get("uris") or [])):
        yield re.sub("^[A-Za-z]*://", "", str(value or "").rpartition("@")[0]).partition(":")[2]


class AptModule(ServiceModule):
    def __init__(self, argument_spec: Spec) -> None:
        # Python's standard library is all that it takes on a bare machine.
        super().__init__(argument_spec, _secrets, ("", None))
