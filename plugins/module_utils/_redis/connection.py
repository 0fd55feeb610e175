# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One kept connection to one Redis or Valkey server, data node or sentinel. Private to this collection.

redis-py gives sockets, TLS, AUTH and the parsing of replies. Commands go out as raw words and replies come back as the server
sent them: redis-py's own readings of SENTINEL, INFO and ROLE differ from one of its releases to the next (4.3 to 8.1 were compared).
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import traceback
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._net import retry, tls
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.model import address
from ansible_collections.eco2.platform.plugins.module_utils._redis.model.address import Address

try:
    import redis
    from redis import connection as plain
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError:
    LIBRARY: tuple[str, str | None] = ("redis", traceback.format_exc())
else:
    LIBRARY = ("redis", None)

# str, int, None, or a list of these. RESP2 has no maps: what is one in RESP3 comes as a flat list.
Reply = t.Any
# redis-py's connection: its methods carry no types in the older of the releases that must do.
Socket = t.Any
# Command in capitals -> its name on a server where it is renamed.
Renames = t.Mapping[str, str]


@dataclass(frozen=True)
class Credentials:
    """`options` names the module's options that they come from, for messages."""

    username: str | None = None
    password: str | None = None
    options: str = "username and password"


@dataclass(frozen=True)
class Tls:
    """Paths of PEM files."""

    validate_certs: bool = True
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


class Server:
    """A server at an address; connects with the first command. For one thread at a time.

    `timeout`: seconds for connecting, and for each answer. `asked` counts the commands sent, without the connection's own AUTH. `reach`:
    the host by which this machine reaches it, where that is another one. `renames`: commands that have another name there, in capitals;
    callers use the usual names.
    """

    reach: str | None = None

    def __init__(self, host: str, port: int, credentials: Credentials | None = None, tls: Tls | None = None, timeout: float = 5.0) -> None:
        self.host = host
        self.port = port
        self.credentials = credentials or Credentials()
        self.tls = tls
        self.timeout = timeout
        self.asked = 0
        self.renames: Renames = {}
        self._connection: Socket = None

    @property
    def name(self) -> str:
        return str(Address(self.host, self.port))

    def ask(self, *words: str | int) -> Reply:
        """The reply to one command. Raises ServerError for an error reply, Unreachable or NoAnswer where none came."""
        connection = self._connected()
        self.asked += 1
        return self._guarded(_shown(words), lambda: self._exchange(connection, words))

    def read(self, *words: str | int) -> Reply:
        """As `ask`, for a command that may be sent twice, such as CONFIG SET: a kept connection that was closed in the meantime is
        opened again."""
        kept = self._connection is not None

        def pause(attempt: retry.Attempt) -> float | None:
            broke = isinstance(attempt.error, errors.TimedOut) and not isinstance(attempt.error, errors.Silent)
            return 0.0 if kept and broke and attempt.number == 0 else None

        return retry.answer(lambda: self.ask(*words), pause, writes=False)

    def transaction(self, *commands: t.Sequence[str | int], tolerate: t.Collection[str] = ()) -> list[Reply]:
        """The replies to commands that are run as one (MULTI, EXEC); raises as `ask` does, for any of them.

        An error of one command does not undo the others: Redis has no rollback. `tolerate` names commands, as in CONFIG REWRITE,
        whose errors are left among the replies.
        """
        self.ask("MULTI")
        try:
            for command in commands:
                self.ask(*command)
        except errors.ServerError:
            # A refused command ends the transaction; this connection must not go on inside it.
            self.close()
            raise
        replies = t.cast("list[Reply]", self.ask("EXEC"))
        for command, reply in zip(commands, replies):
            if isinstance(reply, Exception) and _shown(command) not in tolerate:
                raise self._said(_shown(command), reply)
        return replies

    def named(self, command: str) -> str:
        """The name that the command has there."""
        return self.renames.get(command, command)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _connected(self) -> Socket:
        if self._connection is None:
            connection = _connection(self)
            self._guarded("connecting", connection.connect, connecting=True)
            self._connection = connection
        return self._connection

    def _exchange(self, connection: Socket, words: t.Sequence[str | int]) -> Reply:
        connection.send_command(self.named(str(words[0])), *words[1:])
        return connection.read_response()

    def _guarded(self, command: str, action: t.Callable[[], Reply], connecting: bool = False) -> Reply:
        """The action's result; what redis-py raises, as one of ours. A connection that failed is not used again."""
        try:
            return action()
        except redis.exceptions.ResponseError as error:
            if connecting:
                self.close()
            raise self._said(command, error) from error
        except (redis.exceptions.AuthenticationError, redis.exceptions.BusyLoadingError) as error:
            # redis-py counts these as broken connections; the server has answered.
            self.close()
            raise self._said(command, error) from error
        except (redis.exceptions.RedisError, OSError) as error:
            self.close()
            raise self._failed(command, error, connecting) from error

    def _said(self, command: str, error: Exception) -> errors.ServerError:
        code, text = _words(error)
        return errors.from_answer(self.name, command, code, text, self.credentials.options)

    def _failed(self, command: str, error: Exception, connecting: bool) -> Exception:
        root = _root(error)
        has_certificate = bool(self.tls and self.tls.client_cert)
        if isinstance(root, ssl.SSLError):
            return errors.NotTrusted(f"{self.name}: {tls.cause(str(root), has_certificate)}")
        if not connecting:
            if isinstance(error, redis.exceptions.TimeoutError):
                return errors.Silent(f"{self.name}: {command}: no answer within {self.timeout:g} s: it hangs, or the network was cut")
            hint = "it ended, or this port speaks TLS, which takes tls"
            if self.tls:
                hint = "it ended" if has_certificate else "it ended, or it asks for a client certificate: give client_cert and client_key"
            return errors.TimedOut(f"{self.name}: {command}: the connection broke before an answer came: {hint}")
        if isinstance(error, redis.exceptions.TimeoutError) or isinstance(root, (TimeoutError, socket.timeout)):
            hint = ", and that this port speaks TLS" if self.tls else ""
            return errors.CannotConnect(f"{self.name}: no connection within {self.timeout:g} s: check address and firewall{hint}")
        if isinstance(root, socket.gaierror):
            return errors.CannotConnect(f"{self.name}: this name has no address ({root.strerror}): check host, and this machine's resolver")
        if isinstance(root, FileNotFoundError) or not isinstance(root, OSError):
            return errors.CannotConnect(f"{self.name}: cannot connect ({_line(str(root))})")
        return errors.CannotConnect(f"{self.name}: cannot connect ({root.strerror or root}): does it run, and listen at this address?")


