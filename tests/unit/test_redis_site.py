"""Sets of Redis over hosts: whom a new node follows, what a host runs, the order of maintenance. No server."""

from __future__ import annotations

import importlib
import types
import typing as t

import pytest
from redis_example import AT_B, BARE, FULL, NODES, SITE, changed

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import instance as host_instance
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import texts
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import maintenance, site
from ansible_collections.eco2.platform.plugins.plugin_utils._redis.maintenance import Seen

# The options of redis_host beside the instances.
PARAMS: dict[str, t.Any] = {"flavor": "redis", "service": {}, "restart": [], "backup": [], "masked": []}

# Whom a new node follows


def test_of_a_new_set_the_first_node_is_the_master() -> None:
    for name in NODES:
        assert site.bootstrap(SITE, BARE, {}, name)[0]["pubsub"] == "a"
    (server, dummy) = site.instances(changed(sets=SITE["sets"][:1]), "b", {"pubsub": "a"})
    assert server["replicaof"] == "10.0.0.1:6379"
    assert site.instances(SITE, "a", {"pubsub": "a"})[0]["replicaof"] is None


def test_addresses_may_be_of_ipv6() -> None:
    """Written as the sentinels tell them, so that the two can be compared."""
    six = changed(sets=SITE["sets"][:1], addresses={name: f"2001:db8::{name}" for name in NODES})
    told = {"pubsub": "[2001:db8::b]:6379"}
    assert site.bootstrap(six, {**FULL, "a": []}, told, "a") == ({"pubsub": "b"}, [])
    assert site.masters(six)[0]["address"] == [f"[2001:db8::{name}]:6379" for name in NODES]
    (server, dummy) = site.instances(six, "a", {"pubsub": "b"})
    assert texts.main("server", server["replicaof"], {}).splitlines()[-1] == "replicaof 2001:db8::b 6379"


def test_afterwards_the_sentinels_are_asked() -> None:
    here = {**FULL, "a": []}
    assert site.bootstrap(SITE, here, AT_B, "a") == ({"pubsub": "b"}, [])
    assert site.bootstrap(changed(sets=SITE["sets"][:1]), FULL, AT_B, "a") == ({}, [])


@pytest.mark.parametrize(
    ("here", "told", "code"),
    [
        ({**FULL, "a": []}, {}, "set.unknown_master"),
        ({**FULL, "a": []}, {"pubsub": "10.0.0.1:6379"}, "set.master_lost"),
        ({**FULL, "a": []}, {"pubsub": "10.9.9.9:6379"}, "set.foreign_master"),
        ({"a": []}, {}, "set.unseen_nodes"),
        ({"a": []}, {"pubsub": "10.0.0.1:6379"}, "set.master_lost"),
    ],
)
def test_what_could_start_a_second_master_or_an_empty_one_is_refused(here: t.Any, told: t.Any, code: str) -> None:
    follow, problems = site.bootstrap(SITE, here, told, "a")
    assert follow == {}
    assert [(problem.code, problem.item) for problem in problems] == [(code, "set pubsub")]


def test_a_node_that_the_sentinels_still_know_in_another_set_is_not_started() -> None:
    known = {"cache": ["10.0.0.9:6379", "10.0.0.2:6379"], "pubsub": ["10.0.0.1:6379"]}
    (problem,) = site.elsewhere(SITE, [], known, "b")
    assert (problem.code, problem.item) == ("set.node_elsewhere", "set pubsub")
    assert "10.0.0.2:6379 as a node of cache" in problem.message
    assert site.elsewhere(SITE, ["server/pubsub"], known, "b") == site.elsewhere(SITE, [], known, "a") == []


def test_of_a_set_that_is_new_on_all_nodes_the_one_that_the_sentinels_name_follows_nobody() -> None:
    """Otherwise it would follow the first node, which follows it."""
    assert {name: site.bootstrap(SITE, BARE, AT_B, name)[0]["pubsub"] for name in NODES} == dict.fromkeys(NODES, "b")
    assert site.instances(SITE, "b", {"pubsub": "b"})[0]["replicaof"] is None


