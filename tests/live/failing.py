"""The n-th write of a module fails, for every n: its result must be true to what was written.

One write fails below the module, where its client sends or its host is changed. What is true is told by others: a snapshot of the server
before and after, and the module's own check mode afterwards. Runs on nodes too, so it uses the standard library only.
"""

from __future__ import annotations

import typing as t
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

Arguments = t.Dict[str, t.Any]
Key = t.Tuple[str, str]
FAULTS = ("refused", "lost before", "lost after")


@dataclass
class Fault:
    """Makes the `number`th write fail `how`; a server that is lost stays lost until the run ends."""

    number: int
    how: str
    writes: int = 0
    lost: bool = False
    fired: bool = False
    seen: list[str] = field(default_factory=list)

    def send(self, what: str, is_write: bool, send: t.Callable[[], t.Any], errors: dict[str, t.Callable[[], Exception]]) -> t.Any:
        if self.lost:
            raise errors["lost before"]()
        self.writes += is_write
        if not is_write or self.writes != self.number:
            return send()
        self.fired = True
        self.seen.append(what)
        self.lost = self.how != "refused"
        if self.how == "lost after":
            send()
        raise errors[self.how]()


# Makes the client of a module fail so, as long as the context lasts.
Seam = t.Callable[[Fault], AbstractContextManager[t.Any]]


class Case(t.Protocol):
    """A module on its server: Ground, or what looks like it."""

    task: t.Any

    def snapshot(self) -> t.Any: ...


def keys(entries: t.Iterable[t.Mapping[str, t.Any]]) -> set[Key]:
    # Which token a run makes is known only once it is made.
    unnamed = ("bootstrap_token", "create")
    return {(entry["kind"], "" if (entry["kind"], entry["action"]) == unnamed else entry["object"]) for entry in entries}


def every_write_fails(
    case: Case,
    reset: t.Callable[[], None],
    arguments: Arguments,
    seam: Seam,
    *,
    least: int,
    faults: t.Sequence[str] = FAULTS,
    twice: t.Collection[Key] = (),
) -> None:
    """`reset` brings the server to where the run begins; `least`: how many writes the run has at least.

    `twice`: changes that a run makes again as long as what needs them is not written.
    """
    for how in faults:
        number = 0
        while True:
            number += 1
            reset()
            before = case.snapshot()
            planned = keys(case.task.check(**arguments)["changes"])
            fault = Fault(number, how)
            with seam(fault):
                result = case.task.apply(**arguments)
            if not fault.fired:
                assert not result.get("failed"), result
                break
            after = case.snapshot()
            left = keys(case.task.check(**arguments)["changes"])
            where = f"write {number} ({fault.seen[0]}) {how}: {result}"
            # A module may prove that what failed was done nevertheless.
            assert result.get("failed") or not left, where
            done, unknown = keys(result["changes"]), keys(result.get("unknown", []))
            failed, skipped = keys(result.get("failures", [])), keys(result.get("not_attempted", []))
            assert done | unknown | failed | skipped >= planned, f"a change is not told; {where}"
            assert not done & (unknown | failed | skipped), f"a change is told twice; {where}"
            assert not done & left - {*twice}, f"told as made, and is not; {where}"
            assert skipped <= left, f"told as not attempted, and was made; {where}"
            assert failed <= left or result["changed"], f"told as failed, and was made; {where}"
            assert result["changed"] or after == before, f"changed is false, and something was written; {where}"
            assert result["changed"] == bool(done or unknown) or failed, f"changed is true, and nothing was written; {where}"
            again = case.task.apply(**arguments)
            assert not again.get("failed"), f"the next run fails: {again}; {where}"
            assert keys(case.task.check(**arguments)["changes"]) == set(), where
        assert number > least, f"{how}: the run had only {number - 1} writes"
