# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles of all hosts of a play as Nodes, and what came of each. Private to this collection.

Pure, and for all of them in one go: a template for each host would look through all Nodes for each.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import labels
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import profile

Entry = t.Mapping[str, t.Any]
Declared = t.Dict[str, t.Any]

_TAINT = ("key", "value", "effect")
# What a cloud's metadata service becomes.
_CLOUD_KEYS = {"zone": labels.ZONE, "region": labels.REGION, "instance_type": labels.INSTANCE_TYPE}


def declared(entries: t.Iterable[Entry]) -> list[Declared]:
    """For each host its `name`, its `split` profile, its `node` as kube_nodes takes it, or the `problem` with it.

    entries: name, profile, cloud (what the inventory says), found (what the metadata service said; null where it was not asked),
    asked (whether a metadata service is to be asked), torn_off (names of variables that a profile without quotes became).
    """
    return [_declared(entry) for entry in entries]


def _declared(entry: Entry) -> Declared:
    known = dict(_filled(entry.get("found")))
    given = {**{name: known[name] for name in _CLOUD_KEYS if name in known}, **_filled(entry.get("cloud"))}
    # What only the metadata service knows, and nobody has asked it in this run: to take it away would be a guess.
    silent = [key for name, key in _CLOUD_KEYS.items() if entry.get("asked") and not entry.get("found") and name not in given]
    problem = profile.torn_off(entry.get("torn_off") or ())
    try:
        split = {} if problem else profile.parse(entry["profile"], given).as_dict()
    except Refused as error:
        split, problem = {}, str(error)
    left = [key for key in silent if key not in split.get("labels", {})]
    node = {"name": entry["name"], "labels": split.get("labels"), "taints": split.get("taints"), "leave_labels": left}
    return {"name": entry["name"], "split": split, "node": node, "problem": problem or ""}


def _filled(cloud: t.Any) -> dict[str, t.Any]:
    return {name: value for name, value in (cloud or {}).items() if value not in (None, "")}


def verdicts(nodes: t.Sequence[Declared], done: Entry, cluster: Entry, check_mode: bool) -> dict[str, list[str]]:
    """By the Node's name what is wrong with it: its profile, its change, or what it has in the end; nothing where all is well.

    done: the result of kube_nodes, cluster: of kube_nodes_info; empty where there is no cluster yet.
    """
    failures: dict[str, list[str]] = {}
    for failure in done.get("failures") or ():
        failures.setdefault(failure["object"], []).append(failure["reason"])
    seen = {node["name"]: node for node in cluster.get("nodes") or ()}
    found = {}
    for entry in nodes:
        name = entry["name"]
        wrong = [entry["problem"]] if entry["problem"] else failures.get(name) or _of_all(done, name, check_mode)
        if not wrong and not check_mode and done:
            wrong = _unlike(entry["node"], seen.get(name), cluster)
        found[name] = wrong
    return found


def _of_all(done: Entry, name: str, check_mode: bool) -> list[str]:
    """What was said of the task as a whole."""
    if "msg" in done and not done.get("failures"):
        return [str(done["msg"])]
    if name in (done.get("skipped_nodes") or ()) and not check_mode:
        return [f"the cluster has no Node {name}"]
    return []


def _unlike(node: Entry, seen: Entry | None, cluster: Entry) -> list[str]:
    """Label by label and taint by taint what the Node has not; a taint's timeAdded is the controllers'."""
    if "nodes" not in cluster:
        return [str(cluster.get("msg") or "kube_nodes_info told nothing")]
    there = (seen or {}).get("labels") or {}
    taints = {_taint(taint) for taint in (seen or {}).get("taints") or ()}
    wrong = [
        f"label {key} should be {json.dumps(value)} and is {json.dumps(there[key]) if key in there else 'missing'}"
        for key, value in node["labels"].items()
        if there.get(key) != value
    ]
    wrong += [
        f"taint {key}{f'={value}' if value else ''}:{effect} is missing"
        for key, value, effect in map(_taint, node["taints"])
        if (key, value, effect) not in taints
    ]
    return [f"Node {node['name']} is not as its profile says; {'; '.join(wrong)}"] if wrong else []


def _taint(taint: Entry) -> tuple[str, str, str]:
    key, value, effect = (str(taint.get(name) or "") for name in _TAINT)
    return key, value, effect
