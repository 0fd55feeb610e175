"""Whatever stands in an inventory becomes a decision or problems in single lines, and never a traceback: 10,000 times."""

from __future__ import annotations

import ast
import collections
import datetime
import json
import typing as t
import warnings
from pathlib import Path
from random import Random

import pytest
import yaml

pytest.importorskip("jinja2", reason="action plugins run on a controller")

from ansible_collections.eco2.platform.plugins.action import kube_join_plan, kube_node_check
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, profile_nodes

TIMES = 2500  # for each of the four

# Near to what is right, so that one mark decides.
TEXTS = (
    "--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule --max-pods=50",
    "--kubelet-extra-args '--node-labels=a=b'",
    '{"labels": {"a": "b", "c": 5}, "taints": [{"key": "a", "value": "b", "effect": "NO_SCHEDULE"}], "kubelet_extra_args": {"v": 2}}',
    "{'labels': {'a': True}}",
    "{labels: {a: no, b: 010, c: 12:30}}",
    *(
        "10.0.0.0/16",
        "10.0.1.17,fd00::17",
        "k8s-api.example.org:6443",
        "[fd00::10]:6443",
        "k8s-event-router",
        "1.36.3",
        "v1.30",
        "{maxPods: 50}",
    ),
    *("no", "010", "12:30", "1.30", "0x10", "1e3", "~", "2026-11-29", "", " ", "None", "[]", "()", "1+2j", "b'x'", "{{ x }}"),
)
# What a shell, a list, JSON, YAML or a message may trip over.
MARKS = (*"-=,: \n\t'\"\\{}[]()#$%@/_.09aA\u00e9\u2028\x00", "--", "//", "{{", "10.", "0x", "::")
ODD = (None, True, False, 0, 5, 8, -1, 101, 750, 10**30, 1.3, 1e300, float("nan"), float("inf"), b"x", {"a"}, (1,), [], {})
DATES = (datetime.date(2026, 11, 29), datetime.datetime(2026, 11, 29))
KEYS = ("labels", "node_labels", "taints", "kubelet_extra_args", "key", "value", "effect", "name", "a", "maxPods", "kind", 5, True, None)


class Inventory:
    """Values of an inventory, drawn at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def text(self) -> str:
        """Something right, or what comes of it when marks are removed, repeated or replaced."""
        text = self.random.choice(TEXTS)
        for dummy in range(self.random.randint(0, 3)):
            start, end = sorted((self.random.randint(0, len(text)), self.random.randint(0, len(text))))
            middle = self.random.choice([self.random.choice(MARKS), text[start:end] * 2, ""])
            text = text[:start] + middle + text[self.random.choice([start, end]) :]
        return text

    def leaf(self) -> t.Any:
        readers: list[t.Callable[[str], t.Any]] = [str, str, of_ini, of_yaml]
        return self.random.choice([*ODD, *DATES]) if self.random.random() < 0.3 else self.random.choice(readers)(self.text())

    def value(self, depth: int = 3) -> t.Any:
        if not depth or self.random.random() < 0.5:
            return self.leaf()
        entries = [self.value(depth - 1) for dummy in range(self.random.randint(0, 3))]
        return entries if self.random.random() < 0.4 else {self.key(): entry for entry in entries}

    def key(self) -> t.Any:
        return self.random.choice(KEYS) if self.random.random() < 0.8 else self.text()

    def some(self, *names: str) -> dict[str, t.Any]:
        return {name: self.value() if self.random.random() < 0.25 else "" for name in names}


def of_ini(text: str) -> t.Any:
    """The value that a line of an INI inventory gives: a Python literal where it is one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError):
        return text


def of_yaml(text: str) -> t.Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def told(problems: t.Iterable[Problem]) -> list[str]:
    codes = []
    for problem in problems:
        assert str(problem).isprintable(), f"not one line: {problem}"
        codes.append(problem.code)
    return codes


