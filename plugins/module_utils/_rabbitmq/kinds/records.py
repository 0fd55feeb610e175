# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of this collection in a broker: exchanges that nobody declares, prunes or exports. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import model

# The argument of an exchange that holds a record as text. The broker takes and stores any argument of an exchange.
ARGUMENT = "x-eco2-recreation"

RECORD = model.Kind(
    "recreation",
    "recreations",
    stage=0,
    identity=(model.VHOST, Field("name", required=True)),
    fields=(Field("text"),),
    path=("exchanges", "{vhost}", "{name}"),
)


def body(text: str) -> model.Values:
    """The exchange that holds it: durable, and internal, so that nobody publishes to it."""
    return {"type": "fanout", "durable": True, "auto_delete": False, "internal": True, "arguments": {ARGUMENT: text}}


def found(row: model.Values) -> t.Iterator[model.Observed]:
    """The record in a row of the list of exchanges."""
    yield RECORD.entry({"vhost": row["vhost"], "name": row["name"]}, {"text": str(row["arguments"][ARGUMENT])})
