"""Real brokers of three release lines and a real API server, started once for the session and removed by it."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from harness import Task

from lab import apiserver, brokers
from lab.host import LabError, require


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        metafunc.parametrize("broker", list(brokers.SUITES), indirect=True, scope="session")


class Progress:
    """How far the run is, and what has failed, kept in files for whoever waits for it (tools/live.py)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = self.done = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self.path.with_suffix(".failed").open("a", encoding="utf-8") as file:
                file.write(report.nodeid + "\n")

    def pytest_runtest_logfinish(self) -> None:
        self.done += 1
        self.path.write_text(f"{self.done} of {self.total}", encoding="ascii")


def pytest_configure(config: pytest.Config) -> None:
    # Taken out of the environment: some tests run pytest themselves.
    path = os.environ.pop("ECO2_PROGRESS", None)
    if path:
        config.pluginmanager.register(Progress(Path(path)))


@pytest.fixture(scope="session")
def lab() -> t.Iterator[t.Callable[[str], brokers.Broker]]:
    """Starts the broker of a release line; what this session started, it removes."""
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    started: list[str] = []

    def start(line: str) -> brokers.Broker:
        name = f"test-{line}"
        if name not in brokers.names():
            started.append(name)
        return brokers.up(name, line)

    yield start
    for name in started:
        brokers.down(name)


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest, lab: t.Callable[[str], brokers.Broker]) -> brokers.Broker:
    """A broker; each test that asks for it runs once on each release line."""
    return lab(request.param)


@pytest.fixture(scope="session")
def broker_4(lab: t.Callable[[str], brokers.Broker]) -> brokers.Broker:
    """The broker of the line that the real platform runs, for what does not depend on the version."""
    return lab("4.0")


@pytest.fixture
def task(broker: brokers.Broker) -> Task:
    return Task(broker)


@pytest.fixture(scope="session")
def kube() -> t.Iterator[apiserver.ApiServer]:
    """An API server with its controllers and without nodes; what this session started, it removes."""
    name = "test"
    was_there = name in apiserver.names()
    try:
        server = apiserver.up(name)
    except LabError as error:
        pytest.skip(f"no API server on this machine: {error}")
    yield server
    if not was_there:
        apiserver.down(name)
