"""Job templates of awx/configuration by ansible-runner on machines: blank answers in check mode, right and wrong answers, and again.

`awx_configure` needs an AWX (test_awx).
"""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from awx import Awx, Job, configuration, inventory
from lab import nodes as lab_nodes
from lab import shelves
from lab.brokers import Broker
from lab.host import LabError, require

LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
CANARY = "templates-canary-1"
MASTER, WORKER = "templates-master", "templates-worker"
REDIS = tuple(f"templates-redis-{number}" for number in (1, 2, 3))
BROKER = "broker"
VHOST = "templates"
# What is asked of the machines, in the order in which a platform is made; right answers to each survey, and wrong ones with what is said.
ORDER = ("control_plane", "setup_new_nodes", "node_labels", "rabbitmq", "sentinels", "maintain_redis", "verify", "site")
RIGHT: dict[str, dict[str, t.Any]] = {
    "control_plane": {"kube_version": shelves.KUBERNETES},
    "setup_new_nodes": {"kube_version": shelves.KUBERNETES, "node_join_existing": "auto"},
    "rabbitmq": {"rabbitmq_prune": ["queues"], "rabbitmq_prune_limit": 5, "rabbitmq_on_immutable_change": "fail"},
}
WRONG = (
    ("control_plane", "kube_version", "1.36", "names no patch release"),
    ("control_plane", "kube_version", "{{ 1.36 }}", "{{ 1.36 }}"),
    ("control_plane", "kube_endpoint", "https://10.0.0.1:6443", "is the text 'https://"),
    ("setup_new_nodes", "node_join_existing", "sometimes", "node_join_existing"),
)

pytestmark = pytest.mark.skipif(not LONG, reason="14 cases for make test-long: they make a whole platform job by job")


@pytest.fixture(scope="module")
def awx(broker_4: Broker, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Awx]:
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
    home = tmp_path_factory.mktemp("templates")
    try:
        machines = [*lab_nodes.up((MASTER, WORKER), versions=(shelves.KUBERNETES,)), *lab_nodes.up(REDIS, versions=())]
        yield Awx(home, _hosts(home, {node.name: node.address for node in machines}), _credentials(broker_4))
    finally:
        lab_nodes.down([MASTER, WORKER, *REDIS])
        if VHOST in broker_4.ctl("list_vhosts").split():
            broker_4.ctl("delete_vhost", VHOST)


def _hosts(home: Path, addresses: dict[str, str]) -> dict[str, t.Any]:
    machine = {**lab_nodes.connection(), "ansible_connection": "ssh"}
    known = {name: {**machine, "ansible_host": address, "kube_node_ip": address} for name, address in addresses.items()}
    known[WORKER]["kube_profile"] = "--node-labels=role=worker --register-with-taints=domain=templates:NoSchedule"
    declared = {"rabbitmq_vhosts": [{"name": VHOST}], "rabbitmq_vhost": VHOST, "rabbitmq_queues": [{"name": "q"}]}
    of_all = {
        **lab_nodes.variables(),
        "kube_version": shelves.KUBERNETES,
        "kube_endpoint": f"{addresses[MASTER]}:6443",
        "kube_kubeconfig": str(home / "kube" / "admin.conf"),
        "redis_sentinel_hosts": [*REDIS],
        "redis_sentinel_sets": [{"name": "pubsub", "nodes": [*REDIS]}],
    }
    of_machines = {"control_plane": [MASTER], "workers": [WORKER], "redis_nodes": REDIS}
    groups = {group: {name: known[name] for name in names} for group, names in of_machines.items()}
    return inventory({**groups, "rabbitmq_brokers": {BROKER: declared}}, **of_all)


def _credentials(broker: Broker) -> dict[str, str]:
    of_broker = {"RABBITMQ_URL": broker.url, "RABBITMQ_USERNAME": broker.username, "RABBITMQ_PASSWORD": broker.password}
    of_redis = ("REDIS_PASSWORD", "REDIS_MASTERAUTH", "REDIS_AUTH_PASS", "REDIS_SENTINEL_PASSWORD")
    return {**of_broker, **dict.fromkeys(of_redis, CANARY), "ANSIBLE_TIMEOUT": "60"}


def templates() -> dict[str, dict[str, t.Any]]:
    return {entry["playbook"].partition(".")[0]: entry for entry in configuration("templates")["controller_templates"]}


def variables(name: str) -> list[str]:
    return [question["variable"] for question in templates()[name].get("survey_spec", {}).get("spec", [])]


def test_every_template_is_tried_and_every_answer_belongs_to_a_question() -> None:
    assert {*templates()} == {*ORDER, "awx_configure"}
    answered = {(name, variable) for name, answers in RIGHT.items() for variable in answers} | {wrong[:2] for wrong in WRONG}
    assert answered <= {(name, variable) for name in ORDER for variable in variables(name)}


@pytest.mark.parametrize(("name", "variable", "answer", "said"), WRONG)
def test_a_wrong_answer_is_refused_in_one_line_before_anything_changes(awx: Awx, name: str, variable: str, answer: str, said: str) -> None:
    refused(awx.launch(name, {variable: answer}), said)


def refused(job: Job, said: str) -> None:
    assert job.status == "failed"
    assert _lines(job, said), job.stdout
    changed = [event["task"] for event in job.of("runner_on_ok") if event["res"].get("changed")]
    # It makes the directory of the kubeconfig.
    assert changed in ([], ["Check the place of the kubeconfig"]), job.stdout


def _lines(job: Job, said: str) -> list[str]:
    """The messages with these words."""
    failed = [str(event["res"].get("msg", "")) for event in job.of("runner_on_failed")]
    early = [line for line in job.stdout.splitlines() if "ERROR" in line] if not job.tasks else []
    return [message for message in [*failed, *early] if said in message and "\n" not in message]


@pytest.mark.parametrize("name", ORDER)
def test_a_template_predicts_converges_and_then_changes_nothing(awx: Awx, name: str) -> None:
    blank = dict.fromkeys(variables(name), "")
    jobs = []
    if name != "verify":
        jobs.append(awx.launch(name, blank, "--check", "--diff").ok())
    jobs.append(awx.launch(name, RIGHT.get(name, blank), "--diff").ok())
    jobs.append(awx.launch(name, blank).ok())
    assert jobs[-1].changed == 0
    # What the parts before have done is nothing to do for these.
    changes = [job.changed for job in jobs]
    assert (changes[0] > 0) == (changes[-2] > 0) == (name not in ("node_labels", "maintain_redis", "verify", "site"))
    assert not [job for job in jobs if CANARY in job.shown()]


def test_a_version_that_is_none_is_refused_before_anything_restarts(awx: Awx) -> None:
    refused(awx.launch("maintain_redis", {"redis_sentinel_version": "0x10"}), "0x10")
