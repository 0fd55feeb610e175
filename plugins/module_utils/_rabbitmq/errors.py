# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker's answer means. Private to this collection.

Every message is one line: what was tried on what, the status, the broker's own reason, and a hint.
"""

from __future__ import annotations

import html
import json
import re
import sys
import typing as t
from urllib.parse import urlsplit

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable, is_exactly


class BrokerError(ChangeFailed):
    """The broker answered with a refusal. `status` is the HTTP status."""

    hint = ""
    # Whether a write that was answered so may have been made, or may be made later.
    doubtful = False

    def __init__(self, what: str, status: int, reason: str) -> None:
        hint = f" {self.hint}" if self.hint else ""
        super().__init__(f"{what}: HTTP {status}, {reason}.{hint}")
        self.status = status
        self.reason = reason


class WrongCredentials(BrokerError):
    hint = "The broker does not accept these credentials: check username and password (RABBITMQ_USERNAME, RABBITMQ_PASSWORD)."


class MissingRights(BrokerError):
    hint = "The credentials are valid, but the user may not do this: give it the tag or permission that the reason names."


class NoSuchVhost(BrokerError):
    hint = "The vhost does not exist, or the user has no access to it: declare it under vhosts, or grant the user a permission in it."


class NotFound(BrokerError):
    hint = "The object, or one that it needs, does not exist (any more): run the task again."


class MissingPlugin(BrokerError):
    hint = "This broker has no such endpoint: enable the plugin it belongs to (rabbitmq-plugins enable), or check the path in url."


class NotReady(BrokerError):
    hint = "The broker runs but is not ready yet: wait until it has booted, then run the task again."


class Inequivalent(BrokerError):
    hint = "It exists with other properties, which the broker cannot change in place: see on_immutable_change."


class Invalid(BrokerError):
    hint = "The broker does not accept this value: correct it as the reason says."


class NotABroker(BrokerError):
    hint = "The answer does not come from a management API: check url (its port is usually 15672, or 15671 with TLS) and any proxy."


class Redirected(NotABroker):
    hint = "Redirects are not followed: if that is the management API, give its address in url, without the part from /api on."


class BadGateway(BrokerError):
    hint = "A proxy got no answer from the broker: check that it runs and how long the proxy waits, or give the broker's address in url."
    doubtful = True


class Crashed(BrokerError):
    hint = "The broker failed while it worked on the request: its log says why."
    doubtful = True


class NoMajority(BrokerError):
    hint = "The broker's metadata store has no majority, or is slow: check that most of the cluster's nodes run, then run the task again."
    doubtful = True


class CannotConnect(Unreachable):
    """No connection to any of the endpoints."""


class NotTrusted(Unreachable):
    """The TLS handshake failed, because of the broker's certificate or ours."""


class OtherCluster(Unreachable):
    """An endpoint tried after the first belongs to another cluster."""


class TimedOut(NoAnswer):
    """The request was sent and no answer came in time, or the connection broke before it did."""


class Silent(TimedOut):
    """No answer within the timeout. A second attempt would take as long again."""


class Doubtful(Silent):
    """An answer that does not tell whether the write was made. `refusal`: what it says."""

    def __init__(self, refusal: BrokerError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def from_answer(what: str, status: int, body: str, target: str = "") -> BrokerError:
    """The error that an answer of status 300 and above stands for. `target`: the address that it redirects to.

    Rules measured on 3.10, 4.0 and 4.3: wrong credentials are 401 `not_authorized`, missing rights 401
    `not_authorised` (403 is never sent), an invisible vhost is 401 on 4.0 and 404 on 4.3, an endpoint of a
    missing plugin is 404 for GET and 405 for PUT.
    """
    if target and status < 400:
        return Redirected(what, status, f"it redirects to {_address(target)}")
    error, reason = _parse(body)
    if error is None:
        return _BY_STATUS.get(status, Crashed if status >= 500 else NotABroker)(what, status, reason or "no reason given")
    return _kind(status, error, reason)(what, status, reason or error)


def _kind(status: int, error: str, reason: str) -> type[BrokerError]:
    if status in (401, 403):
        return WrongCredentials if error == "not_authorized" else MissingRights
    if status == 404:
        # vhost_not_found, but not: no queue 'x' in vhost 'y'
        return NoSuchVhost if "vhost" in reason and "in vhost" not in reason else NotFound
    if status == 400 and "inequivalent" in reason:
        return Inequivalent
    if error == "timeout" or _TIMED_OUT.search(reason):
        return NoMajority
    return Invalid if status == 400 else _BY_STATUS.get(status, Crashed if status >= 500 else BrokerError)


# Measured on 4.3 with two of three nodes stopped: what it answers so may be made as soon as there is a majority again.
_TIMED_OUT = re.compile(r"timed out|due to timeout$|^timeout$", re.IGNORECASE)
_BY_STATUS: dict[int, type[BrokerError]] = {405: MissingPlugin, 502: BadGateway, 503: NotReady, 504: BadGateway}


def _address(target: str) -> str:
    """The address without what may be a secret: credentials and the query."""
    try:
        parts = urlsplit(target)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "an address that is none"


def _parse(body: str) -> tuple[str | None, str]:
    """The broker's `error` word (None where the body is not the broker's) and its reason as text."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None, ""
    if not isinstance(answer, dict) or ("error" not in answer and "reason" not in answer):
        return None, ""
    return str(answer.get("error", "")), _text(answer.get("reason", ""))


def _is_character(code: t.Any) -> bool:
    return is_exactly(code, int) and (32 <= code <= sys.maxunicode or code in (9, 10, 13))


def _text(reason: t.Any) -> str:
    """The reason on one line. Erlang strings arrive as lists of numbers, and 4.0 escapes for HTML."""
    if isinstance(reason, list):
        if reason and all(map(_is_character, reason)):
            reason = "".join(map(chr, reason))
        else:
            reason = ": ".join(_text(part) for part in reason)
    text = html.unescape(reason) if isinstance(reason, str) else json.dumps(reason)
    return " ".join(text.split()).rstrip(". ")
