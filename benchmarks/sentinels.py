"""redis_sentinel with nothing to do, beside an empty module: 100 masters on three sentinels."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

from benchmarks.measure import Pair, at_most_times, compare
from benchmarks.playbooks import empty_module, play, playbook
from lab import redis
from lab.redis import Group

MASTERS = 100


def pairs(line: str) -> t.Iterator[Pair]:
    with redis.group("bench", line, replicas=0) as group, tempfile.TemporaryDirectory(prefix="eco2-bench-") as scratch:
        while len(group.data) < MASTERS:
            group.add_data(start=False)
        for server in group.data:
            server.start()
        yield _nothing_to_do(group, Path(scratch))


def _nothing_to_do(group: Group, home: Path) -> Pair:
    sentinels = [{"host": server.host, "port": server.port} for server in group.sentinels]
    masters = [
        {"name": f"set-{number:03}", "address": f"{server.host}:{server.port}", "quorum": 2, "failover_timeout": 60000, "replicas": 0}
        for number, server in enumerate(group.data)
    ]
    arguments = {"sentinels": sentinels, "masters": masters}
    first = play(playbook(home, "first", [{"eco2.platform.redis_sentinel": arguments}]))
    print(f"  (added to three sentinels in one task, first run: {first:.2f} s)", flush=True)
    unchanged = {"that": ["done is not changed", f"done.unchanged == {3 * MASTERS}"]}
    ours = playbook(home, "ours", [{"eco2.platform.redis_sentinel": arguments, "register": "done"}])
    proof = playbook(
        home, "proof", [{"eco2.platform.redis_sentinel": arguments, "register": "done"}, {"ansible.builtin.assert": unchanged}]
    )
    play(proof)
    empty = playbook(home, "empty", [empty_module(home, arguments)])
    name = f"{MASTERS} masters on three sentinels, nothing to do"
    return compare(name, at_most_times(3), lambda: play(ours), ("an empty module", lambda: play(empty)))
