"""What goes wrong around sentinels, caused on purpose: nothing is written half-way, nothing chosen between two masters."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import typing as t

import pytest
from watch import Watch, address, quick, until

from lab import redis
from lab.redis import Group, Server, ServerSaid
from lab.resp import pairs

LINES = ["redis-8.0"]
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


@pytest.fixture
def locked() -> t.Iterator[Watch]:
    config = f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\n"
    with redis.group("locked", LINES[0], replicas=1, data_config=config) as made:
        for server in made.data:
            server.credentials = (PASSWORD,)
        made.wait_linked()
        quick(made)
        with Watch(made) as watch:
            yield watch


def test_passwords(locked: Watch) -> None:
    group = locked.group
    locked.refused("wants a password", "data_password", **declared(group))
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
        watch.task.apply(**declared(group, quorum=3, parallel_syncs=2), gate_timeout=5.0)
    finally:
        over.set()
        thread.join()
    done = watch.task.apply(**declared(group, quorum=3, parallel_syncs=2))
    assert not done.get("failed"), done
    group.wait_healthy("pubsub")
    watch.idle(**declared(group, quorum=3, parallel_syncs=2))
