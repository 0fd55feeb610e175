"""The inventory that Terraform renders, as Ansible reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import profile, versions

PROJECT = Path(__file__).resolve().parents[2]
COMMITTED = PROJECT / "inventory" / "hosts.ini"
MODULE = PROJECT / "inventory" / "terraform"
RENDER = PROJECT / "tools" / "render-inventory"
READER = Path(sys.executable).parent / "ansible-inventory"

needs_terraform = pytest.mark.skipif(not shutil.which("terraform"), reason="this machine has no terraform")
needs_ansible = pytest.mark.skipif(not READER.exists() or not find_spec("jinja2"), reason="no Ansible controller beside this Python")

# Each becomes something else, or breaks the line, where it is written as it is.
AWKWARD = [
    *("1.30", "01", "1_000", "0x10", "1e3", "5", "-5", "1+2j", "True", "true", "None", "null", "...", "()", "", " ", "  padded  "),
    *("''", '""', '"1.30"', "'1.30'", "'\"1.30\"'", '{"a": true}', "{'a': 1}", "[1, 2]", "b'bytes'", "u'text'", "r'raw'"),
    *("a #b", "a#b", "#", ";a", "a;b", "a=b c=d", "[group]", "x:vars", "~", "/a/b", "@x", "!x", "&a", "*a", "a: b", "- a", "<&>"),
    *("it's", "it''s", 'say "x"', "back\\slash", "\\", "\\n", "\\u0041", "\\'", "${x}", "%{x}", "$x", "`x`", "$(x)"),
    *("a\nb", "a\r\nb", "a\tb", "\x1c", "\x85", "\u2028", "\x00\x07", "한국어", "é", "😀"),
    "--node-labels=a=b --eviction-hard='memory.available<100Mi'",
]


def rendered(*arguments: str) -> str:
    return subprocess.run([RENDER, *arguments], capture_output=True, text=True, check=True, timeout=120).stdout


def read(inventory: Path) -> dict[str, t.Any]:
    command = [READER, "--inventory", inventory, "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=inventory.parent)
    assert "WARNING" not in done.stderr, done.stderr
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def same(inventory: dict[str, t.Any]) -> dict[str, t.Any]:
    """The inventory without the order of its groups and hosts."""
    return {
        name: {part: sorted(value) if isinstance(value, list) else value for part, value in group.items()}
        for name, group in inventory.items()
    }


def hosts(inventory: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return t.cast("dict[str, dict[str, t.Any]]", inventory["_meta"]["hostvars"])


@pytest.fixture
def terraform(tmp_path: Path) -> t.Callable[..., subprocess.CompletedProcess[str]]:
    """Applies the module with these variables in a scratch directory, and prints the inventory; hosts.json has the same as data."""
    shutil.copytree(MODULE, tmp_path / "module")
    (tmp_path / "terraformrc").touch()
    environment = {"PATH": str(Path(str(shutil.which("terraform"))).parent), "TF_CLI_CONFIG_FILE": str(tmp_path / "terraformrc")}
    environment |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", f"-chdir={tmp_path / 'module'}", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    assert run("init", "-input=false", "-no-color").returncode == 0

    def apply(**variables: t.Any) -> subprocess.CompletedProcess[str]:
        (tmp_path / "module" / "test.auto.tfvars.json").write_text(json.dumps(variables))
        done = run("apply", "-input=false", "-auto-approve", "-no-color", "-compact-warnings")
        if done.returncode != 0:
            return done
        (tmp_path / "hosts.json").write_text(run("output", "-json", "inventory").stdout)
        return run("output", "-raw", "ansible_inventory")

    return apply


# The committed rendering


@needs_terraform
def test_the_committed_inventory_is_what_terraform_renders() -> None:
    assert rendered() == COMMITTED.read_text(), "run tools/render-inventory > inventory/hosts.ini"


@needs_ansible
def test_the_committed_inventory_has_the_platforms_nodes_in_their_groups() -> None:
    inventory = read(COMMITTED)
    found = hosts(inventory)
    assert len(found) == 21
    assert inventory["control_plane"]["hosts"] == ["k8s-master"]
    assert sorted([*inventory["workers"]["hosts"], "k8s-master"]) == sorted(found)
    assert inventory["event_router"]["hosts"] == ["k8s-event-router"]
    assert inventory["redis_pubsub"]["hosts"] == ["k8s-redis-pubsub"]
    for name in found:
        assert inventory[name[len("k8s-") :].replace("-", "_")]["hosts"] == [name]
    types = sorted(variables["kube_instance_type"] for variables in found.values())
    assert {size: types.count(size) for size in types} == {"t3.xlarge": 2, "t3.large": 2, "t3.medium": 6, "t3.small": 11}
    for variables in found.values():
        assert str(versions.parse(variables["kube_version"])) == variables["kube_version"]
        assert re.fullmatch(r"192\.0\.2\.\d+", variables["ansible_host"]), "addresses of documentation, nobody's"


@needs_ansible
def test_every_profile_of_the_committed_inventory_is_taken() -> None:
    found = hosts(read(COMMITTED))
    for variables in found.values():
        parts = profile.parse(variables["kube_profile"]).as_dict()
        assert parts["registration_labels"] == parts["labels"]
        assert parts["taints"]
    parts = profile.parse(found["k8s-redis-pubsub"]["kube_profile"]).as_dict()
    assert parts["labels"] == {
        "role": "infrastructure",
        "domain": "data",
        "infra-type": "redis-pubsub",
        "redis-cluster": "pubsub",
        "workload": "cache",
        "tier": "data",
        "phase": "1",
    }
    assert parts["taints"] == [{"key": "domain", "value": "data", "effect": "NoSchedule"}]


def test_terraform_leaves_nothing_in_the_tree() -> None:
    assert [path for path in MODULE.rglob("*") if path.name.startswith(".terraform") or "tfstate" in path.name] == []


@pytest.mark.parametrize("arguments", [["--nodes"], ["k8s-master"], ["--set"], ["--set", "x"], ["--set", "=x"], ["=1"]])
@needs_terraform
def test_arguments_that_render_nothing(arguments: list[str]) -> None:
    done = subprocess.run([RENDER, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith(": write --set NAME=VALUE and NODE=ADDRESS\n")
    assert done.stdout == ""


# Any rendering


@needs_terraform
@needs_ansible
def test_some_nodes_at_addresses_of_their_own(tmp_path: Path) -> None:
    connection = ("--set", "ansible_user=admin", "--set", "ansible_ssh_private_key_file=/a key/it's")
    place = tmp_path / "hosts.ini"
    place.write_text(rendered(*connection, "k8s-master=127.0.0.2", "k8s-event-router=127.0.0.3"))
    inventory = read(place)
    assert sorted(hosts(inventory)) == ["k8s-event-router", "k8s-master"]
    assert inventory["workers"]["hosts"] == ["k8s-event-router"]
    variables = hosts(inventory)["k8s-event-router"]
    assert variables["ansible_host"] == variables["kube_node_ip"] == "127.0.0.3"
    assert variables["ansible_user"] == "admin"
    assert variables["ansible_ssh_private_key_file"] == "/a key/it's"
    assert variables["kube_endpoint"] == "127.0.0.2:6443"


@needs_terraform
@needs_ansible
def test_ansible_reads_exactly_the_text_that_terraform_has(
    tmp_path: Path, terraform: t.Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    drawn: list[str] = []
    anything = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
    code = st.text(alphabet="01.e+-_'\"\\ #={}[],:ntu\n", max_size=12) | st.from_regex("[0-9]+[.eEjJxX_]?[0-9]*")

    @settings(max_examples=150)
    @given(anything | code)
    def draw(text: str) -> None:
        # Terraform normalises text, and refuses what would be a template.
        text = unicodedata.normalize("NFC", text)
        if not re.search("{[{%#]", text):
            drawn.append(text)

    draw()
    values = {f"value_{number}": text for number, text in enumerate([*AWKWARD, *drawn])}
    done = terraform(
        instances={"k8s-a": {"ansible_host": "127.0.0.1", "variables": values}, "k8s-b": {"ansible_host": "127.0.0.1"}},
        kubelet_profiles={"k8s-a": "", "k8s-b": ""},
        variables=values,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    place = tmp_path / "hosts.ini"
    place.write_bytes(done.stdout.encode())
    assert same(read(tmp_path / "hosts.json")) == same(read(place))
    found = hosts(read(place))
    for name in ("k8s-a", "k8s-b"):
        assert {key: value for key, value in found[name].items() if key.startswith("value_")} == values
    assert found["k8s-a"]["kube_profile"] == ""


@needs_terraform
@needs_ansible
def test_a_profile_as_a_map_says_the_same_as_flags(tmp_path: Path, terraform: t.Callable[..., subprocess.CompletedProcess[str]]) -> None:
    flags = "--node-labels=role=api,phase=5,ready=true --register-with-taints=role=api:NoSchedule --max-pods=50"
    parts = {"labels": {"role": "api", "phase": 5, "ready": True}, "taints": [{"key": "role", "value": "api", "effect": "NO_SCHEDULE"}]}
    done = terraform(
        instances={"k8s-a": {"ansible_host": "127.0.0.1"}, "k8s-b": {"ansible_host": "127.0.0.1"}},
        kubelet_profiles={"k8s-a": flags, "k8s-b": {**parts, "kubelet_extra_args": {"max_pods": 50}}, "k8s-later": ""},
    )
    place = tmp_path / "hosts.ini"
    place.write_text(done.stdout)
    assert same(read(tmp_path / "hosts.json")) == same(read(place))
    found = hosts(read(place))
    assert profile.parse(found["k8s-a"]["kube_profile"]) == profile.parse(found["k8s-b"]["kube_profile"])


@needs_terraform
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"instances": {"k8s-a": {"ansible_host": "x"}}, "kubelet_profiles": {"k8s-b": ""}}, "No profile for k8s-a"),
        (
            {"instances": {"k8s-a": {"ansible_host": "x", "nodeip": "y"}}},
            "k8s-a has no attribute nodeip. An instance has ansible_host, node_ip",
        ),
        ({"instances": {"k8s-a": {"node_ip": "y"}}}, "k8s-a: an instance is a map with an ansible_host"),
        ({"instances": {"k8s-a": "10.0.0.1"}}, "k8s-a: an instance is a map with an ansible_host"),
        ({"instances": {"k8s-a": {"ansible_host": "x", "groups": "redis"}}}, "groups is a list of texts"),
        ({"instances": {"k8s-a": {"ansible_host": "x", "control_plane": "maybe"}}}, "control_plane is true or false"),
        ({"instances": {"k8s-a": {"ansible_host": "x", "node_ip": ["y"]}}}, "all others are texts"),
        ({"instances": {"k8s-a.example.org": {"ansible_host": "x"}}}, "k8s-a.example.org: a node's name has lower-case letters"),
        (
            {"instances": {"k8s-a": {"ansible_host": "x"}}, "kubelet_profiles": {"k8s-a": {"label": {"a": "b"}}}},
            "a map with labels, taints",
        ),
        ({"instances": {"K8S": {"ansible_host": "x"}}, "kubelet_profiles": {"K8S": ""}}, "lower-case letters"),
        ({"instances": {"k8s[1:2]": {"ansible_host": "x"}}, "kubelet_profiles": {"k8s[1:2]": ""}}, "lower-case letters"),
        ({"instances": {"workers": {"ansible_host": "x"}}, "kubelet_profiles": {"workers": ""}}, "workers would name a node and a group"),
        ({"instances": {"k8s-a": {"ansible_host": "x", "groups": ["a-b"]}}, "kubelet_profiles": {"k8s-a": ""}}, "A group's name"),
        ({"instances": {"k8s-a": {"ansible_host": "{{ x }}"}}, "kubelet_profiles": {"k8s-a": ""}}, "take for a template"),
        ({"instances": {}, "variables": {"a b": ""}}, "A variable's name"),
    ],
)
def test_what_would_make_no_good_inventory_is_refused(
    variables: dict[str, t.Any], words: str, terraform: t.Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = terraform(**variables)
    assert done.returncode != 0
    assert words in re.sub(r"\s*│\s*|\s+", " ", done.stdout + done.stderr)


@needs_terraform
def test_terraform_finds_the_module_tidy(terraform: t.Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-diff", MODULE], capture_output=True, text=True, check=False)
    assert done.stdout == ""


# Written by hand

BY_HAND = """
quoted kube_profile="--node-labels=a=5,b=true --register-with-taints=c=d:NoSchedule"
json kube_profile='{"labels": {"a": 5, "b": "true"}, "taints": ["c=d:NoSchedule"]}'
json-with-true kube_profile='{"labels": {"a": "5", "b": true}, "taints": [{"key": "c", "value": "d", "effect": "NO_SCHEDULE"}]}'
python kube_profile="{'labels': {'a': '5', 'b': True}, 'taints': ['c=d:NoSchedule']}"
unquoted kube_profile=--node-labels=a=5,b=true --register-with-taints=c=d:NoSchedule
unquoted-json kube_profile={"labels":{"a":5,"b":true}}
float kube_profile='{"labels": {"a": 1.30}}'
no-profile other=1

