from __future__ import annotations

import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.endpoints import EXCHANGE, QUEUE
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Kind
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.plain import POLICY
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION, KINDS

# Names made of what could make two objects look like one.
NAMES = st.text(alphabet='ab/% "\\{}~.->,:2F5', min_size=1, max_size=6) | st.sampled_from(
    ["a -> queue b", 'a by ""', "%2F", "/", "a b", '"a b"']
)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "b", "x by c"]), st.sampled_from([0, 1, 1.0, True, False, "1", "a", [1]]), max_size=2)


def identities(kind: Kind) -> st.SearchStrategy[dict[str, t.Any]]:
    parts: dict[str, st.SearchStrategy[t.Any]] = {"arguments": ARGUMENTS, "destination_type": st.sampled_from(["queue", "exchange"])}
    parts.update(dict.fromkeys(("routing_key", "exchange"), st.just("") | NAMES))
    return st.fixed_dictionaries({part: parts.get(part, NAMES) for part in kind.parts})


def typed(value: t.Any) -> str:
    return repr(sorted(value.items())) if isinstance(value, dict) else repr(value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(max_examples=40)
@given(st.data())
def test_two_objects_never_have_one_name(kind: Kind, data: st.DataObject) -> None:
    one = data.draw(identities(kind))
    # The other differs in a part or two, where names are most alike.
    two = dict(one, **{part: data.draw(identities(kind))[part] for part in data.draw(st.sets(st.sampled_from(kind.parts), max_size=2))})
    same_identity = all(typed(one[part]) == typed(two[part]) for part in kind.parts)
    assert (kind.object(one) == kind.object(two)) == same_identity


@settings(max_examples=150)
@given(st.text(alphabet="a/%2F", min_size=1, max_size=4), st.text(alphabet="a/%2F", min_size=1, max_size=4), NAMES, NAMES)
def test_a_slash_in_a_vhost_is_told_from_one_in_a_name(one: str, two: str, left: str, right: str) -> None:
    names = [QUEUE.object({"vhost": vhost, "name": name}) for vhost, name in ((one, left), (two, right))]
    assert (names[0] == names[1]) == ((one, left) == (two, right))


def test_a_slash_moved_between_vhost_and_name_makes_another_name() -> None:
    pairs = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("/", "a"), ("a", "/"), ("//", "a"), ("/", "/a")]
    assert len({QUEUE.object({"vhost": vhost, "name": name}) for vhost, name in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("option", "identity", "name"),
    [
        ("queues", {"vhost": "eco2", "name": "scan.vision"}, "eco2/scan.vision"),
        ("queues", {"vhost": "/", "name": "celery"}, "/celery"),
        ("queues", {"vhost": "a/b", "name": "two words"}, "a/b/two words"),
        ("queues", {"vhost": "/dev", "name": "a"}, "/dev/a"),
        ("queues", {"vhost": "eco2", "name": "x/y"}, "eco2/x%2Fy"),
        ("queues", {"vhost": "eco2", "name": "x%2Fy%z"}, "eco2/x%252Fy%z"),
        ("vhosts", {"name": "a/b"}, "a/b"),
        ("users", {"name": "two words"}, "two words"),
        ("permissions", {"vhost": "eco2", "user": "ann"}, "eco2/ann"),
        ("user_limits", {"user": "two words", "name": "max-channels"}, '"two words" max-channels'),
        ("vhost_limits", {"vhost": "eco2", "name": "max-queues"}, "eco2/max-queues"),
        ("parameters", {"vhost": "eco2", "component": "shovel", "name": "two words"}, 'eco2/shovel "two words"'),
        ("topic_permissions", {"vhost": "eco2", "user": "ann", "exchange": ""}, 'eco2/ann ""'),
        (
            "bindings",
            {"vhost": "eco2", "source": "x", "destination": "q", "destination_type": "queue", "routing_key": "k", "arguments": {}},
            "eco2/x -> queue q by k",
        ),
        (
            "bindings",
            {
                "vhost": "/",
                "source": "x",
                "destination": "y z",
                "destination_type": "exchange",
                "routing_key": "",
                "arguments": {"b": 1, "a": True},
            },
            '/x -> exchange "y z" by "" {"a": true, "b": 1}',
        ),
    ],
)
def test_names_read_as_people_write_them(option: str, identity: dict[str, t.Any], name: str) -> None:
    assert BY_OPTION[option].object(identity) == name


def test_the_default_exchange_has_a_name_in_urls_only() -> None:
    assert EXCHANGE.segments({"vhost": "/", "name": ""}) == ["exchanges", "/", "amq.default"]
    assert EXCHANGE.object({"vhost": "/", "name": ""}) == "/"


def test_the_policys_field_has_the_apis_hyphen() -> None:
    assert POLICY.body({"apply_to": "all", "priority": 0}) == {"apply-to": "all", "priority": 0}


def test_the_table_is_found_by_name_and_by_option() -> None:
    assert {kind.name for kind in KINDS} == set(BY_NAME)
    assert {kind.option for kind in KINDS} == set(BY_OPTION)
    assert len(BY_NAME) == len(BY_OPTION) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_path_is_made_of_identity(kind: Kind) -> None:
    identity = {part: f"the {part}" for part in kind.parts}
    segments = kind.segments(identity)
    assert segments[0] == kind.listing
    assert set(segments[1:]) <= set(identity.values()) | {"e"}


def test_bindings_come_last_and_vhosts_first() -> None:
    stages = {kind.name: kind.stage for kind in KINDS}
    assert [name for name, stage in stages.items() if stage == min(stages.values())] == ["vhost"]
    assert [name for name, stage in stages.items() if stage == max(stages.values())] == ["parameter", "binding"]
