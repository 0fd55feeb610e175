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
  - Fetches the key if it is missing, and again if its address changes. apt trusts the key for this repository only. A proxy of apt
    (C(Acquire::https::Proxy), C(Acquire::http::Proxy)) is used for the key too.
  - Knows a repository by its address and suite, not by the name of a file. If another file in C(/etc/apt) has the same repository, in one
    line or in the format of C(.sources), its entry is removed, because apt reads no list at all when two entries of one repository have
    different keys. A file in which no entry is left is removed. Other entries of these files stay.
  - An entry that has this repository together with another one is refused with file and line.
  - Requires only Python's standard library on the host, not C(python3-debian), C(gnupg) or C(curl).
  - Does not run C(apt-get update). M(eco2.platform.apt_packages) runs it if necessary.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.root
  - eco2.platform.attributes.apt
attributes:
  check_mode:
    support: full
    details: Does not fetch the key.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: The base name of the two files.
    type: str
    required: true
  state:
    description: Whether the repository must be configured.
    type: str
    choices: [present, absent]
    default: present
  uris:
    description: The addresses of the repository.
    type: list
    elements: str
    default: []
  suites:
    description: The suites, such as V(bookworm). V(/) is the suite of a flat repository such as that of Kubernetes.
    type: list
    elements: str
    default: []
  components:
    description: The components, such as V(main). A flat repository has none.
    type: list
    elements: str
    default: []
  key:
    description: The address of the armoured OpenPGP key that signs the repository (C(https://), C(http://), or C(file:///) on the host).
    type: str
  replaces:
    description:
      - Patterns of addresses, such as V(*://download.docker.com/linux/*), of repositories that this one replaces, in any file.
        An address ends with a slash here. A pattern may also have the suite, after a space.
      - The repository itself is always replaced.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the server of the key.
    type: float
    default: 30.0
  option_names:
    description: What messages call the options of this module. A role names its variables here.
    type: dict
    default: {}
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
    replaces: ["*://pkgs.k8s.io/core:/*"]
  become: true
"""

RETURN = r"""
changes:
  description: >-
    The changes that were made, or in check mode would be made; kinds V(file) and V(key). After a failure only the changes that were made.
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
  description: The number of the two files that were as declared.
  returned: always
  type: int
failures:
  description: The changes that failed, each with the reason.
  returned: when a change failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before anything was changed; each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: when the task was refused
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.source import Source, passwords


def argument_spec() -> Spec:
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "uris": {"type": "list", "elements": "str", "default": []},
        "suites": {"type": "list", "elements": "str", "default": []},
        "components": {"type": "list", "elements": "str", "default": []},
        "key": {"type": "str", "no_log": False},
        "replaces": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 30.0},
        "option_names": {"type": "dict", "default": {}},
    }


def main() -> None:
    converging(argument_spec(), Source, passwords, root=True)


if __name__ == "__main__":
    main()
