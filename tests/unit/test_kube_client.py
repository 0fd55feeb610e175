"""The client of an API server: what it makes of arguments and kubeconfigs, and of answers and their absence."""

from __future__ import annotations

import http.server
import json
import threading
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

pytest.importorskip("kubernetes", reason="the client needs kubernetes")

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.eco2.platform.plugins.module_utils._engine import schema, wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import arguments, errors, kubeconfig
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import client as client_module
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.connection import configuration
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.module import secrets
from ansible_collections.eco2.platform.plugins.module_utils._kube.nodes import info

TOKEN = "canary-token-Aa1"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(client_module, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(client_module, "PAUSES_RESTART", (0.01, 0.01, 0.01))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "KUBECONFIG",
        "KUBERNETES_SERVICE_HOST",
    ):
        monkeypatch.delenv(name, raising=False)


def params(**given: t.Any) -> dict[str, t.Any]:
    return {**{name: option.get("default") for name, option in arguments.connection().items()}, **given}


def config(**changes: t.Any) -> dict[str, t.Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "eco2",
        "contexts": [{"name": "eco2", "context": {"cluster": "c", "user": "u"}}, {"name": "other", "context": {"cluster": "d"}}],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}},
            {"name": "d", "cluster": {"server": "https://d:6443/k8s/", "tls-server-name": "d.internal", "insecure-skip-tls-verify": True}},
        ],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        **changes,
    }


# Arguments and kubeconfigs


def test_a_kubeconfig_as_path_or_as_content(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config()))
    for source in (str(path), f"{tmp_path}/none:{path}", config()):
        settings = configuration(params(kubeconfig=source))
        assert settings.host == "https://10.0.0.1:6443"
        assert Client(params(kubeconfig=source))._authorization() == f"Bearer {TOKEN}"
        assert settings.verify_ssl is True


def test_the_context_and_what_wins_over_it() -> None:
    settings = configuration(params(kubeconfig=config(), context="other"))
    assert (settings.host, settings.verify_ssl) == ("https://d:6443/k8s", False)
    settings = configuration(params(kubeconfig=config(), context="other", host="https://e:6443/", validate_certs=True))
    assert (settings.host, settings.verify_ssl) == ("https://e:6443", True)
    assert Client(params(kubeconfig=config(), api_key="other"))._authorization() == "Bearer other"
    assert Client(params(host="http://h", username="u", password="p"))._authorization() == "Basic dTpw"


ENVIRONMENT = {
    "K8S_AUTH_HOST": "https://prod:6443",
    "K8S_AUTH_API_KEY": "prods",
    "K8S_AUTH_VERIFY_SSL": "false",
    "K8S_AUTH_TLS_SERVER_NAME": "prod",
}


def settled(**given: t.Any) -> dict[str, t.Any]:
    """The arguments as a module gets them: those given, the environment's, and the defaults."""
    spec = arguments.connection()
    result = ArgumentSpecValidator(spec).validate(given)
    assert not result.error_messages
    return arguments.settled(result.validated_parameters, spec)


def test_a_kubeconfig_given_as_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    found = settled(kubeconfig=config())
    settings = configuration(found)
    assert (settings.host, settings.verify_ssl, found["tls_server_name"]) == ("https://10.0.0.1:6443", True, None)
    assert Client(found)._authorization() == f"Bearer {TOKEN}"
    # Another option beside it is one all the same, and the environment serves where no option says anything.
    assert configuration(settled(kubeconfig=config(), host="https://e:6443")).host == "https://e:6443"
    assert configuration(settled()).host == "https://prod:6443"


def test_a_kubeconfig_of_the_environment_loses_against_its_host_and_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "K8S_AUTH_KUBECONFIG": "/no/such/file"}.items():
        monkeypatch.setenv(name, value)
    assert configuration(settled()).host == "https://prod:6443"


