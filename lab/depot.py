"""Where the lab's nodes get packages and images from: apt repositories and an image registry, in one container."""

from __future__ import annotations

import shutil
import typing as t
from dataclasses import dataclass
from pathlib import Path

from lab import containers, serving
from lab.host import run, say, state_dir

NAME = "depot"


@dataclass(frozen=True)
class Depot:
    """What nodes reach: the HTTP root of the lab's packages, the registry's host and port, Debian's packages through a cache."""

    address: str
    packages: str
    registry: str
    debian: str


def get() -> Depot:
    """The depot of this lab's network, running or not."""
    # Far from those that podman hands out: written down in nodes and inventories, so it must not change.
    address = str(containers.network()[250])
    return Depot(address, f"http://{address}", f"{address}:5000", f"http://{address}/debian")


def up(places: t.Sequence[Path] = ()) -> Depot:
    """Start the depot with the content of these shelves, or find it running with them; more may be added while it runs."""
    depot = get()
    _stock(state_dir(NAME), list(places))
    if containers.state(NAME) is None:
        # The only container of the lab that reaches further than the lab, for Debian's packages.
        serving.start(NAME, state_dir(NAME), "--network", f"{containers.NETWORK}:ip={depot.address}", "--network", "podman")
    containers.reach_network()
    for port in (80, 5000):
        serving.wait(depot.address, port)
    return depot


def _stock(home: Path, places: list[Path]) -> None:
    """Hard links of the shelves' content below one root. A shelf replaces its earlier version."""
    # nginx reads and writes it as a user of its own.
    home.chmod(0o755)
    stocked = {path.name for path in home.glob("*-*")}
    names = {place.name.rpartition("-")[0] for place in places}
    if any(name.rpartition("-")[0] in names for name in stocked - {place.name for place in places}):
        say("the content of the depot has changed: filling it again")
        for entry in home.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        stocked = set()
        containers.remove(NAME)
    for place in places:
        if place.name not in stocked:
            run("cp", "--archive", "--link", "--no-clobber", f"{place}/.", str(home))
            (home / place.name).touch()
