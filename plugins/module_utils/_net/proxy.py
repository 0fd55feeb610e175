# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies as options: http, https and no_proxy. Pure. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

SCHEMES = ("http", "https")
_KEYS = (*SCHEMES, "no_proxy")
# Neither quotes nor backslashes, which end a text in the configuration of apt.
_ADDRESS = re.compile(r'(https?|socks5h?)://[^\s"\\;]+')


def problems(proxy: t.Any, option: str) -> t.Iterator[Problem]:
    """Addresses are not shown, because they may have a password."""
    if not isinstance(proxy, dict):
        yield Problem("proxy.mapping", "is not a mapping", field=option, remedy="give http, https and no_proxy")
        return
    unknown = sorted(str(name) for name in proxy if name not in _KEYS)
    if unknown:
        yield Problem("proxy.unknown_key", f"unknown keys {', '.join(unknown)}", field=option, remedy=f"use {', '.join(_KEYS)}")
    for name in SCHEMES:
        address = proxy.get(name) or ""
        if address and not (isinstance(address, str) and _ADDRESS.fullmatch(address)):
            remedy = "write it such as http://proxy.example.org:3128"
            yield Problem("proxy.address", "this is not the address of a proxy", field=f"{option}.{name}", remedy=remedy)
    if not all(isinstance(word, str) and word.isprintable() for word in exceptions(proxy)):
        message = "is neither a text nor a list of texts"
        yield Problem("proxy.no_proxy", message, field=f"{option}.no_proxy", remedy="write it such as [10.0.0.0/8, .svc]")


def exceptions(proxy: t.Mapping[str, t.Any]) -> list[t.Any]:
    """What is asked directly; a text may have several with commas."""
    given = proxy.get("no_proxy") or []
    return [word.strip() for word in given.split(",")] if isinstance(given, str) else given if isinstance(given, list) else [given]
