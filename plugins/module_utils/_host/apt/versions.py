# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of packages: whether one is the version that a user asked for. Private to this collection."""

from __future__ import annotations

import re

# Debian may repack upstream's 1.6.20 as 1.6.20~ds1, which is the same version.
_REPACKED = re.compile(r"(\+|~(ds|dfsg|repack|debian|ubuntu|deb))")
# 1.36.3~rc.1 and 1.36.3-rc.1 are not 1.36.3.
_PRERELEASE = re.compile(r"[-~](alpha|beta|rc)")


def matches(wanted: str, full: str) -> bool:
    """Whether a full version is the wanted one, which may lack the epoch, the revision and a repacker's suffix, and may begin with v.

    `1.36.3` is `1.36.3-1.1`, `5:1.36.3-1~debian.12~bookworm` and `1.36.3~ds1-1`; it is not `1.36.30-1.1` or `1.36.3~rc.1-1.1`.
    """
    wanted = plain(wanted)
    if wanted == full:
        return True
    without_epoch = full.partition(":")[2] if ":" in full and ":" not in wanted else full
    if not without_epoch.startswith(wanted):
        return False
    rest = without_epoch[len(wanted) :]
    if _PRERELEASE.match(rest):
        return False
    return not rest or ("-" not in wanted and rest.startswith("-")) or bool(_REPACKED.match(rest))


def plain(version: str) -> str:
    """A version without the v in front."""
    return version[1:] if re.match(r"v\d", version) else version
