# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a host: running, enabled, and restarted when a file that they read has changed. Private to this collection."""

from __future__ import annotations

import datetime
import os
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run

STAGE = 4
_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestamp"


@dataclass(frozen=True)
class Wanted:
    name: str
    started: bool
    enabled: bool | None
    restart_after: tuple[str, ...]
    restart: bool = False


@dataclass(frozen=True)
class Service:
    """`active` in systemd's words, "missing" where there is no unit; `since` in seconds since 1970 where it is active."""

    active: str = "missing"
    enabled: bool = False
    masked: bool = False
    stale_unit: bool = False
    since: float | None = None
    # When each file that the service reads was last changed, in seconds since 1970.
    files: t.Mapping[str, float] = field(default_factory=dict)

    @property
    def is_up(self) -> bool:
        return self.active in ("active", "activating", "reloading")

    def is_older_than(self, path: str) -> bool:
        """Whether the service was started before the file was last changed; False where systemd does not tell."""
        return self.since is not None and self.files.get(path, 0) > self.since


def wanted(items: t.Iterable[t.Mapping[str, t.Any]]) -> list[Wanted]:
    return [
        Wanted(item["name"], item["state"] == "started", item["enabled"], tuple(item["restart_after"]), item["restart"]) for item in items
    ]


def observe(services: t.Sequence[Wanted]) -> dict[str, Service]:
    found = show([service.name for service in services])
    files = {path for service in services for path in service.restart_after}
    changed = {path: os.stat(path).st_ctime for path in files if os.path.exists(path)}
    return {
        service.name: replace(found[service.name], files={path: changed[path] for path in service.restart_after if path in changed})
        for service in services
    }


def show(names: t.Sequence[str]) -> dict[str, Service]:
    """The state of the services as systemd tells it, by name."""
    if not names:
        return {}
    command = ["systemctl", "show", "--property", _PROPERTIES, *(f"{name}.service" for name in names)]
    done = run(*command, "--timestamp=us+utc")
    if done.code != 0:  # systemd before 247 does not have the option; the time of the start stays unknown
        done = run(*command)
    return shown(names, done.output)


def shown(names: t.Sequence[str], output: str) -> dict[str, Service]:
    """The answer of `systemctl show`: one block for each service, in the order asked."""
    blocks = [block for block in output.split("\n\n") if block.strip()]
    found = {name: Service() for name in names}
    for name, block in zip(names, blocks):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        if unit.get("LoadState") != "not-found":
            found[name] = Service(
                active=unit.get("ActiveState", "missing"),
                enabled=unit.get("UnitFileState") in ("enabled", "static", "generated", "alias"),
                masked=unit.get("LoadState") == "masked",
                stale_unit=unit.get("NeedDaemonReload") == "yes",
                since=_seconds(unit.get("ActiveEnterTimestamp", "")) if unit.get("ActiveState") == "active" else None,
            )
    return found


def _seconds(timestamp: str) -> float | None:
    """Such as `Tue 2026-11-24 13:10:05.123456 UTC`."""
    try:
        when = datetime.datetime.strptime(timestamp.partition(" ")[2], "%Y-%m-%d %H:%M:%S.%f UTC")
    except ValueError:
        return None
    return when.replace(tzinfo=datetime.timezone.utc).timestamp()


def problems(services: t.Iterable[Wanted], found: t.Mapping[str, Service]) -> t.Iterator[Problem]:
    for service in services:
        if found[service.name].masked:
            remedy = f"run 'systemctl unmask {service.name}' if it must run"
            yield Problem("service.masked", "the unit is masked", f"service {service.name}", remedy=remedy)


def missing(services: t.Iterable[Wanted], found: t.Mapping[str, Service]) -> t.Iterator[Problem]:
    for service in services:
        if found[service.name].active == "missing":
            remedy = "install the package that brings it first"
            yield Problem("service.missing", "systemd does not know this unit", f"service {service.name}", remedy=remedy)


def changes(services: t.Iterable[Wanted], found: t.Mapping[str, Service], changing: t.Collection[str]) -> t.Iterator[Change]:
    """`changing`: the paths of the files that this run changes.

    In check mode a service may be missing. It is assumed that its package starts and enables it.
    """
    for service in services:
        have = found[service.name]
        newer = [path for path in service.restart_after if path in changing or have.is_older_than(path)]
        differences, restart = [], None
        if service.enabled is not None and have.enabled != service.enabled and have.active != "missing":
            differences.append(Difference("enabled", have.enabled, service.enabled))
        if service.started and have.active not in ("active", "missing"):
            restart = Difference("state", have.active, "active")
        elif service.restart and have.active == "active":
            restart = Difference("started", "running", "again")
        elif service.started and newer:
            restart = Difference("started", f"before {newer[0]} changed", "after")
        payload = ("restart" if restart else None, service.enabled if differences else None)
        differences += [restart] if restart else []
        if differences:
            needs = frozenset(("file", path) for path in service.restart_after if path in changing)
            action = "create" if have.active == "missing" else "update"
            yield Change("service", service.name, {"name": service.name}, action, tuple(differences), STAGE, needs, payload)


def reload_units() -> None:
    """Raises ChangeFailed."""
    _systemctl("daemon-reload")


def apply(name: str, verb: str | None, enabled: bool | None, timeout: float = 120) -> None:
    """Raises ChangeFailed with the last error of the service itself."""
    if enabled is not None:
        _systemctl("enable" if enabled else "disable", name)
    if verb:
        run("systemctl", "reset-failed", f"{name}.service")
        done = run("systemctl", verb, f"{name}.service", timeout=timeout)
        if done.code != 0:
            raise ChangeFailed(f"systemctl {verb} failed: {last_error(name) or done.complaint}")


def mask(unit: str) -> None:
    """Raises ChangeFailed."""
    _systemctl("mask", unit)


def _systemctl(*arguments: str) -> None:
    done = run("systemctl", *arguments, timeout=120)
    if done.code != 0:
        raise ChangeFailed(f"systemctl {arguments[0]} failed: {done.complaint}")


def last_error(name: str) -> str | None:
    """The last line of the journal that tells why the service fails; None where there is none."""
    lines = run("journalctl", "--unit", f"{name}.service", "--lines", "60", "--no-pager", "--output", "cat", timeout=5).output.splitlines()
    said = [line.strip() for line in lines if line.strip() and not _of_systemd(name, line)]
    telling = [line for line in said if any(word in line.lower() for word in ("error", "fail", "fatal", "invalid", "cannot", "panic"))]
    return (telling or said or [""])[-1] or None


def _of_systemd(name: str, line: str) -> bool:
    """A line of systemd itself, which only repeats that the unit failed."""
    return line.startswith((f"{name}.service", "Starting ", "Started ", "Stopping ", "Stopped ", "Failed to start "))
