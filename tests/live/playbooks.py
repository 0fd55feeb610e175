"""Runs of ansible-playbook as a user would start them, and everything that such a run leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import typing as t
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent

# Writes down all that a callback gets to see, whatever its own output would look like.
SPY = """
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "spy"

    def v2_runner_on_ok(self, result, failed=False):
        with open(os.environ["SPY_FILE"], "a") as file:
            file.write(json.dumps(dict(result._result, failed=failed), default=str) + "\\n")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.v2_runner_on_ok(result, failed=True)
"""


# Stands in for the binding of systemd's journal, which modules prefer to syslog: the same on every machine.
JOURNAL = """
import os

def send(MESSAGE, **fields):
    with open(os.environ["JOURNAL_FILE"], "a") as file:
        file.write(f"{MESSAGE} {fields}\\n")

sendv = send
"""


@dataclass(frozen=True)
class Run:
    """What came of a run: its output, what callbacks and the journal were given, and every command line seen meanwhile."""

    code: int
    output: str
    callbacks: str
    journal: str
    command_lines: str
    home: Path

    def leftovers(self) -> str:
        """Every file that the run left behind, by content; not what the caller put there."""
        files = [file for file in (self.home / "tmp").rglob("*") if file.is_file()]
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


class _CommandLines:
    """Samples the command lines of all processes, as `ps` would."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _CommandLines:
        self.thread.start()
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self.over.set()
        self.thread.join()

    def _sample(self) -> None:
        """A process has its command line soon after its start: after a second it is not read again, which would cost much."""
        times: Counter[str] = Counter()
        while not self.over.wait(0.02):
            for process in os.listdir("/proc"):
                if process.isdigit() and times[process] < 50:
                    times[process] += 1
                    try:
                        with open(f"/proc/{process}/cmdline", "rb") as file:
                            self.seen.add(file.read())
                    except OSError:
                        continue


def play(home: Path, tasks: list[dict[str, t.Any]], variables: dict[str, t.Any], *options: str, **environment: str) -> Run:
    """Run these tasks on localhost; the variables come from a file, so that no line of a playbook holds a secret."""
    (home / "tmp").mkdir(exist_ok=True)
    (home / "callbacks").mkdir(exist_ok=True)
    (home / "callbacks" / "spy.py").write_text(SPY, encoding="utf-8")
    (home / "variables.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    header = {"hosts": "localhost", "gather_facts": False, "vars_files": ["variables.yml"], "tasks": tasks}
    (home / "play.yml").write_text(yaml.safe_dump([header], sort_keys=False), encoding="utf-8")
    (home / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}}),
        encoding="utf-8",
    )
    spy_file, journal_file, journal = home / "spied", home / "journal", home / "python" / "systemd" / "journal.py"
    journal.parent.mkdir(parents=True, exist_ok=True)
    daemon = "def booted():\n    return True\n"
    package = ((journal, JOURNAL), (journal.parent / "daemon.py", daemon), (journal.parent / "__init__.py", ""))
    for file, text in ((spy_file, ""), (journal_file, ""), *package):
        file.write_text(text, encoding="utf-8")
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}",
        "ANSIBLE_CALLBACK_PLUGINS": str(home / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "spy",
        "ANSIBLE_LOCAL_TEMP": str(home / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(home / "tmp"),
        "ANSIBLE_HOME": str(home / "tmp"),
        "ANSIBLE_LOG_PATH": str(home / "tmp" / "ansible.log"),
        "ANSIBLE_NOCOLOR": "1",
        "SPY_FILE": str(spy_file),
        "JOURNAL_FILE": str(journal_file),
        "PYTHONPATH": str(home / "python"),
        **environment,
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(home / "hosts.yml"), str(home / "play.yml"), *options]
    with _CommandLines() as lines:
        done = subprocess.run(command, env={**os.environ, **settings}, cwd=home, capture_output=True, text=True, check=False, timeout=120)
    return Run(
        code=done.returncode,
        output=done.stdout + done.stderr,
        callbacks=spy_file.read_text(encoding="utf-8"),
        journal=journal_file.read_text(encoding="utf-8"),
        command_lines="\n".join(line.replace(b"\0", b" ").decode(errors="replace") for line in lines.seen),
        home=home,
    )
