"""Secrets are compared and sent as hashes, and shown nowhere: not in output, results, logs, process lists or files."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import typing as t
from pathlib import Path

import pytest
from corner import Corner
from ground import one_line
from proxies import Proxy

from lab.brokers import Broker
from lab.host import podman
from playbooks import Run, play

PREFIX = "sec-"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _sha512(password: str) -> str:
    salt = b"\x01\x02\x03\x04"
    return base64.b64encode(salt + hashlib.sha512(salt + password.encode()).digest()).decode()


LOGIN = "canary-login-Aa1"
LISTED = "canary-listed-Bb2"
CHANGED = "canary-changed-Cc3"
HASH = _sha512("canary-hashed-Dd4")
ENCODED = "canary-encoded-Ee5"
STRING = "canary-string-Ff6"
IMPORTED = _sha512("canary-imported-Gg7")
UNUSED = "canary-unused-Hh8"
IN_URL = "canary-url-Ii9"
IN_TEXT = "canary-text-Jj0"
CANARIES = (LOGIN, LISTED, CHANGED, HASH, ENCODED, STRING, IMPORTED, UNUSED, IN_URL, IN_TEXT)
# Each also as Secrets carry it.
FORMS = [*CANARIES, *map(_b64, CANARIES)]

ABOUT = {"rabbitmqClusterReference": {"name": "any"}}


def _secret(name: str, data: dict[str, str], plain: dict[str, str] | None = None) -> dict[str, t.Any]:
    metadata = {"name": name, "namespace": "n"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "data": {k: _b64(v) for k, v in data.items()},
        "stringData": plain or {},
    }


def _user(name: str) -> dict[str, t.Any]:
    spec = {**ABOUT, "importCredentialsSecret": {"name": name}}
    return {"apiVersion": "rabbitmq.com/v1beta1", "kind": "User", "metadata": {"name": name, "namespace": "n"}, "spec": spec}


MANIFESTS = [
    _secret("one", {"username": "sec-one", "password": ENCODED, "else": UNUSED}),
    _secret("two", {"username": "sec-two"}, {"password": STRING}),
    _secret("three", {"username": "sec-three", "passwordHash": IMPORTED}),
    *map(_user, ("one", "two", "three")),
]
USERS = [
    {"name": "sec-listed", "password": LISTED, "tags": ["management"]},
    {"name": "sec-hashed", "password_hash": HASH, "hashing_algorithm": "sha512"},
]


def _spilled(text: str) -> list[str]:
    """The canaries found in the text."""
    return [form for form in FORMS if form in text]


def test_the_search_finds_what_it_looks_for() -> None:
    assert _spilled(f"x{LISTED}y") == [LISTED]
    assert sorted(_spilled(str(MANIFESTS))) == sorted([STRING, *map(_b64, (ENCODED, IMPORTED, UNUSED))])


@pytest.fixture
def corner(broker_4: Broker) -> t.Iterator[Corner]:
    with Corner(broker_4, PREFIX) as corner:
        corner.user("sec-admin", LOGIN, "administrator")
        corner.task.defaults.update(username="sec-admin", password=LOGIN)
        yield corner


def _tasks(*names: str) -> list[dict[str, t.Any]]:
    """Tasks that succeed, that are refused in every way, and that fail half-way, each with secrets; of these names, or all."""
    settings = {"url": "{{ url }}", "username": "sec-admin", "password": "{{ login }}"}
    rest = {"users": "{{ users }}", "manifests": "{{ manifests }}"}
    changed = [{"name": "sec-listed", "password": "{{ changed }}"}]
    # Refused by the broker only when it is written, after the user.
    bad_parameter = [{"vhost": "sec-v", "component": "no-such-component", "name": "p", "value": {"a": 1}}]
    arguments: dict[str, dict[str, t.Any]] = {
        "all at once": rest,
        "again": rest,
        "another password": {"users": changed},
        "back again": rest,
        "text of YAML": {"manifests": "{{ text }}"},
        "unsupported option": {**rest, "no_such_option": 1},
        "unsupported option of an item": {**rest, "queues": [{"name": "q", "password": "{{ changed }}"}]},
        "wrong type of manifests": {"users": "{{ users }}", "manifests": 17},
        "wrong type of a list": {**rest, "queues": "{{ changed }}"},
        "wrong type beside the password": {**rest, "timeout": "soon"},
        "user that is no dict": {"users": ["sec-listed"], "manifests": "{{ manifests }}"},
        "refused": {**rest, "vhost": "sec-absent", "queues": [{"name": "q"}]},
        "two passwords": {"users": [*USERS_BY_NAME, *changed], "manifests": "{{ manifests }}"},
        "password and hash": {"users": [{"name": "sec-x", "password": "{{ changed }}", "password_hash": "{{ hash }}"}]},
        "hash of the wrong length": {"users": [{"name": "sec-x", "password_hash": "{{ hash }}"}]},
        "manifests with a mistake": {**rest, "manifests": "{{ manifests + [{'kind': 'Nonsense'}] }}"},
        "no YAML": {**rest, "manifests": "{{ text }}\n  - : ]["},
        "password in the address": {**rest, "url": "{{ url | replace('//', '//sec-admin:' ~ in_url ~ '@') }}"},
        "wrong password": {**rest, "password": "{{ in_url }}"},
        "half-way": {
            **rest,
            "users": [*USERS_BY_NAME, {"name": "sec-late", "password": "{{ changed }}"}],
            "vhosts": [{"name": "sec-v"}],
            "parameters": bad_parameter,
        },
    }
    return [
        {"name": name, "eco2.platform.rabbitmq_topology": {**settings, **chosen}, "ignore_errors": True, "register": f"result_{number}"}
        for number, (name, chosen) in enumerate(arguments.items())
        if not names or name in names
    ]


USERS_BY_NAME = [{"name": "sec-listed", "password": "{{ listed }}", "tags": ["management"]}]
SUCCEEDING = ("all at once", "again", "another password", "back again", "text of YAML", "a module that does log")


def _variables(url: str) -> dict[str, t.Any]:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: t}}\nstringData:\n  username: sec-text\n  password: {IN_TEXT}\n"
    named = {"login": LOGIN, "listed": LISTED, "changed": CHANGED, "hash": HASH, "in_url": IN_URL, "text": text}
    return {"url": url, "users": USERS, "manifests": MANIFESTS, **named}


def _assert_ran(run: Run, tasks: list[dict[str, t.Any]]) -> None:
    """Every task was really run, and each ended as meant: the search was not made in an empty text."""
    assert run.code == 0, run.output[-2000:]
    results = [json.loads(line) for line in run.callbacks.splitlines()]
    failed = [task["name"] for task, result in zip(tasks, results) if result.get("failed")]
    assert failed == [task["name"] for task in tasks if task["name"] not in SUCCEEDING]
    for result in results:
        if result.get("failed"):
            assert "\n" not in result["msg"], result["msg"]
    first = results[0]["changes"]
    assert {change["kind"] for change in first} == {"user"} and len(first) == 5
    assert {"sec-listed", "sec-hashed"} <= {change["object"] for change in first}


NOISY = {"name": "a module that does log", "ansible.builtin.ping": {"data": "heard-in-the-log"}}
SOME = ("all at once", "another password", "text of YAML", "unsupported option", "refused", "no YAML", "half-way")


def _run(corner: Corner, home: Path, tasks: list[dict[str, t.Any]], *options: str, **environment: str) -> Run:
    """Play the tasks, and assert that no secret came out anywhere."""
    began = int(time.time())
    with Proxy(corner.broker.url) as proxy:
        run = play(home, [*tasks, NOISY], _variables(proxy.url), *options, **environment)
    assert "heard-in-the-log" in run.journal, "nothing was heard of the log at all"
    _assert_ran(run, [*tasks, NOISY])
    sent = "\n".join(f"{seen.path} {seen.body.decode()}" for seen in proxy.seen)
    places = {
        "output": run.output,
        "callbacks": run.callbacks,
        "command lines": run.command_lines,
        "files left behind": run.leftovers(),
        "journal": run.journal,
        "sent": sent.replace(HASH, "").replace(IMPORTED, ""),  # hashes are what the broker shall get
        "the broker's log": podman("logs", "--since", str(began - 1), corner.broker.container),
    }
    found = {place: spilled for place, text in places.items() if (spilled := _spilled(text))}
    assert found == {}
    assert "rabbitmq_topology" in run.command_lines and "rabbitmq_topology" in run.leftovers()
    return run


def _users(corner: Corner) -> list[str]:
    return [key for kind, key in corner.snapshot() if kind == "user"]


def test_no_secret_leaves_a_run_at_full_verbosity(corner: Corner, tmp_path: Path) -> None:
    _run(corner, tmp_path, _tasks(), "-vvv")
    assert len(_users(corner)) == 7


def test_no_secret_leaves_a_check_with_diff(corner: Corner, tmp_path: Path) -> None:
    tasks = [task for task in _tasks(*SOME) if task["name"] != "half-way"]
    run = _run(corner, tmp_path, tasks, "-vvv", "--check", "--diff")
    assert "+++ after" in run.output
    assert len(_users(corner)) == 1


JSON = {
    "ansible.posix.json": {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
    "the default's JSON": {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
}


@pytest.mark.parametrize("callback", JSON)
def test_no_secret_in_json(corner: Corner, tmp_path: Path, callback: str) -> None:
    run = _run(corner, tmp_path, _tasks(*SOME), "--diff", "-v", **JSON[callback])
    assert '"changes": [' in run.output
    assert len(_users(corner)) == 7


def test_the_broker_receives_hashes_only(broker: Broker) -> None:
    with Corner(broker, PREFIX) as corner, Proxy(broker.url) as proxy:
        done = corner.task.apply(url=[proxy.url], users=USERS, manifests=MANIFESTS)
        assert len(done["changes"]) == 5, done
        bodies = {seen.path.rsplit("/", 1)[1]: seen.json() for seen in proxy.writes}
        assert sorted(bodies) == ["sec-hashed", "sec-listed", "sec-one", "sec-three", "sec-two"]
        assert all(body.keys() == {"tags", "password_hash", "hashing_algorithm"} for body in bodies.values())
        assert bodies["sec-hashed"]["password_hash"] == HASH
        assert bodies["sec-three"]["password_hash"] == IMPORTED
        sent = str([(seen.path, seen.body) for seen in proxy.seen])
        assert _spilled(sent.replace(HASH, "").replace(IMPORTED, "")) == []
        # Neither does comparing: the passwords are compared here, without a login.
        proxy.seen.clear()
        assert not corner.task.apply(url=[proxy.url], users=USERS, manifests=MANIFESTS)["changed"]
        assert {seen.credentials for seen in proxy.seen} == {f"Basic {_b64(f'{broker.username}:{broker.password}')}"}
        assert proxy.writes == []


def test_results_and_refusals_hold_no_secret(broker: Broker) -> None:
    """What a module returns, before any callback: on success, in check mode, with diff, and refused."""
    with Corner(broker, PREFIX) as corner:
        wanted = {"users": USERS, "manifests": MANIFESTS}
        done = corner.settle(**wanted)
        differing = [{"name": "sec-listed", "password": CHANGED}]
        changed = corner.settle(users=differing)
        assert changed["changes"][0]["differences"] == [{"field": "password", "before": "(hidden)", "after": "(hidden)"}]
        refused = corner.task.apply(**wanted, vhost="sec-absent", queues=[{"name": "q"}])
        one_line(refused, "vhost 'sec-absent' does not exist")
        twice = corner.task.apply(users=[*USERS, *differing], manifests=MANIFESTS)
        one_line(twice, "users[2] (user sec-listed): password: differs from users[0];")
        unsupported = corner.task.apply(**wanted, no_such_option=1)
        one_line(unsupported, "no_such_option")
        for result in (done, changed, refused, twice, unsupported):
            assert _spilled(str(result)) == []
