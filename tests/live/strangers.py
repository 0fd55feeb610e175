"""Whatever a person may write into a task of rabbitmq_topology, as Hypothesis strategies.

Most texts are nearly right: a good value with one thing wrong, since what is nonsense as a whole is refused at its first key.
"""

from __future__ import annotations

import json
import typing as t

import yaml
from hypothesis import strategies as st

VHOST = "strange"
Arguments = t.Dict[str, t.Any]

_CURIOUS = [
    "", " ", ".", "..", "/", "//", "%2F", "%2f", "a/b", "a%2Fb", "a b", " a", "a ", "a\n", "\na", "a\x00b", "a\tb", "\x7f", "\u0085",
    "\u2028", "\ufeff",
    "é", "ü q", "漢字", "🐇", "\ud800", "~", "a~b", "#", "*", "a.#", "+", "?", "a?b=c", "a#b", ";", ":", "@", "a@b", "a\\b", "'", '"',
    "{{ x }}",
    "amq.", "amq.mine", "amq.direct", "amq.default", "amq.gen-1", "1.10", "1", "true", "null", "~%7E", "n" * 255, "n" * 256, "é" * 128,
    "<b>", "-", "_",
]  # fmt: skip
_PATTERNS = [
    "", ".*", "^a", "^(?!amq\\.).*$", "(", ")", "[", "[a", "a{2,1}", "a{1", "*", "+a", "?", "\\", "\\d+", "(?P<n>a)", "(?<n>a)",
    "(?<=a)b", "(?i)a", "\\p{L}",
    "[[:alpha:]]", "\\Qa.b\\E", "a++", "(?>a)", "\\x{100}", "\n", "é", "a|", "|", "^$", "$^", "\\K", "(?R)", "(*UTF)a", "\\g{1}",
    "(a)\\1", "a" * 300,
]  # fmt: skip
_ARGUMENTS = [
    "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-priority", "x-delivery-limit",
    "x-quorum-initial-group-size", "x-overflow",
    "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-max-age", "x-queue-leader-locator",
    "x-queue-mode", "x-queue-type",
    "x-queue-version", "x-single-active-consumer", "x-stream-max-segment-size-bytes", "x-initial-cluster-size", "x-consumer-timeout",
    "alternate-exchange",
    "hash-header", "x-delayed-type", "x-match", "x-max-lenght", "message-ttl", "x-unknown", "", "é",
]  # fmt: skip
_DEFINITION = [
    "message-ttl", "expires", "max-length", "max-lenght", "max-length-bytes", "overflow", "dead-letter-exchange",
    "dead-letter-routing-key", "ha-mode",
    "ha-sync-mode", "alternate-exchange", "delivery-limit", "queue-mode", "queue-leader-locator", "max-age", "federation-upstream-set",
    "federation-upstream", "consumer-timeout", "target-group-size", "queue-version", "dead-letter-strategy", "", "unknown",
    "stream-max-segment-size-bytes",
]  # fmt: skip
_VALUES = [
    0, 1, -1, 255, 256, 300, 60000, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 1.0, 0.5, True, False, None, "", "1", "60000", "7D",
    "7days", "1h", "1Y2M", "quorum",
    "classic", "stream", "lazy", "default", "drop-head", "reject-publish", "reject-publish-dlx", "reject-publsh", "client-local",
    "balanced", "random",
    "least-leaders", "all", "exactly", "at-least-once", "amq.fanout", "nobody", [], [1], {}, {"a": [None, {"b": 1.5}]}, "é", "\x00",
]  # fmt: skip

free = st.text(max_size=8)
names = st.sampled_from(["a", "b", "c.d", "e-1"]) | st.sampled_from(_CURIOUS) | free
patterns = st.sampled_from(_PATTERNS) | free
values = st.sampled_from(_VALUES) | st.integers(-(2**65), 2**65) | free
flags = st.sampled_from([True, False, True, "yes", "no", "on", 0, 1, 2, None, "maybe", ""])
texts = names | st.sampled_from([None, 1, 1.1, True, [], {}, ["a"], {"a": 1}])
tags = st.sampled_from(
    ["", "management", "monitoring, management", ["a,b"], ["administrator"], [""], [" a"], [1], None, "protected", [None], {"a": 1}]
)
tags |= st.lists(names, max_size=3)


