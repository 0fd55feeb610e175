"""What runs on a node for test_failed_writes_of_hosts.py: every change of each module fails once. Standard library only.

A change is a program that changes something, or a file that is written or removed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
import typing as t
from pathlib import Path
from unittest import mock

from ansible.module_utils.testing import patch_module_args
from failing import FAULTS, Fault, every_write_fails

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._host import command, files

CHANGING = {
    "systemctl": {"start", "stop", "restart", "reload", "enable", "disable", "mask", "unmask", "daemon-reload"},
    "apt-get": {"install", "update", "--yes"},
    "dpkg": {"--configure", "--set-selections"},
    "modprobe": None,
    "sysctl": None,
    "swapoff": None,
}


def changes(words: t.Sequence[str]) -> bool:
    verbs = CHANGING.get(words[0].rpartition("/")[2], set())
    return verbs is None or ("--simulate" not in words and bool(verbs & {*words}))


@contextlib.contextmanager
def failing(fault: Fault) -> t.Iterator[None]:
    """A host is not lost as a server is: a program ends with an error, before or after it did its work; a file cannot be written."""
    popen, write, remove = subprocess.Popen, files._write, files.remove

    def program(words: t.Sequence[str], *more: t.Any, **how: t.Any) -> t.Any:
        made = {"before": lambda: popen(["sh", "-c", "cat >/dev/null; echo refused by the test >&2; exit 1"], *more, **how)}
        made["after"] = lambda: popen(["sh", "-c", '"$@"; echo refused by the test >&2; exit 1', "sh", *words], *more, **how)
        number = fault.writes + 1
        if not changes(words):
            return popen(words, *more, **how)
        fault.writes = number
        if number != fault.number:
            return popen(words, *more, **how)
        fault.fired = True
        fault.seen.append(" ".join(words))
        return made["after" if fault.how == "lost after" else "before"]()

    def of_file(work: t.Callable[[t.Any], None]) -> t.Callable[[t.Any], None]:
        def failing_work(what: t.Any) -> None:
            fault.writes += 1
            if fault.writes == fault.number:
                fault.fired = True
                fault.seen.append(f"file {what}")
                raise OSError(28, "No space left on device") if work is write else ChangeFailed("refused by the test")
            work(what)

        return failing_work

    with (
        mock.patch.object(command.subprocess, "Popen", program),
        mock.patch.object(files, "_write", of_file(write)),
        mock.patch.object(files, "remove", of_file(remove)),
    ):
        yield


class Case:
    """A module on this host. `told`: a shell command whose output tells what the module could have changed."""

    def __init__(self, module: str, told: str) -> None:
        self.module, self.told = module, told
        self.task = self

    def snapshot(self) -> str:
        return subprocess.run(["sh", "-c", self.told], capture_output=True, text=True, check=False).stdout

    def apply(self, **arguments: t.Any) -> dict[str, t.Any]:
        return self.run(arguments, check=False)

    def check(self, **arguments: t.Any) -> dict[str, t.Any]:
        return self.run(arguments, check=True)

    def run(self, arguments: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        module = importlib.import_module(f"ansible_collections.eco2.platform.plugins.modules.{self.module}")
        output = io.StringIO()
        values = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(values), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            module.main()
        return t.cast("dict[str, t.Any]", json.loads(output.getvalue()))


def main() -> None:
    for given in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        case = Case(given["module"], given["told"])

        def reset(script: str = given["reset"]) -> None:
            subprocess.run(["sh", "-ec", script], check=True, capture_output=True)

        twice = set(map(tuple, given.get("twice", [])))
        every_write_fails(case, reset, given["arguments"], failing, least=given["least"], twice=twice)
        print(f"{given['name']}: {', '.join(FAULTS)}", flush=True)


if __name__ == "__main__":
    main()
