"""Addresses and networks of nodes: which one a kubelet reports, and what a cluster cannot be made with."""

from __future__ import annotations

import ipaddress
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._host import addresses
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, networks, node_address

HOST = {"addresses": ["10.0.1.17", "10.1.0.17", "192.168.0.17", "192.168.0.18", "fd00::17"]}


def chosen(node_ip: t.Any = "", network: t.Any = "", **split: t.Any) -> tuple[str, list[str]]:
    found, problems = node_address.chosen(node_ip, network, split, HOST)
    return found, [problem.code for problem in problems]


# The address of a node


@pytest.mark.parametrize(
    ("node_ip", "network", "address"),
    [
        ("", "", ""),
        (None, None, ""),
        ("10.9.9.9", "", "10.9.9.9"),
        ("10.0.1.17, fd00::17", "", "10.0.1.17,fd00::17"),
        ("", "10.0.0.0/16", "10.0.1.17"),
        ("", ["10.0.0.0/16", "fd00::/64"], "10.0.1.17,fd00::17"),
        ("", "fd00::/64,10.1.0.0/24", "fd00::17,10.1.0.17"),
        ("192.168.0.18", "192.168.0.0/24", "192.168.0.18"),
    ],
)
def test_the_address_is_the_one_that_is_said_or_the_one_in_the_network(node_ip: t.Any, network: t.Any, address: str) -> None:
    assert chosen(node_ip, network) == (address, [])


@pytest.mark.parametrize(
    ("node_ip", "network", "code"),
    [
        ("10.0.1.300", "", "node.ip_form"),
        ("10.0.1.17/16", "", "node.ip_form"),
        ("k8s-a", "", "node.ip_form"),
        (10, "", "node.ip_form"),
        ("10.0.1.17,10.1.0.17", "", "node.ip_form"),
        ("", "10.0.1.17", "network.form"),
        ("", "10.0.1.17/16", "network.form"),
        ("", "10.0.0.0/255.255.0.0", "network.form"),
        ("", 10, "network.form"),
        ("", {"a": "b"}, "network.form"),
        ("", ["10.0.0.0/16", "10.1.0.0/16"], "network.form"),
        ("", "172.16.0.0/12", "node.no_address_in_network"),
        ("", "192.168.0.0/24", "node.addresses_in_network"),
        ("10.0.1.17", "10.1.0.0/16", "node.ip_outside_network"),
    ],
)
def test_an_address_that_cannot_be_is_refused(node_ip: t.Any, network: t.Any, code: str) -> None:
    assert chosen(node_ip, network)[1] == [code]


def test_the_machines_addresses_are_named_where_none_is_in_the_network() -> None:
    (problem,) = node_address.chosen("", "172.16.0.0/12", {}, HOST)[1]
    assert "10.0.1.17, 10.1.0.17" in problem.message and problem.field == "kube_node_network"


def test_a_profile_with_an_address_of_its_own_is_refused_beside_either() -> None:
    flags = [{"name": "node-ip", "value": "10.0.0.2"}]
    for given_as in ({"node_ip": "10.0.1.17"}, {"network": "10.0.0.0/16"}):
        assert chosen(**given_as, kubelet_extra_args=flags) == ("", ["profile.node_ip_twice"])
    assert chosen(kubelet_extra_args=flags) == ("", [])


def test_a_node_with_another_address_is_named() -> None:
    node = {"addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": "10.0.1.17"}]}
    assert node_address.unlike(node, "10.0.1.17") == ""
    assert node_address.unlike(node, "::") == "", "the kubelet chooses"
    assert "is 10.0.1.17, but must be 10.1.0.17 (kube_node_ip" in node_address.unlike(node, "10.1.0.17")
    assert "not known" in node_address.unlike({}, "10.1.0.17")


TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.0.1.0
        /24 link UNICAST
Local:
  +-- 10.0.1.0/24 2 0 2
     |-- 10.0.1.17
        /32 host LOCAL
     |-- 10.0.1.255
        /32 link BROADCAST
  +-- 127.0.0.0/8 2 0 2
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 169.254.1.1
        /32 host LOCAL
