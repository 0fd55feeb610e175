"""The guides, followed word for word on a real broker: their files are written, their commands are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from lab.brokers import Broker

PROJECT = Path(__file__).resolve().parents[2]


def section(guide: str, heading: str) -> str:
    text = (PROJECT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def write_files(place: Path, text: str, **instead: str) -> None:
    """The blocks that begin with the name of a file."""
    for name, shown in re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        content = shown
        for example, real in instead.items():
            content = re.sub(rf"(?m)^{example}: .*$", f"{example}: {real}", content)
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content, encoding="utf-8")


def plays(text: str) -> list[str]:
    return re.findall(r"^ansible-playbook .*$", text, re.MULTILINE)


def run(place: Path, command: str, broker: Broker) -> str:
    settings = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}",
        "ANSIBLE_NOCOLOR": "1",
        "RABBITMQ_PASSWORD": broker.password,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(command, shell=True, cwd=place, env=settings, capture_output=True, text=True, check=False, timeout=180)  # noqa: S602
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_hour_makes_a_queue_and_then_changes_nothing(broker_4: Broker, tmp_path: Path) -> None:
    text = section("first-hour", "Your broker")
    write_files(tmp_path, text, rabbitmq_url=broker_4.url, rabbitmq_username=broker_4.username)
    try:
        check, apply, again = [run(tmp_path, command, broker_4) for command in plays(text)]
        assert "changed=1 " in check and "queue first-hour/hello" in check
        assert "changed=1 " in apply
        assert "changed=0 " in again
        assert "hello" in broker_4.ctl("list_queues", "-p", "first-hour", "name", "type")
    finally:
        broker_4.ctl("delete_vhost", "first-hour")


def test_manifests_of_the_operator_go_to_a_broker_and_come_back_without_a_difference(broker_4: Broker, tmp_path: Path) -> None:
    (command,) = plays(section("topology-operator", "From it"))
    write_files(tmp_path, section("first-hour", "Your broker"))
    write_files(tmp_path, section("topology-operator", "From it"), rabbitmq_url=broker_4.url, rabbitmq_username=broker_4.username)
    write_files(tmp_path, section("topology-operator", "To it"))
    variables = yaml.safe_load((tmp_path / "group_vars/all/rabbitmq.yml").read_text(encoding="utf-8"))
    variables["scan_api_password"] = "only-here"
    variables["rabbitmq_password"] = "{{ lookup('ansible.builtin.env', 'RABBITMQ_PASSWORD') }}"
    (tmp_path / "group_vars/all/rabbitmq.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    shutil.copy(PROJECT / "inventory/manifests/topology.yaml", tmp_path / "topology.yaml")
    apply = command.replace(" --check --diff", "")
    try:
        assert "changed=1 " in run(tmp_path, command, broker_4)
        assert "changed=1 " in run(tmp_path, apply, broker_4)
        assert "changed=0 " in run(tmp_path, command, broker_4)
        run(tmp_path, "ansible-playbook -i hosts.yml to_operator.yml", broker_4)
        made = list(yaml.safe_load_all((tmp_path / "queues.yaml").read_text(encoding="utf-8")))
        assert len([entry for entry in made if entry]) == 10
        shutil.copy(tmp_path / "queues.yaml", tmp_path / "topology.yaml")
        assert "changed=0 " in run(tmp_path, command, broker_4)
    finally:
        broker_4.ctl("delete_vhost", "eco2")
