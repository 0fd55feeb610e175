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
  - Brings packages of Debian and Ubuntu to the declared versions in one transaction, and holds them so that an upgrade of the system
    does not change them.
  - A version may be only the upstream version. V(1.36.3) finds C(1.36.3-1.1), with or without an epoch and a repacker's suffix, but not
    the pre-release C(1.36.3~rc.1-1.1).
  - Runs C(apt-get update) only if the lists on disk do not have a wanted version.
  - Asks apt first what it would do. Refuses to remove or downgrade packages and to change held packages, unless the options allow it.
  - Waits for the locks of apt and dpkg, which C(unattended-upgrades) and C(cloud-init) hold for minutes after the first boot.
  - Finishes an interrupted run of dpkg first (C(dpkg --configure --pending), then C(apt-get --fix-broken install)).
  - Requires only Python's standard library on the host, not C(python3-apt).
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.root
  - eco2.platform.attributes.apt
attributes:
  check_mode:
    support: full
    details: >-
      Works before the repositories are configured. If no list on disk has a wanted version, check mode assumes that
      C(apt-get update) finds it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  packages:
    description: The packages. With an empty list, none is installed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the package.
        type: str
        required: true
      version:
        description:
          - The full version, or upstream's part of it. If several versions match, the newest is installed.
          - If omitted or empty, any installed version is accepted, and a missing package gets the version that apt would choose.
        type: str
        default: ""
      optional:
        description: Whether to continue without the package if no repository has it. RV(skipped_optional) then lists it.
        type: bool
        default: false
  hold:
    description: Whether the packages are held (V(true)) or not (V(false)). Not changed if omitted.
    type: bool
  allow_change_held:
    description: Whether packages that are held may be changed to the wanted version.
    type: bool
    default: false
  allow_downgrade:
    description: Whether packages may be downgraded.
    type: bool
    default: false
  allow_remove:
    description: Packages that may be removed if the wanted packages conflict with them.
    type: list
    elements: str
    default: []
  install_recommends:
    description: Whether to install recommended packages too.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for the locks of apt and dpkg in total.
    type: float
    default: 300.0
  proxy:
    description:
      - The proxies of apt, as C(http), C(https) and C(no_proxy) (text or list). Written to C(/etc/apt/apt.conf.d/01-eco2-proxy) before apt
        is used, with O(packages) or without. The settings of files with higher numbers win.
      - apt asks the hosts of C(no_proxy) directly. It knows no networks and no domains there.
      - Without it, apt's proxies are not changed. If it is empty, the file is removed.
    type: dict
  option_names:
    description: >-
      What messages call the options of this module. A role names its variables here, so that a message says what its user can set. An
      option with an empty name is not mentioned.
    type: dict
    default: {}
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
    - The changes that were made, or in check mode would be made. After a failure only the changes that were made.
    - Kind V(package) has the fields C(version) and C(held), kind V(dpkg) is the end of an interrupted run of dpkg, kind V(lists) is
      C(apt-get update).
    - After a failed transaction, this also lists packages that apt changed and that the task does not name.
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
  description: The number of packages that were as declared.
  returned: always
  type: int
packages:
  description: The full version of each installed package of the task, after the task or as predicted in check mode.
  returned: unless the task was refused
  type: dict
  sample: {"kubelet": "1.36.3-1.1"}
skipped_optional:
  description: Optional packages that no repository has.
  returned: unless the task was refused
  type: list
  elements: str
repaired:
  description: What an interrupted run of dpkg left and the task finished first; null if there was nothing.
  returned: unless the task was refused
  type: str
failures:
  description: The changes that failed, each with the reason.
  returned: when a change failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before a package was changed; each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: when the task was refused
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.packages import Packages

PACKAGE: Spec = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "default": ""},
    "optional": {"type": "bool", "default": False},
}


def argument_spec() -> Spec:
    return {
        "packages": {"type": "list", "elements": "dict", "required": True, "options": PACKAGE},
        "hold": {"type": "bool"},
        "allow_change_held": {"type": "bool", "default": False},
        "allow_downgrade": {"type": "bool", "default": False},
        "allow_remove": {"type": "list", "elements": "str", "default": []},
        "install_recommends": {"type": "bool", "default": False},
        "lock_timeout": {"type": "float", "default": 300.0},
        "proxy": {"type": "dict"},
        "option_names": {"type": "dict", "default": {}},
    }


def main() -> None:
    converging(argument_spec(), Packages, root=True)


if __name__ == "__main__":
    main()
