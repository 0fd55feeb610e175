"""What the depot serves, made once and kept in the cache: a shelf is a directory for one version, named by a digest of its content."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from lab import binaries, containers, images, packages, serving
from lab.host import CACHE, PROJECT, alone, podman, run, say

KUBERNETES = "1.36.3"
CONTAINERD = ("2.2.9", "2.3.7")

# What kube-proxy finds beside itself in its image.
IPTABLES = images.Image("iptables", "bookworm", ("iptables", "kmod", "conntrack", "ipset", "bash", "coreutils"), variant="extract")


@dataclass(frozen=True)
class Shelf:
    """One cached part of what the depot serves, below `apt` and `registry`; `fill` makes it."""

    name: str
    depends: tuple[str, ...]
    fill: t.Callable[[Path], None]

    def ensure(self) -> Path:
        content = hashlib.sha256("\0".join((self.name, *self.depends, _sources())).encode()).hexdigest()[:12]
        place = CACHE / "shelves" / f"{self.name}-{content}"
        with alone(f"shelf-{self.name}"):
            if not place.exists():
                self._make(place)
        return place

    def _make(self, place: Path) -> None:
        say(f"packing {self.name}: packages and images")
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{self.name}-", dir=place.parent))
        try:
            self.fill(scratch)
            scratch.chmod(0o755)
            scratch.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def kubernetes(version: str) -> Shelf:
    parts = (
        binaries.kubernetes(version),
        binaries.kubernetes(KUBERNETES),
        binaries.COREDNS,
        binaries.PAUSE,
        binaries.CNI,
        binaries.CRI_TOOLS,
    )
    return Shelf(f"kubernetes-{version}", tuple(part.fingerprint() for part in parts), lambda place: _fill_kubernetes(version, place))


def containerd(versions: tuple[str, ...] = CONTAINERD) -> Shelf:
    parts = tuple(binaries.containerd(version).fingerprint() for version in versions)
    return Shelf("containerd", parts, lambda place: _fill_containerd(versions, place))


def for_nodes(versions: t.Sequence[str], containerds: tuple[str, ...] = CONTAINERD) -> list[Path]:
    """What nodes of these Kubernetes versions take from the depot; nothing where there is no version."""
    if not versions:
        return []
    return [shelf.ensure() for shelf in (containerd(containerds), lab_images(), *map(kubernetes, versions))]


def lab_images() -> Shelf:
    parts = (binaries.CNI.fingerprint(), binaries.ECHO.fingerprint())
    return Shelf("lab", parts, lambda place: _push(place, {"lab/cni:1": _scratch_image("cni"), "lab/echo:1": _scratch_image("echo")}))


def _sources() -> str:
    """The code that makes a shelf is part of its digest."""
    return "\0".join((PROJECT / "lab" / f"{name}.py").read_text(encoding="utf-8") for name in ("packages", "shelves"))


def _fill_kubernetes(version: str, place: Path) -> None:
    minor = version.rpartition(".")[0]
    with tempfile.TemporaryDirectory(prefix="eco2-lab-") as scratch:
        _repository(place).flat(f"kubernetes/core:/stable:/v{minor}/deb", packages.kubernetes(version), Path(scratch))
    kubeadm = binaries.build(binaries.kubernetes(version)) / "kubeadm"
    wanted = run(str(kubeadm), "config", "images", "list", "--kubernetes-version", f"v{version}").split()
    references = [reference.partition("/")[2] for reference in wanted]
    # containerd's own choice, should a role leave it alone.
    references += [f"pause:{tag}" for tag in ("3.8", "3.10", "3.10.1", "3.10.2") if f"pause:{tag}" not in references]
    _push(place, {reference: _kubernetes_image(version, reference) for reference in references})


def _fill_containerd(versions: tuple[str, ...], place: Path) -> None:
    made = [packages.containerd(version, "12", "bookworm") for version in versions]
    with tempfile.TemporaryDirectory(prefix="eco2-lab-") as scratch:
        _repository(place).suite("docker/linux/debian", "bookworm", "stable", made, Path(scratch))


def _repository(place: Path) -> packages.Repository:
    return packages.Repository(place / "apt", CACHE / "keyring")


@dataclass(frozen=True)
class Program:
    """An image of one program: where its file is, its name and place inside, and whether it needs iptables beside it."""

    file: Path
    name: str
    place: str = "/usr/local/bin"
    iptables: bool = False


def _scratch_image(name: str) -> Program:
    return Program(binaries.build({"cni": binaries.CNI, "echo": binaries.ECHO}[name]) / name, name)


def _kubernetes_image(version: str, reference: str) -> Program:
    name = reference.partition(":")[0].rpartition("/")[2]
    if name == "pause":
        return Program(binaries.build(binaries.PAUSE) / "pause", "pause")
    if name == "coredns":
        return Program(binaries.build(binaries.COREDNS) / "coredns", "coredns", "/")
    if name == "etcd":
        # One etcd for all: it comes with the newest version's modules.
        return Program(binaries.build(binaries.kubernetes(KUBERNETES)) / "server", "etcd")
    return Program(binaries.build(binaries.kubernetes(version)) / name, name, iptables=name == "kube-proxy")


def _push(place: Path, programs: dict[str, Program]) -> None:
    """Into the registry below `place`, by a registry of its own on loopback."""
    name = f"pack-{os.getpid()}"
    serving.start(name, place, "--publish", "127.0.0.1::5000")
    try:
        port = int(podman("port", containers.full_name(name), "5000/tcp").strip().rsplit(":", 1)[1])
        serving.wait("127.0.0.1", port)
        for reference, program in programs.items():
            _push_one(program, f"localhost:{port}/{reference}")
    finally:
        containers.remove(name)
        for name in ("registry.yml", "nginx.conf"):
            (place / name).unlink()
        shutil.rmtree(place / "debian")


def _push_one(program: Program, target: str) -> None:
    inside = f"{program.place.rstrip('/')}/{program.name}"
    with tempfile.TemporaryDirectory(prefix="eco2-lab-") as scratch:
        shutil.copy2(program.file, Path(scratch) / program.name)
        lines = [f"COPY {program.name} {inside}", "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/", f'ENTRYPOINT ["{inside}"]']
        base = "scratch"
        if program.iptables:
            base = images.ensure(IPTABLES)
            _links(Path(scratch) / "links.tar")
            lines.append("ADD links.tar /")
        (Path(scratch) / "Containerfile").write_text("\n".join([f"FROM {base}", *lines]), encoding="utf-8")
        podman("build", "--quiet", "--tag", target, scratch)
    podman("push", "--quiet", "--tls-verify=false", target)
    podman("rmi", target)


def _links(archive: Path) -> None:
    """What the package's postinst would have linked."""
    with tarfile.open(archive, "w") as tar:
        for family in ("iptables", "ip6tables"):
            for suffix in ("", "-save", "-restore"):
                link = tarfile.TarInfo(f"usr/sbin/{family}{suffix}")
                link.type, link.linkname = tarfile.SYMTYPE, "xtables-nft-multi"
                tar.addfile(link)
