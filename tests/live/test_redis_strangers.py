"""Whatever a person writes for Sentinel: one line of refusal before anything is written, or a task that is done once."""

from __future__ import annotations

import json
import os
import typing as t
from collections import Counter

import pytest
from harness import ModuleTask
from redis_strangers import CURIOUS, DELICATE, Arguments, Stranger
from watch import Watch, address, lone, quick, until

from ansible_collections.eco2.platform.plugins.module_utils._redis import connection, errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address as addresses
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import quoting
from ansible_collections.eco2.platform.plugins.module_utils._redis.sentinels import desired, sentinel_conf
from lab import redis
from lab.redis import Group, Server
from lab.resp import Connection, ServerSaid, pairs

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
LINES_EACH, PASSWORDS_EACH = 500 * TIMES, 100 * TIMES  # on each of four servers
TASKS, TEXTS, ADDRESSES = 1000 * TIMES, 1000 * TIMES, 1000 * TIMES
LINE = 6000  # characters

counted: Counter[str] = Counter()


@pytest.fixture(scope="module", params=list(redis.LINES))
def pair(request: pytest.FixtureRequest) -> t.Iterator[Group]:
    """A data node and a sentinel."""
    with redis.group(f"strange-{request.param}", request.param, replicas=0, sentinels=1) as made:
        quick(made)
        yield made


# Texts


def test_a_line_has_the_words_that_the_server_reads(pair: Group) -> None:
    """EVAL in a line of plain text is read by the same code as a file, and answers with the words that it got."""
    stranger = Stranger(pair.line)
    judge = Judge(pair.data[0])
    for dummy in range(LINES_EACH):
        counted["lines"] += 1
        line = stranger.line()
        assert judge.words(line) in (None, quoting.words(line)), line
    judge.close()


class Judge:
    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = Connection(*server.address)

    def words(self, line: str) -> list[str] | None:
        """None where the server refuses the line, and with it the connection."""
        begin = b'EVAL "local r = {} for i, v in ipairs(ARGV) do r[i] = v end return r" 0 '
        self._connection._socket.sendall(begin + line.encode() + b"\r\n")
        try:
            return t.cast("list[str]", self._connection.receive())
        except ServerSaid as error:
            assert "unbalanced quotes" in str(error)
            self.close()
            self._connection = Connection(*self.server.address)
            return None

    def close(self) -> None:
        self._connection.close()


def test_no_text_of_a_sentinel_conf_is_too_strange() -> None:
    stranger = Stranger("texts")
    for dummy in range(TEXTS):
        counted["texts"] += 1
        text = stranger.conf()
        assert "pubsub" in sentinel_conf.hidden_options(text), text


def test_an_address_is_read_or_refused_whatever_it_is() -> None:
    stranger = Stranger("addresses")
    for dummy in range(ADDRESSES):
        counted["addresses"] += 1
        text = stranger.host()
        try:
            found = addresses.parse(text, 6379)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert addresses.parse(str(found), 6379) == found, text


# Passwords


def test_every_password_that_is_taken_is_read_back_from_the_file(pair: Group) -> None:
    """As the sentinel writes it, whatever it is; and the sentinel itself reads it again at its next start."""
    sentinel, node = pair.sentinels[0], pair.data[0]
    sentinel.ask("SENTINEL", "MONITOR", "pubsub", *node.address, 1)
    stranger = Stranger(pair.line)
    last = ""
    for dummy in range(PASSWORDS_EACH):
        counted["passwords"] += 1
        last = stranger.password()
        desired.declare({"sentinels": [{"host": "a", "port": 1}], "masters": [{"name": "pubsub", "state": "present", "auth_pass": last}]})
        sentinel.ask("SENTINEL", "SET", "pubsub", "auth-pass", last)
        filed = sentinel_conf.hidden_options(sentinel.config.read_text(encoding="utf-8"))["pubsub"]
        assert filed["auth_pass"].reveal() == last
    node.ask("ACL", "SETUSER", "default", "resetpass", f">{last}")
    node.credentials = (last,)
    try:
        sentinel.stop()
        sentinel.start()
        until(lambda: pairs(sentinel.ask("SENTINEL", "MASTER", "pubsub"))["runid"] != "")
    finally:
        node.ask("ACL", "SETUSER", "default", "nopass")
        node.credentials = ()
        sentinel.ask("SENTINEL", "REMOVE", "pubsub")


def test_strange_passwords_and_users_are_set_once(pair: Group) -> None:
    """Umlauts, Cyrillic, blanks of Unicode, escapes: all of them in one task, on a data node each."""
    users = ["watcher", "wächter", "сторож"]
    with lone(pair, 16) as nodes, Watch(pair) as watch:
        for number in range(0, len(CURIOUS) if TIMES > 1 else len(nodes), len(nodes)):
            masters = []
            for index, (node, password) in enumerate(zip(nodes, CURIOUS[number:])):
                user = users[index % len(users)]
                node.ask("ACL", "SETUSER", user, "reset", "on", f">{password}", "~*", "&*", "+@all")
                masters.append({"name": f"set-{index}", "address": address(node), "auth_user": user, "auth_pass": password, "quorum": 1})

            done = watch.task.apply(**filed(pair, masters))
            assert not done.get("failed"), done["msg"]
            assert len(done["changes"]) == len(masters)
            watch.idle(**filed(pair, masters))
            counted["set"] += len(masters)
        for password in ["päß\u00a0\u2028", "пароль", "a\\x41#$"]:
            watch.settle(settings={"sentinel_pass": password, "sentinel_user": "wächter"})
        watch.settle(settings={"sentinel_pass": "", "sentinel_user": ""})


