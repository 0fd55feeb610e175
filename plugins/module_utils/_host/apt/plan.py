# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the wanted, the installed and the available packages to the changes. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import dpkg, versions
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.dpkg import Installed
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.repositories import Available, Simulated

# Debian Policy 5.6.1 and 5.6.12.
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"(\d+:)?\d[A-Za-z0-9.+~-]*(:[A-Za-z0-9.+~-]+)?")
# The version of a package that no list on disk has yet and for which no version is wanted.
NEWEST = "newest"


class Guess(str):
    """A version as the user wrote it, which no list on disk has yet. It may lack an epoch and a revision."""


@dataclass(frozen=True)
class Wanted:
    name: str
    version: str = ""
    optional: bool = False

    def is_there(self, installed: t.Mapping[str, Installed]) -> bool:
        have = installed.get(self.name)
        return have is not None and (not self.version or versions.matches(self.version, have.version))

    def target(self, available: t.Mapping[str, Available]) -> str | None:
        """The full version to install, the newest that matches; None where the lists of apt have none."""
        offer = available.get(self.name)
        if offer is None:
            return None
        if not self.version:
            return offer.candidate or None
        return next((version for version in offer.versions if versions.matches(self.version, version)), None)


@dataclass(frozen=True)
class Options:
    hold: bool | None = None
    allow_change_held: bool = False
    allow_downgrade: bool = False
    allow_remove: tuple[str, ...] = ()
    # What a role calls these options.
    names: t.Mapping[str, str] = field(default_factory=dict)

    def remedy(self, option: str, text: str) -> str:
        """What to do with an option, which `text` has as {}; nothing where a role has no such option."""
        name = self.names.get(option, option)
        return text.format(name) if name else ""

    def force(self) -> list[str]:
        """The options of apt-get for what is allowed."""
        switches = (("--allow-change-held-packages", self.allow_change_held), ("--allow-downgrades", self.allow_downgrade))
        return [switch for switch, allowed in switches if allowed]


def wanted(items: t.Iterable[t.Mapping[str, t.Any]]) -> list[Wanted]:
    """The option `packages`. Raises Refused for names and versions that no package can have, and for contradictions."""
    found: dict[str, Wanted] = {}
    problems = []
    for item in items:
        name, version = item["name"], versions.plain((item.get("version") or "").strip())
        where = f"package {name}"
        if not _NAME.fullmatch(name):
            problems.append(Problem("apt.name", "a package name has two or more of the characters a-z, 0-9, '+', '-' and '.'", where))
        elif version and not _VERSION.fullmatch(version):
            remedy = "write it such as 1.36.3 or 1.36.3-1.1"
            problems.append(Problem("apt.version", f"{version!r} is not a version of a package", where, "version", remedy))
        elif name in found and found[name].version != version:
            message = f"the package is listed twice, with versions {found[name].version!r} and {version!r}"
            problems.append(Problem("apt.twice", message, where, "version", "remove one of the two"))
        else:
            found[name] = Wanted(name, version, bool(item.get("optional")))
    if problems:
        raise Refused(problems)
    return list(found.values())


def unknown(wants: t.Iterable[Wanted], installed: t.Mapping[str, Installed], available: t.Mapping[str, Available]) -> list[Wanted]:
    """The packages to install whose version apt does not know, without optional ones."""
    return [want for want in wants if not want.optional and not want.is_there(installed) and want.target(available) is None]


def targets(wants: t.Iterable[Wanted], installed: t.Mapping[str, Installed], available: t.Mapping[str, Available]) -> dict[str, str]:
    """The packages to install, name to full version. What apt does not know yet counts as available in the wanted version."""
    found = {}
    for want in wants:
        if not want.is_there(installed):
            version = want.target(available)
            if version is None and not want.optional:
                version = Guess(want.version) if want.version else NEWEST
            if version is not None:
                found[want.name] = version
    return found


def explain(missing: t.Iterable[Wanted], available: t.Mapping[str, Available], update: str | None) -> t.Iterator[Problem]:
    """Why packages cannot be installed; `update`: the complaint of apt-get update, which is one cause for all of them."""
    if update:
        remedy = "correct the repositories until 'apt-get update' succeeds"
        yield Problem("apt.update", f"apt-get update does not read all repositories: {update}", remedy=remedy)
    yield from _once(_unknown(want, available.get(want.name)) for want in missing)


