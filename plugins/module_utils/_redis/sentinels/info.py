# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_sentinel_info: the verdict over a set. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Connections, access
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address, checks, identity, observe, read, readiness
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.version import Version
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def look(params: Params) -> Report:
    """The verdict; with `wait` a failure where not all is healthy in time."""
    reach = access(params)
    declared = desired.declare({**params, "masters": [{**item, "state": "present"} for item in params["masters"]]})
    count = params["sentinel_count"] or len(declared.sentinels)
    if count < len(declared.sentinels):
        few = f"is {count}, and sentinels names {len(declared.sentinels)}"
        raise Refused([Problem("sentinel_count.too_low", few, field="sentinel_count")])
    replicas = {entry.name: entry.replicas for entry in declared.masters if entry.replicas is not None}
    without_link, leaving = (_addresses(params["masters"], option) for option in ("replicas_without_link", "leaving"))
    expected = checks.Expected(count, replicas, without_link, leaving=leaving)
    connections = Connections(reach)

    def once() -> tuple[Result, list[str]] | Exception:
        nonlocal connections
        try:
            return _once(declared, expected, connections)
        except WRITE_ERRORS as error:
            # A connection that breaks between two questions is one more thing that is not healthy yet.
            connections = Connections(reach)
            return error

    seconds = params["wait_timeout"] if params["wait"] else 0.0
    found = wait.until(once, lambda seen: isinstance(seen, tuple) and bool(seen[0]["healthy"]), seconds)
    if isinstance(found, Exception):
        raise found
    result, warnings = found
    if result["healthy"] or not params["wait"]:
        return Report(result, warnings)
    more = f" (and {len(result['reasons']) - 1} more reasons)" if len(result["reasons"]) > 1 else ""
    return Report(result, warnings, f"{result['reasons'][0]}{more} (waited {seconds:g} s)")


def _addresses(items: t.Iterable[Params], option: str) -> frozenset[Address]:
    """Raises Refused."""
    try:
        return frozenset(address.parse(text, desired.DATA_PORT) for item in items for text in item[option])
    except ValueError as error:
        raise Refused([Problem("master.address", str(error), field=f"masters.{option}")]) from error


def _once(declared: desired.Desired, expected: checks.Expected, connections: Connections) -> tuple[Result, list[str]]:
    """The verdict, and what could not be judged."""
    names = {entry.name for entry in declared.masters}
    observed = read.sentinels(declared.places, connections, lambda seen: not names or seen.name in names)
    known = sorted({name for view in observed.sentinels.values() for name in view.masters})
    masters = declared.masters or tuple(map(desired.Master, known))
    read.nodes(masters, connections, observed)
    read.followers(masters, connections, observed)
    found = {entry.name: _problems(entry.name, observed, expected, connections) for entry in masters}
    shown = [_master(name, observed, [each for each in problems if each.code != readiness.UNSEEN]) for name, problems in found.items()]
    reasons = list(map(str, checks.of_sentinels(observed)))
    reasons += [f"master {entry['name']}: {reason}" for entry in shown for reason in entry["reasons"]]
    reasons += _of_more_than_one(declared, shown, observed, expected)
    silent = [{"name": name, "reachable": False, "reason": reason} for name, reason in observed.silent.items()]
    sentinels = [*map(_sentinel, observed.sentinels.values()), *silent]
    unseen = [f"master {name}: {problem}" for name, problems in found.items() for problem in problems if problem.code == readiness.UNSEEN]
    return {"healthy": not reasons, "reasons": reasons, "masters": shown, "sentinels": sentinels}, unseen


def _problems(name: str, observed: observe.Observed, expected: checks.Expected, connections: Connections) -> list[Problem]:
    found = [*checks.of_master(name, observed, expected), *checks.of_failover(name, observed)]
    rows = [row for entry in observed.monitored(name).values() for row in entry.rows]
    found += readiness.problems(observed, connections, name, {row.address for row in rows if row.priority})
    return checks.once(found)


def _of_more_than_one(declared: desired.Desired, shown: list[Result], observed: observe.Observed, expected: checks.Expected) -> list[str]:
    """The reasons that are not of one master alone, also noted at each master that they are about."""
    reasons = []
    for names, problem in identity.shared(identity.watched(observed), observed):
        about = [entry for entry in shown if entry["name"] in names]
        for entry in about:
            entry["reasons"].append(str(problem))
            entry["healthy"] = False
        reasons += [str(problem)] if about else []
    known = identity.unlisted({entry["name"] for entry in shown}, declared.places, observed)
    others = [place for place in known if not expected.leaves(place)]
    if others and expected.sentinels == len(declared.sentinels):
        reasons.append(str(identity.unlisted_problem(len(declared.sentinels), others)))
    return reasons


def _sentinel(view: observe.SentinelView) -> Result:
    return {
        "name": view.name,
        **view.address._asdict(),
        "reachable": True,
        **_server(view.version),
        "id": view.myid,
        "tilt": view.tilt,
        "settings": {name: value for name, value in view.settings.items() if not isinstance(value, Secret)},
        "masters": sorted(view.masters),
    }


def _server(version: Version) -> Result:
    return {"server": version.name, "version": ".".join(map(str, version.number))}


def _master(name: str, observed: observe.Observed, problems: t.Sequence[Problem]) -> Result:
    seen = observed.monitored(name)
    addresses = {str(entry.address) for entry in seen.values()}
    reasons = list(map(str, problems))
    nodes = [found for entry in seen.values() if (found := observed.node(entry.address)) is not None]
    said = {"role": nodes[0].role, **_server(nodes[0].version)} if nodes else {"role": None, "server": None, "version": None}
    first = seen[min(seen)] if seen else None
    return {
        "name": name,
        "address": addresses.pop() if len(addresses) == 1 else None,
        "healthy": not reasons,
        "reasons": reasons,
        **said,
        "replicas": [] if first is None else [entry.shown() for entry in first.rows],
        "options": {} if first is None else dict(first.values),
        "by_sentinel": {
            sentinel: {
                "address": str(entry.address),
                "epoch": entry.epoch,
                "flags": sorted(entry.flags),
                "quorum": int(entry.values["quorum"]),
                "replicas": [str(row.address) for row in entry.rows],
                "sentinels": [{"address": str(peer.address), "flags": sorted(peer.flags)} for peer in entry.peers],
            }
            for sentinel, entry in sorted(seen.items())
        },
    }
