"""Trouble between module and broker: each kind told in one line of its own."""

from __future__ import annotations

import contextlib
import re
import time
import typing as t

import pytest
from corner import Corner
from ground import one_line
from harness import Task
from proxies import Cut, Proxy, Reply, Seen, Verdict, closed_port, greeter, silence, stranger

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import client
from lab.brokers import Broker

PREFIX = "conn-"
VHOST = {"vhosts": [{"name": "conn-a"}]}


@pytest.fixture
def corner(broker_4: Broker) -> t.Iterator[Corner]:
    with Corner(broker_4, PREFIX) as corner:
        yield corner


def _tls(broker: Broker, **more: t.Any) -> dict[str, t.Any]:
    together = {"client_cert": broker.client_cert, "client_key": broker.client_key, "ca_cert": broker.ca_path}
    return {"url": [broker.tls_url], **together, **more}


def _troubles(broker: Broker, stack: contextlib.ExitStack) -> dict[str, tuple[dict[str, t.Any], str]]:
    """A name, the arguments that make the trouble, and words that only this trouble's message has."""
    html = stack.enter_context(stranger(Reply(200, "<html>Welcome to nginx</html>", "text/html")))
    missing = stack.enter_context(stranger(Reply(404, "<html>Not Found</html>", "text/html")))
    json_of_another = stack.enter_context(stranger(Reply(200, '["something", "else"]')))
    booting = stack.enter_context(stranger(Reply(503, '{"error": "unavailable", "reason": "booting"}')))
    broken = stack.enter_context(stranger(Reply(500, "")))
    login = stack.enter_context(stranger(Reply(302, "<html>Found</html>", "text/html", "https://login.example.org/in?next=rabbit")))
    no_answer = stack.enter_context(stranger(Reply(502, "<html>Bad Gateway</html>", "text/html")))
    too_late = stack.enter_context(stranger(Reply(504, "upstream request timeout", "text/plain")))
    cutter = stack.enter_context(Proxy(broker.url, lambda dummy: Cut()))
    plain_port, tls_port = broker.url.removeprefix("http"), broker.tls_url.removeprefix("https")
    return {
        "wrong password": ({"password": "not this one"}, "does not accept these credentials"),
        "user without tag": ({"username": "conn-nobody", "password": "pw"}, "Not management user"),
        "port closed": ({"url": [stack.enter_context(closed_port())]}, "cannot connect .*refused"),
        "no such host": ({"url": ["http://no-such-host.invalid:15672"]}, "cannot connect .*(Name|name|resolve)"),
        "TLS not trusted": (_tls(broker, ca_cert=broker.other_ca_path), "its TLS certificate is not trusted"),
        "no client certificate": (_tls(broker, client_cert=None, client_key=None), "(?i)certificate.required"),
        "TLS to a plain port": (_tls(broker, url=["https" + plain_port]), "(?i)wrong.version.number|record layer failure"),
        "plain HTTP to a TLS port": ({"url": ["http" + tls_port]}, "this port speaks TLS: .*https://"),
        "AMQP port": ({"url": [stack.enter_context(greeter(b"AMQP\x00\x00\x09\x01"))]}, "speaks AMQP: .* 15672"),
        "no such CA file": (_tls(broker, ca_cert="/nowhere/ca.pem"), "^ca_cert: /nowhere/ca.pem does not exist"),
        "no such client certificate": (_tls(broker, client_cert="/nowhere/c.pem"), "^client_cert: /nowhere/c.pem does not exist"),
        "neither AMQP nor HTTP": ({"url": [stack.enter_context(greeter(b"-ERR unknown command\r\n"))]}, "not speak HTTP.*-ERR"),
        "no CA in the CA file": (_tls(broker, ca_cert="/etc/hostname"), "cannot begin .*NO_CERT.*ca_cert"),
        "key of another certificate": (_tls(broker, client_cert=broker.ca_path), "cannot begin .*MISMATCH"),
        "key without certificate": (_tls(broker, client_cert=None), "^client_key: is used only together with client_cert"),
        "no address": ({"url": ["rabbitmq.example.org:15672"]}, "is not the address of a management API"),
        "password in the address": ({"url": [broker.url.replace("//", "//lab:pw@")]}, "where they stay hidden"),
        "a web server": ({"url": [html.url]}, "the answer is not JSON"),
        "a web server without that page": ({"url": [missing.url]}, "HTTP 404, no reason given"),
        "another JSON API": ({"url": [json_of_another.url]}, "not a broker's overview"),
        "wrong path": ({"url": [broker.url + "/prefix"]}, "HTTP 404, Not Found. The answer does not come from"),
        "broker booting": ({"url": [booting.url]}, "not ready yet"),
        "server error": ({"url": [broken.url]}, "HTTP 500, no reason given"),
        "redirect": ({"url": [login.url]}, "it redirects to https://login.example.org/in. Redirects are not followed"),
        "proxy without broker": ({"url": [no_answer.url]}, "HTTP 502, no reason given. A proxy got no answer from the broker"),
        "proxy without patience": ({"url": [too_late.url]}, "HTTP 504, no reason given. A proxy got no answer from the broker"),
        "no time at all": ({"timeout": 0}, "^timeout: is 0, and must be more than 0"),
        "less than no time": ({"timeout": -1}, "^timeout: is -1, and must be more than 0"),
        "user with a colon": ({"username": "conn:a"}, "^username: must not contain a colon"),
        "cut": ({"url": [cutter.url]}, "the connection broke before an answer came"),
        "silence": ({"url": [stack.enter_context(silence())], "timeout": 0.3}, "no answer within 0.3 s"),
    }


