# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX holds: the kinds of objects, what they name, and the order in which they are made. Private to this collection."""

from __future__ import annotations

import graphlib
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused

Arguments = t.Dict[str, t.Any]
Key = t.Tuple[str, str]  # the endpoint and the name

_LAUNCHED = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")
_NOTIFICATIONS = {f"notification_templates_{when}": ("notification_templates",) for when in ("started", "success", "error", "approvals")}
_ORGANIZATION = {"organization": ("organizations",)}
_LINKS = ("success_nodes", "failure_nodes", "always_nodes")


@dataclass(frozen=True)
class Kind:
    """One kind of objects. `variable`: the list that declares them, as infra.aap_configuration names it.

    `names`: the options that name other objects, and where AWX has these. An object cannot be looked up without its `parents`.
    `within`: by option, the option with the organization in which the module looks for what it names.
    """

    variable: str
    title: str
    module: str
    endpoint: str
    names: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: tuple[str, ...] = ("organization",)
    within: t.Mapping[str, str] = field(default_factory=dict)


_GRANTED = {
    "organizations": ("organizations",),
    "projects": ("projects",),
    "inventories": ("inventories",),
    "credentials": ("credentials",),
    "job_templates": ("job_templates",),
    "workflows": ("workflow_job_templates",),
    "target_teams": ("teams",),
    "instance_groups": ("instance_groups",),
    "team": ("teams",),
    "teams": ("teams",),
}
_LOOKED_UP = {"lookup_organization": ("organizations",)}
_OF_LOOKED_UP = {option: "lookup_organization" for option in _GRANTED if option not in ("organizations", "instance_groups")}
_RUN = {
    **_ORGANIZATION,
    **_NOTIFICATIONS,
    "inventory": ("inventories",),
    "credentials": ("credentials",),
    "execution_environment": ("execution_environments",),
    "instance_groups": ("instance_groups",),
}

KINDS = (
    Kind("controller_instance_groups", "instance group", "instance_group", "instance_groups", {"credential": ("credentials",)}),
    Kind(
        "aap_organizations",
        "organization",
        "organization",
        "organizations",
        {
            **_NOTIFICATIONS,
            "instance_groups": ("instance_groups",),
            "galaxy_credentials": ("credentials",),
            "default_environment": ("execution_environments",),
        },
    ),
    Kind("aap_teams", "team", "team", "teams", _ORGANIZATION),
    Kind("controller_credential_types", "credential type", "credential_type", "credential_types"),
    Kind(
        "controller_credentials",
        "credential",
        "credential",
        "credentials",
        {**_ORGANIZATION, "credential_type": ("credential_types",), "team": ("teams",)},
        ("organization", "credential_type"),
    ),
    Kind(
        "controller_execution_environments",
        "execution environment",
        "execution_environment",
        "execution_environments",
        {**_ORGANIZATION, "credential": ("credentials",)},
        (),
    ),
    Kind("controller_notifications", "notification template", "notification_template", "notification_templates", _ORGANIZATION),
    Kind(
        "controller_projects",
        "project",
        "project",
        "projects",
        {
            **_ORGANIZATION,
            **_NOTIFICATIONS,
            "credential": ("credentials",),
            "default_environment": ("execution_environments",),
            "signature_validation_credential": ("credentials",),
        },
    ),
    Kind("controller_inventories", "inventory", "inventory", "inventories", {**_ORGANIZATION, "instance_groups": ("instance_groups",)}),
    Kind(
        "controller_inventory_sources",
        "inventory source",
        "inventory_source",
        "inventory_sources",
        {**_RUN, "credential": ("credentials",), "source_project": ("projects",)},
        ("organization", "inventory"),
        {"inventory": "organization"},
    ),
    Kind(
        "controller_templates",
        "job template",
        "job_template",
        "job_templates",
        {**_RUN, "project": ("projects",)},
        within={"project": "organization"},
    ),
    Kind("controller_workflows", "workflow", "workflow_job_template", "workflow_job_templates", _RUN),
    Kind(
        "controller_schedules",
        "schedule",
        "schedule",
        "schedules",
        {**_RUN, "unified_job_template": _LAUNCHED},
        ("organization", "unified_job_template"),
        {"unified_job_template": "organization"},
    ),
    Kind("controller_roles", "role", "role", "roles", {**_GRANTED, **_LOOKED_UP}, (*_GRANTED, *_LOOKED_UP), _OF_LOOKED_UP),
)
# Not declared by a variable of their own: they belong to a workflow.
NODE = Kind(
    "controller_workflows",
    "workflow node",
    "workflow_job_template_node",
    "workflow_job_template_nodes",
    {**_RUN, **_LOOKED_UP, "workflow_job_template": ("workflow_job_templates",), "unified_job_template": _LAUNCHED},
    ("organization", "workflow_job_template", "unified_job_template"),
    {"workflow_job_template": "organization", "unified_job_template": "lookup_organization"},
)
# Not declared either: AWX offers the playbooks that it found when it last fetched the project.
FETCH = Kind(
    "controller_projects",
    "project",
    "project_update",
    "project_updates",
    {**_ORGANIZATION, "name": ("projects",)},
    within={"name": "organization"},
)


