# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Terraform knows, whichever form it came in: outputs, and instances of resources. Pure. Private to this collection."""

from __future__ import annotations

import functools
import json
import re
import typing as t
from dataclasses import dataclass

Values = t.Mapping[str, t.Any]

MISSING = object()
# A state has no mark where the provider's schema alone says that an attribute is sensitive.
_SECRET = re.compile(r"passw|secret|private_key|api_key|access_key|credential|custom_data|(^|_)token$", re.IGNORECASE)


@dataclass(frozen=True)
class Output:
    value: t.Any
    sensitive: bool = False


@dataclass(frozen=True)
class Instance:
    """One instance of a managed resource. `marks` has the shape of `values`, with True where Terraform says that a value is sensitive."""

    module: str
    type: str
    name: str
    key: str | int | None
    values: Values
    marks: t.Any = None

    @functools.cached_property
    def address(self) -> str:
        """As Terraform writes it: module.node["k8s-a"].aws_instance.this[0]."""
        index = "" if self.key is None else f"[{json.dumps(self.key, ensure_ascii=False)}]"
        return f"{self.module}.{self.type}.{self.name}{index}".lstrip(".")

    @property
    def natural_name(self) -> str:
        """The key of for_each, its own or that of its module; else the name, with the number of count."""
        if isinstance(self.key, str):
            return self.key
        module, module_key = _innermost(self.module)
        if isinstance(module_key, str):
            return f"{module_key}-{self.key}" if self.key else module_key
        name = module if module and self.name in _NAMELESS else self.name
        return "-".join(str(part) for part in (name, module_key, self.key) if part is not None)


@dataclass(frozen=True)
class Reading:
    """`instances` is None where the form holds outputs only."""

    outputs: t.Mapping[str, Output]
    instances: tuple[Instance, ...] | None


# What modules call their only resource, by convention.
_NAMELESS = ("this", "main")
_MODULE = re.compile(r'module\.([\w-]+)(?:\[(\d+|"(?:[^"\\]|\\.)*")\])?')


def _innermost(module: str) -> tuple[str, str | int | None]:
    """The name of the innermost module, and the key of the innermost one that has a key."""
    found = _MODULE.findall(module)
    keys = [json.loads(key) for dummy, key in found if key]
    return (found[-1][0] if found else "", keys[-1] if keys else None)


def at(value: t.Any, path: str) -> t.Any:
    """What is at a path such as tags.Name or network_interface.0.network_ip; MISSING where there is nothing. A key may have dots."""
    # Most paths are one attribute.
    return value[path] if isinstance(value, dict) and path in value else _walk(value, None, path.split("."))[0]


def is_sensitive(instance: Instance, path: str) -> bool:
    """Whether what is at the path, or anything in it or around it, is marked as sensitive, or has the name of a secret."""
    found = at(instance.values, path)
    if found is MISSING:
        return False
    if _is_secret(path) or any(map(_is_secret, _keys(found))):
        return True
    return _any(instance.marks) and _any(_walk(instance.values, instance.marks, path.split("."))[1])


@functools.lru_cache(maxsize=1000)
def _is_secret(name: str) -> bool:
    return any(map(_SECRET.search, name.split(".")))


def _keys(value: t.Any) -> t.Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)
    yield from value if isinstance(value, dict) else ()


def _walk(value: t.Any, marks: t.Any, steps: list[str]) -> tuple[t.Any, t.Any]:
    if not steps:
        return value, marks
    if isinstance(value, dict):
        for length in range(len(steps), 0, -1):
            key = ".".join(steps[:length])
            if key in value:
                return _walk(value[key], _step(marks, key), steps[length:])
    elif isinstance(value, list) and steps[0].isdecimal() and int(steps[0]) < len(value):
        return _walk(value[int(steps[0])], _step(marks, int(steps[0])), steps[1:])
    return MISSING, None


def _step(marks: t.Any, key: str | int) -> t.Any:
    if isinstance(marks, dict):
        return marks.get(key)
    if isinstance(marks, list):
        return marks[key] if isinstance(key, int) and key < len(marks) else None
    return marks is True


def _any(marks: t.Any) -> bool:
    if isinstance(marks, (dict, list)):
        return any(_any(mark) for mark in (marks.values() if isinstance(marks, dict) else marks))
    return marks is True
