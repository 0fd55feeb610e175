"""Ways to a real API server: credentials, TLS, names; what fails says why, and no secret leaves a run."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import clocks
import pytest
import yaml
from ground import one_line
from harness import KubeTask

from lab import tls
from lab.apiserver import ApiServer
from lab.host import LabError
from playbooks import PROJECT, Run, play

Config = t.Dict[str, t.Any]


@pytest.fixture
def config(kube: ApiServer) -> Config:
    """The content of the kubeconfig with all rights."""
    return t.cast("Config", yaml.safe_load(Path(kube.kubeconfig).read_text(encoding="utf-8")))


@pytest.fixture
def token(kube: ApiServer) -> str:
    """A service account's, with all rights."""
    account, role = "live-account", "live-account"
    for command in (
        ("create", "serviceaccount", account, "--namespace=default"),
        ("create", "clusterrolebinding", role, "--clusterrole=cluster-admin", f"--serviceaccount=default:{account}"),
    ):
        try:
            kube.kubectl(*command)
        except LabError as error:
            assert "already exists" in str(error), error
    return kube.kubectl("create", "token", account, "--namespace=default").strip()


def info(kube: ApiServer, **arguments: t.Any) -> dict[str, t.Any]:
    task = KubeTask(kube, "kube_nodes_info")
    task.defaults = {}
    return task.apply(**arguments)


def code(result: dict[str, t.Any]) -> str:
    """What the task is refused for, which is one thing."""
    one_line(result)
    (problem,) = result["problems"]
    return str(problem["code"])


def works(kube: ApiServer, **arguments: t.Any) -> None:
    result = info(kube, **arguments)
    assert result.get("api_server_version") == kube.version, result


def files(config: Config, home: Path) -> dict[str, str]:
    """Certificates and key of the kubeconfig as files."""
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    data = {
        "client_cert": user["client-certificate-data"],
        "client_key": user["client-key-data"],
        "ca_cert": cluster["certificate-authority-data"],
    }
    for name, text in data.items():
        (home / name).write_bytes(base64.b64decode(text))
    return {name: str(home / name) for name in data}


def test_every_way_to_say_who_we_are(kube: ApiServer, config: Config, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pems = files(config, tmp_path)
    works(kube, kubeconfig=kube.kubeconfig)
    works(kube, kubeconfig=config)
    works(kube, host=kube.url, **pems)
    works(kube, host=kube.url, ca_cert=pems["ca_cert"], api_key=token)
    works(kube, host=kube.url, validate_certs=False, api_key=token)
    works(kube, host=kube.url, verify_ssl=False, cert_file=pems["client_cert"], key_file=pems["client_key"])
    # A token wins over the certificate of a kubeconfig.
    one_line(info(kube, kubeconfig=config, api_key="nonsense"), "HTTP 401")
    for name, value in (("HOST", kube.url), ("API_KEY", token), ("SSL_CA_CERT", pems["ca_cert"])):
        monkeypatch.setenv(f"K8S_AUTH_{name}", value)
    works(kube)
    for name in ("HOST", "API_KEY", "SSL_CA_CERT"):
        monkeypatch.delenv(f"K8S_AUTH_{name}")
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", kube.kubeconfig)
    works(kube)


def test_credentials_that_are_refused(kube: ApiServer, config: Config, tmp_path: Path) -> None:
    pems = files(config, tmp_path)
    refused = info(kube, host=kube.url, ca_cert=pems["ca_cert"], api_key="nonsense")
    one_line(refused, kube.url, "HTTP 401")
    stranger = tls.ensure()
    mine = {"client_cert": f"{stranger}/client.crt", "client_key": f"{stranger}/client.key"}
    one_line(info(kube, host=kube.url, ca_cert=pems["ca_cert"], **mine), "HTTP 401")
    for wrong in ({"client_key": mine["client_key"]}, {"client_cert": "/dev/null"}, {"ca_cert": "/dev/null"}):
        assert code(info(kube, host=kube.url, **pems | wrong)) == "connection.certificates"
    assert code(info(kube, host=kube.url, **pems | {"client_key": "/no/such"})) == "tls.unreadable_file"


def test_an_api_server_that_is_not_trusted(kube: ApiServer, config: Config) -> None:
    other = f"{tls.ensure()}/other-ca.crt"
    one_line(info(kube, kubeconfig=config, ca_cert=other), kube.url, "is not trusted", "ca_cert")
    one_line(info(kube, host=kube.url.replace("https", "http"), api_key="x"), "HTTP request to an HTTPS server")


@pytest.mark.parametrize(("dates", "said"), [(clocks.FUTURE, "is not valid yet"), (clocks.PAST, "has expired")], ids=["future", "past"])
def test_a_certificate_of_another_time_is_said_to_be_that(kube: ApiServer, dates: tuple[str, str], said: str, tmp_path: Path) -> None:
    """It looks so where a clock is wrong."""
    path = tmp_path / "pem"
    path.write_text(clocks.certificate("/CN=127.0.0.1", tmp_path, dates))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True) as server:
        threading.Thread(target=greeting, args=(server,), daemon=True).start()
        refused = info(kube, host=f"https://127.0.0.1:{server.getsockname()[1]}", ca_cert=str(path), api_key="nobodys-token")
    one_line(refused, f"its TLS certificate {said}", "check the clock")


