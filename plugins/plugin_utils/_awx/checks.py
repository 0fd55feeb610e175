# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said about objects of AWX before AWX is asked. Private to this collection."""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._awx import surveys
from ansible_collections.eco2.platform.plugins.plugin_utils._awx.kinds import Arguments, Item

# Of AWX's own credential types, whose fields are not declared.
_SECRET_INPUT = re.compile(r"password|key_data|key_unlock|token|secret")
ALL = "all"  # credentials
_SHORT = 6  # A text of fewer characters may stand anywhere by chance.
# AWX offers a file as a playbook if a line begins like this, and it is not in one of these directories.
_PLAYBOOK = re.compile(r"^(\s*-\s+|\s*)(hosts|import_playbook|include|ansible\.builtin\.import_playbook):", re.MULTILINE)
_NO_PLAYBOOKS = {"roles", "tasks", "handlers", "vars", "group_vars", "host_vars", "collections", "files", "templates"}


def shaped(declared: t.Mapping[str, t.Any]) -> dict[str, list[Arguments]]:
    """Raises Refused for what is no list of dictionaries."""
    wrong = [name for name, value in declared.items() if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value)]
    if wrong:
        raise Refused([Problem("awx.variable", "it must be a list of dictionaries", name) for name in wrong])
    return dict(declared)


def problems(declared: t.Sequence[Item], specs: t.Mapping[str, t.Any], playbooks: t.Collection[str] | None) -> t.Iterator[Problem]:
    """`specs`: the options of each module, by its name. `playbooks`: those of the project, or None where they are not known."""
    yield from _twice(declared)
    types = _types(declared)
    for item in declared:
        yield from _options(item, specs[item.kind.module])
        if item.kind.module == "job_template":
            yield from _playbook(item, playbooks)
        if isinstance(item.arguments.get("survey_spec"), dict):
            yield from surveys.problems(str(item), item.arguments["survey_spec"])
        if item.kind.module == "credential_type":
            yield from _injectors(item)
        if item.kind.module == "credential" and not item.absent:
            yield from _inputs(item, types.get(str(item.arguments.get("credential_type"))))
    yield from _leaks(declared, types)


def _twice(declared: t.Sequence[Item]) -> t.Iterator[Problem]:
    counted = Counter((item.key, str(item)) for item in declared if item.kind.module != "role")
    for (dummy, title), number in counted.items():
        if number > 1:
            yield Problem("awx.twice", f"it is declared {number} times", title, remedy="declare it once")


