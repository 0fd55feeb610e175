# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact versions of Debian packages, held."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: apt_packages
short_description: Install exact versions of Debian packages in one transaction, and hold them
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Brings packages of Debian and Ubuntu to the versions declared, all in one transaction, and holds them against upgrades by the way.
  - A version may be upstream's alone; V(1.36.3) is found as C(1.36.3-1.1), with or without epoch and repackers' suffix.
  - C(apt-get update) is run only where no list on disk knows a version that is wanted.
  - Before anything is changed apt is asked what it would do; what would remove, go back or change a held package is refused
    unless the options allow it.
  - Waits, bounded, for the locks of apt and dpkg, which C(unattended-upgrades) and C(cloud-init) hold for minutes on a first boot.
  - Finishes what an interrupted dpkg has left (C(dpkg --configure -a)).
  - Needs Python's standard library alone on the target, not C(python3-apt).
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.apt
attributes:
  check_mode:
    support: full
    details: >-
      Compares with dpkg's status, so that it works before the repositories are configured. What no list on disk knows yet is
      taken for available.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  packages:
    description: The packages. An empty list does nothing.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The package's name.
        type: str
        required: true
      version:
        description:
          - The version, whole or upstream's part of it. Where several match, the newest is taken.
          - When omitted or empty, whatever is installed is right; what is not gets the version that apt would choose.
        type: str
        default: ""
      optional:
        description: Whether to go on without it where no repository has it. RV(skipped_optional) names it then.
        type: bool
        default: false
  hold:
    description: Whether the packages are held (V(true)) or not (V(false)). Left as they are when omitted.
    type: bool
  allow_change_held:
    description: Whether packages that are held may be changed to the version wanted.
    type: bool
    default: false
  allow_downgrade:
    description: Whether packages may go back to an older version.
    type: bool
    default: false
  allow_remove:
    description: Packages that may be removed where those wanted conflict with them.
    type: list
    elements: str
    default: []
  install_recommends:
    description: Whether to install recommended packages too.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for the locks of apt and dpkg, in all.
    type: float
    default: 300.0
seealso:
  - module: eco2.platform.apt_source
  - module: ansible.builtin.apt
"""

EXAMPLES = r"""
- name: A node of Kubernetes 1.36.3
  eco2.platform.apt_packages:
    packages:
      - name: kubelet
        version: 1.36.3
      - name: kubeadm
        version: 1.36.3
      - name: kubernetes-cni
      - name: cri-tools
        optional: true
    hold: true
  become: true

- name: Docker's containerd in place of Debian's
  eco2.platform.apt_packages:
    packages:
      - name: containerd.io
        version: 2.2.9
    hold: true
    allow_change_held: true
    allow_remove: [containerd, runc]
  become: true
"""

RETURN = r"""
changes:
  description:
    - What was changed, or in check mode would be; kind V(package), fields C(version) and C(held). After a failure only what was done.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: package
      object: kubelet
      identity: {"name": "kubelet"}
      action: create
      differences: [{"field": "version", "before": null, "after": "1.36.3-1.1"}, {"field": "held", "before": null, "after": true}]
unchanged:
  description: How many packages were as declared.
  returned: always
  type: int
packages:
  description: The full version of each package, as it is now or in check mode would be. Packages that are not there are left out.
  returned: success
  type: dict
  sample: {"kubelet": "1.36.3-1.1"}
skipped_optional:
  description: Optional packages that no repository has.
  returned: success
  type: list
  elements: str
repaired:
  description: What an interrupted dpkg had left and was finished first; null where nothing was.
  returned: success
  type: str
failures:
  description: Packages that could not be changed, each with the reason.
  returned: when the transaction failed
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
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import packages
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.module import AptModule


def argument_spec() -> dict[str, dict[str, t.Any]]:
    return {
        "packages": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "version": {"type": "str", "default": ""},
                "optional": {"type": "bool", "default": False},
            },
        },
        "hold": {"type": "bool"},
        "allow_change_held": {"type": "bool", "default": False},
        "allow_downgrade": {"type": "bool", "default": False},
        "allow_remove": {"type": "list", "elements": "str", "default": []},
        "install_recommends": {"type": "bool", "default": False},
        "lock_timeout": {"type": "float", "default": 300.0},
    }


def main() -> None:
    module = AptModule(argument_spec())
    with module.failures():
        result, outcome = packages.converge(module.params, module.check_mode, module.diff)
        if outcome is not None and not outcome.complete:
            module.fail(failure_message(outcome), **result)
        module.exit(**result)


if __name__ == "__main__":
    main()
