# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_join_plan; kube_join_plan.yml documents it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.errors import AnsibleFilterError
from jinja2 import Undefined

from ansible_collections.eco2.platform.plugins.plugin_utils._node import join_plan

_CHOICES = {"existing": ("auto", "replace", "adopt", "fail"), "other_cluster": ("fail", "leave_it")}


def kube_join_plan(host: t.Any, cluster: t.Any, options: t.Any) -> t.Any:
    """The plan as a dictionary; what is undefined stays so, for templates to say where."""
    for value in (host, cluster, options):
        if isinstance(value, Undefined):
            return value
    for name, value in (("host", host), ("cluster", cluster), ("options", options)):
        if not isinstance(value, dict):
            raise AnsibleFilterError(f"kube_join_plan: {name} must be a dictionary, is {type(value).__name__}")
    known = {entry.name for entry in dataclasses.fields(join_plan.Options)}
    unknown = sorted(options.keys() - known)
    if unknown or not options.get("node_name"):
        wrong = f"there is no option {', '.join(unknown)}" if unknown else "options has no node_name"
        raise AnsibleFilterError(f"kube_join_plan: {wrong}; they are {', '.join(sorted(known))}")
    for name, choices in _CHOICES.items():
        if options.get(name, choices[0]) not in choices:
            raise AnsibleFilterError(f"kube_join_plan: {name} is {options[name]!r}: it is one of {', '.join(choices)}")
    return dataclasses.asdict(join_plan.plan(host, cluster, join_plan.Options(**options)))


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_join_plan": kube_join_plan}
