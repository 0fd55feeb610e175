from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import http.server
import inspect
import json
import socket
import ssl
import threading
import types
import typing as t
from urllib.parse import unquote

import pytest
from declaring import problem
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("requests", reason="the client needs requests")

import requests
import urllib3

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS, ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import client as client_module
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client, Connection, connection, path_of

OVERVIEW = {"cluster_name": "rabbit", "rabbitmq_version": "4.0.5"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAUSES", (0.01, 0.01))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


# Paths


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_names_that_urls_cannot_carry_are_refused(segment: str) -> None:
    found = problem(path_of, ["queues", "/", segment])
    assert found.code == "name.unaddressable"
    assert repr(segment) in found.message


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name not in (".", "..")), min_size=1
    )
)
def test_a_path_holds_each_segment_encoded_whole(segments: list[str]) -> None:
    path = path_of(segments)
    assert path.isascii()
    assert not set(path) & set("?#;+ ")
    assert [unquote(part) for part in path.split("/")] == ["", "api", *segments]


def test_a_path_as_it_is_sent() -> None:
    assert path_of(["queues", "/", "a/b %2F?#;+~é"]) == "/api/queues/%2F/a%2Fb%20%252F%3F%23%3B%2B~%C3%A9"


# Settings


def params(**given: t.Any) -> dict[str, t.Any]:
    defaults = {"url": ["http://localhost:15672"], "username": "u", "password": "p", "validate_certs": True, "timeout": 30.0}
    return {**defaults, "ca_cert": None, "client_cert": None, "client_key": None, **given}


@pytest.mark.parametrize("url", ["http://localhost:15672", "https://[::1]:15671", "https://host/behind/a/prefix"])
def test_addresses_that_can_be(url: str) -> None:
    assert connection(params(url=[url, url + "/"])).urls == (url, url)


@pytest.mark.parametrize(
    "url", ["", "localhost:15672", "ftp://host", "http://", "http://[::1", "http://host:abc", "http://host:99999", "/api"]
)
def test_addresses_that_cannot_be(url: str) -> None:
    found = problem(connection, params(url=[url]))
    assert (found.code, found.field) == ("connection.url", "url")
    assert repr(url) in found.message


@pytest.mark.parametrize(
    "url",
    [
        "http://admin:hunter2@host",
        "http://:hunter2@host",
        "admin:hunter2@host:15672",
        "http://admin:hunter2@[::1",
        "http://admin:hunter2@host:abc",
        "hunter2@",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    found = problem(connection, params(url=[url]))
    assert found.code == "connection.credentials_in_url"
    assert "hunter2" not in str(found)


def test_at_least_one_address_is_needed() -> None:
    assert problem(connection, params(url=[])).code == "connection.no_url"


def test_a_key_alone_is_of_no_use(tmp_path: t.Any) -> None:
    (tmp_path / "key.pem").write_text("")
    assert problem(connection, params(client_key=str(tmp_path / "key.pem"))).code == "tls.key_alone"


@pytest.mark.parametrize(
    ("given", "verify", "certificate"),
    [
        ({}, True, None),
        ({"ca_cert": "/ca"}, "/ca", None),
        ({"ca_cert": "/ca", "validate_certs": False}, False, None),
        ({"client_cert": "/cert"}, True, "/cert"),
        ({"client_cert": "/cert", "client_key": "/key"}, True, ("/cert", "/key")),
    ],
)
def test_what_tls_is_given(given: dict[str, t.Any], verify: t.Any, certificate: t.Any) -> None:
    settings = Connection(("https://host",), "u", "p", **given)
    assert (settings.verify, settings.certificate) == (verify, certificate)


def test_the_password_of_a_connection_is_not_in_messages() -> None:
    assert "hunter2" not in str(problem(connection, params(url=["x"], password="hunter2")))


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"username": "a:b"}, "connection.username", "username"),
        ({"username": None}, "connection.no_credentials", "username"),
        ({"password": None}, "connection.no_credentials", "password"),
        ({"password": "a\ud800b"}, "connection.not_unicode", "password"),
        ({"username": "a\ud800b"}, "connection.not_unicode", "username"),
    ],
)
def test_credentials_that_cannot_be_sent(given: dict[str, t.Any], code: str, field: str) -> None:
    found = problem(connection, params(**given))
    assert (found.code, found.field) == (code, field)


# Requests

Answer = t.Union[t.Tuple[int, t.Any], str]  # status and body, or "cut" and "half"


