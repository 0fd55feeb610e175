# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether patterns are regular expressions, by the broker's own judgement. Private to this collection.

Python's expressions are not those of Erlang, and those of Erlang differ by release. A list that is filtered by a pattern is answered with
400 where it is none (3.10, 4.0), or with no entry (4.3); only reading, so check mode asks too.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client

_FIELDS = ("pattern", "configure", "write", "read")
# What needs no question: words, escaped dots and wildcards, alternatives of them in one group at most.
_PLAIN = re.compile(r"\^?(\([\w|.-]+\)|[\w-]|\\\.|\.[*+]?)*\$?")


def problems(client: Client, changes: t.Iterable[Change], vhosts: t.Collection[str]) -> t.Iterator[Problem]:
    """One problem for each pattern that is none. `vhosts`: those that the user can read; without one, nothing is judged."""
    verdicts: dict[str, bool] = {}
    for change in changes:
        for difference in change.differences:
            pattern = difference.after
            if not vhosts or change.kind == "parameter" or difference.field not in _FIELDS or not isinstance(pattern, str):
                continue
            if pattern not in verdicts:
                verdicts[pattern] = bool(_PLAIN.fullmatch(pattern)) or _compiles(client, pattern, min(vhosts))
            if not verdicts[pattern]:
                message = f"{pattern!r} is not a regular expression of this broker"
                yield Problem("pattern.invalid", message, f"{change.kind} {change.object}", difference.field, "correct it")


def _compiles(client: Client, pattern: str, vhost: str) -> bool:
    query = {"page": "1", "page_size": "1", "columns": "name", "use_regex": "true"}
    try:
        first = client.get("exchanges", vhost, name=pattern, **query)
        # What fits no name is either none or only rare. The empty alternative fits all; what begins with (* must stay at the beginning.
        if first["filtered_count"] or pattern.startswith("(*"):
            return True
    except errors.Invalid:
        return False
    except errors.BrokerError:
        return True  # no verdict
    with contextlib.suppress(errors.BrokerError):
        second = client.get("exchanges", vhost, name=f"|{pattern}", **query)
        return bool(second["filtered_count"] or not second["total_count"])
    return True
