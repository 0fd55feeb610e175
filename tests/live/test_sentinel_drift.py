"""Whatever is declared, and whatever was done behind our back: check tells what apply does, and a second apply does nothing."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import subprocess
import typing as t
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from watch import Watch, address, hidden

from lab import redis
from lab.redis import Group, Server, ServerSaid
from lab.resp import pairs

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
CASES_EACH = 5 * TIMES  # of each kind of drift on each server

NAMES = ("auth", "cache.2", "pub-sub")
# Two passwords of one user each, so that either gets in, and none does not.
DATA, SENTINEL = ("canary-data-1", "canary-data-2"), ("canary-sentinel-1", "canary-sentinel-2")
DATA_CONFIG = f"requirepass {DATA[0]}\nmasterauth {DATA[0]}\n"
SENTINEL_CONFIG = (
    f"user default on >{SENTINEL[0]} >{SENTINEL[1]} ~* &* +@all\nsentinel sentinel-pass {SENTINEL[0]}\nsentinel deny-scripts-reconfig no\n"
)
OPTIONS = {
    "quorum": st.sampled_from([1, 2, 3]),
    # Not so short that a busy machine looks like a dead one: of failovers there are other tests.
    "down_after_milliseconds": st.sampled_from([9000, 30000]),
    "failover_timeout": st.sampled_from([10000, 180000]),
    "parallel_syncs": st.sampled_from([1, 3]),
    "notification_script": st.sampled_from(["", "/bin/true"]),
    "client_reconfig_script": st.sampled_from(["", "/bin/false"]),
    "auth_user": st.sampled_from(["", "default"]),
    "master_reboot_down_after_period": st.sampled_from([0, 5000]),
    "rename_commands": st.sampled_from([{}, {"CONFIG": "other-config"}]),
}
AUTH_PASS = {"auth_pass": st.sampled_from(DATA)}
SHOWN = ("quorum", "down_after_milliseconds", "failover_timeout", "parallel_syncs", "notification_script", "client_reconfig_script")
WORDS = {name: name.replace("_", "-") for name in SHOWN}
# What the files say where it is not told, and without what the lines are left out.
HIDDEN = {"auth_user": "", "auth_pass": "", "master_reboot_down_after_period": 0}

Item = t.Dict[str, t.Any]
World = t.Dict[str, Item]  # master -> what is declared of it

WORLDS: st.SearchStrategy[World] = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(st.fixed_dictionaries(AUTH_PASS, optional=OPTIONS), st.just({"state": "absent"})),
    max_size=3,
)
# Those of the links between sentinels take seconds to be seen well, so they are rarer.
LINKS = {"sentinel_user": st.sampled_from(["", "default"]), "sentinel_pass": st.sampled_from(SENTINEL)}
SWITCHES = {"resolve_hostnames": st.booleans(), "announce_hostnames": st.booleans()}
LOGLEVEL = {"loglevel": st.sampled_from(["debug", "verbose", "notice"])}


def settings_of(line: str) -> st.SearchStrategy[Item]:
    few = {**SWITCHES, **(LOGLEVEL if line != "redis-7.0" else {})}
    plain = st.fixed_dictionaries({}, optional=few)
    return st.integers(0, 3).flatmap(lambda number: plain if number else st.fixed_dictionaries({}, optional={**few, **LINKS}))


# What each sentinel announces, where it does: the address that it has, in one of two ways.
ANNOUNCED = st.sampled_from([None, None, None, "own", "default"])


seen: Counter[str] = Counter()
cases: Counter[str] = Counter()


class Drift:
    """What another client, or an accident, does to one sentinel. Each method's name is a kind of drift."""

    def __init__(self, group: Group, dice: random.Random, sets: dict[str, list[Server]]) -> None:
        self.group = group
        self.dice = dice
        self.sets = sets
        self.sentinel = dice.choice(group.sentinels)

    def known(self) -> list[str]:
        return [row["name"] for row in map(pairs, self.sentinel.ask("SENTINEL", "MASTERS"))]

    def address_moved(self) -> None:
        for name in self.known():
            if name in self.sets:
                self.sentinel.ask("SENTINEL", "REMOVE", name)
                replica = self.sets[name][1]
                self.sentinel.ask("SENTINEL", "MONITOR", name, replica.host, replica.port, 2)

    def master_absent(self) -> None:
        for name in self.known():
            self.sentinel.ask("SENTINEL", "REMOVE", name)

    def extra_master(self) -> None:
        if "extra" not in self.known():
            self.sentinel.ask("SENTINEL", "MONITOR", "extra", "127.77.255.1", 6379, 1)

    def option_changed(self) -> None:
        for name in self.known():
            word = self.dice.choice(list(WORDS.values()))
            values: list[t.Any] = ["", "/bin/true"] if word.endswith("script") else [3] if word == "quorum" else [7777, 777000]
            self.sentinel.ask("SENTINEL", "SET", name, word, self.dice.choice(values))

    def hidden_changed(self) -> None:
        for name in self.known():
            self.sentinel.ask("SENTINEL", "SET", name, "auth-pass", self.dice.choice(DATA), "auth-user", "default")
            self.sentinel.ask("SENTINEL", "SET", name, "rename-command", "CONFIG", self.dice.choice(["CONFIG", "third-config"]))

    def setting_changed(self) -> None:
        word, values = self.dice.choice(
            [("announce-port", ["0", "26379"]), ("sentinel-user", ["", "default"]), ("resolve-hostnames", ["no", "yes"])]
        )
        self.sentinel.ask("SENTINEL", "CONFIG", "SET", word, self.dice.choice(values))

    def file_unsaved(self) -> None:
        """What it was told is live, and could not be written to its file."""
        subprocess.run(["mount", "--bind", self.sentinel.home, self.sentinel.home], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", self.sentinel.home], check=True)
        try:
            for name in self.known():
                with contextlib.suppress(ServerSaid):
                    self.sentinel.ask("SENTINEL", "SET", name, "down-after-milliseconds", 7777)
        finally:
            subprocess.run(["umount", self.sentinel.home], check=True)

    def file_of_yesterday(self) -> None:
        """Killed, and started with what it had saved before."""
        old = self.sentinel.config.read_text(encoding="utf-8")
        self.master_absent()
        self.sentinel.kill()
        self.sentinel.config.write_text(old, encoding="utf-8")
        self.sentinel.start()

    def sentinel_dead(self) -> None:
        self.sentinel.stop()

    def nothing(self) -> None:
        """All as it was."""


KINDS = [name for name in vars(Drift) if not name.startswith("_") and name != "known"]


@pytest.mark.parametrize("line", list(redis.LINES))
def test_check_tells_what_apply_does(line: str) -> None:
    with redis.group(f"drift-{line}", line, replicas=5, data_config=DATA_CONFIG, sentinel_config=SENTINEL_CONFIG) as group:
        for server in group.servers:
            server.credentials = (SENTINEL[0] if server.sentinel else DATA[0],)
        for server in group.data:
            server.ask("ACL", "SETUSER", "default", f">{DATA[1]}")
        sets = dict(zip(NAMES, (group.data[0:2], group.data[2:4], group.data[4:6])))
        for master, replica in sets.values():
            master.ask("REPLICAOF", "NO", "ONE")
            replica.ask("REPLICAOF", master.host, master.port)
        group.wait_linked()
        _cases(line, group, sets)


def _cases(line: str, group: Group, sets: dict[str, list[Server]]) -> None:
    with Watch(group, password=SENTINEL[0]) as watch:

        @settings(max_examples=CASES_EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(st.tuples(WORLDS, WORLDS), settings_of(line), ANNOUNCED, st.integers(0, 2**32), st.booleans(), st.booleans())
        def case(  # noqa: PLR0917
            kind: str, worlds: tuple[World, World], wanted: Item, announced: str | None, throw: int, prune: bool, by_file: bool
        ) -> None:
            first, second = worlds
            dice = random.Random(throw)
            watch.clean()
            # An empty list with prune is refused.
            _converge(watch, sets, first, prune=bool(first))
            drift = Drift(group, dice, sets)
            getattr(drift, kind)()
            if dice.random() < 0.8:  # what was declared stays so, but for what is declared otherwise
                second = {**first, **second}
            prune = prune and bool(second)
            try:
                done = _converge(watch, sets, second, wanted, announced, prune, by_file)
                if kind == "file_unsaved" and any(change["identity"]["sentinel"] == address(drift.sentinel) for change in done["changes"]):
                    drift.sentinel.kill()
                    drift.sentinel.start()
                    _assert_as_declared(watch, sets, second, wanted, prune)
            finally:
                for server in group.sentinels:
                    server.start()
            seen[kind] += 1
            cases[line] += 1

        # Cases of its own for each pair: where CI is set, Hypothesis would draw the same ones for all of them.
        for kind in KINDS:
            seed(f"{line} {kind}")(case)(kind)


def _converge(  # noqa: PLR0917
    watch: Watch,
    sets: dict[str, list[Server]],
    world: World,
    wanted: Item | None = None,
    announced: str | None = None,
    prune: bool = False,
    by_file: bool = False,
) -> Item:
    masters = [{"name": name, "address": [address(server) for server in sets[name]], **item} for name, item in world.items()]
    common = {"masters": masters, "settings": wanted or {}, "prune": prune, "unreachable_sentinels": "skip"}

    def arguments() -> Item:
        sentinels = [_sentinel(server, announced, by_file) for server in watch.group.sentinels]
        return {**common, "sentinels": sentinels, "update_hidden": "from_file" if by_file else "on_create"}

    before = watch.snapshot()
    foreseen = watch.task.check(**arguments())
    assert not foreseen.get("failed"), foreseen
    assert watch.snapshot() == before, "check mode wrote something"
    done = watch.task.apply(**arguments())
    assert not done.get("failed"), done
    assert done["changes"] == foreseen["changes"]
    assert done["diff"] == foreseen["diff"]
    assert done["changed"] is bool(done["changes"])
    assert "canary" not in str([foreseen, done])
    _assert_as_declared(watch, sets, world, wanted or {}, prune)
    _assert_hidden_as_declared(watch, world, done["changes"], by_file)
    _assert_announced(watch, announced)
    after = watch.snapshot()
    again = watch.task.apply(**arguments())
    assert (again["changed"], again["changes"]) == (False, [])
    assert watch.snapshot() == after
    seen.update(f"{change['kind']} {change['action']}" for change in done["changes"])
    seen.update(difference["field"] for change in done["changes"] for difference in change["differences"])
    return done


def _sentinel(server: Server, announced: str | None, by_file: bool) -> Item:
    item: Item = {"host": server.host}
    if announced is not None:
        item.update(announce_ip=server.host, announce_port=server.port if announced == "own" else 0)
    if by_file:
        item["conf"] = server.config.read_text(encoding="utf-8")
    return item


def _assert_as_declared(watch: Watch, sets: dict[str, list[Server]], world: World, wanted: Item, prune: bool) -> None:
    present = {name: item for name, item in world.items() if item.get("state") != "absent"}
    absent = world.keys() - present.keys()
    for server in watch.group.sentinels:
        if not server.running:
            continue
        rows = {row["name"]: row for row in map(pairs, server.ask("SENTINEL", "MASTERS"))}
        assert present.keys() <= rows.keys()
        assert not absent & rows.keys()
        assert not prune or rows.keys() == present.keys()
        for name, item in present.items():
            assert (rows[name]["ip"], int(rows[name]["port"])) == sets[name][0].address
            for option, word in WORDS.items():
                assert option not in item or rows[name].get(word, "") == str(item[option])
        config = pairs(server.ask("SENTINEL", "CONFIG", "GET", "*"))
        for name, value in wanted.items():
            assert config[name.replace("_", "-")] == ({True: "yes", False: "no"}[value] if isinstance(value, bool) else value)


def _assert_hidden_as_declared(watch: Watch, world: World, changes: list[Item], by_file: bool) -> None:
    """On each sentinel where the master was added or mended, and on all where the files were compared."""
    made = {change["object"] for change in changes if change["action"] in ("create", "replace")}
    for server in watch.group.sentinels:
        for name, item in world.items():
            if server.running and item.get("state") != "absent" and (by_file or f"{address(server)}/{name}" in made):
                filed = _filed(server, name)
                for option, nothing in HIDDEN.items():
                    assert option not in item or filed.get(option, nothing) == item[option], (option, item)
                assert "rename_commands" not in item or filed.get("rename_commands", {}) == item["rename_commands"]


def _filed(server: Server, name: str) -> Item:
    """Of one master, by the words of the file."""
    found: Item = {}
    for line in hidden(server):
        # The newest put quotes around some values.
        dummy, word, of, *values = shlex.split(line)
        if of != name:
            continue
        if word == "rename-command":
            found.setdefault("rename_commands", {})[values[0]] = values[1]
        elif word.endswith("reboot-down-after-period"):
            found["master_reboot_down_after_period"] = int(values[0])
        else:
            found[word.replace("-", "_")] = values[0]
    return found


def _assert_announced(watch: Watch, announced: str | None) -> None:
    for server in watch.group.sentinels:
        if server.running and announced is not None:
            config = pairs(server.ask("SENTINEL", "CONFIG", "GET", "*"))
            assert (config["announce-ip"], config["announce-port"]) == (server.host, str(server.port if announced == "own" else 0))


def test_enough_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of drift and every option, at least three times; and at least 100 cases."""
    if not cases:
        pytest.skip("counts what test_check_tells_what_apply_does did, which did not run")
    with capsys.disabled():
        print(f"\n{sum(cases.values())} cases: {dict(cases)}")
        for name, count in sorted(seen.items()):
            print(f"  {name:32} {count}")
    assert sum(cases.values()) >= 100
    wanted = {*KINDS, "master create", "master update", "master replace", "master delete", "sentinel update", "rename CONFIG"}
    wanted |= {*OPTIONS, "auth_pass", *SWITCHES, *LOGLEVEL, *LINKS, "announce_ip", "announce_port"} - {"rename_commands"}
    assert {name: seen[name] for name in wanted if seen[name] < 3} == {}
