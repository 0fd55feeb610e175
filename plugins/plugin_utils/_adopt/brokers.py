# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker that runs as the variables rabbitmq_*. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, BY_OPTION
from ansible_collections.eco2.platform.plugins.plugin_utils._adopt.declaration import Host, Variables, connection

Result = t.Mapping[str, t.Any]
Topology = t.Dict[str, t.List[Variables]]

FILE = "rabbitmq.yml"


def declared(result: Result) -> tuple[Topology, list[str]]:
    """The lists of what rabbitmq_info has read, and what the user could not read."""
    lists = {option: list(items) for option, items in result["topology"].items() if items}
    return lists, [f"{option}: the user may not read them" for option in result.get("not_readable") or ()]


def without(lists: Topology, checked: Result) -> tuple[Topology, list[str]]:
    """The lists without the items that rabbitmq_topology refuses or would change, and a line for each of those."""
    why = {(change["kind"], change["object"]): _change(change) for change in checked.get("changes") or ()}
    for problem in checked.get("problems") or ():
        why.update(dict.fromkeys(_named(problem["item"]), problem["message"]))
    kept = {option: [item for item in items if _key(option, item) not in why] for option, items in lists.items()}
    known = {_key(option, item) for option, items in lists.items() for item in items}
    return kept, [f"{kind} {name} is left out: {reason}" for (kind, name), reason in why.items() if (kind, name) in known]


def _key(option: str, item: Variables) -> tuple[str, str]:
    kind = BY_OPTION[option]
    return kind.name, kind.object(item)


def _change(change: Result) -> str:
    fields = ", ".join(entry["field"] for entry in change.get("differences") or ())
    return f"a run would {change['action']} it" + (f" ({fields})" if fields else "")


def _named(item: str) -> list[tuple[str, str]]:
    """The objects that the item of a problem names, as in `queues[3] (queue eco2/a)`; several are joined."""
    kinds = "|".join(BY_NAME)
    found = re.finditer(rf"\w+\[\d+\] \(({kinds}) (.*?)\)(?=, \w+\[\d+\] \(| and \d+ more$|$)", item, re.DOTALL)
    return [(match[1], match[2]) for match in found]


def host(name: str, given: Result, lists: Topology, secrets: Topology) -> Host:
    """`secrets`: users and parameters with what is secret of them, where a vault is there to hold it."""
    made = Host(name, "rabbitmq_brokers")
    variables = connection(made, "rabbitmq", given)
    for option, items in lists.items():
        if option == "parameters":
            _parameters(made, items, secrets.get(option, []))
        else:
            hashes = {item["name"]: item for item in secrets.get(option, ())} if option == "users" else {}
            variables[f"rabbitmq_{option}"] = [_user(made, item, hashes) for item in items] if option == "users" else items
    made.files[FILE] = variables
    return made


def _user(made: Host, item: Variables, hashes: t.Mapping[str, Variables]) -> Variables:
    """With a reference to its hash."""
    name = made.unused("vault_rabbitmq_hash", item["name"])
    known = hashes.get(item["name"], {})
    algorithm = {"hashing_algorithm": known["hashing_algorithm"]} if known.get("hashing_algorithm") else {}
    return {**item, "password_hash": made.optional_secret(name, known.get("password_hash")), **algorithm}


def _parameters(made: Host, items: t.Sequence[Variables], known: t.Sequence[Variables]) -> None:
    """All that a parameter holds may be secret, such as the address of a shovel."""
    keys = {_key("parameters", item) for item in items}
    kept = [item for item in known if _key("parameters", item) in keys]
    if kept:
        made.secrets["rabbitmq_parameters"] = kept
    else:
        made.left += [
            f"parameter {name} is left out: its value may hold secrets, and there is no vault to hold them" for dummy, name in keys
        ]
