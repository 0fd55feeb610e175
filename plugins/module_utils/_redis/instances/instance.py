# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance of Redis, Valkey or Sentinel on its host: its files and their declared content. Private to this collection."""

from __future__ import annotations

import glob
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address

Params = t.Mapping[str, t.Any]
FLAVORS = ("redis", "valkey")
# What a unit must be allowed to run besides a script: its interpreter, and what it calls.
PROGRAMS = ("/bin", "/lib", "/usr/bin", "/usr/lib")
# Settings that name certificates and keys, which are renewed in place.
# Settings of a unit that decide what is started, as which user, and which files it sees.
OF_UNIT = frozenset(
    re.findall(
        r"\w+", "Type ExecStart ExecStop KillSignal User Group DynamicUser RootDirectory RootImage TemporaryFileSystem InaccessiblePaths"
    )
)
_FILES = re.compile(r"tls-[a-z-]*file")


class Paths:
    """The names that Debian's unit templates make of the name of an instance."""

    def __init__(self, flavor: str, kind: str, name: str, directory: str | None = None) -> None:
        stem = f"/etc/{flavor}/{flavor if kind == 'server' else 'sentinel'}-{name}"
        self.unit = f"{flavor}-{kind}@{name}"
        self.main = f"{stem}.conf"
        self.static = f"{stem}.static.conf"
        self.users = f"{stem}.acl"
        self.drop_in = f"/etc/systemd/system/{self.unit}.service.d/eco2.conf"
        self.files = (self.main, self.static, self.users, self.drop_in)
        self.directory = directory or f"/var/lib/{flavor}/{name if kind == 'server' else 'sentinel-' + name}"
        self.run = f"/run/{flavor if kind == 'server' else 'sentinel'}-{name}"
        self.socket = f"{self.run}/server.sock"
        # logrotate of the package finds a file of this name.
        self.log = f"/var/log/{flavor}/{flavor}-{kind}-{name}.log"
        self.program = f"/usr/bin/{flavor}-{kind}"


@dataclass(frozen=True)
class Instance:
    """One server or sentinel of this host, with the paths that Debian's unit templates give it.

    `flavor`: the one that it has, or gets in this run. `former`: the flavor from which it moves in this run. `later`: the declared
    flavor, where it waits for a restart.
    """

    flavor: str
    kind: str
    name: str
    replicaof: str | None
    static: str
    drop_in: str
    users: str
    # Settings that the server keeps in its main file and applies at once, by their names there.
    kept: t.Mapping[str, str]
    # Files that it reads only when it starts.
    reads: tuple[str, ...]
    # The name of its administrator, and the passwords.
    admin: tuple[str, tuple[str, ...]]
    former: str | None = None
    later: str | None = None
    # The directory of its data, where it is not the one of the package.
    directory: str | None = None
    absent: bool = False
    # Whether it must not be there; of one that must not: whether its data stays.
    keeps_data: bool = True

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def renames(self) -> dict[str, str]:
        """Command in capitals -> the name that it has, or will have after a restart."""
        pairs = (line.split() for line in texts.directives(self.static).get("rename-command", ()))
        return {pair[0].upper(): pair[1] for pair in pairs if len(pair) == 2}

    @property
    def certificates(self) -> list[str]:
        """The files of certificates and keys that it reads."""
        return [path for path in self.reads if path not in (*self.paths.files, self.paths.program)]

    @property
    def paths(self) -> Paths:
        return Paths(self.flavor, self.kind, self.name, self.directory)

    @property
    def other(self) -> Paths:
        """The paths that it has, or would have, under the other flavor."""
        (other,) = (name for name in FLAVORS if name != self.flavor)
        return Paths(other, self.kind, self.name, self.directory)

    @property
    def present(self) -> Paths:
        """The paths that it has before this run."""
        return self.other if self.former else self.paths


def secrets(params: Params) -> t.Iterator[str]:
    """The secrets among settings, which an argument specification cannot mark. The arguments may have any shape."""
    instances = params.get("instances")
    for item in instances if isinstance(instances, list) else []:
        settings = item.get("settings") if isinstance(item, dict) else None
        for name, value in settings.items() if isinstance(settings, dict) else ():
            if texts.alias(str(name)) in texts.SECRET:
                yield from texts.words(value)


