# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configures containerd for Kubernetes, and verifies the configuration in force."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result

_PREFIX = "containerd.config."


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        try:
            configured = containerd.configuration(options["version"], options)
        except ValueError as error:
            raise Refused([Problem("containerd.options", str(error))]) from error
        service = {
            "name": "containerd",
            "state": "started",
            "enabled": True,
            "restart_after": [*configured["restart_after"], "/usr/bin/containerd"],
            "restart": options["restart"],
        }
        declared = {"files": configured["files"], "purge": ["/etc/containerd/certs.d/*/hosts.toml"], "services": [service]}
        done = self.on_target("eco2.platform.host", declared)
        # The effect of a predicted change cannot be read.
        if done.get("failed") or (done.get("predicted") and done.get("changed")):
            return done
        seen = self.on_target("eco2.platform.kube_host_info", {"wanted": {**configured["effective"], "cri.ready": True}})
        refusal = Refused(not_in_force(seen))
        return {**done, "failed": True, "msg": str(refusal), "problems": refusal.shown()} if refusal.problems else done


def not_in_force(seen: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """What containerd does not do as configured. seen: the result of kube_host_info, asked for differences."""
    if seen.get("failed"):
        yield Problem("containerd.unreadable", str(seen.get("msg")))
        return
    host = seen["host"]
    reason = host["cri"]["problem"] or ((host["containerd"] or {}).get("config") or {}).get("problem")
    remedy = reason or "look for a file in /etc/containerd/conf.d that sets another value"
    for difference in seen["differences"]:
        what, value, wanted = difference["what"], json.dumps(difference["is"]), json.dumps(difference["wanted"])
        field = what[len(_PREFIX) :] if what.startswith(_PREFIX) else what
        message = f"is {value} in the running containerd, and not {wanted} as in /etc/containerd/config.toml"
        yield Problem("containerd.not_in_force", message, item="containerd", field=field, remedy=remedy)
