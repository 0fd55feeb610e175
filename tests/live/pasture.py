"""A pasture of Node objects for one test: names of one prefix, made and looked at by kubectl, and removed."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote

from ground import Ground
from harness import KubeTask

from lab.apiserver import ApiServer

Node = t.Dict[str, t.Any]

MARK = "pasture.kubernetes.io/of"


class Pasture(Ground):
    """Node objects without machines behind them; the controllers treat them as nodes that have gone silent."""

    def __init__(self, server: ApiServer, prefix: str, **defaults: t.Any) -> None:
        self.server = server
        self.prefix = prefix
        self.task = KubeTask(server, **defaults)

    def clean(self) -> None:
        # In one request: kubectl would send one for each, and no more than a few a second.
        self.server.kubectl("delete", "--raw", f"/api/v1/nodes?labelSelector={quote(MARK)}%3D{self.prefix}x")

    def add(self, *names: str, labels: dict[str, str] | None = None, taints: list[dict[str, str]] | None = None) -> list[str]:
        """Node objects as a kubelet would register them; their whole names."""
        whole = [self.prefix + name for name in names]
        items = [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": f"ip-{name}", MARK: f"{self.prefix}x", **(labels or {})}},
                "spec": {"taints": taints or []},
            }
            for name in whole
        ]
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()
        self.server.kubectl("create", "--filename", "-", stdin=body)
        return whole

    def ready(self, *names: str) -> None:
        """What a kubelet would report; the node lifecycle controller believes it for half a minute."""
        condition = '{"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}'
        for name in names:
            self.server.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "--patch", condition)

    def nodes(self) -> dict[str, Node]:
        found = json.loads(self.server.kubectl("get", "--raw", "/api/v1/nodes"))["items"]
        return {node["metadata"]["name"]: node for node in found if node["metadata"]["name"].startswith(self.prefix)}

    def labels(self, name: str) -> dict[str, str]:
        return _labels(self.nodes()[name])

    def taints(self, name: str) -> dict[str, str]:
        return _taints(self.nodes()[name])

    def snapshot(self) -> dict[str, t.Any]:
        """What we could have changed; controllers change the rest at any time."""
        return {name: (_labels(node), _taints(node), _annotations(node), node["metadata"]["uid"]) for name, node in self.nodes().items()}


def _annotations(node: Node) -> dict[str, str]:
    return {key: value for key, value in node["metadata"].get("annotations", {}).items() if "kubernetes.io/" not in key}


def _labels(node: Node) -> dict[str, str]:
    """But for the kubelet's own."""
    found = node["metadata"].get("labels", {})
    return {key: value for key, value in found.items() if "kubernetes.io/" not in key or "node-role" in key}


def _taints(node: Node) -> dict[str, str]:
    """KEY:EFFECT and value, but for the controllers'."""
    found = node["spec"].get("taints", [])
    return {f"{taint['key']}:{taint['effect']}": taint.get("value", "") for taint in found if "kubernetes.io/" not in taint["key"]}