@dataclass(frozen=True)
class Item:
    """One object, or the links of one node of a workflow."""

    kind: Kind
    name: str
    arguments: Arguments
    # Objects of the same declaration that are not named by an option.
    after: tuple[Key, ...] = ()
    links: bool = False

    def __str__(self) -> str:
        return f"{self.kind.title} {self.name}"

    @property
    def key(self) -> Key:
        return (f"{self.kind.endpoint}{' (links)' if self.links else ''}", self.name)

    @property
    def absent(self) -> bool:
        return self.arguments.get("state") == "absent"

    def organization_of(self, option: str) -> str:
        """Where the module looks for what this option names; empty where it looks everywhere."""
        return str(self.arguments.get(self.kind.within.get(option, "")) or "")

    def named(self) -> t.Iterator[tuple[str, str, list[Key]]]:
        """Each name of another object: the option, the name, and what it may be."""
        for option, endpoints in self.kind.names.items():
            value = self.arguments.get(option)
            for name in value if isinstance(value, list) else [value]:
                if name and isinstance(name, str):
                    yield option, name, [(endpoint, name) for endpoint in endpoints]


def items(declared: t.Mapping[str, t.Sequence[Arguments]]) -> list[Item]:
    """Everything that is declared, in the order of KINDS."""
    return [item for kind in KINDS for entry in declared.get(kind.variable) or () for item in _of(kind, dict(entry))]


def _of(kind: Kind, entry: Arguments) -> t.Iterator[Item]:
    nodes = entry.pop("simplified_workflow_nodes", None) or []
    name = str(entry.get("name") or "")
    if kind.module == "role":
        name = f"{entry.get('role')} of {entry.get('team') or ', '.join(entry.get('teams') or entry.get('users') or [])}"
    if kind.module == "project":
        # AWX begins to fetch it by itself. The module would wait without a limit.
        entry["wait"] = False
    yield Item(kind, name, entry)
    if entry.get("state") != "absent":
        yield from _nodes(name, entry.get("organization"), nodes)


def _nodes(workflow: str, organization: str | None, nodes: t.Sequence[Arguments]) -> t.Iterator[Item]:
    """First all nodes, then what follows what."""
    about = {"workflow_job_template": workflow, **({"organization": organization} if organization else {})}
    names = [f"{workflow}/{node.get('identifier', '')}" for node in nodes]
    for name, node in zip(names, nodes):
        # The jobs of a workflow are those of its organization, unless the node says otherwise.
        of = {"lookup_organization": organization} if organization and node.get("unified_job_template") else {}
        yield Item(NODE, name, {**of, **{option: value for option, value in node.items() if option not in _LINKS}, **about})
    after = tuple((NODE.endpoint, name) for name in names)
    for name, node in zip(names, nodes):
        links = {option: node[option] for option in _LINKS if node.get(option)}
        if links:
            yield Item(NODE, name, {"identifier": node.get("identifier"), **links, **about}, after, links=True)


def ordered(declared: t.Sequence[Item]) -> list[Item]:
    """Each object after those that it names; then, the other way round, what is deleted. Raises Refused for a circle.

    Before the job templates of a project, it is fetched if AWX does not have their playbooks.
    """
    by_key = {item.key: item for item in (*_fetches(declared), *map(_after_its_fetch, declared))}
    sorter = graphlib.TopologicalSorter({item.key: [key for key in needs(item) if key in by_key] for item in by_key.values()})
    try:
        found = [by_key[key] for key in sorter.static_order()]
    except graphlib.CycleError as error:
        circle = " -> ".join(str(by_key[key]) for key in error.args[1])
        remedy = "leave one of these names out"
        raise Refused(
            [Problem("awx.circle", f"these objects name one another, so none can be made first: {circle}", remedy=remedy)]
        ) from None
    return [item for item in found if not item.absent] + [item for item in reversed(found) if item.absent]


def projects(declared: t.Sequence[Item]) -> dict[str, set[str]]:
    """The playbooks that job templates want of each project."""
    found: dict[str, set[str]] = {}
    for item in filter(_is_template, declared):
        found.setdefault(item.arguments["project"], set()).add(item.arguments["playbook"])
    return found


def _is_template(item: Item) -> bool:
    return item.kind.module == "job_template" and not item.absent and bool(item.arguments.get("project") and item.arguments.get("playbook"))


def _fetches(declared: t.Sequence[Item]) -> t.Iterator[Item]:
    for item in filter(_is_template, declared):
        named = {"name": item.arguments["project"], "organization": item.arguments.get("organization")}
        yield Item(FETCH, item.arguments["project"], {option: value for option, value in named.items() if value})


def _after_its_fetch(item: Item) -> Item:
    return replace(item, after=(*item.after, (FETCH.endpoint, item.arguments["project"]))) if _is_template(item) else item


def needs(item: Item) -> list[Key]:
    return [*item.after, *(key for dummy, dummy, keys in item.named() for key in keys)]
