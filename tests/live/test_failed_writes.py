"""Every write of every module fails once, on real servers: see failing.py."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import types
import typing as t
from unittest import mock

import pytest
from corner import Corner
from failing import Arguments, Fault, every_write_fails
from ground import Ground
from harness import KubeTask, ModuleTask, apply
from pasture import Pasture
from proxies import Cut, Proxy, Reply, Seen, Verdict
from watch import Watch, address, lone, quick

from ansible_collections.eco2.platform.plugins.module_utils._kube.api import client as kube_client
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors as kube_errors
from ansible_collections.eco2.platform.plugins.module_utils._net import retry
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import client as rabbitmq_client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors as rabbitmq_errors
from ansible_collections.eco2.platform.plugins.module_utils._redis import connection as redis_connection
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors as redis_errors
from lab import redis
from lab.apiserver import ApiServer
from lab.brokers import Broker


@contextlib.contextmanager
def failing_at(owner: t.Any, name: str, failing: t.Callable[..., t.Any]) -> t.Iterator[None]:
    """Without the pauses between two attempts."""
    with mock.patch.object(retry, "wait", types.SimpleNamespace(sleep=lambda dummy: None)), mock.patch.object(owner, name, failing):
        yield


def of_rabbitmq(fault: Fault) -> t.ContextManager[t.Any]:
    exchange = rabbitmq_client.Client._exchange
    errors = {
        "refused": lambda: rabbitmq_errors.from_answer("refused by the test", 400, '{"error": "bad_request", "reason": "refused"}'),
        "lost before": lambda: rabbitmq_errors.CannotConnect("lost"),
        "lost after": lambda: rabbitmq_errors.Silent("silent"),
    }

    def failing(client: t.Any, endpoint: int, request: t.Any, *more: t.Any) -> t.Any:
        what = f"{request.method} {request.path}"
        return fault.send(what, request.method != "GET", lambda: exchange(client, endpoint, request, *more), errors)

    return failing_at(rabbitmq_client.Client, "_exchange", failing)


def of_kubernetes(fault: Fault) -> t.ContextManager[t.Any]:
    exchange = kube_client.Client._exchange
    errors = {
        "refused": lambda: kube_errors.ApiError("refused by the test", 422, "refused"),
        "lost before": lambda: kube_errors.CannotConnect("lost"),
        "lost after": lambda: kube_errors.Silent("silent"),
    }

    def failing(client: t.Any, method: str, path: str, *more: t.Any) -> t.Any:
        is_write = method != "GET" and "selfsubjectaccessreviews" not in path
        return fault.send(f"{method} {path}", is_write, lambda: exchange(client, method, path, *more), errors)

    return failing_at(kube_client.Client, "_exchange", failing)


OF_SENTINEL = ("MASTER", "MASTERS", "REPLICAS", "SENTINELS", "MYID", "GET-MASTER-ADDR-BY-NAME")
READS = {"PING", "INFO", "ROLE", "HELLO", "AUTH", "CLIENT", "CONFIG GET", "ACL", "MULTI"}
READS |= {f"SENTINEL {word}" for word in (*OF_SENTINEL, "CONFIG GET")}


def of_redis(fault: Fault) -> t.ContextManager[t.Any]:
    exchange = redis_connection.Server._exchange
    errors = {
        "refused": lambda: redis_errors.ServerError("refused by the test", "ERR", "refused"),
        "lost before": lambda: redis_errors.CannotConnect("lost"),
        "lost after": lambda: redis_errors.Silent("silent"),
    }

    def failing(server: t.Any, kept: t.Any, words: t.Sequence[str | int]) -> t.Any:
        said = " ".join(str(word).upper() for word in words)
        is_write = not any(said == read or said.startswith(f"{read} ") for read in READS)
        return fault.send(said, is_write, lambda: exchange(server, kept, words), errors)

    return failing_at(redis_connection.Server, "_exchange", failing)


class Ending:
    """Ends a run in turn before the broker sees its n-th write and after it did it: cuts its connection, or kills its process."""

    def __init__(self, number: int, kills: bool) -> None:
        self.number = number
        self.kills = kills
        self.writes: list[Seen] = []
        self.process: multiprocessing.process.BaseProcess | None = None

    def judge(self, seen: Seen) -> Verdict:
        if seen.writes:
            self.writes.append(seen)
        if len(self.writes) < self.number:
            return None
        after = self.number % 2 == 0 and seen is self.writes[-1] and len(self.writes) == self.number
        return Cut(after, self.process.kill if self.process is not None else lambda: None)

    def run(self, broker: Broker, arguments: Arguments) -> None:
        """In a process of its own where it is killed; not a fork of this one, whose threads may hold locks."""
        if not self.kills:
            with mock.patch.object(rabbitmq_client, "PAUSES", (0.05,)):
                result = apply(broker, arguments)
            assert bool(result.get("failed")) == (len(self.writes) >= self.number), result
            return
        self.process = multiprocessing.get_context("spawn").Process(target=apply, args=(broker, arguments))
        self.process.start()
        self.process.join()
        assert self.process.exitcode == (-signal.SIGKILL if len(self.writes) >= self.number else 0)


def test_rabbitmq_topology(broker_4: Broker) -> None:
    vhost = "failed-writes"
    old = {
        "vhosts": [{"name": vhost}],
        "exchanges": [{"vhost": vhost, "name": "old"}],
        "queues": [{"vhost": vhost, "name": "replaced"}, {"vhost": vhost, "name": "gone"}],
        "bindings": [{"vhost": vhost, "source": "old", "destination": "replaced", "routing_key": "k"}],
        "policies": [{"vhost": vhost, "name": "p", "pattern": "^a", "definition": {"max-length": 1}}],
    }
    arguments: Arguments = {
        "on_immutable_change": "recreate_if_empty",
        "users": [{"name": f"{vhost}-user", "password": "hunter2", "tags": []}],
        "permissions": [{"vhost": vhost, "user": f"{vhost}-user", "configure": "", "write": "", "read": ".*"}],
        "vhost_limits": [{"vhost": vhost, "name": "max-queues", "value": 50}],
        "policies": [{"vhost": vhost, "name": "p", "pattern": "^b", "definition": {"max-length": 1}}],
        "exchanges": [{"vhost": vhost, "name": "new"}],
        "queues": [
            {"vhost": vhost, "name": "new"},
            {"vhost": vhost, "name": "replaced", "arguments": {"x-max-length": 5}},
            {"vhost": vhost, "name": "gone", "state": "absent"},
        ],
        "bindings": [{"vhost": vhost, "source": "new", "destination": "new"}],
        "accept_loss_window": True,
    }
    with Corner(broker_4, vhost) as corner:

        def reset() -> None:
            corner.clean()
            made = corner.task.apply(**old)
            assert not made.get("failed"), made

        every_write_fails(corner, reset, arguments, of_rabbitmq, least=9)


@pytest.mark.parametrize("how", ["connection cut", "module killed"])
def test_rabbitmq_recreation_loses_no_binding_that_nobody_declares(broker: Broker, how: str) -> None:
    """The run ends before or after its n-th write; check mode tells what the next run does, which brings back what was there."""
    if how == "module killed" and broker.line != "4.0" and "ECO2_TIMES" not in os.environ:
        pytest.skip("1 case for make test-long: a new process for each of 15 runs; 4.0 has it")
    vhost = "failed-recreation"
    ends = [{"vhost": vhost, "source": "x", "destination": "q", "routing_key": key, "arguments": {"a": 1}} for key in "ab"]
    to_exchange = {"vhost": vhost, "source": "amq.topic", "destination": "x", "destination_type": "exchange", "routing_key": "c"}
    topics = {"vhost": vhost, "user": f"{vhost}-user", "exchange": "x", "write": "^a", "read": "^b"}
    old = {
        "vhosts": [{"name": vhost}],
        "users": [{"name": f"{vhost}-user", "password": "recreation-pw"}],
        "exchanges": [{"vhost": vhost, "name": "x"}],
        "queues": [{"vhost": vhost, "name": "q"}],
        "bindings": [*ends, to_exchange],
        "topic_permissions": [topics],
    }
    queue = {"name": "q", "arguments": {"x-max-length": 5}}
    wanted = {"vhost": vhost, "queues": [queue], "exchanges": [{"name": "x", "type": "topic"}]}
    options = {"on_immutable_change": "recreate_if_empty", "accept_loss_window": True}
    number = 0
    with Corner(broker, vhost) as corner:
        while True:
            number += 1
            corner.clean()
            assert "failed" not in (made := corner.task.apply(**old)), made["msg"]
            end = Ending(number, how == "module killed")
            with Proxy(broker.url, end.judge) as proxy:
                end.run(broker, {"url": [proxy.url], **wanted, **options})
            if len(end.writes) < number:
                break
            predicted, done = corner.task.check(**wanted, **options), corner.task.apply(**wanted, **options)
            assert not done.get("failed"), done
            assert predicted["changes"] == done["changes"], (number, predicted, done)
            there = {"vhost": 1, "user": 1, "exchange": 1, "queue": 1, "binding": 3, "topic_permission": 1}
            assert corner.kinds() == there, f"write {number}: {end.writes[-1]}"
            assert not corner.task.check(**wanted, **options)["changed"]
        assert number > 12


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(502, "<html>Bad Gateway</html>", after=True), "changes"),
        (Reply(504, "", after=True), "changes"),
        (Reply(500, "", after=True), "changes"),
        (Reply(500, ""), "failures"),
        (Reply(504, ""), "unknown"),
        (Reply(400, '{"error": "bad_request", "reason": "metadata store operation timed out"}'), "unknown"),
        (Reply(400, '{"error": "bad_request", "reason": "metadata store operation timed out"}', after=True), "changes"),
    ],
    ids=["502 and made", "504 and made", "500 and made", "500 and not made", "504 and not made", "no majority", "no majority and made"],
)
def test_rabbitmq_answers_that_do_not_tell_are_read_back(broker_4: Broker, reply: Reply, told: str) -> None:
    vhost = "failed-answers"
    with Corner(broker_4, vhost) as corner:
        assert corner.task.apply(vhosts=[{"name": vhost}])["changed"]
        with Proxy(broker_4.url, lambda seen: reply if seen.writes else None) as proxy:
            result = corner.task.apply(url=[proxy.url], vhost=vhost, queues=[{"name": "q"}])
        assert [entry["object"] for entry in result[told]] == [f"{vhost}/q"], result
        assert bool(result.get("failed")) == (told != "changes")


def test_kube_nodes(kube: ApiServer) -> None:
    with Pasture(kube, "failed-writes-") as pasture:
        names: list[str] = []

        def reset() -> None:
            pasture.clean()
            names[:] = pasture.add("a", "b", "c", labels={"role": "old"})

        whole = [f"failed-writes-{name}" for name in "abc"]
        nodes: list[Arguments] = [{"name": name, "labels": {"role": "new"}, "taints": ["domain=x:NoSchedule"]} for name in whole[:2]]
        nodes.append({"name": whole[2], "state": "absent", "force": True})
        # A Node that is gone is as declared.
        every_write_fails(pasture, reset, {"nodes": nodes, "unknown_nodes": "skip"}, of_kubernetes, least=3)


class Tokens(Ground):
    """The bootstrap tokens of an API server."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.task = KubeTask(server, "kube_bootstrap_token", wait_timeout=20.0)

    def clean(self) -> None:
        self.server.kubectl("delete", "secrets", "--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token")

    def snapshot(self) -> t.Any:
        query = ("--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token", "--output=name")
        return self.server.kubectl("get", "secrets", *query)


