"""Images made of Debian packages, one for each suite."""

from __future__ import annotations

import hashlib
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from lab.host import CACHE, IDENTITY, LABEL, alone, debian_mirror, podman, run, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Image:
    """A root file system: `packages` of the Debian `suite`, then `commands` run inside it."""

    name: str
    suite: str
    packages: tuple[str, ...]
    commands: tuple[str, ...] = ()
    variant: str = "minbase"

    @property
    def content(self) -> str:
        return hashlib.sha256(repr((self.suite, self.packages, self.commands, self.variant)).encode()).hexdigest()[:8]

    @property
    def reference(self) -> str:
        """The name has a digest of the content: a changed definition is another image."""
        return f"localhost/eco2-lab-{IDENTITY}/{self.name}:{self.content}"

    @property
    def archive(self) -> Path:
        """All checkouts of this user share it. A new one is made each week, with Debian's updates."""
        return CACHE / "images" / f"{self.name}-{self.content}-{time.strftime('%G-%V')}.tar"


def ensure(image: Image) -> str:
    """Build the image if it does not exist; return its reference."""
    if image.reference in _ours():
        return image.reference
    archive = image.archive
    with alone(f"image-{image.name}", lambda: say(f"waiting for another process that builds image {image.name}")):
        if not archive.exists():
            _build(image, archive)
    podman("import", "--quiet", "--change", f"LABEL {LABEL}", str(archive), image.reference)
    return image.reference


def _build(image: Image, archive: Path) -> None:
    say(f"building image {image.name} from Debian {image.suite} (about a minute)")
    archive.parent.mkdir(parents=True, exist_ok=True)
    for old in archive.parent.glob(f"{image.name}-*.tar"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix=".building-", dir=archive.parent) as scratch:
        made = Path(scratch) / "rootfs.tar"
        command = ["mmdebstrap", "--quiet", f"--variant={image.variant}", f"--include={','.join(image.packages)}"]
        # A mirror may hold a testing suite whose signature is right and whose date has passed.
        command += ['--aptopt=Acquire::Check-Valid-Until "false"']
        command += [f"--customize-hook=chroot $1 {line}" for line in image.commands]
        source = f"deb [signed-by={KEYRING}] {debian_mirror()} {image.suite} main"
        run(*command, image.suite, str(made), source)
        made.rename(archive)


def remove_unused(names: t.Collection[str] = ()) -> list[str]:
    """Remove this lab's images of these names, or all, unless a container uses them; return their references."""
    used = podman("ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.Image}}").split()
    gone = [reference for reference in _ours() if reference not in used and (not names or _name(reference) in names)]
    for reference in gone:
        podman("rmi", reference)
    return gone


def _name(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


def _ours() -> list[str]:
    return podman("images", "--filter", f"label={LABEL}", "--format", "{{.Repository}}:{{.Tag}}").split()