def looked(**follows: t.Any) -> dict[str, t.Any]:
    """host -> (whom its pubsub follows, how many keys it has)."""
    return {name: [{"id": "server/pubsub", "follows": master, "key_count": keys}] for name, (master, keys) in follows.items()}


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
    follow, problems = site.bootstrap(SITE, {**FULL, "a": []}, {}, "a", nodes)
    assert follow == ({"pubsub": master} if master else {})
    assert bool(problems) is (master is None)


def test_the_only_node_of_a_set_may_come_back_empty() -> None:
    assert site.bootstrap(SITE, BARE, {"cache": "10.0.0.3:6382"}, "c")[0]["cache"] == "c"


# Declarations


def test_everything_that_is_wrong_is_said() -> None:
    wrong = changed(
        sets=[{"name": "x", "nodes": ["a", "a"]}, {"name": "y", "nodes": ["a", "d"]}, {"name": "y", "nodes": []}],
        auth_pass="",
        addresses={"a": "redis"},
    )
    assert codes(wrong) == {
        "set.twice": "set y",
        "set.port": "set y",
        "set.node_twice": "set x",
        "set.no_nodes": "set y",
        "host.address": "d",
        "site.no_password": "",
    }
    assert codes(SITE) == {}


NOPASS = {"name": "default", "rules": "on nopass ~* &* +@all"}
RIGHTS = {"passwords": ["aut"], "rules": site.WATCHES}


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "127.0.0.1"}}),
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "0.0.0.0"}}),  # noqa: S104
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "::1"}}),
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "fe80::1"}}),
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "224.0.0.1"}}),
        ("host.same_place", {"addresses": {**SITE["addresses"], "b": "10.0.0.1"}}),
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "::ffff:127.0.0.1"}}),
        ("host.address_nowhere", {"addresses": {**SITE["addresses"], "b": "localhost"}, "hostnames": True}),
        ("set.min_replicas", {"sets": [{"name": "x", "nodes": ["a", "b"], "min_replicas_to_write": 2}]}),
        ("set.min_replicas", {"sets": [{"name": "x", "nodes": ["a"], "settings": {"min-slaves-to-write": 1}}]}),
        ("set.min_replicas", {"settings": {"min-replicas-to-write": 1}, "sets": [{"name": "x", "nodes": ["a"]}]}),
        ("set.port", {"sets": [{"name": "x", "nodes": ["a"], "port": 26379}]}),
        ("set.port_range", {"sets": [{"name": "x", "nodes": ["a"], "port": 65536}]}),
        ("set.port_range", {"sentinel_port": -1}),
        ("setting.unwritable", {"flavor": "valkey", "masterauth": 'a"b'}),
        ("setting.derived", {"settings": {"port": 7000}}),
        ("setting.derived", {"settings": {"rename-command": "CONFIG config-x"}}),
        ("setting.derived", {"sentinel_settings": {"port": 7000}}),
        ("setting.derived", {"settings": {"slave-announce-ip": "10.0.0.9"}}),
        ("setting.derived", {"sets": [{"name": "x", "nodes": ["a"], "settings": {"primaryuser": "x"}}]}),
        ("setting.blind", {"bind": "127.0.0.1 -::1"}),
        ("setting.blind", {"settings": {"bind": ["127.0.0.1", "::1"]}}),
        ("setting.blind", {"password": "", "sentinel_settings": {"protected-mode": True}}),
        ("setting.blind", {"sets": [{"name": "x", "nodes": ["a"], "users": [NOPASS]}]}),
        ("user.rights", {"sets": [{"name": "x", "nodes": ["a"], "users": [{"name": "sentinel", **RIGHTS, "rules": "+ping"}]}]}),
        ("user.rights", {"sets": [{"name": "x", "nodes": ["a"], "users": [{"name": "admin", "passwords": ["adm"], "rules": "+@read"}]}]}),
        ("user.password", {"sets": [{"name": "x", "nodes": ["a"], "users": [{"name": "sentinel", **RIGHTS, "passwords": ["b"]}]}]}),
    ],
)
def test_what_makes_a_server_blind_is_refused(code: str, more: dict[str, t.Any]) -> None:
    assert list(codes(changed(**more))) == [code]


