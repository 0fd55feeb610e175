from __future__ import annotations

import datetime
import json
import shlex
import typing as t

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st
from refusals import refused

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import kubelet_flags
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile.profile import Profile, parse
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

EVENT_ROUTER = (
    "--node-labels=role=event-router,domain=event-router,service=event-router,workload=event-router,tier=integration,phase=5"
    " --register-with-taints=domain=event-router:NoSchedule"
)
WANTED = Profile({"role": "api", "phase": "5"}, (Taint("role", "api", "NoSchedule"),), {"max-pods": "50"})


# The same in every spelling


@pytest.mark.parametrize(
    "written",
    [
        "--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50",
        "--node-labels role=api,phase=5 --register-with-taints role=api:NoSchedule --max-pods 50",
        "--kubelet-extra-args '--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50'",
        '--kubelet-extra-args="--node-labels=role=api,phase=5" --register-with-taints=role=api:NoSchedule --max-pods=50',
        "--kubelet-extra-args --node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50",
        'KUBELET_EXTRA_ARGS="--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50"',
        "export KUBELET_EXTRA_ARGS='--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50'",
        'Environment="KUBELET_EXTRA_ARGS=--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50"',
        "  --max-pods='50' --node-labels=role=api --node-labels=phase=5\n --register-with-taints=role=api:NO_SCHEDULE ",
        '--node-labels="role=api, phase = 5,," --register-with-taints=role=api:NoSchedule \\\n --max_pods=50',
        {"labels": {"role": "api", "phase": 5}, "taints": ["role=api:NoSchedule"], "kubelet_extra_args": {"max-pods": 50}},
        {
            "labels": "role=api,phase=5",
            "kubelet_extra_args": {"kubelet-extra-args": "--register-with-taints=role=api:NoSchedule --max-pods=50"},
        },
        {"node_labels": ["role=api", "phase=5"], "node_taints": "role=api:NoSchedule", "kubelet_extra_args": "--max-pods=50"},
        {
            "labels": [{"key": "role", "value": "api"}, {"name": "phase", "value": 5}],
            "taints": {"role": {"key": "role", "value": "api", "effect": "NO_SCHEDULE"}},
            "kubelet_extra_args": [{"name": "max-pods", "value": "50"}],
        },
        {
            "labels": "role=api,phase=5",
            "taints": ({"key": "role", "value": "api", "effect": "NoSchedule"},),
            "kubelet_extra_args": ["--max-pods=50"],
        },
        {"kubelet_extra_args": {"node-labels": "role=api,phase=5", "register_with_taints": "role=api:NoSchedule", "--max-pods": "50"}},
        {
            "kubelet_extra_args": {
                "node-labels": {"role": "api", "phase": 5},
                "register-with-taints": ["role=api:NoSchedule"],
                "max_pods": 50,
            }
        },
        {
            "labels": {"role": "api"},
            "taints": None,
            "kubelet_extra_args": "--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods 50",
        },
        '{"labels": {"role": "api", "phase": 5}, "kubelet_extra_args": {"max_pods": 50},'
        ' "taints": [{"key": "role", "value": "api", "effect": "NO_SCHEDULE"}]}',
        '\n{"labels": {"role": "api", "phase": "5"}, "taints": ["role=api:NoSchedule"], "kubelet_extra_args": ["--max-pods=50"]}\n',
    ],
    ids=range(20),
)
def test_a_profile_is_the_same_however_it_is_written(written: t.Any) -> None:
    assert parse(written) == WANTED


@pytest.mark.parametrize(
    "written",
    [
        *(None, "", "  ", {}, "{}", {"labels": {}}, "--register-with-taints="),
        {"labels": None, "taints": None, "kubelet_extra_args": None},
        {"labels": "", "taints": "", "kubelet_extra_args": ""},
        {"labels": [], "taints": [], "kubelet_extra_args": []},
    ],
)
def test_nothing_is_a_profile_too(written: t.Any) -> None:
    assert parse(written) == Profile()
    assert not any(parse(written).as_dict().values())


def test_a_profile_of_the_platform() -> None:
    assert parse(EVENT_ROUTER).as_dict() == {
        "labels": {
            "role": "event-router",
            "domain": "event-router",
            "service": "event-router",
            "workload": "event-router",
            "tier": "integration",
            "phase": "5",
        },
        "registration_labels": parse(EVENT_ROUTER).labels,
        "api_labels": {},
        "taints": [{"key": "domain", "value": "event-router", "effect": "NoSchedule"}],
        "startup_taints": [],
        "kubelet_extra_args": [],
        "why": {},
    }


