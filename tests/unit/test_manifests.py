from __future__ import annotations

import base64
import json
import typing as t

import pytest
from declaring import problem, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import hash_of

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.declared import manifests
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Declared

CLUSTER = {"name": "rabbit"}


def resource(kind: str, spec: t.Any, name: str = "r", namespace: str = "ns", cluster: t.Any = None) -> dict[str, t.Any]:
    full = dict(spec, rabbitmqClusterReference=cluster or CLUSTER) if isinstance(spec, dict) else spec
    return {"apiVersion": "rabbitmq.com/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": full}


def secret(name: str = "creds", namespace: str = "ns", encoded: bool = True, **data: t.Any) -> dict[str, t.Any]:
    values = {key: base64.b64encode(str(value).encode()).decode() for key, value in data.items()}
    content = {"data": values} if encoded else {"stringData": data}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, **content}


def user(name: str = "ann", credentials: str = "creds", **spec: t.Any) -> dict[str, t.Any]:
    return resource("User", {"importCredentialsSecret": {"name": credentials}, **spec}, name)


def declared(*resources: t.Any, cluster: str | None = None) -> list[Declared]:
    """What the resources declare; limits that they omit are left out."""
    found = desired.declare(manifests.items(list(resources), cluster)).values()
    return [one for one in found if one.present]


def only(*resources: t.Any) -> Declared:
    (one,) = declared(*resources)
    return one


# What each kind means


@pytest.mark.parametrize(
    ("kind", "spec", "key", "fields"),
    [
        ("Vhost", {"name": "a"}, ("vhost", "a"), {"tracing": False, "tags": [], "description": ""}),
        (
            "Vhost",
            {"name": "a", "tracing": True, "tags": ["x"], "defaultQueueType": "quorum"},
            ("vhost", "a"),
            {"tracing": True, "tags": ["x"], "default_queue_type": "quorum", "description": ""},
        ),
        ("Queue", {"name": "a"}, ("queue", "/a"), {"durable": True, "auto_delete": False, "arguments": {}}),
        (
            "Queue",
            {"name": "a", "vhost": "v", "type": "stream", "durable": False, "autoDelete": True, "arguments": {"x-max-age": "1D"}},
            ("queue", "v/a"),
            {"type": "stream", "durable": False, "auto_delete": True, "arguments": {"x-max-age": "1D"}},
        ),
        (
            "Exchange",
            {"name": "a"},
            ("exchange", "/a"),
            {"type": "direct", "durable": False, "auto_delete": False, "internal": False, "arguments": {}},
        ),
        (
            "Exchange",
            {"name": "a", "vhost": "v", "type": "topic", "durable": True, "autoDelete": True, "arguments": {"alternate-exchange": "b"}},
            ("exchange", "v/a"),
            {"type": "topic", "durable": True, "auto_delete": True, "internal": False, "arguments": {"alternate-exchange": "b"}},
        ),
        ("Binding", {"source": "x", "destination": "q"}, ("binding", '/x -> queue q by ""'), {}),
        (
            "Binding",
            {"vhost": "v", "source": "x", "destination": "y", "destinationType": "exchange", "routingKey": "k", "arguments": {"a": 1}},
            ("binding", 'v/x -> exchange y by k {"a": 1}'),
            {},
        ),
        (
            "Permission",
            {"user": "ann", "vhost": "v", "permissions": {"write": "^a"}},
            ("permission", "v/ann"),
            {"configure": "", "write": "^a", "read": ""},
        ),
        ("Permission", {"user": "ann", "vhost": "v"}, ("permission", "v/ann"), {"configure": "", "write": "", "read": ""}),
        (
            "TopicPermission",
            {"user": "ann", "vhost": "v", "permissions": {"exchange": "x", "read": "^a"}},
            ("topic_permission", "v/ann x"),
            {"write": "", "read": "^a"},
        ),
        (
            "Policy",
            {"name": "p", "pattern": "^a", "definition": {"expires": 1}},
            ("policy", "/p"),
            {"pattern": "^a", "definition": {"expires": 1}, "apply_to": "all", "priority": 0},
        ),
        (
            "Policy",
            {"name": "p", "vhost": "v", "pattern": "^a", "definition": {"expires": 1}, "applyTo": "streams", "priority": 5},
            ("policy", "v/p"),
            {"pattern": "^a", "definition": {"expires": 1}, "apply_to": "streams", "priority": 5},
        ),
        (
            "OperatorPolicy",
            {"name": "p", "pattern": "^a", "definition": {"expires": 1}},
            ("operator_policy", "/p"),
            {"pattern": "^a", "definition": {"expires": 1}, "apply_to": "queues", "priority": 0},
        ),
    ],
)
def test_what_a_resource_declares(kind: str, spec: dict[str, t.Any], key: tuple[str, str], fields: dict[str, t.Any]) -> None:
    one = only(resource(kind, spec))
    assert one.key == key
    assert one.fields == fields
    assert one.present
    assert one.source == f"{kind} ns/r"


