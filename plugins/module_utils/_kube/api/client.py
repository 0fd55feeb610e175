# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API as JSON, over the kubernetes client's own kept-alive connections. Private to this collection.

The client resolves kubeconfigs, plugins and in-cluster credentials; its models are not used, since turning a list of nodes into
objects takes longer than reading it. One Client serves several threads.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors, failures, kubeconfig, transport
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import (
    HTTPHeaderDict,
    kubernetes,
    urllib3,
)

# Requests side by side, each over a connection of its own. More do not make an API server faster: see docs/measurements.md.
WORKERS = 16
# Waits before trying again, in seconds: short for an address that may be wrong, longer for a server that has
# answered before and is being restarted.
PAUSES = (0.2, 0.8)
PAUSES_RESTART = (0.2, 0.8, 2.0, 4.0, 8.0)
# A server that says when to come back is believed up to here.
LONGEST_PAUSE = 10.0

MANAGER = "eco2.platform"
MERGE_PATCH = "application/merge-patch+json"

_ENCODER = json.JSONEncoder(separators=(",", ":"))

Params = t.Mapping[str, t.Any]


def path_of(*segments: str) -> str:
    """The path of these segments, each percent-encoded whole: path_of("api", "v1", "nodes", name)."""
    return "/" + "/".join(quote(segment, safe=":") for segment in segments)


@dataclass(frozen=True)
class _Request:
    """`repeat`: whether sending it twice does no harm."""

    method: str
    path: str
    what: str
    body: t.Any = None
    content: str = "application/json"
    repeat: bool = True


class Client:
    """Requests to one API server."""

    def __init__(self, params: Params) -> None:
        """Raises Refused where the arguments describe no connection."""
        self.configuration = configuration(params)
        self.host = str(self.configuration.host)
        self.timeout = float(params["timeout"])
        if not self.configuration.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._exchange_once, self._prefix = transport.opener(self.configuration, params["tls_server_name"], self.timeout)
        self._headers = _common_headers(params)
        self._basic = _basic(params)
        self._lock = threading.Lock()
        self._answered = False

    def get(self, path: str, what: str, **query: str) -> t.Any:
        return self._json(_Request("GET", path + (f"?{urlencode(query)}" if query else ""), what))

    def post(self, path: str, body: t.Any, what: str, repeat: bool = False) -> t.Any:
        return self._json(_Request("POST", f"{path}?fieldManager={MANAGER}", what, body, repeat=repeat))

    def merge_patch(self, path: str, body: t.Any, what: str) -> t.Any:
        """PATCH; the body must hold the resourceVersion, so that a second try after a broken connection does no harm."""
        return self._json(_Request("PATCH", f"{path}?fieldManager={MANAGER}", what, body, MERGE_PATCH))

    def delete(self, path: str, what: str, uid: str, resource_version: str | None = None) -> None:
        """DELETE this very object and, where given, this version of it; gone already counts as deleted."""
        preconditions = {"uid": uid, **({"resourceVersion": resource_version} if resource_version else {})}
        try:
            self._json(_Request("DELETE", path, what, {"preconditions": preconditions}))
        except errors.NotFound:
            return

    def version(self) -> str:
        """Such as 1.36.3."""
        answer = self.get("/version", "reading the version")
        if not isinstance(answer, dict) or "gitVersion" not in answer:
            raise errors.NotAnApiServer(f"{self.host}: reading the version", 200, "the answer is no API server's")
        return str(answer["gitVersion"]).lstrip("v").partition("+")[0]

    def _json(self, request: _Request) -> t.Any:
        answer = self._send(request)
        try:
            return json.loads(answer.data) if answer.data else None
        except ValueError:
            raise errors.NotAnApiServer(f"{self.host}: {request.what}", answer.status, "the answer is not JSON") from None

    def _send(self, request: _Request) -> t.Any:
        unanswered: errors.TimedOut | None = None
        for attempt in itertools.count():
            pauses = PAUSES_RESTART if self._answered else PAUSES
            try:
                answer = self._exchange(request)
            except (errors.CannotConnect, errors.TimedOut) as error:
                # Once sent without an answer it may have happened, whatever later attempts run into.
                if request.method != "GET" and isinstance(error, errors.TimedOut):
                    unanswered = unanswered or error
                again = not isinstance(error, errors.Silent) and (request.repeat or unanswered is None)
                if not again or attempt >= len(pauses):
                    raise unanswered or error from error
                pause = pauses[attempt]
            else:
                self._answered = True
                if answer.status < 300:
                    return answer
                refusal = errors.from_answer(f"{self.host}: {request.what}", answer.status, answer.data)
                # Too many requests and "not ready" were refused before anything was done; a 500 may have been half-way.
                again = isinstance(refusal, errors.NotReady) and (request.repeat or refusal.status in (429, 503))
                if isinstance(refusal, errors.Conflict):
                    refusal.repeated = unanswered is not None
                if not again or attempt >= len(pauses):
                    raise refusal
                pause = max(pauses[attempt], _retry_after(answer))
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _exchange(self, request: _Request) -> t.Any:
        """One request; the answer's body is read whole, so that its connection can be used again."""
        headers = self._headers.copy()
        authorization = self._authorization()
        if authorization:
            headers["authorization"] = authorization
        body = None
        if request.body is not None:
            body = _ENCODER.encode(request.body).encode()
            headers["content-type"] = request.content
        try:
            return self._exchange_once(request.method, self._prefix + request.path, body, headers)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise failures.from_exception(self.host, error, self.timeout) from error

    def _authorization(self) -> str | None:
        if self.configuration.refresh_api_key_hook is None and not self.configuration.api_key:
            return self._basic
        with self._lock:  # a token that has expired is renewed once, not by each thread
            settings = self.configuration.auth_settings().get("BearerToken")
        return t.cast("str | None", settings["value"]) if settings else self._basic


