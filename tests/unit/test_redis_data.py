"""Where a server keeps its data, whom its files belong to, what makes it blind: what redis_host decides without a server."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

import pytest
from redis_example import SITE

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._host.files import Found
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import (
    astray,
    data,
    ownership,
    plan,
    sample,
    state,
    steps,
    texts,
)
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import instance as host_instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.sample import Sample
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import quoting
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site

PARAMS: dict[str, t.Any] = {"flavor": "redis", "service": {}, "instances": [], "restart": [], "backup": [], "masked": []}
HERE = "/var/lib/redis/cache"
RUNNING = {
    **data.DEFAULTS,
    "dir": HERE,
    "save": "3600 1",
    "shutdown-on-sigterm": "default",
}


def declared(**more: t.Any) -> host_instance.Instance:
    item = {**site.instances(SITE, "c", {})[1], **more}
    (instance,) = host_instance.declare({**PARAMS, "instances": [item]}, {"server/cache": "redis"})
    return instance


def after(**settings: t.Any) -> dict[str, str]:
    return data.settings("", declared(settings=settings).static)


def running(**more: t.Any) -> data.Running:
    own = {name.replace("_", "-"): value for name, value in more.pop("settings", {}).items()}
    return data.Running({**RUNNING, **own}, **{"count": 1, **more})


@pytest.mark.parametrize(
    ("have", "then", "log", "snapshot", "end"),
    [
        ({}, {}, False, False, None),
        ({}, {"appendonly": True}, True, False, None),
        ({"appendonly": "yes"}, {"appendonly": "yes"}, False, False, None),
        ({"appendonly": "yes"}, {}, False, True, None),
        ({"appendonly": "yes", "save": ""}, {}, False, True, ("shutdown-on-sigterm", "save")),
        ({"save": ""}, {}, False, True, ("shutdown-on-sigterm", "save")),
        ({"shutdown_on_sigterm": "nosave now"}, {"hz": 5}, False, True, ("shutdown-on-sigterm", "save")),
        ({"save": "", "shutdown_on_sigterm": "save"}, {}, False, False, None),
        ({"save": ""}, {"appendonly": True}, True, False, None),
    ],
)
def test_what_a_server_does_before_its_restart(
    have: dict[str, str], then: dict[str, t.Any], log: bool, snapshot: bool, end: tuple[str, str] | None
) -> None:
    found = data.keeping(running(settings=have), after(**then))
    assert (found is not None) == (log or snapshot)
    assert found is None or (found.log, found.snapshot, found.end) == (log, snapshot, end)


def test_a_replica_gets_its_data_from_its_master_and_only_a_log_is_begun_first() -> None:
    replica = running(settings={"save": ""}, follows=True)
    assert data.keeping(replica, after()) is None
    assert data.keeping(replica, after(appendonly=True)) is not None


def test_before_7_0_points_of_save_make_a_server_save_at_its_end() -> None:
    old = data.Running({name: value for name, value in RUNNING.items() if name not in ("shutdown-on-sigterm", "save")}, count=1)
    found = data.keeping(old, after())
    assert found is not None and found.end == ("save", "3600 1")


def test_a_server_that_could_not_save_tries_again_before_it_is_stopped() -> None:
    found = data.keeping(running(in_doubt=True, follows=True), after())
    assert found is not None and (found.snapshot, found.end) == (True, None)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"dbfilename": "x.rdb"}, "data.moves"),
        ({"dbfilename": "x.rdb", "appendonly": True}, None),
        ({"appendonly": True, "appendfilename": "x.aof"}, "data.moves"),
        ({"appendonly": True, "appenddirname": "x"}, "data.moves"),
        ({"appenddirname": "x", "appendfilename": "y"}, None),
        ({"databases": 3}, "data.databases"),
        ({"databases": 4}, None),
    ],
)
def test_files_that_a_start_would_not_find_are_refused_where_nobody_else_has_the_data(settings: dict[str, t.Any], code: str | None) -> None:
    def codes(have: data.Running, restarts: bool) -> list[str]:
        return [problem.code for problem in data.problems(declared(), have, after(**settings), restarts)]

    expected = [code] if code else []
    assert codes(running(databases=4), False) == codes(running(databases=4), True) == expected
    of_files = expected if code == "data.databases" else []
    assert codes(running(databases=4, count=0), True) == of_files
    assert codes(running(databases=4, follows=True), True) == of_files
    assert codes(running(databases=4, replicas=1), False) == of_files
    assert codes(running(databases=4, replicas=1), True) == expected


def test_a_server_that_tells_nothing_is_not_restarted() -> None:
    silent = data.Running({}, why="NOPERM")
    assert [problem.code for problem in data.problems(declared(), silent, after(), True)] == ["data.unknown"]
    assert list(data.problems(declared(), silent, after(), False)) == []


def test_what_is_no_longer_declared_goes_back_to_its_default() -> None:
    instance = declared(settings={"hz": 5})
    found = state.Found
    seen = state.Seen(main=found("appendonly yes\ndbfilename by-hand.rdb\n", 0), static=found("appendonly yes\nport 1\n", 0))
    told = state.next_start(instance, seen)
    assert (told["appendonly"], told["dbfilename"], told["dir"]) == ("no", "by-hand.rdb", HERE)


def test_settings_that_move_the_data_wait_while_the_server_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = declared(settings={"appendonly": True, "hz": 5})
    monkeypatch.setattr(host_instance.Paths, "__init__", paths_in(tmp_path))
    former = texts.static({"dir": str(tmp_path)}, {})
    seen = state.Seen(main=state.Found("", 0), static=state.Found(former, 0))
    assert state.held_back(instance, seen) == []  # it has no data yet
    (tmp_path / "dump.rdb").touch()
    after_it = state.static_text(instance, seen)
    assert state.held_back(instance, seen)[0] == "appendonly"
    assert "appendonly" not in texts.directives(after_it) and texts.directives(after_it)["hz"] == ("5",)


def paths_in(home: Path) -> t.Callable[..., None]:
    init = host_instance.Paths.__init__

    def instead(self: host_instance.Paths, *arguments: str) -> None:
        init(self, *arguments)
        self.directory = str(home)

    return instead


# Whom the files belong to


def test_what_can_only_be_the_servers_is_given_to_it(tmp_path: Path) -> None:
    me = os.getuid()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "dump.rdb").touch()
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "x").touch()
    names = {"dump.rdb", "appendonlydir"}
    assert ownership._directory(str(tmp_path), me, names) is None
    assert ownership._directory(str(tmp_path / "absent"), me, names) is None
    given = ownership._directory(str(tmp_path), me + 1, names)
    assert given is not None and given.others == ()
    assert [Path(path).name for path in given.paths[1:]] == ["appendonlydir", "x", "dump.rdb"]
    assert given.differences("redis")[0].after == "redis"
    (tmp_path / "thesis.doc").touch()
    strange = ownership._directory(str(tmp_path), me + 1, names)
    assert strange is not None and strange.others == ("thesis.doc",)
    assert [problem.code for problem in ownership.problems(declared(), [strange])] == ["data.foreign"]
    (tmp_path / "dump.rdb").chmod(0o600)
    tmp_path.chmod(0o500)
    closed = ownership._directory(str(tmp_path), me, names)
    tmp_path.chmod(0o700)
    assert closed is not None and [difference.field for difference in closed.differences(closed.owner)] == ["mode"]
    file = ownership._directory(str(tmp_path / "dump.rdb"), me, names)
    assert file is not None and [problem.code for problem in ownership.problems(declared(), [file])] == ["data.directory"]


@pytest.mark.parametrize(("code", "codes"), [(0, []), (1, ["file.unreadable"]), (127, [])])
def test_a_key_that_the_server_cannot_read_is_refused_before_its_restart(
    code: int, codes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.pem"
    instance = declared(settings={"tls-key-file": str(key), "tls-cert-file": str(tmp_path / "absent")})
    assert instance.certificates == [str(key), str(tmp_path / "absent")]
    monkeypatch.setattr(ownership, "_user", lambda dummy: 1)
    monkeypatch.setattr(ownership.os, "geteuid", lambda: 0)
    monkeypatch.setattr(ownership, "run", lambda *command: Done(code if command[-1] == str(key) else 0, "", ""))
    assert list(ownership.unreadable(instance)) == []
    key.touch()
    assert [problem.code for problem in ownership.unreadable(instance)] == codes


def test_a_directory_that_the_server_cannot_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(ownership, "_user", lambda dummy: 1)
    monkeypatch.setattr(ownership.os, "geteuid", lambda: 0)
    monkeypatch.setattr(ownership, "run", lambda *command: asked.append(command[-2:]) or Done(1, "", ""))
    (problem,) = ownership.unreadable(declared(directory=f"{tmp_path}/a/b"))
    assert problem.code == "file.unreadable" and "cannot enter" in problem.message
    assert asked == [("-x", str(tmp_path))]


def test_a_strict_umask_does_not_close_what_is_above_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.shutil, "chown", lambda *dummy: None)
    before = os.umask(0o077)
    try:
        steps.make_directory(str(tmp_path / "a" / "b"), "redis")
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o755, 0o750]


def test_a_log_that_belongs_to_somebody_else_is_given_to_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance, log = declared(), tmp_path / "log"
    log.touch()
    init = host_instance.Paths.__init__

    def elsewhere(self: host_instance.Paths, *arguments: str) -> None:
        init(self, *arguments)
        self.log, self.directory = str(log), str(tmp_path / "absent")

    monkeypatch.setattr(host_instance.Paths, "__init__", elsewhere)
    monkeypatch.setattr(ownership, "_user", lambda dummy: os.getuid() + 1)
    assert [strange.path for strange in ownership.observe(instance)] == [str(log)]


# Servers that lead nowhere


@pytest.mark.parametrize(
    ("main", "static", "itself"),
    [
        ("replicaof 127.0.0.1 6379\n", "port 6379\n", True),
        ("replicaof 127.0.0.1 6380\n", "port 6379\n", False),
        ("replicaof 0.0.0.0 6379\n", "", True),
        ("replicaof 10.0.0.7 6379\n", "port 6379\n", True),
        ("replicaof 10.0.0.8 6379\n", "port 6379\n", False),
        ("replicaof ::1 6379\n", "port 0\ntls-port 6379\n", True),
        ("replicaof redis-1 6379\n", "port 6379\n", False),
        ("maxmemory 1gb\n", "port 6379\n", False),
    ],
)
def test_who_follows_itself(main: str, static: str, itself: bool) -> None:
    assert astray._follows_itself(main, static, {"10.0.0.7"}) is itself


def test_a_wrong_announcement_leaves_alone_whom_a_server_follows() -> None:
    main, right = "replicaof 127.0.0.1 6382\n", {"replica-announce-ip": "10.0.0.3"}
    wrong = texts.static({}, {"replica-announce-ip": "127.0.0.1"})
    found = astray.corrections(declared(settings=right), main, wrong, follows_itself=False)
    assert [difference.field for difference in found] == ["replica-announce-ip"]
    assert astray.corrected(declared(settings=right), main, found) == main
    astray_too = declared(settings=right, replicaof="10.0.0.1:6382")
    found = astray.corrections(astray_too, main, wrong, follows_itself=True)
    assert list(astray.commands(astray_too, found)) == [
        ("CONFIG", "SET", "replica-announce-ip", "10.0.0.3"),
        ("REPLICAOF", "10.0.0.1", "6382"),
    ]
    assert astray.corrected(astray_too, main, found) == "replicaof 10.0.0.1 6382\n"
    assert astray.corrections(astray_too, main, texts.static({}, right), follows_itself=False) == ()


def least(number: int) -> dict[str, int]:
    return {"min-replicas-to-write": number}


@pytest.mark.parametrize(
    ("have", "want", "live", "lowers"), [(1, 0, "1", True), (1, 0, "2", False), (1, 0, None, False), (0, 1, "0", False), (1, 1, "1", False)]
)
def test_a_master_that_may_have_fewer_replicas_takes_writes_at_once(
    monkeypatch: pytest.MonkeyPatch, have: int, want: int, live: str | None, lowers: bool
) -> None:
    """Not where a planned failover protects it, which has set another value; not if more are wanted, which may not be there yet."""
    monkeypatch.setattr(data, "live", lambda instance, name: live)
    instance = declared(settings=least(want))
    runs = Service(active="active", enabled=True, since=2.0, files={instance.paths.static: 1.0})
    texts_there = [state.Found(text, 0o640) for text in ("", declared(settings=least(have)).static, instance.users)]
    seen = state.Seen(*texts_there, drop_in=state.Found(instance.drop_in, 0o644), directory=True, service=runs)
    seen = dataclasses.replace(seen, corrections=state._lowered(instance, seen))
    changes = [change for change in plan.changes_of(instance, seen, False) if change.kind in ("replication", "file")]
    if lowers:
        told, file = changes
        assert told.payload.commands == (("CONFIG", "SET", "min-replicas-to-write", "0"),)
        assert file.payload.file.content == instance.static
    else:
        assert changes == []
    assert [difference.field for difference in state.pending(instance, seen)] == ["min-replicas-to-write"] * (have != want)


# The package's own service


IDLE = {"role": "master", "connected_clients": "1", "connected_slaves": "0", "pubsub_channels": "0", "pubsub_patterns": "0"}


@pytest.mark.parametrize(
    ("about", "keys", "use"),
    [
        ({}, 0, None),
        ({}, 1, "it has 1 key"),
        ({}, 2, "it has 2 keys"),
        ({"pubsub_channels": "1"}, 0, "it has 1 channel with subscribers"),
        ({"pubsubshard_channels": "2"}, 0, "it has 2 channels with subscribers"),
        ({"pubsub_patterns": "1"}, 0, "it has 1 pattern with subscribers"),
        ({"connected_slaves": "1", "connected_clients": "2"}, 0, "it has 1 connected replica"),
        ({"connected_clients": "3"}, 0, "it has 2 connected clients"),
        ({"number_of_functions": "1"}, 0, "it has 1 function"),
        ({"role": "slave", "master_host": "a", "master_port": "1"}, 0, "it is a replica of a:1"),
    ],
)
def test_a_server_without_keys_may_have_users(about: dict[str, str], keys: int, use: str | None) -> None:
    assert sample._used({**IDLE, **about}, keys) == use
    problems = list(Sample("redis-server", masked=False, active=True, use=use).problems())
    assert [problem.code for problem in problems] == (["sample.in_use"] if use else [])


@pytest.mark.parametrize(
    ("lines", "use"),
    [
        ("", None),
        ("sentinel monitor mymaster 127.0.0.1 6379 2", None),
        ("sentinel monitor pubsub 10.0.0.1 6379 2", "it monitors pubsub at 10.0.0.1"),
        (
            "sentinel monitor mymaster 127.0.0.1 6379 2\nsentinel known-replica mymaster 10.0.0.2 6379",
            "it knows replicas or other sentinels: 10.0.0.2:6379",
        ),
        (
            "sentinel monitor mymaster 127.0.0.1 6379 2\nSENTINEL known-sentinel mymaster 10.0.0.3 26379 id",
            "it knows replicas or other sentinels: 10.0.0.3:26379",
        ),
    ],
)
def test_a_sentinel_with_the_name_of_the_sample_may_have_a_set(lines: str, use: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample.files, "read", lambda dummy: Found(lines, 0o640))
    assert sample._monitors("redis") == use


# Words


def test_the_last_words_of_a_server_are_those_of_its_last_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    start = "7:C 29 Nov 2026 20:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n7:M 29 Nov 2026 20:00:00.001 * monotonic clock\n"
    words = "Warning: Could not create server TCP listening socket *:1: bind: Address already in use"
    log.write_text(start + "6:M 29 Nov 2026 20:00:00.001 # of another process\n")
    assert steps.last_words(str(log)) == "of another process"
    before = log.stat().st_size
    assert steps.last_words(str(log), before) is None
    with log.open("a") as file:
        file.write(f"{start}8:M 29 Nov 2026 20:00:00.002 # WARNING Memory overcommit must be enabled!\n")
        file.write(f"8:M 29 Nov 2026 20:00:00.002 # {words}\n8:M 29 Nov 2026 20:00:00.003 # Failed listening on port 1, aborting.\n")
    assert steps.last_words(str(log), before) == f"{words}; Failed listening on port 1, aborting."
    assert steps.last_words(str(tmp_path / "absent")) is None


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("setting.blind", {"settings": {"rename-command": 'CONFIG ""'}}),
        ("setting.blind", {"settings": {"rename-command": ["FLUSHALL x", "psync y"]}}),
        ("setting.blind", {"settings": {"cluster-enabled": True}}),
        ("setting.value", {"settings": {"masteruser": "a\x00b"}}),
        ("setting.value", {"settings": {"masteruser": "\ud800"}}),
        ("setting.quotes", {"settings": {"masteruser": 'a"b'}}),
        ("setting.name", {"secret_settings": {"masterauth\nuser x": "y"}}),
        ("setting.own", {"secret_settings": {"requirepass": "y"}}),
        ("setting.value", {"secret_settings": {"masterauth": ["y"]}}),
        ("setting.value", {"secret_settings": {"masterauth": "\udfff"}}),
        ("instance.name", {"name": "a" * 81}),
        ("instance.replicaof", {"replicaof": "10.0.0.1:99999"}),
        ("user.rules", {"users": [{"name": "admin", "passwords": ["a"], "rules": "+@all\r~*"}]}),
        ("user.name", {"users": [{"name": "admin", "passwords": []}, {"name": "a\x01", "passwords": []}]}),
        ("user.password", {"users": [{"name": "admin", "passwords": ["\ud800"]}]}),
    ],
)
def test_what_no_file_or_server_can_have_is_refused_before_anything_is_written(code: str, more: dict[str, t.Any]) -> None:
    users = [{"rules": "", **user} for user in more.pop("users", [])]
    with pytest.raises(Refused) as refused:
        declared(**more, **({"users": users} if users else {}))
    assert [problem.code for problem in refused.value.problems] == [code]


@pytest.mark.parametrize("value", ['a"b', "a\\b", '"'])
def test_what_valkey_could_not_read_again_is_refused(value: str) -> None:
    for more in ({"secret_settings": {"masterauth": value}}, {"settings": {"masteruser": quoting.quoted(value)}}):
        item = {**site.instances(SITE, "c", {})[1], **more}
        assert host_instance.declare({**PARAMS, "instances": [item]}, {})
        with pytest.raises(Refused) as refused:
            host_instance.declare({**PARAMS, "flavor": "valkey", "instances": [item]}, {})
        assert [problem.code for problem in refused.value.problems] == ["setting.unwritable"]


@pytest.mark.parametrize("name", ["ExecStart", "User", "TemporaryFileSystem", "KillSignal"])
def test_settings_of_a_unit_that_would_start_something_else_are_refused(name: str) -> None:
    for more in ({"service": {name: "x"}}, {"instances": [{**site.instances(SITE, "c", {})[1], "service": {name: "x"}}]}):
        with pytest.raises(Refused) as refused:
            host_instance.declare({**PARAMS, **more}, {})
        assert [problem.code for problem in refused.value.problems] == ["service.own"]


def test_renaming_what_nobody_needs_is_taken() -> None:
    assert "rename-command FLUSHALL" in declared(settings={"rename-command": ['FLUSHALL ""', 'KEYS ""', "CONFIG config-x"]}).static


# Texts


@pytest.mark.parametrize("password", ["пароль", "a\u00a0b", "a\u2028b", "a\u0085b", " both ends ", "'", "\\", "\x0b"])
def test_a_text_ends_where_it_ends_for_a_server(password: str) -> None:
    text = texts.main("server", "10.0.0.1:6379", {"masterauth": password})
    raw = f"# x\r\nmasterauth\t{password}\r\nhz 5\n" if password.isalpha() else text
    for each in (text, raw):
        assert texts.kept_differences(each, {"masterauth": password}) == ()
        assert texts.with_kept(each, {"masterauth": "new"}).count("masterauth") == 1
    rules = {"name": "x", "passwords": [password], "rules": "~a\u00a0b &c\u2028d +get"}
    assert texts.listed(texts.users([rules]))["x"].split(" ")[2:] == ["~a\u00a0b", "&c\u2028d", "+get"]


def test_what_a_server_calls_otherwise_is_the_same_setting() -> None:
    assert texts.kept_differences('primaryauth "x"\n', {"primaryauth": "x"}) == ()
    assert texts.kept_differences("", {"masterauth": ""}) == ()
    assert texts.stripped("replica-priority 5\nmin-replicas-to-write 1\nhz 1\n", {"slave-priority", "min-slaves-to-write"}) == "hz 1\n"


def test_a_secret_is_not_shown_wherever_it_is_given() -> None:
    (found,) = texts.static_differences("tls-key-file-pass a\n", "tls-key-file-pass b\n")
    assert found.shown() == {"field": "tls-key-file-pass", "before": "(hidden)", "after": "(hidden)"}
