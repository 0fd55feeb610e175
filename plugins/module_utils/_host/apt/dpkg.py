# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of this host and their selections, as dpkg knows them. Reading takes no lock. Private to this collection."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import complaint, run

# One line for each package.
QUERY = ("dpkg-query", "--show", "--showformat", "${Package}\t${Status}\t${Version}\n")
_UPDATES = "/var/lib/dpkg/updates"
_UNFINISHED = ("unpacked", "half-configured")


class Installed(t.NamedTuple):
    version: str
    held: bool


class State(t.NamedTuple):
    """`installed` by name, with packages that are only unpacked; `interrupted`: what dpkg has to finish first, None for nothing."""

    installed: dict[str, Installed]
    interrupted: str | None


def state(names: t.Collection[str]) -> State:
    """All installed packages. `interrupted` tells only of the named ones, because apt itself finishes others."""
    # dpkg's own test for whether it was killed while it wrote its database (lib/dpkg/dbmodify.c).
    journal = os.path.isdir(_UPDATES) and any(map(str.isdigit, os.listdir(_UPDATES)))
    return _state(run(*QUERY).output, names, journal)


def _state(listing: str, names: t.Collection[str], journal: bool) -> State:
    found = list(rows(listing))
    unfinished = ["dpkg was killed while it wrote its database"] if journal else []
    unfinished += [f"{name} is {now}" for name, dummy, now in found if now in _UNFINISHED and name in names]
    # A package that is half-installed has to be installed again.
    return State({name: have for name, have, now in found if now != "half-installed"}, ", ".join(unfinished) or None)


def rows(listing: str) -> t.Iterator[tuple[str, Installed, str]]:
    """The answer of QUERY: name, version and hold, status of each package of which more than its configuration is there."""
    for line in listing.splitlines():
        name, status, version = line.split("\t")
        selection, dummy, now = status.split(" ")
        if now not in ("not-installed", "config-files"):
            yield name, Installed(version, selection == "hold"), now


def is_older(version: str, other: str) -> bool:
    return run("dpkg", "--compare-versions", version, "lt", other).code == 0


def configure() -> str | None:
    """Finish what was interrupted; the complaint of dpkg, None where it succeeded."""
    done = run("dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")
    return None if done.code == 0 else complaint(done)


def select(selections: t.Mapping[str, bool]) -> str | None:
    """Hold packages (true) or release them (false); the complaint of dpkg, None where it succeeded."""
    lines = "".join(f"{name} {'hold' if held else 'install'}\n" for name, held in selections.items())
    done = run("dpkg", "--set-selections", stdin=lines)
    return None if done.code == 0 else complaint(done)