def established() -> dict[str, str]:
    """The instances whose main files exist on this host, each with its flavor. These files belong to the servers."""
    found = {}
    for flavor in FLAVORS:
        for kind, stem in (("server", flavor), ("sentinel", "sentinel")):
            for path in sorted(glob.glob(f"/etc/{flavor}/{stem}-*.conf")):
                name = os.path.basename(path)[len(stem) + 1 : -len(".conf")]
                if not name.endswith(".static"):
                    found[f"{kind}/{name}"] = flavor
    return found


def declare(params: Params, there: t.Mapping[str, str]) -> list[Instance]:
    """The declared instances. `there`: the established ones, each with its flavor. Raises Refused with everything that is wrong."""
    ids = [f"{item['kind']}/{item['name']}" for item in params["instances"]]
    problems = [Problem("instance.twice", "the instance is declared twice", name) for name in sorted({*ids}) if ids.count(name) > 1]
    problems += _directory_problems(params)
    for item in params["instances"]:
        problems += _item_problems(item, params["flavor"])
    for name, value in [setting for each in (params, *params["instances"]) for setting in each["service"].items()]:
        if not re.fullmatch(r"[A-Z][A-Za-z]+", name) or not all(map(texts.is_line, texts.words(value))):
            message = "this is not a setting of a unit, or it has more than one line"
            problems.append(Problem("service.setting", message, "service", name, "write it such as LimitNOFILE: 65535"))
        elif name in OF_UNIT:
            message = "with it the server would not run as the collection sets it up, or would not find or keep its data"
            problems.append(Problem("service.own", message, "service", name, "leave it out"))
    for option in ("restart", "backup"):
        remedy = f"the instances are {', '.join(ids) or 'not given'}"
        unknown = [name for name in params[option] if name not in ids]
        problems += [Problem(f"{option}.unknown", "no such instance is declared", name, option, remedy) for name in unknown]
    problems += _path_problems(params)
    if problems:
        raise Refused(problems)
    return [_instance(params, item, there.get(name)) for name, item in zip(ids, params["instances"])]


def _path_problems(params: Params) -> t.Iterator[Problem]:
    for name in params["masked"]:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}", name):
            yield Problem("masked.name", f"{name!r} is not the name of a service", field="masked", remedy="write it such as redis-server")
    if params["backup"] and not (params["backup_directory"].startswith("/") and texts.is_line(params["backup_directory"])):
        yield Problem("backup.directory", "the path is not absolute", field="backup_directory", remedy="begin it with a slash")


# The path of the socket is not longer than the kernel allows.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"


def _item_problems(item: Params, flavor: str) -> t.Iterator[Problem]:
    of = f"{item['kind']}/{item['name']}"
    if not re.fullmatch(_NAME, item["name"]) or item["name"].endswith(".static"):
        yield Problem("instance.name", "a name consists of up to 80 letters, digits, dot, minus and underscore", repr(of), "name")
    if item["state"] == "absent":
        return
    if not re.fullmatch("[0-7]{3}", item["socket_mode"]):
        yield Problem("socket.mode", f"{item['socket_mode']!r} is not a mode of three octal digits", of, "socket_mode", "write it as '770'")
    for path in item["scripts"]:
        if item["kind"] != "sentinel" or not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", path):
            message = f"{path!r} is not the path of a script, or this is no Sentinel"
            yield Problem(
                "script.path", message, of, "scripts", "write it as /usr/local/bin/NAME, with letters, digits, dot, minus and underscore"
            )
    yield from texts.problems(item["settings"], of, flavor)
    yield from texts.problems(item["secret_settings"], of, flavor, "secret_settings")
    if item["kind"] == "sentinel" and item["secret_settings"]:
        yield Problem("sentinel.secret_settings", "only a server has them", of, "secret_settings", "set passwords with redis_sentinel")
    if item["replicaof"]:
        try:
            address.parse(item["replicaof"], 6379)
        except ValueError as error:
            yield Problem("instance.replicaof", str(error), of, "replicaof")
    for user in item["users"]:
        yield from _user_problems(user, of)
    if item["admin"] not in [user["name"] for user in item["users"]]:
        remedy = "declare it; no other user may change the users"
        yield Problem("admin.unknown", f"{item['admin']!r} is not one of the users", of, "admin", remedy)


