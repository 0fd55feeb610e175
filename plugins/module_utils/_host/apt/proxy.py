# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that tells apt its proxies. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK, File
from ansible_collections.eco2.platform.plugins.module_utils._net import proxy

# Before files with other numbers, whose settings win.
PATH = "/etc/apt/apt.conf.d/01-eco2-proxy"


def file(given: t.Mapping[str, t.Any]) -> File:
    """Absent without a proxy. Only root may read a password; apt reads its configuration as root."""
    lines = [line for scheme in proxy.SCHEMES if given.get(scheme) for line in _lines(scheme, given)]
    secret = any("@" in line for line in lines)
    content = f"// {MARK}. Files with higher numbers win.\n" + "".join(lines)
    return File(PATH, content if lines else None, 0o600 if secret else 0o644, secret=secret)


def _lines(scheme: str, given: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    yield f'Acquire::{scheme}::Proxy "{given[scheme]}";\n'
    # apt knows exceptions for whole names of hosts only, not for networks and domains.
    for host in proxy.exceptions(given):
        if re.fullmatch("[A-Za-z0-9][A-Za-z0-9.-]*", host):
            yield f'Acquire::{scheme}::Proxy::{host} "DIRECT";\n'