def _unknown(want: Wanted, offer: Available | None) -> Problem:
    item = f"package {want.name}"
    if offer is None:
        return Problem("apt.unknown_package", "none of the configured repositories has it", item)
    if not offer.candidate and not want.version:
        return Problem("apt.pinned", "apt's preferences forbid all of its versions", item, remedy="see apt-cache policy")
    message = f"no repository has version {want.version}, only {', '.join(offer.versions[:8])}"
    return Problem("apt.unknown_version", message, item, "version")


def _once(problems: t.Iterable[Problem]) -> list[Problem]:
    """One problem for all packages that have the same one."""
    items: dict[Problem, list[str]] = {}
    for problem in problems:
        items.setdefault(replace(problem, item=""), []).append(problem.item.partition(" ")[2])
    return [replace(each, item=f"package{'s' * (len(names) > 1)} {', '.join(names)}" if names[0] else "") for each, names in items.items()]


def plan(
    wants: t.Sequence[Wanted],
    installed: t.Mapping[str, Installed],
    chosen: t.Mapping[str, str],
    simulated: Simulated | None,
    options: Options,
) -> Plan:
    """The changes. Raises Refused for what the options do not allow; `simulated` is None where apt cannot be asked yet."""
    forbidden = list(_not_allowed(installed, chosen, options))
    problems = [*forbidden, *_side_effects(wants, installed, simulated, options)]
    # apt refuses what is forbidden for the same reason.
    problems = [problem for problem in problems if not (forbidden and problem.code == "apt.refused")]
    if problems:
        raise Refused(_once(problems))
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
            changes.append(package(want.name, "update" if have else "create", differences, chosen.get(want.name)))
    # apt removes these in the same transaction.
    removed = simulated.removes if simulated else ()
    changes += [package(name, "delete", [Difference("version", installed[name].version, None)], None) for name in removed]
    return Plan.of(changes, len(considered) - sum(change.action != "delete" for change in changes))


def package(name: str, action: str, differences: t.Iterable[Difference], version: str | None) -> Change:
    return Change("package", name, {"name": name}, action, tuple(differences), payload=version)


def _not_allowed(installed: t.Mapping[str, Installed], chosen: t.Mapping[str, str], options: Options) -> t.Iterator[Problem]:
    for name, version in chosen.items():
        have = installed.get(name)
        if have and have.held and not options.allow_change_held:
            message = f"it is held at {have.version}, and the task asks for {version}"
            yield Problem("apt.held", message, f"package {name}", "version", options.remedy("allow_change_held", "set {} to change it"))
        if have and version != NEWEST and not options.allow_downgrade and _is_older(version, have.version):
            message = f"installing {version} would downgrade it from {have.version}"
            yield Problem("apt.downgrade", message, f"package {name}", "version", options.remedy("allow_downgrade", "set {} to allow it"))


def _is_older(version: str, have: str) -> bool:
    if isinstance(version, Guess) and ":" not in version:
        have = have.partition(":")[2] or have
    return dpkg.is_older(version, have)


def _side_effects(
    wants: t.Sequence[Wanted], installed: t.Mapping[str, Installed], simulated: Simulated | None, options: Options
) -> t.Iterator[Problem]:
    """What apt would do to packages that the task does not name."""
    if simulated is None:
        return
    if simulated.problem:
        yield Problem("apt.refused", f"apt-get refuses the installation: {simulated.problem}")
    for name in simulated.removes:
        if name not in options.allow_remove:
            remedy = options.remedy("allow_remove", "list it in {}, or remove it first") or "remove it first"
            yield Problem("apt.removes", "apt would remove this to install the packages", f"package {name}", remedy=remedy)
    yield from _dependencies({want.name for want in wants}, installed, simulated)


def _dependencies(named: t.Collection[str], installed: t.Mapping[str, Installed], simulated: Simulated) -> t.Iterator[Problem]:
    for name, version in simulated.installs.items():
        have = installed.get(name)
        if have is None or name in named:
            continue
        if have.held:
            message = f"installing the packages would also change it from {have.version}, at which it is held, to {version}"
            yield Problem("apt.held_dependency", message, f"package {name}", remedy=f"run 'apt-mark unhold {name}' to allow it")
        elif dpkg.is_older(version, have.version):
            message = f"installing the packages would also downgrade it from {have.version} to {version}"
            remedy = f"run 'apt-get install {name}={version}' first to allow it"
            yield Problem("apt.downgrades_dependency", message, f"package {name}", remedy=remedy)
