# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run kubeadm on this machine: one at a time, with a time limit, and with its configuration on stdin only.

Private to this collection. Runs on nodes, so it uses Python 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import typing as t
from pathlib import Path

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import until
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, PATH, Done, run
from ansible_collections.eco2.platform.plugins.module_utils._net import certificates
from ansible_collections.eco2.platform.plugins.module_utils._node import facts_kubelet, flags, kubeadm_errors

_VALIDATES_FROM = (1, 26)  # kubeadm config validate
# Only root makes files in /run. In /run/lock every user does, and could keep this lock.
_LOCK = "run/eco2-platform-kubeadm.lock"
KUBELET_CONF = "etc/kubernetes/kubelet.conf"
BOOTSTRAP_CONF = "etc/kubernetes/bootstrap-kubelet.conf"
_API_SERVER, _ADMIN_CONF = "etc/kubernetes/manifests/kube-apiserver.yaml", "etc/kubernetes/admin.conf"
_CONTROL_PLANE = (_API_SERVER, "etc/kubernetes/manifests/etcd.yaml", _ADMIN_CONF, "var/lib/etcd/member")
_MEMBER = (KUBELET_CONF, BOOTSTRAP_CONF, "etc/kubernetes/pki/ca.crt", "var/lib/kubelet/config.yaml")