def configuration(params: Params) -> t.Any:
    """The kubernetes client's Configuration for a module's arguments; raises Refused.

    Explicit arguments win over the kubeconfig. Without any: the pod's own credentials, then the default kubeconfig.
    """
    _refuse_unusable(params)
    settings = kubernetes.client.Configuration()
    if not _complete(params):
        _load(settings, params)
    names = {"host": "host", "validate_certs": "verify_ssl", "ca_cert": "ssl_ca_cert", "proxy": "proxy", "no_proxy": "no_proxy"}
    for name, attribute in names.items():
        if params[name] is not None:
            setattr(settings, attribute, params[name])
    if params["api_key"] or params["username"] or params["client_cert"]:
        # A client certificate of the kubeconfig would come before a token, unseen.
        settings.cert_file, settings.key_file = params["client_cert"], params["client_key"]
        settings.api_key, settings.refresh_api_key_hook = {}, None
        if params["api_key"]:
            # The name of the setting has changed between releases of the client.
            settings.api_key = dict.fromkeys(("authorization", "BearerToken"), f"Bearer {params['api_key']}")
    headers = {name: value for name, value in (params["proxy_headers"] or {}).items() if value}
    if headers:
        settings.proxy_headers = urllib3.util.make_headers(**headers)
    settings.connection_pool_maxsize = WORKERS
    settings.host = str(settings.host).rstrip("/")
    if not settings.host.startswith(("http://", "https://")):
        raise Refused([f"host: {settings.host!r} is not an address of an API server: it looks like https://host:6443"])
    return settings


def _complete(params: Params) -> bool:
    """Whether the arguments alone say where to go and who we are."""
    identity = params["api_key"] or (params["username"] and params["password"]) or (params["client_cert"] and params["client_key"])
    return bool(params["host"] and identity)


def _refuse_unusable(params: Params) -> None:
    problems: list[str] = []
    if params["kubeconfig"] and not _complete(params):
        problems += kubeconfig.problems(params["kubeconfig"], params["context"])
    if "@" in (params["host"] or ""):
        problems.append("host: holds a username or password; give them as username and password, where they stay hidden")
    if bool(params["username"]) != bool(params["password"]):
        problems.append("username and password: are of use only together")
    if params["client_key"] and not params["client_cert"]:
        problems.append("client_key: is of use only with client_cert")
    if params["impersonate_groups"] and not params["impersonate_user"]:
        problems.append("impersonate_groups: are of use only with impersonate_user")
    for option in ("ca_cert", "client_cert", "client_key"):
        if params[option]:
            problems += _unreadable(option, params[option])
    if problems:
        raise Refused(problems)


def _unreadable(option: str, path: str) -> t.Iterator[str]:
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        yield f"{option}: {path} cannot be read: {error.strerror}"


def _load(settings: t.Any, params: Params) -> None:
    where = {"context": params["context"], "client_configuration": settings, "persist_config": bool(params["persist_config"])}
    try:
        if isinstance(params["kubeconfig"], dict):
            kubernetes.config.load_kube_config_from_dict(params["kubeconfig"], **where)
        elif params["kubeconfig"]:
            kubernetes.config.load_kube_config(params["kubeconfig"], **where)
        else:
            _load_default(settings, params, where)
    except (kubernetes.config.ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # What follows a brace may be a part of the file, and a secret.
        said = errors.one_line(error).partition("{")[0].strip() or error.__class__.__name__
        given = params["kubeconfig"] if isinstance(params["kubeconfig"], str) else "content"
        raise Refused([f"kubeconfig: {given} cannot be used: {said}"]) from error


def _load_default(settings: t.Any, params: Params, where: dict[str, t.Any]) -> None:
    if not params["context"]:
        try:
            kubernetes.config.load_incluster_config(client_configuration=settings)
        except kubernetes.config.ConfigException:
            pass
        else:
            return
    default = kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION
    problems = list(kubeconfig.problems(default, params["context"]))
    if problems:
        raise Refused([f"no connection is given: set kubeconfig (K8S_AUTH_KUBECONFIG), or host with api_key; of the default {problems[0]}"])
    kubernetes.config.load_kube_config(default, **where)


def _basic(params: Params) -> str | None:
    if not params["username"]:
        return None
    headers = urllib3.util.make_headers(basic_auth=f"{params['username']}:{params['password']}")
    return str(headers["authorization"])


def _common_headers(params: Params) -> t.Any:
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    if not params["impersonate_user"]:
        return headers
    repeated = HTTPHeaderDict(headers)
    repeated.add("impersonate-user", params["impersonate_user"])
    for group in params["impersonate_groups"] or []:
        repeated.add("impersonate-group", group)
    return repeated


def _retry_after(answer: t.Any) -> float:
    said = str(answer.headers.get("retry-after", ""))
    return min(float(said), LONGEST_PAUSE) if said.isdigit() else 0.0
