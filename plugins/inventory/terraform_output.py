# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, groups and variables from what Terraform or OpenTofu knows."""

from __future__ import annotations

DOCUMENTATION = r"""
name: terraform_output
short_description: Hosts from an output or from the state of Terraform or OpenTofu
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads what Terraform or OpenTofu knows, from a file, a directory, an http address, or a variable of the environment. Files and addresses
    need no C(terraform) on the controller.
  - The hosts, groups and variables are those of an output in the form of Ansible's yaml plugin, such as the output C(inventory) of the
    Terraform module in C(inventory/terraform) of this collection. Without that output, each machine in the state is a host.
  - An output is stale after C(terraform apply -target) or C(terraform destroy -target) if it depends on other resources too. The plugin
    compares the machines in the state with the hosts of the output, by name and address, and names those that are missing, vanished or
    moved.
  - Only attributes that O(types) names become variables, and no sensitive one. Values are never templates.
  - The name of the source file must end with C(terraform.yml), C(terraform.yaml), C(terraform_output.yml) or C(terraform_output.yaml).
    Directories C(group_vars) and C(host_vars) beside it are read as usual.
notes:
  - Ansible only warns if an inventory source fails, and runs on without its hosts. Set C(any_unparsed_is_failed = true) in section
    C([inventory]) of ansible.cfg, or E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true).
  - The whole output as a file is an inventory without this plugin too,
    C(terraform output -json inventory > hosts.json; ansible-inventory -i hosts.json --list). Then nothing tells whether it is stale.
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices:
      - eco2.platform.terraform_output
  source:
    description:
      - Where Terraform's knowledge is. A relative path starts from the directory of the source file.
      - A file with what C(terraform output -json) or C(terraform show -json) prints, or a state of version 4. It may be encrypted with
        ansible-vault.
      - A directory of Terraform or OpenTofu, where the plugin runs C(terraform show -json). It never runs C(terraform init).
      - An address that begins with C(http://) or C(https://) and returns such a content, for example the state of Terraform's http backend.
      - C(env:NAME), a variable of the environment that has any of these, or the content itself.
    type: str
    env:
      - name: ECO2_TERRAFORM_SOURCE
  output:
    description:
      - The name of the output with the inventory. If it is set and there is no such output, the source is refused.
      - If it is not set, the output is C(inventory); without that, the hosts come from the state.
    type: str
  stale:
    description:
      - What to do if the output does not have the machines of the state.
      - V(fail) refuses the source. V(warn) uses the output. V(use_state) leaves out hosts that are no longer in the state, changes
        addresses, and adds the machines that are missing with the variables of O(types), in no group but those of O(groups) and
        O(keyed_groups).
      - What C(terraform output -json) prints does not tell it, nor does a state where no machine of a known type is a host of the output.
        Then the plugin says so once, and V(use_state) is refused. Name the types of your machines in O(types).
    type: str
    choices: [fail, warn, use_state]
    default: fail
  types:
    description:
      - The types of resources that are machines, for example C(aws_instance), each with O(ignore:name), O(ignore:address) and
        O(ignore:variables).
      - C(name) and C(address) are attributes, or lists of attributes of which the first that is not empty is used. C(variables) is a
        dictionary from the names of variables to attributes. Dots go deeper, C(network_interface.0.network_ip).
      - The attribute C(@key) stands for the key of C(for_each) of the resource or its module. With C(count) it is the name and the number,
        without both the name.
      - By default C(aws_instance), C(google_compute_instance), C(azurerm_linux_virtual_machine), C(azurerm_windows_virtual_machine), and
        those C(terraform_data) whose input has C(ansible_host), C(address), C(public_ip) or C(private_ip). Public addresses come first.
        If it is set, only these types are machines. What is left out of a known type has its default.
    type: dict
    default: {}
  resources:
    description:
      - Patterns of addresses of resources, C(module.nodes*). Only these are machines. C(*) and C(?) stand for any text and any character.
    type: list
    elements: str
    default: ['*']
  program:
    description:
      - The program to run in a directory. By default C(terraform), or C(tofu) if there is no C(terraform).
    type: str
  timeout:
    description:
      - Seconds for the program, or for the whole answer of an http address. Then the program is ended.
    type: int
    default: 60
  username:
    description: The user at the http address.
    type: str
    env:
      - name: TF_HTTP_USERNAME
  password:
    description: The password at the http address. Leave it in the environment.
    type: str
    env:
      - name: TF_HTTP_PASSWORD
  ca_cert:
    description: A file with the CA of the http address, in PEM. By default those that the system trusts.
    type: path
  cache:
    description:
      - Keep what was read of the source until its content changes. It saves the run of C(terraform show -json) in a directory with a local
        state. The state elsewhere is always read again. O(compose), O(groups) and O(keyed_groups) are evaluated each time.
"""

