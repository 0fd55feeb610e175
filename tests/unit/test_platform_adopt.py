"""What adopt makes of what it reads: the form that site takes, nothing secret in clear, nothing that Kubernetes sets itself."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt import brokers, nodes, places, sets, texts
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import Host, Template

LOGIN = {"url": "http://192.0.2.1:15672", "username": "admin", "password": "canary-pw"}


def _queue(name: str) -> dict[str, t.Any]:
    return {"vhost": "eco2", "name": name, "type": "quorum", "durable": True, "auto_delete": False, "arguments": {}}


def _broker(**secrets: t.Any) -> Host:
    users = [{"name": "a.b", "tags": []}, {"name": "a-b", "tags": ["monitoring"]}]
    parameter = {"vhost": "eco2", "component": "shovel", "name": "s"}
    return brokers.host("broker", LOGIN, {"users": users, "queues": [_queue("q")], "parameters": [parameter]}, secrets)


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def test_without_a_vault_secrets_are_variables_to_define() -> None:
    made = _broker()
    text = texts.files([made], {})["host_vars/broker/rabbitmq.yml"]
    assert "canary-pw" not in text and 'rabbitmq_password: "{{ vault_rabbitmq_password }}"' in text
    assert "rabbitmq_parameters" not in text
    assert made.left == ["parameter eco2/shovel s is left out: its value may hold secrets, and there is no vault to hold them"]
    assert made.undefined(vault=False)[0] == "vault_rabbitmq_password must be defined in a vault"
    assert "vault_rabbitmq_hash_a_b can be defined in a vault; without it the server keeps what it has" in made.undefined(vault=False)


def test_two_users_whose_names_differ_in_signs_only_have_two_variables() -> None:
    users = _broker().files[brokers.FILE]["rabbitmq_users"]
    assert [entry["password_hash"] for entry in users] == [
        "{{ vault_rabbitmq_hash_a_b | default(omit) }}",
        "{{ vault_rabbitmq_hash_a_b_ | default(omit) }}",
    ]


def test_with_a_vault_all_secrets_are_in_it_and_nowhere_else() -> None:
    value = {"vhost": "eco2", "component": "shovel", "name": "s", "value": {"src-uri": "amqp://u:canary-uri@h"}}
    users = [{"name": name, "password_hash": f"canary-{name}", "hashing_algorithm": "sha512"} for name in ("a.b", "a-b")]
    made = _broker(users=users, parameters=[value])
    vault = yaml.safe_load(texts.vaults([made])["host_vars/broker/vault.yml"])
    assert vault["rabbitmq_parameters"] == [value] and vault["vault_rabbitmq_hash_a_b"] == "canary-a.b"
    assert "canary" not in "".join(texts.files([made], {}).values())
    assert made.left == [] and made.undefined(vault=True) == []


def test_texts_come_back_as_they_were_and_none_is_a_template() -> None:
    values = {"a": "{{ 7 * 7 }}", "b": ["1.30", "no", "0x10", "12:30", "", "é\n#", "{% x %}"], "c": {"대기열": 1, "t": True, "n": None}}
    text = texts.dump({**values, "ours": Template("{{ vault_x }}")})
    assert _Loader(text).get_single_data() == {**values, "ours": "{{ vault_x }}"}
    assert text.count("!unsafe") == 2 and 'ours: "{{ vault_x }}"' in text


def test_items_that_a_broker_refuses_are_left_out_each_with_its_reason() -> None:
    lists = {"queues": [_queue("a (b)"), _queue("c")], "vhosts": [{"name": "eco2"}]}
    problem = Problem("x", "is too old", "queues[1] (queue eco2/a (b))").shown()
    kept, lines = brokers.without(lists, {"problems": [problem]})
    assert [entry["name"] for entry in kept["queues"]] == ["c"]
    assert lines == ["queue eco2/a (b) is left out: is too old"]
    many = Problem("x", "m", "queues[1] (queue eco2/a (b)), queues[2] (queue eco2/c) and 4 more").shown()
    assert brokers.without(lists, {"problems": [many]})[0]["queues"] == []
    change = {"kind": "queue", "object": "eco2/c", "action": "update", "differences": [{"field": "type"}]}
    assert brokers.without(lists, {"changes": [change]})[1] == ["queue eco2/c is left out: a run would update it (type)"]
    assert brokers.without(lists, {"problems": [Problem("y", "m", "user app").shown()]}) == (lists, [])


def test_a_node_is_declared_without_what_others_set() -> None:
    labels = {
        "role": "cache",
        "node-role.kubernetes.io/worker": "",
        "kubernetes.io/hostname": "n",
        "kubernetes.io/os": "linux",
        "nvidia.com/gpu": "true",
        "topology.kubernetes.io/zone": "rack-1",
        "topology.kubernetes.io/region": "eu",
        "failure-domain.beta.kubernetes.io/region": "eu",
        "team": "theirs",
    }
    record = {"ownership.eco2.platform/storage": '{"labels": {"team": "abc"}}'}
    taints = [
        {"key": "domain", "value": "data", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
    ]
    made = nodes.host({"name": "n", "labels": labels, "annotations": record, "taints": taints, "internal_ip": "192.0.2.7"})
    profile = {"labels": {"node-role.kubernetes.io/worker": "", "role": "cache"}, "taints": ["domain=data:NoSchedule"]}
    assert (made.group, made.inline) == ("workers", {"ansible_host": "192.0.2.7", "kube_zone": "rack-1", "kube_profile": profile})
    assert made.left == [
        "label nvidia.com/gpu is left out: its domain belongs to Kubernetes or an add-on",
        "label team is left out: it belongs to the owner storage",
    ]
    item = nodes.as_the_role_does(made)
    assert item["labels"] == {**profile["labels"], "topology.kubernetes.io/zone": "rack-1"}


def test_a_control_plane_keeps_what_kubeadm_set() -> None:
    labels = {"node-role.kubernetes.io/control-plane": "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}
    taints = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    made = nodes.host({"name": "m", "labels": labels, "annotations": {}, "taints": taints, "internal_ip": None})
    assert (made.group, made.inline, made.left) == ("control_plane", {"kube_profile": {}}, [])


def test_two_masters_whose_names_differ_in_signs_only_have_two_variables() -> None:
    made = sets.host("set", {"sentinels": [{"host": "192.0.2.1"}]}, [{"name": "a-b"}, {"name": "a_b"}], {})
    named = [entry["auth_pass"] for entry in made.files[sets.FILE]["sentinel_masters"]]
    assert len(set(named)) == 2 and len(made.undefined(vault=True)) == 2


def test_options_in_which_sentinels_differ_are_left_out() -> None:
    declared = [{"name": "pubsub", "quorum": 2, "address": ["192.0.2.1:6379"]}]
    change = {"kind": "master", "object": "192.0.2.9:26379/pubsub", "action": "update", "differences": [{"field": "quorum"}]}
    kept, settings, lines = sets.without(declared, {"loglevel": "notice"}, {"changes": [change]})
    assert kept == [{"name": "pubsub", "address": ["192.0.2.1:6379"]}] and settings == {"loglevel": "notice"}
    assert lines == ["quorum of master pubsub is left out: the Sentinels differ in it"]


@pytest.mark.parametrize(
    ("names", "code"), [(["../up"], "adopt.name"), ([""], "adopt.name"), (["workers"], "adopt.name"), (["a", "a"], "adopt.name_twice")]
)
def test_names_that_no_inventory_can_have_are_refused(names: list[str], code: str) -> None:
    assert {problem.code for problem in places.name_problems([Host(name, "workers") for name in names])} == {code}


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    problem = places.place_problem(str(tmp_path / "file" / "below"))
    assert problem and problem.code == "adopt.place"
    assert places.place_problem(str(tmp_path / "new" / "below")) is None


def test_files_are_written_whole_and_secret_ones_are_for_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "a" / "vault.yml"
    places.write(str(path), b"x", 0o600)
    assert path.read_bytes() == b"x" and stat.S_IMODE(path.stat().st_mode) == 0o600 and os.listdir(path.parent) == ["vault.yml"]


def test_only_files_with_another_text_would_be_overwritten(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("1")
    (tmp_path / "other").write_text("1")
    found = places.differing(str(tmp_path), {"same": "1", "other": "2", "new": "3"}, lambda path: Path(path).read_text())
    assert found == (["new"], ["other"])
