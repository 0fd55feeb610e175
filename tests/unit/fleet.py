"""Node objects in memory: they take patches as strictly as an API server, and know nothing of how they were planned."""

from __future__ import annotations

import copy
import threading
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes.nodes import Nodes

Node = t.Dict[str, t.Any]


def node(
    name: str = "n1",
    labels: dict[str, str] | None = None,
    taints: list[dict[str, str]] | None = None,
    annotations: dict[str, str] | None = None,
    ready: bool = False,
) -> Node:
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "KubeletNotReady", "message": "no network"}
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-of-{name}",
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-24T12:00:00Z",
            **({"labels": dict(labels)} if labels else {}),
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": {"taints": copy.deepcopy(taints)} if taints else {},
        "status": {"conditions": [condition]},
    }


def merged(target: t.Any, patch: t.Any) -> t.Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def service(fleet: Fleet, *items: dict[str, t.Any], **options: t.Any) -> Nodes:
    """kube_nodes without a module around it."""
    defaults = {"owner": "eco2.platform", "exact": False, "protected": [], "unknown_nodes": "fail", "wait": False, "wait_timeout": 0.0}
    return Nodes(t.cast("t.Any", fleet), {**defaults, "nodes": items, **options})


class Fleet:
    """In place of the client. `before_each`, where it is set, is called before every patch and may change nodes."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = {entry["metadata"]["name"]: entry for entry in nodes}
        self.patches = 0
        self.before_each: t.Callable[[str], None] | None = None
        self._lock = threading.Lock()

    def of(self, name: str = "n1") -> Node:
        return self.nodes[name]

    def get(self, path: str, what: str, **dummy: str) -> Node:
        with self._lock:
            if path.endswith("/nodes"):
                return copy.deepcopy({"items": list(self.nodes.values())})
            return copy.deepcopy(self._find(path, what))

    def may(self, *dummy: t.Any) -> bool:
        return True

    def merge_patch(self, path: str, body: t.Any, what: str) -> Node:
        name = path.rpartition("/")[2]
        if self.before_each is not None:
            self.before_each(name)
        with self._lock:
            there = self._find(path, what)
            assert "resourceVersion" in body["metadata"], "a patch that is not guarded undoes the work of others"
            if body["metadata"]["resourceVersion"] != there["metadata"]["resourceVersion"]:
                raise errors.Conflict(what, 409, "the object has been modified")
            self.patches += 1
            self.nodes[name] = _as_stored(merged(there, body))
            self._touch(name)
            return copy.deepcopy(self.nodes[name])

    def delete(self, path: str, what: str, uid: str, resource_version: str | None = None) -> bool:
        with self._lock:
            metadata = self._find(path, what)["metadata"]
            if uid != metadata["uid"] or resource_version not in (None, metadata["resourceVersion"]):
                raise errors.Conflict(what, 409, "the precondition does not hold")
            del self.nodes[path.rpartition("/")[2]]
            return True

    def change(self, name: str, **patch: t.Any) -> None:
        """Somebody else's work, such as metadata={"labels": {"a": "b"}}."""
        self.nodes[name] = _as_stored(merged(self.nodes[name], patch))
        self._touch(name)

    def _find(self, path: str, what: str) -> Node:
        name = path.rpartition("/")[2]
        if name not in self.nodes:
            raise errors.NotFound(what, 404, f'nodes "{name}" not found')
        return self.nodes[name]

    def _touch(self, name: str) -> None:
        metadata = self.nodes[name]["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)


def _as_stored(entry: Node) -> Node:
    """The server leaves out what is empty, and refuses two taints of one key and effect."""
    for section in ("labels", "annotations"):
        values = entry["metadata"].get(section)
        assert all(isinstance(value, str) for value in (values or {}).values()), values
        if values == {}:
            del entry["metadata"][section]
    taints = entry["spec"].get("taints", [])
    assert len({(taint["key"], taint["effect"]) for taint in taints}) == len(taints), taints
    assert all(set(taint) <= {"key", "value", "effect", "timeAdded"} for taint in taints), taints
    stored = [{name: value for name, value in taint.items() if value != ""} for taint in taints]
    entry["spec"].pop("taints", None)
    if stored:
        entry["spec"]["taints"] = stored
    return entry
