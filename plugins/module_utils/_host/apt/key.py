# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a repository, fetched as apt would fetch its packages. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import re
import time
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import in_words
from ansible_collections.eco2.platform.plugins.module_utils._host import command

_ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"


def fetch(url: str, timeout: float) -> str:
    """The armoured key. Raises ChangeFailed."""
    proxy = proxy_of(url, command.run("apt-config", "dump", "Acquire").output)
    through = f" through apt's proxy {shown(proxy)}" if proxy else ""
    try:
        with _environment(url, proxy):
            data = open_url(url, timeout=timeout, use_proxy=proxy != "").read(1_000_000)
    except (OSError, ValueError) as error:  # URLError and SSL errors are OSErrors
        raise ChangeFailed(f"{url} cannot be fetched{through}: {_reason(error)}") from error
    if data.lstrip().startswith(_ARMOUR):
        return t.cast(str, data.decode("ascii", errors="replace"))
    if data[:1] and data[0] & 0x80:  # a binary OpenPGP packet (RFC 4880, 4.2)
        raise ChangeFailed(f"{url} is a key in binary form; give the address of the armoured key ('gpg --armor --export' makes one)")
    raise ChangeFailed(f"{url} is not a key: it begins with {data[:40]!r}; give the address of an armoured OpenPGP key")


def _reason(error: Exception) -> str:
    """In words. A certificate that is not valid yet, or any more, is often one that a wrong clock judges."""
    cause = getattr(error, "reason", None)
    said = in_words(cause) if isinstance(cause, Exception) else str(error)
    refused = str(getattr(cause, "verify_message", ""))
    clock = (
        f"; this machine's clock says {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}" if re.search("expired|valid", refused) else ""
    )
    return f"the server's certificate is refused: {refused}{clock}" if refused else said


def proxy_of(url: str, settings: str) -> str | None:
    """The proxy that apt would use for this address: "" for none at all, None where the environment decides.

    `settings`: the answer of `apt-config dump Acquire`. apt reads the settings of http for https too (apt-transport-https(1)).
    """
    parts = urlsplit(url)
    values = {name.lower(): value for name, value in re.findall(r'^(\S+) "(.*)";$', settings, re.MULTILINE)}
    schemes = ("https", "http") if parts.scheme == "https" else (parts.scheme,)
    for suffix in (f"proxy::{parts.hostname}", "proxy"):
        for scheme in schemes:
            value = values.get(f"acquire::{scheme}::{suffix}")
            if value:
                return "" if value.upper() in ("DIRECT", "FALSE") else value
    return None


def shown(proxy: str) -> str:
    """Without its password."""
    return re.sub("//[^/]*@", "//", proxy)


@contextlib.contextmanager
def _environment(url: str, proxy: str | None) -> t.Iterator[None]:
    """Python takes a proxy from the environment only."""
    if not proxy:
        yield
        return
    before = dict(os.environ)
    os.environ.pop("no_proxy", None)
    os.environ.pop("NO_PROXY", None)
    os.environ[f"{urlsplit(url).scheme}_proxy"] = proxy
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