@pytest.mark.parametrize(
    "more",
    [
        {"bind": "10.0.0.1 127.0.0.1"},
        {"bind": "* -::*"},
        {"settings": {"min-replicas-to-write": 1}, "sets": [{"name": "x", "nodes": ["a"], "settings": {"min-replicas-to-write": 0}}]},
        {"settings": {"bind": "-::1 10.0.0.1", "replica-priority": 0}},
        {"settings": {"protected-mode": False}, "sets": [{"name": "x", "nodes": ["a"], "users": [NOPASS]}]},
        {"sentinel_settings": {"protected-mode": True}},
        {"sets": [{"name": "x", "nodes": ["a"], "users": [{"name": "sentinel", **RIGHTS}]}]},
        {"sets": [{"name": "x", "nodes": ["a"], "users": [{"name": "sentinel", "passwords": ["aut"], "rules": "&* +@all"}]}]},
    ],
)
def test_what_works_is_taken(more: dict[str, t.Any]) -> None:
    assert codes(changed(**more)) == {}


@pytest.mark.parametrize(
    ("rules", "right", "allowed"),
    [
        ("+@all", "+ping", True),
        ("+@all -@dangerous", "+config|rewrite", False),
        ("-@all +config", "+config|rewrite", True),
        ("+config|rewrite -config|set", "+config|rewrite", False),
        ("+ping -ping +PING", "+ping", True),
        ("allcommands nocommands", "+ping", False),
        ("+@all", "&__sentinel__:hello", False),
        ("&* resetchannels", "&__sentinel__:hello", False),
        ("resetchannels &__sentinel__:hello", "&__sentinel__:hello", True),
    ],
)
def test_rights_that_rules_are_sure_to_give(rules: str, right: str, allowed: bool) -> None:
    assert site._allows(rules.split(), right) is allowed


def test_addresses_that_lead_nowhere_are_no_masters() -> None:
    told = {"a": "127.0.0.1:6379", "b": "[::1]:6379", "c": "10.0.0.3:6382", "d": None}
    assert site.found(told) == {"a": None, "b": None, "c": "10.0.0.3:6382", "d": None}


def codes(declared: dict[str, t.Any]) -> dict[str, str]:
    """The last item of each code."""
    try:
        site.checked(declared)
    except Refused as refusal:
        return {problem.code: problem.item for problem in refusal.problems}
    return {}


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
    assert codes({**with_clients, "password": ""}) == {"site.client_password": ""}