def test_what_belongs_to_kubernetes_is_not_converged() -> None:
    one = only(resource("Queue", {"name": "a", "deletionPolicy": "retain", "deleteIfEmpty": True, "deleteIfUnused": True}))
    assert one.fields == {"durable": True, "auto_delete": False, "arguments": {}}


def test_a_whole_float_is_the_integer_that_the_operator_sends() -> None:
    arguments = only(resource("Queue", {"name": "a", "arguments": {"x-expires": 5.0, "of-a-plugin": [{"a": 2.0}, 2.5]}})).fields[
        "arguments"
    ]
    assert json.dumps(arguments) == '{"x-expires": 5, "of-a-plugin": [{"a": 2}, 2.5]}'


def test_a_date_in_yaml_is_text_as_in_kubernetes() -> None:
    text = "apiVersion: rabbitmq.com/v1beta1\nkind: Queue\nspec: {name: a, arguments: {since: 2026-01-02}}"
    assert only(text).fields["arguments"] == {"since": "2026-01-02"}


def test_null_is_as_omitted() -> None:
    assert only(resource("Queue", {"name": "a", "type": None, "durable": None})).fields == only(resource("Queue", {"name": "a"})).fields
    assert only(resource("Permission", {"user": "a", "vhost": "v", "permissions": {"read": None}})).fields["read"] == ""


def test_limits_become_objects_of_their_own_and_the_operator_deletes_those_that_a_resource_omits() -> None:
    def limits(*resources: t.Any) -> dict[str, t.Any]:
        found = desired.declare(manifests.items(list(resources), None)).values()
        return {one.object: one.fields if one.present else "absent" for one in found if one.kind.name.endswith("_limit")}

    assert limits(resource("Vhost", {"name": "v", "limits": {"connections": 5, "queues": -1}})) == {
        "v/max-connections": {"value": 5},
        "v/max-queues": {"value": -1},
    }
    assert limits(resource("Vhost", {"name": "v"})) == {"v/max-connections": "absent", "v/max-queues": "absent"}
    omitted = {"ann max-channels": {"value": 7}, "ann max-connections": "absent"}
    assert limits(user(limits={"channels": 7, "connections": None}), secret(username="ann", password="pw")) == omitted


# Users and their Secrets


@pytest.mark.parametrize("encoded", [True, False])
def test_name_and_password_of_a_user_are_in_its_secret(encoded: bool) -> None:
    one = only(user("some-name", tags=["management"]), secret(encoded=encoded, username="ann", password="pw"))
    assert one.key == ("user", "ann")
    assert one.fields == {"tags": ["management"], "password": Secret(passwords.Password("pw"))}


