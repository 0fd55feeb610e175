"""The inventory plugin in one process that stays, as Ansible loads it: a source file in, hosts and groups or the refusal out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
_READER = """
import json, os, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.plugins.loader import init_plugin_loader, inventory_loader
from ansible.utils.display import Display
init_plugin_loader([])
plugin = type(inventory_loader.get("eco2.platform.terraform_output"))
parse, told = plugin.parse, {}
def remembered(self, *arguments, **named):
    try:
        parse(self, *arguments, **named)
    except Exception as error:
        told["error"] = getattr(error, "message", None) or str(error)
        raise
plugin.parse = remembered
Display.warning = lambda self, text, *others, **named: told["warnings"].append(str(text))
Display.error = lambda self, *arguments, **named: None
for line in sys.stdin:
    request = json.loads(line)
    os.environ.update(request["environment"])
    told.update(error=None, warnings=[])
    made = InventoryManager(loader=DataLoader(), sources=[request["path"]])
    hosts = {name: {key: host.vars[key] for key in host.vars if not key.startswith("inventory_")} for name, host in made.hosts.items()}
    groups = {name: {"hosts": sorted(host.name for host in group.hosts), "vars": group.vars} for name, group in made.groups.items()}
    print(json.dumps({**told, "hosts": hosts, "groups": groups}, default=str), flush=True)
    for name in request["environment"]:
        os.environ.pop(name, None)
"""


class Told(t.NamedTuple):
    error: str | None
    warnings: list[str]
    hosts: dict[str, dict[str, t.Any]]
    groups: dict[str, dict[str, t.Any]]


class Reader:
    def __init__(self, python: str | Path = sys.executable) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "TF_", "ECO2_"))}
        environment = {**kept, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"), "ANSIBLE_NOCOLOR": "1"}
        command = [str(python), "-c", _READER]
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self, path: Path, **environment: str) -> Told:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"path": str(path), "environment": environment}) + "\n")
        self._process.stdin.flush()
        return Told(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


def source(place: Path, name: str = "platform.terraform.yml", **options: t.Any) -> Path:
    """A source file of the plugin; JSON is YAML."""
    path = place / name
    path.write_text(json.dumps({"plugin": "eco2.platform.terraform_output", **options}), encoding="utf-8")
    return path