def test_a_kubeconfig_that_may_not_be_read_is_not_one_that_is_missing(tmp_path: Path) -> None:
    """Root may search every directory, so a link to itself stands for one that this user may not search."""
    (tmp_path / "loop").symlink_to("loop")
    (problem,) = refused(configuration, params(kubeconfig=str(tmp_path / "loop" / "config")))
    assert problem.code == "kubeconfig.unreadable"
    (problem,) = refused(configuration, params(kubeconfig=str(tmp_path / "none" / "config")))
    assert problem.code == "kubeconfig.missing"


def test_the_default_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = tmp_path / "default"
    monkeypatch.setattr("kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION", str(default))
    (problem,) = refused(configuration, params())
    assert problem.code == "connection.none" and str(default) in problem.message
    default.write_text(yaml.safe_dump(config()))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(default))
    assert configuration(params()).host == "https://10.0.0.1:6443"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"current-context": None}, "no_current_context", "eco2, other"),
        ({"current-context": "gone"}, "unknown_context", "eco2, other"),
        ({"contexts": []}, "unknown_context", "none"),
        ({"contexts": {}}, "unknown_context", "eco2"),
        ({"contexts": {"eco2": {}}}, "malformed", "contexts"),
        ({"contexts": [{"name": "eco2"}]}, "malformed", "contexts"),
        ({"clusters": []}, "unknown_cluster", "cluster c"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "no_server", "cluster c"),
        ({"users": []}, "unknown_user", "user u"),
        ({"users": [TOKEN]}, "malformed", "users"),
        ({"users": [{"name": "u", "user": {"client-certificate-data": "***" + TOKEN}}]}, "unusable", ""),
        ({"users": [{"name": "u", "user": {"client-certificate": "/no/such/file"}}]}, "unusable", "/no/such/file"),
        ({"clusters": [{"name": "c", "cluster": {"server": "10.0.0.1:6443"}}]}, "", "10.0.0.1:6443"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said_and_its_secrets_are_not(
    tmp_path: Path, changes: dict[str, t.Any], code: str, words: str
) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config(**changes)))
    for source in (str(path), config(**changes)):
        (problem,) = refused(configuration, params(kubeconfig=source))
        assert problem.code == (f"kubeconfig.{code}" if code else "connection.address")
        assert words in problem.message and TOKEN not in str(problem)


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "missing"), ("", "empty"), ("a: [", "not_yaml"), (f"- {TOKEN}", "empty"), ("\0", "not_yaml")],
)
def test_files_that_are_none(tmp_path: Path, text: str | None, code: str) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    (problem,) = refused(configuration, params(kubeconfig=str(path)))
    assert (problem.code, problem.field) == (f"kubeconfig.{code}", "kubeconfig")
    assert str(path) in problem.message and TOKEN not in str(problem)


def test_content_as_text_is_refused_unseen() -> None:
    text = yaml.safe_dump(config())
    (problem,) = refused(configuration, params(kubeconfig=text))
    assert problem.code == "kubeconfig.content_as_text" and TOKEN not in str(problem)
    assert TOKEN in set(secrets(params(kubeconfig=text)))


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"username": "u"}, "connection.incomplete", "username"),
        ({"client_key": "/dev/null"}, "tls.key_alone", "client_key"),
        ({"impersonate_groups": ["g"]}, "connection.incomplete", "impersonate_groups"),
        ({"ca_cert": "/no/such"}, "tls.unreadable_file", "ca_cert"),
        ({"host": "https://u:hunter2@h"}, "connection.password_in_address", "host"),
        ({"host": "h:6443"}, "connection.address", "host"),
        ({"kubeconfig": 7, "api_key": None}, "kubeconfig.wrong_type", "kubeconfig"),
    ],
)
def test_arguments_that_cannot_be(given: dict[str, t.Any], code: str, field: str) -> None:
    (problem,) = refused(configuration, params(**{"host": "https://h:6443", "api_key": "k", **given}))
    assert (problem.code, problem.field) == (code, field) and "hunter2" not in str(problem)


