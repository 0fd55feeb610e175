"""The redis modules with the oldest redis-py that they support; all other tests have the newest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
LOCK = PROJECT / "requirements" / "redis-py.lock"
TESTS = [
    "tests/live/test_redis_connection.py",
    "tests/live/test_sentinels.py",
    "tests/live/test_failover.py::test_check_predicts_apply_and_a_second_run_does_nothing",
    "tests/live/test_failover.py::test_the_rights_that_the_documentation_names_are_enough_and_no_password_is_shown",
]


def _library() -> Path:
    """A directory with that release, made once."""
    home = PROJECT / "build" / "environments" / "redis-py"
    stamp = home / "stamp"
    wanted = LOCK.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(home, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", home]
        subprocess.run([*command, "--requirement", LOCK], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return home


def test_the_oldest_redis_py() -> None:
    environment = {**os.environ, "PYTHONPATH": str(_library())}
    says = [sys.executable, "-c", "import redis; print(redis.__version__)"]
    assert subprocess.run(says, env=environment, capture_output=True, text=True, check=True).stdout.strip() == "4.3.6"
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *TESTS, "-k", "not redis-8.0 and not valkey-8.1"]
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:]
