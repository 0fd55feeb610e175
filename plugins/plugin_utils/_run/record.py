# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did, host by host and play by play. Private to this collection.

The callback platform_summary fills RUN in the process of ansible-playbook. Each task runs in a fork of that process, so an action plugin
reads in RUN what was recorded before its task.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

Item = t.Dict[str, t.Any]

ONCE = ""  # in place of a host: the failure of a task that runs once for all hosts
HIDDEN = "failed; no_log hides the reason"
LONGEST = 600  # characters of a failure that are kept


@dataclass
class Play:
    """hosts: in the play; known: how many the inventory has for it, without --limit; limited: those that --limit leaves out.

    selected: by --tags and --skip-tags; ran: the hosts that ran a task.
    """

    name: str
    family: str
    verify: bool
    hosts: list[str]
    known: int
    limited: list[str] = field(default_factory=list)
    selected: bool = True
    began: float = 0.0
    ended: float = 0.0
    ran: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    # The last failure of each host, until it is rescued or the host goes on.
    open: dict[str, str] = field(default_factory=dict)
    # The last failure of each host that ran a task after it. That task may be one of an `always`, before the play rescues the failure.
    passed: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return (self.ended or time.time()) - self.began


@dataclass
class Host:
    """changes: made, or predicted in check mode; drift: what a play that verifies would change."""

    seconds: float = 0.0
    changes: list[Item] = field(default_factory=list)
    drift: list[Item] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    # What is left of it in a play that verifies: a difference from the declaration.
    pending: list[str] = field(default_factory=list)
    unreachable: bool = False

    @property
    def drifted(self) -> bool:
        return bool(self.drift or self.pending)


@dataclass
class Record:
    playbook: str = ""
    check: bool = False
    tags: str = ""  # the options that select tags, as they were given
    began: float = field(default_factory=time.time)
    plays: list[Play] = field(default_factory=list)
    hosts: dict[str, Host] = field(default_factory=dict)

    def host(self, name: str) -> Host:
        return self.hosts.setdefault(name, Host())

    @property
    def play(self) -> Play | None:
        """The play that runs, if it belongs to a family."""
        return self.plays[-1] if self.plays and not self.plays[-1].ended else None

    def play_begins(self, play: Play | None, now: float) -> None:
        """The play before it has ended; None begins a play that belongs to no family."""
        self.play_ends(now)
        if play:
            self.plays.append(play)
            play.began = now

    def play_ends(self, now: float) -> None:
        """Hosts whose failure was not rescued have failed."""
        play = self.play
        if play:
            for host in [name for name in play.open if name != ONCE]:
                self.rescued(host)
            play.ended = now

    def task_done(self, host: str, result: t.Mapping[str, t.Any], task: str, seconds: float) -> None:
        """A task has ended on a host, and has not failed."""
        if self.play:
            self.play.ran.add(host)
            failure = self.play.open.pop(host, "")
            self.play.passed.update({host: failure} if failure else {})
            self._count(self.play, host, result, task, seconds)

    def task_failed(self, host: str, result: t.Mapping[str, t.Any], task: str, seconds: float, once: bool = False) -> None:
        if self.play:
            self.play.ran.add(host)
            text = reason(result, task)
            self.play.open.update({host: text, **({ONCE: f"{text} (for all hosts)"} if once else {})})
            self.host(host).unreachable |= bool(result.get("unreachable"))
            self._count(self.play, host, result, task, seconds)

    def rescued(self, host: str) -> None:
        """The host has failed; its other plays go on."""
        play = self.play
        if play:
            play.failed.add(host)
            known = (play.open.pop(host, ""), play.open.get(ONCE, ""), play.passed.pop(host, ""))
            text = next(filter(None, known), "failed with the other hosts of its play")
            self.host(host).failures += [line for line in [f"{play.family}: {text}"] if line not in self.host(host).failures]

    def _count(self, play: Play, host: str, result: t.Mapping[str, t.Any], task: str, seconds: float) -> None:
        known = self.host(host)
        known.seconds += seconds
        left = texts(result.get("left"))
        known.left += [text for text in [*left, *texts(result.get("noted"))] if text not in known.left]
        if left and play.verify:
            known.pending += [text for text in left if text not in known.pending]
            play.changed.add(host)
        hosts = result.get("hosts_of") or {}
        for change in changes(result, task):
            where = hosts.get(change["object"], host)
            self._change(play, self.host(where), change)
            play.changed.add(where)

    def _change(self, play: Play, host: Host, change: Item) -> None:
        """What is only predicted counts once: it is not written, so a later part predicts it again."""
        found = host.drift if play.verify else host.changes
        if change not in found or not (self.check or play.verify):
            found.append(change)


def texts(left: t.Any) -> list[str]:
    return [str(text) for text in left] if isinstance(left, (list, tuple)) else []


def changes(result: t.Mapping[str, t.Any], task: str) -> t.Iterator[Item]:
    """The changes that a module of this collection returns. Of any other module only its task is known.

    A task with `changed_when: false` only looks.
    """
    if not result.get("changed"):
        return
    listed = [entry for entry in result.get("changes") or () if isinstance(entry, dict) and {"kind", "object", "action"} <= entry.keys()]
    for entry in listed:
        yield {name: entry[name] for name in ("kind", "object", "action", "differences") if entry.get(name)}
    if not listed:
        yield {"kind": "task", "object": task, "action": "change"}


def reason(result: t.Mapping[str, t.Any], task: str) -> str:
    """Why a task has failed, in one line."""
    failed = [each for each in result.get("results") or () if isinstance(each, dict) and (each.get("failed") or each.get("unreachable"))]
    text = "; ".join(str(each.get("msg") or "failed") for each in failed) or str(result.get("msg") or "failed")
    if "censored" in result:
        text = HIDDEN
    line = " ".join(text.split())
    return f"{task}: {line if len(line) <= LONGEST else line[: LONGEST - 3] + '...'}"


# What this process runs.
RUN = Record()
