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

from lab.host import CACHE, PROJECT, LabError, alone, run, say

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
    with alone(f"build-{module.name}", lambda: say(f"waiting for another process that builds {module.name}")):
        if not place.exists():
            _build(module, place)
    return place


def _build(module: Module, place: Path) -> None:
    say(f"building {module.name} {module.version} from its Go module; the result is kept in {place}")
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{module.name}-", dir=place.parent))
    try:
        _compile(module, scratch)
        scratch.chmod(0o755)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compile(module: Module, target: Path) -> None:
    flags = " ".join(("-s", "-w", *module.ldflags))
    packages = ["."] if (module.source / "main.go").exists() else []
    if "\ntool " in (module.source / "go.mod").read_text(encoding="utf-8"):
        packages.append("tool")
    options = ["-trimpath", "-ldflags", flags]
    # What is not in Go's own cache; this downloads the modules too.
    stale = "{{if .Stale}}{{.ImportPath}}{{end}}"
    listed = _go_command(module, Progress(f"{module.name}: modules downloaded"), ["list", *options, "-deps", "-f", stale, *packages])
    progress = Progress(f"{module.name}: packages compiled", len(listed.split()))
    _go_command(module, progress, ["build", "-v", *options, "-o", f"{target}/", *packages])


def _go_command(module: Module, progress: Progress, arguments: list[str]) -> str:
    """Its standard output; each line of its error output is a step."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
    last: list[str] = []
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(
            [_go(), *arguments], cwd=module.source, env=environment, stdout=output, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        for line in t.cast("t.IO[str]", process.stderr):
            last = [*last[-9:], line.strip()]
            progress.step()
        process.wait()
        output.seek(0)
        text = output.read()
    if process.returncode != 0:
        raise LabError(f"go {arguments[0]} in lab/go/{module.name}: exit {process.returncode}: {' '.join(last)[-600:]}")
    return text


class Progress:
    """Says every 15 seconds how many steps are done; with a total, also of how many and how long the rest takes at the same pace."""

    def __init__(self, what: str, total: int = 0) -> None:
        self.what, self.total, self.done = what, total, 0
        self.began = self.said = time.monotonic()

    def step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.said >= PROGRESS_EVERY:
            self.said = now
            say(f"  {self.text(now - self.began)}")

    def text(self, seconds: float) -> str:
        if self.total <= self.done:
            return f"{self.what}: {self.done}, {seconds:.0f} s"
        left = seconds * (self.total - self.done) / self.done
        return f"{self.what}: {self.done} of {self.total}, {seconds:.0f} s; about {left:.0f} s left"


@functools.cache
def _go() -> str:
    """The toolchain on PATH, or one installed beside this project."""
    return f"{run(str(PROJECT / 'tools' / 'go')).strip()}/go"
