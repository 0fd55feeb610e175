"""The times of all recorded tests by file, and what was skipped: python tools/times.py [--keep]

Reads build/times, which the last runs have written. --keep writes the seconds of the live files to tests/live/times.json, by which
tools/live.py decides what begins first.
"""

from __future__ import annotations

import json
import sys
import typing as t
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
KEPT = PROJECT / "tests" / "live" / "times.json"

Tests = t.Dict[str, t.Dict[str, t.Any]]


def main() -> None:
    runs: dict[str, Tests] = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((PROJECT / "build" / "times").glob("*.json"))
    }
    if "--keep" in sys.argv:
        _keep(runs)
        return
    for run, tests in runs.items():
        for reason, number in Counter(test["reason"] for test in tests.values() if "reason" in test).items():
            print(f"skipped in {run}: {number} tests: {reason}")
    rows = [row for run, tests in runs.items() for row in _by_file(run, tests)]
    print(f"{'seconds':>8}  {'tests':>5}  {'run':<28}  file")
    for seconds, count, run, file in sorted(rows, reverse=True):
        if seconds >= 1:
            print(f"{seconds:8.1f}  {count:5}  {run:<28}  {file}")
    for what, chosen in (("the files below a second", [row for row in rows if row[0] < 1]), ("all", rows)):
        print(f"{sum(row[0] for row in chosen):8.1f}  {sum(row[1] for row in chosen):5}  {what}")


def _by_file(run: str, tests: Tests) -> list[tuple[float, int, str, str]]:
    files = Counter(name.partition("::")[0] for name in tests)
    return [
        (sum(test["seconds"] for name, test in tests.items() if name.partition("::")[0] == file), count, run, file)
        for file, count in files.items()
    ]


def _keep(runs: dict[str, Tests]) -> None:
    known = json.loads(KEPT.read_text(encoding="utf-8"))
    for run, tests in runs.items():
        if run.startswith("live-") and run != "live-again":
            known[run.removeprefix("live-")] = round(sum(test["seconds"] for test in tests.values()), 1)
    KEPT.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
