# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Debian packages: their order, and when one is the version that a person asked for. Private to this collection.

The order is that of deb-version(7).
"""

from __future__ import annotations

import functools
import re
import typing as t

# Upstream's 1.6.20 may be packed as 1.6.20~ds1; 1.6.20~rc.1 is another version.
_REPACKED = re.compile(r"(\+|~(ds|dfsg|repack|debian|ubuntu|deb))")


def compare(left: str, right: str) -> int:
    """Negative, zero or positive as `left` is older than, the same as or newer than `right`."""
    ours, theirs = _key(left), _key(right)
    return (ours > theirs) - (ours < theirs)


by_age = functools.cmp_to_key(compare)


def matches(wanted: str, full: str) -> bool:
    """Whether a package's full version is the one wanted, which may leave out epoch, revision and repackers' suffix.

    `1.36.3` is `1.36.3-1.1`, `5:1.36.3-1~debian.12~bookworm` and `1.36.3~ds1-1`; never `1.36.30-1.1` nor `1.36.3~rc.1-1.1`.
    """
    if wanted == full:
        return True
    without_epoch = full.partition(":")[2] if ":" in full and ":" not in wanted else full
    if not without_epoch.startswith(wanted):
        return False
    rest = without_epoch[len(wanted) :]
    return not rest or ("-" not in wanted and rest.startswith("-")) or bool(_REPACKED.match(rest))


def newest(versions: t.Iterable[str], wanted: str = "") -> str | None:
    """The newest of the versions that match, all of them where none is wanted; None where there is none."""
    return max((version for version in versions if not wanted or matches(wanted, version)), key=by_age, default=None)


def _key(version: str) -> tuple[int, list[t.Any], list[t.Any]]:
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return int(epoch), _parts(upstream), _parts(revision or "0")


def _parts(text: str) -> list[t.Any]:
    """Alternately text and number, as dpkg walks through it; the end sorts after a tilde and before everything else."""
    parts: list[t.Any] = []
    for letters, digits in re.findall(r"(\D*)(\d*)", text):
        parts += [[*(_weight(letter) for letter in letters), 0], int(digits or 0)]
    return parts


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
