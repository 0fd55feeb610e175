# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube_nodes from end to end: declare, read, plan, apply, wait. Private to this collection."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, NoAnswer, Plan, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import WORKERS, Client
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import desired
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import plan as nodes_plan
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.desired import Wanted
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.plan import Node, Options
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.write import NodeWriter, node_path

# Seconds between two looks while waiting.
PAUSE = 1.0

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def read(client: Client, what: str = "reading nodes", **query: str) -> dict[str, Node]:
    """All Node objects by name."""
    return {node["metadata"]["name"]: node for node in client.get(node_path(), what, **query)["items"]}


def converge(client: Client, params: Params, check_mode: bool, diff: bool) -> tuple[Result, str | None]:
    """The module's result, and in one line why it fails; None where it does not.

    Raises Refused before the first write, and the client's errors where the API server cannot be read.
    """
    wanted = desired.declare(params["nodes"], params["owner"], params["protected"])
    options = Options(params["owner"], params["exact"], tuple(params["protected"]))
    planned, warnings, skipped = nodes_plan.plan(wanted, read(client), options, params["unknown_nodes"] == "skip")
    _refuse_without_rights(client, planned)
    if check_mode:
        return _with(_convergence.predicted(planned, diff), 0, skipped, warnings), None
    writer = NodeWriter(client, wanted, options)
    outcome = _convergence.apply(planned, writer, WORKERS)
    outcome.done, by_others = _really_done(outcome, writer)
    result = _with(_convergence.achieved(planned, outcome, diff), writer.conflicts, skipped, [*warnings, *writer.warnings])
    result["unchanged"] += by_others
    result["changed"] = result["changed"] or writer.wrote
    failure = None if outcome.complete else _convergence.failure_message(outcome)
    if params["wait"]:
        broken = {change.object for change, dummy in outcome.failures} | {change.object for change in outcome.not_attempted}
        waited_for = [entry for entry in wanted if entry.name not in broken and entry.name not in skipped]
        late = _wait(client, waited_for, options, params["wait_timeout"])
        if late:
            failure = failure or f"node {late[0]['object']}: {late[0]['reason']}" + (
                f" (and {len(late) - 1} more)" if len(late) > 1 else ""
            )
            result["failures"] = [*result.get("failures", []), *late]
    return result, failure


def _with(result: Result, conflicts: int, skipped: list[str], warnings: list[str]) -> Result:
    said = {"warnings": list(dict.fromkeys(warnings))} if warnings else {}
    return {**result, "conflicts": conflicts, "skipped_nodes": skipped, **said}


def _really_done(outcome: Outcome, writer: NodeWriter) -> tuple[list[Change], int]:
    """The changes as they were made in the end, and how many nodes others had brought there meanwhile."""
    written = [writer.written(change) for change in outcome.done]
    done = [change for change in written if change is not None]
    return done, len(written) - len(done)


# Rights


def _refuse_without_rights(client: Client, planned: Plan) -> None:
    """Ask before the first write, also in check mode, whether we may write at all."""
    verbs = {"update": "patch", "delete": "delete"}
    problems = []
    for action, verb in verbs.items():
        names = [change.object for change in planned.changes if change.action == action]
        if not names or _may(client, verb, None):
            continue
        with ThreadPoolExecutor(WORKERS) as pool:  # a role may be for some nodes alone
            refused = [name for name, may in zip(names, pool.map(lambda name, verb=verb: _may(client, verb, name), names)) if not may]
        hint = f"the credentials are right, the rights are not: grant the verb {verb} on nodes (a ClusterRole, and its binding)"
        problems += [f"node {name}: it may not be changed by this user; {hint}" for name in refused]
    if problems:
        raise Refused(problems)


def _may(client: Client, verb: str, name: str | None) -> bool:
    """What the API server thinks of it; yes, where it does not say."""
    attributes = {"verb": verb, "resource": "nodes", **({"name": name} if name else {})}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, "asking for rights", repeat=True)
    except ChangeFailed:
        return True
    return bool(answer["status"].get("allowed"))


# Waiting


def _wait(client: Client, wanted: t.Sequence[Wanted], options: Options, timeout: float) -> list[dict[str, t.Any]]:
    """Until each node is Ready and as wanted; what is not in time, in the shape of failures."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            there = read(client)
            reasons = {entry.name: _not_yet(entry, there.get(entry.name), options) for entry in wanted}
        except (ChangeFailed, NoAnswer, Unreachable) as error:
            reasons = {entry.name: str(error) for entry in wanted}
        late = {name: reason for name, reason in reasons.items() if reason}
        if not late or time.monotonic() >= deadline:
            return [_late(name, f"{reason} (waited {timeout:g} s)") for name, reason in late.items()]
        time.sleep(min(PAUSE, max(0.0, deadline - time.monotonic())))


def _late(name: str, reason: str) -> dict[str, t.Any]:
    return {"kind": nodes_plan.KIND, "object": name, "identity": {"name": name}, "action": "wait", "reason": reason}


def _not_yet(wanted: Wanted, node: Node | None, options: Options) -> str | None:
    if wanted.absent:
        return "is still there" if node is not None else None
    if node is None:
        return "is gone"
    if not nodes_plan.is_ready(node):
        condition = nodes_plan.ready_condition(node)
        said = ": ".join(part for part in (condition.get("reason"), condition.get("message")) if part)
        return f"is not Ready: {said or 'its kubelet has reported nothing yet'}"
    left = nodes_plan.plan_node(wanted, node, options).change
    if left is not None:
        return f"is not as declared any more: {', '.join(difference.field for difference in left.differences)}"
    return None
