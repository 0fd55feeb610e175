from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._kube import labels


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "Role",
        "1",
        "a.b_c-d",
        "x" * 63,
        "example.com/a",
        "a/b",
        "node-role.kubernetes.io/worker",
        f"{'a' * 253}/{'b' * 63}",
        f"{'a.' * 126}a/x",
    ],
)
def test_keys_that_can_be(key: str) -> None:
    assert labels.key_problem(key) is None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "empty key"),
        ("/a", "nothing before the '/'"),
        ("a/", "no name after"),
        ("/", "nothing before the '/'"),
        ("a/b/c", "more than one '/'"),
        ("a//b", "more than one '/'"),
        ("Example.com/a", "lower-case domain"),
        ("a_b/c", "lower-case domain"),
        ("a..b/c", "lower-case domain"),
        (f"{'a' * 254}/b", "254 characters"),
        ("x" * 64, "64 characters"),
        ("-a", "'-a'"),
        ("a.", "'a.'"),
        ("a b", "'a b'"),
        ("a\n", "a name is made of"),
        ("é", "'é'"),
        ("a:b", "'a:b'"),
        ("٣", "a name is made of"),
        ("a/b\n", "a name is made of"),
        ("a\n/b", "lower-case domain"),
    ],
)
def test_keys_that_cannot_be(key: str, words: str) -> None:
    problem = labels.key_problem(key)
    assert problem
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize("value", ["", "a", "5", "A.b-c_d", "x" * 63, "1.36"])
def test_values_that_can_be(value: str) -> None:
    assert labels.value_problem(value) is None
    assert labels.problem("a", value) is None


@pytest.mark.parametrize("value", ["x" * 64, " ", "a b", "-a", "a-", "a/b", "a\n", "é", "a=b", "_"])
def test_values_that_cannot_be(value: str) -> None:
    problem = labels.value_problem(value)
    assert problem
    assert "\n" not in problem
    assert labels.problem("a", value) == problem


def test_the_key_is_judged_before_the_value() -> None:
    assert labels.problem("-", "-") == labels.key_problem("-")


@pytest.mark.parametrize(
    "key",
    [
        "role",
        "example.com/role",
        "notkubernetes.io/role",
        "kubernetes.io.example.com/role",
        # The kubelet's own list, from its source; a live test asks the kubelet.
        *(f"kubernetes.io/{name}" for name in ("hostname", "os", "arch")),
        *(f"beta.kubernetes.io/{name}" for name in ("os", "arch", "instance-type")),
        *(f"{prefix}.kubernetes.io/{name}" for prefix in ("topology", "failure-domain.beta") for name in ("zone", "region")),
        "node.kubernetes.io/instance-type",
        "node.kubernetes.io/anything",
        "a.node.kubernetes.io/anything",
        "kubelet.kubernetes.io/anything",
        "a.b.kubelet.kubernetes.io/anything",
        # kubeadm's, but no kubelet refuses it.
        "node.kubernetes.io/exclude-from-external-load-balancers",
        # No prefix: a name like any other.
        "kubernetes.io",
    ],
)
def test_keys_that_a_kubelet_may_set(key: str) -> None:
    assert labels.refused_by_kubelet(key) is None
    assert labels.refused_by_kubelet(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "node-role.kubernetes.io/worker",
        "node-role.kubernetes.io/control-plane",
        "node-restriction.kubernetes.io/a",
        "a.node-restriction.kubernetes.io/a",
        "kubernetes.io/role",
        "kubernetes.io/anything",
        "app.kubernetes.io/name",
        "k8s.io/a",
        "foo.k8s.io/a",
        "node.k8s.io/a",
        "xnode.kubernetes.io/a",
        "topology.kubernetes.io/rack",
        "beta.kubernetes.io/a",
    ],
)
def test_keys_that_only_the_api_can_set(key: str) -> None:
    assert labels.refused_by_kubelet(key)
    assert key.split("/", maxsplit=1)[0] in str(labels.refused_by_kubelet(key))


def test_kubeadms_own_labels() -> None:
    assert {
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    } == labels.KUBEADM_KEYS


@given(st.text(max_size=8), st.text(alphabet="aA0-_./ \n", max_size=8))
def test_a_prefix_changes_nothing_about_the_name(name: str, other: str) -> None:
    for text in (name, other):
        if "/" not in text:
            assert (labels.key_problem(text) is None) == (labels.key_problem(f"example.com/{text}") is None)
            assert (labels.key_problem(text) is None) == (text != "" and labels.value_problem(text) is None)
