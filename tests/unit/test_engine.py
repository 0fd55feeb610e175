"""The engine: what it asks of a service, and when."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Altered, Change, ChangeFailed, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Service, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused


class Recorder(Service):
    """Tells what it was asked, in order."""

    def __init__(self, lacks: bool = False, busy: bool = False) -> None:
        super().__init__()
        self.lacks, self.busy = lacks, busy
        self.asked: list[str] = []

    @contextlib.contextmanager
    def alone(self) -> t.Iterator[None]:
        if self.busy:
            raise ChangeFailed("another run is at work")
        self.asked.append("alone")
        yield
        self.asked.append("end")

    def observe(self) -> None:
        self.asked.append("observe")

    def plan(self) -> Plan:
        return Plan((Change("file", "a", {}, "create", ()),))

    def missing(self, dummy: Plan) -> t.Iterator[Problem]:
        self.asked.append("missing")
        if self.lacks:
            yield Problem("file.no_disk", "there is no disk")

    def write(self, change: Change) -> Change:
        self.asked.append("write")
        return change


def test_others_are_kept_away_from_the_first_look_to_the_last_write() -> None:
    service = Recorder()
    assert converge(service, check_mode=False, diff=False).result["changed"] is True
    assert service.asked == ["alone", "observe", "missing", "write", "end"]


def test_check_mode_waits_for_nobody_and_takes_for_there_what_an_earlier_task_brings() -> None:
    service = Recorder(lacks=True, busy=True)
    assert converge(service, check_mode=True, diff=False).result["changed"] is True
    assert service.asked == ["observe"]


@pytest.mark.parametrize(("service", "failure"), [(Recorder(lacks=True), "no disk"), (Recorder(busy=True), "at work")])
def test_what_is_missing_and_who_is_at_work_ends_the_run_before_the_first_write(service: Recorder, failure: str) -> None:
    report = converge(service, check_mode=False, diff=False)
    assert failure in str(report.failure)
    assert report.result["changed"] is False
    assert "write" not in service.asked


class NoDisk(Recorder):
    """The operating system refuses what `where` does."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def fail(self, where: str) -> None:
        if where == self.where:
            raise OSError(30, "Read-only file system", "/etc/a")

    def observe(self) -> None:
        self.fail("observe")

    def write(self, change: Change) -> Change:
        self.fail("write")
        return change


@pytest.mark.parametrize(("where", "changed"), [("observe", False), ("write", True)])
def test_an_error_of_the_operating_system_is_one_line_in_its_words(where: str, changed: bool) -> None:
    """A write that failed so may have written a part."""
    report = converge(NoDisk(where), check_mode=False, diff=False)
    assert report.failure is not None
    assert report.failure.startswith("/etc/a: Read-only file system")
    assert report.result["changed"] is changed


def test_a_service_with_one_worker_writes_in_the_main_thread() -> None:
    threads: list[threading.Thread] = []

    class OfOneThread(Recorder):
        def write(self, change: Change) -> Change:
            threads.append(threading.current_thread())
            return change

    converge(OfOneThread(), check_mode=False, diff=False)
    assert threads == [threading.main_thread()]


class Fleet(Recorder):
    """Three files: one is altered on its way, and two are late."""

    def plan(self) -> Plan:
        return Plan.of(Change("file", name, {}, "create", ()) for name in "abc")

    def write(self, change: Change) -> Change:
        if change.object == "a":
            raise Altered("is not as declared")
        return change

    def settle(self, outcome: Outcome) -> list[Late]:
        return [Late(change.kind, change.object, {}, "is not there") for change in outcome.done]


def test_what_is_altered_on_its_way_is_a_change_and_stops_nothing() -> None:
    result = converge(Fleet(), check_mode=False, diff=False).result
    assert [change["object"] for change in result["changes"]] == ["b", "c"]
    assert [(entry["object"], entry["action"]) for entry in result["failures"]] == [("a", "create"), ("b", "wait"), ("c", "wait")]
    service = Fleet()
    service.plan = lambda: Plan((Change("file", "a", {}, "create", ()),))  # type: ignore[method-assign]
    assert converge(service, check_mode=False, diff=False).result["changed"] is True


def test_one_line_names_the_first_that_is_late_and_how_many_more_there_are() -> None:
    service = Fleet()
    service.write = lambda change: change  # type: ignore[method-assign]
    assert converge(service, check_mode=False, diff=False).failure == "file a: is not there (and 2 more)"


def _many(count: int, message: str = "is wrong", code: str = "x.wrong") -> list[Problem]:
    return [Problem(code, message.format(number), f"items[{number}]", "name", "correct it") for number in range(count)]


def test_few_items_with_one_problem_are_each_named() -> None:
    assert Refused(_many(5)).problems == _many(5)


def test_many_items_with_one_problem_are_one_line() -> None:
    (problem,) = Refused(_many(200)).problems
    assert problem == Problem("x.wrong", "is wrong", "items[0], items[1], items[2] and 197 more", "name", "correct it")


def test_of_many_different_problems_of_one_code_the_rest_is_counted() -> None:
    found = Refused([*_many(30, "is wrong: {}"), *_many(1, code="x.other")]).problems
    assert found[:20] == _many(30, "is wrong: {}")[:20]
    assert [(each.code, each.item) for each in found[20:]] == [("x.wrong", ""), ("x.other", "items[0]")]
    assert "10 more" in found[20].message
