# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fails with everything that keeps a machine from becoming a node, or a node from being Ready."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, leftovers
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        problems = list(found(options, self.variables))
        if problems:
            raise Refused(problems)
        return {}


def found(options: t.Mapping[str, t.Any], variables: t.Iterable[str]) -> t.Iterator[Problem]:
    """What is wrong with it. An option that is not set is not checked. `variables`: the names of the host's variables."""
    host = options["host"]
    yield from (Problem("host.reported", line) for line in options["problems"])
    if options["version"] is not None:
        yield from checks.version(options["version"], options["api_server_version"])
        yield from checks.cgroup(host, options["version"], options["ignore_preflight_errors"])
    if options["boot_timeout"] is not None:
        yield from checks.boot(host, options["boot_timeout"])
    if options["name"] is not None:
        yield from checks.name(options["name"])
    if options["profile"] is not None:
        split, problems = checks.split(options["profile"], {}, variables)
        yield from [*problems, *checks.node_ip(options["node_ip"], split)]
        yield from leftovers.addresses(host, options["node_ip"], split)
        yield from leftovers.addresses(host, options["advertise_address"], {}, "control_plane_advertise_address")
        yield from leftovers.drop_ins(host, leftovers.wanted(options["name"], options["node_ip"], split))
        yield from leftovers.cni(host, (), options["keep_cni"], "control_plane_keep_cni")
        yield from leftovers.kubeadm_files(host)
    if options["services"]:
        yield from checks.services(host)
