# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a host. All programs that this collection runs on a host are started here. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import typing as t
from concurrent.futures import ThreadPoolExecutor

MISSING, TIMED_OUT = 127, 124
PATH = "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE = 5.0  # seconds from SIGTERM to SIGKILL
# Messages are searched for English words, so no command may translate them.
_ENVIRONMENT = {"LC_ALL": "C", "LANGUAGE": "C", "PATH": PATH, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}


class Done(t.NamedTuple):
    """The end of a command; `code` is MISSING where there is no such program, TIMED_OUT where it took too long."""

    code: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """The last line that it printed, to stderr where it printed there."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with {self.code}"


def run(
    *command: str,
    stdin: str = "",
    timeout: float | None = 30,
    environment: t.Mapping[str, str] | None = None,
    merged: bool = False,
    descriptors: t.Sequence[int] = (),
    survives_hangup: bool = False,
) -> Done:
    """Run a command in its own process group. Never raises for the command's sake.

    When `timeout` is over, the whole group is ended. `environment` takes the place of this process' own. `merged`: stderr goes to the
    output, in order. `descriptors`: open files that the command inherits. `survives_hangup`: a broken connection does not end this
    process, so that the time limit stays in force (main thread only).
    """
    started: list[subprocess.Popen[bytes]] = []
    with _hangups_ignored(started) if survives_hangup else contextlib.nullcontext():
        try:
            # AnsibleModule's run_command needs a module, and it is not for several threads at once.
            process = subprocess.Popen(  # noqa: S603 # pylint: disable=ansible-bad-function,consider-using-with
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                env={**(os.environ if environment is None else {}), **_ENVIRONMENT, **(environment or {})},
                start_new_session=True,
                pass_fds=descriptors,
            )
        except (FileNotFoundError, PermissionError):
            return Done(MISSING, "", f"{command[0]} is not installed")
        started.append(process)
        with process:
            try:
                output, errors = process.communicate(stdin.encode(), timeout=timeout)
            except subprocess.TimeoutExpired:
                return Done(TIMED_OUT, _end(process).decode(errors="replace"), f"{command[0]} did not end within {timeout:g} s")
    return Done(process.returncode, output.decode(errors="replace"), (errors or b"").decode(errors="replace"))


def run_all(commands: t.Mapping[str, t.Sequence[str]], timeout: float = 30) -> dict[str, Done]:
    """The ends of several commands by name, run at the same time."""
    if not commands:
        return {}
    with ThreadPoolExecutor(max_workers=len(commands)) as pool:
        running = {name: pool.submit(run, *command, timeout=timeout) for name, command in commands.items()}
        return {name: end.result() for name, end in running.items()}


@contextlib.contextmanager
def _hangups_ignored(started: list[subprocess.Popen[bytes]]) -> t.Iterator[None]:
    """SIGHUP does nothing meanwhile; SIGTERM ends what was `started` too."""

    def end(number: int, dummy: t.Any) -> None:
        for process in started:
            _end(process)
        raise SystemExit(128 + number)

    before = {signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.SIGTERM: signal.signal(signal.SIGTERM, end)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> bytes:
    """End the whole group: ask first, then kill. Returns what the command printed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.communicate(timeout=GRACE)[0]
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
    return output
