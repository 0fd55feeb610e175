# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that all hosts of a play must share. Private to this collection. Pure.

A task that runs once takes the variables of one host. If another host has another kubeconfig, its machine would join the wrong cluster.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

Settings = t.Mapping[str, t.Any]

_SECRET = re.compile(r"key|token|password|secret", re.IGNORECASE)


def differences(settings: t.Mapping[str, Settings]) -> list[Problem]:
    """A problem for each setting that differs, with the first two hosts that it differs between. Null is the same as empty.

    settings: for each host its settings by name.
    """
    found = []
    for name in dict.fromkeys(name for values in settings.values() for name in values):
        by_host = [(host, "" if values.get(name) is None else values[name]) for host, values in settings.items()]
        first, other = by_host[0], next((entry for entry in by_host if entry[1] != by_host[0][1]), None)
        if other is not None:
            values = " and ".join(f"{_shown(name, value)} on {host}" for host, value in (first, other))
            message = f"is {values}; one value is used for all hosts of the play"
            found.append(Problem("play.setting_differs", message, field=name, remedy="run these hosts separately with --limit"))
    return found


def _shown(name: str, value: t.Any) -> str:
    """Contents of kubeconfigs, and settings whose names speak of secrets, are not shown."""
    content = isinstance(value, dict) or (isinstance(value, str) and ("\n" in value or value.lstrip().startswith("{")))
    if content or (_SECRET.search(name) and value != ""):
        return "a value that is not shown"
    return "not set" if value == "" else str(value)
