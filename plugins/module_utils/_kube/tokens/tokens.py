# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap tokens as Secrets: found, made, seen signed, removed. Private to this collection.

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import secrets
import string
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import errors
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
    """`expires` in UTC, NEVER where it has no end; `ours` where this collection made it."""

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
    """The token of a Secret; None where that holds none that could be read. Fit is one that kubeadm join can use."""
    try:
        data = {name: base64.b64decode(value).decode() for name, value in (secret.get("data") or {}).items()}
        expires = _time(data["expiration"]) if data.get("expiration") else NEVER
    except (binascii.Error, ValueError):
        return None
    token_id, word = data.get("token-id", ""), data.get("token-secret", "")
    if secret["metadata"]["name"] != f"bootstrap-token-{token_id}" or not re.fullmatch("[a-z0-9]{6}", token_id):
        return None
    if not re.fullmatch("[a-z0-9]{16}", word):
        return None
    usages = all(data.get(f"usage-bootstrap-{usage}") == "true" for usage in ("signing", "authentication"))
    groups = [part.strip() for part in data.get("auth-extra-groups", "").split(",")]
    ours = (secret["metadata"].get("labels") or {}).get(OURS[0]) == OURS[1]
    fit = usages and group in groups and not secret["metadata"].get("deletionTimestamp")
    return Token(token_id, word, expires, fit, ours, secret["metadata"]["uid"])


def reusable(tokens: t.Iterable[Token], least: float, now: datetime.datetime) -> Token | None:
    """The one to join by: fit, with more than `least` seconds left, rather ours than another, and of these the longest."""
    good = [token for token in tokens if token.fit and token.left(now) > least]
    return max(good, key=lambda token: (token.ours, token.expires, token.token_id), default=None)


def converge(client: Client, params: Params, check_mode: bool, diff: bool) -> dict[str, t.Any]:
    """The module's result. Raises Refused, and the client's errors."""
    problems = _problems(params)
    if problems:
        raise Refused(problems)
    there = [of_secret(secret, params["group"]) for secret in _read(client)]
    tokens = [token for token in there if token is not None]
    if params["state"] == "absent":
        return _remove(client, tokens, params, check_mode, diff)
    cluster = cluster_info.require(client)
    # Ours will be signed in a moment; another's that is not signed may never be.
    usable = [token for token in tokens if token.ours or cluster.is_signed_with(token.token_id, token.secret)]
    token = reusable(usable, params["minimum_left"], _now())
    if token is not None:
        return _result(Plan((), 1), diff, _join(_signed(client, cluster, token, params["wait_timeout"], check_mode), token))
    if check_mode:
        new = Token("", "", _now() + datetime.timedelta(seconds=params["ttl"]), True, True, "")
        return _result(Plan((_creation("(new)", new.expires),), 0), diff, _join(cluster, new))
    token = _create(client, params)
    planned = Plan((_creation(token.token_id, token.expires),), 0)
    return _result(planned, diff, _join(_signed(client, cluster, token, params["wait_timeout"]), token))


def _problems(params: Params) -> list[str]:
    problems = []
    if params["ttl"] <= params["minimum_left"]:
        problems.append(f"ttl: {params['ttl']} s is not more than minimum_left ({params['minimum_left']} s): each run would make a token")
    if not _GROUP.fullmatch(params["group"]):
        problems.append(f"group: {params['group']!r} must begin with system:bootstrappers:")
    if params["token_id"] is not None and not re.fullmatch("[a-z0-9]{6}", params["token_id"]):
        problems.append("token_id: is six lower-case letters and digits, what stands before the dot of a token")
    if params["token_id"] is not None and params["state"] == "present":
        problems.append("token_id: is for state absent; a token to join by is chosen or made")
    return problems


def _read(client: Client) -> list[dict[str, t.Any]]:
    answer = client.get(_SECRETS, "reading bootstrap tokens", fieldSelector=f"type={TYPE}")
    return t.cast("list[dict[str, t.Any]]", answer["items"])


def _create(client: Client, params: Params) -> Token:
    expires = (_now() + datetime.timedelta(seconds=params["ttl"])).replace(microsecond=0)
    while True:
        token_id, word = _random(6), _random(16)
        data = {
            "token-id": token_id,
            "token-secret": word,
            "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "usage-bootstrap-signing": "true",
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": params["group"],
            "description": "Made by eco2.platform.kube_bootstrap_token for machines that join",
        }
        metadata = {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system", "labels": dict([OURS])}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": TYPE, "metadata": metadata, "stringData": data}
        try:
            made = client.post(_SECRETS, secret, "making a bootstrap token")
        except errors.Conflict:  # two billion to one
            continue
        return Token(token_id, word, expires, True, True, made["metadata"]["uid"])


def _signed(client: Client, cluster: ClusterInfo, token: Token, timeout: float, check_mode: bool = False) -> ClusterInfo:
    """The cluster-info once it is signed with this token; ChangeFailed where that takes too long. In check mode as it is."""
    deadline = time.monotonic() + timeout
    while not cluster.is_signed_with(token.token_id, token.secret) and not check_mode:
        if time.monotonic() > deadline:
            has = "another signature" if token.token_id in cluster.signatures else "no signature"
            raise ChangeFailed(
                f"bootstrap token {token.token_id}: cluster-info has {has} of it after {timeout:g} s, and nobody could join by it: "
                "does kube-controller-manager run, with bootstrapsigner among its --controllers?"
            )
        time.sleep(PAUSE)
        cluster = cluster_info.require(client)
    return cluster


def _remove(client: Client, tokens: list[Token], params: Params, check_mode: bool, diff: bool) -> dict[str, t.Any]:
    """The one that is named, or all that are ours."""
    named = params["token_id"]
    leaving = [token for token in tokens if (token.token_id == named if named else token.ours)]
    changes = []
    for token in sorted(leaving, key=lambda token: token.token_id):
        if not check_mode:
            name = f"bootstrap-token-{token.token_id}"
            client.delete(f"{_SECRETS}/{name}", f"bootstrap token {token.token_id} cannot be deleted", token.uid)
        changes.append(_change(token.token_id, "delete", _shown(token.expires), None))
    return _result(Plan(tuple(changes), 0 if changes else 1), diff, None)


def _creation(token_id: str, expires: datetime.datetime) -> Change:
    return _change(token_id, "create", None, _shown(expires))


def _change(token_id: str, action: str, before: str | None, after: str | None) -> Change:
    return Change(KIND, token_id, {"token_id": token_id}, action, (Difference("expires", before, after),), stage=0)


def _result(planned: Plan, diff: bool, join: dict[str, t.Any] | None) -> dict[str, t.Any]:
    result = _convergence.predicted(planned, diff)
    return result if join is None else {**result, "join": join}


def _join(cluster: ClusterInfo, token: Token) -> dict[str, t.Any]:
    made = bool(token.token_id)  # in check mode none is
    return {
        "endpoint": cluster.endpoint,
        "token": f"{token.token_id}.{token.secret}" if made else None,
        "token_id": token.token_id if made else None,
        "ca_cert_hashes": list(cluster.pins),
        "expires": _shown(token.expires),
    }


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
