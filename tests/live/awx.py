"""Runs a playbook by ansible-runner as a job template of AWX does: wrapper playbook, inventory script, answers marked as unsafe."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import typing as t
from dataclasses import dataclass
from pathlib import Path

import ansible_runner
import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent
COLLECTIONS = f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}"
LONGEST = 300  # seconds


class _Text(str):
    """A text of a survey."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Text, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))


def _marked(value: t.Any) -> t.Any:
    """As AWX writes it: every text, and every key, is marked."""
    if isinstance(value, dict):
        return {_Text(key): _marked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner) for inner in value]
    return _Text(value) if isinstance(value, str) else value


class _Loader(yaml.SafeLoader):
    """Reads Ansible's `!unsafe` as the text that it is."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


def configuration(name: str) -> dict[str, t.Any]:
    """The AWX project's objects in this file."""
    text = (PROJECT / "awx" / "configuration" / f"{name}.yml").read_text(encoding="utf-8")
    return t.cast("dict[str, t.Any]", yaml.load(text, _Loader))  # noqa: S506


@dataclass
class Job:
    home: Path
    status: str
    code: int
    stdout: str
    events: list[dict[str, t.Any]]

    def of(self, *kinds: str) -> list[dict[str, t.Any]]:
        """The data of the events of tasks, such as runner_on_ok."""
        return [event["event_data"] for event in self.events if event["event"] in kinds]

    @property
    def tasks(self) -> list[str]:
        return [event["event_data"].get("task", "") for event in self.events if event["event"] == "playbook_on_task_start"]

    @property
    def changed(self) -> int:
        """How many tasks have changed something, on all hosts."""
        (stats,) = self.of("playbook_on_stats")
        return sum(stats["changed"].values())

    @property
    def hosts(self) -> set[str]:
        return {event["host"] for event in self.of("runner_on_ok", "runner_on_failed", "runner_on_unreachable")}

    def ok(self) -> Job:
        assert (self.status, self.code) == ("successful", 0), self.stdout
        return self

    def refused(self) -> str:
        """The line that ends it before the first task."""
        assert (self.status, self.tasks) == ("failed", []), self.stdout
        (line,) = [line for line in self.stdout.splitlines() if "ERROR" in line]
        return line

    def shown(self) -> str:
        """All that AWX would show or keep. Two files of ansible-runner hold the environment, and AWX masks its record of it: they are left
        out."""
        files = [path for path in (self.home / "artifacts").rglob("*") if path.is_file() and path.name != "command"]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


class Awx:
    """Job templates of one project.

    `hosts`: the inventory as `ansible-inventory --list` prints it. `credentials`: environment variables.
    """

    def __init__(self, home: Path, hosts: dict[str, t.Any], credentials: t.Mapping[str, str] | None = None) -> None:
        self.home = home
        self.hosts = hosts
        self.credentials = dict(credentials or {})
        self.number = 0

    def launch(
        self,
        playbook: str,
        answers: dict[str, t.Any] | None = None,
        *options: str,
        limit: str = "",
        slices: t.Sequence[str] = (),
        injected: dict[str, t.Any] | None = None,
        cancel: t.Callable[[], bool] | None = None,
    ) -> Job:
        """`slices`: the hosts of this job's slice. `injected`: extra variables of a credential, which are in a file of their own."""
        self.number += 1
        home = self.home / f"job-{threading.get_ident()}-{self.number}"
        for part in ("project", "inventory", "env"):
            (home / part).mkdir(parents=True)
        (home / "project" / f"{playbook}.yml").write_text(f"- import_playbook: eco2.platform.{playbook}\n", encoding="utf-8")
        script = home / "inventory" / "hosts"
        script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(self._slice(slices))}\nEND\n", encoding="utf-8")
        script.chmod(0o700)
        (home / "env" / "answers").write_text(yaml.dump(_marked(answers or {}), Dumper=_Dumper, allow_unicode=True), encoding="utf-8")
        (home / "env" / "injected").write_text(yaml.safe_dump(injected or {}), encoding="utf-8")
        files = [part for name in ("injected", "answers") for part in ("-e", f"@{home / 'env' / name}")]
        runner = ansible_runner.run(
            private_data_dir=str(home),
            playbook=f"{playbook}.yml",
            cmdline=" ".join([*files, *options]),
            limit=limit or None,
            envvars={**self._environment(), **self.credentials},
            quiet=True,
            timeout=LONGEST,
            cancel_callback=cancel,
        )
        events = list(runner.events)
        return Job(home, runner.status, runner.rc, runner.stdout.read(), events)

    def end_workers(self) -> None:
        """Since 2.19 a worker of ansible-core outlives a cancelled job that is not in a container."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.home).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    def _slice(self, names: t.Sequence[str]) -> dict[str, t.Any]:
        if not names:
            return self.hosts
        groups = {
            name: {**group, "hosts": [host for host in group.get("hosts", ()) if host in names]}
            for name, group in self.hosts.items()
            if name != "_meta"
        }
        known = self.hosts["_meta"]["hostvars"]
        return {**groups, "_meta": {"hostvars": {name: values for name, values in known.items() if name in names}}}

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.home / "tmp"),
            "ANSIBLE_HOME": str(self.home / "ansible"),
        }


def inventory(groups: t.Mapping[str, t.Mapping[str, t.Mapping[str, t.Any]]], **of_all: t.Any) -> dict[str, t.Any]:
    """Of group -> host -> variables; every task runs on this machine."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hostvars = {host: {**local, **values} for hosts in groups.values() for host, values in hosts.items()}
    found: dict[str, t.Any] = {name: {"hosts": list(hosts)} for name, hosts in groups.items()}
    found["all"] = {"children": list(groups), "vars": of_all}
    return {**found, "_meta": {"hostvars": hostvars}}
