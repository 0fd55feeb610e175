from __future__ import annotations

import json
import typing as t

import pytest
from declaring import problem, refusal
from hypothesis import given
from hypothesis import strategies as st
from memory import hash_of

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.declared import definitions
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared

HASH = hash_of("pw").text
LONG = "rabbit_password_hashing_sha256"


def declared(export: t.Any, vhost: str = "/", warn: t.Callable[[str], None] = print) -> list[Declared]:
    return list(desired.declare(definitions.items(export, vhost, warn)).values())


def fields(export: t.Any, vhost: str = "/") -> dict[str, t.Any]:
    return {f"{one.kind.name} {one.object}": one.fields for one in declared(export, vhost)}


def warned(export: t.Any) -> list[str]:
    told: list[str] = []
    declared(export, warn=told.append)
    return told


# Spellings


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"name": "v"}, {}),
        ({"name": "v", "description": "d", "tags": ["a"], "default_queue_type": "quorum"}, None),
        ({"name": "v", "metadata": {"description": "d", "tags": ["a"], "default_queue_type": "quorum"}}, None),
        ({"name": "v", "description": "d", "tags": "a", "metadata": {"default_queue_type": "quorum"}}, None),
        (
            {"name": "v", "description": "d", "tags": ["a"], "default_queue_type": "classic", "metadata": {"default_queue_type": "quorum"}},
            None,
        ),
        ({"name": "v", "metadata": [], "limits": []}, {}),
        ({"name": "v", "default_queue_type": "undefined"}, {}),
        ({"name": "v", "metadata": {"default_queue_type": "undefined"}}, {}),
        ({"name": "v", "default_queue_type": None}, {}),
    ],
)
def test_a_vhost_in_every_spelling(row: dict[str, t.Any], expected: dict[str, t.Any] | None) -> None:
    full = {"description": "d", "tags": ["a"], "default_queue_type": "quorum"}
    assert fields({"vhosts": [row]}) == {"vhost v": full if expected is None else expected}


@pytest.mark.parametrize(
    ("row", "version", "algorithm"),
    [
        ({"password_hash": HASH, "hashing_algorithm": LONG}, "4.0.5", LONG),
        ({"password_hash": HASH}, "3.6.0", LONG),
        ({"password_hash": ""}, "", LONG),
        ({"password_hash": ""}, "3.5.7", "rabbit_password_hashing_md5"),
        ({"password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha512"}, "3.5.7", "rabbit_password_hashing_sha512"),
    ],
)
def test_the_hash_of_a_user_in_every_spelling(row: dict[str, t.Any], version: str, algorithm: str) -> None:
    (one,) = declared({"rabbit_version": version, "users": [{"name": "u", "tags": "a,b", **row}]})
    assert one.fields == {"tags": ["a", "b"], "password": Secret(passwords.Hash(row["password_hash"], algorithm))}


def test_limits_are_inside_vhosts_users_and_parameters() -> None:
    limit = {"vhost": "v", "component": "vhost-limits", "name": "limits", "value": {"max-queues": 5}}
    found = fields(
        {
            "vhosts": [{"name": "v", "limits": {"max-queues": 5}}],
            "parameters": [limit],
            "users": [{"name": "u", "limits": {"max-channels": 1}}],
        }
    )
    assert found["vhost_limit v/max-queues"] == {"value": 5} and found["user_limit u max-channels"] == {"value": 1}
    assert fields({"parameters": [dict(limit, value=[])]}) == {}


def test_operator_policies_are_inside_parameters() -> None:
    value = {"pattern": "^a", "definition": {"expires": 1}, "apply-to": "queues", "priority": 3}
    expected = {"pattern": "^a", "definition": {"expires": 1}, "apply_to": "queues", "priority": 3}
    assert fields({"parameters": [{"vhost": "v", "component": "operator_policy", "name": "p", "value": value}]}) == {
        "operator_policy v/p": expected
    }
    assert fields({"policies": [{"vhost": "v", "name": "p", **value}]}) == {"policy v/p": expected}