def test_every_secret_is_named_for_masking() -> None:
    users = [
        {"name": "a", "user": {"token": "secret-a", "client-key-data": "secret-b", "password": "secret-c", "username": "shown"}},
        {"name": "b", "user": {"exec": {"command": "shown", "env": [{"name": "X", "value": "secret-d"}]}}},
        {"name": "c", "user": {"auth-provider": {"config": {"refresh-token": "secret-e"}}}},
    ]
    headers = {"proxy_basic_auth": "user:secret-f", "basic_auth": "user:secret-g", "user_agent": "shown"}
    given = params(kubeconfig={"users": users}, api_key="secret-h", proxy="http://u:secret-i@p:3128", proxy_headers=headers)
    found = {*secrets(given), *schema.secrets(arguments.connection(), given)}
    assert {f"secret-{letter}" for letter in "abcdehi"} <= found
    assert {"user:secret-f", "user:secret-g"} <= found
    assert not any("shown" in value for value in found)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_nothing_that_may_be_given_as_kubeconfig_upsets_what_masks(value: t.Any) -> None:
    list(secrets({"kubeconfig": value, "proxy_headers": value, "proxy": value, "host": value}))
    kubeconfig.problems(value, None)


def test_paths() -> None:
    assert path_of("api", "v1", "nodes", "a/b ?") == "/api/v1/nodes/a%2Fb%20%3F"


# Answers

Answer = t.Tuple[int, t.Any, t.Dict[str, str]]


