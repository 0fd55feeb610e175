"""The tests on real servers, three files side by side. Most of their time is waiting.

python tools/live.py [FILE...]: without a name all of tests/live, and ansible-test integration (its name is integration). Prints the output
of each file when it ends, and at the end the sum of all.

A file is a job. Jobs of one group share a server, a network or names, so they run one after another; groups run side by side, the one with
most left to do first (tests/live/times.json has the times of an earlier run). Sentinels and kubelets judge by clocks, and a machine that is
busy with other jobs can make them judge otherwise. So a test that fails is run again alone, once, and named; it counts as failed unless it
passes then.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from lab import apiserver, brokers  # noqa: E402
from lab.host import LabError, require  # noqa: E402

BUILD = PROJECT / "build"
SIDE_BY_SIDE = 3
INTEGRATION = "integration"
# The first that matches.
GROUPS = (
    ("cluster", r"test_(join|kubeadm|kubelet)"),
    ("machines", r"test_(node_roles|redis_role|redis_tls|redis_upgrade|redis_moves|redis_addresses)"),
    ("API server", r"test_(kube_|awx)"),
    ("Redis", r"test_(failover|redis_|sentinel)"),
    ("no server", r"test_(terraform|report)"),
    ("brokers", r""),
)


@dataclass
class Job:
    name: str
    command: list[str]
    seconds: float = 60.0
    group: str = "alone"
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    tests: dict[str, dict[str, t.Any]] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return BUILD / "live" / f"{self.name}.log"

    def file(self, suffix: str) -> Path:
        return BUILD / "times" / f"live-{self.name}{suffix}"

    def start(self) -> None:
        self.log.parent.mkdir(exist_ok=True)
        self.began = time.monotonic()
        for suffix in (".json", ".progress", ".failed"):
            self.file(suffix).unlink(missing_ok=True)
        environment = {**os.environ, "ECO2_RECORD": f"live-{self.name}", "ECO2_KEEP": "yes"}
        # Sentinels take a late answer for a dead server, so all others let them have the processors first.
        polite = [] if self.group in ("Redis", "alone") else ["nice", "--adjustment=5"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*polite, *self.command], cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def ended(self) -> bool:
        if self.process is None or self.process.poll() is None:
            return False
        self.seconds = time.monotonic() - self.began
        if self.file(".json").exists():
            self.tests = json.loads(self.file(".json").read_text(encoding="utf-8"))
        print(f"\n--- {self.name}: {self.seconds:.0f} s\n{self.log.read_text(encoding='utf-8', errors='replace')}", flush=True)
        return True

    @property
    def failed(self) -> list[str]:
        return [name for name, test in self.tests.items() if test["outcome"] == "failed"]

    @property
    def broken(self) -> bool:
        """It did not come to its end, or failed without a test that did."""
        return self.process is None or self.process.returncode not in (0, 1, 5) or (self.process.returncode == 1 and not self.failed)

    @property
    def far(self) -> str:
        progress = self.file(".progress")
        return f"{self.name} {progress.read_text(encoding='ascii') if progress.exists() else 'begins'}"


def main(chosen: list[str]) -> int:
    was_there = servers()
    # The unit tests leave out what needs a kubeadm, if it was not built yet.
    usual = ["tests/unit/test_kubeadm_config.py", INTEGRATION, *sorted((PROJECT / "tests" / "live").glob("test_*.py"))]
    jobs = [_job(file) for file in chosen or usual]
    try:
        _run(list(jobs))
        again = _again([name for job in jobs for name in job.failed])
    finally:
        for kind, name in servers() - was_there:
            {"broker": brokers, "API server": apiserver}[kind].down(name)
    return _sum(jobs, again)


def _job(file: str | Path) -> Job:
    if file == INTEGRATION:
        return Job(INTEGRATION, ["tools/integration"], *_known(INTEGRATION), "brokers")
    path = Path(PROJECT, file)
    name = path.stem
    group = next(group for group, pattern in GROUPS if re.match(pattern, name))
    return Job(name, _pytest(str(path.relative_to(PROJECT))), *_known(name), group)


def _pytest(*what: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *what]


def _known(name: str) -> tuple[float]:
    known = json.loads((PROJECT / "tests" / "live" / "times.json").read_text(encoding="utf-8"))
    return (known.get(name, 60.0),)


def servers() -> set[tuple[str, str]]:
    """The lab's brokers and API servers; none where this machine has no lab."""
    try:
        require()
    except LabError:
        return set()
    return {*(("broker", name) for name in brokers.names()), *(("API server", name) for name in apiserver.names())}


def _run(waiting: list[Job]) -> None:
    running: list[Job] = []
    began = said = time.monotonic()
    while waiting or running:
        while len(running) < SIDE_BY_SIDE and (job := _next(waiting, {each.group for each in running})):
            waiting.remove(job)
            running.append(job)
            job.start()
        time.sleep(1)
        running = [job for job in running if not job.ended()]
        if time.monotonic() - said >= 120:
            said = time.monotonic()
            far = ", ".join(job.far for job in running)
            print(f"live tests: {(said - began) / 60:.0f} min; {far}; {len(waiting)} files wait", flush=True)


def _next(waiting: list[Job], busy: set[str]) -> Job | None:
    """The longest job of the group that has most left to do and is not at work."""
    left = {job.group: sum(other.seconds for other in waiting if other.group == job.group) for job in waiting if job.group not in busy}
    first = max(left, key=lambda group: left[group], default=None)
    return max((job for job in waiting if job.group == first), key=lambda job: job.seconds, default=None)


def _again(failed: list[str]) -> Job | None:
    if not failed:
        return None
    print(f"\n{len(failed)} failed beside other tests, and are run again alone:", *failed, sep="\n  ", flush=True)
    job = Job("again", _pytest(*failed))
    _run([job])
    return job


def _sum(jobs: list[Job], again: Job | None) -> int:
    tests = [test for job in jobs for test in job.tests.values()]
    count = Counter(test["outcome"] for test in tests)
    broken = [job.name for job in [*jobs, *([again] if again else [])] if job.broken]
    if again:
        # Skipped is not passed: some only count what others did.
        passed = sum(test["outcome"] == "passed" for test in again.tests.values())
        print(f"\n{passed} of {count['failed']} passed alone", flush=True)
        count["passed"] += passed
        count["failed"] -= passed
    for reason, number in Counter(test["reason"] for test in tests if "reason" in test).items():
        print(f"skipped: {number} tests: {reason}", flush=True)
    if broken:
        print(f"did not come to an end: {', '.join(broken)}", flush=True)
    line = f"live: {count['passed']} passed, {count['failed'] + len(broken)} failed, {count['skipped']} skipped"
    print(line, flush=True)
    # make prints it again as the last line.
    (BUILD / "live-sum").write_text(line + "\n", encoding="utf-8")
    return 1 if count["failed"] or broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
