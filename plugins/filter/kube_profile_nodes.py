# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters kube_profile_nodes and kube_profile_verdicts; the files of these names document them."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.eco2.platform.plugins.plugin_utils._node import profile_nodes


def kube_profile_nodes(entries: t.Any) -> list[dict[str, t.Any]]:
    """All hosts' Nodes, in one go."""
    try:
        return profile_nodes.declared(entries)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"kube_profile_nodes: a list of dictionaries with name and profile is wanted ({error!r})") from error


def kube_profile_verdicts(nodes: t.Any, done: t.Any, cluster: t.Any, check_mode: bool = False) -> dict[str, list[str]]:
    """What is wrong with each."""
    try:
        return profile_nodes.verdicts(nodes, done, cluster, check_mode)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"kube_profile_verdicts: what kube_profile_nodes made is wanted ({error!r})") from error


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"kube_profile_nodes": kube_profile_nodes, "kube_profile_verdicts": kube_profile_verdicts}