def is_running(root: str = "/") -> bool:
    """Whether a kubeadm that this collection started is still running, for example after its play was interrupted."""
    try:
        descriptor = os.open(f"{root}/{_LOCK}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def reset_from(root: str = "/") -> list[str]:
    """The pins of the cluster that this collection has reset the machine from since the last boot; empty where it has not."""
    return (files.text(f"{root}/{_LOCK}") or "").split()


class Machine:
    """The machine that this runs on, or a directory that stands for it. `secrets` are masked in everything that a command prints."""

    def __init__(self, root: str = "/", path: str = PATH) -> None:
        self._root = Path(root)
        self._path = path
        self._lock: int | None = None
        self.secrets: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        return (self._root / name).exists()

    def path(self, absolute: str) -> str:
        return str(self._root / absolute.lstrip("/"))

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._root / name).unlink()

    def leftovers(self) -> list[str]:
        """The files of a join that are present, whether it was finished or not."""
        return [f"/{name}" for name in _MEMBER if self.has(name)]

    def control_plane(self) -> list[str]:
        """The files of a control plane that are present."""
        return [f"/{name}" for name in _CONTROL_PLANE if self.has(name)]

    def state(self) -> str:
        if self.control_plane():
            is_whole = self.has(_API_SERVER) and self.has(_ADMIN_CONF) and len(self.leftovers()) >= 3
            return "initialised" if is_whole else "unfinished"
        if self.has(KUBELET_CONF):
            return "joined"
        return "unfinished" if self.leftovers() else "reset"

    def static_pods(self) -> list[str]:
        directory = self._root / "etc/kubernetes/manifests"
        return sorted(path.name for path in directory.iterdir() if not path.name.startswith(".")) if directory.is_dir() else []

    def joined_to(self) -> list[str]:
        """The pins of the CAs that kubelet.conf trusts; empty where it is missing or they cannot be read."""
        seen = facts_kubelet.read(f"{self._root}/")
        return list((seen["kubelet_conf"] or seen)["ca_pins"] or seen["ca_pins"])

    def drop_in_flags(self) -> t.Iterator[tuple[str, flags.Flag]]:
        """The kubelet's flags in files of others, with the path of each; without those that systemd puts together."""
        for entry in facts_kubelet.drop_ins(f"{self._root}/"):
            yield from ((entry["path"], flag) for flag in flags.parsed(entry["flags"]) if flag.name and not re.search("[$%]", str(flag)))

    def kubeadm_version(self) -> str:
        """Such as v1.36.3."""
        done = self.run("kubeadm", "version", "-o", "short")
        found = re.search(r"v\d+\.\d+\.\d+\S*", done.output)
        if done.code != 0 or not found:
            raise ChangeFailed(f"the version of kubeadm cannot be read: {kubeadm_errors.explain(done)}")
        return found.group()

    def validate(self, configuration: str, version: str) -> None:
        """Let kubeadm check the configuration, which it can from 1.26 on."""
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
        if numbers < _VALIDATES_FROM:
            return
        done = self.run("kubeadm", "config", "validate", "--config", "/dev/stdin", stdin=configuration)
        if done.code != 0:
            raise ChangeFailed(f"kubeadm {version} does not accept the configuration: {kubeadm_errors.explain(done)}")

    def node_name(self) -> str:
        """The name of this machine's Node in the kubelet's client certificate; "" where there is none."""
        try:
            pem = (self._root / "var/lib/kubelet/pki/kubelet-client-current.pem").read_text(encoding="ascii")
            return certificates.common_name(pem).partition("system:node:")[2]
        except (OSError, ValueError):
            return ""

    def unregistered(self, name: str, timeout: float) -> str | None:
        """Wait until the API server knows the Node; why it does not. Asks with the kubelet's credentials, and only where kubectl is."""
        command = ["kubectl", "--kubeconfig", str(self._root / KUBELET_CONF), "--request-timeout", "5s", "get", "node", name]
        done = until(lambda: self._run(*command, "--output", "name", timeout=15), lambda done: done.code in (0, MISSING), timeout)
        if done.code in (0, MISSING):
            return None
        said = kubeadm_errors.explain(done, kubelet_says=self.kubelet_error())
        return f"the kubelet has not registered the Node {name} within {timeout:.0f} s: {said}"

    def kubelet_error(self) -> str:
        """The kubelet's last error in the journal; "" where there is none."""
        command = ("journalctl", "--unit", "kubelet", "--lines", "200", "--no-pager", "--output", "cat", "--since", "-15min")
        return kubeadm_errors.kubelet_error(self._run(*command, timeout=20).output)

    @contextlib.contextmanager
    def alone(self, timeout: float) -> t.Iterator[bool]:
        """Keep every other kubeadm of this collection away; yields whether there was one to wait for.

        A play that is interrupted leaves its kubeadm running. kubeadm inherits the lock, so that it stays locked as long as kubeadm
        runs, even if this process is killed.
        """
        file = self._root / _LOCK
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = self._lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            waited = not _locked(lock)
            if waited and not until(lambda: _locked(lock), bool, timeout):
                message = f"another kubeadm has been running for {timeout:.0f} s (lock {file})"
                raise Refused([Problem("kubeadm.busy", message, remedy="wait until it is done, or end it")])
            yield waited
        finally:
            os.close(lock)
            self._lock = None

    def ask(self, *command: str, timeout: float) -> Done:
        """As `run`, and nothing is raised."""
        return self._run(*command, timeout=timeout)

    def remember_reset(self) -> None:
        """Write down in the lock's file which cluster the machine belongs to: a reset leaves files that it has from there."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, "\n".join(self.joined_to()).encode(), 0)

    def run(self, *command: str, stdin: str = "", timeout: float = 60) -> Done:
        """Both output streams in order, masked. Raises ChangeFailed where the program is missing."""
        done = self._run(*command, stdin=stdin, timeout=timeout)
        if done.code == MISSING:
            raise ChangeFailed(f"{command[0]} is not installed; the role kubernetes_node installs it")
        return done

    def _run(self, *command: str, stdin: str = "", timeout: float) -> Done:
        environment = {"PATH": self._path, "LC_ALL": "C.UTF-8", "HOME": "/root"}
        lock = () if self._lock is None else (self._lock,)
        done = run(*command, stdin=stdin, timeout=timeout, environment=environment, merged=True, descriptors=lock, survives_hangup=True)
        return done._replace(output=kubeadm_errors.mask(done.output, *self.secrets))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
