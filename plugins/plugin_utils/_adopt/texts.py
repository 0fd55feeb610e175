# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an inventory, as text. Private to this collection."""

from __future__ import annotations

import re
import typing as t

import yaml

from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import GROUPS, Host, Template, Variables

HOSTS = "hosts.yml"
VAULT = "vault.yml"
_HEAD = "---\n# Written by eco2.platform.adopt from what runs.\n"
_TEMPLATES = re.compile(r"\{[{%#]")


class _Dumper(yaml.SafeDumper):
    """Lists are indented, and the same list twice is written twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: t.Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Marked !unsafe where Ansible would read it as a template."""
    tag = "!unsafe" if _TEMPLATES.search(text) else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, text, style='"' if tag == "!unsafe" else None)


def _template(dumper: yaml.SafeDumper, text: Template) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Template, _template)


def dump(variables: t.Mapping[str, t.Any]) -> str:
    return str(yaml.dump(plain(variables), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def plain(value: t.Any) -> t.Any:
    """Ansible's own kinds of text, lists and dictionaries as Python's."""
    if isinstance(value, Template):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def files(hosts: t.Sequence[Host], groups: t.Mapping[str, Variables]) -> dict[str, str]:
    """Each file with its text, by path. The vaults are not among them."""
    made = {HOSTS: _HEAD + dump(_inventory(hosts))}
    made.update({f"group_vars/{name}.yml": _HEAD + dump(variables) for name, variables in groups.items() if variables})
    for host in hosts:
        for name, variables in host.files.items():
            made[f"host_vars/{host.name}/{name}"] = _HEAD + dump(variables)
    return made


def vaults(hosts: t.Iterable[Host]) -> dict[str, str]:
    """The text of each vault before it is encrypted."""
    known = {host.name: {name: value for name, value in host.secrets.items() if value is not None} for host in hosts}
    return {f"host_vars/{name}/{VAULT}": _HEAD + dump(variables) for name, variables in known.items() if variables}


def _inventory(hosts: t.Sequence[Host]) -> Variables:
    of_group = {group: {host.name: host.inline for host in hosts if host.group == group} for group in GROUPS}
    return {"all": {"children": {group: {"hosts": members} for group, members in of_group.items() if members}}}
