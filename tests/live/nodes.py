"""Bare nodes of the lab for tests, and playbooks run on them with every task's outcome kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import nodes
from lab.nodes import Node

PROJECT = Path(__file__).resolve().parent.parent.parent

# A line for each task and host, as `-v` has it, for machines.
RECORDER = """
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def record(self, result, state):
        # It ends the run with its summary, and is about no host.
        if result._task.action == "eco2.platform.platform_run":
            return
        task = result._task.get_name().rpartition(" : ")[2]
        line = dict(host=result._host.get_name(), task=task, state=state, result=result._result)
        with open(os.environ["RECORD"], "a") as file:
            file.write(json.dumps(line, default=str) + "\\n")

    def v2_runner_on_ok(self, result):
        self.record(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_skipped(self, result):
        self.record(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.record(result, "failed")

    def v2_runner_on_unreachable(self, result):
        self.record(result, "unreachable")
"""


@dataclass(frozen=True)
class Outcome:
    host: str
    task: str
    state: str
    result: dict[str, t.Any]

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))


@dataclass(frozen=True)
class Run:
    code: int
    output: str
    outcomes: list[Outcome]

    def tasks(self, state: str, host: str | None = None) -> list[str]:
        """The names of the tasks that ended so."""
        return [outcome.task for outcome in self.outcomes if outcome.state == state and host in (None, outcome.host)]

    @property
    def changed(self) -> list[str]:
        return self.tasks("changed")

    @property
    def executed(self) -> int:
        return sum(outcome.state != "skipped" for outcome in self.outcomes)

    def of(self, task: str) -> Outcome:
        (found,) = [outcome for outcome in self.outcomes if outcome.task == task]
        return found

    @property
    def failure(self) -> str:
        """The message of the one task that failed."""
        (found,) = [outcome for outcome in self.outcomes if outcome.state == "failed"]
        return found.message

    def ok(self) -> Run:
        assert self.code == 0, self.output
        return self


def recorded(home: Path) -> tuple[dict[str, str], Path]:
    """The environment of a run of ansible-playbook, and where its outcomes go."""
    (home / "callbacks").mkdir(parents=True, exist_ok=True)
    (home / "callbacks" / "recorder.py").write_text(RECORDER, encoding="utf-8")
    record = home / "record"
    record.write_text("", encoding="utf-8")
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}",
        "ANSIBLE_CALLBACK_PLUGINS": str(home / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "recorder",
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(home / "ansible" / "tmp"),
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "ANSIBLE_NOCOLOR": "1",
        # sshd in many nodes on two cores may answer late.
        "ANSIBLE_TIMEOUT": "60",
        "RECORD": str(record),
    }
    return {**os.environ, **settings}, record


def outcomes(record: Path) -> list[Outcome]:
    return [Outcome(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]


def play(home: Path, names: t.Sequence[str], play: dict[str, t.Any], variables: dict[str, t.Any], *options: str) -> Run:
    """Run a play (without hosts) on these nodes, with the lab's variables under those given."""
    environment, record = recorded(home)
    hosts = {name: {"ansible_host": nodes.get(name).address} for name in names}
    inventory = {"all": {"hosts": hosts, "vars": {**nodes.connection(), **nodes.variables(), **variables}}}
    (home / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    (home / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, **play}], sort_keys=False), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(home / "inventory.yml"), str(home / "play.yml"), *options]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=900)
    return Run(done.returncode, done.stdout + done.stderr, outcomes(record))


def roles(home: Path, node: Node, names: t.Sequence[str], variables: dict[str, t.Any], *options: str) -> Run:
    """Run roles of this collection on a node."""
    return play(home, [node.name], {"roles": [f"eco2.platform.{name}" for name in names]}, variables, *options)


def task(home: Path, node: Node, module: str, arguments: dict[str, t.Any], *options: str) -> Outcome:
    """Run one task of a module of this collection on a node."""
    run = play(home, [node.name], {"tasks": [{"name": "one", f"eco2.platform.{module}": arguments}]}, {}, *options)
    assert run.outcomes, run.output
    outcome = run.of("one")
    assert outcome.state != "unreachable", run.output
    return outcome
