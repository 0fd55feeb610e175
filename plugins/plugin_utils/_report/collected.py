# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook verify has kept in variables of its hosts. Private to this collection."""

from __future__ import annotations

import typing as t

Hosts = t.Mapping[str, t.Mapping[str, t.Any]]
Entries = t.List[t.Dict[str, t.Any]]


def brokers(hosts: Hosts) -> Entries:
    """Each broker that was read, by the name of its host."""
    read = {name: (known.get("platform_topology") or {}).get("topology") for name, known in hosts.items()}
    return [{"name": name, "topology": topology} for name, topology in sorted(read.items()) if topology]


def nodes(hosts: Hosts) -> Entries:
    """All Nodes, each once: every host that verifies them keeps all."""
    found = {node["name"]: node for known in hosts.values() for node in known.get("platform_nodes") or ()}
    return [found[name] for name in sorted(found)]


def masters(hosts: Hosts) -> Entries:
    """All masters, each once: every host of a set keeps all. Two sets may use one name for masters at different addresses."""
    found = {
        (entry["name"], str(entry.get("address"))): entry for known in hosts.values() for entry in known.get("platform_sentinels") or ()
    }
    return [found[key] for key in sorted(found)]
