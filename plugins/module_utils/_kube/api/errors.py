# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an API server's answer means, told apart as a person needs it. Private to this collection.

Every message is one line: what was tried on what, the status, the server's own reason, and a hint.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable


class ApiError(ChangeFailed):
    """The API server answered with a refusal. `status` is the HTTP status, `reason` its own message."""

    hint = ""

    def __init__(self, what: str, status: int, reason: str) -> None:
        hint = self._hint(reason)
        super().__init__(f"{what}: HTTP {status}, {reason}." + (f" {hint}" if hint else ""))
        self.status = status
        self.reason = reason

    def _hint(self, reason: str) -> str:
        return self.hint


class Unauthorized(ApiError):
    hint = (
        "The API server does not accept these credentials: an expired certificate or token, another cluster's, or none; "
        "where the kubeconfig runs a plugin (exec), run that by hand."
    )


class Forbidden(ApiError):
    def _hint(self, reason: str) -> str:
        """Names the verb: `User "jane" cannot patch resource "nodes" in API group "" at the cluster scope`."""
        missing = re.search(r'cannot (\S+) resource "([^"]+)"(?:.* in the namespace "([^"]+)")?', reason)
        if not missing:
            return "The credentials are right, the rights are not."
        verb, resource, namespace = missing.groups()
        role = f"a Role in {namespace}" if namespace else "a ClusterRole"
        return f"The credentials are right, the rights are not: grant the verb {verb} on {resource} ({role}, and its binding)."


class NotFound(ApiError):
    pass


class Conflict(ApiError):
    """Somebody else wrote meanwhile, or an object of this name exists.

    `repeated`: an earlier try of the same request got no answer, and may be what this one conflicts with.
    """

    repeated = False


class NotReady(ApiError):
    """Overloaded, starting or stopping: the same request may succeed in a moment."""

    hint = "The API server is up and cannot answer now: look at its load and at etcd, then run again."


class NotAnApiServer(ApiError):
    hint = "This does not answer like a Kubernetes API server: check host, or server in the kubeconfig, and any proxy between."


class CannotConnect(Unreachable):
    """No connection."""


class NotTrusted(Unreachable):
    """The TLS handshake failed: its certificate or ours."""


class TimedOut(NoAnswer):
    """The request was sent and no answer came in time, or the connection broke before it did."""


class Silent(TimedOut):
    """No answer within the timeout: asking again would take as long again."""


_KINDS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: NotReady,
    500: NotReady,
    503: NotReady,
    504: NotReady,
}


def from_answer(what: str, status: int, body: bytes) -> ApiError:
    """The error that an answer of status 300 and above stands for.

    The API server's refusals are objects of kind Status with a `message`
    (https://kubernetes.io/docs/reference/using-api/api-concepts/, staging/src/k8s.io/apimachinery/pkg/apis/meta/v1).
    """
    reason = _reason(body)
    if reason is None:
        # A proxy's page, or plain text of a server that is no API server; only its status can be told.
        kind = {401: Unauthorized, 429: NotReady, 503: NotReady}.get(status, NotAnApiServer)
        return kind(what, status, _text(body) or "no reason given")
    return _KINDS.get(status, ApiError)(what, status, reason)


def _reason(body: bytes) -> str | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict) or answer.get("kind") != "Status":
        return None
    return one_line(str(answer.get("message") or answer.get("reason") or "no reason given"))


def _text(body: bytes) -> str:
    text = body[:300].decode("utf-8", "replace")
    return "an HTML page" if "<html" in text.lower() else one_line(text)


def one_line(text: t.Any) -> str:
    return " ".join(str(text).split()).rstrip(". ")
