# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_host from end to end: declare, observe, plan, apply. On the host, standard library only. Private to this collection."""

from __future__ import annotations

import glob
import os
import re
import shutil
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils import _convergence
from ansible_collections.eco2.platform.plugins.module_utils._convergence import (
    Change,
    ChangeFailed,
    Difference,
    Outcome,
    Plan,
    Refused,
)
from ansible_collections.eco2.platform.plugins.module_utils._host import files, services
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File, Found
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._redis import host_sample, host_texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.host_wire import Said, Wire

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]

MASK, FILES, MAIN, SERVICE, USERS = range(5)  # stages
THP = "/sys/kernel/mm/transparent_hugepage/enabled"
START_WITHIN = 3600.0  # seconds; the unit's own TimeoutStartSec ends it earlier, and a server loads its data meanwhile


@dataclass(frozen=True)
class Instance:
    """One server or sentinel of this host, by what Debian's templates make of its name."""

    flavor: str
    kind: str
    name: str
    replicaof: str | None
    static: str
    drop_in: str
    users: str
    secret: frozenset[str]
    admin: tuple[str, tuple[str, ...]]

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def unit(self) -> str:
        return f"{self.flavor}-{self.kind}@{self.name}"

    @property
    def paths(self) -> Paths:
        return Paths.of(self.flavor, self.kind, self.name)


class Paths(t.NamedTuple):
    main: str
    static: str
    users: str
    drop_in: str
    directory: str
    run: str
    log: str
    program: str

    @staticmethod
    def of(flavor: str, kind: str, name: str) -> Paths:
        stem = f"/etc/{flavor}/{flavor if kind == 'server' else 'sentinel'}-{name}"
        return Paths(
            main=f"{stem}.conf",
            static=f"{stem}.static.conf",
            users=f"{stem}.acl",
            drop_in=f"/etc/systemd/system/{flavor}-{kind}@{name}.service.d/eco2.conf",
            directory=f"/var/lib/{flavor}/{name if kind == 'server' else 'sentinel-' + name}",
            run=f"/run/{flavor if kind == 'server' else 'sentinel'}-{name}",
            # Named so that the package's logrotate finds it.
            log=f"/var/log/{flavor}/{flavor}-{kind}-{name}.log",
            program=f"/usr/bin/{flavor}-{kind}",
        )

    @property
    def socket(self) -> str:
        return f"{self.run}/admin.sock"


class Seen(t.NamedTuple):
    """What is there of an instance."""

    main: t.Optional[Found]
    static: t.Optional[Found]
    users: t.Optional[Found]
    drop_in: t.Optional[Found]
    directory: bool
    service: Service


def converge(params: Params, check_mode: bool, diff: bool) -> tuple[Result, Outcome | None]:
    """The module's result, and the outcome of the writes (None where there were none to make). Raises Refused."""
    declared = declare(params)
    seen = observe(declared)
    samples = host_sample.observe(params["masked"])
    problems = [line for sample in samples for line in sample.problems()]
    problems += [line for instance in declared for line in _found_problems(instance, seen[instance.id])]
    if problems:
        raise Refused(problems)
    planned = plan(params, declared, seen, samples)
    facts = {
        "established": established(params["flavor"]),
        "instances": [_told(instance, seen[instance.id], instance.id in params["restart"]) for instance in declared],
    }
    if check_mode or not planned.changes:
        return {**_convergence.predicted(planned, diff), **facts, "predicted": check_mode}, None
    stale = any(entry.service.stale_unit for entry in seen.values())
    outcome = _convergence.apply(planned, _Writer(stale), workers=1)
    return {**_convergence.achieved(planned, outcome, diff), **facts, "predicted": False}, outcome


def established(flavor: str) -> list[str]:
    """The instances that were set up here once, by whomever: their main files are Redis's own ever after."""
    found = []
    for kind, stem in (("server", flavor), ("sentinel", "sentinel")):
        for path in sorted(glob.glob(f"/etc/{flavor}/{stem}-*.conf")):
            name = os.path.basename(path)[len(stem) + 1 : -len(".conf")]
            if not name.endswith(".static"):
                found.append(f"{kind}/{name}")
    return found


# Declare


