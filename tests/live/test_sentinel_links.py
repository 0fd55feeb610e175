"""The links between sentinels, and between replicas and their master: what is told of them is asked of those concerned."""

from __future__ import annotations

import time
import typing as t

import pytest
from watch import Watch, address, quick, until

from lab import redis
from lab.redis import Group, Server, ServerSaid
from lab.resp import pairs

LINES = ["redis-7.0", "valkey-9.1"]
PASS = "canary-of-sentinels"
# As `requirepass` would, but without lending the password to the sentinel itself; and a user who may not even be asked.
USERS = f"user default on >{PASS} ~* &* +@all\nuser weak on >{PASS} +info\nsentinel sentinel-pass {PASS}\n"
MASTER = {"name": "pubsub", "replicas": 2}


@pytest.fixture(params=LINES)
def locked(request: pytest.FixtureRequest) -> t.Iterator[Watch]:
    with redis.group(f"links-{request.param}", request.param, sentinel_config=USERS) as group:
        for server in group.sentinels:
            server.credentials = (PASS,)
        quick(group)
        with Watch(group, password=PASS) as watch:
            group.monitor("pubsub", group.data[0])
            group.wait_healthy("pubsub")
            yield watch


@pytest.fixture(params=LINES)
def watch(request: pytest.FixtureRequest) -> t.Iterator[Watch]:
    with redis.group(f"links-{request.param}", request.param) as group, Watch(group) as made:
        group.monitor("pubsub", group.data[0], down_after=3000)
        yield made


def reasons(watch: Watch, **more: t.Any) -> list[str]:
    told = watch.info.apply(masters=[MASTER], **more)
    assert not told.get("failed"), told
    assert told["healthy"] is not bool(told["reasons"])
    return t.cast("list[str]", told["reasons"])


def flags(group: Group) -> set[str]:
    """Of all sentinels in the eyes of all others."""
    return {pairs(row)["flags"] for server in group.sentinels for row in server.ask("SENTINEL", "SENTINELS", "pubsub")}


def test_a_wrong_password_is_refused_before_the_first_write(locked: Watch) -> None:
    for wrong in ({"sentinel_pass": "wrong"}, {"sentinel_user": "nobody"}, {"sentinel_user": "weak", "sentinel_pass": "wrong"}):
        line = locked.refused("does not accept these credentials", "settings.sentinel_user and settings.sentinel_pass", settings=wrong)
        assert "wrong" not in line and PASS not in line
    assert reasons(locked, password=PASS) == []
    locked.idle(settings={"sentinel_pass": PASS})


