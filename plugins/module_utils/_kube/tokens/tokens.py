# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap tokens: find, make and remove the Secrets, and wait for the signature. Private to this collection.

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import re
import secrets
import string
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.wait import until
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client, path_of
from ansible_collections.eco2.platform.plugins.module_utils._kube.tokens import cluster_info
from ansible_collections.eco2.platform.plugins.module_utils._kube.tokens.cluster_info import ClusterInfo

KIND = "bootstrap_token"
TYPE = "bootstrap.kubernetes.io/token"
GROUP = "system:bootstrappers:kubeadm:default-node-token"
OURS = ("app.kubernetes.io/managed-by", "eco2.platform")
NEVER = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
PAUSE = 0.2  # seconds between two looks for the signature

_SECRETS = path_of("api", "v1", "namespaces", "kube-system", "secrets")
_ALPHABET = string.ascii_lowercase + string.digits
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")

Params = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Token:
    """`expires` is in UTC, or NEVER. `ours`: this collection made it."""

    token_id: str
    secret: str
    expires: datetime.datetime
    fit: bool
    ours: bool
    uid: str

    def __repr__(self) -> str:
        return f"Token({self.token_id})"

    def left(self, now: datetime.datetime) -> float:
        """Seconds until it expires."""
        return (self.expires - now).total_seconds()


def of_secret(secret: t.Mapping[str, t.Any], group: str = GROUP) -> Token | None:
    """The token of a Secret; None where that holds none that can be read. `fit`: kubeadm join can use it."""
    try:
        data = {name: base64.b64decode(value).decode() for name, value in (secret.get("data") or {}).items()}
        expires = _time(data["expiration"]) if data.get("expiration") else NEVER
    except ValueError:
        return None
    token_id, word = data.get("token-id", ""), data.get("token-secret", "")
    if secret["metadata"]["name"] != f"bootstrap-token-{token_id}" or not re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", f"{token_id}.{word}"):
        return None
    usages = all(data.get(f"usage-bootstrap-{usage}") == "true" for usage in ("signing", "authentication"))
    groups = [part.strip() for part in data.get("auth-extra-groups", "").split(",")]
    ours = (secret["metadata"].get("labels") or {}).get(OURS[0]) == OURS[1]
    fit = usages and group in groups and not secret["metadata"].get("deletionTimestamp")
    return Token(token_id, word, expires, fit, ours, secret["metadata"]["uid"])


def reusable(tokens: t.Iterable[Token], least: float, now: datetime.datetime) -> Token | None:
    """The token to join with: fit and with more than `least` seconds left; of these ours before others, then the one that lasts longest."""
    good = [token for token in tokens if token.fit and token.left(now) > least]
    return max(good, key=lambda token: (token.ours, token.expires, token.token_id), default=None)


