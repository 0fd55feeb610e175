# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that the rabbitmq modules share, and their documentation's twin. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import kinds

Spec = t.Dict[str, t.Any]


def connection() -> Spec:
    """The options of the documentation fragment eco2.platform.rabbitmq_connection."""
    return {
        "url": {"type": "list", "elements": "str", "default": ["http://localhost:15672"], "fallback": (env_fallback, ["RABBITMQ_URL"])},
        "username": {"type": "str", "required": True, "fallback": (env_fallback, ["RABBITMQ_USERNAME"])},
        "password": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["RABBITMQ_PASSWORD"])},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
        "timeout": {"type": "float", "default": 30.0},
    }


def topology() -> Spec:
    """The lists of rabbitmq_topology: one for each kind of the table."""
    return {kind.option: _list_of(kind) for kind in kinds.KINDS}


def _list_of(kind: kinds.Kind) -> Spec:
    options: Spec = {}
    for name in kind.identity:
        # The task's own vhost stands in where an item names none.
        options[name] = _option(kind.optional_identity.get(name, kinds.Field(name, required=name != "vhost")))
    for entry in kind.fields:
        options[entry.name] = _option(entry)
        # What an item needs depends on its state, and is checked with the item named.
        options[entry.name].pop("required", None)
    if "routing_key" in options:
        options["routing_key"]["no_log"] = False  # a key, and no secret
    if kind is kinds.USER:
        options["password_hash"] = {"type": "str", "no_log": True}
        options["hashing_algorithm"] = {"type": "str", "choices": list(kinds.HASHING), "default": "sha256"}
        options["update_password"] = {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False}
    options["state"] = {"type": "str", "choices": ["present", "absent"], "default": "present"}
    return {"type": "list", "elements": "dict", "options": options}


def _option(entry: kinds.Field) -> Spec:
    option: Spec = {"type": entry.type}
    if entry.required:
        option["required"] = True
    if entry.default is not kinds.KEEP:
        option["default"] = entry.default
    if entry.choices and entry.type == "str":
        option["choices"] = list(entry.choices)
    if entry.elements:
        option["elements"] = entry.elements
    if entry.secret:
        option["no_log"] = True
    return option