def test_sentinels_that_do_not_get_in_at_each_other(locked: Watch) -> None:
    """Each sees the master well, and none would fail it over: the verdict says so, and the right password mends it."""
    group = locked.group
    for server in group.sentinels:
        server.ask("SENTINEL", "CONFIG", "SET", "sentinel-pass", "wrong")
    until(lambda: any("is seen as" in reason for reason in reasons(locked, password=PASS)), 10)
    until(lambda: all("s_down" in found for found in flags(group)), 10)
    with pytest.raises(ServerSaid, match="NOQUORUM"):
        group.sentinels[0].ask("SENTINEL", "CKQUORUM", "pubsub")
    assert len([reason for reason in reasons(locked, password=PASS) if " as s_down" in reason]) == 3
    told = locked.info.apply(masters=[MASTER], password=PASS)["masters"][0]["by_sentinel"]
    assert all("s_down" in peer["flags"] for entry in told.values() for peer in entry["sentinels"])
    done = locked.settle(settings={"sentinel_pass": PASS})
    assert PASS not in str(done)
    # Nothing has to be waited for: the module has.
    assert {found.replace(",master_down", "") for found in flags(group)} == {"sentinel"}
    assert group.sentinels[0].ask("SENTINEL", "CKQUORUM", "pubsub").startswith("OK")
    group.wait_healthy("pubsub")
    group.data[0].kill()
    until(lambda: {server.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub")[0] for server in group.sentinels} != {group.data[0].host})


def test_a_user_without_rights_stops_at_the_first_sentinel(locked: Watch) -> None:
    wanted = {"settings": {"sentinel_user": "weak", "sentinel_pass": PASS}, "masters": [], "wait_timeout": 3.0}
    done = locked.task.apply(**wanted)
    first = locked.group.sentinels[0]
    assert done["failed"] and done["changed"]
    assert f"sentinel {address(first)}: sees sentinel" in done["msg"] and "sentinel_user" in done["msg"], done["msg"]
    assert [change["object"] for change in done["changes"]] == [address(first)]
    assert len(done["not_attempted"]) == 2
    users = [pairs(server.ask("SENTINEL", "CONFIG", "GET", "*"))["sentinel-user"] for server in locked.group.sentinels]
    assert users == ["weak", "", ""]
    locked.settle(settings={"sentinel_user": ""})


def test_an_announced_address_is_seen_by_the_others_before_the_next(locked: Watch) -> None:
    sentinels = [{"host": server.host, "announce_ip": server.host, "announce_port": server.port} for server in locked.group.sentinels]
    assert len(locked.settle(sentinels=sentinels)["changes"]) == 3
    assert reasons(locked, password=PASS) == []
    nowhere = [{**sentinels[0], "announce_port": 26999}, *sentinels[1:]]
    done = locked.task.apply(sentinels=nowhere, wait_timeout=5.0)
    assert done["failed"] and f"sentinel {address(locked.group.sentinels[0])}: sentinel" in done["msg"], done["msg"]
    locked.settle(sentinels=sentinels)


def test_sentinels_that_are_cut_off_from_each_other(watch: Watch) -> None:
    group = watch.group
    group.wait_healthy("pubsub")
    watch.info.apply(masters=[MASTER], wait=True)
    with redis.partition(group.sentinels[:1], group.sentinels[1:]):
        until(lambda: len([reason for reason in reasons(watch) if " as s_down" in reason]) == 3, 20)
    assert watch.info.apply(masters=[MASTER], wait=True)["healthy"]


def test_behind_one_address_that_leads_to_one_of_several(watch: Watch) -> None:
    one = [{"host": watch.group.sentinels[1].host}]
    watch.group.wait_healthy("pubsub")
    assert "2 other sentinels known, 0 expected" in reasons(watch, sentinels=one)[0]
    assert reasons(watch, sentinels=one, sentinel_count=3) == []
    assert "sentinels names 3" in watch.info.apply(sentinel_count=2)["msg"]


def link(server: Server) -> str:
    return server.info("replication")["master_link_status"]


def test_the_gate_waits_for_a_replica_that_still_reads_its_data(watch: Watch) -> None:
    """Sentinel looks each ten seconds: in its eyes the link is up while the replica that was restarted waits for its data."""
    group = watch.group
    group.wait_healthy("pubsub")
    assert watch.info.apply(masters=[MASTER], wait=True)["healthy"]
    for server in group.data:
        # Stands for so many data that their transfer takes as long.
        server.ask("CONFIG", "SET", "repl-diskless-sync-delay", 6)
    for number in range(40):  # more than the backlog, so that a full transfer is needed
        group.data[0].ask("SET", f"key-{number}", "x" * 500000)
    back = group.data[1]
    back.stop()
    back.start()
    until(lambda: not any("disconnected" in pairs(row)["flags"] for row in group.sentinels[0].ask("SENTINEL", "REPLICAS", "pubsub")), 5)
    assert link(back) == "down"
    assert any(f"replica {address(back)}: says that its link to the master is down" in reason for reason in reasons(watch))
    # What cannot be is no matter.
    without_link = [{**MASTER, "replicas_without_link": [address(back)]}]
    until(lambda: bool(watch.info.apply(masters=without_link)["healthy"]), 5)
    assert link(back) == "down"
    assert watch.info.apply(masters=[MASTER], wait=True, wait_timeout=40.0)["healthy"]
    assert link(back) == "up"


def test_a_replica_that_is_away_is_seen_at_once(watch: Watch) -> None:
    group = watch.group
    group.wait_healthy("pubsub")
    assert reasons(watch) == []
    group.data[2].kill()
    found = reasons(watch)
    assert any(f"replica {address(group.data[2])}: cannot be asked" in reason for reason in found)
    assert f"master pubsub: data node {address(group.data[0])}: 1 replica online, 2 expected" in found
    group.data[2].start()
    began = time.monotonic()
    told = watch.info.apply(masters=[MASTER], wait=True)
    assert told["healthy"] and time.monotonic() - began < 40
    group.data[1].ask("REPLICAOF", "NO", "ONE")
    assert any(f"replica {address(group.data[1])}: says that it is a master" in reason for reason in reasons(watch))