def declare(params: Params) -> list[Instance]:
    """Raises Refused with everything that is wrong."""
    problems: list[str] = []
    ids = [f"{item['kind']}/{item['name']}" for item in params["instances"]]
    problems += [f"instance {name} is declared twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for item in params["instances"]:
        problems += _item_problems(item)
    for name, value in params["service"].items():
        if not re.fullmatch(r"[A-Z][A-Za-z]+", name) or any("\n" in word for word in host_texts.words(value)):
            problems.append(f"service: {name!r} is no setting of a unit such as LimitNOFILE, or has more than a line")
    if problems:
        raise Refused(problems)
    return [_instance(params, item) for item in params["instances"]]


def _item_problems(item: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    of = f"{item['kind']}/{item['name']}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", item["name"]) or item["name"].endswith(".static"):
        yield f"instance {of}: a name has letters, digits, dot, minus and underscore"
    yield from host_texts.problems(item["settings"], of)
    for user in item["users"]:
        if not re.fullmatch(r"[^\s#>]+", user["name"]):
            yield f"{of}: user {user['name']!r} has a name that Redis does not take"
        if any(word[0] in "#><!" for word in user["rules"].split()) or "\n" in user["rules"]:
            yield f"{of}: user {user['name']}: passwords do not go into the rules"
    if item["admin"] not in [user["name"] for user in item["users"]]:
        yield f"{of}: {item['admin']} is none of its users, and nobody else may change them"


def _instance(params: Params, item: t.Mapping[str, t.Any]) -> Instance:
    flavor, kind, name = params["flavor"], item["kind"], item["name"]
    paths = Paths.of(flavor, kind, name)
    own = {
        "aclfile": paths.users,
        "dir": paths.directory,
        "logfile": paths.log,
        "pidfile": f"{paths.run}/{flavor}-{kind}.pid",
        "unixsocket": paths.socket,
        "unixsocketperm": "700",
    }
    command = f"{paths.program} /etc/{flavor}/{'sentinel' if kind == 'sentinel' else flavor}-%i.conf"
    command += f" --include {paths.static} --supervised systemd --daemonize no"
    admins = [user for user in item["users"] if user["name"] == item["admin"]]
    return Instance(
        flavor=flavor,
        kind=kind,
        name=name,
        replicaof=item["replicaof"] or None,
        static=host_texts.static(own, item["settings"], item["secret_settings"]),
        drop_in=host_texts.drop_in(command, params["service"]),
        users=host_texts.users(item["users"]),
        secret=frozenset(item["secret_settings"]),
        admin=(item["admin"], tuple(password for user in admins for password in user["passwords"])),
    )


# Observe


def observe(declared: t.Sequence[Instance]) -> dict[str, Seen]:
    units = [
        services.Wanted(instance.unit, True, True, (instance.paths.static, instance.paths.drop_in, instance.paths.program))
        for instance in declared
    ]
    found = services.observe(units)
    return {instance.id: _seen(instance.paths, found[instance.unit]) for instance in declared}


def _seen(paths: Paths, service: Service) -> Seen:
    return Seen(
        main=files.read(paths.main),
        static=files.read(paths.static),
        users=files.read(paths.users),
        drop_in=files.read(paths.drop_in),
        directory=os.path.isdir(paths.directory),
        service=service,
    )


def _found_problems(instance: Instance, seen: Seen) -> t.Iterator[str]:
    if seen.service.masked:
        yield f"{instance.unit}.service is masked: systemctl unmask {instance.unit}, if that was not meant"
    if seen.main is not None and seen.static is None:
        yield (
            f"{instance.id}: {instance.paths.main} is there and was not set up by this module: move it away,"
            f" with {instance.paths.directory} as the place of its data, or give the set another name"
        )


def pending(instance: Instance, seen: Seen) -> list[Difference]:
    """What a restart would bring into force."""
    if seen.main is None:
        return []
    found = list(host_texts.static_differences(seen.static.content if seen.static else None, instance.static, instance.secret))
    if (seen.drop_in.content if seen.drop_in else None) != instance.drop_in:
        found.append(Difference("unit", seen.drop_in.content.splitlines() if seen.drop_in else None, instance.drop_in.splitlines()))
    for path in (instance.paths.static, instance.paths.drop_in, instance.paths.program):
        if seen.service.is_older_than(path):
            found.append(Difference("started", f"before {path} changed", "after"))
    return found


def _told(instance: Instance, seen: Seen, restarts: bool) -> dict[str, t.Any]:
    waits = pending(instance, seen) if _is_running(seen) and not restarts else []
    return {
        "id": instance.id,
        "unit": f"{instance.unit}.service",
        "established": seen.main is not None,
        "active": seen.service.active == "active",
        "pending": [difference.shown() for difference in waits],
    }


def _is_running(seen: Seen) -> bool:
    return seen.main is not None and seen.service.is_up


# Plan


def plan(params: Params, declared: t.Sequence[Instance], seen: t.Mapping[str, Seen], samples: t.Sequence[host_sample.Sample]) -> Plan:
    changes = [change for sample in samples for change in sample.changes(MASK)]
    changes += _thp_changes(params["transparent_hugepage"])
    for instance in declared:
        changes += _changes(instance, seen[instance.id], instance.id in params["restart"])
    known = len(params["masked"]) + 4 * len(declared)
    return Plan.of(changes, max(0, known - len(changes)))


def _changes(instance: Instance, seen: Seen, may_restart: bool) -> t.Iterator[Change]:
    paths, owner = instance.paths, instance.flavor
    running = _is_running(seen)
    waits = pending(instance, seen)
    needs = set()
    if not running or may_restart:
        for change in (
            _file(File(paths.static, instance.static, 0o640, owner=owner), seen.static, instance.secret),
            _file(File(paths.drop_in, instance.drop_in, 0o644), seen.drop_in, ()),
        ):
            if change:
                needs.add(change.key)
                yield change
    if not seen.directory:
        directory = {"path": paths.directory}
        yield Change(
            "directory", paths.directory, directory, "create", (Difference("state", "absent", "directory"),), FILES, payload=(owner, 0o750)
        )
        needs.add(("directory", paths.directory))
    if not running or seen.users is None:
        change = _users_file(instance, seen)
        if change:
            needs.add(change.key)
            yield change
    elif seen.users.content != instance.users:
        differences = host_texts.user_differences(seen.users.content, instance.users)
        yield Change("users", instance.id, {"id": instance.id}, "update", differences, USERS, payload=(instance, seen.users.content))
    if seen.main is None:
        text = host_texts.main(instance.kind, instance.replicaof)
        differences = (Difference("replicaof", None, instance.replicaof or "none"),) if instance.kind == "server" else ()
        file = File(paths.main, text, 0o640, owner=owner)
        needs.add(("file", paths.main))
        yield Change("file", paths.main, {"path": paths.main}, "create", differences, MAIN, frozenset(needs), payload=file)
    yield from _service(instance, seen, waits if may_restart else [], frozenset(needs))


def _file(file: File, have: Found | None, secret: t.Collection[str]) -> Change | None:
    differences: list[Difference] = []
    if (have.content if have else None) != file.content:
        if file.path.endswith(".static.conf"):
            differences += host_texts.static_differences(have.content if have else None, file.content or "", secret)
        else:
            differences.append(Difference("content", file.shown(have.content if have else None), file.shown(file.content)))
    if have and have.mode != file.mode:
        differences.append(Difference("mode", f"{have.mode:04o}", f"{file.mode:04o}"))
    if not differences:
        return None
    return Change("file", file.path, {"path": file.path}, "update" if have else "create", tuple(differences), FILES, payload=file)


def _users_file(instance: Instance, seen: Seen) -> Change | None:
    have = seen.users.content if seen.users else None
    if have == instance.users:
        return None
    file = File(instance.paths.users, instance.users, 0o640, owner=instance.flavor)
    differences = host_texts.user_differences(have, instance.users)
    return Change("file", file.path, {"path": file.path}, "update" if seen.users else "create", differences, FILES, payload=file)


def _service(instance: Instance, seen: Seen, waits: t.Sequence[Difference], needs: frozenset[_convergence.Key]) -> t.Iterator[Change]:
    service, differences, verb = seen.service, [], ""
    if not service.enabled:
        differences.append(Difference("enabled", False, True))
    if not service.is_up:
        differences.append(Difference("state", "inactive" if service.active == "missing" else service.active, "active"))
        verb = "start"
    elif waits:
        differences.append(Difference("started", f"before {waits[0].field} changed", "after"))
        verb = "restart"
    if differences:
        before = host_texts.directives(seen.static.content if seen.static else None)
        gone = frozenset(before) - frozenset(host_texts.directives(instance.static))
        action = "create" if seen.main is None else "update"
        payload = (instance, not service.enabled, verb, gone)
        yield Change("service", instance.unit, {"name": instance.unit}, action, tuple(differences), SERVICE, needs, payload)


def _thp_changes(wanted: str | None) -> t.Iterator[Change]:
    """Transparent huge pages now, and after a boot. Redis switches them off for itself since 6.2, where the kernel lets it."""
    if wanted is None:
        return
    file = File("/etc/tmpfiles.d/redis-thp.conf", f"# {files.MARK}\nw {THP} - - - - {wanted}\n", 0o644)
    yield from files.changes([file], {file.path: files.read(file.path)})
    found = files.read(THP)
    now = re.search(r"\[(\w+)\]", found.content) if found else None
    if now and now.group(1) != wanted:
        name = "transparent_hugepage"
        yield Change("kernel", name, {"name": name}, "update", (Difference("value", now.group(1), wanted),), FILES, payload=wanted)


# Apply


class _Writer:
    """`stale_units` says that systemd has yet to read a unit that was changed on disk."""

    def __init__(self, stale_units: bool) -> None:
        self.stale_units = stale_units

    def together(self, changes: t.Sequence[Change]) -> t.Collection[_convergence.Key]:
        if self.stale_units and changes[0].stage >= SERVICE:
            services.reload_units()
            self.stale_units = False
        return ()

    def one(self, change: Change) -> None:
        if change.kind == "unit":
            host_sample.mask(change.object, change.payload)
        elif change.kind == "file":
            files.apply(change.payload)
            self.stale_units |= change.object.startswith("/etc/systemd/")
        elif change.kind == "directory":
            _make(change.object, *change.payload)
        elif change.kind == "kernel":
            files.apply(File(THP, change.payload))
        elif change.kind == "service":
            _start(*change.payload)
        else:
            _set_users(*change.payload)


def _make(path: str, owner: str, mode: int) -> None:
    """Raises ChangeFailed."""
    try:
        os.makedirs(path, mode=mode)
        os.chmod(path, mode)
        shutil.chown(path, owner, owner)
    except (OSError, LookupError) as error:
        raise ChangeFailed(str(error)) from error


def _start(instance: Instance, enable: bool, verb: str, gone: frozenset[str]) -> None:
    """Raises ChangeFailed with what the server itself said last."""
    unit = f"{instance.unit}.service"
    if enable:
        services.apply(instance.unit, None, True)
    if not verb:
        return
    if verb == "restart":
        done = run("systemctl", "stop", unit, timeout=START_WITHIN)
        if done.code != 0:
            raise ChangeFailed(f"systemctl stop failed: {done.complaint}")
    have = files.read(instance.paths.main)
    if have and gone:
        text = host_texts.stripped(have.content, gone)
        if text != have.content:
            files.apply(File(instance.paths.main, text, have.mode, owner=instance.flavor))
    run("systemctl", "reset-failed", unit)
    done = run("systemctl", "start", unit, timeout=START_WITHIN)
    if done.code != 0:
        raise ChangeFailed(f"systemctl start failed: {_last_words(instance) or services.last_error(instance.unit) or done.complaint}")


def _last_words(instance: Instance) -> str | None:
    """A server that cannot read its configuration says so before it has a log; else the log's last warning."""
    lines = run("journalctl", "--unit", f"{instance.unit}.service", "--lines", "40", "--no-pager", "--output", "cat", timeout=5).output
    told = re.findall(r"(?m)^\*\*\* FATAL CONFIG FILE ERROR.*\n(?:Reading the .*\n>>> '(?P<line>.*)'\n(?P<why>.*))", lines)
    if told:
        line, why = told[-1]
        return f"{why}: {line.split(' ')[0]} ..."
    return None


def _set_users(instance: Instance, before: str) -> None:
    """On the running server first and in the file then, so that a run that was cut off between is made good by the next one."""
    name, passwords = instance.admin
    try:
        with Wire(instance.paths.socket) as wire:
            _log_in(wire, name, passwords)
            for command in host_texts.user_commands(before, instance.users):
                wire.ask(*command)
    except Said as error:
        raise ChangeFailed(f"the server refused: {error}") from error
    except OSError as error:
        raise ChangeFailed(f"{instance.paths.socket}: {error}") from error
    files.apply(File(instance.paths.users, instance.users, 0o640, owner=instance.flavor))


def _log_in(wire: Wire, name: str, passwords: t.Sequence[str]) -> None:
    """With the first password that the server takes: while one is changed it knows the old one only. Raises Said."""
    refusal = None
    for password in passwords:
        try:
            wire.ask("AUTH", name, password)
            return
        except Said as error:
            refusal = error
    if refusal is not None:
        raise refusal
