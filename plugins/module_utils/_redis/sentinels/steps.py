# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done about one master at one sentinel, or about one sentinel's settings. Pure. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference, Secret
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.observe import Monitored, Node
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master, Values

Pairs = t.Tuple[t.Tuple[str, t.Any], ...]  # the server's words and values


@dataclass(frozen=True)
class Write:
    """What the writer needs. `master`, `quorum`: for SENTINEL MONITOR; `set`, `renames`: for SENTINEL SET after it, or alone.

    `at`: the node that the sentinel watches afterwards. `undo`: what to SET where saving fails. `reset`: SENTINEL RESET.
    `former`: of a master that is removed and monitored anew, how it was, to be put back where that fails.
    `heals`: whether the master must be seen well afterwards, with as many `replicas` and `others`, the other sentinels.
    """

    master: Address | None = None
    quorum: str = ""
    at: Address | None = None
    set: Pairs = ()
    renames: tuple[tuple[str, str], ...] = ()
    undo: Pairs = ()
    former: Write | None = None
    reset: bool = False
    heals: bool = True
    replicas: int = 0
    others: int = 0


@dataclass(frozen=True)
class Step:
    action: str
    differences: tuple[Difference, ...]
    write: Write


def configure(wanted: Values, settings: t.Mapping[str, str]) -> Step | None:
    """None where the settings are as wanted."""
    differences, pairs, undo = [], [], []
    for name, value in wanted.items():
        before = settings.get(name, "")
        if options.plain(value) == before:
            continue
        shown = before or None
        differences.append(Difference(name, Secret(shown) if shown and name in options.SECRET_SETTINGS else shown, value))
        pairs.append((options.SETTINGS[name], value))
        # An empty one would be kept as such, and the others would forget this sentinel.
        if name != "announce_ip" or before:
            undo.append((options.SETTINGS[name], before))
    if not differences:
        return None
    return Step("update", tuple(differences), Write(set=tuple(pairs), undo=tuple(undo), heals=False))


def monitor(values: Values, renames: t.Mapping[str, str], place: Address, node: Node | None) -> Step:
    """A master that the sentinel does not know. `values` holds at least the quorum."""
    return Step("create", _differences(None, place, values, renames), _monitoring(values, renames, place, node))


def repair(seen: Monitored, values: Values, renames: t.Mapping[str, str], place: Address, node: Node | None) -> Step:
    """A master that the sentinel watches at a wrong place. What it tells of its options is kept, unless `values` says otherwise."""
    kept = {**seen.values, **values}
    former = _monitoring({**values, **seen.values}, renames, seen.address, None)
    write = dataclasses.replace(_monitoring(kept, renames, place, node), former=former)
    return Step("replace", _differences(seen, place, values, renames), write)


def _monitoring(values: Values, renames: t.Mapping[str, str], place: Address, node: Node | None) -> Write:
    pairs = [
        (option.word, values[option.name])
        for option in options.OPTIONS
        if option.name in values and option is not options.QUORUM and options.plain(values[option.name]) != (option.default or "")
    ]
    return Write(
        master=place,
        quorum=values[options.QUORUM.name],
        at=place,
        set=tuple(pairs),
        renames=tuple(sorted(renames.items())),
        replicas=0 if node is None else node.replicas,
    )


def _differences(seen: Monitored | None, place: Address, values: Values, renames: t.Mapping[str, str]) -> tuple[Difference, ...]:
    differences = [Difference("address", None if seen is None else str(seen.address), str(place))]
    for option in options.OPTIONS:
        before = None if seen is None else seen.values.get(option.name)
        if option.name in values and options.plain(values[option.name]) != (before or ""):
            differences.append(Difference(option.name, before, values[option.name]))
    return (*differences, *(Difference(f"rename {command}", None, other) for command, other in sorted(renames.items())))


def update(master: Master, seen: Monitored, hidden: Step | None) -> Step | None:
    """A master that is watched at the right place; `hidden` is what is to be done about options that are not told."""
    differences, pairs, undo = [], [], []
    for option in options.SHOWN:
        value, before = master.values.get(option.name), seen.values.get(option.name, "")
        if value is not None and value != before:
            differences.append(Difference(option.name, before or None, value))
            pairs.append((option.word, value))
            undo.append((option.word, before))
    if hidden is not None:
        differences += hidden.differences
        pairs += hidden.write.set
    if not differences:
        return None
    write = Write(
        at=seen.address,
        set=tuple(pairs),
        renames=() if hidden is None else hidden.write.renames,
        undo=tuple(undo),
        # With other credentials the link is made anew; otherwise nothing is disturbed, and what was ill before may be so after.
        heals=seen.is_well or hidden is not None,
        replicas=seen.replicas if seen.is_well else 0,
    )
    return Step("update", tuple(differences), write)


def hidden_always(master: Master) -> Step | None:
    """All that is declared of what a sentinel does not tell, as if nothing were there."""
    return _hidden(master, {}, always=True)


def hidden_from_file(master: Master, filed: Values) -> Step | None:
    """The same, but for what its file says already."""
    return _hidden(master, filed, always=False)


def _hidden(master: Master, filed: Values, always: bool) -> Step | None:
    differences, pairs = [], []
    for option in options.HIDDEN:
        value, before = master.values.get(option.name), filed.get(option.name)
        if value is not None and (always or options.plain(value) != (options.plain(before) or option.default or "")):
            differences.append(Difference(option.name, before, value))
            pairs.append((option.word, value))
    named = {difference.field for difference in differences}
    if options.AUTH_PASS.name in named and options.AUTH_USER.name not in named and options.AUTH_USER.name in master.values:
        # With its user, so that whoever proves or reads this knows whose password it is.
        pairs.append((options.AUTH_USER.word, master.values[options.AUTH_USER.name]))
    renames = {}
    if master.renames is not None:
        there = filed.get(options.RENAME_COMMANDS, {})
        # A command by its own name is one that is not renamed: that is how SENTINEL SET takes a renaming back.
        wanted = {**{command: command for command in there}, **master.renames}
        renames = {command: other for command, other in wanted.items() if always or there.get(command, command) != other}
        differences += [
            Difference(f"rename {command}", there.get(command), None if other == command else other)
            for command, other in sorted(renames.items())
        ]
    if not differences:
        return None
    return Step("update", tuple(differences), Write(set=tuple(pairs), renames=tuple(sorted(renames.items()))))


def forget(dead: t.Sequence[str], replicas: int, others: int) -> Step:
    """`dead`: what the sentinel still counts and nobody declares."""
    write = Write(reset=True, replicas=replicas, others=others)
    return Step("update", tuple(Difference(name, "down", None) for name in dead), write)


def remove(seen: Monitored) -> Step:
    quorum = options.QUORUM.name
    differences = (Difference("address", str(seen.address), None), Difference(quorum, seen.values.get(quorum), None))
    return Step("delete", differences, Write(heals=False))
