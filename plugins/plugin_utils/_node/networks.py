# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks and addresses that a cluster is made with, checked before kubeadm is there. Private to this collection. Pure.

kubeadm takes a network of pods inside that of Services, and one that holds the node's own address. The cluster then comes up, and
connections go astray.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._kube import names
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import described, shortened

Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Problems = t.Iterator[Problem]

ENDPOINT = "control_plane_endpoint (kube_endpoint)"
PODS, SERVICES = "control_plane_pod_subnet", "control_plane_service_subnet"
# kubeadm's default.
_SERVICES = "10.96.0.0/12"
_PORT = re.compile("[0-9]{1,5}", re.ASCII)


def problems(cluster: t.Mapping[str, t.Any], node_ip: str, node_network: t.Any) -> Problems:
    """What is wrong with the addresses and networks of a cluster that does not exist yet.

    cluster: endpoint, networking (of the ClusterConfiguration), cert_sans, kubeconfig_server; node_ip: of the control plane, "" if it is
    not declared; node_network: kube_node_network.
    """
    endpoint, networking = cluster.get("endpoint"), cluster.get("networking") or {}
    if endpoint not in (None, ""):
        yield from endpoint_problems(endpoint, ENDPOINT)
    yield from _server_problems(cluster.get("kubeconfig_server"))
    yield from _san_problems(cluster.get("cert_sans"))
    declared = {
        "pods": (PODS, networking.get("podSubnet")),
        "services": (SERVICES, networking.get("serviceSubnet") or _SERVICES),
        "nodes": ("kube_node_network", node_network),
    }
    found: dict[str, list[Network]] = {}
    for what, (field, value) in declared.items():
        found[what], wrong = read(value, field, "such as 10.244.0.0/16")
        # Those of nodes are checked with each node's own address.
        yield from wrong if what != "nodes" else ()
    yield from _overlaps(found, declared)
    addresses = {"kube_node_ip": node_ip.split(",") if node_ip else [], ENDPOINT: [host_of(endpoint)]}
    for (what, ranges), (field, texts) in itertools.product(found.items(), addresses.items()):
        if what != "nodes":
            yield from _inside(what, declared[what][0], ranges, field, texts)
    domain = networking.get("dnsDomain")
    if domain and not (isinstance(domain, str) and names.is_subdomain(domain)):
        message = f"is {described(domain)}, and not a domain in lower case"
        yield Problem("network.dns_domain", message, field="control_plane_dns_domain", remedy="write one such as cluster.local")


def endpoint_problems(value: t.Any, field: str) -> Problems:
    """Why a value is not HOST:PORT by which other hosts reach a server."""
    remedy = "write HOST:PORT without https:// and without a path, such as k8s-api.example.org:6443 or 10.0.1.10:6443"
    reason = _not_an_endpoint(value)
    if reason:
        yield Problem("endpoint.form", f"is {described(value)}: {reason}", field=field, remedy=remedy)


def _not_an_endpoint(value: t.Any) -> str:
    if not isinstance(value, str):
        return "it is not text"
    if "://" in value:
        return f"it begins with {value.partition('://')[0]}://"
    host, colon, port = value.rpartition(":")
    if not colon or ("]" in port) or (address_of(value) is not None):
        return "it has no port"
    if "/" in port:
        return "it has a path"
    if not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        return f"{shortened(port)} is not a port"
    return _not_a_host(host)


def _not_a_host(host: str) -> str:
    bracketed = host.startswith("[") and host.endswith("]")
    address = address_of(host[1:-1] if bracketed else host)
    if address is None:
        known = names.is_subdomain(host) and not re.fullmatch(r"[0-9.]+", host)
        reason = "" if known else f"{shortened(host)} is neither an address nor a name in lower case letters, digits, '-' and '.'"
        return f"{host} is only this machine" if host == "localhost" else reason
    if bracketed is (address.version == 4):
        return "an IPv6 address must be in brackets, and an IPv4 address must not"
    local = address.is_loopback or address.is_unspecified
    return f"{address} is not an address by which other hosts reach it" if local else ""


def host_of(endpoint: t.Any) -> str:
    return endpoint.rpartition(":")[0].strip("[]") if isinstance(endpoint, str) else ""


def _san_problems(entries: t.Any) -> Problems:
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        text = entry if isinstance(entry, str) else ""
        if address_of(text) is None and not names.is_subdomain(text[2:] if text.startswith("*.") else text):
            message = f"{described(entry)} is neither an address nor a name in lower case"
            yield Problem("endpoint.san", message, field="control_plane_cert_sans", remedy="write it without https://, port and path")


def _server_problems(value: t.Any) -> Problems:
    if value not in (None, ""):
        text = value[len("https://") :] if isinstance(value, str) and value.startswith("https://") else value
        yield from endpoint_problems(text, "control_plane_kubeconfig_server")


def read(value: t.Any, field: str, example: str) -> tuple[list[Network], list[Problem]]:
    """One network, or one of each family, as a list or separated by commas; empty if there is none."""
    if value in (None, "", []):
        return [], []
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    found, problems = [], []
    for part in parts if isinstance(parts, (list, tuple)) else [parts]:
        try:
            found.append(_network(part))
        except ValueError as error:
            problems.append(Problem("network.form", str(error), field=field, remedy=f"write a network {example}"))
    if len({network.version for network in found}) < len(found):
        message = f"has more than one network of a family: {', '.join(map(str, found))}"
        problems.append(Problem("network.form", message, field=field, remedy="keep one"))
    return found, problems


def _network(text: t.Any) -> Network:
    if not isinstance(text, str) or not re.search("/[0-9]{1,3}$", text, re.ASCII):
        raise ValueError(f"is {described(text)}, and not a network with a prefix length")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"is {described(text)}, and not a network") from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"is {described(text)}, which is an address in the network {network}")
    return network


def _overlaps(found: t.Mapping[str, t.Sequence[Network]], declared: t.Mapping[str, tuple[str, t.Any]]) -> Problems:
    for one, other in itertools.combinations(found, 2):
        for here, there in itertools.product(found[one], found[other]):
            if here.version == there.version and here.overlaps(there):
                message = f"the network of {one}, {here}, and that of {other}, {_shown(there)}, overlap"
                remedy = f"change {declared[one][0]} or {declared[other][0]}"
                yield Problem("network.overlap", message, field=declared[one][0], remedy=remedy)


def _inside(what: str, field: str, ranges: t.Sequence[Network], name: str, texts: t.Iterable[str]) -> Problems:
    for network, address in itertools.product(ranges, filter(None, map(address_of, texts))):
        if address in network:
            message = f"the network of {what}, {_shown(network)}, contains {address}, which is {name}"
            yield Problem("network.holds_node", message, field=field, remedy="choose a network that has no machine's address")


def _shown(network: Network) -> str:
    return f"{network} (kubeadm's default)" if str(network) == _SERVICES else str(network)


def address_of(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
