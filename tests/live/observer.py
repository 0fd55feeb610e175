"""What a broker holds, seen by other eyes: shares no code with the plugins.

A snapshot maps (kind, identity as sorted JSON) to the object's fields. Everything is read with full statistics switched
off, one plain request each, through the standard library.
"""

from __future__ import annotations

import base64
import json
import typing as t
import urllib.request
from urllib.parse import quote

from lab.brokers import Broker

Snapshot = t.Dict[t.Tuple[str, str], t.Dict[str, t.Any]]


class Observer:
    """`request` is the bare API, for drift put in by another client; `snapshot` is what is there."""

    def __init__(self, broker: Broker) -> None:
        self.base = broker.url + "/api/"
        token = base64.b64encode(f"{broker.username}:{broker.password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def request(self, method: str, path: str, body: t.Any = None) -> t.Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=self.headers)
        with self.opener.open(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def snapshot(self, prefix: str) -> Snapshot:
        """All objects of vhosts and users whose name begins with `prefix`; what the broker makes itself is left out."""
        seen: Snapshot = {}

        def add(kind: str, identity: dict[str, t.Any], fields: dict[str, t.Any]) -> None:
            owner = identity.get("vhost") or identity.get("user") or identity["name"]
            if owner.startswith(prefix):
                seen[(kind, key_of(identity))] = fields

        self._vhosts(add)
        self._users(add)
        self._queues_and_exchanges(add)
        for row in self.request("GET", "bindings"):
            if row["source"]:
                names = ("vhost", "source", "destination", "destination_type", "routing_key", "arguments")
                add("binding", {name: row[name] for name in names}, {})
        for kind, path in (("policy", "policies"), ("operator_policy", "operator-policies")):
            for row in self.request("GET", path):
                fields = {"pattern": row["pattern"], "definition": row["definition"], "priority": row["priority"]}
                add(kind, {"vhost": row["vhost"], "name": row["name"]}, {**fields, "apply_to": row["apply-to"]})
        for row in self.request("GET", "parameters"):
            if row["component"] != "vhost-limits":
                add("parameter", {name: row[name] for name in ("vhost", "component", "name")}, {"value": row["value"]})
        return seen

    def _vhosts(self, add: t.Callable[..., None]) -> None:
        for row in self.request("GET", "vhosts"):
            queue_type = row.get("default_queue_type")
            fields = {"description": row["description"], "tags": sorted(row["tags"]), "tracing": row["tracing"]}
            fields["default_queue_type"] = None if queue_type == "undefined" else queue_type
            add("vhost", {"name": row["name"]}, fields)
        for row in self.request("GET", "vhost-limits"):
            for name, value in dict(row["value"]).items():
                add("vhost_limit", {"vhost": row["vhost"], "name": name}, {"value": value})

    def _users(self, add: t.Callable[..., None]) -> None:
        for row in self.request("GET", "users"):
            secret = f"{row['hashing_algorithm']} {row['password_hash']}"
            add("user", {"name": row["name"]}, {"tags": sorted(row["tags"]), "password": secret})
        for row in self.request("GET", "user-limits"):
            for name, value in dict(row["value"]).items():
                add("user_limit", {"user": row["user"], "name": name}, {"value": value})
        for row in self.request("GET", "permissions"):
            # The broker grants these by itself to whoever creates a vhost.
            if row["user"] != "lab":
                fields = {name: row[name] for name in ("configure", "write", "read")}
                add("permission", {"vhost": row["vhost"], "user": row["user"]}, fields)
        for row in self.request("GET", "topic-permissions"):
            identity = {name: row[name] for name in ("vhost", "user", "exchange")}
            add("topic_permission", identity, {"write": row["write"], "read": row["read"]})

    def _queues_and_exchanges(self, add: t.Callable[..., None]) -> None:
        for row in self.request("GET", "exchanges"):
            if row["name"] and not row["name"].startswith("amq."):
                names = ("type", "durable", "auto_delete", "internal", "arguments")
                add("exchange", {"vhost": row["vhost"], "name": row["name"]}, {name: row[name] for name in names})
        for row in self.request("GET", "queues?disable_stats=true"):
            fields = {name: row[name] for name in ("type", "durable", "auto_delete")}
            arguments = {name: value for name, value in row["arguments"].items() if name != "x-queue-type"}
            add("queue", {"vhost": row["vhost"], "name": row["name"]}, {**fields, "arguments": arguments})


def key_of(identity: dict[str, t.Any]) -> str:
    # JSON keeps 1, 1.0 and true apart, as the broker does for the arguments of bindings.
    return json.dumps(identity, sort_keys=True)


def segment(name: str) -> str:
    return quote(name, safe="")