def test_numbers_and_booleans_in_json_are_text() -> None:
    """JSON has only one way to write them."""
    assert parse('{"labels": {"a": true, "b": false, "c": ""}}').labels == {"a": "true", "b": "false", "c": ""}
    assert parse('{"labels": [{"name": "a", "value": 8080}]}').labels == {"a": "8080"}
    assert parse('{"taints": [{"key": "a", "value": 750, "effect": "NoSchedule"}]}').taints == (Taint("a", "750", "NoSchedule"),)
    assert refused(parse, '{"labels": 5}')[0].code == "labels.form"


@pytest.mark.parametrize(("value", "text"), [(5, "5"), (0, "0"), (7, "7"), ("1.30", "1.30"), ("", ""), ("yes", "yes")])
def test_values_that_are_surely_text(value: t.Any, text: str) -> None:
    assert parse({"labels": {"a": value}}).labels == {"a": text}
    assert parse({"kubelet_extra_args": {"a": value}}).flags == {"a": text}


@pytest.mark.parametrize("written", ["no", "off", "yes", "on", "true", "010", "12:30", "0x1F", "1_000", "1.30", "2026-11-29", "~", "-5"])
def test_what_yaml_reads_as_something_else_is_refused_as_a_label_and_as_a_taint(written: str) -> None:
    read = yaml.safe_load(f"a: {written}")["a"]
    assert not isinstance(read, str)
    assert [problem.code for problem in refused(parse, {"labels": {"a": read}})] == ["label.invalid"]
    if read is not None:
        assert [problem.code for problem in refused(parse, {"taints": [{"key": "a", "value": read, "effect": "NoSchedule"}]})] == [
            "taint.invalid"
        ]


@pytest.mark.parametrize(("value", "text"), [(False, "false"), (True, "true"), (110, "110")])
def test_a_flag_that_is_a_number_or_a_boolean_by_nature_is_taken_however_written(value: t.Any, text: str) -> None:
    assert parse({"kubelet_extra_args": {"a": value}}).flags == {"a": text}


def test_a_boolean_flag_needs_no_value() -> None:
    assert parse("--fail-swap-on --protect-kernel-defaults=false --seccomp-default").flags == {
        "fail-swap-on": "true",
        "protect-kernel-defaults": "false",
        "seccomp-default": "true",
    }


def test_what_is_said_twice_alike_is_said_once() -> None:
    assert parse({"labels": {"a": "b"}, "kubelet_extra_args": "--node-labels=a=b,a=b"}).labels == {"a": "b"}


def test_a_label_without_equals_is_empty_as_for_the_kubelet() -> None:
    assert parse("--node-labels=a,b=").labels == {"a": "", "b": ""}


# Where each part goes


def test_labels_that_a_kubelet_dies_of_go_by_the_api() -> None:
    parts = parse("--node-labels=node-role.kubernetes.io/worker=,role=api,topology.kubernetes.io/zone=a,foo.k8s.io/x=y").as_dict()
    assert parts["registration_labels"] == {"role": "api", "topology.kubernetes.io/zone": "a"}
    assert parts["api_labels"] == {"node-role.kubernetes.io/worker": "", "foo.k8s.io/x": "y"}
    assert parts["why"] == {
        "node-role.kubernetes.io/worker": "a kubelet may not label itself with the prefix node-role.kubernetes.io",
        "foo.k8s.io/x": "a kubelet may not label itself with the prefix foo.k8s.io",
    }


@pytest.mark.parametrize("key", sorted(labels.KUBEADM_KEYS))
def test_kubeadms_own_labels_are_no_registration_labels(key: str) -> None:
    parts = parse({"labels": {key: ""}}).as_dict()
    assert parts["registration_labels"] == {}
    assert parts["api_labels"] == {key: ""}
    assert "kubeadm" in parts["why"][key]


def test_a_taint_that_an_agent_takes_away_is_given_at_registration_only() -> None:
    parts = parse("--register-with-taints=node.cilium.io/agent-not-ready=true:NoExecute,a=b:NoSchedule").as_dict()
    assert parts["startup_taints"] == [{"key": "node.cilium.io/agent-not-ready", "value": "true", "effect": "NoExecute"}]
    assert parts["taints"] == [{"key": "a", "value": "b", "effect": "NoSchedule"}]


