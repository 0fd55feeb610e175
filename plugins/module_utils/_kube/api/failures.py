# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a request to an API server brought no answer, in words. Private to this collection."""

from __future__ import annotations

import ssl

from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import urllib3
from ansible_collections.eco2.platform.plugins.module_utils._net import tls


def from_exception(host: str, error: Exception, timeout: float) -> Exception:
    """The error of a request that brought no answer, as CannotConnect, NotTrusted or TimedOut."""
    kinds = urllib3.exceptions
    root = _root(error)
    reason = errors.one_line(root)
    if isinstance(error, kinds.SSLError) or isinstance(root, ssl.SSLError):
        return errors.NotTrusted(f"{host}: {tls.cause(reason)}; if you use a tunnel, set tls_server_name to a name of the certificate")
    if isinstance(error, kinds.ProxyError):
        return errors.CannotConnect(f"{host}: the proxy opens no connection ({reason}): check proxy and no_proxy")
    if isinstance(error, kinds.ReadTimeoutError):
        return errors.Silent(f"{host}: no answer within {timeout:g} s: check the load of the API server, or raise timeout")
    if isinstance(error, kinds.NewConnectionError):  # a kind of ConnectTimeoutError in older releases of urllib3
        said = reason.rpartition("connection: ")[2]
        return errors.CannotConnect(f"{host}: cannot connect ({said}): check that the API server runs there, and the network")
    if isinstance(error, kinds.ConnectTimeoutError):
        return errors.CannotConnect(f"{host}: no connection within {timeout:g} s: check the address and any firewall")
    if isinstance(error, kinds.ProtocolError):
        return errors.TimedOut(f"{host}: the connection broke before an answer came ({reason})")
    return errors.CannotConnect(f"{host}: {reason}")


def _root(error: BaseException) -> BaseException:
    """The innermost cause, which says most."""
    inner = next((part for part in error.args if isinstance(part, BaseException)), getattr(error, "reason", None))
    return _root(inner) if isinstance(inner, BaseException) else error
