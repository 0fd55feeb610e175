# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a reading: hosts, groups and variables. Pure. Private to this collection."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, first
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform import stale
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.machines import Machine, floating, machines, rules
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.model import Reading

Variables = t.Dict[str, t.Any]

OUTPUT = "inventory"
REFRESH = "run 'terraform apply -refresh-only', which changes no resource, and read the outputs again"
# Otherwise Terraform refuses to refresh outputs that need it.
_REMOVE = "remove from the configuration what was destroyed, then "
_OTHER = "if the hosts that vanished are of another type, name it in types; else "
_PARTS = ("hosts", "children", "vars")
# A name that patterns of --limit and `hosts` can say.
_NAME = re.compile(r"\w[\w.-]*")


@dataclass
class Group:
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    variables: Variables = field(default_factory=dict)


@dataclass
class Inventory:
    hosts: dict[str, Variables] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, t.Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_shown(cls, data: t.Mapping[str, t.Any]) -> Inventory:
        return cls(dict(data["hosts"]), {name: Group(**group) for name, group in data["groups"].items()}, list(data["warnings"]))


@dataclass(frozen=True)
class Options:
    """What the user wants. `output`: None for the default, which may be absent."""

    output: str | None = None
    stale: str = "fail"
    types: t.Mapping[str, t.Any] = field(default_factory=dict)
    resources: t.Sequence[str] = ("*",)


def inventory(read: Reading, options: Options, item: str) -> Inventory:
    """The inventory of the output, or of the machines in the state where there is no such output. Raises Refused."""
    found = None if read.instances is None else machines(read.instances, rules(options.types), options.resources)
    name = options.output or OUTPUT
    if name not in read.outputs:
        return _of_state(read, found, options, item)
    declared = _of_output(read, name, item)
    # Without any machine, all may be gone, or all may be of types that nobody named, or of no resource at all.
    if found is None or not (found or options.types):
        return _unseen(declared, _BLIND if found is None else _NO_MACHINE, options, item)
    return _compared(declared, found, read, options, item)


# From the state


def _of_state(read: Reading, found: list[Machine] | None, options: Options, item: str) -> Inventory:
    name = options.output or OUTPUT
    if options.output or found is None:
        has = f"it has {first(sorted(read.outputs), 10)}" if read.outputs else "it has none"
        remedy = "add an output that is the output 'inventory' of the module inventory/terraform, and run 'terraform apply'"
        raise Refused([Problem("output.absent", f"there is no output {name} ({has})", item, "output", remedy)])
    if not found:
        there = first(sorted({instance.type for instance in read.instances or ()}), 10) or "none"
        message = f"there is neither an output {name} nor a resource of type {first(sorted(rules(options.types)), 10)} (types: {there})"
        raise Refused([Problem("state.no_hosts", message, item, remedy="name the types of your machines in types")])
    _refuse([*_twice(found), *_without_address(found), *_unnameable(machine.name for machine in found)])
    return Inventory({machine.name: _variables(machine) for machine in found})


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _variables(machine: Machine) -> Variables:
    return {**machine.variables, "ansible_host": machine.address}


def _twice(found: t.Sequence[Machine]) -> t.Iterator[Problem]:
    first_of: dict[str, Machine] = {}
    for machine in found:
        other = first_of.setdefault(machine.name, machine)
        if other is not machine:
            message = f"is the name of both {other.resource} and {machine.resource}"
            yield Problem(
                "host.twice", message, f"host {machine.name}", remedy="name an attribute that differs in types, or choose in resources"
            )


def _without_address(found: t.Sequence[Machine]) -> t.Iterator[Problem]:
    for machine in found:
        if machine.address is None:
            remedy = "start the machine and run 'terraform apply -refresh-only', or name the attribute that has the address in types"
            yield Problem("host.no_address", "has no address", machine.resource, remedy=remedy)


def _unnameable(names: t.Iterable[str]) -> t.Iterator[Problem]:
    for name in names:
        if not _NAME.fullmatch(name):
            remedy = "use letters, digits, '_', '-' and '.'"
            yield Problem("host.name", "is no name that patterns such as those of --limit can say", f"host {name!r}", remedy=remedy)


# From the output


def _of_output(read: Reading, name: str, item: str) -> Inventory:
    output = read.outputs[name]
    where = f"{item}: output {name}"
    if output.sensitive:
        remedy = "remove what is secret from it and 'sensitive' from the output; keep secrets in group_vars with ansible-vault"
        raise Refused([Problem("output.sensitive", "is sensitive, and an inventory shows its variables", where, remedy=remedy)])
    made = Inventory()
    problems = list(_structure(made, output.value, where))
    _refuse(problems)
    _refuse([*_unnameable(made.hosts), *_empty_addresses(made.hosts, where)])
    return made