@dataclass(frozen=True)
class Access:
    """How the servers of a task are reached; sentinels and data nodes have credentials of their own."""

    sentinel_credentials: Credentials
    data_credentials: Credentials
    tls: Tls | None
    timeout: float
    # The names of commands on the data nodes.
    renames: Renames = field(default_factory=dict)
    # The host of a server -> the host by which this machine reaches it, where that is another one.
    reach: t.Mapping[str, str] = field(default_factory=dict)

    def sentinel(self, place: Address) -> Server:
        return self._server(place, self.sentinel_credentials, self.timeout)

    def data(
        self, place: Address, credentials: Credentials | None = None, timeout: float | None = None, renames: Renames | None = None
    ) -> Server:
        server = self._server(place, credentials or self.data_credentials, min(timeout or self.timeout, self.timeout))
        server.renames = self.renames if renames is None else renames
        return server

    def _server(self, place: Address, credentials: Credentials, timeout: float) -> Server:
        server = Server(*place, credentials, self.tls, timeout)
        server.reach = self.reach.get(place.host)
        return server


def access(params: t.Mapping[str, t.Any]) -> Access:
    """How the module's arguments describe the connections; Refused where they cannot be right."""
    problems = []
    for prefix in ("", "data_"):
        if params[f"{prefix}username"] and not params[f"{prefix}password"]:
            needs = f"is used only together with {prefix}password"
            problems.append(Problem("connection.username_alone", needs, field=f"{prefix}username", remedy=f"give {prefix}password too"))
    for option in tls.FILES:
        # A credential of AWX may set the variable for connections with TLS and without.
        if params[option] and not params["tls"] and params[option] != os.environ.get(f"REDIS_{option.upper()}"):
            problems.append(Problem("connection.no_tls", "is used only with TLS", field=option, remedy="set tls to true"))
    if params["tls"] or params["client_key"]:
        problems += tls.problems(params)
    reach = {}
    for pair in params["address_map"].items():
        try:
            here, there = (address.parse(str(text), 0) for text in pair)
        except ValueError as error:
            problems.append(Problem("connection.address_map", str(error), field="address_map"))
            continue
        reach[here.host] = there.host
        if here.port or there.port:
            remedy = "write two hosts without ports; the ports are the same on both sides"
            problems.append(Problem("connection.address_map", f"{pair[0]}: {pair[1]} has a port", field="address_map", remedy=remedy))
    if problems:
        raise Refused(problems)
    return Access(
        Credentials(params["username"], params["password"]),
        Credentials(params["data_username"], params["data_password"], "data_username and data_password"),
        Tls(params["validate_certs"], *(params[option] for option in tls.FILES)) if params["tls"] else None,
        params["timeout"],
        {str(command).upper(): str(name) for command, name in (params.get("rename_commands") or {}).items()},
        reach,
    )


