# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that the redis modules share, and their documentation's twin. Private to this collection."""

from __future__ import annotations

import typing as t

Spec = t.Dict[str, t.Any]


def connection() -> Spec:
    """The options of the documentation fragment eco2.platform.redis_connection."""
    return {
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "data_username": {"type": "str"},
        "data_password": {"type": "str", "no_log": True},
        "tls": {"type": "bool", "default": False},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
        "connection_timeout": {"type": "float", "default": 5.0},
    }


def sentinels(**more: Spec) -> Spec:
    """The option `sentinels`: addresses, and what else a module wants to know of each."""
    options: Spec = {"host": {"type": "str", "required": True}, "port": {"type": "int", "default": 26379}, **more}
    return {"type": "list", "elements": "dict", "required": True, "options": options}


def sentinel_set() -> Spec:
    """The options of redis_sentinel beyond the connection."""
    return {
        "sentinels": sentinels(announce_ip={"type": "str"}, announce_port={"type": "int"}, conf={"type": "str", "no_log": True}),
        "masters": {"type": "list", "elements": "dict", "default": [], "options": _master()},
        "settings": {
            "type": "dict",
            "options": {
                "resolve_hostnames": {"type": "bool"},
                "announce_hostnames": {"type": "bool"},
                "sentinel_user": {"type": "str"},
                "sentinel_pass": {"type": "str", "no_log": True},
                "loglevel": {"type": "str", "choices": ["debug", "verbose", "notice", "warning", "nothing"]},
            },
        },
        "prune": {"type": "bool", "default": False},
        "forget_stale": {"type": "bool", "default": False},
        "update_hidden": {"type": "str", "choices": ["on_create", "from_file", "always"], "default": "on_create"},
        "repair": {"type": "bool", "default": True},
        "unreachable_sentinels": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
        "gate_timeout": {"type": "float", "default": 60.0},
    }


def _master() -> Spec:
    numbers = ("quorum", "replicas", "down_after_milliseconds", "failover_timeout", "parallel_syncs", "master_reboot_down_after_period")
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "address": {"type": "list", "elements": "str"},
        **{name: {"type": "int"} for name in numbers},
        "auth_user": {"type": "str"},
        "auth_pass": {"type": "str", "no_log": True},
        "notification_script": {"type": "str"},
        "client_reconfig_script": {"type": "str"},
        "rename_commands": {"type": "dict"},
    }
