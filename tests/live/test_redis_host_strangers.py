"""Whatever a person writes for redis_host, and whatever stands in a redis.conf: refused in words, or taken and read back by the servers."""

from __future__ import annotations

import json
import os
import typing as t
from collections import Counter

import pytest
from harness import ModuleTask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import command, files
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import data, instance, texts
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import quoting
from lab import redis
from lab.redis import Server
from lab.resp import Connection

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
TASKS, TEXTS, PASSWORDS_EACH = 500 * TIMES, 600 * TIMES, 100 * TIMES
LINE = 6000  # characters
Arguments = t.Dict[str, t.Any]
counted: Counter[str] = Counter()

CURIOUS = [
    "ä", "päß", "пароль", "漢字", "🐇", "a\u00a0b", "\u00a0", "a\u0085b", "a\u2028b", "\ufeffa", "a b", " a", "a ", "\t", '"', "'", 'a"b',
    "a'b",
    '"a"', "'a'", "\\", "a\\b", "\\n", "\\x41", "a\\", "#", "#a", "a#b", "a\nb", "a\rb", "a\x00b", "\x1b", "\x7f", "", " ", "x" * 300, "$x",
    "{{ x }}", "%i", "-a", "..", "a/b", ">a", "+@all", "~*",
]  # fmt: skip
HALVES = ["\ud800", "a\udcff"]
texts_ = st.sampled_from(CURIOUS) | st.text(max_size=10) | st.sampled_from(HALVES)
_VALUES = [True, False, None, 0, 1, -1, 1.5, 2**64, [], ["60 1", "300 10"], [[1]], {}, "60 1", '"a b"', "yes", "no"]
values = texts_ | st.sampled_from(_VALUES)
names = st.sampled_from(["cache", "cache", "pubsub", "a.static", "-x", "a" * 90]) | texts_
SETTINGS = [
    "appendonly", "appendfilename", "appenddirname", "dbfilename", "save", "databases", "maxmemory", "port", "bind", "dir", "user",
    "include", "rename-command", "cluster-enabled", "masteruser", "MAXMEMORY", "a b", "", "replicaof", "slave-priority", "ä", "a\n",
    "tls-key-file-pass",
]  # fmt: skip
chosen = st.dictionaries(st.sampled_from(SETTINGS) | texts_, values, max_size=3)
users = st.fixed_dictionaries(
    {"name": st.sampled_from(["admin", "default", "app"]) | texts_},
    optional={"passwords": st.lists(texts_, max_size=2), "rules": st.sampled_from(["~* &* +@all", "on nopass", "(~a +get)"]) | texts_},
)
_GOOD = {"name": "cache", "users": [{"name": "admin", "passwords": ["a"], "rules": "~* &* +@all"}], "admin": "admin"}
_OF_INSTANCE: dict[str, st.SearchStrategy[t.Any]] = {
    "name": names,
    "users": st.lists(users, max_size=3),
    "kind": st.sampled_from(["server", "sentinel", "other", None]),
    "settings": chosen | values,
    "secret_settings": st.dictionaries(st.sampled_from(["masterauth", "primaryauth", "requirepass", "a\nb"]), values, max_size=2),
    "service": st.dictionaries(st.sampled_from(["LimitNOFILE", "ExecStart", "a", ""]), values, max_size=1) | values,
    "admin": st.sampled_from(["default", "admin"]) | texts_,
    "replicaof": st.sampled_from(["10.0.0.1:6379", "10.0.0.1", "::1", "[::1]:1", "a:b:c", ":1", "10.0.0.1:0"]) | texts_,
}
_OF_TASK: dict[str, st.SearchStrategy[t.Any]] = {
    "flavor": st.sampled_from(["redis", "valkey", "keydb", None]),
    "masked": st.lists(st.sampled_from(["strange-server", "strange-sentinel", "--help", "a b", "../x"]) | texts_, max_size=2),
    "restart": st.lists(st.sampled_from(["server/cache", "sentinel/main", "x"]), max_size=1) | values,
    "backup": st.lists(st.sampled_from(["server/cache", "x"]), max_size=1),
    "backup_directory": st.sampled_from(["/nowhere", "relative", ""]) | texts_,
    "transparent_hugepage": st.sampled_from(["madvise", "always", None]),
    "instances": values,
}


@st.composite
def tasks(draw: t.Any) -> Arguments:
    """Nearly right: a good task with some options of any kind."""

    def some(known: Arguments, more: t.Mapping[str, st.SearchStrategy[t.Any]], most: int) -> Arguments:
        options = draw(st.lists(st.sampled_from(sorted(more)), max_size=most, unique=True))
        return {**known, **{name: draw(more[name]) for name in options}}

    instances = [some(_GOOD, _OF_INSTANCE, 2) for dummy in range(draw(st.sampled_from([1, 1, 1, 2])))]
    return some({"instances": instances}, _OF_TASK, 1)


WORDS = [*SETTINGS, *CURIOUS, "masterauth", "primaryauth", "replicaof", "slaveof", "10.0.0.1", "6379", "yes", "no", "#", '"p\\xc3\\xa4"']
confs = st.lists(st.tuples(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=4), st.sampled_from(" \t\u00a0\v"))).map(
    lambda lines: "\n".join(blank.join(words) for words, blank in lines)
)


def many(examples: int) -> t.Callable[[t.Any], t.Any]:
    return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


# Tasks


