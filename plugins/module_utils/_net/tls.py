# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as all clients use it: the options that name certificate files, and why a handshake failed. Private to this collection."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

FILES = ("ca_cert", "client_cert", "client_key")


def problems(params: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """Why the files that the options name cannot be used."""
    if params.get("client_key") and not params.get("client_cert"):
        yield Problem("tls.key_alone", "is used only together with client_cert", field="client_key", remedy="give client_cert too")
    for option in FILES:
        path = params.get(option)
        if path and not os.access(path, os.R_OK):
            remedy = "give a file that exists on the host that runs this task"
            yield Problem("tls.unreadable_file", f"{path} does not exist, or cannot be read", field=option, remedy=remedy)


def cause(reason: str, has_certificate: bool = True) -> str:
    """Why a handshake failed, and what to do. `reason`: what the TLS library says; `has_certificate`: whether we send a certificate."""
    says = reason.lower().replace(" ", "_")
    if "doesn't_match" in says or ("mismatch" in says and "key_values" not in says):
        return f"its TLS certificate is for other names ({reason}): connect to one of these names"
    if "not_yet_valid" in says:
        return f"its TLS certificate is not valid yet ({reason}): check the clocks of the server and of the machine that runs this task"
    if "has_expired" in says:
        return f"its TLS certificate has expired ({reason}): renew it; if it has not, check the clock of the machine that runs this task"
    if "certificate_verify_failed" in says:
        return f"its TLS certificate is not trusted ({reason}): give its CA in ca_cert, or connect to a name that the certificate is for"
    if any(words in says for words in ("pem", "no_certificate_or_crl_found", "key_values_mismatch")):
        return f"TLS cannot begin ({reason}): check the files of ca_cert, client_cert and client_key"
    if "wrong_version_number" in says or "record_layer_failure" in says:
        return f"this port does not speak TLS ({reason}): connect without TLS, or to the TLS port"
    # With TLS 1.3 a server that misses a client certificate says so, or closes the connection, after the handshake.
    if "certificate_required" in says or ("eof_occurred" in says and not has_certificate):
        return f"it asks for a client certificate ({reason}): give client_cert and client_key"
    return f"TLS failed ({reason}): check that this port speaks TLS, and ca_cert, client_cert and client_key"
