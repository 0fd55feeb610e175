"""Whatever is declared, and whatever was done behind our back: check tells what apply does, and a second apply does nothing."""

from __future__ import annotations

import os
import random
import typing as t
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from watch import Watch, address

from lab import redis
from lab.redis import Group, Server
from lab.resp import pairs

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
CASES_EACH = 7 * TIMES  # of each kind of drift on each server

NAMES = ("auth", "cache.2", "pub-sub")
OPTIONS = {
    "quorum": st.sampled_from([1, 2, 3]),
    "down_after_milliseconds": st.sampled_from([900, 30000]),
    "failover_timeout": st.sampled_from([10000, 180000]),
    "parallel_syncs": st.sampled_from([1, 3]),
    "auth_user": st.sampled_from(["", "default"]),
    "master_reboot_down_after_period": st.sampled_from([0, 5000]),
    "rename_commands": st.sampled_from([{}, {"CONFIG": "other-config"}]),
}
WORDS = {name: name.replace("_", "-") for name in ("quorum", "down_after_milliseconds", "failover_timeout", "parallel_syncs")}

Item = t.Dict[str, t.Any]
World = t.Dict[str, Item]  # master -> what is declared of it

WORLDS: st.SearchStrategy[World] = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(st.fixed_dictionaries({}, optional=OPTIONS), st.just({"state": "absent"})),
    max_size=3,
)
SETTINGS = st.fixed_dictionaries({}, optional={"resolve_hostnames": st.booleans(), "announce_hostnames": st.booleans()})

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
            self.sentinel.ask("SENTINEL", "SET", name, word, self.dice.choice([1, 777]) if word != "quorum" else 3)

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
    with redis.group(f"drift-{line}", line, replicas=5) as group, Watch(group) as watch:
        sets = dict(zip(NAMES, (group.data[0:2], group.data[2:4], group.data[4:6])))
        for master, replica in sets.values():
            master.ask("REPLICAOF", "NO", "ONE")
            replica.ask("REPLICAOF", master.host, master.port)
        group.wait_linked()

        @settings(max_examples=CASES_EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(st.tuples(WORLDS, WORLDS, SETTINGS), st.integers(0, 2**32), st.booleans())
        def case(kind: str, worlds: tuple[World, World, Item], throw: int, prune: bool) -> None:
            first, second, wanted = worlds
            dice = random.Random(throw)
            watch.clean()
            _converge(watch, sets, first, {}, prune=True)
            getattr(Drift(group, dice, sets), kind)()
            if dice.random() < 0.5:  # what was declared stays so, but for what is declared otherwise
                second = {**first, **second}
            try:
                _converge(watch, sets, second, wanted, prune)
            finally:
                for server in group.sentinels:
                    server.start()
            seen[kind] += 1
            cases[line] += 1

        # Cases of its own for each pair: where CI is set, Hypothesis would draw the same ones for all of them.
        for kind in KINDS:
            seed(f"{line} {kind}")(case)(kind)


def _converge(watch: Watch, sets: dict[str, list[Server]], world: World, wanted: Item, prune: bool) -> None:
    masters = [{"name": name, "address": [address(server) for server in sets[name]], **item} for name, item in world.items()]
    arguments = {"masters": masters, "settings": wanted, "prune": prune, "unreachable_sentinels": "skip"}
    before = watch.snapshot()
    foreseen = watch.task.check(**arguments)
    assert not foreseen.get("failed"), foreseen
    assert watch.snapshot() == before, "check mode wrote something"
    done = watch.task.apply(**arguments)
    assert not done.get("failed"), done
    assert done["changes"] == foreseen["changes"]
    assert done["diff"] == foreseen["diff"]
    assert done["changed"] is bool(done["changes"])
    _assert_as_declared(watch, sets, world, wanted, prune)
    after = watch.snapshot()
    again = watch.task.apply(**arguments)
    assert (again["changed"], again["changes"]) == (False, [])
    assert watch.snapshot() == after
    seen.update(f"{change['kind']} {change['action']}" for change in done["changes"])
    seen.update(difference["field"] for change in done["changes"] for difference in change["differences"])


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
                assert option not in item or rows[name][word] == str(item[option])
        config = pairs(server.ask("SENTINEL", "CONFIG", "GET", "*"))
        for name, value in wanted.items():
            assert config[name.replace("_", "-")] == ("yes" if value else "no")


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
    wanted |= OPTIONS.keys() - {"rename_commands"}
    assert {name: seen[name] for name in wanted if seen[name] < 3} == {}
