# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentinels that run, and the masters that they monitor, as the variables sentinel_*. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import Host, Variables, connection

Result = t.Mapping[str, t.Any]

FILE = "sentinels.yml"
_SHOWN = [option for option in options.OPTIONS if not option.hidden]


def host(name: str, given: Result, masters: t.Sequence[Variables], settings: Variables) -> Host:
    made = Host(name, "redis_sentinels")
    options_ = {key: value for key, value in given.items() if key != "sentinels"}
    variables = {"sentinel_hosts": given["sentinels"], **connection(made, "sentinel", options_)}
    variables["sentinel_masters"] = [_with_password(made, entry) for entry in masters]
    made.files[FILE] = {**variables, **({"sentinel_settings": settings} if settings else {})}
    return made


def _with_password(made: Host, master: Variables) -> Variables:
    """No command reads the password, so it stays as it is while the vault has none."""
    return {**master, "auth_pass": made.optional_secret(made.unused("vault_sentinel_auth_pass", master["name"]))}


def masters(result: Result) -> list[Variables]:
    """What the Sentinels show, in the form that redis_sentinel takes."""
    return [_master(entry) for entry in result["masters"]]


def _master(entry: Result) -> Variables:
    alive = [row["address"] for row in entry["replicas"] if row["flags"] == ["slave"]]
    # Where the Sentinels do not agree, each one's master: which one it is, redis_sentinel finds out.
    addresses = [entry["address"]] if entry["address"] else sorted({seen["address"] for seen in entry["by_sentinel"].values()})
    shown = {option.name: _value(option, entry["options"][option.name]) for option in _SHOWN if entry["options"].get(option.name)}
    return {"name": entry["name"], "address": [*addresses, *alive], "replicas": len(alive), **shown}


def _value(option: options.Option, text: str) -> t.Any:
    if option.type == "bool":
        return text == "yes"
    return int(text) if option.type == "int" else text


def settings(result: Result) -> tuple[Variables, list[str]]:
    """The settings that all Sentinels have with one value, and a line for each other."""
    seen = [entry["settings"] for entry in result["sentinels"] if entry["reachable"]]
    alike: Variables = {}
    left = []
    for option in options.COMMON_SETTINGS:
        values = {str(entry.get(option.name) or "") for entry in seen}
        if len(values) > 1:
            left.append(f"setting {option.name} is left out: the Sentinels differ in it")
        elif values - {""} and not option.secret:
            alike[option.name] = _value(option, values.pop())
    return alike, left


def unproven(result: Result) -> list[str]:
    """What could not be read, and what is not well."""
    silent = [f"Sentinel {entry['name']} could not be read: {entry['reason']}" for entry in result["sentinels"] if not entry["reachable"]]
    return silent + [f"not healthy: {reason}" for reason in result["reasons"]]


def without(declared: t.Sequence[Variables], common: Variables, checked: Result) -> tuple[list[Variables], Variables, list[str]]:
    """Masters and settings without the options in which the Sentinels differ, and a line for each of those."""
    differing: dict[str, set[str]] = {}
    for change in checked.get("changes") or ():
        name = change["object"].rpartition("/")[2] if change["kind"] == "master" else ""
        differing.setdefault(name, set()).update(
            entry["field"] for entry in change.get("differences") or () if change["action"] == "update"
        )
    kept = [{key: value for key, value in entry.items() if key not in differing.get(entry["name"], ())} for entry in declared]
    lines = [
        f"{f'{field} of master {name}' if name else f'setting {field}'} is left out: the Sentinels differ in it"
        for name, fields in sorted(differing.items())
        for field in sorted(fields)
    ]
    return kept, {key: value for key, value in common.items() if key not in differing.get("", ())}, lines
