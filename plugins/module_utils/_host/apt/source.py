# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One repository of packages: its .sources file and the key that signs it. Private to this collection."""

from __future__ import annotations

import glob
import os
import re
import tempfile
import typing as t

from ansible.module_utils.urls import open_url

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused

SOURCES = "/etc/apt/sources.list.d"
KEYRINGS = "/etc/apt/keyrings"
_ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def converge(params: Params, check_mode: bool, diff: bool) -> tuple[Result, Outcome | None]:
    """The module's result, and the outcome of the writes (None where there were none to make). Raises Refused."""
    problems = list(check(params))
    if problems:
        raise Refused(problems)
    paths = Paths(params["name"])
    planned = plan(params, paths, _text(paths.sources), key_is_there(paths), _others(params["replaces"], paths))
    if check_mode or not planned.changes:
        return _convergence.predicted(planned, diff), None
    outcome = _convergence.apply(planned, _Writer(params["timeout"]), workers=1)
    return _convergence.achieved(planned, outcome, diff), outcome


class Paths:
    """Where the files of a repository are. A key is .asc (armoured) or .gpg (binary): apt goes by the name."""

    def __init__(self, name: str) -> None:
        self.sources = f"{SOURCES}/{name}.sources"
        self.key = f"{KEYRINGS}/{name}.asc"


def check(params: Params) -> t.Iterator[str]:
    if not re.fullmatch("[a-z0-9][a-z0-9_-]*", params["name"]):
        yield f"name {params['name']!r}: it becomes a file's name, of the characters a-z, 0-9, minus and underscore"
    if params["state"] == "absent":
        return
    for option in ("uris", "suites", "key"):
        if not params[option]:
            yield f"{option} is needed: a repository has an address, a suite (/ for a flat one) and a key that signs it"
    for address in [*params["uris"], *([params["key"]] if params["key"] else [])]:
        if not re.match("(https?|file)://[^ ]+$|file:/[^ ]+$", address):
            yield f"{address!r} is no address that begins with https://, http:// or file:///"
    flat = [suite for suite in params["suites"] if suite.endswith("/")]
    if flat and params["components"]:
        yield f"components go with no flat suite such as {flat[0]!r} (sources.list(5))"
    if params["suites"] and not flat and not params["components"]:
        yield f"components are needed for the suite {params['suites'][0]!r}; only a suite that ends with a slash has none (sources.list(5))"


def render(params: Params, paths: Paths) -> str:
    """The .sources file (sources.list(5), deb822). It says where the key came from, so that a new address fetches it anew."""
    fields = {
        "Types": "deb",
        "URIs": " ".join(params["uris"]),
        "Suites": " ".join(params["suites"]),
        "Components": " ".join(params["components"]),
        "Signed-By": paths.key,
    }
    head = f"# Managed by eco2.platform. Key from {params['key']}\n"
    return head + "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def plan(params: Params, paths: Paths, sources: str | None, has_key: bool, others: t.Mapping[str, str]) -> Plan:
    """The changes; `others` are the files to be replaced that are there, by path."""
    changes = [_file(path, text, None, stage=1) for path, text in others.items()]
    if params["state"] == "absent":
        changes += [_file(paths.sources, sources, None, stage=1)] if sources is not None else []
        changes += [_key(paths, "delete", has_key, None)] if has_key else []
        return Plan.of(changes, 0 if changes else 1)
    wanted = render(params, paths)
    key_moved = sources is None or sources.partition("\n")[0] != wanted.partition("\n")[0]
    if not has_key or key_moved:
        changes.append(_key(paths, "update" if has_key else "create", has_key, params["key"]))
    if sources != wanted:
        # Never the repository without its key: apt would refuse everything.
        changes.append(_file(paths.sources, sources, wanted, stage=1, needs=frozenset({("key", paths.key)})))
    return Plan.of(changes, 2 - sum(change.action != "delete" for change in changes))


def _key(paths: Paths, action: str, before: bool, url: str | None) -> Change:
    difference = Difference("key", "there" if before else None, f"from {url}" if url else None)
    return Change("key", paths.key, {"path": paths.key}, action, (difference,), stage=2 if url is None else 0, payload=url)


def _file(path: str, before: str | None, after: str | None, stage: int, needs: frozenset[Key] = frozenset()) -> Change:
    action = "delete" if after is None else "create" if before is None else "update"
    # By lines, which a diff shows one by one.
    difference = Difference("content", *(None if text is None else text.splitlines() for text in (before, after)))
    return Change("file", path, {"path": path}, action, (difference,), stage, needs, payload=after)


def key_is_there(paths: Paths) -> bool:
    return os.path.isfile(paths.key)


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _others(patterns: t.Iterable[str], paths: Paths) -> dict[str, str]:
    found = {path for pattern in patterns for path in glob.glob(os.path.join(SOURCES, os.path.basename(pattern)))}
    return {path: _text(path) or "" for path in sorted(found - {paths.sources})}


def as_armour(data: bytes, url: str) -> str:
    """An armoured key of what was fetched. Raises ChangeFailed where it is something else, such as a page of an error."""
    if data.lstrip().startswith(_ARMOUR):
        return data.decode("ascii", errors="replace")
    if data[:1] and data[0] & 0x80:  # a binary OpenPGP packet (RFC 4880, 4.2)
        raise ChangeFailed(f"{url} is a key in binary form: give the address of the armoured one (gpg --armor --export makes it)")
    raise ChangeFailed(f"{url} is no key: it begins with {data[:40]!r}")


class _Writer:
    def __init__(self, timeout: float) -> None:
        self.timeout = timeout

    def together(self, dummy: t.Sequence[Change]) -> t.Collection[Key]:
        return ()

    def one(self, change: Change) -> None:
        try:
            if change.action == "delete":
                os.unlink(change.object)
            elif change.kind == "key":
                write(change.object, as_armour(self.fetch(change.payload), change.payload))
            else:
                write(change.object, change.payload)
        except OSError as error:
            raise ChangeFailed(str(error)) from error

    def fetch(self, url: str) -> bytes:
        try:
            return t.cast(bytes, open_url(url, timeout=self.timeout).read(1_000_000))
        except (OSError, ValueError) as error:  # URLError and SSL errors are OSErrors
            raise ChangeFailed(f"{url} cannot be fetched: {error}") from error


def write(path: str, text: str) -> None:
    """At once or not at all."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=".", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise
