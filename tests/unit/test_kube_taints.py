from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._kube import taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

NAMES = st.from_regex("[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?", fullmatch=True)
TAINTS = st.builds(Taint, NAMES | NAMES.map("example.com/{}".format), st.just("") | NAMES, st.sampled_from(taints.EFFECTS))


@pytest.mark.parametrize(
    ("written", "taint"),
    [
        ("a=b:NoSchedule", Taint("a", "b", "NoSchedule")),
        ("a:NoExecute", Taint("a", "", "NoExecute")),
        ("a=:PreferNoSchedule", Taint("a", "", "PreferNoSchedule")),
        (" a=b:NO_SCHEDULE ", Taint("a", "b", "NoSchedule")),
        ("x.io/a=b:NO_EXECUTE", Taint("x.io/a", "b", "NoExecute")),
        ("a:PREFER_NO_SCHEDULE", Taint("a", "", "PreferNoSchedule")),
        ({"key": "a", "value": "b", "effect": "NoSchedule"}, Taint("a", "b", "NoSchedule")),
        ({"key": "a", "effect": "NO_SCHEDULE"}, Taint("a", "", "NoSchedule")),
        ({"key": "a", "value": None, "effect": "NoSchedule"}, Taint("a", "", "NoSchedule")),
        ({"key": "a", "value": 5, "effect": "NoSchedule"}, Taint("a", "5", "NoSchedule")),
    ],
)
def test_what_is_a_taint(written: t.Any, taint: Taint) -> None:
    assert taints.parse_any(written) == taint


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a=b", "has no effect"),
        ("", "has no effect"),
        ("a=b:", "the effect ''"),
        ("a=b:noschedule", "NoSchedule, PreferNoSchedule, NoExecute"),
        ("a=b:NoSchedule:x", "the effect 'NoSchedule:x'"),
        # kubectl's way to take one away.
        ("a=b:NoSchedule-", "the effect 'NoSchedule-'"),
        ("=b:NoSchedule", "empty key"),
        ("a=b=c:NoSchedule", "has the value 'b=c'"),
        ("a b:NoSchedule", "has the name 'a b'"),
        ("a=b :NoSchedule", "has the value 'b '"),
        (f"a={'x' * 64}:NoSchedule", "64 characters"),
        ({"key": "a"}, "has no effect"),
        ({"effect": "NoSchedule"}, "has no key"),
        ({"key": None, "effect": "NoSchedule"}, "has no key"),
        ({"key": "a", "effect": "NoSchedule", "operator": "Exists"}, "has operator"),
        ({"key": "a", "value": True, "effect": "NoSchedule"}, "its value is the boolean true"),
        ({"key": "a", "value": 1.5, "effect": "NoSchedule"}, "its value is the number 1.5"),
        ({"key": "a", "value": ["b"], "effect": "NoSchedule"}, "its value is a list"),
        (5, "the number 5"),
        (["a:NoSchedule"], "a list"),
        (None, "null"),
    ],
)
def test_what_is_none(written: t.Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"^taint ") as raised:
        taints.parse_any(written)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@given(TAINTS)
def test_a_taint_is_read_back_from_both_ways_to_write_it(taint: Taint) -> None:
    assert taints.parse_any(str(taint)) == taint
    assert taints.parse_any(taint.as_dict()) == taint
    assert ("value" in taint.as_dict()) == bool(taint.value)


def test_a_node_has_one_taint_of_a_key_and_effect() -> None:
    assert Taint("a", "b", "NoSchedule").identity == Taint("a", "c", "NoSchedule").identity
    assert Taint("a", "b", "NoSchedule").identity != Taint("a", "b", "NoExecute").identity


CONDITIONS = ("not-ready", "unreachable", "memory-pressure", "disk-pressure", "pid-pressure", "network-unavailable", "unschedulable")


@pytest.mark.parametrize(
    "key",
    [
        *(f"node.kubernetes.io/{name}" for name in (*CONDITIONS, "out-of-service")),
        "node.cloudprovider.kubernetes.io/shutdown",
        "DeletionCandidateOfClusterAutoscaler",
        "node-role.kubernetes.io/master",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.cilium.io/agent-not-ready",
        "ToBeDeletedByClusterAutoscaler",
        "node-role.kubernetes.io/control-plane",
    ],
)
def test_taints_of_others_are_protected(key: str) -> None:
    assert key in taints.PROTECTED_KEYS


def test_no_taint_belongs_to_two() -> None:
    assert not taints.CONTROLLERS_KEYS & taints.STARTUP_KEYS
    assert not taints.KUBEADM_KEYS & (taints.CONTROLLERS_KEYS | taints.STARTUP_KEYS)
