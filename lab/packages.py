"""Debian packages of the lab's own, under the names and in the layout of pkgs.k8s.io and Docker's repository.

What is built from Go modules is packed as users get it: same package names, paths, units, configuration files and dependencies, in
apt repositories signed by a key of the lab's own.
"""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from lab import binaries
from lab.host import run

ARCHITECTURE = "amd64"


@dataclass(frozen=True)
class Package:
    """`files` maps a path on the node to a file here or to text; `conffiles` are those that a user may edit."""

    name: str
    version: str
    depends: str
    files: dict[str, Path | str]
    conffiles: tuple[str, ...] = ()
    # Packages whose files it has too, and whose place it takes.
    stands_for: str = ""
    scripts: dict[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return f"{self.name}_{self.version}_{ARCHITECTURE}.deb"

    def build(self, target: Path, scratch: Path) -> None:
        root = scratch / self.name
        for path, content in self.files.items():
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, place)
                place.chmod(0o755)
            else:
                place.write_text(content, encoding="utf-8")
        control = root / "DEBIAN"
        control.mkdir()
        relations = f"Depends: {self.depends}\n" if self.depends else ""
        if self.stands_for:
            relations += "".join(f"{relation}: {self.stands_for}\n" for relation in ("Provides", "Conflicts", "Replaces"))
        (control / "control").write_text(
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {ARCHITECTURE}\nMaintainer: eco2 lab <lab@localhost>\n"
            f"{relations}Section: net\nPriority: optional\nDescription: {self.name} of the eco2 lab\n",
            encoding="utf-8",
        )
        if self.conffiles:
            (control / "conffiles").write_text("".join(f"{path}\n" for path in self.conffiles), encoding="utf-8")
        for name, text in self.scripts.items():
            (control / name).write_text(f"#!/bin/sh\nset -e\n{text}\n", encoding="utf-8")
            (control / name).chmod(0o755)
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(root), str(target / self.file_name))
        shutil.rmtree(root)


def _service(text: str) -> str:
    return textwrap.dedent(text).lstrip()


KUBELET_SERVICE = _service("""
    [Unit]
    Description=kubelet: The Kubernetes Node Agent
    Wants=network-online.target
    After=network-online.target

    [Service]
    ExecStart=/usr/bin/kubelet
    Restart=always
    StartLimitInterval=0
    RestartSec=10

    [Install]
    WantedBy=multi-user.target
""")

# The order of these decides which flag wins: KUBELET_EXTRA_ARGS is last, as in the original.
KUBEADM_DROP_IN = _service("""
    [Service]
    Environment="KUBELET_KUBECONFIG_ARGS=\\
    --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
    Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
    EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
    EnvironmentFile=-/etc/default/kubelet
    ExecStart=
    ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
""")

# Without the limits and the OOM score of the original, which a node without CAP_SYS_RESOURCE cannot set.
CONTAINERD_SERVICE = _service("""
    [Unit]
    Description=containerd container runtime
    After=network.target dbus.service

    [Service]
    ExecStartPre=-/sbin/modprobe overlay
    ExecStart=/usr/bin/containerd
    Type=notify
    Delegate=yes
    KillMode=process
    Restart=always
    RestartSec=5
    TasksMax=infinity

    [Install]
    WantedBy=multi-user.target
""")

# As Docker's package ships it: the CRI plugin is off.
DOCKER_CONFIGURATION = 'disabled_plugins = ["cri"]\n'

RESTART = "systemctl daemon-reload >/dev/null 2>&1 || true\n[ ! -d /run/systemd/system ] || systemctl {verb} {unit} >/dev/null 2>&1 || true"


