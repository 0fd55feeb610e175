# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_version_problem; kube_version_problem.yml documents it."""

from __future__ import annotations

import typing as t

from jinja2 import Undefined

from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import versions


def kube_version_problem(value: t.Any, api_server: t.Any = None) -> t.Any:
    """What is wrong with the version, "" where nothing is; what is undefined stays so, for templates to say where."""
    if isinstance(value, Undefined):
        return value
    if value in ("", None):
        return 'no version is given: set kube_version to a whole version, such as "1.36.3"'
    try:
        version = versions.parse(value)
        return (versions.skew_problem(version, versions.parse(api_server)) if api_server else None) or ""
    except ValueError as error:
        return str(error)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_version_problem": kube_version_problem}
