# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what has to be done to a machine so that it is a worker of the cluster."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import profile
from ansible_collections.eco2.platform.plugins.module_utils._node import drift
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks, join_plan, leftovers, node_address
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result, retold

_REMEDIES = {"connection.none": "set kube_kubeconfig (or K8S_AUTH_KUBECONFIG)"}


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        result = decide(options, self.variables)
        refusal = Refused(result["problems"])
        return {**result, "problems": refusal.shown(), **({"failed": True, "msg": str(refusal)} if refusal.problems else {})}


def decide(options: t.Mapping[str, t.Any], variables: t.Iterable[str]) -> dict[str, t.Any]:
    """The plan with the split profile and the differences of a member. `variables`: the names of the host's variables."""
    host, cluster = options["host"], options["cluster"]
    # The kubelet takes only some of it. The inventory takes precedence over the metadata service.
    found = {name: value for name, value in profile.filled(host.get("cloud")).items() if name in options["cloud"]}
    split, problems = checks.split(options["profile"], {**found, **profile.filled(options["cloud"])}, variables)
    node_ip, wrong = node_address.chosen(options["node_ip"], options["node_network"], split, host)
    patch, unpatchable = checks.patch(options["kubelet_patch"])
    wants = leftovers.wanted(options["node_name"], node_ip, split, patch)
    obstacles = [*checks.boot(host, options["boot_timeout"]), *wrong, *unpatchable, *checks.group(variables)]
    obstacles += node_address.among_pods(node_ip, cluster.get("nodes") or ())
    obstacles += [*leftovers.addresses(host, node_ip, split), *leftovers.drop_ins(host, wants)]
    wanted = {name: options[name] for name in ("node_name", "version", "existing", "other_cluster", "names", "keep_cni", "allow_downgrade")}
    cni = str(options["declared"]["kubernetes_node_cni_version"])
    plan = join_plan.plan(host, cluster, join_plan.Options(**wanted, cni_version=cni, obstacles=obstacles))
    plan.reasons += leftovers.removed(host, wants) if plan.join else []
    declared = {**options["declared"], "kube_kubelet_patch": patch}
    differences = drift.sentences(host, declared, str(options["version"] or cluster.get("api_server_version") or ""))
    differences += join_plan.address_differences(cluster, plan.node_name, node_ip)
    differences += leftovers.differences(host, leftovers.wanted(plan.node_name, node_ip, split, patch)) if not plan.join else []
    if "nodes" not in cluster:
        # Every plan would report this in other words.
        problems = [Problem("cluster.unreadable", retold(cluster, _REMEDIES))]
    elif (host.get("cloud") or {}).get("problem"):
        problems = [Problem("cloud.unreadable", host["cloud"]["problem"])]
    else:
        problems += plan.problems
    once = options["once"]
    result = {**dataclasses.asdict(plan), "node_ip": node_ip, "kubelet_patch": patch, "split": split}
    left = [] if plan.join else differences
    return {**result, "differences": differences, "left": left, "once": once, "problems": problems}