def greeting(server: ssl.SSLSocket) -> None:
    """A handshake for each client, and nothing more, until the server is closed."""
    while True:
        try:
            server.accept()[0].close()
        except ssl.SSLError:
            continue
        except OSError:
            return


def test_a_tunnel_has_another_name(kube: ApiServer, config: Config) -> None:
    works(kube, kubeconfig=config, tls_server_name="kubernetes.default.svc")
    one_line(info(kube, kubeconfig=config, tls_server_name="wrong.example"), "is for other names", "tls_server_name")
    config["clusters"][0]["cluster"]["tls-server-name"] = "wrong.example"
    one_line(info(kube, kubeconfig=config), "is for other names")
    works(kube, kubeconfig=config, tls_server_name="kubernetes")


def test_nobody_is_there(kube: ApiServer, config: Config) -> None:
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    one_line(info(kube, kubeconfig=config), "https://127.0.0.1:1", "cannot connect")
    assert code(info(kube, kubeconfig="/no/such/config")) == "kubeconfig.missing"
    assert code(info(kube, kubeconfig=kube.kubeconfig, context="gone")) == "kubeconfig.unknown_context"


def test_information_by_names_labels_and_query(kube: ApiServer) -> None:
    result = info(kube, kubeconfig=kube.kubeconfig, names=["no-such-node"], pods=True, query="{missing: missing, count: length(nodes)}")
    assert result["query_result"] == {"missing": ["no-such-node"], "count": 0}
    assert info(kube, kubeconfig=kube.kubeconfig, label_selector="no-such-label=x")["nodes"] == []
    one_line(info(kube, kubeconfig=kube.kubeconfig, label_selector="a b"), "HTTP 400", "unable to parse requirement")
    assert code(info(kube, kubeconfig=kube.kubeconfig, query="nodes[?")) == "query.invalid"
    assert code(info(kube, kubeconfig=kube.kubeconfig, query="abs(nodes)")) == "query.failed"


# As a playbook runs it

KEY = "canary-api-key-Aa1"
PASSWORD = "canary-password-Bb2"
HEADER = "canary-header-Cc3"
PROXY = "canary-proxy-Dd4"
CONFIG_TOKEN = "canary-config-token-Ee5"
ENVIRONMENT = "canary-plugin-Ff6"
CANARIES = (KEY, PASSWORD, HEADER, PROXY, CONFIG_TOKEN, ENVIRONMENT)


def spilled(text: str, key: str) -> list[str]:
    return [canary for canary in (*CANARIES, key[:200]) if canary in text]


def tasks() -> list[dict[str, t.Any]]:
    """Tasks that succeed, that are refused by Ansible and by us, and that fail, each with secrets."""
    nodes = [{"name": "sec-a", "labels": {"role": "x"}}]
    insecure = {"host": "{{ url }}", "validate_certs": False}
    basic = {**insecure, "username": "admin", "password": "{{ password }}"}
    headers = {"proxy_basic_auth": "u:{{ header }}", "basic_auth": "u:{{ header }}"}
    exec_users = [{"name": "u", "user": {"exec": {"command": "/no", "env": [{"name": "T", "value": "{{ environment_of_plugin }}"}]}}}]
    arguments: list[tuple[str, str, dict[str, t.Any]]] = [
        ("content", "kube_nodes_info", {"kubeconfig": "{{ config }}"}),
        ("declared", "kube_nodes", {"kubeconfig": "{{ config }}", "nodes": nodes}),
        ("unsupported option", "kube_nodes", {"kubeconfig": "{{ config }}", "api_key": "{{ key }}", "nodes": nodes, "no_such": 1}),
        ("wrong type", "kube_nodes", {"kubeconfig": "{{ config }}", "password": "{{ password }}", "nodes": "x"}),
        ("wrong headers", "kube_nodes_info", {"kubeconfig": "{{ config }}", "proxy_headers": {**headers, "no_such": 1}}),
        ("wrong timeout", "kube_nodes_info", {"proxy": "http://u:{{ proxy }}@localhost:1", "proxy_headers": headers, "timeout": "x"}),
        ("through no proxy", "kube_nodes_info", {"kubeconfig": "{{ config }}", "proxy": "http://u:{{ proxy }}@localhost:1"}),
        (
            "refused key",
            "kube_nodes_info",
            {"host": "{{ url }}", "validate_certs": False, "api_key": "{{ key }}", "proxy_headers": headers},
        ),
        ("refused password", "kube_nodes_info", basic),
        ("password in the address", "kube_nodes_info", {**basic, "host": "{{ url | replace('//', '//admin:' ~ password ~ '@') }}"}),
        ("config with a token", "kube_nodes_info", {"kubeconfig": "{{ config | combine({'users': token_users}) }}"}),
        ("config with a mistake", "kube_nodes_info", {"kubeconfig": "{{ config | combine({'users': token_users, 'clusters': []}) }}"}),
        ("config as text", "kube_nodes_info", {"kubeconfig": "{{ config | combine({'users': token_users}) | to_nice_yaml }}"}),
        ("config with a plugin", "kube_nodes_info", {"kubeconfig": {"users": exec_users}}),
        ("bad label", "kube_nodes", {"kubeconfig": "{{ config }}", "nodes": [{"name": "sec-a", "labels": {"a b": "c"}}]}),
    ]
    return [{"name": name, f"eco2.platform.{module}": chosen, "ignore_errors": True} for name, module, chosen in arguments]