def test_what_every_version_says_of_a_queue() -> None:
    row = {"vhost": "v", "name": "q", "durable": True, "auto_delete": False}
    plain = {"durable": True, "auto_delete": False, "arguments": {}}
    assert fields({"queues": [dict(row, arguments={})]}) == fields({"queues": [dict(row, arguments=[])]}) == {"queue v/q": plain}
    typed = {"queue v/q": dict(plain, type="quorum")}
    assert fields({"queues": [dict(row, arguments={"x-queue-type": "quorum"})]}) == typed
    assert fields({"queues": [dict(row, type="quorum", arguments={"x-queue-type": "quorum"})]}) == typed
    assert fields({"queues": [{"vhost": "v", "name": "q"}]}) == {"queue v/q": plain}


SINGLE = {"queues": [{"name": "q", "durable": True, "auto_delete": False, "arguments": {}}]}


def test_where_the_objects_of_a_single_vhosts_export_go() -> None:
    assert [one.identity["vhost"] for one in declared(SINGLE)] == ["/"]
    assert [one.identity["vhost"] for one in declared(SINGLE, "there")] == ["there"]
    policy = {"vhost": "v", "name": "p", "pattern": "", "definition": {"expires": 1}}
    assert {one.identity["vhost"] for one in declared({**SINGLE, "policies": [policy]})} == {"v"}
    assert {one.identity["vhost"] for one in declared({**SINGLE, "policies": [policy]}, "there")} == {"there"}
    newer = {**SINGLE, "original_vhost_name": "v", "metadata": {"tags": ["a"]}, "limits": {"max-queues": 5}, "description": "d"}
    assert [one.key[0] for one in declared(newer)] == ["vhost", "vhost_limit", "queue"]
    assert {one.identity.get("vhost", one.identity.get("name")) for one in declared(newer)} == {"v"}
    assert {one.identity.get("vhost", one.identity.get("name")) for one in declared(newer, "there")} == {"there"}
    assert declared(newer)[0].fields == {"tags": ["a"], "description": "d"}


def test_an_export_is_a_dictionary_or_json_text() -> None:
    assert declared(json.dumps(SINGLE)) == declared(SINGLE) == declared("\ufeff" + json.dumps(SINGLE))
    assert declared(None) == []


# What is not declared


def test_the_brokers_own_objects_are_skipped_without_a_word() -> None:
    export = {
        "global_parameters": [{"name": "cluster_name", "value": "a"}, {"name": "internal_cluster_id", "value": "b"}],
        "exchanges": [{"vhost": "v", "name": name, "type": "direct"} for name in ("", "amq.direct", "amq.mine")],
        "bindings": [{"vhost": "v", "source": "", "destination": "q", "destination_type": "queue", "routing_key": "q", "arguments": {}}],
    }
    assert declared(export) == [] and warned(export) == []


def test_what_is_skipped_is_told_in_one_warning_for_each_kind() -> None:
    def binding(source: str, kind: str, destination: str) -> dict[str, t.Any]:
        return {"vhost": "v", "source": source, "destination": destination, "destination_type": kind, "routing_key": "", "arguments": {}}

    export = {
        "global_parameters": [{"name": f"g{number}", "value": 1} for number in range(7)],
        "exchanges": [{"vhost": "v", "name": "federation: e", "type": "fanout", "arguments": {"x-internal-purpose": "federation"}}],
        "queues": [{"vhost": "v", "name": "amq.gen-x"}, {"vhost": "v", "name": "q", "exclusive": False}],
        "bindings": [binding("e", "exchange", "federation: e"), binding("e", "queue", "amq.gen-x"), binding("amq.topic", "queue", "q")],
        "vhosts": [{"name": "v", "metadata": {"protected_from_deletion": True}}],
        "shovels": [],
    }
    assert [one.kind.name for one in declared(export)] == ["vhost", "queue", "binding"]
    told = warned(export)
    assert len(told) == 6 and all(line.startswith("definitions: ") for line in told)
    assert any("g0, g1, g2, g3, g4 and 2 more" in line for line in told)
    for name in ("federation: e", "amq.gen-x", "exclusive", "protected_from_deletion", "shovels"):
        assert len([line for line in told if name in line]) == 1, name