EXAMPLES = r"""
# platform.terraform.yml, beside the directory of Terraform
plugin: eco2.platform.terraform_output
source: ../terraform
---
# The state of an http backend; TF_HTTP_USERNAME and TF_HTTP_PASSWORD are in the environment.
plugin: eco2.platform.terraform_output
source: https://gitlab.example.org/api/v4/projects/1/terraform/state/production
stale: use_state
---
# In AWX: a credential sets the variable to the content, or to a path or an address.
plugin: eco2.platform.terraform_output
source: env:PLATFORM_STATE
---
# Without an output: instances of EC2 at their private addresses, in groups by their zone.
plugin: eco2.platform.terraform_output
source: state.json
types:
  aws_instance:
    address: private_ip
    variables:
      kube_zone: availability_zone
      kube_instance_type: instance_type
      role: tags.role
resources:
  - module.nodes*
groups:
  control_plane: role == 'control-plane'
  workers: role != 'control-plane'
keyed_groups:
  - key: kube_zone
    prefix: zone
compose:
  kube_node_ip: ansible_host
strict: true
"""

import functools
import re
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18, where any text may be a template

    def trust_as_template(value: str) -> str:
        return value


from ansible_collections.eco2.platform.plugins.module_utils._engine import schema
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform import inventory as inventories
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform import read
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.inventory import Inventory
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.source import Access, Source, source

_ENDINGS = tuple(f"{name}.{ending}" for name in ("terraform", "terraform_output") for ending in ("yml", "yaml"))
_TEMPLATE = re.compile("{[{%#]")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "eco2.platform.terraform_output"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(_ENDINGS)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            self._fill(self._known(path, cache))
        except Refused as refusal:
            raise AnsibleParserError(str(refusal)) from None

    def _known(self, path: str, cache: bool) -> Inventory:
        """What the source says, from the cache if it has the same content."""
        where = self._source(path)
        if not self.get_option("cache"):
            return self._read(where)
        key, digest = self.get_cache_key(path), where.digest
        fits = {"digest": digest, "options": [str(self._options_of(name)) for name in ("output", "stale", "types", "resources")]}
        kept = self._cache.get(key) if cache and digest else None
        if kept and all(kept.get(name) == value for name, value in fits.items()):
            return Inventory.from_shown(kept["inventory"])
        found = self._read(where)
        if digest:
            self._cache[key] = {**fits, "inventory": found.shown()}
        return found

    def _options_of(self, name: str) -> t.Any:
        return self.get_option(name)

    def _source(self, path: str) -> Source:
        given = {name: self.get_option(name) for name in ("program", "username", "password", "ca_cert", "timeout")}
        problems = list(schema.time_problems({"timeout": {"type": "int"}}, given))
        if not self.get_option("source"):
            remedy = "set it, or ECO2_TERRAFORM_SOURCE in the environment"
            problems.append(Problem("source.none", "is not set", field="source", remedy=remedy))
        if problems:
            raise Refused(problems)
        return source(str(self.get_option("source")), Access(Path(path).resolve().parent, self._content, **given))

    def _content(self, place: Path) -> bytes:
        try:
            return Path(self.loader.get_real_file(str(place))).read_bytes()
        except AnsibleError as error:
            remedy = "give its password with --vault-password-file or --ask-vault-pass"
            raise Refused([Problem("source.vault", "cannot be decrypted", str(place), remedy=remedy)]) from error

    def _read(self, where: Source) -> Inventory:
        options = inventories.Options(*(self.get_option(name) for name in ("output", "stale", "types", "resources")))
        return inventories.inventory(read.reading(where.content(), where.name), options, where.name)

    def _fill(self, found: Inventory) -> None:
        for warning in found.warnings:
            self.display.warning(warning)
        for name in found.groups:
            self.inventory.add_group(name)
        for name, variables in found.hosts.items():
            self.inventory.add_host(name)
            for variable, value in variables.items():
                self.inventory.set_variable(name, variable, _data(value))
        self._fill_groups(found)
        self._construct(found)

    def _fill_groups(self, found: Inventory) -> None:
        for name, group in found.groups.items():
            for member in (*group.hosts, *group.children):
                self.inventory.add_child(name, member)
            for variable, value in group.variables.items():
                self.inventory.set_variable(name, variable, _data(value))

    def _construct(self, found: Inventory) -> None:
        compose, groups, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        strict = self.get_option("strict")
        of_all = found.groups["all"].variables if "all" in found.groups else {}
        for name in found.hosts if compose or groups or keyed else ():
            variables = {**_data(of_all), **self.inventory.get_host(name).get_vars()}
            self._set_composite_vars(compose, variables, name, strict=strict)
            self._add_host_to_composed_groups(groups, variables, name, strict=strict)
            self._add_host_to_keyed_groups(keyed, variables, name, strict=strict)


def _data(value: t.Any) -> t.Any:
    """The value as data: what looks like a template is none. Other texts are as those of any inventory file."""
    if isinstance(value, dict):
        return {name: _data(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_data(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return wrap_var(value) if "{" in value and _TEMPLATE.search(value) else _text(value)


# Hosts share most of their texts.
_text = functools.lru_cache(maxsize=10_000)(trust_as_template)
