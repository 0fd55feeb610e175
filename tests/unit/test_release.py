"""A release: what refuses it, and the bytes of its artefact, in scratch clones of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(not (PROGRAMS / "ansible-galaxy").exists(), reason="needs ansible-core")


def git(place: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A releaser", "-c", "user.email=releaser@localhost")
    return subprocess.run(["git", *identity, *arguments], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def clone(place: Path) -> Path:
    """A repository of one commit: the files of this checkout, as tools/stage takes them."""
    subprocess.run([PROJECT / "tools" / "stage", place.parent / "staged"], check=True, stdin=subprocess.DEVNULL)
    (place.parent / "staged/ansible_collections/eco2/platform").rename(place)
    git(place, "init", "--quiet")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "All")
    return place


def released(place: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", **environment}
    return subprocess.run(["tools/release", *arguments], cwd=place, env=settings, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = clone(tmp_path_factory.mktemp("release") / "first")
    git(place, "tag", "1.0.0")
    return place


def test_one_tag_gives_the_same_bytes_in_another_clone_at_another_time(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "a" / "second"
    other.parent.mkdir()
    old = os.umask(0o077)
    try:
        git(repository.parent, "clone", "--quiet", str(repository), str(other))
    finally:
        os.umask(old)
    subprocess.run(["find", str(other), "-type", "f", "-exec", "touch", "-d", "2001-01-01", "{}", "+"], check=True)
    (other / "README.md").write_text("changed after the tag", encoding="utf-8")
    made = []
    for place, zone in ((repository, "UTC"), (other, "Asia/Seoul")):
        done = released(place, "--build", "1.0.0", str(tmp_path / zone), TZ=zone)
        assert done.returncode == 0, done.stdout + done.stderr
        made.append((tmp_path / zone / "eco2-platform-1.0.0.tar.gz").read_bytes())
        subprocess.run(["sha256sum", "--check", "--quiet", "eco2-platform-1.0.0.tar.gz.sha256"], cwd=tmp_path / zone, check=True)
    assert made[0] == made[1]


def test_the_artefact_is_what_ansible_galaxy_takes(repository: Path, tmp_path: Path) -> None:
    released(repository, "--build", "1.0.0", str(tmp_path))
    artefact = tmp_path / "eco2-platform-1.0.0.tar.gz"
    with tarfile.open(artefact) as archive:
        names = archive.getnames()
        assert {(member.uid, member.gid, member.uname) for member in archive} == {(0, 0, "")}
        assert {oct(member.mode) for member in archive} <= {"0o644", "0o755"}
    assert "MANIFEST.json" in names and "plugins/modules/rabbitmq_topology.py" in names
    assert not [name for name in names if name.startswith(("tests/", "lab/", "tools/", "build/", "."))]
    # It verifies every checksum of MANIFEST.json and FILES.json.
    alone = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "there")}
    command = [PROGRAMS / "ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", tmp_path / "there", artefact]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "there/ansible_collections/eco2/platform/playbooks/rabbitmq.yml").exists()


def spoil_tree(place: Path) -> None:
    (place / "new").write_text("", encoding="utf-8")


def spoil_version(place: Path) -> None:
    galaxy = yaml.safe_load((place / "galaxy.yml").read_text(encoding="utf-8"))
    (place / "galaxy.yml").write_text(yaml.safe_dump({**galaxy, "version": "9.9.9"}), encoding="utf-8")
    git(place, "commit", "--quiet", "--all", "--message", "Another version")


@pytest.mark.parametrize(
    ("version", "spoil", "said"),
    [
        ("1.0", None, "is no semantic version"),
        ("1.0.0", spoil_tree, "the tree is not clean: commit or remove new"),
        ("1.0.1", None, "galaxy.yml has version 1.0.0: set 1.0.1 there"),
        ("9.9.9", spoil_version, "the changelog has no entry for 9.9.9"),
        ("1.0.0", None, "the tag 1.0.0 exists"),
        ("--build", None, "needs a version"),
    ],
)
def test_what_is_not_ready_is_refused_in_one_line(repository: Path, tmp_path: Path, version: str, spoil: object, said: str) -> None:
    place = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", str(repository), str(place))
    if callable(spoil):
        spoil(place)
    before = git(place, "status", "--porcelain"), git(place, "rev-parse", "HEAD"), git(place, "tag", "--list")
    done = released(place, version)
    assert done.returncode == 1
    assert done.stderr.startswith("not released: ") and done.stderr.count("\n") == 1
    assert said in done.stderr
    assert (git(place, "status", "--porcelain"), git(place, "rev-parse", "HEAD"), git(place, "tag", "--list")) == before


def test_a_tag_that_is_not_there_is_refused(repository: Path, tmp_path: Path) -> None:
    done = released(repository, "--build", "7.7.7", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "not released: there is no tag 7.7.7\n")
