# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles of all hosts of a play as Nodes, and the result of each. Private to this collection.

Pure, and for all hosts in one call: a template for each host would search all Nodes for each host.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.profile.profile import CLOUD_LABELS, filled
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint
from ansible_collections.eco2.platform.plugins.plugin_utils._node import checks

Entry = t.Mapping[str, t.Any]
Declared = t.Dict[str, t.Any]
Verdicts = t.Dict[str, t.List[str]]


def declared(entry: Entry, variables: t.Iterable[str]) -> Declared:
    """A host's `split` profile, and its `node` as kube_nodes takes it or the `problem` with it.

    entry: name, profile, cloud (from the inventory), found (from the metadata service; null if it was not asked), asked (whether a
    metadata service is configured). variables: the names of the host's variables.
    """
    known = filled(entry.get("found"))
    given = {**{name: known[name] for name in CLOUD_LABELS if name in known}, **filled(entry.get("cloud"))}
    split, problems = checks.split(entry["profile"], given, variables)
    problems = [*checks.name(entry["name"]), *problems]
    # Only the metadata service knows these, and nobody has asked it in this run: leave them as they are.
    unknown = [key for name, key in CLOUD_LABELS.items() if entry.get("asked") and not entry.get("found") and name not in given]
    left = [key for key in unknown if key not in split.get("labels", {})]
    node = {"name": str(entry["name"]), "labels": split.get("labels"), "taints": split.get("taints"), "leave_labels": left}
    return {"split": split, "node": node, "problem": "; ".join(map(str, problems))}


def verdicts(names: t.Iterable[str], done: Entry, skipped: str = "") -> Verdicts:
    """By the Node's name what kube_nodes reports about it. `skipped`: the meaning of a Node that kube_nodes has skipped, if it matters."""
    found: Verdicts = {name: [] for name in names}
    for failure in done.get("failures") or ():
        found.setdefault(failure["object"], []).append(failure["reason"])
    if done.get("failed") and not done.get("failures"):
        found = {name: [str(done.get("msg"))] for name in found}
    for name in done.get("skipped_nodes") or () if skipped else ():
        found[name] = [skipped.format(name=name)]
    return found


def unlike(node: Entry, seen: Entry) -> list[str]:
    """Each label and taint of the profile that the Node does not have. Controllers set timeAdded of a taint, so it does not count."""
    there = seen.get("labels") or {}
    taints = {Taint.of(taint) for taint in seen.get("taints") or ()}
    wrong = [
        f"label {key} is {json.dumps(there[key]) if key in there else 'missing'}, and the profile has {json.dumps(value)}"
        for key, value in node["labels"].items()
        if there.get(key) != value
    ]
    wrong += [f"taint {taint} is missing" for taint in map(Taint.of, node["taints"]) if taint not in taints]
    return [f"Node {node['name']} differs from its profile: {'; '.join(wrong)}"] if wrong else []
