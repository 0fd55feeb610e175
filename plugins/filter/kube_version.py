# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_version; kube_version.yml documents it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from jinja2 import Undefined

from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import versions
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile.versions import Version

_PARTS: dict[str, t.Callable[[Version], str]] = {
    "version": str,
    "minor": lambda version: version.branch,
    "tag": lambda version: f"v{version}",
}


def kube_version(value: t.Any, part: str = "version", api_server: t.Any = None) -> t.Any:
    """The version, normalised and checked; what is undefined stays so, for templates to say where."""
    if isinstance(value, Undefined):
        return value
    if part not in _PARTS:
        raise AnsibleFilterError(f"kube_version: part is {part!r}: it is one of {', '.join(_PARTS)}")
    try:
        version = versions.parse(value)
        problem = versions.skew_problem(version, versions.parse(api_server)) if api_server else None
    except ValueError as error:
        raise AnsibleFilterError(f"kube_version: {error}") from error
    if problem:
        raise AnsibleFilterError(f"kube_version: {problem}")
    return _PARTS[part](version)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_version": kube_version}
