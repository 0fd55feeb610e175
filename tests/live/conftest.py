"""Real brokers of three release lines and a real API server, started once for the session.

The session removes what it started, unless tools/live.py keeps it for the files to come.
"""

from __future__ import annotations

import os
import typing as t

import pytest
from harness import Task

from lab import apiserver, brokers
from lab.host import LabError, require

# Taken out of the environment: some tests run pytest themselves.
KEEP = os.environ.pop("ECO2_KEEP", "") == "yes"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        metafunc.parametrize("broker", list(brokers.SUITES), indirect=True, scope="session")


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
        if not KEEP and name not in brokers.names():
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
    if not (KEEP or was_there):
        apiserver.down(name)
