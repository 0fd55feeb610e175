# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg knows of this machine's packages, and its selections. Reading takes no lock. Private to this collection."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import complaint, run

_UPDATES = "/var/lib/dpkg/updates"
_UNFINISHED = ("unpacked", "half-configured")


class Installed(t.NamedTuple):
    version: str
    held: bool


class State(t.NamedTuple):
    """`installed` by name, also what only waits for its configuration; `interrupted` says what dpkg has to finish first."""

    installed: dict[str, Installed]
    interrupted: str | None


def state(names: t.Collection[str]) -> State:
    """All packages that are there; what was interrupted is told of those named, since apt itself finishes others."""
    done = run("dpkg-query", "--show", "--showformat", "${Package}\t${Status}\t${Version}\n")
    return _state(done.output, names, _journal())


def _journal() -> bool:
    """Whether dpkg was killed in the middle of a write (dpkg's own test, lib/dpkg/dbmodify.c)."""
    return any(name.isdigit() for name in os.listdir(_UPDATES)) if os.path.isdir(_UPDATES) else False


def _state(listing: str, names: t.Collection[str], journal: bool) -> State:
    installed, unfinished = {}, []
    for line in listing.splitlines():
        name, status, version = line.split("\t")
        want, dummy, now = status.split(" ")
        if now in _UNFINISHED and name in names:
            unfinished.append(f"{name} is {now}")
        # What is only half there has to be installed again.
        if now not in ("not-installed", "config-files", "half-installed"):
            installed[name] = Installed(version, want == "hold")
    if journal:
        unfinished.insert(0, "dpkg was killed in the middle of a write")
    return State(installed, ", ".join(unfinished) or None)


def configure() -> str | None:
    """Finish what was interrupted; what went wrong, None where nothing did."""
    done = run("dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")
    return None if done.code == 0 else complaint(done)


def select(selections: t.Mapping[str, bool]) -> str | None:
    """Hold a package (true) or let it go (false); what went wrong, None where nothing did."""
    lines = "".join(f"{name} {'hold' if held else 'install'}\n" for name, held in selections.items())
    done = run("dpkg", "--set-selections", stdin=lines)
    return None if done.code == 0 else complaint(done)
