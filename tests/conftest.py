"""Tests import the collection as Ansible does: from its staged copy (tools/stage), as ansible_collections.eco2.platform."""

from __future__ import annotations

import json
import os
import sys
import typing as t
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
for path in (PROJECT / "build", PROJECT):
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))


class Record:
    """Each test's seconds and outcome, written to build/times/NAME.json (tools/times.py); NAME.progress and NAME.failed grow meanwhile."""

    def __init__(self, name: str) -> None:
        self.place = PROJECT / "build" / "times" / name
        self.place.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".json", ".progress", ".failed"):
            self.file(suffix).unlink(missing_ok=True)
        self.total = self.done = 0
        self.tests: dict[str, dict[str, t.Any]] = {}

    def file(self, suffix: str) -> Path:
        return self.place.with_name(self.place.name + suffix)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.tests[report.nodeid] = {"seconds": 0.0, "outcome": "skipped", "reason": f"(whole file) {_reason(report)}"}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self.tests.setdefault(report.nodeid, {"seconds": 0.0, "outcome": "passed"})
        test["seconds"] += report.duration
        if report.failed:
            test["outcome"] = "failed"
            with self.file(".failed").open("a", encoding="utf-8") as file:
                file.write(report.nodeid + "\n")
        elif report.skipped:
            test.update(outcome="skipped", reason=_reason(report))

    def pytest_runtest_logfinish(self) -> None:
        self.done += 1
        self.file(".progress").write_text(f"{self.done} of {self.total}", encoding="ascii")

    def pytest_sessionfinish(self) -> None:
        self.file(".json").write_text(json.dumps(self.tests, indent=1), encoding="utf-8")


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_configure(config: pytest.Config) -> None:
    # Taken out of the environment: some tests run pytest themselves.
    name = os.environ.pop("ECO2_RECORD", None)
    if name:
        config.pluginmanager.register(Record(name))
