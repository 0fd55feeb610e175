"""What a call is refused for, as data."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused


def refused(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> list[Problem]:
    """The problems: at least one, each with a code, and one line each."""
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    problems = caught.value.problems
    assert problems and all(problem.code and "\n" not in str(problem) for problem in problems)
    return problems


def codes(call: t.Callable[..., t.Any], *args: t.Any, **kwargs: t.Any) -> list[str]:
    return [problem.code for problem in refused(call, *args, **kwargs)]
