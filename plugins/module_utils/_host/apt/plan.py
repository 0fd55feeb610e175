# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the packages wanted, those there and those to be had to the changes. Pure. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.dpkg import Installed
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.repositories import Available, Simulated

# Debian Policy 5.6.1 and 5.6.12.
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"(\d+:)?\d[A-Za-z0-9.+~-]*(:[A-Za-z0-9.+~-]+)?")
# In check mode, for a package that no list names yet.
NEWEST = "newest"


class Guess(str):
    """A version as a person gave it, while no list has it yet: it may lack an epoch and a revision."""


@dataclass(frozen=True)
class Wanted:
    name: str
    version: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Options:
    hold: bool | None = None
    allow_change_held: bool = False
    allow_downgrade: bool = False
    allow_remove: tuple[str, ...] = ()

    def force(self) -> list[str]:
        """The switches that apt-get takes for what is allowed."""
        switches = (("--allow-change-held-packages", self.allow_change_held), ("--allow-downgrades", self.allow_downgrade))
        return [switch for switch, allowed in switches if allowed]


def wanted(items: t.Iterable[t.Mapping[str, t.Any]]) -> list[Wanted]:
    """The option `packages`. Raises Refused for names and versions that no package can have, and for twins."""
    found: dict[str, Wanted] = {}
    problems = []
    for item in items:
        name, version = item["name"], (item.get("version") or "").strip()
        version = version[1:] if re.match(r"v\d", version) else version
        if not _NAME.fullmatch(name):
            problems.append(f"package {name!r}: a name has two or more of the characters a-z, 0-9, plus, minus and dot")
        elif version and not _VERSION.fullmatch(version):
            problems.append(f"package {name}: {version!r} is no version such as 1.36.3 or 1.36.3-1.1")
        elif name in found and found[name].version != version:
            problems.append(f"package {name} is listed twice, with versions {found[name].version!r} and {version!r}")
        else:
            found[name] = Wanted(name, version, bool(item.get("optional")))
    if problems:
        raise Refused(problems)
    return list(found.values())


def is_there(want: Wanted, installed: t.Mapping[str, Installed]) -> bool:
    have = installed.get(want.name)
    return have is not None and (not want.version or versions.matches(want.version, have.version))


def target(want: Wanted, available: t.Mapping[str, Available]) -> str | None:
    """The full version to install; None where no repository known to apt has it."""
    offer = available.get(want.name)
    if offer is None:
        return None
    return versions.newest(offer.versions, want.version) if want.version else offer.candidate or None


def unknown(wants: t.Iterable[Wanted], installed: t.Mapping[str, Installed], available: t.Mapping[str, Available]) -> list[Wanted]:
    """Those to be installed whose version apt does not know; what is optional never counts."""
    return [want for want in wants if not want.optional and not is_there(want, installed) and target(want, available) is None]


def targets(
    wants: t.Iterable[Wanted], installed: t.Mapping[str, Installed], available: t.Mapping[str, Available], predicting: bool
) -> dict[str, str]:
    """Name to full version of what is to be installed.

    While `predicting` what apt does not know yet counts as there, by the version asked for.
    """
    found = {}
    for want in wants:
        if not is_there(want, installed):
            version = target(want, available)
            if version is None and predicting and not want.optional:
                version = Guess(want.version) if want.version else NEWEST
            if version is not None:
                found[want.name] = version
    return found


def explain(missing: t.Iterable[Wanted], available: t.Mapping[str, Available], update: str | None) -> list[str]:
    """Why the missing ones cannot be had, one line each; `update` is what apt-get update complained of."""
    problems = []
    for want in missing:
        offer = available.get(want.name)
        if offer is None:
            text = f"package {want.name}: none of the configured repositories has it"
        elif not offer.candidate and not want.version:
            text = f"package {want.name}: apt's preferences let none of its versions be installed"
        else:
            text = f"package {want.name}: version {want.version} is not to be had, but {', '.join(offer.versions[:8])}"
        problems.append(text + (f" (apt-get update: {update})" if update else ""))
    return problems


def plan(
    wants: t.Sequence[Wanted],
    installed: t.Mapping[str, Installed],
    chosen: t.Mapping[str, str],
    simulated: Simulated | None,
    options: Options,
) -> Plan:
    """The changes. Raises Refused for what the options do not allow; `simulated` is None where apt could not be asked."""
    problems = [*_not_allowed(installed, chosen, options), *_by_the_way(wants, installed, simulated, options)]
    if problems:
        raise Refused(problems)
    changes = []
    considered = [want for want in wants if want.name in chosen or want.name in installed]
    for want in considered:
        have = installed.get(want.name)
        differences = []
        if want.name in chosen:
            differences.append(Difference("version", have.version if have else None, chosen[want.name]))
        if options.hold is not None and (have.held if have else False) != options.hold:
            differences.append(Difference("held", have.held if have else None, options.hold))
        if differences:
            changes.append(_change(want.name, "update" if have else "create", differences, chosen.get(want.name)))
    for name in simulated.removes if simulated else ():
        # With the transaction that makes it go: apt removes it, nobody else.
        changes.append(_change(name, "delete", [Difference("version", installed[name].version, None)], None))
    return Plan.of(changes, len(considered) - sum(change.action != "delete" for change in changes))


def _change(name: str, action: str, differences: list[Difference], version: str | None) -> Change:
    return Change("package", name, {"name": name}, action, tuple(differences), stage=1, payload=version)


def _not_allowed(installed: t.Mapping[str, Installed], chosen: t.Mapping[str, str], options: Options) -> t.Iterator[str]:
    for name, version in chosen.items():
        have = installed.get(name)
        if have and have.held and not options.allow_change_held:
            yield f"package {name} is held at {have.version}, and {version} is wanted: say allow_change_held to change it"
        if have and version != NEWEST and _goes_back(version, have.version) and not options.allow_downgrade:
            yield f"package {name} would go back from {have.version} to {version}: say allow_downgrade if that is meant"


def _goes_back(version: str, have: str) -> bool:
    if isinstance(version, Guess) and ":" not in version:
        have = have.partition(":")[2] or have
    return versions.compare(version, have) < 0


def _by_the_way(
    wants: t.Sequence[Wanted], installed: t.Mapping[str, Installed], simulated: Simulated | None, options: Options
) -> t.Iterator[str]:
    """What apt would do to packages that nobody named."""
    if simulated is None:
        return
    if simulated.problem:
        yield f"apt-get will not: {simulated.problem}"
    named = {want.name for want in wants}
    remedy = "by the way: name it in the task if that is meant"
    for name in simulated.removes:
        if name not in options.allow_remove:
            yield f"package {name} would be removed to make way: say so in allow_remove, or remove it first"
    for name, version in simulated.installs.items():
        have = installed.get(name)
        if have is None or name in named:
            continue
        if have.held:
            yield f"package {name}, which is held at {have.version}, would become {version} {remedy}"
        elif versions.compare(version, have.version) < 0:
            yield f"package {name} would go back from {have.version} to {version} {remedy}"