def judged(drawn: t.Callable[[Inventory], t.Any], judge: t.Callable[[t.Any], list[str]]) -> None:
    """Draws and judges; shows what was drawn where that fails. What is taken and what is refused must both occur."""
    seen: collections.Counter[str] = collections.Counter()
    for seed in range(TIMES):
        value = drawn(Inventory(seed))
        try:
            seen.update(judge(value) or ["taken"])
        except Exception as error:
            raise AssertionError(f"seed {seed}, {value!r}: {error!r}") from error
    assert seen["taken"] > TIMES / 50 and len(seen) > 1, seen


CLOUD = ("zone", "region", "instance_type", "provider_id", "cloud_provider")
HOST = {
    "boot": {"cloud_init": "done"},
    "addresses": ["10.0.1.17", "10.0.2.17", "fd00::17"],
    "cgroup_version": 2,
    "kubelet_conf": None,
    "static_pods": [],
}
CLUSTER = {"nodes": [], "api_server_version": "1.36.3", "ca_pin": "sha256:a", "cluster_endpoint": "a:6443"}
ROLES = Path(__file__).resolve().parents[2] / "roles"
DECLARED = {
    name: value
    for role in ("containerd", "kubernetes_node")
    for name, value in yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text()).items()
}


def test_any_profile() -> None:
    def judge(drawn: tuple[t.Any, dict[str, t.Any]]) -> list[str]:
        split, problems = checks.split(*drawn, [])
        assert bool(split) is not bool(problems)
        assert json.loads(json.dumps(split)) == split
        return told(problems)

    judged(lambda inventory: (inventory.value(), inventory.some(*CLOUD) if inventory.random.random() < 0.3 else {}), judge)


def test_any_flags() -> None:
    def judge(value: t.Any) -> list[str]:
        split, problems = checks.split(value, {}, [])
        assert bool(split) is not bool(problems)
        return told(problems)

    def drawn(inventory: Inventory) -> t.Any:
        one, other = inventory.text(), inventory.text()
        return inventory.random.choice([one, f"--{one} {other}", {"kubelet_extra_args": [one, other]}, {"labels": one, "taints": other}])

    judged(drawn, judge)


def test_any_host_that_joins() -> None:
    fixed = {
        "names": [],
        "existing": "auto",
        "other_cluster": "fail",
        "boot_timeout": 7,
        "keep_cni": False,
        "allow_downgrade": False,
        "once": {},
        "declared": DECLARED,
    }

    def judge(variables: dict[str, t.Any]) -> list[str]:
        decided = kube_join_plan.decide({**fixed, **variables, "host": HOST, "cluster": CLUSTER}, {"group_names": ["workers"]})
        if not decided["problems"]:
            assert isinstance(decided["node_name"], str) and isinstance(decided["node_ip"], str)
            json.dumps({name: decided[name] for name in ("split", "node_ip", "kubelet_version")})
        entry = profile_nodes.declared({"name": variables["node_name"], "profile": variables["profile"]}, [])
        assert entry["problem"].isprintable() and isinstance(entry["node"]["name"], str)
        return told(decided["problems"])

    def drawn(inventory: Inventory) -> dict[str, t.Any]:
        given = {**inventory.some("node_name", "version", "profile", "node_ip", "node_network", "kubelet_patch"), "cloud": {}}
        return {**given, "node_name": given["node_name"] or "k8s-a"}

    judged(drawn, judge)


def test_any_control_plane() -> None:
    unset = {"problems": [], "api_server_version": "", "ignore_preflight_errors": [], "boot_timeout": 7, "services": False, "cloud": {}}
    unset |= {"advertise_address": "", "keep_cni": False, "allow_downgrade": False, "cni_version": ""}

    def judge(drawn: dict[str, t.Any]) -> list[str]:
        return told(kube_node_check.found({**unset, **drawn, "host": HOST, "nodes": [], "node": None}, {"group_names": []}))

    def drawn(inventory: Inventory) -> dict[str, t.Any]:
        networking = inventory.some("podSubnet", "serviceSubnet", "dnsDomain")
        cluster = {**inventory.some("endpoint", "cert_sans", "kubeconfig_server", "schedulable"), "networking": networking}
        given = inventory.some("name", "profile", "node_ip", "node_network", "kubelet_patch")
        return {**given, "name": given["name"] or "k8s-a", "version": "1.36.3", "cluster": cluster}

    judged(drawn, judge)
