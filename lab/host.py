"""What the machine offers: processes, podman with our label, the Debian mirror, the state directory."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
STATE = PROJECT / ".lab"
# What takes long to make and is the same for every checkout of this user; safe to delete at any time.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eco2-lab"
# Two checkouts on one machine never see each other's containers.
IDENTITY = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]
LABEL = f"eco2.lab={IDENTITY}"


class LabError(Exception):
    """What the lab cannot do, and what to do about it, in one line."""


def say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


def run(*command: str, stdin: bytes | None = None, directory: Path | None = None) -> str:
    """The command's standard output; LabError with the end of its error output where it fails."""
    done = subprocess.run(command, input=stdin, cwd=directory, capture_output=True, check=False)
    if done.returncode != 0:
        error = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(f"{' '.join(command[:4])} ...: exit {done.returncode}: {error[-600:]}")
    return done.stdout.decode(errors="replace")


@contextlib.contextmanager
def alone(what: str, waiting: t.Callable[[], None] = lambda: None) -> t.Iterator[None]:
    """No other process of this user is in a block of the same name meanwhile; `waiting` is called first where there is one."""
    place = CACHE / "locks" / what
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def podman(*arguments: str, stdin: bytes | None = None) -> str:
    # crun fails on hybrid cgroup layouts, runc does not.
    return run("podman", "--runtime", "runc", *arguments, stdin=stdin)


def require() -> None:
    """Fail with one line that names what the lab needs and this machine does not have."""
    if os.geteuid() != 0:
        raise LabError("needs root (podman with bridged networks, mmdebstrap)")
    missing = [
        tool for tool in ("podman", "runc", "mmdebstrap", "openssl", "ssh-keygen", "gpg", "apt-ftparchive") if not shutil.which(tool)
    ]
    if missing:
        raise LabError(f"needs {', '.join(missing)}; 'make lab-tools' installs them on Debian and Ubuntu")


def state_dir(*parts: str) -> Path:
    path = STATE.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def cgroup_version() -> int:
    """1 also where the second is mounted beside the first."""
    return 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1


def remove_state(*names: str) -> None:
    for name in names:
        shutil.rmtree(STATE / name, ignore_errors=True)


def forget_unless(needed: list[str]) -> None:
    """Remove the state directory with its certificates and keys, if nothing that needs it runs."""
    if not needed and not any(STATE.glob("redis/*")) and not any(STATE.glob("apiservers/*")):
        shutil.rmtree(STATE, ignore_errors=True)


def ulimits() -> list[str]:
    """podman's own defaults are refused where this process's hard limits are lower."""
    flags = []
    for name, kind, wanted in (("nofile", resource.RLIMIT_NOFILE, 65536), ("nproc", resource.RLIMIT_NPROC, 32768)):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        flags += ["--ulimit", f"{name}={limit}:{limit}"]
    return flags


def debian_mirror() -> str:
    """The mirror this machine itself uses for Debian's main component; never one written in a file of ours."""
    lines = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT) $(ORIGIN)", "Created-By: Packages")
    for line in lines.splitlines():
        match = re.match(r"(\S+) main Debian$", line)
        if match and "security" not in match.group(1):
            return match.group(1).rstrip("/")
    raise LabError("no Debian mirror among this machine's apt sources: run apt-get update, or add one")
