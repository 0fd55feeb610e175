# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of an API server mean. Private to this collection.

Every message is one line: what was tried, the HTTP status, the server's own reason, and what to do.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable

# The longest time, in seconds, that a server can ask a client to wait.
LONGEST_WAIT = 10.0


class ApiError(ChangeFailed):
    """The API server answered with a refusal. `status` is the HTTP status, `reason` its own message.

    `repeated`: an earlier attempt of the same request got no answer, which may be why this one is refused. `wait`: the seconds after
    which the server wants to be asked again.
    """

    hint = ""
    repeated = False
    wait = 0.0

    def __init__(self, what: str, status: int, reason: str) -> None:
        hint = self._hint(reason)
        super().__init__(f"{what}: HTTP {status}, {reason}." + (f" {hint}" if hint else ""))
        self.status = status
        self.reason = reason

    def _hint(self, reason: str) -> str:
        return self.hint


class Unauthorized(ApiError):
    hint = (
        "The API server does not accept these credentials: the certificate or token has expired, belongs to another cluster, or is missing."
        " If the kubeconfig runs a plugin (exec), run that plugin by hand to see its error."
    )


class Forbidden(ApiError):
    def _hint(self, reason: str) -> str:
        """Names the verb: `User "jane" cannot patch resource "nodes" in API group "" at the cluster scope`."""
        missing = re.search(r'cannot (\S+) resource "([^"]+)"(?:.* in the namespace "([^"]+)")?', reason)
        if not missing:
            return "The credentials are valid, but their rights are not enough."
        verb, resource, namespace = missing.groups()
        role = f"a Role in {namespace}" if namespace else "a ClusterRole"
        return f"The credentials are valid, but a right is missing: grant the verb {verb} on {resource} ({role} and its binding)."


class NotFound(ApiError):
    """There is no such object."""


class Conflict(ApiError):
    """Somebody else has changed the object since it was read, or an object of this name exists."""


class NotReady(ApiError):
    """Overloaded, starting or stopping: the same request may succeed in a moment."""

    hint = "The API server runs but cannot answer now: check its load and etcd, then run the task again."


class NotAnApiServer(ApiError):
    hint = "This is not the answer of a Kubernetes API server: check host, or server in the kubeconfig, and any proxy in between."


class CannotConnect(Unreachable):
    """No connection could be opened."""


class NotTrusted(Unreachable):
    """The TLS handshake failed, because of the server's certificate or ours."""


class TimedOut(NoAnswer):
    """The request was sent, and no answer came in time or the connection broke first."""


class Silent(TimedOut):
    """No answer came within the timeout. Another attempt would take as long again."""


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


def from_answer(what: str, answer: t.Any) -> ApiError:
    """The error that an answer of status 300 and above stands for.

    The API server's refusals are objects of kind Status with a `message`
    (https://kubernetes.io/docs/reference/using-api/api-concepts/, staging/src/k8s.io/apimachinery/pkg/apis/meta/v1).
    """
    status, reason = answer.status, _reason(answer.data)
    if reason is not None:
        error = _KINDS.get(status, ApiError)(what, status, reason)
    else:
        # A proxy's page, or plain text of another server; only its status can be told.
        kind = {401: Unauthorized, 429: NotReady, 503: NotReady}.get(status, NotAnApiServer)
        error = kind(what, status, _text(answer.data) or "no reason given")
    said = str(answer.headers.get("retry-after", ""))
    error.wait = min(float(said), LONGEST_WAIT) if said.isdigit() else 0.0
    return error


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