"""
IF_INET6 = (
    "00000000000000000000000000000001 01 80 10 80       lo\nfe8000000000000000fc00fffe000001 02 40 20 80     eth0\n"
    "fd000000000000000000000000000017 02 40 00 80     eth0\n"
)


def test_the_hosts_addresses_are_those_that_others_can_use(tmp_path: Path) -> None:
    assert addresses.of_host(f"{tmp_path}/") == []
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/fib_trie").write_text(TRIE)
    (tmp_path / "proc/net/if_inet6").write_text(IF_INET6)
    assert addresses.of_host(f"{tmp_path}/") == ["10.0.1.17", "fd00::17"]


# The networks of a cluster


def codes(node_ip: str = "", node_network: t.Any = "", **cluster: t.Any) -> list[str]:
    return [problem.code for problem in networks.problems(cluster, node_ip, node_network)]


@pytest.mark.parametrize("endpoint", ["k8s-api.example.org:6443", "10.0.1.10:6443", "[fd00::10]:6443", "k8s:443", "", None])
def test_an_endpoint_that_can_be(endpoint: t.Any) -> None:
    assert codes(endpoint=endpoint) == []


@pytest.mark.parametrize(
    "endpoint",
    [
        *("https://k8s-api.example.org:6443", "http://a:1", "k8s-api.example.org", "10.0.1.10", "fd00::10", "[fd00::10]", "fd00::10:6443x"),
        *("k8s-api.example.org:6443/", "k8s/a:6443", "a:0", "a:65536", "a:b", ":6443", "K8s-Api:6443", "k8s_api:6443", "a b:6443"),
        *("localhost:6443", "127.0.0.1:6443", "0.0.0.0:6443", "[::1]:6443", "[10.0.1.10]:6443", "10.0.1.300:6443", "a:٣", 6443, ["a:1"]),
    ],
)
def test_an_endpoint_that_is_not_host_and_port_is_refused_by_the_variables_name(endpoint: t.Any) -> None:
    (problem,) = networks.problems({"endpoint": endpoint}, "", "")
    assert problem.code == "endpoint.form"
    assert "kube_endpoint" in problem.field


@pytest.mark.parametrize(
    ("networking", "found"),
    [
        ({}, []),
        ({"podSubnet": "10.244.0.0/16"}, []),
        ({"podSubnet": "10.244.0.0/16,fd01::/48", "serviceSubnet": "10.96.0.0/12,fd02::/112"}, []),
        ({"podSubnet": "10.100.0.0/16"}, ["network.overlap"]),
        ({"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.244.0.0/24"}, ["network.overlap"]),
        ({"podSubnet": "10.0.0.0/16"}, ["network.overlap", "network.holds_node", "network.holds_node"]),
        ({"serviceSubnet": "10.0.0.0/20"}, ["network.overlap", "network.holds_node", "network.holds_node"]),
        ({"podSubnet": "10.244.1.0/16"}, ["network.form"]),
        ({"podSubnet": "10.244.0.0"}, ["network.form"]),
        ({"podSubnet": "10.244.0.0/33"}, ["network.form"]),
        ({"podSubnet": 10.244}, ["network.form"]),
        ({"serviceSubnet": "x/16"}, ["network.form"]),
        ({"dnsDomain": "Cluster.local"}, ["network.dns_domain"]),
        ({"dnsDomain": 5}, ["network.dns_domain"]),
    ],
)
def test_networks_of_pods_services_and_nodes_must_be_apart(networking: dict[str, t.Any], found: list[str]) -> None:
    assert codes("10.0.1.10", "10.0.0.0/16", endpoint="10.0.1.10:6443", networking=networking) == found


def test_the_default_network_of_services_counts() -> None:
    (problem,) = networks.problems({}, "10.100.0.5", "")
    assert (problem.code, problem.field) == ("network.holds_node", "control_plane_service_subnet")
    assert "10.96.0.0/12 (kubeadm's default), contains 10.100.0.5, which is kube_node_ip" in problem.message


def test_other_addresses_of_the_api_server() -> None:
    right = {"cert_sans": ["10.0.0.1", "fd00::1", "k8s-api", "*.example.org"], "kubeconfig_server": "https://a:6443"}
    assert codes(**right) == codes(kubeconfig_server="a:6443") == []
    assert codes(cert_sans=["https://a", "a:6443", "A", 5]) == ["endpoint.san"] * 4
    assert codes(kubeconfig_server="http://a:6443") == codes(kubeconfig_server="https://a:6443/x") == ["endpoint.form"]


@given(st.ip_addresses(), st.integers(0, 32), st.integers(0, 32))
def test_two_networks_that_share_an_address_are_never_taken(address: t.Any, one: int, other: int) -> None:
    pods, services = (ipaddress.ip_network((address, length), strict=False) for length in (one, other))
    assert codes(networking={"podSubnet": str(pods), "serviceSubnet": str(services)}) == ["network.overlap"]


# Further control planes


def further(*nodes: dict[str, t.Any], group: bool = True) -> list[str]:
    variables = {
        "inventory_hostname": "a",
        "group_names": ["control_plane"] if group else [],
        "groups": {"control_plane": ["a", "b", "c"]},
        "hostvars": {"b": {"kube_node_name": "k8s-b"}, "c": {}},
    }
    return [problem.message for problem in checks.further_control_planes(nodes, variables)]


def test_a_second_control_plane_that_no_playbook_makes_is_named() -> None:
    (message,) = further()
    assert "further hosts, b, c," in message
    (message,) = further({"name": "k8s-b", "labels": {checks.CONTROL_PLANE_LABEL: ""}}, {"name": "c", "labels": {}})
    assert "further hosts, c," in message
    assert further(*({"name": name, "labels": {checks.CONTROL_PLANE_LABEL: ""}} for name in ("k8s-b", "c"))) == []
    assert further(group=False) == []