def test_kubeadms_taint_may_be_declared() -> None:
    assert parse("--register-with-taints=node-role.kubernetes.io/control-plane:NoSchedule").as_dict()["taints"]


def test_a_taint_without_a_value_has_none() -> None:
    assert parse("--register-with-taints=a:NoSchedule,b=:NoExecute").as_dict()["taints"] == [
        {"key": "a", "effect": "NoSchedule"},
        {"key": "b", "effect": "NoExecute"},
    ]


def test_the_cloud_adds_labels_and_flags() -> None:
    cloud = {"provider_id": "aws:///a/i-0", "cloud_provider": "external", "zone": "a", "region": "r", "instance_type": "t3.small"}
    parts = parse("--max-pods=50", cloud).as_dict()
    assert parts["registration_labels"] == {
        "topology.kubernetes.io/zone": "a",
        "topology.kubernetes.io/region": "r",
        "node.kubernetes.io/instance-type": "t3.small",
    }
    assert parts["kubelet_extra_args"] == [
        {"name": "max-pods", "value": "50"},
        {"name": "provider-id", "value": "aws:///a/i-0"},
        {"name": "cloud-provider", "value": "external"},
    ]


def test_what_the_cloud_does_not_say_is_not_there() -> None:
    assert parse("", {"provider_id": "", "zone": None, "region": "", "instance_type": None, "cloud_provider": ""}) == Profile()


def test_the_cloud_may_say_what_the_profile_says() -> None:
    profile = parse("--provider-id=x --node-labels=topology.kubernetes.io/zone=a", {"provider_id": "x", "zone": "a"})
    assert profile == Profile({"topology.kubernetes.io/zone": "a"}, (), {"provider-id": "x"})


# What is refused


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        (5, "profile.form", "number 5"),
        (["--max-pods=50"], "profile.form", "a list"),
        (True, "profile.form", "boolean true"),
        ("role=api", "profile.form", "'role=api'"),
        ("None", "profile.form", "'None'"),
        ("{labels: {a: b}}", "profile.json", ""),
        ("{'labels': {'a': true}}", "profile.json", ""),
        ('{"labels": {"a": "1", "a": "2"}}', "profile.json", "'a'"),
        ({"label": {"a": "b"}}, "profile.unknown_key", "'label'"),
        ({"max-pods": 50}, "profile.unknown_key", "kubelet_extra_args"),
        ({1: 2}, "profile.unknown_key", ""),
        ({"labels": 5}, "labels.form", "number 5"),
        ({"labels": [5]}, "label.form", "a list"),
        ({"labels": [{"a": "b"}]}, "label.form", "'a'"),
        ({"labels": {"a": 1.3}}, "label.invalid", "'a'"),
        ({"labels": {"a": None}}, "label.invalid", "'a'"),
        ({"labels": {"a": ["b"]}}, "label.invalid", "'a'"),
        ({"labels": {"a": datetime.date(2026, 1, 2)}}, "label.invalid", "'a'"),
        ({"labels": {5: "b"}}, "label.invalid", "number 5"),
        ({"labels": {True: "b"}}, "label.invalid", "boolean true"),
        ({"labels": {"a b": "c"}}, "label.invalid", "'a b'"),
        ("--node-labels=a=b=c", "label.invalid", "'a'"),
        ("--node-labels=a=b,a=c", "label.twice", "'a'"),
        ({"labels": {"a": "b"}, "node_labels": {"a": "c"}}, "label.twice", "'a'"),
        ({"taints": 5}, "taints.form", "number 5"),
        ({"taints": {"key": "a", "effect": "NoSchedule"}}, "taints.form", "a dictionary"),
        ({"taints": [5]}, "taint.invalid", "number 5"),
        ("--register-with-taints=a:NoSchedule,", "taint.invalid", "''"),
        ("--register-with-taints=a=b:NoSchedule,a=c:NoSchedule", "taint.twice", ""),
        ({"taints": ["a:NoSchedule", {"key": "a", "effect": "NO_SCHEDULE"}]}, "taint.twice", ""),
        ("--register-with-taints=a:NoSchedule --register-with-taints=b:NoSchedule", "flag.twice", ""),
        ("--register-with-taints=node.kubernetes.io/not-ready:NoExecute", "taint.invalid", ""),
        ({"kubelet_extra_args": 5}, "flags.form", "number 5"),
        ({"kubelet_extra_args": [5]}, "flag.form", "a list"),
        ({"kubelet_extra_args": [{"name": "max-pods"}]}, "flag.form", "'name'"),
        ({"kubelet_extra_args": ["max-pods=50"]}, "flag.invalid", "'max-pods=50'"),
        ({"kubelet_extra_args": {5: "x"}}, "flag.invalid", "number 5"),
        ({"kubelet_extra_args": {"max pods": "x"}}, "flag.invalid", "'max pods'"),
        ({"kubelet_extra_args": {"event-qps": 0.5}}, "flag.invalid", "--event-qps"),
        ({"kubelet_extra_args": {"feature-gates": {"A": True}}}, "flag.invalid", "--feature-gates"),
        ("--max-pods=50 --max-pods=60", "flag.twice", "--max-pods"),
        ("--max-pods=50 --max_pods=50", "flag.twice", "--max-pods"),
        ("--max-pods", "flag.invalid", "--max-pods"),
        ("--max-pods --v=2", "flag.invalid", "--max-pods"),
        ("--node-labels", "flag.invalid", "--node-labels"),
        ("--fail-swap-on false", "flag.invalid", "--fail-swap-on=false"),
        ("--node-labels=a=b, c=d", "flag.invalid", "'c=d'"),
        ("--node-labels='a=b", "flag.invalid", ""),
        ("-v=2", "flag.invalid", "--v=2"),
        ("-v4", "flag.invalid", "--v=4"),
        ("-v 2", "flag.invalid", "--v=LEVEL"),
        ("-x", "flag.invalid", "'-x'"),
        ("--", "flag.invalid", "'--'"),
        ("--Max-Pods=5", "flag.invalid", "'--Max-Pods'"),
        ("--config=/x", "flag.invalid", "--config"),
        ("--hostname-override=x", "flag.invalid", ""),
        ("--register-node=false", "flag.invalid", ""),
        ("--eviction-hard='memory.available<1Gi, nodefs.available<1Gi'", "flag.invalid", "--eviction-hard"),
        ("--provider-id='aws:///$(zone)'", "flag.invalid", "--provider-id"),
        ({"kubelet_extra_args": {"a": 'x"y'}}, "flag.invalid", "--a"),
        ({"kubelet_extra_args": {"a": "x\ny"}}, "flag.invalid", "--a"),
    ],
)
def test_what_is_no_profile_is_refused_in_one_line(written: t.Any, code: str, words: str) -> None:
    (problem,) = refused(parse, written)
    assert problem.code == code and words in problem.message


