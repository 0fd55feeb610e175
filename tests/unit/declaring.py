"""Short ways for tests to declare and to plan."""

from __future__ import annotations

import typing as t

import pytest
from memory import Memory, Run

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, plan
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_OPTION
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import Prune


def declare(vhost: str = "/", **lists: list[dict[str, t.Any]]) -> dict[Key, Declared]:
    return desired.declare(desired.items_of_lists({"vhost": vhost, **lists}))


def options(prune: t.Sequence[str] = (), prune_ignore: t.Sequence[str] = (), prune_limit: int = 10, **others: t.Any) -> plan.Options:
    chosen = Prune(tuple(BY_OPTION[name] for name in prune), tuple(prune_ignore), prune_limit)
    return plan.Options(prune=chosen, **others)


def planned(memory: Memory, chosen: plan.Options | None = None, **lists: t.Any) -> Plan:
    return plan.plan(declare(**lists), memory.broker, chosen or plan.Options())


def warned(memory: Memory, **lists: t.Any) -> list[str]:
    """The warnings of what is planned."""
    lines: list[str] = []
    plan.plan(declare(**lists), memory.broker, plan.Options(), lines.append)
    return lines


def shown(result: Plan) -> list[str]:
    return [f"{change.action} {change.kind} {change.object}" for change in result.changes]


def applied(memory: Memory, result: Plan) -> None:
    report = converge(Run(memory, result), check_mode=False, diff=False)
    assert report.failure is None, report


def refusal(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> list[Problem]:
    """What the call is refused for: at least one problem, each with a code, and each of them one line."""
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    found: list[Problem] = caught.value.problems
    assert found
    assert all(each.code and each.message and "\n" not in str(each) for each in found), found
    return found


def problems(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> list[str]:
    """The codes of what the call is refused for."""
    return [each.code for each in refusal(call, *args, **kwargs)]


def problem(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> Problem:
    """The only problem that the call is refused for."""
    (one,) = refusal(call, *args, **kwargs)
    return one
