"""A real API server without nodes: etcd, kube-apiserver and kube-controller-manager as processes on loopback.

For what needs the API and its controllers and no kubelet, such as a fleet of 1,000 Node objects.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import textwrap
import time
import typing as t
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lab import binaries
from lab.host import STATE, LabError, run, say, state_dir

VERSION = "1.36.3"
PATIENCE = 90.0  # seconds; a busy machine takes a tenth of it
# kubeadm refuses to advertise loopback. Nobody listens here: it goes into the certificate only (RFC 5737).
ADVERTISED = "192.0.2.1"
PROCESSES = ("etcd", "apiserver", "controller-manager")


@dataclass(frozen=True)
class ApiServer:
    """`kubeconfig` is the path of a kubeconfig with all rights; `home` holds logs, certificates and data."""

    name: str
    version: str
    url: str
    kubeconfig: str
    home: Path

    def kubectl(self, *arguments: str, stdin: bytes | None = None) -> str:
        return run(str(_program(self.version, "kubectl")), "--kubeconfig", self.kubeconfig, *arguments, stdin=stdin)

    def kubeadm(self, *arguments: str) -> str:
        return run(str(_program(self.version, "kubeadm")), "--kubeconfig", self.kubeconfig, *arguments)

    def user(self, name: str, *groups: str) -> str:
        """The path of a kubeconfig for a user of this name in these groups, and with no rights but theirs."""
        orgs = [part for group in groups for part in ("--org", group)]
        config = ("--config", str(self.home / "kubeadm.yaml"))
        text = run(str(_program(self.version, "kubeadm")), "kubeconfig", "user", *config, "--client-name", name, *orgs)
        path = self.home / f"{name.replace('/', '_').replace(':', '_')}.conf"
        _write(path, text)
        return str(path)

    def kill(self, process: str) -> None:
        """End one of its PROCESSES at once, as a crash would."""
        _end(_state(self.name)["processes"][process], signal.SIGKILL)

    def start(self) -> None:
        """Start again what does not run any more; the controller manager ends itself when the API server goes."""
        state = _state(self.name)
        for process in PROCESSES:
            if not _is_running(state["processes"][process]):
                state["processes"][process] = _start(self.home, process, state["processes"][process]["command"])
                _write(self.home / "state.json", json.dumps(state))
            if process == "apiserver":
                _wait(self)


def up(name: str, version: str = VERSION) -> ApiServer:
    """Start the API server of this name, or find it running."""
    with contextlib.suppress(LabError):
        return get(name)
    down(name)
    begin = time.monotonic()
    home = state_dir("apiservers", name)
    try:
        server = _start_all(home, name, version)
    except (LabError, OSError):
        _stop_all(home)
        raise
    say(f"{name}: Kubernetes {version} API server at {server.url} ({time.monotonic() - begin:.1f} s)")
    return server


def down(name: str) -> None:
    home = STATE / "apiservers" / name
    _stop_all(home)
    shutil.rmtree(home, ignore_errors=True)


def names() -> list[str]:
    return sorted(path.parent.name for path in STATE.glob("apiservers/*/state.json"))


def get(name: str) -> ApiServer:
    """The running API server of this name; LabError where there is none, or not all of it."""
    if name not in names():
        raise LabError(f"there is no API server {name}")
    state = _state(name)
    dead = [process for process in PROCESSES if not _is_running(state["processes"][process])]
    if dead:
        raise LabError(f"API server {name}: {', '.join(dead)} does not run")
    return ApiServer(name, state["version"], state["url"], state["kubeconfig"], STATE / "apiservers" / name)


def _start_all(home: Path, name: str, version: str) -> ApiServer:
    port, etcd, peer, manager = _free_ports(4)
    server = ApiServer(name, version, f"https://localhost:{port}", str(home / "super-admin.conf"), home)
    _certificates(server, port)
    commands = {
        "etcd": _etcd(home, etcd, peer),
        "apiserver": _apiserver(home, port, etcd),
        "controller-manager": _controller_manager(home, manager),
    }
    state: dict[str, t.Any] = {"version": version, "url": server.url, "kubeconfig": server.kubeconfig, "processes": {}}
    for process in PROCESSES:
        command = [str(_program(version, commands[process][0])), *commands[process][1:]]
        state["processes"][process] = _start(home, process, command)
        _write(home / "state.json", json.dumps(state))
        if process == "apiserver":
            _wait(server)
    # The public cluster-info and what kubeadm lets a bootstrap token do.
    kubeadm = str(_program(version, "kubeadm"))
    config = ("--config", str(home / "kubeadm.yaml"), "--kubeconfig", server.kubeconfig)
    run(kubeadm, "init", "phase", "bootstrap-token", *config, "--skip-token-print")
    # kubeadm makes a token of its own, which is not needed.
    server.kubectl("delete", "secrets", "--namespace", "kube-system", "--field-selector", "type=bootstrap.kubernetes.io/token")
    return server


def _certificates(server: ApiServer, port: int) -> None:
    """Made by kubeadm, as on a real control plane."""
    home = server.home
    _write(
        home / "kubeadm.yaml",
        textwrap.dedent(f"""\
            apiVersion: kubeadm.k8s.io/v1beta4
            kind: InitConfiguration
            localAPIEndpoint: {{advertiseAddress: {ADVERTISED}, bindPort: {port}}}
            nodeRegistration: {{name: {server.name}, criSocket: "unix:///nonexistent"}}
            ---
            apiVersion: kubeadm.k8s.io/v1beta4
            kind: ClusterConfiguration
            kubernetesVersion: v{server.version}
            certificatesDir: {home}/pki
            controlPlaneEndpoint: localhost:{port}
            apiServer: {{certSANs: [localhost, 127.0.0.1]}}
            """),
    )
    kubeadm = str(_program(server.version, "kubeadm"))
    config = ("--config", str(home / "kubeadm.yaml"))
    for certificate in ("ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "sa"):
        # The key for service accounts comes without a configuration.
        options = ("--cert-dir", f"{home}/pki") if certificate == "sa" else config
        run(kubeadm, "init", "phase", "certs", certificate, *options)
    for user in ("super-admin", "controller-manager"):
        run(kubeadm, "init", "phase", "kubeconfig", user, *config, "--kubeconfig-dir", str(home))
        path = home / f"{user}.conf"
        _write(path, path.read_text(encoding="utf-8").replace(ADVERTISED, "localhost"))


def _etcd(home: Path, port: int, peer: int) -> list[str]:
    address, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return [
        "server",
        f"--data-dir={home}/etcd",
        f"--listen-client-urls={address}",
        f"--advertise-client-urls={address}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",  # what it holds is thrown away
    ]


def _apiserver(home: Path, port: int, etcd: int) -> list[str]:
    pki = f"{home}/pki"
    return [
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--endpoint-reconciler-type=none",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-bootstrap-token-auth=true",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
    ]


def _controller_manager(home: Path, port: int) -> list[str]:
    pki = f"{home}/pki"
    return [
        "kube-controller-manager",
        f"--kubeconfig={home}/controller-manager.conf",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
        "--controllers=*,bootstrapsigner,tokencleaner",
        "--allocate-node-cidrs=true",
        "--cluster-cidr=10.128.0.0/10",
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--service-account-private-key-file={pki}/sa.key",
    ]


def _program(version: str, name: str) -> Path:
    return binaries.build(binaries.kubernetes(version)) / name


def _start(home: Path, process: str, command: list[str]) -> dict[str, t.Any]:
    with open(home / f"{process}.log", "ab") as log:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True)
    return {"pid": started.pid, "born": _born(started.pid), "command": command}


def _born(pid: int) -> str | None:
    """When a process started: a later process may have the same number."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _is_running(process: dict[str, t.Any]) -> bool:
    return process["born"] is not None and _born(process["pid"]) == process["born"]


