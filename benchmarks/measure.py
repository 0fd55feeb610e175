"""Pairs of timings: interleaved, so that a busy machine disturbs both alike; medians, as ratios."""

from __future__ import annotations

import statistics
import time
import typing as t
from dataclasses import dataclass

# It may return its own figure in seconds, where it prepares something first.
Run = t.Callable[[], t.Optional[float]]


@dataclass(frozen=True)
class Pair:
    """`ours` and `peer` in seconds, medians of the interleaved runs; `limit` says what they must show."""

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
    """How long it takes, by its own figure if it has one."""
    start = time.perf_counter()
    own = run()
    return time.perf_counter() - start if own is None else own


@dataclass(frozen=True)
class Bound:
    """What a pair must show: the words for it, and whether two medians do."""

    words: str
    holds: t.Callable[[float, float], bool]


def at_most_times(factor: float) -> Bound:
    return Bound(f"at most {factor} times", lambda ours, peer: ours <= factor * peer)


def faster_by(factor: float) -> Bound:
    return Bound(f"at least {factor} times faster", lambda ours, peer: peer >= factor * ours)


def compare(name: str, bound: Bound, ours: Run, peer: tuple[str, Run], rounds: int = 5) -> Pair:
    a, b = interleaved(ours, peer[1], rounds)
    return Pair(name, a, peer[0], b, bound.words, bound.holds(a, b))
