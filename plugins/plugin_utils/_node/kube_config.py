# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: what one trusts, what would be lost with it, and its address. Private to this collection. Pure."""

from __future__ import annotations

import base64
import binascii
import typing as t

import yaml

from ansible_collections.eco2.platform.plugins.module_utils._net import certificates


def pins(text: str) -> list[str]:
    """The pins of the CAs that a kubeconfig trusts; empty if the text is not a kubeconfig."""
    return [pin for cluster in _clusters(_parsed(text)) for pin in _pins(cluster)]


def lost_by(old: str, new: str = "") -> list[str]:
    """What would be lost if `new` replaced `old`: every entry for other clusters, or with another name."""
    if not old.strip():
        return []
    before, after = _parsed(old), _parsed(new)
    if not _clusters(before):
        return ["its content, which is not a kubeconfig"]
    ours, lost = set(pins(new)), []
    kept = {part: {name for name, dummy in _named(after, part)} for part in ("clusters", "contexts", "users")}
    for name, cluster in _named(before, "clusters"):
        theirs = _pins(cluster)
        if name not in kept["clusters"] or not theirs or not set(theirs) <= ours:
            lost.append(f"cluster {name} (CA {', '.join(theirs) or 'not in the file'})")
    for part in ("contexts", "users"):
        lost += [f"{part[:-1]} {name}" for name, dummy in _named(before, part) if name not in kept[part]]
    return lost


def is_of_another_user(old: str, new: str) -> bool:
    """Whether `old` is for the cluster of `new` alone, and has none of its users: a ServiceAccount's, for example."""
    before, after = _parsed(old), _parsed(new)
    theirs = [_pins(cluster) for cluster in _clusters(before)]
    users, ours = ({name for name, dummy in _named(document, "users")} for document in (before, after))
    return bool(theirs) and all(found and set(found) <= set(pins(new)) for found in theirs) and bool(users) and users.isdisjoint(ours)


def means_the_same(old: str, new: str) -> bool:
    """Whether only the spelling differs, such as a line break at the end."""
    return bool(old.strip()) and _parsed(old) == _parsed(new)


def at_server(text: str, server: str = "") -> str:
    """The kubeconfig with another address of its clusters, if one is given; empty if the text is not a kubeconfig."""
    document = _parsed(text)
    clusters = _clusters(document)
    if not clusters or not server:
        return text if clusters else ""
    for cluster in clusters:
        cluster["server"] = server if "://" in server else f"https://{server}"
    return str(yaml.safe_dump(document, sort_keys=False))


def _parsed(text: str) -> t.Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        # The error would show a part of the text.
        return None


def _clusters(document: t.Any) -> list[dict[str, t.Any]]:
    return [cluster for dummy, cluster in _named(document, "clusters") if cluster]


def _pins(cluster: t.Mapping[str, t.Any]) -> list[str]:
    try:
        return list(certificates.spki_pins(base64.b64decode(str(cluster.get("certificate-authority-data") or "")).decode("ascii")))
    except (ValueError, binascii.Error):
        return []


def _named(document: t.Any, part: str) -> list[tuple[str, dict[str, t.Any]]]:
    """The entries of a part, each with its name and its content; the content is empty if it is not a mapping."""
    entries = document.get(part) if isinstance(document, dict) else None
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    contents = [(str(entry.get("name")), entry.get(part[:-1])) for entry in found]
    return [(name, content if isinstance(content, dict) else {}) for name, content in contents]


def ends_with(path: str, mounts: str, environment: t.Mapping[str, str]) -> str:
    """Why a file at this path is gone when the controller's container ends; "" where it stays.

    `mounts`: the text of /proc/self/mounts. A file on a volume stays, but not on the one that AWX makes for each job.
    """
    kinds = {fields[1]: fields[2] for fields in (line.split() for line in mounts.splitlines()) if len(fields) > 2}
    place = max((point for point in kinds if _is_below(path, point)), key=len, default="/")
    if place == "/runner" and "JOB_ID" in environment:
        return f"{place} is deleted when the job of AWX ends"
    if place != "/" and kinds[place] != "tmpfs":
        return ""
    return "it is not on a volume of the container that Ansible runs in, and is gone when the container ends"


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
