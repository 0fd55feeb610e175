# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fails with everything that keeps a machine from becoming a node, or a node from being Ready."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, leftovers, networks, node_address
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        # Only an option that is left out is not checked: a blank version is a missing one.
        blank = {name: "" for name in ("version", "name", "profile") if name in self.named and options[name] is None}
        problems = list(found({**options, **blank}, self.variables))
        if problems:
            raise Refused(problems)
        node_ip = node_address.chosen(options["node_ip"], options["node_network"], {}, options["host"])[0]
        return {"node_ip": node_ip, "kubelet_patch": checks.patch(options["kubelet_patch"])[0]}


def found(options: t.Mapping[str, t.Any], variables: t.Iterable[str]) -> t.Iterator[Problem]:
    """What is wrong with it. An option that is not set is not checked. `variables`: the names of the host's variables."""
    host = options["host"]
    yield from (Problem("host.reported", line) for line in options["problems"])
    if options["version"] is not None:
        yield from checks.version(options["version"], options["api_server_version"])
        yield from checks.downgrade(host, options["version"], options["allow_downgrade"], options["cni_version"])
        yield from checks.programs(host)
        yield from checks.cgroup(host, options["version"], options["ignore_preflight_errors"])
    if options["boot_timeout"] is not None:
        yield from checks.boot(host, options["boot_timeout"])
    if options["name"] is not None:
        yield from checks.name(options["name"])
    if options["profile"] is not None:
        yield from _declared(options, variables)
    if options["nodes"] is not None:
        yield from checks.further_control_planes(options["nodes"], variables)
    if options["node"] is not None:
        yield from _address(options)
    if options["services"]:
        yield from checks.services(host)


def _address(options: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    node_ip, problems = node_address.chosen(options["node_ip"], options["node_network"], {}, options["host"])
    yield from problems
    node = next((node for node in options["nodes"] or () if node["name"] == options["node"]), None)
    difference = node_address.unlike(node, node_ip) if node and node_ip and not problems else ""
    if difference:
        yield Problem("node.other_address", difference, remedy=node_address.REMEDY)


def _declared(options: t.Mapping[str, t.Any], variables: t.Iterable[str]) -> t.Iterator[Problem]:
    """Of a machine that does not belong to a cluster yet: its profile, its address, and the cluster that it is the first of."""
    split, problems = checks.split(options["profile"], options["cloud"], variables)
    yield from problems
    node_ip, problems = node_address.chosen(options["node_ip"], options["node_network"], split, options["host"])
    patch, unpatchable = checks.patch(options["kubelet_patch"])
    yield from [*problems, *unpatchable]
    host = options["host"]
    yield from leftovers.addresses(host, node_ip, split)
    yield from leftovers.addresses(host, options["advertise_address"], {}, "control_plane_advertise_address")
    yield from leftovers.drop_ins(host, leftovers.wanted(options["name"], node_ip, split, patch))
    yield from leftovers.cni(host, (), options["keep_cni"], "control_plane_keep_cni")
    yield from leftovers.kubeadm_files(host)
    if options["cluster"] is not None:
        yield from networks.problems(options["cluster"], node_ip, options["node_network"])
        yield from checks.schedulable(options["cluster"].get("schedulable"), split)
