"""One run at a time maintains a set: the lock that it holds there, and credentials that come from the environment."""

from __future__ import annotations

import multiprocessing
import typing as t
from concurrent.futures import ProcessPoolExecutor

import pytest
from harness import ModuleTask
from watch import LINES, until

from lab import redis

NAME = "pubsub"
KEY = "eco2.platform:maintenance"
DATA, SENTINEL = "data password", "sentinel-password"


@pytest.fixture(scope="module", params=LINES)
def group(request: pytest.FixtureRequest) -> t.Iterator[redis.Group]:
    config = f'requirepass "{DATA}"\nmasterauth "{DATA}"\n'
    with redis.group("lock", request.param, 1, 1, data_config=config, sentinel_config=f"requirepass {SENTINEL}\n") as made:
        for servers, password in ((made.data, DATA), (made.sentinels, SENTINEL)):
            for server in servers:
                server.credentials = (password,)
        made.monitor(NAME, made.data[0], quorum=1)
        (sentinel,) = made.sentinels
        # Sentinel cannot write a password with a space into its file, and asks for none here.
        sentinel.ask("SENTINEL", "SET", NAME, "auth-pass", "none")
        yield made


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", DATA)
    monkeypatch.setenv("REDIS_SENTINEL_PASSWORD", SENTINEL)
    # A credential of AWX sets a variable to nothing where its field is blank.
    monkeypatch.setenv("REDIS_USERNAME", "")
    monkeypatch.setenv("REDIS_TLS", "")


def task(group: redis.Group, **more: t.Any) -> ModuleTask:
    sentinels = [{"host": server.host} for server in group.sentinels]
    return ModuleTask("redis_lock", **{"sentinels": sentinels, "masters": [{"name": NAME}], "holder": "first", "seconds": 30, **more})


@pytest.mark.usefixtures("environment")
def test_the_second_run_is_refused_and_told_who_has_the_lock(group: redis.Group) -> None:
    (master, *dummy) = group.data
    first, second = task(group), task(group, holder="second")
    assert first.check()["changes"][0]["action"] == "create"
    assert master.ask("GET", KEY) is None
    assert first.apply()["changed"]
    assert master.ask("GET", KEY) == "first"
    for refused in (second.check(), second.apply()):
        assert [problem["code"] for problem in refused["problems"]] == ["set.locked"]
        assert refused["msg"].startswith("set pubsub: first maintains the set, and its lock ends in ")
        assert "\n" not in refused["msg"]
    assert not second.apply(state="absent")["changed"], "the lock of another run was released"
    assert first.apply(state="absent")["changed"]
    assert second.apply()["changed"]
    assert second.apply(state="absent")["changed"]
    assert not second.apply(state="absent")["changed"]
    assert master.ask("EXISTS", KEY) == 0


@pytest.mark.usefixtures("environment")
def test_it_is_renewed_and_ends_by_itself(group: redis.Group) -> None:
    (master, *dummy) = group.data
    task(group).apply(seconds=2)
    renewed = task(group).apply(seconds=3)
    assert renewed["changes"][0]["action"] == "update"
    assert 2000 < master.ask("PTTL", KEY) <= 3000
    until(lambda: master.ask("EXISTS", KEY) == 0, 10)
    assert task(group, holder="second").apply()["changed"]
    assert task(group, holder="second").apply(state="absent")["changed"]


@pytest.mark.usefixtures("environment")
def test_of_four_runs_at_once_one_gets_it(group: redis.Group) -> None:
    (master, *dummy) = group.data
    sentinels = [server.host for server in group.sentinels]
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        done = list(pool.map(attempt, [sentinels] * 4, range(4)))
    winners = [result["changes"][0]["differences"][0]["after"] for result in done if result["changed"]]
    assert winners == [master.ask("GET", KEY)]
    assert all("maintains the set" in result["msg"] for result in done if not result["changed"])
    master.ask("DEL", KEY)


def attempt(sentinels: list[str], number: int) -> dict[str, t.Any]:
    """For a process of its own."""
    places = [{"host": host} for host in sentinels]
    return ModuleTask("redis_lock").apply(sentinels=places, masters=[{"name": NAME}], holder=f"run {number}")


def test_the_replica_has_it_too_so_a_planned_switch_takes_it_along(group: redis.Group, environment: None) -> None:
    (dummy, replica) = group.data
    assert task(group).apply()["changed"]
    until(lambda: replica.ask("GET", KEY) == "first", 10)
    assert 0 < replica.ask("PTTL", KEY) <= 30000
    assert task(group).apply(state="absent")["changed"]


def test_options_win_over_the_environment(group: redis.Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "wrong")
    monkeypatch.setenv("REDIS_SENTINEL_PASSWORD", "wrong")
    assert task(group, password=SENTINEL, data_password=DATA).check()["changed"]
    failed = task(group, password=SENTINEL).check()
    assert failed["failed"]
    assert "wrong" not in failed["msg"].split("WRONGPASS")[0].replace("wrong password", "")


def test_a_ca_of_the_environment_is_no_mistake_without_tls(group: redis.Group, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_CA_CERT", "/etc/ssl/certs/ca-certificates.crt")
    assert task(group).check()["changed"]
    refused = task(group, ca_cert="/etc/ssl/certs/other.crt").check()
    assert [problem["code"] for problem in refused["problems"]] == ["connection.no_tls"]
