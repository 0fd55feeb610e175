"""The playbook under each supported ansible-core, by the controller's Python and a target's Python 3.9; the artefact alone under two."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from inventories import Reader, source

from lab.brokers import Broker

PROJECT = Path(__file__).resolve().parent.parent.parent
CORES = [
    line.split() for line in (PROJECT / "requirements" / "cores.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]


def _python(*minors: str) -> str:
    """An interpreter of one of these minor versions; skips the test where the machine has none."""
    found = subprocess.run([PROJECT / "tools" / "python", *minors], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"this machine has no Python {' or '.join(minors)}")
    return found.stdout.strip()


def _environment(name: str, python: str, *packages: str) -> Path:
    """The bin directory of a virtual environment with these packages, made once."""
    home = PROJECT / "build" / "environments" / name
    stamp = home / "stamp"
    wanted = f"{python} {packages} {[(PROJECT / part).read_text(encoding='utf-8') for part in packages if part.endswith('.lock')]}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([python, "-m", "venv", home], check=True)
        install = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        for package in packages:
            subprocess.run([*install, *(["--requirement", PROJECT / package] if package.endswith(".lock") else [package])], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return home / "bin"


@pytest.mark.parametrize(("core", "minors"), [(line[0], line[1:]) for line in CORES], ids=[line[0] for line in CORES])
@pytest.mark.parametrize("target", ["its own Python", "Python 3.9"])
def test_playbook(core: str, minors: list[str], target: str, broker_4: Broker) -> None:
    """Check, apply, apply: changed, changed, nothing; no deprecation warning from us."""
    controller = _environment(f"core-{core}", _python(*minors), "requirements/cores.lock", f"ansible-core=={core}")
    interpreter = controller / "python"
    if target == "Python 3.9":
        interpreter = _environment("target-3.9", _python("3.9"), "requirements/python3.9.lock") / "python"
    vhost = f"core-{core}-{target[-3:]}"

    def play(*options: str) -> str:
        variables = {"ansible_python_interpreter": str(interpreter), "rabbitmq_vhost": vhost, "rabbitmq_vhosts": [{"name": vhost}]}
        extra = ["--extra-vars", json.dumps(variables)]
        inventory = PROJECT / "inventory" / "example" / "hosts.yml"
        command = [controller / "ansible-playbook", "--inventory", inventory, "eco2.platform.rabbitmq", *extra, *options]
        done = subprocess.run(command, env=_settings(broker_4), capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "DEPRECATION WARNING" not in done.stderr + done.stdout
        return done.stdout

    try:
        assert "changed=1 " in play("--check", "--diff")
        assert "changed=1 " in play()
        assert "changed=0 " in play()
        assert broker_4.ctl("list_queues", "-p", vhost, "name").count("\n") == 11
    finally:
        broker_4.ctl("delete_vhost", vhost)


@pytest.mark.parametrize(("core", "minors"), [(line[0], line[1:]) for line in CORES], ids=[line[0] for line in CORES])
def test_inventory_plugin(core: str, minors: list[str], tmp_path: Path) -> None:
    """Hosts of a state with groups; a text that looks like a template stays a text in every release."""
    reader = Reader(_environment(f"core-{core}", _python(*minors), "requirements/cores.lock", f"ansible-core=={core}") / "python")
    nodes = {"k8s-a": "{{ 7 * 6 }}", "k8s-b": "api"}
    instances = [
        {"index_key": name, "attributes": {"private_ip": "192.0.2.1", "tags": {"Name": name, "role": role}}} for name, role in nodes.items()
    ]
    resource = {"mode": "managed", "type": "aws_instance", "name": "node", "instances": instances}
    (tmp_path / "state").write_text(json.dumps({"version": 4, "serial": 1, "lineage": "x", "resources": [resource]}))
    types = {"aws_instance": {"variables": {"role": "tags.role"}}}
    options = {"types": types, "compose": {"same": "role"}, "groups": {"apis": "role == 'api'"}, "strict": True}
    try:
        told = reader.read(source(tmp_path, source="state", **options))
    finally:
        reader.close()
    assert told.error is None
    assert {name: variables["same"] for name, variables in told.hosts.items()} == nodes
    assert told.groups["apis"]["hosts"] == ["k8s-b"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path with the artefact and kubernetes.core, which it depends on; nothing else of this checkout."""
    place = tmp_path_factory.mktemp("installed")
    galaxy = [Path(sys.executable).parent / "ansible-galaxy", "collection"]
    environment = {**os.environ, "ANSIBLE_HOME": str(place / "home"), "ANSIBLE_COLLECTIONS_PATH": str(place)}
    bundled = PROJECT / ".venv" / "bundle" / "ansible_collections" / "kubernetes" / "core"
    shutil.copytree(bundled, place / "ansible_collections" / "kubernetes" / "core")
    staged = PROJECT / "build" / "ansible_collections" / "eco2" / "platform"
    subprocess.run([*galaxy, "build", "--output-path", place, staged], check=True, env=environment, stdout=subprocess.DEVNULL)
    (artefact,) = place.glob("*.tar.gz")
    install = [*galaxy, "install", "--offline", "-p", place, artefact]
    subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)
    return place


@pytest.mark.parametrize(("core", "minors"), [(line[0], line[1:]) for line in (CORES[0], CORES[-1])], ids=[CORES[0][0], CORES[-1][0]])
def test_the_artefact_runs_without_the_checkout(core: str, minors: list[str], installed: Path, broker_4: Broker, tmp_path: Path) -> None:
    """Every playbook is found by its name and parsed; site is run: changed, then nothing, and verify agrees."""
    controller = _environment(f"core-{core}", _python(*minors), "requirements/cores.lock", f"ansible-core=={core}")
    vhost = f"artefact-{core}"
    local = {"ansible_connection": "local", "ansible_python_interpreter": str(controller / "python")}
    hosts = {"all": {"hosts": {"localhost": {**local, "rabbitmq_vhosts": [{"name": vhost}]}}}}
    (tmp_path / "hosts.json").write_text(json.dumps(hosts), encoding="utf-8")
    settings = {**_settings(broker_4), "ANSIBLE_COLLECTIONS_PATH": str(installed), "ANSIBLE_HOME": str(tmp_path / "home")}

    def play(*arguments: str) -> str:
        command = [controller / "ansible-playbook", "--inventory", "hosts.json", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert str(PROJECT) not in done.stdout + done.stderr
        return done.stdout

    shipped = sorted(path.stem for path in (installed / "ansible_collections/eco2/platform/playbooks").glob("*.yml"))
    assert len(shipped) > 5
    play("--syntax-check", *(f"eco2.platform.{name}" for name in shipped))
    try:
        assert "changed=1 " in play("eco2.platform.site")
        assert "changed=0 " in play("eco2.platform.site")
        assert "changed=0 " in play("eco2.platform.verify")
    finally:
        broker_4.ctl("delete_vhost", vhost)
    for path in sorted((installed / "ansible_collections/eco2/platform/plugins/inventory").glob("[!_]*.py")):
        named = [controller / "ansible-doc", "--type", "inventory", f"eco2.platform.{path.stem}"]
        subprocess.run(named, cwd=tmp_path, env=settings, check=True, stdout=subprocess.DEVNULL)


def _settings(broker: Broker) -> dict[str, t.Any]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"),
        "ANSIBLE_DEPRECATION_WARNINGS": "true",
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "ANSIBLE_NOCOLOR": "true",
        "RABBITMQ_URL": broker.url,
        "RABBITMQ_USERNAME": broker.username,
        "RABBITMQ_PASSWORD": broker.password,
    }
