# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user has given for options: blank is not given, and text may stand for a list or a dictionary. Private to this collection.

The answers of an AWX survey are text, and a blank one is null or '', depending on the release of ansible-core. Every module, every action
plugin and the playbooks (for extra variables) read their options through `given`.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible.module_utils.common.validation import check_type_bool, check_type_float, check_type_int

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec

try:
    import yaml
except ImportError:  # a target may have no PyYAML; then text is read as JSON
    yaml = None  # type: ignore[assignment]

_SCALARS: dict[str, tuple[t.Callable[[t.Any], t.Any], str]] = {
    "int": (check_type_int, "a whole number"),
    "float": (check_type_float, "a number"),
    "bool": (check_type_bool, "true or false"),
}
_TEXTS = ("str", "path")
# An IPv6 address in brackets is no list.
_ADDRESS = re.compile(r"\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.%\w]*\]")
_MOST = 80  # characters of a wrong value in a message


def given(spec: Spec, params: t.Any, item: str = "") -> t.Iterator[Problem]:
    """Bring options, in place, to what was meant; what is wrong with them.

    `item`: the item of a list that they are. There an empty text is a value, and so is null where the type is raw.
    """
    if not isinstance(params, dict):
        return
    for name, option in spec.items():
        for key in (name, *option.get("aliases", ())):
            if key in params and _blank(params[key], option, bool(item)):
                del params[key]
            elif key in params:
                yield from _read(option, params, key, item)


def _blank(value: t.Any, option: Spec, nested: bool) -> bool:
    kind = option.get("type", "str")
    if value is None:
        return not (nested and kind == "raw")
    if not isinstance(value, str) or value.strip():
        return False
    if kind in (*_TEXTS, "raw"):
        return not value and not nested and ("fallback" in option or not option.get("required"))
    return True


def _read(option: Spec, params: dict[str, t.Any], key: str, item: str) -> t.Iterator[Problem]:
    kind = option.get("type", "str")
    try:
        if kind in _SCALARS:
            params[key] = _scalar(kind, params[key])
        elif kind in ("list", "dict") and isinstance(params[key], str):
            # A plain text: ansible-core's own kinds of text are no input of its YAML reader.
            params[key] = _structure(option, "".join(params[key]))
    except ValueError as error:
        shown = "" if option.get("no_log") or kind == "dict" or "options" in option else f"is {_shown(params[key])}, and "
        yield Problem("option.type", f"{shown}{error}", item, key)
        return
    inner = option.get("options") if kind in ("list", "dict") else None
    value = params[key]
    if inner and isinstance(value, list):
        for number, entry in enumerate(value):
            yield from given(inner, entry, f"{item}.{key}[{number}]".lstrip("."))
    elif inner:
        yield from given(inner, value, f"{item}.{key}".lstrip("."))


def _scalar(kind: str, value: t.Any) -> t.Any:
    check, wanted = _SCALARS[kind]
    # To Python, and so to Ansible, true is the number 1.
    if isinstance(value, bool) and kind != "bool":
        raise ValueError(f"must be {wanted}")
    try:
        return check(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"must be {wanted}") from None


def _structure(option: Spec, text: str) -> t.Any:
    """The list or dictionary that a text means."""
    if option["type"] == "dict":
        return _dictionary(text, option.get("options"))
    if option.get("elements", "str") in _TEXTS:
        return _texts(text)
    value = _parsed(text, "a list", option.get("options"))
    if not isinstance(value, list):
        raise ValueError(f"must be a list, and the text is {_described(value)}: begin each item with '- ', or write JSON in brackets")
    return value


def _dictionary(text: str, options: Spec | None) -> t.Any:
    try:
        value = _parsed(text, "a dictionary", options)
    except ValueError:
        if "=" in text and "{" not in text:
            return text  # Ansible reads NAME=VALUE
        raise
    if isinstance(value, dict):
        return value
    if "=" in text:
        return text
    raise ValueError(f"must be a dictionary, and the text is {_described(value)}: write NAME: VALUE on each line, or JSON in braces")


def _texts(text: str) -> list[str]:
    """A list of texts: as JSON or YAML, one a line, or separated by commas."""
    stripped = text.strip()
    if re.match(r"\[|- |-$", stripped) and not _ADDRESS.match(stripped):
        value = _parsed(text, "a list of texts", {})
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return value
        raise ValueError("must be a list of texts")
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def _parsed(text: str, wanted: str, options: Spec | None) -> t.Any:
    """The value of a JSON or YAML text. What must be a text stays as it was typed: 1.30 does not become 1.3, nor no False."""
    try:
        return _literal(json.loads(text), json.loads(text, parse_int=str, parse_float=str), options)
    except ValueError:
        if yaml is None:
            raise ValueError(f"must be {wanted}: the text is not JSON, and this host has no PyYAML") from None
    try:
        typed = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        plain = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (see line {mark.line + 1})" if mark and mark.line <= text.count("\n") else ""
        raise ValueError(f"must be {wanted}: the text is neither JSON nor YAML{where}") from None
    return _literal(typed, plain, options)


def _literal(typed: t.Any, plain: t.Any, options: Spec | None) -> t.Any:
    """The value, with each field that is a text as it was typed. `options`: of a dictionary, or of each item; {}: a list of texts."""
    if options is None or type(typed) is not type(plain):
        return plain if options == {} and isinstance(plain, str) and typed is not None else typed
    if isinstance(typed, list):
        return [_literal(*pair, options) for pair in zip(typed, plain)] if len(typed) == len(plain) else typed
    if isinstance(typed, dict):
        return {key: _field(value, plain.get(key, value), options.get(key)) for key, value in typed.items()}
    return plain if options == {} else typed


def _field(typed: t.Any, plain: t.Any, option: Spec | None) -> t.Any:
    if option is None:
        return typed
    if option.get("type", "str") in _TEXTS:
        return plain if typed is not None and isinstance(plain, str) else typed
    if "options" in option:
        return _literal(typed, plain, option["options"])
    return _literal(typed, plain, {}) if option.get("elements") in _TEXTS and isinstance(typed, list) else typed


def _described(value: t.Any) -> str:
    if isinstance(value, dict):
        return "a dictionary"
    return "a list" if isinstance(value, list) else "a single value"


def _shown(value: t.Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
