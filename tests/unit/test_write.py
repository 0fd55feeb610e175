"""What is sent for a change. That a real broker takes it as meant is for the live tests to say."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from memory import Memory, hash_of, logs_in

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Plan, Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors, passwords, service
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import path_of
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.bindings import BINDING
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.plain import TOPIC_PERMISSION
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_OPTION
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.users import USER
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.safety import room
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.safety.recreation import Replacement
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.service import IMPORT_FROM, Topology


class Recorder:
    """A client that notes what it is asked for, and answers GETs with `rows`."""

    def __init__(self, rows: t.Sequence[dict[str, t.Any]] = (), error: Exception | None = None) -> None:
        self.rows = list(rows)
        self.error = error
        self.sent: list[tuple[t.Any, ...]] = []

    def _note(self, *request: t.Any) -> None:
        self.sent.append(request)
        if self.error is not None:
            raise self.error

    def get(self, *segments: str, **dummy: str) -> t.Any:
        return self.rows

    def put(self, segments: t.Sequence[str], body: t.Any) -> None:
        self._note("PUT", path_of(segments), body)

    def post(self, segments: t.Sequence[str], body: t.Any, **dummy: t.Any) -> t.Any:
        self._note("POST", path_of(segments), body)

    def delete(self, segments: t.Sequence[str], conditions: t.Any = None, **dummy: t.Any) -> None:
        self._note("DELETE", path_of(segments), dict(conditions or {}))


def change(option: str, action: str, identity: dict[str, t.Any], payload: t.Any) -> Change:
    kind = BY_OPTION[option]
    return Change(kind.name, kind.object(identity), identity, action, (), kind.stage, payload=payload)


ARGUMENTS: dict[str, t.Any] = {
    "url": ["http://localhost:15672"],
    "username": "admin",
    "vhost": "/",
    "password": "hunter2",
    "validate_certs": True,
    "timeout": 5.0,
    "on_immutable_change": "fail",
    "accept_loss_window": False,
    "prune": [],
    "prune_ignore": [],
    "prune_limit": 10,
    **dict.fromkeys(("ca_cert", "client_cert", "client_key", "manifests", "cluster_reference", "credentials", "definitions")),
}


def writer(client: Recorder, allowed: t.Collection[str] = (), memory: Memory | None = None) -> Topology:
    service = Topology({**ARGUMENTS, "allow_message_loss": allowed})
    service.client = t.cast("t.Any", client)
    service.broker = (memory or Memory()).broker
    return service


def sent(one: Change, allowed: t.Collection[str] = (), memory: Memory | None = None) -> list[tuple[t.Any, ...]]:
    client = Recorder()
    assert writer(client, allowed, memory).write(one) is one
    return client.sent


Q = {"vhost": "a/b", "name": "q"}
BOUND = {"vhost": "/", "source": "x", "destination": "y", "destination_type": "exchange", "routing_key": "k/1", "arguments": {"a": 1}}


@pytest.mark.parametrize(
    ("option", "identity", "fields", "path", "body"),
    [
        (
            "queues",
            Q,
            {"type": "quorum", "durable": True, "auto_delete": False, "arguments": {"x-expires": 5}},
            "/api/queues/a%2Fb/q",
            {"durable": True, "auto_delete": False, "arguments": {"x-expires": 5, "x-queue-type": "quorum"}},
        ),
        (
            "queues",
            Q,
            {"durable": True, "auto_delete": False, "arguments": {}},
            "/api/queues/a%2Fb/q",
            {"durable": True, "auto_delete": False, "arguments": {}},
        ),
        ("vhosts", {"name": "v"}, {"tags": ["a"], "default_queue_type": None}, "/api/vhosts/v", {"tags": ["a"]}),
        (
            "policies",
            {"vhost": "/", "name": "p"},
            {"pattern": "", "definition": {"a": 1}, "apply_to": "all", "priority": 0},
            "/api/policies/%2F/p",
            {"pattern": "", "definition": {"a": 1}, "apply-to": "all", "priority": 0},
        ),
        (
            "parameters",
            {"vhost": "/", "component": "shovel", "name": "s"},
            {"value": Secret({"src-uri": "amqp://"})},
            "/api/parameters/shovel/%2F/s",
            {"value": {"src-uri": "amqp://"}},
        ),
        ("vhost_limits", {"vhost": "/", "name": "max-queues"}, {"value": 5}, "/api/vhost-limits/%2F/max-queues", {"value": 5}),
        (
            "topic_permissions",
            {"vhost": "/", "user": "ann", "exchange": ""},
            {"write": "", "read": ""},
            "/api/topic-permissions/%2F/ann",
            {"write": "", "read": "", "exchange": ""},
        ),
    ],
)
def test_what_is_put(option: str, identity: dict[str, t.Any], fields: dict[str, t.Any], path: str, body: dict[str, t.Any]) -> None:
    assert sent(change(option, "create", identity, fields)) == [("PUT", path, body)]


def test_a_binding_is_posted_between_its_ends_and_deleted_by_the_brokers_own_key() -> None:
    body = {"routing_key": "k/1", "arguments": {"a": 1}}
    assert sent(change("bindings", "create", BOUND, {})) == [("POST", "/api/bindings/%2F/e/x/e/y", body)]
    gone = change("bindings", "delete", BOUND, {"properties_key": "k%2F1~hash"})
    assert sent(gone) == [("DELETE", "/api/bindings/%2F/e/x/e/y/k%252F1~hash", {})]


def test_a_password_is_sent_as_a_hash_and_never_in_clear() -> None:
    body = USER.body({"tags": ["a", "b"], "password": Secret(passwords.Password("hunter2"))})
    assert "hunter2" not in repr(body)
    assert body["tags"] == "a,b"
    assert logs_in(passwords.Hash(body["password_hash"], body["hashing_algorithm"]), "hunter2")


def test_a_stored_hash_is_sent_back_with_its_algorithm() -> None:
    stored = passwords.Hash("AAAA", "rabbit_password_hashing_sha512")
    assert USER.body({"tags": [], "password": Secret(stored)}) == {
        "tags": "",
        "password_hash": "AAAA",
        "hashing_algorithm": stored.algorithm,
    }


def test_a_user_without_password_cannot_log_in_by_one() -> None:
    body = USER.body({})
    assert (body["tags"], body["password_hash"]) == ("", "")


def test_a_classic_queue_that_nobody_declares_goes_only_if_unused_and_if_empty_unless_allowed() -> None:
    gone = change("queues", "delete", Q, {"type": "classic"})
    assert sent(gone) == [("DELETE", "/api/queues/a%2Fb/q", {"if-empty": "true", "if-unused": "true"})]
    assert sent(gone, allowed=["queue a/b/q"]) == [("DELETE", "/api/queues/a%2Fb/q", {"if-unused": "true"})]
    assert sent(gone, allowed=["queue a/b/other"])[0][2] == {"if-empty": "true", "if-unused": "true"}


def test_a_quorum_queue_is_asked_for_a_message_right_before_it_goes() -> None:
    requests = sent(change("queues", "delete", Q, {"type": "quorum"}))
    assert [request[:2] for request in requests] == [("POST", "/api/queues/a%2Fb/q/get"), ("DELETE", "/api/queues/a%2Fb/q")]
    assert requests[0][2]["ackmode"] == "ack_requeue_true"


def test_a_message_that_came_meanwhile_keeps_the_queue() -> None:
    class Full(Recorder):
        def post(self, segments: t.Sequence[str], body: t.Any, **dummy: t.Any) -> t.Any:
            return [{"payload": "x"}]

    client = Full()
    with pytest.raises(ChangeFailed, match="was not deleted"):
        writer(client).write(change("queues", "delete", Q, {"type": "quorum"}))
    assert client.sent == []


def test_a_replacement_deletes_declares_and_binds_again_in_this_order() -> None:
    fields = {"type": "topic", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    memory = Memory()
    memory.put("exchanges", name="x")
    granted = TOPIC_PERMISSION.entry({"vhost": "/", "user": "ann", "exchange": "x"}, {"write": "^a", "read": ""})
    payload = Replacement(fields, fields, [granted, BINDING.entry(BOUND, {})])
    one = change("exchanges", "replace", {"vhost": "/", "name": "x"}, payload)
    assert [request[:2] for request in sent(one, memory=memory)] == [
        ("PUT", "/api/exchanges/%2F/x.recreated-0d412b74"),
        ("DELETE", "/api/exchanges/%2F/x"),
        ("PUT", "/api/exchanges/%2F/x"),
        ("PUT", "/api/topic-permissions/%2F/ann"),
        ("POST", "/api/bindings/%2F/e/x/e/y"),
        ("DELETE", "/api/exchanges/%2F/x.recreated-0d412b74"),
    ]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_no_url_carries_fails_its_own_change_only(name: str) -> None:
    with pytest.raises(ChangeFailed, match="cannot be part of an address"):
        writer(Recorder()).write(change("queues", "delete", {"vhost": "/", "name": name}, {"type": "stream"}))


# Many at once

FIELDS = {"type": "classic", "durable": True, "auto_delete": False, "arguments": {"x-expires": 5}}


def many(count: int, action: str = "create") -> list[Change]:
    return [change("queues", action, {"vhost": "/", "name": f"q{number}"}, FIELDS) for number in range(count)]


def rows(count: int, **other: t.Any) -> list[dict[str, t.Any]]:
    return [{"vhost": "/", "name": f"q{number}", "exclusive": False, **FIELDS, **other} for number in range(count)]


def test_many_new_objects_are_imported_in_one_request() -> None:
    client = Recorder(rows(IMPORT_FROM))
    assert list(writer(client).together(many(IMPORT_FROM))) == many(IMPORT_FROM)
    ((method, path, body),) = client.sent
    assert (method, path) == ("POST", "/api/definitions/%2F")
    assert body["queues"][0] == {
        "name": "q0",
        "durable": True,
        "auto_delete": False,
        "arguments": {"x-expires": 5, "x-queue-type": "classic"},
    }


def test_only_what_is_there_afterwards_as_declared_counts_as_done() -> None:
    missing = Recorder(rows(IMPORT_FROM - 1))
    assert list(writer(missing).together(many(IMPORT_FROM))) == many(IMPORT_FROM)[:-1]
    for other in ({"durable": False}, {"arguments": {"x-expires": 5.0}}, {"arguments": {}}):
        assert list(writer(Recorder(rows(IMPORT_FROM, **other))).together(many(IMPORT_FROM))) == []


def test_an_import_that_fails_leaves_the_rest_to_single_writes() -> None:
    client = Recorder(rows(3), error=errors.Invalid("importing", 400, "no"))
    assert len(list(writer(client).together(many(IMPORT_FROM)))) == 3


@pytest.mark.parametrize(
    ("changes", "administrator"), [(many(IMPORT_FROM - 1), True), (many(IMPORT_FROM), False), (many(IMPORT_FROM, "update"), True)]
)
def test_few_objects_updates_and_users_without_the_right_go_one_by_one(changes: list[Change], administrator: bool) -> None:
    client = Recorder(rows(IMPORT_FROM))
    memory = Memory(tags=["administrator" if administrator else "management"])
    assert list(writer(client, memory=memory).together(changes)) == []
    assert client.sent == []


def test_hashes_are_not_in_what_a_change_shows() -> None:
    one = change("users", "create", {"name": "ann"}, {"password": Secret(hash_of("pw"))})
    assert hash_of("pw").text not in repr(one)


class _GoneAfterTheImport(Recorder):
    def get(self, *segments: str, **dummy: str) -> t.Any:
        raise errors.TimedOut("the connection broke before an answer came")


def test_an_import_that_nobody_can_ask_about_any_more_is_unknown_and_not_untried() -> None:
    new = [change("exchanges", "create", {"vhost": "/", "name": f"e{number}"}, {}) for number in range(IMPORT_FROM)]
    service = writer(_GoneAfterTheImport())
    planned: t.Any = {"observe": lambda: None, "plan": lambda: Plan.of(new), "prove": lambda plan: []}
    vars(service).update(planned)
    report = converge(service, check_mode=False, diff=False)
    assert report.result["changed"]
    assert len(report.result["unknown"]) == IMPORT_FROM
    assert report.result["not_attempted"] == [] and report.result["changes"] == []
    assert str(report.failure).startswith("the connection broke before an answer came")


@pytest.mark.parametrize(
    ("answer", "there", "raised"),
    [
        (None, True, None),
        (None, False, errors.Doubtful),
        (errors.Doubtful(errors.Crashed("", 500, "")), False, errors.Doubtful),
        (errors.Doubtful(errors.Crashed("", 500, "")), True, None),
    ],
    ids=["done", "acknowledged and not there", "failed and not there", "failed and there"],
)
def test_a_slow_answer_is_read_back(answer: Exception | None, there: bool, raised: type[Exception] | None, monkeypatch: t.Any) -> None:
    """Without a majority 4.3 answers some writes with 204 that were not made, and others with 500 that it makes later."""
    monkeypatch.setattr(service, "DOUBTED_AFTER", 0.0)
    row = {"vhost": "/", "user": "ann", "configure": "", "write": "", "read": ".*"}
    change_ = change("permissions", "create", {"vhost": "/", "user": "ann"}, {"configure": "", "write": "", "read": ".*"})
    writing = writer(Recorder([row] if there else [], answer))
    with pytest.raises(raised) if raised else contextlib.nullcontext():
        assert writing.write(change_) is change_


def test_what_crashes_at_once_and_is_not_there_has_failed() -> None:
    crash = errors.Crashed("", 500, "")
    with pytest.raises(errors.Crashed):
        writer(Recorder([], errors.Doubtful(crash))).write(change("permissions", "create", {"vhost": "/", "user": "ann"}, {"read": ""}))


def new_queues(count: int, limit: int | None) -> list[Change]:
    changes = [change("queues", "create", {"vhost": "/", "name": str(number)}, {}) for number in range(count)]
    if limit is not None:
        changes.append(change("vhost_limits", "update", {"vhost": "/", "name": "max-queues"}, {"value": limit}))
    return changes


@pytest.mark.parametrize(
    ("stored", "declared", "refused"),
    [(3, None, False), (2, None, True), (2, 3, False), (3, 2, True), (-1, None, False), (None, None, False), (None, 0, True)],
)
def test_room_for_new_queues(stored: int | None, declared: int | None, refused: bool) -> None:
    memory = Memory()
    memory.put("queues", name="there")
    rows = [] if stored is None else [{"vhost": "/", "value": {"max-queues": stored, "max-connections": 0}}]
    client = t.cast("t.Any", Recorder(rows))
    found = list(room.problems(client, new_queues(2, declared), memory.broker))
    assert [problem.code for problem in found] == ["limit.queues"] * refused
