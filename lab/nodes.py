"""Bare Debian machines in containers, like the new instances of a cloud: systemd, ssh, Python, sudo, and nothing else.

Login by key as `ubuntu`, who may sudo; no login as root. The operating system's hostname is made of the address, as on EC2, and
differs from the name in the inventory. The nodes share this host's kernel.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import containers, depot, host, images, inotify, shelves
from lab.host import STATE, LabError, podman, require, run, say, state_dir, ulimits

USER = "ubuntu"
PACKAGES = ("systemd-sysv", "dbus", "openssh-server", "python3", "sudo")
SETUP = (
    f"useradd --create-home --shell /bin/bash {USER}",
    f"sh -c 'echo \"{USER} ALL=(ALL) NOPASSWD:ALL\" >/etc/sudoers.d/90-{USER}'",
    "sh -c 'echo \"PermitRootLogin no\nPasswordAuthentication no\nUseDNS no\" >/etc/ssh/sshd_config.d/lab.conf'",
)
READY_WITHIN = 60.0  # seconds; 5 to 10 are usual


@dataclass(frozen=True)
class Node:
    name: str
    address: str
    hostname: str
    container: str

    def run(self, *command: str) -> str:
        """As root in the node, past ssh: for looking and for causing faults."""
        return podman("exec", self.container, *command)


def image(suite: str) -> images.Image:
    return images.Image(f"node-{suite}", suite, PACKAGES, SETUP)


def up(
    names: t.Sequence[str],
    suite: str = "bookworm",
    versions: t.Sequence[str] = (shelves.KUBERNETES,),
    containerds: tuple[str, ...] = shelves.CONTAINERD,
) -> list[Node]:
    """Start these nodes, or find them running; return once ssh answers.

    The depot beside them has these versions of Kubernetes and containerd; without a version of Kubernetes, Debian's packages alone.
    """
    require()
    for name in names:
        containers.state(name)  # refuses one that is not ours
    places = shelves.for_nodes(versions, containerds)
    with ThreadPoolExecutor(max_workers=4) as pool:
        with _lock():
            supplies = depot.up(places)
            reference = images.ensure(image(suite))
            _key()
            inotify.make_room()
            free = containers.free_addresses()
            missing = [name for name in names if containers.state(name) is None]
            list(pool.map(lambda name, address: _create(name, address, suite, reference), missing, free))
        return list(pool.map(lambda name: _up(name, suite, supplies), names))


def _lock() -> contextlib.AbstractContextManager[None]:
    """Several processes start and remove nodes of one lab: addresses, the depot and the network are chosen by one at a time."""
    return host.alone(f"nodes-{host.IDENTITY}")


def down(names: t.Sequence[str]) -> None:
    """Remove these nodes; the depot and the network with the last one."""
    with _lock():
        _down(names)


def _down(names: t.Sequence[str]) -> None:
    for name in names:
        containers.remove(name)
        (STATE / "nodes" / name).unlink(missing_ok=True)
    if not containers.names("node"):
        containers.remove(depot.NAME)
        containers.remove_network()
        if not containers.nodes_of_all_labs():
            inotify.give_back()
        host.remove_state(depot.NAME, "nodes")
    host.forget_unless(containers.names())


def reboot(names: t.Sequence[str], suite: str = "bookworm") -> list[Node]:
    """Stop these nodes and start them again; return once ssh answers."""
    for name in names:
        podman("stop", "--time", "20", get(name).container)
    started = [_up(name, suite, depot.get()) for name in names]
    for node in started:
        # It has another MAC now.
        run("ip", "neigh", "flush", "to", node.address)
    return started


def get(name: str) -> Node:
    if containers.state(name) is None:
        raise LabError(f"no node {name}: run 'python3 -m lab nodes up {name}'")
    address = containers.address(name)
    return Node(name, address, _hostname(address), containers.full_name(name))


def inventory(names: t.Sequence[str] = (), control_plane: str | None = None) -> dict[str, t.Any]:
    """These running nodes, or all, as an Ansible inventory, with what the roles must know of the lab as variables of all."""
    found = [get(name) for name in names or containers.names("node")]
    hosts = {node.name: {"ansible_host": node.address, "kube_node_ip": node.address} for node in found}
    endpoint = {"kube_endpoint": f"{hosts[control_plane]['ansible_host']}:6443"} if control_plane else {}
    return {"all": {"hosts": hosts, "vars": {**connection(), **variables(), **endpoint, "kube_version": shelves.KUBERNETES}}}


def dynamic_inventory(prefix: str) -> dict[str, t.Any]:
    names = [name for name in containers.names("node") if name.startswith(prefix)]
    # Without nodes there is no lab to ask for its variables, and none is started.
    shared = {**connection(), **variables()} if names else {}
    hosts = {name: {"ansible_host": get(name).address} for name in names}
    return {"_meta": {"hostvars": hosts}, "all": {"hosts": names, "vars": shared}}


def connection() -> dict[str, t.Any]:
    return {
        "ansible_user": USER,
        "ansible_become": True,
        "ansible_ssh_private_key_file": str(_key()),
        # The nodes' host keys live as long as the nodes.
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        "ansible_ssh_pipelining": True,
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def variables() -> dict[str, t.Any]:
    """What the roles need in the lab, as in any site without the internet: addresses, and what a shared kernel forbids."""
    found = depot.get()
    legacy = host.cgroup_version() == 1
    return {
        "containerd_apt_repository": f"{found.packages}/docker/linux/debian",
        "containerd_registry_mirrors": [
            {"registry": "_default", "hosts": [{"url": f"http://{found.registry}", "capabilities": ["pull", "resolve"]}]},
        ],
        # Without CAP_SYS_RESOURCE runc cannot lower a container's OOM score.
        "containerd_runtime_settings": {"restrict_oom_score_adj": True},
        "kubernetes_node_apt_repository": f"{found.packages}/kubernetes/core:/stable:/v{{{{ kubernetes_node_minor }}}}/deb/",
        # Swap and host-global sysctls are this machine's, not the node's.
        "kubernetes_node_swap": "leave",
        "kubernetes_node_sysctls": {"net.ipv4.ip_forward": 1},
        "redis_sentinel_sysctls": {},
        "redis_sentinel_transparent_hugepage": "",
        "control_plane_ignore_preflight_errors": ["NumCPU", "Mem", "Swap", *(["SystemVerification"] if legacy else [])],
        "node_join_ignore_preflight_errors": ["Swap", *(["SystemVerification"] if legacy else [])],
        "control_plane_kubelet_configuration": {"failSwapOn": False, **({"failCgroupV1": False} if legacy else {})},
        # kube-proxy would raise the host's nf_conntrack_max.
        "control_plane_manifests": [str(host.PROJECT / "lab" / "manifests" / "cni.yml")],
        "control_plane_pod_subnet": "10.244.0.0/16",
        "control_plane_kube_proxy_configuration": {"conntrack": {"maxPerCore": 0, "min": 0}},
    }


def _up(name: str, suite: str, supplies: depot.Depot) -> Node:
    if containers.state(name) != "running":
        podman("start", containers.full_name(name))
    node = get(name)
    containers.route_nowhere(name, supplies.address)
    source = f"deb [signed-by={images.KEYRING}] {supplies.debian} {suite} main"
    node.run("sh", "-c", f"echo '{source}' >/etc/apt/sources.list")
    # Podman writes this file anew at each start.
    node.run("sh", "-c", f"grep -qx '{node.address} {node.hostname}' /etc/hosts || echo '{node.address} {node.hostname}' >>/etc/hosts")
    _wait_until_ready(node)
    _authorize(node)
    return node


def _create(name: str, address: str, suite: str, reference: str) -> None:
    # systemd 257 and newer refuse the legacy hierarchy unless told.
    legacy = ["SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"] if suite not in ("bookworm",) and host.cgroup_version() == 1 else []
    podman(
        *("run", "--detach", "--name", containers.full_name(name), *containers.labels("node"), *ulimits()),
        *(
            "--network",
            containers.NETWORK,
            "--ip",
            address,
            "--privileged",
            "--cgroupns=private",
            "--systemd=false",
            "--env",
            "container=podman",
        ),
        *("--stop-signal", "SIGRTMIN+3", "--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),  # noqa: S108
        # overlayfs cannot lie on overlayfs.
        *("--volume", "/var/lib/containerd", "--volume", "/var/lib/kubelet", "--volume", "/var/lib/etcd"),
        *(reference, "/sbin/init", *legacy),
    )
    node = get(name)
    node.run("sh", "-c", f"echo {node.hostname} >/etc/hostname; hostname {node.hostname}")
    say(f"started {name} ({node.address}, {node.hostname})")


def _wait_until_ready(node: Node) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        try:
            if node.run("systemctl", "is-active", "ssh").strip() == "active":
                return
        except LabError:
            time.sleep(0.2)
    raise LabError(f"node {node.name} does not start within {READY_WITHIN:.0f} s: 'podman logs {node.container}' may tell why")


def _authorize(node: Node) -> None:
    public = _key().with_suffix(".pub").read_bytes()
    script = f"install -d -o {USER} -g {USER} -m 700 /home/{USER}/.ssh; cat >/home/{USER}/.ssh/authorized_keys"
    podman("exec", "--interactive", node.container, "sh", "-c", script, stdin=public)


def _key() -> Path:
    key = state_dir("nodes") / "id_ed25519"
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "eco2 lab", "-f", str(key))
    return key


def _hostname(address: str) -> str:
    return f"ip-{address.replace('.', '-')}"
