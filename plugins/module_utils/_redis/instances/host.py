# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_host from end to end: declare, observe, plan, apply. On the host, standard library only. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import instance as host_instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import sample as host_sample
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import state
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import Params
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.plan import plan
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.write import Writer

Result = t.Dict[str, t.Any]


def converge(params: Params, check_mode: bool, diff: bool) -> tuple[Result, Outcome | None]:
    """The module's result, and the outcome of the writes (None where there were none to make). Raises Refused."""
    there = host_instance.established()
    declared = host_instance.declare(params, there)
    seen = state.observe(declared)
    samples = host_sample.observe(params["masked"])
    problems = [line for sample in samples for line in sample.problems()]
    problems += [line for instance in declared for line in state.problems(instance, seen[instance.id])]
    if problems:
        raise Refused(problems)
    planned = plan(params, declared, seen, samples)
    facts = {
        "established": there,
        "instances": [state.told(instance, seen[instance.id], instance.id in params["restart"]) for instance in declared],
    }
    if check_mode or not planned.changes:
        return {**_convergence.predicted(planned, diff), **facts, "predicted": check_mode}, None
    stale = any(entry.service.stale_unit for entry in seen.values())
    outcome = _convergence.apply(planned, Writer(stale), workers=1)
    return {**_convergence.achieved(planned, outcome, diff), **facts, "predicted": False}, outcome
