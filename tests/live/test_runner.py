"""Our playbooks by ansible-runner, which AWX uses: parts of a set, cancelled jobs, and secrets in nothing that AWX would show."""

from __future__ import annotations

import itertools
import os
import random
import typing as t
from pathlib import Path

import pytest
from corner import Corner

from awx import Awx, inventory
from lab.brokers import Broker

CANCELS = 4 if int(os.environ.get("ECO2_TIMES", "1")) == 1 else 20
QUEUES = 300
NAME = "runner"


@pytest.fixture(scope="module")
def corner(broker_4: Broker) -> t.Iterator[Corner]:
    with Corner(broker_4, NAME) as made:
        made.plain_user(NAME, "runner-canary-1")
        yield made


def awx_of(home: Path, corner: Corner, **variables: t.Any) -> Awx:
    credential = {"RABBITMQ_URL": corner.broker.url, "RABBITMQ_USERNAME": NAME, "RABBITMQ_PASSWORD": "runner-canary-1"}
    return Awx(home, inventory({"unused": {"localhost": {}}}, rabbitmq_vhost=NAME, **variables), credential)


def test_cancelled_at_random_moments_the_next_run_is_right(corner: Corner, tmp_path: Path) -> None:
    dice = random.Random()
    for number in range(CANCELS):
        queues = [{"name": f"{number}.{each}", "type": "classic"} for each in range(QUEUES)]
        awx = awx_of(tmp_path / str(number), corner, rabbitmq_queues=queues)
        before, moment = corner.queues(NAME), dice.randrange(QUEUES * 3 // 4)
        cancelled = awx.launch("rabbitmq", cancel=lambda goal=before + moment: corner.queues(NAME) > goal)
        there = corner.queues(NAME) - before
        print(f"\n  {cancelled.status} with {there} of {QUEUES} queues there (wanted: {moment})", end="", flush=True)
        # A module that ansible-core 2.19 and newer leaves at work goes on meanwhile.
        awx.launch("rabbitmq").ok()
        assert corner.queues(NAME) == before + QUEUES
        assert awx.launch("rabbitmq").ok().changed == 0
        awx.end_workers()
        assert cancelled.status == "canceled"
        assert there > 0


def test_secrets_are_in_nothing_that_awx_would_show(corner: Corner, tmp_path: Path) -> None:
    """In a credential, in the text of an answer, in one that is refused, and in one that the broker refuses."""
    secrets = {
        "rabbitmq_users": '[{"name": "canary", "password": "runner-canary-2", "tags": []}]',
        "rabbitmq_parameters": '[{"component": "shovel", "name": "s", "value": {"src-uri": "amqp://u:runner-canary-3@h", "bad": 1}}]',
        "rabbitmq_credentials": '{"default/s": {"password": "runner-canary-4"}}',
    }
    awx = awx_of(tmp_path, corner)
    jobs = [
        awx.launch("rabbitmq", secrets, "-vvv", "--check", "--diff"),
        awx.launch("rabbitmq", secrets, "-vvv", "--diff"),
        awx.launch("rabbitmq", {name: text[:-1] for name, text in secrets.items()}, "-vvv"),
        awx.launch("rabbitmq", {"rabbitmq_password": "runner-canary-5", "rabbitmq_queues": "- name: q"}, "-vvv"),
    ]
    assert {job.status for job in jobs} == {"failed"}
    for job in jobs:
        assert "runner-canary" not in job.shown()
        assert "Traceback" not in job.shown()


@pytest.mark.parametrize("how", ["limit", "slice"])
def test_maintain_redis_refuses_a_part_of_a_set(how: str, tmp_path: Path) -> None:
    names = ["redis-1", "redis-2", "redis-3"]
    addresses = {name: {"ansible_host": f"192.0.2.{number}"} for number, name in enumerate(names, 1)}
    declared = {
        "redis_sentinel_hosts": names,
        "redis_sentinel_sets": [{"name": "pubsub", "nodes": names}],
    }
    credential = dict.fromkeys(("REDIS_PASSWORD", "REDIS_MASTERAUTH", "REDIS_AUTH_PASS"), "runner-canary")
    awx = Awx(tmp_path, inventory({"redis_nodes": addresses}, ansible_become=False, **declared), credential)
    part = {"limit": "redis-1"} if how == "limit" else {"slices": ["redis-1"]}
    refused = awx.launch("maintain_redis", **part)
    event, *dummy = refused.of("runner_on_failed")
    (problem,) = event["res"]["problems"]
    assert (problem["code"], problem["item"]) == ("set.partial", "set pubsub")
    assert "redis-2, redis-3" in event["res"]["msg"]
    assert "\n" not in event["res"]["msg"]
    assert "runner-canary" not in refused.shown()


def test_no_playbook_or_role_of_ours_asks_at_the_terminal() -> None:
    """A job of AWX has none."""
    project = Path(__file__).resolve().parents[2]
    files = [path for top in ("playbooks", "roles") for path in (project / top).rglob("*.yml")]
    assert {path.parent.name for path in files} >= {"playbooks", "plays", "tasks"}
    words = [(str(path), word) for path, word in itertools.product(files, ("vars_prompt", "pause:")) if word in path.read_text("utf-8")]
    assert words == []
