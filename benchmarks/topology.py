"""rabbitmq_topology beside the broker's own import, beside an empty module, beside community.rabbitmq."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from benchmarks.measure import Pair, Run, at_most_times, compare, faster_by
from benchmarks.playbooks import PROJECT, empty_module, play, playbook

sys.path[:0] = [str(PROJECT / "build"), str(PROJECT / "tests" / "live")]

from harness import Task  # noqa: E402
from observer import Observer  # noqa: E402

from lab.brokers import Broker  # noqa: E402

SIZE = 1000
_numbers = itertools.count()


def pairs(broker: Broker) -> t.Iterator[Pair]:
    for queue_type in ("classic", "quorum"):
        yield _new_objects(broker, queue_type)
    vhost = "bench-still"
    wanted = _topology(vhost, "classic", SIZE)
    Task(broker).apply(vhosts=[{"name": vhost}], vhost=vhost, **wanted)
    with tempfile.TemporaryDirectory(prefix="eco2-bench-") as scratch:
        home = Path(scratch)
        yield _nothing_to_do(broker, home, "nothing to do, 2,000 objects as lists", 1.4, {"vhost": vhost, **wanted})
        manifests = {"manifests": _manifests(vhost, wanted)}
        yield _nothing_to_do(broker, home, "nothing to do, 2,000 custom resources as YAML text", 2.0, manifests)
        yield _community(broker, home)
    _drop(broker, vhost)


def _topology(vhost: str, queue_type: str, size: int) -> dict[str, t.Any]:
    names = [f"q.{number:04}" for number in range(size)]
    return {
        "exchanges": [{"name": "bench", "type": "direct"}],
        "queues": [{"name": name, "type": queue_type, "arguments": {"x-message-ttl": 60000}} for name in names],
        "bindings": [{"source": "bench", "destination": name, "routing_key": name} for name in names],
    }


def _drop(broker: Broker, vhost: str) -> None:
    Observer(broker).request("DELETE", f"vhosts/{vhost}")


def _fresh(broker: Broker) -> str:
    vhost = f"bench-{os.getpid()}-{next(_numbers)}"
    Observer(broker).request("PUT", f"vhosts/{vhost}", {})
    return vhost


def _new_objects(broker: Broker, queue_type: str) -> Pair:
    wanted = _topology("", queue_type, SIZE)

    def ours() -> float:
        vhost = _fresh(broker)
        start = time.perf_counter()
        result = Task(broker).apply(vhost=vhost, **wanted)
        taken = time.perf_counter() - start
        _expect(len(result["changes"]), 2 * SIZE + 1)
        _drop(broker, vhost)
        return taken

    def definitions() -> float:
        vhost = _fresh(broker)
        observer = Observer(broker)
        body = _definitions(vhost, wanted)
        start = time.perf_counter()
        observer.request("POST", "definitions", body)
        taken = time.perf_counter() - start
        _expect(len(observer.request("GET", f"queues/{vhost}?disable_stats=true&columns=name")), SIZE)
        _drop(broker, vhost)
        return taken

    name = f"1,000 {queue_type} queues and 1,000 bindings, all new"
    return compare(name, at_most_times(1.3), ours, ("POST /api/definitions", definitions))


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise SystemExit(f"a run made {found} objects in place of {wanted}: its time means nothing")


def _definitions(vhost: str, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    flags = {"vhost": vhost, "durable": True, "auto_delete": False}
    return {
        "exchanges": [{**flags, "internal": False, "arguments": {}, **entry} for entry in wanted["exchanges"]],
        "queues": [{**flags, "name": e["name"], "arguments": {**e["arguments"], "x-queue-type": e["type"]}} for e in wanted["queues"]],
        "bindings": [{"vhost": vhost, "destination_type": "queue", "arguments": {}, **entry} for entry in wanted["bindings"]],
    }


def _manifests(vhost: str, wanted: dict[str, t.Any]) -> str:
    """The same queues and bindings as the operator's custom resources, 2,000 documents of YAML."""
    reference = "  rabbitmqClusterReference:\n    name: eco2-rabbitmq\n"
    head = "---\napiVersion: rabbitmq.com/v1beta1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n  vhost: {vhost}\n"
    documents = []
    for entry in wanted["queues"]:
        top = head.format(kind="Queue", name=entry["name"].replace(".", "-"), vhost=vhost)
        documents.append(
            f"{top}  name: {entry['name']}\n  type: {entry['type']}\n  durable: true\n"
            f"  arguments:\n    x-message-ttl: {entry['arguments']['x-message-ttl']}\n{reference}"
        )
    for entry in wanted["bindings"]:
        top = head.format(kind="Binding", name=entry["destination"].replace(".", "-"), vhost=vhost)
        documents.append(
            f"{top}  source: {entry['source']}\n  destination: {entry['destination']}\n  destinationType: queue\n"
            f"  routingKey: {entry['routing_key']}\n{reference}"
        )
    return "".join(documents)


def _nothing_to_do(broker: Broker, home: Path, name: str, most: float, arguments: dict[str, t.Any]) -> Pair:
    arguments = {"url": broker.url, "username": broker.username, "password": broker.password, **arguments}

    def task(name: str, step: dict[str, t.Any]) -> Run:
        path = playbook(home, name, [step])
        return lambda: play(path)

    ours = task("ours", {"eco2.platform.rabbitmq_topology": arguments})
    peer = ("an empty module with the same arguments", task("empty", empty_module(home, arguments)))
    return compare(name, at_most_times(most), ours, peer)


def _community(broker: Broker, home: Path) -> Pair:
    vhost = _fresh(broker)
    port = broker.url.rsplit(":", 1)[1]
    names = [f"q.{number:02}" for number in range(50)]
    login = {"login_host": "127.0.0.1", "login_port": port, "login_user": broker.username, "login_password": broker.password}
    loop = {"community.rabbitmq.rabbitmq_queue": {"name": "{{ item }}", "vhost": vhost, **login}, "loop": names}
    ours = {
        "eco2.platform.rabbitmq_topology": {
            "url": broker.url,
            "username": broker.username,
            "password": broker.password,
            "vhost": vhost,
            "queues": [{"name": name} for name in names],
        }
    }
    one, many = playbook(home, "ours", [ours]), playbook(home, "loop", [loop])
    play(one)
    peer = ("community.rabbitmq in a loop", lambda: play(many))
    pair = compare("50 queues with nothing to do", faster_by(20), lambda: play(one), peer, rounds=3)
    _drop(broker, vhost)
    return pair