class Server(http.server.ThreadingHTTPServer):
    """Answers with what was put there, in turn, the last one for ever; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, t.Any], t.Any]] = []
        self.connections: set[t.Any] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_one_request(self) -> None:
        self.server.connections.add(self.client_address)
        super().handle_one_request()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): self.headers.get_all(name) for name in self.headers}
        self.server.asked.append((self.command, self.path, headers, json.loads(body) if body else None))
        status, content, more = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        if status == 0:  # hang up
            self.close_connection = True
            return
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def log_message(self, *dummy: t.Any) -> None:
        pass


@pytest.fixture
def server() -> t.Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def connect(server: Server, **given: t.Any) -> Client:
    return Client(params(host=server.url, api_key=TOKEN, **given))


def status(code: int, message: str = "no", **headers: str) -> Answer:
    return (code, {"kind": "Status", "message": message}, {name.replace("_", "-"): value for name, value in headers.items()})


OK: Answer = (200, {"fine": True}, {})
GONE: Answer = (0, None, {})


def test_requests_as_they_are_sent(server: Server) -> None:
    server.answers = [OK]
    client = connect(server, impersonate_user="ann", impersonate_groups=["a", "b"])
    client.get("/api/v1/nodes", "reading", labelSelector="a=b")
    client.merge_patch("/api/v1/nodes/n", {"metadata": {"resourceVersion": "1"}}, "patching")
    client.delete("/api/v1/nodes/n", "deleting", "uid", "7")
    client.post("/x", {}, "posting")
    assert [asked[:2] for asked in server.asked] == [
        ("GET", "/api/v1/nodes?labelSelector=a%3Db"),
        ("PATCH", "/api/v1/nodes/n?fieldManager=eco2.platform"),
        ("DELETE", "/api/v1/nodes/n"),
        ("POST", "/x?fieldManager=eco2.platform"),
    ]
    headers = server.asked[1][2]
    assert headers["content-type"] == ["application/merge-patch+json"]
    assert headers["authorization"] == [f"Bearer {TOKEN}"]
    assert (headers["impersonate-user"], headers["impersonate-group"]) == (["ann"], ["a", "b"])
    assert server.asked[2][3] == {"preconditions": {"uid": "uid", "resourceVersion": "7"}}
    assert len(server.connections) == 1, "every body is read, so that the connection is used again"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (status(401, "Unauthorized"), errors.Unauthorized, ["HTTP 401"]),
        (
            status(403, 'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope'),
            errors.Forbidden,
            ["HTTP 403", 'User "jane"', "the verb list on nodes (a ClusterRole"],
        ),
        (
            status(403, 'User "jane" cannot create resource "secrets" in API group "" in the namespace "kube-system"'),
            errors.Forbidden,
            ["the verb create on secrets (a Role in kube-system"],
        ),
        (status(404, 'nodes "n" not found'), errors.NotFound, ['nodes "n" not found']),
        (status(409, "modified"), errors.Conflict, ["modified"]),
        (status(422, "invalid\nvalue"), errors.ApiError, ["HTTP 422, invalid value."]),
        ((404, b"<HTML>nginx", {}), errors.NotAnApiServer, ["an HTML page", "check host"]),
        ((400, b"Client sent an HTTP request to an HTTPS server.\n", {}), errors.NotAnApiServer, ["HTTP request to an HTTPS server"]),
        ((302, b"", {"location": "http://elsewhere"}), errors.NotAnApiServer, ["HTTP 302"]),
        ((200, b"hello", {}), errors.NotAnApiServer, ["not JSON"]),
    ],
)
def test_refusals_in_one_line(server: Server, answer: Answer, kind: type, words: list[str]) -> None:
    server.answers = [answer]
    with pytest.raises(errors.ApiError) as refused:
        connect(server).get("/api/v1/nodes", "reading nodes")
    assert refused.value.__class__ is kind
    assert "\n" not in str(refused.value) and TOKEN not in str(refused.value)
    for word in [server.url, "reading nodes", *words]:
        assert word in str(refused.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("passing", [status(429, retry_after="0"), status(503), status(500, "etcdserver: request timed out"), GONE])
def test_what_passes_is_tried_again(server: Server, passing: Answer) -> None:
    server.answers = [passing, OK]
    assert connect(server).get("/x", "reading") == {"fine": True}
    server.answers = [passing, OK]
    assert connect(server).merge_patch("/x", {}, "patching") == {"fine": True}


def test_what_does_not_pass_ends(server: Server) -> None:
    server.answers = [status(503, "shutting down")]
    with pytest.raises(errors.NotReady, match="shutting down"):
        connect(server).get("/x", "reading")


def test_a_creation_is_not_repeated_where_it_may_have_happened(server: Server) -> None:
    server.answers = [GONE, OK]
    with pytest.raises(NoAnswer, match="broke"):
        connect(server).post("/x", {}, "making")
    assert len(server.asked) == 1
    server.answers = [status(429), OK]
    assert connect(server).post("/x", {}, "making") == {"fine": True}


def test_a_conflict_after_a_lost_answer_says_so(server: Server) -> None:
    server.answers = [GONE, status(409)]
    with pytest.raises(errors.Conflict) as conflict:
        connect(server).merge_patch("/x", {}, "patching")
    assert conflict.value.repeated
    server.answers = [status(409)]
    with pytest.raises(errors.Conflict) as conflict:
        connect(server).merge_patch("/x", {}, "patching")
    assert not conflict.value.repeated


def test_what_is_gone_is_deleted(server: Server) -> None:
    server.answers = [status(404)]
    connect(server).delete("/x", "deleting", "uid")


def test_nobody_there(server: Server) -> None:
    url = server.url
    server.server_close()
    with pytest.raises(Unreachable, match="connect") as refused:
        Client(params(host=url, api_key=TOKEN)).get("/x", "reading")
    assert url in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(Unreachable, match="connect"):
        Client(params(host="http://no.such.host.invalid", api_key=TOKEN)).get("/x", "reading")


def test_somebody_silent(server: Server) -> None:
    client = connect(server, timeout=0.05)
    block = threading.Event()
    server.answers = [OK]
    original = Handler._answer

    def slow(self: Handler) -> None:
        block.wait(1)
        original(self)

    Handler.do_GET = slow  # type: ignore[method-assign]
    try:
        with pytest.raises(NoAnswer, match=r"no answer within 0\.05 s"):
            client.get("/x", "reading")
    finally:
        block.set()
        Handler.do_GET = original  # type: ignore[method-assign]


def test_a_port_without_tls(server: Server) -> None:
    with pytest.raises(Unreachable, match="does not speak TLS"):
        Client(params(host=server.url.replace("http", "https"), api_key=TOKEN)).get("/x", "reading")


def test_a_proxy_is_used_and_told_who_we_are(server: Server) -> None:
    server.answers = [OK]
    client = Client(params(host="http://api.internal:6443", api_key=TOKEN, proxy=server.url, proxy_headers={"proxy_basic_auth": "a:b"}))
    assert client.get("/api/v1/nodes", "reading") == {"fine": True}
    method, path, headers, dummy = server.asked[0]
    assert (method, path) == ("GET", "http://api.internal:6443/api/v1/nodes")
    assert headers["proxy-authorization"] == ["Basic YTpi"]
    assert Client(params(host=server.url, api_key=TOKEN, proxy="http://127.0.0.1:1", no_proxy="127.0.0.1")).get("/x", "x") == {"fine": True}


def test_an_answer_in_pieces_is_put_together_and_half_an_answer_is_none(server: Server) -> None:
    server.answers = [(200, b'3;x=y\r\n{"a\r\n4\r\n":1}\r\n0\r\nX-Trailer: 1\r\n\r\n', {"transfer-encoding": "chunked"}), OK]
    client = connect(server)
    assert (client.get("/x", "reading"), client.get("/x", "reading"), len(server.connections)) == ({"a": 1}, {"fine": True}, 1)
    server.answers = [(200, b"{}", {"content-length": "99", "connection": "close"})]
    with pytest.raises(NoAnswer):
        client.post("/x", {}, "making")


def test_nothing_can_be_smuggled_into_a_request(server: Server) -> None:
    with pytest.raises(Unreachable):
        connect(server, impersonate_user="a\r\nb: c").get("/x", "reading")
    assert server.asked == []


def test_a_prefix_of_the_address_is_kept(server: Server) -> None:
    server.answers = [(200, {"gitVersion": "v1.36.3+k3s1"}, {})]
    assert Client(params(host=f"{server.url}/k8s/clusters/c/", api_key=TOKEN)).version() == "1.36.3"
    assert server.asked[0][1] == "/k8s/clusters/c/version"


# An API server that is waited for


class Clock:
    """Time that passes only where it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waited(monkeypatch: pytest.MonkeyPatch, outcomes: list[t.Any], seconds: float, each: float = 0.0) -> tuple[t.Any, float]:
    """What comes of these looks, of which the last is repeated and each takes a while; and when."""
    clock, left = Clock(), list(outcomes)

    def look(*dummy: t.Any) -> t.Any:
        clock.now += each
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(wait, "time", clock)
    monkeypatch.setattr(info, "info", look)
    try:
        return info.awaited(t.cast("t.Any", None), {"wait_timeout": seconds}), clock.now
    except (ChangeFailed, NoAnswer, Unreachable) as error:
        return error, clock.now


