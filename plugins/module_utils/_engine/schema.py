# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields: one description of each option, and of each field of an object. Private to this collection.

Argument specifications, defaults, masking and the generated part of the documentation come from them.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleFallbackNotFound

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

Spec = t.Dict[str, t.Any]


# The default of a field that stays as it is on the server when a declaration omits it.
KEEP = object()


@dataclass(frozen=True)
class Field:
    """One field: its Ansible type, and what it is when a declaration omits it (KEEP: as it is on the server).

    `fields`: those of a dictionary, or of each item of a list of dictionaries. `secret`: whether its values are hidden everywhere; False
    if only the name looks like that of a secret. Of a secret of type raw, mask what `confidential` returns. `wire`: its
    name on the server, where that differs. `environment`: the variable that is read where the option is not given.
    """

    name: str
    type: str = "str"
    default: t.Any = KEEP
    required: bool = False
    choices: tuple[str, ...] | None = None
    elements: str | None = None
    secret: bool | None = None
    fields: tuple[Field, ...] = ()
    wire: str = ""
    environment: str = ""

    def option(self) -> Spec:
        """The field as an entry of an argument specification."""
        option: Spec = {"type": self.type}
        if self.required:
            option["required"] = True
        if self.default is not KEEP:
            option["default"] = self.default
        if self.choices and self.type == "str":
            option["choices"] = list(self.choices)
        if self.elements:
            option["elements"] = self.elements
        if self.secret is not None:
            # Ansible would mask every word and number of a raw value wherever else it occurs.
            option["no_log"] = self.secret and self.type != "raw"
        if self.fields:
            option["options"] = options(self.fields)
        if self.environment:
            option["fallback"] = (from_environment, [self.environment])
        return option


def from_environment(name: str) -> str:
    """The fallback of an option. A credential of AWX sets a variable to nothing where its field is blank."""
    value = os.environ.get(name, "")
    if not value:
        raise AnsibleFallbackNotFound
    return value


def options(fields: t.Iterable[Field]) -> Spec:
    """The fields as an argument specification."""
    return {field.name: field.option() for field in fields}


# The options that limit a time, in seconds. Those of one answer must be more than 0; a wait may be 0.
_TIME = re.compile(r"timeout|wait_for_boot|\w+_timeout")
_OF_AN_ANSWER = ("timeout", "cloud_timeout")
_LONGEST = 1_000_000  # more than anybody waits, and less than what system calls refuse


def time_problems(spec: Spec, params: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """What is wrong with the options that limit a time."""
    for name, option in spec.items():
        value = params.get(name)
        if value is None or option.get("type") not in ("int", "float") or not _TIME.fullmatch(name):
            continue
        if not 0 <= value <= _LONGEST or (value == 0 and name in _OF_AN_ANSWER):
            least = "more than 0" if name in _OF_AN_ANSWER else "at least 0"
            yield Problem("option.seconds", f"is {value:g}, and must be {least} and at most {_LONGEST:,} seconds", field=name)


def secrets(spec: Spec, params: t.Any) -> t.Iterator[str]:
    """Every value of an option that the specification marks with no_log, however deep.

    The arguments may have any shape: they may be the very ones that Ansible refuses and echoes. Up to ansible-core 2.19 Ansible itself
    forgets marked values where it refuses a list's items.
    """
    if isinstance(params, (list, tuple)):
        for item in params if _marked(spec) else ():
            yield from secrets(spec, item)
    elif isinstance(params, dict):
        for name, option in spec.items():
            for value in (params[key] for key in (name, *option.get("aliases", ())) if key in params):
                # A list or dictionary may have come as a text, which could not be read.
                if option.get("no_log") or (isinstance(value, str) and _marked(option.get("options") or {})):
                    yield from texts(value)
                elif "options" in option:
                    yield from secrets(option["options"], value)


def _marked(spec: Spec) -> bool:
    return any(option.get("no_log") or _marked(option.get("options") or {}) for option in spec.values())


_CONFIDENTIAL = re.compile("passw|secret|token|credential|uri|url", re.IGNORECASE)


def confidential(value: t.Any, within: bool = False) -> t.Iterator[str]:
    """The texts of a raw value that may be secret: addresses, and what is under the name of an address or a password."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from confidential(inner, within or bool(_CONFIDENTIAL.search(str(name))))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from confidential(inner, within)
    elif isinstance(value, str) and value and (within or "://" in value):
        yield value
        yield from re.findall("://[^/@]*?:([^/@]+)@", value)


def converted(spec: Spec, params: t.Any, item: str = "") -> t.Iterator[Problem]:
    """Each value that is to be a text and is none: Ansible would make 'True' of `on`, '1.1' of 1.10, and '42798' of 0123456.

    `params`: the arguments before Ansible has converted them, in any shape. `item`: the item of a list that they are.
    """
    if not isinstance(params, dict):
        return
    for name, value in params.items():
        option = {} if value is None or isinstance(value, str) else spec.get(name) or {}
        given: list[t.Any] = value if isinstance(value, list) else [value]
        if "options" in option:
            for number, inner in enumerate(given):
                yield from converted(option["options"], inner, f"{name}[{number}]")
        elif option and "str" in (option.get("type", "str"), option.get("elements")):
            for text in given:
                if isinstance(text, (bool, int, float)):
                    kind = "boolean" if isinstance(text, bool) else "number"
                    shown = "" if option.get("no_log") else f" {json.dumps(text)}"
                    message = f"must be a text, and YAML reads it as the {kind}{shown}"
                    yield Problem("text.converted", message, item, name, "write it in quotes; in a template, add '| string'")


def texts(value: t.Any) -> t.Iterator[str]:
    """Every text and number inside a value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value):
        yield str(value)
