"""The execution environment as an image, and one job template of each family in it: by ansible-runner in a container, as AWX does."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import ansible_runner
import jinja2
import pytest
import yaml
from corner import Corner

from awx import configuration
from lab import redis
from lab.apiserver import ApiServer
from lab.brokers import Broker
from lab.host import IDENTITY

PROJECT = Path(__file__).resolve().parents[2]
LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
CANARY = "image-canary-1"
CANCELS = 5

pytestmark = pytest.mark.skipif(not LONG, reason="5 cases for make test-long: they build an image of 500 MB and run playbooks in it")


@pytest.fixture(scope="module")
def image() -> str:
    """The image of this checkout."""
    tag = f"localhost/eco2-lab-{IDENTITY}/ee"
    done = subprocess.run([PROJECT / "tools" / "ee-image", tag], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"\n  {done.stdout.strip()}")
    return tag


class Job:
    """Runs of one job template with the injected environment and files of a credential."""

    def __init__(self, home: Path, image: str, playbook: str, hosts: dict[str, t.Any]) -> None:
        self.home, self.image, self.playbook = home, image, playbook
        shutil.copytree(PROJECT / "awx", home / "project")
        (home / "inventory").mkdir()
        (home / "inventory" / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))
        (home / "env").mkdir()
        self.environment: dict[str, str] = {}
        self.variables: dict[str, str] = {}

    def credential(self, name: str, **inputs: str) -> None:
        """As AWX does: files first, whose paths in the container the other texts then name."""
        types = configuration("credentials")["controller_credential_types"]
        (injectors,) = [entry["injectors"] for entry in types if entry["name"] == name]
        paths = {}
        for key, text in injectors.get("file", {}).items():
            part = key.partition(".")[2]
            (self.home / "env" / part).write_text(_filled(text, inputs))
            paths[part] = f"/runner/env/{part}"
        known = {**inputs, "tower": {"filename": paths}}
        self.environment |= {key: _filled(text, known) for key, text in injectors.get("env", {}).items()}
        self.variables |= {key: _filled(text, known) for key, text in injectors.get("extra_vars", {}).items()}

    def run(self, *options: str) -> int:
        """How many tasks have changed something."""
        runner = self.runner(*options)
        stdout = runner.stdout.read()
        assert (runner.status, runner.rc) == ("successful", 0), stdout
        assert CANARY not in stdout + json.dumps(list(runner.events))
        return sum((runner.stats or {}).get("changed", {}).values())

    def runner(self, *options: str, cancel: t.Callable[[], bool] | None = None) -> ansible_runner.Runner:
        (self.home / "env" / "injected").write_text(json.dumps(self.variables))
        return ansible_runner.run(
            private_data_dir=str(self.home),
            playbook=f"{self.playbook}.yml",
            cmdline=" ".join(["--user=root", "-e", "@/runner/env/injected", *options]),
            envvars={**self.environment, "ANSIBLE_COLLECTIONS_PATH": "/usr/share/ansible/collections"},
            process_isolation=True,
            process_isolation_executable="podman",
            container_image=self.image,
            container_options=["--network=host", "--user=root"],
            quiet=True,
            timeout=300,
            cancel_callback=cancel,
        )

    def converges(self) -> None:
        assert self.run("--check") > 0
        assert self.run() > 0
        assert self.run() == 0


def _filled(text: str, known: dict[str, t.Any]) -> str:
    return jinja2.Environment(autoescape=False).from_string(text).render(known)  # noqa: S701


@pytest.fixture(autouse=True)
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ansible-runner starts podman itself: these are the settings that the lab uses."""
    settings = PROJECT / "build" / "ee" / "containers.conf"
    monkeypatch.setenv("CONTAINERS_CONF", str(settings))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def test_the_image_is_small_and_holds_no_setting_of_the_machine_that_built_it(image: str) -> None:
    told = subprocess.run(
        ["podman", "image", "inspect", "--format", "{{.Size}} {{.Config.Env}}", image], capture_output=True, text=True, check=True
    )
    assert int(told.stdout.split()[0]) < 700e6
    assert not re.search(r"CERT|PROXY|INDEX", told.stdout, re.IGNORECASE)


