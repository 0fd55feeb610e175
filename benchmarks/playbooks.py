"""Playbooks on localhost and their times, for benchmarks that take what a user would run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

# What Ansible itself takes to run a module: the arguments in, nothing done with them.
EMPTY_MODULE = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
NAMES = {names!r}
module = AnsibleModule(argument_spec={{name: {{"type": "raw", "no_log": name == "password"}} for name in NAMES}})
module.exit_json(changed=False)
"""

# The time of a task, without the start of ansible-playbook.
CLOCK = """
import os, time
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "eco2_clock"
    CALLBACK_NEEDS_ENABLED = True
    total = 0.0

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.began = time.perf_counter()

    def v2_runner_on_ok(self, result):
        self.total += time.perf_counter() - self.began

    def v2_playbook_on_stats(self, stats):
        with open(os.environ["ECO2_CLOCK"], "w") as file:
            file.write(str(self.total))
"""


def empty_module(home: Path, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
    """A task of a module in this directory's library that takes these arguments and does nothing."""
    library = home / "library"
    library.mkdir(exist_ok=True)
    (library / "eco2_empty.py").write_text(EMPTY_MODULE.format(names=sorted(arguments)), encoding="utf-8")
    return {"eco2_empty": arguments}


def playbook(home: Path, name: str, tasks: list[dict[str, t.Any]]) -> Path:
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    path = home / f"{name}.json"
    path.write_text(json.dumps(play), encoding="utf-8")
    return path


def play(path: Path) -> float:
    """Run it; the seconds that its tasks took, from each one's start to its end."""
    callbacks = path.parent / "callbacks"
    callbacks.mkdir(exist_ok=True)
    (callbacks / "eco2_clock.py").write_text(CLOCK, encoding="utf-8")
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_CALLBACK_PLUGINS": str(callbacks),
        "ANSIBLE_CALLBACKS_ENABLED": "eco2_clock",
        "ECO2_CLOCK": str(callbacks / "clock"),
    }
    command = ["ansible-playbook", str(path), "-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{path}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return float((callbacks / "clock").read_text(encoding="utf-8"))
