# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who set what on a node, in one annotation on the node for each owner. Private to this collection.

The annotation ownership.eco2.platform/OWNER holds JSON: for each label and annotation its key, for each taint KEY:EFFECT, with
a digest of the value last set, such as {"labels": {"role": "a1b2..."}, "taints": {"role:NoSchedule": "c3d4..."}}.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

DOMAIN = "ownership.eco2.platform"
SECTIONS = ("labels", "annotations", "taints")

# A section's keys, each with the digest of its value.
Record = t.Dict[str, t.Dict[str, str]]


class Malformed(ValueError):
    """Others have changed the annotation."""


def annotation(owner: str) -> str:
    return f"{DOMAIN}/{owner}"


def digest(value: str) -> str:
    """The beginning of a SHA-256, to see whether a value has changed. It is short because all annotations together may have 256 KiB."""
    return hashlib.sha256(value.encode()).hexdigest()[:12]


def read(annotations: t.Mapping[str, str], owner: str) -> Record:
    """The owner's record; empty where there is none. Raises Malformed."""
    text = annotations.get(annotation(owner))
    return _parse(text) if text is not None else _empty()


def write(record: Record) -> str | None:
    """The annotation's text; None if nothing is owned, so that the annotation is removed."""
    parts = {section: entries for section, entries in record.items() if entries}
    return json.dumps(parts, separators=(",", ":"), sort_keys=True) if parts else None


def others(annotations: t.Mapping[str, str], owner: str) -> dict[str, dict[str, str]]:
    """For each section, which other owner declares a key; owners with a malformed record are ignored."""
    declared: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for name, text in sorted(annotations.items()):
        domain, dummy, other = name.partition("/")
        if domain == DOMAIN and other != owner:
            try:
                record = _parse(text)
            except Malformed:
                continue
            for section, entries in record.items():
                declared[section].update(dict.fromkeys(entries, other))
    return declared


def _empty() -> Record:
    return {section: {} for section in SECTIONS}


def _parse(text: str) -> Record:
    try:
        parts = json.loads(text)
    except ValueError as error:
        raise Malformed(str(error)) from error
    if not isinstance(parts, dict) or not set(parts) <= set(SECTIONS) or not all(map(_is_section, parts.values())):
        raise Malformed("not a record of ownership")
    return {**_empty(), **parts}


def _is_section(entries: t.Any) -> bool:
    return isinstance(entries, dict) and all(isinstance(value, str) for value in entries.values())
