# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages of the role redis_sentinel. Passwords go to modules only, never into a result."""

from __future__ import annotations

import base64
import datetime
import getpass
import os
import secrets
import socket
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.rolling import Step
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import data
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import maintenance
from ansible_collections.eco2.platform.plugins.plugin_utils._redis import site as sites
from ansible_collections.eco2.platform.plugins.plugin_utils._redis.site import Item
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result

# Seconds after which a lock ends that nobody renews: longer than the steps between two renewals take.
LOCKED = 600
# What a lock of a run of AWX says of it.
JOB = "JOB_ID"
PAUSE = 1.0  # seconds between two attempts to let the Sentinels forget


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
        self.site = sites.split(sites.with_environment(options["site"], os.environ))
        if options["stage"] == "compare":
            # First, since a host that a slice leaves out has no variables.
            self._refuse_a_part()
        hosts = dict.fromkeys([*sites.hosts(self.site), *self.variables["ansible_play_batch"]])
        self.site["addresses"] = {host: self._address(host) for host in hosts}
        sites.checked(self.site)
        try:
            result: Result = getattr(self, f"_{options['stage']}")()
        except ModuleFailed as failure:
            result = failure.result
        self.lists["warnings"] = list(dict.fromkeys(self.lists["warnings"]))
        found = {"ansible_facts": self.facts, **self.lists}
        return {**result, "changed": self.changed, **{name: value for name, value in found.items() if value}}

    def _refuse_a_part(self) -> None:
        problems = list(maintenance.partial(self.site, self.variables["ansible_play_hosts_all"]))
        if problems:
            raise Refused(problems)

    # What other hosts have

    def _address(self, host: str) -> str:
        hostvars = self.variables["hostvars"]
        # A set may name hosts that the inventory does not have; for these ansible-core 2.18 returns an undefined value.
        known = hostvars.get(host, {})
        return str(known.get("redis_sentinel_address") or known.get("ansible_host") or host)

    def _controller_address(self, host: str) -> str:
        return str(self.variables["hostvars"].get(host, {}).get("redis_sentinel_controller_address") or "")

    def _registered(self, name: str, key: str) -> dict[str, t.Any]:
        """host -> what an earlier task returned there, of the hosts in the play."""
        found = {host: self.variables["hostvars"][host].get(name) or {} for host in self.variables["ansible_play_batch"]}
        return {host: result[key] for host, result in found.items() if key in result}

    def _here(self, name: str) -> dict[str, list[str]]:
        """host -> the instances that are there, of the hosts in the play."""
        return {host: list(found) for host, found in self._registered(name, "established").items()}

    def _leaving(self, here: t.Mapping[str, t.Collection[str]]) -> list[tuple[str, list[str]]]:
        """The instances that leave hosts, and these hosts."""
        of = [(f"server/{entry['name']}", entry) for entry in self.site["sets"]] + [(f"sentinel/{self.site['sentinel_name']}", None)]
        return [(name, sites.leaving(self.site, entry, here)) for name, entry in of]

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

    def _redis(self, module: str, **arguments: t.Any) -> Result:
        """A module that speaks to the servers, on the controller or on the host of `run_on`, to which the task is delegated."""
        given = {name: value if isinstance(value, bool) else value or None for name, value in self.site["access"].items()}
        # What is not given here, the module takes from the environment; the Sentinels have no user but this one.
        access = {**given, "username": given["username"] or ("default" if given["password"] else None)}
        reach = sites.reach(self.site, {host: self._controller_address(host) for host in self.site["addresses"]})
        common = {"sentinels": sites.sentinels(self.site), "wait_timeout": self.site["healthy_within"], "address_map": reach}
        run = self.on_host if self.site["run_on"] else self.on_controller
        return self._done(run(f"eco2.platform.{module}", {**access, **common, **arguments}))

    def _healthy(self, masters: list[Item], wait: bool) -> Result:
        result = self._redis("redis_sentinel_info", masters=masters, wait=wait)
        told = {master["name"]: master["address"] for master in result["masters"]}
        known = {master["name"]: sorted(set(_known(master))) for master in result["masters"]}
        return {"masters": told, "healthy": result["healthy"], "reasons": result["reasons"], "known": known, "seen": result["masters"]}

    # Stages of tasks/main.yml

    def _look(self) -> Result:
        """What is there, which packages are needed, and which instances are new."""
        masked = self._mask()
        established, astray = masked["established"], masked["self_replicas"]
        problems = list(sites.occupied(self.site, self.host, established))
        if problems:
            raise Refused(problems)
        # To a host that has instances only maintain_redis brings another version, or Valkey in place of Redis.
        version = "" if established else self.site["version"]
        packages = maintenance.packages(self.site, self.host, established, version)
        new = sites.new(self.site, self.host, {*established} - {*astray})
        return {"established": established, "packages": packages, "new": new, "astray": astray}

    def _count(self) -> Result:
        """Which master each instance follows, and whether it has data; also of one that leaves."""
        here = self._here("redis_sentinel_looked")
        leaving = [entry for entry in self.site["sets"] if self.host in sites.leaving(self.site, entry, here)]
        instances = sites.instances(self.site, self.host, {}) + [{**sites.ended(self.site, entry), "keep_data": True} for entry in leaving]
        return {"instances": self._redis_host(instances=instances, count_keys=True)["instances"]}

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
        for host, found in established.items():
            follow, problems = sites.bootstrap(self.site, established, told, host, counted)
            problems += sites.elsewhere(self.site, found, nodes, host)
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
        here = self._here("redis_sentinel_looked")
        established = here[self.host]
        leaving = [name for name, of in self._leaving(here) if self.host in of]
        waiting.update((name, [Difference("state", "present", "absent").shown()]) for name in leaving)
        outdated = maintenance.outdated(self.variables["redis_sentinel_installed"]["packages"], self.site["version"])
        if outdated and established:
            waiting["packages"] = outdated
        absent = {f"server/{entry['name']}" for entry in self.site["absent"]}
        undeclared = {*established} - {entry["id"] for entry in found} - {*leaving} - absent
        left = maintenance.left_to_do(waiting, undeclared)
        return {"instances": found, "waiting": waiting, "undeclared": sorted(undeclared), "left": left}

    def _monitor(self) -> Result:
        """Bring the Sentinels to the declared sets, and wait until all is well."""
        confs = {
            host: base64.b64decode(text).decode(errors="backslashreplace")
            for host, text in self._registered("redis_sentinel_kept", "content").items()
        }
        # A Sentinel takes scripts only after the restart that lets it run them.
        scripts = not any("sentinel/" in name for found in self._registered("redis_sentinel_done", "waiting").values() for name in found)
        masters = [*sites.masters(self.site, scripts), *({"name": entry["name"], "state": "absent"} for entry in self.site["absent"])]
        options = {"masters": masters, "settings": sites.settings(self.site), **self.site["monitor"]}
        self._redis("redis_sentinel", **{**options, "sentinels": sites.watchers(self.site, confs)})
        # What a run of maintain_redis that was killed has ended, and the Sentinels have not forgotten, does not count either.
        leaving = maintenance.left(self.site, self._here("redis_sentinel_looked"))
        return self._healthy(maintenance.expected(self.site, leaving=leaving), self.options["wait"])

    def _end(self) -> Result:
        """The sets that must be absent, on this host. The Sentinels have forgotten them."""
        self._redis_host(instances=[sites.ended(self.site, entry) for entry in self.site["absent"]])
        return {}

    # Stages of tasks/maintain.yml

    def _compare(self) -> Result:
        """In check mode: what a restart would change, in settings or by another version."""
        result = self._redis_host(instances=sites.instances(self.site, self.host, {}))
        found, here = result["instances"], list(result["established"])
        packages = [change for change in self._apt_packages(self.host)["changes"] if change["kind"] == "package"]
        waiting = [entry["id"] for entry in found if entry["active"] and (packages or entry["pending"])]
        # Also a host that got another version and has not restarted everything yet.
        started = any(difference["field"] == "started" for entry in found for difference in entry["pending"])
        rereading = [entry["id"] for entry in found if data.are_concerned(difference["field"] for difference in entry["pending"])]
        waits = {"instances": waiting, "packages": packages, "upgrading": bool(packages) or started, "rereading": rereading}
        return {"waiting": waits, "established": here}

    def _plan(self) -> Result:
        """The steps of all hosts. Before the first one all must be well."""
        found = self._registered("redis_sentinel_compared", "waiting")
        pending = {host: entry["instances"] for host, entry in found.items()}
        upgrading = [host for host, entry in found.items() if entry["upgrading"]]
        here = self._here("redis_sentinel_compared")
        wait = self.options["wait"] and any([*pending.values(), *(hosts for dummy, hosts in self._leaving(here))])
        health = self._healthy(maintenance.expected(self.site, pending, upgrading, maintenance.left(self.site, here)), wait)
        rereading = {name for entry in found.values() for name in entry["rereading"]}
        seen = maintenance.Seen(pending, health["masters"], upgrading, here, health["known"], rereading, _alive(health["seen"]))
        steps = maintenance.steps(self.site, seen)
        if self.predicts:
            self.lists["changes"] += [{"kind": "step", "object": f"{step.object} on {step.host}", "action": step.action} for step in steps]
        return {**health, "steps": [step.shown() for step in steps], "names": [str(step) for step in steps]}

    def _lock(self) -> Result:
        """Keep other runs away from all sets. Which run it is must be known to the tasks that renew the lock and release it."""
        holder = lock_holder()
        try:
            self._locked(holder, "present")
        except ModuleFailed:
            # Some of the sets may be locked already.
            self._release(holder)
            raise
        return {"holder": holder}

    def _unlock(self) -> Result:
        self._release(self.variables["redis_sentinel_locked"]["holder"])
        return {}

    def _release(self, holder: str) -> None:
        """Set by set, since one whose master does not answer must not keep the others locked."""
        for entry in self.site["sets"]:
            try:
                self._locked(holder, "absent", [entry])
            except ModuleFailed as failure:
                self.lists["warnings"].append(f"the lock of this run is not released, and ends by itself: {failure}")

    def _locked(self, holder: str, state: str, sets: t.Sequence[sites.Set] | None = None) -> None:
        masters = [{"name": entry["name"], **sites.renames(entry)} for entry in sets or self.site["sets"]]
        # Until it is renewed, a step may wait as long as this, and the rest is for a download, a backup and the load of the data.
        seconds = LOCKED + self.site["apt"]["lock_timeout"] + 2 * self.site["healthy_within"]
        before = self.changed
        try:
            self._redis("redis_lock", wait_timeout=None, masters=masters, holder=holder, seconds=seconds, state=state)
        finally:
            # A lock is no change of what is declared.
            self.changed = before
            self.lists["changes"] = [change for change in self.lists["changes"] if change.get("kind") != "lock"]

    def _step(self) -> Result:
        """What one step does on its host. The task is delegated to that host."""
        step, entry, dummy = self._checked()
        here = sites.instances(self.site, step.host, {})
        instances = [item for item in here if f"{item['kind']}/{item['name']}" == step.object]
        if step.action == "backup":
            self._redis_host(instances=instances, backup=[step.object], backup_directory=self.site["backup_directory"])
        elif step.action == "end":
            self._redis_host(instances=[sites.ended(self.site, entry)])
        elif step.action == "restart":
            if self._registered("redis_sentinel_compared", "waiting")[step.host]["packages"]:
                self._mask()
                self._apt_packages(step.host)
            self._redis_host(instances=instances, restart=[step.object])
        return {"step": str(step)}

    def _gate(self) -> Result:
        """What one step does at the Sentinels; afterwards all must be well."""
        step, entry, master = self._checked()
        holder = self.variables["redis_sentinel_locked"]["holder"]
        self._locked(holder, "present")
        if step.action == "switch" and entry:
            alive = _alive(self.variables["redis_sentinel_asked"]["seen"])
            leaving = maintenance.running(self.site, entry, self._here("redis_sentinel_compared"), alive)
            self._switch(entry, maintenance.target(entry, leaving, step.host))
        elif step.action == "end" and entry and master:
            # The switch may have been that of a run that was killed: to the master it only puts right what such a run has left.
            self._switch(entry, master)
        elif step.action == "forget":
            self._forget([each["name"] for each in ([entry] if entry else self.site["sets"])], step.expects)
        health = self._healthy(step.expects, wait=True)
        # Anew for the next step, since this one may have taken long.
        self._locked(holder, "present")
        return {"step": str(step), **health}

    def _checked(self) -> tuple[Step, sites.Set | None, str | None]:
        """The step, its set (None for a Sentinel), and the host of the master. Raises Refused where the step is out of date."""
        step, here = Step(**self.options["step"]), self._here("redis_sentinel_compared")
        entry = next((entry for entry in self.site["sets"] if step.object == f"server/{entry['name']}"), None)
        told = self.variables["redis_sentinel_asked"]["masters"].get(entry["name"]) if entry else None
        master = sites.host_of(self.site, entry, told, sites.leaving(self.site, entry, here)) if entry else None
        problems = list(step.problems({"role": "master" if step.host == master else "replica"})) if entry else []
        if problems:
            raise Refused(problems)
        return step, entry, master

    def _switch(self, entry: sites.Set, to: str | None) -> None:
        place = {"host": self.site["addresses"][to], "port": sites.port(entry)} if to else None
        self._redis("redis_failover", name=entry["name"], to=place, **sites.renames(entry))

    def _forget(self, names: t.Collection[str], expects: list[Item]) -> None:
        """Sentinels forget only what they see as down, which they do not before down_after_milliseconds. What is left fails at the gate."""
        masters = maintenance.to_forget(self.site, names)
        wanted = [entry for entry in expects if entry["name"] in names]

        def attempt() -> bool:
            try:
                self._redis("redis_sentinel", masters=masters, forget_stale=True)
                return bool(self._healthy(wanted, wait=False)["healthy"])
            except ModuleFailed:
                return False

        wait.until(attempt, bool, sites.longest_down_after(self.site) + self.site["healthy_within"], PAUSE)


def lock_holder() -> str:
    """Who this run is, for those who find its lock. No two runs have the same."""
    job = os.environ.get(JOB)
    who = f"AWX job {job}" if job else f"{getpass.getuser()}@{socket.gethostname()} (process {os.getppid()})"
    return f"{who} since {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC, {secrets.token_hex(3)}"


def _alive(masters: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, list[str]]:
    """set -> the addresses of its master and of the replicas that the Sentinels see as well."""
    return {
        master["name"]: [master["address"], *(row["address"] for row in master["replicas"] if row["flags"] == ["slave"])]
        for master in masters
    }


def _known(master: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """The addresses of the nodes and Sentinels of a master that any Sentinel knows."""
    for seen in master["by_sentinel"].values():
        yield from (seen["address"], *seen["replicas"], *(peer["address"] for peer in seen["sentinels"]))
