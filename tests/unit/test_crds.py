"""Our reading of the Messaging Topology Operator's resources, held against the schemas that it publishes."""

from __future__ import annotations

import copy
import functools
import typing as t
from pathlib import Path

import pytest
import yaml
from declaring import problem

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.declared import manifests
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared

# No Go module has them, so they lie in ../shared/crds, beside this project or beside a directory above it.
PLACES = [above / "shared" / "crds" / "messaging-topology-operator-1.20" for above in Path(__file__).resolve().parents[2].parents]
CRDS = next((place for place in PLACES if place.is_dir()), PLACES[0])
OURS = {"string": "str", "boolean": "bool", "integer": "int", "object": "dict", "array": "list"}
WRONG = {"string": 5, "boolean": "true", "integer": "5", "object": "{}", "array": "a,b"}
RIGHT = {"string": "a", "boolean": True, "integer": 5, "object": {}, "array": []}

pytestmark = pytest.mark.skipif(not CRDS.is_dir(), reason=f"there are no CRDs of the Messaging Topology Operator in {CRDS}")


@functools.lru_cache(maxsize=None)
def specs() -> dict[str, dict[str, t.Any]]:
    """The schema of `spec` of each kind."""
    found = {}
    for path in CRDS.glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            if document:
                (version,) = document["spec"]["versions"]
                assert document["spec"]["group"] == manifests.GROUP
                found[document["spec"]["names"]["kind"]] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def resource(kind: str, spec: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    credentials = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"username": "a", "password": "a"}}
    user = {
        "apiVersion": "rabbitmq.com/v1beta1",
        "kind": "User",
        "metadata": {"name": "a"},
        "spec": {"importCredentialsSecret": {"name": "a"}},
    }
    return [{"apiVersion": "rabbitmq.com/v1beta1", "kind": kind, "metadata": {"name": "r"}, "spec": spec}, credentials, user]


def minimal(kind: str, schema: dict[str, t.Any]) -> dict[str, t.Any]:
    needed = {
        "User": ["importCredentialsSecret"],
        "Permission": ["user"],
        "TopicPermission": ["user"],
        "Binding": ["source", "destination"],
    }
    names = [*schema["required"], *needed.get(kind, [])]
    spec = {name: copy.deepcopy(RIGHT[schema["properties"][name]["type"]]) for name in names}
    for name in ("importCredentialsSecret", "definition", "rabbitmqClusterReference"):
        if name in spec:
            spec[name] = {"name": "a"}
    return spec


def accepted(kind: str, spec: dict[str, t.Any]) -> Declared:
    found = desired.declare(manifests.items(resource(kind, spec), None))
    return next(one for one in found.values() if one.source == f"{kind} r")


def test_every_kind_of_the_operator_is_taken_or_said_to_be_taken_elsewhere() -> None:
    kinds = specs()
    assert len(kinds) > 10
    assert set(manifests.SHAPES) <= set(kinds)
    for kind in set(kinds) - set(manifests.SHAPES):
        found = problem(manifests.items, resource(kind, {}), None)
        assert (found.code, found.item) == ("manifest.kind", f"{kind} r")
        assert found.remedy


@pytest.mark.parametrize("kind", sorted(manifests.SHAPES))
def test_every_field_of_the_schema_is_known_and_no_other(kind: str) -> None:
    shape = manifests.SHAPES[kind]
    known = set(shape.fields) | set(shape.ignored)
    theirs = set(specs()[kind]["properties"])
    assert theirs <= known
    assert known - theirs <= {"deletionPolicy"}


@pytest.mark.parametrize("kind", sorted(manifests.SHAPES))
def test_the_smallest_resource_that_the_schema_allows_is_accepted(kind: str) -> None:
    accepted(kind, minimal(kind, specs()[kind]))


@pytest.mark.parametrize("kind", sorted(manifests.SHAPES))
def test_every_field_wants_the_type_of_the_schema(kind: str) -> None:
    schema = specs()[kind]
    tried = 0
    for name, entry in schema["properties"].items():
        if name in manifests.SHAPES[kind].ignored:
            continue
        spec = dict(minimal(kind, schema), **{name: WRONG[entry["type"]]})
        with pytest.raises(Refused) as caught:
            manifests.items(resource(kind, spec), None)
        assert ("manifest.type", f"spec.{name}") in [(each.code, each.field) for each in caught.value.problems]
        tried += 1
    assert tried


@pytest.mark.parametrize("kind", sorted(manifests.SHAPES))
def test_every_value_that_the_schema_lists_is_accepted_and_no_other(kind: str) -> None:
    schema = specs()[kind]
    for name, entry in schema["properties"].items():
        if name in manifests.SHAPES[kind].ignored:
            continue
        for value in entry.get("enum", ()):
            declared = accepted(kind, dict(minimal(kind, schema), **{name: value}))
            assert value in [*declared.fields.values(), *declared.identity.values()]
        if "enum" in entry:
            with pytest.raises(Refused):
                accepted(kind, dict(minimal(kind, schema), **{name: "something else"}))


@pytest.mark.parametrize("kind", sorted(manifests.SHAPES))
def test_an_omitted_field_is_the_default_of_the_schema(kind: str) -> None:
    schema = specs()[kind]
    omitted = accepted(kind, minimal(kind, schema))
    given = accepted(
        kind, dict(minimal(kind, schema), **{name: entry["default"] for name, entry in schema["properties"].items() if "default" in entry})
    )
    assert (omitted.identity, omitted.fields) == (given.identity, given.fields)


@pytest.mark.parametrize("kind", ["Permission", "TopicPermission"])
def test_the_patterns_are_those_of_the_schema(kind: str) -> None:
    schema = specs()[kind]
    patterns = schema["properties"]["permissions"]["properties"]
    for name in patterns:
        accepted(kind, dict(minimal(kind, schema), permissions={"exchange": "x", name: "x"} if "exchange" in patterns else {name: "x"}))