class Connections:
    """The servers that a task speaks to, each over one connection that is kept open."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._open: dict[Address, Server] = {}
        self._lock = threading.Lock()

    def sentinel(self, place: Address) -> Server:
        with self._lock:
            return self._open.setdefault(place, self.access.sentinel(place))

    def data(self, place: Address, otherwise: Credentials | None = None, renames: Renames | None = None) -> Server:
        """With the task's credentials for data nodes; with `otherwise` where the task has none."""
        with self._lock:
            credentials = None if self.access.data_credentials.password else otherwise
            return self._open.setdefault(place, self.access.data(place, credentials, renames=renames))


def pairs(reply: Reply) -> dict[str, str]:
    """A flat list of names and values, or a dictionary, as a dictionary of text."""
    items = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2])
    return {str(name): "" if value is None else str(value) for name, value in items}


def info(reply: Reply) -> dict[str, str]:
    """The answer to INFO, name by name; sections' headings are left out."""
    # At line feeds alone: a path among the values may have a character that Python takes for the end of a line.
    lines = (line.rstrip("\r").partition(":") for line in str(reply).split("\n") if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}


def _connection(server: Server) -> Socket:
    settings: dict[str, t.Any] = {
        "host": server.reach or server.host,
        "port": server.port,
        "username": server.credentials.username or None,
        "password": server.credentials.password or None,
        "socket_timeout": server.timeout,
        "socket_connect_timeout": server.timeout,
        # The default of redis-py 8 tries a refused connection for five seconds.
        "retry": Retry(NoBackoff(), 0),
        "encoding": "utf-8",
        "encoding_errors": "backslashreplace",
        "decode_responses": True,
    }
    if redis.VERSION[0] >= 5:
        settings["protocol"] = 2
        # No CLIENT SETINFO: where an ACL forbids it, each connection would leave an entry in ACL LOG.
        if hasattr(redis, "driver_info"):
            settings["driver_info"] = None
        else:
            settings.update(lib_name=None, lib_version=None)
    kinds = t.cast(t.Any, plain)
    if server.tls is None:
        return kinds.Connection(**settings)
    return kinds.SSLConnection(
        ssl_cert_reqs="required" if server.tls.validate_certs else "none",
        ssl_check_hostname=server.tls.validate_certs,
        ssl_ca_certs=server.tls.ca_cert,
        ssl_certfile=server.tls.client_cert,
        ssl_keyfile=server.tls.client_key or server.tls.client_cert,
        **settings,
    )


def _words(error: Exception) -> tuple[str, str]:
    """The error's code and text. redis-py cuts off the codes that it has a class for; which these are differs."""
    text = _line(str(error))
    code = str(getattr(error, "status_code", None) or "")
    kinds = redis.exceptions
    by_class: dict[type[Exception], str] = {
        kinds.BusyLoadingError: "LOADING",
        kinds.ExecAbortError: "EXECABORT",
        kinds.NoPermissionError: "NOPERM",
        kinds.NoScriptError: "NOSCRIPT",
        kinds.ReadOnlyError: "READONLY",
    }
    code = code or by_class.get(type(error), "")
    if not code and text == "Authentication required.":
        code = "NOAUTH"
    first, dummy, rest = text.partition(" ")
    if not code and first.isupper() and first.isalpha() and rest:
        return first, rest
    return code or "ERR", text


def _root(error: BaseException) -> BaseException:
    """The innermost cause: what the socket or TLS said."""
    inner = error.__cause__ or error.__context__
    return _root(inner) if isinstance(inner, (OSError, redis.exceptions.RedisError)) else error


def _shown(words: t.Sequence[str | int]) -> str:
    """The command's name for messages, and never its values."""
    first = str(words[0])
    return f"{first} {words[1]}" if first in ("SENTINEL", "CLIENT", "CONFIG", "ACL", "REPLCONF") and len(words) > 1 else first


def _line(text: str) -> str:
    return " ".join(text.split())
