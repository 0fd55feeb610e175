# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository of Debian packages and its key."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: apt_source
short_description: Configure a repository of Debian packages with the key that signs it
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Writes C(/etc/apt/sources.list.d/NAME.sources) and C(/etc/apt/keyrings/NAME.asc), the key first.
  - The key is fetched where it is not there, and again when its address changes. It is trusted for this repository alone.
  - Needs Python's standard library alone on the target, not C(python3-debian), C(gnupg) or C(curl).
  - Does not run C(apt-get update); M(eco2.platform.apt_packages) does where it takes it.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.apt
attributes:
  check_mode:
    support: full
    details: Fetches nothing.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: The name of the files.
    type: str
    required: true
  state:
    description: Whether the repository is configured.
    type: str
    choices: [present, absent]
    default: present
  uris:
    description: Addresses of the repository.
    type: list
    elements: str
    default: []
  suites:
    description: Suites, such as V(bookworm). V(/) is that of a flat repository, such as Kubernetes has.
    type: list
    elements: str
    default: []
  components:
    description: Components, such as V(main). A flat repository has none.
    type: list
    elements: str
    default: []
  key:
    description: Address of the armoured OpenPGP key that signs the repository (C(https://), C(http://) or C(file:///) on the target).
    type: str
  replaces:
    description:
      - Names, or patterns of names, of other files in C(/etc/apt/sources.list.d) that are to go, such as V(kubernetes.list).
      - Two files that name one repository with two keys make apt refuse everything.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the key.
    type: float
    default: 30.0
seealso:
  - module: eco2.platform.apt_packages
  - module: ansible.builtin.deb822_repository
"""

EXAMPLES = r"""
- name: The packages of Kubernetes 1.36
  eco2.platform.apt_source:
    name: kubernetes
    uris: ["https://pkgs.k8s.io/core:/stable:/v1.36/deb/"]
    suites: ["/"]
    key: https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key
    replaces: [kubernetes.list]
  become: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be; kinds V(file) and V(key). After a failure only what was done.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: key
      object: /etc/apt/keyrings/kubernetes.asc
      identity: {"path": "/etc/apt/keyrings/kubernetes.asc"}
      action: create
      differences: [{"field": "key", "before": null, "after": "from https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key"}]
unchanged:
  description: How many of the files were as declared.
  returned: always
  type: int
failures:
  description: Files that could not be written, each with the reason.
  returned: when writing failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before anything was changed, one line each.
  returned: when it was refused
  type: list
  elements: str
"""

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.former import failure_message
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import source
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.module import AptModule


def argument_spec() -> dict[str, dict[str, t.Any]]:
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "uris": {"type": "list", "elements": "str", "default": []},
        "suites": {"type": "list", "elements": "str", "default": []},
        "components": {"type": "list", "elements": "str", "default": []},
        "key": {"type": "str", "no_log": False},
        "replaces": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 30.0},
    }


def main() -> None:
    module = AptModule(argument_spec())
    with module.failures():
        result, outcome = source.converge(module.params, module.check_mode, module.diff)
        if outcome is not None and not outcome.complete:
            module.fail(failure_message(outcome), **result)
        module.exit(**result)


if __name__ == "__main__":
    main()