def _mapping(keys: t.Sequence[str]) -> st.SearchStrategy[t.Any]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=3) | st.sampled_from([None, {}, [], "", "a=1", '{"x-max-length": 1}'])


arguments = _mapping(_ARGUMENTS)
_state = {"state": st.sampled_from(["present", "present", "present", "absent", None, "Present"])}
_place = {"vhost": st.sampled_from([VHOST, VHOST, VHOST, "/dev", "%2F", "", "nowhere", None]), **_state}
_policy = {
    "name": names,
    "pattern": patterns,
    "definition": _mapping(_DEFINITION),
    "apply_to": st.sampled_from(["all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams", "nothing", None]),
    "priority": st.sampled_from([0, 1, -1, "1", "x", 1.5, 2**40, None]),
    **_place,
}
_exchange_types = st.sampled_from(
    ["direct", "topic", "fanout", "headers", "x-consistent-hash", "x-delayed-message", "x-local-random", "", "Direct", None]
)
# For each list of the module, and for each field of its items, what may stand there.
ITEMS: dict[str, dict[str, st.SearchStrategy[t.Any]]] = {
    "vhosts": {
        "name": names,
        "description": texts,
        "tags": tags,
        "default_queue_type": st.sampled_from(["classic", "quorum", "undefined", "lazy", None]),
        "tracing": flags,
        **_state,
    },
    "users": {
        "name": names,
        "password": texts,
        "password_hash": st.sampled_from(["", "AAAA", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "é", None, "x" * 44]),
        "hashing_algorithm": st.sampled_from(["sha256", "sha512", "md5", "rabbit_password_hashing_sha256", "", None]),
        "tags": tags,
        "update_password": st.sampled_from(["always", "on_create", "never"]),
        **_state,
    },
    "vhost_limits": {"name": st.sampled_from(["max-queues", "max-connections", "max-length", ""]), "value": values, **_place},
    "user_limits": {"user": names, "name": st.sampled_from(["max-channels", "max-connections", "x"]), "value": values, **_state},
    "permissions": {"user": names, "configure": patterns, "write": patterns, "read": patterns, **_place},
    "topic_permissions": {"user": names, "exchange": names, "write": patterns, "read": patterns, **_place},
    "policies": _policy,
    "operator_policies": _policy,
    "exchanges": {
        "name": names,
        "type": _exchange_types,
        "durable": flags,
        "auto_delete": flags,
        "internal": flags,
        "arguments": arguments,
        **_place,
    },
    "queues": {
        "name": names,
        "type": st.sampled_from(["classic", "quorum", "stream", "lazy", "", None]),
        "durable": flags,
        "auto_delete": flags,
        "arguments": arguments,
        **_place,
    },
    "bindings": {
        "source": names | st.just("amq.topic"),
        "destination": names,
        "destination_type": st.sampled_from(["queue", "exchange", "Queue", None]),
        "routing_key": texts,
        "arguments": arguments,
        **_place,
    },
    "parameters": {
        "component": st.sampled_from(["federation-upstream", "shovel", "policy", "vhost-limits", "nothing", ""]),
        "name": names,
        "value": st.sampled_from([{"uri": "amqp://"}, {"uri": 1}, {}, None, "amqp://u:p@h", [], 5]),
        **_place,
    },
}
_KINDS = (
    "Vhost",
    "Queue",
    "Exchange",
    "Binding",
    "User",
    "Permission",
    "TopicPermission",
    "Policy",
    "OperatorPolicy",
    "Federation",
    "Shovel",
)
_KINDS += ("SuperStream", "Secret", "RabbitmqCluster", "Namespace", "queue", "")
_SPEC = (
    "name",
    "vhost",
    "type",
    "durable",
    "autoDelete",
    "arguments",
    "source",
    "destination",
    "destinationType",
    "routingKey",
    "tags",
    "user",
)
_SPEC += (
    "userReference",
    "permissions",
    "pattern",
    "definition",
    "applyTo",
    "priority",
    "limits",
    "importCredentialsSecret",
    "defaultQueueType",
    "unknown",
)


@st.composite
def items(draw: t.Any, option: str) -> t.Any:
    """An item of that list: any of its fields, each right or wrong; seldom no item at all."""
    if draw(st.integers(0, 40)) == 0:
        return draw(st.sampled_from([None, "", "a", [], 5, {}]))
    fields = ITEMS[option]
    chosen = {name: draw(strategy) for name, strategy in fields.items() if name in _NEEDED or draw(st.integers(0, 3)) == 0}
    if draw(st.integers(0, 40)) == 0:
        chosen[draw(names)] = draw(values)
    return chosen


