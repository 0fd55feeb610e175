"""redis_host: texts, users, what changes and when, from Redis to Valkey. No server."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from redis_example import SITE, changed

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import instance as host_instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import plan, state, steps
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts as host_texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.host import RedisHost
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site

PARAMS: dict[str, t.Any] = {"flavor": "redis", "service": {}, "instances": [], "restart": [], "backup": [], "masked": []}
CACHE_OF_REDIS = {"server/cache": "redis"}


# Texts


def test_settings_as_redis_reads_them() -> None:
    text = host_texts.static({"dir": "/d"}, {"appendonly": True, "save": ["60 1", "300 10"], "maxmemory": "1gb"})
    assert text.splitlines()[1:] == [
        "dir /d",
        "appendonly yes",
        'save ""',
        "save 60 1",
        "save 300 10",
        "maxmemory 1gb",
    ]
    assert host_texts.static({}, {"save": ""}).splitlines()[1:] == ['save ""']


def test_differences_by_setting() -> None:
    before = host_texts.static({}, {"maxmemory": "1gb", "hz": 10})
    after = host_texts.static({}, {"maxmemory": "2gb"})
    assert [difference.shown() for difference in host_texts.static_differences(before, after)] == [
        {"field": "hz", "before": "10", "after": None},
        {"field": "maxmemory", "before": "1gb", "after": "2gb"},
    ]


@pytest.mark.parametrize("password", ["plain", 'a "b\\ü', "two words", "\t#'", '"', ""])
def test_what_the_server_keeps_is_read_as_it_is_written_and_never_shown(password: str) -> None:
    text = host_texts.main("server", "10.0.0.1:6379", {"masterauth": password})
    assert host_texts.kept_differences(text, {"masterauth": password}) == ()
    (found,) = host_texts.kept_differences(text, {"masterauth": password + "x"})
    assert found.shown() == {"field": "masterauth", "before": "(hidden)", "after": "(hidden)"}
    changed = host_texts.with_kept(text, {"masterauth": password + "x"})
    assert host_texts.kept_differences(changed, {"masterauth": password + "x"}) == ()
    assert "replicaof 10.0.0.1 6379" in changed and changed.count("masterauth") == 1


def test_valkey_writes_down_what_it_keeps_under_other_names() -> None:
    text = 'primaryauth "two words"\nreplicaof 10.0.0.1 6379\n'
    assert host_texts.kept_differences(text, {"masterauth": "two words"}) == ()
    assert host_texts.with_kept(text, {"masterauth": "new"}) == "replicaof 10.0.0.1 6379\nmasterauth new\n"


def test_what_the_server_keeps_changes_without_a_restart() -> None:
    params = {**PARAMS, "instances": site.instances(SITE, "c", {})[1:2]}
    (instance,) = host_instance.declare(params, CACHE_OF_REDIS)
    (newer,) = host_instance.declare({**params, "instances": site.instances(changed(masterauth="new"), "c", {})[1:2]}, CACHE_OF_REDIS)
    seen = there(instance)
    assert state.pending(newer, seen) == []
    # The others' users take it first.
    changes = sorted(plan.changes_of(newer, seen, False), key=lambda change: change.stage)
    assert [change.kind for change in changes] == ["users", "settings"]
    stopped = dataclasses.replace(seen, service=Service(active="inactive", enabled=True))
    (file,) = [change for change in plan.changes_of(newer, stopped, False) if change.object == newer.paths.main]
    assert host_texts.kept_differences(file.payload.file.content, newer.kept) == ()


def test_a_set_with_replicas_gives_sentinel_the_time_to_see_a_crash() -> None:
    assert site.instances(SITE, "a", {})[0]["service"] == {"RestartSec": 61}
    sets = [{**SITE["sets"][0], "down_after_milliseconds": 5000}]
    assert site.instances(changed(sets=sets), "a", {})[0]["service"] == {"RestartSec": 11}
    assert site.instances(SITE, "c", {})[1]["service"] == {}


def test_copies_that_redis_made_of_settings_that_are_gone_go_too() -> None:
    assert host_texts.stripped("# x\nhz 10\nreplicaof a 1\nmaxmemory 1gb\n", {"hz", "maxmemory"}) == "# x\nreplicaof a 1\n"


def test_users_are_changed_one_by_one_and_shown_without_hashes() -> None:
    before = host_texts.users(
        [{"name": "default", "passwords": ["a"], "rules": "+@all"}, {"name": "x", "passwords": [], "rules": "on nopass"}]
    )
    after = host_texts.users([{"name": "default", "passwords": ["b"], "rules": "+@all"}])
    (set_user, delete) = host_texts.user_commands(before, after)
    assert set_user[:4] == ("ACL", "SETUSER", "default", "reset")
    assert delete == ("ACL", "DELUSER", "x")
    shown = [difference.shown() for difference in host_texts.user_differences(before, after)]
    assert shown[0] == {"field": "default.passwords", "before": "(hidden)", "after": "(hidden)"}
    assert "#" not in str(shown)


def test_whoever_may_lose_rights_by_it_is_changed_last() -> None:
    before = host_texts.users([{"name": "default", "passwords": ["a"], "rules": "+@all"}])
    limited = {"name": "default", "passwords": ["b"], "rules": "+ping"}
    after = host_texts.users([limited, {"name": "admin", "passwords": ["a"], "rules": "+@all"}])
    assert [command[2] for command in host_texts.user_commands(before, after)] == ["admin", "default"]


@pytest.mark.parametrize(
    ("code", "settings"),
    [
        ("setting.own", {"dir": "/x", "sentinel": "x"}),
        ("setting.name", {"a b": 1}),
        ("setting.value", {"maxmemory": "1\nuser x", "hz": None, "x": {}}),
    ],
)
def test_settings_that_are_not_the_users_are_refused(code: str, settings: dict[str, t.Any]) -> None:
    item = {**site.instances(SITE, "c", {})[1], "settings": settings}
    with pytest.raises(Refused) as refused:
        host_instance.declare({**PARAMS, "instances": [item]}, {})
    assert [(problem.code, problem.field) for problem in refused.value.problems] == [(code, f"settings.{name}") for name in settings]


def test_an_instance_that_runs_is_left_alone_and_its_differences_are_told() -> None:
    params = {**PARAMS, "instances": site.instances(SITE, "c", {})[1:2]}
    (instance,) = host_instance.declare(params, CACHE_OF_REDIS)
    (newer,) = host_instance.declare({**params, "service": {"LimitNOFILE": 9}}, CACHE_OF_REDIS)
    seen = there(instance)
    assert list(plan.changes_of(instance, seen, False)) == state.pending(instance, seen) == []
    assert list(plan.changes_of(newer, seen, False)) == []
    assert [difference.field for difference in state.pending(newer, seen)] == ["unit"]
    assert [change.kind for change in plan.changes_of(newer, seen, True)] == ["file", "service"]
    # One that does not run is started with what is declared.
    stopped = dataclasses.replace(seen, service=Service(active="failed", enabled=True))
    changes = plan.changes_of(newer, stopped, False)
    assert [(change.kind, change.payload.verb) for change in changes if change.kind == "service"] == [("service", "start")]


def test_a_step_that_fails_half_way_counts_as_written() -> None:
    class HalfWay(steps.Step):
        touched = True

        def apply(self) -> None:
            raise OSError("no space left")

    with pytest.raises(ChangeFailed, match="no space left") as failed:
        RedisHost(PARAMS).write(Change("file", "/etc/x", {}, "update", (), payload=HalfWay()))
    assert failed.value.touched


# From Redis to Valkey


def moving(restart: bool) -> host_instance.Instance:
    params = {**PARAMS, "flavor": "valkey", "instances": site.instances(SITE, "c", {})[1:2], "restart": ["server/cache"] if restart else []}
    (instance,) = host_instance.declare(params, CACHE_OF_REDIS)
    return instance


def test_it_stays_redis_until_its_restart_and_says_so() -> None:
    instance = moving(restart=False)
    assert (instance.flavor, instance.later, instance.former) == ("redis", "valkey", None)
    seen = there(instance)
    assert list(plan.changes_of(instance, seen, False)) == []
    assert [difference.shown() for difference in state.pending(instance, seen)] == [
        {"field": "flavor", "before": "redis", "after": "valkey"}
    ]


@pytest.mark.parametrize(
    ("move", "version", "code"),
    [
        ("server redis valkey", "v=7.2.11", None),
        ("server redis valkey", "v=7.4.0", "flavor.unreadable"),
        ("server redis valkey", "v=8.0.2", "flavor.unreadable"),
        ("server redis valkey", "", "flavor.unreadable"),
        ("sentinel redis valkey", "v=8.0.2", None),
        ("server valkey redis", "v=7.2.4", "flavor.one_way"),
        ("server redis redis", "v=8.0.2", None),
    ],
)
@pytest.mark.parametrize("restart", [True, False])
def test_only_what_valkey_can_read_becomes_valkey(
    monkeypatch: pytest.MonkeyPatch, move: str, version: str, code: str | None, restart: bool
) -> None:
    kind, has, declared = move.split()
    monkeypatch.setattr(state, "run", lambda *dummy: Done(0, f"Redis server {version} sha=0", ""))
    (item,) = [item for item in site.instances(SITE, "c", {}) if item["kind"] == kind and item["name"] in ("cache", "main")]
    name = f"{kind}/{item['name']}"
    params = {**PARAMS, "flavor": declared, "instances": [item], "restart": [name] if restart else []}
    (instance,) = host_instance.declare(params, {name: has})
    problems = list(state.problems(instance, state.Seen(), restart))
    assert [problem.code for problem in problems] == ([code] if code else [])


def test_what_is_not_ours_is_not_touched() -> None:
    instance = moving(restart=False)
    seen = there(instance)
    stray = state.Parts(main=state.Found("", 0o640), service=Service(active="active"))
    for code, words, more in (
        ("instance.masked", "systemctl unmask redis-server@cache", {"service": Service(masked=True)}),
        ("instance.foreign", "/etc/redis/redis-cache.conf", {"static": None}),
        ("instance.twice_there", "/etc/valkey/valkey-cache.conf", {"other": stray}),
    ):
        found = {problem.code: str(problem) for problem in state.problems(instance, dataclasses.replace(seen, **more), False)}
        assert words in found[code]


@pytest.mark.parametrize(("active", "enabled", "fields"), [("active", True, ["state", "enabled"]), ("inactive", False, [])])
def test_the_old_unit_ends_where_it_has_not_ended(active: str, enabled: bool, fields: list[str]) -> None:
    old = state.Parts(state.Found("", 0o640), directory=True, service=Service(active=active, enabled=enabled))
    seen = state.Seen(other=old)
    ends = [change for change in plan.changes_of(moving(restart=True), seen, True) if change.stage == plan.END]
    assert [difference.field for change in ends for difference in change.differences] == fields


def test_a_backup_comes_before_everything() -> None:
    params = {**PARAMS, "instances": site.instances(SITE, "c", {})[1:2], "backup": ["server/cache"]}
    params.update(transparent_hugepage=None, backup_directory="/b", service={"LimitNOFILE": 9}, restart=["server/cache"])
    (instance,) = host_instance.declare(params, CACHE_OF_REDIS)
    seen = {instance.id: dataclasses.replace(there(instance), drop_in=None)}
    first, *rest = plan.plan(params, [instance], seen, []).changes
    assert (first.kind, first.object, first.differences[0].after) == ("backup", "server/cache", "/b/cache-TIME.rdb")
    assert [change.kind for change in rest] == ["file", "service"]
    with pytest.raises(Refused) as refused:
        host_instance.declare({**params, "backup": ["server/other"]}, {})
    assert [(problem.code, problem.item) for problem in refused.value.problems] == [("backup.unknown", "server/other")]


def test_what_an_instance_is_said_to_be() -> None:
    instance = moving(restart=True)
    old = state.Parts(state.Found("replicaof 10.0.0.1 6379\n", 0o640), directory=True, service=Service(active="active"))
    told = state.told(instance, state.Seen(other=old), True, True)
    assert {name: told[name] for name in ("established", "active", "follows", "key_count", "pending")} == {
        "established": True,
        "active": True,
        "follows": "10.0.0.1:6379",
        "key_count": None,
        "pending": [],
    }
    waiting = moving(restart=False)
    assert state.told(waiting, there(waiting), False, False)["pending"] == [{"field": "flavor", "before": "redis", "after": "valkey"}]


def test_a_move_ends_the_old_unit_keeps_state_and_data_and_leaves_nothing_behind() -> None:
    instance = moving(restart=True)
    main = state.Found('replicaof 10.0.0.1 6379\ndir "/var/lib/redis/cache"\n', 0o640)
    old = state.Parts(main, main, directory=True, service=Service(active="active", enabled=True))
    seen = state.Seen(other=old)
    changes = sorted(plan.changes_of(instance, seen, True), key=lambda change: change.stage)
    assert [(change.kind, change.object, change.action) for change in changes] == [
        ("service", "redis-server@cache", "update"),
        ("file", "/etc/valkey/valkey-cache.static.conf", "create"),
        ("file", "/etc/systemd/system/valkey-server@cache.service.d/eco2.conf", "create"),
        ("file", "/etc/valkey/valkey-cache.acl", "create"),
        ("file", "/etc/valkey/valkey-cache.conf", "create"),
        ("directory", "/var/lib/valkey/cache", "create"),
        ("service", "valkey-server@cache", "create"),
        ("file", "/etc/redis/redis-cache.conf", "delete"),
        ("file", "/etc/redis/redis-cache.static.conf", "delete"),
    ]
    by_object = {change.object: change for change in changes}
    file = by_object["/etc/valkey/valkey-cache.conf"].payload.file
    # Where its files are it reads in ours: it may not go where Redis was.
    assert (file.content, file.owner) == ("replicaof 10.0.0.1 6379\n", "valkey")
    assert by_object["/var/lib/valkey/cache"].payload.source == "/var/lib/redis/cache"
    # Whatever is to be kept moves after the old one has ended, and before the new one starts; secrets go when that runs.
    started = by_object["valkey-server@cache"]
    assert {change.key for change in changes[:6]} == started.needs
    assert changes[-1].needs == changes[-2].needs == {started.key}


def test_a_move_that_was_cut_off_goes_on_where_it_was() -> None:
    """The main file has moved, the data has not: the next run, whichever, must not start it empty."""
    params = {**PARAMS, "flavor": "valkey", "instances": site.instances(SITE, "c", {})[1:2]}
    (instance,) = host_instance.declare(params, {"server/cache": "valkey"})
    old = state.Parts(users=state.Found("", 0o640), directory=True)
    seen = dataclasses.replace(there(instance), directory=False, service=Service(active="inactive"), other=old)
    changes = list(plan.changes_of(instance, seen, False))
    assert [(change.kind, change.action) for change in changes] == [("directory", "create"), ("service", "update"), ("file", "delete")]
    assert changes[0].payload == steps.Move("/var/lib/redis/cache", "/var/lib/valkey/cache", "valkey")


def there(instance: host_instance.Instance) -> state.Seen:
    """It runs with what is declared."""
    main = host_texts.main("server", None, instance.kept)
    found = [state.Found(text, 0o640) for text in (main, instance.static, instance.users)]
    running = Service(active="active", enabled=True, since=1.0)
    return state.Seen(*found, drop_in=state.Found(instance.drop_in, 0o644), directory=True, service=running)


# An end


def ending(**more: t.Any) -> host_instance.Instance:
    item = {**site.ended(SITE, SITE["sets"][1]), **more}
    (instance,) = host_instance.declare({**PARAMS, "instances": [item]}, CACHE_OF_REDIS)
    return instance


def removed(instance: host_instance.Instance, seen: state.Seen) -> list[str]:
    changes = sorted(plan.changes_of(instance, seen, False), key=lambda change: change.stage)
    assert {change.action for change in changes} <= {"delete"}
    for earlier, later in zip(changes, changes[1:]):
        assert earlier.key in later.needs, "a step that fails stops all that follow"
    return [change.object for change in changes]


UNIT, DROP_IN = "redis-server@cache", "/etc/systemd/system/redis-server@cache.service.d/eco2.conf"
FILES = [f"/etc/redis/redis-cache.{end}" for end in ("acl", "static.conf", "conf")]


def test_an_instance_ends_with_its_main_file_last() -> None:
    seen = there(moving(restart=False))
    assert removed(ending(), seen) == [UNIT, DROP_IN, *FILES]
    assert removed(ending(keep_data=False), seen) == [UNIT, DROP_IN, "/var/lib/redis/cache", *FILES]
    assert state.pending(ending(), seen) == []


def test_an_end_that_was_cut_off_goes_on_where_it_was() -> None:
    stopped = dataclasses.replace(there(moving(restart=False)), service=Service(active="inactive"), drop_in=None)
    assert removed(ending(), stopped) == FILES
    last = dataclasses.replace(stopped, users=None, static=None)
    assert removed(ending(), last) == FILES[-1:]
    assert list(state.problems(ending(), last)) == []
    assert removed(ending(), state.Seen(directory=True)) == []
    assert removed(ending(keep_data=False), state.Seen(directory=True)) == ["/var/lib/redis/cache"]


def test_a_directory_of_its_own_goes_once_and_that_of_a_sentinel_always() -> None:
    own = ending(directory="/srv/redis/cache", keep_data=False)
    assert removed(own, state.Seen(directory=True, other=state.Parts(directory=True))) == ["/srv/redis/cache"]
    (sentinel,) = host_instance.declare({**PARAMS, "instances": [site.ended(SITE)]}, {"sentinel/main": "redis"})
    assert removed(sentinel, state.Seen(directory=True)) == ["/var/lib/redis/sentinel-main"]


@pytest.mark.parametrize(
    ("seen", "owner", "others", "code"),
    [
        ({}, "redis", [], None),
        ({}, "root", [], "directory.owner"),
        ({}, "redis", ["/var/lib/redis/cache/below"], "directory.twice"),
        ({}, "redis", ["/var/lib/redis/cache-2"], None),
        ({"main": state.Found("port 1\n", 0o640), "static": None}, "redis", [], "instance.foreign"),
    ],
)
def test_only_its_own_data_is_removed(
    monkeypatch: pytest.MonkeyPatch, seen: dict[str, t.Any], owner: str, others: list[str], code: str | None
) -> None:
    monkeypatch.setattr(state, "owner_of", lambda dummy: owner)
    own = ("redis", "/var/lib/redis/cache", FILES[1])
    monkeypatch.setattr(state, "directories", lambda: [own, *(("redis", path, "/etc/redis/redis-other.static.conf") for path in others)])
    # One directory is the same under both flavors.
    found = dataclasses.replace(there(moving(restart=False)), **{"other": state.Parts(directory=True), **seen})
    ends = ending(keep_data=False, directory="/var/lib/redis/cache")
    assert list(dict.fromkeys(problem.code for problem in state.problems(ends, found))) == ([code] if code else [])
    assert [problem.code for problem in state.problems(ending(), found)] == (["instance.foreign"] if code == "instance.foreign" else [])


def test_what_ends_is_where_its_own_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state.files, "text", {FILES[1]: "dir /srv/redis/former\n"}.get)
    assert state.placed(ending(directory="/srv/redis/new")).paths.directory == "/srv/redis/former"
    monkeypatch.setattr(state.files, "text", {}.get)
    assert state.placed(ending(directory="/srv/redis/new")).paths.directory == "/srv/redis/new"


def test_the_directory_of_a_server_does_not_change() -> None:
    item = {**site.instances(SITE, "c", {})[1], "directory": "/srv/redis/cache"}
    (instance,) = host_instance.declare({**PARAMS, "instances": [item]}, CACHE_OF_REDIS)
    seen = there(moving(restart=False))
    assert [problem.code for problem in state.problems(instance, seen)] == ["directory.changed"]
    assert list(state.problems(instance, there(instance))) == []


def test_whom_a_server_follows_is_in_its_main_file() -> None:
    assert host_texts.follows("replicaof 10.0.0.1 6379\n") == "10.0.0.1:6379"
    assert host_texts.follows('port 1\nreplicaof "2001:db8::0" 6379\n') == "[2001:db8::]:6379"
    assert host_texts.follows("maxmemory 1gb\n") is None
    assert host_texts.follows("replicaof no one\n") is None