def test_a_password_hash_is_a_sha512_one() -> None:
    text = base64.b64encode(b"s" * 68).decode()
    one = only(user(), secret(username="ann", passwordHash=text, password="pw"))
    assert one.fields["password"] == Secret(passwords.Hash(text, "rabbit_password_hashing_sha512"))
    empty = only(user(), secret(username="ann", passwordHash="", password="pw"))
    assert empty.fields["password"] == Secret(passwords.Hash("", "rabbit_password_hashing_sha512"))
    assert problem(declared, user(), secret(username="ann", passwordHash=hash_of("pw").text)).code == "user.password_hash"


def test_secrets_and_users_are_found_in_their_own_namespace() -> None:
    other = secret(namespace="other", username="eve", password="x")
    assert only(other, user(), secret(username="ann", password="pw")).key == ("user", "ann")
    assert problem(declared, user(), other).code == "manifest.no_secret"


def test_a_permission_may_refer_to_a_user() -> None:
    permission = resource("Permission", {"vhost": "v", "userReference": {"name": "the-user"}, "permissions": {"read": ".*"}})
    keys = [one.key for one in declared(permission, user("the-user"), secret(username="ann", password="pw"))]
    assert keys == [("permission", "v/ann"), ("user", "ann")]


@pytest.mark.parametrize(
    ("resources", "code"),
    [
        ([user(), secret(password="x")], "manifest.no_username"),
        ([user(), secret(username="ann")], "manifest.no_password"),
        ([user(), secret(username="ann", password="")], "manifest.no_password"),
        ([user(), secret(username="ann", encoded=False, password=123456)], "manifest.type"),
        ([user(), secret(username="ann", encoded=False, password=None)], "manifest.type"),
        ([user(), dict(secret(username="ann", password="ENC[x]", encoded=False), sops={})], "manifest.encrypted"),
        ([resource("User", {"tags": []})], "manifest.no_credentials"),
        ([user(), secret(username="ann", encoded=False) | {"data": {"username": "not base64!"}}], "manifest.not_base64"),
        ([user(), secret(username="ann", encoded=False) | {"data": {"username": "ü"}}], "manifest.not_base64"),
        ([resource("Permission", {"vhost": "v"})], "manifest.user"),
        ([resource("Permission", {"vhost": "v", "user": "a", "userReference": {"name": "b"}})], "manifest.user"),
        ([resource("Permission", {"vhost": "v", "userReference": {"name": "b"}})], "manifest.no_user"),
    ],
)
def test_references_that_lead_nowhere(resources: list[t.Any], code: str) -> None:
    assert problem(declared, *resources).code == code


def test_a_resource_without_namespace_is_found_where_one_candidate_has_the_name() -> None:
    def spaceless(one: dict[str, t.Any]) -> dict[str, t.Any]:
        return dict(one, metadata={"name": one["metadata"]["name"]})

    here, other = secret(username="ann", password="pw"), secret(namespace="other", username="eve", password="x")
    for resources in (
        [spaceless(user()), here],
        [user(), spaceless(here)],
        [spaceless(user()), here, here],
        [user(), here, spaceless(other)],
    ):
        assert only(*resources).key == ("user", "ann")
    found = problem(declared, spaceless(user()), here, other)
    assert (found.code, found.item) == ("manifest.ambiguous", "User ann")
    assert "Secret ns/creds, Secret other/creds" in found.message
    permission = spaceless(resource("Permission", {"vhost": "v", "userReference": {"name": "the-user"}}))
    assert next(one.key for one in declared(permission, user("the-user"), here)) == ("permission", "v/ann")


def with_credentials(*resources: t.Any, warn: t.Any = print, **credentials: t.Any) -> list[Declared]:
    found = desired.declare(manifests.items(list(resources), None, credentials, warn)).values()
    return [one for one in found if one.present]


