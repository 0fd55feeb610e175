"""Pairs of timings: interleaved, so that a busy machine disturbs both alike; medians, as ratios."""

from __future__ import annotations

import statistics
import time
import typing as t
from dataclasses import dataclass

Run = t.Callable[[], None]


@dataclass(frozen=True)
class Pair:
    """`ours` and `peer` in seconds, median of the interleaved runs; `limit` says what the pair must show."""

    name: str
    ours: float
    peer_name: str
    peer: float
    limit: str
    holds: bool

    def record(self) -> dict[str, t.Any]:
        return {
            "name": self.name,
            "ours_seconds": round(self.ours, 4),
            "peer": self.peer_name,
            "peer_seconds": round(self.peer, 4),
            "ratio": round(self.ours / self.peer, 3),
        }

    def line(self) -> str:
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        return (
            f"{self.name}: ours {self.ours:.3f} s, {self.peer_name} {self.peer:.3f} s, "
            f"ratio {self.ours / self.peer:.3f}, difference {self.ours - self.peer:+.3f} s; {self.limit}: {verdict}"
        )


def interleaved(ours: Run, peer: Run, rounds: int) -> tuple[float, float]:
    """Median seconds of each; the one that goes first alternates."""
    times: dict[Run, list[float]] = {ours: [], peer: []}
    for number in range(rounds):
        for run in (ours, peer) if number % 2 == 0 else (peer, ours):
            times[run].append(seconds(run))
    return statistics.median(times[ours]), statistics.median(times[peer])


def seconds(run: Run) -> float:
    """How long it takes; a run may return its own figure instead, where it prepares something first."""
    start = time.perf_counter()
    own = t.cast("float | None", run())
    return time.perf_counter() - start if own is None else own


def at_most_times(name: str, factor: float, ours: Run, peer: Run, peer_name: str, rounds: int = 5) -> Pair:
    a, b = interleaved(ours, peer, rounds)
    return Pair(name, a, peer_name, b, f"at most {factor} times", a <= factor * b)


def at_most_above(name: str, allowance: float, ours: Run, peer: Run, peer_name: str, rounds: int = 5) -> Pair:
    a, b = interleaved(ours, peer, rounds)
    return Pair(name, a, peer_name, b, f"at most {allowance} s above", a <= b + allowance)


def faster_by(name: str, factor: float, ours: Run, peer: Run, peer_name: str, rounds: int = 3) -> Pair:
    a, b = interleaved(ours, peer, rounds)
    return Pair(name, a, peer_name, b, f"at least {factor} times faster", b >= factor * a)
