"""The inventory plugin on what a real terraform writes: histories, forms of its knowledge, bad input, an http server."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import ssl
import subprocess
import sys
import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from inventories import PROJECT, Reader, Told, source

from lab import tls

TERRAFORM = shutil.which("terraform") or ""
MODULE = PROJECT / "inventory" / "terraform"
NODES = {"k8s-a": "192.0.2.1", "k8s-b": "192.0.2.2"}
HOW_OFTEN = int(os.environ.get("ECO2_TIMES", "1"))

pytestmark = pytest.mark.skipif(not TERRAFORM, reason="this machine has no terraform")

_INVENTORY = """
module "inventory" {
  source           = "./inventory"
  instances        = %s
  kubelet_profiles = { %s }
  variables        = %s
}

output "inventory" {
  value = module.inventory.inventory
}
"""
_NODE = 'resource "terraform_data" "%s" {\n  %s\n  input = { address = %s }\n}\n'
_ONE = _NODE % ("node", "for_each = { %s }", "each.value")
_INSTANCES = "{ for name, node in terraform_data.node : name => { ansible_host = node.output.address } }"
_BLOCK = 'module "%s" {\n  source = "./node"\n  address = "%s"\n}\n'
_MODULE = 'variable "address" {}\n' + _NODE % ("this", "", "var.address") + 'output "output" {\n  value = terraform_data.this.output\n}\n'
LAYOUTS = ("one for_each", "a module for each node")


class Terraform:
    """A root module of one layout in a directory of its own."""

    def __init__(self, place: Path, layout: str) -> None:
        self.place, self.nodes, self._one = place, dict(NODES), layout == LAYOUTS[0]
        shutil.copytree(MODULE, place / "inventory", ignore=shutil.ignore_patterns("example", "README.md"))
        (place / "node").mkdir()
        (place / "node" / "main.tf").write_text(_MODULE)

    def target(self, name: str) -> str:
        return f'-target=terraform_data.node["{name}"]' if self._one else f"-target=module.{name}"

    def apply(self, *options: str, variables: str = '{ ansible_user = "admin" }') -> None:
        self._change("apply", *options, variables=variables)

    def destroy(self, name: str) -> None:
        self._change("destroy", self.target(name))

    def _change(self, *words: str, variables: str = "{}") -> None:
        profiles = ", ".join(f'{name} = "--node-labels=role=api"' for name in self.nodes)
        if self._one:
            instances, text = _INSTANCES, _ONE % ", ".join(f'{name} = "{address}"' for name, address in self.nodes.items())
        else:
            text = "".join(_BLOCK % node for node in self.nodes.items())
            instances = ", ".join(f"{name} = {{ ansible_host = module.{name}.output.address }}" for name in self.nodes)
            instances = f"{{ {instances} }}"
        text += _INVENTORY % (instances, profiles, variables)
        (self.place / "main.tf").write_text(text)
        if not self._one or not (self.place / ".terraform").exists():
            run(self.place, "init")
        run(self.place, *words, "-auto-approve")


def run(place: Path, *words: str) -> str:
    # A variable of this machine may name a configuration file that is not there.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment |= {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    command = [TERRAFORM, f"-chdir={place}", *words, *(["-no-color"] if words[0] != "output" or "-json" not in words else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def reader() -> t.Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def addresses(told: Told) -> dict[str, str]:
    assert told.error is None, told.error
    return {name: variables["ansible_host"] for name, variables in told.hosts.items()}


# Histories


def _apply(terraform: Terraform) -> None:
    terraform.nodes["k8s-c"] = "192.0.2.3"
    terraform.apply()


def _target(terraform: Terraform) -> None:
    terraform.nodes["k8s-c"] = "192.0.2.3"
    terraform.apply(terraform.target("k8s-c"))


def _destroy(terraform: Terraform) -> None:
    terraform.destroy("k8s-b")


def _refreshed(terraform: Terraform) -> None:
    """Terraform 1.11 fails on -refresh-only while another module's output needs what was destroyed, so that goes first."""
    _target(terraform)
    _destroy(terraform)
    del terraform.nodes["k8s-b"]
    terraform.apply("-refresh-only")


