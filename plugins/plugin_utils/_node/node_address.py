# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address that a kubelet reports: by kube_node_ip, or by the network that it is in. Private to this collection. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import described, shortened
from ansible_collections.eco2.platform.plugins.plugin_utils._node import networks

Facts = t.Mapping[str, t.Any]

REMEDY = "look for --node-ip in /etc/default/kubelet, in drop-ins of kubelet.service and in /var/lib/kubelet/kubeadm-flags.env"

_NODE_IP, _NETWORK = "kube_node_ip", "kube_node_network"


def chosen(node_ip: t.Any, network: t.Any, split: Facts, host: Facts) -> tuple[str, list[Problem]]:
    """What --node-ip becomes, "" if nothing is declared, and what is wrong with it.

    node_ip, network: as the inventory has them; split: of the profile; host: of kube_host_info.
    """
    given, problems = _addresses(node_ip)
    wanted, wrong = networks.read(network, _NETWORK, "such as 10.0.0.0/16")
    problems += wrong
    if (given or wanted) and "node-ip" in [flag["name"] for flag in split.get("kubelet_extra_args", ())]:
        message = f"the profile has the flag --node-ip, and {_NODE_IP if given else _NETWORK} is set as well"
        problems.append(Problem("profile.node_ip_twice", message, field="kube_profile", remedy="remove --node-ip from the profile"))
    if problems:
        return "", problems
    if not given:
        given, problems = _in_networks(wanted, host)
    elif wanted:
        problems = list(_outside(given, wanted))
    return ",".join(map(str, given)), problems


def among_pods(node_ip: str, nodes: t.Iterable[Facts]) -> t.Iterator[Problem]:
    """Whether the address of a machine that joins is in the network of pods of a Node. nodes: of kube_nodes_info."""
    for node in nodes:
        for address in filter(None, node_ip.split(",")):
            if node.get("pod_cidr") and ipaddress.ip_address(address) in ipaddress.ip_network(node["pod_cidr"]):
                message = f"{address} is in {node['pod_cidr']}, the network of the pods of Node {node['name']}"
                yield Problem(
                    "node.ip_among_pods", message, field=_NODE_IP, remedy="give the machine an address outside of the pods' network"
                )


def unlike(node: Facts, node_ip: str) -> str:
    """How the InternalIPs of a Node differ from the wanted ones; "" if they do not. node: of kube_nodes_info."""
    wanted = [address for address in node_ip.split(",") if not ipaddress.ip_address(address).is_unspecified]
    found = [entry["address"] for entry in node.get("addresses") or () if entry.get("type") == "InternalIP"]
    if not wanted or found == wanted:
        return ""
    asked = f"{_NODE_IP} or {_NETWORK}"
    return f"the Node's InternalIP is {', '.join(found) or 'not known'}, but must be {', '.join(wanted)} ({asked})"


def _addresses(given: t.Any) -> tuple[list[networks.Address], list[Problem]]:
    if given in (None, ""):
        return [], []
    try:
        found = [ipaddress.ip_address(part.strip()) for part in given.split(",")]
    except (AttributeError, TypeError, ValueError):
        return [], [_wrong_form(f"is {described(given)}, and not an address")]
    if len({address.version for address in found}) < len(found):
        return [], [_wrong_form(f"has more than one address of a family: {shortened(given)}")]
    return found, []


def _wrong_form(message: str) -> Problem:
    remedy = "write one such as 10.0.1.17, or one of each family: 10.0.1.17,fd00::17"
    return Problem("node.ip_form", message, field=_NODE_IP, remedy=remedy)


def _in_networks(wanted: t.Sequence[networks.Network], host: Facts) -> tuple[list[networks.Address], list[Problem]]:
    there = [ipaddress.ip_address(address) for address in host.get("addresses") or ()]
    found, problems = [], []
    for network in wanted:
        inside = [address for address in there if address in network]
        if len(inside) == 1:
            found += inside
        else:
            problems.append(_not_one(network, inside, there))
    return found, problems


def _not_one(network: networks.Network, inside: t.Sequence[networks.Address], there: t.Sequence[networks.Address]) -> Problem:
    if inside:
        message = f"the machine has {len(inside)} addresses in {network}: {', '.join(map(str, inside))}"
        return Problem("node.addresses_in_network", message, field=_NETWORK, remedy=f"set {_NODE_IP} to one of them")
    message = f"the machine has no address in {network}; it has {', '.join(map(str, there)) or 'none that another host can use'}"
    remedy = "correct the network, or give the machine an address in it"
    return Problem("node.no_address_in_network", message, field=_NETWORK, remedy=remedy)


def _outside(given: t.Sequence[networks.Address], wanted: t.Sequence[networks.Network]) -> t.Iterator[Problem]:
    for address in given:
        if not any(address in network for network in wanted):
            message = f"{address} is not in {_NETWORK}, {', '.join(map(str, wanted))}"
            yield Problem("node.ip_outside_network", message, field=_NODE_IP, remedy="correct one of the two")
