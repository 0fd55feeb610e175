"""The table of settings beside real brokers: what it refuses they refuse, and what they take it lets pass.

The cases come from the table: for each setting and release the values inside and outside of its range, on every type of queue.
"""

from __future__ import annotations

import contextlib
import json
import typing as t
import urllib.error

import pytest
from observer import Observer, segment

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.settings import judge, table
from lab.brokers import Broker

VHOST = "settings-table"
OF_TYPE: dict[type | None, t.Any] = {int: 20, str: "text", bool: True, None: "text"}
# These cannot stand alone.
BESIDE: dict[str, dict[str, t.Any]] = {
    "x-dead-letter-routing-key": {"x-dead-letter-exchange": ""},
    "delayed-retry-type": {"delayed-retry-min": 5},
    "ha-mode": {"ha-params": 1},
    "ha-params": {"ha-mode": "exactly"},
    **{f"ha-{name}": {"ha-mode": "all"} for name in ("sync-mode", "sync-batch-size", "promote-on-shutdown", "promote-on-failure")},
}
# What the broker judges together with another key, or by another rule than a range.
APART = {("ha-mode", "nodes"), ("ha-mode", "all"), ("ha-params", "text")}


def values(rules: t.Iterable[table.Rule]) -> list[t.Any]:
    """Values on both sides of every border that any release has."""
    found: list[t.Any] = ["5", 5.5, True, ["a"], {"a": 1}]
    for rule in rules:
        value = rule.value
        found += [*value.words, OF_TYPE[value.type]]
        found += ["of no list", 7] if value.words else []
        found += [edge + step for edge in (value.least, value.most) if edge is not None for step in (-1, 0, 1)]
        found += ["7D", "007h", "0D", "7days", "7D\nx"] if value.form else []
    return [json.loads(text) for text in dict.fromkeys(map(json.dumps, found))]


class Bench:
    """A vhost of a broker in which single objects are tried."""

    def __init__(self, broker: Broker) -> None:
        self.observer = Observer(broker)
        self.release = tuple(map(int, broker.version.split(".")[:2]))
        self.differ: list[str] = []

    def takes(self, path: str, body: dict[str, t.Any]) -> bool:
        try:
            self.observer.request("PUT", path, body)
        except urllib.error.HTTPError as error:
            assert error.code in (400, 500), (path, body, error.code)
            return False
        with contextlib.suppress(urllib.error.HTTPError):  # a queue with a short expiry is gone already
            self.observer.request("DELETE", path)
        return True

    def compare(self, what: str, taken: bool, let_pass: bool) -> None:
        if taken != let_pass:
            self.differ.append(f"{what}: the broker {'takes' if taken else 'refuses'} it, and the table does not")


@pytest.fixture
def bench(broker: Broker) -> t.Iterator[Bench]:
    bench = Bench(broker)
    bench.observer.request("PUT", f"vhosts/{VHOST}", {})
    yield bench
    bench.observer.request("DELETE", f"vhosts/{VHOST}")


def test_the_table_of_arguments_is_neither_stricter_nor_laxer_than_the_broker(bench: Bench) -> None:
    denied = bench.release >= (4, 3)
    for name, rules in table.ARGUMENTS.items():
        now = [rule for rule in rules if rule.holds(bench.release)]
        for queue_type in ("classic", "quorum", "stream"):
            taken_by = any(queue_type in rule.types for rule in now)
            # A name that the type does not have is refused with any value: one is enough. So is one that no rule judges.
            tried = values(rules) if taken_by else [OF_TYPE[rules[0].value.type]]
            for value in tried:
                arguments = {name: value, **BESIDE.get(name, {})} if taken_by else {name: value}
                body = {"durable": True, "arguments": {**arguments, "x-queue-type": queue_type}}
                found = list(judge.problems(arguments, table.ARGUMENTS, "arguments", bench.release, queue_type))
                if found and now and not now[0].checked and taken_by:
                    continue  # stored without any effect
                if name == "x-queue-master-locator" and (denied or not isinstance(value, str)):
                    continue  # denied: judged apart; not a text: 3.10 closes the connection after a minute
                # A queue that expires within milliseconds may be gone before the broker has answered, and the answer is a refusal then.
                taken = any(bench.takes(f"queues/{VHOST}/x", body) for dummy in range(5 if name == "x-expires" else 1))
                bench.compare(f"{queue_type} {arguments}", taken, not found)
    assert bench.differ == []


@pytest.mark.parametrize(("path", "keys"), [("policies", table.POLICY), ("operator-policies", table.OPERATOR_POLICY)])
def test_the_table_of_policies_is_neither_stricter_nor_laxer_than_the_broker(bench: Bench, path: str, keys: table.Table) -> None:
    for name in table.POLICY:
        known = any(rule.holds(bench.release) for rule in keys.get(name, ()))
        for value in values(table.POLICY[name]) if known else [OF_TYPE[table.POLICY[name][0].value.type]]:
            if (name, value if isinstance(value, str) else "") in APART or name in ("queue-master-locator", "ha-params"):
                continue
            definition = {name: value, **BESIDE.get(name, {})} if known else {name: value}
            found = list(judge.problems(definition, keys, "definition", bench.release))
            strange = [name for name, dummy, surely in judge.unknown(definition, keys, bench.release) if surely or name in table.POLICY]
            body = {"pattern": "^none$", "definition": definition}
            taken = bench.takes(f"{path}/{VHOST}/{segment('x')}", body)
            bench.compare(f"{path} {definition}", taken, not (found or strange))
    assert bench.differ == []


@pytest.mark.parametrize("apply_to", ["all", "exchanges", "queues", *table.APPLY_TO])
def test_what_a_policy_may_apply_to_depends_on_the_release(bench: Bench, apply_to: str) -> None:
    body = {"pattern": "^none$", "definition": {"max-length": 1}, "apply-to": apply_to}
    assert bench.takes(f"policies/{VHOST}/x", body) is (bench.release >= table.APPLY_TO.get(apply_to, ()))