@pytest.mark.parametrize(
    ("cloud", "code", "words"),
    [
        ({"zone": "b"}, "label.twice", "'topology.kubernetes.io/zone'"),
        ({"provider_id": "y"}, "flag.twice", "--provider-id"),
        ({"zones": "a"}, "cloud.unknown_key", ""),
        ({"region": 1.5}, "label.invalid", "'topology.kubernetes.io/region'"),
        ({"region": "a b"}, "label.invalid", "'topology.kubernetes.io/region'"),
        ({"cloud_provider": ["x"]}, "flag.invalid", "--cloud-provider"),
    ],
)
def test_what_the_cloud_cannot_say(cloud: t.Any, code: str, words: str) -> None:
    (problem,) = refused(parse, "--provider-id=x --node-labels=topology.kubernetes.io/zone=a", cloud)
    assert problem.code == code and words in problem.message


def test_every_problem_is_told() -> None:
    found = refused(
        parse, {"labels": {"a": 1.5, "b c": "d"}, "taints": ["x", "y"], "kubelet_extra_args": "--config=/x --max-pods", "more": 1}
    )
    assert len(found) == 7


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = refused(parse, "x" * 500)
    assert f"'{'x' * 75}...': write" in problem.message
    (problem,) = refused(parse, "x" * 78)
    assert f"the text '{'x' * 78}': write" in problem.message


# Any profile

