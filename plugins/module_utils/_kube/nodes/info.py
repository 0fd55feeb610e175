# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube_nodes_info: nodes in a flat shape, and what a machine needs to join. Private to this collection."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import NoAnswer
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import until
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import nodes, plan
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.plan import Node
from ansible_collections.eco2.platform.plugins.module_utils._kube.tokens import cluster_info

try:
    import jmespath
except ImportError:
    jmespath = None

# Pods in one answer, so that a cluster of many thousands is read in pieces.
PAGE = 2000
# Seconds between two looks while an API server is waited for.
_PAUSE = 2.0

Params = t.Mapping[str, t.Any]


def info(client: Client, params: Params) -> dict[str, t.Any]:
    """The module's result. Raises Refused for a query that is wrong."""
    compiled = _compiled(params["query"])
    query = {"labelSelector": params["label_selector"]} if params["label_selector"] else {}
    there = nodes.read(client, **query)
    if params["names"] is not None:
        there = {name: node for name, node in there.items() if name in params["names"]}
    pods = _pods(client) if params["pods"] else None
    cluster = cluster_info.read(client)
    result: dict[str, t.Any] = {
        "nodes": [shown(there[name], pods) for name in sorted(there)],
        "missing": sorted(set(params["names"] or ()) - there.keys()),
        "api_server_version": client.version(),
        "ca_pin": cluster.pins[0] if cluster else None,
        "ca_pins": list(cluster.pins) if cluster else [],
        "cluster_endpoint": cluster.endpoint if cluster else None,
    }
    if compiled is not None:
        try:
            result["query_result"] = compiled.search(result)
        except jmespath.exceptions.JMESPathError as error:
            raise _refused("query.failed", errors.one_line(error)) from error
    return result


def awaited(client: Client, params: Params) -> dict[str, t.Any]:
    """The module's result once the API server answers and has its cluster-info, or what there is when the time is over.

    An error that waiting does not mend ends it at once: a certificate that is not trusted, credentials or a query that are refused.
    """

    def look() -> dict[str, t.Any] | Exception:
        try:
            return info(client, params)
        except (errors.CannotConnect, errors.NotReady, errors.NotAnApiServer, errors.Forbidden, NoAnswer) as error:
            # A load balancer answers before the server does, and rights come a moment after it.
            return error

    seen = until(look, lambda seen: isinstance(seen, dict) and bool(seen["cluster_endpoint"]), params["wait_timeout"], _PAUSE)
    if isinstance(seen, Exception):
        raise seen
    return seen


def shown(node: Node, pods: t.Mapping[str, int] | None) -> dict[str, t.Any]:
    """A Node object as kube_nodes_info returns it."""
    metadata, spec, status = node["metadata"], node.get("spec", {}), node.get("status", {})
    about = status.get("nodeInfo", {})
    addresses = status.get("addresses") or []
    entry = {
        "name": metadata["name"],
        "uid": metadata["uid"],
        "ready": plan.is_ready(node),
        "ready_reason": plan.ready_reason(node),
        "unschedulable": bool(spec.get("unschedulable")),
        "kubelet_version": str(about.get("kubeletVersion", "")).lstrip("v"),
        "container_runtime": about.get("containerRuntimeVersion", ""),
        "os_image": about.get("osImage", ""),
        "internal_ip": next((entry["address"] for entry in addresses if entry["type"] == "InternalIP"), None),
        "addresses": addresses,
        "labels": metadata.get("labels") or {},
        "annotations": metadata.get("annotations") or {},
        "taints": spec.get("taints") or [],
        "conditions": status.get("conditions") or [],
        "pod_cidr": spec.get("podCIDR"),
        "created": metadata["creationTimestamp"],
    }
    if pods is not None:
        entry["pods"] = pods.get(metadata["name"], 0)
    return entry


def _pods(client: Client) -> collections.Counter[str]:
    """How many pods each node runs, those that have ended left out, as the scheduler counts."""
    counted: collections.Counter[str] = collections.Counter()
    query = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed", "limit": str(PAGE)}
    while True:
        page = client.get(path_of("api", "v1", "pods"), "reading pods", **query)
        counted.update(pod["spec"]["nodeName"] for pod in page["items"] if pod["spec"].get("nodeName"))
        if not page["metadata"].get("continue"):
            return counted
        query["continue"] = page["metadata"]["continue"]


def _compiled(query: str | None) -> t.Any:
    if query is None:
        return None
    if jmespath is None:
        raise _refused("query.no_library", "needs the Python library jmespath on the host that runs this task")
    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise _refused("query.invalid", f"is not a JMESPath expression ({errors.one_line(error)})") from error


def _refused(code: str, message: str) -> Refused:
    return Refused([Problem(code, message, field="query")])
