# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker's export of definitions as items of our lists. Private to this collection.

Exports differ by version (measured on 3.10.8, 4.0.5 and 4.3.6; older spellings from deps/rabbit/src/rabbit_definitions.erl). What an
export omits stays as it is, as in a list: 3.10 exports no description of a vhost, and no version exports tracing.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import is_exactly
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, first
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import confidential, texts
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import passwords, rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import TYPES, Item
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_OPTION

# The sections of an export, by the option of the same name.
_SECTIONS = ("vhosts", "users", "permissions", "topic_permissions", "policies", "parameters", "exchanges", "queues", "bindings")
# What an export says of itself, and an export of a single vhost of that vhost.
_ABOUT = (
    *("rabbit_version", "rabbitmq_version", "product_name", "product_version", "explanation"),
    *("rabbitmq_definition_format", "original_cluster_name", "original_vhost_name"),
    *("description", "metadata", "tags", "default_queue_type", "limits"),
)
# Global parameters that are the name of a cluster, which another cluster must not take over.
_NAMES_OF_CLUSTER = ("cluster_name", "internal_cluster_id")
# Before 3.6 the broker hashed with MD5, and its exports do not say so.
_MD5 = re.compile(r"[12]\.|3\.[0-5]\.")
_SHORT = {name: short for short, name in passwords.MODULES.items()}

Row = t.Tuple[str, str, Values]  # option, place in the export, and the object's fields


def items(definitions: t.Any, vhost: str, warn: t.Callable[[str], None] = lambda line: None) -> list[Item]:
    """The items that an export declares: JSON text, or the dictionary. Refused with every problem found.

    `vhost`: where the objects of a single vhost's export go; where it is "/", they go to the vhost that the export names. `warn` takes
    each warning.
    """
    if definitions is None:
        return []
    export = _Export(_parsed(definitions) if isinstance(definitions, str) else definitions, vhost)
    found = [item for row in list(export.rows()) for item in export.items(row)]
    if export.problems:
        raise Refused(export.problems)
    for what, names in export.skipped.items():
        warn(f"definitions: {what} are skipped: {first(list(dict.fromkeys(names)), 5)}")
    return found