NAME = st.from_regex("[A-Za-z0-9]([-A-Za-z0-9_.]{0,6}[A-Za-z0-9])?", fullmatch=True)
PREFIX = st.sampled_from(["", "", "example.com/", "node-role.kubernetes.io/", "node.kubernetes.io/", "a.kubelet.kubernetes.io/", "k8s.io/"])
KEY = st.builds("".join, st.tuples(PREFIX, NAME)) | st.sampled_from(sorted(labels.KUBELET_KEYS | labels.KUBEADM_KEYS))
EFFECT = st.sampled_from(taints.EFFECTS)
TAINT = st.builds(Taint, KEY | st.sampled_from(sorted(taints.STARTUP_KEYS)), st.just("") | NAME, EFFECT).filter(
    lambda taint: taint.key not in taints.CONTROLLERS_KEYS
)
FLAG_NAME = st.sampled_from(["max-pods", "v", "fail-swap-on", "eviction-hard", "system-reserved", "provider-id"])
FLAG_VALUE = st.text(alphabet="aZ09-_.=,:/<%@#;&|*?~!()[]{}+^", max_size=12)
PROFILES = st.builds(
    Profile,
    st.dictionaries(KEY, st.just("") | NAME, max_size=6),
    st.lists(TAINT, max_size=4, unique_by=lambda taint: taint.identity).map(tuple),
    st.dictionaries(FLAG_NAME, FLAG_VALUE, max_size=4),
)


def command_line(profile: Profile) -> str:
    """As a person would write it."""
    flags = dict(profile.flags)
    if profile.labels:
        flags["node-labels"] = ",".join(f"{key}={value}" for key, value in profile.labels.items())
    if profile.taints:
        flags["register-with-taints"] = ",".join(str(taint) for taint in profile.taints)
    return " ".join(f"--{name}={shlex.quote(value) if value else value}" for name, value in flags.items())


@given(PROFILES)
def test_a_profile_is_read_back_from_its_command_line(profile: Profile) -> None:
    assert parse(command_line(profile)) == profile


@given(PROFILES)
def test_the_command_line_may_be_written_without_equals_signs(profile: Profile) -> None:
    words = [part for word in shlex.split(command_line(profile)) for part in _apart(word)]
    assert parse(" ".join(_quoted(word) for word in words)) == profile


def _quoted(word: str) -> str:
    """As a person would: a flag's value, not the flag."""
    name, equals, value = word.partition("=")
    return name + equals + shlex.quote(value) if word.startswith("--") else shlex.quote(word)


def _apart(word: str) -> list[str]:
    name, dummy, value = word.partition("=")
    return [word] if value.startswith("-") or name[2:] in kubelet_flags.BOOLEAN else [name, value]


@given(PROFILES, st.booleans())
def test_a_profile_is_read_back_from_dictionaries(profile: Profile, as_json: bool) -> None:
    written = {
        "labels": profile.labels,
        "taints": [taint.as_dict() for taint in profile.taints],
        "kubelet_extra_args": profile.as_dict()["kubelet_extra_args"],
    }
    assert parse(json.dumps(written) if as_json else written) == profile


@given(PROFILES)
def test_the_parts_are_exactly_the_whole(profile: Profile) -> None:
    parts = profile.as_dict()
    assert {**parts["registration_labels"], **parts["api_labels"]} == parts["labels"] == profile.labels
    assert not parts["registration_labels"].keys() & parts["api_labels"].keys()
    assert parts["why"].keys() == parts["api_labels"].keys()
    assert all(labels.refused_by_kubelet(key) is None and key not in labels.KUBEADM_KEYS for key in parts["registration_labels"])
    assert sorted(map(taints.from_dict, [*parts["taints"], *parts["startup_taints"]])) == sorted(profile.taints)
    assert {entry["name"]: entry["value"] for entry in parts["kubelet_extra_args"]} == profile.flags
    event(f"by the API: {len(parts['api_labels'])}")


# Every character that a shell, a list or JSON might trip over.
ODD = st.text(alphabet="-=,: \n\t'\"\\{}[]#$ab1.", max_size=30)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | ODD | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(ODD | st.integers() | st.sampled_from(["key", "value", "effect"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    ANYTHING
    | ODD.map("--node-labels={}".format)
    | ODD.map("{{{}".format)
    | st.fixed_dictionaries({}, optional={"labels": ANYTHING, "taints": ANYTHING, "kubelet_extra_args": ANYTHING})
)
def test_anything_is_a_profile_or_is_refused_in_lines(value: t.Any) -> None:
    try:
        profile = parse(value)
    except Refused as refused:
        event("refused")
        assert refused.problems
        assert not any("\n" in problem.message for problem in refused.problems)
        return
    assert parse(command_line(profile)) == profile
    assert all(labels.problem(*label) is None for label in profile.labels.items())
