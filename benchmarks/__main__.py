"""python -m benchmarks [topology] [fleet] [sentinels] [nodes] [inventory]: print each as a ratio, keep it in benchmarks/latest.json.

Exit 1 where a limit does not hold.
"""

from __future__ import annotations

import json
import sys
import tempfile
import typing as t
from pathlib import Path

from benchmarks import fleet, inventory, nodes, sentinels, topology
from benchmarks.measure import Pair
from lab import apiserver, brokers, redis, shelves

LATEST = Path(__file__).parent / "latest.json"


def _topology() -> t.Iterator[Pair]:
    broker = brokers.up("bench-4.0", "4.0")
    print(f"RabbitMQ {broker.version}, Python {sys.version.split()[0]}", flush=True)
    try:
        yield from topology.pairs(broker)
    finally:
        brokers.down(broker.name)


def _fleet() -> t.Iterator[Pair]:
    server = apiserver.up("bench")
    print(f"Kubernetes {server.version}, Python {sys.version.split()[0]}", flush=True)
    try:
        yield from fleet.pairs(server)
    finally:
        apiserver.down(server.name)


def _nodes() -> t.Iterator[Pair]:
    print(f"Kubernetes {shelves.KUBERNETES}, Python {sys.version.split()[0]}", flush=True)
    with tempfile.TemporaryDirectory(prefix="eco2-bench-") as scratch:
        yield from nodes.pairs(Path(scratch))


def _sentinels() -> t.Iterator[Pair]:
    line = "redis-8.0"
    print(f"{line} {redis.program(line).version}, Python {sys.version.split()[0]}", flush=True)
    yield from sentinels.pairs(line)


def _inventory() -> t.Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="eco2-bench-") as scratch:
        yield from inventory.pairs(Path(scratch))


PARTS = {"topology": _topology, "fleet": _fleet, "sentinels": _sentinels, "nodes": _nodes, "inventory": _inventory}


def main(chosen: list[str]) -> int:
    pairs = []
    for name in chosen or PARTS:
        for pair in PARTS[name]():
            print(pair.line(), flush=True)
            pairs.append(pair)
            _keep([pair.record()])
    return 0 if all(pair.holds for pair in pairs) else 1


def _keep(records: list[dict[str, t.Any]]) -> None:
    """The new figures in their old places; what was not measured this time stays."""
    kept = {record["name"]: record for record in json.loads(LATEST.read_text(encoding="utf-8"))}
    kept.update({record["name"]: record for record in records})
    LATEST.write_text(json.dumps(list(kept.values()), indent=2) + "\n", encoding="utf-8")


sys.exit(main(sys.argv[1:]))
