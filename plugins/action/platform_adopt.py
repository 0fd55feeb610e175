# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a platform that runs, and writes its declaration on the controller."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt import brokers, nodes, places, sets, texts
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import Host, Variables
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result

# What refuses one item may hide the next.
_TRIALS = 20
_NOTHING = Problem("adopt.nothing", "nothing could be read", remedy="name a broker, a kubeconfig or Sentinels")


class ActionModule(Action):
    """Every declaration is tried on its server in check mode before it is written."""

    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        self.options = options
        self.left: list[str] = []
        self.groups: dict[str, Variables] = {}
        self.nodes: list[Host] = []
        hosts = [made for name, given in options["brokers"].items() for made in self._broker(str(name), given)]
        hosts += [made for name, given in options["sentinels"].items() for made in self._set(str(name), given)]
        if options["kubernetes"] is not None:
            self.nodes = self._cluster(options["kubernetes"])
        hosts += self.nodes
        if not hosts:
            raise Refused([Problem(_NOTHING.code, "; ".join([_NOTHING.message, *self.left]), remedy=_NOTHING.remedy)])
        self.left += [f"{host.name}: {line}" for host in hosts for line in host.left]
        return self._written(hosts)

    # Brokers

    def _broker(self, name: str, given: Variables) -> t.Iterator[Host]:
        given = _given(given)
        found = self._read(f"broker {name}", "rabbitmq_info", given)
        if found is None:
            return
        lists, left = brokers.declared(found)
        lists, more = self._tried(given, lists)
        secrets = self._read(f"secrets of broker {name}", "rabbitmq_info", {**given, "include_secrets": True}) if self._vault() else None
        made = brokers.host(name, given, lists, secrets["topology"] if secrets else {})
        made.left = [*left, *more, *made.left]
        yield made

    def _tried(self, given: Variables, lists: brokers.Topology) -> tuple[brokers.Topology, list[str]]:
        """The lists that rabbitmq_topology takes and finds nothing to change for. Parameters are not tried: their values are secret."""
        left: list[str] = []
        for dummy in range(_TRIALS):
            tried = {option: items for option, items in lists.items() if option != "parameters"}
            checked = self._checked("rabbitmq_topology", {**given, **tried})
            if not checked.get("failed") and not checked.get("changes"):
                return lists, left
            kept, lines = brokers.without(lists, checked)
            if not lines:
                return lists, [*left, f"the declaration could not be tried: {checked.get('msg')}"]
            lists, left = kept, left + lines
        return lists, [*left, "the declaration could not be tried to its end"]

    # Sentinels

    def _set(self, name: str, given: Variables) -> t.Iterator[Host]:
        given = _given(given)
        found = self._read(f"set {name}", "redis_sentinel_info", given)
        if found is None:
            return
        masters = sets.masters(found)
        settings, left = sets.settings(found)
        checked = self._checked("redis_sentinel", {**given, "masters": masters, "settings": settings or None})
        if checked.get("failed"):
            left.append(f"the declaration could not be tried: {checked.get('msg')}")
        masters, settings, more = sets.without(masters, settings, checked)
        made = sets.host(name, given, masters, settings)
        made.left = [*left, *more, *sets.unproven(found)]
        yield made

    # Nodes

    def _cluster(self, given: Variables) -> list[Host]:
        found = self._read("the cluster", "kube_nodes_info", _given(given))
        if found is None:
            return []
        if isinstance(given.get("kubeconfig"), str):
            self.groups["all"] = {"kube_kubeconfig": given["kubeconfig"]}
        known = {"kube_version": found.get("api_server_version"), "kube_endpoint": found.get("cluster_endpoint")}
        self.groups["control_plane"] = {name: value for name, value in known.items() if value}
        return [nodes.host(node) for node in found["nodes"]]

    def _recorded(self) -> Result:
        """Record on the Nodes that what is declared now is ours, so that a run removes a key that is no longer declared."""
        if not (self.nodes and self.options["record_ownership"]):
            return {}
        given = _given(self.options["kubernetes"])
        wanted = [nodes.as_the_role_does(host) for host in self.nodes]
        checked = self._checked("kube_nodes", {**given, "nodes": wanted})
        other = {change["object"] for change in checked.get("changes") or () if not nodes.only_ownership(change)}
        self.left += [f"{name}: a run would change the Node" for name in sorted(other)]
        if not checked.get("failed"):
            clean = [item for item in wanted if item["name"] not in other]
            checked = self.on_controller("eco2.platform.kube_nodes", {**given, "nodes": clean})
        if checked.get("failed"):
            self.left.append(f"who has set the labels and taints could not be recorded: {checked.get('msg')}")
        return checked

    # Files

    def _written(self, hosts: list[Host]) -> Result:
        directory = os.path.abspath(os.path.expanduser(self.options["directory"]))
        files, secret = texts.files(hosts, self.groups), texts.vaults(hosts) if self._vault() else {}
        self.left += [f"{host.name}: define {name} in a vault" for host in hosts for name in _undefined(host, bool(self._vault()))]
        new, other = places.differing(directory, {**files, **secret}, self._text)
        problems = [*places.name_problems(hosts), *filter(None, [places.place_problem(directory)])]
        if other and not self.options["overwrite"]:
            problems.append(places.overwrite_problem(directory, other))
        if problems:
            raise Refused(problems)
        for name in [*new, *other]:
            self._write(os.path.join(directory, name), files.get(name), secret.get(name))
        recorded = self._recorded()
        changes = [_file_change(directory, name, "create" if name in new else "update") for name in [*new, *other]]
        changes += recorded.get("changes") or []
        return {"changed": bool(changes), "changes": changes, "left": self.left, "files": sorted([*files, *secret])}

    def _write(self, path: str, text: str | None, secret: str | None) -> None:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            self._done("file", {"path": parent, "state": "directory", "mode": "0755"})
        if os.path.isdir(parent):  # else check mode has not made it
            content = self._vault().encrypt(secret).decode() if secret else text
            self._done("copy", {"content": content, "dest": path, "mode": "0600" if secret else "0644"})

    def _done(self, module: str, arguments: Variables) -> None:
        done = self.on_controller(f"ansible.builtin.{module}", arguments)
        if done.get("failed"):
            path = arguments.get("dest") or arguments["path"]
            raise Refused([Problem("adopt.place", f"cannot be written: {done.get('msg')}", path, "directory", "name another directory")])

    def _text(self, path: str) -> str:
        """A file that is there. A vault that cannot be opened counts as another text."""
        try:
            with open(path, "rb") as file:
                found = file.read()
            vault = self._vault()
            return str((vault.decrypt(found) if vault and vault.is_encrypted(found) else found).decode("utf-8", "replace"))
        except Exception as error:  # noqa: BLE001  # Ansible's own errors have no base that all releases share
            return f"unreadable: {error}"

    # Servers

    def _vault(self) -> t.Any:
        """Ansible's vault, if the run was given a password for it."""
        vault = self._loader._vault
        return vault if vault.secrets else None

    def _read(self, what: str, module: str, arguments: Variables) -> Result | None:
        found = self.on_controller(f"eco2.platform.{module}", arguments)
        if found.get("failed"):
            self.left.append(f"{what} could not be read: {found.get('msg')}")
            return None
        return found

    def _checked(self, module: str, arguments: Variables) -> Result:
        return self.on_controller(f"eco2.platform.{module}", arguments, only_check=True)


def _given(arguments: Variables) -> Variables:
    """What is given; null and an empty text mean not given."""
    return {str(name): value for name, value in arguments.items() if value not in (None, "")}


def _undefined(host: Host, vault: bool) -> list[str]:
    return [name for name, value in host.secrets.items() if value is None or not vault]


def _file_change(directory: str, name: str, action: str) -> Variables:
    return {"kind": "file", "object": name, "identity": {"path": os.path.join(directory, name)}, "action": action, "differences": []}
