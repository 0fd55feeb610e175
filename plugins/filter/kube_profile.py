# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_profile; kube_profile.yml documents it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import profile


@pass_context
def kube_profile(context: Context, value: t.Any, cloud: t.Any = None) -> t.Any:
    """The profile's parts; what is undefined stays so, for templates to say where."""
    if isinstance(value, Undefined):
        return value
    if cloud is not None and not isinstance(cloud, dict):
        raise AnsibleFilterError(f"kube_profile: cloud must be a dictionary, is {cloud!r}")
    torn_off = profile.torn_off(context.get_all())
    if torn_off:
        raise AnsibleFilterError(f"kube_profile: {torn_off}")
    try:
        return profile.parse(value, cloud).as_dict()
    except Refused as error:
        raise AnsibleFilterError(f"kube_profile: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_profile": kube_profile}