def test_rabbitmq_in_the_image(image: str, broker_4: Broker, tmp_path: Path) -> None:
    job = Job(tmp_path, image, "rabbitmq", {"rabbitmq_brokers": {"hosts": {"broker": {"rabbitmq_vhosts": [{"name": "image"}]}}}})
    broker_4.ctl("add_user", "image", CANARY)
    broker_4.ctl("set_user_tags", "image", "administrator")
    try:
        # Without certificates: a blank input must not become the path of a file.
        job.credential("eco2 RabbitMQ", url=broker_4.url, username="image", password=CANARY)
        job.converges()
    finally:
        broker_4.ctl("delete_user", "image")
        broker_4.ctl("delete_vhost", "image")


def test_cancelled_in_a_container_all_ends_and_the_next_run_is_right(image: str, broker_4: Broker, tmp_path: Path) -> None:
    dice, queues, cut = random.Random(), 1000, []
    with Corner(broker_4, "image") as corner:
        corner.plain_user("image", CANARY)
        for number in range(CANCELS):
            declared = {"rabbitmq_vhost": "image", "rabbitmq_queues": [{"name": f"{number}.{each}"} for each in range(queues)]}
            job = Job(tmp_path / str(number), image, "rabbitmq", {"rabbitmq_brokers": {"hosts": {"broker": declared}}})
            job.credential("eco2 RabbitMQ", url=broker_4.url, username="image", password=CANARY)
            goal = corner.queues("image") + dice.randrange(queues // 2)
            cancelled = job.runner(cancel=lambda goal=goal: corner.queues("image") > goal)
            left = corner.queues("image")
            cut.append(left - number * queues)
            print(f"\n  {cancelled.status} with {cut[-1]} of {queues} queues there", end="", flush=True)
            assert cancelled.status == "canceled"
            time.sleep(2)
            assert corner.queues("image") == left, "the module is still at work"
            assert job.run() == (cut[-1] < queues)
            assert corner.queues("image") == (number + 1) * queues
            assert job.run() == 0
        assert any(0 < there < queues for there in cut)


def test_node_labels_in_the_image(image: str, kube: ApiServer, tmp_path: Path) -> None:
    kube.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "image-1"}}).encode())
    # The path that Terraform's inventory holds is one of another machine.
    about = {"kube_profile": "--node-labels=pool=image", "kube_kubeconfig": "/nowhere/admin.conf"}
    job = Job(tmp_path, image, "node_labels", {"workers": {"hosts": {"image-1": about}}})
    try:
        job.credential("eco2 Kubernetes", kubeconfig=Path(kube.kubeconfig).read_text())
        job.converges()
        assert "image" in kube.kubectl("get", "node", "image-1", "-o", "jsonpath={.metadata.labels.pool}")
    finally:
        kube.kubectl("delete", "node", "image-1")


def test_sentinels_in_the_image(image: str, tmp_path: Path) -> None:
    with redis.group("image", "redis-7.0") as group:
        master = group.add_data(config=f"requirepass {CANARY}\n")
        made = [group.add_sentinel(config=f"requirepass {CANARY}\n") for dummy in range(3)]
        sentinels = [{"host": server.host, "port": server.port} for server in made]
        watched = {
            "name": "image",
            "address": [f"{master.host}:{master.port}"],
            "quorum": 2,
            "auth_pass": "{{ lookup('env', 'REDIS_PASSWORD') }}",
        }
        about = {"sentinel_hosts": sentinels, "sentinel_masters": [watched]}
        job = Job(tmp_path, image, "sentinels", {"redis_sentinels": {"hosts": {"set": about}}})
        job.credential("eco2 Redis", password=CANARY, masterauth=CANARY, auth_pass=CANARY, sentinel_password=CANARY)
        job.converges()
