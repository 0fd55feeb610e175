"""A broker in memory: it takes the plan's changes as strictly as a real one, and knows nothing of how they were planned."""

from __future__ import annotations

import base64
import copy
import hashlib
import threading
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Key, Plan, Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Broker, Kind, Observed, Values, name_in
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION

ME = "admin"
EXCHANGE_TYPES = ("direct", "fanout", "topic", "headers")
BUILT_IN = {"": "direct", "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic"}
SHA256 = "rabbit_password_hashing_sha256"

# What the broker makes of a field that nobody gave (https://www.rabbitmq.com/docs/http-api-reference, and measured).
_OMITTED: dict[str, Values] = {
    "vhost": {"description": "", "tags": [], "default_queue_type": None, "tracing": False},
    "user": {"tags": [], "password": None},
    "exchange": {"type": "direct", "durable": False, "auto_delete": False, "internal": False, "arguments": {}},
    "queue": {"type": None, "durable": False, "auto_delete": False, "arguments": {}},
    "policy": {"apply_to": "all", "priority": 0},
    "operator_policy": {"apply_to": "all", "priority": 0},
}


def hash_of(password: str, salt: bytes = b"salt") -> passwords.Hash:
    return passwords.Hash(base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode(), SHA256)


def logs_in(stored: passwords.Hash, password: str) -> bool:
    """Whether the broker would accept the password of a user with this hash."""
    raw = base64.b64decode(stored.text)
    return raw != b"" and raw == raw[:4] + hashlib.sha256(raw[:4] + password.encode()).digest()


class Memory:
    """The objects of a broker, as `broker` sees them."""

    def __init__(self, version: str = "4.0.5", tags: t.Collection[str] = ("administrator",)) -> None:
        self.broker = Broker(
            version=version,
            cluster_name="memory",
            exchange_types=frozenset(EXCHANGE_TYPES),
            user=ME,
            tags=frozenset(tags),
            vhosts={},
        )
        self.lock = threading.Lock()
        self.written: list[Key] = []
        self.put("users", name=ME, tags=["administrator"], password=hash_of("admin"))
        self.put("vhosts", name="/")

    @property
    def objects(self) -> dict[Key, Observed]:
        return self.broker.objects

    def put(self, option: str, exclusive: bool = False, **values: t.Any) -> Key:
        """What somebody made there before; fields in the words of rabbitmq_topology's lists."""
        kind = BY_OPTION[option]
        parts = {"destination_type": "queue", "routing_key": "", "arguments": {}} if option == "bindings" else {"vhost": "/"}
        identity = {part: values.pop(part, parts.get(part, "/" if part == "vhost" else None)) for part in kind.parts}
        values.update({entry.name: Secret(values[entry.name]) for entry in kind.fields if entry.secret and entry.name in values})
        return self._store(kind, identity, values, exclusive)

    def of(self, option: str) -> list[str]:
        return sorted(entry.object for entry in self.objects.values() if entry.kind.option == option)

    def fields(self, kind: str, name: str) -> Values:
        return self.objects[(kind, name)].fields

    def state(self) -> dict[Key, Values]:
        return copy.deepcopy({key: entry.fields for key, entry in self.objects.items()})

    def write(self, change: Change) -> Change:
        with self.lock:
            self.written.append(change.key)
            {"create": self._create, "update": self._update, "replace": self._replace, "delete": self._delete}[change.action](change)
        return change

    def _create(self, change: Change) -> None:
        assert change.key not in self.objects, f"{change.key} is there already"
        self._store(BY_NAME[change.kind], change.identity, change.payload)

    def _update(self, change: Change) -> None:
        assert not BY_NAME[change.kind].immutable, f"the broker cannot change {change.key} in place"
        assert change.payload.keys() == self.objects[change.key].fields.keys(), "a PUT replaces everything: omitting a field resets it"
        self._store(BY_NAME[change.kind], change.identity, change.payload)

    def _replace(self, change: Change) -> None:
        self._remove(change.key)
        self._store(BY_NAME[change.kind], change.identity, change.payload.fields)
        for entry in change.payload.lost:
            self._store(entry.kind, entry.identity, entry.fields)

    def _delete(self, change: Change) -> None:
        assert change.key in self.objects, f"{change.key} is gone already"
        assert not (change.kind == "exchange" and change.identity["name"] in BUILT_IN), "a built-in cannot be deleted"
        if change.kind == "binding":
            assert change.payload["properties_key"] == self.objects[change.key].extra["properties_key"]
        self._remove(change.key)

    def _store(self, kind: Kind, identity: Values, fields: Values, exclusive: bool = False) -> Key:
        for other in requires(kind, identity):
            assert other in self.objects, f"{kind.name} {identity} needs {other}"
        full = dict(_OMITTED.get(kind.name, {}), **{name: value for name, value in fields.items() if value is not None})
        assert full.keys() == {entry.name for entry in kind.fields}
        extra: Values = {}
        if kind.name == "queue":
            default = (
                self.objects[("vhost", identity["vhost"])].fields["default_queue_type"] if identity["vhost"] in self._vhosts() else None
            )
            full["type"] = full["type"] or default or "classic"
            extra = {"exclusive": exclusive, "type": full["type"]}
        elif kind.name == "user":
            full["password"] = _stored(full["password"])
        elif kind.name == "binding":
            extra = {"properties_key": f"{identity['routing_key']}~{len(identity['arguments'])}"}
        entry = Observed(kind, kind.object(identity), dict(identity), copy.deepcopy(full), extra)
        self.objects[entry.key] = entry
        if kind.name == "vhost":
            self.broker.vhosts[identity["name"]] = dict(full, name=identity["name"])
            for name, exchange_type in BUILT_IN.items():
                self._store(BY_NAME["exchange"], {"vhost": identity["name"], "name": name}, {"type": exchange_type, "durable": True})
        return entry.key

    def _vhosts(self) -> t.Collection[str]:
        return {entry.identity["name"] for entry in self.objects.values() if entry.kind.name == "vhost"}

    def _remove(self, key: Key) -> None:
        """Delete it, and what goes when it goes."""
        gone = self.objects.pop(key)
        if gone.kind.name == "vhost":
            del self.broker.vhosts[gone.identity["name"]]
        for other in [other for other, entry in self.objects.items() if key in requires(entry.kind, entry.identity)]:
            if other in self.objects:
                self._remove(other)


class Run(Service):
    """A plan that the engine carries out on a broker in memory."""

    def __init__(self, memory: Memory, planned: Plan, workers: int = 1) -> None:
        super().__init__()
        self.memory, self.planned, self.workers = memory, planned, workers

    def observe(self) -> None:
        pass

    def plan(self) -> Plan:
        return self.planned

    def write(self, change: Change) -> Change:
        return self.memory.write(change)


def requires(kind: Kind, identity: Values) -> list[Key]:
    """The objects that the broker wants to be there first, and with which this one goes."""

    def within(name: str, what: str) -> Key:
        return (what, name_in(identity["vhost"], name))

    keys: list[Key] = []
    if "vhost" in kind.parts:
        keys.append(("vhost", identity["vhost"]))
    if "user" in kind.parts:
        keys.append(("user", identity["user"]))
    if kind.name == "binding":
        keys += [within(identity["source"], "exchange"), within(identity["destination"], identity["destination_type"])]
    if kind.name == "topic_permission":
        keys.append(within(identity["exchange"], "exchange"))
    return keys


def _stored(password: Secret | None) -> Secret:
    credential = passwords.Hash("", SHA256) if password is None else password.reveal()
    return Secret(hash_of(credential.text) if isinstance(credential, passwords.Password) else credential)