def test_credentials_stand_for_secrets_that_live_elsewhere() -> None:
    told: list[str] = []
    mine = {"username": "ann", "password": "pw"}
    for entries, beside in (({"creds": mine}, []), ({"ns/creds": mine}, []), ({"creds": mine}, [secret(username="eve", password="x")])):
        (one,) = with_credentials(user(), *beside, warn=told.append, **entries)
        assert (one.key, one.fields["password"]) == (("user", "ann"), Secret(passwords.Password("pw")))
    assert told == []
    assert problem(with_credentials, user(), **{"other/creds": mine}).code == "manifest.no_secret"
    with_credentials(resource("Queue", {"name": "a"}), warn=told.append, creds=mine)
    assert len(told) == 1 and "creds" in told[0]
    for wrong in ("pw", {"username": "ann", "pass": "pw"}, None):
        found = [each for each in refusal(with_credentials, creds=wrong) if each.code == "manifest.credentials"]
        assert [each.item for each in found] == ["credentials[creds]"]
    assert problem(with_credentials, user(), creds={"username": "ann"}).item == "credentials[creds]"
    assert set(manifests.secrets_of_credentials({"creds": mine, "x": "y"})) == {"pw"}


def test_a_permission_for_the_name_of_a_user_resource_gets_a_hint() -> None:
    permission = resource("Permission", {"vhost": "v", "user": "the-user"})
    hints = [
        one.hint for one in declared(permission, user("the-user"), secret(username="ann", password="pw")) if one.kind.name == "permission"
    ]
    assert "userReference" in hints[0]
    assert only(permission).hint == ""


@pytest.mark.parametrize(("kind", "field"), [("Queue", "type"), ("Vhost", "defaultQueueType")])
def test_an_empty_text_that_the_operator_does_not_send_is_as_omitted(kind: str, field: str) -> None:
    assert only(resource(kind, {"name": "a", field: ""})).fields == only(resource(kind, {"name": "a"})).fields


def test_two_users_of_one_name_with_and_without_tags_are_both_named() -> None:
    found = problem(declared, user("one", tags=["monitoring"]), user("two"), secret(username="ann", password="pw"))
    assert (found.code, found.field, found.item) == ("declaration.contradiction", "tags", "User ns/two (user ann)")
    assert "User ns/one" in found.message


OTHERS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}},
    {"apiVersion": "rabbitmq.com/v1beta1", "kind": "RabbitmqCluster", "metadata": {"name": "rabbit"}},
    {"apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret", "metadata": {"name": "creds"}},
    {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "x"}},
    {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "Queue", "metadata": {"name": "x"}},
]


def test_resources_of_other_kinds_are_skipped_with_one_warning() -> None:
    told: list[str] = []
    (one,) = with_credentials(*OTHERS, OTHERS[0], resource("Queue", {"name": "a"}), warn=told.append)
    assert one.object.endswith("a")
    assert len(told) == 1 and all(f" {each['kind']} ({each['apiVersion']})" in told[0] for each in OTHERS)
    assert "2 Namespace (v1)" in told[0]


# Forms that manifests come in

QUEUE_YAML = """
apiVersion: rabbitmq.com/v1beta1
kind: Queue
metadata: {name: one, namespace: ns}
spec: {name: one, rabbitmqClusterReference: {name: rabbit}}
---
---
apiVersion: rabbitmq.com/v1beta1
kind: Queue
metadata: {name: two, namespace: ns}
spec: {name: two, rabbitmqClusterReference: {name: rabbit}}
"""


def test_manifests_are_resources_yaml_texts_lists_or_a_mix() -> None:
    three = resource("Queue", {"name": "three"}, "three")
    listed = {"apiVersion": "v1", "kind": "List", "items": [three, QUEUE_YAML]}
    for given_as in (QUEUE_YAML, [QUEUE_YAML]):
        assert [item.values["name"] for item in manifests.items(given_as, None)] == ["one", "two"]
    for given_as in ([QUEUE_YAML, three], listed, [listed], json.dumps(dict(listed, items=[three])) + "\n---\n" + QUEUE_YAML):
        assert sorted(item.values["name"] for item in manifests.items(given_as, None)) == ["one", "three", "two"]
    assert [item.values["name"] for item in manifests.items(three, None)] == ["three"]


