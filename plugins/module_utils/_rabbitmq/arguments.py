# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rabbitmq modules share: their options, secrets that no option can mark, and their client. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import Library
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field, Spec, confidential, options
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import REQUESTS_IMPORT_ERROR
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.declared import definitions, manifests
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Kind
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import KINDS

LIBRARY: Library = ("requests", REQUESTS_IMPORT_ERROR)
CONNECTION = (
    Field("url", "list", ["http://localhost:15672"], elements="str", environment="RABBITMQ_URL"),
    Field("username", environment="RABBITMQ_USERNAME"),
    Field("password", secret=True, environment="RABBITMQ_PASSWORD"),
    Field("validate_certs", "bool", True, environment="RABBITMQ_VALIDATE_CERTS"),
    Field("ca_cert", "path", environment="RABBITMQ_CA_CERT"),
    Field("client_cert", "path", environment="RABBITMQ_CLIENT_CERT"),
    Field("client_key", "path", environment="RABBITMQ_CLIENT_KEY"),
    Field("timeout", "float", 30.0),
)
STATE = Field("state", default="present", choices=("present", "absent"))


def connection() -> Spec:
    """The options of the documentation fragment eco2.platform.rabbitmq_connection."""
    return options(CONNECTION)


def topology() -> Spec:
    """The lists of rabbitmq_topology: one for each kind of the table."""
    return {kind.option: {"type": "list", "elements": "dict", "options": _item(kind)} for kind in KINDS}


def _item(kind: Kind) -> Spec:
    spec = options([*kind.identity, *kind.fields, *kind.options, STATE])
    for entry in kind.fields:
        # What an item needs depends on its state, and is checked with the item named.
        spec[entry.name].pop("required", None)
    return spec


def secrets(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Secrets in manifests, definitions and raw values, and passwords in addresses."""
    yield from manifests.secrets(params.get("manifests"))
    yield from manifests.secrets_of_credentials(params.get("credentials"))
    yield from definitions.secrets(params.get("definitions"))
    for option, entry in ((kind.option, entry) for kind in KINDS for entry in kind.fields if entry.secret and entry.type == "raw"):
        items = params.get(option)
        for item in items if isinstance(items, list) else ():
            yield from confidential(item.get(entry.name)) if isinstance(item, dict) else confidential(item, within=True)
    urls = params.get("url") or []
    for url in [urls] if isinstance(urls, str) else urls:
        # Also in an address that is none, such as admin:secret@host.
        user = re.sub("^[A-Za-z]*://", "", str(url).rpartition("@")[0])
        yield user.partition(":")[2]
