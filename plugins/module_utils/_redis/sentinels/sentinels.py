# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_sentinel from end to end: declare, ask, plan, apply, see that all is well. Private to this collection."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Access
from ansible_collections.eco2.platform.plugins.module_utils._redis.connections import Connections
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import read
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Observed
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired, plan, proof
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Desired
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.write import SentinelWriter

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]

# Seconds between two looks at a failover that is going on.
PAUSE = 0.5
# One sentinel at a time, one change at a time.
WORKERS = 1


def converge(params: Params, access: Access, check_mode: bool, diff: bool) -> tuple[Result, str | None, list[str]]:
    """The module's result, in one line why it fails (None where it does not), and warnings.

    Raises Refused before the first write.
    """
    declared = desired.declare(params)
    connections = Connections(access)
    observed = _read(declared, connections, params)
    silent = _refuse_silent(declared, observed, params["unreachable_sentinels"] == "skip")
    chosen = plan.Options(params["prune"], params["update_hidden"], params["repair"])
    planned, warnings = plan.plan(declared, observed, chosen)
    warnings += silent
    locked_out = proof.problems(planned, observed, connections, access)
    if locked_out:
        raise Refused(locked_out)
    if check_mode or not planned.changes:
        return _convergence.predicted(planned, diff), None, warnings
    writer = SentinelWriter(connections, observed.sentinels, params["gate_timeout"])
    outcome = _convergence.apply(planned, writer, WORKERS)
    result = _convergence.achieved(planned, outcome, diff)
    if not outcome.complete:
        return result, _convergence.failure_message(outcome), warnings
    try:
        writer.settle_all()
    except Unreachable as error:
        return result, str(error), warnings
    return result, None, warnings


def _read(declared: Desired, connections: Connections, params: Params) -> Observed:
    """What is there, once no failover is going on any more: one takes seconds, and nothing can be told meanwhile."""
    deadline = time.monotonic() + params["gate_timeout"]
    names = [entry.name for entry in declared.masters]
    while True:
        observed = read.read(declared, connections, stale=params["forget_stale"])
        busy = any(entry.is_failing_over for name in names for entry in observed.monitored(name).values())
        if not busy or time.monotonic() >= deadline:
            return observed
        time.sleep(PAUSE)


def _refuse_silent(declared: Desired, observed: Observed, skip: bool) -> list[str]:
    """Warnings of those that do not answer; Refused where that is not to be borne."""
    lines = [f"sentinel {reason}" for dummy, reason in sorted(observed.silent.items())]
    if lines and not skip:
        raise Refused(lines)
    if len(observed.sentinels) < len(declared.sentinels) // 2 + 1:
        raise Refused(
            [
                f"{len(observed.sentinels)} of {len(declared.sentinels)} sentinels answer: nothing is changed without a majority",
                *lines,
            ]
        )
    return lines