def secrets(definitions: t.Any) -> t.Iterator[str]:
    """Passwords, hashes, and what parameters hold, for masking; a text is one secret as a whole too. Never raises."""
    if isinstance(definitions, str):
        yield definitions
        try:
            definitions = _parsed(definitions)
        except Refused:
            return
    for section in ("users", "parameters", "global_parameters"):
        rows = definitions.get(section) if isinstance(definitions, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                yield from texts([row.get("password"), row.get("password_hash")])
                yield from confidential(row.get("value"))


@functools.lru_cache(maxsize=4)  # called twice: for the items, and for what must be masked
def _parsed(text: str) -> t.Any:
    try:
        # The constants NaN and Infinity, which Python would take, are no integers either.
        return json.loads(text.lstrip("\ufeff"), parse_constant=int)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        remedy = "pass the content of the file that the broker exported, as from lookup('ansible.builtin.file', ...)"
        raise Refused([Problem("definitions.not_json", f"is not JSON{where}", "definitions", remedy=remedy)]) from None


class _Export:
    """One export. `problems` and `skipped` fill while its rows are read."""

    def __init__(self, content: t.Any, vhost: str) -> None:
        if not isinstance(content, dict) or not set(content) & set(_SECTIONS):
            message = f"is no export of a broker: it has none of the sections {', '.join(_SECTIONS)}"
            raise Refused([Problem("definitions.malformed", message, "definitions")])
        self.content = content
        self.problems: list[Problem] = []
        # What is not declared, with names, by the words of a warning.
        self.skipped: dict[str, list[str]] = {}
        objects = [row for section in ("queues", "exchanges", "bindings") for dummy, row in self._section(section)]
        self.single = "vhosts" not in content and bool(objects) and not any("vhost" in row for row in objects)
        self.single = self.single or "original_vhost_name" in content
        # 3.10 does not name the vhost, but its policies and parameters do.
        others = [row.get("vhost") for section in ("policies", "parameters") for dummy, row in self._section(section) if self.single]
        named = next((name for name in (content.get("original_vhost_name"), *others) if isinstance(name, str)), vhost)
        self.vhost = named if vhost == "/" else vhost
        self.problems.clear()  # they are found again, with the rows
        # Queues and exchanges that are skipped, as kind, vhost and name: their bindings are skipped with them.
        self._left_out: set[tuple[str, t.Any, t.Any]] = set()

    def rows(self) -> t.Iterator[Row]:
        """Every object of the export, in the fields of its kind."""
        known = {*_SECTIONS, *_ABOUT, "global_parameters"}
        self._skip("unknown sections", *(str(name) for name in self.content if name not in known))
        for where, row in self._section("global_parameters"):
            if row.get("name") not in _NAMES_OF_CLUSTER:
                self._skip("global parameters", str(row.get("name", where)))
        if self.single and "metadata" in self.content:
            its_own = ("description", "metadata", "tags", "default_queue_type", "limits")
            yield from self._vhost(
                "definitions", {"name": self.vhost, **{name: self.content[name] for name in its_own if name in self.content}}
            )
        for section in _SECTIONS:
            for where, row in self._section(section):
                if section == "vhosts":
                    yield from self._vhost(where, row)
                elif section == "users":
                    yield from self._user(where, row)
                elif section == "parameters" and row.get("component") == "vhost-limits":
                    yield from self._limits("vhost_limits", where, {"vhost": row.get("vhost", self.vhost)}, row.get("value"))
                elif section == "parameters" and row.get("component") == "operator_policy":
                    value = self._mapping(where, "value", row.get("value"))
                    yield "operator_policies", where, {**value, **{name: row[name] for name in ("vhost", "name") if name in row}}
                else:
                    yield section, where, row

    def items(self, row: Row) -> t.Iterator[Item]:
        """The row as an item, unless the broker or a plugin makes the object by itself."""
        option, where, values = row
        kind = BY_OPTION[option]
        entries = {entry.wire or entry.name: entry for entry in (*kind.identity, *kind.fields, *kind.options)}
        self._skip(f"fields of {option}", *(str(name) for name in values if name not in entries))
        given: Values = {"vhost": self.vhost} if kind.in_vhost else {}
        problems = len(self.problems)
        for name in (entries.keys() & values.keys()) - ({"vhost"} if self.single else set()):
            entry, value = entries[name], values[name]
            if entry.type == "dict":
                value = self._mapping(where, name, value)
            elif entry.type in TYPES and not is_exactly(value, TYPES[entry.type]):
                shown = "" if entry.secret else f", and is {value!r}"
                self._refuse("type", f"must be {rules.WORDS[TYPES[entry.type]]}{shown}", where, name)
            given[entry.name] = value
        if problems == len(self.problems) and not self._leave_out(option, given):
            yield Item(kind, given, where)

    def _leave_out(self, option: str, given: Values) -> bool:
        """Whether no item comes of it, because the object is the broker's own or that of a plugin."""
        vhost, name = given.get("vhost"), given.get("name")
        if option == "bindings":
            ends = ("exchange", given.get("source")), (given.get("destination_type", "queue"), given.get("destination"))
            return given.get("source") == "" or any((kind, vhost, end) in self._left_out for kind, end in ends)
        if option not in ("exchanges", "queues") or name is None:
            return False
        if "x-internal-purpose" in given.get("arguments", {}):
            self._skip(f"{option} that a plugin made for itself", name)
        elif option == "queues" and name.startswith("amq."):
            self._skip("queues that the broker named", name)
        else:
            return option == "exchanges" and BY_OPTION[option].builtin({"name": name})
        self._left_out.add((BY_OPTION[option].name, vhost, name))
        return True

    def _section(self, name: str) -> t.Iterator[tuple[str, Values]]:
        rows = self.content.get(name, [])
        if not isinstance(rows, list):
            self._refuse("malformed", "must be a list", "definitions", name)
            return
        for number, row in enumerate(rows):
            where = f"definitions.{name}[{number}]"
            if isinstance(row, dict):
                yield where, row
            else:
                self._refuse("malformed", "must be an object", where)

    def _vhost(self, where: str, row: Values) -> t.Iterator[Row]:
        metadata = self._mapping(where, "metadata", row.get("metadata", {}))
        fields = {name: value for name, value in row.items() if name not in ("metadata", "limits")}
        # Of the two places of the queue type the broker imports metadata's alone.
        merged = {**metadata, **fields, **{name: metadata[name] for name in ("default_queue_type",) if name in metadata}}
        if merged.get("default_queue_type") in (None, "undefined"):
            merged.pop("default_queue_type", None)
        yield "vhosts", where, {**merged, **_with_list_of_tags(merged)}
        yield from self._limits("vhost_limits", where, {"vhost": row.get("name")}, row.get("limits", {}))

    def _user(self, where: str, row: Values) -> t.Iterator[Row]:
        fields = {**row, **_with_list_of_tags(row)}
        fields.pop("limits", None)
        default = "md5" if _MD5.match(str(self.content.get("rabbit_version", ""))) else "sha256"
        algorithm = fields.pop("hashing_algorithm", passwords.MODULES[default])
        if isinstance(algorithm, str) and algorithm in _SHORT:
            yield "users", where, {**fields, **({"hashing_algorithm": _SHORT[algorithm]} if "password_hash" in fields else {})}
        else:
            self._refuse("hashing_algorithm", f"is {algorithm!r}, and must be one of {', '.join(_SHORT)}", where, "hashing_algorithm")
        yield from self._limits("user_limits", where, {"user": row.get("name")}, row.get("limits", {}))

    def _limits(self, option: str, where: str, owner: Values, limits: t.Any) -> t.Iterator[Row]:
        for name, value in self._mapping(where, "limits", limits).items():
            yield option, where, {**owner, "name": name, "value": value}

    def _mapping(self, where: str, field: str, value: t.Any) -> Values:
        """The object; an empty list of Erlang is an empty one."""
        if not isinstance(value, dict) and value != []:
            self._refuse("type", "must be an object", where, field)
        return value if isinstance(value, dict) else {}

    def _skip(self, what: str, *names: str) -> None:
        if names:
            self.skipped.setdefault(what, []).extend(names)

    def _refuse(self, code: str, message: str, item: str, field: str = "") -> None:
        self.problems.append(Problem(f"definitions.{code}", message, item, field))


def _with_list_of_tags(row: Values) -> Values:
    """Tags are one text in exports up to 3.8."""
    tags = row.get("tags")
    return {"tags": [tag for tag in tags.split(",") if tag]} if isinstance(tags, str) else {}
