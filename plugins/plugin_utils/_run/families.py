# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the platform, each with one tag, one playbook and its groups. Private to this collection."""

from __future__ import annotations

import typing as t


class Family(t.NamedTuple):
    """groups: where its hosts are; variable: what names other hosts; needs: the variables that must be set on a host."""

    groups: str
    variable: str
    needs: str


VERIFY = "verify"
FAMILIES = {
    "control_plane": Family("control_plane", "kube_control_plane", "kube_version"),
    "nodes": Family("workers", "kube_hosts", "kube_kubeconfig and kube_profile"),
    "labels": Family("workers or control_plane", "kube_hosts", "kube_kubeconfig and kube_profile"),
    "rabbitmq": Family("rabbitmq_brokers", "rabbitmq_hosts", "rabbitmq_queues, or another variable of the playbook rabbitmq"),
    "adopt": Family("all", "", "adopt_directory"),
    "sentinels": Family("redis_nodes or redis_sentinels", "redis_hosts", "redis_sentinel_sets or sentinel_masters"),
    "awx": Family("all", "awx_configuration", "aap_organizations, or another variable of the action awx_objects"),
}


def of_tags(tags: t.Iterable[str]) -> str:
    """The family of a play, by its tags; empty for any other play."""
    given = list(tags)
    return next((name for name in FAMILIES if name in given), "")


def no_hosts(family: str) -> str:
    if family not in FAMILIES:
        return f"the inventory has no hosts for {family}"
    known = FAMILIES[family]
    return f"the inventory has no hosts in the group {known.groups}; add hosts to it, or name others in {known.variable}"


def not_declared(family: str) -> str:
    known = FAMILIES.get(family)
    return f"nothing is declared on its hosts: set {known.needs}" if known else "no task has run"