def test_what_a_host_runs_and_what_the_sentinels_are_told() -> None:
    pubsub, sentinel = site.instances(changed(sets=SITE["sets"][:1]), "a", {})
    assert pubsub["settings"] == {"port": 6379, "masteruser": "replica", "replica-announce-ip": "10.0.0.1", "min-replicas-to-write": 1}
    assert sentinel["settings"] == {"port": 26379}
    assert site.instances(SITE, "c", {})[1]["settings"]["min-replicas-to-write"] == 0
    three = {"name": "pubsub", "address": ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"], "quorum": 2, "replicas": 2}
    credentials = {"auth_user": "sentinel", "auth_pass": "aut"}
    assert site.masters(SITE)[0] == {**three, **credentials}
    assert site.sentinels(SITE)[1] == {"host": "10.0.0.2", "port": 26379}
    assert site.watchers(SITE, {"b": "text"})[1:] == [
        {"host": "10.0.0.2", "port": 26379, "announce_ip": "10.0.0.2", "conf": "text"},
        {"host": "10.0.0.3", "port": 26379, "announce_ip": "10.0.0.3"},
    ]


def test_what_is_said_of_sets_reaches_servers_and_sentinels() -> None:
    said = {"quorum": 3, "min_replicas_to_write": 2, "down_after_milliseconds": 100, "settings": {"maxmemory": "1gb"}}
    sets = [{**SITE["sets"][0], **said}]
    more = changed(sets=sets, settings={"maxmemory": "2gb", "hz": 20}, bind="10.0.0.1", sentinel_settings={"loglevel": "debug"})
    pubsub, sentinel = site.instances(more, "a", {})
    assert {name: pubsub["settings"][name] for name in ("min-replicas-to-write", "maxmemory", "hz", "bind")} == {
        "min-replicas-to-write": 2,
        "maxmemory": "1gb",
        "hz": 20,
        "bind": "10.0.0.1",
    }
    assert sentinel["settings"] == {"port": 26379, "bind": "10.0.0.1", "loglevel": "debug"}
    (master,) = site.masters(more)
    assert (master["quorum"], master["down_after_milliseconds"]) == (3, 100)


def test_renamed_commands_reach_the_servers_the_sentinels_and_the_verdict() -> None:
    renames = {"CONFIG": "config-x", "slaveof": "slaveof-x"}
    renamed = changed(sets=[{**SITE["sets"][0], "rename_commands": renames}])
    (server, dummy) = site.instances(renamed, "a", {})
    assert server["settings"]["rename-command"] == ["CONFIG config-x", "slaveof slaveof-x"]
    (made, *rest) = host_instance.declare({**PARAMS, "instances": site.instances(renamed, "a", {})}, {})
    assert made.renames == {"CONFIG": "config-x", "SLAVEOF": "slaveof-x"} and [entry.renames for entry in rest] == [{}]
    assert site.masters(renamed)[0]["rename_commands"] == maintenance.expected(renamed)[0]["rename_commands"] == renames
    assert "rename_commands" not in site.masters(SITE)[0]


def test_with_tls_every_port_is_tls_alone() -> None:
    files = {"cert_file": "/c", "key_file": "/k", "ca_cert_file": "/a", "auth_clients": False}
    pubsub, sentinel = site.instances(changed(sets=SITE["sets"][:1], tls=files), "a", {})
    tls = {
        "port": 0,
        "tls-replication": True,
        "tls-cert-file": "/c",
        "tls-key-file": "/k",
        "tls-ca-cert-file": "/a",
        "tls-auth-clients": False,
    }
    assert sentinel["settings"] == {**tls, "tls-port": 26379}
    assert {**pubsub["settings"], **tls, "tls-port": 6379, "replica-announce-port": 6379} == pubsub["settings"]
    (instance,) = host_instance.declare({**PARAMS, "instances": [pubsub]}, {})
    assert {"/c", "/k", "/a"} <= set(instance.reads)


def test_sentinels_without_a_password_are_reached_all_the_same() -> None:
    sentinel = site.instances(changed(password=""), "a", {})[1]
    assert sentinel["settings"]["protected-mode"] is False
    assert sentinel["users"] == [{"name": "default", "passwords": [], "rules": "on nopass ~* &* +@all"}]


def test_the_sentinels_of_valkey_hand_over_by_the_servers_themselves() -> None:
    rules = {flavor: site.instances(changed(flavor=flavor), "a", {})[0]["users"][3]["rules"] for flavor in ("redis", "valkey")}
    assert set(rules["valkey"].split()) - set(rules["redis"].split()) == {"+failover", "+client"}


def test_what_is_not_there_yet() -> None:
    assert site.new(SITE, "a", FULL["a"]) == []
    assert site.new(SITE, "c", FULL["c"]) == ["server/cache"]
    assert site.new(SITE, "a", ["server/pubsub"]) == ["sentinel/main"]


# Maintenance


def test_maintenance_goes_from_replicas_over_a_switch_to_the_old_master_and_the_sentinels() -> None:
    steps = maintenance.steps(SITE, Seen(FULL, AT_B))
    assert [(step.action, step.host, step.object) for step in steps] == [
        ("restart", "a", "server/pubsub"),
        ("restart", "c", "server/pubsub"),
        ("switch", "b", "server/pubsub"),
        ("restart", "b", "server/pubsub"),
        *(("restart", name, "sentinel/main") for name in NODES),
    ]
    assert maintenance.steps(SITE, Seen({"a": []}, AT_B)) == []
    with pytest.raises(Refused) as refused:
        maintenance.steps(SITE, Seen(FULL, {}))
    assert [problem.code for problem in refused.value.problems] == ["set.no_master"]


def test_a_master_without_replicas_is_restarted_in_place() -> None:
    found = maintenance.steps(SITE, Seen({"c": ["server/cache"]}, {"cache": "10.0.0.3:6382"}))
    # Nobody else has its data.
    assert [(step.action, step.object, step.requires) for step in found] == [
        ("backup", "server/cache", {"role": "master"}),
        ("restart", "server/cache", {"role": "master"}),
    ]


def test_data_that_are_kept_in_another_way_are_backed_up_first() -> None:
    pending = {"a": ["server/pubsub"]}
    assert [step.action for step in maintenance.steps(SITE, Seen(pending, AT_B))] == ["restart"]
    rereading = maintenance.steps(SITE, Seen(pending, AT_B, rereading=["server/pubsub"]))
    assert [(step.action, step.host) for step in rereading] == [("backup", "b"), ("restart", "a")]


def test_another_version_begins_with_a_backup_and_asks_no_older_node_for_its_link() -> None:
    steps = maintenance.steps(SITE, Seen(FULL, AT_B, NODES))
    assert [(step.action, step.host, step.requires["role"]) for step in steps[:5]] == [
        ("backup", "b", "master"),
        ("restart", "a", "replica"),
        ("restart", "c", "replica"),
        ("switch", "b", "master"),
        ("restart", "b", "replica"),
    ]
    assert [step.expects[0][maintenance.UNLINKED] for step in steps[:5]] == [
        ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"],
        ["10.0.0.2:6379", "10.0.0.3:6379"],
        ["10.0.0.2:6379"],
        ["10.0.0.2:6379"],
        [],
    ]
    assert maintenance.expected(SITE)[0] == {"name": "pubsub", "replicas": 2, maintenance.UNLINKED: [], maintenance.LEAVING: []}


def test_packages_are_those_of_what_has_the_declared_flavor() -> None:
    def packages(flavor: str, established: dict[str, str]) -> list[str]:
        return [package["name"] for package in maintenance.packages(changed(flavor=flavor), "a", established, "")]

    old = {"server/pubsub": "redis", "sentinel/main": "redis"}
    assert packages("redis", {}) == ["redis-server", "redis-sentinel", "redis-tools"]
    assert packages("valkey", old) == []
    assert packages("valkey", {**old, "server/pubsub": "valkey"}) == ["valkey-server", "valkey-tools"]


def test_packages_of_another_version_are_told() -> None:
    there = {"redis-server": "5:7.0.15-1~deb12u5", "redis-tools": "5:8.0.2-3"}
    assert maintenance.outdated(there, "8.0.2") == {"redis-server": {"before": "5:7.0.15-1~deb12u5", "after": "8.0.2"}}
    assert maintenance.outdated(there, "") == {}


# What leaves

MOVED = {"name": "pubsub", "nodes": ["d", "e"], "port": 6379}
ADDRESSES = {**SITE["addresses"], "d": "10.0.0.4", "e": "10.0.0.5"}
AT = {name: f"{address}:6379" for name, address in ADDRESSES.items()}
THERE = {**FULL, "d": ["server/pubsub"], "e": ["server/pubsub"]}


def leaving(master: str, here: t.Any = THERE, pending: t.Any = None, known: t.Any = (), alive: t.Any = None, **more: t.Any) -> list[str]:
    """The steps for a set that is to be on d and e alone, in words. `alive`: the nodes that run, by default all."""
    declared = changed(**{"sets": [MOVED], "addresses": ADDRESSES, **more})
    run = {"pubsub": [AT[name] for name in alive]} if alive else None
    steps = maintenance.steps(declared, Seen(pending or {}, {"pubsub": AT[master]}, here=here, known={"pubsub": known}, alive=run))
    return [f"{step.action} {step.object.partition('/')[0]} {step.host}" for step in steps]


ENDS = [*(f"end server {name}" for name in NODES), *(f"forget server {name}" for name in NODES)]


def test_a_set_that_moves_is_switched_to_a_node_that_stays_before_the_others_end() -> None:
    assert leaving("b") == ["switch server b", *ENDS]
    assert leaving("d") == ENDS
    declared = changed(sets=[MOVED], addresses=ADDRESSES)
    assert maintenance.target(MOVED, maintenance.running(declared, MOVED, THERE, None), "b") == "d"
    assert maintenance.target(MOVED, [], "b") is None
    steps = maintenance.steps(declared, Seen({}, {"pubsub": AT["b"]}, here=THERE))
    assert [len(step.expects[0]["leaving"]) for step in steps] == [3, 3, 3, 3, 2, 1, 0]
    assert {step.expects[0]["replicas"] for step in steps} == {1}


def test_what_an_interrupted_run_has_ended_is_forgotten_by_the_next() -> None:
    ended, forgotten = {**THERE, "a": [], "b": []}, [f"forget server {name}" for name in NODES]
    assert leaving("d", ended, known=[AT["a"], AT["b"], AT["e"]]) == ["end server c", *forgotten]
    assert leaving("d", {**ended, "c": []}, known=[AT["e"]]) == []
    # Another set is at that address: nothing of it is touched.
    other = {"name": "other", "nodes": ["a"], "port": 6379}
    assert leaving("d", {**ended, "c": [], "a": ["server/other"]}, known=[AT["a"]], sets=[MOVED, other]) == []


def test_a_set_of_one_node_restarts_before_its_replicas_end() -> None:
    """While another node has its data."""
    one = {"sets": [{"name": "pubsub", "nodes": ["a"]}]}
    here, pending = FULL, {"a": ["server/pubsub"]}
    ends = ["end server b", "end server c", "forget server b", "forget server c"]
    assert leaving("a", here, pending, **one) == ["switch server a", "restart server a", "switch server b", *ends]
    assert leaving("b", here, pending, **one) == ["restart server a", "switch server b", *ends]
    assert leaving("a", here, **one) == ends
    # On hosts that are gone there is nobody to switch to.
    assert leaving("a", here, pending, alive=["a"], **one) == ["backup server a", "restart server a", *ends]
    assert leaving("a", here, pending, alive=["a", "c"], **one) == ["switch server a", "restart server a", "switch server c", *ends]
    # One that leaves saves its data at its end.
    declared = changed(addresses=ADDRESSES, **one)
    steps = maintenance.steps(declared, Seen(pending, {"pubsub": AT["b"]}, here=here, rereading=["server/pubsub"]))
    assert [step.action for step in steps] == ["restart", "switch", "end", "end", "forget", "forget"]


def test_a_set_leaves_nothing_before_all_its_new_nodes_are_there() -> None:
    with pytest.raises(Refused) as refused:
        leaving("b", {**FULL, "d": ["server/pubsub"], "e": []})
    assert [problem.code for problem in refused.value.problems] == ["set.incomplete"]
    with pytest.raises(Refused) as refused:
        leaving("b", {name: found for name, found in THERE.items() if name != "b"})
    assert [problem.code for problem in refused.value.problems] == ["set.no_master"]


def test_sentinels_leave_last_and_are_forgotten() -> None:
    here = {**FULL, "d": ["sentinel/main"]}
    more = {"sets": SITE["sets"][:1], "addresses": ADDRESSES}
    assert leaving("a", here, {"a": ["sentinel/main"]}, **more) == ["restart sentinel a", "end sentinel d", "forget sentinel d"]
    assert leaving("a", {**here, "d": []}, known=["10.0.0.4:26379"], **more) == ["forget sentinel d"]


def test_new_nodes_follow_a_master_that_leaves() -> None:
    declared = changed(sets=[MOVED], addresses=ADDRESSES)
    here = {**FULL, "d": [], "e": []}
    assert site.bootstrap(declared, here, {"pubsub": AT["b"]}, "d") == ({"pubsub": "b"}, [])
    assert [problem.code for problem in site.bootstrap(declared, here, {}, "d")[1]] == ["set.unknown_master"]


def test_a_set_that_must_be_absent_is_kept_apart() -> None:
    sets = [{"name": "pubsub", "nodes": ["a"]}, {"name": "cache", "state": "absent", "port": 6379, "keep_data": False}]
    declared = {**site.split(changed(sets=sets)), "addresses": ADDRESSES}
    assert [item["name"] for item in site.instances(declared, "a", {})] == ["pubsub", "main"]
    assert [entry["name"] for entry in site.masters(declared)] == ["pubsub"]
    ended = site.ended(declared, declared["absent"][0])
    assert (ended["name"], ended["state"], ended["keep_data"]) == ("cache", "absent", False)
    assert [problem.code for problem in site.occupied(declared, "a", ["server/cache"])] == ["set.port"]
    assert not list(site.occupied(declared, "a", ["server/cache", "server/pubsub"]))
    assert not list(site.occupied(declared, "a", []))


@pytest.mark.parametrize(
    ("absent", "code"),
    [
        ({"name": "pubsub"}, "set.twice"),
        ({"name": "cache", "directory": "/srv/redis", "keep_data": False}, "set.directory"),
        ({"name": "cache", "directory": "/srv/redis"}, None),
        ({"name": "cache", "directory": "/srv/red", "keep_data": False}, None),
    ],
)
def test_an_absent_set_takes_nothing_of_another(absent: dict[str, t.Any], code: str | None) -> None:
    sets = [{"name": "pubsub", "nodes": ["a"], "directory": "/srv/redis/pubsub"}, {**absent, "state": "absent"}]
    assert set(codes(site.split(changed(sets=sets)))) == ({code} if code else set())


# Addresses


def test_names_are_addresses_only_where_that_is_declared() -> None:
    named = changed(addresses={name: f"redis-{name}.example.org" for name in NODES}, access={"username": "", "password": ""})
    assert set(codes(named)) == {"host.address"}
    assert codes({**named, "hostnames": True}) == {}
    assert set(codes({**named, "hostnames": True, "addresses": {**named["addresses"], "a": "a name"}})) == {"host.address"}
    assert site.settings({**named, "hostnames": True})["resolve_hostnames"] is True
    assert "resolve_hostnames" not in site.settings(named)
    assert site.place(named, SITE["sets"][0], "a") == "redis-a.example.org:6379"


def test_the_controller_may_reach_hosts_by_other_addresses() -> None:
    assert site.reach(SITE, {"a": "203.0.113.1", "b": ""}) == {"10.0.0.1": "203.0.113.1"}
    assert site.reach(changed(run_on="a"), {"a": "203.0.113.1"}) == {}


def test_sentinels_may_run_the_scripts_of_their_sets_and_no_others() -> None:
    declared = changed(sets=[{**SITE["sets"][0], "notification_script": "/usr/local/bin/tell"}])
    (dummy, sentinel) = site.instances(declared, "a", {})
    assert sentinel["scripts"] == ["/usr/local/bin/tell"]
    (made,) = host_instance.declare({**PARAMS, "instances": [sentinel]}, {})
    assert "\nsentinel deny-scripts-reconfig no\n" in made.static
    assert "\nExecPaths=/usr/local/bin/tell /bin /lib /usr/bin /usr/lib\n" in made.drop_in
    assert site.masters(declared)[0]["notification_script"] == "/usr/local/bin/tell"
    assert "notification_script" not in site.masters(declared, with_scripts=False)[0]


def test_data_may_be_on_another_disk() -> None:
    sets = [{**SITE["sets"][0], "directory": "/srv/redis/pubsub", "socket_mode": "770"}]
    server = site.instances(changed(sets=sets), "a", {})[0]
    (made,) = host_instance.declare({**PARAMS, "instances": [server]}, {})
    assert "\ndir /srv/redis/pubsub\n" in made.static and "\nunixsocketperm 770\n" in made.static
    assert "\nReadWritePaths=/srv/redis/pubsub\n" in made.drop_in


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"directory": "redis"}, "directory.name"),
        ({"directory": "/srv"}, "directory.name"),
        ({"directory": "/srv/../etc"}, "directory.name"),
        ({"directory": "/srv/a b"}, "directory.name"),
        ({"directory": "/var/lib/redis/cache"}, "directory.twice"),
        ({"directory": "/var/lib/redis"}, "directory.twice"),
        ({"socket_mode": "rwx"}, "socket.mode"),
        ({"scripts": ["/usr/bin/true"]}, "script.path"),
    ],
)
def test_what_an_instance_must_not_use_is_refused(given: dict[str, t.Any], code: str) -> None:
    pubsub, cache = (item for item in site.instances(SITE, "c", {}) if item["kind"] == "server")
    params = {**PARAMS, "instances": [{**pubsub, **given}, cache]}
    with pytest.raises(Refused) as refused:
        host_instance.declare(params, {})
    assert {problem.code for problem in refused.value.problems} == {code}


