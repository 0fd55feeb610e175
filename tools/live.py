"""The tests on real servers in two lanes side by side: those on machines of the lab, and all others. Most of their time is waiting.

python tools/live.py [FILE...]: all of tests/live unless named. Ends with both lanes' own output and the sum of their counts.
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
    logs = {lane: PROJECT / "build" / f"live-{lane}.log" for lane in lanes}
    running = {lane: _start(names, logs[lane]) for lane, names in lanes.items() if names}
    _wait(running, logs)
    counts: Counter[str] = Counter()
    for lane in running:
        text = logs[lane].read_text(encoding="utf-8", errors="replace")
        print(f"\n--- {lane}\n{text}", flush=True)
        last = text.strip().rpartition("\n")[2]
        counts.update({name: int(number) for number, name in re.findall(r"(\d+) (\w+)", last) if name in OUTCOMES})
    failed = counts["failed"] + counts["error"] + counts["errors"]
    line = f"live: {counts['passed']} passed, {failed} failed, {counts['skipped']} skipped"
    print(line, flush=True)
    # For whoever wants it as the very last line.
    (PROJECT / "build" / "live-sum").write_text(line + "\n", encoding="utf-8")
    return 1 if any(process.returncode for process in running.values()) else 0


def _start(files: list[str], log: Path) -> subprocess.Popen[bytes]:
    log.with_suffix(".progress").unlink(missing_ok=True)
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