def _moved(terraform: Terraform) -> None:
    terraform.nodes["k8s-b"] = "192.0.2.9"
    terraform.apply(terraform.target("k8s-b"))


# What was done, the nodes that are in the state then, and the verdict on the output of each layout.
HISTORIES = {
    "apply": (_apply, "abc", None, None),
    "apply -target": (_target, "abc", None, "missing: k8s-c"),
    "destroy -target": (_destroy, "a", "vanished: k8s-b", "vanished: k8s-b"),
    "refresh-only after both": (_refreshed, "ac", None, None),
    "apply -target of a moved node": (_moved, "ab", None, "moved: k8s-b to 192.0.2.9"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", HISTORIES)
def test_a_stale_output_is_refused_and_no_other(name: str, layout: str, tmp_path: Path, reader: Reader) -> None:
    history, letters, *verdicts = HISTORIES[name]
    terraform, verdict = Terraform(tmp_path, layout), verdicts[LAYOUTS.index(layout)]
    terraform.apply()
    history(terraform)
    (tmp_path / "show.json").write_text(run(tmp_path, "show", "-json"))
    wanted = {node: address for node, address in terraform.nodes.items() if node[-1] in letters}
    for given in (".", "terraform.tfstate", "show.json"):
        told = reader.read(source(tmp_path, source=given))
        assert addresses(told) == wanted if verdict is None else _refused(told, str(verdict))
    assert addresses(reader.read(source(tmp_path, source="show.json", stale="use_state"))) == wanted
    warned = reader.read(source(tmp_path, source="show.json", stale="warn"))
    assert (addresses(warned) == wanted) == (verdict is None)
    assert (verdict or "") in " ".join(warned.warnings)


def _refused(told: Told, verdict: str) -> bool:
    assert not told.hosts
    assert f"output inventory does not have the machines of the state ({verdict}); " in str(told.error)
    assert "run 'terraform apply -refresh-only'" in str(told.error)
    return True


@pytest.mark.parametrize("layout", LAYOUTS)
def test_plain_applies_are_never_stale(layout: str, tmp_path: Path, reader: Reader) -> None:
    terraform, draw = Terraform(tmp_path, layout), random.Random(14)
    for number in range(10 * HOW_OFTEN):
        names = draw.sample("abcdefgh", draw.randint(1, 6))
        terraform.nodes = {f"k8s-{name}": f"192.0.2.{draw.randint(1, 250)}" for name in names}
        terraform.apply()
        told = reader.read(source(tmp_path, source="." if number % 2 else "terraform.tfstate"))
        assert addresses(told) == terraform.nodes


# What the module gives


def test_the_example_gives_the_committed_hosts_in_every_form(tmp_path: Path, reader: Reader) -> None:
    shutil.copytree(MODULE, tmp_path / "terraform")
    place = tmp_path / "terraform" / "example"
    run(place, "init")
    run(place, "apply", "-auto-approve")
    (place / "hosts.ini").write_text(run(place, "output", "-raw", "ansible_inventory"))
    (place / "hosts.json").write_text(run(place, "output", "-json", "inventory"))
    expected = reader.read(PROJECT / "inventory" / "hosts.ini")
    assert len(expected.hosts) == 21
    for name in ("hosts.ini", "hosts.json", "eco2.terraform.yml"):
        told = reader.read(place / name)
        # Whether a host is a member of all by itself makes no difference.
        told.groups["all"]["hosts"] = expected.groups["all"]["hosts"]
        assert told == expected, name


def test_terraform_itself_refuses_a_secret_in_the_inventory(tmp_path: Path) -> None:
    terraform = Terraform(tmp_path, LAYOUTS[0])
    (tmp_path / "secret.tf").write_text('variable "secret" {\n  default = "x"\n  sensitive = true\n}\n')
    with pytest.raises(AssertionError, match="Output refers to sensitive values"):
        terraform.apply(variables="{ ansible_become_password = var.secret }")


# What it reads


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """One applied directory for the tests that change nothing there."""
    terraform = Terraform(tmp_path_factory.mktemp("applied"), "one for_each")
    terraform.apply()
    return terraform


def test_every_source_tells_the_same_inventory(applied: Terraform, tmp_path: Path, reader: Reader) -> None:
    for name, words in {
        "output.json": ("output", "-json"),
        "one.json": ("output", "-json", "inventory"),
        "show.json": ("show", "-json"),
    }.items():
        (tmp_path / name).write_text(run(applied.place, *words))
    shutil.copy(applied.place / "terraform.tfstate", tmp_path / "state")
    expected = reader.read(source(tmp_path, source=str(applied.place)))
    assert addresses(expected) == NODES
    assert expected.groups["a"]["hosts"] == ["k8s-a"]
    assert expected.groups["all"]["vars"] == {"ansible_user": "admin"}
    for given in ("output.json", "one.json", "show.json", "state", "env:PLATFORM_STATE"):
        told = reader.read(source(tmp_path, source=given), PLATFORM_STATE=(tmp_path / "show.json").read_text())
        assert (told.hosts, told.groups) == (expected.hosts, expected.groups)
        blind = given in ("output.json", "one.json")
        assert [warning for warning in told.warnings if "outputs alone do not tell whether the inventory is stale" in warning][1:] == []
        assert bool(told.warnings) == blind
    unset = reader.read(source(tmp_path), ECO2_TERRAFORM_SOURCE=str(tmp_path / "state"))
    assert (unset.hosts, unset.groups) == (expected.hosts, expected.groups)


def test_use_state_is_refused_where_there_is_no_state(applied: Terraform, tmp_path: Path, reader: Reader) -> None:
    (tmp_path / "output.json").write_text(run(applied.place, "output", "-json"))
    told = reader.read(source(tmp_path, source="output.json", stale="use_state"))
    assert "outputs alone do not tell whether the inventory is stale" in str(told.error)


SECRET = "w0nder-geheim"
_STATE_ONLY = f"""
variable "secret" {{
  default   = "{SECRET}"
  sensitive = true
}}
resource "terraform_data" "counted" {{
  count = 2
  input = {{ address = "192.0.2.1${{count.index}}", zone = "b", secret = var.secret, label = "{{{{ 7 * 6 }}}}" }}
}}
resource "terraform_data" "other" {{
  input = var.secret
}}
module "node" {{
  for_each = toset(["k8s-x", "k8s-y"])
  source   = "./node"
  address  = each.key == "k8s-x" ? "192.0.2.3" : "192.0.2.4"
}}
"""


@pytest.fixture(scope="module")
def without_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("without-output")
    (place / "node").mkdir()
    (place / "node" / "main.tf").write_text(_MODULE.replace("address = var.address", 'address = var.address, zone = "a"'))
    (place / "main.tf").write_text(_STATE_ONLY)
    run(place, "init")
    run(place, "apply", "-auto-approve")
    return place


ALL = {"counted-0": "192.0.2.10", "counted-1": "192.0.2.11", "k8s-x": "192.0.2.3", "k8s-y": "192.0.2.4"}


@pytest.mark.parametrize("given", [".", "terraform.tfstate"])
def test_without_an_output_the_machines_of_the_state_are_hosts(given: str, without_output: Path, reader: Reader) -> None:
    types = {"terraform_data": {"address": "input.address", "variables": {"zone": "input.zone", "label": "output.label"}}}
    options: dict[str, t.Any] = {"types": types, "resources": ["module.*", "terraform_data.counted*"], "strict": True}
    options |= {
        "keyed_groups": [{"key": "zone", "prefix": "zone"}],
        "groups": {"first": "zone == 'a'"},
        "compose": {"where": "zone ~ '-' ~ ansible_host"},
    }
    told = reader.read(source(without_output, source=given, **options))
    assert addresses(told) == ALL
    assert told.groups["zone_a"]["hosts"] == told.groups["first"]["hosts"] == ["k8s-x", "k8s-y"]
    assert told.hosts["k8s-x"]["where"] == "a-192.0.2.3"
    assert told.hosts["counted-0"]["label"] == "{{ 7 * 6 }}"
    assert set(told.hosts["counted-0"]) == {"ansible_host", "zone", "label", "where"}
    assert addresses(reader.read(source(without_output, source=given))) == ALL
    assert list(
        addresses(reader.read(source(without_output, source=given, resources=['module.node["k8s-?"]*x"].*', 'module.node["k8s-x*'])))
    ) == ["k8s-x"]


@pytest.mark.parametrize("given", [".", "terraform.tfstate"])
@pytest.mark.parametrize("path", ["input.secret", "output.secret", "input", "output"])
def test_no_sensitive_attribute_becomes_a_variable(path: str, given: str, without_output: Path, reader: Reader) -> None:
    types = {"terraform_data": {"variables": {"password": path}}}
    told = reader.read(source(without_output, source=given, types=types))
    assert f"{path}: is sensitive, and an inventory shows it" in str(told.error)
    assert SECRET not in json.dumps(told)
    assert SECRET not in json.dumps(reader.read(source(without_output, source=given)))


def test_two_hosts_of_one_name_are_refused(without_output: Path, reader: Reader) -> None:
    told = reader.read(source(without_output, source=".", types={"terraform_data": {"name": "input.zone", "address": "input.address"}}))
    assert 'host a: is the name of both module.node["k8s-x"].terraform_data.this and module.node["k8s-y"].terraform_data.this' in str(
        told.error
    )


def test_group_vars_and_vault_beside_the_source_are_read(applied: Terraform, tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "workers.yml").write_text("kube_version: '1.30'\n")
    (tmp_path / "password").write_text("open\n")
    shutil.copy(applied.place / "terraform.tfstate", tmp_path / "state")
    at = Path(sys.executable).parent
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "password"),
    }
    subprocess.run([at / "ansible-vault", "encrypt", "state"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    listing = [at / "ansible-inventory", "--inventory", source(tmp_path, source="state"), "--list"]
    done = subprocess.run(listing, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["_meta"]["hostvars"]["k8s-a"] == {
        "ansible_host": "192.0.2.1",
        "ansible_user": "admin",
        "kube_profile": "--node-labels=role=api",
        "kube_version": "1.30",
    }


def test_a_run_ends_where_its_inventory_is_refused(tmp_path: Path) -> None:
    """With the ansible.cfg of the example; without it Ansible goes on with no hosts, and ends with 0."""
    shutil.copy(MODULE / "example" / "ansible.cfg", tmp_path)
    (tmp_path / "play.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks: []\n")
    command = [Path(sys.executable).with_name("ansible-playbook"), "--inventory", source(tmp_path, source="nowhere.json"), "play.yml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(PROJECT / "build")
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{tmp_path}/nowhere.json: does not exist" in done.stderr


# Caching


def test_what_is_cached_is_as_old_as_the_content_and_no_older(tmp_path: Path, reader: Reader) -> None:
    terraform = Terraform(tmp_path, "one for_each")
    terraform.apply()
    counter = tmp_path / "runs"
    program = _script(tmp_path, f'echo >> "{counter}"\nexec "{TERRAFORM}" "$@"\n')
    options = {"source": ".", "program": program, "cache": True, "cache_plugin": "jsonfile", "cache_connection": str(tmp_path / "cache")}
    for dummy in range(2):
        assert addresses(reader.read(source(tmp_path, **options))) == NODES
    assert counter.read_text().count("\n") == 1
    terraform.nodes["k8s-c"] = "192.0.2.3"
    terraform.apply()
    assert addresses(reader.read(source(tmp_path, **options))) == terraform.nodes
    assert addresses(reader.read(source(tmp_path, **options, resources=["*a*"]), TF_WORKSPACE="default")) == terraform.nodes
    assert counter.read_text().count("\n") == 3


# Bad input: one line each


def _script(place: Path, text: str) -> str:
    path = place / "program"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


STATE = {"version": 4, "serial": 1, "lineage": "x", "outputs": {}, "resources": []}
BAD = {
    "truncated": ('{"version": 4, "resources": [', "is not JSON, or not all of it (Expecting value, line 1, column 30)"),
    "no JSON": ("k8s-a ansible_host=192.0.2.1\n", "is not JSON, or not all of it"),
    "no content": ("", "is empty"),
    "foreign": ({"a": 1}, "is JSON, but not from Terraform"),
    "a list": ([1], "is JSON, but not from Terraform"),
    "version 3": ({"version": 3, "serial": 1, "lineage": "x", "modules": []}, "is a state of version 3, and only version 4 can be read"),
    "encrypted": ({"serial": 1, "lineage": "x", "encrypted_data": "eA==", "encryption_version": "v0"}, "is an encrypted state"),
    "empty": (STATE, "has neither outputs nor resources"),
    "no outputs": ({}, "has neither outputs nor resources"),
    "a plan": ({"format_version": "1.2", "planned_values": {}, "resource_changes": []}, "is a plan, which tells what may come"),
    "version 9 of show": ({"format_version": "9.0", "values": {}}, "has the format version 9.0, and only version 1 can be read"),
    "other outputs": ({"a": {"sensitive": False, "value": 1}}, "there is no output inventory (it has a)"),
    "a sensitive output": ({"inventory": {"sensitive": True, "value": {"all": {}}}}, "output inventory: is sensitive"),
    "a text": ({"inventory": {"sensitive": False, "value": "x"}}, "is not an inventory in the form of Ansible's yaml plugin"),
    "no address": ({"all": {"hosts": {"a": {"ansible_host": None}}}}, "host a: ansible_host is empty"),
    "a strange name": ({"all": {"hosts": {"a b": {}}}}, "host 'a b': is no name that patterns such as those of --limit can say"),
    "no hosts": (
        {**STATE, "resources": [{"mode": "managed", "type": "x_y", "name": "a", "instances": [{"attributes": {}}]}]},
        "(types: x_y)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_content_is_refused_in_one_line(case: str, tmp_path: Path, reader: Reader) -> None:
    content, words = BAD[case]
    (tmp_path / "given").write_text(content if isinstance(content, str) else json.dumps(content))
    told = reader.read(source(tmp_path, source="given"))
    _one_line(told, words)
    assert str(tmp_path / "given") in str(told.error) or "host 'a b'" in str(told.error)


def _one_line(told: Told, words: str) -> None:
    assert told.hosts == {}
    assert words in str(told.error)
    assert "\n" not in str(told.error)
    assert any(sign in str(told.error) for sign in ("; ", ": give ", "must be")), "it says what to do"


def test_a_machine_without_address_is_refused(tmp_path: Path, reader: Reader) -> None:
    instance = {"index_key": "k8s-a", "attributes": {"public_ip": "", "private_ip": None, "tags": {"Name": "k8s-a"}}}
    resource = {"mode": "managed", "type": "aws_instance", "name": "node", "instances": [instance]}
    (tmp_path / "given").write_text(json.dumps({**STATE, "resources": [resource]}))
    _one_line(reader.read(source(tmp_path, source="given")), 'aws_instance.node["k8s-a"]: has no address')


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "source: is not set"),
        ({"source": "nowhere.json"}, "nowhere.json: does not exist"),
        ({"source": "env:NOT_THERE"}, "the environment has no variable NOT_THERE"),
        ({"source": ".", "timeout": 0}, "timeout: is 0, and must be more than 0"),
        ({"source": ".", "program": "/not/there"}, "there is not there, or cannot be run"),
        ({"source": '{"all": {}}', "types": {"x": 1}}, "types: is not a mapping"),
        ({"source": '{"all": {}}', "types": {"x_y": {"variables": {}}}}, "types: no address is known for this type"),
        ({"source": '{"all": {}}', "types": {"aws_instance": {"addres": "x"}}}, "types: unknown keys addres"),
        ({"source": "http://user:geheim@127.0.0.1:9/"}, "http://127.0.0.1:9/: the address has a user or password in it"),
        ({"source": "http://127.0.0.1:9/?token=geheim"}, "http://127.0.0.1:9/: cannot be reached (Connection refused)"),
        ({"source": "https://127.0.0.1:9/", "ca_cert": "/not/there"}, "ca_cert: /not/there does not exist"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options: dict[str, t.Any], words: str, tmp_path: Path, reader: Reader) -> None:
    if options.get("source", "").startswith("{"):
        options = {**options, "source": json.dumps({**STATE, "outputs": {"a": {"value": 1, "type": "number"}}})}
    told = reader.read(source(tmp_path, **options))
    _one_line(told, words)
    assert "geheim" not in str(told.error)


def test_an_output_that_is_named_and_absent_is_refused(applied: Terraform, tmp_path: Path, reader: Reader) -> None:
    _one_line(reader.read(source(tmp_path, source=str(applied.place), output="hosts")), "there is no output hosts (it has inventory)")


def test_a_directory_without_init_is_refused(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / "main.tf").write_text('terraform {\n  backend "http" {\n    address = "http://127.0.0.1:9/"\n  }\n}\n')
    _one_line(reader.read(source(tmp_path, source=".")), "run 'terraform init' there")
    (tmp_path / "main.tf").write_text("")
    _one_line(
        reader.read(source(tmp_path, source=".")), "has neither outputs nor resources; run 'terraform init' and 'terraform apply' first"
    )


def test_a_terraform_that_hangs_is_ended_with_its_children(tmp_path: Path, reader: Reader) -> None:
    program = _script(tmp_path, f"sleep 300 & echo $! > {tmp_path}/child\nread answer\nwait\n")
    began = time.monotonic()
    _one_line(reader.read(source(tmp_path, source=".", program=program, timeout=1)), "'program show -json' did not end within 1 s")
    assert time.monotonic() - began < 15
    child = Path("/proc") / (tmp_path / "child").read_text().strip() / "stat"
    assert not child.exists() or child.read_text().split()[2] == "Z", "it has ended"


def test_a_terraform_that_asks_gets_no_answer(tmp_path: Path, reader: Reader) -> None:
    program = _script(tmp_path, 'echo "Error: $TF_IN_AUTOMATION $TF_INPUT" >&2\nread answer || exit 3\n')
    _one_line(reader.read(source(tmp_path, source=".", program=program)), "failed (1 0)")


# An http server


class _State(BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(b"admin:geheim").decode()
        code = {"/moved": 302, "/none": 404, "/nothing": 204, "/broken": 500}.get(self.path.partition("?")[0], 200)
        code = code if self.headers["Authorization"] == wanted else 401
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/state")
        self.end_headers()
        if self.path.startswith("/slow"):
            for dummy in range(40):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        elif code == 200:
            self.wfile.write(self.content)

    def log_message(self, *dummy: t.Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address(applied: Terraform) -> t.Iterator[str]:
    _State.content = (applied.place / "terraform.tfstate").read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), _State) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


CREDENTIALS = {"TF_HTTP_USERNAME": "admin", "TF_HTTP_PASSWORD": "geheim"}


def test_a_state_at_an_http_address(address: str, tmp_path: Path, reader: Reader) -> None:
    assert addresses(reader.read(source(tmp_path, source=f"{address}/state"), **CREDENTIALS)) == NODES


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/state", "refuses the user or password (401); set TF_HTTP_USERNAME and TF_HTTP_PASSWORD"),
        ("/none", "there is no state at this address (404)"),
        ("/nothing", "there is no state at this address"),
        ("/broken", "answered with 500"),
        ("/moved", "/state; give that address in source"),
        ("/slow", "gave no whole answer within 1 s"),
    ],
)
def test_an_answer_that_is_no_state_is_refused_in_one_line(path: str, words: str, address: str, tmp_path: Path, reader: Reader) -> None:
    credentials = {**CREDENTIALS, "TF_HTTP_PASSWORD": "wrong"} if path == "/state" else CREDENTIALS
    told = reader.read(source(tmp_path, source=f"{address}{path}?token=geheim", timeout=1), **credentials)
    _one_line(told, words)
    assert "geheim" not in str(told.error)


def test_an_https_address_needs_a_ca_that_is_trusted(address: str, tmp_path: Path, reader: Reader) -> None:
    home, context = tls.ensure(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "server.crt", home / "server.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), _State) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        secure = f"https://127.0.0.1:{server.server_port}/state"
        _one_line(reader.read(source(tmp_path, source=secure), **CREDENTIALS), "its TLS certificate is not trusted")
        assert addresses(reader.read(source(tmp_path, source=secure, ca_cert=str(home / "ca.crt")), **CREDENTIALS)) == NODES
        server.shutdown()