# One run at a time


def test_a_part_of_a_set_is_not_maintained() -> None:
    assert list(maintenance.partial(SITE, [*NODES, "other"])) == []
    (problem,) = maintenance.partial(SITE, ["a"])
    assert problem.code == "set.partial"
    assert "b, c" in problem.message
    assert "--limit" in problem.remedy


def test_a_role_takes_passwords_from_the_environment_where_it_gives_none() -> None:
    environment = {"REDIS_PASSWORD": "one", "REDIS_MASTERAUTH": "two", "REDIS_SENTINEL_PASSWORD": "three"}
    found = site.with_environment({"admin_password": "", "masterauth": "given", "access": {"tls": False}}, environment)
    assert {name: found[name] for name in ("admin_password", "masterauth", "auth_pass", "password")} == {
        "admin_password": "one",
        "masterauth": "given",
        "auth_pass": "",
        "password": "three",
    }
    assert found["access"] == {"tls": False, "data_password": "one", "password": "three", "username": ""}
    assert site.with_environment({}, {"REDIS_SENTINEL_CLIENT_PASSWORD": "four"})["access"]["username"] == "admin"


@pytest.mark.parametrize("check", [True, False])
def test_a_plan_names_its_steps_as_changes_where_it_only_predicts(check: bool) -> None:
    pytest.importorskip("jinja2", reason="action plugins run on a controller")
    action = importlib.import_module("ansible_collections.eco2.platform.plugins.action.redis_site").ActionModule

    class Planned(action):  # type: ignore[misc, valid-type]
        """Two replicas wait for a restart; all is well."""

        def __init__(self) -> None:
            self.site, self.options, self.lists = changed(sets=SITE["sets"][:1]), {"wait": True}, {"changes": []}
            self._task = types.SimpleNamespace(check_mode=check)

        def _registered(self, name: str, key: str) -> dict[str, t.Any]:
            waiting = {"a": ["server/pubsub"], "b": [], "c": ["server/pubsub"]}
            here = {host: {"instances": names, "upgrading": False, "rereading": []} for host, names in waiting.items()}
            return here if key == "waiting" else FULL

        def _healthy(self, masters: t.Any, wait: bool) -> dict[str, t.Any]:
            return {"masters": AT_B, "known": {}, "seen": []}

    planned = Planned()
    assert planned._plan()["names"] == ["restart server/pubsub on a", "restart server/pubsub on c"]
    steps = [{"kind": "step", "object": f"server/pubsub on {host}", "action": "restart"} for host in ("a", "c")]
    assert planned.lists["changes"] == (steps if check else [])


def test_what_is_asked_before_nodes_are_forgotten_is_asked_by_its_new_name() -> None:
    sets = [{**entry, "rename_commands": {"INFO": "info-x"}} if entry["name"] == "cache" else entry for entry in SITE["sets"]]
    (cache,) = maintenance.to_forget(changed(sets=sets), ["cache"])
    assert cache["rename_commands"] == {"INFO": "info-x"} and set(cache) == {"name", "address", "replicas", "rename_commands"}
    (pubsub,) = maintenance.to_forget(changed(sets=sets), ["pubsub"])
    assert set(pubsub) == {"name", "address", "replicas"}
