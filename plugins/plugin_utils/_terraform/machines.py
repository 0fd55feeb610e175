# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resources are machines, and where their names and addresses are. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform import model
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.model import MISSING, Instance

KEY = "@key"


@dataclass(frozen=True)
class Rule:
    """Where a type has its names and addresses: of several attributes the first that is not empty. `also` has other addresses by which
    an inventory may know the machine. `signed`: only what has one of the attributes of `address` is a machine."""

    address: tuple[str, ...]
    name: tuple[str, ...] = (KEY,)
    variables: t.Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    signed: bool = False


@dataclass(frozen=True)
class Machine:
    """`known` are all its addresses; `address` is the one to connect to, None where it has none."""

    resource: str
    name: str
    address: str | None
    known: frozenset[str]
    variables: t.Mapping[str, t.Any]


_AZURE = Rule(("public_ip_address", "private_ip_address"), ("name", KEY), also=("public_ip_addresses.0", "private_ip_addresses.0"))
RULES: t.Mapping[str, Rule] = {
    "aws_instance": Rule(("public_ip", "private_ip"), ("tags.Name", KEY), also=("public_dns", "private_dns", "ipv6_addresses.0")),
    "azurerm_linux_virtual_machine": _AZURE,
    "azurerm_windows_virtual_machine": _AZURE,
    "google_compute_instance": Rule(
        ("network_interface.0.access_config.0.nat_ip", "network_interface.0.network_ip"),
        ("name", KEY),
        also=("network_interface.0.ipv6_access_config.0.external_ipv6",),
    ),
    "terraform_data": Rule(("input.ansible_host", "input.address", "input.public_ip", "input.private_ip"), signed=True),
}
# Addresses that move from one machine to another. What a machine's own resource says of them is old until it is refreshed.
_FLOATING = {
    "aws_eip": "public_ip",
    "azurerm_public_ip": "ip_address",
    "google_compute_address": "address",
}
_OPTIONS = ("name", "address", "variables")


def rules(types: t.Mapping[str, t.Any]) -> t.Mapping[str, Rule]:
    """The rules that the option `types` declares, with defaults; all defaults where it is empty. Raises Refused."""
    problems = list(_problems(types))
    if problems:
        raise Refused(problems)
    return {name: _rule(RULES.get(name), given or {}) for name, given in types.items()} or RULES


def _rule(known: Rule | None, given: t.Mapping[str, t.Any]) -> Rule:
    also = (*known.address, *known.also) if known else ()
    rule = replace(known or Rule(()), also=also)
    changes = {option: _listed(given[option]) for option in ("name", "address") if given.get(option)}
    return replace(rule, variables=given.get("variables") or {}, signed=rule.signed and "address" not in changes, **changes)


def _listed(value: t.Any) -> tuple[str, ...]:
    return tuple(str(entry) for entry in (value if isinstance(value, list) else [value]))


def _problems(types: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    for name, given in types.items():
        remedy = "write it such as aws_instance: {address: [private_ip], variables: {zone: availability_zone}}"
        if not isinstance(given or {}, dict) or not isinstance((given or {}).get("variables") or {}, dict):
            yield Problem("types.mapping", "is not a mapping", name, "types", remedy)
            continue
        unknown = sorted(set(given or {}) - set(_OPTIONS))
        if unknown:
            yield Problem("types.unknown_key", f"unknown keys {', '.join(unknown)}", name, "types", f"use {', '.join(_OPTIONS)}")
        if name not in RULES and not (given or {}).get("address"):
            yield Problem(
                "types.no_address", "no address is known for this type", name, "types", "name the attribute that has it in address"
            )


def floating(instances: t.Iterable[Instance]) -> frozenset[str]:
    """The addresses that have resources of their own."""
    return frozenset(str(each.values.get(_FLOATING[each.type])) for each in instances if each.type in _FLOATING)


def machines(instances: t.Iterable[Instance], rules_: t.Mapping[str, Rule], patterns: t.Sequence[str]) -> list[Machine]:
    """The machines among the instances, of the types that have rules, with an address that fits one of the patterns. Raises Refused."""
    wanted = re.compile("|".join(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") for pattern in patterns), re.DOTALL)
    chosen = [each for each in instances if each.type in rules_ and wanted.fullmatch(each.address) and _is_machine(each, rules_[each.type])]
    problems = [problem for each in chosen for problem in _secrets(each, rules_[each.type])]
    if problems:
        raise Refused(problems)
    return [_machine(each, rules_[each.type]) for each in chosen]


def _is_machine(instance: Instance, rule: Rule) -> bool:
    return not rule.signed or any(model.at(instance.values, path) is not MISSING for path in rule.address)


def _secrets(instance: Instance, rule: Rule) -> t.Iterator[Problem]:
    """What an inventory would show."""
    for path in (*rule.name, *rule.address, *rule.variables.values()):
        if model.is_sensitive(instance, str(path)):
            message = "is sensitive, and an inventory shows it"
            yield Problem("attribute.sensitive", message, instance.address, str(path), "name another attribute in types")


def _machine(instance: Instance, rule: Rule) -> Machine:
    names = (instance.natural_name if path == KEY else model.at(instance.values, path) for path in rule.name)
    addresses = list(_texts(model.at(instance.values, path) for path in rule.address))
    others = _texts(model.at(instance.values, path) for path in rule.also)
    variables = {name: model.at(instance.values, str(path)) for name, path in rule.variables.items()}
    return Machine(
        instance.address,
        next(_texts(names), "") or instance.natural_name,
        addresses[0] if addresses else None,
        frozenset((*addresses, *others)),
        {name: value for name, value in variables.items() if value is not MISSING},
    )


def _texts(values: t.Iterable[t.Any]) -> t.Iterator[str]:
    return (value for value in values if isinstance(value, str) and value)
