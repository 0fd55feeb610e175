"""python -m benchmarks: run all, print each as a ratio, write benchmarks/latest.json; exit 1 where a limit does not hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import topology
from lab import brokers


def main() -> int:
    line = "4.0"
    name = f"bench-{line}"
    broker = brokers.up(name, line)
    print(f"RabbitMQ {broker.version}, Python {sys.version.split()[0]}", flush=True)
    results = []
    try:
        for pair in topology.pairs(broker):
            print(pair.line(), flush=True)
            results.append(pair)
    finally:
        brokers.down(name)
    latest = Path(__file__).parent / "latest.json"
    latest.write_text(json.dumps([pair.record() for pair in results], indent=2) + "\n", encoding="utf-8")
    return 0 if all(pair.holds for pair in results) else 1


sys.exit(main())
