"""A module run on a lab node as Ansible would, without ssh and a playbook: what a test calls often costs a third of a second."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import typing as t
from pathlib import Path

import ansible

from lab.nodes import Node

PROJECT = Path(__file__).resolve().parents[2]
HOME = "/root/on-node"
MAIN = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    importlib.import_module("ansible_collections.eco2.platform.plugins.modules." + sys.argv[1]).main()
"""


def unpack(node: Node, files: t.Sequence[str] = (), texts: t.Mapping[str, str] | None = None) -> None:
    """The collection, Ansible's part of a module, and these files of tests/live on the node."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(PROJECT / "build" / "ansible_collections" / "eco2" / "platform" / "plugins", "ansible_collections/eco2/platform/plugins")
        tar.add(Path(ansible.__file__).parent / "module_utils", "ansible/module_utils", filter=_source_only)
        tar.add(Path(ansible.__file__).parent / "release.py", "ansible/release.py")
        for name in files:
            tar.add(PROJECT / "tests" / "live" / name, name)
        for name, text in {"ansible/__init__.py": "", "main.py": MAIN, **(texts or {})}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    command = ["podman", "exec", "--interactive", node.container, "sh", "-c", f"mkdir -p {HOME} && tar -x -C {HOME}"]
    subprocess.run(command, input=archive.getvalue(), check=True)


def module(node: Node, name: str, arguments: dict[str, t.Any], check: bool = False) -> dict[str, t.Any]:
    """The result of a module of this collection; the node was given to `unpack` before."""
    given = json.dumps({**arguments, "_ansible_check_mode": check, "_ansible_diff": True})
    command = ["podman", "exec", "--interactive", "--workdir", HOME, node.container, "python3", "main.py", name]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def _source_only(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry
