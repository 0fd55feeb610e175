# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The management HTTP API over kept-alive connections. Private to this collection.

One Client serves several threads; each thread has its own connection.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import traceback
import typing as t
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urljoin, urlsplit

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._net import retry, tls
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import errors

try:
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPBasicAuth
except ImportError:
    REQUESTS_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

# Pauses between two attempts, in seconds. Long enough for a load balancer to notice, short enough for a person.
PAUSES = (0.2, 0.8)


@dataclass(frozen=True)
class Connection:
    """Where and how to connect; `timeout` in seconds, for connecting and for each wait on an answer."""

    urls: tuple[str, ...]
    username: str
    password: str
    validate_certs: bool = True
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 30.0

    @property
    def verify(self) -> bool | str:
        return (self.ca_cert or True) if self.validate_certs else False

    @property
    def certificate(self) -> tuple[str, str] | str | None:
        if self.client_cert and self.client_key:
            return (self.client_cert, self.client_key)
        return self.client_cert


def connection(params: t.Mapping[str, t.Any]) -> Connection:
    """The connection that a module's arguments describe; Refused where they cannot be right."""
    problems = [problem for url in params["url"] for problem in _url_problems(url)]
    if not params["url"]:
        problems.append(Problem("connection.no_url", "has no address", field="url", remedy="give one, such as http://localhost:15672"))
    problems += tls.problems(params)
    problems += [problem for name in ("username", "password") for problem in _credential_problems(name, params[name])]
    if problems:
        raise Refused(problems)
    names = ("username", "password", "validate_certs", *tls.FILES, "timeout")
    return Connection(tuple(url.rstrip("/") for url in params["url"]), **{name: params[name] for name in names})


def _url_problems(url: str) -> t.Iterator[Problem]:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, an IPv6 address without its end
        valid = False
    # What stands before an @ may be a password, in a good address or a bad one: it is not shown.
    if "@" in url:
        remedy = "give them as username and password, where they stay hidden"
        yield Problem("connection.credentials_in_url", "must not contain a username or password", field="url", remedy=remedy)
    elif not valid:
        message = f"{url!r} is not the address of a management API"
        yield Problem("connection.url", message, field="url", remedy="give it as http://host:15672 or https://host:15671")


def _credential_problems(name: str, text: str | None) -> t.Iterator[Problem]:
    if text is None:
        remedy = f"set {name}, in the playbooks rabbitmq_{name}, or RABBITMQ_{name.upper()} in the environment"
        yield Problem("connection.no_credentials", "is required to connect to the broker", field=name, remedy=remedy)
        return
    if name == "username" and ":" in text:
        message = "must not contain a colon, which ends the user's name in HTTP authentication (RFC 7617)"
        yield Problem("connection.username", message, field=name, remedy="connect as another user")
    try:
        _sent(text)
    except UnicodeEncodeError:
        remedy = "give it again as text, or as the bytes of an environment variable"
        yield Problem("connection.not_unicode", "contains characters that are not Unicode (surrogates)", field=name, remedy=remedy)


def _sent(text: str) -> bytes:
    """A credential as it is sent. Bytes that are not UTF-8 come from the environment as surrogates and go out as they were."""
    return text.encode("utf-8", "surrogateescape")


def path_of(segments: t.Sequence[str]) -> str:
    """The API path of these segments, each percent-encoded whole; Refused for names that no URL can carry."""
    for segment in segments:
        # Servers and clients collapse these even when encoded: a DELETE would hit another object.
        if segment in ("", ".", "..") or any("\ud800" <= character <= "\udfff" for character in segment):
            message = f"the name {segment!r} cannot be part of an address of the management API"
            raise Refused([Problem("name.unaddressable", message, remedy="choose another name")])
    return "/api/" + "/".join(quote(segment, safe="") for segment in segments)


@dataclass(frozen=True)
class _Request:
    """`patience`: seconds added to the timeout; `repeat`: whether sending it twice does no harm."""

    method: str
    path: str
    body: t.Any = None
    what: str = "the broker refuses it"
    patience: float = 0.0
    repeat: bool = True

    @property
    def content(self) -> bytes | None:
        try:
            return None if self.body is None else json.dumps(self.body, allow_nan=False).encode()
        except ValueError as error:  # such as a number that is none (.nan)
            raise ChangeFailed(f"{self.what}: it cannot be written as JSON ({error})") from error


_JSON = {"Content-Type": "application/json"}


