"""Addresses on loopback for one process each, and cuts between them."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import itertools
import random
import typing as t
from pathlib import Path

from lab.host import CACHE, IDENTITY, LabError, run

NETWORK = "127.77"
CHAIN = f"ECO2-LAB-{IDENTITY}"


class Net:
    """127.77.N.0/24 for as long as it is open: no other lab on this machine takes it meanwhile."""

    def __init__(self) -> None:
        locks = CACHE / "nets"
        locks.mkdir(parents=True, exist_ok=True)
        numbers = random.sample(range(1, 255), 254)
        for self.number in numbers:
            self._lock = (locks / str(self.number)).open("w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                continue
            # The lock of a run that was killed is gone, its servers may not be.
            if f"{NETWORK}.{self.number}" not in _taken():
                self._hosts = itertools.count(1)
                return
            self._lock.close()
        raise LabError(f"every network of {NETWORK}.0.0/16 is taken: end what is left there")

    def address(self) -> str:
        return f"{NETWORK}.{self.number}.{next(self._hosts)}"

    def close(self) -> None:
        self._lock.close()


class Beyond(Net):
    """198.18.N.0/24 on the loopback interface: of a range for tests of networks, so these are no loopback addresses."""

    def __init__(self) -> None:
        self._given: list[str] = []
        super().__init__()

    def address(self) -> str:
        found = super().address().replace(NETWORK, "198.18")
        run("ip", "address", "replace", f"{found}/32", "dev", "lo")
        self._given.append(found)
        return found

    def close(self) -> None:
        for given in self._given:
            run("ip", "address", "delete", f"{given}/32", "dev", "lo")
        super().close()


def _taken() -> set[str]:
    """The networks in which a process listens, as their first three numbers."""
    found = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        local, dummy, state = line.split()[1:4]
        if state == "0A":
            # The address stands there as the machine's own number, lowest byte first.
            found.add(str(ipaddress.IPv4Address(bytes.fromhex(local[:8])[::-1])).rpartition(".")[0])
    return found


@contextlib.contextmanager
def cut(ones: t.Collection[str], others: t.Collection[str]) -> t.Iterator[None]:
    """No packet passes between an address of `ones` and one of `others`, in either direction, until the end."""
    rules = [("-s", a, "-d", b, "-j", "DROP") for one in ones for other in others for a, b in ((one, other), (other, one))]
    _chain()
    done = []
    try:
        for rule in rules:
            run("iptables", "-w", "-A", CHAIN, *rule)
            done.append(rule)
        yield
    finally:
        for rule in done:
            run("iptables", "-w", "-D", CHAIN, *rule)
        _remove_chain_if_empty()


def _chain() -> None:
    if not _rules(CHAIN):
        run("iptables", "-w", "-N", CHAIN)
        run("iptables", "-w", "-I", "INPUT", "-i", "lo", "-j", CHAIN)


def _remove_chain_if_empty() -> None:
    if len(_rules(CHAIN)) == 1:
        run("iptables", "-w", "-D", "INPUT", "-i", "lo", "-j", CHAIN)
        run("iptables", "-w", "-X", CHAIN)


def _rules(chain: str) -> list[str]:
    """The chain's definition and rules; empty where there is no such chain."""
    return [line for line in run("iptables", "-w", "-S").splitlines() if line.split()[1] == chain]
