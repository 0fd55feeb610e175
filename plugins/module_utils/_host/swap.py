# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Swap: off now and after a reboot. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK, File, of_kernel, read

UNITS, OFF = 0, 3  # stages
FSTAB = "/etc/fstab"
_ENTRY = re.compile(r"^(?=[ \t]*[^\s#]\S*[ \t]+\S+[ \t]+swap\b)", re.MULTILINE)


# Services that turn swap on at boot, or later, without a swap unit: Debian's zram-tools, Raspberry Pi OS, Ubuntu's zram-config, Armbian,
# and swapspace.
_SERVICES = ("zramswap", "dphys-swapfile", "zram-config", "armbian-zram-config", "swapspace")


class Swap(t.NamedTuple):
    """Active swap (paths), the text of fstab, and units not from fstab that bring swap: partitions that systemd found, zram, services."""

    active: tuple[str, ...]
    fstab: str
    units: tuple[str, ...]


def observe() -> Swap:
    fstab = read(FSTAB)
    services = (f"{name}.service" for name in _SERVICES)
    show = run("systemctl", "show", "*.swap", *services, "--property", "Id,LoadState,SourcePath")
    return Swap(active(), fstab.content if fstab else "", tuple(dict.fromkeys(_units(show.output))))


def active(path: str = "/proc/swaps") -> tuple[str, ...]:
    """The devices and files in use as swap (proc(5))."""
    # A path with spaces is written with \040, as in fstab.
    return tuple(line.split()[0].replace("\\040", " ") for line in (of_kernel(path) or "").splitlines()[1:])


def _units(show: str) -> t.Iterator[str]:
    for block in show.split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        if unit.get("LoadState") == "loaded" and unit.get("SourcePath") != FSTAB:
            yield unit["Id"]


def without_swap(fstab: str) -> str:
    """fstab with its swap entries commented out."""
    return _ENTRY.sub(f"# {MARK}: off: ", fstab)


def changes(swap: Swap) -> t.Iterator[Change]:
    wanted = without_swap(swap.fstab)
    if wanted != swap.fstab:
        difference = Difference("content", swap.fstab.splitlines(), wanted.splitlines())
        yield Change("file", FSTAB, {"path": FSTAB}, "update", (difference,), UNITS, payload=File(FSTAB, wanted))
    for unit in swap.units:
        yield Change("unit", unit, {"name": unit}, "update", (Difference("masked", False, True),), UNITS)
    for path in swap.active:
        yield Change("swap", path, {"path": path}, "delete", (Difference("active", True, False),), OFF)


def off(path: str) -> None:
    """Raises ChangeFailed. The kernel moves what is in swap to memory, which may take minutes."""
    done = run("swapoff", path, timeout=600)
    if done.code != 0:
        raise ChangeFailed(done.complaint)
