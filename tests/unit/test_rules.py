from __future__ import annotations

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import rules


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 256, "é" * 128])
def test_names_that_cannot_be(name: str) -> None:
    assert rules.name_problem(name)


@pytest.mark.parametrize("name", ["a", "...", "x" * 255, "é" * 127, "a/b%c"])
def test_names_that_can_be(name: str) -> None:
    assert rules.name_problem(name) is None