@pytest.mark.parametrize("nothing", [None, [], "", "---\n", {"kind": "List", "items": []}, {"kind": "List", "items": None}])
def test_no_manifests_declare_nothing(nothing: t.Any) -> None:
    assert manifests.items(nothing, None) == []


def test_items_can_be_made_twice_and_leave_the_manifests_alone() -> None:
    resources = [resource("Queue", {"name": "a", "arguments": {"x-queue-type": "quorum"}}), user(), secret(username="ann", password="x")]
    before = json.dumps(resources)
    assert declared(*resources) == declared(*resources)
    assert json.dumps(resources) == before
    assert declared(QUEUE_YAML) == declared(QUEUE_YAML)


# One cluster at a time

EAST, WEST = ({"name": name, "namespace": "infra"} for name in ("east", "west"))


def test_resources_of_several_clusters_need_a_choice() -> None:
    resources = [resource("Queue", {"name": "a"}, cluster=EAST), resource("Queue", {"name": "b"}, cluster=WEST)]
    found = problem(declared, *resources)
    assert (found.code, found.item) == ("manifest.clusters", "manifests")
    assert "infra/east, infra/west" in found.message
    assert [one.object for one in declared(*resources, cluster="east")] == ["/a"]
    assert [one.object for one in declared(*resources, cluster="infra/west")] == ["/b"]
    assert problem(declared, *resources, cluster="elsewhere/west").code == "manifest.cluster_unknown"


def test_clusters_of_one_name_in_two_namespaces_are_two() -> None:
    resources = [resource("Queue", {"name": "a"}, namespace="one"), resource("Queue", {"name": "b"}, namespace="two")]
    assert "one/rabbit, two/rabbit" in problem(declared, *resources).message
    assert [one.object for one in declared(*resources, cluster="two/rabbit")] == ["/b"]


def test_the_reference_names_the_namespace_before_the_resource_does() -> None:
    resources = [resource("Queue", {"name": str(n)}, namespace=f"ns{n}", cluster=EAST) for n in range(3)]
    assert len(declared(*resources)) == 3


def test_resources_that_name_no_cluster_belong_to_the_one_that_others_name() -> None:
    unnamed = resource("Queue", {"name": "a"})
    del unnamed["spec"]["rabbitmqClusterReference"]
    assert len(declared(unnamed, resource("Queue", {"name": "b"}))) == 2


def test_a_connection_secret_stands_for_its_cluster() -> None:
    resources = [
        resource("Queue", {"name": "a"}, cluster={"connectionSecret": {"name": "east"}}),
        resource("Queue", {"name": "b"}, cluster=WEST),
    ]
    assert [one.object for one in declared(*resources, cluster="east")] == ["/a"]


# What cannot be