def kubernetes(version: str) -> list[Package]:
    """kubelet, kubeadm, kubectl of that version, and the kubernetes-cni and cri-tools beside them."""
    programs = binaries.build(binaries.kubernetes(version))
    minor = int(version.split(".")[1])
    # Since 1.32 kubeadm names nothing that it needs.
    kubeadm = "" if minor >= 32 else "cri-tools (>= 1.25.0), kubelet (>= 1.19.0), kubectl (>= 1.19.0), kubernetes-cni (>= 1.2.0)"
    tools = "iptables (>= 1.4.21), kubernetes-cni (>= 1.2.0), iproute2, mount, util-linux"
    if minor < 32:
        tools += ", socat, ethtool, ebtables, conntrack"
    plugins = binaries.build(binaries.CNI)
    return [
        Package(
            "kubelet",
            f"{version}-1.1",
            tools,
            {
                "/usr/bin/kubelet": programs / "kubelet",
                "/usr/lib/systemd/system/kubelet.service": KUBELET_SERVICE,
                "/etc/default/kubelet": "KUBELET_EXTRA_ARGS=\n",
            },
            ("/etc/default/kubelet",),
            scripts={"postinst": RESTART.format(verb="enable", unit="kubelet")},
        ),
        Package(
            "kubeadm",
            f"{version}-1.1",
            kubeadm,
            {"/usr/bin/kubeadm": programs / "kubeadm", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": KUBEADM_DROP_IN},
            scripts={"postinst": "systemctl daemon-reload >/dev/null 2>&1 || true"},
        ),
        Package("kubectl", f"{version}-1.1", "", {"/usr/bin/kubectl": programs / "kubectl"}),
        Package(
            "kubernetes-cni",
            "1.9.1-1.1",
            "",
            {f"/opt/cni/bin/{name}": plugins / name for name in ("bridge", "host-local", "loopback", "portmap")},
        ),
        Package("cri-tools", f"1.{minor}.0-1.1", "", {"/usr/bin/crictl": binaries.build(binaries.CRI_TOOLS) / "crictl"}),
    ]


def containerd(version: str, debian: str, codename: str) -> Package:
    programs = binaries.build(binaries.containerd(version))
    files: dict[str, Path | str] = {f"/usr/bin/{name}": programs / name for name in ("containerd", "containerd-shim-runc-v2", "ctr")}
    files["/usr/bin/runc"] = Path(shutil.which("runc") or "/usr/sbin/runc")
    files["/lib/systemd/system/containerd.service"] = CONTAINERD_SERVICE
    files["/etc/containerd/config.toml"] = DOCKER_CONFIGURATION
    return Package(
        "containerd.io",
        f"{version}-1~debian.{debian}~{codename}",
        "libc6, libseccomp2 (>= 2.5.0)",
        files,
        ("/etc/containerd/config.toml",),
        "containerd, runc",
        {
            "postinst": RESTART.format(verb="enable", unit="containerd")
            + "\n[ ! -d /run/systemd/system ] || systemctl restart containerd >/dev/null 2>&1 || true",
        },
    )


class Repository:
    """An apt repository under construction: a directory of packages, indexed and signed."""

    def __init__(self, root: Path, keyring: Path) -> None:
        self.root = root
        self.keyring = keyring

    def flat(self, place: str, packages: list[Package], scratch: Path) -> None:
        """The layout of pkgs.k8s.io: index, packages and Release.key in one directory."""
        home = self.root / place
        self._add(home / ARCHITECTURE, packages, scratch)
        self._index(home, f"{ARCHITECTURE}/", home / "Packages")
        self._sign(home, ())
        self._key(home / "Release.key")

    def suite(self, place: str, suite: str, component: str, packages: list[Package], scratch: Path) -> None:
        """The layout of Docker's repository: dists and pool, the key beside them as `gpg`."""
        home = self.root / place
        pool = f"dists/{suite}/pool/{component}/{ARCHITECTURE}"
        self._add(home / pool, packages, scratch)
        index = home / "dists" / suite / component / f"binary-{ARCHITECTURE}"
        index.mkdir(parents=True)
        self._index(home, f"{pool}/", index / "Packages")
        self._sign(
            home / "dists" / suite, (("Suite", suite), ("Codename", suite), ("Components", component), ("Architectures", ARCHITECTURE))
        )
        self._key(home / "gpg")

    def _add(self, place: Path, packages: list[Package], scratch: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        for package in packages:
            package.build(place, scratch)

    def _index(self, home: Path, directory: str, target: Path) -> None:
        target.write_text(run("apt-ftparchive", "packages", directory, directory=home), encoding="utf-8")

    def _sign(self, home: Path, fields: tuple[tuple[str, str], ...]) -> None:
        options = [f"--option=APT::FTPArchive::Release::{name}={value}" for name, value in (("Origin", "eco2 lab"), *fields)]
        (home / "Release").write_text(run("apt-ftparchive", *options, "release", ".", directory=home), encoding="utf-8")
        self._gpg("--clearsign", "--output", str(home / "InRelease"), str(home / "Release"))
        self._gpg("--armor", "--detach-sign", "--output", str(home / "Release.gpg"), str(home / "Release"))

    def _key(self, target: Path) -> None:
        target.write_text(self._gpg("--armor", "--export"), encoding="utf-8")

    def _gpg(self, *arguments: str) -> str:
        home = ("gpg", "--homedir", str(self.keyring), "--batch", "--quiet")
        if not self.keyring.exists():
            self.keyring.mkdir(parents=True, mode=0o700)
            run(*home, "--passphrase", "", "--quick-generate-key", "eco2 lab", "rsa3072", "sign", "never")
        return run(*home, "--yes", *arguments)