def test_kube_bootstrap_token_made(kube: ApiServer) -> None:
    with Tokens(kube) as tokens:
        every_write_fails(tokens, tokens.clean, {}, of_kubernetes, least=1)


def test_kube_bootstrap_tokens_removed(kube: ApiServer) -> None:
    with Tokens(kube) as tokens:

        def reset() -> None:
            tokens.clean()
            for ttl, minimum in ((3600, 600), (7200, 3700)):
                made = tokens.task.apply(ttl=ttl, minimum_left=minimum)
                assert not made.get("failed"), made

        every_write_fails(tokens, reset, {"state": "absent"}, of_kubernetes, least=2)


def test_redis_sentinel() -> None:
    with redis.group("failed-writes", "redis-7.0") as group:
        quick(group)
        with Watch(group) as watch, lone(group, 1) as (other,):
            master = {"name": "pubsub", "address": [address(group.data[0])], "quorum": 2, "down_after_milliseconds": 30000}
            old = {"masters": [master, {**master, "name": "gone", "address": [address(other)]}]}

            def reset() -> None:
                watch.clean()
                made = watch.task.apply(**old, prune=True)
                assert not made.get("failed"), made

            wanted = {"masters": [{**master, "quorum": 3}], "settings": {"resolve_hostnames": True}, "prune": True}

            def unset() -> None:
                reset()
                for server in group.sentinels:
                    server.ask("SENTINEL", "CONFIG", "SET", "resolve-hostnames", "no")

            every_write_fails(watch, unset, wanted, of_redis, least=9)


