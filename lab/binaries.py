"""Programs built from pinned Go modules, cached by content for every checkout of this user."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from lab.host import CACHE, PROJECT, LabError, run, say

PROGRESS_EVERY = 15.0  # seconds


@dataclass(frozen=True)
class Module:
    """A directory of lab/go with a go.mod of its own: its `tool` lines, or its own main package, are what is built."""

    name: str
    version: str
    ldflags: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        return PROJECT / "lab" / "go" / self.name

    def fingerprint(self) -> str:
        """Changes whenever the programs could: sources, pins, flags, toolchain."""
        parts = [run(_go(), "version"), *self.ldflags]
        parts += [path.read_text(encoding="utf-8") for path in sorted(self.source.iterdir())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def kubernetes(version: str) -> Module:
    """kubeadm and the rest, stamped as a release: without the stamp kubeadm calls itself v0.0.0 and its skew checks fail."""
    major, minor, dummy = version.split(".")
    stamps = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = [f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps.items()]
    return Module(f"kubernetes-{major}.{minor}", version, (*flags, f"-X k8s.io/client-go/pkg/version.gitVersion=v{version}"))


def containerd(version: str) -> Module:
    minor = version.rpartition(".")[0]
    return Module(f"containerd-{minor}", version, (f"-X github.com/containerd/containerd/v2/version.Version=v{version}",))


CRI_TOOLS = Module("cri-tools", "1.34.0", ("-X sigs.k8s.io/cri-tools/pkg/version.Version=1.34.0",))
CNI = Module("cni", "1.9.1")
ECHO = Module("echo", "1")
COREDNS = Module("coredns", "1.14.3")
PAUSE = Module("pause", "1")


def build(module: Module) -> Path:
    """The directory with the module's programs, built unless they are in the cache."""
    place = CACHE / "go" / f"{module.name}-{module.fingerprint()}"
    if place.exists():
        return place
    say(f"building {module.name} ({module.version}) from its Go module: minutes the first time")
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{module.name}-", dir=place.parent))
    try:
        _compile(module, scratch)
        scratch.chmod(0o755)
        scratch.rename(place)
    except OSError:
        # Somebody else was faster; theirs is the same.
        if not place.exists():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def _compile(module: Module, target: Path) -> None:
    flags = " ".join(("-s", "-w", *module.ldflags))
    packages = ["."] if (module.source / "main.go").exists() else []
    if "\ntool " in (module.source / "go.mod").read_text(encoding="utf-8"):
        packages.append("tool")
    command = [_go(), "build", "-v", "-trimpath", "-ldflags", flags, "-o", f"{target}/", *packages]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
    with subprocess.Popen(command, cwd=module.source, env=environment, stderr=subprocess.PIPE, text=True) as process:
        lines = _watched(module.name, t.cast("t.IO[str]", process.stderr))
    if process.returncode != 0:
        raise LabError(f"go build in lab/go/{module.name}: exit {process.returncode}: {' '.join(lines)[-600:]}")


def _watched(name: str, lines: t.IO[str]) -> list[str]:
    """The last lines; says from time to time how many packages there were."""
    start = said = time.monotonic()
    last: list[str] = []
    for number, line in enumerate(lines, 1):
        last = [*last[-9:], line.strip()]
        if time.monotonic() - said > PROGRESS_EVERY:
            said = time.monotonic()
            say(f"  {name}: {number} packages, {said - start:.0f} s")
    return last


@functools.cache
def _go() -> str:
    """The toolchain on PATH, or one installed beside this project."""
    return f"{run(str(PROJECT / 'tools' / 'go')).strip()}/go"
