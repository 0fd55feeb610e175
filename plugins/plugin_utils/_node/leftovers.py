# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a machine before it becomes a node, and would make it another one than declared. Private to this collection. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import described
from ansible_collections.eco2.platform.plugins.module_utils._node import flags
from ansible_collections.eco2.platform.plugins.plugin_utils._node import networks

Facts = t.Mapping[str, t.Any]
Problems = t.Iterator[Problem]


def wanted(name: t.Any, node_ip: t.Any, split: Facts, patch: Facts) -> flags.Wanted:
    """The flags that the kubelet must get. `patch`: the settings of this node's kubelet."""
    extra = [*split.get("kubelet_extra_args", ()), *([{"name": "node-ip", "value": node_ip}] if node_ip else [])]
    return flags.wanted({"name": str(name or ""), "kubelet_extra_args": extra}, patch)


def drop_ins(host: Facts, wants: flags.Wanted) -> Problems:
    """Files of others in systemd's directories are never changed."""
    for entry in host.get("kubelet_drop_ins") or ():
        where, remedy = f"file {entry['path']}", "remove the file, or correct it, and run 'systemctl daemon-reload'"
        wrong = ", ".join(map(str, flags.contradictions(entry["flags"], wants)))
        if entry["starts"]:
            message = "it starts the kubelet without the flags that kubeadm writes ($KUBELET_KUBEADM_ARGS)"
            yield Problem("kubelet.drop_in", message, where, remedy=remedy)
        elif wrong:
            yield Problem("kubelet.drop_in", f"it gives the kubelet {wrong}, and something else is declared", where, remedy=remedy)


def removed(host: Facts, wants: flags.Wanted) -> list[str]:
    """Which flags kube_join and kube_init will take out of /etc/default/kubelet, as a reason of the plan."""
    wrong = flags.contradictions(host.get("default_kubelet") or "", wants)
    shown = ", ".join(map(str, wrong))
    return [f"{flags.DEFAULTS} gives the kubelet {shown}, and something else is declared; that is removed before the join"] if wrong else []


def differences(host: Facts, wants: flags.Wanted) -> list[str]:
    """Flags of a member that differ from the declared ones. Labels and taints have an effect at the registration only."""
    lasting = {name: value for name, value in wants.items() if value is not None}
    places = [(flags.DEFAULTS, host.get("default_kubelet") or "")]
    places += [(entry["path"], entry["flags"]) for entry in host.get("kubelet_drop_ins") or ()]
    return [
        f"{path} gives the kubelet {flag}, but must not, because {lasting[flag.name]} is declared for --{flag.name}"
        for path, text in places
        for flag in flags.contradictions(text, lasting)
    ]


def cni(host: Facts, pins: t.Collection[str], keep: bool, option: str) -> Problems:
    """A Node with the CNI configuration of another cluster is Ready at once, and no pod of it starts.

    pins: of this cluster. What the machine has from this cluster, because kube_join has reset it, may stay.
    """
    found = [f"/etc/cni/net.d/{name}" for name in host.get("cni_configured") or ()]
    found += [f"the interface {name}" for name in host.get("cni_interfaces") or ()]
    if found and not keep and not {*pins} & {*(host.get("reset_from") or ())}:
        message = f"the machine has {', '.join(found)} of another cluster, with which the Node would be Ready and no pod would start"
        remedy = f"delete the files and reboot the machine, or set {option}=true if they are meant for this cluster"
        yield Problem("host.cni_left", message, remedy=remedy)


def kubeadm_files(host: Facts) -> Problems:
    """kubeadm init does not start where an earlier one has left files."""
    found = host.get("kubeadm_files") or ()
    if found:
        remedy = "if you need nothing of it, run 'kubeadm reset' on this machine, empty /var/lib/etcd, and run the play again"
        yield Problem("init.unfinished", f"an earlier kubeadm init or kubeadm join left {', '.join(found)}", remedy=remedy)


def addresses(host: Facts, given: t.Any, split: Facts, field: str = "kube_node_ip") -> Problems:
    """An address that the kubelet or the API server must use, and that is none or that the machine does not have."""
    by_profile = [flag["value"] for flag in split.get("kubelet_extra_args", ()) if flag["name"] == "node-ip"]
    there = {ipaddress.ip_address(address) for address in host.get("addresses") or ()}
    for place, text in ((field, given), *(("kube_profile: --node-ip", value) for value in by_profile)):
        for part in filter(None, (part.strip() for part in str(text or "").split(","))):
            address = networks.address_of(part)
            if address is None:
                message, remedy = f"is {described(part)}, and not an address", "write one such as 10.0.1.17"
                yield Problem("node.ip_form", message, field=place, remedy=remedy)
            elif there and address not in there and not address.is_unspecified:
                has = ", ".join(host["addresses"])
                message = f"no interface of the machine has the address {address}; it has {has}"
                yield Problem("node.ip_absent", message, field=place, remedy="set one of these")
