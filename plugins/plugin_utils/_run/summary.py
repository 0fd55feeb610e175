# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of a run, as data and as a table. Private to this collection. Pure."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.eco2.platform.plugins.plugin_utils._run import families
from ansible_collections.eco2.platform.plugins.plugin_utils._run.record import Host, Item, Play, Record

Summary = t.Dict[str, t.Any]

# The worst comes last.
STATES = ("left out", "ok", "changed", "drift", "failed")
NAMED = 4  # names of each kind that the table shows
LEFT_OUT = 8  # hosts that a limit left out, in the table


def summary(record: Record, now: float) -> Summary:
    hosts = {name: _host(host) for name, host in record.hosts.items()}
    parts = _families(record)
    limited = [name for play in record.plays for name in play.limited]
    for name in [*limited, *(name for play in record.plays for name in play.hosts)]:
        hosts.setdefault(name, _host(Host(), "left out"))
    return {
        "playbook": record.playbook,
        "began": datetime.fromtimestamp(record.began, timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(now - record.began, 1),
        "check": record.check,
        "verdict": "failed" if lacking(record) else verdict(hosts.values(), parts),
        "families": parts,
        "hosts": dict(sorted(hosts.items())),
    }


def verdict(hosts: t.Iterable[Item], parts: t.Iterable[Item]) -> str:
    states = {"failed" if host["state"] == "unreachable" else host["state"] for host in [*hosts, *parts]}
    return next((state for state in reversed(STATES) if state in states and state != "left out"), "ok")


def _host(host: Host, untouched: str = "ok") -> Item:
    return {
        "state": _host_state(host) or untouched,
        "seconds": round(host.seconds, 1),
        "changes": host.changes,
        "drift": host.drift,
        "failures": host.failures,
        "left": host.left,
    }


def _host_state(host: Host) -> str:
    """The worst that is true of it; empty if nothing is."""
    states = (("unreachable", host.unreachable), ("failed", host.failures), ("drift", host.drifted), ("changed", host.changes))
    return next((state for state, true in states if true), "")


def _families(record: Record) -> list[Item]:
    """One entry for each family. In a run that also applies, all plays that verify are one family."""
    alone = all(play.verify for play in record.plays)
    names = dict.fromkeys(_name(play, alone) for play in record.plays)
    return [_family(name, [play for play in record.plays if _name(play, alone) == name], record) for name in names]


def _name(play: Play, alone: bool) -> str:
    return families.VERIFY if play.verify and not alone else play.family


def _family(name: str, plays: t.Sequence[Play], record: Record) -> Item:
    state, reason = _state(plays, record)
    return {"name": name, "state": state, "reason": reason, "seconds": round(sum(play.seconds for play in plays), 1)}


def _state(plays: t.Sequence[Play], record: Record) -> tuple[str, str]:
    failed, changed, ran = (sorted({host for play in plays for host in getattr(play, name)}) for name in ("failed", "changed", "ran"))
    if failed:
        return "failed", f"on {_list(failed)}"
    if changed:
        return ("drift" if any(play.verify and play.changed for play in plays) else "changed"), f"on {_list(changed)}"
    return ("ok", "") if ran else ("left out", _why_not(plays, record))


def _why_not(plays: t.Sequence[Play], record: Record) -> str:
    """Why no task has run on any host."""
    family = plays[0].family
    if not any(play.selected for play in plays):
        return f"by {record.tags}"
    if record.check and plays[0].verify and not all(play.verify for play in record.plays):
        return "check mode has only predicted the changes"
    if not any(play.known for play in plays):
        return families.no_hosts(family)
    if not any(play.hosts for play in plays):
        return "by --limit"
    return families.not_declared(family)


def lacking(record: Record) -> list[str]:
    """What the inventory must have and has not, if it has no host for any family of this run, whatever --limit leaves of them.

    A host that ran a task counts, such as the localhost that is in no inventory. What --tags and --skip-tags leave out does not count.
    """
    known: dict[str, int] = {}
    for play in record.plays:
        if play.selected:
            known[play.family] = known.get(play.family, 0) + play.known + len(play.ran)
    return [] if any(known.values()) else [families.no_hosts(name) for name in known]


def failed_hosts(record: Record) -> dict[str, str]:
    """The hosts that must end as failed, each with the reason in one line."""
    found = {name: "; ".join(host.failures) for name, host in record.hosts.items() if host.failures}
    drifted = {name: drift(host) for name, host in record.hosts.items() if host.drifted and name not in found}
    return {**found, **drifted}


def drift(host: Host) -> str:
    return f"differs from the declaration: {'; '.join([*kinds(host.drift), *host.pending])}"


# The table


def table(found: Summary) -> list[str]:
    would = "would be " if found["check"] else ""
    lines = [f"SUMMARY of {found['playbook']}{' in check mode' if found['check'] else ''}: {found['verdict']}, {found['seconds']:.0f} s"]
    lines += _columns(
        [(part["name"], _word(part["state"], would), f"{part['seconds']:.0f} s", part["reason"]) for part in found["families"]]
    )
    shown = {name: host for name, host in found["hosts"].items() if _worth(host)}
    for name, host in shown.items():
        lines += [f"  {name}: {_word(host['state'], would)}, {host['seconds']:.0f} s"]
        lines += [f"      {'would ' if would else ''}{text}" for text in kinds(host["changes"])]
        lines += [f"      differs: {text}" for text in kinds(host["drift"])]
        lines += [f"    ! {text}" for text in host["failures"]]
        lines += [f"    > left to do: {text}" for text in host["left"]]
    return lines + _rest({name: host for name, host in found["hosts"].items() if name not in shown})


def _word(state: str, would: str) -> str:
    return f"{would}changed" if state == "changed" else "as declared" if state == "ok" else state


def _worth(host: Item) -> bool:
    return any(host[name] for name in ("changes", "drift", "failures", "left"))


def _rest(hosts: t.Mapping[str, Item]) -> list[str]:
    out = [name for name, host in hosts.items() if host["state"] == "left out"]
    lines = [f"  other hosts as declared: {len(hosts) - len(out)}"] if len(hosts) > len(out) else []
    return lines + ([f"  left out: {_list(out, LEFT_OUT)}"] if out else [])


def kinds(changes: t.Sequence[Item]) -> list[str]:
    """How many objects of each kind, with the first names."""
    named: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        named.setdefault((change["action"], change["kind"]), []).append(str(change["object"]))
    return [f"{action} {len(names)} {kind}: {_list(names)}" for (action, kind), names in named.items()]


def _list(names: t.Sequence[str], most: int = NAMED) -> str:
    more = len(names) - most
    return ", ".join(str(name) for name in names[:most]) + (f" and {more} more" if more > 0 else "")


def _columns(rows: t.Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    return ["  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]).rstrip() for row in rows]
