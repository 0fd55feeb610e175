"""A real kubelet judges labels, taints and flags before it does anything else: what we say of them is what it does."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import kubelet_flags, profile
from lab import binaries
from lab.host import LabError

NEWEST = "1.36.3"
# The older ones take minutes to build.
VERSIONS = [NEWEST, *(["1.35.4", "1.28.4"] if int(os.environ.get("ECO2_TIMES", "1")) > 1 else [])]
# Flags of older kubelets only, and one whose help has a word after it all the same.
NOT_SHOWN = {"keep-terminated-pod-volumes", "register-schedulable", "seccomp-default"}


@dataclass(frozen=True)
class Kubelet:
    version: str
    program: Path
    home: Path

    def refuses(self, *flags: str) -> str | None:
        """Why it does not take the flags. It ends by itself: the configuration that it loads next is not there."""
        missing = self.home / "missing.yaml"
        command = [self.program, f"--root-dir={self.home}", f"--config={missing}", *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, cwd=self.home)
        assert done.returncode == 1, done.stderr
        return None if f"error: open {missing}: no such file" in done.stderr else done.stderr

    def help(self) -> str:
        return subprocess.run([self.program, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.fixture(scope="module", params=VERSIONS)
def kubelet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kubelet:
    try:
        programs = binaries.build(binaries.kubernetes(request.param))
    except LabError as error:
        pytest.skip(f"no kubelet on this machine: {error}")
    return Kubelet(request.param, programs / "kubelet", tmp_path_factory.mktemp("kubelet"))


def refused_keys(kubelet: Kubelet, keys: t.Collection[str]) -> set[str]:
    """Of well-formed keys, those that the kubelet dies of: it names them all at once."""
    answer = kubelet.refuses(f"--node-labels={','.join(f'{key}=x' for key in keys)}")
    if answer is None:
        return set()
    named = re.search(r"unknown 'kubernetes\.io' or 'k8s\.io' labels specified with --node-labels: \[(.*)\]", answer)
    assert named, answer
    return set(named.group(1).split())


some = settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PARTS = ["kubernetes.io", "k8s.io", "node", "kubelet", "node-role", "node-restriction", "topology", "beta", "app", "example.com", "x", "io"]
PREFIX = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map(".".join)
NAME = st.sampled_from(["hostname", "os", "arch", "zone", "region", "instance-type", "worker", "role", "kubernetes.io", "node", "X_y.z"])
KEYS = NAME | st.builds("{}/{}".format, PREFIX, NAME)
TEXT = st.text(alphabet="aZ09-_./ é:", max_size=6) | st.integers(60, 66).map("x".__mul__)


@some
@given(keys=st.sets(KEYS, min_size=1, max_size=60))
def test_what_a_kubelet_may_set_is_what_it_takes(kubelet: Kubelet, keys: set[str]) -> None:
    refused = refused_keys(kubelet, keys)
    event(f"refused: {bool(refused)}")
    assert {key for key in keys if labels.refused_by_kubelet(key)} == refused


def test_the_kubelets_own_list_is_ours(kubelet: Kubelet) -> None:
    answer = str(kubelet.refuses("--node-labels=kubernetes.io/x=y"))
    allowed = re.search(r"specifically allowed set \((.*)\)", answer)
    assert allowed
    assert set(allowed.group(1).split(", ")) == labels.KUBELET_KEYS
    assert refused_keys(kubelet, labels.KUBELET_KEYS | labels.KUBEADM_KEYS) == {
        key for key in labels.KUBEADM_KEYS if labels.refused_by_kubelet(key)
    }


@some
@given(key=TEXT | st.builds("{}/{}".format, TEXT, TEXT), value=TEXT)
def test_what_is_well_formed_is_what_it_takes(kubelet: Kubelet, key: str, value: str) -> None:
    # Spaces around are no part of a label in the flag.
    key, value = key.strip(), value.strip()
    answer = kubelet.refuses(f"--node-labels={key}={value}")
    event(f"taken: {answer is None}")
    assert (labels.problem(key, value) is None) == (answer is None), answer


EFFECT = st.sampled_from([*taints.EFFECTS, "NO_SCHEDULE", "noschedule", ""])
TAINT = st.builds("{}={}:{}".format, TEXT, TEXT, EFFECT) | st.builds("{}:{}".format, TEXT, EFFECT) | st.text(alphabet="ab=:-N", max_size=6)


@some
@given(text=TAINT)
def test_a_taint_is_what_it_takes(kubelet: Kubelet, text: str) -> None:
    try:
        taint = taints.parse(text)
    except ValueError:
        # It reads `key:Effect-` as a taint to take away, as kubectl does, and does nothing; and nothing as no taint.
        assert text == "" or text.endswith("-") or kubelet.refuses(f"--register-with-taints={text}")
        event("refused")
    else:
        assert kubelet.refuses(f"--register-with-taints={taint}") is None
        event("taken")


def test_two_taints_of_one_key_and_effect_are_refused_by_it_too(kubelet: Kubelet) -> None:
    assert "duplicated taints" in str(kubelet.refuses("--register-with-taints=a=b:NoSchedule,a=c:NoSchedule"))
    assert kubelet.refuses("--register-with-taints=a=b:NoSchedule,a=c:NoExecute") is None


def test_boolean_flags_are_those_that_take_no_word_after_them(kubelet: Kubelet) -> None:
    typeless = set(re.findall(r"(?m)^ +--([a-z0-9-]+)  ", kubelet.help()))
    assert typeless <= kubelet_flags.BOOLEAN
    if kubelet.version == NEWEST:
        assert typeless == kubelet_flags.BOOLEAN - NOT_SHOWN
    assert "unknown command" in str(kubelet.refuses("--fail-swap-on", "false"))
    assert kubelet.refuses("--fail-swap-on", "--seccomp-default") is None
    assert kubelet.refuses("--fail_swap_on=false", "--max-pods", "50") is None


@pytest.mark.parametrize(
    "written",
    [
        "--node-labels=role=api,phase=5,topology.kubernetes.io/zone=a,node-role.kubernetes.io/worker="
        " --register-with-taints=role=api:NO_SCHEDULE,other:NoExecute --max-pods 50 --fail-swap-on --v=2"
        " --eviction-hard='memory.available<100Mi,nodefs.available<10%'",
        {"labels": {"a": "true", "b": 5, "c": ""}, "taints": {"x": {"key": "x", "value": None, "effect": "PREFER_NO_SCHEDULE"}}},
    ],
)
def test_what_a_profile_gives_the_kubelet_is_taken(kubelet: Kubelet, written: t.Any) -> None:
    parts = profile.parse(written, {"provider_id": "aws:///a/i-0", "cloud_provider": "external", "region": "r"}).as_dict()
    flags = [f"--{entry['name']}={entry['value']}" for entry in parts["kubelet_extra_args"]]
    flags.append(f"--node-labels={','.join(f'{key}={value}' for key, value in parts['registration_labels'].items())}")
    flags.append(f"--register-with-taints={','.join(str(taints.from_dict(taint)) for taint in parts['taints'])}")
    assert kubelet.refuses(*flags) is None
    if parts["api_labels"]:
        assert "unknown 'kubernetes.io'" in str(kubelet.refuses(f"--node-labels={','.join(f'{key}=' for key in parts['api_labels'])}"))