class Client:
    """Requests to one cluster through any of its endpoints."""

    def __init__(self, settings: Connection) -> None:
        self.settings = settings
        self.cluster_name: str | None = None
        self._auth = self._as(settings.password)
        self._home: int | None = None  # the endpoint that answered first
        self._current = 0
        self._lock = threading.Lock()
        self._local = threading.local()
        if not settings.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def adopt(self, password: str) -> bool:
        """Go on with this password of the connecting user, if the broker accepts it."""
        former, self._auth = self._auth, self._as(password)
        try:
            self.get("whoami")
        except errors.BrokerError:
            self._auth = former
            return False
        return True

    def _as(self, password: str) -> HTTPBasicAuth:
        return HTTPBasicAuth(_sent(self.settings.username), _sent(password))

    def overview(self) -> dict[str, t.Any]:
        """GET /api/overview, from the first endpoint that answers. All later requests must go to its cluster."""
        try:
            # Without its statistics it costs a broker with 10,000 queues 2 ms, and not 400.
            answer = self.get("overview", disable_stats="true")
        except errors.NotFound as error:
            raise errors.NotABroker(f"{self.settings.urls[self._current]}: reading overview", error.status, error.reason) from error
        if not isinstance(answer, dict) or "rabbitmq_version" not in answer:
            raise errors.NotABroker(f"{self.settings.urls[self._current]}: reading overview", 200, "the answer is not a broker's overview")
        self.cluster_name, self._home = str(answer.get("cluster_name", "")), self._current
        return answer

    def get(self, *segments: str, **query: str) -> t.Any:
        path = path_of(segments) + (f"?{urlencode(query)}" if query else "")
        return self._json(_Request("GET", path, what=f"reading {'/'.join(segments)}"))

    def put(self, segments: t.Sequence[str], body: t.Any) -> None:
        self._send(_Request("PUT", path_of(segments), body))

    def post(self, segments: t.Sequence[str], body: t.Any, patience: float = 0.0, repeat: bool = True) -> t.Any:
        """POST; `patience` is added to the timeout, `repeat` says whether sending it twice is harmless."""
        return self._json(_Request("POST", path_of(segments), body, patience=patience, repeat=repeat))

    def delete(self, segments: t.Sequence[str], conditions: t.Mapping[str, str] | None = None, patience: float = 0.0) -> None:
        """DELETE under the broker's own conditions, such as if-empty; what is gone already counts as deleted."""
        path = path_of(segments) + (f"?{urlencode(conditions)}" if conditions else "")
        try:
            self._send(_Request("DELETE", path, what="the broker refuses to delete it", patience=patience))
        except errors.NotFound:
            return

    def _json(self, request: _Request) -> t.Any:
        """The content of the answer; None where it has none."""
        answer = self._send(request)
        try:
            return json.loads(answer.content) if answer.content else None
        except (ValueError, RecursionError):
            raise errors.NotABroker(f"{answer.url}: {request.what}", answer.status_code, "the answer is not JSON") from None

    def _send(self, request: _Request) -> requests.Response:
        """The answer to the request from the current endpoint, or from another after a broken connection."""
        attempts = len(PAUSES) * len(self.settings.urls) if request.repeat else 0

        def pause(attempt: retry.Attempt) -> float | None:
            if attempt.number >= attempts or not self._worth_another(attempt.error, request):
                return None
            return PAUSES[attempt.number // len(self.settings.urls) % len(PAUSES)]

        return retry.answer(lambda: self._answered(request), pause)

    def _answered(self, request: _Request) -> requests.Response:
        """The answer of the current endpoint. Raises what it refuses; the next attempt goes to another one where it is not available."""
        endpoint = self._current
        try:
            answer = self._exchange(endpoint, request)
            if answer.status_code >= 300:
                raise self._refusal(endpoint, request, answer)
        except (errors.CannotConnect, errors.TimedOut, errors.NotTrusted, errors.NotReady):
            self._leave(endpoint)
            raise
        return answer

    def _refusal(self, endpoint: int, request: _Request, answer: requests.Response) -> Exception:
        """What an answer of status 300 and above stands for."""
        url, target = self.settings.urls[endpoint], answer.headers.get("Location")
        what = f"{url}: {request.what}" if request.method == "GET" else request.what
        body = answer.content.decode("utf-8", "replace")
        refusal = errors.from_answer(what, answer.status_code, body, urljoin(url + request.path, target) if target else "")
        return errors.Doubtful(refusal) if request.method != "GET" and refusal.doubtful else refusal

    def _worth_another(self, error: Exception, request: _Request) -> bool:
        if isinstance(error, errors.BrokerError):
            # A listing may fail with 500 while another client deletes what is listed.
            return isinstance(error, errors.NotReady) or (request.method == "GET" and error.status >= 500)
        # Another endpoint always is; the same one, unless it keeps silent or fails at TLS.
        transient = isinstance(error, (errors.CannotConnect, errors.TimedOut)) and not isinstance(error, errors.Silent)
        return transient or (len(self.settings.urls) > 1 and not isinstance(error, errors.OtherCluster))

    def _exchange(self, endpoint: int, request: _Request, session: requests.Session | None = None) -> requests.Response:
        """One request to one endpoint; raises CannotConnect, NotTrusted or TimedOut."""
        url = self.settings.urls[endpoint]
        waits = (self.settings.timeout, self.settings.timeout + request.patience)
        in_time = wait.Deadline(self.settings.timeout)
        library = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
        try:
            # Redirects are not followed: requests would turn a PUT into a GET.
            return (session or self._session(endpoint)).request(
                request.method,
                url + request.path,
                data=request.content,
                headers=_JSON,
                auth=self._auth,
                timeout=waits,
                verify=self.settings.verify,
                cert=self.settings.certificate,
                allow_redirects=False,
            )
        except (*library, OSError, ValueError, OverflowError) as error:
            failure = _failure(url, error, waits, proven=self._home is not None)
            # A broker that hangs closes the connection after a minute: a second attempt would take as long again.
            late = isinstance(failure, errors.TimedOut) and not in_time.left()
            raise (errors.Silent(str(failure)) if late else failure) from error

    def _session(self, endpoint: int) -> requests.Session:
        """This thread's connection to that endpoint, which must belong to the cluster we began with."""
        if getattr(self._local, "endpoint", None) != endpoint:
            session = requests.Session()
            # Looked up once: doing it for each request costs more than the request, and lets
            # REQUESTS_CA_BUNDLE override ca_cert.
            session.proxies = dict(requests.utils.get_environ_proxies(self.settings.urls[endpoint]))
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1))
            if self._home not in (None, endpoint):
                self._check_cluster(endpoint, session)
            # An endpoint that was not proven to be of our cluster is asked again the next time.
            self._local.session, self._local.endpoint = session, endpoint
        return t.cast("requests.Session", self._local.session)

    def _check_cluster(self, endpoint: int, session: requests.Session) -> None:
        url = self.settings.urls[endpoint]
        answer = self._exchange(endpoint, _Request("GET", "/api/overview?disable_stats=true"), session)
        if answer.status_code >= 300:
            raise errors.CannotConnect(f"{url}: HTTP {answer.status_code} when asked which cluster it belongs to")
        name = str(answer.json().get("cluster_name", ""))
        if name != self.cluster_name:
            message = f"{url}: belongs to cluster {name!r}, not to {self.cluster_name!r} that answered first"
            raise errors.OtherCluster(f"{message}: list only endpoints of one cluster in url")

    def _leave(self, endpoint: int) -> None:
        """Turn to the next endpoint, unless another thread has done so."""
        with self._lock:
            if self._current == endpoint:
                self._current = (endpoint + 1) % len(self.settings.urls)