class Roles(Ground):
    """The data nodes of a set, whose master redis_failover switches."""

    def __init__(self, group: redis.Group) -> None:
        self.group = group
        sentinels = [{"host": server.host, "port": server.port} for server in group.sentinels]
        self.task = ModuleTask("redis_failover", sentinels=sentinels, name="pubsub", timeout=2.0, wait_timeout=20.0)

    def clean(self) -> None:
        pass

    def snapshot(self) -> t.Any:
        settings = ("replica-priority", "min-replicas-to-write", "min-replicas-max-lag")
        return [(server.ask("ROLE")[0], *(server.ask("CONFIG", "GET", name)[1] for name in settings)) for server in self.group.data]


@pytest.mark.skipif(
    "ECO2_TIMES" not in os.environ, reason="1 case for make test-long: minutes of waiting; test_redis_services.py has it in memory"
)
def test_redis_failover() -> None:
    with redis.group("failed-writes", "redis-7.0") as group:
        quick(group)
        with Watch(group) as watch:
            master = {"name": "pubsub", "address": [address(group.data[0])], "quorum": 2, "down_after_milliseconds": 30000}
            made = watch.task.apply(masters=[master])
            assert not made.get("failed"), made
            group.wait_healthy("pubsub")
            roles = Roles(group)
            here, there = ({"host": server.host, "port": server.port} for server in group.data[:2])

            def reset() -> None:
                back = roles.task.apply(to=here)
                assert not back.get("failed"), back

            every_write_fails(roles, reset, {"to": there}, of_redis, least=5)
