# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs kubeadm on this machine: one at a time, in a bounded time, its configuration by stdin only.

Private to this collection. Runs on nodes, so Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.eco2.platform.plugins.module_utils._net import certificates
from ansible_collections.eco2.platform.plugins.module_utils._node import kubeadm_errors

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_VALIDATES_FROM = (1, 26)  # kubeadm config validate
_LOCK = "run/lock/eco2-platform-kubeadm.lock"
CONTROL_PLANE_FILES = (
    "etc/kubernetes/manifests/kube-apiserver.yaml",
    "etc/kubernetes/manifests/etcd.yaml",
    "etc/kubernetes/admin.conf",
    "var/lib/etcd/member",
)
LEFTOVERS = (
    "etc/kubernetes/kubelet.conf",
    "etc/kubernetes/bootstrap-kubelet.conf",
    "etc/kubernetes/pki/ca.crt",
    "var/lib/kubelet/config.yaml",
)


def is_running(root: str = "/") -> bool:
    """Whether a kubeadm that this collection has started is still at work, as where its play was cut off."""
    try:
        descriptor = os.open(f"{root}/{_LOCK}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


class KubeadmError(Exception):
    """What went wrong, in one line a person can act on; nothing secret is in it."""


@dataclass(frozen=True)
class Ran:
    """What came of a command: its output (both streams, in order), masked."""

    code: int
    output: str
    timed_out: bool


class Machine:
    """The machine that this runs on, or a directory that stands for it."""

    def __init__(self, root: str = "/", path: str = _PATH) -> None:
        self._root = Path(root)
        self._path = path
        self._lock: int | None = None

    def there(self, name: str) -> bool:
        return (self._root / name).exists()

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._root / name).unlink()

    def leftovers(self) -> list[str]:
        """What a join leaves behind, finished or not."""
        return [f"/{name}" for name in LEFTOVERS if self.there(name)]

    def control_plane(self) -> list[str]:
        """What only a control plane has."""
        return [f"/{name}" for name in CONTROL_PLANE_FILES if self.there(name)]

    def static_pods(self) -> list[str]:
        directory = self._root / "etc/kubernetes/manifests"
        return sorted(path.name for path in directory.iterdir() if not path.name.startswith(".")) if directory.is_dir() else []

    def joined_to(self) -> list[str]:
        """The pins of the CAs that kubelet.conf trusts; empty where it has not joined or they cannot be read."""
        try:
            text = (self._root / "etc/kubernetes/kubelet.conf").read_text(encoding="utf-8")
            found = re.search(r"certificate-authority-data:\s*\"?([A-Za-z0-9+/=]+)", text)
            if found:
                return certificates.spki_pins(base64.b64decode(found.group(1)).decode("ascii"))
            return certificates.spki_pins((self._root / "etc/kubernetes/pki/ca.crt").read_text(encoding="ascii"))
        except (OSError, ValueError, binascii.Error):
            return []

    def kubeadm_version(self) -> str:
        """Such as v1.36.3."""
        ran = self.run(["kubeadm", "version", "-o", "short"], timeout=30)
        found = re.search(r"v\d+\.\d+\.\d+\S*", ran.output)
        if ran.code != 0 or not found:
            raise KubeadmError(f"kubeadm does not tell its version: {kubeadm_errors.explain(ran.output)}")
        return found.group()

    def validate(self, configuration: str, version: str, *secrets: str) -> None:
        """Ask kubeadm itself whether it takes the configuration; from 1.26 on it can say so."""
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
        if numbers < _VALIDATES_FROM:
            return
        ran = self.run(["kubeadm", "config", "validate", "--config", "/dev/stdin"], configuration, 60, *secrets)
        if ran.code != 0:
            raise KubeadmError(f"kubeadm {version} does not take the configuration: {kubeadm_errors.explain(ran.output)}")

    def node_name(self) -> str:
        """The name of this machine's Node, by the kubelet's client certificate; "" where there is none."""
        try:
            pem = (self._root / "var/lib/kubelet/pki/kubelet-client-current.pem").read_text(encoding="ascii")
            return certificates.common_name(pem).partition("system:node:")[2]
        except (OSError, ValueError):
            return ""

    def wait_until_registered(self, name: str, timeout: float) -> None:
        """Until the API server knows the Node, asked as the kubelet would. Without kubectl nothing is waited for."""
        if not shutil.which("kubectl", path=self._path):
            return
        command = ["kubectl", "--kubeconfig", str(self._root / "etc/kubernetes/kubelet.conf"), "--request-timeout", "5s"]
        deadline = time.monotonic() + timeout
        while True:
            ran = self.run([*command, "get", "node", name, "--output", "name"], timeout=15)
            if ran.code == 0:
                return
            if time.monotonic() > deadline:
                said = kubeadm_errors.explain(ran.output, kubelet_says=self.kubelet_error())
                raise KubeadmError(f"the kubelet has not registered the Node {name} within {timeout:.0f} s: {said}")
            time.sleep(0.5)

    def kubelet_error(self, *secrets: str) -> str:
        """The kubelet's own last error line, from the journal; "" where there is none."""
        command = ["journalctl", "--unit", "kubelet", "--lines", "200", "--no-pager", "--output", "cat", "--since", "-15min"]
        try:
            return kubeadm_errors.kubelet_error(self.run(command, "", 20, *secrets).output)
        except KubeadmError:
            return ""

    @contextlib.contextmanager
    def alone(self, timeout: float) -> t.Iterator[bool]:
        """Keep every other kubeadm of this collection away; yields whether there was one to wait for.

        A play that was cut off leaves its kubeadm running: the next one waits for it instead of working against it. kubeadm
        inherits the lock, so that it holds as long as kubeadm lives, even where this process is killed.
        """
        file = self._root / _LOCK
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        deadline, waited = time.monotonic() + timeout, False
        try:
            while not _locked(self._lock):
                waited = True
                if time.monotonic() > deadline:
                    raise KubeadmError(f"another kubeadm has been running for {timeout:.0f} s (lock {file}); wait for it, or end it")
                time.sleep(0.5)
            yield waited
        finally:
            os.close(self._lock)
            self._lock = None

    def run(self, command: list[str], stdin: str = "", timeout: float = 60, *secrets: str) -> Ran:
        """Run it in a group of its own, which is killed as a whole when the time is over. Raises KubeadmError where it is missing."""
        program = shutil.which(command[0], path=self._path)
        if not program:
            raise KubeadmError(f"{command[0]} is not installed (role kubernetes_node installs it)")
        process = subprocess.Popen(  # noqa: S603 # pylint: disable=ansible-bad-function
            [program, *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": self._path, "LC_ALL": "C.UTF-8", "HOME": "/root"},
            start_new_session=True,
            pass_fds=() if self._lock is None else (self._lock,),
        )
        with _hangups_ignored(process):
            try:
                output, dummy = process.communicate(stdin.encode(), timeout=timeout)
                timed_out = False
            except subprocess.TimeoutExpired:
                output, timed_out = _end(process), True
        return Ran(process.returncode, kubeadm_errors.mask(output.decode(errors="replace"), *secrets), timed_out)


@contextlib.contextmanager
def _hangups_ignored(process: subprocess.Popen[bytes]) -> t.Iterator[None]:
    """A connection that is cut must not leave kubeadm without its time limit; being told to end ends it too."""

    def end(number: int, dummy: t.Any) -> None:
        _end(process)
        raise SystemExit(128 + number)

    before = {signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.SIGTERM: signal.signal(signal.SIGTERM, end)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> bytes:
    """Its output so far, after the end of its whole group: asked first, then killed."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.communicate(timeout=patience)[0]
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
    return output


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