@pytest.mark.parametrize(
    ("bad", "code", "item", "field"),
    [
        (resource("Shovel", {"name": "a"}), "manifest.kind", "Shovel ns/r", ""),
        (resource("Queu", {"name": "a"}), "manifest.kind", "Queu ns/r", ""),
        ({"kind": "Queue", "metadata": {"name": "a"}}, "manifest.kind", "Queue a", ""),
        ({"metadata": {"name": "a"}}, "manifest.kind", "resource without kind a", ""),
        (resource("Queue", {"name": "a", "autodelete": True}), "manifest.unknown_field", "Queue ns/r", "spec.autodelete"),
        (resource("Queue", {"name": "a", "durable": "yes"}), "manifest.type", "Queue ns/r", "spec.durable"),
        (resource("Queue", {"name": "a", "durable": 1}), "manifest.type", "Queue ns/r", "spec.durable"),
        (resource("Queue", {"name": 5}), "manifest.type", "Queue ns/r", "spec.name"),
        (resource("Queue", {"name": "a", "arguments": []}), "manifest.type", "Queue ns/r", "spec.arguments"),
        (resource("Queue", {"name": "a", "type": "Quorum"}), "queue.type_unknown", "Queue ns/r", "type"),
        (resource("Queue", {"vhost": "/"}), "declaration.missing", "Queue ns/r", "name"),
        (resource("Queue", None), "manifest.no_spec", "Queue ns/r", ""),
        (
            resource("Policy", {"name": "a", "pattern": "", "definition": {"a": 1}, "priority": True}),
            "manifest.type",
            "Policy ns/r",
            "spec.priority",
        ),
        (
            resource("Policy", {"name": "a", "pattern": "", "definition": {"a": 1}, "priority": 1.5}),
            "manifest.type",
            "Policy ns/r",
            "spec.priority",
        ),
        (resource("Policy", {"name": "a", "pattern": "", "definition": "{}"}), "manifest.type", "Policy ns/r", "spec.definition"),
        (
            resource("Policy", {"name": "a", "pattern": "", "definition": {"a": 1}, "applyTo": "queue"}),
            "declaration.choice",
            "Policy ns/r",
            "apply_to",
        ),
        (
            resource("Binding", {"source": "a", "destination": "b", "destinationType": "Queue"}),
            "declaration.choice",
            "Binding ns/r",
            "destination_type",
        ),
        (resource("Vhost", {"name": "a", "tags": "x"}), "manifest.type", "Vhost ns/r", "spec.tags"),
        (resource("Vhost", {"name": "a", "tags": [5]}), "manifest.type", "Vhost ns/r", "spec.tags.0"),
        (resource("Vhost", {"name": "a", "limits": {"queues": "5"}}), "manifest.type", "Vhost ns/r", "spec.limits.queues"),
        (resource("Vhost", {"name": "a", "limits": {"channels": 5}}), "manifest.unknown_field", "Vhost ns/r", "spec.limits.channels"),
        (
            resource("Permission", {"user": "a", "vhost": "v", "permissions": {"read": 5}}),
            "manifest.type",
            "Permission ns/r",
            "spec.permissions.read",
        ),
        (
            resource("Permission", {"user": "a", "vhost": "v", "permissions": {"delete": ""}}),
            "manifest.unknown_field",
            "Permission ns/r",
            "spec.permissions.delete",
        ),
        (resource("Permission", {"user": "a", "permissions": {}}), "declaration.missing", "Permission ns/r", "vhost"),
        (
            resource("TopicPermission", {"user": "a", "vhost": "v", "permissions": {"configure": ""}}),
            "manifest.unknown_field",
            "TopicPermission ns/r",
            "spec.permissions.configure",
        ),
        (["a list"], "manifest.malformed", "manifests[0]", ""),
        (5, "manifest.malformed", "manifests[0]", ""),
        ("just text", "manifest.malformed", "manifests[0]", ""),
        ({"kind": ["Queue"]}, "manifest.malformed", "manifests[0]", "kind"),
        ({"kind": "Queue", "metadata": "x"}, "manifest.malformed", "manifests[0]", "metadata"),
    ],
)
def test_each_bad_resource_is_one_line_that_names_it(bad: t.Any, code: str, item: str, field: str) -> None:
    found = problem(declared, bad)
    assert (found.code, found.item, found.field) == (code, item, field)


