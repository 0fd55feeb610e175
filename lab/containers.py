"""Containers and the network of one lab: found, told apart and removed by their labels."""

from __future__ import annotations

import ipaddress
import json
import typing as t

from lab.host import IDENTITY, LABEL, LabError, podman, run, say

NETWORK = f"eco2-lab-{IDENTITY}"


def full_name(name: str) -> str:
    return f"eco2-lab-{IDENTITY}-{name}"


def labels(kind: str) -> tuple[str, ...]:
    """Flags for podman run: ours, and what it is: a broker, a node or the depot."""
    return ("--label", LABEL, "--label", f"eco2.kind={kind}")


def names(kind: str | None = None) -> list[str]:
    """The lab's containers of that kind, or all, running or not."""
    filters = ("--filter", f"label={LABEL}", *(("--filter", f"label=eco2.kind={kind}") if kind else ()))
    listed = podman("ps", "--all", *filters, "--format", "{{.Names}}").split()
    return sorted(entry.removeprefix(full_name("")) for entry in listed)


def nodes_of_all_labs() -> list[str]:
    """Also those of other checkouts, with which this machine's settings are shared."""
    return podman("ps", "--all", "--filter", "label=eco2.lab", "--filter", "label=eco2.kind=node", "--format", "{{.Names}}").split()


def state(name: str) -> str | None:
    """podman's word for the container's state; None where it does not exist. Refuses one that is not ours."""
    container = full_name(name)
    found = podman("ps", "--all", "--filter", f"name=^{container}$", "--format", "json")
    entries = json.loads(found or "[]")
    if not entries:
        return None
    if (entries[0].get("Labels") or {}).get("eco2.lab") != IDENTITY:
        raise LabError(f"container {container} was not made by this lab: rename or remove it yourself")
    return str(entries[0]["State"])


def remove(name: str) -> bool:
    """Remove the container with its volumes; False where there is none."""
    if state(name) is None:
        return False
    podman("rm", "--force", "--time", "3", "--volumes", full_name(name))
    say(f"removed {name}")
    return True


def network() -> ipaddress.IPv4Network:
    """The lab's own bridge, made if it does not exist. It is internal: its containers reach this host and no further."""
    if not podman("network", "ls", "--filter", f"label={LABEL}", "--format", "{{.Name}}").split():
        podman("network", "create", "--label", LABEL, "--disable-dns", "--internal", NETWORK)
    (description,) = json.loads(podman("network", "inspect", NETWORK))
    return ipaddress.IPv4Network(description["subnets"][0]["subnet"])


def reach_network() -> None:
    """An address on the bridge for this host: podman gives internal networks none. Once a container is in it, since the bridge is."""
    (description,) = json.loads(podman("network", "inspect", NETWORK))
    subnet = network()
    run("ip", "address", "replace", f"{subnet[254]}/{subnet.prefixlen}", "dev", description["network_interface"])


def remove_network() -> None:
    for name in podman("network", "ls", "--filter", f"label={LABEL}", "--format", "{{.Name}}").split():
        podman("network", "rm", name)


def free_addresses() -> t.Iterator[str]:
    """Addresses for nodes. Chosen by us: in an internal network podman hands out that of the bridge too."""
    taken = {address(name) for name in names("node")}
    return (str(candidate) for candidate in list(network().hosts())[9:240] if str(candidate) not in taken)


def route_nowhere(name: str, gateway: str) -> None:
    """A default route, which kubeadm wants to see, to a container that forwards nothing."""
    process = podman("inspect", "--format", "{{.State.Pid}}", full_name(name)).strip()
    run("nsenter", "--target", process, "--net", "ip", "route", "replace", "default", "via", gateway)


def address(name: str) -> str:
    """The container's address in the lab's network."""
    (description,) = json.loads(podman("inspect", full_name(name)))
    return str(description["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])
