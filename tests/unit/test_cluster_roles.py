"""Role options: documented, defaulted and used alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
NAMES = {"containerd", "control_plane", "kubernetes_node", "node_join", "node_profile"}
ROLES = [path for path in sorted((PROJECT / "roles").iterdir()) if path.name in NAMES]

roles = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def options(role: Path) -> dict[str, dict[str, object]]:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return {name: entry for spec in specs.values() for name, entry in spec["options"].items()}


@roles
def test_every_option_has_a_default_and_every_default_is_an_option(role: Path) -> None:
    assert set(options(role)) == set(yaml.safe_load((role / "defaults" / "main.yml").read_text()))


@roles
def test_documented_defaults_are_the_defaults(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    for name, entry in options(role).items():
        if "default" in entry:
            assert entry["default"] == defaults[name], name
        else:
            assert "{{" in str(defaults[name]), f"{name} has a default of its own that is not documented"


@roles
def test_every_option_is_used(role: Path) -> None:
    used = "\n".join(path.read_text() for part in ("tasks", "vars", "defaults") for path in (role / part).glob("*.yml"))
    for name in options(role):
        assert len(re.findall(rf"\b{name}\b", used)) > 1, name


@roles
def test_tasks_on_the_controller_are_sent_there_in_one_way(role: Path) -> None:
    """An inventory's variables of connection, become and interpreter apply to a task that is delegated."""
    for path in (role / "tasks").glob("*.yml"):
        assert "delegate_to" not in path.read_text(), path


@roles
def test_a_run_once_task_never_takes_all_hosts_with_it(role: Path) -> None:
    """kube_play fails only if the hosts differ in what is used for all of them."""
    for path in (role / "tasks").glob("*.yml"):
        for task in tasks(yaml.safe_load(path.read_text())):
            if task.get("run_once") and "eco2.platform.on_controller" in task:
                assert task["failed_when"] is False, task["name"]


@roles
def test_what_is_done_once_is_done_for_the_hosts_of_this_batch(role: Path) -> None:
    """Under `serial` the hosts of the batches before have changed since, and keep the facts they had."""
    for part in ("tasks", "vars"):
        for path in (role / part).glob("*.yml"):
            assert "ansible_play_hosts" not in path.read_text(), path


@roles
def test_the_messages_in_a_readme_are_those_of_the_code(role: Path) -> None:
    table = (role / "README.md").read_text().partition("## Messages")[2].partition("All options")[0]
    said = [part for row in re.findall(r"(?m)^\| (`.*?) \|", table) for part in re.findall("`([^`]+)`", row)]
    assert len(said) >= 5
    places = [*(PROJECT / "plugins").rglob("*.py"), *(PROJECT / "roles").rglob("tasks/*.yml"), *(PROJECT / "roles").rglob("vars/*.yml")]
    source = " ".join(" ".join(path.read_text() for path in places).split())
    assert [text for text in said if text not in source] == []


def test_the_variables_that_other_collections_variables_become_exist() -> None:
    known = {name for role in ROLES for name in options(role)}
    known |= {name for role in ROLES for name in re.findall(r"\bkube_[a-z_]+", (role / "defaults" / "main.yml").read_text())}
    table = (PROJECT / "docs" / "migration.md").read_text().partition("geerlingguy's roles\n")[2]
    named = {name for row in re.findall(r"(?m)^\|.*\| (.*) \|$", table) for name in re.findall(r"`([a-z_]+_[a-z_]+)", row)}
    assert len(named) > 20
    assert named - known - {"control_plane", "skip_verify", "kubelet_extra_args"} == set()


def test_examples_give_a_version_and_do_not_upgrade_members() -> None:
    for role in ROLES:
        for block in re.findall(r"```yaml\n(.*?)```", (role / "README.md").read_text(), re.DOTALL):
            for play in yaml.safe_load(block):
                named = {entry["role"].rpartition(".")[2]: entry.get("vars", {}) for entry in play.get("roles", [])}
                if "kubernetes_node" in named:
                    assert "kube_version" in play.get("vars", {}) or "kubernetes_node_version" in named["kubernetes_node"], role.name
                assert not {"node_join", "kubernetes_node"} <= named.keys(), "that would bring members to another version"


def test_the_token_is_in_no_file_of_the_node_whatever_ansible_is_told_elsewhere() -> None:
    found = tasks(yaml.safe_load((PROJECT / "roles/node_join/tasks/join.yml").read_text()))
    (join,) = [task for task in found if "token" in str(task.get("eco2.platform.kube_join"))]
    for name in ("ansible_pipelining", "ansible_ssh_pipelining"):
        assert join["vars"][name] is True


INVENTORY = {
    "ansible_connection": "ssh",
    "ansible_host": "127.0.0.1",
    "ansible_port": 1,
    "ansible_become": True,
    "ansible_become_exe": "/nonexistent",
    "ansible_python_interpreter": "/nonexistent",
    "ansible_remote_tmp": "/proc/nowhere",
}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Ansible's controller needs a newer Python")
def test_a_module_runs_on_the_controller_whatever_the_inventory_says(tmp_path: Path) -> None:
    """With the module_defaults and the environment of its task, and through the module's own action plugin."""
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"vars": INVENTORY, "hosts": {"far": {}, "localhost": {}}}}))
    written = str(tmp_path / "written")

    def there(module: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        return {"eco2.platform.on_controller": {"module": module, "arguments": arguments}, "register": "done"}

    play = {
        "hosts": "far",
        "gather_facts": False,
        "become": True,
        "environment": {"MARK": "here"},
        "module_defaults": {"ansible.builtin.copy": {"dest": written}, "group/eco2.platform.kube": {"kubeconfig": "/of-the-defaults"}},
        "tasks": [
            there("ansible.builtin.command", {"argv": ["printenv", "MARK"]}),
            there("ansible.builtin.copy", {"content": "{{ done.stdout }}", "owner": "{{ omit }}"}),
            {**there("eco2.platform.kube_nodes_info", {}), "failed_when": "'/of-the-defaults' not in done.msg"},
        ],
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"), "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_LOCAL_TEMP": str(tmp_path)}
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "hosts.json", tmp_path / "play.json"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(written).read_text() == "here"


def tasks(document: object) -> list[dict[str, object]]:
    if isinstance(document, list):
        return [task for entry in document for task in tasks(entry)]
    if isinstance(document, dict):
        return [document, *(task for part in ("block", "rescue") for task in tasks(document.get(part)))]
    return []
