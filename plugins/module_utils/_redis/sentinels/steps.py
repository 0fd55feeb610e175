# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done about one master at one sentinel, or about one sentinel's settings. Pure. Private to this collection."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Difference
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import observe, options
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels.desired import Master

Pairs = t.Tuple[t.Tuple[str, t.Any], ...]  # the server's words and values


@dataclass(frozen=True)
class Write:
    """What the service needs to write it. `master`, `quorum`: for SENTINEL MONITOR; `set`, `renames`: for SENTINEL SET after it, or alone.

    `at`: the node that the sentinel watches afterwards. `undo`: what to SET where something was refused. `reset`: SENTINEL RESET.
    `former`: of a master that is removed and added again: how it was, to be put back if that fails.
    `gated`: whether the sentinel must see the master healthy afterwards, with as many `replicas` and other sentinels (`others`).
    """

    master: Address | None = None
    quorum: str = ""
    at: Address | None = None
    set: Pairs = ()
    renames: tuple[tuple[str, str], ...] = ()
    undo: Pairs = ()
    former: Write | None = None
    reset: bool = False
    gated: bool = True
    replicas: int = 0
    others: int = 0


class Step(t.NamedTuple):
    action: str
    differences: tuple[Difference, ...]
    write: Write


def configure(wanted: options.Values, settings: options.Values) -> Step | None:
    """None where the settings are as wanted."""
    changed = options.differing(options.SETTINGS, wanted, settings)
    if not changed:
        return None
    # With an empty address the other sentinels would forget this one.
    undo = _pairs([each for each in changed if each is not options.ANNOUNCE_IP or settings.get(each.name)], settings)
    return Step("update", _differences(changed, settings, wanted), Write(set=_pairs(changed, wanted), undo=undo, gated=False))


def monitor(values: options.Values, renames: t.Mapping[str, str], place: Address, node: observe.Node | None) -> Step:
    """A master that the sentinel does not know. `values` holds at least the quorum."""
    return Step("create", _moved(None, place, values, renames), _monitoring(values, renames, place, node))


def repair(
    seen: observe.Monitored, values: options.Values, renames: t.Mapping[str, str], place: Address, node: observe.Node | None
) -> Step:
    """A master that the sentinel watches at a wrong address. The options that it shows are kept, except those in `values`."""
    former = _monitoring({**values, **seen.values}, renames, seen.address, None)
    write = dataclasses.replace(_monitoring({**seen.values, **values}, renames, place, node), former=former)
    return Step("replace", _moved(seen, place, values, renames), write)


def update(master: Master, seen: observe.Monitored, filed: options.Values | None, always: bool = False) -> Step | None:
    """A master that is watched at the right place.

    `filed`: the hidden options that its sentinel.conf has; None leaves these alone. `always`: set all that are declared.
    """
    shown = options.differing(options.SHOWN, master.values, seen.values)
    hidden: list[options.Option] = []
    renames: dict[str, str] = {}
    there: t.Mapping[str, str] = {} if filed is None else filed.get(options.RENAME_COMMANDS, {})
    if filed is not None:
        declared = [option for option in options.HIDDEN if option.name in master.values]
        hidden = declared if always else options.differing(declared, master.values, filed)
        # A command by its own name is one that is not renamed: that is how SENTINEL SET takes a renaming back.
        wanted = {} if master.renames is None else {**{command: command for command in there}, **master.renames}
        renames = {command: other for command, other in wanted.items() if always or there.get(command, command) != other}
    differences = _differences([*shown, *hidden], {**seen.values, **(filed or {})}, master.values) + _renamed(renames, there)
    if not differences:
        return None
    told = [*shown, *hidden]
    if options.AUTH_PASS in hidden and options.AUTH_USER not in hidden and options.AUTH_USER.name in master.values:
        # With its user, so that the check of credentials knows whose password it is.
        told.append(options.AUTH_USER)
    disturbs = bool(hidden or renames)
    write = Write(
        at=seen.address,
        set=_pairs(told, master.values),
        renames=tuple(sorted(renames.items())),
        undo=_pairs(shown, seen.values),
        # With other credentials the sentinel connects again. Other options disturb nothing, so a master that was down before may stay so.
        gated=seen.is_healthy or disturbs,
        replicas=seen.replicas if seen.is_healthy else 0,
    )
    return Step("update", differences, write)


def forget(dead: t.Sequence[str], replicas: int, others: int) -> Step:
    """`dead`: sentinels and replicas that are dead, counted by the sentinel, and not declared."""
    write = Write(reset=True, replicas=replicas, others=others)
    return Step("update", tuple(Difference(name, "down", None) for name in dead), write)


def remove(seen: observe.Monitored) -> Step:
    quorum = options.QUORUM.name
    differences = (Difference("address", str(seen.address), None), Difference(quorum, seen.values.get(quorum), None))
    return Step("delete", differences, Write(gated=False))


def _monitoring(values: options.Values, renames: t.Mapping[str, str], place: Address, node: observe.Node | None) -> Write:
    return Write(
        master=place,
        quorum=values[options.QUORUM.name],
        at=place,
        set=_pairs([each for each in options.differing(options.OPTIONS, values, {}) if each is not options.QUORUM], values),
        renames=tuple(sorted(renames.items())),
        replicas=0 if node is None else node.replicas,
    )


def _moved(seen: observe.Monitored | None, place: Address, values: options.Values, renames: t.Mapping[str, str]) -> tuple[Difference, ...]:
    there = {} if seen is None else seen.values
    changed = [each for each in options.OPTIONS if each.name in values and options.plain(values[each.name]) != there.get(each.name, "")]
    address = Difference("address", None if seen is None else str(seen.address), str(place))
    return (address, *_differences(changed, there, values), *_renamed(renames, {}))


def _differences(
    changed: t.Iterable[options.Option], there: options.Values | t.Mapping[str, str], wanted: options.Values
) -> tuple[Difference, ...]:
    before = {each: there.get(each.name) for each in changed}
    return tuple(Difference(each.name, value if options.plain(value) else None, wanted[each.name]) for each, value in before.items())


def _renamed(renames: t.Mapping[str, str], there: t.Mapping[str, str]) -> tuple[Difference, ...]:
    # One that gets its own name is not renamed any more.
    named = {command: None if other == command else other for command, other in sorted(renames.items())}
    return tuple(Difference(f"rename {command}", there.get(command), other) for command, other in named.items())


def _pairs(changed: t.Iterable[options.Option], values: options.Values | t.Mapping[str, str]) -> Pairs:
    return tuple((each.word, values.get(each.name, "")) for each in changed)