[versions]
bare kube_version=1.30
in-quotes kube_version="1.30"
whole kube_version=1.30.2
with-v kube_version=v1.30.2

[sections]
section
[sections:vars]
kube_profile=--node-labels=a=5,b=true --register-with-taints=c=d:NoSchedule
"""


@needs_ansible
def test_what_a_person_writes_into_an_ini_inventory_is_read_or_refused(tmp_path: Path) -> None:
    place = tmp_path / "hosts.ini"
    place.write_text(BY_HAND)
    told = {
        **asked(place, "all:!versions", "kube_profile | eco2.platform.kube_profile"),
        **asked(place, "versions", "kube_version | eco2.platform.kube_version"),
    }
    assert "label 'b' is the boolean true, and YAML reads yes and on as true too" in told["python"]
    for name in ("quoted", "json", "json-with-true", "section"):
        assert told[name]["registration_labels"] == {"a": "5", "b": "true"}
        assert told[name]["taints"] == [{"key": "c", "value": "d", "effect": "NoSchedule"}]
    assert "a variable named --register-with-taints: it was torn off a profile without quotes" in told["unquoted"]
    assert "put the whole value in single quotes" in told["unquoted-json"]
    assert "label 'a' is the number 1.3, and 1.30 is read as 1.3" in told["float"]
    assert "'kube_profile' is undefined" in told["no-profile"]
    for name in ("bare", "in-quotes"):
        assert "YAML and INI read 1.30 as 1.3" in told[name]
    for name in ("whole", "with-v"):
        assert told[name] == "1.30.2"


def asked(inventory: Path, hosts: str, expression: str) -> dict[str, t.Any]:
    """What the expression is on each host, or why it is nothing."""
    command = [READER.parent / "ansible", hosts, "--inventory", inventory, "--connection", "local", "--one-line"]
    command += ["--module-name", "ansible.builtin.debug", "--args", f"msg={{{{ {expression} }}}}"]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"), "ANSIBLE_DEPRECATION_WARNINGS": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120, cwd=inventory.parent)
    return {name: json.loads(answer)["msg"] for name, answer in re.findall(r"(?m)^(\S+) \| \S+ => (.*)$", done.stdout)}
