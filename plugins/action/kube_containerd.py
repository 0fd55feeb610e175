# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configures containerd for Kubernetes, and verifies the configuration in force."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd, containerd_hosts, facts_containerd
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd import FACTS, OF_SETTINGS, Configured
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result

_CORRECT = "correct its name or its place ('containerd config default' lists all settings), or remove it"


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        configured = containerd.configuration(options["version"], options)
        before = options["host"].get("containerd") or {}
        problems = [*containerd.moved(options, options["host"]), *checks.programs(options["host"], ("containerd",))]
        if problems:
            raise Refused(problems)
        # In check mode an old containerd would judge what is written for a newer one.
        early = not before or versions.matches(before["version"], options["version"])
        files = [{**file, "validate_early": early} for file in configured.files]
        service = {
            "name": "containerd",
            "state": "started",
            "enabled": True,
            "restart_after": [*configured.restart_after, "/usr/bin/containerd"],
            "restart": options["restart"],
        }
        declared = {"files": files, "purge": list(containerd_hosts.PURGE), "services": [service]}
        done = self.on_target("eco2.platform.host", declared)
        if done.get("failed"):
            return self.explained(done, configured)
        # The effect of a predicted change cannot be read.
        if done.get("predicted") and done.get("changed"):
            return done
        wanted = {**configured.effective, "cri.ready": True}
        seen = self.on_target("eco2.platform.kube_host_info", {"wanted": wanted, "digests": configured.paths})
        done["warnings"] = [*done.get("warnings", []), *other_versions(seen)]
        return failed(done, not_in_force(seen, configured))

    def explained(self, done: Result, configured: Configured) -> Result:
        """With the file of the user, or the option, that has the key that containerd does not know."""
        complaints = "\n".join(problem["message"] for problem in done.get("problems") or [] if problem["code"] == "file.rejected")
        found = facts_containerd.ignored(complaints)
        if not found:
            return done
        seen = self.on_target("eco2.platform.kube_host_info", {})
        files = ((seen.get("host") or {}).get("containerd") or {}).get("drop_ins") or []
        return failed(done, [ignored(each["key"], each["where"], configured, files) for each in found])


def failed(done: Result, problems: t.Iterable[Problem]) -> Result:
    refusal = Refused(problems)
    return {**done, "failed": True, "msg": str(refusal), "problems": refusal.shown()} if refusal.problems else done


def ignored(key: str, where: str, configured: Configured, files: t.Sequence[t.Mapping[str, t.Any]]) -> Problem:
    plugin = "" if where.startswith("/") else where
    path = f"plugins.{plugin}.{key}" if plugin else key
    of_files = [file["path"] for file in files if file["path"] == where or (plugin and sets(file, path))]
    option = next((option for name, option in configured.options.items() if within(name, OF_SETTINGS + path)), "")
    message = f"containerd has no setting {key}" + (f" in its plugin {plugin}" if plugin else "")
    field = f"{option}.{key}" if option else ""
    return Problem("containerd.unknown_setting", message, ", ".join(of_files), field, _CORRECT)


def within(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}.")


def sets(file: t.Mapping[str, t.Any], path: str) -> bool:
    return any(within(name, path) for name in file["settings"])


def not_in_force(seen: t.Mapping[str, t.Any], configured: Configured) -> t.Iterator[Problem]:
    """What containerd does not do as configured. seen: the result of kube_host_info, asked for differences."""
    if seen.get("failed"):
        yield Problem("containerd.unreadable", str(seen.get("msg")))
        return
    host = seen["host"]
    found = host["containerd"] or {}
    unreadable = (found.get("config") or {}).get("problem")
    if unreadable:
        remedy = "correct or remove the file that it names"
        yield Problem("containerd.unreadable", f"containerd does not read its configuration: {unreadable}", "containerd", remedy=remedy)
        return
    for difference in seen["differences"]:
        what, value, wanted = difference["what"], json.dumps(difference["is"]), json.dumps(difference["wanted"])
        field = configured.options.get(what, "") + what.replace(OF_SETTINGS, " ").replace(FACTS, "")
        message = f"is {value} in the running containerd, and not {wanted} as in {containerd.CONFIG}"
        # containerd 1 does not even warn of a key that it does not know.
        unknown = what in configured.options and difference["is"] is None
        remedy = (
            host["cri"]["problem"]
            or (_CORRECT if unknown else "")
            or look_at(what, found.get("drop_ins") or [], (found.get("config") or {}).get("version"))
        )
        yield Problem("containerd.not_in_force", message, item="containerd", field=field.strip(), remedy=remedy)
    for each in (found.get("config") or {}).get("ignored") or []:
        yield ignored(each["key"], each["where"], configured, found.get("drop_ins") or [])
    for path in configured.paths:
        if path not in host["digests"]:
            message = "the file is not there, and containerd pulls nothing from a registry without it"
            yield Problem("containerd.no_file", message, f"file {path}", "containerd_registry_mirrors", "put it on the host first")


def other_versions(seen: t.Mapping[str, t.Any]) -> list[str]:
    """A warning for each file whose sections may not be those of this version."""
    found = (seen.get("host") or {}).get("containerd") or {}
    version = (found.get("config") or {}).get("version")
    files = [file for file in found.get("drop_ins") or [] if version and file["version"] != version]
    return [
        f"{file['path']} has version {file['version'] or 'unknown'}, and the configuration {version}: containerd may ignore what it sets; "
        "write it in the same version"
        for file in files
    ]


# The names in config.toml of the facts that have other names.
_KEYS = {
    "cri_disabled": {"disabled_plugins"},
    "cgroup_systemd": {"SystemdCgroup"},
    "sandbox_image": {"sandbox", "sandbox_image"},
    "registry_config_path": {"config_path"},
    "cni_bin_dirs": {"bin_dir", "bin_dirs"},
    "cni_conf_dir": {"conf_dir"},
}


def look_at(what: str, files: t.Sequence[t.Mapping[str, t.Any]], version: t.Any) -> str:
    """The files that set it, or else those of another version, whose settings may be where this containerd does not look for them."""
    keys = _KEYS.get(what[len(FACTS) :], {what.rpartition(".")[2]})
    guilty = [file for file in files if any(name.rpartition(".")[2] in keys for name in file["settings"])]
    suspects = guilty or [file for file in files if file["version"] != version]
    if not suspects:
        return f"look for a file in {containerd.DROP_INS} that sets another value"
    named = ", ".join(file["path"] + (f" (version {file['version']})" if file["version"] != version else "") for file in suspects)
    return f"correct or remove {named}"
