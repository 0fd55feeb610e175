# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Kubernetes, and which of them work together. Private to this collection.

Skew: https://kubernetes.io/releases/version-skew-policy/
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import described, shortened

# A kubelet may be this many minor releases older than its API server; two if the kubelet is older than 1.25.
OLDEST_KUBELET = 3

_FORM = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(?:alpha|beta|rc)\.\d+)?([-+][0-9A-Za-z.+-]+)?", re.ASCII)
_MINOR = re.compile(r"v?\d+(\.\d+)?", re.ASCII)
_PACKAGE = re.compile(r"v?\d+\.\d+\.\d+-\d[\d.]*", re.ASCII)


@functools.total_ordering
class Version:
    """A version such as 1.36.3, 1.37.0-rc.1 or 1.34.4-eks-1a2b3c4; ordered; the suffix of a vendor is ignored."""

    def __init__(self, major: int, minor: int, patch: int, pre: str = "", vendor: str = "") -> None:
        self.major, self.minor, self.patch, self.pre, self.vendor = major, minor, patch, pre, vendor

    @property
    def branch(self) -> str:
        """The minor release, as package repositories are named: "1.36"."""
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        return f"{self.branch}.{self.patch}{self.pre}{self.vendor}"

    def __repr__(self) -> str:
        return f"Version({str(self)!r})"

    def _order(self) -> tuple[t.Any, ...]:
        stage, dummy, number = self.pre[1:].partition(".")
        return (self.major, self.minor, self.patch, not self.pre, stage, int(number or 0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._order() == other._order()

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def __hash__(self) -> int:
        return hash(self._order())


def parse(value: t.Any) -> Version:
    """A version of "1.36.3" or "v1.36.3". Raises ValueError with one line for anything else."""
    if isinstance(value, Version):
        return value
    if isinstance(value, float):
        raise ValueError(
            f"version {value!r} is a number, and YAML and INI read 1.30 as 1.3, so the version is not certain:"
            ' write the whole version, such as "1.36.3"'
        )
    if not isinstance(value, str):
        raise ValueError(f'version is {described(value)}: write the whole version as text, such as "1.36.3"')
    text = value.strip()
    if _MINOR.fullmatch(text):
        raise ValueError(f'version {shortened(text)} names no patch release: write the whole version, such as "1.36.3"')
    if _PACKAGE.fullmatch(text):
        raise ValueError(f'version {shortened(text)} has a package revision: write the version alone, "{text.partition("-")[0]}"')
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f'version {shortened(text)} is not a version of Kubernetes: write it as "1.36.3" or "v1.36.3"')
    major, minor, patch, pre, vendor = match.groups()
    return Version(int(major), int(minor), int(patch), pre or "", vendor or "")


def skew_problem(kubelet: Version, api_server: Version) -> str | None:
    """Why a kubelet of one version cannot join an API server of another; None if it can. Patch releases are ignored."""
    if (kubelet.major, kubelet.minor) > (api_server.major, api_server.minor):
        return (
            f"kubelet {kubelet} is newer than the API server's {api_server}, which Kubernetes does not support:"
            f" install a {api_server.branch} kubelet, or upgrade the control plane first"
        )
    allowed = OLDEST_KUBELET if (kubelet.major, kubelet.minor) >= (1, 25) else OLDEST_KUBELET - 1
    if kubelet.major != api_server.major or api_server.minor - kubelet.minor > allowed:
        return (
            f"kubelet {kubelet} is too old for the API server's {api_server}: Kubernetes supports kubelets"
            f" at most {allowed} minor releases older, so install a {api_server.branch} kubelet"
        )
    return None