class Tokens(Service):
    """State present: there is a signed token to join with. State absent: our tokens, or the one that is named, are removed."""

    def __init__(self, client: Client, params: Params) -> None:
        super().__init__()
        self.client, self.params = client, params
        self.tokens: list[Token] = []
        self.cluster: ClusterInfo | None = None
        # The token to join with. It has no ID before it is made.
        self.token: Token | None = None
        problems = list(_problems(params))
        if problems:
            raise Refused(problems)

    def observe(self) -> None:
        answer = self.client.get(_SECRETS, "reading bootstrap tokens", fieldSelector=f"type={TYPE}")
        found = (of_secret(secret, self.params["group"]) for secret in answer["items"])
        self.tokens = [token for token in found if token is not None]
        if self.params["state"] == "present":
            self.cluster = cluster_info.require(self.client)

    def plan(self) -> Plan:
        if self.params["state"] == "absent":
            named = self.params["token_id"]
            leaving = [token for token in self.tokens if (token.token_id == named if named else token.ours)]
            return Plan.of([_change(token, "delete") for token in leaving], 0 if leaving else 1)
        # Our tokens will be signed soon. A token of somebody else that is not signed may never be.
        usable = [token for token in self.tokens if token.ours or self._is_signed(token)]
        self.token = reusable(usable, self.params["minimum_left"], _now())
        if self.token is not None:
            return Plan((), 1)
        expires = (_now() + datetime.timedelta(seconds=self.params["ttl"])).replace(microsecond=0)
        self.token = Token("", "", expires, True, True, "")
        return Plan((_change(self.token, "create"),))

    def write(self, change: Change) -> Change | None:
        if change.action == "delete":
            name, uid = f"bootstrap-token-{change.object}", change.payload.uid
            return change if self.client.delete(f"{_SECRETS}/{name}", f"deleting bootstrap token {change.object}", uid) else None
        token = self.token = dataclasses.replace(change.payload, token_id=_random(6), secret=_random(16))
        data = {
            "token-id": token.token_id,
            "token-secret": token.secret,
            "expiration": _shown(token.expires),
            "usage-bootstrap-signing": "true",
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": self.params["group"],
            "description": "Made by eco2.platform.kube_bootstrap_token for machines that join",
        }
        metadata = {"name": f"bootstrap-token-{token.token_id}", "namespace": "kube-system", "labels": dict([OURS])}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": TYPE, "metadata": metadata, "stringData": data}
        self.client.post(_SECRETS, secret, "making a bootstrap token")
        return _change(token, "create")

    def settle(self, outcome: Outcome) -> t.Iterator[Late]:
        """Wait for the signature of the token, without which no machine can join with it."""
        token, timeout = self.token, self.params["wait_timeout"]
        if token is None or not outcome.complete:
            return

        def look() -> bool:
            self.cluster = cluster_info.require(self.client)
            return self._is_signed(token)

        if not self._is_signed(token) and not until(look, bool, timeout, PAUSE):
            has = "another signature" if self.cluster and token.token_id in self.cluster.signatures else "no signature"
            reason = (
                f"cluster-info has {has} of it after {timeout:g} s, so no machine can join with it: "
                "check that kube-controller-manager runs with bootstrapsigner among its --controllers"
            )
            yield Late(KIND, token.token_id, {"token_id": token.token_id}, reason)

    def facts(self, predicted: bool) -> dict[str, t.Any]:
        """What a machine needs to join, if the token is signed."""
        token, cluster = self.token, self.cluster
        if token is None or cluster is None or not (predicted or self._is_signed(token)):
            return {}
        join = {
            "endpoint": cluster.endpoint,
            "token": f"{token.token_id}.{token.secret}" if token.token_id else None,
            "token_id": token.token_id or None,
            "ca_cert_hashes": list(cluster.pins),
            "expires": _shown(token.expires),
        }
        return {"join": join}

    def _is_signed(self, token: Token) -> bool:
        return self.cluster is not None and self.cluster.is_signed_with(token.token_id, token.secret)


def _problems(params: Params) -> t.Iterator[Problem]:
    ttl, least, named = params["ttl"], params["minimum_left"], params["token_id"]
    if ttl <= least:
        message = f"{ttl} s is not more than minimum_left ({least} s), so each run would make a token"
        yield Problem("token.ttl", message, field="ttl", remedy="raise ttl or lower minimum_left")
    if not _GROUP.fullmatch(params["group"]):
        yield Problem("token.group", f"{params['group']!r} must begin with system:bootstrappers:", field="group")
    if named is not None and not re.fullmatch("[a-z0-9]{6}", named):
        message = "must be six lower-case letters and digits, the part of a token before the dot"
        yield Problem("token.token_id", message, field="token_id")
    if named is not None and params["state"] == "present":
        yield Problem("token.token_id_unused", "has an effect only with state absent", field="token_id", remedy="leave it out")


def _change(token: Token, action: str) -> Change:
    name, expires = token.token_id or "(new)", _shown(token.expires)
    sides = (None, expires) if action == "create" else (expires, None)
    return Change(KIND, name, {"token_id": name}, action, (Difference("expires", *sides),), payload=token)


def _shown(expires: datetime.datetime) -> str | None:
    return None if expires == NEVER else expires.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime.datetime:
    """RFC 3339. Python takes the letter Z from 3.11 on."""
    parsed = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip()))
    return parsed.astimezone(datetime.timezone.utc)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for dummy in range(length))