def test_each_trouble_has_a_line_of_its_own(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.01, 0.01))
    corner.user("conn-nobody", "pw", "")
    with contextlib.ExitStack() as stack:
        troubles = _troubles(corner.broker, stack)
        lines = {name: one_line(corner.task.apply(**arguments, **VHOST)) for name, (arguments, dummy) in troubles.items()}
    for name, line in lines.items():
        print(f"{name}: {line}")
    wrong = {
        name: f"{lines[name]} [matches the words of: {matching}]"
        for name in lines
        for matching in [[other for other, (dummy, words) in troubles.items() if re.search(words, lines[name])]]
        if matching != [name]
    }
    assert wrong == {}
    assert all(len(line) < 400 for line in lines.values())
    assert "vhost" not in corner.kinds()


def test_users_and_passwords_beyond_latin_1(broker: Broker) -> None:
    """Made by the module with a hash, and then used to connect: name and password are sent in UTF-8."""
    users = [
        {"name": f"conn-бёб-{word}", "password": word, "tags": ["administrator"]} for word in ("pässwört", "пароль", "\u5bc6\U0001f511")
    ]
    with Corner(broker, PREFIX) as corner:
        assert len(corner.task.apply(users=users)["changes"]) == 3
        for user in users:
            found = corner.task.check(username=user["name"], password=user["password"], users=users)
            assert not found.get("failed") and not found["changed"], found


def test_tls_with_authority_and_client_certificate(corner: Corner) -> None:
    task = Task(corner.broker, **_tls(corner.broker))
    assert task.check(**VHOST)["changed"] and task.apply(**VHOST)["changed"]
    assert not task.check(**VHOST)["changed"] and not task.apply(**VHOST)["changed"]
    assert corner.kinds() == {"vhost": 1}


def test_tls_without_validation_is_a_choice(corner: Corner) -> None:
    """Another authority is refused, and accepted only where nobody looks."""
    refused = Task(corner.broker, **_tls(corner.broker, ca_cert=None))
    one_line(refused.apply(**VHOST), "its TLS certificate is not trusted")
    assert corner.snapshot() == {}
    accepted = Task(corner.broker, **_tls(corner.broker, ca_cert=None, validate_certs=False))
    assert accepted.apply(**VHOST)["changed"]
    assert not accepted.apply(**VHOST)["changed"]


def test_the_environment_does_not_overrule_the_authority(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, corner.broker.ca_path)
    other = Task(corner.broker, **_tls(corner.broker, ca_cert=corner.broker.other_ca_path))
    one_line(other.apply(**VHOST), "its TLS certificate is not trusted")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, corner.broker.other_ca_path)
    assert Task(corner.broker, **_tls(corner.broker)).apply(**VHOST)["changed"]


def test_the_second_endpoint_answers_where_the_first_is_closed(corner: Corner) -> None:
    with closed_port() as closed:
        urls = [closed, corner.broker.url]
        assert corner.task.check(url=urls, **VHOST)["changed"] and corner.task.apply(url=urls, **VHOST)["changed"]
        assert not corner.task.check(url=urls, **VHOST)["changed"] and not corner.task.apply(url=urls, **VHOST)["changed"]
    assert corner.kinds() == {"vhost": 1}


def test_all_endpoints_closed(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.01, 0.01))
    with closed_port() as one, closed_port() as two:
        line = one_line(corner.task.apply(url=[one, two], **VHOST), "cannot connect")
    assert one in line or two in line


def _breaks_at_first_write() -> t.Callable[[Seen], Verdict]:
    """Passes reads, and from the first write on cuts everything."""
    broken = False

    def judge(seen: Seen) -> Verdict:
        nonlocal broken
        broken = broken or seen.writes
        return Cut() if broken else None

    return judge


def _many(count: int) -> dict[str, t.Any]:
    return {**VHOST, "vhost": "conn-a", "exchanges": [{"name": f"e{n}"} for n in range(count)]}