def _structure(made: Inventory, value: t.Any, where: str) -> t.Iterator[Problem]:
    if not isinstance(value, dict) or set(value) != {"all"}:
        remedy = "give the output 'inventory' of the module inventory/terraform, or {all = {hosts = {}, vars = {}, children = {}}}"
        yield Problem("output.shape", "is not an inventory in the form of Ansible's yaml plugin", where, remedy=remedy)
    else:
        yield from _group(made, "all", value["all"], where)


def _group(made: Inventory, name: str, value: t.Any, where: str) -> t.Iterator[Problem]:
    parts = _parts(value)
    if parts is None:
        remedy = "a group has mappings named hosts, children and vars only"
        yield Problem("output.shape", f"group {name} has another structure", where, remedy=remedy)
        return
    group = made.groups.setdefault(name, Group())
    group.hosts += parts["hosts"]
    group.children += parts["children"]
    group.variables.update(parts["vars"])
    for host, variables in parts["hosts"].items():
        if not isinstance(variables or {}, dict):
            yield Problem(
                "output.shape", f"host {host} has no mapping of variables", where, remedy='write it such as {ansible_host = "10.0.1.17"}'
            )
            continue
        made.hosts.setdefault(host, {}).update(variables or {})
    for child, inner in parts["children"].items():
        yield from _group(made, child, inner, where)


def _parts(value: t.Any) -> dict[str, Variables] | None:
    """The parts of a group; None where it has another structure. Null is nothing."""
    given = {} if value is None else value
    if not isinstance(given, dict) or set(given) - set(_PARTS) or not all(isinstance(part or {}, dict) for part in given.values()):
        return None
    return {part: given.get(part) or {} for part in _PARTS}


def _empty_addresses(hosts: t.Mapping[str, Variables], where: str) -> t.Iterator[Problem]:
    """A host without ansible_host is reached by its name."""
    for name, variables in hosts.items():
        if "ansible_host" in variables and not variables["ansible_host"]:
            yield Problem(
                "host.no_address", "ansible_host is empty", f"{where}: host {name}", remedy=f"if the machine has an address now, {REFRESH}"
            )


# Both


_BLIND = "outputs alone do not tell"
_NO_MACHINE = "the state has no resource of a known type, so nothing tells"
_STRANGERS = "no resource of a known type is a host of the output, so nothing tells"


def _unseen(declared: Inventory, why: str, options: Options, item: str) -> Inventory:
    """A word that nobody can tell whether the output is stale."""
    remedy = (
        "give what 'terraform show -json' prints, a state or a directory" if why == _BLIND else "name the types of your machines in types"
    )
    problem = Problem("stale.unseen", f"{why} whether the inventory is stale", item, remedy=remedy)
    if options.stale == "use_state":
        raise Refused([problem])
    declared.warnings.append(str(problem))
    return declared


def _compared(declared: Inventory, found: list[Machine], read: Reading, options: Options, item: str) -> Inventory:
    addresses = {name: str(variables.get("ansible_host", name)) for name, variables in declared.hosts.items()}
    verdict = stale.verdict(addresses, found, floating(read.instances or ()))
    if not verdict.stale:
        return declared
    if addresses and not verdict.hosts and not options.types:
        # The machines can be of a type that nobody named, and what was found something else, such as a bastion.
        return _unseen(declared, _STRANGERS, options, item)
    name = options.output or OUTPUT
    problem = Problem(
        "stale.output",
        f"output {name} does not have the machines of the state ({verdict})",
        item,
        remedy=(_OTHER if verdict.vanished and not options.types else "") + (_REMOVE if verdict.vanished else "") + REFRESH,
    )
    if options.stale == "fail":
        raise Refused([problem])
    declared.warnings.append(str(problem) if options.stale == "warn" else f"{problem.item}: {problem.message}; those of the state are used")
    return _as_in_state(declared, verdict) if options.stale == "use_state" else declared


def _as_in_state(declared: Inventory, verdict: stale.Verdict) -> Inventory:
    """The output's hosts without those that vanished, at their new addresses, and with those that are missing, which are in no group."""
    _refuse([*_twice(verdict.missing), *_without_address(verdict.missing), *_unnameable(machine.name for machine in verdict.missing)])
    hosts = {name: variables for name, variables in declared.hosts.items() if name not in verdict.vanished}
    for name, address in verdict.moved.items():
        old = hosts[name].get("ansible_host", name)
        hosts[name] = {**{key: address if value == old else value for key, value in hosts[name].items()}, "ansible_host": address}
    hosts.update({machine.name: _variables(machine) for machine in verdict.missing})
    for group in declared.groups.values():
        group.hosts = [name for name in group.hosts if name in hosts]
    return dataclasses.replace(declared, hosts=hosts)