_NEEDED = ("name", "user", "exchange", "source", "destination", "component", "pattern", "definition", "configure", "write", "read", "value")


@st.composite
def resources(draw: t.Any) -> t.Any:
    """A custom resource, or something else that a file of a GitOps repository holds."""
    if draw(st.integers(0, 20)) == 0:
        return draw(st.sampled_from([None, [], "text", 5, {}, {"kind": "Queue"}, {"kind": "List", "items": None}]))
    kind = draw(st.sampled_from(_KINDS))
    reference = draw(
        st.sampled_from([{"name": "rabbit"}, {"name": "rabbit", "namespace": "n"}, None, {}, "rabbit", {"connectionSecret": {"name": "s"}}])
    )
    spec = draw(st.dictionaries(st.sampled_from(_SPEC), values | texts | patterns | st.just(VHOST), max_size=5))
    meta = draw(
        st.sampled_from([{"name": "a", "namespace": "n"}, {"name": "b"}, {}, None, {"name": 1}, {"name": "secret", "namespace": "n"}])
    )
    version = draw(st.sampled_from(["rabbitmq.com/v1beta1", "rabbitmq.com/v1beta1", "rabbitmq.com/v1alpha1", "v1", "", None]))
    whole: Arguments = {"apiVersion": version, "kind": kind, "metadata": meta, "spec": {**spec, "rabbitmqClusterReference": reference}}
    if kind == "Secret":
        whole["data"] = draw(
            st.dictionaries(st.sampled_from(["username", "password", "passwordHash"]), st.sampled_from(["", "YQ==", "é", "=", 1, None]))
        )
    return whole


@st.composite
def manifests(draw: t.Any) -> t.Any:
    """`manifests` as a list, as YAML text, or as text that nearly is."""
    listed = draw(st.lists(resources(), min_size=1, max_size=3))
    as_text = draw(st.integers(0, 3))
    if as_text > 1:
        return listed
    text = yaml.safe_dump_all(listed, allow_unicode=True) if as_text else "\n---\n".join(json.dumps(each) for each in listed)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        text = (
            text[:place] + draw(st.sampled_from(["", "\t", "{", "&a", "*a", "!!python/object:x ", "\x00", ": ", "- ", "é"])) + text[place:]
        )
    return text


_patterns_of_names = st.lists(names | st.sampled_from([f"{VHOST}/*", "*", "[", "%2Fdev/a", "queue a", "//a"]), max_size=2)
OPTIONS: dict[str, st.SearchStrategy[t.Any]] = {
    "vhost": st.sampled_from([VHOST, VHOST, "/", "%2F", "", "nowhere", "é"]),
    "prune": st.lists(st.sampled_from(["queues", "bindings", "exchanges", "policies", "vhosts", "nothing"]), max_size=2),
    "prune_ignore": _patterns_of_names,
    "prune_limit": st.sampled_from([0, 1, -1, "10", "x", 2**70]),
    "allow_message_loss": _patterns_of_names,
    "cluster_reference": st.sampled_from(["", "rabbit", "n/rabbit", "/", "n/", "a/b/c", "é"]),
    "on_immutable_change": st.sampled_from(["fail", "recreate_if_empty", "never"]),
    "timeout": st.sampled_from([5, "5", 0, -1, "x", float("nan"), float("inf")]),
    "url": st.sampled_from(
        ["", "localhost", "http://", "http://[::1", "http://h:99999", "ftp://h", "http://u:p@h", "é", [], [""], " http://h"]
    ),
}


@st.composite
def tasks(draw: t.Any) -> Arguments:
    """The arguments of one task: one to three lists or manifests, and seldom another option."""
    task: Arguments = {"vhost": VHOST}
    for option in draw(st.lists(st.sampled_from([*ITEMS, "manifests"]), min_size=1, max_size=3, unique=True)):
        task[option] = draw(manifests()) if option == "manifests" else draw(st.lists(items(option), min_size=1, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        option = draw(st.sampled_from(list(OPTIONS)))
        task[option] = draw(OPTIONS[option])
    return task
