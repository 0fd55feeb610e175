"""docs/migration.md, run: what community.rabbitmq has made of a broker is what its table says, with nothing left to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from corner import Corner

from lab.brokers import Broker
from playbooks import PROJECT, play

PREFIX = "mig-"
DOCUMENT = PROJECT / "docs" / "migration.md"


@pytest.fixture
def corner(broker_4: Broker) -> t.Iterator[Corner]:
    with Corner(broker_4, PREFIX) as corner:
        yield corner


def _blocks() -> dict[str, str]:
    """The YAML of the document, by the file name in its first line."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return {match[1]: match[2] for match in re.finditer(r"```yaml\n# (\S+)[^\n]*\n(.*?)```", text, re.DOTALL)}


def _variables(corner: Corner) -> dict[str, t.Any]:
    host, port = corner.broker.url.rpartition("/")[2].split(":")
    login = {"login_host": host, "login_port": port, "login_user": corner.broker.username, "login_password": corner.broker.password}
    mine = {"rabbitmq_url": corner.broker.url, "rabbitmq_username": corner.broker.username, "rabbitmq_password": corner.broker.password}
    return {"login": login, **mine, "app_password": "mig-app-pw"}


def test_after_community_rabbitmq_our_playbook_finds_nothing_to_change(corner: Corner, tmp_path: Path) -> None:
    blocks = _blocks()
    variables = {**_variables(corner), **yaml.safe_load(blocks["group_vars/all/rabbitmq.yml"])}
    theirs = play(tmp_path, yaml.safe_load(blocks["before.yml"]), variables)
    assert theirs.code == 0, theirs.output
    before = corner.snapshot()
    assert len(before) > 10, before
    checked = play(tmp_path, _tasks_of_the_playbook(), variables, "--check", "--diff")
    assert checked.code == 0 and "changed=0" in checked.output, checked.output
    assert corner.snapshot() == before


def test_the_file_of_the_last_step_is_usable_as_it_is(corner: Corner, tmp_path: Path) -> None:
    corner.settle(vhosts=[{"name": PREFIX + "v"}], vhost=PREFIX + "v", queues=[{"name": "q", "type": "quorum"}])
    variables = _variables(corner)
    steps = yaml.safe_load(_blocks()["read.yml"].replace("vhosts: [eco2]", f"vhosts: [{PREFIX}v]"))
    written = play(tmp_path, steps, variables)
    assert written.code == 0, written.output
    (file,) = tmp_path.glob("**/rabbitmq_topology.yml")
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert set(found) > {"rabbitmq_vhosts", "rabbitmq_queues"} and all(name.startswith("rabbitmq_") for name in found)
    used = play(tmp_path, _tasks_of_the_playbook(), {**variables, **found}, "--check")
    assert used.code == 0 and "changed=0" in used.output, used.output


def test_the_playbook_fails_where_nothing_at_all_is_declared(corner: Corner, tmp_path: Path) -> None:
    variables = yaml.safe_dump(_variables(corner))
    (tmp_path / "variables.yml").write_text(variables, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "eco2.platform.rabbitmq", "--extra-vars", "@variables.yml"]
    path = f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}"
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "Nothing is declared" in done.stdout, done.stdout + done.stderr


def _tasks_of_the_playbook() -> list[dict[str, t.Any]]:
    (only,) = yaml.safe_load((PROJECT / "playbooks" / "plays" / "rabbitmq.yml").read_text(encoding="utf-8"))
    return [{"vars": only["vars"], "block": only["tasks"]}]
