"""Sets of Redis on three hosts, as an example."""

from __future__ import annotations

import copy
import typing as t

NODES = ["a", "b", "c"]
SITE: dict[str, t.Any] = {
    "flavor": "redis",
    "sets": [{"name": "pubsub", "nodes": NODES, "password": "app"}, {"name": "cache", "nodes": ["c"], "port": 6382}],
    "absent": [],
    "sentinels": NODES,
    "addresses": {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"},
    "sentinel_port": 26379,
    "sentinel_name": "main",
    "admin_password": "adm",
    "masterauth": "mas ter",
    "auth_pass": "aut",
    "password": "sen",
}
BARE: dict[str, list[str]] = {"a": [], "b": [], "c": []}
FULL = {name: ["server/pubsub", "sentinel/main"] for name in NODES}
AT_B = {"pubsub": "10.0.0.2:6379"}


def changed(**more: t.Any) -> dict[str, t.Any]:
    return {**copy.deepcopy(SITE), **more}
