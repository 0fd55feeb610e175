"""The one loop that repeats a request."""

from __future__ import annotations

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._net import retry


class Server:
    """Answers with these, one after another: errors are raised, anything else is returned."""

    def __init__(self, *answers: Exception | str) -> None:
        self.answers = list(answers)

    def send(self) -> str:
        said = self.answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(wait, "sleep", pauses.append)
    return pauses


def twice(attempt: retry.Attempt) -> float | None:
    return attempt.pause((0.2, 0.8))


def test_an_answer_ends_it(slept: list[float]) -> None:
    assert retry.answer(Server("yes").send, twice) == "yes"
    assert slept == []


def test_it_pauses_between_two_attempts_until_the_pauses_are_used_up(slept: list[float]) -> None:
    assert retry.answer(Server(Unreachable("1"), Unreachable("2"), "yes").send, twice) == "yes"
    with pytest.raises(Unreachable, match="3"):
        retry.answer(Server(Unreachable("1"), Unreachable("2"), Unreachable("3"), "yes").send, twice)
    assert slept == [0.2, 0.8, 0.2, 0.8]


def test_a_write_without_an_answer_stays_unknown_whatever_later_attempts_run_into(slept: list[float]) -> None:
    with pytest.raises(NoAnswer, match="first"):
        retry.answer(Server(NoAnswer("first"), Unreachable("2"), NoAnswer("3")).send, twice)
    with pytest.raises(Unreachable, match="3"):
        retry.answer(Server(NoAnswer("first"), Unreachable("2"), Unreachable("3")).send, twice, writes=False)


def test_a_refusal_after_a_write_without_an_answer_is_an_answer(slept: list[float]) -> None:
    seen: list[retry.Attempt] = []

    def once(attempt: retry.Attempt) -> float | None:
        seen.append(attempt)
        return attempt.pause((0.0,))

    with pytest.raises(ChangeFailed, match="refused"):
        retry.answer(Server(NoAnswer("first"), ChangeFailed("refused")).send, once)
    assert [(attempt.number, attempt.unanswered) for attempt in seen] == [(0, True), (1, True)]