def filed(pair: Group, masters: list[Arguments]) -> Arguments:
    conf = pair.sentinels[0].config.read_text(encoding="utf-8")
    return {"masters": masters, "sentinels": [{"host": pair.sentinels[0].host, "conf": conf}], "update_hidden": "from_file"}


def test_what_a_file_cannot_keep_is_refused_where_it_is_not_quoted(pair: Group) -> None:
    task, node = Watch(pair).task, pair.data[0]
    for password in DELICATE:
        node.ask("ACL", "SETUSER", "watcher", "reset", "on", f">{password}", "~*", "&*", "+@all")
        told = task.check(masters=[{"name": "pubsub", "address": address(node), "auth_user": "watcher", "auth_pass": password}])
        codes = [problem["code"] for problem in told.get("problems", [])]
        assert codes == ([] if pair.line == "valkey-9.1" else ["option.quotes"]), (password, told)


# Tasks


class OnlyReads:
    """Stands between the module and the servers: what is read comes from the server, once; what is written is counted and not sent.

    Nobody is asked beyond the group, and no name is looked up.
    """

    READS = frozenset({"MYID", "MASTERS", "MASTER", "REPLICAS", "SENTINELS"})

    def __init__(self, monkeypatch: pytest.MonkeyPatch, group: Group) -> None:
        self.written: list[tuple[str, ...]] = []
        self._seen: dict[t.Any, t.Any] = {}
        ask, own = connection.Server.ask, {server.address for server in group.servers}

        def instead(server: connection.Server, *words: t.Any) -> t.Any:
            if not (words[0] in ("INFO", "PING") or words[:3] == ("SENTINEL", "CONFIG", "GET") or words[1] in self.READS):
                self.written.append(tuple(map(str, words)))
                return "OK"
            if (server.host, server.port) not in own:
                raise errors.CannotConnect(f"{server.name}: cannot connect (it is not of the lab)")
            key = (server.host, server.port, server.credentials, server.tls, words)
            if key not in self._seen:
                self._seen[key] = self._answer(ask, server, words)
            if isinstance(self._seen[key], Exception):
                raise self._seen[key]
            return self._seen[key]

        monkeypatch.setattr(connection.Server, "ask", instead)
        monkeypatch.setattr(addresses, "_resolved", lambda host: set())

    def _answer(self, ask: t.Callable[..., t.Any], server: connection.Server, words: t.Any) -> t.Any:
        try:
            return ask(server, *words)
        except (errors.ServerError, *errors.SILENT) as error:
            return error


@pytest.fixture(scope="module")
def whole() -> t.Iterator[Group]:
    with redis.group("strange", "redis-8.0", replicas=1) as made:
        quick(made)
        made.monitor("pubsub", made.data[0])
        made.wait_healthy("pubsub")
        yield made


def test_whatever_is_written_is_refused_in_words_or_taken(whole: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before a refusal, in check mode nothing at all, and apply refuses with the words of check mode."""
    with monkeypatch.context() as patched:
        between = OnlyReads(patched, whole)
        task = ModuleTask("redis_sentinel", timeout=1.0, wait_timeout=0.0)

        stranger = Stranger("tasks")
        for dummy in range(TASKS):
            counted["tasks"] += 1
            arguments = stranger.task(whole)
            between.written.clear()
            result = task.check(**arguments)
            assert between.written == [], f"check mode writes: {arguments!r}"
            if not result.get("failed"):
                counted["taken"] += 1
                continue
            assert_refused_in_words(result, arguments)
            counted.update(f"code {problem['code']}" for problem in result.get("problems", []))
            again = task.apply(**arguments)
            assert (again.get("msg"), between.written) == (result["msg"], []), f"apply differs from check mode: {arguments!r}"


def assert_refused_in_words(result: Arguments, arguments: Arguments) -> None:
    message = result["msg"]
    about = f"{message!r} to {arguments!r}"
    assert message.strip(), about
    assert "Traceback" not in json.dumps(result), about
    assert "exception" not in result, about
    assert all(len(line) <= LINE for line in message.splitlines()), about


def test_enough_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    if not counted["tasks"]:
        pytest.skip("counts what the other tests did, which did not run")
    with capsys.disabled():
        print(f"\n{dict(counted)}")
    assert sum(counted[kind] for kind in ("lines", "texts", "addresses", "passwords", "tasks")) >= 5_000
    assert counted["taken"] >= 100 and counted["set"] >= 60