def _user_problems(user: Params, of: str) -> t.Iterator[Problem]:
    if not re.fullmatch(r"[^\s#>]+", user["name"], re.ASCII) or not texts.is_line(user["name"]):
        yield Problem("user.name", f"Redis does not accept the name {user['name']!r}", of, "users")
    if any(word[0] in "#><!" for word in texts.split(user["rules"])) or not texts.is_line(user["rules"]):
        message = f"the rules of {user['name']!r} contain a password, a line break or a control character"
        yield Problem("user.rules", message, of, "users", "put passwords into passwords")
    if re.search(r"[\ud800-\udfff]", "".join(user["passwords"])):
        yield Problem("user.password", f"a password of {user['name']!r} has half of a surrogate pair, which is no text", of, "users")


def _directory_problems(params: Params) -> t.Iterator[Problem]:
    all_of = [(item, item["directory"] or Paths(params["flavor"], item["kind"], item["name"]).directory) for item in params["instances"]]
    for item, path in all_of:
        where = (f"{item['kind']}/{item['name']}", "directory")
        others = [f"{other['kind']}/{other['name']}" for other, there in all_of if other is not item and is_below(there, path)]
        if item["directory"] and (not re.fullmatch(r"(/[A-Za-z0-9_.-]+){2,}", path) or {".", ".."} & {*path.split("/")}):
            message = f"{path!r} is not the directory of one instance"
            yield Problem("directory.name", message, *where, "write it as /srv/redis/NAME, with letters, digits, dot, minus and underscore")
        elif item["directory"] and others:
            yield Problem("directory.twice", f"{path} also has the data of {' and '.join(others)}", *where, "give each instance its own")


def is_below(path: str, directory: str) -> bool:
    """Whether the path is the directory, or is in it."""
    return f"{path.rstrip('/')}/".startswith(f"{directory.rstrip('/')}/")


def _instance(params: Params, item: t.Mapping[str, t.Any], has: str | None) -> Instance:
    """`has`: its present flavor, None where it is not there. The flavor changes only with a restart."""
    declared, kind, name = params["flavor"], item["kind"], item["name"]
    changes = has not in (None, declared)
    moves = changes and f"{kind}/{name}" in params["restart"]
    flavor = has if has and not moves else declared
    directory: str | None = item["directory"]
    paths = Paths(flavor, kind, name, directory)
    own = {
        "aclfile": paths.users,
        "dir": paths.directory,
        "logfile": paths.log,
        "pidfile": f"{paths.run}/{flavor}-{kind}.pid",
        "unixsocket": paths.socket,
        "unixsocketperm": item["socket_mode"],
    }
    command = f"{paths.program} /etc/{flavor}/{'sentinel' if kind == 'sentinel' else flavor}-%i.conf"
    command += f" --include {paths.static} --supervised systemd --daemonize no"
    # The packages' units may write below /var/lib/redis only, and run nothing but the server.
    service: dict[str, t.Any] = {"ReadWritePaths": directory} if directory else {}
    if item["scripts"]:
        service["ExecPaths"] = " ".join([*item["scripts"], *PROGRAMS])
        own["sentinel"] = "deny-scripts-reconfig no"
    certificates = [str(value) for name, value in item["settings"].items() if _FILES.fullmatch(name)]
    admins = [user for user in item["users"] if user["name"] == item["admin"]]
    return Instance(
        flavor=flavor,
        kind=kind,
        name=name,
        replicaof=item["replicaof"] or None,
        static=texts.static(own, item["settings"]),
        drop_in=texts.drop_in(command, {**params["service"], **service, **item["service"]}),
        users=texts.users(item["users"]),
        kept={name: str(value) for name, value in item["secret_settings"].items()},
        reads=(paths.static, paths.drop_in, paths.program, *certificates),
        admin=(item["admin"], tuple(password for user in admins for password in user["passwords"])),
        former=has if moves else None,
        later=declared if changes and not moves else None,
        directory=directory,
        absent=item["state"] == "absent",
        keeps_data=item["keep_data"],
    )
