# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extra variables of a run, such as the answers of an AWX survey. Private to this collection.

Nothing overrides an extra variable, so a blank one would hide the inventory, the defaults of a role and `default(...)` alike. It is taken
away before the first play, and texts become what the options want.
"""

from __future__ import annotations

import importlib
import re
import typing as t
from pathlib import Path

import yaml
from ansible import template
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.eco2.platform.plugins.module_utils._engine.given import given
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec, options
from ansible_collections.eco2.platform.plugins.module_utils._redis import arguments

_OURS = re.compile("(containerd|control_plane|kube|kubernetes_node|node_join|node_profile|platform|rabbitmq|redis|sentinel)_")
_ROLES = Path(__file__).resolve().parents[2] / "roles"
_RABBITMQ = "ansible_collections.eco2.platform.plugins.modules.rabbitmq_topology"
# Variables that several roles share.
_SHARED: Spec = {"kube_kubelet_patch": {"type": "dict"}, "kube_proxies": {"type": "dict"}}


def accept(extra: t.MutableMapping[str, t.Any], options: t.Iterable[str] = ()) -> list[Problem]:
    """Bring the extra variables of this collection, in place, to what was meant; what is wrong with them.

    `options`: those of the command line that they come from.
    """
    ours = [name for name in extra if _OURS.match(name)]
    typed = {name: text for name, text in _typed(options).items() if name in ours and not isinstance(extra[name], str)}
    extra.update({name: wrap_var(text) for name, text in typed.items()})
    for name in [name for name in ours if extra[name] is None or (isinstance(extra[name], str) and not extra[name].strip())]:
        del extra[name]
    ours = [name for name in ours if name in extra and not _is_template(extra[name])]
    spec = _spec(ours)
    read = {name: extra[name] for name in ours if name in spec}
    problems = list(given({name: spec[name] for name in read}, read))
    # Up to ansible-core 2.18 every text that is not marked is a template.
    extra.update({name: wrap_var(value) if name in typed or hasattr(extra[name], "__UNSAFE__") else value for name, value in read.items()})
    return problems


def _typed(options: t.Iterable[str]) -> dict[str, t.Any]:
    """The answers of a survey as they were typed: ansible-core 2.19 reads `!unsafe '1.30'` as a number, and `!unsafe 'no'` as false."""
    found: dict[str, t.Any] = {}
    for option in options:
        pairs = _pairs(option) if option.startswith("@") else {name: None for name in found if _names(option, name)}
        found = {**found, **pairs}
    return {name: value for name, value in found.items() if value is not None}


def _names(option: str, name: str) -> bool:
    """Whether an option such as `a=1 b=2` or `{"a": 1}` gives this variable."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}[\"']?\s*[=:]", option))


def _pairs(option: str) -> dict[str, t.Any]:
    """Of a file: name -> the text, or None where the value is no marked text."""
    try:
        root = yaml.compose(Path(option[1:]).expanduser().read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # an encrypted file, for example
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return {str(key.value): _marked(node) for key, node in pairs}


def _marked(node: yaml.Node) -> t.Any:
    if isinstance(node, yaml.SequenceNode):
        texts = [_marked(item) for item in node.value]
        return None if None in texts else texts
    is_text = isinstance(node, yaml.ScalarNode) and node.tag == "!unsafe" and node.style is not None
    return node.value if is_text else None


def _is_template(value: t.Any) -> bool:
    """Whether Ansible evaluates the text later; what a survey has asked for is marked as unsafe and never evaluated."""
    return isinstance(value, str) and bool(re.search("{[{%#]", value)) and not _is_literal(value)


def _is_literal(value: str) -> bool:
    trusted = getattr(template, "is_trusted_as_template", None)  # ansible-core 2.18 has none
    return hasattr(value, "__UNSAFE__") if trusted is None else not trusted(value)


def _spec(names: t.Collection[str]) -> Spec:
    """The options behind these variables. Only what is needed is read."""
    found = dict(_SHARED)
    for role in sorted(path.name for path in _ROLES.iterdir()):
        if any(name.startswith(f"{role}_") for name in names):
            found.update(_of_role(role))
    if any(name.startswith("rabbitmq_") for name in names):
        found.update(_prefixed("rabbitmq_", importlib.import_module(_RABBITMQ).argument_spec()))
    if any(name.startswith("sentinel_") for name in names):
        spec = options(arguments.REDIS_SENTINEL)
        found.update(_prefixed("sentinel_", {**spec, "hosts": spec["sentinels"]}))
    return found


def _of_role(role: str) -> Spec:
    text = (_ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    entries: t.Iterable[Spec] = yaml.safe_load(text)["argument_specs"].values()
    return {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}


def _prefixed(prefix: str, spec: Spec) -> Spec:
    return {f"{prefix}{name}": option for name, option in spec.items()}
