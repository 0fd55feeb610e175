from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors


def answer(error: str, reason: t.Any) -> str:
    return json.dumps({"error": error, "reason": reason})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, answer("not_authorized", "Not_Authorized"), errors.WrongCredentials),
        (401, answer("not_authorised", "Not management user"), errors.MissingRights),
        (401, answer("not_authorised", "Not administrator user"), errors.MissingRights),
        (401, answer("not_authorised", "Access refused."), errors.MissingRights),
        (403, answer("forbidden", "no"), errors.MissingRights),
        (404, answer("Object Not Found", "Not Found"), errors.NotFound),
        (404, answer("not_found", "vhost_not_found"), errors.NoSuchVhost),
        (404, answer("not_found", "no exchange 'x' in vhost '/'"), errors.NotFound),
        (404, answer("not_found", "no queue 'vhost' in vhost 'eco2'"), errors.NotFound),
        (400, answer("bad_request", "inequivalent arg 'durable' for queue 'q' in vhost '/'"), errors.Inequivalent),
        (400, answer("bad_request", "invalid arg 'x-message-ttl'"), errors.Invalid),
        (400, answer("not_json", ""), errors.Invalid),
        (405, answer("Method Not Allowed", ""), errors.MissingPlugin),
        (405, "", errors.MissingPlugin),
        (405, "<html>405</html>", errors.MissingPlugin),
        (503, answer("unavailable", "booting"), errors.NotReady),
        (503, "", errors.NotReady),
        (404, "<html>nginx</html>", errors.NotABroker),
        (404, '["a list"]', errors.NotABroker),
        (404, '{"message": "of another API"}', errors.NotABroker),
        (302, "", errors.NotABroker),
        (502, "<html>bad gateway</html>", errors.BadGateway),
        (504, "", errors.BadGateway),
        (500, "", errors.Crashed),
        (400, answer("bad_request", "the metadata store operation timed out"), errors.NoMajority),
        (400, answer("bad_request", "timeout"), errors.NoMajority),
        (400, answer("bad_request", "Could not add binding due to timeout"), errors.NoMajority),
        (500, answer("timeout", "Timed out waiting for the vhost to initialise"), errors.NoMajority),
        (400, answer("bad_request", "invalid arg 'x-consumer-timeout' for queue 'q'"), errors.Invalid),
        (401, "Unauthorized", errors.NotABroker),
    ],
)
def test_what_an_answer_stands_for(status: int, body: str, kind: type[errors.BrokerError]) -> None:
    error = errors.from_answer("declaring queue q", status, body)
    assert error.__class__ is kind
    assert error.status == status
    assert "\n" not in str(error)
    assert str(error).startswith(f"declaring queue q: HTTP {status}, ")
    assert str(error).endswith(kind.hint)


@pytest.mark.parametrize(("status", "body"), [(500, ""), (412, answer("precondition", "vhost is protected")), (415, "{}")])
def test_other_answers_are_told_as_they_are(status: int, body: str) -> None:
    assert str(status) in str(errors.from_answer("deleting", status, body))
    assert isinstance(errors.from_answer("deleting", status, body), ChangeFailed)


def test_kinds_of_errors_tell_themselves_apart() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BrokerError)]
    hints = [kind.hint for kind in kinds]
    assert len(kinds) > 8
    assert len(set(hints)) == len(hints)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("Access refused.", "Access refused"),
        ("key &lt;&lt;&quot;a&quot;&gt;&gt;", 'key <<"a">>'),
        ([78, 111, 116, 32, 102, 111, 117, 110, 100], "Not found"),
        ([99, 97, 102, 233], "café"),
        ([60, 38, 97, 109, 112, 59], "<&"),
        ([97, 10, 98], "a b"),
        (["bad", [97, 98]], "bad: ab"),
        ("two\n  lines\t here", "two lines here"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_a_reason_is_one_line_of_text(reason: t.Any, text: str) -> None:
    error = errors.from_answer("doing", 400, answer("bad_request", reason))
    assert error.reason == text
    assert f"doing: HTTP 400, {text}. " in str(error)


def test_an_empty_reason_leaves_the_error_word() -> None:
    assert errors.from_answer("doing", 400, answer("not_json", "")).reason == "not_json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.integers(300, 599), st.text() | JSON.map(json.dumps) | JSON.map(lambda reason: answer("x", reason)))
def test_whatever_is_answered_becomes_one_line(status: int, body: str) -> None:
    error = errors.from_answer("doing", status, body)
    assert str(error).splitlines() == [str(error)]
    assert str(status) in str(error)


def test_an_unanswered_request_is_not_a_refusal() -> None:
    assert not issubclass(errors.TimedOut, (ChangeFailed, errors.CannotConnect))
    assert not issubclass(errors.CannotConnect, ChangeFailed)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://rabbit.example.org/api/overview", "https://rabbit.example.org/api/overview"),
        ("https://u:hunter2@login.example.org:8443/in?next=hunter2#hunter2", "https://login.example.org:8443/in"),
        ("http://[hunter2", "an address that is none"),
    ],
)
def test_a_redirect_names_its_target_without_secrets(target: str, shown: str) -> None:
    error = errors.from_answer("reading overview", 301, "<html>moved</html>", target)
    assert error.__class__ is errors.Redirected
    assert f"it redirects to {shown}." in str(error)
    assert "hunter2" not in str(error)


def test_a_body_of_endless_brackets_is_no_brokers() -> None:
    assert errors.from_answer("reading", 404, "[" * 100_000).__class__ is errors.NotABroker