class OnlyReads:
    """This machine is only read: what would be written or run to change something is counted."""

    CHANGING = frozenset({"start", "stop", "restart", "enable", "disable", "mask", "daemon-reload"})

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written: list[str] = []
        popen = command.subprocess.Popen

        def program(words: t.Sequence[str], *more: t.Any, **how: t.Any) -> t.Any:
            if self.CHANGING & {*words}:
                self.written.append(" ".join(words))
                words = ["true"]
            return popen(words, *more, **how)

        monkeypatch.setattr(command.subprocess, "Popen", program)
        for name in ("_write", "remove"):
            monkeypatch.setattr(files, name, lambda what: self.written.append(str(what)))
        for name in ("chown", "chmod", "rename", "makedirs"):
            monkeypatch.setattr(os, name, lambda *what, **how: self.written.append(str(what)))


def test_whatever_is_written_is_refused_in_words_or_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """In check mode nothing is written, and apply refuses with the words of check mode before it writes."""
    with monkeypatch.context() as patched:
        between = OnlyReads(patched)
        task = ModuleTask("redis_host")

        @many(TASKS)
        @given(tasks())
        def case(arguments: Arguments) -> None:
            counted["tasks"] += 1
            between.written.clear()
            result = task.check(**arguments)
            assert between.written == [], f"check mode writes: {arguments!r}"
            if not result.get("failed"):
                counted["taken"] += 1
                return
            about = f"{result['msg']!r} to {arguments!r}"
            assert result["msg"].strip() and all(len(line) <= LINE for line in result["msg"].splitlines()), about
            assert "Traceback" not in json.dumps(result) and "exception" not in result, about
            again = task.apply(**arguments)
            assert (again.get("msg"), between.written) == (result["msg"], []), f"apply differs from check mode: {arguments!r}"

        case()


# Texts


def test_no_text_of_a_redis_conf_is_too_strange() -> None:
    @many(TEXTS)
    @given(confs, texts_)
    def case(text: str, password: str) -> None:
        counted["texts"] += 1
        kept = {"masterauth": password}
        changed = texts.with_kept(text, kept)
        if quoting.is_text(password) and "\x00" not in password:
            assert texts.kept_differences(changed, kept) == ()
        assert texts.with_kept(changed, kept) == changed
        assert texts.directives(texts.stripped(text, ["masterauth", "slave-priority"])).keys() & {"masterauth", "replica-priority"} == set()
        texts.follows(text)
        data.source(data.settings(text))
        texts.static_differences(text, changed)
        texts.user_differences(text, text)

    case()


# Servers


@pytest.fixture(scope="module", params=list(redis.LINES))
def server(request: pytest.FixtureRequest) -> t.Iterator[Server]:
    with redis.group(f"host-{request.param}", request.param, replicas=0, sentinels=0) as made:
        yield made.data[0]


passwords = (st.sampled_from(CURIOUS) | st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)).filter(lambda text: text)


USERS = ["app", "wächter", "сторож", "a\u00a0b", "a\u2028b", "漢字"]


def declared(flavor: str, password: str, name: str, rules: str) -> instance.Instance | None:
    """None where it is refused."""
    user = {"name": name, "passwords": [password], "rules": rules}
    item = {"name": "a", "kind": "server", "settings": {}, "service": {}, "users": [user], "admin": name, "replicaof": None}
    item |= {"state": "present", "keep_data": True, "directory": None, "socket_mode": "700", "scripts": []}
    params = {"flavor": flavor, "service": {}, "masked": [], "restart": [], "backup": []}
    try:
        return instance.declare({**params, "instances": [{**item, "secret_settings": {"masterauth": password}}]}, {})[0]
    except Refused:
        return None


def test_every_password_that_is_taken_is_read_back(server: Server) -> None:
    """From our file and from the one that the server writes; and a user of that name logs in with it."""
    line = server.program.line
    acl = server.home / "users.acl"

    @many(PASSWORDS_EACH)
    @given(
        passwords,
        st.sampled_from(USERS),
        st.sampled_from(["~* +@all", "~ä\u00a0* +get +ping"]),
    )
    def case(password: str, name: str, rules: str) -> None:
        counted["passwords"] += 1
        found = declared(line.partition("-")[0], password, name, rules)
        if found is None:
            counted["refused"] += 1
            return
        counted["read back"] += 1
        with Connection(server.host, server.port) as plain:
            plain._socket.sendall(f"ECHO {quoting.quoted(password)}\r\n".encode())
            assert plain.receive() == password
        server.ask("CONFIG", "SET", "masterauth", password)
        server.ask("CONFIG", "REWRITE")
        assert texts.kept_differences(server.config.read_text(encoding="utf-8"), found.kept) == ()
        acl.write_text(f"user default on nopass ~* &* +@all\n{found.users}", encoding="utf-8", newline="")
        server.ask("ACL", "LOAD")
        with Connection(server.host, server.port) as plain:
            assert plain.ask("AUTH", name, password) == "OK"
        for command_ in texts.user_commands("", found.users):
            assert server.ask(*command_) == "OK"

    server.stop()
    with server.config.open("a", encoding="utf-8") as file:
        file.write(f"aclfile {acl}\n")
    acl.write_text("user default on nopass ~* &* +@all\n", encoding="utf-8")
    server.start()
    seed(line)(case)()


def test_enough_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    if not counted["tasks"]:
        pytest.skip("counts what the other tests did, which did not run")
    with capsys.disabled():
        print(f"\n{dict(counted)}")
    assert counted["taken"] >= 20 and counted["read back"] >= 100