def _options(item: Item, spec: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """What the module would refuse, but before another object is made."""
    result = ArgumentSpecValidator(dict(spec)).validate(item.arguments)
    for message in result.error_messages:
        yield Problem("awx.option", message, str(item), remedy=f"see the documentation of awx.awx.{item.kind.module}")


def _playbook(item: Item, playbooks: t.Collection[str] | None) -> t.Iterator[Problem]:
    name = item.arguments.get("playbook")
    if playbooks is not None and name and name not in playbooks:
        remedy = f"AWX offers only files of the project: {', '.join(sorted(playbooks)) or 'it has none'}"
        yield Problem("awx.playbook", f"the project has no playbook {name}", str(item), "playbook", remedy)


def playbooks_of(project: Path) -> set[str]:
    """The files that AWX offers as playbooks."""
    found = set()
    for path in project.rglob("*.y*ml"):
        parts = path.relative_to(project).parts
        hidden = any(part.startswith(".") or part in _NO_PLAYBOOKS for part in parts)
        if not hidden and _PLAYBOOK.search(path.read_text(encoding="utf-8", errors="replace")):
            found.add("/".join(parts))
    return found


def _fields(credential_type: Arguments) -> dict[str, Arguments]:
    return {str(entry.get("id")): entry for entry in (credential_type.get("inputs") or {}).get("fields") or ()}


def _injectors(item: Item) -> t.Iterator[Problem]:
    fields, files = _fields(item.arguments), (item.arguments.get("injectors") or {}).get("file") or {}
    known = {*fields, "tower", "awx", *(name.rpartition(".")[2] for name in files)}
    for place, injected in (item.arguments.get("injectors") or {}).items():
        for name, text in (injected or {}).items():
            for unknown in sorted(set(_used(str(text))) - known):
                remedy = f"declare it among its inputs; they are {', '.join(fields) or 'none'}"
                yield Problem("awx.injector", f"it uses {unknown}, which is no input", str(item), f"injectors.{place}.{name}", remedy)


def _used(text: str) -> t.Iterator[str]:
    """The first name of each expression."""
    yield from re.findall(r"\{\{\s*([A-Za-z_]\w*)", text)
    yield from re.findall(r"\{%\s*if\s+(?:not\s+)?([A-Za-z_]\w*)", text)


def _inputs(item: Item, credential_type: Arguments | None) -> t.Iterator[Problem]:
    """Against the type, where it is declared too. AWX judges those of its own types."""
    if credential_type is None:
        return
    given, fields = given_inputs(item), _fields(credential_type)
    for name in sorted(set(given) - set(fields)):
        remedy = f"it takes {', '.join(fields) or 'none'}"
        yield Problem("awx.input", f"its credential type has no input {name}", str(item), "inputs", remedy)
    for name in _missing(item, credential_type):
        if not fields.get(name, {}).get("secret"):
            yield _no_input(item, name)


def _missing(item: Item, credential_type: Arguments) -> list[str]:
    given, required = given_inputs(item), (credential_type.get("inputs") or {}).get("required") or ()
    return [name for name in required if given.get(name) in (None, "")]


def _no_input(item: Item, name: str) -> Problem:
    return Problem("awx.input", f"the input {name} is missing", str(item), "inputs", "set it, for example by a variable in a vault")


def without_secret(declared: t.Sequence[Item]) -> t.Iterator[tuple[Item, Problem]]:
    """Credentials without a secret that their type requires: a problem only where AWX has none either."""
    types = _types(declared)
    for item in declared:
        credential_type = types.get(str(item.arguments.get("credential_type"))) if item.kind.module == "credential" else None
        if credential_type and not item.absent:
            secret = [name for name in _missing(item, credential_type) if _fields(credential_type).get(name, {}).get("secret")]
            yield from ((item, _no_input(item, name)) for name in secret)


def unknown_credentials(declared: t.Sequence[Item], names: t.Sequence[str]) -> t.Iterator[Problem]:
    known = {item.name for item in declared if item.kind.module == "credential" and not item.absent}
    for name in sorted(set(names) - known - {ALL}):
        remedy = f"give {ALL}, or some of {', '.join(sorted(known)) or 'those that are declared'}"
        yield Problem("awx.credential", "no such credential is declared", name, "update_credentials", remedy)


def _types(declared: t.Sequence[Item]) -> dict[str, Arguments]:
    return {item.name: item.arguments for item in declared if item.kind.module == "credential_type"}


def secrets(declared: t.Sequence[Item], types: t.Mapping[str, Arguments] | None = None) -> dict[str, str]:
    """Each secret, and the credential that holds it."""
    known = types or _types(declared)
    found: dict[str, str] = {}
    for item in declared:
        if item.kind.module == "credential":
            fields = _fields(known.get(str(item.arguments.get("credential_type")), {}))
            for name, value in given_inputs(item).items():
                secret = fields[name].get("secret") if name in fields else _SECRET_INPUT.search(name)
                if secret and value and isinstance(value, (str, int, float)) and not isinstance(value, bool):
                    found.setdefault(str(value), str(item))
    return found


def hidden(declared: t.Sequence[Item]) -> list[str]:
    """Each text by which a message could tell a secret, or a line of one. The longest come first: a shorter one may be a part of it."""
    found = {form for secret in secrets(declared) for text in (secret, *_lines(secret)) for form in _forms(text)}
    return sorted((form for form in found if len(form) > 1), key=len, reverse=True)


def _lines(secret: str) -> list[str]:
    return [line.strip() for line in secret.splitlines() if len(line.strip()) >= _SHORT]


def _forms(text: str) -> t.Iterator[str]:
    for form in (text, " ".join(text.split())):
        yield from (form, repr(form)[1:-1], json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1])


def given_inputs(item: Item) -> Arguments:
    """The inputs of a credential. What is no dictionary is refused as an option."""
    inputs = item.arguments.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _leaks(declared: t.Sequence[Item], types: t.Mapping[str, Arguments]) -> t.Iterator[Problem]:
    """AWX shows everything but the inputs of credentials."""
    hidden = {value: title for value, title in secrets(declared, types).items() if len(value) >= _SHORT}
    for item in declared:
        if item.kind.module != "credential":
            for option, value in item.arguments.items():
                for secret, title in hidden.items():
                    if secret in "\n".join(_texts(value)):
                        remedy = "leave it out: the job gets it from the credential"
                        yield Problem("awx.secret", f"it holds a secret of {title}, and AWX shows it", str(item), option, remedy)


def _texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
