"""What goes wrong around sentinels, caused on purpose: nothing is written half-way, nothing chosen between two masters."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import typing as t

import pytest
from ground import one_line
from harness import ModuleTask
from relay import Relay, bulk
from watch import LINES, Watch, address, lone, quick, until

from lab import redis
from lab.redis import Group, Server, ServerSaid
from lab.resp import pairs

PASSWORD = "canary-of-the-data-nodes"


@pytest.fixture(scope="module", params=LINES)
def group(request: pytest.FixtureRequest) -> t.Iterator[Group]:
    with redis.group(f"faults-{request.param}", request.param) as made:
        quick(made)
        yield made


@pytest.fixture
def watch(group: Group) -> t.Iterator[Watch]:
    with Watch(group) as made:
        yield made
        for server in group.servers:
            if not server.running:
                server.start()
        quick(group)
    # Nobody watches them now: what a test left is put in order by hand.
    group.data[0].ask("REPLICAOF", "NO", "ONE")
    for server in group.data[1:]:
        server.ask("REPLICAOF", group.data[0].host, group.data[0].port)
    group.wait_linked()


def declared(group: Group, **more: t.Any) -> dict[str, t.Any]:
    seeds = [address(server) for server in group.data]
    master = {"name": "pubsub", "address": seeds, "quorum": 2, "down_after_milliseconds": 1000, "failover_timeout": 10000}
    return {"masters": [{**master, **more}]}


def named_by(sentinel: Server) -> str:
    return ":".join(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub"))


def settled(watch: Watch) -> None:
    """The set as it is declared, all well, and the master first among the data nodes."""
    done = watch.task.apply(**declared(watch.group))
    assert not done.get("failed"), done
    watch.group.wait_healthy("pubsub")
    now = named_by(watch.group.sentinels[0])
    watch.group.data.sort(key=lambda server: address(server) != now)


def test_a_sentinel_that_is_down(watch: Watch) -> None:
    settled(watch)
    down = watch.group.sentinels[1]
    down.stop()
    line = watch.refused(address(down), "does it run", **declared(watch.group, quorum=3))
    assert "\n" not in line
    done = watch.task.apply(**declared(watch.group, quorum=3), unreachable_sentinels="skip")
    assert [change["identity"]["sentinel"] for change in done["changes"]] == [address(watch.group.sentinels[n]) for n in (0, 2)]
    assert address(down) in str(done["warnings"])
    watch.idle(**declared(watch.group, quorum=3), unreachable_sentinels="skip")
    down.start()
    done = watch.settle(**declared(watch.group, quorum=3))
    assert [change["identity"]["sentinel"] for change in done["changes"]] == [address(down)]


def test_no_majority_no_change(watch: Watch) -> None:
    settled(watch)
    for server in watch.group.sentinels[1:]:
        server.stop()
    watch.refused("1 of 3 sentinels answer", **declared(watch.group, quorum=3), unreachable_sentinels="skip")


def test_a_hung_master(watch: Watch) -> None:
    settled(watch)
    old = watch.group.data[0]
    old.pause()
    try:
        until(lambda: all(entry != {"pubsub": address(old)} for entry in watch.masters()))
        watch.idle(**declared(watch.group))
    finally:
        old.resume()
    # Awake again it takes itself for a master for ten seconds; the sentinels know better.
    watch.idle(**declared(watch.group))
    watch.group.wait_healthy("pubsub")
    watch.idle(**declared(watch.group))


def test_a_cut_between_two_halves(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    one_side, other_side = [group.data[0], group.sentinels[0]], [*group.data[1:], *group.sentinels[1:]]
    with redis.partition(one_side, other_side):
        until(lambda: all(entry != {"pubsub": address(group.data[0])} for entry in watch.masters()[1:]))
        new = named_by(group.sentinels[1])
        watch.refused("more than one master", address(group.data[0]), new, "epoch", **declared(group, quorum=3))
        watch.refused("more than one master", **declared(group))
    group.wait_healthy("pubsub")
    assert watch.masters() == [{"pubsub": new}] * 3
    watch.idle(**declared(group))


def test_a_former_master_in_a_later_epoch_is_mended_too(watch: Watch) -> None:
    """Files of another time: the wrong address with an epoch above zero, which sentinels believe each other."""
    settled(watch)
    group = watch.group
    files = {server: server.config.read_text(encoding="utf-8") for server in group.sentinels}
    group.sentinels[0].ask("SENTINEL", "FAILOVER", "pubsub")
    until(lambda: all(entry != {"pubsub": address(group.data[0])} for entry in watch.masters()))
    group.wait_healthy("pubsub")
    true_master = named_by(group.sentinels[0])
    for server in group.sentinels:
        server.stop()
        text = re.sub("(config-epoch pubsub|current-epoch) 0", r"\1 9", files[server])
        server.config.write_text(text, encoding="utf-8")
        server.start()
    quick(group)
    assert watch.masters() == [{"pubsub": address(group.data[0])}] * 3
    assert true_master != address(group.data[0])
    done = watch.task.apply(**declared(group))
    assert not done.get("failed"), done
    group.wait_healthy("pubsub")
    assert watch.masters() == [{"pubsub": true_master}] * 3
    watch.idle(**declared(group))


# Credentials


@pytest.fixture(params=LINES)
def locked(request: pytest.FixtureRequest) -> t.Iterator[Watch]:
    config = f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\n"
    with redis.group("locked", request.param, replicas=1, data_config=config) as made:
        for server in made.data:
            server.credentials = (PASSWORD,)
        made.wait_linked()
        quick(made)
        with Watch(made) as watch:
            yield watch


def test_passwords(locked: Watch) -> None:
    group = locked.group
    locked.refused("requires a password", "data_password", **declared(group))
    locked.refused("does not accept these credentials", "auth_pass", **declared(group, auth_pass="wrong"))
    # The task gets in, the sentinels would not.
    line = locked.refused("master pubsub", "auth_user and auth_pass", **declared(group), data_password=PASSWORD)
    assert PASSWORD not in line
    locked.refused("does not accept these", "auth_pass", **declared(group, auth_pass="wrong"), data_password=PASSWORD)
    done = locked.settle(**declared(group, auth_pass=PASSWORD))
    assert PASSWORD not in str(done)
    group.wait_healthy("pubsub")
    # What was right once is wrong on two sentinels now; only the policy "always" can know.
    for server in group.sentinels[1:]:
        server.ask("SENTINEL", "SET", "pubsub", "auth-pass", "gone")
    done = locked.task.apply(**declared(group, auth_pass=PASSWORD), update_hidden="always")
    assert not done.get("failed"), done
    assert len(done["changes"]) == 3
    group.wait_healthy("pubsub")


# Files that cannot be written


@contextlib.contextmanager
def small_disk(server: Server) -> t.Iterator[None]:
    """The sentinel's directory on a file system of its own, with its files."""
    server.stop()
    files = {path.name: path.read_bytes() for path in server.home.iterdir() if path.is_file()}
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "eco2-lab", server.home], check=True)
    try:
        for name, content in files.items():
            (server.home / name).write_bytes(content if name == server.config.name else b"")
        server.start()
        yield
    finally:
        server.stop()
        while server.home.is_mount():
            subprocess.run(["umount", server.home], check=True)
        server.start()


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_directory_that_cannot_be_written(watch: Watch, fault: str) -> None:
    settled(watch)
    server = watch.group.sentinels[1]
    with small_disk(server):
        quick(watch.group)
        watch.group.wait_healthy("pubsub")
        before = watch.snapshot()
        if fault == "full":
            with contextlib.suppress(OSError):
                (server.home / "filler").write_bytes(b"x" * 65536)
        else:
            # Over the one that it has open: whatever it makes by its path is in this one.
            text = server.config.read_text(encoding="utf-8")
            subprocess.run(["mount", "-t", "tmpfs", "eco2-lab", server.home], check=True)
            server.config.write_text(text, encoding="utf-8")
            subprocess.run(["mount", "-o", "remount,ro", server.home], check=True)
        done = watch.task.apply(**declared(watch.group, quorum=3))
        assert done["failed"]
        assert "cannot save its sentinel.conf" in done["msg"], done["msg"]
        assert address(server) in done["msg"]
        assert "\n" not in done["msg"]
        # The first one is done, the second as before, the third not tried.
        after = watch.snapshot()
        assert [after[s.host] == before[s.host] for s in watch.group.sentinels] == [False, True, True]
        assert len(done["not_attempted"]) == 2
        if fault == "full":
            (server.home / "filler").unlink()
        else:
            subprocess.run(["umount", server.home], check=True)
        watch.settle(**declared(watch.group, quorum=3))