def test_another_endpoint_of_the_cluster_takes_over_half_way(corner: Corner) -> None:
    with Proxy(corner.broker.url, _breaks_at_first_write()) as first, Proxy(corner.broker.url) as second:
        done = corner.task.apply(url=[first.url, second.url], **_many(20))
    assert done["changed"] and len(done["changes"]) == 21, done
    assert corner.kinds() == {"vhost": 1, "exchange": 20}
    # The vhost's own write was cut at the first endpoint; everything after it went to the second alone.
    assert [seen.method for seen in first.writes] == ["PUT"]
    assert len(second.writes) == 21
    assert not corner.task.apply(**_many(20))["changed"]


def test_an_endpoint_of_another_cluster_is_not_written_to(corner: Corner, lab: t.Callable[[str], Broker]) -> None:
    with Corner(lab("4.3"), PREFIX) as other:
        other.observer.request("PUT", "cluster-name", {"name": "another-cluster"})
        try:
            before = other.snapshot()
            same_account = {"username": "conn-both", "password": "conn-both-pw"}
            for place in (corner, other):
                place.user("conn-both", "conn-both-pw", "administrator")
            before = other.snapshot()
            with Proxy(corner.broker.url, _breaks_at_first_write()) as first, Proxy(other.broker.url) as second:
                done = corner.task.apply(url=[first.url, second.url], **same_account, **_many(5))
            line = one_line(done, "belongs to cluster 'another-cluster', not to 'rabbit@rabbit' that answered first")
            assert second.url in line
            assert second.writes == []
            assert other.snapshot() == before
            assert "vhost" not in corner.kinds()
            assert len(done["unknown"]) + len(done["not_attempted"]) == 6, done
        finally:
            other.observer.request("PUT", "cluster-name", {"name": "rabbit@rabbit"})


def test_service_unavailable_heals(corner: Corner) -> None:
    """A broker that boots answers 503 for a moment: reads and writes are tried again."""
    answers = 0

    def judge(dummy: Seen) -> Verdict:
        nonlocal answers
        answers += 1
        return Reply(503, '{"error": "service_unavailable", "reason": "booting"}') if answers in (1, 5, 6) else None

    with Proxy(corner.broker.url, judge) as proxy:
        done = corner.task.apply(url=[proxy.url], **_many(1))
    assert done["changed"] and len(done["changes"]) == 2, done
    assert corner.kinds() == {"vhost": 1, "exchange": 1}


def test_a_broker_that_freezes_and_wakes(corner: Corner) -> None:
    """Frozen it is named as hanging, after the timeout; awake it goes on as if nothing had been."""
    corner.broker.pause()
    try:
        began = time.monotonic()
        line = one_line(corner.task.apply(timeout=0.5, **VHOST), "no answer within 0.5 s")
        took = time.monotonic() - began
    finally:
        corner.broker.resume()
    assert corner.broker.url in line
    assert 0.4 <= took < 6
    assert corner.task.apply(**VHOST)["changed"]
    assert not corner.task.apply(**VHOST)["changed"]


@pytest.mark.parametrize("after", [False, True], ids=["before the broker saw it", "after the broker did it"])
def test_a_write_without_an_answer_is_called_unknown(corner: Corner, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """Never called done, never called failed; the next run finds out."""
    monkeypatch.setattr(client, "PAUSES", (0.01, 0.01))
    with Proxy(corner.broker.url, lambda seen: Cut(after) if seen.writes and "/exchanges/" in seen.path else None) as proxy:
        done = corner.task.apply(url=[proxy.url], **_many(1))
    one_line(done, "the connection broke before an answer came", "1 changes made", "1 sent without an answer", "running the task again")
    assert done["changed"] is True
    assert [entry["object"] for entry in done["unknown"]] == ["conn-a/e0"]
    assert [change["object"] for change in done["changes"]] == ["conn-a"]
    again = corner.task.apply(**_many(1))
    assert again["changed"] is not after
    assert corner.kinds() == {"vhost": 1, "exchange": 1}


def test_a_port_closed_half_way(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not sent is called not attempted, and the next run does it."""
    monkeypatch.setattr(client, "PAUSES", (0.01, 0.01))
    wanted = {**_many(10), "queues": [{"name": "q"}], "bindings": [{"source": "e0", "destination": "q"}]}

    def judge(seen: Seen) -> Verdict:
        if "/queues/" in seen.path and seen.writes:
            proxy.server.socket.close()
            return Cut()
        return None

    with contextlib.suppress(OSError), Proxy(corner.broker.url, judge) as proxy:
        done = corner.task.apply(url=[proxy.url], **wanted)
    line = one_line(done, "not attempted")
    assert "cannot connect" in line or "connection broke" in line
    assert len(done["changes"]) == 11
    named = [entry["object"] for entry in [*done["unknown"], *done["not_attempted"]]]
    assert named == ["conn-a/q", 'conn-a/e0 -> queue q by ""']
    again = corner.task.apply(**wanted)
    assert [change["object"] for change in again["changes"]] == named
    assert not corner.task.apply(**wanted)["changed"]
