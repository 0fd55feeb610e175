"""Answers of AWX surveys, as AWX writes them, to the questions of our playbooks: blank, right, wrong and hostile."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote

import pytest
import requests
import yaml

from awx import Awx, inventory
from lab.brokers import Broker

HOSTILE = ["{{ 7 * 7 }}", "{% raw %}", 'it\'s "quoted"', "0x10", "1.30", "no", "~", "Größe 漢字", "-v", "a: b", "# none", "\\n", "$(id)"]
# What a playbook takes, with a blank and a wrong answer in the question's own form. A multiple choice can only be blank or right.
QUESTIONS: dict[str, tuple[t.Any, str]] = {
    "rabbitmq_prune_limit": ("many", '"many", and must be a whole number'),
    "rabbitmq_timeout": ("0x10", '"0x10", and must be a number'),
    "rabbitmq_validate_certs": ("perhaps", '"perhaps", and must be true or false'),
    "rabbitmq_vhosts": ("{name: a}", "must be a list, and the text is a dictionary"),
    "rabbitmq_queues": ('[{"name": "a"', "must be a list: the text is neither JSON nor YAML"),
    "rabbitmq_users": ('[{"password": "canary-in-text"', "must be a list: the text is neither JSON nor YAML"),
    "rabbitmq_definitions": ("", ""),
    "rabbitmq_url": ("", ""),
    "rabbitmq_password": ("", ""),
    "rabbitmq_hosts": ("", ""),
    "node_profile_exact": ("1.30", '"1.30", and must be true or false'),
    "node_profile_protected": ("[a, {b: c}]", '"[a, {b: c}]", and must be a list of texts'),
    "node_profile_owner": ("", ""),
    "node_join_existing": ("", ""),
    "node_join_timeout": ("5 minutes", '"5 minutes", and must be a whole number'),
    "kubernetes_node_sysctls": ("on", "must be a dictionary, and the text is a single value"),
    "kube_kubelet_patch": ("[1]", "must be a dictionary, and the text is a list"),
    "kube_version": ("", ""),
    "kube_hosts": ("", ""),
    "containerd_hold": ("y/n", '"y/n", and must be true or false'),
    "control_plane_schedulable": ("später", '"später", and must be true or false'),
    "control_plane_cert_sans": ("- {a: b}", '"- {a: b}", and must be a list of texts'),
    "redis_sentinel_sets": ("pubsub", "must be a list, and the text is a single value"),
    "redis_sentinel_settings": ("{{ lookup('pipe', 'id') }}", "must be a dictionary"),
    "redis_sentinel_healthy_within": ("\n\nsoon", '"\\n\\nsoon", and must be a whole number'),
    "redis_sentinel_admin_password": ("", ""),
}


@pytest.fixture(scope="module")
def awx(broker_4: Broker, tmp_path_factory: pytest.TempPathFactory) -> Awx:
    """Its inventory declares a queue, and its credential has the broker."""
    broker_4.ctl("add_vhost", "survey")
    broker_4.ctl("set_permissions", "-p", "survey", broker_4.username, ".*", ".*", ".*")
    declared = {"rabbitmq_vhost": "survey", "rabbitmq_queues": [{"name": "of-the-inventory"}], "rabbitmq_prune_limit": 5}
    credential = {"RABBITMQ_URL": broker_4.url, "RABBITMQ_USERNAME": broker_4.username, "RABBITMQ_PASSWORD": broker_4.password}
    credential["RABBITMQ_CA_CERT"] = ""
    return Awx(tmp_path_factory.mktemp("surveys"), inventory({"unused": {"localhost": {}}}, **declared), credential)


def names(broker: Broker, what: str, vhost: str = "") -> set[str]:
    """Asked by HTTP: rabbitmqctl in a container takes no names beyond ASCII."""
    answer = requests.get(_url(broker, what, vhost), auth=(broker.username, broker.password), timeout=10)
    return {row["name"] for row in answer.json()}


def delete_vhost(broker: Broker, name: str) -> None:
    requests.delete(_url(broker, "vhosts", name), auth=(broker.username, broker.password), timeout=10).raise_for_status()


def _url(broker: Broker, what: str, name: str) -> str:
    return f"{broker.url}/api/{what}" + (f"/{quote(name, safe='')}" if name else "")


def test_all_blank_means_what_the_inventory_says(awx: Awx, broker_4: Broker) -> None:
    for blank in ("", None):
        done = awx.launch("rabbitmq", dict.fromkeys(QUESTIONS, blank)).ok()
        assert "of-the-inventory" in names(broker_4, "queues", "survey")
    assert done.changed == 0


def test_every_wrong_answer_is_refused_in_one_line_by_its_name(awx: Awx) -> None:
    wrong = {name: answer for name, (answer, dummy) in QUESTIONS.items() if answer}
    refused = awx.launch("rabbitmq", wrong)
    line = refused.refused()
    for name in wrong:
        what = QUESTIONS[name][1]
        assert f"{name}: {'is ' if what.startswith(chr(34)) else ''}{what}" in line, line
    assert f"{len(wrong)} problems: " in line
    assert "canary-in-text" not in refused.shown()


def test_right_answers_as_json_and_yaml(awx: Awx, broker_4: Broker) -> None:
    answers = {
        "rabbitmq_vhosts": '[{"name": "survey-json"}]',
        "rabbitmq_vhost": "survey-json",
        "rabbitmq_queues": "- name: 1.30\n  type: quorum\n  arguments:\n    x-max-length: 5\n- {name: no, durable: true}\n",
        "rabbitmq_exchanges": '- name: "{{ e }}"',
        "rabbitmq_prune_limit": 3,
        "rabbitmq_validate_certs": "false",
        "rabbitmq_prune": ["policies"],
        "rabbitmq_timeout": 20.0,
        "rabbitmq_url": awx.credentials["RABBITMQ_URL"],
    }
    try:
        checked = awx.launch("rabbitmq", answers, "--check", "--diff").ok()
        assert checked.changed == 1
        assert "survey-json" not in names(broker_4, "vhosts")
        assert awx.launch("rabbitmq", answers, "--diff").ok().changed == 1
        assert names(broker_4, "queues", "survey-json") == {"1.30", "no"}
        assert "{{ e }}" in names(broker_4, "exchanges", "survey-json")
        assert awx.launch("rabbitmq", answers).ok().changed == 0
    finally:
        delete_vhost(broker_4, "survey-json")


def test_hostile_answers_stay_what_they_are(awx: Awx, broker_4: Broker) -> None:
    vhost = "{{ lookup('pipe', 'id') }} \"ü'\n0x10"
    queues = [{"name": name} for name in HOSTILE]
    try:
        for text in (json.dumps(queues), yaml.safe_dump(queues, allow_unicode=True)):
            answers = {"rabbitmq_vhost": vhost, "rabbitmq_vhosts": json.dumps([{"name": vhost}]), "rabbitmq_queues": text}
            done = awx.launch("rabbitmq", answers).ok()
        assert names(broker_4, "queues", vhost) == {*HOSTILE}
        assert done.changed == 0
    finally:
        delete_vhost(broker_4, vhost)


def test_a_name_or_password_that_looks_like_a_number_or_a_boolean_is_text(awx: Awx, broker_4: Broker) -> None:
    """ansible-core 2.19 and newer reads the answer 1.30 as 1.3, and 007 as 7."""
    answers = {"rabbitmq_vhosts": "[{name: 1.30}]", "rabbitmq_vhost": "1.30", "rabbitmq_queues": "- name: q"}
    try:
        awx.launch("rabbitmq", {**answers, "rabbitmq_users": "- {name: survey-007, password: 007, tags: [administrator]}"}).ok()
        assert "1.30" in names(broker_4, "vhosts")
        as_user = {"rabbitmq_username": "survey-007", "rabbitmq_password": "007", "rabbitmq_vhost": "survey", "rabbitmq_queues": "[]"}
        assert awx.launch("rabbitmq", {**as_user, "rabbitmq_vhosts": "[{name: survey}]"}).ok().changed == 0
    finally:
        delete_vhost(broker_4, "1.30")
        broker_4.ctl("delete_user", "survey-007")
