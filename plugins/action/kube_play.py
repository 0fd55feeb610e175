# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what is done once for all hosts of a play of nodes, and reports the result of each host."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._node import agreement, node_address, nodes_table, profile_nodes
from ansible_collections.eco2.platform.plugins.plugin_utils._run.record import RUN
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result, retold

# In place of those of kube_nodes, which name its own options.
_REMEDIES = {
    "node.ready": "set node_join_existing=replace to delete it",
    "connection.none": "set kube_kubeconfig (or K8S_AUTH_KUBECONFIG)",
}
_REPLACED = "another machine has registered Node {name} again since it was read, so it is kept: run again, or set another kube_node_name"


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        self.options = options
        return t.cast("Result", getattr(self, f"_{options['step']}")())

    def _agree(self) -> Result:
        """Compare settings of the inventory, and those that hosts have registered. Collect the names of all Nodes."""
        self._registered("node_join_plan")
        hosts = {host: self.variables["hostvars"][host] for host in self.variables["ansible_play_hosts_all"]}
        _refuse({host: {name: known.get(name) for name in self.options["settings"]} for host, known in hosts.items()})
        return {"names": [str(known.get("kube_node_name") or host) for host, known in hosts.items()]}

    def _replace(self) -> Result:
        plans = self._registered("node_join_plan")
        nodes = [plan["stale_node"] for plan in plans if plan.get("replace_node")]
        return self._nodes(nodes, _REPLACED) if nodes else {"skipped": True, "verdicts": {}}

    def _wait(self) -> Result:
        awaited = ("join", "start_services", "restart_kubelet")
        plans = [plan for plan in self._registered("node_join_plan") if any(plan.get(action) for action in awaited)]
        nodes = [{"name": plan["node_name"]} for plan in plans]
        predicted = self.options["predicted"]
        skipped = "" if predicted else "Node {name} is not registered"
        done = self._nodes(nodes, skipped, unknown_nodes="skip", wait=True, wait_timeout=self.options["wait_timeout"])
        addresses = {plan["node_name"]: plan["node_ip"] for plan in plans if plan.get("join") and plan.get("node_ip")}
        if addresses and not predicted:
            self._judge_addresses(done["verdicts"], addresses)
        return done

    def _judge_addresses(self, verdicts: profile_nodes.Verdicts, addresses: t.Mapping[str, str]) -> None:
        """A Node that is well, and has another address than its kubelet was given."""
        for node in self._module("kube_nodes_info", names=list(addresses)).get("nodes") or ():
            name = node["name"]
            difference = node_address.unlike(node, addresses[name])
            if difference and not verdicts[name]:
                verdicts[name] = [f"{difference}; {node_address.REMEDY}"]

    def _profile(self) -> Result:
        entries = self._registered("node_profile_declared", with_names=True)
        nodes = [profile_nodes.declared(entry, names) for entry, names in entries]
        good = [entry["node"] for entry in nodes if not entry["problem"]]
        splits = {entry["node"]["name"]: entry["split"] for entry in nodes if not entry["problem"]}
        if self.options["cluster_exists"]:
            done = self._profiled(good)
        else:
            done = {"changed": True, "msg": "The Nodes get them when the cluster exists.", "verdicts": {}}
        bad = {entry["node"]["name"]: [entry["problem"]] for entry in nodes if entry["problem"]}
        return {**done, "verdicts": {**done["verdicts"], **bad}, "splits": splits, "hosts_of": self._hosts_of()}

    def _hosts_of(self) -> dict[str, str]:
        """The host of each Node, so that the summary shows a change where it belongs."""
        hosts = {host: self.variables["hostvars"].raw_get(host) for host in self.variables["ansible_play_batch"]}
        return {str(known["node_profile_declared"]["name"]): host for host, known in hosts.items() if "node_profile_declared" in known}

    def _profiled(self, nodes: list[dict[str, t.Any]]) -> Result:
        predicted = self.options["predicted"]
        given = {name: self.options[name] for name in ("owner", "exact", "protected")}
        done = self._nodes(nodes, "" if predicted else "the cluster has no Node {name}", unknown_nodes="skip", **given)
        cluster = self._module("kube_nodes_info")
        seen = {node["name"]: node for node in cluster.get("nodes", ())}
        if predicted:
            # A Node that does not exist yet, or that will be replaced, counts as changed: its keys will be recorded as ours.
            joining = any(plan.get("join") for plan in self._registered("node_join_plan"))
            done["changed"] = done.get("changed") or joining or bool(done.get("skipped_nodes"))
        else:
            for node in nodes:
                unread = [] if "nodes" in cluster else [str(cluster.get("msg"))]
                name = node["name"]
                done["verdicts"][name] = done["verdicts"][name] or unread or profile_nodes.unlike(node, seen.get(name, {}))
        return {**done, "nodes": list(seen.values())}

    def _show(self) -> Result:
        # What was read last. If no host came that far, what was read first.
        read = self.variables.get("node_profile_done", {}).get("nodes") or self.variables.get("node_join_cluster", {}).get("nodes") or []
        nodes = {node["name"]: node for node in read}
        hostvars = self.variables["hostvars"]
        # The playbook rescues a failure, so Ansible still counts the host as one that has not failed.
        rescued = RUN.play.failed if RUN.play else ()
        alive = [host for host in self.variables["ansible_play_hosts"] if host not in rescued]
        rows = [nodes_table.row(host, hostvars[host], nodes, host in alive) for host in self.variables["ansible_play_hosts_all"]]
        return {"msg": nodes_table.lines([row for row in rows if row]), "_ansible_verbose_always": True}

    def _registered(self, name: str, with_names: bool = False) -> list[t.Any]:
        """What each host of this batch has registered under this name; `with_names`: and the names of the host's variables.

        Not of all hosts of the play: with `serial` the hosts of earlier batches have joined by now, and keep their plans. The hosts must
        agree on the settings in `once`.
        """
        hosts = {host: self.variables["hostvars"].raw_get(host) for host in self.variables["ansible_play_batch"]}
        found = {host: (known[name], known) for host, known in hosts.items() if name in known}
        _refuse({host: entry.get("once", {}) for host, (entry, dummy) in found.items()})
        return [(entry, list(known)) if with_names else entry for entry, known in found.values()]

    def _nodes(self, nodes: list[dict[str, t.Any]], skipped: str, **arguments: t.Any) -> Result:
        """Run kube_nodes. It never fails the task, which would fail all hosts: `verdicts` has the lines about each Node."""
        done = self._module("kube_nodes", nodes=nodes, **arguments)
        done = {**done, "msg": retold(done, _REMEDIES)} if done.get("problems") else done
        verdicts = profile_nodes.verdicts([node["name"] for node in nodes], done, skipped)
        return {**{name: value for name, value in done.items() if name not in ("failed", "exception", "invocation")}, "verdicts": verdicts}

    def _module(self, name: str, **arguments: t.Any) -> Result:
        return self.on_controller(f"eco2.platform.{name}", {"kubeconfig": self.options["kubeconfig"], **arguments})


def _refuse(settings: t.Mapping[str, t.Mapping[str, t.Any]]) -> None:
    problems = agreement.differences(settings)
    if problems:
        raise Refused(problems)
