# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of the module `apt_source`. Private to this collection."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import key, listed
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.listed import Entry, Place
from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK, File, Found

APT = "/etc/apt"
_PASSWORD = re.compile(r"://[^\s/@]*:[^\s/@]+@")

Params = t.Mapping[str, t.Any]


def passwords(params: Params) -> t.Iterator[str]:
    """The passwords inside addresses."""
    for value in (params.get("key"), *(params.get("uris") or [])):
        yield re.sub("^[A-Za-z]*://", "", str(value or "").rpartition("@")[0]).partition(":")[2]


class Source(Service):
    """The .sources file of a repository, and its key. The name .asc tells apt that the key is armoured."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        names = params["option_names"]
        problems = [replace(problem, field=names.get(problem.field, problem.field)) for problem in check(params)]
        if problems:
            raise Refused(problems)
        self.params = params
        self.present = params["state"] == "present"
        self.path, self.key = f"{APT}/sources.list.d/{params['name']}.sources", f"{APT}/keyrings/{params['name']}.asc"
        self.places = {listed.place(uri, suite) for uri in params["uris"] for suite in params["suites"]} if self.present else set()
        # Why the files were left as they were.
        self.failure: str | None = None

    def observe(self) -> None:
        paths = [f"{APT}/sources.list", *(path for end in ("list", "sources") for path in glob.glob(f"{APT}/sources.list.d/*.{end}"))]
        read = {path: files.read(path) for path in sorted({self.path, *paths})}
        self.found: dict[str, Found] = {path: found for path, found in read.items() if found}
        self.entries = [entry for path, found in self.found.items() for entry in listed.entries(path, found.content)]
        self.has_key = os.path.isfile(self.key)

    def plan(self) -> Plan:
        content = render(self.params, self.key) if self.present else None
        declared = [File(self.path, content, 0o644), *self.others()]
        # One stage for all files, which are written together. apt refuses everything if two entries of one repository have different keys
        # or if a key is missing, so the key is first to come and last to go.
        needs = frozenset({("key", self.key)}) if self.present else frozenset()
        found = {file.path: self.found.get(file.path) for file in declared}
        changes = [replace(change, stage=1, needs=needs) for change in files.changes(declared, found)]
        own = sum(change.object == self.path for change in changes)
        key_changes = list(self.key_changes(content))
        return Plan.of([*changes, *key_changes], 2 - own - len(key_changes))

    def key_changes(self, content: str | None) -> t.Iterator[Change]:
        have = self.found.get(self.path)
        moved = not have or have.content.partition("\n")[0] != (content or "").partition("\n")[0]
        if self.present and (moved or not self.has_key):
            yield self.key_change("update" if self.has_key else "create", f"from {self.params['key']}", stage=0)
        elif not self.present and self.has_key and not self.key_users():
            yield replace(self.key_change("delete", None, stage=2), needs=frozenset({("file", self.path)}))

    def key_users(self) -> list[Entry]:
        """The entries of other files that name this key. apt would read no list any more without it."""
        return [entry for entry in self.entries if entry.path != self.path and self.key in re.split(r"[,\s]+", entry.key)]

    def key_change(self, action: str, after: str | None, stage: int) -> Change:
        difference = Difference("key", "present" if self.has_key else None, after)
        return Change("key", self.key, {"path": self.key}, action, (difference,), stage)

    def others(self) -> t.Iterator[File]:
        """The other files that name this repository or one that it replaces, without these entries."""
        for path, found in self.found.items():
            of_file = [entry for entry in self.entries if entry.path == path]
            gone = [entry for entry in of_file if self.is_taken_over(entry)]
            if path != self.path and gone:
                rest = listed.without(found.content, gone)
                stays = len(gone) < len(of_file) or path.endswith("/sources.list")
                yield File(path, rest if stays else None, secret=bool(_PASSWORD.search(found.content)))

    def is_taken_over(self, entry: Entry) -> bool:
        return entry.enabled and bool(entry.places) and all(map(self.is_ours, entry.places))

    def is_ours(self, place: Place) -> bool:
        return place in self.places or (self.present and any(fits(place, pattern) for pattern in self.params["replaces"]))

    def problems(self, plan: Plan) -> t.Iterator[Problem]:
        for entry in self.entries:
            theirs = sorted({address for address, dummy in entry.places if not self.is_ours((address, dummy))})
            if not theirs or not entry.enabled:
                continue
            if entry.path == self.path and self.present and not self.is_own():
                message = f"this file is to be replaced, and it also has the repository {theirs[0]}"
                yield Problem("source.other_repository", message, entry.where, remedy="move that repository to another file")
            elif entry.path != self.path and entry.places & self.places:
                message = f"this entry has the repository {self.params['uris'][0]} together with {theirs[0]}"
                yield Problem("source.shared_entry", message, entry.where, remedy="make two entries of it, or remove the first repository")

    def is_own(self) -> bool:
        return MARK in self.found[self.path].content.partition("\n")[0]

    def together(self, changes: t.Sequence[Change]) -> list[Change]:
        """All files or none. The others go first: apt works without a repository, and does not with two keys of one."""
        if changes[0].kind == "key":
            return []
        done: list[Change] = []
        try:
            for change in sorted(changes, key=lambda change: change.object == self.path):
                # The directory stays, also without its last file.
                files.remove(change.object) if change.action == "delete" else files.apply(change.payload)
                done.append(change)
        except ChangeFailed as error:
            self.failure = str(error)
            return [change for change in done if not self.is_restored(change.object)]
        return done

    def is_restored(self, path: str) -> bool:
        with contextlib.suppress(ChangeFailed):
            files.apply(File(path, self.found[path].content, self.found[path].mode))
            return True
        return False

    def write(self, change: Change) -> Change:
        if change.kind == "file":
            raise ChangeFailed(str(self.failure))
        if change.action == "delete":
            files.remove(change.object)
        else:
            files.apply(File(self.key, key.fetch(self.params["key"], self.params["timeout"]), 0o644))
        return change


def fits(place: Place, pattern: str) -> bool:
    """Whether a pattern is one of this address, or of the address and the suite."""
    return any(fnmatch.fnmatchcase(text, pattern) for text in (place[0], " ".join(place)))


_ADDRESS = re.compile(r"(https?|file)://\S+|file:/\S+")
# Anything else could end the field of the .sources file, after which apt reads no file at all.
_WORD = re.compile(r"[A-Za-z0-9._/~+:$()-]+")


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
    yield from _bad_words(params)
    flat = [suite for suite in params["suites"] if suite.endswith("/")]
    if flat and params["components"]:
        message = f"the flat suite {flat[0]!r} has no components (sources.list(5))"
        yield Problem("source.flat", message, field="components", remedy="remove the components")
    if params["suites"] and not flat and not params["components"]:
        message = f"the suite {params['suites'][0]!r} requires components (sources.list(5))"
        yield Problem("source.components", message, field="components", remedy="add components such as main")


def _bad_words(params: Params) -> t.Iterator[Problem]:
    for option, addresses in (("uris", params["uris"]), ("key", [params["key"]] if params["key"] else [])):
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                remedy = "begin it with https://, http:// or file:///, and write no spaces in it"
                yield Problem("source.address", f"{address!r} is not an address", field=option, remedy=remedy)
    for option in ("suites", "components"):
        for word in params[option]:
            if not _WORD.fullmatch(word):
                yield Problem("source.word", f"{word!r} is not one word as in sources.list(5)", field=option, remedy="list each word alone")


def render(params: Params, key_path: str) -> str:
    """The .sources file (sources.list(5), deb822). Its first line holds the key's address, so that a new address is noticed."""
    fields = {
        "Types": "deb",
        "URIs": " ".join(params["uris"]),
        "Suites": " ".join(params["suites"]),
        "Components": " ".join(params["components"]),
        "Signed-By": key_path,
    }
    head = f"# {MARK}. Key from {params['key']}\n"
    return head + "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