def run(kube: ApiServer, config: Config, home: Path, *options: str) -> Run:
    token_users = [{"name": entry["name"], "user": {"token": CONFIG_TOKEN}} for entry in config["users"]]
    named = {"key": KEY, "password": PASSWORD, "header": HEADER, "proxy": PROXY, "environment_of_plugin": ENVIRONMENT}
    (home / "tmp").mkdir()
    variables = {"config": config, "url": kube.url, "token_users": token_users, **named}
    return play(home, tasks(), variables, *options, TMPDIR=str(home / "tmp"))


@pytest.mark.parametrize("options", [("-vvv",), ("-vvv", "--check", "--diff")], ids=["-vvv", "check and diff"])
def test_no_secret_leaves_a_run(kube: ApiServer, config: Config, tmp_path: Path, options: t.Sequence[str]) -> None:
    kube.kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "sec-a"}}).encode())
    try:
        done = run(kube, config, tmp_path, *options)
    finally:
        kube.kubectl("delete", "node", "sec-a")
    assert done.code == 0, done.output[-2000:]
    results = [json.loads(line) for line in done.callbacks.splitlines()]
    failed = [task["name"] for task, result in zip(tasks(), results) if result.get("failed")]
    assert failed == [task["name"] for task in tasks()[2:]]
    assert all("\n" not in result["msg"] for result in results if result.get("failed"))
    key = config["users"][0]["user"]["client-key-data"]
    places = {
        "output": done.output,
        "callbacks": done.callbacks,
        "command lines": done.command_lines,
        "files left behind": done.leftovers(),
        "journal": done.journal,
    }
    assert {place: found for place, text in places.items() if (found := spilled(text, key))} == {}
    assert spilled(f"x{KEY}{key}", key) == [KEY, key[:200]], "the search finds what it looks for"
    assert "PRIVATE KEY" not in done.leftovers(), "the kubernetes client keeps keys in files while it runs"


def test_delegated_tasks_run_under_a_limit(kube: ApiServer, tmp_path: Path) -> None:
    """As the playbooks do it: once, on the controller, for the hosts that are left."""
    hosts = {name: {"node": {"name": f"sec-{name}", "labels": {"role": name}}} for name in ("a", "b", "c")}
    task = {
        "name": "Labels of all that play",
        "eco2.platform.kube_nodes": {"kubeconfig": kube.kubeconfig, "nodes": "{{ ansible_play_hosts | map('extract', hostvars, 'node') }}"},
        "delegate_to": "localhost",
        "run_once": True,
        "become": False,
    }
    header = {"hosts": "all", "gather_facts": False, "tasks": [task]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([header]), encoding="utf-8")
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"sec-{name}"}} for name in hosts]
    kube.kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}).encode())
    settings = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": f"{PROJECT / 'build'}:{PROJECT / '.venv' / 'bundle'}"}
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "hosts.yml", tmp_path / "play.yml", "-l", "b,c"]
    try:
        runs = [subprocess.run(command, env=settings, capture_output=True, text=True, check=False) for dummy in range(2)]
        found = json.loads(kube.kubectl("get", "nodes", "--output=json"))["items"]
    finally:
        kube.kubectl("delete", "nodes", *(f"sec-{name}" for name in hosts))
    assert [done.returncode for done in runs] == [0, 0], runs[0].stdout + runs[0].stderr
    assert ["changed=1" in done.stdout for done in runs] == [True, False]
    labels = {node["metadata"]["name"]: node["metadata"].get("labels", {}).get("role") for node in found}
    assert [labels[f"sec-{name}"] for name in hosts] == [None, "b", "c"]
