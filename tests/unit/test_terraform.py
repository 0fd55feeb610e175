"""What Terraform tells, read into hosts; and whether an output is stale. Real terraform: tests/live/test_terraform.py."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform import inventory, machines, model, read, source, stale
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.inventory import Options
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.machines import Machine
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.model import Instance, Output, Reading

Values = t.Dict[str, t.Any]


def aws(name: str, public: str | None = None, private: str | None = None, **more: t.Any) -> Instance:
    return Instance("", "aws_instance", "node", name, {"public_ip": public, "private_ip": private, "tags": {"Name": name}, **more})


def output(**hosts: str) -> dict[str, Output]:
    return {"inventory": Output({"all": {"hosts": {name: {"ansible_host": address} for name, address in hosts.items()}}})}


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [problem.code for problem in refused.value.problems if isinstance(problem, Problem)]


def of(instances: t.Sequence[Instance], outputs: t.Mapping[str, Output] | None = None, **options: t.Any) -> inventory.Inventory:
    return inventory.inventory(Reading(outputs or {}, tuple(instances)), Options(**options), "state")


def addresses(made: inventory.Inventory) -> dict[str, str]:
    return {name: variables["ansible_host"] for name, variables in made.hosts.items()}


# Names and addresses


@pytest.mark.parametrize(
    ("module", "name", "key", "natural"),
    [
        ("", "web", None, "web"),
        ("", "web", 2, "web-2"),
        ("", "node", "k8s-a", "k8s-a"),
        ('module.node["k8s-a"]', "this", None, "k8s-a"),
        ('module.node["k8s-a"]', "this", 0, "k8s-a"),
        ('module.node["k8s-a"]', "this", 1, "k8s-a-1"),
        ('module.node["a.b\\"c"].module.disk', "this", None, 'a.b"c'),
        ("module.node[3]", "this", None, "node-3"),
        ("module.k8s-a", "this", None, "k8s-a"),
        ("module.cluster", "worker", 0, "worker-0"),
        ('module.env["prod"]', "node", "k8s-a", "k8s-a"),
    ],
)
def test_the_natural_name_is_the_key_of_for_each_or_a_number(module: str, name: str, key: t.Any, natural: str) -> None:
    assert Instance(module, "x_y", name, key, {}).natural_name == natural


def test_an_address_is_as_terraform_writes_it() -> None:
    assert Instance('module.n["a"]', "x_y", "b", 'c"d', {}).address == 'module.n["a"].x_y.b["c\\"d"]'
    assert Instance("", "x_y", "b", 0, {}).address == "x_y.b[0]"


@pytest.mark.parametrize(
    ("instance", "name", "address"),
    [
        (aws("k8s-a", "198.51.100.1", "10.0.0.1"), "k8s-a", "198.51.100.1"),
        (aws("k8s-a", "", "10.0.0.1"), "k8s-a", "10.0.0.1"),
        (Instance("", "aws_instance", "x", "key", {"private_ip": "10.0.0.1", "tags": None}), "key", "10.0.0.1"),
        (
            Instance(
                "",
                "google_compute_instance",
                "x",
                None,
                {"name": "g", "network_interface": [{"network_ip": "10.0.0.1", "access_config": []}]},
            ),
            "g",
            "10.0.0.1",
        ),
        (
            Instance(
                "",
                "google_compute_instance",
                "x",
                None,
                {"name": "g", "network_interface": [{"access_config": [{"nat_ip": "198.51.100.1"}]}]},
            ),
            "g",
            "198.51.100.1",
        ),
        (Instance("", "azurerm_linux_virtual_machine", "x", None, {"name": "z", "private_ip_address": "10.0.0.1"}), "z", "10.0.0.1"),
        (Instance("", "terraform_data", "node", "k8s-a", {"input": {"address": "10.0.0.1"}}), "k8s-a", "10.0.0.1"),
    ],
)
def test_names_and_addresses_of_the_clouds(instance: Instance, name: str, address: str) -> None:
    assert addresses(of([instance])) == {name: address}


def test_terraform_data_without_an_address_is_no_machine() -> None:
    others = [Instance("", "terraform_data", "trigger", None, {"input": value}) for value in (None, "x", {"a": 1}, ["x"])]
    assert addresses(of([aws("k8s-a", "198.51.100.1"), *others])) == {"k8s-a": "198.51.100.1"}


def test_only_named_attributes_become_variables() -> None:
    types = {"aws_instance": {"address": ["private_ip"], "variables": {"zone": "availability_zone", "role": "tags.app.kubernetes.io/role"}}}
    instance = aws("k8s-a", "198.51.100.1", "10.0.0.1", availability_zone="a", user_data="x")
    instance.values["tags"]["app.kubernetes.io/role"] = "api"
    assert of([instance], types=types).hosts == {"k8s-a": {"ansible_host": "10.0.0.1", "zone": "a", "role": "api"}}


@pytest.mark.parametrize(
    ("values", "marks", "path", "secret"),
    [
        ({"a": "x"}, {"a": True}, "a", True),
        ({"a": "x"}, {"b": True}, "a", False),
        ({"a": {"b": "x", "c": "y"}}, {"a": {"b": True}}, "a", True),
        ({"a": {"b": "x", "c": "y"}}, {"a": {"b": True}}, "a.c", False),
        ({"a": {"b": "x"}}, {"a": True}, "a.b", True),
        ({"a": [{"b": "x"}, {"b": "y"}]}, {"a": [{}, {"b": True}]}, "a.1.b", True),
        ({"a": [{"b": "x"}, {"b": "y"}]}, {"a": [{}, {"b": True}]}, "a.0.b", False),
        ({"a": [{"b": "x"}]}, {"a": {0: {"b": True}}}, "a.0.b", True),
        ({"a": "x"}, True, "a", True),
        ({"admin_password": "x"}, {}, "admin_password", True),
        ({"a": [{"client_secret": "x"}]}, {}, "a", True),
        ({"metadata_options": [{"http_tokens": "required"}]}, {}, "metadata_options.0.http_tokens", False),
        ({"a": "x"}, {"b": True}, "b", False),
    ],
)
def test_what_is_sensitive(values: Values, marks: t.Any, path: str, secret: bool) -> None:
    assert model.is_sensitive(Instance("", "x_y", "a", None, values, marks), path) == secret


def test_a_path_with_a_mark_in_a_set_marks_the_whole_set() -> None:
    path = [{"type": "get_attr", "value": "a"}, {"type": "index", "value": {"value": {"b": "x"}, "type": "object"}}]
    resource = {
        "mode": "managed",
        "type": "x_y",
        "name": "a",
        "instances": [{"attributes": {"a": [{"b": "x"}]}, "sensitive_attributes": [path]}],
    }
    state = {"version": 4, "serial": 1, "lineage": "l", "resources": [resource]}
    (instance,) = read.reading(json.dumps(state), "state").instances or ()
    assert model.is_sensitive(instance, "a.0.b")


def test_data_sources_and_deposed_instances_are_no_machines() -> None:
    kept = {"attributes": {"private_ip": "10.0.0.1"}, "index_key": "k8s-a"}
    resources = [
        {"mode": "managed", "type": "aws_instance", "name": "a", "instances": [kept, {**kept, "deposed": "1234"}]},
        {"mode": "data", "type": "aws_instance", "name": "b", "instances": [kept]},
    ]
    state = {"version": 4, "serial": 1, "lineage": "l", "resources": resources}
    assert len(read.reading(json.dumps(state), "state").instances or ()) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_that_shells_redirect_to_are_read(encoding: str) -> None:
    assert "inventory" in read.reading('{"all": {"hosts": {"노드": {}}}}'.encode(encoding), "file").outputs


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_any_json_is_read_or_refused(data: t.Any) -> None:
    for form in (data, {"version": 4, "serial": 1, "resources": data}, {"format_version": "1.0", "values": data}, {"all": data}):
        try:
            inventory.inventory(read.reading(json.dumps(form), "file"), Options(), "file")
        except Refused as refused:
            assert "\n" not in str(refused)


# The source


def given_by(monkeypatch: pytest.MonkeyPatch, here: Path, value: str) -> source.Source:
    monkeypatch.setenv("CANARY", value)
    return source.source("env:CANARY", source.Access(here))


@pytest.mark.parametrize(
    "value", ["secret-word", "~nobody-here/secret-word", "eyJzZWNyZXQtd29yZCI6" * 1000, "secret-word\x7f", "'{\"secret-word\": 1}'"]
)
def test_the_value_of_a_variable_is_in_no_message(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as refused:
        given_by(monkeypatch, tmp_path, value)
    assert codes(refused) == ["source.absent"]
    assert "variable CANARY" in str(refused.value)
    assert "secret-word" not in str(refused.value) and "eyJz" not in str(refused.value)


@pytest.mark.parametrize(
    "value", ["secret-word\nsecret-word", "{secret-word", "\ufeff{secret-word", '["secret-word"]', "{secret-word\udcff"]
)
def test_content_that_is_not_json_is_in_no_message(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = given_by(monkeypatch, tmp_path, value)
    with pytest.raises(Refused) as refused:
        read.reading(where.content(), where.name)
    assert codes(refused)[0] in ("source.json", "form.unknown")
    assert "secret-word" not in str(refused.value) and "variable CANARY" in str(refused.value)


def test_content_with_a_byte_order_mark_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = given_by(monkeypatch, tmp_path, '\ufeff{"all": {"hosts": {"a": {}}}}')
    assert "inventory" in read.reading(where.content(), where.name).outputs


def test_a_variable_may_hold_a_path_or_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("{}")
    assert given_by(monkeypatch, tmp_path, "state").content() == b"{}"
    assert given_by(monkeypatch, tmp_path, "https://state.example.org/a?b=c").name == "https://state.example.org/a"


@pytest.mark.parametrize("path", ["state.json", "~nobody-here/state.json"])
def test_a_path_that_does_not_exist_is_named(path: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        source.source(path, source.Access(tmp_path))
    assert codes(refused) == ["source.absent"] and path in str(refused.value)


def test_a_text_that_is_too_long_for_a_path_is_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        source.source("secret-word" * 1000, source.Access(tmp_path))
    assert codes(refused) == ["source.absent"] and "secret-word" not in str(refused.value)


# A server that sends what a test says, at its pace


@contextlib.contextmanager
def answering(*pieces: bytes, pause: float = 0) -> t.Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def answer() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/state?token=secret-word"
        thread.join(10)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ((b"",), "http.failed"),
        ((b"secret-word\r\n\r\n",), "http.failed"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\nsecret-word\r\n",), "http.failed"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{}",), "http.failed"),
        ((OK + b"Content-Length: x\r\n\r\n{}",), None),
        ((OK + b"Content-Length: 2\r\n\r\n{}",), None),
    ],
)
def test_an_answer_that_is_not_http_is_refused_in_one_line(pieces: tuple[bytes, ...], code: str | None, tmp_path: Path) -> None:
    with answering(*pieces) as address:
        asked = source.source(address, source.Access(tmp_path, timeout=5))
        if code is None:
            assert asked.content() == b"{}"
            return
        with pytest.raises(Refused) as refused:
            asked.content()
    assert codes(refused)[0] in (code, "http.unreachable")
    assert "secret-word" not in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("begin", [OK, OK + b"\r\n"], ids=["the head", "the body"])
def test_a_timeout_is_for_the_whole_answer(begin: bytes, tmp_path: Path) -> None:
    with answering(begin, *[b"x: y\r\n"] * 12, pause=0.1) as address, pytest.raises(Refused) as refused:
        source.source(address, source.Access(tmp_path, timeout=0.4)).content()
    assert codes(refused) == ["http.timeout"]


@pytest.mark.parametrize(("address", "code"), [("http://[secret-word/", "http.address"), ("http://127.0.0.1:secret-word/", "http.failed")])
def test_what_is_no_address_is_refused_in_one_line(address: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        source.source(address, source.Access(tmp_path)).content()
    assert codes(refused) == [code]


# Hosts of the output


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("text", "output.shape"),
        ({"hosts": {}}, "output.shape"),
        ({"all": {"hosts": ["a"]}}, "output.shape"),
        ({"all": {"host": {}}}, "output.shape"),
        ({"all": {"hosts": {"a": "192.0.2.1"}}}, "output.shape"),
        ({"all": {"children": {"b": {"hosts": 1}}}}, "output.shape"),
        ({"all": {"hosts": {"a": {"ansible_host": ""}}}}, "host.no_address"),
        ({"all": {"hosts": {"a,b": {}}}}, "host.name"),
    ],
)
def test_an_output_that_is_no_inventory_is_refused(value: t.Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        inventory.inventory(Reading({"inventory": Output(value)}, None), Options(), "file")
    assert codes(refused) == [code]


def test_the_structure_of_the_yaml_plugin_is_read() -> None:
    tree = {
        "all": {
            "hosts": {"a": {"x": 1}},
            "vars": {"v": 2},
            "children": {"g": {"hosts": {"a": None, "b": {"y": [3]}}, "vars": None, "children": {"h": None}}},
        }
    }
    made = inventory.inventory(Reading({"inventory": Output(tree)}, None), Options(), "file")
    assert made.hosts == {"a": {"x": 1}, "b": {"y": [3]}}
    assert made.groups["all"].variables == {"v": 2}
    assert (made.groups["g"].hosts, made.groups["g"].children) == (["a", "b"], ["h"])
    assert inventory.Inventory.from_shown(json.loads(json.dumps(made.shown()))) == made


def test_two_machines_of_one_name_are_refused_where_names_are_taken_from_the_state() -> None:
    found = [aws("k8s-a", "198.51.100.1"), replace(aws("k8s-a", "198.51.100.2"), module="module.other")]
    with pytest.raises(Refused) as refused:
        of(found)
    assert codes(refused) == ["host.twice"]
    assert addresses(of(found, output(a="198.51.100.1", b="198.51.100.2"))) == {"a": "198.51.100.1", "b": "198.51.100.2"}


# Stale


def verdict(hosts: dict[str, str], found: t.Sequence[Instance], floating: t.Collection[str] = ()) -> stale.Verdict:
    return stale.verdict(hosts, machines.machines(found, machines.RULES, ["*"]), floating)


@pytest.mark.parametrize(
    ("hosts", "found", "says"),
    [
        ({"a": "198.51.100.1"}, [aws("a", "198.51.100.1")], ""),
        ({"a": "10.0.0.1"}, [aws("a", "198.51.100.1", "10.0.0.1")], ""),
        ({"a": "a.example.org"}, [aws("a", "198.51.100.1")], ""),
        ({"a": "198.51.100.1"}, [aws("a")], ""),
        ({"a": "198.51.100.1"}, [aws("a", "198.51.100.1"), aws("b")], "missing: b"),
        ({"a": "198.51.100.1", "b": "198.51.100.2"}, [aws("a", "198.51.100.1")], "vanished: b"),
        ({"a": "198.51.100.1"}, [aws("a", "198.51.100.9")], "moved: a to 198.51.100.9"),
        ({"a": "198.51.100.1", "c": "x"}, [aws("a", "198.51.100.9"), aws("b")], "missing: b; vanished: c; moved: a to 198.51.100.9"),
        # The names of the output are not those of the state: addresses tell.
        ({"one": "198.51.100.1"}, [aws("a", "198.51.100.1")], ""),
        ({"one": "198.51.100.1"}, [aws("a", "198.51.100.1"), aws("b", "198.51.100.2")], "missing: b"),
        ({"one": "198.51.100.1", "two": "198.51.100.2"}, [aws("a", "198.51.100.1")], "vanished: two"),
    ],
)
def test_the_verdict_names_what_is_missing_vanished_or_moved(hosts: dict[str, str], found: list[Instance], says: str) -> None:
    assert str(verdict(hosts, found)) == says
    assert verdict(hosts, found).stale == bool(says)


def test_an_elastic_address_is_no_move() -> None:
    """The instance learns of it only when it is refreshed."""
    found = [aws("a", "198.51.100.9"), Instance("", "aws_eip", "a", None, {"public_ip": "198.51.100.1"})]
    assert not verdict({"a": "198.51.100.1"}, found, machines.floating(found)).stale
    assert addresses(of(found, output(a="198.51.100.1"))) == {"a": "198.51.100.1"}


def test_resources_choose_what_is_a_machine() -> None:
    bastion = Instance("module.bastion", "aws_instance", "this", None, {"public_ip": "198.51.100.5"})
    found, hosts = [aws("a", "198.51.100.1"), bastion], output(a="198.51.100.1")
    with pytest.raises(Refused) as refused:
        of(found, hosts)
    assert codes(refused) == ["stale.output"]
    assert addresses(of(found, hosts, resources=["aws_instance.node[*"])) == {"a": "198.51.100.1"}


def test_a_state_without_any_known_machine_tells_nothing() -> None:
    made = of([Instance("", "hcloud_server", "a", "a", {"ipv4_address": "198.51.100.1"})], output(a="198.51.100.1"))
    assert "the state has no resource of a known type" in made.warnings[0]
    types = {"hcloud_server": {"address": "ipv4_address"}}
    assert (
        of([Instance("", "hcloud_server", "a", "a", {"ipv4_address": "198.51.100.1"})], output(a="198.51.100.1"), types=types).warnings
        == []
    )
    with pytest.raises(Refused):
        of([], output(a="198.51.100.1"), types=types)


BASTION = Instance("", "aws_instance", "bastion", None, {"public_ip": "198.51.100.9", "tags": {"Name": "bastion"}})
DATA = Instance("", "terraform_data", "dns", None, {"input": {"address": "198.51.100.8"}})
HCLOUD = Instance("", "hcloud_server", "a", "a", {"ipv4_address": "198.51.100.1"})


@pytest.mark.parametrize("other", [BASTION, DATA])
def test_a_known_machine_that_is_no_host_does_not_make_hosts_of_an_unknown_type_stale(other: Instance) -> None:
    made = of([HCLOUD, other], output(a="198.51.100.1"))
    assert addresses(made) == {"a": "198.51.100.1"}
    assert "no resource of a known type is a host of the output" in made.warnings[0] and "name the types" in made.warnings[0]
    with pytest.raises(Refused) as refused:
        of([HCLOUD, other], output(a="198.51.100.1"), stale="use_state")
    assert codes(refused) == ["stale.unseen"]


def test_hosts_that_are_no_machines_are_stale_where_the_types_are_named() -> None:
    with pytest.raises(Refused) as refused:
        of([HCLOUD, BASTION], output(a="198.51.100.1"), types={"aws_instance": {}})
    assert codes(refused) == ["stale.output"] and "another type" not in str(refused.value)


def test_an_output_without_hosts_is_stale() -> None:
    with pytest.raises(Refused) as refused:
        of([aws("a", "198.51.100.1")], output())
    assert codes(refused) == ["stale.output"]


def test_the_remedy_for_hosts_that_vanished_names_types() -> None:
    with pytest.raises(Refused) as refused:
        of([aws("a", "198.51.100.1"), HCLOUD], output(a="198.51.100.1", b="198.51.100.2"))
    assert codes(refused) == ["stale.output"] and "if the hosts that vanished are of another type, name it in types" in str(refused.value)


def test_use_state_takes_the_machines_of_the_state_and_keeps_what_the_output_says_of_them() -> None:
    variables = {"ansible_host": "198.51.100.1", "kube_node_ip": "198.51.100.1", "role": "api"}
    tree = {"all": {"children": {"workers": {"hosts": {"a": variables, "b": {"ansible_host": "198.51.100.2"}}}}}}
    made = of(
        [aws("a", "198.51.100.9"), aws("c", "198.51.100.3", zone="z")],
        {"inventory": Output(tree)},
        stale="use_state",
        types={"aws_instance": {"variables": {"zone": "zone"}}},
    )
    assert made.hosts == {
        "a": {"ansible_host": "198.51.100.9", "kube_node_ip": "198.51.100.9", "role": "api"},
        "c": {"ansible_host": "198.51.100.3", "zone": "z"},
    }
    assert made.groups["workers"].hosts == ["a"]


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(NAMES, NAMES, st.integers(0, 7))
def test_the_verdict_is_the_difference_of_the_two_sets(declared: list[str], there: list[str], moved: int) -> None:
    hosts = {name: f"192.0.2.{ord(name)}" for name in declared}
    found = [Machine(name, name, address, frozenset([address]), {}) for name in there for address in [f"192.0.2.{ord(name)}"]]
    if found:
        at = moved % len(found)
        found[at] = Machine(found[at].name, found[at].name, "192.0.2.1", frozenset(["192.0.2.1"]), {})
    said = stale.verdict(hosts, found, ())
    both = set(declared) & set(there)
    if both:
        assert {machine.name for machine in said.missing} == set(there) - set(declared)
        assert set(said.vanished) == set(declared) - set(there)
        assert set(said.moved) == {machine.name for machine in found if machine.address == "192.0.2.1"} & both
    assert not stale.verdict({machine.name: str(machine.address) for machine in found}, found, ()).stale