THERE, WITHOUT = {"cluster_endpoint": "a:6443"}, {"cluster_endpoint": None}
STARTING = [errors.CannotConnect("a"), errors.Silent("b"), errors.NotReady("c", 503, "d"), errors.Forbidden("e", 403, "f")]


def test_an_api_server_that_starts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, [*STARTING, WITHOUT, THERE], 180.0) == (THERE, 10.0)


def test_waiting_ends_in_time_however_long_each_look_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    error, seconds = waited(monkeypatch, [errors.CannotConnect("https://10.0.1.10:6443: no connection within 5 s")], 180.0, each=16.0)
    assert "https://10.0.1.10:6443" in str(error)
    assert 180.0 <= seconds <= 180.0 + 2 * 16.0
    assert waited(monkeypatch, [WITHOUT], 10.0)[0] == WITHOUT, "it answers, and what it lacks is for the caller to judge"


@pytest.mark.parametrize("error", [errors.NotTrusted("a"), errors.Unauthorized("a", 401, "b")])
def test_what_waiting_does_not_mend_ends_it_at_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert waited(monkeypatch, [error], 180.0) == (error, 0.0)


@pytest.mark.parametrize("outcome", [*STARTING, WITHOUT, THERE])
def test_without_a_time_to_wait_the_first_look_counts(monkeypatch: pytest.MonkeyPatch, outcome: t.Any) -> None:
    assert waited(monkeypatch, [outcome], 0.0) == (outcome, 0.0)
