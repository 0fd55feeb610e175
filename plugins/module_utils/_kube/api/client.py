# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API as JSON. Private to this collection.

The kubernetes client's models are not used, because turning a list of nodes into objects takes longer than reading it. One Client
serves several threads.
"""

from __future__ import annotations

import json
import threading
import typing as t
from urllib.parse import quote, urlencode

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import connection, errors, failures
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import HTTPHeaderDict, urllib3
from ansible_collections.eco2.platform.plugins.module_utils._net import retry

# Waits before trying again, in seconds: short for an address that may be wrong, longer for a server that has
# answered before and is being restarted.
PAUSES = (0.2, 0.8)
PAUSES_RESTART = (0.2, 0.8, 2.0, 4.0, 8.0)

MANAGER = "eco2.platform"
MERGE_PATCH = "application/merge-patch+json"

_ENCODER = json.JSONEncoder(separators=(",", ":"))

Params = t.Mapping[str, t.Any]


def path_of(*segments: str) -> str:
    """The path of these segments, each percent-encoded whole: path_of("api", "v1", "nodes", name)."""
    return "/" + "/".join(quote(segment, safe=":") for segment in segments)


class Client:
    """Requests to one API server."""

    def __init__(self, params: Params) -> None:
        """Raises Refused where the arguments describe no connection."""
        self.configuration = connection.configuration(params)
        self.host = str(self.configuration.host)
        self.timeout = float(params["timeout"])
        if not self.configuration.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._pool = connection.pool(self.configuration, params["tls_server_name"])
        self._headers = HTTPHeaderDict({"accept": "application/json", "accept-encoding": "identity"})
        if params["impersonate_user"]:
            self._headers.add("impersonate-user", params["impersonate_user"])
            for group in params["impersonate_groups"] or []:
                self._headers.add("impersonate-group", group)
        self._basic = _basic(params)
        self._lock = threading.Lock()
        self._answered = False

    def get(self, path: str, what: str, **query: str) -> t.Any:
        return self._ask("GET", path + (f"?{urlencode(query)}" if query else ""), what)

    def post(self, path: str, body: t.Any, what: str, repeat: bool = False) -> t.Any:
        return self._ask("POST", f"{path}?fieldManager={MANAGER}", what, body, repeat=repeat)

    def merge_patch(self, path: str, body: t.Any, what: str) -> t.Any:
        """PATCH; the body must hold the resourceVersion, so that a second try after a broken connection does no harm."""
        return self._ask("PATCH", f"{path}?fieldManager={MANAGER}", what, body)

    def delete(self, path: str, what: str, uid: str, resource_version: str | None = None) -> bool:
        """DELETE this very object and, where given, this version of it; False where others have deleted it before."""
        preconditions = {"uid": uid, **({"resourceVersion": resource_version} if resource_version else {})}
        try:
            self._ask("DELETE", path, what, {"preconditions": preconditions})
        except errors.NotFound as error:
            return error.repeated
        return True

    def may(self, verb: str, resource: str, name: str | None = None) -> bool:
        """Whether our rights allow this, for the object of this name or for all; True where the API server does not say."""
        attributes = {"verb": verb, "resource": resource, **({"name": name} if name else {})}
        spec = {"resourceAttributes": attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        try:
            answer = self.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, "asking for rights", repeat=True)
        except ChangeFailed:
            return True
        return bool(answer["status"].get("allowed"))

    def version(self) -> str:
        """Such as 1.36.3."""
        answer = self.get("/version", "reading the version")
        if not isinstance(answer, dict) or "gitVersion" not in answer:
            raise errors.NotAnApiServer(f"{self.host}: reading the version", 200, "the answer does not come from an API server")
        return str(answer["gitVersion"]).lstrip("v").partition("+")[0]

    def _ask(self, method: str, path: str, what: str, body: t.Any = None, repeat: bool = True) -> t.Any:
        """The answer. `repeat`: whether sending the request twice does no harm."""

        def pause(attempt: retry.Attempt) -> float | None:
            seconds = attempt.pause(PAUSES_RESTART if self._answered else PAUSES)
            error = attempt.error
            if isinstance(error, errors.ApiError):
                error.repeated = attempt.unanswered
                # Too many requests and "not ready" were refused before anything was done; a 500 may have been half-way.
                again = isinstance(error, errors.NotReady) and (repeat or error.status in (429, 503))
                return max(seconds, error.wait) if again and seconds is not None else None
            return seconds if not isinstance(error, errors.Silent) and (repeat or not attempt.unanswered) else None

        return retry.answer(lambda: self._exchange(method, path, f"{self.host}: {what}", body), pause, writes=method != "GET")

    def _exchange(self, method: str, path: str, what: str, body: t.Any) -> t.Any:
        """One request; the answer's body is read whole, so that its connection can be used again."""
        headers = self._headers.copy()
        authorization = self._authorization()
        if authorization:
            headers["authorization"] = authorization
        how: dict[str, t.Any] = {"headers": headers, "timeout": self.timeout, "retries": False, "redirect": False}
        if body is not None:
            headers["content-type"] = MERGE_PATCH if method == "PATCH" else "application/json"
            how["body"] = _ENCODER.encode(body).encode()
        try:
            answer = self._pool.request(method, self.host + path, **how)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise failures.from_exception(self.host, error, self.timeout) from error
        self._answered = True
        if answer.status >= 300:
            raise errors.from_answer(what, answer)
        try:
            return json.loads(answer.data) if answer.data else None
        except ValueError:
            raise errors.NotAnApiServer(what, answer.status, "the answer is not JSON") from None

    def _authorization(self) -> str | None:
        if self.configuration.refresh_api_key_hook is None and not self.configuration.api_key:
            return self._basic
        with self._lock:  # a token that has expired is renewed once, not by each thread
            settings = self.configuration.auth_settings().get("BearerToken")
        return t.cast("str | None", settings["value"]) if settings else self._basic


def _basic(params: Params) -> str | None:
    if not params["username"]:
        return None
    headers = urllib3.util.make_headers(basic_auth=f"{params['username']}:{params['password']}")
    return str(headers["authorization"])
