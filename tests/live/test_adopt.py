"""A platform made by hand is adopted: site finds nothing to change right after, on brokers of three versions, a cluster and Sentinels."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from corner import Corner
from observer import segment
from pasture import Pasture

from lab import brokers, redis
from lab.apiserver import ApiServer
from lab.brokers import Broker
from lab.redis import Group
from playbooks import PROJECT

PREFIX = "adopt-"
CANARIES = ("canary-app-pw", "canary-upstream-pw", "canary-redis-pw")
EVERYTHING = {"configure": ".*", "write": ".*", "read": "^(?!x)"}
LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
DECLARED = ("labels", "rabbitmq", "sentinels")


@dataclass(frozen=True)
class Platform:
    """What runs, and the directory into which it is adopted."""

    home: Path
    corners: dict[str, Corner]
    pasture: Pasture
    group: Group
    adopted: dict[str, t.Any]

    @property
    def inventory(self) -> Path:
        return self.home / "inventory"

    def texts(self) -> dict[str, str]:
        files = [path for path in self.inventory.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.inventory)): path.read_text(encoding="utf-8") for path in files}


def _by_hand(corner: Corner) -> None:
    """As somebody does it in the management page, with what is hard to write down."""
    ask, vhost = corner.observer.request, f"vhosts/{PREFIX}v"
    corner.user(f"{PREFIX}app", CANARIES[0], "monitoring")
    ask("PUT", vhost, {"description": "by hand: 'é'"})
    ask("PUT", f"permissions/{PREFIX}v/{PREFIX}app", EVERYTHING)
    ask("PUT", f"permissions/{PREFIX}v/{corner.broker.username}", EVERYTHING)
    queues = {
        "work": {"durable": True, "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 3, "x-dead-letter-exchange": "dlx"}},
        "dead": {"durable": True, "arguments": {"x-message-ttl": 60000, "x-max-length": 10}},
        "{{ 7 * 7 }} 1.30": {"durable": True, "arguments": {}},
        "no": {"durable": True, "auto_delete": True, "arguments": {}},
        "대기열/ü": {"durable": True, "arguments": {}},
    }
    for exchange, kind in (("dlx", "fanout"), ("events", "topic")):
        ask("PUT", f"exchanges/{PREFIX}v/{exchange}", {"type": kind, "durable": True})
    ask("PUT", f"topic-permissions/{PREFIX}v/{PREFIX}app", {"exchange": "events", "write": "^a", "read": ".*"})
    for name, body in queues.items():
        ask("PUT", f"queues/{PREFIX}v/{segment(name)}", body)
        ask("POST", f"bindings/{PREFIX}v/e/events/q/{segment(name)}", {"routing_key": f"{name}.#", "arguments": {}})
    ask("POST", f"bindings/{PREFIX}v/e/dlx/q/dead", {"routing_key": "", "arguments": {"count": 1, "flag": True, "text": "1"}})
    ask("PUT", f"policies/{PREFIX}v/ha", {"pattern": "^work$", "definition": {"max-length": 100}, "apply-to": "queues", "priority": 1})
    ask("PUT", f"vhost-limits/{PREFIX}v/max-queues", {"value": 100})
    upstream = {"uri": f"amqp://{PREFIX}app:{CANARIES[1]}@127.0.0.1", "expires": 3600000}
    ask("PUT", f"parameters/federation-upstream/{PREFIX}v/far", {"value": upstream, "component": "federation-upstream", "name": "far"})


def _run(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (home / "password").write_text("vault-password", encoding="utf-8")
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(home / "password"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_HOME": str(home / "tmp"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ECO2_SUMMARY": str(home / "summary.json"),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), *options]
    return subprocess.run(command, env={**os.environ, **settings}, cwd=home, capture_output=True, text=True, check=False, timeout=500)


def _adopt(home: Path, platform: dict[str, t.Any], *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, t.Any]]:
    (home / "platform.json").write_text(json.dumps(platform), encoding="utf-8")
    done = _run(home, "eco2.platform.adopt", "-e", "@platform.json", "-e", "adopt_directory=inventory", *options)
    return done, json.loads((home / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def group() -> t.Iterator[Group]:
    """Sentinels that others run: a set of two and one of one, with passwords."""
    with redis.group("adopt", "valkey-9.1") as made:
        first = made.data[0]
        for server in made.data:
            server.ask("CONFIG", "SET", "requirepass", CANARIES[2], "masterauth", CANARIES[2])
            server.credentials = (CANARIES[2],)
        for server in made.sentinels:
            server.ask("SENTINEL", "MONITOR", "pubsub", first.host, first.port, 2)
            server.ask("SENTINEL", "SET", "pubsub", "auth-pass", CANARIES[2], "down-after-milliseconds", 7000)
        made.wait_healthy("pubsub")
        yield made


@pytest.fixture(scope="module")
def platform(
    lab: t.Callable[[str], Broker], kube: ApiServer, group: Group, tmp_path_factory: pytest.TempPathFactory
) -> t.Iterator[Platform]:
    home = tmp_path_factory.mktemp("adopt")
    corners = {f"broker-{line}": Corner(lab(line), PREFIX) for line in brokers.SUITES}
    with Pasture(kube, PREFIX) as pasture:
        for corner in corners.values():
            corner.clean()
            _by_hand(corner)
        pasture.add("master", labels={"node-role.kubernetes.io/control-plane": ""})
        (worker,) = pasture.add("worker")
        pasture.ready(f"{PREFIX}master", worker)
        kube.kubectl("label", "node", worker, "role=cache", "phase=1.30", "node-role.kubernetes.io/worker=", "example.com/a=no")
        kube.kubectl("label", "node", worker, "topology.kubernetes.io/zone=rack-1")
        kube.kubectl("taint", "node", worker, "domain=data:NoSchedule", "empty:NoExecute")
        platform = {
            "adopt_brokers": {name: _login(corner.broker) for name, corner in corners.items()},
            "kube_kubeconfig": kube.kubeconfig,
            "adopt_sentinels": {"redis-main": {"sentinels": _places(group), "data_password": CANARIES[2]}},
        }
        done, summary = _adopt(home, platform)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not [word for word in CANARIES if word in done.stdout + done.stderr + json.dumps(summary)]
        print(done.stdout)
        yield Platform(home, corners, pasture, group, platform)
        for corner in corners.values():
            corner.clean()


def _login(broker: Broker) -> dict[str, str]:
    return {"url": broker.url, "username": broker.username, "password": broker.password}


def _places(group: Group) -> list[dict[str, t.Any]]:
    return [{"host": server.host, "port": server.port} for server in group.sentinels]


def test_site_finds_nothing_to_change_right_after(platform: Platform) -> None:
    began = time.monotonic()
    done = _run(platform.home, "-i", "inventory", "eco2.platform.site", "--check", "--diff", "--tags", ",".join(DECLARED))
    summary = json.loads((platform.home / "summary.json").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["verdict"] == "ok", json.dumps(summary, indent=1)
    states = {part["name"]: part["state"] for part in summary["families"]}
    assert {name: states[name] for name in DECLARED} == dict.fromkeys(DECLARED, "ok")
    assert {*platform.corners, "redis-main", f"{PREFIX}worker"} <= set(summary["hosts"])
    assert not [word for word in CANARIES if word in done.stdout + done.stderr]
    print(f"site --check in {time.monotonic() - began:.0f} s")


def test_verify_finds_each_drift_and_the_report_marks_it(platform: Platform) -> None:
    corner = platform.corners["broker-4.0"]
    corner.observer.request("DELETE", f"queues/{PREFIX}v/no")
    platform.pasture.server.kubectl("label", "node", f"{PREFIX}worker", "role=other", "--overwrite")
    platform.group.sentinels[1].ask("SENTINEL", "SET", "pubsub", "quorum", 1)
    options = ("-i", "inventory", "eco2.platform.verify", "--tags", ",".join(DECLARED), "-e", "platform_report=report.html")
    done = _run(platform.home, *options)
    page = (platform.home / "report.html").read_text(encoding="utf-8")
    platform.group.sentinels[1].ask("SENTINEL", "SET", "pubsub", "quorum", 2)
    platform.pasture.server.kubectl("label", "node", f"{PREFIX}worker", "role=cache", "--overwrite")
    corner.observer.request("PUT", f"queues/{PREFIX}v/no", {"durable": True, "auto_delete": True, "arguments": {}})
    corner.observer.request("POST", f"bindings/{PREFIX}v/e/events/q/no", {"routing_key": "no.#", "arguments": {}})
    assert done.returncode != 0, done.stdout
    assert re.search(r'<g class="point queue missing"[^>]*><title>queue no in vhost adopt-v', page)
    assert re.search(rf'<article class="card differs"><h3>{PREFIX}worker</h3>.*?label role: other → cache', page)
    assert re.search(r'<article class="card differs"><h3>pubsub</h3>.*?quorum: 1 → 2', page)
    assert not [word for word in CANARIES if word in page]


def test_the_declaration_holds_what_was_made_by_hand(platform: Platform) -> None:
    texts = platform.texts()
    inventory = yaml.safe_load(texts["hosts.yml"])["all"]["children"]
    worker = inventory["workers"]["hosts"][f"{PREFIX}worker"]
    own = {"role": "cache", "phase": "1.30", "example.com/a": "no", "node-role.kubernetes.io/worker": ""}
    assert own.items() <= worker["kube_profile"]["labels"].items()
    assert worker["kube_profile"]["taints"] == ["domain=data:NoSchedule", "empty:NoExecute"]
    assert worker["kube_zone"] == "rack-1"
    assert f"{PREFIX}master" in inventory["control_plane"]["hosts"]
    sentinels = yaml.safe_load(texts["host_vars/redis-main/sentinels.yml"])
    (master,) = sentinels["sentinel_masters"]
    assert (master["name"], master["quorum"], master["replicas"], master["down_after_milliseconds"]) == ("pubsub", 2, 2, 7000)
    assert "vault_sentinel_auth_pass_pubsub" in master["auth_pass"]
    for name in platform.corners:
        text = texts[f"host_vars/{name}/rabbitmq.yml"]
        assert "!unsafe" in text and "amq." not in text, text


def test_no_file_has_a_secret_in_clear(platform: Platform) -> None:
    texts = platform.texts()
    passwords = [corner.broker.password for corner in platform.corners.values()]
    hashes = [row["password_hash"] for corner in platform.corners.values() for row in corner.observer.request("GET", "users")]
    for name, text in texts.items():
        assert not [word for word in (*CANARIES, *passwords, *hashes) if word and word in text], name
    assert all(texts[name].startswith("$ANSIBLE_VAULT;") for name in texts if name.endswith("vault.yml"))


@pytest.mark.skipif(not LONG, reason="a second run of all is in make test-long (ECO2_TIMES above 1)")
def test_a_second_run_changes_nothing(platform: Platform) -> None:
    before = platform.texts()
    done, dummy = _adopt(platform.home, platform.adopted)
    assert done.returncode == 0 and "changed=0" in done.stdout, done.stdout + done.stderr
    assert platform.texts() == before


def test_a_file_that_somebody_has_changed_is_not_overwritten(platform: Platform) -> None:
    file = platform.inventory / "hosts.yml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + "# mine\n", encoding="utf-8")
    only = {"adopt_brokers": {}, "adopt_sentinels": {}, "kube_kubeconfig": platform.adopted["kube_kubeconfig"]}
    done, dummy = _adopt(platform.home, only)
    assert done.returncode != 0 and "hosts.yml would be overwritten" in done.stdout, done.stdout
    assert "adopt_overwrite=true" in done.stdout and file.read_text(encoding="utf-8").endswith("# mine\n")
    file.write_text(before, encoding="utf-8")


def test_what_cannot_be_read_is_named_and_the_rest_is_adopted(broker_4: Broker, tmp_path: Path) -> None:
    broker = _login(broker_4)
    wrong = {"adopt_brokers": {"good": broker, "bad": {**broker, "password": "wrong"}, "gone": {**broker, "url": "http://127.0.0.1:1"}}}
    done, summary = _adopt(tmp_path, wrong, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "broker bad could not be read" in done.stdout and "broker gone could not be read" in done.stdout
    assert not (tmp_path / "inventory").exists(), "check mode writes nothing"
    assert summary["hosts"]["localhost"]["state"] == "changed"


def test_nothing_to_read_and_bad_names_are_refused_in_one_line(broker_4: Broker, tmp_path: Path) -> None:
    done, dummy = _adopt(tmp_path, {})
    assert done.returncode != 0 and "nothing could be read; name a broker, a kubeconfig or Sentinels" in done.stdout, done.stdout
    done, dummy = _adopt(tmp_path, {"adopt_brokers": {"../up": _login(broker_4)}})
    assert done.returncode != 0 and "'../up' cannot be the name of a host" in done.stdout, done.stdout
    assert not (tmp_path / "inventory").exists()
