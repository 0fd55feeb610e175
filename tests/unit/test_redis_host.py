"""redis_host and the site behind it: texts, users, whom a new node follows, the order of maintenance. No server."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._convergence import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service
from ansible_collections.eco2.platform.plugins.module_utils._redis import (
    host_instance,
    host_plan,
    host_state,
    host_texts,
    maintenance,
    site,
)

NODES = ["a", "b", "c"]
SITE: dict[str, t.Any] = {
    "flavor": "redis",
    "sets": [{"name": "pubsub", "nodes": NODES, "password": "app"}, {"name": "cache", "nodes": ["c"], "port": 6382}],
    "sentinels": NODES,
    "addresses": {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"},
    "sentinel_port": 26379,
    "sentinel_name": "main",
    "admin_password": "adm",
    "masterauth": "mas ter",
    "auth_pass": "aut",
    "password": "sen",
}
PARAMS: dict[str, t.Any] = {"flavor": "redis", "service": {}, "instances": [], "restart": [], "backup": []}
CACHE_OF_REDIS = {"server/cache": "redis"}
BARE: dict[str, list[str]] = {"a": [], "b": [], "c": []}
FULL = {name: ["server/pubsub", "sentinel/main"] for name in NODES}
AT_B = {"pubsub": "10.0.0.2:6379"}


def changed(**more: t.Any) -> dict[str, t.Any]:
    return {**copy.deepcopy(SITE), **more}


# Whom a new node follows


def test_of_a_new_set_the_first_node_is_the_master() -> None:
    for name in NODES:
        assert site.bootstrap(SITE, BARE, {}, name)["masters"]["pubsub"] == "a"
    (server, dummy) = site.instances(changed(sets=SITE["sets"][:1]), "b", {"pubsub": "a"})
    assert server["replicaof"] == "10.0.0.1:6379"
    assert site.instances(SITE, "a", {"pubsub": "a"})[0]["replicaof"] is None


def test_addresses_may_be_of_ipv6() -> None:
    """Written as the sentinels tell them, so that the two can be compared."""
    six = changed(sets=SITE["sets"][:1], addresses={name: f"2001:db8::{name}" for name in NODES})
    told = {"pubsub": "[2001:db8::b]:6379"}
    assert site.bootstrap(six, {**FULL, "a": []}, told, "a") == {"masters": {"pubsub": "b"}, "problems": []}
    assert site.masters(six)[0]["address"] == [f"[2001:db8::{name}]:6379" for name in NODES]
    (server, dummy) = site.instances(six, "a", {"pubsub": "b"})
    assert host_texts.main("server", server["replicaof"], {}).splitlines()[-1] == "replicaof 2001:db8::b 6379"


def test_afterwards_the_sentinels_are_asked() -> None:
    here = {**FULL, "a": []}
    assert site.bootstrap(SITE, here, AT_B, "a") == {"masters": {"pubsub": "b"}, "problems": []}
    assert site.bootstrap(changed(sets=SITE["sets"][:1]), FULL, AT_B, "a") == {"masters": {}, "problems": []}


@pytest.mark.parametrize(
    ("here", "told", "words"),
    [
        ({**FULL, "a": []}, {}, "no sentinel tells which"),
        ({**FULL, "a": []}, {"pubsub": "10.0.0.1:6379"}, "which has lost its data"),
        ({**FULL, "a": []}, {"pubsub": "10.9.9.9:6379"}, "none of its nodes"),
        ({"a": []}, {}, "b and c could not be looked at"),
        ({"a": []}, {"pubsub": "10.0.0.1:6379"}, "which has lost its data"),
    ],
)
def test_what_could_start_a_second_master_or_an_empty_one_is_refused(here: t.Any, told: t.Any, words: str) -> None:
    found = site.bootstrap(SITE, here, told, "a")
    assert found["masters"] == {}
    assert words in " ".join(found["problems"])


def test_of_a_set_that_is_new_on_all_nodes_the_one_that_the_sentinels_name_follows_nobody() -> None:
    """Otherwise it would follow the first node, which follows it."""
    assert {name: site.bootstrap(SITE, BARE, AT_B, name)["masters"]["pubsub"] for name in NODES} == dict.fromkeys(NODES, "b")
    assert site.instances(SITE, "b", {"pubsub": "b"})[0]["replicaof"] is None


def looked(**follows: t.Any) -> dict[str, t.Any]:
    """host -> (whom its pubsub follows, how many keys it has)."""
    return {name: [{"id": "server/pubsub", "follows": master, "keys": keys}] for name, (master, keys) in follows.items()}


@pytest.mark.parametrize(
    ("nodes", "master"),
    [
        # The first node failed at its first run, and the others wait for it.
        (looked(b=("10.0.0.1:6379", 0), c=("10.0.0.1:6379", 0)), "a"),
        # It was there before the others: it has whatever there is.
        (looked(b=(None, 7), c=("10.0.0.2:6379", 7)), "b"),
        # One of them has data, and would copy nothing from an empty master.
        (looked(b=("10.0.0.1:6379", 0), c=("10.0.0.1:6379", 1)), None),
        (looked(b=("10.0.0.1:6379", 0), c=("10.0.0.1:6379", None)), None),
        # Two masters, or replicas of different ones, or one that was not looked at.
        (looked(b=(None, 0), c=(None, 0)), None),
        (looked(b=("10.0.0.1:6379", 0), c=("10.0.0.2:6379", 0)), None),
        (looked(b=("10.0.0.9:6379", 0), c=("10.0.0.9:6379", 0)), None),
        (looked(b=("10.0.0.1:6379", 0)), None),
    ],
)
def test_a_first_run_that_was_cut_off_goes_on_where_that_is_certain(nodes: dict[str, t.Any], master: str | None) -> None:
    found = site.bootstrap(SITE, {**FULL, "a": []}, {}, "a", nodes)
    assert found["masters"] == ({"pubsub": master} if master else {})
    assert bool(found["problems"]) is (master is None)


def test_whom_a_server_follows_is_in_its_main_file() -> None:
    assert host_texts.follows("replicaof 10.0.0.1 6379\n") == "10.0.0.1:6379"
    assert host_texts.follows('port 1\nreplicaof "2001:db8::0" 6379\n') == "[2001:db8::]:6379"
    assert host_texts.follows("maxmemory 1gb\n") is None
    assert host_texts.follows("replicaof no one\n") is None


def test_the_only_node_of_a_set_may_come_back_empty() -> None:
    assert site.bootstrap(SITE, BARE, {"cache": "10.0.0.3:6382"}, "c")["masters"]["cache"] == "c"


# Declarations


def test_everything_that_is_wrong_is_said() -> None:
    wrong = changed(
        sets=[{"name": "x", "nodes": ["a", "a"]}, {"name": "y", "nodes": ["a", "d"]}, {"name": "y", "nodes": []}],
        auth_pass="",
        addresses={"a": "redis"},
    )
    text = "; ".join(site.problems(wrong))
    for words in (
        "y is declared twice",
        "same port 6379 on a",
        "x has a twice",
        "y has no nodes",
        "a: redis_sentinel_address",
        "auth_pass is not set",
    ):
        assert words in text
    assert site.problems(SITE) == []


def test_users_have_the_least_rights_and_two_passwords_for_a_time() -> None:
    old = changed(former_passwords={"auth_pass": "old"})
    (server, *dummy) = site.instances(old, "a", {})
    users = {user["name"]: user for user in server["users"]}
    assert users["sentinel"]["passwords"] == ["aut", "old"]
    assert users["replica"]["rules"] == "+ping +psync +replconf"
    assert "@" not in users["sentinel"]["rules"]
    assert "allchannels" not in users["sentinel"]["rules"]
    assert site.instances(SITE, "c", {})[1]["users"][0] == {"name": "default", "passwords": [], "rules": "off"}


def test_clients_of_sentinels_have_a_password_and_rights_of_their_own() -> None:
    with_clients = changed(client_password="cli")
    sentinel = site.instances(with_clients, "a", {})[1]
    assert [(user["name"], user["passwords"]) for user in sentinel["users"]] == [("default", ["cli"]), ("admin", ["sen"])]
    assert "@" not in sentinel["users"][0]["rules"] and "failover" not in sentinel["users"][0]["rules"]
    assert sentinel["admin"] == "admin"
    assert "client_password is of use only" in "; ".join(site.problems({**with_clients, "password": ""}))


# Maintenance


def test_maintenance_goes_from_replicas_over_a_switch_to_the_old_master_and_the_sentinels() -> None:
    steps = maintenance.steps(SITE, FULL, AT_B)
    assert [(step["action"], step["host"], step["instance"]) for step in steps] == [
        ("restart", "a", "server/pubsub"),
        ("restart", "c", "server/pubsub"),
        ("switch", "b", "server/pubsub"),
        ("restart", "b", "server/pubsub"),
        *(("restart", name, "sentinel/main") for name in NODES),
    ]
    assert maintenance.steps(SITE, {"a": []}, AT_B) == []
    with pytest.raises(Refused, match="name no master"):
        maintenance.steps(SITE, FULL, {})


def test_a_master_without_replicas_is_restarted_in_place() -> None:
    (step,) = maintenance.steps(SITE, {"c": ["server/cache"]}, {"cache": "10.0.0.3:6382"})
    assert (step["action"], step["instance"]) == ("restart", "server/cache")


def test_another_version_begins_with_a_backup_and_asks_no_older_node_for_its_link() -> None:
    steps = maintenance.steps(SITE, FULL, AT_B, upgrading=NODES)
    assert [(step["action"], step["host"], step["is_master"]) for step in steps[:5]] == [
        ("backup", "b", True),
        ("restart", "a", False),
        ("restart", "c", False),
        ("switch", "b", True),
        ("restart", "b", False),
    ]
    assert [step["expected"][0]["unlinked"] for step in steps[:5]] == [
        ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"],
        ["10.0.0.2:6379", "10.0.0.3:6379"],
        ["10.0.0.2:6379"],
        ["10.0.0.2:6379"],
        [],
    ]
    assert maintenance.expected(SITE)[0] == {"name": "pubsub", "replicas": 2, "unlinked": []}


def test_packages_are_those_of_what_has_the_declared_flavor() -> None:
    assert maintenance.packages(SITE, "a", {}) == ["redis-server", "redis-sentinel", "redis-tools"]
    valkey = changed(flavor="valkey")
    old = {"server/pubsub": "redis", "sentinel/main": "redis"}
    assert maintenance.packages(valkey, "a", old) == []
    assert maintenance.packages(valkey, "a", {**old, "server/pubsub": "valkey"}) == ["valkey-server", "valkey-tools"]


def test_packages_of_another_version_are_told() -> None:
    there = {"redis-server": "5:7.0.15-1~deb12u5", "redis-tools": "5:8.0.2-3"}
    assert maintenance.outdated(there, "8.0.2") == {"redis-server": {"before": "5:7.0.15-1~deb12u5", "after": "8.0.2"}}
    assert maintenance.outdated(there, "") == {}


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
    assert host_state.pending(newer, seen) == []
    # The others' users take it first.
    changes = sorted(host_plan.changes_of(newer, seen, False), key=lambda change: change.stage)
    assert [change.kind for change in changes] == ["users", "settings"]
    stopped = seen._replace(service=Service(active="inactive", enabled=True))
    (file,) = [change for change in host_plan.changes_of(newer, stopped, False) if change.object == newer.paths.main]
    assert host_texts.kept_differences(file.payload.content, newer.kept) == ()


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


@pytest.mark.parametrize(
    "settings", [{"dir": "/x"}, {"sentinel": "x"}, {"a b": 1}, {"maxmemory": "1\nuser x"}, {"maxmemory": None}, {"x": {}}]
)
def test_settings_that_are_not_the_users_are_refused(settings: dict[str, t.Any]) -> None:
    item = {**site.instances(SITE, "c", {})[1], "settings": settings}
    with pytest.raises(Refused):
        host_instance.declare({**PARAMS, "instances": [item]}, {})


def test_an_instance_that_runs_is_left_alone_and_its_differences_are_told() -> None:
    params = {**PARAMS, "instances": site.instances(SITE, "c", {})[1:2]}
    (instance,) = host_instance.declare(params, CACHE_OF_REDIS)
    (newer,) = host_instance.declare({**params, "service": {"LimitNOFILE": 9}}, CACHE_OF_REDIS)
    seen = there(instance)
    assert list(host_plan.changes_of(instance, seen, False)) == host_state.pending(instance, seen) == []
    assert list(host_plan.changes_of(newer, seen, False)) == []
    assert [difference.field for difference in host_state.pending(newer, seen)] == ["unit"]
    assert [change.kind for change in host_plan.changes_of(newer, seen, True)] == ["file", "service"]
    # One that does not run is started with what is declared.
    stopped = seen._replace(service=Service(active="failed", enabled=True))
    changes = host_plan.changes_of(newer, stopped, False)
    assert [(change.kind, change.payload[2]) for change in changes if change.kind == "service"] == [("service", "start")]


# From Redis to Valkey


def moving(restart: bool) -> host_instance.Instance:
    params = {**PARAMS, "flavor": "valkey", "instances": site.instances(SITE, "c", {})[1:2], "restart": ["server/cache"] if restart else []}
    (instance,) = host_instance.declare(params, CACHE_OF_REDIS)
    return instance


def test_it_stays_redis_until_its_restart_and_says_so() -> None:
    instance = moving(restart=False)
    assert (instance.flavor, instance.later, instance.former) == ("redis", "valkey", None)
    seen = there(instance)
    assert list(host_plan.changes_of(instance, seen, False)) == []
    assert [difference.shown() for difference in host_state.pending(instance, seen)] == [
        {"field": "flavor", "before": "redis", "after": "valkey"}
    ]


def test_a_move_ends_the_old_unit_keeps_state_and_data_and_leaves_nothing_behind() -> None:
    instance = moving(restart=True)
    main = host_state.Found('replicaof 10.0.0.1 6379\ndir "/var/lib/redis/cache"\n', 0o640)
    old = host_state.Other(main, True, (instance.other.main, instance.other.static), Service(active="active", enabled=True))
    seen = host_state.Seen(None, None, None, None, False, Service(), old)
    changes = sorted(host_plan.changes_of(instance, seen, True), key=lambda change: change.stage)
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
    file = by_object["/etc/valkey/valkey-cache.conf"].payload
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
    old = host_state.Other(None, True, (instance.other.users,), Service())
    seen = there(instance)._replace(directory=False, service=Service(active="inactive"), other=old)
    changes = list(host_plan.changes_of(instance, seen, False))
    assert [(change.kind, change.action) for change in changes] == [("directory", "create"), ("service", "update"), ("file", "delete")]
    assert changes[0].payload == ("/var/lib/redis/cache", "/var/lib/valkey/cache", "valkey")


def there(instance: host_instance.Instance) -> host_state.Seen:
    """It runs with what is declared."""
    main = host_texts.main("server", None, instance.kept)
    found = [host_state.Found(text, 0o640) for text in (main, instance.static, instance.users)]
    running = Service(active="active", enabled=True, since=1.0)
    return host_state.Seen(*found, drop_in=host_state.Found(instance.drop_in, 0o644), directory=True, service=running)
