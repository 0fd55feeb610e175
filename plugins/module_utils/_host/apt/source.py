# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of the module `apt_source`. Private to this collection."""

from __future__ import annotations

import glob
import os
import re
import typing as t
from dataclasses import replace

from ansible.module_utils.urls import open_url

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Key, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK, File

SOURCES = "/etc/apt/sources.list.d"
KEYRINGS = "/etc/apt/keyrings"
_ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"

Params = t.Mapping[str, t.Any]


def passwords(params: Params) -> t.Iterator[str]:
    """The passwords inside addresses."""
    for value in (params.get("key"), *(params.get("uris") or [])):
        yield re.sub("^[A-Za-z]*://", "", str(value or "").rpartition("@")[0]).partition(":")[2]


class Source(Service):
    """The .sources file of a repository, and its key. The name .asc tells apt that the key is armoured."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        problems = list(check(params))
        if problems:
            raise Refused(problems)
        self.params = params
        self.present = params["state"] == "present"
        self.path, self.key = f"{SOURCES}/{params['name']}.sources", f"{KEYRINGS}/{params['name']}.asc"

    def observe(self) -> None:
        patterns = [os.path.join(SOURCES, os.path.basename(pattern)) for pattern in self.params["replaces"]]
        self.others = sorted({path for pattern in patterns for path in glob.glob(pattern)} - {self.path})
        self.found = {path: files.read(path) for path in (self.path, *self.others)}
        self.has_key = os.path.isfile(self.key)

    def plan(self) -> Plan:
        content = render(self.params, self.key) if self.present else None
        # A repository without its key would make apt refuse everything, so the key is first to come and last to go; what the repository
        # replaces goes once it is there.
        own = files.changes([File(self.path, content, 0o644)], self.found)
        others = files.changes([File(path, None) for path in self.others], self.found)
        changes = [replace(change, stage=1, needs=self.needs("key", self.key)) for change in own]
        changes += [replace(change, stage=2, needs=self.needs("file", self.path)) for change in others]
        have = self.found[self.path]
        moved = not have or have.content.partition("\n")[0] != (content or "").partition("\n")[0]
        if self.present and (moved or not self.has_key):
            changes.append(self.key_change("update" if self.has_key else "create", f"from {self.params['key']}", stage=0))
        elif not self.present and self.has_key:
            changes.append(self.key_change("delete", None, stage=3))
        replaced = sum(change.object in self.others for change in changes)
        return Plan.of(changes, 2 - (len(changes) - replaced))

    def needs(self, kind: str, path: str) -> frozenset[Key]:
        return frozenset({(kind, path)}) if self.present else frozenset()

    def key_change(self, action: str, after: str | None, stage: int) -> Change:
        difference = Difference("key", "present" if self.has_key else None, after)
        return Change("key", self.key, {"path": self.key}, action, (difference,), stage)

    def write(self, change: Change) -> Change:
        if change.action == "delete":
            files.remove(change.object)
        elif change.kind == "key":
            files.apply(File(self.key, self.fetch(), 0o644))
        else:
            files.apply(change.payload)
        return change

    def fetch(self) -> str:
        url = self.params["key"]
        try:
            data = open_url(url, timeout=self.params["timeout"]).read(1_000_000)
        except (OSError, ValueError) as error:  # URLError and SSL errors are OSErrors
            raise ChangeFailed(f"{url} cannot be fetched: {error}") from error
        if data.lstrip().startswith(_ARMOUR):
            return t.cast(str, data.decode("ascii", errors="replace"))
        if data[:1] and data[0] & 0x80:  # a binary OpenPGP packet (RFC 4880, 4.2)
            raise ChangeFailed(f"{url} is a key in binary form; give the address of the armoured key ('gpg --armor --export' makes one)")
        raise ChangeFailed(f"{url} is not a key: it begins with {data[:40]!r}; give the address of an armoured OpenPGP key")


def check(params: Params) -> t.Iterator[Problem]:
    if not re.fullmatch("[a-z0-9][a-z0-9_-]*", params["name"]):
        message = f"{params['name']!r} cannot be the name of a file here"
        yield Problem("source.name", message, field="name", remedy="use the characters a-z, 0-9, '-' and '_'")
    if params["state"] == "absent":
        return
    for option in ("uris", "suites", "key"):
        if not params[option]:
            remedy = "give the addresses, the suites (/ for a flat repository) and the key of the repository"
            yield Problem("source.incomplete", "state=present requires this option", field=option, remedy=remedy)
    for option, addresses in (("uris", params["uris"]), ("key", [params["key"]] if params["key"] else [])):
        for address in addresses:
            if not re.match("(https?|file)://[^ ]+$|file:/[^ ]+$", address):
                remedy = "begin it with https://, http:// or file:///"
                yield Problem("source.address", f"{address!r} is not an address", field=option, remedy=remedy)
    flat = [suite for suite in params["suites"] if suite.endswith("/")]
    if flat and params["components"]:
        message = f"the flat suite {flat[0]!r} has no components (sources.list(5))"
        yield Problem("source.flat", message, field="components", remedy="remove the components")
    if params["suites"] and not flat and not params["components"]:
        message = f"the suite {params['suites'][0]!r} requires components (sources.list(5))"
        yield Problem("source.components", message, field="components", remedy="add components such as main")


def render(params: Params, key: str) -> str:
    """The .sources file (sources.list(5), deb822). Its first line holds the key's address, so that a new address is noticed."""
    fields = {
        "Types": "deb",
        "URIs": " ".join(params["uris"]),
        "Suites": " ".join(params["suites"]),
        "Components": " ".join(params["components"]),
        "Signed-By": key,
    }
    head = f"# {MARK}. Key from {params['key']}\n"
    return head + "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