class Server:
    """Answers each request with what comes next; the last answer stays."""

    def __init__(self, *answers: Answer, cluster: str = "rabbit") -> None:
        self.answers = list(answers)
        self.cluster = cluster
        self.seen: list[str] = []
        self.bodies: list[t.Any] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                outer.seen.append(f"{self.command} {self.path}")
                length = int(self.headers.get("Content-Length", 0))
                outer.bodies.append(json.loads(self.rfile.read(length)) if length else None)
                outer.authorization = self.headers.get("Authorization")
                answer = outer.next(self.path)
                if answer == "cut":
                    self.close_connection = True
                    return
                status, body = (200, {"half": "an answer"}) if answer == "half" else t.cast("tuple[int, t.Any]", answer)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                content = b"" if body is None else content
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:5] if answer == "half" else content)
                self.close_connection = answer == "half"

            do_GET = do_PUT = do_POST = do_DELETE = handle_any

            def log_message(self, *dummy: t.Any) -> None:
                pass

        self.authorization: str | None = None
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def next(self, path: str) -> Answer:
        if path.startswith("/api/overview") and (not self.answers or self.answers[0] != "cut"):
            return (200, dict(OVERVIEW, cluster_name=self.cluster))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def __enter__(self) -> Server:
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self.http.shutdown()
        self.http.server_close()


def client_of(*servers: Server | str, **settings: t.Any) -> Client:
    urls = tuple(server if isinstance(server, str) else server.url for server in servers)
    return Client(Connection(urls, "ann", "hunter2", timeout=5.0, **settings))


NOBODY = "http://127.0.0.1:1"


def test_a_request_is_what_was_asked_for() -> None:
    with Server((200, {"a": 1})) as server:
        client = client_of(server)
        assert client.get("queues", "/", columns="name,type") == {"a": 1}
        client.put(["queues", "/", "a b"], {"durable": True})
        assert client.post(["bindings", "/"], {"k": 1}) == {"a": 1}
        client.delete(["queues", "/", "a"], {"if-empty": "true"})
        assert server.seen == [
            "GET /api/queues/%2F?columns=name%2Ctype",
            "PUT /api/queues/%2F/a%20b",
            "POST /api/bindings/%2F",
            "DELETE /api/queues/%2F/a?if-empty=true",
        ]
        assert server.bodies == [None, {"durable": True}, {"k": 1}, None]
        assert server.authorization == "Basic YW5uOmh1bnRlcjI="


@pytest.mark.parametrize(
    ("password", "sent"), [("pässwört", b"p\xc3\xa4ssw\xc3\xb6rt"), ("пароль", "пароль".encode()), ("\udcff", b"\xff")], ids=ascii
)
def test_credentials_are_sent_as_utf_8_or_as_the_bytes_that_they_were(password: str, sent: bytes) -> None:
    with Server((200, {})) as server:
        Client(Connection((server.url,), "änn", password, timeout=5.0)).get("whoami")
        assert base64.b64decode(str(server.authorization).partition(" ")[2]) == "änn".encode() + b":" + sent


def test_the_client_goes_on_with_a_new_password_if_the_broker_accepts_it() -> None:
    with Server((200, {}), (401, {"error": "not_authorized", "reason": "Not_Authorized"}), (200, {})) as server:
        client = client_of(server)
        assert client.adopt("new") and not client.adopt("newer")
        client.get("queues")
        assert base64.b64decode(str(server.authorization).partition(" ")[2]) == b"ann:new"


def test_what_is_no_json_is_not_sent() -> None:
    with Server((204, None)) as server:
        with pytest.raises(ChangeFailed, match="cannot be written as JSON"):
            client_of(server).put(["policies", "/", "a"], {"definition": {"x": float("nan")}})
        assert server.seen == []


def _classes() -> list[type[BaseException]]:
    """Every class of exception that the client's library and what is below it define."""
    modules = (requests.exceptions, urllib3.exceptions, http.client, ssl, socket)
    found = {value for module in modules for name, value in vars(module).items() if inspect.isclass(value) and not name.startswith("_")}
    errors_only = (kind for kind in found if issubclass(kind, Exception) and not issubclass(kind, Warning))
    return sorted(errors_only, key=lambda kind: (kind.__module__, kind.__qualname__))


