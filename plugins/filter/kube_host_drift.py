# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter kube_host_drift; kube_host_drift.yml documents it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.eco2.platform.plugins.module_utils._node import drift


def kube_host_drift(host: t.Any, declared: t.Any, version: t.Any = "") -> list[str]:
    """In words where the host is not as declared."""
    try:
        return drift.sentences(host, declared, str(version or ""))
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"kube_host_drift: the facts of kube_host_info and the roles' options are wanted ({error!r})") from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_host_drift": kube_host_drift}
