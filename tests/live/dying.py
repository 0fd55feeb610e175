"""redis_failover in a process of its own, which something happens to at a chosen command.

dying.py before|after|pause|hang|hang-and-die NUMBER PID|self ARGUMENTS: before or right after its NUMBERth command that changes something
is sent (after: its answer is not read), it kills itself; with pause, it stops the process PID after the NUMBERth EXEC instead, and goes on;
with hang it does so before it orders the failover, and with hang-and-die it kills itself once that is ordered.
With UNFENCED in its environment it pauses the old master without fencing it; with LOOSE its fence lets a replica hang.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import typing as t
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "build"), str(PROJECT)]

from ansible.module_utils.testing import patch_module_args  # noqa: E402

from ansible_collections.eco2.platform.plugins.module_utils._redis import connection  # noqa: E402
from ansible_collections.eco2.platform.plugins.module_utils._redis.failover import marks  # noqa: E402
from ansible_collections.eco2.platform.plugins.modules import redis_failover  # noqa: E402

CHANGING = (("CONFIG", "SET"), ("CONFIG", "REWRITE"), ("EXEC",), ("SENTINEL", "FAILOVER"))
when, number, pid, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
sent = 0
queueing = False
exchange = connection.Server._exchange


def dying_exchange(server: connection.Server, kept: t.Any, words: t.Sequence[str | int]) -> t.Any:
    global sent, queueing  # noqa: PLW0603
    if words[0] in ("MULTI", "EXEC"):
        queueing = words[0] == "MULTI"
    changing = not queueing and any(tuple(words[: len(command)]) == command for command in CHANGING)
    if when == "pause":
        changing = words[0] == "EXEC"
    if when.startswith("hang"):
        changing = tuple(words[:2]) == ("SENTINEL", "FAILOVER")
    sent += changing
    if not changing or sent != number:
        return exchange(server, kept, words)
    if when == "pause":
        answer = exchange(server, kept, words)
        os.kill(int(pid), signal.SIGSTOP)
        return answer
    if when.startswith("hang"):
        os.kill(int(pid), signal.SIGSTOP)
        answer = exchange(server, kept, words)
        if when == "hang":
            return answer
    if when == "after":
        kept.send_command(*words)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


if "LOOSE" in os.environ:
    marks.LAG = marks.LOOSE
if "UNFENCED" in os.environ:
    marks.Fence.raised = lambda fence, replicas: fence  # type: ignore[method-assign]
connection.Server._exchange = dying_exchange  # type: ignore[method-assign]
with patch_module_args(arguments):
    redis_failover.main()
