"""Room for the nodes' inotify instances, of which one user has 128 by default: enough for four nodes, on the whole machine.

A full table shows far from its cause: containerd says that too many files are open, and has no CRI. So the lab raises the limit
while it has nodes, says so, and puts it back with the last of them, unless another checkout has nodes.
"""

from __future__ import annotations

from pathlib import Path

from lab.host import STATE, say

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024
_BEFORE = STATE / "nodes" / "max_user_instances"


def make_room() -> None:
    """Raise the limit unless it is high enough."""
    limit = int(LIMIT.read_text(encoding="ascii"))
    if limit < ENOUGH:
        say(f"raising fs.inotify.max_user_instances from {limit} to {ENOUGH} while there are nodes")
        _BEFORE.write_text(str(limit), encoding="ascii")
        LIMIT.write_text(str(ENOUGH), encoding="ascii")


def give_back() -> None:
    """Restore the limit, if we raised it and it has not changed since."""
    if _BEFORE.exists() and int(LIMIT.read_text(encoding="ascii")) == ENOUGH:
        LIMIT.write_text(_BEFORE.read_text(encoding="ascii"), encoding="ascii")