def test_every_problem_is_told_at_once() -> None:
    resources = [resource("Queue", {"name": "a", "x": 1}, "one"), resource("Shovel", {}, "two"), resource("Queue", None, "three")]
    assert sorted(each.item for each in refusal(declared, *resources)) == ["Queue ns/one", "Queue ns/three", "Shovel ns/two"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from(["", "a", "Queue", "creds", "v1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "namespace", "username", "x"]), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def nearly_resources(draw: st.DrawFn) -> t.Any:
    """A resource as it should be but for one or two places that hold anything."""
    kind = draw(st.sampled_from(sorted(manifests.SHAPES)))
    shape = manifests.SHAPES[kind]
    good = {
        "name": "a",
        "vhost": "v",
        "pattern": "",
        "definition": {"a": 1},
        "source": "a",
        "destination": "b",
        "importCredentialsSecret": {"name": "creds"},
    }
    made = resource(kind, {name: value for name, value in good.items() if name in shape.fields})
    for dummy in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from([made, made["metadata"], made["spec"]]) if isinstance(made.get("spec"), dict) else st.just(made))
        if isinstance(place, dict):
            place[draw(st.sampled_from([*made, *shape.fields, "rabbitmqClusterReference", "name", "namespace"]))] = draw(JSON)
        if not isinstance(made.get("metadata"), dict):
            break
    return made


@settings(max_examples=300)
@given(st.lists(nearly_resources() | JSON, max_size=2), st.none() | st.just("rabbit"), JSON)
def test_whatever_is_handed_in_is_declared_or_refused_in_lines(resources: list[t.Any], cluster: str | None, data: t.Any) -> None:
    credentials = dict(secret(username="ann", password="pw"), stringData=data)
    try:
        found = declared(*resources, credentials, cluster=cluster)
    except Refused as refused:
        assert refused.problems
        assert all(str(each).splitlines() == [str(each)] for each in refused.problems)
    else:
        json.dumps([one.identity for one in found])
    assert all(isinstance(value, str) for value in manifests.secrets([*resources, credentials]))


# Nothing secret in messages

SECRETIVE = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "password: {{ hunter2 }}\n  bad: [",
        "stringData:\n  password: *hunter2",
        "stringData:\n  password: !hunter2 x",
        "stringData:\n  password: !!int hunter2",
        "stringData:\n  password: 'hunter2\n",
        'stringData:\n  password: "\\hunter2"',
        "stringData: [hunter2",
        "hunter2: a: b",
        "%hunter2\n---\n@",
        "? [hunter2]\n: {a: b}\n{",
        "a: \x00hunter2",
        "a: &hunter2 1\nb: *hunter22",
        "since: 2026-13-45 # hunter2",
    ],
)
def test_bad_yaml_is_never_quoted(text: str) -> None:
    found = problem(manifests.items, [QUEUE_YAML, text], None)
    assert (found.code, found.item) == ("manifest.not_yaml", "manifests[1]")
    assert SECRETIVE not in str(found)
    assert text in set(manifests.secrets([QUEUE_YAML, text]))


def test_bad_yaml_is_told_with_its_place() -> None:
    assert "at line 2, column 4" in problem(manifests.items, "a:\n - }", None).message


def test_every_value_of_a_secret_is_named_for_masking_encoded_and_decoded() -> None:
    hidden = set(manifests.secrets([secret(password="pw1"), {"kind": "List", "items": [secret(encoded=False, password="pw2", pin=5)]}]))
    assert {"pw1", base64.b64encode(b"pw1").decode(), "pw2", "5"} <= hidden
    text = json.dumps(secret(password="pw3"))
    assert "pw3" in set(manifests.secrets(text))
    assert "pw3" in set(manifests.secrets({"kind": "List", "items": [text]}))


@pytest.mark.parametrize("beside", ["bad: [", 5, ["a list"], {"kind": 5}, {"kind": "List", "items": ["bad: ["]}, {"metadata": 5}, "text"])
def test_a_secret_is_masked_beside_what_cannot_be_read(beside: t.Any) -> None:
    assert "pw1" in set(manifests.secrets([beside, secret(password="pw1")]))
    assert "pw1" in set(manifests.secrets([[beside, secret(password="pw1")]]))


def test_only_secrets_are_masked() -> None:
    assert list(manifests.secrets([resource("Queue", {"name": "a"}), QUEUE_YAML, None])) == []
    assert list(manifests.secrets(None)) == []


def test_a_bad_secret_is_refused_without_its_values() -> None:
    assert SECRETIVE not in str(problem(declared, user(), dict(secret(), data={"username": f"{SECRETIVE}!"})))
