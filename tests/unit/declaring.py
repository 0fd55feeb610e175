"""Short ways for tests to declare and to plan."""

from __future__ import annotations

import typing as t

import pytest
from memory import Memory

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, kinds, plan
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import Declared
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import Prune


def declare(vhost: str = "/", **lists: list[dict[str, t.Any]]) -> dict[Key, Declared]:
    return desired.declare(desired.items_of_lists({"vhost": vhost, **lists}))


def options(prune: t.Sequence[str] = (), prune_ignore: t.Sequence[str] = (), prune_limit: int = 10, **others: t.Any) -> plan.Options:
    chosen = Prune(tuple(kinds.BY_OPTION[name] for name in prune), tuple(prune_ignore), prune_limit)
    return plan.Options(prune=chosen, **others)


def planned(memory: Memory, chosen: plan.Options | None = None, **lists: t.Any) -> Plan:
    return plan.plan(declare(**lists), memory.broker, chosen or plan.Options())


def shown(result: Plan) -> list[str]:
    return [f"{change.action} {change.kind} {change.object}" for change in result.changes]


def applied(memory: Memory, result: Plan) -> Outcome:
    outcome = _convergence.apply(result, memory, workers=1)
    assert outcome.complete, outcome
    return outcome


def problems(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> list[str]:
    """What the call is refused for: at least one line, and each of them one line."""
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    lines = [str(problem) for problem in caught.value.problems]
    assert lines
    assert all(line and "\n" not in line for line in lines)
    return lines


def problem(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> str:
    lines = problems(call, *args, **kwargs)
    assert len(lines) == 1, lines
    return lines[0]