def _end(process: dict[str, t.Any], how: signal.Signals) -> None:
    """Until its number is free: a process that is merely dead may still hold its port for a moment."""
    if not _is_running(process):
        return
    os.kill(process["pid"], how)
    deadline = time.monotonic() + 10.0
    while Path(f"/proc/{process['pid']}").exists() and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process["pid"], os.WNOHANG)
        time.sleep(0.02)
    if _is_running(process):
        raise LabError(f"process {process['pid']} does not end")


def _stop_all(home: Path) -> None:
    if (home / "state.json").exists():
        state = json.loads((home / "state.json").read_text(encoding="utf-8"))
        for process in reversed(PROCESSES):
            if process in state["processes"]:
                _end(state["processes"][process], signal.SIGKILL)


def _state(name: str) -> dict[str, t.Any]:
    text = (STATE / "apiservers" / name / "state.json").read_text(encoding="utf-8")
    return t.cast("dict[str, t.Any]", json.loads(text))


def _wait(server: ApiServer) -> None:
    """Until the API server says that it is ready."""
    trust = ssl.create_default_context(cafile=str(server.home / "pki" / "ca.crt"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with opener.open(f"{server.url}/readyz", timeout=5.0):
                return
        except (urllib.error.URLError, OSError) as error:
            dead = [name for name, process in _state(server.name)["processes"].items() if not _is_running(process)]
            if dead or time.monotonic() > deadline:
                raise LabError(f"API server {server.name}: {_last_words(server.home, dead) or error}") from error
        time.sleep(0.1)


def _last_words(home: Path, dead: list[str]) -> str:
    return " ".join(f"{name}: {(home / f'{name}.log').read_text(encoding='utf-8', errors='replace')[-600:]}" for name in dead)


def _write(path: Path, text: str) -> None:
    """Write the file in one step; only its owner can read it."""
    scratch = path.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(text, encoding="utf-8")
    scratch.rename(path)


def _free_ports(count: int) -> list[int]:
    """Ports outside the range of outgoing connections, so that they are still free when a server starts again."""
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    candidates = random.sample(range(first_ephemeral - 8192, first_ephemeral), 1000)
    found: list[int] = []
    for port in candidates:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise LabError("there are no free ports")
