"""Programs of Debian packages of any suite, unpacked and run in place: nothing installed, no service started.

They run with the libraries and the loader of their own suite, not with those of this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from lab.host import CACHE, LabError, debian_mirror, run, say
from lab.images import KEYRING

LOADER = "usr/lib64/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Tree:
    """The unpacked files of a package and all that it depends on."""

    root: Path

    def command(self, program: str, called: str, *arguments: str) -> list[str]:
        """How to run `program` (a path in the tree) with `called` as its name for itself."""
        loader = next(path for path in (self.root / LOADER, self.root / LOADER.removeprefix("usr/")) if path.exists())
        libraries = ":".join(str(self.root / path) for path in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))
        return [str(loader), "--library-path", libraries, "--argv0", called, str(self.root / program), *arguments]


def ensure(name: str, suite: str, package: str) -> Tree:
    """The tree of that package. All checkouts of this user share it; a new one is made each week, with Debian's updates."""
    home = CACHE / "unpacked" / f"{name}-{suite}-{package}-{time.strftime('%G-%V')}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=home.parent) as scratch:
            _unpack(Path(scratch), suite, package)
            for old in home.parent.glob(f"{name}-{suite}-{package}-*"):
                shutil.rmtree(old, ignore_errors=True)
            # Another process may have made the same tree meanwhile.
            if not home.exists():
                (Path(scratch) / "root").rename(home)
    return Tree(home)


def _unpack(scratch: Path, suite: str, package: str) -> None:
    say(f"unpacking {package} of Debian {suite}")
    for part in ("lists/partial", "archives/partial", "root"):
        (scratch / part).mkdir(parents=True)
    (scratch / "sources").write_text(f"deb [signed-by={KEYRING}] {debian_mirror()} {suite} main\n", encoding="utf-8")
    (scratch / "status").touch()
    (scratch / "apt.conf").write_text(_configuration(scratch), encoding="utf-8")
    _apt(scratch, "update")
    _apt(scratch, "install", "--yes", "--download-only", package)
    archives = sorted((scratch / "archives").glob("*.deb"))
    if not archives:
        raise LabError(f"apt-get downloaded nothing for {package} of Debian {suite}")
    for archive in archives:
        run("dpkg", "-x", str(archive), str(scratch / "root"))


def _apt(scratch: Path, *arguments: str) -> None:
    # The environment is read before the machine's own files and wins over them nowhere else.
    environment = {**os.environ, "APT_CONFIG": str(scratch / "apt.conf")}
    done = subprocess.run(["apt-get", "--quiet", *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"apt-get {' '.join(arguments)}: {(done.stderr or done.stdout).strip()[-400:]}")


def _configuration(scratch: Path) -> str:
    settings: dict[str, t.Any] = {
        "Dir::Etc::sourcelist": scratch / "sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": scratch / "lists",
        # With no package installed, whatever the program needs is downloaded too.
        "Dir::State::status": scratch / "status",
        "Dir::Cache::archives": scratch / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        # A mirror may hold a testing suite whose signature is right and whose date has passed.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
    }
    return "".join(f'{name} "{value}";\n' for name, value in settings.items())
