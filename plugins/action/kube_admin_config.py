# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies the administrator's kubeconfig from a control plane to the controller."""

from __future__ import annotations

import base64
import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._node import kube_config
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result

ADMIN = "/etc/kubernetes/admin.conf"
# Files that Podman and Docker put into each container, and Kubernetes into each pod.
CONTAINERS = ("/run/.containerenv", "/.dockerenv", "/var/run/secrets/kubernetes.io")


class ActionModule(Action):
    """Both files are secrets. They are in no result, and only this process and the module copy handle them."""

    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        path = os.path.join(self._loader.get_basedir(), os.path.expanduser(options["path"]))
        if options["state"] == "checked":
            kept = options["cluster_exists"] and os.path.exists(path)
            return {"changed": self._checked(path, options), **({} if kept else _warned(path))}
        return {"changed": self._present(path, options)}

    def _checked(self, path: str, options: t.Mapping[str, t.Any]) -> bool:
        """Whether the directory was created. Raises Refused if the file cannot be written, or other entries would be lost."""
        directory = os.path.dirname(path)
        problem = place_problem(path, directory)
        if problem:
            raise _refused("place", path, problem)
        if not os.path.exists(directory):
            made = self.on_controller("ansible.builtin.file", {"path": directory, "state": "directory", "mode": "0700"})
            if made.get("failed"):
                raise _refused("place", path, f"its directory cannot be created: {made.get('msg')}")
            return True
        if os.path.exists(path) and not options["replace"]:
            old = _content(path)
            admin = self._admin_conf() if options["cluster_exists"] else ""
            lost = kube_config.lost_by(old, admin)
            if lost and not kube_config.is_of_another_user(old, admin):
                whose = "which does not belong to this cluster" + ("" if options["cluster_exists"] else " (it does not exist yet)")
                raise _refused("lost", path, f"it would be replaced, and lose {', '.join(lost)}, {whose}")
        return False

    def _present(self, path: str, options: t.Mapping[str, t.Any]) -> bool:
        if not options["cluster_exists"] or not os.path.isdir(os.path.dirname(path)):
            return True  # in check mode
        text = kube_config.at_server(self._admin_conf(), options["server"])
        if not text:
            raise _unreadable("it is not a kubeconfig")
        old = _content(path)
        # A kubeconfig with fewer rights, as AWX gives it to a job, stays.
        if (old != text and kube_config.means_the_same(old, text)) or (
            kube_config.is_of_another_user(old, text) and not options["replace"]
        ):
            return False
        arguments = {"content": text, "dest": path, "mode": "0600"}
        done = self.on_controller("ansible.builtin.copy", arguments)
        if done.get("failed"):
            raise _refused("unwritable", path, f"it cannot be written ({done.get('msg')}), but the control plane is initialised")
        return bool(done.get("changed"))

    def _admin_conf(self) -> str:
        """The kubeconfig of the control plane. Raises Refused where it cannot be read: it is not absent."""
        read = self.on_target("ansible.legacy.slurp", {"src": ADMIN})
        if "content" not in read:
            raise _unreadable(str(read.get("msg")))
        return base64.b64decode(read["content"]).decode("utf-8", "replace")


def _content(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _warned(path: str) -> Result:
    """Before it is written, a warning if nobody will have the kubeconfig after the run."""
    if not any(os.path.exists(mark) for mark in CONTAINERS):
        return {}
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        why = kube_config.ends_with(os.path.realpath(path), file.read(), os.environ)
    remedy = f"set control_plane_kubeconfig to a path on a volume, or copy {ADMIN} from the control plane afterwards"
    return {"warnings": [f"the kubeconfig {path} will not be kept: {why}; {remedy}"]} if why else {}


def _unreadable(why: str) -> Refused:
    remedy = "only root can read it: set become: true (ansible_become in the inventory takes precedence over become in the play)"
    return Refused([Problem("kubeconfig.unreadable", f"cannot be read on the control plane: {why}", item=ADMIN, remedy=remedy)])


def place_problem(path: str, directory: str) -> str | None:
    """Why no kubeconfig can be at this path."""
    if os.path.exists(directory) and not os.path.isdir(directory):
        return f"{directory} is not a directory"
    if os.path.exists(path) and not os.path.isfile(path):
        return "it is not a file"
    if os.path.exists(path) and not os.access(path, os.R_OK):
        return "it cannot be read, and may belong to another cluster"
    if os.path.exists(directory) and not os.access(directory, os.W_OK | os.X_OK):
        return "its directory is not writable"
    return None


def _refused(code: str, path: str, message: str) -> Refused:
    remedy = "set another control_plane_kubeconfig" + (", or control_plane_kubeconfig_replace=true" if code == "lost" else "")
    return Refused(
        [Problem(f"kubeconfig.{code}", message, item=f"{path} on the controller", field="control_plane_kubeconfig", remedy=remedy)]
    )
