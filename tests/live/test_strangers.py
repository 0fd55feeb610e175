"""Whatever a person writes: one line of refusal before anything is written, or a task that does what check mode says, once."""

from __future__ import annotations

import json
import os
import typing as t
from collections import Counter

import pytest
import requests
from harness import Task
from hypothesis import HealthCheck, Phase, given, seed, settings
from observer import Observer, segment
from strangers import VHOST, Arguments, tasks

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import trial
from lab import brokers
from lab.brokers import Broker

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
INPUTS_EACH = 3400 * TIMES  # on each of three brokers: more than 10,000
TAKEN_EACH = 70 * TIMES
LINE = 6000  # characters; the names in it may have 255 each

counted: Counter[str] = Counter()


class OnlyReads:
    """Stands between the client and the broker: what is read comes from the broker, once; what is written is counted and not sent.

    A policy that no broker takes is sent: its refusal tells whether the broker knows a key.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.written: list[str] = []
        self._seen: dict[str, requests.Response] = {}
        exchange = Client._exchange

        def instead(client: Client, endpoint: int, request: t.Any, session: requests.Session | None = None) -> requests.Response:
            if client.settings.urls[endpoint] != url:
                return exchange(client, endpoint, request, session)
            if request.method == "GET":
                if request.path not in self._seen:
                    self._seen[request.path] = exchange(client, endpoint, request, session)
                return self._seen[request.path]
            if isinstance(request.body, dict) and trial.NEVER.items() <= request.body.items():
                tried = exchange(client, endpoint, request, session)
                # 4.0 answers 500 where its reason holds a character that is not ASCII.
                assert tried.status_code in {400, 500}, "a policy that no broker takes was taken"
                return tried
            self.written.append(f"{request.method} {request.path}")
            done = requests.Response()
            done.status_code, done._content = 204, b""
            return done

        monkeypatch.setattr(Client, "_exchange", instead)


class Place:
    """A vhost for one case, beside which nothing is left of it."""

    def __init__(self, broker: Broker) -> None:
        self.observer, self.task = Observer(broker), Task(broker)

    def __enter__(self) -> Place:
        self.before = self.names() - {("vhosts", VHOST)}
        if self.names() - self.before:
            self.observer.request("DELETE", f"vhosts/{VHOST}")
        self.observer.request("PUT", f"vhosts/{VHOST}")
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        for kind, name in self.names() - self.before:
            self.observer.request("DELETE", f"{kind}/{segment(name)}")

    def names(self) -> set[tuple[str, str]]:
        return {(kind, row["name"]) for kind in ("users", "vhosts") for row in self.observer.request("GET", kind)}


def is_ours(change: dict[str, t.Any]) -> bool:
    """Whether it is a change of what is gone with the case: not of the broker's own vhost and user."""
    return "/" not in (change["identity"].get("vhost"), change["identity"].get("name")) and change["identity"].get("user") != "lab"


def only_the_broker_knows(failure: dict[str, t.Any]) -> bool:
    """Whether a plugin judges it (what a parameter holds, policy keys that are not RabbitMQ's own), or a limit that counts all queues."""
    return failure.get("kind") == "parameter" or any(
        words in str(failure) for words in ("not recognised policy settings", "queue limit in")
    )


def assert_converges(task: Task, arguments: Arguments) -> None:
    predicted, done = task.check(**arguments), task.apply(**arguments)
    if "failed" in done:
        assert [entry for entry in done.get("failures", [{}]) if not only_the_broker_knows(entry)] == [], shown(done)
        return
    counted["taken"] += 1
    assert shown(done["changes"]) == shown(predicted["changes"]), arguments
    again = task.apply(**arguments)
    assert ("failed" in again, again["changes"]) == (False, []), arguments


def shown(result: t.Any) -> str:
    return json.dumps(result, ensure_ascii=True)[:3000]


def assert_refused_in_words(result: Arguments, arguments: Arguments) -> None:
    message = result["msg"]
    about = f"{message!r} to {arguments!r}"
    assert message.strip(), about
    assert "Traceback" not in shown(result), about
    assert "exception" not in result, about
    assert all(len(line) <= LINE for line in message.splitlines()), about


@pytest.mark.parametrize("line", list(brokers.SUITES))
def test_whatever_is_written_is_refused_in_words_or_taken(
    line: str, lab: t.Callable[[str], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written before a refusal, in check mode nothing at all; and what is taken is done once, as check mode says."""
    broker = lab(line)
    place = Place(broker)
    taken: list[Arguments] = []
    with place, monkeypatch.context() as patched:
        between = OnlyReads(patched, broker.url)
        task = Task(broker)

        @settings(max_examples=INPUTS_EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(tasks())
        def case(arguments: Arguments) -> None:
            counted["inputs"] += 1
            between.written.clear()
            result = task.check(**arguments)
            assert between.written == [], f"check mode writes: {arguments!r}"
            if "failed" in result:
                assert_refused_in_words(result, arguments)
                again = task.apply(**arguments)
                assert (again.get("msg"), between.written) == (result["msg"], []), f"apply differs from check mode: {arguments!r}"
            elif result["changed"] and all(is_ours(change) for change in result["changes"]):
                taken.append(arguments)

        # Cases of its own for each broker: where CI is set, Hypothesis would draw the same ones for all of them.
        seed(line)(case)()
    for arguments in taken[:: max(1, len(taken) // TAKEN_EACH)]:
        with place:
            assert_converges(place.task, arguments)


def test_enough_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{dict(counted)}")
    assert counted["inputs"] >= 10_000
    assert counted["taken"] >= 200
