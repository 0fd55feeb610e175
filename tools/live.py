"""The tests on real servers in two lanes side by side: those on machines of the lab, and all others. Most of their time is waiting.

python tools/live.py [FILE...]: all of tests/live unless named. Ends with both lanes' own output and the sum of their counts.

Sentinels and kubelets judge by clocks, and a machine that is busy with the other lane can make them judge otherwise. So what has failed
is run again alone, once, and named; it counts as failed unless it passes then.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# Machines share a network and a depot, so one lane has them all.
MACHINES = re.compile(r"test_(join|node|redis_role|redis_tls|redis_upgrade)")
OUTCOMES = ("passed", "failed", "skipped", "error", "errors")


def main(chosen: list[str]) -> int:
    files = chosen or sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / "tests" / "live").glob("test_*.py"))
    lanes = {"machines": [], "servers": []}
    for file in files:
        lanes["machines" if MACHINES.match(Path(file).name) else "servers"].append(file)
    counts, failed, ended_well = _run({lane: names for lane, names in lanes.items() if names})
    if failed:
        print(f"\n{len(failed)} failed beside other tests, and are run again alone:", *failed, sep="\n  ", flush=True)
        again, dummy, ended_well = _run({"again": failed})
        # Skipped is not passed: some only count what others did.
        passed = again["passed"]
        counts["passed"] += passed
        counts["failed"] = len(failed) - passed
        ended_well = ended_well and passed == len(failed)
        print(f"\n{passed} of {len(failed)} passed alone", flush=True)
    line = f"live: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
    print(line, flush=True)
    # For whoever wants it as the very last line.
    (PROJECT / "build" / "live-sum").write_text(line + "\n", encoding="utf-8")
    return 0 if ended_well else 1


def _run(lanes: dict[str, list[str]]) -> tuple[Counter[str], list[str], bool]:
    """The counts of all lanes, the tests that failed, and whether every lane came to its end without a failure."""
    logs = {lane: PROJECT / "build" / f"live-{lane}.log" for lane in lanes}
    running = {lane: _start(names, logs[lane]) for lane, names in lanes.items()}
    _wait(running, logs)
    counts: Counter[str] = Counter()
    failed = []
    for log in logs.values():
        text = log.read_text(encoding="utf-8", errors="replace")
        print(f"\n--- {log.stem}\n{text}", flush=True)
        last = text.strip().rpartition("\n")[2]
        counts.update({name: int(number) for number, name in re.findall(r"(\d+) (\w+)", last) if name in OUTCOMES})
        if log.with_suffix(".failed").exists():
            failed += log.with_suffix(".failed").read_text(encoding="utf-8").splitlines()
    counts["failed"] += counts["error"] + counts["errors"]
    codes = [process.returncode for process in running.values()]
    if not set(codes) <= {0, 1}:
        # One that did not come to its end tells nothing of the rest.
        counts["failed"] += 1
        failed = []
    return counts, list(dict.fromkeys(failed)), not any(codes)


def _start(files: list[str], log: Path) -> subprocess.Popen[bytes]:
    for suffix in (".progress", ".failed"):
        log.with_suffix(suffix).unlink(missing_ok=True)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files]
        environment = {**os.environ, "ECO2_PROGRESS": str(log.with_suffix(".progress"))}
        return subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)


def _wait(running: dict[str, subprocess.Popen[bytes]], logs: dict[str, Path]) -> None:
    """With a word every two minutes of how far they are."""
    began = said = time.monotonic()
    while any(process.poll() is None for process in running.values()):
        time.sleep(1)
        if time.monotonic() - said >= 120:
            said = time.monotonic()
            far = ", ".join(f"{lane} {_far(logs[lane])}" for lane in running)
            print(f"live tests: {(said - began) / 60:.0f} min; {far}", flush=True)


def _far(log: Path) -> str:
    progress = log.with_suffix(".progress")
    return progress.read_text(encoding="ascii") if progress.exists() else "begins"


sys.exit(main(sys.argv[1:]))
