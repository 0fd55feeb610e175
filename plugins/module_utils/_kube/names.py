# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names a Node can have. Private to this collection."""

from __future__ import annotations

import re

LENGTH = 253
HOSTNAME_LENGTH = 63

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_subdomain(text: str) -> bool:
    """Whether the text is an RFC 1123 subdomain: what the API server requires of a Node's name and of a label key's prefix."""
    return len(text) <= LENGTH and bool(_SUBDOMAIN.fullmatch(text))


def node_problem(name: str) -> str | None:
    """Why no Node can have this name; None where one can. The text goes on after the name."""
    if is_subdomain(name):
        return None
    return (
        "cannot be the name of a Node: use lower case letters, digits, '-' and '.', begin and end each part between dots with a letter"
        f" or digit, and use at most {LENGTH} characters"
    )


def registered_problem(name: str) -> str | None:
    """Why no kubelet can register a Node of this name; None if one can. Its label kubernetes.io/hostname has the name as its value."""
    problem = node_problem(name)
    if problem or len(name) <= HOSTNAME_LENGTH:
        return problem
    return (
        f"cannot be the name of a Node: it has {len(name)} characters, and the label kubernetes.io/hostname, which has the same value,"
        f" takes at most {HOSTNAME_LENGTH}"
    )
