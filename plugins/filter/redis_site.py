# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the role redis_sentinel; redis_instances.yml and its siblings document them."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from jinja2 import Undefined

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import maintenance
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site as sites


def _of_a_site(name: str, made: t.Callable[..., t.Any], check: bool = True) -> t.Callable[..., t.Any]:
    def of(site: t.Any, *arguments: t.Any, **named: t.Any) -> t.Any:
        """What is undefined stays so, for templates to say where."""
        for value in (site, *arguments, *named.values()):
            if isinstance(value, Undefined):
                return value
        try:
            return made(sites.checked(site) if check else site, *arguments, **named)
        except Refused as error:
            raise AnsibleFilterError(f"{name}: {error}") from error

    return of


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "redis_site_problems": _of_a_site("redis_site_problems", sites.problems, check=False),
            "redis_instances": _of_a_site("redis_instances", sites.instances),
            "redis_sentinels": _of_a_site("redis_sentinels", sites.sentinels),
            "redis_masters": _of_a_site("redis_masters", sites.masters),
            "redis_bootstrap": _of_a_site("redis_bootstrap", sites.bootstrap),
            "redis_new": _of_a_site("redis_new", sites.new),
            "redis_packages": _of_a_site("redis_packages", maintenance.packages),
            "redis_expected": _of_a_site("redis_expected", maintenance.expected),
            "redis_maintenance": _of_a_site("redis_maintenance", maintenance.steps),
            "redis_outdated": maintenance.outdated,
        }
