"""Exports of brokers go in as they are: a broker that was wiped becomes as it was, and one that has it all is left alone."""

from __future__ import annotations

import json
import typing as t

import pytest
from corner import Corner
from hypothesis import HealthCheck, Phase, given, seed, settings
from observer import segment
from worlds import PREFIX, World, worlds

from lab.brokers import Broker

# Each is exported by three brokers and goes in twice, as it is and in an older spelling: 30 exports.
WORLDS = 5


@pytest.fixture
def corner(broker: Broker) -> t.Iterator[Corner]:
    with Corner(broker, PREFIX) as corner:
        yield corner


def _drawn(version: tuple[int, int]) -> list[World]:
    found: list[World] = []

    @seed(11)
    @settings(max_examples=4 * WORLDS, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(worlds(version, may_remove=False))
    def draw(world: World) -> None:
        found.append(world)

    draw()
    # Small ones come first, and say little.
    return sorted(found, key=lambda world: -sum(map(len, world.values())))[:WORLDS]


def _of_the_test(export: dict[str, t.Any]) -> dict[str, t.Any]:
    """Without what others have on this broker, who may change it meanwhile."""
    kept = dict(export, global_parameters=[])
    for section, rows in kept.items():
        if isinstance(rows, list):
            kept[section] = [row for row in rows if str(row.get("vhost", row.get("name", ""))).startswith(PREFIX)]
    return kept


def _older(export: dict[str, t.Any]) -> dict[str, t.Any]:
    """The same in the spelling of releases up to 3.8: tags as one text, empty objects of Erlang as lists, no metadata, no types."""
    older = dict(export, rabbit_version="3.8.9")
    older["users"] = [dict(row, tags=",".join(row["tags"]), limits=row.get("limits") or []) for row in export["users"]]
    older["queues"] = [{name: value for name, value in row.items() if name != "type"} for row in export["queues"]]
    vhosts = [{**row.get("metadata", {}), **row} for row in export["vhosts"]]
    older["vhosts"] = [{name: value for name, value in row.items() if name not in ("metadata", "limits")} for row in vhosts]
    for section in ("queues", "exchanges", "bindings"):
        older[section] = [dict(row, arguments=row["arguments"] or []) for row in older[section]]
    for name in ("rabbitmq_definition_format", "original_cluster_name", "explanation", "rabbitmq_version"):
        older.pop(name, None)
    return older


def _unexported(world: World, version: tuple[int, int]) -> dict[str, t.Any]:
    """What this version leaves out of its exports: before 3.11 a vhost's description and tags, internal exchanges from 4.3 on, tracing."""
    names = ("name", "tracing") if version >= (3, 11) else ("name", "tracing", "description", "tags")
    vhosts = [{name: vhost[name] for name in names if name in vhost} for vhost in world.get("vhosts", [])]
    internal = [exchange for exchange in world.get("exchanges", []) if version >= (4, 3) and exchange.get("internal")]
    return {"vhosts": vhosts, "exchanges": internal}


def test_what_a_broker_exports_goes_in_and_comes_out_equal(corner: Corner) -> None:
    version = t.cast("tuple[int, int]", tuple(map(int, corner.broker.line.split("."))))
    for world in _drawn(version):
        corner.clean()
        assert not corner.task.apply(**world).get("failed")
        before = corner.snapshot()
        export = _of_the_test(corner.observer.request("GET", "definitions"))
        assert not corner.task.check(definitions=export)["changed"]
        for given_as in (json.dumps(export), _older(export)):
            corner.clean()
            corner.settle(definitions=given_as, **_unexported(world, version))
            assert corner.snapshot() == before
        again = _of_the_test(corner.observer.request("GET", "definitions"))
        for section in ("vhosts", "users", "policies", "exchanges", "queues", "bindings", "parameters", "topic_permissions"):
            assert _sorted(again[section]) == _sorted(export[section]), section


def _sorted(rows: list[t.Any]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_the_export_of_one_vhost_goes_to_that_vhost_or_to_another(corner: Corner) -> None:
    first, second = PREFIX + "one", PREFIX + "b/c"
    queues = [{"name": "q", "type": "classic", "arguments": {"x-message-ttl": 5}}]
    bindings = [{"source": "amq.topic", "destination": "q", "routing_key": "a.*/b ~", "arguments": {}}]
    policies = [{"name": "p", "pattern": "^q", "definition": {"max-length": 5}, "apply_to": "queues"}]
    vhosts = [{"name": first, "description": "d", "tags": ["a"]}]
    limits = [{"name": "max-queues", "value": 7}]
    everything = {"queues": queues, "bindings": bindings, "policies": policies, "operator_policies": policies, "vhost_limits": limits}
    corner.settle(vhost=first, vhosts=vhosts, **everything)
    export = corner.observer.request("GET", f"definitions/{segment(first)}")
    old = corner.broker.line == "3.10"  # it exports no metadata of the vhost
    corner.idle(definitions=export)
    done = corner.settle(definitions=json.dumps(export), vhost=second, vhosts=[{"name": second}])
    assert {change["kind"] for change in done["changes"]} == {"vhost", "vhost_limit", "queue", "binding", "policy", "operator_policy"}
    corner.idle(vhost=second, vhosts=[{"name": second}] if old else [dict(vhosts[0], name=second)], **everything)


def test_what_an_export_has_and_is_not_declared_is_told_and_no_secret_is_shown(corner: Corner) -> None:
    uri = f"amqp://u:{PREFIX}secret@nowhere"
    hashed = "AQIDBKmlFZRMkPx2y8sgVUfKxq4EOsHwIhGAqXDM9HEIFpwT"
    upstream = {"vhost": PREFIX + "a", "component": "federation-upstream", "name": "u", "value": {"uri": uri}}
    export = {
        "vhosts": [{"name": PREFIX + "a"}],
        "users": [{"name": PREFIX + "u", "password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["x"]}],
        "global_parameters": [{"name": "cluster_name", "value": "x"}, {"name": "mqtt_default_vhosts", "value": {}}],
        "parameters": [upstream],
    }
    for given_as in (export, json.dumps(export)):
        result = corner.task.check(definitions=given_as)
        assert len(result["changes"]) == 3
        assert hashed not in str(result) and f"{PREFIX}secret" not in str(result), result
        (line,) = result["warnings"]
        assert "mqtt_default_vhosts" in str(line) and "cluster_name" not in str(line)
    corner.settle(definitions=export)
    # A queue that is there with other properties, which the broker's own import would leave as it is and answer 204, is named.
    corner.settle(vhost=PREFIX + "a", queues=[{"name": "q", "type": "classic", "arguments": {"x-expires": 60000}}])
    export["queues"] = [
        {"vhost": PREFIX + "a", "name": "q", "durable": True, "auto_delete": False, "arguments": {"x-queue-type": "classic"}}
    ]
    (problem,) = corner.refused_for("immutable.differs", definitions=export)
    assert problem["item"].startswith("definitions.queues[0] (queue ")


def test_mirroring_of_an_export_from_3_x(corner: Corner) -> None:
    """Broker of 3.x takes it; what 4.x answers to such a policy comes before the first write, or names the policy."""
    policy = {"vhost": PREFIX + "a", "name": "ha", "pattern": ".*", "apply-to": "all", "priority": 0, "definition": {"ha-mode": "all"}}
    export = {"rabbit_version": "3.7.8", "vhosts": [{"name": PREFIX + "a"}], "policies": [policy]}
    if corner.broker.line == "3.10":
        assert len(corner.settle(definitions=export)["changes"]) == 2
    else:
        assert "ha" in corner.task.apply(definitions=export)["msg"]
