# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages of the role redis_sentinel. Passwords go to modules only, never into a result."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.rolling import Step
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import data
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import maintenance
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site as sites
from ansible_collections.eco2.platform.plugins.plugin_utils._redis.site import Item
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result


class ModuleFailed(Exception):
    """A module has failed; the task fails with this result."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.get("msg"))
        self.result = result


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        self.options = options
        self.host = self.variables["inventory_hostname"]
        self.changed = False
        self.facts: Result = {}
        # What the modules of this task return in their lists, one after the other.
        self.lists: dict[str, list[t.Any]] = {"changes": [], "warnings": [], "diff": []}
        self.site = {**options["site"], "addresses": {}}
        self.site["addresses"] = {host: self._address(host) for host in sites.hosts(self.site)}
        sites.checked(self.site)
        try:
            result: Result = getattr(self, f"_{options['stage']}")()
        except ModuleFailed as failure:
            result = failure.result
        found = {"ansible_facts": self.facts, **self.lists}
        return {**result, "changed": self.changed, **{name: value for name, value in found.items() if value}}

    # What other hosts have

    def _address(self, host: str) -> str:
        hostvars = self.variables["hostvars"]
        # A set may name hosts that the inventory does not have; for these ansible-core 2.18 returns an undefined value.
        known = hostvars.get(host, {})
        return str(known.get("redis_sentinel_address") or known.get("ansible_host") or host)

    def _registered(self, name: str, key: str) -> dict[str, t.Any]:
        """host -> what an earlier task returned there, of the hosts in the play."""
        found = {host: self.variables["hostvars"][host].get(name) or {} for host in self.variables["ansible_play_batch"]}
        return {host: result[key] for host, result in found.items() if key in result}

    # Modules

    def _done(self, result: Result) -> Result:
        """Count what a module has changed. Raises ModuleFailed."""
        self.changed |= bool(result.get("changed"))
        self.facts.update(result.get("ansible_facts") or {})  # the Python that Ansible has found on the host
        for name, items in self.lists.items():
            more = result.get(name) or []
            items.extend(more if isinstance(more, list) else [more])
        if result.get("failed") or result.get("unreachable"):
            raise ModuleFailed(result)
        return result

    def _redis_host(self, **arguments: t.Any) -> Result:
        given = {name: value for name, value in arguments.items() if value != ""}
        arguments = {"flavor": self.site["flavor"], "service": self.site["service"], **given}
        return self._done(self.on_target("eco2.platform.redis_host", arguments))

    def _apt_packages(self, host: str) -> Result:
        arguments = {"packages": maintenance.packages(self.site, host, {}, self.site["version"]), **self.site["apt"]}
        return self._done(self.on_target("eco2.platform.apt_packages", arguments))

    def _mask(self) -> Result:
        return self._redis_host(masked=[f"{self.site['flavor']}-{kind}" for kind in ("server", "sentinel")])

    def _redis(self, module: str, confs: t.Mapping[str, str] | None = None, **arguments: t.Any) -> Result:
        """A module of redis on the controller."""
        access = {name: value or None for name, value in self.site["access"].items()}
        arguments = {**access, "sentinels": sites.sentinels(self.site, confs), "wait_timeout": self.site["healthy_within"], **arguments}
        return self._done(self.on_controller(f"eco2.platform.{module}", arguments))

    def _healthy(self, masters: list[Item], wait: bool) -> Result:
        result = self._redis("redis_sentinel_info", masters=masters, wait=wait)
        told = {master["name"]: master["address"] for master in result["masters"]}
        return {"masters": told, "healthy": result["healthy"], "reasons": result["reasons"]}

    # Stages of tasks/main.yml

    def _look(self) -> Result:
        """What is there, which packages are needed, and which instances are new."""
        masked = self._mask()
        established, astray = masked["established"], masked["self_replicas"]
        # To a host that has instances only maintain_redis brings another version, or Valkey in place of Redis.
        version = "" if established else self.site["version"]
        packages = maintenance.packages(self.site, self.host, established, version)
        new = sites.new(self.site, self.host, {*established} - {*astray})
        return {"established": established, "packages": packages, "new": new, "astray": astray}

    def _count(self) -> Result:
        """Which master each instance follows, and whether it has data."""
        return {"instances": self._redis_host(instances=sites.instances(self.site, self.host, {}), count_keys=True)["instances"]}

    def _follow(self) -> Result:
        """Which master the new instances of each host follow. Sentinels that do not answer are judged by what they leave unknown."""
        # A server that follows itself is as good as new.
        astray = self._registered("redis_sentinel_looked", "astray")
        established = {host: {*found} - {*astray[host]} for host, found in self._registered("redis_sentinel_looked", "established").items()}
        counted = self._registered("redis_sentinel_counted", "instances")
        told, nodes, hosts = {}, {}, {}
        try:
            masters = self._redis("redis_sentinel_info", masters=[], wait=False)["masters"]
            told = sites.found({master["name"]: master["address"] for master in masters})
            nodes = {master["name"]: [master["address"], *(row["address"] for row in master["replicas"])] for master in masters}
        except ModuleFailed as failure:
            self.lists["warnings"].append(f"the Sentinels cannot be asked for the masters: {failure}")
        for host in established:
            follow, problems = sites.bootstrap(self.site, established, told, host, counted)
            problems += sites.elsewhere(self.site, established[host], nodes, host)
            hosts[host] = {"masters": follow, "problems": [problem.shown() for problem in problems]}
        return {"hosts": hosts}

    def _set_up(self) -> Result:
        """Files, users and services of this host's instances; what waits for maintain_redis, and what is not declared."""
        follows = self.variables.get("redis_sentinel_follows", {}).get("hosts", {}).get(self.host, {"masters": {}, "problems": []})
        if follows["problems"]:
            raise Refused([Problem(**problem) for problem in follows["problems"]])
        instances = sites.instances(self.site, self.host, follows["masters"])
        found = self._redis_host(instances=instances, transparent_hugepage=self.site["transparent_hugepage"])["instances"]
        waiting = {entry["id"]: entry["pending"] for entry in found if entry["pending"]}
        established = self.variables["redis_sentinel_looked"]["established"]
        outdated = maintenance.outdated(self.variables["redis_sentinel_installed"]["packages"], self.site["version"])
        if outdated and established:
            waiting["packages"] = outdated
        return {"instances": found, "waiting": waiting, "undeclared": sorted({*established} - {entry["id"] for entry in found})}

    def _monitor(self) -> Result:
        """Bring the Sentinels to the declared sets, and wait until all is well."""
        confs = {
            host: base64.b64decode(text).decode(errors="backslashreplace")
            for host, text in self._registered("redis_sentinel_kept", "content").items()
        }
        access = self.site["access"]
        settings = {"sentinel_user": access["username"], "sentinel_pass": access["password"] or None}
        self._redis("redis_sentinel", confs, masters=sites.masters(self.site), settings=settings, **self.site["monitor"])
        return self._healthy(maintenance.expected(self.site), self.options["wait"])

    # Stages of tasks/maintain.yml

    def _compare(self) -> Result:
        """In check mode: what a restart would change, in settings or by another version."""
        found = self._redis_host(instances=sites.instances(self.site, self.host, {}))["instances"]
        packages = [change for change in self._apt_packages(self.host)["changes"] if change["kind"] == "package"]
        waiting = [entry["id"] for entry in found if entry["active"] and (packages or entry["pending"])]
        # Also a host that got another version and has not restarted everything yet.
        started = any(difference["field"] == "started" for entry in found for difference in entry["pending"])
        rereading = [entry["id"] for entry in found if data.are_concerned(difference["field"] for difference in entry["pending"])]
        return {"waiting": {"instances": waiting, "packages": packages, "upgrading": bool(packages) or started, "rereading": rereading}}

    def _plan(self) -> Result:
        """The steps of all hosts. Before the first one all must be well."""
        found = self._registered("redis_sentinel_compared", "waiting")
        pending = {host: entry["instances"] for host, entry in found.items()}
        upgrading = [host for host, entry in found.items() if entry["upgrading"]]
        wait = self.options["wait"] and any(pending.values())
        health = self._healthy(maintenance.expected(self.site, pending, upgrading), wait)
        rereading = {name for entry in found.values() for name in entry["rereading"]}
        steps = maintenance.steps(self.site, pending, health["masters"], upgrading, rereading)
        return {**health, "steps": [step.shown() for step in steps], "names": [str(step) for step in steps]}

    def _step(self) -> Result:
        """One step; afterwards all must be well. The task is delegated to the host of the step."""
        step = Step(**self.options["step"])
        kind, name = step.object.split("/")
        entry = next((entry for entry in self.site["sets"] if kind == "server" and entry["name"] == name), None)
        if entry:
            master = sites.host_of(self.site, entry, self.variables["redis_sentinel_asked"]["masters"].get(name))
            problems = list(step.problems({"role": "master" if step.host == master else "replica"}))
            if problems:
                raise Refused(problems)
        here = sites.instances(self.site, step.host, {})
        instances = [item for item in here if (item["kind"], item["name"]) == (kind, name)]
        if step.action == "switch":
            self._redis("redis_failover", name=name, **sites.renames(t.cast(sites.Set, entry)))
        elif step.action == "backup":
            self._redis_host(instances=instances, backup=[step.object], backup_directory=self.site["backup_directory"])
        else:
            if self._registered("redis_sentinel_compared", "waiting")[step.host]["packages"]:
                self._mask()
                self._apt_packages(step.host)
            self._redis_host(instances=instances, restart=[step.object])
        return {"step": str(step), **self._healthy(step.expects, wait=True)}
