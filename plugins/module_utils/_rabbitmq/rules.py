# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for names that need no broker. Private to this collection."""

from __future__ import annotations

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

QUEUE_TYPES = ("classic", "quorum", "stream")
NAME_BYTES = 255  # AMQP 0-9-1's short string
WORDS = {int: "an integer", str: "a string", bool: "true or false", dict: "a mapping", list: "a list"}


def name_problem(name: str, field: str = "name") -> Problem | None:
    """Why an object cannot have this name; None where it can."""
    if name == "":
        return Problem("name.empty", "must not be empty", field=field)
    if name in (".", ".."):
        message = f"{name!r} cannot be part of an address of the management API"
        return Problem("name.unaddressable", message, field=field, remedy="choose another name")
    # Ansible hands bytes that are not UTF-8 over as lone surrogates.
    if any("\ud800" <= character <= "\udfff" for character in name):
        return Problem("name.encoding", "is not UTF-8: the broker would accept it and then fail to list it", field=field)
    size = len(name.encode())
    if size > NAME_BYTES:
        return Problem("name.length", f"has {size} bytes, and AMQP allows {NAME_BYTES} at most", field=field)
    return None