def _failure(url: str, error: Exception, waits: tuple[float, float], proven: bool) -> Exception:
    """Why a request brought no answer: CannotConnect or NotTrusted if it was not sent, else TimedOut.

    `proven`: a broker has answered already, so that what is no answer of one is a broken connection.
    """
    kinds, root, texts = requests.exceptions, _root(error), str(error)
    why = " ".join(str(root).split()) or root.__class__.__name__
    broken = isinstance(root, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)) or "BAD_RECORD_MAC" in texts
    if (isinstance(error, (kinds.SSLError, urllib3.exceptions.SSLError)) or isinstance(root, ssl.SSLError)) and not (broken and proven):
        return errors.NotTrusted(f"{url}: {tls.cause(why)}")
    if any(words in texts for words in ("Failed to establish", "Failed to resolve")) or isinstance(root, socket.gaierror):
        return errors.CannotConnect(f"{url}: cannot connect ({why}): check that the broker runs and that its management plugin is enabled")
    if isinstance(error, kinds.ConnectTimeout) or isinstance(root, urllib3.exceptions.ConnectTimeoutError):
        return errors.CannotConnect(f"{url}: no connection within {waits[0]:g} s: check url and any firewall")
    if isinstance(error, kinds.ReadTimeout) or isinstance(root, (urllib3.exceptions.TimeoutError, TimeoutError, socket.timeout)):
        return errors.Silent(f"{url}: no answer within {waits[1]:g} s: the broker hangs, or it is slow and needs a longer timeout")
    if isinstance(root, http.client.BadStatusLine) and not isinstance(root, http.client.RemoteDisconnected) and not proven:
        return errors.CannotConnect(f"{url}: {_not_http(why)}")
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)) or (error.__class__ is OSError and error.errno is None):
        return errors.NotTrusted(f"{url}: {why}")  # a certificate file that cannot be read
    if isinstance(error, kinds.ProxyError):
        return errors.CannotConnect(f"{url}: no connection through the proxy ({why}): check http_proxy, https_proxy and no_proxy")
    if isinstance(error, (ValueError, OverflowError)):  # an address, or that of a proxy, which nothing can be sent to
        return errors.CannotConnect(f"{url}: {why}: check url, http_proxy and https_proxy")
    return errors.TimedOut(f"{url}: the connection broke before an answer came ({why})")


def _root(error: BaseException) -> BaseException:
    """The innermost cause, which says most."""
    inner = next((part for part in error.args if isinstance(part, BaseException)), getattr(error, "reason", None))
    return _root(inner) if isinstance(inner, BaseException) else error


def _not_http(said: str) -> str:
    """What to say of a port whose first bytes are not HTTP."""
    if said.startswith("\x15\x03"):
        return "this port speaks TLS: begin the address in url with https://"
    if said.startswith("AMQP"):
        return "this port speaks AMQP: give the port of the management API in url, usually 15672, or 15671 with TLS"
    return f"this port does not speak HTTP (it says {said[:40]!r}): check url"