# What sentinels remember


def numbers(group: Group) -> set[tuple[str, str]]:
    rows = [pairs(server.ask("SENTINEL", "MASTER", "pubsub")) for server in group.sentinels]
    return {(row["num-slaves"], row["num-other-sentinels"]) for row in rows}


def test_a_dead_sentinel_is_forgotten_and_a_failover_goes_on(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    fourth = group.add_sentinel()
    fourth.ask("SENTINEL", "MONITOR", "pubsub", group.data[0].host, group.data[0].port, 2)
    until(lambda: numbers(group) == {("2", "3")})
    watch.idle(**declared(group, replicas=2), forget_stale=True, sentinels=watch.task.defaults["sentinels"])
    group.sentinels.remove(fourth)
    fourth.kill()
    until(lambda: all("s_down" in str(server.ask("SENTINEL", "SENTINELS", "pubsub")) for server in group.sentinels), 60)
    watch.idle(**declared(group, replicas=2))
    done = watch.settle(**declared(group, replicas=2), forget_stale=True)
    expected = [{"field": f"sentinel {fourth.host}:{fourth.port}", "before": "down", "after": None}]
    assert [change["differences"] for change in done["changes"]] == [expected] * 3
    assert numbers(group) == {("2", "2")}
    group.data[0].kill()
    until(lambda: all(named_by(server) != address(group.data[0]) for server in group.sentinels), 20)
    group.data[0].start()
    group.wait_healthy("pubsub")


def test_a_storm_of_resets(watch: Watch) -> None:
    """As of an operator gone wild: whatever the run says, the next one after the storm ends right."""
    settled(watch)
    group, over = watch.group, threading.Event()

    def storm() -> None:
        while not over.wait(0.3):
            for server in group.sentinels:
                with contextlib.suppress(ServerSaid, OSError):
                    server.ask("SENTINEL", "RESET", "*")

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        watch.task.apply(**declared(group, quorum=3, parallel_syncs=2), wait_timeout=5.0)
    finally:
        over.set()
        thread.join()
    done = watch.task.apply(**declared(group, quorum=3, parallel_syncs=2))
    assert not done.get("failed"), done
    group.wait_healthy("pubsub")
    watch.idle(**declared(group, quorum=3, parallel_syncs=2))


# A sentinel that refuses in the middle


@contextlib.contextmanager
def relayed(watch: Watch, server: Server, judge: t.Callable[[list[str]], bytes | None]) -> t.Iterator[list[dict[str, t.Any]]]:
    """The task's sentinels, one of them behind a relay that answers in its place where `judge` says so."""
    with Relay(server.address, judge) as relay:
        yield [{"host": relay.host, "port": relay.port} if entry is server else {"host": entry.host} for entry in watch.group.sentinels]


def nth(number: int, *command: str, answer: bytes) -> t.Callable[[list[str]], bytes | None]:
    """An answer in place of that of the `number`th of these commands and of all later ones."""
    seen = []

    def judge(words: list[str]) -> bytes | None:
        if tuple(words[: len(command)]) == command:
            seen.append(words)
            return answer if len(seen) >= number else None
        return None

    return judge


def lead_astray(group: Group, *more: str | int) -> None:
    """All sentinels watch a replica, as after their files were overwritten."""
    for server in group.sentinels:
        server.ask("SENTINEL", "REMOVE", "pubsub")
        server.ask("SENTINEL", "MONITOR", "pubsub", group.data[1].host, group.data[1].port, 2)
        server.ask("SENTINEL", "SET", "pubsub", "down-after-milliseconds", 1500, "failover-timeout", 10000, *more)


def told(server: Server) -> dict[str, str]:
    return pairs(server.ask("SENTINEL", "MASTER", "pubsub"))


def test_a_user_who_may_not_monitor_removes_nothing(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    lead_astray(group)
    for server in group.sentinels:
        server.ask("ACL", "SETUSER", "half", "on", ">half", "~*", "&*", "+@all", "-sentinel|monitor")
    seeds = {"name": "pubsub", "address": [address(server) for server in group.data]}
    done = watch.task.apply(masters=[seeds], username="half", password="half")
    one_line(done, "SENTINEL MONITOR", "NOPERM", "nothing was changed there")
    assert (done["changed"], len(done["not_attempted"])) == (False, 3)
    assert watch.masters() == [{"pubsub": address(group.data[1])}] * 3
    assert {told(server)["down-after-milliseconds"] for server in group.sentinels} == {"1500"}
    for server in group.sentinels:
        server.ask("ACL", "DELUSER", "half")
    settled(watch)


@pytest.mark.parametrize("moment", ["monitor", "set"])
def test_a_repair_that_is_refused_half_way_is_taken_back_and_stops(watch: Watch, moment: str) -> None:
    """Once a master is removed, it is watched again, at the one place or the other, before anything else is touched."""
    settled(watch)
    group = watch.group
    lead_astray(group, "parallel-syncs", 4)
    turns: list[list[str]] = []

    def judge(words: list[str]) -> bytes | None:
        if words[:2] == ["SENTINEL", "MONITOR"]:
            turns.append(words)
        # The first MONITOR is the proof; the third, at the former place, is let through. All options in one command come after the second.
        refused = (
            len(turns) == 2 and words[:2] == ["SENTINEL", "MONITOR"] if moment == "monitor" else words[1:2] == ["SET"] and len(words) > 6
        )
        return b"-ERR refused for once\r\n" if refused else None

    with relayed(watch, group.sentinels[0], judge) as sentinels:
        done = watch.task.apply(sentinels=sentinels, masters=[{"name": "pubsub", "address": [address(server) for server in group.data]}])
    one_line(done, "refused for once", f"It watches {address(group.data[1])} again")
    assert done["changed"] and done["changes"] == []
    assert (len(done["failures"]), len(done["not_attempted"])) == (1, 2)
    assert watch.masters() == [{"pubsub": address(group.data[1])}] * 3
    seen = told(group.sentinels[0])
    assert (seen["down-after-milliseconds"], seen["parallel-syncs"], seen["quorum"]) == ("1500", "4", "2")
    settled(watch)
    assert {told(server)["parallel-syncs"] for server in group.sentinels} == {"4"}


def test_a_master_that_cannot_even_be_put_back_is_said_to_be_gone(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    lead_astray(group)
    with relayed(watch, group.sentinels[0], nth(2, "SENTINEL", "MONITOR", answer=b"-ERR refused from now on\r\n")) as sentinels:
        done = watch.task.apply(sentinels=sentinels, masters=[{"name": "pubsub", "address": [address(server) for server in group.data]}])
    one_line(done, "refused from now on", "It was removed before, and cannot be put back")
    assert done["changed"] and len(done["not_attempted"]) == 2
    assert watch.masters() == [{}] + [{"pubsub": address(group.data[1])}] * 2
    settled(watch)
    # What nobody declared came from the others.
    watch.idle(masters=[{"name": "pubsub", "address": [address(server) for server in group.data]}])
    assert {told(server)["down-after-milliseconds"] for server in group.sentinels} == {"1000"}


def test_a_run_that_died_in_a_repair_loses_no_option(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    for server in group.sentinels:
        server.ask("SENTINEL", "SET", "pubsub", "parallel-syncs", 4, "down-after-milliseconds", 1500)
    group.sentinels[1].ask("SENTINEL", "REMOVE", "pubsub")
    done = watch.settle(masters=[{"name": "pubsub", "address": [address(group.data[0])]}])
    assert [change["identity"]["sentinel"] for change in done["changes"]] == [address(group.sentinels[1])]
    rows = [told(server) for server in group.sentinels]
    assert {(row["parallel-syncs"], row["down-after-milliseconds"], row["failover-timeout"]) for row in rows} == {("4", "1500", "10000")}


def test_scripts_that_could_not_be_set_again_are_not_taken_away(watch: Watch) -> None:
    """deny-scripts-reconfig is on unless the file says otherwise, so that only a file can name a script."""
    settled(watch)
    group = watch.group
    lead_astray(group)
    for server in group.sentinels:
        server.stop()
        text = server.config.read_text(encoding="utf-8")
        server.config.write_text(f"{text}sentinel notification-script pubsub /bin/true\n", encoding="utf-8")
        server.start()
    quick(group)
    everything = {"masters": [{"name": "pubsub", "address": [address(server) for server in group.data]}]}
    before = watch.snapshot()
    for masters in (everything["masters"], [{**everything["masters"][0], "client_reconfig_script": "/bin/true"}]):
        # Only a write can tell: no command reads this setting. So check mode, which only reads, cannot say it.
        assert len(watch.task.check(masters=masters)["changes"]) == 3
        done = watch.task.apply(masters=masters)
        one_line(done, "deny-scripts-reconfig no", "nothing was changed there")
        assert (done["changed"], done["changes"], len(done["not_attempted"])) == (False, [], 3)
        assert watch.snapshot() == before
    for server in group.sentinels:
        server.stop()
        text = server.config.read_text(encoding="utf-8")
        server.config.write_text(f"sentinel deny-scripts-reconfig no\n{text}", encoding="utf-8")
        server.start()
    quick(group)
    done = watch.task.apply(**everything)
    assert not done.get("failed"), done
    assert [change["action"] for change in done["changes"]] == ["replace"] * 3
    assert {told(server)["notification-script"] for server in group.sentinels} == {"/bin/true"}
    watch.settle(**declared(group, notification_script="", client_reconfig_script="/bin/false"))
    for server in group.sentinels:
        server.stop()
        text = server.config.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines(True) if "scripts-reconfig" not in line and "reconfig-script" not in line]
        server.config.write_text("".join(lines), encoding="utf-8")
        server.start()
    quick(group)


def test_a_node_that_copies_from_elsewhere_takes_no_sentinel_there(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    elsewhere = group.add_data()
    group.data.remove(elsewhere)
    try:
        for server in group.sentinels:
            server.ask("SENTINEL", "SET", "pubsub", "down-after-milliseconds", 60000)
        group.data[0].ask("REPLICAOF", elsewhere.host, elsewhere.port)
        until(lambda: group.data[0].info("replication")["role"] == "slave")
        line = watch.refused("neither declared nor known to a sentinel", masters=declared(group, down_after_milliseconds=60000)["masters"])
        assert address(elsewhere) in line and address(group.data[0]) in line
        assert watch.masters() == [{"pubsub": address(group.data[0])}] * 3
        group.data[0].ask("REPLICAOF", "NO", "ONE")
    finally:
        elsewhere.kill()
    settled(watch)


# Forgetting


def test_nothing_is_forgotten_while_a_replica_that_is_declared_is_away(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    fourth = group.add_sentinel()
    fourth.ask("SENTINEL", "MONITOR", "pubsub", group.data[0].host, group.data[0].port, 2)
    until(lambda: numbers(group) == {("2", "3")})
    group.sentinels.remove(fourth)
    fourth.kill()
    away = group.data[2]
    away.kill()
    sentinels = group.sentinels
    until(lambda: all("s_down" in str(server.ask("SENTINEL", "SENTINELS", "pubsub")) for server in sentinels), 60)
    until(lambda: all("s_down" in str(server.ask("SENTINEL", "REPLICAS", "pubsub")) for server in sentinels), 60)
    line = watch.refused("forget_stale", "has 1 replica, not 2", **declared(group, replicas=2), forget_stale=True)
    assert "declare fewer" in line
    # Where none are declared, what is dead goes, and nobody waits for it.
    done = watch.settle(**declared(group), forget_stale=True, wait_timeout=20.0)
    gone = {entry["field"] for change in done["changes"] for entry in change["differences"]}
    assert gone == {f"sentinel {address(fourth)}", f"replica {address(away)}"}
    assert numbers(group) == {("1", "2")}
    away.start()
    # Its file may be of a time when another was the master, and nobody remembers it.
    away.ask("REPLICAOF", *group.data[0].address)
    group.wait_healthy("pubsub")


def test_nothing_is_forgotten_while_the_master_is_down(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    fourth = group.add_sentinel()
    fourth.ask("SENTINEL", "MONITOR", "pubsub", group.data[0].host, group.data[0].port, 2)
    until(lambda: numbers(group) == {("2", "3")})
    group.sentinels.remove(fourth)
    for server in group.sentinels:
        server.ask("SENTINEL", "SET", "pubsub", "down-after-milliseconds", 6000)
    fourth.kill()
    until(lambda: all("s_down" in str(server.ask("SENTINEL", "SENTINELS", "pubsub")) for server in group.sentinels), 60)
    group.data[0].kill()
    # At once, before any sentinel has noticed.
    watch.refused("forget_stale", "does it run", masters=[{"name": "pubsub", "replicas": 2}], forget_stale=True, wait_timeout=3.0)
    assert numbers(group) == {("2", "3")}
    until(lambda: all(named_by(server) != address(group.data[0]) for server in group.sentinels), 40)


def test_a_failover_is_asked_of_every_sentinel(watch: Watch) -> None:
    """Only the one that leads it tells; here it says so from the moment of the writing on."""
    settled(watch)
    group = watch.group
    rows = watch.group.sentinels[2].ask("SENTINEL", "MASTER", "pubsub")
    busy = [word if before != "flags" else "master,failover_in_progress" for before, word in zip(["", *rows], rows)]
    answer = b"*%d\r\n" % len(busy) + b"".join(map(bulk, busy))
    with relayed(watch, group.sentinels[2], nth(1, "SENTINEL", "MASTER", answer=answer)) as sentinels:
        done = watch.task.apply(sentinels=sentinels, masters=[{"name": "pubsub", "state": "absent"}])
    one_line(done, "a failover is in progress, says 127.0.0.1")
    assert watch.masters() == [{"pubsub": address(group.data[0])}] * 3


# Between the proof that it can save, and the writing


@contextlib.contextmanager
def broken_in_between(watch: Watch, server: Server, *command: str) -> t.Iterator[list[dict[str, t.Any]]]:
    """Its directory becomes read-only with the first of these commands, after it has shown that it can save."""
    with small_disk(server):
        quick(watch.group)
        watch.group.wait_healthy("pubsub")
        broken: list[bool] = []

        def judge(words: list[str]) -> None:
            if tuple(words[: len(command)]) == command and not broken:
                broken.append(True)
                text = server.config.read_text(encoding="utf-8")
                subprocess.run(["mount", "-t", "tmpfs", "eco2-lab", server.home], check=True)
                server.config.write_text(text, encoding="utf-8")
                subprocess.run(["mount", "-o", "remount,ro", server.home], check=True)

        with relayed(watch, server, judge) as sentinels:
            yield sentinels
        assert broken, f"{' '.join(command)} never came"
        subprocess.run(["umount", server.home], check=True)


def test_what_was_not_saved_is_put_back(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    server = group.sentinels[1]
    before = watch.snapshot()[server.host]
    with broken_in_between(watch, server, "SENTINEL", "SET") as sentinels:
        done = watch.task.apply(sentinels=sentinels, **declared(group, quorum=3, parallel_syncs=2))
        one_line(done, "Failed to save config file", "The former values were put back")
        assert (told(server)["quorum"], told(server)["parallel-syncs"]) == ("2", "1")
        assert watch.snapshot()[server.host] == before
    # So the next run sees what is missing there.
    done = watch.settle(**declared(group, quorum=3, parallel_syncs=2))
    assert [change["identity"]["sentinel"] for change in done["changes"]] == [address(server)]


def test_a_new_master_that_was_not_saved_is_taken_out(watch: Watch) -> None:
    settled(watch)
    group = watch.group
    server = group.sentinels[1]
    with lone(group, 1) as (node,):
        other = {"name": "other", "address": [address(node)]}
        with broken_in_between(watch, server, "SENTINEL", "MONITOR") as sentinels:
            one_line(watch.task.apply(sentinels=sentinels, masters=[other]), "Failed to save config file")
            assert ["other" in entry for entry in watch.masters()] == [True, False, True]
        watch.settle(masters=[other])


def test_settings_that_were_not_saved_are_put_back_and_an_empty_address_is_never_announced(watch: Watch) -> None:
    """The others forget a sentinel that announces an empty address, and there is no way back but its file."""
    settled(watch)
    group = watch.group
    server = group.sentinels[1]
    with broken_in_between(watch, server, "SENTINEL", "CONFIG", "SET") as sentinels:
        done = watch.task.apply(sentinels=sentinels, settings={"resolve_hostnames": True})
        one_line(done, "Failed to save config file", "The former values were put back")
        assert pairs(server.ask("SENTINEL", "CONFIG", "GET", "*"))["resolve-hostnames"] == "no"
    watch.settle(settings={"resolve_hostnames": True})
    watch.settle(settings={"resolve_hostnames": False})
    with broken_in_between(watch, server, "SENTINEL", "CONFIG", "SET") as sentinels:
        sentinels[1]["announce_ip"] = server.host
        done = watch.task.apply(sentinels=sentinels)
        one_line(done, "Failed to save config file", "announce-ip cannot be put back", "FLUSHCONFIG")
        assert pairs(server.ask("SENTINEL", "CONFIG", "GET", "*"))["announce-ip"] == server.host
    group.wait_healthy("pubsub")


# Rights

RIGHTS = "+info " + " ".join(
    f"+sentinel|{word}"
    for word in ("myid", "config", "masters", "master", "replicas", "sentinels", "monitor", "set", "remove", "reset", "flushconfig")
)


OF_VERDICT = ("+client|list", "+acl|dryrun", "+config|get")


def test_the_rights_that_the_documentation_names_are_enough(watch: Watch) -> None:
    group = watch.group
    documented = str(watch.task.module.DOCUMENTATION)
    assert all(f"C({word.partition('|')[2]})" in documented for word in RIGHTS.split() if "|" in word)
    assert all(f"C({word[1:]})" in str(watch.info.module.DOCUMENTATION) for word in OF_VERDICT)
    for server in group.sentinels:
        server.ask("ACL", "SETUSER", "watcher", "on", f">{PASSWORD}", *RIGHTS.split())
        server.ask("ACL", "LOG", "RESET")
    for server in group.data:
        server.ask("ACL", "SETUSER", "reader", "on", f">{PASSWORD}", "+info")
        server.ask("ACL", "SETUSER", "viewer", "on", f">{PASSWORD}", "+info", *OF_VERDICT)
        server.ask("ACL", "LOG", "RESET")
    who = {"username": "watcher", "password": PASSWORD, "data_username": "reader", "data_password": PASSWORD}
    watch.settle(**declared(group), **who)
    group.wait_healthy("pubsub")
    watch.settle(**declared(group, quorum=3), settings={"resolve_hostnames": True}, **who)
    watch.settle(settings={"resolve_hostnames": False}, **who)
    lead_astray(group)
    done = watch.task.apply(**declared(group), forget_stale=True, **who)
    assert [change["action"] for change in done["changes"]] == ["replace"] * 3, done
    assert watch.info.apply(masters=[{"name": "pubsub", "replicas": 2}], wait=True, **{**who, "data_username": "viewer"})["healthy"]
    fourth = group.add_sentinel()
    fourth.ask("SENTINEL", "MONITOR", "pubsub", group.data[0].host, group.data[0].port, 2)
    until(lambda: numbers(group) == {("2", "3")})
    group.sentinels.remove(fourth)
    fourth.kill()
    until(lambda: all("s_down" in str(server.ask("SENTINEL", "SENTINELS", "pubsub")) for server in group.sentinels), 60)
    assert len(watch.settle(**declared(group, replicas=2), forget_stale=True, **who)["changes"]) == 3
    watch.settle(masters=[{"name": "pubsub", "state": "absent"}], **who)
    assert [server.ask("ACL", "LOG") for server in group.servers] == [[]] * 6
    for server in group.sentinels:
        server.ask("ACL", "SETUSER", "watcher", "-sentinel|flushconfig")
    done = watch.task.apply(**declared(group), **who)
    one_line(done, "SENTINEL FLUSHCONFIG", "NOPERM", "Nothing was changed there")
    assert "cannot save" not in done["msg"] and PASSWORD not in str(done)
    for server in group.servers:
        server.ask("ACL", "DELUSER", "watcher" if server.sentinel else "reader")


def test_a_name_that_no_file_should_hold_can_be_taken_out(watch: Watch) -> None:
    group = watch.group
    for server in group.sentinels:
        server.ask("SENTINEL", "MONITOR", "with space", group.data[0].host, group.data[0].port, 2)
    watch.refused("with space", masters=[{"name": "with space"}])
    watch.settle(masters=[{"name": "with space", "state": "absent"}])
    assert watch.masters() == [{}] * 3


# Servers of another time. None of these can be had here, so that their first answer has to do.


@pytest.mark.parametrize("module", ["redis_sentinel", "redis_sentinel_info", "redis_failover"])
def test_servers_below_6_2_are_refused_in_one_line(group: Group, module: str) -> None:
    def old(words: list[str]) -> bytes | None:
        return bulk("# Server\r\nredis_version:6.0.16\r\nredis_mode:sentinel\r\n") if words[0] == "INFO" else None

    more = {"name": "pubsub"} if module == "redis_failover" else {"masters": [{"name": "pubsub"}]}
    with Relay(None, old) as sentinel:
        task = ModuleTask(module, sentinels=[{"host": sentinel.host, "port": sentinel.port}], **more)
        line = one_line(task.apply(), f"sentinel 127.0.0.1:{sentinel.port}: runs Redis 6.0.16, and 6.2 is the oldest")
        assert line.count("6.2") == 1 and {words[0] for words in sentinel.seen} == {"INFO"}

    def old_data(words: list[str]) -> bytes | None:
        return bulk("# Server\r\nredis_version:5.0.7\r\nrole:master\r\nrun_id:x\r\n") if words[0] == "INFO" else None

    with Relay(None, old_data) as data, Watch(group) as watch:
        for server in group.sentinels:
            server.ask("SENTINEL", "MONITOR", "pubsub", data.host, data.port, 2)
        one_line(
            ModuleTask(module, sentinels=watch.task.defaults["sentinels"], **more).apply(), f"{data.host}:{data.port}: runs Redis 5.0.7"
        )