def _raised(kind: type[BaseException]) -> BaseException:
    """An exception of that class, whatever its constructor wants."""
    text = f"a {kind.__name__}\nof two lines"
    response = types.SimpleNamespace(tell=lambda: 5, length_remaining=5)
    for arguments in ((text,), (None, text), (None, "url", text), (5, 6), (response, b"x"), (text, "", 0)):
        with contextlib.suppress(TypeError, AttributeError):
            error = kind(*arguments)
            assert str(error)
            return error
    raise AssertionError(f"no way to make a {kind}")


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@pytest.mark.parametrize("proven", [False, True], ids=["first", "proven"])
def test_no_error_of_the_library_escapes(kind: type[BaseException], proven: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each becomes one line and one of the engine's errors; a write that may have been sent is never told as not sent."""

    def fail(*dummy: t.Any, **more: t.Any) -> t.Any:
        raise _raised(kind)

    client = client_of(NOBODY)
    client._home = 0 if proven else None
    monkeypatch.setattr(requests.Session, "request", fail)
    with pytest.raises(WRITE_ERRORS) as caught:
        client.put(["queues", "/", "a"], {})
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(f"{NOBODY}: ")
    sent = (requests.exceptions.ReadTimeout, requests.exceptions.ContentDecodingError, http.client.IncompleteRead, ConnectionResetError)
    if issubclass(kind, sent):
        assert isinstance(caught.value, errors.TimedOut)


def test_a_connection_that_breaks_after_the_time_limit_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker without a majority closes it after a minute, each time."""
    tried = []

    def fail(*dummy: t.Any, **more: t.Any) -> t.Any:
        tried.append(1)
        raise requests.exceptions.ConnectionError("Remote end closed connection without response")

    monkeypatch.setattr(requests.Session, "request", fail)
    client = client_of(NOBODY)
    monkeypatch.setattr(client, "settings", dataclasses.replace(client.settings, timeout=0.0))
    with pytest.raises(errors.Silent):
        client.put(["queues", "/", "a"], {})
    assert len(tried) == 1


def test_an_answer_that_cannot_be_unpacked_leaves_a_write_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*dummy: t.Any, **more: t.Any) -> t.Any:
        raise requests.exceptions.ContentDecodingError("not gzip")

    monkeypatch.setattr(requests.Session, "request", fail)
    with pytest.raises(errors.TimedOut):
        client_of(NOBODY).put(["queues", "/", "a"], {})


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff", b"9" * 5000], ids=["endless", "no text", "a number without end"])
def test_an_answer_that_python_cannot_read_is_no_brokers(body: bytes) -> None:
    with Server((200, body)) as server, pytest.raises(errors.NotABroker, match="not JSON"):
        client_of(server).get("queues")


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_write_that_a_server_fails_at_is_doubtful(status: int) -> None:
    with Server((status, b"<html>")) as server:
        with pytest.raises(errors.Doubtful) as caught:
            client_of(server).put(["queues", "/", "a"], {})
        assert len(server.seen) == 1
        assert caught.value.refusal.status == status
        with pytest.raises(errors.BrokerError):
            client_of(server).get("queues")


def test_an_empty_answer_to_a_post_is_none() -> None:
    with Server((204, None)) as server:
        assert client_of(server).post(["bindings", "/"], {}) is None


def test_what_is_gone_already_counts_as_deleted() -> None:
    with Server((404, {"error": "Object Not Found", "reason": "Not Found"})) as server:
        client_of(server).delete(["queues", "/", "a"])
        assert len(server.seen) == 1


def test_a_refusal_is_raised_at_once() -> None:
    with Server((400, {"error": "bad_request", "reason": "no"})) as server:
        with pytest.raises(errors.Invalid, match="HTTP 400, no"):
            client_of(server).put(["queues", "/", "a"], {})
        with pytest.raises(errors.Invalid):
            client_of(server).delete(["queues", "/", "a"])
        assert len(server.seen) == 2


def test_a_broker_that_is_not_ready_is_asked_again() -> None:
    with Server((503, {"error": "unavailable", "reason": "booting"}), (200, [])) as server:
        assert client_of(server).get("queues") == []
        assert len(server.seen) == 2


def test_a_broker_that_never_gets_ready_is_told_so() -> None:
    with Server((503, {"error": "unavailable", "reason": "booting"})) as server, pytest.raises(errors.NotReady):
        client_of(server).get("queues")
    assert len(server.seen) == 3


def test_a_connection_that_breaks_is_tried_again() -> None:
    with Server("cut", (204, None)) as server:
        client_of(server).put(["queues", "/", "a"], {})
        assert len(server.seen) == 2


@pytest.mark.parametrize("broken", ["cut", "half"])
def test_an_answer_that_never_comes_is_unknown_after_all_attempts(broken: str) -> None:
    with Server(broken) as server, pytest.raises(errors.TimedOut, match="broke before an answer came"):
        client_of(server).put(["queues", "/", "a"], {})
    assert len(server.seen) == 3


@pytest.mark.parametrize("answer", ["cut", "half", (503, {"error": "unavailable", "reason": "booting"})])
def test_what_must_not_be_repeated_is_sent_once(answer: t.Any) -> None:
    with Server(answer) as server, pytest.raises((errors.TimedOut, errors.NotReady)):
        client_of(server).post(["queues", "/", "a", "get"], {}, repeat=False)
    assert len(server.seen) == 1


@pytest.mark.parametrize("url", [NOBODY, "http://no-such-host.invalid:15672"])
def test_where_nobody_listens_nothing_was_sent(url: str) -> None:
    with pytest.raises(errors.CannotConnect, match="cannot connect") as caught:
        client_of(url).get("overview")
    assert str(caught.value).startswith(f"{url}: ")
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_does_not_answer_gives_way_to_the_next() -> None:
    with Server((200, [])) as server:
        client = client_of(NOBODY, server)
        assert client.overview()["cluster_name"] == "rabbit"
        assert client.get("queues") == []
        assert client.cluster_name == "rabbit"
        assert server.seen == ["GET /api/overview?disable_stats=true", "GET /api/queues"]  # its cluster is known: not asked again


def test_another_endpoint_of_the_cluster_takes_over() -> None:
    with Server("cut") as second, Server((200, ["from the first"])) as first:
        client = client_of(first, second)
        client.overview()
        first.answers, second.answers = ["cut"], [(200, ["from the second"])]
        assert client.get("queues") == ["from the second"]
        assert second.seen == ["GET /api/overview?disable_stats=true", "GET /api/queues"]


def test_an_endpoint_of_another_cluster_is_never_used() -> None:
    with Server((200, [])) as first, Server("cut", cluster="other") as second:
        client = client_of(first, second)
        client.overview()
        first.answers, second.answers, second.seen = ["cut"], [(200, [])], []
        # The first was sent to a broker that did not answer: it may have been made.
        for unanswered in (errors.TimedOut, errors.OtherCluster):
            with pytest.raises(unanswered, match="belongs to cluster 'other', not to 'rabbit'"):
                client.put(["queues", "/", "a"], {})
        assert set(second.seen) == {"GET /api/overview?disable_stats=true"}


def test_an_endpoint_whose_cluster_could_not_be_asked_is_not_used_unasked() -> None:
    with Server((200, [])) as first, Server("cut", cluster="other") as second:
        client = client_of(first, second)
        client.overview()
        first.answers = ["cut"]
        with pytest.raises(errors.TimedOut):
            client.put(["queues", "/", "a"], {})
        client._current, second.answers = 1, [(200, [])]
        with pytest.raises(errors.OtherCluster):
            client.put(["queues", "/", "a"], {})
        assert set(second.seen) == {"GET /api/overview?disable_stats=true"}


def test_a_redirection_is_not_followed_and_its_target_is_named() -> None:
    with Server((302, None)) as server, pytest.raises(errors.Redirected, match=r"redirects to http://127.0.0.1:\d+/elsewhere\."):
        client_of(server).put(["queues", "/", "a"], {})
    assert server.seen == ["PUT /api/queues/%2F/a"]


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"{"])
def test_an_answer_that_is_no_json_is_no_brokers(body: bytes) -> None:
    with Server((200, body)) as server, pytest.raises(errors.NotABroker, match="not JSON"):
        client_of(server).get("queues")


def test_threads_have_connections_of_their_own() -> None:
    with Server((200, [])) as server:
        client = client_of(server)
        sessions = {id(client._session(0))}
        thread = threading.Thread(target=lambda: sessions.add(id(client._session(0))))
        thread.start()
        thread.join()
        assert len(sessions) == 2
        assert id(client._session(0)) in sessions


def test_messages_hold_neither_password_nor_authorization() -> None:
    with Server((401, {"error": "not_authorized", "reason": "Not_Authorized"})) as server, pytest.raises(errors.WrongCredentials) as caught:
        client_of(server).get("whoami")
    assert "hunter2" not in str(caught.value)
    assert "YW5uOmh1bnRlcjI" not in str(caught.value)
