# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt knows of the configured repositories, and what it would do. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import complaint, run
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.locks import Locks
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done

# A repository that does not answer must not block the task: three attempts of 30 seconds each.
_NETWORK = ("-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30")
_KEEP = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Use-Pty=0")
# The last one: the lists were read when the repository was trusted in another way, such as with trusted=yes.
_STALE = re.compile(r"404|Failed to fetch|Hash Sum mismatch|unexpected size|unauthenticated packages", re.IGNORECASE)


@dataclass(frozen=True)
class Available:
    """The versions of one package in the repositories: the one that apt would choose ("" for none), and all, newest first."""

    candidate: str
    versions: tuple[str, ...]


def available(names: t.Sequence[str]) -> dict[str, Available]:
    """By name, without packages that no list has. Reads apt's lists on disk, takes no lock."""
    return policies(run("apt-cache", "policy", *names).output) if names else {}


def policies(text: str) -> dict[str, Available]:
    """The answer of `apt-cache policy`, without versions that only dpkg's status file has."""
    name, version = "", ""
    candidates: dict[str, str] = {}
    versions: dict[str, list[str]] = {}
    for line in text.splitlines():
        heading = re.fullmatch(r"(\S+):", line)
        candidate = re.fullmatch(r"  Candidate: (\S+)", line)
        row = re.fullmatch(r" (?:\*\*\*|   ) (\S+) -?\d+(?: \(phased \d+%\))?", line)
        source = re.fullmatch(r" {8,}-?\d+ (.+)", line)
        if heading:
            name = heading.group(1).partition(":")[0]
            candidates[name], versions[name] = "", []
        elif candidate and candidate.group(1) != "(none)":
            candidates[name] = candidate.group(1)
        elif row:
            version = row.group(1)
        elif source and not source.group(1).startswith("/var/lib/dpkg/status") and version not in versions[name]:
            versions[name].append(version)
    return {name: Available(candidates[name], tuple(known)) for name, known in versions.items() if known}


def update(locks: Locks) -> str | None:
    """apt-get update; its complaint, None where it read all repositories."""
    done = locks.retry(lambda: run("apt-get", "update", "--quiet", *_NETWORK))
    bad = done.code != 0 or re.search("^[EW]: ", done.errors, re.MULTILINE)
    return complaint(done) if bad else None


class Simulated(t.NamedTuple):
    """What apt would do: `installs` (name to version), `removes` (names), or the `problem` why it refuses."""

    installs: dict[str, str]
    removes: tuple[str, ...]
    problem: str | None


def _install(packages: t.Mapping[str, str], recommends: bool, force: t.Sequence[str]) -> list[str]:
    choice = "--install-recommends" if recommends else "--no-install-recommends"
    return ["apt-get", "install", "--yes", "--quiet", choice, *force, *(f"{name}={version}" for name, version in packages.items())]


def simulate(packages: t.Mapping[str, str], recommends: bool, force: t.Sequence[str]) -> Simulated:
    """What installing these versions would do. Needs neither a lock nor root."""
    return simulated(run(*_install(packages, recommends, force), "--simulate"))


def simulated(done: Done) -> Simulated:
    if done.code != 0:
        unmet = re.search(r"unmet dependencies:\n(.*?)(?=\nE: |\Z)", done.output, re.DOTALL)
        reason = complaint(done) + (": " + " ".join(unmet.group(1).split()) if unmet else "")
        return Simulated({}, (), reason)
    rows = re.findall(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+)", done.output, re.MULTILINE)
    installs = {name.partition(":")[0]: version for name, version in rows}
    removes = [name.partition(":")[0] for name in re.findall(r"^Remv (\S+)", done.output, re.MULTILINE)]
    # A package that is replaced by another version of itself is not removed.
    return Simulated(installs, tuple(sorted(set(removes) - installs.keys())), None)


def install(packages: t.Mapping[str, str], recommends: bool, force: t.Sequence[str], locks: Locks) -> Done:
    """One transaction. Keeps configuration files that were changed by hand."""
    command = _install(packages, recommends, force)
    return locks.retry(lambda: run(*command, *_KEEP, *_NETWORK, "-o", f"DPkg::Lock::Timeout={int(locks.deadline.left())}"))


def fix_broken(locks: Locks) -> str | None:
    """Install missing dependencies of installed packages and remove nothing; the complaint of apt, None where it succeeded."""
    command = ("apt-get", "install", "--fix-broken", "--no-remove", "--yes", "--quiet", *_KEEP, *_NETWORK)
    done = locks.retry(lambda: run(*command))
    return None if done.code == 0 else complaint(done)


def is_stale(done: Done) -> bool:
    """Whether it failed because the lists on disk are not those of the repository as it is now."""
    return done.code != 0 and bool(_STALE.search(done.errors + done.output))
