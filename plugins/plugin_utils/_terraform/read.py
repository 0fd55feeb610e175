# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms in which Terraform and OpenTofu tell what they know, told apart by their content. Pure. Private to this collection."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.model import Instance, Output, Reading, Values

_FORMS = "give what 'terraform output -json' or 'terraform show -json' prints, or a state"
_SHOWN = {"format_version", "terraform_version", "values", "checks"}
# Attributes of any type, which a state holds with their type.
_DYNAMIC = {"terraform_data": ("input", "output", "triggers_replace")}


def reading(content: bytes | str, item: str) -> Reading:
    """What the content tells. Raises Refused, with `item` as the name of the source."""
    data = _parsed(content, item)
    if "encrypted_data" in data:
        raise _refused("state.encrypted", "is an encrypted state", item, "give its directory, where tofu decrypts it")
    if "planned_values" in data:
        raise _refused("form.plan", "is a plan, which tells what may come", item, _FORMS)
    for fits, read in ((_is_state, _state), (_is_shown, _shown), (_is_outputs, _outputs), (_is_tree, _tree)):
        if fits(data):
            return _not_empty(read(data, item), item)
    raise _refused("form.unknown", "is JSON, but not from Terraform", item, _FORMS)


def _refused(code: str, message: str, item: str, remedy: str) -> Refused:
    return Refused([Problem(code, message, item, remedy=remedy)])


def _parsed(content: bytes | str, item: str) -> dict[str, t.Any]:
    if not content.strip():
        raise _refused("source.empty", "is empty", item, _FORMS)
    try:
        data = json.loads(content)
    except json.JSONDecodeError as error:
        message = f"is not JSON, or not all of it ({error.msg}, line {error.lineno}, column {error.colno})"
        raise _refused("source.json", message, item, _FORMS) from error
    except (ValueError, RecursionError) as error:
        raise _refused("source.json", "is not JSON", item, _FORMS) from error
    if not isinstance(data, dict):
        raise _refused("form.unknown", "is JSON, but not from Terraform", item, _FORMS)
    return data


def _not_empty(found: Reading, item: str) -> Reading:
    if not found.outputs and not found.instances:
        message = "has neither outputs nor resources"
        raise _refused(
            "state.empty", message, item, "run 'terraform init' and 'terraform apply' first, and check that this is the right state"
        )
    return found


def _is_state(data: Values) -> bool:
    return isinstance(data.get("version"), int) and ("lineage" in data or "serial" in data)


def _is_shown(data: Values) -> bool:
    return "format_version" in data and data.keys() <= _SHOWN


def _is_outputs(data: Values) -> bool:
    return all(isinstance(entry, dict) and {"sensitive", "value"} <= entry.keys() for entry in data.values())


def _is_tree(data: Values) -> bool:
    return set(data) == {"all"}


def _tree(data: Values, dummy: str) -> Reading:
    """What 'terraform output -json inventory' prints."""
    return Reading({"inventory": Output(data)}, None)


def _outputs(data: Values, dummy: str) -> Reading:
    return Reading({name: Output(entry["value"], bool(entry["sensitive"])) for name, entry in data.items()}, None)


# A state


def _state(data: Values, item: str) -> Reading:
    if data["version"] != 4:
        message = f"is a state of version {data['version']}, and only version 4 can be read"
        raise _refused(
            "state.version", message, item, "run 'terraform apply -refresh-only' with Terraform 0.12 or newer, which rewrites it"
        )
    try:
        outputs = {name: Output(entry["value"], bool(entry.get("sensitive"))) for name, entry in (data.get("outputs") or {}).items()}
        return Reading(outputs, tuple(_of_state(data)))
    except (KeyError, TypeError, AttributeError) as error:
        raise _refused("form.unknown", "looks like a state, but has another structure", item, _FORMS) from error


def _of_state(data: Values) -> t.Iterator[Instance]:
    for resource in data.get("resources") or ():
        for instance in resource["instances"] if resource["mode"] == "managed" else ():
            # A deposed instance is what is left of one that was replaced.
            if "deposed" not in instance:
                values = {name: _plain(resource["type"], name, value) for name, value in (instance.get("attributes") or {}).items()}
                marks = _marks(instance.get("sensitive_attributes") or ())
                place = (resource.get("module", ""), resource["type"], resource["name"], instance.get("index_key"))
                yield _marked(Instance(*place, values, marks))


def _plain(type_: str, name: str, value: t.Any) -> t.Any:
    wrapped = name in _DYNAMIC.get(type_, ()) and isinstance(value, dict) and value.keys() == {"value", "type"}
    return value["value"] if wrapped else value


def _marks(paths: t.Iterable[t.Any]) -> t.Any:
    """The paths of sensitive values as a structure of the values' shape."""
    marks: t.Any = {}
    for path in paths:
        marks = _with(marks, [_key(step) for step in path])
    return marks


def _key(step: Values) -> t.Any:
    value = step["value"]
    return value["value"] if isinstance(value, dict) else value


def _with(marks: t.Any, keys: list[t.Any]) -> t.Any:
    """A member of a set has no key of its own: its whole set is marked."""
    if not keys or marks is True or not isinstance(keys[0], (str, int)):
        return True
    known = marks if isinstance(marks, dict) else {}
    return {**known, keys[0]: _with(known.get(keys[0]), keys[1:])}


# What terraform show prints


def _shown(data: Values, item: str) -> Reading:
    values = data.get("values") or {}
    if not str(data["format_version"]).startswith("1."):
        message = f"has the format version {data['format_version']}, and only version 1 can be read"
        raise _refused("show.version", message, item, "use a newer release of this collection")
    try:
        outputs = {name: Output(entry.get("value"), bool(entry["sensitive"])) for name, entry in (values.get("outputs") or {}).items()}
        return Reading(outputs, tuple(_of_module(values.get("root_module") or {})))
    except (KeyError, TypeError, AttributeError) as error:
        raise _refused("form.unknown", "looks like output of 'terraform show -json', but has another structure", item, _FORMS) from error


def _of_module(module: Values) -> t.Iterator[Instance]:
    for resource in module.get("resources") or ():
        if resource["mode"] == "managed" and "deposed_key" not in resource:
            place = (module.get("address", ""), resource["type"], resource["name"], resource.get("index"))
            yield _marked(Instance(*place, resource.get("values") or {}, resource.get("sensitive_values")))
    for child in module.get("child_modules") or ():
        yield from _of_module(child)


def _marked(instance: Instance) -> Instance:
    """terraform_data's `output` is its `input`, but has no mark."""
    if instance.type != "terraform_data" or not isinstance(instance.marks, dict):
        return instance
    return replace(instance, marks={**instance.marks, "output": instance.marks.get("input")})
