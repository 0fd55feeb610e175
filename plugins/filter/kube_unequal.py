# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_unequal; kube_unequal.yml documents it."""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleFilterError
from jinja2 import Undefined

_SECRET = re.compile(r"key|token|password|secret", re.IGNORECASE)


def kube_unequal(hosts: t.Any) -> t.Any:
    """A line for each setting that differs, with the first two hosts that it differs between; what is undefined stays so."""
    if isinstance(hosts, Undefined):
        return hosts
    if not all(isinstance(host, dict) and isinstance(host.get("values"), dict) and host.get("host") for host in hosts):
        raise AnsibleFilterError("kube_unequal: it takes a list of dictionaries, each with host and values")
    found = []
    for name in dict.fromkeys(name for host in hosts for name in host["values"]):
        first = hosts[0]
        other = next((host for host in hosts if _value(host, name) != _value(first, name)), None)
        if other is not None:
            values = " and ".join(f"{_shown(name, host)} on {host['host']}" for host in (first, other))
            found.append(f"{name} is {values}, and it is used once for all hosts of a play: run them apart (--limit)")
    return found


def _value(host: t.Mapping[str, t.Any], name: str) -> t.Any:
    value = host["values"].get(name)
    return "" if value is None else value


def _shown(name: str, host: t.Mapping[str, t.Any]) -> str:
    value = _value(host, name)
    content = isinstance(value, dict) or (isinstance(value, str) and ("\n" in value or value.lstrip().startswith("{")))
    if content or (_SECRET.search(name) and value != ""):
        return "a value that is not shown"
    return "not set" if value == "" else str(value)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_unequal": kube_unequal}