# What cannot be


@pytest.mark.parametrize(
    ("export", "code", "item", "field"),
    [
        ("{", "definitions.not_json", "definitions", ""),
        ("definitions.json", "definitions.not_json", "definitions", ""),
        ('{"queues": [NaN]}', "definitions.not_json", "definitions", ""),
        ("", "definitions.not_json", "definitions", ""),
        ({}, "definitions.malformed", "definitions", ""),
        ([], "definitions.malformed", "definitions", ""),
        ("[]", "definitions.malformed", "definitions", ""),
        ({"kind": "ConfigMap"}, "definitions.malformed", "definitions", ""),
        ({"queues": {}}, "definitions.malformed", "definitions", "queues"),
        ({"queues": ["q"]}, "definitions.malformed", "definitions.queues[0]", ""),
        ({"queues": [{"vhost": "v", "name": 5}]}, "definitions.type", "definitions.queues[0]", "name"),
        ({"queues": [{"vhost": "v", "name": "q", "durable": "true"}]}, "definitions.type", "definitions.queues[0]", "durable"),
        ({"queues": [{"vhost": "v", "name": "q", "arguments": None}]}, "definitions.type", "definitions.queues[0]", "arguments"),
        ({"queues": [{"vhost": "v"}]}, "declaration.missing", "definitions.queues[0]", "name"),
        (
            {"users": [{"name": "u", "hashing_algorithm": "md4"}]},
            "definitions.hashing_algorithm",
            "definitions.users[0]",
            "hashing_algorithm",
        ),
        ({"users": [{"name": "u", "password_hash": None}]}, "definitions.type", "definitions.users[0]", "password_hash"),
        ({"parameters": [{"component": "operator_policy", "value": "x"}]}, "definitions.type", "definitions.parameters[0]", "value"),
    ],
)
def test_each_mistake_is_one_line_that_names_it(export: t.Any, code: str, item: str, field: str) -> None:
    found = refusal(declared, export)
    assert (code, item, field) in [(each.code, each.item, each.field) for each in found]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "amq.x", "vhost-limits", "operator_policy", "4.0.5"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "vhost", "component", "value", "metadata", "limits", "tags", "arguments"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
EXPORTS = st.dictionaries(st.sampled_from([*definitions._SECTIONS, *definitions._ABOUT, "global_parameters", "x"]), JSON | st.lists(JSON))


@given(EXPORTS | JSON, st.booleans())
def test_whatever_is_handed_in_is_declared_or_refused_in_lines(export: t.Any, as_text: bool) -> None:
    given_as = json.dumps(export) if as_text else export
    try:
        json.dumps([one.identity for one in declared(given_as, warn=lambda line: None)])
    except Refused as refused:
        assert refused.problems
        assert all(str(each).splitlines() == [str(each)] for each in refused.problems)
    assert all(isinstance(value, str) for value in definitions.secrets(given_as))


# Nothing secret in messages


def test_hashes_passwords_and_addresses_are_masked() -> None:
    upstream = {"vhost": "v", "component": "federation-upstream", "name": "u", "value": {"uri": "amqp://a:hunter2@b"}}
    export = {"users": [{"name": "u", "password_hash": HASH}, {"name": "w", "password": "hunter3"}], "parameters": [upstream]}
    hidden = set(definitions.secrets(export))
    assert {HASH, "hunter3", "hunter2", "amqp://a:hunter2@b"} <= hidden and not hidden & {"u", "w", "v"}
    text = json.dumps(export)
    assert set(definitions.secrets(text)) == hidden | {text}
    assert set(definitions.secrets("{hunter2")) == {"{hunter2"}
    assert "hunter2" not in str(problem(declared, "{hunter2"))
    assert "hunter2" not in str(problem(declared, {"users": [{"name": "u", "password_hash": ["hunter2"]}]}))
